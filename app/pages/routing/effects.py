"""What a change would do to the ways of alarms, in sentences: whom fewer alarms would come to, first those that would
come to nobody. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from alerts.effect import Effect, EffectOn, Effects
from alerts.present import Alarm
from app.dashboard import texts
from app.dashboard.card.words import figure
from app.dashboard.components import wild
from core.levels import alarm_level

Seen = Mapping[str, Alarm]


def effects_view(found: Effects, seen: Seen) -> html.Div:
    """`seen`: the alarms that who asks sees, by id; of others only their number is told."""
    now, recent = found["open"], found["recent"]
    told = [html.H3(texts.both("routing.effect")), *effect_view(now, "open", seen)]
    # those that are open are among them
    if recent["changed"] > now["changed"]:
        told += [
            html.H4(texts.both("routing.effect.recent", n=figure(recent["alarms"]))),
            *effect_view(recent, "", seen),
        ]
    if not found["whole"]:
        told.append(html.P(texts.both("routing.effect.scope"), className="quiet"))
    return html.Div(told, className="effects", role="status", **wild({"data-testid": "effects"}))


def effect_view(found: Effect, kind: str, seen: Seen) -> list[Any]:
    if not found["changed"]:
        if not kind:
            return []
        key = "routing.effect.none" if found["alarms"] else "routing.effect.calm"
        return [html.P(texts.both(key, n=figure(found["alarms"])))]
    rows: list[html.Li] = []
    if found["nobody"]:
        level = texts.pair(alarm_level(found["nobody_level"] or 4))
        words = [*texts.both("routing.effect.nobody", n=figure(found["nobody"])), *worst(level)]
        rows.append(html.Li([html.B(words), *examples(found["nobody_examples"], seen)], className="warn"))
    for key, listed in (("lost", found["lost"]), ("later", found["later"]), ("gained", found["gained"])):
        rows += [effect_row(key, one, seen) for one in listed]
    if not rows:
        rows.append(html.Li(texts.both("routing.effect.otherwise", n=figure(found["changed"]))))
    return [html.Ul(rows)]


def effect_row(key: str, one: EffectOn, seen: Seen) -> html.Li:
    """ "12 open alarms would no longer be told to the desk, the gravest of level II"."""
    name = html.Span([html.B(texts.pair(one["names"]))], className="receiver")
    numbers = {"n": figure(one["alarms"]), "s": figure(one["wait_s"])}
    words = [*texts.both(f"routing.effect.{key}", **numbers), " ", name, *worst(texts.pair(alarm_level(one["level"])))]
    return html.Li([*words, *examples(one["examples"], seen)], className="warn" if key == "lost" else "")


def worst(level: Sequence[Any]) -> list[Any]:
    return [html.Span([*texts.both("routing.effect.worst"), *level], className="quiet")]


def examples(found: Sequence[str], seen: Seen) -> list[Any]:
    """Some of them by name, each with its place on the map."""
    named = [seen[one] for one in found if one in seen]
    if not named:
        return []
    links = [
        html.A(texts.pair(one["names"]), href=f"/?open=alarm/{one['id']}", target="_blank", className="link")
        for one in named
    ]
    parts = [part for link in links for part in (link, " ")]
    return [html.Div([*texts.both("routing.effect.such"), *parts], className="quiet such")]
