"""Kind `combination`: this and that, within so many metres and minutes; this while that holds.

Both are alarms of other rules, or incidents. The alarm is about the thing of the first, and ends when one of the two
does, or when (`within_s`) they have not begun within so long of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Connection, text

from alerts.rules.base import Finding, Params, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.events import said
from alerts.rules.standing import Held, Moment
from core.pgarray import to_pg_us
from core.vocabulary import DONE_INCIDENT, sql_list


class Part(Params):
    """One side: alarms by kind or rule, or incidents by kind, of a level or worse."""

    alarm_kinds: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    incident_kinds: tuple[str, ...] = ()
    level: int = Field(4, ge=1, le=4)

    @model_validator(mode="after")
    def _names_something(self) -> Part:
        if not (self.alarm_kinds or self.rules or self.incident_kinds):
            raise PydanticCustomError("rule_names_nothing", "one of alarm_kinds, rules and incident_kinds is needed")
        return self


class CombinationParams(RuleParams):
    first: Part
    second: Part
    level: int = Field(2, ge=1, le=4)
    radius_m: float | None = Field(None, gt=0, le=100_000, description="apart at most; else anywhere in the city")
    within_s: float | None = Field(None, gt=0, le=86_400, description="begun so near in time; else while both hold")


# what holds at a moment: of the past by what its history says was so then
_ALARMS = """
SELECT a.id::text AS id, a.rule_id, a.kind, a.thing_type AS type, a.thing_id AS thing, a.names, a.district, a.geom,
  a.raised_at AS began, e.level, e.observed_at
FROM alarm a JOIN LATERAL (SELECT level, state, observed_at, what, after FROM alarm_event WHERE alarm_id = a.id
  AND time <= :now ORDER BY id DESC LIMIT 1) e ON true
WHERE a.raised_at <= :now AND (a.state <> 'normal' OR a.changed_at > :now) AND a.rule_id <> :rule
  AND COALESCE((e.after->>'active')::bool, e.state <> 'normal') AND e.state <> 'normal' AND e.level <= :{side}_level
  AND (a.kind = ANY(:{side}_alarms) OR a.rule_id = ANY(:{side}_rules))
"""
_INCIDENTS = """
SELECT i.id::text, NULL, i.kind, 'incident', i.id::text, CASE i.classification WHEN 0 THEN i.titles END, i.district,
  i.geom, i.opened_at, i.level, i.opened_at
FROM incident i WHERE i.opened_at <= :now AND i.kind = ANY(:{side}_incidents) AND i.level <= :{side}_level
  AND (i.status NOT IN {done} OR i.changed_at > :now)
"""
_PAIRS = """
WITH first AS ({first}), second AS ({second})
SELECT DISTINCT ON (f.type, f.thing) f.type, f.thing, f.names, f.district, ST_X(f.geom) AS lon, ST_Y(f.geom) AS lat,
  s.names AS with_names, GREATEST(f.began, s.began) AS began, COALESCE(f.observed_at, f.began) AS at,
  ST_Distance(f.geom::geography, s.geom::geography) AS apart
FROM first f JOIN second s ON f.id <> s.id
WHERE (CAST(:radius AS float8) IS NULL OR ST_DWithin(f.geom::geography, s.geom::geography, :radius))
  AND (CAST(:within AS interval) IS NULL
    OR f.began - s.began BETWEEN -CAST(:within AS interval) AND CAST(:within AS interval))
ORDER BY f.type, f.thing, apart NULLS LAST, s.id
"""


def stands(conn: Connection, rule: RuleRow, moment: Moment, held: Sequence[Held]) -> list[Finding]:
    params: CombinationParams = rule.params
    given: dict[str, Any] = {
        "now": moment.now,
        "rule": rule.id,
        "radius": params.radius_m,
        "within": None if params.within_s is None else timedelta(seconds=params.within_s),
    }
    sides = {}
    for side, part in (("first", params.first), ("second", params.second)):
        given |= {
            f"{side}_alarms": list(part.alarm_kinds),
            f"{side}_rules": list(part.rules),
            f"{side}_incidents": list(part.incident_kinds),
            f"{side}_level": part.level,
        }
        both = f"{_ALARMS} UNION ALL {_INCIDENTS}" if part.incident_kinds else _ALARMS
        sides[side] = both.format(side=side, done=sql_list(DONE_INCIDENT))
    return [_finding(rule, row) for row in conn.execute(text(_PAIRS.format(**sides)), given)]


def _finding(rule: RuleRow, row: Any) -> Finding:
    thing = Thing(row.type, row.thing, said(row.names), row.district, row.lon, row.lat)
    fields: dict[str, object] = {"other": said(row.with_names)}
    template = "alarm.both"
    if row.apart is not None:
        template, fields = "alarm.both_near", {**fields, "distance": f"{row.apart:.0f}"}
    return Finding(rule, thing, rule.params.level, None, None, None, to_pg_us(row.at), None, template, fields)


COMBINATION = RuleKind(
    "combination", CombinationParams, lambda rule: (), stands=stands, wakes=("alarm", "incident"), every_s=5.0
)
