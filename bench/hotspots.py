"""`python -m bench.hotspots --json CSV`, `--made [--seeds N]`: how well cells of 600 ft are forecast, against counting.

The table has the columns `date,x,y` (YYYY-MM-DD, feet). All but the last month, and all but the last three, are what is
known; the next month and the next three are forecast. The study region are the cells that the convex hull of what is
known before the last three months touches; points beyond it count as missed. A forecast is a number of cells within
the limits of NIJ's challenge of 2017 (0.25 to 0.75 square miles), the one with the highest mean PAI on stretches held
out of what is known. The plain count of the three years before gets the same number of cells.

`--made` does the same with points that are made (bench/points.py), and says what the best cells would have had.
"""

from __future__ import annotations

import argparse
import json
import sys
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from alerts.hotspots import CELL_FT, Array, allowed, choose_area, forecast, pai, pei, region
from bench.points import DAYS, REGIMES, make_points
from bench.tables import read_date, read_number, read_rows
from core.errors import InputError

HORIZONS = {"1m": 1, "3m": 3}
MEASURES = ("pai", "pei", "count_pai", "count_pei", "best_pai")
COUNTED_D = 3 * 365.25


@dataclass(frozen=True, slots=True)
class Split:
    """What is known until `now`; forecast are `horizon_d` days."""

    now: float
    horizon_d: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.hotspots", description=__doc__)
    parser.add_argument("csv", type=Path, metavar="CSV", nargs="?")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--made", action="store_true", help="over points that are made")
    parser.add_argument("--seeds", type=int, default=10, help="cities of each regime that is made (default 10)")
    given = parser.parse_args()
    if given.made == (given.csv is not None):
        parser.error("expected a CSV or --made")
    try:
        figures = measure_made(given.seeds) if given.made else measure_table(given.csv)
    except InputError as exc:
        sys.exit(exc.message)
    if given.json:
        print(json.dumps(figures, indent=2))
    else:
        print(told_made(figures) if given.made else told(figures))


def measure_table(path: Path) -> dict[str, Any]:
    points, days = read_points(path)
    last = date.fromordinal(int(days.max()))
    splits = {}
    for name, months in HORIZONS.items():
        ends = months_before(last, months).toordinal()
        # a day's points lie at its beginning
        splits[name] = Split(ends + 0.999, last.toordinal() - ends)
    figures = measure(points, days, splits)
    return {key: figures[key] for key in (*MEASURES[:4], "cells", "area_share")}


def measure(points: Array, days: Array, splits: dict[str, Split]) -> dict[str, Any]:
    known = days <= min(split.now for split in splits.values())
    if not known.any():
        raise InputError("date: expected points from before the last three months", field="date")
    grid = region(points[known])
    if grid.cells < allowed().stop:
        raise InputError(f"x: {grid.cells} cells of {CELL_FT:g} ft are no city: are these feet?", field="x")
    made = {name: forecast(points, days, split.now, split.horizon_d, grid) for name, split in splits.items()}
    many = choose_area(list(made.values()), allowed())
    figures: dict[str, Any] = {key: {} for key in MEASURES}
    for name, split in splits.items():
        later = (days > split.now) & (days <= split.now + split.horizon_d)
        came, total = grid.count(points[later]), float(later.sum())
        before = grid.count(points[(days <= split.now) & (days > split.now - COUNTED_D)])
        figures["pai"][name] = pai(made[name].rates, came, many, total)
        figures["pei"][name] = pei(made[name].rates, came, many)
        figures["count_pai"][name] = pai(before, came, many, total)
        figures["count_pei"][name] = pei(before, came, many)
        figures["best_pai"][name] = pai(came, came, many, total)
    return {**figures, "cells": many, "area_share": many / grid.cells}


def measure_made(seeds: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    splits = {"1m": Split(DAYS - 30.0, 30.0), "3m": Split(DAYS - 91.0, 91.0)}
    for regime in REGIMES:
        runs = [measure(*make_points(regime, seed), splits) for seed in range(seeds)]
        found[regime.name] = {
            "cells": float(np.mean([run["cells"] for run in runs])),
            **{
                name: {
                    **{
                        key: float(np.mean([run[key][name] for run in runs])) for key in runs[0] if key[-3:] in MEASURES
                    },
                    "better": sum(run["pai"][name] > run["count_pai"][name] for run in runs),
                    "worse": sum(run["pai"][name] < run["count_pai"][name] for run in runs),
                }
                for name in splits
            },
        }
        print(told_made({regime.name: found[regime.name]}), file=sys.stderr, flush=True)
    return found


def told(figures: dict[str, Any]) -> str:
    lines = [f"{figures['cells']} cells, {100 * figures['area_share']:.2f} % of the region"]
    for name in HORIZONS:
        ours, count = (
            f"PAI {figures[f'{k}pai'][name]:.2f}, PEI {figures[f'{k}pei'][name]:.3f}" for k in ("", "count_")
        )
        lines.append(f"{name}: {ours}; counting {count}")
    return "\n".join(lines)


def told_made(figures: dict[str, Any]) -> str:
    return "\n".join(
        f"{regime}, {name}: PAI {one[name]['pai']:.1f}, counting {one[name]['count_pai']:.1f}, best "
        f"{one[name]['best_pai']:.1f}; PEI {one[name]['pei']:.3f}, counting {one[name]['count_pei']:.3f}; "
        f"better {one[name]['better']}, worse {one[name]['worse']}; {one['cells']:.1f} cells"
        for regime, one in figures.items()
        for name in HORIZONS
    )


def read_points(path: Path) -> tuple[Array, Array]:
    """x and y, and days as ordinals. Raises InputError that names column and line."""
    points, days = [], []
    for line, row in read_rows(path, ("date", "x", "y")):
        # a time of the day is not looked at
        year, month, day = read_date(line, row["date"].replace("T", " ").partition(" ")[0])
        if month is None or day is None:
            raise InputError(f"date: line {line}: expected YYYY-MM-DD; got {row['date']!r}", field="date")
        days.append(date(year, month, day).toordinal())
        points.append((read_number(line, row, "x"), read_number(line, row, "y")))
    if not points:
        raise InputError("date: the table has no rows", field="date")
    return np.array(points), np.array(days, dtype=float)


def months_before(last: date, months: int) -> date:
    """The same day some months earlier; of a month's last day the last."""
    number = last.year * 12 + last.month - 1 - months
    year, month = number // 12, number % 12 + 1
    most = monthrange(year, month)[1]
    ends = last.day == monthrange(last.year, last.month)[1]
    return date(year, month, most if ends else min(last.day, most))


if __name__ == "__main__":
    main()
