"""The way of a chosen alarm: what each stage says, whom it comes to, what they know. Pure."""

from __future__ import annotations

from typing import Any

from dash import html

from alerts.explain import ToldTo, WayObject
from alerts.present import Alarm
from app.dashboard import texts
from app.dashboard.components import clock_time
from app.pages import ids
from app.pages.parts import facts, lamp, pane_head
from core.levels import alarm_level
from core.vocabulary import label

KEY = "way"


def way_view(alarm: Alarm, way: WayObject) -> html.Div:
    told = lamp("fresh", "routing.told") if way["told"] else lamp("dead", "routing.not_told")
    return html.Div(
        [
            pane_head(texts.pair(alarm["names"]), ids.press(KEY, "close")),
            facts(
                [
                    ("routing.label.kind", html.Span(texts.pair(label("alarm_kinds", alarm["kind"])))),
                    ("routing.label.level", html.Span(texts.pair(alarm_level(alarm["level"])))),
                    ("routing.is_told", told),
                ]
            ),
            html.Ol([stage_view(one) for one in way["stages"]], className="stages"),
            html.H3(texts.both("routing.receivers")),
            receivers_view(way["receivers"]),
        ],
        className="account",
    )


def stage_view(one: Any) -> html.Li:
    state = lamp("fresh" if one["passed"] else "dead", f"routing.stage.{one['stage']}")
    return html.Li([state, html.P(texts.pair(one["why"]), className="quiet")])


def receivers_view(receivers: list[ToldTo]) -> Any:
    if not receivers:
        return html.P(texts.both("routing.receivers.none"), className="quiet")
    return html.Ul([html.Li(told_words(one)) for one in receivers], className="accesses")


def told_words(one: ToldTo) -> list[Any]:
    name = html.Div([html.B(texts.pair(one["names"])), html.Span(one["route"], className="chip")], className="line")
    if one["told_at"] is None:
        return [name, html.Span(texts.both("routing.knows.nothing"), className="quiet")]
    key = "routing.knows.over" if one["over"] else "routing.knows.level"
    level = [] if one["over"] else [" ", *texts.pair(label("levels", str(one["told_level"])))]
    return [name, html.Span([*texts.both(key), *level, " ", clock_time(one["told_at"])], className="quiet")]
