"""The limits in force that hold for whole kinds of sensors, from the rules: what a chart draws and `GET /api/sensors`
states."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection
from typing_extensions import TypedDict

from alerts.loading import load_rules
from alerts.rules.aggregate import AggregateParams, history_of, limit_of
from alerts.rules.base import RuleRow, Thing, watches
from alerts.rules.threshold import ThresholdParams, steps_for
from core.types import JsonObject

Limits = dict[str, dict[str, dict[str, float]]]


def read_limits(conn: Connection, at: datetime | None = None) -> Limits:
    """sensor kind -> metric -> level -> limit, now or at a moment. Per-site limits are not in here: they stand on the
    sensor."""
    limits: Limits = {}
    for rule in load_rules(conn, at):
        for kind in rule.watches.get("sensor_kinds", ()):
            for metric, levels in _of_rule(rule).items():
                limits.setdefault(kind, {}).setdefault(metric, {}).update(levels)
    return limits


def _of_rule(rule: RuleRow) -> dict[str, dict[str, float]]:
    steps = getattr(rule.params, "steps", ())
    levels = {str(step.level): step.on for step in steps if step.on is not None}
    metric = getattr(rule.params, "index", None) or getattr(rule.params, "metric", None)
    return {metric: levels} if metric and levels else {}


INDEX = "index"


class Measure(TypedDict):
    """What a rule judges of a metric and by which limits: its readings (`function` last), their sum, mean or max in a
    window, or an index that is made of the means of several (`window_s` the longest of them)."""

    rule: str
    metric: str
    function: str
    window_s: float
    thresholds: dict[str, float]


def read_measures(
    conn: Connection, sensor_id: str, kind: str, own: Mapping[str, Mapping[str, float]], attributes: JsonObject
) -> list[Measure]:
    """What is judged of a sensor with these limits of its own, by rule; the shorter windows first."""
    thing = Thing("sensor", sensor_id, {}, "", kind=kind, thresholds=own, attributes=attributes)
    return [one for rule in load_rules(conn) if watches(rule, thing) for one in measures_of(rule, thing)]


def measures_of(rule: RuleRow, thing: Thing) -> list[Measure]:
    """A measure for each window of a rule, with the limits of that window alone."""
    params = rule.params
    if isinstance(params, ThresholdParams):
        limits = {str(step.level): step.on for step in steps_for(params, thing)}
        return [_measure(rule, params.metric, "last", 0.0, limits)] if limits else []
    if not isinstance(params, AggregateParams):
        return []
    if params.index:
        limits = {str(step.level): on for step in params.steps if (on := limit_of(params, step, thing)) is not None}
        return [_measure(rule, params.index, INDEX, history_of(rule), limits)]
    if params.metric is None:
        return []
    windows: dict[float, dict[str, float]] = {}
    for step in params.steps:
        if (on := limit_of(params, step, thing)) is not None:
            windows.setdefault(step.window_s or params.window_s, {})[str(step.level)] = on
    return [_measure(rule, params.metric, params.function, window_s, windows[window_s]) for window_s in sorted(windows)]


def _measure(rule: RuleRow, metric: str, function: str, window_s: float, limits: dict[str, float]) -> Measure:
    return {"rule": rule.id, "metric": metric, "function": function, "window_s": window_s, "thresholds": limits}
