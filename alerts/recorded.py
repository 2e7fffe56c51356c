"""Recorded readings as arrays: 34 million of a month are read a day at a time, a bank's windows at its start at once.
PostgreSQL gathers the readings of a series into two arrays, of whose binary form numpy makes columns without looking at
one of them: a row each costs a program several microseconds."""

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
# the outermost bounds are told apart, so that days beyond them are not looked at
_READ = """
SELECT u.number - 1, array_agg(o.time), array_agg(o.value)
FROM unnest(%(things)s::text[], %(metrics)s::text[], %(since)s::timestamptz[], %(until)s::timestamptz[])
  WITH ORDINALITY AS u (thing, metric, since, until, number)
JOIN observation o ON o.sensor_id = u.thing AND o.metric = u.metric AND o.time >= u.since AND o.time < u.until
WHERE o.time >= %(first)s AND o.time < %(last)s AND o.quality <> ALL(%(unjudged)s::text[]) GROUP BY u.number
"""
AT_ONCE = timedelta(days=1)


class Recorded(NamedTuple):
    """Readings in order of time: the number of each series, microseconds since 2000, value."""

    series: Ints
    at: Ints
    values: Floats


class Span(NamedTuple):
    """Readings of a series from `since` until before `until`."""

    thing: str
    metric: str
    since: datetime
    until: datetime


class _AsItCame(Loader):
    format = Format.BINARY

    def load(self, data: Any) -> bytes:
        return bytes(data)


def read_recorded(conn: Connection, spans: Sequence[Span]) -> Recorded:
    """What was recorded of these series and may be judged, numbered as the spans are."""
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    numbers: list[Ints] = []
    times: list[Ints] = []
    values: list[Floats] = []
    if spans:
        things, metrics, since, until = (list(part) for part in zip(*spans, strict=True))
        asked = {"things": things, "metrics": metrics, "since": since, "until": until}
        asked |= {"first": min(since), "last": max(until), "unjudged": list(map(str, UNJUDGED))}
        with raw.cursor(binary=True) as cursor:
            for oid in (OID_TIMESTAMPTZ_ARRAY, OID_FLOAT8_ARRAY):
                cursor.adapters.register_loader(oid, _AsItCame)
            for number, at, held in cursor.execute(_READ, asked):
                times.append(np.frombuffer(at, _TIMES, offset=_HEADER)["value"].astype(np.int64))
                values.append(np.frombuffer(held, _VALUES, offset=_HEADER)["value"].astype(np.float64))
                numbers.append(np.full(len(times[-1]), number, np.int64))
    if not times:
        return Recorded(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    moments = np.concatenate(times)
    order = np.argsort(moments, kind="stable")
    return Recorded(np.concatenate(numbers)[order], moments[order], np.concatenate(values)[order])


class Part(NamedTuple):
    """What was recorded from `start` until before `end`."""

    start: datetime
    end: datetime
    recorded: Recorded


def read_parts(conn: Connection, series: Sequence[tuple[str, str]], start: datetime, end: datetime) -> Iterator[Part]:
    """All readings of these series (thing, metric) from `start` until before `end`, a day at a time."""
    begins = start
    while begins < end:
        ends = min(begins + AT_ONCE, end)
        spans = [Span(thing, metric, begins, ends) for thing, metric in series]
        yield Part(begins, ends, read_recorded(conn, spans))
        begins = ends
