"""Ordered steps with hysteresis, on-delay and off-delay: the comparator that threshold and aggregate rules share.

A thing has one alarm whose level is the worst step met (ISA-18.2 section 10.5 on deadband and delays).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

SECOND = 1_000_000
# a delay matures on the clock only while the last reading is this fresh; older values wait for the next reading
FRESH = 600 * SECOND


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
    """What a comparator knows, by step: whether it is met, since when; the newest reading it has judged."""

    levels: list[int]
    met: list[bool]
    since: list[int | None]
    at: int | None
    values: list[float]


class Comparator:
    """The state of each step: met, since when the value is on the other side, or None."""

    __slots__ = ("last_at", "last_values", "met", "since", "steps")

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(sorted(steps, key=lambda s: s.level))  # the worst first
        self.met = [False] * len(self.steps)
        self.since: list[int | None] = [None] * len(self.steps)
        self.last_at = 0
        self.last_values: list[float] = []

    @property
    def index(self) -> int | None:
        """The worst step met."""
        return next((i for i, met in enumerate(self.met) if met), None)

    @property
    def level(self) -> int | None:
        index = self.index
        return None if index is None else self.steps[index].level

    @property
    def waiting(self) -> bool:
        return any(moment is not None for moment in self.since)

    def feed(self, at: int, values: Sequence[float]) -> bool:
        """One value per step (the same for a plain threshold). True where the worst step met has changed."""
        before = self.index
        self.last_at, self.last_values = at, list(values)
        for i, step in enumerate(self.steps):
            self._feed_step(i, step, at, values[i])
        return self.index != before

    def _feed_step(self, i: int, step: Step, at: int, value: float) -> None:
        if self.met[i]:
            crossed, delay = (value - step.off) * step.sign < 0, step.off_delay
        else:
            crossed, delay = (value - step.on) * step.sign >= 0, step.on_delay
        if not crossed:
            self.since[i] = None
            return
        since = self.since[i]
        if since is None:
            since = self.since[i] = at
        if at - since >= delay:
            self.met[i] = not self.met[i]
            self.since[i] = None

    def tick(self, now: int) -> bool:
        """Mature running delays by the clock: the last value is taken to hold. True where the worst step has
        changed."""
        before = self.index
        for i, step in enumerate(self.steps):
            since = self.since[i]
            delay = step.off_delay if self.met[i] else step.on_delay
            if since is not None and now - since >= delay and now - self.last_at <= delay + FRESH:
                self.met[i] = not self.met[i]
                self.since[i] = None
        return self.index != before

    def state(self) -> Checkpoint:
        return {
            "levels": [s.level for s in self.steps],
            "met": self.met,
            "since": self.since,
            "at": self.last_at,
            "values": self.last_values,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back a checkpoint; steps that have changed since begin anew."""
        if state.get("levels") != [s.level for s in self.steps]:
            return
        self.met, self.since = list(state["met"]), list(state["since"])
        self.last_at, self.last_values = state["at"], list(state["values"])
