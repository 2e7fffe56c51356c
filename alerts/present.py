"""Alarms as the objects of the API (docs/integrators.md): one shape for HTTP, the live channel and MQTT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from core.clock import rfc3339

ALARM_COLUMNS = (
    "id, rule_id, kind, thing_type, thing_id, names, level, state, active, raised_at, changed_at, observed_at, metric, value, unit, "
    "message, district, ST_X(geom) AS lon, ST_Y(geom) AS lat, risk, acknowledged_by, acknowledged_at, shelved_until, incident_id, version"
)


def alarm_object(row: Row[Any]) -> dict[str, Any]:
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
        "observed_at": rfc3339(row.observed_at),
        "metric": row.metric,
        "value": row.value,
        "unit": row.unit,
        "message": row.message,
        "risk": row.risk,
        "lon": row.lon,
        "lat": row.lat,
        "district": row.district,
        "incident": str(row.incident_id) if row.incident_id else None,
        "acknowledged_by": row.acknowledged_by,
        "acknowledged_at": rfc3339(row.acknowledged_at) if row.acknowledged_at else None,
        "shelved_until": rfc3339(row.shelved_until) if row.shelved_until else None,
        "version": row.version,
    }


def read_alarms(conn: Connection, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    rows = conn.execute(text(f"SELECT {ALARM_COLUMNS} FROM alarm WHERE id = ANY(:ids)"), {"ids": list(ids)})
    return [alarm_object(row) for row in rows]
