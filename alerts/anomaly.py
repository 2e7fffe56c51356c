"""How surprising a reading is, told from the readings before it alone: one detector with one setting for all series.

Six questions are asked of each reading, each a ratio to what is usual there (`Kind`). What is rare about a ratio is
learnt as it comes: the limit that one in twenty passes, and by how much it is passed (the mean excess of the logarithm,
Hill 1975), so that chances far beyond all that was seen still differ. The surprise of a reading is minus the decimal
logarithm of the chance of its rarest answer, and half that of the second: an order, no calibrated chance. It grows
without bound.

`step` takes one reading each of many sensors; their state are arrays of a fixed size, 0.8 kB a sensor.
`Watch` is the same for one series. Nothing in here reads a clock, and no file is ever looked at as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alerts.unusual import Finding, Kind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

KINDS = len(Kind)
# news of so much surprise is worth a person's look
NOTABLE = 5.0
# of so many readings of a sensor one is judged where there are too many to judge all
STRIDE = 4
# so many answers to a question are learnt from before it is asked in earnest
LEARNT = 50
# what is learnt slowly, over about so many readings; the last day of a five-minute series is 288 of them
SLOW, MIDDLE, SHORT = 1_000.0, 50.0, 24.0
DRIFT = 48.0
HOURS, HOUR_S, DAY_S = 24, 3600.0, 86_400.0
# readings of an hour that make its mean, and how many it remembers
_HOUR_MIN, _HOUR_LONG = 6.0, 60.0
# a swing is at least this share of the values themselves
_FINEST = 1e-3
# values beyond are taken as if they were at it
_LARGEST = 1e100
# one in twenty passes the limit; the excess before any was seen, as if of so many; and the least and most it may be
TAIL = 0.05
_EXCESS, _EXCESS_OF, _EXCESS_MIN, _EXCESS_MAX, _EXCESS_LONG = 0.3, 20.0, 0.1, 4.0, 500.0
# where one answer is nearly the one before, it counts for less of the excess: what goes on for hours is one excess
_SLUGGISH, _SLUGGISH_WEIGHT = (Kind.DRIFT, Kind.STILL), 1 / 16
_WEIGHTS = np.array([_SLUGGISH_WEIGHT if kind in _SLUGGISH else 1.0 for kind in Kind])[:, None]
_TAIL_SURPRISE = -float(np.log10(TAIL))
_PER_DECADE = 1 / float(np.log(10.0))
# a long history has seen more: surprise less by so much for each tenfold from BASE readings on
_AGE, _BASE, _OLD = 0.3, 500.0, 20_000.0
# news fades by one in so many readings, and in this share of the history
_FADE, _FADE_SHARE = 40.0, 0.02
# a silence of so many usual intervals: the step across it says nothing of the swing
_GAP = 5.0
# where the score of 0 to 1 is a half
_HALF = 4.0


class _Row(IntEnum):
    """Rows of `State.table`."""

    SEEN = 0
    BEGAN = 1
    TIME = 2
    INTERVAL = 3
    VALUE = 4
    SIZE = 5
    # mean and mean distance from it: of long, of late
    MEAN = 6
    SWING = 7
    LATE_MEAN = 8
    LATE_SWING = 9
    DRIFT = 10
    # mean step from reading to reading: of long, of late
    STEP = 11
    LATE_STEP = 12
    HOURLY = 13
    TOLD = 14


@dataclass(frozen=True, slots=True)
class State:
    """What is known of each sensor: arrays whose last axis are the sensors."""

    table: Floats
    limit: Floats
    excess: Floats
    hour_mean: Floats
    hour_swing: Floats
    hour_seen: Floats

    @property
    def sensors(self) -> int:
        return int(self.table.shape[1])


class Judged(NamedTuple):
    """An array each, a value for each reading: `surprise`; `news`, the surprise where it is more than was told of
    lately, else 0; `kind` of the rarest answer and its `times` the usual; `above` the usual or below. What is not a
    number has not been judged, and is 0."""

    surprise: Floats
    news: Floats
    kind: Ints
    times: Floats
    above: Bools
    judged: Bools


def make_state(sensors: int) -> State:
    table = np.zeros((len(_Row), sensors))
    return State(
        table,
        np.zeros((KINDS, sensors)),
        np.full((KINDS, sensors), _EXCESS),
        np.zeros((HOURS, sensors)),
        np.zeros((HOURS, sensors)),
        np.zeros((HOURS, sensors)),
    )


def grow(state: State, sensors: int) -> State:
    """The same with room for more sensors."""
    new = make_state(sensors)
    for old, wide in zip(_arrays(state), _arrays(new), strict=True):
        wide[:, : state.sensors] = old
    return new


def _arrays(state: State) -> tuple[Floats, ...]:
    return (state.table, state.limit, state.excess, state.hour_mean, state.hour_swing, state.hour_seen)


def step(state: State, rows: Ints, times: Floats, values: Floats) -> Judged:
    """Judge one reading each of the sensors `rows` (none twice) and learn from it. Times are seconds since 1970."""
    judged = np.isfinite(values) & np.isfinite(times)
    if not judged.all():
        return _with_gaps(step(state, rows[judged], times[judged], values[judged]), judged)
    values = np.clip(values, -_LARGEST, _LARGEST)
    known = state.table[:, rows]
    _begin(known, times, values)
    ratios, above, asked = _ask(state, rows, known, times, values)
    surprises = _learn(state, rows, known, ratios, asked)
    surprise = _together(surprises, known[_Row.SEEN])
    kind = surprises.argmax(axis=0)
    told = known[_Row.TOLD]
    news = np.where(surprise > told, surprise, 0.0)
    known[_Row.SEEN] += 1.0
    old = np.minimum(known[_Row.SEEN], _OLD)
    known[_Row.TOLD] = np.maximum(told - 1.0 / (_FADE + _FADE_SHARE * old), surprise)
    state.table[:, rows] = known
    here = np.arange(len(rows))
    return Judged(surprise, news, kind, ratios[kind, here], above[kind, here], judged)


def batches(rows: Ints) -> Iterator[Ints]:
    """Places of a batch in which a sensor may stand several times, in turns where each stands once, in its order."""
    order = np.argsort(rows, kind="stable")
    ranked = rows[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(rows) else np.empty(0, np.int64)
    turn = np.empty(len(rows), np.int64)
    turn[order] = np.arange(len(rows)) - np.repeat(starts, np.diff(np.r_[starts, len(rows)]))
    for n in range(int(turn.max(initial=-1)) + 1):
        yield np.flatnonzero(turn == n)


def due(counts: Ints, rows: Ints, stride: int = STRIDE) -> Bools:
    """Which readings of a batch are judged: every `stride`th of each sensor, the sensors by turns. `counts` are the
    readings of each sensor so far, and are counted on."""
    turn = np.zeros(len(rows), np.int64)
    for n, places in enumerate(batches(rows)):
        turn[places] = n
    judged: Bools = (counts[rows] + turn + rows) % stride == 0
    np.add.at(counts, rows, 1)
    return judged


def judge(state: State, rows: Ints, times: Floats, values: Floats) -> Judged:
    """A batch in the order it came, whatever the number of readings of a sensor."""
    out = _nothing(len(rows))
    for places in batches(rows):
        for whole, part in zip(out, step(state, rows[places], times[places], values[places]), strict=True):
            whole[places] = part
    return out


def score(surprise: Floats) -> Floats:
    """From 0 to below 1, strictly growing."""
    scored: Floats = surprise / (surprise + _HALF)
    return scored


class Watch:
    """One series, a reading at a time."""

    def __init__(self) -> None:
        self._state = make_state(1)

    def see(self, time: float, value: float) -> Finding:
        one = step(self._state, np.zeros(1, np.int64), np.array([time], float), np.array([value], float))
        return finding(one, 0)


def scores_of(times: ArrayLike, values: ArrayLike) -> Floats:
    """News of a whole series as scores from 0 to 1, told as if it came reading by reading."""
    state, row = make_state(1), np.zeros(1, np.int64)
    when, what = np.asarray(times, float), np.asarray(values, float)
    news = np.zeros(len(what))
    for n in range(len(what)):
        news[n] = step(state, row, when[n : n + 1], what[n : n + 1]).news[0]
    return score(news)


def finding(judged: Judged, n: int) -> Finding:
    """The nth of what was judged, as a value."""
    return Finding(
        surprise=float(judged.surprise[n]),
        news=float(judged.news[n]),
        kind=Kind(int(judged.kind[n])),
        times=float(judged.times[n]),
        above=bool(judged.above[n]),
        judged=bool(judged.judged[n]),
    )


def _begin(known: Floats, times: Floats, values: Floats) -> None:
    """What a first reading says of itself; steps come with the second."""
    first = known[_Row.SEEN] == 0.0
    if first.any():
        for row in (_Row.VALUE, _Row.MEAN, _Row.LATE_MEAN, _Row.DRIFT):
            known[row, first] = values[first]
        known[_Row.BEGAN, first] = known[_Row.TIME, first] = times[first]


def _ask(state: State, rows: Ints, known: Floats, times: Floats, values: Floats) -> tuple[Floats, Bools, Bools]:
    """The six ratios to what is usual, whether the reading is above it, and whether the question could be asked."""
    seen = known[_Row.SEEN]
    slow = np.maximum(1.0 / SLOW, 1.0 / (seen + 2.0))
    known[_Row.SIZE] += np.maximum(1.0 / SLOW, 1.0 / (seen + 1.0)) * (np.abs(values) - known[_Row.SIZE])
    finest = _FINEST * known[_Row.SIZE] + 1e-9
    swing = np.maximum(known[_Row.SWING], finest)
    young = seen < 20.0
    ratios = np.empty((KINDS, len(rows)))
    above = np.empty((KINDS, len(rows)), np.bool_)
    asked = np.ones((KINDS, len(rows)), np.bool_)

    apart = values - known[_Row.MEAN]
    distance = np.abs(apart)
    ratios[Kind.LEVEL], above[Kind.LEVEL] = distance / swing, apart > 0
    bound = np.where(young, np.inf, 4.0 * swing)
    known[_Row.MEAN] += slow * np.clip(apart, -bound, bound)
    known[_Row.SWING] += slow * (np.minimum(distance, 1.5 * bound) - known[_Row.SWING])

    hour = (times // HOUR_S % HOURS).astype(np.int64)
    _ask_hour(state, rows, known, hour, values, swing, finest, ratios, above, asked, times)

    off = values - known[_Row.LATE_MEAN]
    ratios[Kind.JUMP], above[Kind.JUMP] = np.abs(off) / np.maximum(known[_Row.LATE_SWING], finest), off > 0
    late = np.maximum(1.0 / MIDDLE, 1.0 / (seen + 2.0))
    known[_Row.LATE_MEAN] += late * off
    known[_Row.LATE_SWING] += late * (np.abs(off) - known[_Row.LATE_SWING])

    mean = known[_Row.MEAN]
    near = np.clip(values, mean - 10.0 * swing, mean + 10.0 * swing)
    known[_Row.DRIFT] += np.maximum(1.0 / DRIFT, 1.0 / (seen + 1.0)) * (near - known[_Row.DRIFT])
    away = known[_Row.DRIFT] - mean
    ratios[Kind.DRIFT], above[Kind.DRIFT] = np.abs(away) / swing, away > 0

    since = times - known[_Row.TIME]
    gap = (since > _GAP * known[_Row.INTERVAL]) & ~young
    moved = np.where(gap, known[_Row.STEP], np.minimum(np.abs(values - known[_Row.VALUE]) / swing, 20.0))
    known[_Row.LATE_STEP] += np.maximum(1.0 / SHORT, 1.0 / (seen + 1.0)) * (moved - known[_Row.LATE_STEP])
    known[_Row.STEP] += np.maximum(1.0 / SLOW, 1.0 / (seen + 1.0)) * (moved - known[_Row.STEP])
    wilder = (known[_Row.LATE_STEP] + 1e-3) / (known[_Row.STEP] + 1e-3)
    ratios[Kind.SWING], above[Kind.SWING] = wilder, True
    ratios[Kind.STILL], above[Kind.STILL] = 1.0 / wilder, False

    known[_Row.INTERVAL] += np.where(gap | (since < 0), 0.0, slow * (since - known[_Row.INTERVAL]))
    known[_Row.TIME], known[_Row.VALUE] = times, values
    return ratios, above, asked


def _ask_hour(
    state: State,
    rows: Ints,
    known: Floats,
    hour: Ints,
    values: Floats,
    swing: Floats,
    finest: Floats,
    ratios: Floats,
    above: Bools,
    asked: Bools,
    times: Floats,
) -> None:
    """Against what this hour of day was on the days before."""
    mean, own, seen = (table[hour, rows] for table in (state.hour_mean, state.hour_swing, state.hour_seen))
    apart = values - mean
    distance = np.abs(apart)
    usual = np.maximum(own, 0.1 * swing + finest)
    enough = seen >= _HOUR_MIN
    asked[Kind.HOUR] = enough & (times - known[_Row.BEGAN] >= DAY_S)
    ratios[Kind.HOUR], above[Kind.HOUR] = np.where(asked[Kind.HOUR], distance / usual, 0.0), apart > 0
    rate = np.maximum(1.0 / (seen + 1.0), 1.0 / _HOUR_LONG)
    bound = np.where(enough, 4.0 * usual, np.inf)
    state.hour_mean[hour, rows] = mean + rate * np.clip(apart, -bound, bound)
    state.hour_swing[hour, rows] = own + rate * (np.minimum(distance, 1.5 * bound) - own)
    state.hour_seen[hour, rows] = seen + 1.0


def _learn(state: State, rows: Ints, known: Floats, ratios: Floats, asked: Bools) -> Floats:
    """The surprise of each answer by what was learnt so far; then the answers are learnt."""
    seen = np.broadcast_to(known[_Row.SEEN], ratios.shape).copy()
    seen[Kind.HOUR] = known[_Row.HOURLY]
    known[_Row.HOURLY] += asked[Kind.HOUR]
    limit, excess = state.limit[:, rows], state.excess[:, rows]
    over = np.log(np.maximum(ratios, 1e-12)) - limit
    beyond = over > 0
    surprises = np.where(
        beyond,
        _TAIL_SURPRISE + over / np.maximum(excess, _EXCESS_MIN) * _PER_DECADE,
        _TAIL_SURPRISE * np.exp(np.minimum(over, 0.0)),
    )
    pace = np.maximum(2.0 / (seen + 10.0), 0.004) * np.where(seen < LEARNT, 4.0, 1.5) * asked
    state.limit[:, rows] = limit + pace * np.where(beyond, 1.0 - TAIL, -TAIL)
    share = np.where(beyond & asked, _WEIGHTS / np.minimum(seen * TAIL + _EXCESS_OF, _EXCESS_LONG), 0.0)
    state.excess[:, rows] = excess + share * (np.clip(over, 0.0, _EXCESS_MAX) - excess)
    surprises[(seen < LEARNT) | ~asked] = 0.0
    return surprises


def _together(surprises: Floats, seen: Floats) -> Floats:
    """The rarest answer and half the second, less what a long history brings by itself."""
    two = np.partition(surprises, KINDS - 2, axis=0)
    age = _AGE * np.log10(np.clip(seen, _BASE, _OLD) / _BASE)
    whole: Floats = np.maximum(two[-1] + 0.5 * two[-2] - age, 0.0)
    return whole


def _nothing(count: int) -> Judged:
    return Judged(
        np.zeros(count),
        np.zeros(count),
        np.zeros(count, np.int64),
        np.zeros(count),
        np.zeros(count, np.bool_),
        np.zeros(count, np.bool_),
    )


def _with_gaps(some: Judged, judged: Bools) -> Judged:
    """What was judged, in the places of all that came."""
    out = _nothing(len(judged))
    for whole, part in zip(out, some, strict=True):
        whole[judged] = part
    return out
