"""PostgreSQL arrays in binary form, packed at once: several times quicker than adapting element by element.

Layout (PostgreSQL source, src/backend/utils/adt/arrayfuncs.c, array_recv): int32 dimensions, int32 has-nulls, oid of
the element, then per dimension int32 length and int32 lower bound, then per element int32 size (-1 for NULL) and bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

OID_FLOAT8, OID_TEXT, OID_TIMESTAMPTZ = 701, 25, 1184
OID_FLOAT8_ARRAY, OID_TEXT_ARRAY, OID_TIMESTAMPTZ_ARRAY = 1022, 1009, 1185
# timestamptz counts microseconds from here
PG_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
UNIX_TO_PG_US = 946_684_800_000_000
MICROSECOND = timedelta(microseconds=1)


def to_pg_us(moment: datetime) -> int:
    since = moment - PG_EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_pg_us(value: int) -> datetime:
    return PG_EPOCH + timedelta(microseconds=value)


@dataclass(frozen=True, slots=True)
class PackedText:
    body: bytes


@dataclass(frozen=True, slots=True)
class PackedFloats:
    body: bytes


@dataclass(frozen=True, slots=True)
class PackedTimes:
    body: bytes


def _header(count: int, oid: int, nulls: bool) -> bytes:
    return struct.pack("!iiIii", 1 if count else 0, int(nulls), oid, count, 1)[: 20 if count else 12]


def _fixed(values: np.ndarray[Any, Any], kind: str, oid: int) -> bytes:
    cells = np.empty(len(values), dtype=[("size", ">i4"), ("value", kind)])
    cells["size"] = 8
    cells["value"] = values
    return _header(len(values), oid, False) + cells.tobytes()


def pack_floats(values: Sequence[float]) -> PackedFloats:
    """float8[]"""
    return PackedFloats(_fixed(np.asarray(values, dtype=np.float64), ">f8", OID_FLOAT8))


def pack_times(values: Sequence[int]) -> PackedTimes:
    """timestamptz[] from microseconds since 2000-01-01 UTC."""
    return PackedTimes(_fixed(np.asarray(values, dtype=np.int64), ">i8", OID_TIMESTAMPTZ))


class _Cells(dict[str | None, bytes]):
    """Each text as an array holds it, size first. A city's names come again and again: made once, forgotten when too
    many."""

    def __missing__(self, value: str | None) -> bytes:
        if len(self) >= CELLS_KEPT:
            self.clear()
        body = b"" if value is None else value.encode()
        cell = struct.pack("!i", -1 if value is None else len(body)) + body
        if len(cell) <= CELL_KEPT:
            self[value] = cell
        return cell


CELLS_KEPT, CELL_KEPT = 200_000, 256
_CELLS = _Cells()


def pack_text(values: Sequence[str | None]) -> PackedText:
    """text[]"""
    return PackedText(_header(len(values), OID_TEXT, None in values) + b"".join(map(_CELLS.__getitem__, values)))


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        body: bytes = obj.body
        return body


class _TextDumper(_PackedDumper):
    oid = OID_TEXT_ARRAY


class _FloatsDumper(_PackedDumper):
    oid = OID_FLOAT8_ARRAY


class _TimesDumper(_PackedDumper):
    oid = OID_TIMESTAMPTZ_ARRAY


def register(conn: psycopg.Connection[Any]) -> None:
    """Teach `conn` to send packed arrays."""
    conn.adapters.register_dumper(PackedText, _TextDumper)
    conn.adapters.register_dumper(PackedFloats, _FloatsDumper)
    conn.adapters.register_dumper(PackedTimes, _TimesDumper)
