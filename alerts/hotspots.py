"""Where incidents are to be expected: a rate for each cell of a grid, from points in the past. Cells only, no persons.

A self-exciting mixture (Mohler et al. 2011, "Self-exciting point process modeling of crime", JASA 106:100-108) whose
kernels are a fixed list: each past point spreads over its surroundings with one of `SPREADS_FT` and fades with one of
`HALF_LIVES_D`. Long memory with a wide spread is the background, short memory with a narrow one the near repeats, the
time of the year a kernel of its own. How much each counts is learned from held-out stretches of the history: at
moments before `now` the kernels are made from what was known then, and weights >= 0 that give what came next the
highest Poisson likelihood are found by expectation and maximisation. Nothing is random.

Measures of a forecast: PAI = (n / N) / (a / A), of n of N points in the area a of A (Chainey et al. 2008); PEI = PAI
over the highest that as many cells could have had (Hunt 2016; NIJ Real-Time Crime Forecasting Challenge 2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError

Array = NDArray[Any]
CELL_FT = 600.0
SQUARE_MILE_FT2 = 5280.0**2
# the challenge's limits of a whole forecast area, square miles
AREA_MI2 = (0.25, 0.75)
SPREADS_FT = (0.0, 300.0, 600.0, 1200.0, 2400.0)
HALF_LIVES_D = (7.0, 30.0, 120.0, 365.0, math.inf)
# of the year's time: points so near to the forecast's stretch in earlier years, spread so far
SEASON_D, SEASONS_FT = 15.0, (0.0, 600.0, 2400.0)
YEAR_D = 365.25
# stretches held out, a month apart; before the first lies at least so much history
STRETCHES, APART_D, LEAST_D = 24, 30.0, 365.0
# weights are learned where it matters: so many cells with the highest rates, at each stretch
HOT = 600
ROUNDS = 150
# a cell is spread from so many parts a side
PARTS = 2
# beyond that it is a whole country, and gigabytes
MOST_CELLS = 200_000


@dataclass(frozen=True, slots=True)
class Grid:
    """`inside[row, column]` are the cells of the study region; the first begins at `west`, `south`."""

    west: float
    south: float
    size: float
    inside: Array

    @property
    def cells(self) -> int:
        return int(np.count_nonzero(self.inside))

    def numbers(self, points: Array) -> Array:
        """The cell of each point among those inside, row by row from the south-west; -1 outside."""
        column = np.floor((points[:, 0] - self.west) / self.size).astype(int)
        row = np.floor((points[:, 1] - self.south) / self.size).astype(int)
        rows, columns = self.inside.shape
        there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        number = np.where(self.inside, np.cumsum(self.inside).reshape(self.inside.shape) - 1, -1)
        found: Array = np.where(there, number[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)], -1)
        return found

    def count(self, points: Array) -> Array:
        """Points in each cell inside."""
        numbers = self.numbers(points)
        counts: Array = np.bincount(numbers[numbers >= 0], minlength=self.cells)
        return counts


@dataclass(frozen=True, slots=True)
class Forecast:
    """`rates`: points expected in each cell of the grid over the horizon. `weights`: of each kernel, its share in all
    that is expected. `held_out`: of each stretch the rates as they would have been, and the points that came."""

    rates: Array
    weights: dict[str, float]
    held_out: tuple[tuple[Array, Array], ...]


def region(points: Array, size: float = CELL_FT) -> Grid:
    """The cells that the convex hull of the points touches. Sides lie on multiples of `size`."""
    import shapely  # loaded by who needs it

    if len(points) == 0:
        raise InputError("x: expected points; there are none", field="x")
    west, south = np.floor(points.min(axis=0) / size) * size
    columns, rows = (np.floor((points.max(axis=0) - (west, south)) / size) + 1).astype(int)
    if columns * rows > MOST_CELLS:
        raise InputError(f"x: {columns} x {rows} cells are too many: are all points of one city?", field="x")
    hull = shapely.convex_hull(shapely.multipoints(points))
    shapely.prepare(hull)
    x, y = np.meshgrid(west + size * np.arange(columns), south + size * np.arange(rows))
    inside = shapely.intersects(hull, shapely.box(x, y, x + size, y + size))
    # a point on a side lies in the cell that begins there
    at = np.floor((points - (west, south)) / size).astype(int)
    inside[at[:, 1], at[:, 0]] = True
    return Grid(float(west), float(south), size, inside)


def forecast(points: Array, days: Array, now: float, horizon_d: float, grid: Grid) -> Forecast:
    """What to expect over `horizon_d` days after `now`, from points of x and y at `days` (any zero); later ones are
    not looked at. With less than a year and two horizons of history the kernels that do not fade count alike."""
    known = days <= now
    points, days = points[known], days[known]
    if len(days) == 0:
        raise InputError("date: expected points before the forecast; there are none", field="date")
    first = float(days.min())
    names = kernels()
    moments = stretches(first, now, horizon_d)
    made: list[tuple[Array, Array]] = []
    for moment in moments:
        came = (days > moment) & (days <= moment + horizon_d)
        before = days <= moment
        made.append((_rates(points[before], days[before], moment, horizon_d, grid), grid.count(points[came])))
    alike = np.array([name.endswith("always") for name in names]) / len(SPREADS_FT)
    weights = learn(made) if made else alike
    final = _rates(points, days, now, horizon_d, grid)
    rates = weights @ final
    parts = weights * final.sum(axis=1)
    shares = parts / parts.sum() if parts.sum() > 0 else parts
    return Forecast(
        rates,
        {name: float(share) for name, share in zip(names, shares, strict=True)},
        tuple((weights @ rate, came) for rate, came in made),
    )


def stretches(first: float, now: float, horizon_d: float) -> list[float]:
    """Moments before `now` whose horizons have passed and that have enough behind them."""
    moments = [now - horizon_d - APART_D * at for at in range(STRETCHES)]
    return [moment for moment in moments if moment - first >= LEAST_D]


def kernels() -> list[str]:
    """Names in the order of the rates: how far, how long."""
    fading = ["always" if math.isinf(half) else f"{half:g}d" for half in HALF_LIVES_D]
    spread = [f"{spread:g}ft {half}" for half in fading for spread in SPREADS_FT]
    return [*spread, *(f"{spread:g}ft season" for spread in SEASONS_FT), "even"]


def learn(made: Sequence[tuple[Array, Array]]) -> Array:
    """Weights of the kernels by expectation and maximisation of the Poisson likelihood, over the hottest cells of each
    stretch. A start that is even, and an end after some rounds, keep kernels that are alike alike."""
    rates, counts = [], []
    for rate, came in made:
        mean = (rate / np.maximum(rate.sum(axis=1, keepdims=True), 1e-12)).sum(axis=0)
        hot = np.sort(np.argsort(-mean, kind="stable")[:HOT])
        rates.append(rate[:, hot])
        counts.append(came[hot])
    joined, came = np.concatenate(rates, axis=1).astype(float), np.concatenate(counts).astype(float)
    sums = joined.sum(axis=1)
    weights = np.where(sums > 0, 1 / len(joined), 0.0)
    some = came > 0
    seen, hits = joined[:, some], came[some]
    for _ in range(ROUNDS):
        expected = np.maximum(weights @ seen, 1e-12)
        weights = np.where(sums > 0, weights * (seen @ (hits / expected)) / np.maximum(sums, 1e-12), 0.0)
    return weights


def _rates(points: Array, days: Array, moment: float, horizon_d: float, grid: Grid) -> Array:
    """Of each kernel (rows) the points expected in each cell inside, if all followed it alone."""
    from scipy.ndimage import gaussian_filter

    rows, columns = (side * PARTS for side in grid.inside.shape)
    part = grid.size / PARTS
    column = np.floor((points[:, 0] - grid.west) / part).astype(int)
    row = np.floor((points[:, 1] - grid.south) / part).astype(int)
    there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    at, age = (row * columns + column)[there], moment - days[there]

    def spread(weight: Array, spreads: Sequence[float]) -> list[Array]:
        fine = np.bincount(at, weights=weight, minlength=rows * columns).reshape(rows, columns).astype(np.float32)
        found = []
        for width in spreads:
            wide = gaussian_filter(fine, width / part, mode="constant", truncate=3) if width else fine
            whole = wide.reshape(rows // PARTS, PARTS, columns // PARTS, PARTS).sum(axis=(1, 3))
            found.append(whole[grid.inside])
        return found

    known = max(float(age.max(initial=1.0)), 1.0)
    rates: list[Array] = []
    for half in HALF_LIVES_D:
        fades = math.log(2) / half
        # over all time `known` days would have been seen, with fading 1 / fades at most
        seen = known if fades == 0 else -math.expm1(-fades * known) / fades
        rates += spread(np.exp(-fades * age) * (horizon_d / seen), SPREADS_FT)
    # days between a point and the stretch, by the time of the year
    off = np.mod(age + horizon_d / 2 + YEAR_D / 2, YEAR_D) - YEAR_D / 2
    near = (np.abs(off) <= horizon_d / 2 + SEASON_D) & (age > YEAR_D / 2)
    rates += spread(near * (horizon_d / (horizon_d + 2 * SEASON_D) / max(known / YEAR_D, 1.0)), SEASONS_FT)
    rates.append(np.full(grid.cells, len(at) * horizon_d / known / grid.cells, dtype=np.float32))
    return np.stack(rates)


# --- measures ---------------------------------------------------------------------------------------------------------


def allowed(size: float = CELL_FT) -> range:
    """How many cells a forecast area may have by the challenge's limits."""
    least, most = (area * SQUARE_MILE_FT2 / size**2 for area in AREA_MI2)
    return range(max(1, math.ceil(least)), max(1, math.ceil(least), math.floor(most)) + 1)


def hits(scores: Array, came: Array, many: int) -> float:
    """Points in the `many` cells with the highest scores; of cells with the same score at the end the mean counts."""
    edge = np.partition(scores, len(scores) - many)[len(scores) - many]
    above, tied = scores > edge, scores == edge
    left = many - int(np.count_nonzero(above))
    return float(came[above].sum() + left * came[tied].mean())


def pai(scores: Array, came: Array, many: int, total: float | None = None) -> float:
    """Prediction accuracy index: share of the points over share of the cells. `total`: points, where some came in no
    cell."""
    total = float(came.sum()) if total is None else total
    return hits(scores, came, many) / total * len(scores) / many if total else 0.0


def pei(scores: Array, came: Array, many: int) -> float:
    """Prediction efficiency index: points caught, over those of the best cells."""
    best = hits(came, came, many)
    return hits(scores, came, many) / best if best else 0.0


def choose_area(forecasts: Sequence[Forecast], sizes: range) -> int:
    """How many cells have the highest mean PAI over the stretches held out, each forecast counted alike; the fewest of
    equal ones, and where there is no stretch."""
    worth = np.zeros(len(sizes))
    for one in forecasts:
        if one.held_out:
            found = np.array([[pai(rate, came, many) for many in sizes] for rate, came in one.held_out]).mean(axis=0)
            worth += found / max(float(found.max()), 1e-12)
    return sizes[int(np.argmax(worth > worth.max() - 1e-9))]
