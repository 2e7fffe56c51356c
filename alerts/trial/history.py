"""Recorded readings as arrays: 34 million of a month are read in parts, in PostgreSQL's binary form, of which numpy
makes columns without looking at one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import psycopg
from psycopg import sql
from sqlalchemy import Connection

from alerts.rules.steps import Floats, Ints
from core.vocabulary import UNJUDGED

# COPY's binary form (PostgreSQL, sql-copy "Binary Format"): a header of 19 bytes, per row the number of columns and for
# each its size and bytes, a trailer of two bytes
_HEADER, _TRAILER = 19, 2
_ROW = np.dtype(
    [
        ("columns", ">i2"),
        ("size_number", ">i4"),
        ("number", ">i4"),
        ("size_time", ">i4"),
        ("time", ">i8"),
        ("size_value", ">i4"),
        ("value", ">f8"),
    ]
)
_READ = """
COPY (SELECT u.number::int4 - 1, o.time, o.value FROM unnest({things}::text[], {metrics}::text[])
    WITH ORDINALITY AS u (thing, metric, number)
  JOIN observation o ON o.sensor_id = u.thing AND o.metric = u.metric
  WHERE o.time >= {start} AND o.time < {end} AND o.quality <> ALL({unjudged}::text[])) TO STDOUT (FORMAT binary)
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


def _read(conn: Connection, series: Sequence[tuple[str, str]], start: datetime, end: datetime) -> Part:
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    query = sql.SQL(_READ).format(
        things=sql.Literal([thing for thing, _ in series]),
        metrics=sql.Literal([metric for _, metric in series]),
        start=sql.Literal(start),
        end=sql.Literal(end),
        unjudged=sql.Literal([str(quality) for quality in UNJUDGED]),
    )
    with raw.cursor().copy(query) as copy:
        body = b"".join(bytes(part) for part in copy)
    rows: np.ndarray[Any, Any] = np.frombuffer(body[_HEADER:-_TRAILER], _ROW)
    order = np.argsort(rows["time"], kind="stable")
    return Part(
        start,
        end,
        rows["number"][order].astype(np.int64),
        rows["time"][order].astype(np.int64),
        rows["value"][order].astype(np.float64),
    )
