"""Ordered steps with hysteresis, on-delay and off-delay over many things at once: the comparator that kinds share.

A thing has one alarm whose level is the worst step met (ISA-18.2 section 10.5 on deadband and delays). State are arrays
whose first axis are the steps, the worst first, and whose second are the things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SECOND = 1_000_000
# a delay matures on the clock only while the last reading is this fresh; older values wait for the next reading
FRESH = 600 * SECOND
NEVER = np.iinfo(np.int64).min
NO_ROWS = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Step:
    """Met from `on`, left at `off`; `sign` is 1 for high limits and -1 for low ones. Delays in microseconds."""

    level: int
    on: float
    off: float
    on_delay: int
    off_delay: int
    sign: int = 1


class Checkpoint(TypedDict):
    """What is known of one thing, by step: whether it is met, since when; the newest reading that was judged."""

    levels: list[int]
    met: list[bool]
    since: list[int | None]
    at: int | None
    values: list[float]


class Steps:
    """The state of each step at each thing: met, since when the value is on the other side, or NEVER. `levels` are
    those of a rule's steps, the worst first, some perhaps twice; each thing has a step for each or lacks it (None)."""

    def __init__(self, levels: Sequence[int], things: Sequence[Sequence[Step | None]]) -> None:
        shape = (len(levels), len(things))
        self.levels = np.array(levels, np.int64)
        # what a thing lacks is no number, which nothing ever reaches
        self.on, self.off = np.full(shape, np.nan), np.full(shape, np.nan)
        self.on_delay, self.off_delay = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.sign = np.ones(shape)
        for n, steps in enumerate(things):
            for k, step in enumerate(steps):
                if step is None:
                    continue
                place = k, n
                self.on[place], self.off[place], self.sign[place] = step.on, step.off, step.sign
                self.on_delay[place], self.off_delay[place] = step.on_delay, step.off_delay
        self.met = np.zeros(shape, np.bool_)
        self.since = np.full(shape, NEVER)
        self.at = np.zeros(len(things), np.int64)
        self.values = np.zeros(shape)
        # nothing met and no delay runs: a value below all limits changes nothing
        self.calm = np.ones(len(things), np.bool_)
        self.waits = np.zeros(len(things), np.bool_)

    def index(self, rows: Ints) -> Ints:
        """The worst step met of each row; the number of steps where none is."""
        if not len(self.levels):
            return np.zeros(len(rows), np.int64)
        met = self.met[:, rows]
        return np.where(met.any(axis=0), met.argmax(axis=0), len(self.levels))

    def level(self, row: int) -> int | None:
        [index] = self.index(np.array([row]))
        return None if index == len(self.levels) else int(self.levels[index])

    def touched(self, rows: Ints, values: Floats) -> Bools:
        """Which of these readings may change anything of what is known: the others are below all limits of a thing
        where nothing is met. `values` are one per step, or the same for all."""
        reaches = (values - self.on[:, rows]) * self.sign[:, rows] >= 0
        touched: Bools = reaches.any(axis=0) | ~self.calm[rows]
        return touched

    def keep(self, rows: Ints, at: Ints, values: Floats) -> None:
        """Readings that touch nothing are the newest judged."""
        self.at[rows] = at
        self.values[:, rows] = values

    def feed(self, rows: Ints, at: Ints, values: Floats) -> tuple[Bools, Ints]:
        """One reading each of things (none twice): whether the worst step met has changed, and which it was before."""
        self.keep(rows, at, values)
        before = self.index(rows)
        met, since = self.met[:, rows], self.since[:, rows]
        limit = np.where(met, self.off[:, rows], self.on[:, rows])
        beyond = (values - limit) * self.sign[:, rows]
        crossed = np.where(met, beyond < 0, beyond >= 0)
        since = np.where(crossed, np.where(since == NEVER, at, since), NEVER)
        delay = np.where(met, self.off_delay[:, rows], self.on_delay[:, rows])
        return self._turn(rows, met, since, crossed & (at - np.where(crossed, since, at) >= delay)), before

    def tick(self, now: int) -> tuple[Ints, Ints]:
        """Mature running delays by the clock: the last value is taken to hold. The rows whose worst step has changed,
        and which it was before."""
        rows = np.flatnonzero(self.waits)
        if not len(rows):
            return NO_ROWS, NO_ROWS
        before = self.index(rows)
        met, since = self.met[:, rows], self.since[:, rows]
        delay = np.where(met, self.off_delay[:, rows], self.on_delay[:, rows])
        runs = since != NEVER
        due = runs & (now - np.where(runs, since, now) >= delay) & (now - self.at[rows] <= delay + FRESH)
        changed = self._turn(rows, met, since, due)
        return rows[changed], before[changed]

    def _turn(self, rows: Ints, met: Bools, since: Ints, flips: Bools) -> Bools:
        """Steps that are met are left and the other way round; which rows have another worst step now."""
        before = self.index(rows)
        met = met ^ flips
        since = np.where(flips, NEVER, since)
        self.met[:, rows], self.since[:, rows] = met, since
        waits = (since != NEVER).any(axis=0)
        self.waits[rows] = waits
        self.calm[rows] = ~waits & ~met.any(axis=0)
        changed: Bools = self.index(rows) != before
        return changed

    def state(self, row: int) -> Checkpoint:
        has = np.flatnonzero(~np.isnan(self.on[:, row]))
        since = self.since[has, row]
        return {
            "levels": self.levels[has].tolist(),
            "met": self.met[has, row].tolist(),
            "since": [None if moment == NEVER else int(moment) for moment in since],
            "at": int(self.at[row]),
            "values": self.values[has, row].tolist(),
        }

    def restore(self, row: int, state: Mapping[str, Any]) -> None:
        """Take back a checkpoint; steps that have changed since begin anew."""
        has = np.flatnonzero(~np.isnan(self.on[:, row]))
        if state.get("levels") != self.levels[has].tolist():
            return
        self.met[has, row] = state["met"]
        self.since[has, row] = [NEVER if moment is None else moment for moment in state["since"]]
        self.at[row] = state["at"] or 0
        if state["values"]:
            self.values[has, row] = state["values"]
        self.waits[row] = (self.since[:, row] != NEVER).any()
        self.calm[row] = not self.waits[row] and not self.met[:, row].any()
