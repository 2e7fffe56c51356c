"""Kind `threshold`: a value at or beyond a limit, in ordered steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from alerts.rules.base import Bank, Finding, Params, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.stepped import SteppedBank
from alerts.rules.steps import SECOND, Step
from core.vocabulary import table


class StepParams(Params):
    level: int = Field(ge=1, le=4)
    on: float | None = Field(None, description="the limit; left out where it stands on the thing (per_site)")
    off: float | None = Field(None, description="where it is left; default on minus (plus) hysteresis")
    on_delay_s: float = Field(0, ge=0)
    off_delay_s: float = Field(0, ge=0)


class ThresholdParams(RuleParams):
    metric: str
    direction: Literal["above", "below"] = "above"
    hysteresis: float = Field(0, ge=0)
    per_site: bool = Field(False, description="limits come from the thing's own thresholds, by metric and level")
    steps: tuple[StepParams, ...] = Field(min_length=1)


def steps_for(params: ThresholdParams, thing: Thing) -> list[Step]:
    """The steps in force for a thing; a step without a limit there is left out."""
    return [step for step in _steps_of(params, params.steps, thing) if step is not None]


def _steps_of(params: ThresholdParams, ordered: Sequence[StepParams], thing: Thing) -> list[Step | None]:
    site = thing.thresholds.get(params.metric, {})
    sign = 1 if params.direction == "above" else -1
    steps: list[Step | None] = []
    for step in ordered:
        on = site.get(str(step.level), step.on) if params.per_site else step.on
        if on is None:
            steps.append(None)
            continue
        off = step.off if step.off is not None and not params.per_site else on - sign * params.hysteresis
        steps.append(Step(step.level, on, off, int(step.on_delay_s * SECOND), int(step.off_delay_s * SECOND), sign))
    return steps


class ThresholdBank(SteppedBank):
    """All things of one threshold rule."""

    def _finding(self, row: int, before: int) -> Finding:
        steps, params = self._steps, self.rule.params
        [index] = steps.index(np.array([row]))
        value, at = float(steps.values[0, row]), int(steps.at[row])
        none = len(steps.levels)
        limit = steps.on[index, row] if index < none else steps.off[before, row] if before < none else None
        # a step may outlive its limit by hysteresis or off-delay: then the sentence must not say that it is met
        holding = index < none and (value - steps.on[index, row]) * steps.sign[index, row] < 0
        return Finding(
            self.rule,
            self.things[row],
            int(steps.levels[index]) if index < none else None,
            params.metric,
            value,
            table("metrics").get(params.metric, {}).get("unit"),
            at,
            None if limit is None else float(limit),
            "alarm.holding" if holding else f"alarm.{params.direction}",
        )


def make_bank(rule: RuleRow, things: Sequence[Thing]) -> Bank | None:
    """The things that have a limit of some step."""
    ordered = sorted(rule.params.steps, key=lambda step: step.level)
    found = [(thing, steps) for thing in things if any(steps := _steps_of(rule.params, ordered, thing))]
    if not found:
        return None
    levels = [step.level for step in ordered]
    return ThresholdBank(rule, [thing for thing, _ in found], levels, [steps for _, steps in found])


THRESHOLD = RuleKind("threshold", ThresholdParams, lambda rule: (rule.params.metric,), bank=make_bank)
