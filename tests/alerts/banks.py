"""Banks of one thing, fed reading by reading, for tests that tell a story."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from alerts.rules import KINDS
from alerts.rules.base import Bank, Finding, Readings, RuleRow, Thing
from alerts.rules.steps import Step, Steps


class One:
    """The bank of a rule with a single thing."""

    def __init__(self, rule: RuleRow, thing: Thing) -> None:
        self.kind = KINDS[rule.kind]
        assert self.kind.bank is not None
        bank = self.kind.bank(rule, [thing])
        assert bank is not None
        self.bank: Bank = bank
        self.metrics = self.kind.metrics(rule)

    def _readings(self, metric: str, at: int, value: float) -> Readings:
        none = np.zeros(1, np.int64)
        lane = np.array([self.metrics.index(metric)])
        return Readings(none, lane, np.array([at]), np.array([value], float), none)

    def feed(self, metric: str, at: int, value: float) -> Finding | None:
        findings = self.bank.feed(self._readings(metric, at, value)).findings
        assert len(findings) <= 1
        return findings[0] if findings else None

    def remember(self, metric: str, at: int, value: float) -> None:
        self.bank.remember(self._readings(metric, at, value))  # type: ignore[attr-defined]

    def tick(self, now: int) -> Finding | None:
        findings = self.bank.tick(now).findings
        assert len(findings) <= 1
        return findings[0] if findings else None

    @property
    def waiting(self) -> bool:
        return self.bank.waiting

    def state(self) -> Mapping[str, Any]:
        return self.bank.state(0)

    def restore(self, state: Mapping[str, Any]) -> None:
        self.bank.restore(0, state)


class OneThing:
    """The steps of a single thing."""

    def __init__(self, steps: Iterable[Step]) -> None:
        ordered: Sequence[Step] = sorted(steps, key=lambda step: step.level)
        self.steps = Steps([step.level for step in ordered], [ordered])

    def feed(self, at: int, value: float) -> bool:
        row = np.zeros(1, np.int64)
        changed, _ = self.steps.feed(row, np.array([at]), np.array([value], float))
        return bool(changed[0])

    def tick(self, now: int) -> bool:
        return bool(len(self.steps.tick(now)[0]))

    @property
    def level(self) -> int | None:
        return self.steps.level(0)

    @property
    def waiting(self) -> bool:
        return bool(self.steps.waits[0])
