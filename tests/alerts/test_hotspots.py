"""Where incidents are to be expected: measures counted by hand, what the forecast follows, and against counting."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from alerts import hotspots
from alerts.hotspots import Array, Grid, allowed, choose_area, forecast, hits, kernels, learn, pai, pei, region
from bench.hotspots import Split, measure, months_before
from bench.points import DAYS, REGIMES, make_points
from core.errors import InputError
from tests.support import ROOT

REGIME = {regime.name: regime for regime in REGIMES}


def square(side: int) -> Grid:
    return Grid(0.0, 0.0, 600.0, np.ones((side, side), dtype=bool))


def test_measures_counted_by_hand() -> None:
    """Ten points in four of ten cells; the forecast's two cells have five, the best two have eight."""
    came = np.array([5, 3, 1, 1, 0, 0, 0, 0, 0, 0])
    scores = np.array([9, 1, 0, 0, 8, 0, 0, 0, 0, 0])
    assert hits(scores, came, 2) == 5
    assert pai(scores, came, 2) == pytest.approx((5 / 10) / (2 / 10))
    assert pei(scores, came, 2) == pytest.approx(5 / 8)
    assert pai(came, came, 2) == pytest.approx((8 / 10) / (2 / 10))
    # two more points came beyond the region
    assert pai(scores, came, 2, total=12) == pytest.approx((5 / 12) / (2 / 10))
    assert pai(scores, np.zeros(10), 2) == pei(scores, np.zeros(10), 2) == 0


def test_cells_with_the_same_score_catch_their_mean() -> None:
    """One cell of the three that follow: a third of what they have."""
    assert hits(np.array([3, 2, 2, 2, 0]), np.array([4, 6, 0, 3, 9]), 2) == 4 + 3
    assert hits(np.zeros(5), np.array([4, 6, 0, 3, 2]), 5) == 15


def test_area_keeps_the_limits_of_the_challenge() -> None:
    """0.25 to 0.75 square miles in cells of 360,000 square feet."""
    assert (allowed(600).start, allowed(600).stop - 1) == (20, 58)
    assert (allowed(250).start, allowed(250).stop - 1) == (112, 334)


def test_region_is_the_cells_that_the_hull_touches() -> None:
    """A triangle over three by three cells leaves the corner beyond its longest side."""
    grid = region(np.array([[10.0, 10], [1700, 10], [10, 1700]]))
    assert (grid.west, grid.south) == (0, 0)
    assert grid.inside.tolist() == [[True, True, True], [True, True, False], [True, False, False]]
    assert grid.numbers(np.array([[10.0, 10], [700, 700], [1790, 1790], [-5, 10], [10, 1700]])).tolist() == [
        0,
        4,
        -1,
        -1,
        5,
    ]
    assert grid.count(np.array([[10.0, 10], [20, 20], [5000, 5000]])).tolist() == [2, 0, 0, 0, 0, 0]


def test_points_far_apart_are_no_city() -> None:
    with pytest.raises(InputError) as refused:
        region(np.array([[0.0, 0], [1e9, 1e9]]))
    assert refused.value.field == "x"


def test_nothing_known_is_named() -> None:
    with pytest.raises(InputError) as refused:
        forecast(np.array([[1.0, 1]]), np.array([5.0]), 4.0, 30, square(3))
    assert refused.value.field == "date"


def test_what_comes_after_changes_nothing() -> None:
    points, days = make_points(REGIME["all, sparse"], 0)
    grid, now = region(points), DAYS - 91.0
    known = days <= now
    whole, cut = forecast(points, days, now, 91, grid), forecast(points[known], days[known], now, 91, grid)
    assert (whole.rates == cut.rates).all()
    assert whole.weights == cut.weights


def test_more_points_in_a_cell_are_a_higher_rate() -> None:
    """Each cell a row of points over two years, one of them with thrice as many."""
    dice = np.random.default_rng(0)
    grid, many = square(8), 40 * np.ones(64, dtype=int)
    many[27] = 120
    cell = np.repeat(np.arange(64), many)
    points = np.stack([cell % 8, cell // 8], axis=1) * 600 + dice.uniform(1, 599, (len(cell), 2))
    days = dice.uniform(0, 900, len(cell))
    rates = forecast(points, days, 900, 30, grid).rates
    assert rates.argmax() == 27
    assert rates[27] > 1.4 * np.median(rates)
    # what is expected of all is what came in thirty days
    assert rates.sum() == pytest.approx(len(cell) / 30, rel=0.25)


def steady(cell: tuple[int, int], days: Array, dice: np.random.Generator) -> Array:
    return np.array(cell) * 600 + dice.uniform(1, 599, (len(days), 2))


def test_a_place_that_woke_is_above_one_that_sleeps() -> None:
    """As many points in each; of a city whose places change every year the new one is likelier."""
    dice = np.random.default_rng(1)
    points, days = [], []
    for year in range(4):
        # where it is busy changes every year
        when = dice.uniform(365 * year, 365 * (year + 1), 300)
        points.append(steady((2 * year + 1, 4), when, dice))
        days.append(when)
    even = dice.uniform(0, 1460, 400)
    points.append(dice.uniform(0, 6000, (400, 2)))
    days.append(even)
    grid = square(10)
    found = forecast(np.concatenate(points), np.concatenate(days), 1460 - 60, 30, grid)
    rates = found.rates.reshape(10, 10)
    assert rates[4, 7] > rates[4, 5] > np.median(rates)
    assert sum(w for name, w in found.weights.items() if name.endswith((" 7d", " 30d", " 120d"))) > 0.3


def test_weights_find_the_kernel_that_made_the_points() -> None:
    """Of three kernels, points that follow the second."""
    dice = np.random.default_rng(2)
    rates = dice.gamma(0.5, size=(3, 400))
    made = [(rates, dice.poisson(rates[1] * 3)) for _ in range(4)]
    assert learn(made) == pytest.approx([0, 3, 0], abs=0.2)
    assert (learn(made) >= 0).all()


def test_short_history_is_smoothed_alone() -> None:
    points = np.array([[1500.0, 1500], [1500, 1500], [4500, 4500]])
    found = forecast(points, np.array([0.0, 10, 20]), 30, 30, square(10))
    assert found.held_out == ()
    assert {name for name, w in found.weights.items() if w} == {name for name in kernels() if name.endswith("always")}
    assert found.rates.sum() == pytest.approx(3, rel=0.25)
    assert choose_area([found], allowed()) == 20


def test_area_is_chosen_on_what_was_held_out() -> None:
    """Twenty-five cells catch what came, and no other number so much of it for its size."""
    rates, came = -np.arange(400.0), np.zeros(400)
    came[20:25] = 10
    held = hotspots.Forecast(rates, {}, ((rates, came),))
    assert choose_area([held], allowed()) == 25


SPLITS = {"1m": Split(DAYS - 30.0, 30.0), "3m": Split(DAYS - 91.0, 91.0)}


def test_moving_hot_spots_are_caught_better_than_by_counting() -> None:
    """Made cities with seeds that are fixed; by a tenth at least, over three of them."""
    runs = [measure(*make_points(REGIME["moving"], seed), SPLITS) for seed in range(3)]
    for name in SPLITS:
        ours, count = (sum(run[key][name] for run in runs) for key in ("pai", "count_pai"))
        assert ours > 1.1 * count
        assert sum(run["pei"][name] for run in runs) > 1.1 * sum(run["count_pei"][name] for run in runs)
        assert ours < sum(run["best_pai"][name] for run in runs)


def test_hot_spots_that_stay_are_caught_as_well_as_by_counting() -> None:
    runs = [measure(*make_points(REGIME["static"], seed), SPLITS) for seed in range(3)]
    for name in SPLITS:
        assert sum(run["pai"][name] for run in runs) > 0.98 * sum(run["count_pai"][name] for run in runs)


@pytest.mark.parametrize(
    ("last", "months", "ends"),
    [
        (date(2020, 5, 31), 1, date(2020, 4, 30)),
        (date(2020, 5, 31), 3, date(2020, 2, 29)),
        (date(2021, 1, 15), 1, date(2020, 12, 15)),
        (date(2021, 3, 30), 1, date(2021, 2, 28)),
    ],
)
def test_months_before(last: date, months: int, ends: date) -> None:
    assert months_before(last, months) == ends


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.hotspots", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_command_says_the_same_twice(tmp_path: Path) -> None:
    points, days = make_points(REGIME["all, sparse"], 0)
    path, order = tmp_path / "points.csv", np.random.default_rng(0).permutation(len(days))
    rows = [
        f"{date(2018, 1, 1) + timedelta(days=int(day))},{x:.1f},{y:.1f}"
        for day, (x, y) in zip(days, points, strict=True)
    ]
    told = []
    for lines in (rows, [rows[at] for at in order]):
        path.write_text("date,x,y\n" + "\n".join(lines) + "\n", encoding="utf-8")
        ended = bench("--json", str(path))
        assert ended.stderr == ""
        told.append(json.loads(ended.stdout))
    assert set(told[0]) == {"pai", "pei", "count_pai", "count_pei", "cells", "area_share"}
    assert 20 <= told[0]["cells"] <= 58
    for key in ("pai", "pei", "count_pai", "count_pei"):
        assert set(told[0][key]) == {"1m", "3m"}
        assert all(math.isfinite(value) and value > 0 for value in told[0][key].values())
        # the order of rows is none of its business
        assert told[1][key] == pytest.approx(told[0][key])


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        (["date,x", "2020-01-01,5"], "y"),
        (["date,x,y"], "date"),
        (["date,x,y", "yesterday,1,1"], "date"),
        (["date,x,y", "2020-01,1,1"], "date"),
        (["date,x,y", "2020-01-01,here,1"], "x"),
        (["date,x,y", "2020-01-01,1,1", "2020-01-02,1,1"], "date"),
        (["date,x,y", "2019-01-01,1,1", "2020-01-02,1,1"], "x"),
    ],
)
def test_command_names_the_column_at_fault(tmp_path: Path, lines: list[str], field: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    ended = bench("--json", str(path))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{field}: ")
    assert ended.stdout == ""
