"""What a rule kind is: parameters that are checked when a rule is saved, and a monitor that watches one thing.

Times inside monitors are microseconds since 2000-01-01 UTC (core.pgarray), for speed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from core.vocabulary import Text


class RuleParams(BaseModel):
    """Base of all rule parameters: an unknown name is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Thing:
    """What a rule watches: a sensor, or a source of many."""

    type: str
    id: str
    names: Text
    district: str
    lon: float | None = None
    lat: float | None = None
    kind: str = ""
    interval_s: float | None = None
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleRow:
    id: str
    kind: str
    alarm_kind: str
    names: Text
    watches: Mapping[str, Any]
    params: Any


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's level for a thing has changed: to `level`, or back to normal where it is None."""

    rule: RuleRow
    thing: Thing
    level: int | None
    metric: str | None
    value: float | None
    unit: str | None
    at: int
    # the limit that was met or left, in the unit of the value
    limit: float | None
    template: str


class Monitor(Protocol):
    """Watches one thing for one rule. Fed in order of observation time; never with late readings."""

    rule: RuleRow
    thing: Thing

    def feed(self, metric: str, at: int, value: float) -> Finding | None:
        """Take one reading; a Finding where the level changed by it."""

    def tick(self, now: int) -> Finding | None:
        """Let the clock mature a delay that runs; a Finding where the level changed by it."""

    @property
    def waiting(self) -> bool:
        """Whether a delay runs, so that `tick` has something to do."""

    def state(self) -> Mapping[str, object]:
        """The checkpoint; `restore` takes it back."""

    def restore(self, state: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class RuleKind:
    """`metrics(rule)` are the metrics it reads; `monitor(rule, thing)` is None where the thing lacks what the rule
    needs."""

    key: str
    params: type[RuleParams]
    metrics: Callable[[RuleRow], tuple[str, ...]]
    monitor: Callable[[RuleRow, Thing], Monitor | None] | None
    # how far back a monitor needs history at its start, seconds
    history_s: Callable[[RuleRow], float] = lambda rule: 0.0


def watches(rule: RuleRow, thing: Thing) -> bool:
    """Whether the rule's `watches` picks this thing: by kind, and by attributes it must or must not have (of the latter
    one or several)."""
    wanted = rule.watches
    if wanted.get("sensor_kinds") and thing.kind not in wanted["sensor_kinds"]:
        return False
    if wanted.get("sensors") and thing.id not in wanted["sensors"]:
        return False
    if wanted.get("with_attribute") and not thing.attributes.get(wanted["with_attribute"]):
        return False
    unwanted = wanted.get("without_attribute") or ()
    return not any(thing.attributes.get(name) for name in ((unwanted,) if isinstance(unwanted, str) else unwanted))
