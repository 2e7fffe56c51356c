"""Sliding windows against a plain recount, the air quality index against the standard's own arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import KINDS, check_params
from alerts.rules.aggregate import aqi_of, history_of, iaqi, iaqis, metrics_of
from alerts.rules.base import RuleRow, Thing
from alerts.rules.steps import SECOND
from alerts.rules.windows import Windows
from core.errors import InputError
from core.vocabulary import table
from tests.alerts.banks import One

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
ROW = np.zeros(1, np.int64)
READINGS = st.lists(st.tuples(st.integers(0, 900), st.floats(-50, 50)), min_size=1, max_size=80)


def add(windows: Windows, at: int, value: float) -> None:
    windows.add(ROW, np.array([at]), np.array([value]))


def windows_of(*lengths: int) -> Windows:
    return Windows(1, lengths, MINUTE, keep_most=True)


@pytest.mark.parametrize("function", ["sum", "mean", "max"])
@given(gaps=READINGS)
def test_windows_are_what_a_plain_recount_gives(function: str, gaps: list[tuple[int, float]]) -> None:
    """Buckets whose number is within the last `length / bucket` numbers count whole."""
    lengths, bucket = (10 * MINUTE, 30 * MINUTE), MINUTE
    windows, held, at = windows_of(*lengths), [], 0
    for gap, value in gaps:
        at += gap * SECOND
        add(windows, at, value)
        held.append((at, value))
        made = windows.values(function, ROW)[:, 0]
        for length, got in zip(lengths, made, strict=True):
            kept = [v for t, v in held if t // bucket > at // bucket - length // bucket]
            plain = {"sum": math.fsum(kept), "mean": math.fsum(kept) / len(kept), "max": max(kept)}[function]
            assert got == pytest.approx(plain, abs=1e-6)


def test_dry_window_reads_zero_and_not_a_rounding_error() -> None:
    windows = windows_of(HOUR)
    for i in range(30):
        add(windows, i * MINUTE, 0.1)
    for i in range(61):
        add(windows, 2 * HOUR + i * MINUTE, 0.0)
    assert windows.values("sum", ROW)[0, 0] == 0.0


def test_series_do_not_know_of_each_other() -> None:
    windows = Windows(2, [HOUR], MINUTE)
    windows.add(np.array([0, 1]), np.array([0, 0]), np.array([1.0, 10.0]))
    windows.add(np.array([1]), np.array([90 * MINUTE]), np.array([20.0]))
    assert windows.values("sum", np.array([0, 1]))[0].tolist() == [1.0, 20.0]


# HJ 633-2012 table 1: a concentration at a breakpoint has that breakpoint's index; between them formula (1)
@pytest.mark.parametrize("pollutant", [name for name in table("aqi") if name != "iaqi"])
def test_index_at_each_breakpoint_is_the_tables(pollutant: str) -> None:
    marks = zip(table("aqi")[pollutant]["breakpoints"], table("aqi")["iaqi"]["breakpoints"], strict=True)
    assert all(iaqi(pollutant, concentration) == index for concentration, index in marks)


@pytest.mark.parametrize(
    ("pollutant", "concentration", "index"),
    [
        ("pm25", 0, 0),
        ("pm25", 17.5, 25),
        ("pm25", 92, 121.25),
        ("pm25", 300, 350),
        ("pm25", 900, 500),
        ("pm10", 100, 75),
        ("so2", 312.5, 125),
        ("no2", 60, 75),
        ("co", 3, 75),
        ("o3", 180, 75),
        ("o3", 600, 250),
        ("o3", 1200, 500),
    ],
)
def test_index_between_breakpoints_is_linear(pollutant: str, concentration: float, index: float) -> None:
    assert iaqi(pollutant, concentration) == pytest.approx(index)
    assert iaqis(pollutant, np.array([concentration]))[0] == pytest.approx(index)


@pytest.mark.parametrize(
    ("means", "index"),
    [
        ({}, None),
        ({"pm25": 92}, 122),
        ({"pm25": 92, "o3": 180}, 122),
        ({"pm25": 35, "pm10": 150}, 100),
        ({"co": -1}, 0),
        ({"pm25": 75.0}, 100),
    ],
)
def test_air_quality_index_is_the_largest_rounded_up(means: dict[str, float], index: int | None) -> None:
    assert aqi_of(means) == index


# --- the rule kind ----------------------------------------------------------------------------------------------------

SITE = Thing("sensor", "s", {"zh": "站", "en": "Site"}, "329906")


def seeded(name: str) -> RuleRow:
    row = table("rules")[name]
    return RuleRow(
        name, row["kind"], row["alarm_kind"], {"zh": "", "en": ""}, {}, check_params(row["kind"], row["params"])
    )


def make(rule: RuleRow) -> One:
    return One(rule, SITE)


def rained(monitor: One, per_minute: float, minutes: range) -> list[tuple[int, int | None, float | None]]:
    found = [(m, monitor.feed("rain", m * MINUTE, per_minute)) for m in minutes]
    return [(m, f.level, f.value) for m, f in found if f is not None]


def test_steady_rain_meets_the_signals_in_their_order() -> None:
    """National signals: 50 mm in 12 h blue, in 6 h yellow, in 3 h orange, 100 mm in 3 h red; 0.6 mm a minute."""
    found = rained(make(seeded("rain")), 0.6, range(200))
    assert [(m, level, round(value or 0, 6)) for m, level, value in found] == [(83, 2, 50.4), (166, 1, 100.2)]


def test_slow_rain_meets_only_the_long_windows() -> None:
    found = rained(make(seeded("rain")), 0.12, range(500))
    assert [(m, level) for m, level, _ in found] == [(416, 4)]


def test_rain_that_stops_leaves_the_window_and_the_alarm() -> None:
    monitor = make(seeded("rain"))
    rained(monitor, 0.6, range(90))
    levels = [level for _, level, _ in rained(monitor, 0.0, range(90, 90 + 13 * 60))]
    assert levels == [3, 4, None]


def test_index_rule_waits_for_an_hour_of_readings_and_for_its_delay() -> None:
    monitor = make(seeded("aqi"))
    found = []
    for minute in range(0, 60 * 4, 5):
        finding = monitor.feed("pm25", minute * MINUTE, 200.0)
        if finding is not None:
            found.append((minute, finding.level, finding.value, finding.template))
    assert found == [(180, 3, 250.0, "alarm.above")]  # an hour of readings, then two hours above 201


def test_index_rule_reads_all_pollutants_and_enough_history() -> None:
    rule = seeded("aqi")
    assert set(metrics_of(rule)) == {"pm25", "pm10", "so2", "no2", "co", "o3"}
    assert history_of(rule) == 86_400
    assert history_of(seeded("rain")) == 12 * 3600


def test_restored_monitor_goes_on_where_the_first_stood() -> None:
    first, second = make(seeded("rain")), make(seeded("rain"))
    rained(first, 0.6, range(100))
    second.restore(first.state())
    state: dict[str, Any] = second.state()
    assert state["met"] == first.state()["met"]
    for m in range(100):
        second.remember("rain", m * MINUTE, 0.6)
    assert rained(first, 0.6, range(100, 180)) == rained(second, 0.6, range(100, 180))


def test_indices_of_a_village_stand_on_its_gauge() -> None:
    """Flash flood: get ready at 60 mm in 3 h, go at 90; in 1 h this village has one index only, another has none."""
    params = {
        "metric": "rain",
        "per_site": True,
        "steps": [
            {"level": 1, "window_s": 3600},
            {"level": 1, "window_s": 10800},
            {"level": 2, "window_s": 10800},
        ],
    }
    rule = RuleRow("village", "aggregate", "rainstorm", {}, {}, check_params("aggregate", params))
    own = {"rain_3h": {"1": 90.0, "2": 60.0}, "rain_1h": {"1": 50.0}}
    village = Thing("sensor", "v", {"zh": "村", "en": "Village"}, "329906", thresholds=own)
    found = rained(One(rule, village), 0.6, range(200))
    assert [(m, level) for m, level, _ in found] == [(99, 2), (149, 1)]
    quick = rained(One(rule, village), 1.0, range(60))
    assert [(m, level, value) for m, level, value in quick] == [(49, 1, 50.0)]
    bank = KINDS["aggregate"].bank
    assert bank is not None
    assert bank(rule, [SITE]) is None


def test_step_without_a_limit_is_refused_but_where_it_stands_on_the_thing() -> None:
    with pytest.raises(InputError, match="on is needed"):
        check_params("aggregate", {"metric": "rain", "steps": [{"level": 1}]})
