"""What lies together at an alarm about a place: by kind, how far around, since when, by what rule, and each of it."""

from typing import Any

from dash import html

from alerts.together import KindCount, Member, Together
from app.dashboard import texts
from app.dashboard.card.words import distance, figure, way_to, worded
from app.dashboard.components import clock_time, fact, level_badge, wild

MAX_LINES = 8
KINDS = {"incident": "incident_kinds", "alarm": "alarm_kinds"}


def together(found: Together | None) -> list[Any]:
    if found is None:
        return []
    hidden = found["count"] - len(found["members"])
    lines = [member(one) for one in found["members"]]
    title = html.H3(texts.both("card.together", n=figure(found["count"])))
    body: list[Any] = [html.Dl([fact(key, value) for key, value in rows(found) if value], className="facts")]
    if lines[:MAX_LINES]:
        body.append(html.Ul(lines[:MAX_LINES], className="near"))
    if lines[MAX_LINES:]:
        more = html.Summary(texts.both("card.together.more", n=len(lines) - MAX_LINES))
        body.append(html.Details([more, html.Ul(lines[MAX_LINES:], className="near")]))
    if hidden > 0:
        body.append(html.P(texts.both("card.together.hidden", n=hidden), className="quiet"))
    return [html.Section([title, *body], className="around gathered", **wild({"data-testid": "together"}))]


def rows(found: Together) -> list[tuple[str, Any]]:
    usual = None if found["expected"] is None else texts.both("card.together.about", n=f"{found['expected']:g}")
    rare = None if found["p"] is None else texts.both("card.together.p", p=f"{found['p']:g}")
    return [
        ("card.together.kinds", kinds(found["kinds"])),
        ("card.together.within", distance(found["radius_m"])),
        ("card.together.window", [clock_time(found["since"]), " – ", clock_time(found["until"])]),
        ("card.together.usual", usual),
        ("card.together.rare", rare),
    ]


def kinds(counts: list[KindCount]) -> list[Any]:
    told: list[Any] = []
    for n, one in enumerate(counts):
        told += [*(texts.both("rules.and") if n else []), *worded(KINDS[one["type"]], one["kind"]), f" {one['count']}"]
    return told


def member(one: Member) -> html.Li:
    """When, what and how far from the middle; a press opens its card."""
    name = way_to(one["type"], one["id"], one["names"])
    when = html.Span([clock_time(one["at"]), " · ", *distance(one["distance_m"])], className="way")
    return html.Li([level_badge(one["level"]), name, when])
