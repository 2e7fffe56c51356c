"""What a rule judges about the thing of an open alarm, as it is now: the newest value, or the sum or mean in the rule's
window, with where it is going. An alarm itself keeps what it was when it last changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.loading import load_rules
from alerts.rules.aggregate import AggregateParams, aqi_of, index_windows
from alerts.rules.base import RuleRow
from alerts.rules.change import ChangeParams
from core.clock import rfc3339
from core.scope import alarm_classification
from core.vocabulary import UNJUDGED, sql_list

TREND_OVER = timedelta(minutes=10)
# what nobody has said for so long is no value of now
FORGOTTEN = timedelta(days=1)
# a change by less than this share of the value is none, where the rule has no hysteresis to measure it by
STEADY_SHARE = 0.01
Trend = Literal["rising", "falling", "steady"]


class Judged(TypedDict):
    """The value that the rule of alarm `id` judges now, `time` of its newest reading; `window_s` of a sum or mean.
    `trend` over ten minutes, null where the readings do not reach so far back. Who sees the alarm sees this."""

    id: str
    value: float
    unit: str | None
    time: str
    trend: Trend | None
    window_s: float | None
    district: str
    classification: int
    units: list[str]


@dataclass(frozen=True, slots=True)
class Measure:
    """How a value is made of readings: `last` one, or the sum, mean or max of a window in seconds."""

    metric: str
    function: str = "last"
    window_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Made:
    """A value made now, the same ten minutes before, and the time of its newest reading."""

    value: float
    before: float | None
    time: datetime


ALARMS = f"""
SELECT a.id, a.rule_id, a.level, a.thing_id, a.metric, a.unit, a.value, a.district,
  {alarm_classification("a.thing_type", "a.thing_id")} AS classification,
  ARRAY(SELECT unit_id FROM assignment sent WHERE sent.incident_id = a.incident_id ORDER BY unit_id) AS units
FROM alarm a
WHERE a.state <> 'normal' AND a.thing_type = 'sensor' AND a.metric IS NOT NULL
"""
SOME = """
AND (a.id::text = ANY(:ids) OR a.thing_id IN (
  SELECT sensor_id FROM sensor_state WHERE received_at > :since OR sensor_id = ANY(:ids)))
"""
_JUDGEABLE = f"sensor_id = q.sensor AND metric = q.metric AND quality NOT IN {sql_list(UNJUDGED)}"


def _made(function: str, until: str) -> str:
    """SQL: a value of the readings in the window that ends at `until`."""
    inside = f"{_JUDGEABLE} AND time <= {until} AND time > {until} - make_interval(secs => q.window_s)"
    return f"(SELECT {function}(value) FROM observation WHERE {inside})"


_THEN = "(CAST(:now AS timestamptz) - CAST(:back AS interval))"
_NOW = "CAST(:now AS timestamptz)"
VALUES = text(f"""
SELECT q.sensor, q.metric, q.function, q.window_s, n.time,
  CASE q.function WHEN 'last' THEN n.value WHEN 'sum' THEN {_made("sum", _NOW)} WHEN 'mean' THEN {_made("avg", _NOW)}
    ELSE {_made("max", _NOW)} END AS value,
  CASE q.function WHEN 'last' THEN b.value WHEN 'sum' THEN {_made("sum", _THEN)} WHEN 'mean' THEN {_made("avg", _THEN)}
    ELSE {_made("max", _THEN)} END AS before
FROM unnest(CAST(:sensors AS text[]), CAST(:metrics AS text[]), CAST(:functions AS text[]),
  CAST(:windows AS float8[])) AS q (sensor, metric, function, window_s)
CROSS JOIN LATERAL (SELECT value, time FROM observation WHERE {_JUDGEABLE} AND time <= {_NOW}
  AND time > {_NOW} - CAST(:forgotten AS interval) ORDER BY time DESC LIMIT 1) n
LEFT JOIN LATERAL (SELECT value FROM observation WHERE {_JUDGEABLE} AND time <= {_THEN}
  AND time > {_THEN} - CAST(:back AS interval) ORDER BY time DESC LIMIT 1) b ON true
""")
Key = tuple[str, Measure]


def measures_of(rule: RuleRow, level: int, metric: str) -> tuple[Measure, ...]:
    """What is judged for an alarm of this rule at this level; several of an index, which is made of means."""
    params = rule.params
    if isinstance(params, ChangeParams):
        return ()  # its value is none that a sensor sends
    if not isinstance(params, AggregateParams):
        return (Measure(metric),)
    if params.index:
        return tuple(Measure(name, "mean", length / 1e6) for name, length in index_windows())
    window = next((s.window_s for s in params.steps if s.level == level and s.window_s), params.window_s)
    return (Measure(str(params.metric), params.function, window),)


def read_judged(
    conn: Connection, now: datetime, ids: Sequence[str] | None = None, since: datetime | None = None
) -> list[Judged]:
    """Of all open alarms about sensors, or of those named (by alarm or sensor) and those heard `since`. Alarms whose
    sensor is silent, or whose rule is gone, have none."""
    given = {"ids": list(ids or []), "since": since or now}
    alarms = conn.execute(text(ALARMS + (SOME if ids is not None else "") + "ORDER BY a.id"), given).all()
    rules = {rule.id: rule for rule in load_rules(conn)} if alarms else {}
    wanted = {a.id: measures_of(rules[a.rule_id], a.level, a.metric) for a in alarms if a.rule_id in rules}
    found = read_values(conn, {(a.thing_id, m) for a in alarms for m in wanted.get(a.id, ())}, now)
    judged = (_judged(a, rules[a.rule_id], wanted[a.id], found) for a in alarms if a.id in wanted)
    return [one for one in judged if one is not None]


def read_values(conn: Connection, keys: set[Key], now: datetime) -> Mapping[Key, Made]:
    ordered = sorted(keys, key=lambda key: (key[0], key[1].metric, key[1].function, key[1].window_s))
    if not ordered:
        return {}
    rows = conn.execute(
        VALUES,
        {
            "now": now,
            "back": TREND_OVER,
            "forgotten": FORGOTTEN,
            "sensors": [sensor for sensor, _ in ordered],
            "metrics": [measure.metric for _, measure in ordered],
            "functions": [measure.function for _, measure in ordered],
            "windows": [measure.window_s for _, measure in ordered],
        },
    )
    return {
        (r.sensor, Measure(r.metric, r.function, r.window_s)): Made(r.value, r.before, r.time)
        for r in rows
        if r.value is not None
    }


def _judged(alarm: Any, rule: RuleRow, measures: Sequence[Measure], found: Mapping[Key, Made]) -> Judged | None:
    made = {m: found[alarm.thing_id, m] for m in measures if (alarm.thing_id, m) in found}
    if not made:
        return None
    value, before = _together(rule, made)
    if value is None:
        return None
    return {
        "id": str(alarm.id),
        "value": value,
        "unit": alarm.unit,
        "time": rfc3339(max(one.time for one in made.values())),
        "trend": trend(value, before, getattr(rule.params, "hysteresis", 0.0)),
        "window_s": max(m.window_s for m in measures) or None,
        "district": alarm.district,
        "classification": alarm.classification,
        "units": [*dict.fromkeys(alarm.units)],
    }


def _together(rule: RuleRow, made: Mapping[Measure, Made]) -> tuple[float | None, float | None]:
    """The value and the one before; an index of its means."""
    if not getattr(rule.params, "index", None):
        [one] = made.values()
        return one.value, one.before
    value = aqi_of({m.metric: one.value for m, one in made.items()})
    before = aqi_of({m.metric: one.before for m, one in made.items() if one.before is not None})
    return value, before


def trend(value: float, before: float | None, hysteresis: float) -> Trend | None:
    """Where a value is going: what moves by less than half of what the rule forgives is steady."""
    if before is None:
        return None
    if abs(value - before) < (hysteresis / 2 or STEADY_SHARE * abs(value)):
        return "steady"
    return "rising" if value > before else "falling"
