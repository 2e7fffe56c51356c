"""Recorded readings as arrays: 34 million of a month are read a day at a time. PostgreSQL gathers the readings of a
series into two arrays, of whose binary form numpy makes columns without looking at one of them: a row each costs a
program several microseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import psycopg
from psycopg.adapt import Loader
from psycopg.pq import Format
from sqlalchemy import Connection

from alerts.rules.steps import Floats, Ints
from core.pgarray import OID_FLOAT8_ARRAY, OID_TIMESTAMPTZ_ARRAY
from core.vocabulary import UNJUDGED

# an array in binary form (PostgreSQL source, arrayfuncs.c, array_send): a header, then size and bytes of each element
_HEADER = 20
_TIMES = np.dtype([("size", ">i4"), ("value", ">i8")])
_VALUES = np.dtype([("size", ">i4"), ("value", ">f8")])
_READ = """
SELECT u.number - 1, array_agg(o.time), array_agg(o.value)
FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS u (thing, metric, number)
JOIN observation o ON o.sensor_id = u.thing AND o.metric = u.metric
WHERE o.time >= %s AND o.time < %s AND o.quality <> ALL(%s::text[]) GROUP BY u.number
"""
AT_ONCE = timedelta(days=1)


class Part(NamedTuple):
    """Readings between two moments, in order of time: the number of each series, microseconds, value."""

    start: datetime
    end: datetime
    series: Ints
    at: Ints
    values: Floats


def read_parts(conn: Connection, series: Sequence[tuple[str, str]], start: datetime, end: datetime) -> Iterator[Part]:
    """All readings of these series (thing, metric) from `start` until before `end`, a day at a time."""
    begins = start
    while begins < end:
        ends = min(begins + AT_ONCE, end)
        yield _read(conn, series, begins, ends)
        begins = ends


class _AsItCame(Loader):
    format = Format.BINARY

    def load(self, data: Any) -> bytes:
        return bytes(data)


def _read(conn: Connection, series: Sequence[tuple[str, str]], start: datetime, end: datetime) -> Part:
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    numbers: list[Ints] = []
    times: list[Ints] = []
    values: list[Floats] = []
    with raw.cursor(binary=True) as cursor:
        for oid in (OID_TIMESTAMPTZ_ARRAY, OID_FLOAT8_ARRAY):
            cursor.adapters.register_loader(oid, _AsItCame)
        asked = ([thing for thing, _ in series], [metric for _, metric in series], start, end, list(map(str, UNJUDGED)))
        for number, at, held in cursor.execute(_READ, asked):
            times.append(np.frombuffer(at, _TIMES, offset=_HEADER)["value"].astype(np.int64))
            values.append(np.frombuffer(held, _VALUES, offset=_HEADER)["value"].astype(np.float64))
            numbers.append(np.full(len(times[-1]), number, np.int64))
    if not times:
        return Part(start, end, np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    at = np.concatenate(times)
    order = np.argsort(at, kind="stable")
    return Part(start, end, np.concatenate(numbers)[order], at[order], np.concatenate(values)[order])
