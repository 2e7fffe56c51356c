"""Kind `change`: how much a value has moved within a time, in ordered steps: a river that rises 30 cm in half an hour.

The reading is compared with one about `over_s` before, found among marks that are set every eighth of it; the
difference is scaled to `over_s` exactly. Nothing is judged across a gap of more than half of it, nor before there is a
reading so long ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from alerts.rules.base import Bank, Fed, Finding, Params, Readings, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.stepped import SteppedBank
from alerts.rules.steps import NEVER, SECOND, Floats, Ints, Step
from core.vocabulary import table

MARKS = 8
# a mark older than so many times `over_s` is from before a gap
OLDEST = 1.5


class ChangeStep(Params):
    level: int = Field(ge=1, le=4)
    on: float = Field(gt=0, description="how far it has moved in `over_s`, in the unit of the metric")
    on_delay_s: float = Field(0, ge=0)
    off_delay_s: float = Field(0, ge=0)


class ChangeParams(RuleParams):
    metric: str
    over_s: float = Field(1800, gt=0, le=86_400 * 7)
    direction: Literal["rise", "fall", "either"] = "rise"
    hysteresis: float = Field(0, ge=0)
    steps: tuple[ChangeStep, ...] = Field(min_length=1)


class ChangeBank(SteppedBank):
    """All things of one rule, each with marks of what was before."""

    def __init__(self, rule: RuleRow, things: Sequence[Thing]) -> None:
        params: ChangeParams = rule.params
        self._params = params
        self._ordered = sorted(params.steps, key=lambda step: step.level)
        steps = [
            Step(s.level, s.on, s.on - params.hysteresis, int(s.on_delay_s * SECOND), int(s.off_delay_s * SECOND))
            for s in self._ordered
        ]
        super().__init__(rule, things, [step.level for step in steps], [steps] * len(things))
        self._over = int(params.over_s * SECOND)
        self._every = max(1, self._over // MARKS)
        # as many as reach back to the oldest that counts
        self._ring = int(MARKS * OLDEST) + 2
        self._times = np.full((len(things), self._ring), NEVER)
        self._values = np.zeros((len(things), self._ring))
        self._head = np.zeros(len(things), np.int64)
        self._moved = np.zeros(len(things))

    def feed(self, readings: Readings) -> Fed:
        findings: list[Finding] = []
        touched = np.zeros(len(self.things), np.bool_)
        for turn in readings.turns():
            some = readings.pick(turn)
            moved = self._change(some.rows, some.at, some.values)
            self._mark(some.rows, some.at, some.values)
            known = ~np.isnan(moved)
            some = some.pick(known)
            self._moved[some.rows] = moved[known]
            fed = self._compare(some._replace(turn=np.zeros(len(some.rows), np.int64)), self._sided(moved[known]))
            findings += fed.findings
            touched[fed.touched] = True
        return Fed(findings, np.flatnonzero(touched))

    def remember(self, readings: Readings) -> None:
        for turn in readings.turns():
            self._mark(readings.rows[turn], readings.at[turn], readings.values[turn])

    def _sided(self, moved: Floats) -> Floats:
        if self._params.direction == "either":
            return np.abs(moved)
        return moved if self._params.direction == "rise" else -moved

    def _change(self, rows: Ints, at: Ints, values: Floats) -> Floats:
        """How far each has moved, scaled to `over_s`; no number where nothing is known of then."""
        times = self._times[rows]
        ages = at[:, None] - np.where(times == NEVER, at[:, None], times)
        fits = (ages >= self._over - self._every) & (ages <= self._over * OLDEST)
        best = np.where(fits, ages, np.iinfo(np.int64).max).argmin(axis=1)
        here = np.arange(len(rows))
        age = ages[here, best]
        moved: Floats = np.where(
            fits[here, best], (values - self._values[rows, best]) * self._over / np.maximum(age, 1), np.nan
        )
        return moved

    def _mark(self, rows: Ints, at: Ints, values: Floats) -> None:
        newest = self._times[rows, self._head[rows]]
        due = (newest == NEVER) | (at - np.where(newest == NEVER, at, newest) >= self._every)
        rows, at, values = rows[due], at[due], values[due]
        place = (self._head[rows] + 1) % self._ring
        self._head[rows] = place
        self._times[rows, place], self._values[rows, place] = at, values

    def _finding(self, row: int, before: int) -> Finding:
        steps, params = self._steps, self._params
        [index] = steps.index(np.array([row]))
        none = len(steps.levels)
        moved = float(steps.values[0, row])
        shown = int(index if index < none else before if before < none else 0)
        rises = params.direction == "rise" or (params.direction == "either" and self._moved[row] >= 0)
        return Finding(
            self.rule,
            self.things[row],
            int(steps.levels[index]) if index < none else None,
            params.metric,
            moved,
            table("metrics").get(params.metric, {}).get("unit"),
            int(steps.at[row]),
            self._ordered[shown].on,
            "alarm.rise" if rises else "alarm.fall",
            {"minutes": f"{params.over_s / 60:g}"},
        )


def make_bank(rule: RuleRow, things: Sequence[Thing]) -> Bank | None:
    return ChangeBank(rule, things) if things else None


CHANGE = RuleKind(
    "change",
    ChangeParams,
    lambda rule: (rule.params.metric,),
    history_s=lambda rule: rule.params.over_s * OLDEST,
    bank=make_bank,
)
