"""The incident's append-only log."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.clock import rfc3339
from core.db import notify_change
from core.history import kept
from core.nouns import LogLine
from core.scope import EVERYTHING, Scope, seen_incident
from core.types import JsonObject
from core.vocabulary import ENDED_INCIDENT, IncidentStatus, Text

# the incident after it, with its assignments (and the names of their units) and alarms
AFTER = f"""
{kept("i")} || jsonb_build_object(
  'assignments', (SELECT
    COALESCE(jsonb_agg(to_jsonb(s) || jsonb_build_object('name_zh', u.name_zh, 'name_en', u.name_en)
    ORDER BY s.assigned_at, s.id), '[]') FROM assignment s JOIN unit u ON u.id = s.unit_id WHERE s.incident_id = i.id),
  'alarms', (SELECT COALESCE(jsonb_agg(a.id ORDER BY a.id), '[]') FROM alarm a WHERE a.incident_id = i.id))
"""
CHANGE = text("""
UPDATE incident SET changed_at = :now, version = version + 1, status = COALESCE(CAST(:status AS text), status),
  ended_at = CASE WHEN CAST(:status AS text) IS NULL THEN ended_at WHEN :ended THEN CAST(:now AS timestamptz) END
    WHERE id = :id
""")
WRITE = text(f"""
INSERT INTO incident_event (incident_id, time, what, who, text, data, after)
SELECT i.id, :now, :what, :who, CAST(:words AS jsonb), CAST(:data AS jsonb), {AFTER} FROM incident i WHERE i.id = :id
""")


def change(
    conn: Connection,
    incident_id: UUID,
    what: str,
    who: str,
    words: Text,
    now: datetime,
    status: IncidentStatus | None = None,
    **data: Any,
) -> None:
    """A change of the incident: its version goes up, the entry holds what it is after it, everybody is told. Whatever
    belongs to the change (assignments, linked alarms) is written before."""
    given = {"id": incident_id, "now": now, "status": status, "ended": status in ENDED_INCIDENT}
    conn.execute(CHANGE, given)
    write(conn, incident_id, what, who, words, now, **(data if status is None else {"status": status, **data}))


def write(conn: Connection, incident_id: UUID, what: str, who: str, words: Text, now: datetime, **data: Any) -> None:
    """Add one entry. `words` say it in both languages, `data` for machines."""
    given = {"id": incident_id, "now": now, "what": what, "who": who}
    conn.execute(WRITE, {**given, "words": json.dumps(words), "data": json.dumps(data, default=str)})
    notify_change(conn, "incident", [incident_id])


class Entry(TypedDict):
    """One entry of an incident's log: in words, and as data for machines."""

    id: int
    time: str
    what: str
    who: str
    text: Text
    data: JsonObject


def read(conn: Connection, incident_id: UUID, *, after: int | None = None, most: int | None = None) -> list[Entry]:
    """Entries in the order they were written; all, or a page of them."""
    rows = conn.execute(
        text(
            """
SELECT id, time, what, who, text, data FROM incident_event
WHERE incident_id = :id AND id > COALESCE(:after, 0) ORDER BY id LIMIT :most
"""
        ),
        {"id": incident_id, "after": after, "most": most},
    )
    return [
        {"id": r.id, "time": rfc3339(r.time), "what": r.what, "who": r.who, "text": r.text, "data": r.data}
        for r in rows
    ]


_OF_UNIT = text(f"""
SELECT e.time, e.who, e.text FROM incident_event e JOIN incident i ON i.id = e.incident_id
WHERE e.data->>'unit' = :unit AND {seen_incident("i.id", "i.district", "i.classification")}
ORDER BY e.id DESC LIMIT :most
""")


def read_of_unit(conn: Connection, unit: str, scope: Scope = EVERYTHING, most: int = 20) -> list[LogLine]:
    """The newest entries about a unit in logs of incidents that the scope sees, the newest first."""
    rows = conn.execute(_OF_UNIT, {"unit": unit, "most": most, **scope.params()})
    return [{"time": rfc3339(r.time), "who": r.who, "text": r.text} for r in rows]
