"""Packed arrays mean to PostgreSQL what they mean to us."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core import pgarray
from core.pgarray import from_pg_us, pack_floats, pack_text, pack_times, to_pg_us
from core.settings import Settings

TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=300)
TIMES = st.integers(-(10**15) * 3, 10**15 * 6).map(from_pg_us)
SHARED = hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def raw(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.database_url, autocommit=True) as conn:
        pgarray.register(conn)
        conn.execute("SET timezone = 'UTC'")
        yield conn


def through(raw: psycopg.Connection[Any], packed: object, kind: str) -> list[Any]:
    row = raw.execute(f"SELECT %s::{kind}[]".encode(), (packed,)).fetchone()
    assert row is not None
    return list(row[0])


@SHARED
@given(values=st.lists(st.none() | TEXT, max_size=20))
def test_text_arrays_round_trip(raw: psycopg.Connection[Any], values: list[str | None]) -> None:
    assert through(raw, pack_text(values), "text") == values


@SHARED
@given(values=st.lists(st.floats(allow_nan=False), max_size=20))
def test_float_arrays_round_trip(raw: psycopg.Connection[Any], values: list[float]) -> None:
    assert through(raw, pack_floats(values), "float8") == values


@SHARED
@given(values=st.lists(TIMES, max_size=20))
def test_time_arrays_round_trip(raw: psycopg.Connection[Any], values: list[datetime]) -> None:
    assert through(raw, pack_times([to_pg_us(v) for v in values]), "timestamptz") == values


def test_not_a_number_is_still_one(raw: psycopg.Connection[Any]) -> None:
    assert math.isnan(through(raw, pack_floats([math.nan]), "float8")[0])


@given(TIMES)
def test_moments_and_microseconds_are_inverse(moment: datetime) -> None:
    assert from_pg_us(to_pg_us(moment)) == moment


def test_epoch_is_the_year_2000() -> None:
    assert to_pg_us(datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=5)) == 5
