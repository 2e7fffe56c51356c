"""Kind `aggregate`: a sum, mean or maximum over a sliding window, or an index made of several means, in ordered steps.

Windows slide by buckets and are kept up incrementally: a reading is added to its bucket and to the running total,
buckets that leave the window are taken off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from alerts.rules.base import Bank, Fed, Finding, Params, Readings, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.stepped import SteppedBank
from alerts.rules.steps import SECOND, Floats, Ints, Step
from alerts.rules.windows import Windows
from core.faults import unfit
from core.vocabulary import table


class AggregateStep(Params):
    level: int = Field(ge=1, le=4)
    window_s: float | None = Field(None, gt=0, description="the step's own window; default the rule's")
    on: float | None = Field(None, description="the limit; left out where it stands on the thing (per_site)")
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
    per_site: bool = Field(
        False, description="limits come from the thing's own thresholds of `{metric}_{hours}h`, by level: rain_3h"
    )
    steps: tuple[AggregateStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_limits(self) -> AggregateParams:
        if not self.per_site and any(step.on is None for step in self.steps):
            raise unfit("rule_needs_limits", "on is needed in each step, but where limits are per_site")
        return self


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


def iaqis(pollutant: str, concentrations: Floats) -> Floats:
    """The same of many; what is no number stays none."""
    aqi = table("aqi")
    indices: Floats = np.interp(
        np.maximum(concentrations, 0.0), aqi[pollutant]["breakpoints"], aqi["iaqi"]["breakpoints"]
    )
    return indices


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


class AggregateBank(SteppedBank):
    """All things of one aggregate rule: windows of each metric, kept up by bucket."""

    def __init__(self, rule: RuleRow, things: Sequence[Thing]) -> None:
        params: AggregateParams = rule.params
        self._params = params
        self._ordered = sorted(params.steps, key=lambda step: step.level)
        super().__init__(
            rule, things, [step.level for step in self._ordered], [steps_of(params, thing) for thing in things]
        )
        bucket = int(params.bucket_s * SECOND)
        if params.index:
            lengths = [[length] for _, length in index_windows()]
        else:
            lengths = [sorted({self._length(step) for step in self._ordered})]
        # by metric: its windows, and which of them each step judges
        self._windows = [Windows(len(things), each, bucket, keep_most=params.function == "max") for each in lengths]
        self._judged = [0] if params.index else [lengths[0].index(self._length(step)) for step in self._ordered]

    def _length(self, step: AggregateStep) -> int:
        return int((step.window_s or self._params.window_s) * SECOND)

    def feed(self, readings: Readings) -> Fed:
        steps = self._steps
        findings: list[Finding] = []
        touched = np.zeros(len(steps.at), np.bool_)
        for turn in readings.turns():
            rows, at = readings.rows[turn], readings.at[turn]
            self._add(readings.pick(turn))
            ready = self._span(rows) >= self._params.min_span_s * SECOND
            values = self._values(rows)
            if not ready.all():
                rows, at, values = rows[ready], at[ready], values[:, ready]
            # of hardly any thing does anything change
            hot = steps.touched(rows, values)
            if not hot.all():
                steps.keep(rows, at, values)
                rows, at, values = rows[hot], at[hot], values[:, hot]
            if not len(rows):
                continue
            touched[rows] |= steps.waits[rows]
            fed = self._compare_turn(rows, at, values)
            findings += fed.findings
            touched[fed.touched] = True
            touched[rows] |= steps.waits[rows]
        return Fed(findings, np.flatnonzero(touched))

    def remember(self, readings: Readings) -> None:
        for turn in readings.turns():
            self._add(readings.pick(turn))

    def _add(self, some: Readings) -> None:
        for lane, windows in enumerate(self._windows):
            mine = slice(None) if len(self._windows) == 1 else np.flatnonzero(some.lanes == lane)
            windows.add(some.rows[mine], some.at[mine], some.values[mine])

    def _span(self, rows: Ints) -> Ints:
        spans: Ints = np.max([windows.span(rows) for windows in self._windows], axis=0)
        return spans

    def _values(self, rows: Ints) -> Floats:
        """One value per step, the worst step first."""
        if self._params.index:
            parts = [
                iaqis(name, windows.values("mean", rows)[0])
                for (name, _), windows in zip(index_windows(), self._windows, strict=True)
            ]
            index = np.ceil(np.round(np.fmax.reduce(parts), 9))
            return np.broadcast_to(index, (len(self._ordered), len(rows)))
        return self._windows[0].values(self._params.function, rows)[self._judged]

    def _finding(self, row: int, before: int) -> Finding:
        steps, params = self._steps, self._params
        [index] = steps.index(np.array([row]))
        none = len(steps.levels)
        shown = int(index if index < none else before if before < none else 0)
        step = self._ordered[shown]
        metric = params.index or str(params.metric)
        hours = self._length(step) / 3600 / SECOND
        value = float(steps.values[shown, row])
        template = "alarm.above" if params.index else "alarm.window"
        limit = float(steps.on[shown, row])
        if index < none and value < limit:
            template = "alarm.holding"
        return Finding(
            self.rule,
            self.things[row],
            int(steps.levels[index]) if index < none else None,
            metric,
            value,
            table("metrics").get(metric, {}).get("unit"),
            int(steps.at[row]),
            limit,
            template,
            {"hours": f"{hours:g}"},
        )


def steps_of(params: AggregateParams, thing: Thing) -> list[Step | None]:
    """The worst first; a step that has no limit at this thing is None. A village's two indices of rain (准备转移,
    立即转移) stand on its gauge, by window."""
    steps: list[Step | None] = []
    for one in sorted(params.steps, key=lambda step: step.level):
        on = limit_of(params, one, thing)
        if on is None:
            steps.append(None)
            continue
        delays = int(one.on_delay_s * SECOND), int(one.off_delay_s * SECOND)
        steps.append(Step(one.level, on, on - params.hysteresis, *delays))
    return steps


def limit_of(params: AggregateParams, step: AggregateStep, thing: Thing) -> float | None:
    if not params.per_site:
        return step.on
    hours = (step.window_s or params.window_s) / 3600
    return thing.thresholds.get(f"{params.index or params.metric}_{hours:g}h", {}).get(str(step.level), step.on)


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


def make_bank(rule: RuleRow, things: Sequence[Thing]) -> Bank | None:
    """The things that have a limit of some step."""
    limited = [thing for thing in things if any(steps_of(rule.params, thing))]
    return AggregateBank(rule, limited) if limited else None


AGGREGATE = RuleKind("aggregate", AggregateParams, metrics_of, history_s=history_of, bank=make_bank)
