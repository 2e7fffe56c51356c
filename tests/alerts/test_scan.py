"""Clusters in space and time: what a window is, what it is worth, and what chance would have made."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import combinations
from math import hypot, log
from pathlib import Path

import numpy as np
import pyogrio
import pytest

from alerts.scan import Array, Cluster, log_likelihood_ratio, scan
from bench.clusters import read_table
from core.errors import InputError
from tests.support import ROOT

# in a row: places at 0, 1, 3, 7, 15, so that no two neighbours are equally far
ROW = np.array([[0.0, 0.0], [1, 0], [3, 0], [7, 0], [15, 0]])


def ratio(c: float, e: float, total: float) -> float:
    """The formula as it is printed."""
    if c <= e:
        return 0.0
    return c * log(c / e) + ((total - c) * log((total - c) / (total - e)) if total > c else 0.0)


@pytest.mark.parametrize(
    ("cases", "people", "llr"),
    [
        (100, 111_674, 14.083511),
        (38, 34_083, 9.019716),
        (64, 78_280, 6.114140),
        (25, 24_571, 4.651839),
        (12, 9_840, 3.363518),
        (11, 8_839, 3.209485),
    ],
)
def test_ratio_is_the_one_that_satscan_prints(cases: int, people: int, llr: float) -> None:
    """SaTScan 9.6 of leukaemia in eight counties of New York: 552 cases, 1,057,673 people, 281 places."""
    expected = 552 * people / 1_057_673
    found = log_likelihood_ratio(np.array([cases]), np.array([expected]), 552)
    assert found[0] == pytest.approx(llr, abs=1e-6)


def test_ratio_of_all_cases_and_of_too_few() -> None:
    found = log_likelihood_ratio(np.array([10, 3, 4, 0]), np.array([4.0, 4, 4, 0]), 10)
    assert found == pytest.approx([10 * log(10 / 4), 0, 0, 0])


def test_windows_counted_by_hand() -> None:
    """Six of ten cases at two places of five that have two fifths of the people."""
    [found, *_] = scan(ROW, np.array([3, 3, 2, 1, 1]), np.full(5, 10), replications=9)
    assert (found.centre, found.members, found.radius) == (0, (0, 1), 1.0)
    assert (found.cases, found.expected) == (6, 4)
    assert found.llr == pytest.approx(6 * log(6 / 4) + 4 * log(4 / 6))


def test_places_at_one_distance_come_together() -> None:
    """The middle's neighbours are equally far: middle and left is no window, though it would be the likeliest."""
    places = np.array([[0.0, 0], [-1, 0], [1, 0], [0, 9], [9, 9], [9, 0]])
    cases, people = np.array([6, 0, 6, 1, 1, 1]), np.array([10, 10, 10, 10, 10, 10])
    [found, *_] = scan(places, cases, people, max_share=0.34, replications=9)
    # of two places: left with middle, right with middle; of one: each
    assert sorted(found.members) == [0, 2]
    assert found.centre == 2
    [found, *_] = scan(places[:4], cases[:4], people[:4], max_share=0.75, replications=9)
    assert found.llr == pytest.approx(max(ratio(12, 13 / 2, 13), ratio(12, 13 * 3 / 4, 13)))
    tied = scan(np.array([[0.0, 0], [0.1, 0], [-0.1, 0], [0.3, 0.3]]), np.array([5, 5, 0, 1]), np.full(4, 1))[0]
    assert sorted(tied.members) == [0, 1]
    assert tied.centre == 1


def test_ids_at_the_same_place_are_one() -> None:
    places = np.array([[0.0, 0], [0, 0], [5, 0], [6, 0]])
    [found, *_] = scan(places, np.array([4, 0, 1, 1]), np.full(4, 10), replications=9)
    assert set(found.members) == {0, 1}
    assert found.expected == pytest.approx(3)


def test_half_of_the_people_is_within_and_more_is_not() -> None:
    cases, people = np.array([5, 5, 0, 0, 0]), np.array([25, 25, 20, 15, 15])
    assert scan(ROW, cases, people, replications=9)[0].members == (0, 1)
    assert len(scan(ROW, cases, people, max_share=0.49, replications=9)[0].members) == 1
    with_more = scan(ROW, cases, people + np.array([1, 0, 0, 0, 0]), replications=9)[0]
    assert len(with_more.members) == 1


def test_cylinder_in_time() -> None:
    """Two places have six cases in the second and third of four steps, one a step elsewhere."""
    cases = np.array([[1, 3, 3, 1], [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]])
    [found, *_] = scan(ROW, cases, np.full(5, 10), replications=9)
    assert (found.members, found.first, found.last) == ((0, 1), 1, 2)
    total = cases.sum()
    assert (found.cases, found.expected) == (12, pytest.approx(total * 4 / 20))
    assert found.llr == pytest.approx(ratio(12, total * 4 / 20, total))
    # half of four steps is two: three do not fit
    longer = scan(ROW, np.array([[1, 3, 3, 3], *cases[1:] * 0 + 1]), np.full(5, 10), replications=9)[0]
    assert longer.last - longer.first == 1


def test_prospective_windows_end_at_the_last_step() -> None:
    cases = np.array([[1, 9, 1, 3], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]])
    assert scan(ROW, cases, np.full(5, 10), replications=9)[0].first == 1
    now = scan(ROW, cases, np.full(5, 10), prospective=True, replications=9)[0]
    assert (now.members, now.first, now.last, now.cases) == ((0,), 3, 3, 3)


def test_population_of_the_time_counts() -> None:
    """Twice the people in the second half: as many more cases are none too many."""
    cases = np.array([[2, 2, 4, 4]] * 5)
    assert scan(ROW, cases, np.array([[10, 10, 20, 20]] * 5), replications=9) == []
    assert scan(ROW, cases, np.full(5, 10), replications=9)[0].first >= 2


def test_great_circles_are_nearer_to_the_pole() -> None:
    """Half a degree of latitude is farther than one of longitude at 80 degrees north."""
    places = np.array([[0.0, 80], [1, 80], [0, 80.5], [40, 60], [50, 50]])
    cases, people = np.array([4, 4, 0, 1, 1]), np.full(5, 10)
    found = scan(places, cases, people, lonlat=True, replications=9)[0]
    assert set(found.members) == {0, 1}
    assert found.radius == pytest.approx(19_308, rel=1e-3)
    # by degrees alone it would be the other one whose nearest neighbour this is
    assert found.centre == 0
    assert scan(places, cases, people, replications=9)[0].centre == 1


def all_windows(places: Array, cases: Array, people: Array, share: float) -> Iterator[tuple[frozenset[int], float]]:
    """As the definition says it, window by window."""
    total, risk = cases.sum(), people.sum()
    for x, y in places:
        for radius in {hypot(x - u, y - v) for u, v in places}:
            within = [i for i, (u, v) in enumerate(places) if hypot(x - u, y - v) <= radius + 1e-9]
            if people[within].sum() <= share * risk + 1e-9:
                yield frozenset(within), ratio(cases[within].sum(), total * people[within].sum() / risk, total)


@pytest.mark.parametrize("seed", range(5))
def test_best_of_all_windows_and_then_the_best_that_are_apart(seed: int) -> None:
    dice = np.random.default_rng(seed)
    # on a lattice, so that there are ties
    places = dice.integers(0, 6, (25, 2)).astype(float)
    people = dice.integers(0, 40, 25)
    cases = np.where(people > 0, dice.poisson(people / 8), 0)
    clusters = scan(places, cases, people, max_share=0.3, replications=19, alpha=1)
    left = dict(all_windows(places, cases, people, 0.3))
    for one in clusters:
        assert one.llr == pytest.approx(max(left.values()))
        assert left[frozenset(one.members)] == pytest.approx(one.llr)
        left = {members: llr for members, llr in left.items() if not members & set(one.members)}
    assert max(left.values(), default=0.0) == 0
    assert all(not set(a.members) & set(b.members) for a, b in combinations(clusters, 2))


def test_infant_deaths_in_north_carolina() -> None:
    """A hundred counties, 1974 to 1984 (Cressie 1993; libpysal's files): the windows are those of the definition."""
    spec = find_spec("libpysal")
    assert spec is not None
    assert spec.origin is not None, "libpysal is not there: requirements/vectors.txt"
    counties = pyogrio.read_dataframe(Path(spec.origin).parent / "examples" / "sids2" / "sids2.shp")
    middle = counties.geometry.centroid
    places = np.stack([middle.x, middle.y], axis=1)
    cases = (counties.SID74 + counties.SID79).to_numpy()
    births = (counties.BIR74 + counties.BIR79).to_numpy()
    likeliest, second, *_ = scan(places, cases, births, lonlat=True, replications=99)
    assert {counties.NAME[at] for at in likeliest.members} == {"Robeson", "Scotland", "Hoke", "Bladen"}
    assert {counties.NAME[at] for at in second.members} == {"Northampton", "Halifax", "Hertford", "Bertie"}
    assert (likeliest.cases, likeliest.p, second.p) == (107, 0.01, 0.01)
    total, within = cases.sum(), births[list(likeliest.members)].sum()
    assert likeliest.llr == pytest.approx(ratio(107, total * within / births.sum(), total))


def city(seed: int) -> tuple[Array, Array, Array]:
    dice = np.random.default_rng(seed)
    people = dice.integers(100, 900, 40)
    return dice.random((40, 2)), dice.multinomial(200, people / people.sum()), people


def named(clusters: list[Cluster], names: Array) -> list[tuple[set[int], float, float]]:
    return [({int(names[m]) for m in one.members}, round(one.llr, 9), round(one.expected, 9)) for one in clusters]


def test_order_of_rows_and_scale_of_people_change_nothing() -> None:
    places, cases, people = city(3)
    cases[:4] += 12
    order = np.random.default_rng(0).permutation(40)
    expected = named(scan(places, cases, people, alpha=1, replications=19), np.arange(40))
    shuffled = scan(places[order], cases[order], people[order], alpha=1, replications=19)
    scaled = scan(places * 1000, cases, people * 7, alpha=1, replications=19)
    assert named(shuffled, order) == named(scaled, np.arange(40)) == expected


def test_p_is_the_rank_among_random_data() -> None:
    places, cases, people = city(1)
    assert scan(places, cases, people)[0].p == scan(places, cases, people)[0].p
    assert scan(places, cases, people, seed=2)[0].llr == scan(places, cases, people)[0].llr
    # nothing random comes near
    crowded = cases + np.where(np.arange(40) == 7, 400, 0)
    assert scan(places, crowded, people, replications=99)[0].p == 1 / 100


def test_p_of_data_without_clusters_is_even() -> None:
    """Of 60 cities without a cluster: the seeds are fixed, so the same numbers come every time."""
    found = [scan(*city(seed), replications=99, seed=seed)[0].p for seed in range(60)]
    assert 0.35 < np.mean(found) < 0.65
    assert np.count_nonzero(np.array(found) <= 0.05) <= 9
    assert np.count_nonzero(np.array(found) > 0.5) >= 18


def test_maxima_are_those_of_all_windows() -> None:
    """What is left out by its bound could not have been the highest: p is as from every window's logarithm."""
    places, _, people = city(5)
    dice, random = np.random.default_rng(1), []
    for _ in range(39):
        thrown = dice.multinomial(200, people / people.sum())
        random.append(max(llr for _, llr in all_windows(places, thrown, people, 0.5)))
    for level in (0.2, 0.5, 0.8):
        cases = city(5)[1]
        wanted = float(np.quantile(random, level))
        llr = max(llr for _, llr in all_windows(places, cases, people, 0.5))
        found = scan(places, cases, people, replications=39, seed=1)[0]
        assert found.p == (1 + sum(one >= llr - 1e-9 for one in random)) / 40
        assert min(random) <= wanted <= max(random)


@pytest.mark.parametrize(
    ("places", "cases", "people", "field"),
    [
        (ROW[:0], [], [], "id"),
        (ROW[:1], [1], [1], "id"),
        (ROW[:2], [1, -1], [1, 1], "cases"),
        (ROW[:2], [1, 1], [0, 0], "population"),
        (ROW[:2], [1, 1], [1, 0], "population"),
        (ROW[:2] * np.nan, [1, 1], [1, 1], "x"),
    ],
)
def test_what_cannot_be_scanned_is_named(places: Array, cases: list[int], people: list[int], field: str) -> None:
    with pytest.raises(InputError) as refused:
        scan(places, np.array(cases), np.array(people))
    assert refused.value.field == field


def test_no_cases_are_no_clusters() -> None:
    assert scan(ROW, np.zeros(5), np.full(5, 10)) == []


# --- the command ------------------------------------------------------------------------------------------------------


def written(folder: Path, *lines: str) -> Path:
    path = folder / "cases.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.clusters", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_command_prints_clusters_in_space_and_time(tmp_path: Path) -> None:
    rows = [
        f"{name},{x},0,{3 if name in 'ab' and year in (2021, 2022) else 1},10,{year}"
        for name, x in (("a", 0), ("b", 1), ("c", 3), ("d", 7), ("e", 15))
        for year in range(2020, 2024)
    ]
    path = written(tmp_path, "id,x,y,cases,population,date", *rows)
    [found] = json.loads(bench("--json", str(path), "--replications", "99").stdout)["clusters"]
    assert (found["ids"], found["cases"], found["from"], found["to"]) == (["a", "b"], 12, "2021", "2022")
    assert found["llr"] == pytest.approx(ratio(12, 28 / 5, 28))
    now = json.loads(bench("--json", str(path), "--replications", "99", "--prospective").stdout)["clusters"]
    assert [one["to"] for one in now] == ["2023"]


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        (["id,x,y,population", "a,0,0,1"], "cases"),
        (["id,x,y,cases,population"], "id"),
        (["id,x,y,cases,population", "a,0,0,1,1"], "id"),
        (["id,x,y,cases,population", "a,0,0,1,0", "b,1,0,0,0"], "population"),
        (["id,x,y,cases,population", "a,0,0,1,", "b,1,0,0,5"], "population"),
        (["id,x,y,cases,population", "a,0,0,one,1", "b,1,0,0,1"], "cases"),
        (["id,x,y,cases,population", "a,0,0,0,1", "b,1,0,0,1"], "cases"),
        (["id,x,y,cases,population", "a,0,0,1,1", "a,1,0,0,1"], "x"),
        (["id,x,y,cases,population", "a,0,,1,1", "b,1,0,0,1"], "y"),
        (["id,x,y,cases,population,date", "a,0,0,1,1,2020", "b,1,0,0,1,2020-13"], "date"),
        (["id,x,y,cases,population,date", "a,0,0,1,1,2020", "b,1,0,0,1,2020-12"], "date"),
    ],
)
def test_command_names_the_column_at_fault(tmp_path: Path, lines: list[str], field: str) -> None:
    ended = bench("--json", str(written(tmp_path, *lines)))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{field}: ")
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("dates", "steps"),
    [
        (["2020", "2023"], ["2020", "2023"]),
        (["2020", "2021", "2023"], ["2020", "2021", "2022", "2023"]),
        (["2020-11", "2021-01", "2021-02"], ["2020-11", "2020-12", "2021-01", "2021-02"]),
        (["2020-01-31", "2020-02-29", "2020-04-30"], ["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"]),
        (["2020-01-01", "2020-01-08", "2020-01-22"], ["2020-01-01", "2020-01-08", "2020-01-15", "2020-01-22"]),
        (["2020/1/1", "2020/1/2", "2020/1/4"], ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]),
    ],
)
def test_steps_in_time(tmp_path: Path, dates: list[str], steps: list[str]) -> None:
    rows = [f"{name},{at},0,1,10,{date}" for at, name in enumerate("ab") for date in dates]
    table = read_table(written(tmp_path, "id,x,y,cases,population,date", *rows), lonlat=False)
    assert table.steps == steps
    assert table.cases.sum() == len(rows)
    assert (table.population == 10).all()


def test_rows_of_one_id_are_one_place(tmp_path: Path) -> None:
    lines = ("id,x,y,cases,population", "b,1,0,2,30", "a,0,0,1,10", "a,0,0,4,", "a,0,0,0,20")
    table = read_table(written(tmp_path, *lines), lonlat=False)
    assert (table.ids, table.cases.tolist(), table.population.tolist()) == (["a", "b"], [[5], [2]], [[15], [30]])


def test_population_changes_evenly_between_dates(tmp_path: Path) -> None:
    lines = ("id,x,y,cases,population,date", "a,0,0,1,10,2020", "a,0,0,1,,2021", "a,0,0,1,30,2022", "b,1,0,1,5,2021")
    table = read_table(written(tmp_path, *lines), lonlat=False)
    assert table.population.tolist() == [[10, 20, 30], [5, 5, 5]]
