"""Kinds that watch one thing at a time, as a bank: what others' packages may plug in. A monitor that fails rests
alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from alerts.rules.base import Fed, Finding, Monitor, Readings, RuleRow, Thing


class SingleBank:
    """Monitors, a row each. `faults` are those that have failed since they were last taken."""

    def __init__(self, rule: RuleRow, metrics: Sequence[str], monitors: Sequence[Monitor]) -> None:
        self.rule = rule
        self.things: Sequence[Thing] = [monitor.thing for monitor in monitors]
        self._metrics = metrics
        self._monitors = monitors
        self._resting: set[int] = set()
        self.faults: dict[int, Exception] = {}

    @property
    def waiting(self) -> bool:
        return any(m.waiting for row, m in enumerate(self._monitors) if row not in self._resting)

    def feed(self, readings: Readings) -> Fed:
        findings: list[Finding] = []
        touched: set[int] = set()
        for row, lane, at, value in zip(
            readings.rows.tolist(),
            readings.lanes.tolist(),
            readings.at.tolist(),
            readings.values.tolist(),
            strict=True,
        ):
            monitor = self._monitors[row]
            waited = row not in self._resting and monitor.waiting
            finding = self._try(row, partial(monitor.feed, self._metrics[lane], at, value))
            if row in self._resting:
                touched.discard(row)
                continue
            if finding is not None:
                findings.append(finding)
            if finding is not None or waited or monitor.waiting:
                touched.add(row)
        return Fed(findings, np.array(sorted(touched), np.int64))

    def tick(self, now: int) -> Fed:
        findings: list[Finding] = []
        touched: list[int] = []
        for row, monitor in enumerate(self._monitors):
            if row in self._resting or not monitor.waiting:
                continue
            finding = self._try(row, partial(monitor.tick, now))
            if finding is not None:
                findings.append(finding)
                touched.append(row)
        return Fed(findings, np.array(touched, np.int64))

    def _try(self, row: int, act: Callable[[], Finding | None]) -> Finding | None:
        if row in self._resting:
            return None
        try:
            return act()
        except Exception as exc:  # noqa: BLE001 - noted by the engine
            self._resting.add(row)
            self.faults[row] = exc
            return None

    def state(self, row: int) -> Mapping[str, object]:
        return self._monitors[row].state()

    def restore(self, row: int, state: Mapping[str, Any]) -> None:
        self._monitors[row].restore(state)
