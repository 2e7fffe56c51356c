"""Made series with known windows, of the kinds that the benchmark has but traffic: what a detector is developed against
so that its one setting suits no kind in particular. The same seed makes the same series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.nab import Series, probation

FloatArray = NDArray[np.float64]
Dice = np.random.Generator
Spans = list[tuple[int, int]]
# 2015-01-05, a Monday
BEGIN = 1_420_416_000.0
MINUTES_5, MINUTES_30, HOUR = 300.0, 1800.0, 3600.0
DAY_OF_5 = 288
# a tenth of a series is window, as in the benchmark
WINDOW_SHARE = 0.1


def make_series(seed: int = 1) -> Iterator[Series]:
    """Every kind, each with a generator of its own."""
    for group, name, step_s, make in KINDS:
        dice = np.random.default_rng([seed, *f"{group}/{name}".encode()])
        values, at = make(dice)
        yield series_of(f"{group}/{name}.csv", step_s, values, at)


def series_of(name: str, step_s: float, values: FloatArray, at: Spans) -> Series:
    """`at` are the anomalies themselves; windows are wider and split a tenth of the series among them."""
    rows = len(values)
    windows: list[tuple[int, int]] = []
    half = int(WINDOW_SHARE * rows / (2 * max(len(at), 1)))
    for first, last in sorted(at):
        middle = (first + last) // 2
        begin, end = max(min(first, middle - half), probation(rows)), min(max(last, middle + half), rows - 1)
        if windows and begin <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(end, windows[-1][1]))
        else:
            windows.append((begin, end))
    times = tuple(BEGIN + step_s * n for n in range(rows))
    return Series(name, tuple(str(t) for t in times), times, tuple(float(v) for v in values), tuple(windows))


def correlated(dice: Dice, rows: int, memory: float, swing: float) -> FloatArray:
    """A first-order autoregressive series of standard deviation `swing`."""
    pushes = dice.normal(0.0, swing * (1 - memory**2) ** 0.5, rows)
    out = np.empty(rows)
    value = dice.normal(0.0, swing)
    for n in range(rows):
        value = memory * value + pushes[n]
        out[n] = value
    return out


def pick(dice: Dice, rows: int, count: int, length: int = 1) -> Spans:
    """Places of `count` anomalies after what is learnt from, apart from each other."""
    first, last = int(rows * 0.25), int(rows * 0.95) - length
    slots = np.linspace(first, last, count + 1)
    begins = [int(dice.uniform(a, a + 0.8 * (b - a))) for a, b in pairwise(slots)]
    return [(begin, begin + length) for begin in begins]


def daily(dice: Dice, change: str) -> tuple[FloatArray, Spans]:
    """A day at 20, at 80 from 9 to 18, over two weeks; one day is otherwise."""
    rows = 14 * DAY_OF_5
    hour = np.arange(rows) % DAY_OF_5 / 12
    busy = (hour >= 9) & (hour < 18)
    values = np.where(busy, 80.0, 20.0) + dice.uniform(0, 8, rows)
    first = 10 * DAY_OF_5 + 9 * 12
    one = slice(first, first + 9 * 12)
    if change == "up":
        values[one] += 85
    elif change == "down":
        values[one] -= 75
    elif change == "flat":
        values[one] = 20 + dice.uniform(0, 8, 9 * 12)
    elif change == "dense":
        values = np.where(dice.random(rows) < 0.02, 20.0, 0.0)
        dense = dice.random(9 * 12) < 0.25
        values[one] = np.where(dense, 20.0, 0.0)
    elif change == "balancer":
        values = np.abs(dice.normal(0.5, 0.3, rows))
        spikes = dice.random(rows) < 0.015
        values += spikes * dice.uniform(1, 2.4, rows)
        values[first : first + 12] += 3.2
    return values, [] if change == "none" else [(first, first + 9 * 12)]


def flat(dice: Dice) -> tuple[FloatArray, Spans]:
    return np.full(14 * DAY_OF_5, 45.0), []


def noise(dice: Dice) -> tuple[FloatArray, Spans]:
    return dice.normal(42.0, 6.0, 14 * DAY_OF_5), []


def square(dice: Dice) -> tuple[FloatArray, Spans]:
    rows = 14 * DAY_OF_5
    return np.where(np.arange(rows) % DAY_OF_5 < 144, 20.0, 80.0), []


def quiet_day(dice: Dice) -> tuple[FloatArray, Spans]:
    return daily(dice, "none")


def server(dice: Dice, sort: str) -> tuple[FloatArray, Spans]:
    """Metrics of a machine, a reading each five minutes for two weeks."""
    rows = 4032
    at = pick(dice, rows, 2, 30)
    n = np.arange(rows)
    if sort == "idle":
        values = 0.1 + 0.06 * np.abs(dice.standard_t(3, rows))
        for first, _ in at:
            values[first : first + int(dice.integers(2, 12))] += dice.uniform(1.5, 4)
    elif sort == "busy":
        values = 40 + correlated(dice, rows, 0.7, 3) + 4 * np.sin(2 * np.pi * n / DAY_OF_5)
        for first, last in at:
            values[first:last] += dice.choice([-1, 1]) * dice.uniform(12, 25)
    elif sort == "shift":
        values = 60 + correlated(dice, rows, 0.5, 4)
        at = at[:1]
        values[at[0][0] :] -= 25
    elif sort == "jobs":
        values = 2 + np.abs(dice.normal(0, 0.6, rows))
        values[(n % 72 < 3)] += 25 + dice.normal(0, 4, int(np.sum(n % 72 < 3)))
        for first, last in at:
            values[first:last] = 25 + dice.normal(0, 5, last - first)
    elif sort == "disk":
        values = np.where(dice.random(rows) < 0.15, dice.lognormal(11, 1.6, rows), 0.0)
        for first, last in at:
            values[first:last] = dice.lognormal(16, 0.4, last - first)
    elif sort == "network":
        values = dice.lognormal(10, 0.5, rows) * (1 + 3 * (n % 48 < 4))
        for first, last in at:
            values[first : first + 6] *= 25
            values[first + 6 : last] *= dice.uniform(2, 4)
    elif sort == "climb":
        values = 30 + correlated(dice, rows, 0.98, 3)
        for first, last in at:
            values[first:last] += np.linspace(0, 30, last - first)
    elif sort == "calm":
        values = 50 + dice.normal(0, 5, rows)
        for first, last in at:
            values[first : last + 40] = 50 + dice.normal(0, 0.3, last + 40 - first)
    else:
        values = 50 + dice.normal(0, 2, rows) + 10 * (dice.random(rows) < 0.01)
        for first, last in at:
            values[first : last + 30] += dice.normal(0, 12, last + 30 - first)
    return values, at


def tweets(dice: Dice) -> tuple[FloatArray, Spans]:
    """Counts in five minutes for two months: days, weeks, and bursts of all sizes of which the largest are known."""
    rows = 15840
    n = np.arange(rows)
    rate = np.exp(
        dice.uniform(1, 4)
        + 0.5 * np.sin(2 * np.pi * n / DAY_OF_5 + dice.uniform(0, 6))
        + 0.15 * np.sin(2 * np.pi * n / (7 * DAY_OF_5))
        + correlated(dice, rows, 0.98, 0.25)
    )
    at: Spans = []
    for first in np.flatnonzero(dice.random(rows) < 1 / 250).tolist():
        size = dice.pareto(1.4) * 0.9
        tail = np.exp(-np.arange(min(200, rows - first)) / dice.uniform(3, 40))
        rate[first : first + len(tail)] *= 1 + size * tail
    for first, last in pick(dice, rows, int(dice.integers(2, 5)), 40):
        tail = np.exp(-np.arange(300) / dice.uniform(6, 60))[: rows - first]
        rate[first : first + len(tail)] *= 1 + dice.uniform(2, 12) * tail
        at.append((first, last))
    return dice.poisson(rate * dice.gamma(6, 1 / 6, rows)).astype(float), at


def price(dice: Dice) -> tuple[FloatArray, Spans]:
    """What a click costs each hour for ten weeks: noisy, with a faint day, single values far out."""
    rows = 1624
    n = np.arange(rows)
    values = np.exp(0.2 * np.sin(2 * np.pi * n / 24) + correlated(dice, rows, 0.6, 0.3) + dice.normal(0, 0.15, rows))
    values *= np.where(dice.random(rows) < 0.008, dice.uniform(1.8, 4.5, rows), 1.0)
    at = pick(dice, rows, 2, 8)
    for first, last in at:
        if dice.random() < 0.5:
            values[first : first + 2] *= dice.uniform(3, 6)
        else:
            values[first : last + 10] *= dice.uniform(1.7, 2.6)
    return values, at


def taxi(dice: Dice) -> tuple[FloatArray, Spans]:
    """Passengers in half an hour for seven months: days, weekends; a few days otherwise."""
    rows = 10320
    n = np.arange(rows)
    hour, day = n % 48 / 2, n // 48
    shape = 1 - 0.75 * np.exp(-(((hour - 4.5) / 2.6) ** 2)) + 0.35 * np.exp(-(((hour - 19) / 2.5) ** 2))
    late = np.where((day % 7 >= 5), 0.25 * np.exp(-(((hour - 1) / 2) ** 2)) - 0.1 * (hour > 6) * (hour < 10), 0.0)
    values = 17000 * (shape + late) * (1 + correlated(dice, rows, 0.95, 0.05)) + dice.normal(0, 400, rows)
    at = []
    for k, first in enumerate((5800, 7000, 8300, 8900, 9700)):
        first = first // 48 * 48
        one = slice(first, first + 48)
        values[one] *= (0.55, 1.0, 0.6, 0.7, 0.25)[k]
        if k == 1:
            values[first : first + 10] *= 1.9
        at.append((first, first + 48))
    return np.maximum(values, 0), at


def machine(dice: Dice) -> tuple[FloatArray, Spans]:
    """A temperature that wanders, with dips; every five minutes for eleven weeks."""
    rows = 22680
    values = 88 + correlated(dice, rows, 0.997, 6) + dice.normal(0, 1, rows)
    at = pick(dice, rows, 4, 150)
    for k, (first, last) in enumerate(at):
        values[first:last] -= np.sin(np.linspace(0, np.pi, last - first)) * (60, 35, 80, 30)[k]
    return values, at


def ambient(dice: Dice) -> tuple[FloatArray, Spans]:
    """The temperature of an office each hour for ten months."""
    rows = 7264
    n = np.arange(rows)
    values = 71 + 4 * np.sin(2 * np.pi * n / 8000) + 2 * np.sin(2 * np.pi * n / 24) + correlated(dice, rows, 0.9, 2)
    at = pick(dice, rows, 2, 40)
    for k, (first, last) in enumerate(at):
        values[first:last] += (-11, 10)[k]
    return values, at


def settings(dice: Dice) -> tuple[FloatArray, Spans]:
    """The processor of a machine that was set up wrongly towards the end: its nights are gone."""
    rows = 18050
    hour = np.arange(rows) % DAY_OF_5 / 12
    values = np.where((hour > 8) & (hour < 20), 85.0, 45.0) + correlated(dice, rows, 0.8, 6)
    first = 16800
    values[first : first + 500] = 20 + correlated(dice, 500, 0.8, 6)
    return np.clip(values, 0, 100), [(first, first + 500)]


def latency(dice: Dice) -> tuple[FloatArray, Spans]:
    rows = 4032
    values = 45 + dice.normal(0, 1.5, rows) + 6 * (dice.random(rows) < 0.01)
    at = pick(dice, rows, 3, 20)
    for first, last in at:
        values[first:last] += dice.choice([-1, 1]) * dice.uniform(5, 30)
    return values, at


def keys(dice: Dice) -> tuple[FloatArray, Spans]:
    """How long keys are held: two people write."""
    rows = 1882
    values = np.where(dice.random(rows) < 0.1, 0.11, 0.06) + dice.normal(0, 0.01, rows)
    at = pick(dice, rows, 2, 60)
    for first, last in at:
        values[first:last] = 0.09 + dice.normal(0, 0.035, last - first)
    return values, at


def _given(
    make: Callable[[Dice, str], tuple[FloatArray, Spans]], word: str
) -> Callable[[Dice], tuple[FloatArray, Spans]]:
    return lambda dice: make(dice, word)


KINDS: tuple[tuple[str, str, float, Callable[[Dice], tuple[FloatArray, Spans]]], ...] = (
    ("madeQuiet", "flat", MINUTES_5, flat),
    ("madeQuiet", "noise", MINUTES_5, noise),
    ("madeQuiet", "square", MINUTES_5, square),
    ("madeQuiet", "daily", MINUTES_5, quiet_day),
    *(
        ("madeDaily", word, MINUTES_5, _given(daily, word))
        for word in ("up", "down", "flat", "none", "dense", "balancer")
    ),
    *(
        ("madeServer", f"{word}_{n}", MINUTES_5, _given(server, word))
        for word in ("idle", "busy", "shift", "jobs", "disk", "network", "climb", "calm", "wild")
        for n in (1, 2)
    ),
    *(("madeTweets", f"volume_{n}", MINUTES_5, tweets) for n in range(10)),
    *(("madePrices", f"clicks_{n}", HOUR, price) for n in range(6)),
    ("madeCauses", "taxi", MINUTES_30, taxi),
    ("madeCauses", "machine", MINUTES_5, machine),
    ("madeCauses", "ambient", HOUR, ambient),
    ("madeCauses", "settings", MINUTES_5, settings),
    ("madeCauses", "latency", MINUTES_5, latency),
    ("madeCauses", "keys_1", MINUTES_5, keys),
    ("madeCauses", "keys_2", MINUTES_5, keys),
)
