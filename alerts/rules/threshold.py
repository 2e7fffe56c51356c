"""Kind `threshold`: a value at or beyond a limit, in ordered steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from alerts.rules.base import Finding, Monitor, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.steps import SECOND, Checkpoint, Comparator, Step
from core.vocabulary import table


class StepParams(RuleParams):
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
    site = thing.thresholds.get(params.metric, {})
    sign = 1 if params.direction == "above" else -1
    steps = []
    for step in params.steps:
        on = site.get(str(step.level), step.on) if params.per_site else step.on
        if on is None:
            continue
        off = step.off if step.off is not None and not params.per_site else on - sign * params.hysteresis
        steps.append(Step(step.level, on, off, int(step.on_delay_s * SECOND), int(step.off_delay_s * SECOND), sign))
    return steps


class ThresholdMonitor:
    __slots__ = ("_comparator", "_sign", "_unit", "rule", "thing")

    def __init__(self, rule: RuleRow, thing: Thing, steps: list[Step]) -> None:
        self.rule, self.thing = rule, thing
        self._comparator = Comparator(steps)
        self._unit: str | None = table("metrics").get(rule.params.metric, {}).get("unit")

    @property
    def waiting(self) -> bool:
        return self._comparator.waiting

    def feed(self, metric: str, at: int, value: float) -> Finding | None:
        before = self._comparator.index
        changed = self._comparator.feed(at, [value] * len(self._comparator.steps))
        return self._finding(before, value, at) if changed else None

    def tick(self, now: int) -> Finding | None:
        before = self._comparator.index
        if not self._comparator.tick(now):
            return None
        return self._finding(before, self._comparator.last_values[0], self._comparator.last_at)

    def _finding(self, before: int | None, value: float, at: int) -> Finding:
        index = self._comparator.index
        steps = self._comparator.steps
        params: ThresholdParams = self.rule.params
        limit = steps[index].on if index is not None else steps[before].off if before is not None else None
        # a step may outlive its limit by hysteresis or off-delay: then the sentence must not say that it is met
        holding = index is not None and (value - steps[index].on) * steps[index].sign < 0
        template = "alarm.holding" if holding else f"alarm.{params.direction}"
        return Finding(
            self.rule, self.thing, self._comparator.level, params.metric, value, self._unit, at, limit, template
        )

    def state(self) -> Checkpoint:
        return self._comparator.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._comparator.restore(state)


def make_monitor(rule: RuleRow, thing: Thing) -> Monitor | None:
    steps = steps_for(rule.params, thing)
    return ThresholdMonitor(rule, thing, steps) if steps else None


THRESHOLD = RuleKind("threshold", ThresholdParams, lambda rule: (rule.params.metric,), make_monitor)
