"""Sensors as the objects of the API, and their series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NotRequired

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.clock import rfc3339
from core.errors import InputError, NotFound
from core.faults import expects
from core.history import as_row, was
from core.scope import EVERYTHING, Scope, seen
from core.types import JsonObject
from core.vocabulary import UNJUDGED, Text, sql_list

SERIES_AT_MOST = 10_000
_SENSORS = """
SELECT s.id, s.kind, s.name_zh, s.name_en, s.status, s.interval_s, s.metrics,
  s.thresholds, s.attributes, s.district, s.classification, s.source_id, s.first_seen_at,
  ST_X(s.geom) AS lon, ST_Y(s.geom) AS lat, v.values, v.heard,
  (SELECT min(level) FROM alarm a WHERE a.thing_type = 'sensor' AND a.thing_id = s.id AND a.active
    AND a.state <> 'normal') AS alarm_level
FROM sensor s LEFT JOIN LATERAL (
  SELECT jsonb_object_agg(t.metric, jsonb_build_object('value', t.value, 'unit', t.unit, 'quality', t.quality,
    'time', to_char(t.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"'))) AS values,
      max(t.received_at) AS heard
  FROM sensor_state t WHERE t.sensor_id = s.id) v ON true
"""
_PENDING_SHOWN = """
(s.status <> 'pending' OR s.id IN
  (SELECT id FROM sensor WHERE status = 'pending' ORDER BY first_seen_at, id LIMIT :pending_most))
"""

_STEPS = f"""
SELECT date_bin(make_interval(secs => :every), time, 'epoch') AS time, avg(value) AS value, min(value) AS least,
  max(value) AS most, count(*) AS readings
FROM observation WHERE sensor_id = :id AND metric = :metric AND time >= :start AND time < :end
  AND quality NOT IN {sql_list(UNJUDGED)}
GROUP BY 1 ORDER BY 1 LIMIT :most
"""
_HOURLY = f"""
WITH hours AS (
  SELECT h.hour, h.total, h.least, h.most, h.readings FROM observation_hourly h
  WHERE h.sensor_id = :id AND h.metric = :metric AND h.hour >= :start AND h.hour < :end AND NOT EXISTS (
    SELECT 1 FROM rollup_due d WHERE d.sensor_id = h.sensor_id AND d.metric = h.metric AND d.hour = h.hour)
  UNION ALL
  SELECT d.hour, sum(o.value), min(o.value), max(o.value), count(*) FROM rollup_due d
  JOIN observation o ON o.sensor_id = d.sensor_id AND o.metric = d.metric AND o.time >= d.hour
    AND o.time < d.hour + interval '1 hour'
    AND o.time < :end AND o.quality NOT IN {sql_list(UNJUDGED)}
  WHERE d.sensor_id = :id AND d.metric = :metric AND d.hour >= :start AND d.hour < :end GROUP BY d.hour)
SELECT date_bin(make_interval(secs => :every), hour, 'epoch') AS time, sum(total) / sum(readings) AS value,
  min(least) AS least, max(most) AS most, sum(readings)::bigint AS readings
FROM hours GROUP BY 1 ORDER BY 1 LIMIT :most
"""
# buckets of one step; the newest counts although it is not over, as it does for a rule
_SLIDING = f"""
WITH grid AS (
  SELECT generate_series(date_bin(make_interval(secs => :every), :start - make_interval(secs => :window), 'epoch'),
    :end - interval '1 microsecond', make_interval(secs => :every)) AS bucket),
binned AS (
  SELECT date_bin(make_interval(secs => :every), time, 'epoch') AS bucket, sum(value) AS total, count(*) AS readings,
    max(value) AS most
  FROM observation WHERE sensor_id = :id AND metric = :metric AND time < :end
    AND time >= date_bin(make_interval(secs => :every), :start - make_interval(secs => :window), 'epoch')
    AND quality NOT IN {sql_list(UNJUDGED)}
  GROUP BY 1),
slid AS (
  SELECT bucket, sum(total) OVER back AS total, sum(readings) OVER back AS readings, max(most) OVER back AS most
  FROM grid LEFT JOIN binned USING (bucket)
  WINDOW back AS (ORDER BY bucket ROWS BETWEEN CAST(:behind AS bigint) PRECEDING AND CURRENT ROW))
SELECT LEAST(bucket + make_interval(secs => :every), :end) AS time, readings::bigint AS readings,
  CASE :function WHEN 'sum' THEN total WHEN 'mean' THEN total / readings ELSE most END AS value
FROM slid WHERE readings > 0 AND bucket >= date_bin(make_interval(secs => :every), :start, 'epoch')
ORDER BY bucket LIMIT :most
"""
STEPS_IN_WINDOW = 1_440


class Measured(TypedDict):
    """A sensor's newest value of one metric; `title` is how people write it, where its id cannot say so."""

    value: float
    unit: str | None
    quality: str
    time: str
    title: NotRequired[str]


class Sensor(TypedDict):
    """One sensor with its newest values by metric; `thresholds` in force by metric and level; the worst level of its
    alarms."""

    id: str
    kind: str
    name: str
    names: Text
    lon: float | None
    lat: float | None
    district: str
    classification: int
    status: str
    interval_s: float | None
    metrics: list[str]
    values: dict[str, Measured]
    heard_at: str | None
    thresholds: dict[str, dict[str, float]]
    attributes: JsonObject
    source: str | None
    first_seen_at: str
    alarm_level: int | None


class SeriesPoint(TypedDict, total=False):
    """A reading, or a step of a series with its mean, least, most and how many readings it is of."""

    time: str
    value: float
    quality: str
    min: float
    max: float
    count: int


class Series(TypedDict):
    """Values of one metric of one sensor, oldest first, and the limits in force: of a sum, mean or max (`function`)
    in a window of `window_s` seconds, those of that window."""

    sensor: str
    metric: str
    unit: str | None
    function: str | None
    window_s: float | None
    thresholds: dict[str, float]
    items: list[SeriesPoint]
    next: str | None


def read_sensors(
    conn: Connection,
    fixed: Mapping[str, Mapping[str, Mapping[str, float]]],
    *,
    ids: Sequence[str] | None = None,
    since: datetime | None = None,
    kind: str | None = None,
    status: str | None = None,
    after: str | None = None,
    most: int | None = None,
    pending_most: int | None = None,
    scope: Scope = EVERYTHING,
) -> list[Sensor]:
    """Sensors that are not retired by id: all, some, those heard since a moment, a page of them. `fixed` are the limits
    of rules per sensor kind, `{kind: {metric: {level: limit}}}`; per-site limits go before them. Of those nobody has
    registered the first `pending_most` only."""
    where = ["s.status <> 'retired'", seen("s.district", "s.classification")]
    if pending_most is not None:
        where.append(_PENDING_SHOWN)
    if ids is not None:
        where.append("s.id = ANY(:ids)")
    if since is not None:
        where.append("s.id IN (SELECT sensor_id FROM sensor_state WHERE received_at > :since)")
    for name, value in (("kind", kind), ("status", status)):
        if value is not None:
            where.append(f"s.{name} = :{name}")
    if after is not None:
        where.append("s.id > :after")
    rows = conn.execute(
        text(f"{_SENSORS} WHERE {' AND '.join(where)} ORDER BY s.id LIMIT :most"),
        {
            "ids": list(ids or []),
            "since": since,
            "kind": kind,
            "status": status,
            "after": after,
            "most": most,
            "pending_most": pending_most,
            **scope.params(),
        },
    )
    titles = read_titles(conn)
    return [sensor_object(row, fixed.get(row.kind, {}), titles) for row in rows]


# What was newest then: what is newest still, or the newest of what had come by then. A device's clock may be five
# minutes ahead of ours and its reading still moves the newest; a reading may come late. Looked for in the day before
# first: the readings are parts by the day.
_VALUES_AT = text("""
SELECT t.sensor_id, t.metric, n.time, n.value, n.unit, n.quality, n.received_at
FROM sensor_state t
LEFT JOIN LATERAL (SELECT time, value, unit, quality, received_at FROM observation
  WHERE t.received_at > :at AND sensor_id = t.sensor_id AND metric = t.metric
    AND time > CAST(:at AS timestamptz) - interval '1 day'
    AND time <= CAST(:at AS timestamptz) + interval '5 minutes' AND received_at <= :at AND quality <> 'future'
    ORDER BY time DESC LIMIT 1) d ON true
LEFT JOIN LATERAL (SELECT time, value, unit, quality, received_at FROM observation
  WHERE t.received_at > :at AND d.time IS NULL AND sensor_id = t.sensor_id AND metric = t.metric
    AND time <= CAST(:at AS timestamptz) - interval '1 day' AND received_at <= :at AND quality <> 'future'
    ORDER BY time DESC LIMIT 1) o ON true
CROSS JOIN LATERAL (SELECT
  CASE WHEN t.received_at <= :at THEN t.time ELSE COALESCE(d.time, o.time) END AS time,
  CASE WHEN t.received_at <= :at THEN t.value WHEN d.time IS NOT NULL THEN d.value ELSE o.value END AS value,
  CASE WHEN t.received_at <= :at THEN t.unit WHEN d.time IS NOT NULL THEN d.unit ELSE o.unit END AS unit,
  CASE WHEN t.received_at <= :at THEN t.quality WHEN d.time IS NOT NULL THEN d.quality ELSE o.quality END AS quality,
  CASE WHEN t.received_at <= :at THEN t.received_at WHEN d.time IS NOT NULL THEN d.received_at
    ELSE o.received_at END AS received_at) n
WHERE n.time IS NOT NULL
""")
# a classification is no part of the past: what is secret now is so in all its pictures
_ROWS_AT = text(f"""
SELECT w.row || jsonb_build_object('classification', COALESCE(n.classification, 0)) AS row
FROM ({was("sensor")}) w LEFT JOIN sensor n ON n.id = w.id
WHERE CAST(w.row->>'first_seen_at' AS timestamptz) <= :at ORDER BY w.id
""")
_IS_SEEN = text(f"SELECT 1 FROM sensor s WHERE s.id = :id AND {seen('s.district', 's.classification')}")


def read_sensors_at(
    conn: Connection,
    fixed: Mapping[str, Mapping[str, Mapping[str, float]]],
    alarm_levels: Mapping[str, int],
    at: datetime,
) -> list[Sensor]:
    """The sensors as they were at a moment. `fixed` are the limits of then, `alarm_levels` the worst level of each
    sensor's alarms."""
    values: dict[str, dict[str, Measured]] = {}
    heard: dict[str, datetime] = {}
    for r in conn.execute(_VALUES_AT, {"at": at}):
        time = r.time.astimezone(UTC).isoformat(timespec="milliseconds")
        values.setdefault(r.sensor_id, {})[r.metric] = {
            "value": r.value,
            "unit": r.unit,
            "quality": r.quality,
            "time": time,
        }
        heard[r.sensor_id] = max(r.received_at, heard.get(r.sensor_id, r.received_at))
    found, titles = [], read_titles(conn)
    for kept_row in conn.scalars(_ROWS_AT, {"at": at}):
        row = as_row(
            kept_row,
            values=values.get(kept_row["id"]),
            heard=heard.get(kept_row["id"]),
            alarm_level=alarm_levels.get(kept_row["id"]),
        )
        if row.status != "retired":
            found.append(sensor_object(row, fixed.get(row.kind, {}), titles))
    return found


def need_sensor(conn: Connection, sensor_id: str, scope: Scope) -> None:
    """NotFound where there is none, in use or not, or the scope does not reach it."""
    if not conn.scalar(_IS_SEEN, {"id": sensor_id, **scope.params()}):
        raise NotFound(f"there is no sensor {sensor_id!r}")


def read_titles(conn: Connection) -> dict[str, str]:
    """How people write the metrics whose names are no ids of ours."""
    return {row.metric: row.title for row in conn.execute(text("SELECT metric, title FROM metric_title"))}


def sensor_object(row: Any, fixed: Mapping[str, Mapping[str, float]], titles: Mapping[str, str]) -> Sensor:
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name_zh,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "lon": row.lon,
        "lat": row.lat,
        "district": row.district,
        "classification": row.classification,
        "status": row.status,
        "interval_s": row.interval_s,
        "metrics": row.metrics,
        "values": {metric: as_measured(held, titles.get(metric)) for metric, held in (row.values or {}).items()},
        "heard_at": rfc3339(row.heard) if row.heard else None,
        "thresholds": {**{m: dict(levels) for m, levels in fixed.items()}, **row.thresholds},
        "attributes": row.attributes,
        "source": row.source_id,
        "first_seen_at": rfc3339(row.first_seen_at),
        "alarm_level": row.alarm_level,
    }


def as_measured(held: Measured, title: str | None) -> Measured:
    """A value is a float again: jsonb writes 1e30 as an integer of 31 digits, which no encoder of 64-bit integers
    takes."""
    measured: Measured = {
        "value": float(held["value"]),
        "unit": held["unit"],
        "quality": held["quality"],
        "time": held["time"],
    }
    return measured if title is None else {**measured, "title": title}


def read_series(
    conn: Connection, sensor_id: str, metric: str, start: datetime, end: datetime, every_s: float | None
) -> list[SeriesPoint]:
    """Values of one metric in [start, end), oldest first; with `every_s` means with minimum and maximum per step."""
    return read_series_page(conn, sensor_id, metric, start, end, every_s)[0]


def read_series_page(
    conn: Connection,
    sensor_id: str,
    metric: str,
    start: datetime,
    end: datetime,
    every_s: float | None,
    *,
    after: datetime | None = None,
    most: int = SERIES_AT_MOST,
) -> tuple[list[SeriesPoint], datetime | None]:
    """The same, a page of it: what comes after the reading or step at `after`; and when its last one was, where there
    are more."""
    if not conn.scalar(text("SELECT 1 FROM sensor WHERE id = :id"), {"id": sensor_id}):
        raise NotFound(f"there is no sensor {sensor_id!r}")
    if after is not None:
        start = max(start, after + timedelta(seconds=every_s or 1e-6))
    given = {"id": sensor_id, "metric": metric, "start": start, "end": end, "every": every_s, "most": most + 1}
    where = "FROM observation WHERE sensor_id = :id AND metric = :metric AND time >= :start AND time < :end"
    if every_s is None:
        rows = conn.execute(text(f"SELECT time, value, quality {where} ORDER BY time LIMIT :most"), given).all()
        points: list[SeriesPoint] = [{"time": rfc3339(r.time), "value": r.value, "quality": r.quality} for r in rows]
    else:
        # whole hours come from the hourly history, which reaches further back than the readings do; what it has not
        # counted yet from them
        counted = every_s % 3600 == 0 and start.timestamp() % 3600 == 0
        rows = conn.execute(text(_HOURLY if counted else _STEPS), given).all()
        points = [
            {"time": rfc3339(r.time), "value": r.value, "min": r.least, "max": r.most, "count": r.readings}
            for r in rows
        ]
    return points[:most], rows[most - 1].time if len(rows) > most else None


def first_reading(conn: Connection, sensor_id: str, metrics: Sequence[str], since: datetime) -> datetime | None:
    """When the first reading of any of these was made, from a moment on."""
    found: datetime | None = conn.scalar(
        text(f"""
SELECT min(time) FROM observation
WHERE sensor_id = :id AND metric = ANY(:metrics) AND time >= :since AND quality NOT IN {sql_list(UNJUDGED)}
"""),
        {"id": sensor_id, "metrics": list(metrics), "since": since},
    )
    return found


def read_sliding(
    conn: Connection,
    sensor_id: str,
    metric: str,
    start: datetime,
    end: datetime,
    every_s: float,
    function: str,
    window_s: float,
    *,
    after: datetime | None = None,
    most: int = SERIES_AT_MOST,
) -> tuple[list[SeriesPoint], datetime | None]:
    """What a rule judges: the sum, mean or max of the readings in the window that ends with each step, where it holds
    any; a page of it, and when its last step ended where there are more. InputError where the window is no whole number
    of steps, or of too many."""
    steps = round(window_s / every_s)
    if abs(steps * every_s - window_s) > 1e-6 or not 1 <= steps <= STEPS_IN_WINDOW:
        told = f"window: expected 1 to {STEPS_IN_WINDOW} times `every` ({every_s:g} s), got {window_s:g} s"
        raise InputError(told, field="window", about=expects("window", "window_steps", most=str(STEPS_IN_WINDOW)))
    start = start if after is None else max(start, after)
    if (end - start).total_seconds() / every_s > SERIES_AT_MOST:
        raise InputError(
            f"from: expected at most {SERIES_AT_MOST} steps of `every`",
            field="from",
            about=expects("from", "steps_most", most=str(SERIES_AT_MOST)),
        )
    given = {"id": sensor_id, "metric": metric, "start": start, "end": end, "every": every_s, "most": most + 1}
    rows = conn.execute(
        text(_SLIDING), {**given, "function": function, "window": window_s - every_s, "behind": steps - 1}
    ).all()
    # differences of floats: a dry hour must read 0, not 1e-16
    points: list[SeriesPoint] = [
        {"time": rfc3339(r.time), "value": round(float(r.value), 9), "count": r.readings} for r in rows
    ]
    return points[:most], rows[most - 1].time if len(rows) > most else None
