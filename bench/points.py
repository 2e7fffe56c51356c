"""Points that never were: five years of a city of 60,000 x 50,000 ft, with a known intensity, for bench/hotspots.

Half of the points come from wide quarters, the others from hot spots with weights of a heavy tail. What the regimes
add: hot spots that come, move and go; near repeats (of each point a share has another within 400 ft and some days);
quarters and hot spots that swing with the year.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
WIDTH_FT, HEIGHT_FT, YEARS = 60_000.0, 50_000.0, 5
DAYS = YEARS * 365


@dataclass(frozen=True, slots=True)
class Regime:
    """Points a year; of them in hot spots; shares of hot spots that move, of points that have a repeat; how much the
    year swings (0-1)."""

    name: str
    a_year: int
    hot: float = 0.5
    moving: float = 0.0
    repeats: float = 0.0
    swing: float = 0.0


REGIMES = (
    Regime("static", 4000),
    Regime("static, sparse", 500),
    Regime("moving", 4000, moving=0.6),
    Regime("near repeats", 4000, repeats=0.3),
    Regime("seasons", 4000, swing=0.9),
    Regime("all, sparse", 500, moving=0.5, repeats=0.2, swing=0.5),
    Regime("all", 4000, moving=0.5, repeats=0.2, swing=0.5),
    Regime("all, dense", 20_000, moving=0.5, repeats=0.2, swing=0.5),
    Regime("diffuse", 2000, hot=0.1, repeats=0.1),
)


def make_points(regime: Regime, seed: int) -> tuple[Array, Array]:
    """x and y in feet, and days from 0, in order of time."""
    dice = np.random.default_rng(seed)
    size = np.array([WIDTH_FT, HEIGHT_FT])
    many = dice.poisson(regime.a_year * YEARS * (1 - regime.repeats))
    days = np.sort(dice.random(many) * DAYS)
    # wide quarters and hot spots, with a weight at each time
    wide, spots = 25, 250
    centres = np.concatenate([dice.random((wide, 2)) * 0.8 + 0.1, dice.random((spots, 2)) * 0.9 + 0.05]) * size
    spread = np.concatenate([dice.uniform(2500, 7000, wide), dice.uniform(100, 400, spots)])
    weight = np.concatenate([dice.gamma(2, size=wide), dice.pareto(1.3, size=spots) + 0.2])
    weight[:wide] *= (1 - regime.hot) / weight[:wide].sum()
    weight[wide:] *= regime.hot / weight[wide:].sum()
    moves = np.append(np.zeros(wide, dtype=bool), dice.random(spots) < regime.moving)
    drift = np.where(moves[:, None], dice.normal(0, 1.2, (wide + spots, 2)), 0.0)  # feet a day
    middle, lasts = dice.random(wide + spots) * DAYS, dice.uniform(120, 600, wide + spots)
    phase, swing = dice.random(wide + spots) * 2 * np.pi, regime.swing * dice.random(wide + spots)
    source = np.empty(many, dtype=int)
    for begins in range(0, many, 2000):
        at = days[begins : begins + 2000, None]
        alive = np.where(moves, 3 * np.exp(-(((at - middle) / lasts) ** 2)), 1.0)
        chance = np.cumsum(weight * alive * (1 + swing * np.sin(2 * np.pi * at / 365 + phase)), axis=1)
        source[begins : begins + 2000] = (dice.random((len(at), 1)) * chance[:, -1:] > chance).sum(axis=1)
    points = centres[source] + drift[source] * (days - middle[source])[:, None]
    points += dice.normal(size=(many, 2)) * spread[source][:, None]
    parents = points, days
    all_points, all_days = [points], [days]
    while regime.repeats and len(parents[1]):
        more = dice.poisson(regime.repeats, len(parents[1]))
        children = np.repeat(parents[0], more, axis=0) + dice.normal(0, 300, (more.sum(), 2))
        parents = children, np.repeat(parents[1], more) + dice.exponential(12, more.sum())
        all_points.append(parents[0])
        all_days.append(parents[1])
    points, days = np.concatenate(all_points), np.concatenate(all_days)
    inside = ((points >= 0) & (points < size)).all(axis=1) & (days < DAYS)
    order = np.argsort(days[inside], kind="stable")
    return points[inside][order], days[inside][order]
