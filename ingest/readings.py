"""Readings to rows: flagged, written once, handed to the engine, the newest value moved on, the hour marked for its
rollup."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import texts
from core.db import BATCH_CHANNEL, CHANGE_CHANNEL, note, notify
from core.packed import pack
from core.pgarray import PackedFloats, PackedText, PackedTimes, from_pg_us, pack_floats, pack_text, pack_times, to_pg_us
from core.types import partition_of
from core.vocabulary import UNJUDGED, Quality
from ingest import partitions, rollup
from ingest.arrived import Arrived, beginning
from ingest.flood import Flood
from ingest.names import fit_spelling
from ingest.quality import Extent, Seen, flag, see
from ingest.records import Reading
from ingest.rows import Placed, first_of_each, told_key

DAY_US = 86_400_000_000
SECOND = 1_000_000
KNOWN_AT_MOST = 1_000_000
NUMBERED_IN = 5
Key = tuple[str, str]

INSERT = """
INSERT INTO observation (sensor_id, metric, time, value, unit, quality, received_at)
SELECT u.*, %(now)s FROM unnest(%(sensors)s, %(metrics)s, %(times)s, %(values)s, %(units)s, %(qualities)s) AS u
ON CONFLICT DO NOTHING
"""
REPEATED = """
SELECT u.ord - 1, o.value, o.unit
FROM unnest(%(sensors)s, %(metrics)s, %(times)s) WITH ORDINALITY AS u (sensor_id, metric, time, ord)
JOIN observation o USING (sensor_id, metric, time) WHERE o.received_at <> %(now)s
"""
WITHIN_SECOND = """
SELECT u.ord - 1, o.time, o.value, o.unit
FROM unnest(%(sensors)s::text[], %(metrics)s::text[], %(times)s::timestamptz[])
  WITH ORDINALITY AS u (sensor_id, metric, second, ord)
JOIN observation o ON o.sensor_id = u.sensor_id AND o.metric = u.metric
  AND o.time >= u.second AND o.time < u.second + interval '1 second'
"""
UPSERT_STATE = """
INSERT INTO sensor_state (sensor_id, metric, time, value, unit, quality, same_since, received_at)
SELECT u.*, %(now)s FROM unnest(%(sensors)s, %(metrics)s, %(times)s, %(values)s, %(units)s, %(qualities)s,
  %(since)s) AS u
ON CONFLICT (sensor_id, metric) DO UPDATE SET time = EXCLUDED.time, value = EXCLUDED.value, unit = EXCLUDED.unit,
  quality = EXCLUDED.quality, received_at = EXCLUDED.received_at,
  same_since = CASE WHEN sensor_state.value = EXCLUDED.value
    THEN LEAST(sensor_state.same_since, EXCLUDED.same_since) ELSE EXCLUDED.same_since END
WHERE EXCLUDED.time > sensor_state.time
"""
HAND_ON = "INSERT INTO ingest_batch (partition, created_at, packed) VALUES (%(partition)s, %(now)s, %(packed)s)"
# in key order, as all that several ingesters write
NUMBER = """
WITH asked AS (SELECT * FROM unnest(%(sensors)s::text[], %(metrics)s::text[]) AS u (sensor_id, metric)),
added AS (INSERT INTO series (sensor_id, metric) SELECT a.* FROM asked a
  WHERE NOT EXISTS (SELECT 1 FROM series s WHERE s.sensor_id = a.sensor_id AND s.metric = a.metric)
  ORDER BY 1, 2 ON CONFLICT DO NOTHING RETURNING sensor_id, metric, number)
SELECT sensor_id, metric, number FROM added
UNION ALL SELECT s.sensor_id, s.metric, s.number FROM series s JOIN asked USING (sensor_id, metric)
"""
TELL = "SELECT pg_notify(%s, %s)"
SENSORS_CHANGED = note({"kind": "sensor", "reread": True})
REGISTER_PENDING = text("""
INSERT INTO sensor (id, kind, name_zh, name_en, status, interval_s, metrics, thresholds,
  attributes, district, geom, first_seen_at, source_id)
VALUES (:id, 'unknown', :name, :name, 'pending', :interval_s, :metrics, '{}', CAST(:attributes AS jsonb),
  COALESCE(CAST(:district AS text), (SELECT code FROM district d
    WHERE ST_Contains(d.geom, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)) LIMIT 1), '000000'),
  ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), :now, :source)
ON CONFLICT (id) DO NOTHING
""")
NAME_METRICS = """
INSERT INTO metric_title (metric, title) SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT DO NOTHING
"""
# the name that the device has with people, for a sensor that only had its id
NAME_SENSORS = text("""
UPDATE sensor SET name_zh = u.name, name_en = u.name
FROM unnest(CAST(:ids AS text[]), CAST(:names AS text[])) AS u (id, name)
WHERE sensor.id = u.id AND sensor.status = 'pending' AND sensor.name_zh = sensor.id AND sensor.name_en = sensor.id
""")
KNOWN_SENSORS = text("""
SELECT s.id, s.source_id, s.status, s.name_zh, t.metric, t.time, t.value, COALESCE(t.same_since, t.time) AS since
FROM sensor s LEFT JOIN sensor_state t ON t.sensor_id = s.id WHERE s.id = ANY(:ids)
""")
NAME_SOURCE = text("""
UPDATE sensor SET source_id = u.source FROM unnest(CAST(:ids AS text[]), CAST(:sources AS text[])) AS u (id, source)
WHERE sensor.id = u.id AND sensor.source_id IS NULL
""")


class ReadingArrays(TypedDict):
    """Readings by column, as the statements take them."""

    sensors: PackedText
    metrics: PackedText
    times: PackedTimes
    values: PackedFloats
    units: PackedText
    qualities: PackedText


class PendingSensor(TypedDict):
    """A sensor that nobody has registered, as REGISTER_PENDING takes it; `attributes` is JSON."""

    id: str
    name: str
    metrics: list[str]
    lon: float | None
    lat: float | None
    source: str | None
    interval_s: float | None
    district: str | None
    attributes: str


class ReadingWriter:
    """Remembers which sensors and partitions exist and what was newest; `forget` after a transaction that failed."""

    def __init__(self, engine_partitions: int, flood: Flood | None = None) -> None:
        self._engine_partitions = engine_partitions
        self._flood = flood
        self._known: set[str] = set()
        # metrics whose spelling is kept
        self._titled: set[str] = set()
        self._seen: dict[Key, Seen] = {}
        # what the engine is told in place of sensor and metric
        self._numbers: dict[Key, int] = {}
        self._days: set[date] = set()
        self._marked = rollup.Marks()

    def forget(self) -> None:
        self._known.clear()
        self._titled.clear()
        self._seen.clear()
        self._numbers.clear()
        self._days.clear()
        self._marked.forget()

    def write(
        self,
        conn: Connection,
        raw: psycopg.Connection[Any],
        placed: list[Placed],
        now: datetime,
        clock: int,
        extent: Extent | None,
        also: Callable[[list[Placed]], None] | None = None,
    ) -> tuple[list[Placed], int, list[tuple[Placed, str]]]:
        """What was new, how many came again, and what contradicts an earlier message. `also` is given what was new
        where nothing came again, and may send more statements in the same breath."""
        if max(len(self._known), len(self._seen), len(self._numbers), len(self._titled)) > KNOWN_AT_MOST:
            self.forget()  # a device that makes up names must not fill the process
        unique, conflicts, repeats = first_of_each(placed, 3, lambda r: (r.value, r.unit))
        self._need_days(conn, {p.record.time // DAY_US for p in unique})
        held = self._need_sensors(conn, unique, now)
        if held:
            unique = [p for p in unique if p.record.sensor_id not in held]
            also = None
            if not unique:
                return [], repeats, conflicts
        self._need_titles(raw, unique)
        self._need_numbers(raw, unique)
        if any(p.message.again for p in unique):
            told = len(unique)
            unique = [p for p in unique if not self._is_known(p)]
            repeats += told - len(unique)
            if not unique:
                return [], repeats, conflicts
        fresh, again, against = self._store(raw, unique, extent, now, clock, also if not conflicts else None)
        repeats, conflicts = repeats + again, conflicts + against
        coarse = [(p, why) for p, why in conflicts if p.message.source is not None and p.message.source.coarse]
        if not coarse:
            return fresh, repeats, conflicts
        conflicts = [one for one in conflicts if one not in coarse]
        arrived = {id(p): n for n, p in enumerate(placed)}
        moved = self._move_on(raw, sorted((p for p, _ in coarse), key=lambda p: arrived[id(p)]))
        later, _, against = self._store(raw, moved, extent, now, clock, None) if moved else ([], 0, [])
        return fresh + later, repeats - len(moved), conflicts + against

    def _store(
        self,
        raw: psycopg.Connection[Any],
        unique: list[Placed],
        extent: Extent | None,
        now: datetime,
        clock: int,
        also: Callable[[list[Placed]], None] | None,
    ) -> tuple[list[Placed], int, list[tuple[Placed, str]]]:
        """Readings of different keys, in key order: what was new, how many were there, and what contradicts them."""
        conflicts: list[tuple[Placed, str]] = []
        qualities = self._flag(unique, extent, clock)
        arrays = reading_arrays([p.record for p in unique], qualities)
        # what can go in one breath does: each answer waited for is a millisecond on a busy machine
        with raw.pipeline() as pipe:
            cursor = raw.execute(INSERT, {**arrays, "now": now})
            pipe.sync()
            if cursor.rowcount == len(unique):
                self._advance(raw, [p.record for p in unique], qualities, now, clock)
                if also is not None:
                    also(unique)
                return unique, 0, conflicts
        repeated = raw.execute(REPEATED, {**arrays, "now": now}).fetchall()
        conflicts += [
            (unique[i], contradicted(unique[i].record, value, unit))
            for i, value, unit in repeated
            if (value, unit) != (unique[i].record.value, unique[i].record.unit)
        ]
        gone = {i for i, _, _ in repeated}
        fresh = [p for i, p in enumerate(unique) if i not in gone]
        if fresh:
            kept = [q for i, q in enumerate(qualities) if i not in gone]
            with raw.pipeline():
                self._advance(raw, [p.record for p in fresh], kept, now, clock)
        return fresh, len(gone), conflicts

    def _move_on(self, raw: psycopg.Connection[Any], placed: list[Placed]) -> list[Placed]:
        """Readings of one second by a clock that counts whole ones, each moved to the next free microsecond of it, in
        the order in which they came. One whose value stands in that second already is a repeat and left out."""
        seconds = [p.record.time - p.record.time % SECOND for p in placed]
        asked = {
            "sensors": [p.record.sensor_id for p in placed],
            "metrics": [p.record.metric for p in placed],
            "times": [from_pg_us(at) for at in seconds],
        }
        there: dict[tuple[str, str, int], dict[tuple[float, str | None], int]] = {}
        for ordinal, at, value, unit in raw.execute(WITHIN_SECOND, asked):
            record = placed[ordinal].record
            key = (record.sensor_id, record.metric, seconds[ordinal])
            there.setdefault(key, {})[value, unit] = to_pg_us(at)
        moved = []
        for (record, message), second in zip(placed, seconds, strict=True):
            held = there.setdefault((record.sensor_id, record.metric, second), {})
            if (record.value, record.unit) in held:
                continue
            at = max(held.values(), default=second - 1) + 1
            held[record.value, record.unit] = at
            moved.append(Placed(record._replace(time=at), message))
        return sorted(moved, key=lambda p: tuple(p.record[:3]))

    def _is_known(self, placed: Placed) -> bool:
        """Whether a message that is sent again, and says no time, tells what we know as newest: it was written and not
        acknowledged. Its time would be another now, so that its key alone does not show it."""
        reading, message = placed
        seen = self._seen.get((reading.sensor_id, reading.metric))
        timeless = message.again and reading.time == message.at
        return timeless and seen is not None and seen.value == reading.value

    def _flag(self, unique: list[Placed], extent: Extent | None, now: int) -> list[str]:
        """The quality of each, in order of sensor, metric and time; what was seen moves on."""
        qualities = []
        for reading, _ in unique:
            key = (reading[0], reading[1])
            before = self._seen.get(key)
            quality = flag(reading, before, extent, now)
            if quality not in UNJUDGED:
                self._seen[key] = see(reading, before)
            qualities.append(quality)
        return qualities

    def _need_days(self, conn: Connection, day_numbers: set[int]) -> None:
        days = {from_pg_us(n * DAY_US).date() for n in day_numbers} - self._days
        if days:
            partitions.make_partitions(conn, sorted(days))
            self._days |= days

    def _need_sensors(self, conn: Connection, placed: list[Placed], now: datetime) -> set[str]:
        """Register sensors nobody has told us of as pending: stored, not judged. Read what is newest of those we meet
        first. Names that are held back (ingest.flood) are the answer."""
        unknown = {p.record.sensor_id for p in placed} - self._known
        if not unknown:
            return set()
        there: dict[str, str | None] = {}
        unnamed: set[str] = set()
        for row in conn.execute(KNOWN_SENSORS, {"ids": sorted(unknown)}):
            there[row.id] = row.source_id
            if row.status == "pending" and row.name_zh == row.id:
                unnamed.add(row.id)
            if row.metric is not None:
                self._seen[row.id, row.metric] = Seen(to_pg_us(row.time), row.value, to_pg_us(row.since))
        # of several readings the one that says where it was taken
        first = {
            p.record.sensor_id: p
            for p in sorted(placed, key=lambda p: p.record.lon is not None)
            if p.record.sensor_id in unknown
        }
        pending = sorted(unknown - set(there))
        held: set[str] = set()
        if pending and self._flood is not None:
            held = set(pending) - self._flood.admit({name: first[name].message for name in pending}, now)
            pending = [name for name in pending if name not in held]
        for name in pending:
            metrics = sorted({p.record.metric for p in placed if p.record.sensor_id == name})
            conn.execute(REGISTER_PENDING, {**pending_row(first[name], metrics), "now": now})
        if pending:
            notify(conn, CHANGE_CHANNEL, {"kind": "sensor", "ids": pending})
        nameless = sorted(name for name, source in there.items() if source is None and first[name].message.source)
        if nameless:
            conn.execute(
                NAME_SOURCE, {"ids": nameless, "sources": [first[name].message.source_id for name in nameless]}
            )
        called = {name: words for name in sorted(unnamed) if (words := spelling(first[name].message, name))}
        if called:
            conn.execute(NAME_SENSORS, {"ids": list(called), "names": list(called.values())})
        self._known |= unknown - held
        return held

    def _need_titles(self, raw: psycopg.Connection[Any], placed: list[Placed]) -> None:
        """Keep how people write metrics whose names are no ids of ours."""
        told = {p.record.metric: p.message for p in placed if p.message.spelled and p.record.metric not in self._titled}
        titles = {metric: words for metric, message in sorted(told.items()) if (words := spelling(message, metric))}
        if titles:
            raw.execute(NAME_METRICS, (list(titles), list(titles.values())))
        self._titled |= set(told)

    def _advance(
        self,
        raw: psycopg.Connection[Any],
        fresh: list[Reading],
        qualities: list[str],
        now: datetime,
        clock: int,
    ) -> None:
        """Move the newest values on, hand the readings to the engine, mark their hours."""
        timely = [(r, q) for r, q in zip(fresh, qualities, strict=True) if q != Quality.FUTURE]
        if timely:
            newest = {(r[0], r[1]): (r, q) for r, q in timely}  # sorted by time: the last of a key is its newest
            rows, flags = zip(*newest.values(), strict=True)
            since = [self._since(reading) for reading in rows]
            raw.execute(UPSERT_STATE, {**reading_arrays(rows, flags), "since": pack_times(since), "now": now})
            raw.execute(TELL, (CHANGE_CHANNEL, SENSORS_CHANGED))
        judged = [r for r, q in timely if q not in UNJUDGED]
        self._hand_on(raw, judged, now)
        self._marked.mark(raw, judged, clock)

    def _since(self, reading: Reading) -> int:
        seen = self._seen.get((reading.sensor_id, reading.metric))
        return seen.since if seen is not None and seen.time == reading.time else reading.time

    def _need_numbers(self, raw: psycopg.Connection[Any], placed: list[Placed]) -> None:
        """Number the series that we meet first."""
        numbers = self._numbers
        unknown = {key for p in placed if (key := p.record[:2]) not in numbers}
        for _ in range(NUMBERED_IN):
            if not unknown:
                return
            sensors, metrics = zip(*sorted(unknown), strict=True)
            for sensor, metric, number in raw.execute(NUMBER, {"sensors": list(sensors), "metrics": list(metrics)}):
                numbers[sensor, metric] = number
            # one that another ingester numbered meanwhile is seen by the next statement
            unknown -= numbers.keys()
        if unknown:
            raise RuntimeError(f"no number for {len(unknown)} series, of them {min(unknown)}")

    def _hand_on(self, raw: psycopg.Connection[Any], readings: Sequence[Reading], now: datetime) -> None:
        """One `ingest_batch` row for each engine partition they touch."""
        if not readings:
            return
        shares: Mapping[int, Sequence[Reading]] = {0: readings}
        if self._engine_partitions > 1:
            shares = split(readings, self._engine_partitions)
        for partition, share in sorted(shares.items()):
            numbers = [self._numbers[r[0], r[1]] for r in share]
            packed = pack(numbers, [r[2] for r in share], [r[3] for r in share])
            raw.execute(HAND_ON, {"packed": packed, "partition": partition, "now": now})
        raw.execute(TELL, (BATCH_CHANNEL, note({"partitions": sorted(shares)})))


def contradicted(reading: Reading, value: float, unit: str | None) -> str:
    held, came = (f"{number:.12g} {of or ''}".strip() for number, of in ((value, unit), (reading.value, reading.unit)))
    return f"{told_key(reading, 3)}: {held} was stored before, {came} came now"


def split(readings: Sequence[Reading], partitions: int) -> dict[int, list[Reading]]:
    """Readings by the shard of the engine that judges their sensor."""
    shares: dict[int, list[Reading]] = {}
    for reading in readings:
        shares.setdefault(partition_of(reading.sensor_id, partitions), []).append(reading)
    return shares


def pending_row(placed: Placed, metrics: list[str]) -> PendingSensor:
    """What is known of a sensor that nobody has registered: its source, and the message it was first heard by."""
    reading, message = placed
    source = message.source
    return {
        "id": reading.sensor_id,
        "name": spelling(message, reading.sensor_id) or reading.sensor_id,
        "metrics": metrics,
        "lon": reading.lon,
        "lat": reading.lat,
        "source": message.source_id,
        "interval_s": source.interval_s if source else None,
        "district": source.district if source else None,
        "attributes": json.dumps(first_heard(message, source.owner if source else None)),
    }


def spelling(message: Arrived, own: str) -> str | None:
    """What people call the sensor or metric of this id; None where it is called so."""
    called = message.spelled.get(own) if message.spelled else None
    return fit_spelling(texts.fit(called)) or None if called else None


def first_heard(message: Arrived, owner: str | None) -> dict[str, str]:
    told = {"topic": message.topic.replace("\x00", ""), "sent": beginning(message.payload), "owner": owner}
    return {name: value for name, value in told.items() if value is not None}


def reading_arrays(readings: Sequence[Reading], qualities: Sequence[str]) -> ReadingArrays:
    sensors, metrics, times, values, units, _, _, _ = zip(*readings, strict=True)
    return {
        "sensors": pack_text(sensors),
        "metrics": pack_text(metrics),
        "times": pack_times(times),
        "values": pack_floats(values),
        "units": pack_text(units),
        "qualities": pack_text(qualities),
    }
