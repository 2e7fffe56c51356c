"""The whole picture at a moment, put together from the append-only histories."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from alerts.limits import read_limits
from alerts.present import ALARM_COLUMNS, alarm_object
from core.clock import rfc3339
from dispatch.present import read_incidents, read_units
from layers.sensors import read_sensors

_ALARMS = """
SELECT e.state, e.level, a.id, a.rule_id, a.kind, a.thing_type, a.thing_id, a.names, a.message, a.district, a.raised_at, e.time,
  ST_X(a.geom) AS lon, ST_Y(a.geom) AS lat
FROM (SELECT DISTINCT ON (alarm_id) alarm_id, state, level, time FROM alarm_event WHERE time <= :at ORDER BY alarm_id, id DESC) e
JOIN alarm a ON a.id = e.alarm_id WHERE e.state <> 'normal' ORDER BY e.level, a.raised_at
"""
_INCIDENTS = """
SELECT i.id, i.number, i.kind, i.level, i.titles, i.district, i.opened_at, ST_X(i.geom) AS lon, ST_Y(i.geom) AS lat,
  COALESCE(e.data->>'status', 'open') AS status
FROM incident i LEFT JOIN LATERAL (SELECT data FROM incident_event WHERE incident_id = i.id AND what = 'status' AND time <= :at
  ORDER BY id DESC LIMIT 1) e ON true
WHERE i.opened_at <= :at AND COALESCE(e.data->>'status', 'open') NOT IN ('closed', 'cancelled') ORDER BY i.level, i.opened_at
"""
_UNITS = """
SELECT u.id, u.kind, u.name_zh, u.name_en, p.time, COALESCE(p.lon, ST_X(u.home)) AS lon, COALESCE(p.lat, ST_Y(u.home)) AS lat
FROM unit u LEFT JOIN LATERAL (SELECT time, lon, lat FROM unit_position WHERE unit_id = u.id AND time <= :at
  ORDER BY time DESC LIMIT 1) p ON true ORDER BY u.id
"""
_SENSORS = """
SELECT t.sensor_id, t.metric, o.time, o.value, o.unit FROM sensor_state t
JOIN LATERAL (SELECT time, value, unit FROM observation WHERE sensor_id = t.sensor_id AND metric = t.metric
  AND time <= :at AND time > CAST(:at AS timestamptz) - interval '1 day' ORDER BY time DESC LIMIT 1) o ON true
"""


def read_now(conn: Connection, now: datetime) -> dict[str, Any]:
    rows = conn.execute(text(f"SELECT {ALARM_COLUMNS} FROM alarm WHERE state <> 'normal' ORDER BY level, raised_at"))
    return {
        "at": rfc3339(now),
        "live": True,
        "alarms": [alarm_object(row) for row in rows],
        "incidents": read_incidents(conn),
        "units": read_units(conn),
        "sensors": read_sensors(conn, read_limits(conn)),
    }


def read_past(conn: Connection, at: datetime) -> dict[str, Any]:
    """Alarms, incidents, units and sensor values as they were at `at`; values older than a day before are left out."""
    given = {"at": at}
    values: dict[str, dict[str, Any]] = {}
    for r in conn.execute(text(_SENSORS), given):
        values.setdefault(r.sensor_id, {})[r.metric] = {"value": r.value, "unit": r.unit, "time": rfc3339(r.time)}
    return {
        "at": rfc3339(at),
        "live": False,
        "alarms": [
            {
                "id": str(r.id), "rule": r.rule_id, "kind": r.kind, "thing": {"type": r.thing_type, "id": r.thing_id, "name": r.names["zh"]},
                "names": r.names, "level": r.level, "state": r.state, "message": r.message, "district": r.district,
                "raised_at": rfc3339(r.raised_at), "changed_at": rfc3339(r.time), "lon": r.lon, "lat": r.lat,
            }
            for r in conn.execute(text(_ALARMS), given)
        ],
        "incidents": [
            {
                "id": str(r.id), "number": r.number, "kind": r.kind, "level": r.level, "status": r.status, "title": r.titles["zh"],
                "titles": r.titles, "district": r.district, "opened_at": rfc3339(r.opened_at), "lon": r.lon, "lat": r.lat,
            }
            for r in conn.execute(text(_INCIDENTS), given)
        ],
        "units": [
            {
                "id": r.id, "kind": r.kind, "name": r.name_zh, "names": {"zh": r.name_zh, "en": r.name_en}, "lon": r.lon, "lat": r.lat,
                "seen_at": rfc3339(r.time) if r.time else None,
            }
            for r in conn.execute(text(_UNITS), given)
        ],
        "sensors": [{"id": name, "values": metrics} for name, metrics in sorted(values.items())],
    }  # fmt: skip
