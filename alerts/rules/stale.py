"""Kind `stale`: a thing that used to speak has fallen silent. It runs on the clock and on the moment of arrival.

What was never heard is not stale; after a start there is a grace; a source gone silent as a whole is one alarm, and
mutes those of its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import Field
from sqlalchemy import Connection, text

from alerts.rules.base import Finding, RuleKind, RuleParams, RuleRow, Thing, thing_of, watches
from alerts.rules.standing import Held, Moment
from core.pgarray import to_pg_us
from core.types import UNKNOWN_DISTRICT
from core.vocabulary import label


class StaleParams(RuleParams):
    factor: float = Field(5, gt=1, description="silent after this many expected intervals")
    min_s: float = Field(300, ge=1, description="but never before this")
    grace_s: float = Field(120, ge=0, description="after a start of the engine")
    level: int = Field(4, ge=1, le=4)
    source_share: float = Field(0.8, gt=0, le=1, description="this share of a source silent: one alarm for the source")
    source_members: int = Field(5, ge=2, description="a source has at least so many members that were ever heard")
    source_level: int = Field(3, ge=1, le=4)


@dataclass(frozen=True, slots=True)
class Heard:
    """When a thing was last heard, and the source it belongs to."""

    id: str
    source: str
    interval_s: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Silence:
    """Which things and which whole sources are silent, with seconds since they were heard."""

    things: dict[str, float]
    sources: dict[str, float]


def in_grace(params: StaleParams, now: datetime, started_at: datetime) -> bool:
    """Whether the engine has just started: then nobody is judged silent, and nobody's silence is called over either."""
    return (now - started_at).total_seconds() < params.grace_s


def find_silent(heard: Iterable[Heard], params: StaleParams, now: datetime) -> Silence:
    """Pure: who is silent at `now`."""
    silent: dict[str, dict[str, float]] = {}
    members: dict[str, int] = {}
    for one in heard:
        members[one.source] = members.get(one.source, 0) + 1
        age = (now - one.at).total_seconds()
        if age >= max(params.min_s, params.factor * (one.interval_s or 60.0)):
            silent.setdefault(one.source, {})[one.id] = age
    whole = {
        source
        for source, ids in silent.items()
        if members[source] >= params.source_members and len(ids) >= params.source_share * members[source]
    }
    things = {name: age for source, ids in silent.items() if source not in whole for name, age in ids.items()}
    return Silence(things, {source: min(silent[source].values()) for source in whole})


_HEARD = text("""
SELECT s.id, s.kind, s.name_zh, s.name_en, s.district, ST_X(s.geom) AS lon, ST_Y(s.geom) AS lat, s.interval_s,
  s.thresholds, s.attributes, max(t.received_at) AS heard
FROM sensor s JOIN sensor_state t ON t.sensor_id = s.id WHERE s.status = 'active' GROUP BY s.id
""")


def stands(conn: Connection, rule: RuleRow, moment: Moment, held: Sequence[Held]) -> list[Finding] | None:
    """Who is silent; None in the grace after a start."""
    if in_grace(rule.params, moment.now, moment.started_at):
        return None
    rows = conn.execute(_HEARD).all()
    things = {row.id: thing_of(row) for row in rows}
    heard = [Heard(r.id, r.kind, r.interval_s, r.heard) for r in rows if watches(rule, things[r.id])]
    return silences(rule, things, heard, moment.now)


def silences(rule: RuleRow, things: Mapping[str, Thing], heard: Iterable[Heard], now: datetime) -> list[Finding]:
    """Pure: a finding for each thing, and for each whole source, that is silent at `now`."""
    params: StaleParams = rule.params
    silence, at = find_silent(heard, params, now), to_pg_us(now)
    of_source = replace(rule, alarm_kind="source_stale")
    return [
        Finding(rule, things[name], params.level, None, round(age / 60), "min", at, None, "alarm.stale")
        for name, age in silence.things.items()
    ] + [
        Finding(
            of_source,
            source_thing(name),
            params.source_level,
            None,
            round(age / 60),
            "min",
            at,
            None,
            "alarm.source_stale",
        )
        for name, age in silence.sources.items()
    ]


def source_thing(kind: str) -> Thing:
    return Thing("source", kind, label("sensor_kinds", kind), UNKNOWN_DISTRICT)


STALE = RuleKind("stale", StaleParams, lambda rule: (), stands=stands, every_s=10.0)
