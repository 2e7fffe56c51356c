"""One batch, one transaction: records to rows, repeats recognised, conflicts and unreadable messages to dead letters.

Every row carries the moment of the batch that first wrote it (`received_at`, unique to the writer's slot): a row of
ours that is there with another moment is a repeat. The first wins; a repeat that differs is a conflict. Rows go in key
order, so that two writers never deadlock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Connection

from core import pgarray
from core.db import notify
from core.pgarray import from_pg_us, to_pg_us
from ingest import aliases
from ingest.arrived import Arrived
from ingest.flood import Flood
from ingest.letters import Letter, bury, find_letters
from ingest.moments import Moments
from ingest.quality import Extent
from ingest.readings import ReadingWriter
from ingest.records import (
    BirthRow,
    BornValue,
    DeathRow,
    Reading,
    SnapshotRow,
    TrackedEventRow,
    VideoEventRow,
)
from ingest.rows import (
    MOVE_UNITS,
    SEE_CAMERAS,
    SPECS,
    Placed,
    TableSpec,
    columns_of,
    first_of_each,
    has_fix,
    insert_sql,
    newest_of_each,
    repeated_sql,
    told_key,
)
from ingest.strangers import Strangers, keep

# moments end in the slot's number: two writers never stamp the same one
SLOTS = 128
REPLAY_SLOT = SLOTS - 1
AHEAD = timedelta(minutes=5)
SECOND = 1_000_000
WITHIN_SECOND = """
SELECT u.ord - 1, p.time, p.lon, p.lat, p.speed, p.heading, p.accuracy, p.battery
FROM unnest(%s::text[], %s::timestamptz[]) WITH ORDINALITY AS u (unit_id, second, ord)
JOIN unit_position p ON p.unit_id = u.unit_id AND p.time >= u.second AND p.time < u.second + interval '1 second'
"""
COUNT_SOURCE = """
INSERT INTO source_state AS s (source_id, slot, messages, records, dead_letters, decode_errors, first_at, last_at,
  good_at, bad_at, lag_s, rate)
VALUES (%(source)s, %(slot)s, %(messages)s, %(records)s, %(dead)s, %(errors)s, %(now)s, %(now)s,
  %(good)s, %(bad)s, %(lag)s,
  %(messages)s / 60.0)
ON CONFLICT (source_id, slot) DO UPDATE SET messages = s.messages + EXCLUDED.messages,
  records = s.records + EXCLUDED.records, dead_letters = s.dead_letters + EXCLUDED.dead_letters,
  decode_errors = s.decode_errors + EXCLUDED.decode_errors, last_at = EXCLUDED.last_at,
  good_at = COALESCE(EXCLUDED.good_at, s.good_at), bad_at = COALESCE(EXCLUDED.bad_at, s.bad_at),
  lag_s = COALESCE(EXCLUDED.lag_s, s.lag_s),
  rate = s.rate * exp(-GREATEST(0, LEAST(extract(epoch FROM EXCLUDED.last_at - s.last_at), 6000)) / 60) + EXCLUDED.rate
"""


@dataclass(slots=True)
class Written:
    """What one batch came to, in readings and records."""

    inserted: int = 0
    repeats: int = 0
    conflicts: int = 0
    dead: int = 0
    letters: list[Letter] = field(default_factory=list)
    sources: dict[str, Tally] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """The same of one source; `newest` is the latest time of what it brought, microseconds."""

    messages: int = 0
    records: int = 0
    dead: int = 0
    errors: int = 0
    # whether of some message something was read, and of some nothing could be
    good: bool = False
    bad: bool = False
    newest: int | None = None


class Writer:
    """Writes batches on the caller's transaction."""

    def __init__(self, engine_partitions: int, slot: int = 0, flood: Flood | None = None) -> None:
        self._slot = slot
        self._readings = ReadingWriter(engine_partitions, flood)
        self._strangers = Strangers(flood)
        self._moments = Moments(slot, SLOTS)

    def forget(self) -> None:
        """Drop what we remember, after a failed transaction."""
        self._readings.forget()
        self._strangers.forget()

    def write(
        self,
        conn: Connection,
        messages: Sequence[Arrived],
        now: datetime,
        extent: Extent | None = None,
        *,
        keep_letters: bool = True,
    ) -> Written:
        """Write one batch; the caller commits and then acknowledges. Without `keep_letters` the caller deals with
        them."""
        clock = to_pg_us(now)
        now = from_pg_us(self._moments.take(clock, 1)[0])
        raw = conn.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        pgarray.register(raw)
        done = Written()
        fresh: list[Placed] = []
        conflicts: list[tuple[Placed, str]] = []
        groups = group(raw, messages, clock)
        if Reading in groups:
            plain = len(groups) == 1 and all(message.reason is None and not message.faults for message in messages)
            also = partial(self._count, raw, done, messages, [], now) if plain else None
            new, repeats, against = self._readings.write(conn, raw, groups.pop(Reading), now, clock, extent, also)
            fresh, conflicts = new, against
            done.repeats += repeats
        said = self._strangers.admit(raw, groups, now)
        for kind in sorted((kind for kind, rows in groups.items() if rows), key=lambda k: (SPECS[k].table, k.__name__)):
            new, repeats, against = write_rows(conn, raw, SPECS[kind], groups[kind], now, extent)
            fresh = fresh + new
            conflicts += against
            done.repeats += repeats
        keep(raw, said, messages, now)
        see_cameras(raw, fresh, now)
        letters = done.letters = find_letters(messages, conflicts)
        if keep_letters:
            letters = done.letters = bury(conn, letters, now)
        done.inserted, done.conflicts, done.dead = len(fresh), len(conflicts), len(letters)
        if not done.sources:
            self._count(raw, done, messages, [message for message, *_ in letters], now, fresh)
        return done

    def _count(
        self,
        raw: psycopg.Connection[Any],
        done: Written,
        messages: Sequence[Arrived],
        buried: Sequence[Arrived],
        now: datetime,
        fresh: Sequence[Placed],
    ) -> None:
        """What the batch came to, source by source."""
        done.sources = tally(messages, fresh, buried)
        for source, t in sorted(done.sources.items()):
            lag = None if t.newest is None else (now - from_pg_us(t.newest)).total_seconds()
            row = {
                "source": source,
                "slot": self._slot,
                "now": now,
                "messages": t.messages,
                "records": t.records,
                "dead": t.dead,
                "errors": t.errors,
                "good": now if t.good else None,
                "bad": now if t.bad else None,
                "lag": lag,
            }
            raw.execute(COUNT_SOURCE, row)


def group(raw: psycopg.Connection[Any], messages: Sequence[Arrived], now: int) -> dict[type, list[Placed]]:
    """Records by type. Aliases and deaths have become readings; a message that turned out unreadable has none."""
    groups: dict[type, list[Placed]] = {}
    place = partial(tuple.__new__, Placed)  # a third of the time of Placed(record, message), once for every reading
    for message in messages:
        for record in message.records:
            kind = type(record)
            held = groups.get(kind)
            if held is None:
                groups[kind] = held = []
            held.append(place((record, message)))
    tangled = [item for kind in (BirthRow, BornValue, DeathRow) for item in groups.pop(kind, [])]
    if not tangled:
        return groups
    readings = groups.get(Reading, []) + aliases.resolve(raw, tangled, now)
    groups[Reading] = [item for item in readings if item.message.reason is None]
    return {kind: items for kind, items in groups.items() if items}


def write_rows(
    conn: Connection,
    raw: psycopg.Connection[Any],
    spec: TableSpec,
    placed: list[Placed],
    now: datetime,
    extent: Extent | None,
) -> tuple[list[Placed], int, list[tuple[Placed, str]]]:
    """What was new, how many came again, and what contradicts an earlier message."""
    conflicts: list[tuple[Placed, str]] = []
    repeats = 0
    if spec.revision:
        unique = newest_of_each(placed, spec.key)
    else:
        unique, conflicts, repeats = first_of_each(placed, spec.key, lambda r: tuple(r)[spec.key :])
    columns = columns_of(unique, spec, extent)
    cursor = raw.execute(insert_sql(spec), [*columns, now])
    fresh = unique
    if cursor.rowcount < len(unique) and not spec.revision:
        repeated = raw.execute(repeated_sql(spec), [*columns, now]).fetchall()
        conflicts += [
            (unique[i], f"{told_key(unique[i].record, spec.key)}: another message said otherwise before")
            for i, differs in repeated
            if differs
        ]
        gone = {i for i, _ in repeated}
        repeats += len(gone)
        fresh = [p for i, p in enumerate(unique) if i not in gone]
    conflicts, later, again = move_on(conn, raw, spec, placed, conflicts, now, extent)
    if fresh:
        if spec.table == "unit_position":
            move_units(raw, spec, fresh, now)
        notify(conn, spec.notifies[0], {"kind": spec.notifies[1], "ids": sorted({p.record[0] for p in fresh})})
    return fresh + later, repeats - len(later) + again, conflicts


def move_on(
    conn: Connection,
    raw: psycopg.Connection[Any],
    spec: TableSpec,
    placed: list[Placed],
    conflicts: list[tuple[Placed, str]],
    now: datetime,
    extent: Extent | None,
) -> tuple[list[tuple[Placed, str]], list[Placed], int]:
    """Positions of one second by a clock that counts whole ones, each written at the next free microsecond of it, as
    readings are; one that stands in that second already is a repeat. The conflicts that are left, what was written, and
    how many of it came again."""
    coarse = [] if spec.table != "unit_position" else [p for p, _ in conflicts if p.message.source is not None]
    coarse = [p for p in coarse if p.message.source is not None and p.message.source.coarse]
    if not coarse:
        return conflicts, [], 0
    taken = {id(p) for p in coarse}
    conflicts = [one for one in conflicts if id(one[0]) not in taken]
    arrived = {id(p): n for n, p in enumerate(placed)}
    moved = spread(raw, sorted(coarse, key=lambda p: arrived[id(p)]))
    if not moved:
        return conflicts, [], 0
    later, again, against = write_rows(conn, raw, spec, moved, now, extent)
    return conflicts + against, later, again


def spread(raw: psycopg.Connection[Any], placed: Sequence[Placed]) -> list[Placed]:
    """The positions that do not stand in their second yet, in the order in which they came."""
    seconds = [p.record.time - p.record.time % SECOND for p in placed]
    asked = ([p.record.unit_id for p in placed], [from_pg_us(at) for at in seconds])
    there: dict[tuple[str, int], dict[tuple[Any, ...], int]] = {}
    for ordinal, at, *body in raw.execute(WITHIN_SECOND, asked):
        there.setdefault((placed[ordinal].record.unit_id, seconds[ordinal]), {})[tuple(body)] = to_pg_us(at)
    moved = []
    for (record, message), second in zip(placed, seconds, strict=True):
        held = there.setdefault((record.unit_id, second), {})
        body = tuple(record[2:])
        if body in held:
            continue
        held[body] = max(held.values(), default=second - 1) + 1
        moved.append(Placed(record._replace(time=held[body]), message))
    return moved


def move_units(raw: psycopg.Connection[Any], spec: TableSpec, fresh: list[Placed], now: datetime) -> None:
    """Units stand where their newest position says; one from ahead of its time, or without a fix, moves nobody."""
    timely = [p for p in fresh if from_pg_us(p.record.time) <= now + AHEAD and has_fix(p.record)]
    raw.execute(MOVE_UNITS, columns_of(timely, spec)[: len(spec.columns)])


def see_cameras(raw: psycopg.Connection[Any], fresh: Sequence[Placed], now: datetime) -> None:
    """When cameras were heard, by event and by picture: once for a batch, in order, so that two writers never wait for
    each other."""
    events = {p.record.camera_id for p in fresh if isinstance(p.record, VideoEventRow | TrackedEventRow)}
    frames = {p.record.camera_id for p in fresh if isinstance(p.record, SnapshotRow)}
    if cameras := sorted(events | frames):
        times = [[now if camera in heard else None for camera in cameras] for heard in (events, frames)]
        raw.execute(SEE_CAMERAS, [cameras, *times])


def tally(messages: Sequence[Arrived], fresh: Sequence[Placed], buried: Sequence[Arrived]) -> dict[str, Tally]:
    """What each source brought; a message of no source counts under the empty name."""
    tallies: dict[str, Tally] = {}
    for source, count in Counter(m.source_id or "" for m in messages).items():
        tallies[source] = Tally(messages=count)
    for message in messages:
        if message.reason is not None:
            tallies[message.source_id or ""].bad = True
        elif message.records:
            tallies[message.source_id or ""].good = True
    for message in buried:
        one = tallies[message.source_id or ""]
        one.dead += 1
        one.errors += message.reason is not None
    if len(tallies) == 1:
        one = next(iter(tallies.values()))
        one.records = len(fresh)
        one.newest = max((t for p in fresh if (t := time_of(p.record)) is not None), default=None)
        return tallies
    for record, message in fresh:
        one = tallies[message.source_id or ""]
        one.records += 1
        at = time_of(record)
        if at is not None and (one.newest is None or at > one.newest):
            one.newest = at
    return tallies


def time_of(record: Any) -> int | None:
    if isinstance(record, Reading):
        return record.time
    if isinstance(record, TrackedEventRow):
        return record.revised
    return getattr(record, "time", None)
