"""`python -m bench.clusters --json CSV [--replications 999] [--seed 1] [--max-share 0.5] [--prospective] [--lonlat]`:
clusters of cases in a table, by the scan statistic of alerts/scan.py.

The table has the columns `id,x,y,cases,population` and, in space and time, `date` (YYYY, YYYY-MM or YYYY-MM-DD). Rows
of one id are one place: cases are added, of populations of one date the mean is taken. Between the dates for which a
place says its population it changes evenly, before and after it stays; without dates there is one. Time goes in equal
steps from the first date to the last: months where all dates fall on the same day of theirs or on the last, else days,
and of these the largest number on which all dates lie.
"""

from __future__ import annotations

import argparse
import json
import sys
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from alerts.scan import Array, scan, steps_between
from bench.tables import read_date, read_number, read_rows
from core.errors import InputError

COLUMNS = ("id", "x", "y", "cases", "population")


@dataclass
class Place:
    """`cases` are (row's moment, how many), `people` a moment's populations."""

    x: float
    y: float
    cases: list[tuple[int, float]] = field(default_factory=list)
    people: dict[int, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    ids: list[str]
    places: Array
    cases: Array
    population: Array
    # what each step is called; nothing where it has no dates
    steps: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.clusters", description=__doc__)
    parser.add_argument("csv", type=Path, metavar="CSV")
    parser.add_argument("--json", action="store_true", help="clusters as JSON")
    parser.add_argument("--replications", type=int, default=999, help="random data sets (default 999)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-share", type=float, default=0.5, help="of the population in a window (default 0.5)")
    parser.add_argument("--prospective", action="store_true", help="only clusters that last until the last date")
    parser.add_argument("--lonlat", action="store_true", help="x and y are degrees of longitude and latitude")
    given = parser.parse_args()
    try:
        clusters = find_clusters(read_table(given.csv, given.lonlat), given)
    except InputError as exc:
        sys.exit(exc.message)
    print(json.dumps({"clusters": clusters}, ensure_ascii=False, indent=2) if given.json else told(clusters))


def find_clusters(table: Table, given: argparse.Namespace) -> list[dict[str, Any]]:
    if given.prospective and not table.steps:
        raise InputError("date: a prospective scan needs this column", field="date")
    if not table.cases.any():
        raise InputError("cases: there are none", field="cases")
    clusters = scan(
        table.places,
        table.cases,
        table.population,
        lonlat=given.lonlat,
        max_share=given.max_share,
        prospective=given.prospective,
        replications=given.replications,
        seed=given.seed,
    )
    return [
        {
            "ids": [table.ids[member] for member in one.members],
            "cases": int(one.cases) if one.cases.is_integer() else one.cases,
            "expected": one.expected,
            "llr": one.llr,
            "p": one.p,
            **({"from": table.steps[one.first], "to": table.steps[one.last]} if table.steps else {}),
        }
        for one in clusters
    ]


def told(clusters: list[dict[str, Any]]) -> str:
    lines = []
    for one in clusters:
        when = f", {one['from']} to {one['to']}" if "from" in one else ""
        lines.append(
            f"{one['cases']} cases, {one['expected']:.2f} expected{when}; LLR {one['llr']:.6f}, p {one['p']:.3f}: "
            + ", ".join(one["ids"])
        )
    return "\n".join(lines) or "no window has more cases than expected"


# --- the table --------------------------------------------------------------------------------------------------------


def read_table(path: Path, lonlat: bool) -> Table:
    """Places in the order of their ids. Raises InputError that names column and line."""
    rows = list(read_rows(path, COLUMNS))
    if not rows:
        raise InputError("id: the table has no rows", field="id")
    dated = "date" in rows[0][1]
    moments, names = read_steps([(line, row["date"]) for line, row in rows]) if dated else ([0] * len(rows), [])
    places: dict[str, Place] = {}
    for (line, row), moment in zip(rows, moments, strict=True):
        x, y = (read_number(line, row, name) for name in ("x", "y"))
        if lonlat and not (-180 <= x <= 180 and -90 <= y <= 90):
            raise InputError(f"x: line {line}: {x:g}, {y:g} are no longitude and latitude", field="x")
        name = row["id"]
        if not name:
            raise InputError(f"id: line {line}: it is empty", field="id")
        place = places.setdefault(name, Place(x, y))
        if (place.x, place.y) != (x, y):
            raise InputError(f"x: line {line}: {name} was somewhere else before", field="x")
        place.cases.append((moment, read_number(line, row, "cases", least=0)))
        # said once for each id is enough
        if row["population"]:
            place.people.setdefault(moment, []).append(read_number(line, row, "population", least=0))
    ids = sorted(places)
    steps = max(1, len(names))
    cases, population = np.zeros((len(ids), steps)), np.zeros((len(ids), steps))
    for at, name in enumerate(ids):
        for moment, count in places[name].cases:
            cases[at, moment] += count
        if not places[name].people:
            raise InputError(f"population: {name} has none", field="population")
        known = sorted(places[name].people)
        population[at] = np.interp(range(steps), known, [np.mean(places[name].people[moment]) for moment in known])
    return Table(ids, np.array([(places[name].x, places[name].y) for name in ids]), cases, population, names)


def read_steps(written: list[tuple[int, str]]) -> tuple[list[int], list[str]]:
    """Which step each date is in, and how the first date of each step is written."""
    parts = [read_date(line, value) for line, value in written]
    first = parts[0]
    if any([part is None for part in one] != [part is None for part in first] for one in parts):
        raise InputError("date: expected all as years, all as months or all as days", field="date")
    dates = [date(year, month or 1, day or 1) for year, month, day in parts]
    ends = all(one.day == monthrange(one.year, one.month)[1] for one in dates)
    monthly = ends or len({one.day for one in dates}) == 1
    steps, begins = steps_between([one.year * 12 + one.month - 1 if monthly else one.toordinal() for one in dates])
    names = []
    for at in begins:
        one = date.fromordinal(at) if not monthly else in_month(at // 12, at % 12 + 1, 31 if ends else dates[0].day)
        names.append(one.isoformat()[: 4 if first[1] is None else 7 if first[2] is None else 10])
    return steps, names


def in_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


if __name__ == "__main__":
    main()
