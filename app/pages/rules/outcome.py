"""What a trial came to: figures side by side, alarms in time, incidents found and missed, the alarms. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dash import dcc, html

from alerts.trial import Trial, TrialAlarm, Tried
from alerts.trial.labels import Labelled
from app.analysis.figures import axis, empty, plain, spoken
from app.dashboard import texts
from app.dashboard.card.words import figure
from app.dashboard.components import clock_time, level_badge, wild
from app.pages.ids import RulesId
from app.pages.rules.links import link_to
from app.pages.rules.places import NO_GROUND, Ground, places_view
from core.types import JsonObject
from core.vocabulary import label

# a longer period is counted by days
BY_HOUR = timedelta(days=3)
ALARMS_SHOWN = 200
Row = tuple[str, Callable[[Tried], str]]


def outcome(
    found: Trial,
    zone: str,
    *,
    is_saved: bool,
    differs: bool,
    ground: Ground = NO_GROUND,
    area: JsonObject | None = None,
) -> list[Any]:
    """`is_saved`: the rule is kept; `differs`: it is tried as typed, which is not what is kept. `ground`: the districts
    to draw it on, `area` the rule's own."""
    other = found["against"]
    both = [found, other] if other else [found]
    name = "rules.tried.typed" if differs or not is_saved else "rules.tried.saved"
    heads = [name, "rules.tried.saved"] if other else [name]
    return [
        html.P([*texts.both("rules.tried.of"), " ", clock_time(found["start"]), " – ", clock_time(found["end"])]),
        html.P(seen_words(found), className="quiet"),
        figures_table(both, heads),
        *places_view(both, heads, ground, area),
        chart(both, heads, zone),
        *incidents_view(found),
        *([] if not found["load"]["top"] else [html.H4(texts.both("load.top")), top_table(found)]),
        *alarms_view(found),
    ]


def seen_words(found: Tried) -> list[Any]:
    """What it was tried on, how often what stands was looked at, and how long that took."""
    numbers = {
        "things": figure(found["things"]),
        "readings": f"{found['readings']:,}",
        "took": f"{found['took_s']:.1f}",
    }
    if found["step_s"] is None:
        return texts.both("rules.tried.readings", **numbers)
    return texts.both("rules.tried.moments", step=figure(found["step_s"] / 60), **numbers)


# --- figures ----------------------------------------------------------------------------------------------------------


def days_of(found: Tried) -> float:
    begin, end = datetime.fromisoformat(found["start"]), datetime.fromisoformat(found["end"])
    return (end - begin) / timedelta(days=1)


def per_day(found: Tried) -> str:
    return figure(round(found["load"]["raw"]["count"] / days_of(found), 2))


def by_level(found: Tried) -> str:
    return " / ".join(f"{found['load']['levels'][level]:,}" for level in ("1", "2", "3", "4"))


def of_incidents(count: Callable[[Tried], int]) -> Callable[[Tried], str]:
    return lambda found: f"{count(found):,}" if found["hits"] or found["misses"] else "–"


ROWS: tuple[Row, ...] = (
    ("rules.tried.alarms", lambda found: f"{found['count']:,}"),
    ("rules.tried.told", lambda found: f"{found['load']['raw']['count']:,}"),
    ("rules.tried.per_day", per_day),
    ("load.levels", by_level),
    ("load.mean", lambda found: f"{found['load']['raw']['mean']:g}"),
    ("load.max", lambda found: f"{found['load']['raw']['max']:,}"),
    ("rules.tried.floods", lambda found: f"{found['load']['raw']['floods']:,}"),
    ("load.chattering", lambda found: f"{len(found['load']['chattering']):,}"),
    ("load.stale", lambda found: f"{found['load']['stale']:,}"),
    ("rules.tried.hits", of_incidents(lambda found: len(found["hits"]))),
    ("rules.tried.misses", of_incidents(lambda found: len(found["misses"]))),
    ("rules.tried.unmatched", of_incidents(lambda found: found["unmatched"])),
)


def figures_table(found: Sequence[Tried], heads: Sequence[str]) -> html.Div:
    columns = [html.Th(texts.both(key), scope="col") for key in ("load.figure", *heads)]
    rows = [
        html.Tr([html.Th(texts.both(key), scope="row"), *(html.Td(say(one), className="figure") for one in found)])
        for key, say in ROWS
    ]
    made = html.Table(
        [html.Thead(html.Tr(columns)), html.Tbody(rows)], className="beside-table", **wild({"data-testid": "tried"})
    )
    return rolled(made)


def rolled(made: html.Table) -> html.Div:
    """A table that is rolled sideways where it is too wide, by keys too."""
    return html.Div(made, className="rolled", tabIndex=0)


def top_table(found: Tried) -> html.Div:
    head = [html.Th(texts.both(key), scope="col") for key in ("rules.tried.thing", "load.count", "load.share")]
    rows = [
        html.Tr(
            [
                html.Td(texts.pair(one["names"])),
                html.Td(f"{one['count']:,}", className="figure"),
                html.Td(f"{one['share']:.1%}", className="figure"),
            ]
        )
        for one in found["load"]["top"]
    ]
    return rolled(html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)]))


# --- in time ----------------------------------------------------------------------------------------------------------


def counts_of(found: Tried, zone: str) -> tuple[list[str], list[int]]:
    """Alarms by hour, of a longer period by day, in the city's zone; those with none too."""
    begin, end = datetime.fromisoformat(found["start"]), datetime.fromisoformat(found["end"])
    is_hourly = end - begin <= BY_HOUR

    def cut(at: datetime) -> datetime:
        return at.replace(hour=at.hour if is_hourly else 0, minute=0, second=0, microsecond=0)

    place = ZoneInfo(zone)
    counted = Counter(cut(datetime.fromisoformat(one["start"]).astimezone(place)) for one in found["alarms"])
    moment, step = cut(begin.astimezone(place)), timedelta(hours=1) if is_hourly else timedelta(days=1)
    names, counts = [], []
    while moment < end:
        names.append(moment.strftime("%m-%d %H:%M" if is_hourly else "%m-%d"))
        counts.append(counted[moment])
        moment += step
    return names, counts


def time_figure(found: Sequence[Tried], heads: Sequence[str], zone: str) -> dict[str, Any]:
    colours = ("--accent", "--muted")
    traces = []
    for one, head, colour in zip(found, heads, colours, strict=False):
        names, counts = counts_of(one, zone)
        traces.append(
            {
                "type": "bar",
                "x": names,
                "y": counts,
                "name": texts.entry(head),
                "marker": {"color": colour},
                "hovertemplate": "%{x}: %{y}",
            }
        )
    layout = {
        **plain(),
        "barmode": "group",
        "showlegend": len(found) > 1,
        "margin": {"l": 40, "r": 8, "t": 28 if len(found) > 1 else 8, "b": 32},
        "xaxis": {**axis(), "type": "category", "nticks": 8, "tickangle": 0},
        "yaxis": {**axis(), "rangemode": "tozero", "tickformat": "d"},
        "dragmode": False,
    }
    return {"data": traces, "layout": layout}


def chart(found: Sequence[Tried], heads: Sequence[str], zone: str) -> html.Div:
    """What it shows stands in the table of alarms too."""
    graph = dcc.Graph(
        id=RulesId.CHART.value,
        figure=spoken(empty(), "zh", {}),
        config={"displayModeBar": False},
        responsive=True,
        className="drawn",
    )
    named = wild({"aria-label": texts.named("rules.tried.in_time")})
    return html.Div(
        [
            html.H4(texts.both("rules.tried.in_time")),
            html.Div(html.Div(graph, className="frame", role="img", **named), className="plot"),
            dcc.Store(id=RulesId.FIGURE.value, data=time_figure(found, heads, zone)),
            dcc.Store(id=RulesId.SEEN.value),
        ],
        className="in-time",
    )


# --- incidents and alarms ---------------------------------------------------------------------------------------------


def incidents_view(found: Tried) -> list[Any]:
    """Which incidents it would have found, and which not; that nobody can say where none can be compared."""
    if found["incident_kind"] is None:
        return [html.P(texts.both("rules.tried.no_kind"), className="quiet")]
    kind = label("incident_kinds", found["incident_kind"])
    if not found["hits"] and not found["misses"]:
        return [html.P([*texts.both("rules.tried.no_incidents"), *texts.pair(kind)], className="quiet")]
    rows = [incident_row(one) for one in (*found["misses"], *found["hits"])]
    head = [
        html.Th(texts.both(key), scope="col")
        for key in ("rules.tried.incident", "rules.tried.reported", "rules.tried.lead")
    ]
    return [
        html.H4([*texts.both("rules.tried.incidents"), *texts.pair(kind)]),
        rolled(html.Table([html.Thead(html.Tr(head)), html.Tbody(rows[:ALARMS_SHOWN])])),
    ]


def incident_row(one: Labelled) -> html.Tr:
    lead = one["lead_s"]
    if lead is None:
        told: list[Any] = [html.Span(texts.both("rules.tried.missed"), className="warn")]
    else:
        key = "rules.tried.before" if lead >= 0 else "rules.tried.after"
        told = texts.both(key, n=figure(round(abs(lead) / 60)))
    name = on_map(texts.pair(one["names"]), one["lon"], one["lat"], f"incident/{one['id']}")
    return html.Tr([html.Td(name), html.Td(clock_time(one["opened_at"])), html.Td(told)])


def alarms_view(found: Tried) -> list[Any]:
    alarms = found["alarms"]
    if not alarms:
        return [html.P(texts.both("rules.tried.none"), className="quiet")]
    head = [
        html.Th(texts.both(key), scope="col")
        for key in ("rules.tried.thing", "rules.tried.since", "rules.tried.until", "rules.tried.message")
    ]
    shown = alarms[:ALARMS_SHOWN]
    more = (
        [html.P(texts.both("rules.tried.first", n=len(shown), count=f"{found['count']:,}"), className="quiet")]
        if found["count"] > len(shown)
        else []
    )
    return [
        html.H4(texts.both("rules.tried.listed")),
        *more,
        rolled(html.Table([html.Thead(html.Tr(head)), html.Tbody([alarm_row(one) for one in shown])])),
    ]


def alarm_row(one: TrialAlarm) -> html.Tr:
    name = on_map(texts.pair(one["names"]), one["lon"], one["lat"], f"{one['thing_type']}/{one['thing']}")
    until = clock_time(one["end"]) if one["end"] else html.Span(texts.both("rules.tried.holds"))
    return html.Tr(
        [
            html.Td(html.Span([level_badge(one["level"]), " ", name], className="line")),
            html.Td(clock_time(one["start"])),
            html.Td(until),
            html.Td(texts.pair(one["message"]), className="message"),
        ]
    )


def on_map(words: Sequence[Any], lon: float | None, lat: float | None, thing: str) -> Any:
    """The place on the One Map page; just the name of what is nowhere."""
    if lon is None or lat is None:
        return html.Span(list(words))
    return html.A(list(words), href=link_to(lon, lat, thing), className="link")
