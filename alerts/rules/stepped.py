"""What kinds with ordered steps share: the bank around the comparator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alerts.rules.base import NOTHING, Fed, Finding, Readings, RuleRow, Thing
from alerts.rules.steps import Checkpoint, Floats, Ints, Step, Steps


class SteppedBank:
    """All things of one rule, each with its steps. A kind says what is told of a change (`_finding`) and, where it is
    not the reading itself that is compared, makes the values."""

    def __init__(
        self, rule: RuleRow, things: Sequence[Thing], levels: Sequence[int], steps: Sequence[Sequence[Step | None]]
    ) -> None:
        self.rule, self.things = rule, things
        self._steps = Steps(levels, steps)

    @property
    def waiting(self) -> bool:
        return bool(self._steps.waits.any())

    def feed(self, readings: Readings) -> Fed:
        return self._compare(readings, readings.values)

    def tick(self, now: int) -> Fed:
        rows, before = self._steps.tick(now)
        return Fed([self._finding(int(r), int(b)) for r, b in zip(rows, before, strict=True)], rows)

    def _compare(self, readings: Readings, values: Floats) -> Fed:
        """What is below all limits of a calm thing is taken at once, the others turn by turn. `values` are one a
        reading, or one a step and reading."""
        steps, rows = self._steps, readings.rows
        hot = steps.touched(rows, values)
        if not hot.any():
            steps.keep(rows, readings.at, values)
            return NOTHING
        wanted = np.zeros(len(steps.at), np.bool_)
        wanted[rows[hot]] = True
        chosen = wanted[rows]
        if not chosen.all():
            steps.keep(rows[~chosen], readings.at[~chosen], values[..., ~chosen])
        some, values = readings.pick(chosen), values[..., chosen]
        noted = steps.waits & wanted
        findings: list[Finding] = []
        for turn in some.turns():
            fed = self._compare_turn(some.rows[turn], some.at[turn], values[..., turn])
            findings += fed.findings
            noted[fed.touched] = True
        return Fed(findings, np.flatnonzero(noted | (steps.waits & wanted)))

    def _compare_turn(self, rows: Ints, at: Ints, values: Floats) -> Fed:
        """One reading each of these rows: findings, and the rows whose level has changed."""
        changed, before = self._steps.feed(rows, at, values)
        moved = np.flatnonzero(changed)
        return Fed([self._finding(int(rows[n]), int(before[n])) for n in moved], rows[moved])

    def _finding(self, row: int, before: int) -> Finding:
        raise NotImplementedError

    def state(self, row: int) -> Checkpoint:
        return self._steps.state(row)

    def restore(self, row: int, state: Mapping[str, Any]) -> None:
        self._steps.restore(row, state)
