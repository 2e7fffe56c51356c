"""Alarms as the objects of the API (docs/integrators.md): one shape for HTTP, the live channel and MQTT."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import h3
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.labels import line_of
from core.clock import rfc3339
from core.excerpt import Excerpt, in_excerpt
from core.history import as_row
from core.nouns import Band, Risk, Term, ThingRef
from core.scope import EVERYTHING, Scope, alarm_classification, seen_incident
from core.vocabulary import Text

CLASSIFICATION = alarm_classification("alarm.thing_type", "alarm.thing_id")
ALARM_COLUMNS = f"""
id, rule_id, kind, thing_type, thing_id, names, level, state, active, raised_at, changed_at, observed_at, metric, value,
  unit, message, district, {CLASSIFICATION} AS classification, ST_X(geom) AS lon, ST_Y(geom) AS lat, risk,
  acknowledged_by, acknowledged_at, shelved_until, shelved_by, shelved_reason, incident_id, muted, chattering_since,
  useful, latches, quiet_level, owner, escalated,
  ARRAY(SELECT unit_id FROM assignment sent WHERE sent.incident_id = alarm.incident_id ORDER BY unit_id) AS units,
  version
"""


class Muted(TypedDict):
    """Why an alarm is told to nobody: the stage (inhibit, silence), the inhibition or silence, the alarm that is its
    cause, since when, and in words."""

    stage: str
    by: str
    cause: str | None
    since: str
    why: Text


class Escalated(TypedDict):
    """Nobody acknowledged it: the step of the escalation it has come to, the role it was passed on to, and when."""

    step: int
    to: str
    at: str


class Alarm(TypedDict):
    """One alarm: the first finding of a rule about a thing until it is back to normal. `classification` is that of the
    thing, `units` were sent to its incident; `useful` is what an operator said of it, `owner` who sees to it;
    acknowledged until it clears, it rings again only worse than `quiet_level`. `line` is the line of the work list that
    it stands in with others; `chattering_since`: it comes and goes. Fields that nobody wrote down in a past moment are
    null."""

    id: str
    rule: str
    kind: str
    thing: ThingRef
    names: Text
    level: int
    state: str
    active: bool | None
    raised_at: str
    changed_at: str
    observed_at: str | None
    metric: str | None
    value: float | None
    unit: str | None
    message: Text | None
    risk: Risk | None
    lon: float | None
    lat: float | None
    district: str
    classification: int
    incident: str | None
    units: list[str]
    acknowledged_by: str | None
    acknowledged_at: str | None
    shelved_until: str | None
    shelved_by: str | None
    shelved_reason: str | None
    line: str
    muted: Muted | None
    chattering_since: str | None
    useful: bool | None
    owner: str | None
    escalated: Escalated | None
    quiet_level: int | None
    version: int | None


class RiskCell(TypedDict):
    """An H3 cell with its risk; `boundary` a ring of [lon, lat], `level` what its score is shown as, `districts` those
    it touches. Its worst hazard is at `q` in its `band` here, of which `faded` 0-1 is left at this distance; null where
    none reaches it, or nobody wrote it down."""

    id: str
    boundary: list[list[float]]
    score: float
    level: int | None
    terms: list[Term]
    people: int | None
    districts: list[str]
    band: Band | None
    q: float | None
    confidence: float | None
    faded: float | None


def alarm_object(row: Any) -> Alarm:
    """One alarm, from a row of ALARM_COLUMNS."""
    return {
        "id": str(row.id),
        "rule": row.rule_id,
        "kind": row.kind,
        "thing": {"type": row.thing_type, "id": row.thing_id, "name": row.names["zh"]},
        "names": row.names,
        "level": row.level,
        "state": row.state,
        "active": row.active,
        "raised_at": rfc3339(row.raised_at),
        "changed_at": rfc3339(row.changed_at),
        "observed_at": rfc3339(row.observed_at) if row.observed_at else None,
        "metric": row.metric,
        "value": row.value,
        "unit": row.unit,
        "message": row.message,
        "risk": row.risk,
        "lon": row.lon,
        "lat": row.lat,
        "district": row.district,
        "shelved_by": row.shelved_by,
        "shelved_reason": row.shelved_reason,
        "classification": row.classification,
        "incident": str(row.incident_id) if row.incident_id else None,
        "units": [*dict.fromkeys(row.units)],
        "acknowledged_by": row.acknowledged_by,
        "acknowledged_at": rfc3339(row.acknowledged_at) if row.acknowledged_at else None,
        "shelved_until": rfc3339(row.shelved_until) if row.shelved_until else None,
        "line": line_of(row.kind, row.level, row.district),
        "muted": row.muted,
        "chattering_since": rfc3339(row.chattering_since) if row.chattering_since else None,
        "useful": row.useful,
        "owner": row.owner,
        "escalated": row.escalated,
        "quiet_level": row.quiet_level,
        "version": row.version,
    }


_OPEN = text(f"SELECT {ALARM_COLUMNS} FROM alarm WHERE state <> 'normal' ORDER BY level, raised_at, id")
# who was sent to its incident is in the history of that: an assignment may go over to another
# the last event of each alarm that may have been open then; its score is the last one given to that version of it
_OPEN_AT = text(f"""
SELECT e.after, e.state, e.level, e.time, r.risk, a.id, a.rule_id, a.kind, a.thing_type, a.thing_id, a.names,
  a.raised_at, a.district, {alarm_classification("a.thing_type", "a.thing_id")} AS classification,
  ST_X(a.geom) AS lon, ST_Y(a.geom) AS lat,
  ARRAY(SELECT DISTINCT one->>'unit_id' FROM (SELECT after FROM incident_event
      WHERE incident_id = CAST(e.after->>'incident_id' AS uuid) AND time <= :at ORDER BY id DESC LIMIT 1) last,
    jsonb_array_elements(last.after->'assignments') AS one ORDER BY 1) AS units
FROM alarm a
JOIN LATERAL (SELECT after, state, level, time FROM alarm_event WHERE alarm_id = a.id AND time <= :at
  ORDER BY id DESC LIMIT 1) e ON true
LEFT JOIN LATERAL (SELECT risk FROM risk_event WHERE type = 'alarm' AND thing_id = a.id::text AND time <= :at
  AND version = CAST(e.after->>'version' AS int) ORDER BY time DESC, id DESC LIMIT 1) r ON true
WHERE a.raised_at <= :at AND (a.state <> 'normal' OR a.changed_at > :at) AND e.state <> 'normal'
ORDER BY e.level, a.raised_at, a.id
""")
# what events from before there were full values do not tell
_UNKNOWN = dict.fromkeys(
    (
        "active",
        "observed_at",
        "metric",
        "value",
        "unit",
        "message",
        "risk",
        "acknowledged_by",
        "acknowledged_at",
        "shelved_until",
        "shelved_by",
        "shelved_reason",
        "incident_id",
        "muted",
        "chattering_since",
        "useful",
        "owner",
        "escalated",
        "quiet_level",
        "version",
    )
)


def read_open_alarms(conn: Connection, at: datetime | None = None) -> list[Alarm]:
    """Alarms that are not normal, the worst first; now, or as they were at a moment."""
    if at is None:
        return [alarm_object(row) for row in conn.execute(_OPEN)]
    return [alarm_object(_alarm_then(row)) for row in conn.execute(_OPEN_AT, {"at": at})]


def _alarm_then(row: Any) -> Any:
    if row.after is None:
        return SimpleNamespace(**{**_UNKNOWN, **row._mapping, "changed_at": row.time})
    risk = row.risk or row.after["risk"]
    # events from before a shelf said who and why, and a mute what, do not have these
    unsaid = dict.fromkeys(
        (
            *("shelved_by", "shelved_reason", "muted", "chattering_since"),
            *("useful", "owner", "escalated", "quiet_level"),
        )
    )
    kept = {**unsaid, **row.after, "risk": risk}
    return as_row(kept, classification=row.classification, units=row.units)


CELL_COLUMNS = "cell, score, level, terms, people, districts, placed"
_CELLS_AT = text("""
SELECT c.cell, r.score, r.level, r.risk->'terms' AS terms, CAST(r.risk->>'people' AS int) AS people,
  c.districts, r.risk AS placed
FROM risk_cell c
JOIN LATERAL (SELECT score, level, risk FROM risk_event
  WHERE type = 'cell' AND thing_id = c.cell AND time <= :at ORDER BY time DESC, id DESC LIMIT 1) r
  ON true ORDER BY c.cell
""")


def read_cells(conn: Connection, ids: Sequence[str] | None = None, at: datetime | None = None) -> list[RiskCell]:
    """H3 cells with their risk: all or some, now or as they were at a moment."""
    if at is not None:
        return [cell_object(row) for row in conn.execute(_CELLS_AT, {"at": at})]
    where = "" if ids is None else " WHERE cell = ANY(:ids)"
    rows = conn.execute(text(f"SELECT {CELL_COLUMNS} FROM risk_cell{where} ORDER BY cell"), {"ids": list(ids or [])})
    return [cell_object(row) for row in rows]


def cell_object(row: Any) -> RiskCell:
    placed = row.placed or {}
    return {
        "id": row.cell,
        "boundary": [[lon, lat] for lat, lon in h3.cell_to_boundary(row.cell)],
        "score": row.score,
        "level": row.level,
        "terms": row.terms,
        "people": row.people,
        "districts": row.districts,
        "band": placed.get("band"),
        "q": placed.get("q"),
        "confidence": placed.get("confidence"),
        "faded": placed.get("faded"),
    }


_LIST = f"""
SELECT {ALARM_COLUMNS} FROM alarm
WHERE state = ANY(:states) AND {seen_incident("alarm.incident_id", "district", CLASSIFICATION)}
"""


def list_alarms(conn: Connection, states: Sequence[str], excerpt: Excerpt, scope: Scope = EVERYTHING) -> list[Alarm]:
    """Alarms in one of these states; one more than the excerpt's limit where there are more."""
    listed = text(_LIST + in_excerpt(order=excerpt.order))
    rows = conn.execute(listed, {"states": list(states), **excerpt.params(), **scope.params()})
    return [alarm_object(row) for row in rows]


def read_alarms(conn: Connection, ids: Sequence[UUID]) -> list[Alarm]:
    rows = conn.execute(text(f"SELECT {ALARM_COLUMNS} FROM alarm WHERE id = ANY(:ids)"), {"ids": list(ids)})
    return [alarm_object(row) for row in rows]
