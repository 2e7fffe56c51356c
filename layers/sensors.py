"""Sensors as the objects of the API, and their series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from core.clock import rfc3339
from core.errors import NotFound

SERIES_AT_MOST = 10_000
_SENSORS = """
SELECT s.id, s.kind, s.name_zh, s.name_en, s.status, s.interval_s, s.metrics, s.thresholds, s.attributes, s.district, s.source_id, s.first_seen_at,
  ST_X(s.geom) AS lon, ST_Y(s.geom) AS lat, v.values, v.heard,
  (SELECT min(level) FROM alarm a WHERE a.thing_type = 'sensor' AND a.thing_id = s.id AND a.active AND a.state <> 'normal') AS alarm_level
FROM sensor s LEFT JOIN LATERAL (
  SELECT jsonb_object_agg(t.metric, jsonb_build_object('value', t.value, 'unit', t.unit, 'quality', t.quality,
    'time', to_char(t.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"'))) AS values, max(t.received_at) AS heard
  FROM sensor_state t WHERE t.sensor_id = s.id) v ON true
"""

_STEPS = """
SELECT date_bin(make_interval(secs => :every), time, 'epoch') AS time, avg(value) AS value, min(value) AS least, max(value) AS most,
  count(*) AS readings
FROM observation WHERE sensor_id = :id AND metric = :metric AND time >= :start AND time < :end AND quality NOT IN ('future', 'range')
GROUP BY 1 ORDER BY 1 LIMIT :most
"""
_HOURLY = """
WITH hours AS (
  SELECT h.hour, h.total, h.least, h.most, h.readings FROM observation_hourly h
  WHERE h.sensor_id = :id AND h.metric = :metric AND h.hour >= :start AND h.hour < :end AND NOT EXISTS (
    SELECT 1 FROM rollup_due d WHERE d.sensor_id = h.sensor_id AND d.metric = h.metric AND d.hour = h.hour)
  UNION ALL
  SELECT d.hour, sum(o.value), min(o.value), max(o.value), count(*) FROM rollup_due d
  JOIN observation o ON o.sensor_id = d.sensor_id AND o.metric = d.metric AND o.time >= d.hour AND o.time < d.hour + interval '1 hour'
    AND o.time < :end AND o.quality NOT IN ('future', 'range')
  WHERE d.sensor_id = :id AND d.metric = :metric AND d.hour >= :start AND d.hour < :end GROUP BY d.hour)
SELECT date_bin(make_interval(secs => :every), hour, 'epoch') AS time, sum(total) / sum(readings) AS value, min(least) AS least,
  max(most) AS most, sum(readings)::bigint AS readings
FROM hours GROUP BY 1 ORDER BY 1 LIMIT :most
"""


def read_sensors(
    conn: Connection,
    fixed: Mapping[str, Mapping[str, Mapping[str, float]]],
    *,
    ids: Sequence[str] | None = None,
    since: datetime | None = None,
) -> list[dict[str, Any]]:
    """Sensors that are not retired: all, some, or those heard since a moment. `fixed` are the limits of rules per sensor kind,
    `{kind: {metric: {level: limit}}}`; per-site limits go before them."""
    where = ["s.status <> 'retired'"]
    if ids is not None:
        where.append("s.id = ANY(:ids)")
    if since is not None:
        where.append("s.id IN (SELECT sensor_id FROM sensor_state WHERE received_at > :since)")
    rows = conn.execute(
        text(f"{_SENSORS} WHERE {' AND '.join(where)} ORDER BY s.id"), {"ids": list(ids or []), "since": since}
    )
    return [sensor_object(row, fixed.get(row.kind, {})) for row in rows]


def sensor_object(row: Any, fixed: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name_zh,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "lon": row.lon,
        "lat": row.lat,
        "district": row.district,
        "status": row.status,
        "interval_s": row.interval_s,
        "metrics": row.metrics,
        "values": {metric: as_measured(held) for metric, held in (row.values or {}).items()},
        "heard_at": rfc3339(row.heard) if row.heard else None,
        "thresholds": {**{m: dict(levels) for m, levels in fixed.items()}, **row.thresholds},
        "attributes": row.attributes,
        "source": row.source_id,
        "first_seen_at": rfc3339(row.first_seen_at),
        "alarm_level": row.alarm_level,
    }


def as_measured(held: dict[str, Any]) -> dict[str, Any]:
    """A value is a float again: jsonb writes 1e30 as an integer of 31 digits, which no encoder of 64-bit integers takes."""
    return {**held, "value": float(held["value"])}


def read_series(
    conn: Connection, sensor_id: str, metric: str, start: datetime, end: datetime, every_s: float | None
) -> list[dict[str, Any]]:
    """Values of one metric in [start, end), oldest first; with `every_s` means with minimum and maximum per step."""
    if not conn.scalar(text("SELECT 1 FROM sensor WHERE id = :id"), {"id": sensor_id}):
        raise NotFound(f"there is no sensor {sensor_id!r}")
    given = {"id": sensor_id, "metric": metric, "start": start, "end": end, "every": every_s, "most": SERIES_AT_MOST}
    where = "FROM observation WHERE sensor_id = :id AND metric = :metric AND time >= :start AND time < :end"
    if every_s is None:
        rows = conn.execute(text(f"SELECT time, value, quality {where} ORDER BY time LIMIT :most"), given)
        return [{"time": rfc3339(r.time), "value": r.value, "quality": r.quality} for r in rows]
    # whole hours come from the hourly history, which reaches further back than the readings do; what it has not counted yet from them
    counted = every_s % 3600 == 0 and start.timestamp() % 3600 == 0
    rows = conn.execute(text(_HOURLY if counted else _STEPS), given)
    return [
        {"time": rfc3339(r.time), "value": r.value, "min": r.least, "max": r.most, "count": r.readings} for r in rows
    ]
