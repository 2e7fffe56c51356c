"""A series of what a rule judges: the sum, mean or max in a sliding window, against the rule's own window."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, text

from alerts.limits import read_measures
from alerts.rules.windows import Windows
from app.api.sensors import get_observations
from core.errors import InputError
from core.pgarray import to_pg_us
from core.viewer import Role
from ingest.arrived import Arrived
from ingest.records import Reading
from ingest.writer import Writer
from layers.sensors import SERIES_AT_MOST, read_sliding
from tests.people import person
from tests.support import now

START = datetime(2026, 5, 4, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def rain_gauge(conn: Connection) -> str:
    return str(conn.scalar(text("SELECT min(id) FROM sensor WHERE kind = 'rain'")))


def fall(conn: Connection, sensor: str, readings: list[tuple[datetime, float]], quality: str = "good") -> None:
    """Readings of rain in mm, as ingest writes them."""
    writer = Writer(1)
    for time, value in readings:
        record = Reading(sensor, "rain", to_pg_us(time), value, "mm", quality, None, None)
        writer.write(conn, [Arrived("t", b"", 1, 1, records=[record])], now())


def slide(
    conn: Connection, sensor: str, begin: datetime, end: datetime, every: float, function: str, window: float
) -> list[tuple[datetime, float]]:
    points, _ = read_sliding(conn, sensor, "rain", begin, end, every, function, window)
    return [(datetime.fromisoformat(p["time"]), p["value"]) for p in points]


def lately() -> datetime:
    """A whole hour that is not long ago."""
    return now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)


def test_sum_in_a_window_counted_by_hand(conn: Connection) -> None:
    sensor, begin = rain_gauge(conn), lately()
    fall(conn, sensor, [(begin + n * MINUTE, 1.0) for n in (0, 1, 2, 10)])
    found = slide(conn, sensor, begin, begin + 13 * MINUTE, 60, "sum", 180)
    at = {(time - begin) // MINUTE: value for time, value in found}
    assert at == {1: 1, 2: 2, 3: 3, 4: 2, 5: 1, 11: 1, 12: 1, 13: 1}


def test_readings_before_the_first_step_are_in_its_window_and_unjudged_ones_in_none(conn: Connection) -> None:
    sensor, begin = rain_gauge(conn), lately()
    fall(conn, sensor, [(begin - 2 * MINUTE, 4.0), (begin - 3 * MINUTE, 8.0)])
    fall(conn, sensor, [(begin, 100.0)], quality="range")
    assert slide(conn, sensor, begin, begin + MINUTE, 60, "sum", 180) == [(begin + MINUTE, 4.0)]


@pytest.mark.parametrize("function", ["sum", "mean", "max"])
def test_series_is_what_the_rules_window_says_after_each_reading(function: str, conn: Connection) -> None:
    sensor, begin, draw = rain_gauge(conn), lately(), random.Random(4)
    times = sorted({begin + timedelta(seconds=draw.randrange(0, 4 * 3600)) for _ in range(300)})
    readings = [(time, round(draw.uniform(0, 3), 2)) for time in times]
    fall(conn, sensor, readings)
    window, row = Windows(1, [3600 * 1_000_000], 60 * 1_000_000, keep_most=True), np.zeros(1, np.int64)
    judged: dict[datetime, float] = {}
    for time, value in readings:
        window.add(row, np.array([int(time.timestamp() * 1e6)]), np.array([value]))
        # what it judges when the minute is over
        made = float(window.values(function, row)[0, 0])
        judged[time.replace(second=0, microsecond=0) + MINUTE] = made
    shown = dict(slide(conn, sensor, begin, begin + timedelta(hours=4), 60, function, 3600))
    assert {time: shown[time] for time in judged} == {time: pytest.approx(value) for time, value in judged.items()}


def test_pages_go_on_where_the_one_before_ended(conn: Connection) -> None:
    sensor, begin = rain_gauge(conn), lately()
    fall(conn, sensor, [(begin + n * MINUTE, float(n)) for n in range(20)])
    end = begin + 20 * MINUTE
    whole, more = read_sliding(conn, sensor, "rain", begin, end, 60, "sum", 300)
    assert more is None
    parts, after = [], None
    for _ in range(9):
        page, after = read_sliding(conn, sensor, "rain", begin, end, 60, "sum", 300, after=after, most=7)
        parts += page
        if after is None:
            break
    assert parts == whole


@pytest.mark.parametrize(("every", "window"), [(60, 90), (60, 30), (1, 3600), (60, 60 * 1441)])
def test_a_window_that_is_no_number_of_steps_or_of_too_many_is_refused(
    every: float, window: float, conn: Connection
) -> None:
    with pytest.raises(InputError, match="window"):
        slide(conn, rain_gauge(conn), START, START + MINUTE, every, "sum", window)


def test_more_steps_than_a_series_may_have_are_refused(conn: Connection) -> None:
    with pytest.raises(InputError, match="from"):
        slide(conn, rain_gauge(conn), START, START + (SERIES_AT_MOST + 1) * MINUTE, 60, "sum", 3600)


def test_rain_is_judged_in_three_windows_each_with_its_own_limits(conn: Connection) -> None:
    measures = read_measures(conn, "r", "rain", {}, {})
    assert [(m["function"], m["window_s"], m["thresholds"]) for m in measures] == [
        ("sum", 10_800, {"1": 100, "2": 50}),
        ("sum", 21_600, {"3": 50}),
        ("sum", 43_200, {"4": 50}),
    ]


def test_limits_of_a_site_are_those_of_the_rule_that_watches_it(conn: Connection) -> None:
    [own] = read_measures(conn, "w", "water_level", {"water_level": {"1": 3.5, "4": 2.0}}, {})
    assert (own["function"], own["window_s"], own["thresholds"]) == ("last", 0, {"1": 3.5, "4": 2.0})
    assert own["rule"] == "water-stage"
    [other] = read_measures(conn, "w", "water_level", {"water_level": {"1": 3.5}}, {"underpass": True})
    assert other["rule"] == "underpass-water"
    assert read_measures(conn, "w", "water_level", {}, {}) == []


def test_answer_of_the_api_has_the_limits_of_that_window_alone(conn: Connection) -> None:
    sensor, begin, who = rain_gauge(conn), lately(), person(Role.VIEWER)
    fall(conn, sensor, [(begin, 2.0)])
    end = begin + 5 * MINUTE
    given = {"metric": "rain", "start": begin, "end": end, "every": 60.0}
    found = get_observations(conn, who, now(), sensor, **given, function="sum", window=10_800.0)
    assert (found["function"], found["window_s"], found["thresholds"]) == ("sum", 10_800, {"1": 100, "2": 50})
    assert [p["value"] for p in found["items"]] == [2.0] * 5
    with pytest.raises(InputError, match="window"):
        get_observations(conn, who, now(), sensor, **given, function="sum")
