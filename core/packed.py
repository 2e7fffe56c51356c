"""Readings as the engine is handed them: packed rows of numbers, which numpy reads without looking at one of them.

A row is 20 bytes in network order, as PostgreSQL's own int4send, int8send and float8send write them: number of the
series (table `series`: a sensor and a metric), microseconds since 2000-01-01 UTC, value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROW = np.dtype([("series", ">i4"), ("time", ">i8"), ("value", ">f8")])
Packed = np.ndarray[Any, np.dtype[Any]]


def pack(series: Sequence[int], times: Sequence[int], values: Sequence[float]) -> bytes:
    """Rows in the order given; all three have the same length."""
    rows = np.empty(len(series), ROW)
    rows["series"], rows["time"], rows["value"] = series, times, values
    return rows.tobytes()


def unpack(bodies: Iterable[bytes]) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
    """Series, times and values of all bodies, one after the other. Raises ValueError for bytes that are no rows."""
    rows = np.frombuffer(b"".join(bodies), ROW)
    return (
        rows["series"].astype(np.int32),
        rows["time"].astype(np.int64),
        rows["value"].astype(np.float64),
    )
