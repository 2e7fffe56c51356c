"""One batch, one transaction: records to rows, repeats recognised, conflicts and unreadable messages to dead letters.

Every row carries the moment of the batch that first wrote it (`received_at`, unique per writer): a row of ours that is there
with another moment is a repeat. The first wins; a repeat that differs is a conflict. Rows go in key order, so that two
writers never deadlock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection, text

from core import pgarray
from core.db import BATCH_CHANNEL, CHANGE_CHANNEL, DISPATCH_CHANNEL, notify
from core.pgarray import from_pg_us, pack_floats, pack_text, pack_times
from core.types import partition_of
from core.vocabulary import Quality
from ingest import partitions
from ingest.receive import Arrived
from ingest.records import (
    IncidentReportRow,
    PositionRow,
    Reading,
    SnapshotRow,
    TaskReplyRow,
    UnitReportRow,
    VideoEventRow,
    WarningRow,
)

DAY_US = 86_400_000_000


@dataclass(slots=True)
class Written:
    """What one batch came to, in readings and records."""

    inserted: int = 0
    repeats: int = 0
    conflicts: int = 0
    dead: int = 0
    kinds: set[str] = field(default_factory=set)


class Placed(NamedTuple):
    """A record and the message it came in."""

    record: Any
    message: Arrived


@dataclass(frozen=True, slots=True)
class TableSpec:
    """How records of one type become rows: columns with their SQL array type, how many of them are the key."""

    table: str
    columns: tuple[tuple[str, str], ...]
    key: int
    tell: tuple[str, str]  # channel, kind
    selects: dict[str, str] = field(default_factory=dict)


CHANGE, DISPATCH = CHANGE_CHANNEL, DISPATCH_CHANNEL
SPECS: dict[type, TableSpec] = {
    VideoEventRow: TableSpec(
        "video_event",
        (("camera_id", "text"), ("event_id", "text"), ("time", "timestamptz"), ("kind", "text"), ("score", "float8"), ("zone", "text"), ("snapshot", "text"), ("geom", "text")),
        2, (CHANGE, "video_event"), {"geom": "ST_GeomFromEWKT(u.geom)"},
    ),
    SnapshotRow: TableSpec("snapshot", (("camera_id", "text"), ("sha256", "text"), ("event_id", "text"), ("body", "bytea")), 2, (CHANGE, "snapshot")),
    PositionRow: TableSpec(
        "unit_position",
        (("unit_id", "text"), ("time", "timestamptz"), ("lon", "float8"), ("lat", "float8"), ("speed", "float8"), ("heading", "float8"), ("accuracy", "float8"), ("battery", "float8")),
        2, (CHANGE, "position"),
    ),
    UnitReportRow: TableSpec("unit_report", (("unit_id", "text"), ("time", "timestamptz"), ("status", "text")), 2, (DISPATCH, "unit_report")),
    IncidentReportRow: TableSpec(
        "incident_report",
        (("channel", "text"), ("report_id", "text"), ("time", "timestamptz"), ("kind", "text"), ("level", "int"), ("title", "text"), ("text", "text"), ("address", "text"), ("reporter", "text"), ("lon", "float8"), ("lat", "float8")),
        2, (DISPATCH, "incident_report"),
    ),
    TaskReplyRow: TableSpec("task_reply", (("unit_id", "text"), ("task_id", "text"), ("time", "timestamptz"), ("state", "text"), ("text", "text")), 4, (DISPATCH, "task_reply")),
    WarningRow: TableSpec(
        "warning",
        (("sender", "text"), ("identifier", "text"), ("sent", "timestamptz"), ("msg_type", "text"), ("status", "text"), ("headline", "text"), ("severity", "text"), ("expires", "timestamptz"), ("body", "text")),
        3, (CHANGE, "warning"),
    ),
}  # fmt: skip

INSERT_OBSERVATIONS = """
INSERT INTO observation (sensor_id, metric, time, value, unit, quality, received_at)
SELECT u.*, %(now)s FROM unnest(%(sensors)s, %(metrics)s, %(times)s, %(values)s, %(units)s, %(qualities)s) AS u
ON CONFLICT DO NOTHING
"""
REPEATED_OBSERVATIONS = """
SELECT u.ord - 1, o.value, o.unit
FROM unnest(%(sensors)s, %(metrics)s, %(times)s) WITH ORDINALITY AS u (sensor_id, metric, time, ord)
JOIN observation o USING (sensor_id, metric, time) WHERE o.received_at <> %(now)s
"""
UPSERT_STATE = """
INSERT INTO sensor_state (sensor_id, metric, time, value, unit, quality, received_at)
SELECT u.*, %(now)s FROM unnest(%(sensors)s, %(metrics)s, %(times)s, %(values)s, %(units)s, %(qualities)s) AS u
ON CONFLICT (sensor_id, metric) DO UPDATE SET time = EXCLUDED.time, value = EXCLUDED.value, unit = EXCLUDED.unit,
  quality = EXCLUDED.quality, received_at = EXCLUDED.received_at
WHERE EXCLUDED.time > sensor_state.time
"""
REGISTER_PENDING = text("""
INSERT INTO sensor (id, kind, name_zh, name_en, status, metrics, thresholds, attributes, district, geom, first_seen_at)
VALUES (:id, 'unknown', :id, :id, 'pending', :metrics, '{}', '{}', '000000', ST_GeomFromEWKT(:geom), :now)
ON CONFLICT (id) DO NOTHING
""")
MOVE_UNITS = """
INSERT INTO unit_state (unit_id, time, lon, lat, speed, heading, accuracy, battery)
SELECT DISTINCT ON (u.unit_id) u.*
FROM unnest(%s::text[], %s::timestamptz[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::float8[])
  AS u (unit_id, time, lon, lat, speed, heading, accuracy, battery)
ORDER BY u.unit_id, u.time DESC
ON CONFLICT (unit_id) DO UPDATE SET time = EXCLUDED.time, lon = EXCLUDED.lon, lat = EXCLUDED.lat, speed = EXCLUDED.speed,
  heading = EXCLUDED.heading, accuracy = EXCLUDED.accuracy, battery = EXCLUDED.battery
WHERE EXCLUDED.time > unit_state.time
"""


class Writer:
    """Writes batches on the caller's transaction. Remembers which sensors and partitions exist, nothing else."""

    def __init__(self, engine_partitions: int) -> None:
        self._engine_partitions = engine_partitions
        self._known: set[str] = set()
        self._days: set[date] = set()
        self._last_moment: datetime | None = None

    def forget(self) -> None:
        """Drop what we remember, after a failed transaction."""
        self._known.clear()
        self._days.clear()

    def write(self, conn: Connection, messages: Sequence[Arrived], now: datetime) -> Written:
        """Write one batch; the caller commits and then acknowledges."""
        now = self._moment(now)
        raw = conn.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        pgarray.register(raw)
        done = Written()
        groups: dict[type, list[Placed]] = {}
        for message in messages:
            for record in message.records:
                groups.setdefault(type(record), []).append(Placed(record, message))
        conflicts: list[tuple[Placed, str]] = []
        if Reading in groups:
            conflicts += self._write_readings(conn, raw, groups.pop(Reading), now, done)
        for kind in sorted(groups, key=lambda k: SPECS[k].table):
            conflicts += self._write_rows(conn, raw, SPECS[kind], groups[kind], now, done)
        self._bury(conn, messages, conflicts, now, done)
        return done

    def _moment(self, now: datetime) -> datetime:
        if self._last_moment is not None and now <= self._last_moment:
            now = self._last_moment + pgarray.MICROSECOND
        self._last_moment = now
        return now

    # --- observations ---------------------------------------------------------------------------------------------

    def _write_readings(
        self, conn: Connection, raw: psycopg.Connection[Any], placed: list[Placed], now: datetime, done: Written
    ) -> list[tuple[Placed, str]]:
        unique, conflicts = first_of_each(placed, 3, lambda r: (r.value, r.unit), done)
        self._need_days(conn, {p.record.time // DAY_US for p in unique})
        self._need_sensors(conn, unique, now)
        arrays = reading_arrays(unique)
        cursor = raw.execute(INSERT_OBSERVATIONS, {**arrays, "now": now})
        fresh = unique
        if cursor.rowcount < len(unique):
            repeated = raw.execute(REPEATED_OBSERVATIONS, {**arrays, "now": now}).fetchall()
            conflicts += [
                (unique[i], f"value: {value:g} was stored for this time before")
                for i, value, unit in repeated
                if (value, unit) != (unique[i].record.value, unique[i].record.unit)
            ]
            gone = {i for i, _, _ in repeated}
            done.repeats += len(gone)
            fresh = [p for i, p in enumerate(unique) if i not in gone]
        done.inserted += len(fresh)
        self._advance(conn, raw, [p.record for p in fresh if p.record.quality != Quality.FUTURE], now)
        if fresh:
            done.kinds.add("sensor")
        return conflicts

    def _need_days(self, conn: Connection, day_numbers: set[int]) -> None:
        days = {from_pg_us(n * DAY_US).date() for n in day_numbers} - self._days
        if days:
            partitions.make_partitions(conn, sorted(days))
            self._days |= days

    def _need_sensors(self, conn: Connection, placed: list[Placed], now: datetime) -> None:
        """Register sensors nobody has told us of as pending: stored, not judged."""
        unknown = [p.record for p in placed if p.record.sensor_id not in self._known]
        # of several readings the one that says where it was taken
        missing = {r.sensor_id: r for r in sorted(unknown, key=lambda r: r.lon is not None)}
        if not missing:
            return
        there = conn.scalars(text("SELECT id FROM sensor WHERE id = ANY(:ids)"), {"ids": list(missing)}).all()
        for name in sorted(set(missing) - set(there)):
            reading = missing[name]
            metrics = sorted({p.record.metric for p in placed if p.record.sensor_id == name})
            geom = None if reading.lon is None else f"SRID=4326;POINT({reading.lon!r} {reading.lat!r})"
            conn.execute(REGISTER_PENDING, {"id": name, "metrics": metrics, "geom": geom, "now": now})
        self._known |= set(missing)

    def _advance(self, conn: Connection, raw: psycopg.Connection[Any], readings: list[Reading], now: datetime) -> None:
        """Move the newest values on and hand the readings to the engine."""
        if not readings:
            return
        newest: dict[tuple[str, str], Reading] = {}
        for reading in readings:
            held = newest.get((reading.sensor_id, reading.metric))
            if held is None or reading.time > held.time:
                newest[reading.sensor_id, reading.metric] = reading
        raw.execute(UPSERT_STATE, {**reading_arrays([Placed(newest[key], None) for key in sorted(newest)]), "now": now})  # type: ignore[arg-type]
        shares: dict[int, list[Reading]] = {}
        for reading in readings:
            shares.setdefault(partition_of(reading.sensor_id, self._engine_partitions), []).append(reading)
        for partition, share in sorted(shares.items()):
            raw.execute(
                "INSERT INTO ingest_batch (partition, created_at, sensor_ids, metrics, times, values) VALUES (%s, %s, %s, %s, %s, %s)",
                (
                    partition,
                    now,
                    pack_text([r.sensor_id for r in share]),
                    pack_text([r.metric for r in share]),
                    pack_times([r.time for r in share]),
                    pack_floats([r.value for r in share]),
                ),
            )
        notify(conn, BATCH_CHANNEL, {"partitions": sorted(shares)})
        notify(conn, CHANGE_CHANNEL, {"kind": "sensor", "reread": True})

    # --- everything else ------------------------------------------------------------------------------------------

    def _write_rows(
        self,
        conn: Connection,
        raw: psycopg.Connection[Any],
        spec: TableSpec,
        placed: list[Placed],
        now: datetime,
        done: Written,
    ) -> list[tuple[Placed, str]]:
        unique, conflicts = first_of_each(placed, spec.key, lambda r: tuple(r)[spec.key :], done)
        columns = columns_of(unique, spec)
        cursor = raw.execute(insert_sql(spec), [*columns, now])
        fresh = unique
        if cursor.rowcount < len(unique):
            repeated = raw.execute(repeated_sql(spec), [*columns, now]).fetchall()
            conflicts += [
                (unique[i], "another message with this key was stored before") for i, differs in repeated if differs
            ]
            gone = {i for i, _ in repeated}
            done.repeats += len(gone)
            fresh = [p for i, p in enumerate(unique) if i not in gone]
        done.inserted += len(fresh)
        if fresh and spec.table == "unit_position":
            timely = [p for p in fresh if from_pg_us(p.record.time) <= now + pgarray.MICROSECOND * 300_000_000]
            raw.execute(MOVE_UNITS, columns_of(timely, spec))
        if fresh:
            done.kinds.add(spec.tell[1])
            ids = sorted({p.record[0] for p in fresh})
            notify(conn, spec.tell[0], {"kind": spec.tell[1], "ids": ids})
        return conflicts

    # --- dead letters ---------------------------------------------------------------------------------------------

    def _bury(
        self,
        conn: Connection,
        messages: Sequence[Arrived],
        conflicts: list[tuple[Placed, str]],
        now: datetime,
        done: Written,
    ) -> None:
        letters = [(m, m.reason, m.detail, m.fault) for m in messages if m.reason is not None]
        seen: set[int] = set()
        for placed, detail in conflicts:
            done.conflicts += 1
            if id(placed.message) not in seen:
                seen.add(id(placed.message))
                letters.append((placed.message, "conflict", detail, None))
        if not letters:
            return
        conn.execute(
            text(
                "INSERT INTO dead_letter (received_at, topic, payload, properties, reason, detail, field) "
                "VALUES (:now, :topic, :payload, CAST(:properties AS jsonb), :reason, :detail, :field)"
            ),
            [
                {
                    "now": now,
                    "topic": printable(message.topic),
                    "payload": message.payload,
                    "properties": json.dumps({k: printable(v) for k, v in message.properties.items()}),
                    "reason": reason,
                    "detail": printable(detail)[:2000],
                    "field": fault,
                }
                for message, reason, detail, fault in letters
            ],
        )
        done.dead += len(letters)
        done.kinds.add("dead_letter")
        notify(conn, CHANGE_CHANNEL, {"kind": "health", "reread": True})


def printable(value: str) -> str:
    """PostgreSQL stores no NUL in text."""
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def first_of_each(
    placed: list[Placed], key: int, body: Callable[[Any], Any], done: Written
) -> tuple[list[Placed], list[tuple[Placed, str]]]:
    """The first record of each key in key order, and those of the same batch that contradict it."""
    held: dict[tuple[Any, ...], Placed] = {}
    conflicts = []
    for item in placed:
        first = held.setdefault(tuple(item.record[:key]), item)
        if first is item:
            continue
        done.repeats += 1
        if body(first.record) != body(item.record):
            conflicts.append((item, "another message with this key came before"))
    return [held[k] for k in sorted(held)], conflicts


def reading_arrays(placed: Sequence[Placed]) -> dict[str, Any]:
    sensors, metrics, times, values, units, qualities, _, _ = zip(*(p.record for p in placed), strict=True)
    return {
        "sensors": pack_text(sensors),
        "metrics": pack_text(metrics),
        "times": pack_times(times),
        "values": pack_floats(values),
        "units": pack_text(units),
        "qualities": pack_text(qualities),
    }


def columns_of(placed: Sequence[Placed], spec: TableSpec) -> list[list[Any]]:
    columns = []
    for i, (_, kind) in enumerate(spec.columns):
        values = [p.record[i] for p in placed]
        if kind == "timestamptz":
            values = [None if v is None else from_pg_us(v) for v in values]
        columns.append(values)
    return columns


def _unnest(spec: TableSpec) -> str:
    return "unnest(" + ", ".join(f"%s::{kind}[]" for _, kind in spec.columns) + ")"


def insert_sql(spec: TableSpec) -> bytes:
    names = ", ".join(name for name, _ in spec.columns)
    picks = ", ".join(spec.selects.get(name, f"u.{name}") for name, _ in spec.columns)
    return (
        f"INSERT INTO {spec.table} ({names}, received_at) SELECT {picks}, moment.at "
        f"FROM {_unnest(spec)} AS u ({names}), (SELECT %s::timestamptz) AS moment (at) ON CONFLICT DO NOTHING"
    ).encode()


def repeated_sql(spec: TableSpec) -> bytes:
    """Positions of rows that were there before, and whether they say something else."""
    names = [name for name, _ in spec.columns]
    same = " AND ".join(f"t.{name} = u.{name}" for name in names[: spec.key])
    differs = " OR ".join(
        f"t.{name} IS DISTINCT FROM {spec.selects.get(name, f'u.{name}')}"
        for name in names[spec.key :]
        if name != "body"
    )
    return (
        f"SELECT u.ord - 1, {differs or 'false'} FROM {_unnest(spec)} WITH ORDINALITY AS u ({', '.join(names)}, ord) "
        f"JOIN {spec.table} t ON {same} WHERE t.received_at <> %s"
    ).encode()
