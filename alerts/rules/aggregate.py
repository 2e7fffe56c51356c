"""Kind `aggregate`: a sum, mean or maximum over a sliding window, or an index made of several means, in ordered steps.

Windows slide by buckets and are kept up incrementally: a reading is added to its bucket and to the running total,
buckets that leave the window are taken off.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from alerts.rules.base import Finding, Monitor, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.steps import SECOND, Checkpoint, Comparator, Step
from core.vocabulary import table


class AggregateStep(RuleParams):
    level: int = Field(ge=1, le=4)
    window_s: float | None = Field(None, gt=0, description="the step's own window; default the rule's")
    on: float
    on_delay_s: float = Field(0, ge=0)
    off_delay_s: float = Field(0, ge=0)


class AggregateParams(RuleParams):
    metric: str | None = Field(None, description="what is summed; left out for an index")
    function: Literal["sum", "mean", "max"] = "sum"
    index: Literal["aqi"] | None = Field(None, description="aqi: HJ 633-2012 from the means of its pollutants")
    window_s: float = Field(3600, gt=0)
    bucket_s: float = Field(60, gt=0)
    min_span_s: float = Field(0, ge=0, description="no judgement before the window holds readings this far apart")
    hysteresis: float = Field(0, ge=0)
    steps: tuple[AggregateStep, ...] = Field(min_length=1)


class Window:
    """Readings of one metric over `length` microseconds, by buckets."""

    __slots__ = ("_bucket", "_buckets", "_count", "_length", "_total", "first_at", "last_at")

    def __init__(self, length: int, bucket: int) -> None:
        self._length, self._bucket = length, min(bucket, length)
        self._buckets: deque[list[float]] = deque()  # [bucket number, sum, count, max]
        self._total, self._count = 0.0, 0
        self.first_at: int | None = None
        self.last_at = 0

    def add(self, at: int, total: float, count: int = 1, most: float | None = None) -> None:
        number = at // self._bucket
        if self._buckets and self._buckets[-1][0] == number:
            last = self._buckets[-1]
            last[1] += total
            last[2] += count
            last[3] = max(last[3], total if most is None else most)
        else:
            self._buckets.append([number, total, count, total if most is None else most])
        self._total += total
        self._count += count
        self.last_at = at
        if self.first_at is None:
            self.first_at = at
        self._expire(number)

    def _expire(self, number: int) -> None:
        keep = number - self._length // self._bucket
        while self._buckets and self._buckets[0][0] <= keep:
            _, total, count, _ = self._buckets.popleft()
            self._total -= total
            self._count -= int(count)
        if not self._buckets:
            self._total, self._count = 0.0, 0

    def value(self, function: str) -> float | None:
        if not self._count:
            return None
        if function == "sum":
            # differences of floats: a dry hour must read 0, not 1e-16
            return round(self._total, 9)
        return self._total / self._count if function == "mean" else max(b[3] for b in self._buckets)

    def span(self) -> int:
        """Time between the first and the last reading it holds, at most the window."""
        return 0 if self.first_at is None else min(self.last_at - self.first_at, self._length)


def iaqi(pollutant: str, concentration: float) -> float:
    """Individual air quality index of one concentration, HJ 633-2012 formula (1): piecewise linear, capped at 500."""
    aqi = table("aqi")
    marks, scale = aqi[pollutant]["breakpoints"], aqi["iaqi"]["breakpoints"]
    if concentration >= marks[-1]:
        return float(scale[-1])
    for low, high, i_low, i_high in zip(marks, marks[1:], scale, scale[1:], strict=False):
        if concentration <= high:
            return float(i_low + (i_high - i_low) * (concentration - low) / (high - low))
    return float(scale[-1])


def aqi_of(means: Mapping[str, float]) -> int | None:
    """AQI, HJ 633-2012 formula (2): the largest IAQI, rounded up."""
    parts = [iaqi(name, max(0.0, value)) for name, value in means.items()]
    return math.ceil(round(max(parts), 9)) if parts else None


def index_series(
    means: Mapping[str, Mapping[datetime, float]], first: datetime | None, min_span_s: float
) -> list[tuple[datetime, int]]:
    """The index at each time at which there is a mean of any pollutant, oldest first. `first`: when the first of their
    readings was made; before they reach `min_span_s` far nothing is judged."""
    if first is None:
        return []
    begins = first + timedelta(seconds=min_span_s)
    times = sorted({time for found in means.values() for time in found if time >= begins})
    made = [(time, aqi_of({name: found[time] for name, found in means.items() if time in found})) for time in times]
    return [(time, index) for time, index in made if index is not None]


class AggregateMonitor:
    __slots__ = ("_comparator", "_params", "_windows", "rule", "thing")

    def __init__(self, rule: RuleRow, thing: Thing) -> None:
        self.rule, self.thing = rule, thing
        params: AggregateParams = rule.params
        self._params = params
        ordered = sorted(params.steps, key=lambda s: s.level)
        self._comparator = Comparator(
            [
                Step(s.level, s.on, s.on - params.hysteresis, int(s.on_delay_s * SECOND), int(s.off_delay_s * SECOND))
                for s in ordered
            ]
        )
        bucket = int(params.bucket_s * SECOND)
        # (metric, window) -> readings
        self._windows: dict[tuple[str, int], Window] = {
            key: Window(key[1], bucket) for key in {*index_windows()} if params.index
        } or {(str(params.metric), self._length(s)): Window(self._length(s), bucket) for s in ordered}

    def _length(self, step: AggregateStep) -> int:
        return int((step.window_s or self._params.window_s) * SECOND)

    @property
    def waiting(self) -> bool:
        return self._comparator.waiting

    def feed(self, metric: str, at: int, value: float) -> Finding | None:
        self.remember(metric, at, value)
        values = self._values()
        if values is None:
            return None
        before = self._comparator.index
        return self._finding(before) if self._comparator.feed(at, values) else None

    def remember(self, metric: str, at: int, total: float, count: int = 1, most: float | None = None) -> None:
        """Take history in without judging it."""
        for (name, _), window in self._windows.items():
            if name == metric:
                window.add(at, total, count, most)

    def _values(self) -> Sequence[float] | None:
        """One value per step, worst step first; None where there is too little to judge."""
        if max((w.span() for w in self._windows.values()), default=0) < self._params.min_span_s * SECOND:
            return None
        if self._params.index:
            means = {m: v for (m, _), w in self._windows.items() if (v := w.value("mean")) is not None}
            index = aqi_of(means)
            return None if index is None else [float(index)] * len(self._comparator.steps)
        ordered = sorted(self._params.steps, key=lambda s: s.level)
        values = [
            self._windows[str(self._params.metric), self._length(s)].value(self._params.function) for s in ordered
        ]
        return None if any(v is None for v in values) else [v for v in values if v is not None]

    def tick(self, now: int) -> Finding | None:
        before = self._comparator.index
        return self._finding(before) if self._comparator.tick(now) else None

    def _finding(self, before: int | None) -> Finding:
        index = self._comparator.index
        shown = index if index is not None else before if before is not None else 0
        step = self._comparator.steps[shown]
        metric = self._params.index or str(self._params.metric)
        hours = self._length(sorted(self._params.steps, key=lambda s: s.level)[shown]) / 3600 / SECOND
        value = self._comparator.last_values[shown]
        template = "alarm.above" if self._params.index else f"alarm.window.{hours:g}h"
        if index is not None and value < step.on:
            template = "alarm.holding"
        return Finding(
            self.rule,
            self.thing,
            self._comparator.level,
            metric,
            self._comparator.last_values[shown],
            table("metrics").get(metric, {}).get("unit"),
            self._comparator.last_at,
            step.on,
            template,
        )

    def state(self) -> Checkpoint:
        return self._comparator.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._comparator.restore(state)


def index_windows() -> list[tuple[str, int]]:
    return [(name, int(row["window_s"] * SECOND)) for name, row in table("aqi").items() if name != "iaqi"]


def metrics_of(rule: RuleRow) -> tuple[str, ...]:
    params: AggregateParams = rule.params
    return tuple(name for name, _ in index_windows()) if params.index else (str(params.metric),)


def history_of(rule: RuleRow) -> float:
    params: AggregateParams = rule.params
    if params.index:
        return max(length for _, length in index_windows()) / SECOND
    return max(s.window_s or params.window_s for s in params.steps)


def make_monitor(rule: RuleRow, thing: Thing) -> Monitor | None:
    return AggregateMonitor(rule, thing)


AGGREGATE = RuleKind("aggregate", AggregateParams, metrics_of, make_monitor, history_of)
