"""Incidents and units as the objects of the API (docs/integrators.md): one shape for HTTP, the live channel and MQTT."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from core.clock import rfc3339

MILESTONES = ("assigned_at", "accepted_at", "en_route_at", "on_scene_at", "clear_at")
_INCIDENTS = """
SELECT i.id, i.number, i.kind, i.level, i.status, i.titles, i.text, i.address, i.channel, i.district, i.opened_at, i.changed_at,
  i.ended_at, i.risk, i.version, ST_X(i.geom) AS lon, ST_Y(i.geom) AS lat FROM incident i
"""
_ASSIGNMENTS = """
SELECT a.*, u.name_zh, u.name_en FROM assignment a JOIN unit u ON u.id = a.unit_id
WHERE a.incident_id = ANY(:ids) ORDER BY a.assigned_at, a.id
"""
_UNITS = """
SELECT u.id, u.kind, u.name_zh, u.name_en, u.capabilities, u.status, u.station, COALESCE(s.lon, ST_X(u.home)) AS lon,
  COALESCE(s.lat, ST_Y(u.home)) AS lat, s.heading, s.speed, s.battery, s.time AS seen_at, a.incident_id
FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id LEFT JOIN assignment a ON a.unit_id = u.id AND a.ended_at IS NULL
"""


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def read_incidents(conn: Connection, ids: Sequence[UUID] | None = None) -> list[dict[str, Any]]:
    """The incidents named, or all that have not ended."""
    where = " WHERE i.status NOT IN ('closed', 'cancelled')" if ids is None else " WHERE i.id = ANY(:ids)"
    rows = conn.execute(
        text(_INCIDENTS + where + " ORDER BY i.level, i.opened_at DESC"), {"ids": list(ids or [])}
    ).all()
    return incident_objects(conn, rows)


def incident_objects(conn: Connection, rows: Sequence[Any]) -> list[dict[str, Any]]:
    given = {"ids": [row.id for row in rows]}
    assignments: dict[UUID, list[dict[str, Any]]] = {}
    for row in conn.execute(text(_ASSIGNMENTS), given):
        assignments.setdefault(row.incident_id, []).append(assignment_object(row))
    alarms: dict[UUID, list[str]] = {}
    for row in conn.execute(text("SELECT id, incident_id FROM alarm WHERE incident_id = ANY(:ids) ORDER BY id"), given):
        alarms.setdefault(row.incident_id, []).append(str(row.id))
    return [incident_object(row, assignments.get(row.id, []), alarms.get(row.id, [])) for row in rows]


def incident_object(row: Any, assignments: list[dict[str, Any]], alarms: list[str]) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "number": row.number,
        "kind": row.kind,
        "level": row.level,
        "status": row.status,
        "title": row.titles["zh"],
        "titles": row.titles,
        "text": row.text,
        "address": row.address,
        "lon": row.lon,
        "lat": row.lat,
        "district": row.district,
        "channel": row.channel,
        "opened_at": rfc3339(row.opened_at),
        "changed_at": rfc3339(row.changed_at),
        "ended_at": _time(row.ended_at),
        "risk": row.risk,
        "assignments": assignments,
        "alarms": alarms,
        "version": row.version,
    }


def assignment_object(row: Any) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "unit": row.unit_id,
        "unit_names": {"zh": row.name_zh, "en": row.name_en},
        "status": row.status,
        "eta_s": row.eta_s,
        "distance_m": row.distance_m,
        **{name: _time(getattr(row, name)) for name in MILESTONES},
    }


def read_units(conn: Connection, ids: Sequence[str] | None = None) -> list[dict[str, Any]]:
    where = "" if ids is None else " WHERE u.id = ANY(:ids)"
    rows = conn.execute(text(_UNITS + where + " ORDER BY u.id"), {"ids": list(ids or [])})
    return [unit_object(row) for row in rows]


def unit_object(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name_zh,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "capabilities": row.capabilities,
        "status": row.status,
        "station": row.station,
        "lon": row.lon,
        "lat": row.lat,
        "heading": row.heading,
        "speed": row.speed,
        "battery": row.battery,
        "seen_at": _time(row.seen_at),
        "incident": str(row.incident_id) if row.incident_id else None,
    }


def task_object(conn: Connection, assignment_id: UUID) -> dict[str, Any]:
    """What a unit receives on onemap/task/{unit}: its assignment and the incident it is sent to."""
    row = conn.execute(
        text(
            "SELECT a.*, u.name_zh, u.name_en FROM assignment a JOIN unit u ON u.id = a.unit_id WHERE a.id = :id"
        ),
        {"id": assignment_id},
    ).one()  # fmt: skip
    [incident] = read_incidents(conn, [row.incident_id])
    held = ("id", "number", "kind", "level", "title", "titles", "text", "address", "lon", "lat", "district", "risk")
    return {**assignment_object(row), "state": row.status, "incident": {name: incident[name] for name in held}}
