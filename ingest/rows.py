"""How records other than readings become rows: one table of columns, keys and notifications, and the SQL made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.clock import rfc3339
from core.db import CHANGE_CHANNEL as CHANGE
from core.db import DISPATCH_CHANNEL as DISPATCH
from core.pgarray import from_pg_us
from ingest.arrived import Arrived
from ingest.quality import Extent, flag_position
from ingest.records import (
    IncidentReportRow,
    PositionRow,
    SnapshotRow,
    TaskReplyRow,
    TrackedEventRow,
    UnitReportRow,
    VideoEventRow,
    WarningRow,
)

# fields of records that are times
MOMENTS = frozenset({"time", "sent"})
FLAGGED = (("quality", "text"),)


class Placed(NamedTuple):
    """A record and the message it came in."""

    record: Any
    message: Arrived


@dataclass(frozen=True, slots=True)
class TableSpec:
    """How records of one type become rows: columns with their SQL array type, how many of them are the key, whom it
    notifies.

    `flagged`: rows carry a quality of where they were (after the columns). `revision`: a later message of the same key
    changes the row instead of contradicting it; the SQL that does it. `derived`: columns of the table that are made of
    several of ours.
    """

    table: str
    columns: tuple[tuple[str, str], ...]
    key: int
    notifies: tuple[str, str]  # channel, kind
    flagged: bool = False
    revision: str = ""
    derived: tuple[tuple[str, tuple[str, ...], str], ...] = ()

    @property
    def row_columns(self) -> tuple[tuple[str, str], ...]:
        return self.columns + (FLAGGED if self.flagged else ())


GEOM = (("geom", ("lon", "lat"), "ST_SetSRID(ST_MakePoint(u.lon, u.lat), 4326)"),)
SPECS: dict[type, TableSpec] = {
    VideoEventRow: TableSpec(
        "video_event",
        (
            ("camera_id", "text"),
            ("event_id", "text"),
            ("time", "timestamptz"),
            ("kind", "text"),
            ("score", "float8"),
            ("zone", "text"),
            ("snapshot", "text"),
            ("lon", "float8"),
            ("lat", "float8"),
        ),
        2,
        (CHANGE, "video_event"),
        flagged=True,
        derived=GEOM,
    ),
    TrackedEventRow: TableSpec(
        "video_event",
        (
            ("camera_id", "text"),
            ("event_id", "text"),
            ("time", "timestamptz"),
            ("kind", "text"),
            ("score", "float8"),
            ("zone", "text"),
            ("ended_at", "timestamptz"),
            ("revised_at", "timestamptz"),
        ),
        2,
        (CHANGE, "video_event"),
        revision="""time = LEAST(t.time, EXCLUDED.time), kind = EXCLUDED.kind,
  score = GREATEST(t.score, EXCLUDED.score), zone = COALESCE(EXCLUDED.zone, t.zone),
  ended_at = EXCLUDED.ended_at, revised_at = EXCLUDED.revised_at
WHERE EXCLUDED.revised_at >= t.revised_at""",
    ),
    SnapshotRow: TableSpec(
        "snapshot",
        (("camera_id", "text"), ("sha256", "text"), ("event_id", "text"), ("label", "text"), ("body", "bytea")),
        2,
        (CHANGE, "video_event"),
    ),
    PositionRow: TableSpec(
        "unit_position",
        (
            ("unit_id", "text"),
            ("time", "timestamptz"),
            ("lon", "float8"),
            ("lat", "float8"),
            ("speed", "float8"),
            ("heading", "float8"),
            ("accuracy", "float8"),
            ("battery", "float8"),
        ),
        2,
        (CHANGE, "position"),
        flagged=True,
    ),
    UnitReportRow: TableSpec(
        "unit_report", (("unit_id", "text"), ("time", "timestamptz"), ("status", "text")), 2, (DISPATCH, "unit_report")
    ),
    IncidentReportRow: TableSpec(
        "incident_report",
        (
            ("channel", "text"),
            ("report_id", "text"),
            ("time", "timestamptz"),
            ("kind", "text"),
            ("level", "int"),
            ("title", "text"),
            ("text", "text"),
            ("address", "text"),
            ("reporter", "text"),
            ("lon", "float8"),
            ("lat", "float8"),
            ("in_danger", "int"),
        ),
        2,
        (DISPATCH, "incident_report"),
        flagged=True,
    ),
    TaskReplyRow: TableSpec(
        "task_reply",
        (("unit_id", "text"), ("task_id", "text"), ("time", "timestamptz"), ("state", "text"), ("text", "text")),
        4,
        (DISPATCH, "task_reply"),
    ),
    WarningRow: TableSpec(
        "warning",
        (
            ("sender", "text"),
            ("identifier", "text"),
            ("sent", "timestamptz"),
            ("msg_type", "text"),
            ("status", "text"),
            ("headline", "text"),
            ("severity", "text"),
            ("expires", "timestamptz"),
            ("body", "text"),
            ("refs", "text"),
        ),
        3,
        (CHANGE, "warning"),
        derived=(("refs", ("refs",), "string_to_array(u.refs, ' ')"),),
    ),
}

MOVE_UNITS = """
INSERT INTO unit_state (unit_id, time, lon, lat, speed, heading, accuracy, battery)
SELECT DISTINCT ON (u.unit_id) u.*
FROM unnest(%s::text[], %s::timestamptz[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::float8[],
  %s::float8[])
  AS u (unit_id, time, lon, lat, speed, heading, accuracy, battery)
ORDER BY u.unit_id, u.time DESC
ON CONFLICT (unit_id) DO UPDATE SET time = EXCLUDED.time, lon = EXCLUDED.lon, lat = EXCLUDED.lat,
  speed = EXCLUDED.speed, heading = EXCLUDED.heading, accuracy = EXCLUDED.accuracy, battery = EXCLUDED.battery
WHERE EXCLUDED.time > unit_state.time
"""
SEE_CAMERAS = """
INSERT INTO camera_state AS c (camera_id, event_at, frame_at) SELECT u.*
  FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS u
ON CONFLICT (camera_id) DO UPDATE SET event_at = GREATEST(c.event_at, EXCLUDED.event_at),
  frame_at = GREATEST(c.frame_at, EXCLUDED.frame_at)
"""


def first_of_each(
    placed: list[Placed], key: int, body: Callable[[Any], Any]
) -> tuple[list[Placed], list[tuple[Placed, str]], int]:
    """The first record of each key in key order, those of the same batch that contradict it, and how many came
    again."""
    held: dict[tuple[Any, ...], Placed] = {}
    conflicts = []
    repeats = 0
    for item in placed:
        first = held.setdefault(tuple(item.record[:key]), item)
        if first is item:
            continue
        repeats += 1
        if body(first.record) != body(item.record):
            conflicts.append((item, f"{told_key(item.record, key)}: another message said otherwise before"))
    return [held[k] for k in sorted(held)], conflicts, repeats


def told_key(record: Any, key: int) -> str:
    """What a record is about, in words: `sensor wl-1, metric flow, time 2026-05-04T12:00:00.000+00:00`."""
    parts = zip(record._fields[:key], record[:key], strict=True)
    return ", ".join(f"{name.removesuffix('_id')} {told_part(name, value)}" for name, value in parts)


def told_part(name: str, value: Any) -> str:
    return rfc3339(from_pg_us(value)) if name in MOMENTS else str(value)


def newest_of_each(placed: list[Placed], key: int) -> list[Placed]:
    """Of records that are told again and again the latest of each key, in key order."""
    held: dict[tuple[Any, ...], Placed] = {}
    for item in placed:
        first = held.setdefault(tuple(item.record[:key]), item)
        if item.record.revised >= first.record.revised:
            held[tuple(item.record[:key])] = item
    return [held[k] for k in sorted(held)]


def columns_of(placed: Sequence[Placed], spec: TableSpec, extent: Extent | None = None) -> list[list[Any]]:
    """The rows' values, one list a column, as `spec.row_columns` has them."""
    columns: list[list[Any]] = []
    for i, (_, kind) in enumerate(spec.columns):
        values = [p.record[i] for p in placed]
        if kind == "timestamptz":
            values = [None if v is None else from_pg_us(v) for v in values]
        columns.append(values)
    if spec.flagged:
        columns.append([flag_position(p.record.lon, p.record.lat, extent) for p in placed])
    return columns


def _unnest(spec: TableSpec) -> str:
    return "unnest(" + ", ".join(f"%s::{kind}[]" for _, kind in spec.row_columns) + ")"


def _stored(spec: TableSpec) -> list[tuple[str, str]]:
    """(column of the table, expression over u) in the table's words."""
    gone = {name for _, parts, _ in spec.derived for name in parts}
    plain = [(name, f"u.{name}") for name, _ in spec.row_columns if name not in gone]
    return plain + [(name, expression) for name, _, expression in spec.derived]


def insert_sql(spec: TableSpec) -> bytes:
    stored = _stored(spec)
    given = ", ".join(name for name, _ in spec.row_columns)
    keys = ", ".join(name for name, _ in spec.columns[: spec.key])
    repeated = f"({keys}) DO UPDATE SET {spec.revision}" if spec.revision else "DO NOTHING"
    return (
        f"INSERT INTO {spec.table} AS t ({', '.join(name for name, _ in stored)}, received_at) "
        f"SELECT {', '.join(expression for _, expression in stored)}, moment.at "
        f"FROM {_unnest(spec)} AS u ({given}), (SELECT %s::timestamptz) AS moment (at) ON CONFLICT {repeated}"
    ).encode()


def repeated_sql(spec: TableSpec) -> bytes:
    """Positions of rows that were there before, and whether they say something else."""
    names = [name for name, _ in spec.row_columns]
    keys = names[: spec.key]
    same = " AND ".join(f"t.{name} = u.{name}" for name in keys)
    # bytes are known by their hash; a quality is our own remark, references are read from the body
    differs = " OR ".join(
        f"t.{name} IS DISTINCT FROM {expression}"
        for name, expression in _stored(spec)
        if name not in (*keys, "body", "quality", "refs")
    )
    return (
        f"SELECT u.ord - 1, {differs or 'false'} FROM {_unnest(spec)} WITH ORDINALITY AS u ({', '.join(names)}, ord) "
        f"JOIN {spec.table} t ON {same} WHERE t.received_at <> %s"
    ).encode()


def has_fix(record: Any) -> bool:
    """Whether it says where: receivers without a fix report 0, 0."""
    lon, lat = getattr(record, "lon", None), getattr(record, "lat", None)
    return lon is not None and lat is not None and (abs(lon) > 1e-6 or abs(lat) > 1e-6)
