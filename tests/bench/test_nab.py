"""The benchmark's score, counted by hand; series and scores in its layout."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from bench.made_series import make_series
from bench.nab import (
    HEADER,
    NOTHING,
    Series,
    normalised,
    probation,
    read_series,
    score_at,
    sigmoid,
    sweep,
    worth,
    write_scores,
)
from tests.support import ROOT


def series(rows: int, *windows: tuple[int, int], name: str = "g/a.csv") -> Series:
    times = tuple(300.0 * n for n in range(rows))
    return Series(name, tuple(str(at) for at in times), times, (0.0,) * rows, windows)


def at(rows: int, *found: int) -> list[float]:
    return [float(n in found) for n in range(rows)]


def s(position: float) -> float:
    return 2 / (1 + math.exp(5 * position)) - 1


def test_the_sigmoid_has_the_values_of_the_paper() -> None:
    assert sigmoid(-1.0) == pytest.approx(0.98661, abs=1e-5)
    assert sigmoid(-0.5) == pytest.approx(0.84828, abs=1e-5)
    assert sigmoid(0.0) == 0.0
    assert sigmoid(1.0) == pytest.approx(-0.98661, abs=1e-5)
    assert sigmoid(3.0) == sigmoid(40.0) == -1.0


@pytest.mark.parametrize(("rows", "first"), [(10, 1), (100, 15), (4032, 604), (5000, 750), (22695, 750)])
def test_probation_is_fifteen_in_a_hundred_and_750_at_most(rows: int, first: int) -> None:
    assert probation(rows) == first


def test_the_first_row_of_a_window_is_worth_one() -> None:
    assert sweep([(series(100, (50, 59)), at(100, 50))]).score == pytest.approx(100.0)


def test_a_later_row_of_a_window_is_worth_less() -> None:
    # of ten rows the last is one tenth before the edge
    assert worth(series(100, (50, 59)))[59] == (pytest.approx(s(-0.1) / s(-1.0)), 0)
    found = sweep([(series(100, (50, 59)), at(100, 59))])
    assert found.score == pytest.approx(100 * (1 + s(-0.1) / s(-1.0)) / 2)


def test_only_the_earliest_row_of_a_window_counts() -> None:
    one, all_of_it = at(100, 52), at(100, *range(52, 60))
    known = series(100, (50, 59))
    assert sweep([(known, one)]).score == sweep([(known, all_of_it)]).score


def test_a_false_row_before_any_window_costs_its_whole_weight() -> None:
    known = series(100, (50, 59))
    assert score_at(known, at(100, 20, 50), 0.5) == pytest.approx(1.0 - 0.11)
    assert sweep([(known, at(100, 20, 50))]).score == pytest.approx(100 * (0.89 + 1) / 2)


def test_a_false_row_just_behind_a_window_costs_less() -> None:
    known = series(200, (50, 59))
    # three rows behind an edge, of a width of nine
    assert score_at(known, at(200, 50, 62), 0.5) == pytest.approx(1.0 + 0.11 * s(3 / 9))
    assert score_at(known, at(200, 50, 150), 0.5) == pytest.approx(1.0 - 0.11)


def test_a_false_row_counts_from_the_window_before_it() -> None:
    known = series(300, (50, 59), (150, 169))
    assert score_at(known, at(300, 50, 150, 171), 0.5) == pytest.approx(2.0 + 0.11 * s(2 / 19))


def test_rows_in_probation_neither_help_nor_cost() -> None:
    known = series(100, (50, 59))
    assert score_at(known, at(100, 3, 14, 50), 0.5) == pytest.approx(1.0)
    assert score_at(known, at(100, 3, 15, 50), 0.5) == pytest.approx(0.89)


def test_nothing_found_is_nothing_and_a_window_missed_costs_one() -> None:
    known = series(100, (50, 59), (70, 79))
    best = sweep([(known, at(100))])
    assert (best.score, best.threshold, best.found, best.windows) == (0.0, NOTHING, 0, 2)
    assert score_at(known, at(100, 50), 0.5) == 0.0
    assert normalised(0.0, 2) == 50.0


def test_one_threshold_holds_for_all_series() -> None:
    # the low one would be found at 0.2, which lets in twenty false rows of the other
    low, high = series(100, (50, 59), name="g/low.csv"), series(100, (50, 59), name="g/high.csv")
    scores_low, scores_high = at(100), at(100)
    scores_low[50] = 0.2
    for n in range(20, 40):
        scores_high[n] = 0.3
    scores_high[50] = 0.9
    best = sweep([(low, scores_low), (high, scores_high)])
    assert (best.threshold, best.found, best.false) == (0.9, 1, 0)
    assert best.score == pytest.approx(50.0)
    fewer = [0.0 if score == 0.3 and n >= 25 else score for n, score in enumerate(scores_high)]
    best = sweep([(low, scores_low), (high, fewer)])
    assert (best.threshold, best.found, best.false) == (0.2, 2, 5)
    assert best.score == pytest.approx(100 * (2 - 5 * 0.11 + 2) / 4)


def test_rows_of_one_score_are_taken_together() -> None:
    known = series(100, (50, 59))
    flat = [0.5] * 100
    before, behind = 50 - 15, sum(s((n - 59) / 9) if n - 59 < 27 else -1.0 for n in range(60, 100))
    assert score_at(known, flat, 0.5) == pytest.approx(1 - 0.11 * before + 0.11 * behind)
    assert sweep([(known, flat)]).score == 0.0


def test_series_without_windows_only_cost() -> None:
    quiet = series(100)
    assert sweep([(quiet, at(100, 40))]).score == 0.0
    assert score_at(quiet, at(100, 40), 0.5) == pytest.approx(-0.11)


def write_folder(folder: Path) -> None:
    (folder / "realThings").mkdir(parents=True)
    rows = [f"2015-01-01 {n // 12:02}:{n % 12 * 5:02}:00,{n % 7}" for n in range(200)]
    rows[20] = rows[20].rsplit(",", 1)[0] + ","
    rows[150] = rows[150].rsplit(",", 1)[0] + ",900.5"
    (folder / "realThings" / "pump.csv").write_text("timestamp,value\n" + "\n".join(rows) + "\n", "utf-8")


def test_scores_are_written_in_the_layout_of_the_benchmark(tmp_path: Path) -> None:
    write_folder(tmp_path / "data")
    windows = {"realThings/pump.csv": [["2015-01-01 12:25:00.000000", "2015-01-01 12:55:00.000000"]]}
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(windows), "utf-8")
    [one] = read_series(tmp_path / "data")
    assert (one.name, one.windows) == ("realThings/pump.csv", ((149, 155),))
    assert math.isnan(one.values[20])
    path = write_scores(tmp_path / "out", one, [0.25] * 200)
    assert path == tmp_path / "out" / "realThings" / "onemap_pump.csv"
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header == list(HEADER)
    assert [row[0] for row in rows] == list(one.stamps)
    assert rows[150] == ["2015-01-01 12:30:00", "900.5", "0.25", "1"]
    assert sum(row[3] == "1" for row in rows) == 7


def test_a_folder_without_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no \{group\}/\{name\}\.csv"):
        read_series(tmp_path)


def test_the_bench_tells_a_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "data")
    asked = [sys.executable, "-m", "bench.anomaly", "--json", str(tmp_path / "data"), str(tmp_path / "out")]
    done = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True)
    figures = json.loads(done.stdout)
    assert (figures["count"], figures["rows"], figures["nab_standard"]) == (1, 200, None)
    assert figures["series"][0]["name"] == "realThings/pump.csv"
    with (tmp_path / "out" / "realThings" / "onemap_pump.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert max(range(200), key=lambda n: float(rows[n]["anomaly_score"])) == 150
    assert {row["label"] for row in rows} == {"0"}


def test_made_series_are_the_same_each_time_and_a_tenth_is_window() -> None:
    first, again = list(make_series(1)), list(make_series(1))
    assert first == again
    assert len({one.name for one in first}) == len(first)
    for one in first:
        assert all(probation(len(one.values)) <= begin <= end < len(one.values) for begin, end in one.windows)
    inside = sum(end - begin + 1 for one in first for begin, end in one.windows)
    assert 0.05 < inside / sum(len(one.values) for one in first) < 0.15
