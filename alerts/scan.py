"""Clusters in space and time: the scan statistic with circular windows, Poisson model, high rates.

Kulldorff 1997, "A spatial scan statistic", Communications in Statistics 26:1481-1496; Kulldorff 2001, "Prospective
time periodic geographical disease surveillance using a scan statistic", JRSS A 164:61-72. With C cases in all, c in a
window and E = C times the window's share of the population at risk (in space and time: of population times steps):

    LLR = c ln(c / E) + (C - c) ln((C - c) / (C - E))   where c > E, else 0

Around each place a circle grows over its neighbours, those at the same distance together, to `max_share` of the
population at most. In time a window covers up to `max_span` of the steps, or ends at the last one (prospective).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError

Array = NDArray[Any]
# distances and likelihoods that differ by less than rounding does are the same
SAME = 1e-9
# elements that are worked on at once: they stay near the processor
_AT_ONCE = 400_000
# a float32 counts exactly so far
_EXACT = 1 << 24


@dataclass(frozen=True, slots=True)
class Cluster:
    """`members` are rows of the places, nearest to `centre` first; `radius` metres where the places are longitudes and
    latitudes, else in their unit; `first` to `last` are steps in time, both within. `p`: the rank of `llr` among the
    maxima of random data sets, over their number and one."""

    centre: int
    members: tuple[int, ...]
    radius: float
    first: int
    last: int
    cases: float
    expected: float
    llr: float
    p: float


def scan(
    places: Array,
    cases: Array,
    population: Array,
    *,
    lonlat: bool = False,
    max_share: float = 0.5,
    max_span: float = 0.5,
    prospective: bool = False,
    replications: int = 999,
    seed: int = 1,
    alpha: float = 0.05,
) -> list[Cluster]:
    """The most likely cluster, then those that share no place with a more likely one and have p <= alpha. `places`
    (n, 2) are x and y, or lon and lat; `cases` and `population` are (n) or, in space and time, (n, steps). Nothing
    where there is no case or no window with more than expected. Raises InputError that names what is at fault."""
    counts, people = _checked(places, cases, population, max_share, max_span, replications)
    total = float(counts.sum())
    if total == 0:
        return []
    windows = _Windows(places, people, lonlat, max_share, max_span, prospective)
    found = windows.best(counts, np.full(len(counts), windows.width))
    if found is None:
        return []
    maxima = windows.maxima(max(1, round(total)), replications, np.random.default_rng(seed))
    clusters: list[Cluster] = []
    taken = np.zeros(len(counts), dtype=bool)
    while found is not None:
        # equal ones count against it
        p = float((1 + np.count_nonzero(maxima >= found.llr - SAME)) / (replications + 1))
        if clusters and p > alpha:
            break
        clusters.append(windows.told(found, counts, p))
        taken[list(clusters[-1].members)] = True
        found = windows.best(counts, windows.reach(taken))
    return clusters


def log_likelihood_ratio(cases: Array, expected: Array, total: float) -> Array:
    """Of windows with so many cases of `total`, of which so many were expected; 0 where no more than expected."""
    cases, expected = np.asarray(cases, np.float64), np.asarray(expected, np.float64)
    # a window with cases and nobody in it was refused before
    high = (expected > 0) & (cases > expected * (1 + 1e-12))
    c, e = np.where(high, cases, 1.0), np.where(high, expected, 1.0)
    outside, rest = np.where(high, total - cases, 0.0), np.where(high, total - expected, 1.0)
    # x ln x goes to 0: all cases may be within
    tail = np.where(outside > 0, outside * np.log(np.where(outside > 0, outside, 1.0) / rest), 0.0)
    ratio: Array = np.where(high, c * np.log(c / e) + tail, 0.0)
    return ratio


def _checked(
    places: Array, cases: Array, population: Array, max_share: float, max_span: float, replications: int
) -> tuple[Array, Array]:
    counts, people = np.atleast_1d(np.asarray(cases, float)), np.atleast_1d(np.asarray(population, float))
    counts = counts[:, None] if counts.ndim == 1 else counts
    people = np.repeat(people[:, None], counts.shape[1], axis=1) if people.ndim == 1 else people
    if len(places) < 2:
        raise InputError(f"id: expected at least two places; got {len(places)}", field="id")
    if np.shape(places) != (len(counts), 2) or not np.isfinite(places).all():
        raise InputError("x: expected two finite coordinates for each place", field="x")
    if counts.shape[1] == 0 or not np.isfinite(counts).all() or (counts < 0).any():
        raise InputError("cases: expected numbers of 0 or more", field="cases")
    if people.shape != counts.shape or not np.isfinite(people).all() or (people < 0).any():
        raise InputError("population: expected numbers of 0 or more, as many as cases", field="population")
    if people.sum() == 0:
        raise InputError("population: expected somebody at risk; it is 0 everywhere", field="population")
    if ((people == 0) & (counts > 0)).any():
        raise InputError("population: it is 0 where there are cases", field="population")
    for name, share in (("max_share", max_share), ("max_span", max_span)):
        if not 0 < share <= 1:
            raise InputError(f"{name}: expected more than 0 and at most 1; got {share:g}", field=name)
    if replications < 1:
        raise InputError(f"replications: expected at least 1; got {replications}", field="replications")
    return counts, people


@dataclass(frozen=True, slots=True)
class _Found:
    llr: float
    begins: int
    ends: int
    centre: int
    size: int


class _Windows:
    """All circles and spans. `_order[i, k]` is the k-th nearest place to i (n: none), a window its first places up to
    one where `_usable`."""

    def __init__(
        self,
        places: Array,
        people: Array,
        lonlat: bool,
        max_share: float,
        max_span: float,
        prospective: bool,
    ) -> None:
        self._people = np.vstack([people, np.zeros(people.shape[1])])
        self._risk = float(people.sum())
        self._spans = _spans(people.shape[1], max_span, prospective)
        places = np.asarray(places, float)
        n, weight = len(places), people.sum(axis=1)
        limit = max_share * self._risk * (1 + 1e-12)
        rows: list[tuple[Array, Array, Array]] = []
        for centre in range(n):
            distance = _distances(places, centre, lonlat)
            order = np.argsort(distance, kind="stable")
            distance = distance[order]
            within = int(np.searchsorted(np.cumsum(weight[order]), limit, side="right"))
            # the last of those at one distance ends a window
            last = np.append(np.diff(distance) > SAME * distance[1:], True)
            rows.append((order[:within], last[:within], distance[:within]))
        self.width = max(len(order) for order, _, _ in rows)
        self._order = np.full((n, self.width), n)
        self._usable = np.zeros((n, self.width), dtype=bool)
        self._distance = np.zeros((n, self.width))
        for centre, (order, last, distance) in enumerate(rows):
            self._order[centre, : len(order)] = order
            self._usable[centre, : len(order)] = last
            self._distance[centre, : len(order)] = distance

    def _shares(self, begins: int, ends: int) -> Array:
        """Of the population at risk, in each window of a span."""
        within = self._people[:, begins:ends].sum(axis=1)
        shares: Array = np.cumsum(within[self._order], axis=1) / self._risk
        return shares

    def reach(self, taken: Array) -> Array:
        """How far each circle grows before it meets a place that is taken."""
        met = np.append(taken, False)[self._order]
        far: Array = np.where(met.any(axis=1), met.argmax(axis=1), self.width)
        return far

    def best(self, counts: Array, reach: Array) -> _Found | None:
        """The likeliest window that stays within `reach`; the first of equal ones."""
        total, best = float(counts.sum()), None
        padded = np.vstack([counts, np.zeros(counts.shape[1])])
        usable = self._usable & (np.arange(self.width) < reach[:, None])
        for begins, ends in self._spans:
            cases = np.cumsum(padded[:, begins:ends].sum(axis=1)[self._order], axis=1)
            ratio = log_likelihood_ratio(cases, total * self._shares(begins, ends), total) * usable
            llr = float(ratio.max(initial=0.0))
            if llr > (best.llr if best else 0.0) + SAME:
                centre, at = divmod(int(np.argmax(ratio >= llr - SAME)), self.width)
                best = _Found(llr, begins, ends, centre, at + 1)
        return best

    def told(self, found: _Found, counts: Array, p: float) -> Cluster:
        members = self._order[found.centre, : found.size]
        span = slice(found.begins, found.ends)
        share = float(self._people[members, span].sum()) / self._risk
        return Cluster(
            centre=found.centre,
            members=(found.centre, *(int(one) for one in members if one != found.centre)),
            radius=float(self._distance[found.centre, found.size - 1]),
            first=found.begins,
            last=found.ends - 1,
            cases=float(counts[members, span].sum()),
            expected=float(counts.sum()) * share,
            llr=found.llr,
            p=p,
        )

    def maxima(self, total: int, replications: int, dice: np.random.Generator) -> Array:
        """The highest ratio of each random data set: `total` cases thrown over the population."""
        people = self._people[:-1]
        chances = (people / self._risk).ravel()
        exact = np.float32 if total < _EXACT else np.float64
        together = max(1, 20_000_000 // chances.size)
        maxima = []
        for begins in range(0, replications, together):
            many = min(together, replications - begins)
            thrown = dice.multinomial(total, chances, size=many).reshape(many, *people.shape)
            # cases before each step; one row more for no place
            before = np.zeros((many, people.shape[0] + 1, people.shape[1] + 1), dtype=exact)
            np.cumsum(thrown, axis=2, out=before[:, :-1, 1:])
            maxima.append(self._highest(before, float(total), exact))
        return np.concatenate(maxima)

    def _highest(self, before: Array, total: float, exact: type[np.floating[Any]]) -> Array:
        """n of a Bernoulli's divergence is at most its chi-square, (c - E)^2 / (E (1 - E / C)): only windows whose
        chi-square is above the best ratio so far can beat it, and need logarithms."""
        best = np.zeros(len(before))
        together = max(1, _AT_ONCE // self._order.size)
        for begins, ends in self._spans:
            expected = total * self._shares(begins, ends)
            spread = expected * (1 - expected / total)
            usable = self._usable & (spread > 0)
            weight = np.where(usable, 1 / np.where(usable, spread, 1.0), 0.0).astype(exact)
            mean, flat = expected.astype(exact), expected.ravel()
            within = before[:, :, ends] - before[:, :, begins]
            for start in range(0, len(within), together):
                cases = np.take(within[start : start + together], self._order, axis=1)
                np.cumsum(cases, axis=2, out=cases)
                over = cases - mean
                np.maximum(over, 0, out=over)
                over *= over
                over *= weight
                bound, cases = over.reshape(len(cases), -1), cases.reshape(len(cases), -1)
                mine = best[start : start + together]
                top, rows = bound.argmax(axis=1), np.arange(len(cases))
                np.maximum(mine, log_likelihood_ratio(cases[rows, top], flat[top], total), out=mine)
                # float32 is off by less than a thousandth here
                row, at = np.nonzero(bound > np.maximum(mine * 0.999, 1e-6)[:, None])
                np.maximum.at(mine, row, log_likelihood_ratio(cases[row, at], flat[at], total))
        return best


def _spans(steps: int, max_span: float, prospective: bool) -> list[tuple[int, int]]:
    """From step to step, the second not within. One step alone is no time: purely spatial."""
    longest = 1 if steps == 1 else math.floor(steps * max_span + SAME)
    if longest < 1:
        raise InputError(f"max_span: no step of {steps} is within a share of {max_span:g}", field="max_span")
    if prospective:
        return [(steps - length, steps) for length in range(1, longest + 1)]
    return [(first, first + length) for length in range(1, longest + 1) for first in range(steps - length + 1)]


def _distances(places: Array, centre: int, lonlat: bool) -> Array:
    """Planar, or along great circles of the mean sphere (6,371,008.8 m) by the haversine formula."""
    if not lonlat:
        planar: Array = np.hypot(places[:, 0] - places[centre, 0], places[:, 1] - places[centre, 1])
        return planar
    lon, lat = np.radians(places).T
    half = np.sin((lat - lat[centre]) / 2) ** 2
    half = half + np.cos(lat) * np.cos(lat[centre]) * np.sin((lon - lon[centre]) / 2) ** 2
    metres: Array = 2 * 6_371_008.8 * np.arcsin(np.sqrt(np.minimum(half, 1)))
    return metres


def steps_between(moments: list[int]) -> tuple[list[int], Iterator[int]]:
    """Whole numbers of time (days, months, years) as steps from the first to the last: which step each is, and the
    number at which each step begins. A step is the largest that all lie on; steps of which nothing is told are steps
    too."""
    known = sorted(set(moments))
    size = math.gcd(*(later - earlier for earlier, later in pairwise(known))) or 1
    return [(one - known[0]) // size for one in moments], iter(range(known[0], known[-1] + 1, size))
