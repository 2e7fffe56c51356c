"""What a rule kind is: parameters that are checked when a rule is saved, and a bank that watches all things of a rule.

Times inside banks are microseconds since 2000-01-01 UTC (core.pgarray), for speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from alerts.rules.steps import NO_ROWS, Bools, Floats, Ints
from core.vocabulary import Text

if TYPE_CHECKING:
    from alerts.rules.standing import Held, Moment


class Params(BaseModel):
    """An unknown name is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleParams(Params):
    """Base of all rule parameters: what any rule may say."""

    latch: bool = Field(False, description="its alarms stay until somebody resets them")
    suppressed_by: tuple[str, ...] = Field(
        (),
        max_length=20,
        description="while one of these rules has an alarm about the same thing, this means nothing",
    )


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


def thing_of(row: Any) -> Thing:
    """A sensor, from a row with its columns, lon and lat."""
    return Thing(
        "sensor",
        row.id,
        {"zh": row.name_zh, "en": row.name_en},
        row.district,
        row.lon,
        row.lat,
        row.kind,
        row.interval_s,
        row.thresholds,
        row.attributes,
    )


@dataclass(frozen=True, slots=True)
class RuleRow:
    id: str
    kind: str
    alarm_kind: str
    names: Text
    watches: Mapping[str, Any]
    params: Any

    @property
    def latches(self) -> bool:
        """Whether its alarms stay until somebody resets them."""
        return bool(getattr(self.params, "latch", False))


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
    # what its sentence says besides
    fields: Mapping[str, object] = field(default_factory=dict)
    # the probability of it by chance alone, where the kind computes that
    p: float | None = None


Key = tuple[str, str]
"""Rule and thing."""


class Fed(NamedTuple):
    """What readings, or the clock, came to: findings, and the rows of which something is to be kept."""

    findings: list[Finding]
    touched: Ints


NOTHING = Fed([], NO_ROWS)


class Readings(NamedTuple):
    """Readings of a bank: the row and the metric (its place in the kind's `metrics`) each is for, its time in
    microseconds since 2000 and its value. `turn` counts the readings of a row from 0: within a turn no row stands
    twice, and turns come in their order, which is that of time."""

    rows: Ints
    lanes: Ints
    at: Ints
    values: Floats
    turn: Ints

    def pick(self, which: Ints | Bools | slice) -> Readings:
        """Some of them, in the order asked for."""
        return Readings(self.rows[which], self.lanes[which], self.at[which], self.values[which], self.turn[which])

    def turns(self) -> Iterator[slice]:
        """Slices in which no row stands twice."""
        ends = np.flatnonzero(np.r_[self.turn[1:] != self.turn[:-1], True]) + 1 if len(self.turn) else ()
        begin = 0
        for end in ends:
            yield slice(begin, int(end))
            begin = int(end)


class Bank(Protocol):
    """All things that one rule watches, judged over arrays: a row each. Fed in order of observation time, never with
    late readings."""

    rule: RuleRow
    things: Sequence[Thing]

    def feed(self, readings: Readings) -> Fed:
        """Take readings; a Finding where a level changed by one, in order of time within a row."""

    def tick(self, now: int) -> Fed:
        """Let the clock mature what runs; a Finding where a level changed by it."""

    @property
    def waiting(self) -> bool:
        """Whether anything runs, so that `tick` has something to do."""

    def state(self, row: int) -> Mapping[str, object]:
        """The checkpoint; `restore` takes it back."""

    def restore(self, row: int, state: Mapping[str, Any]) -> None: ...


@runtime_checkable
class Remembering(Protocol):
    """A bank that needs what was before its start."""

    def remember(self, readings: Readings) -> None:
        """Take history in without judging it."""


class Monitor(Protocol):
    """Watches one thing for one rule: what a kind may offer in place of a bank. Fed in order of observation time; never
    with late readings."""

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
class Gathering:
    """Events that lie together: rows of alerts.rules.events (id, at, names, district, lon, lat), so many metres around
    a place, since when; `expected`: so many are usual there, where the kind compares."""

    rows: Sequence[Any]
    lon: float
    lat: float
    radius_m: float
    since: datetime
    expected: float | None = None


@dataclass(frozen=True, slots=True)
class RuleKind:
    """`metrics(rule)` are the metrics it reads. A kind of readings offers `bank`, all things of a rule over arrays
    (those that lack what the rule needs are left out), or `monitor`, one thing at a time (None where it lacks that); a
    kind of other facts offers `stands`."""

    key: str
    params: type[RuleParams]
    metrics: Callable[[RuleRow], tuple[str, ...]]
    monitor: Callable[[RuleRow, Thing], Monitor | None] | None = None
    # how far back it needs history at its start, seconds
    history_s: Callable[[RuleRow], float] = lambda rule: 0.0
    bank: Callable[[RuleRow, Sequence[Thing]], Bank | None] | None = None
    # everything that holds at a moment, given what held before; None where it cannot be said now
    stands: Callable[[Connection, RuleRow, Moment, Sequence[Held]], list[Finding] | None] | None = None
    # what changes make it worth looking at once (kinds of core.db.notify_change), and how often it is looked at
    wakes: tuple[str, ...] = ()
    every_s: float = 10.0
    # of a kind whose alarms are about a place: what lies together there (lon, lat) at a moment
    gathers: Callable[[Connection, RuleRow, datetime, float, float], Gathering | None] | None = None


def watches(rule: RuleRow, thing: Thing) -> bool:
    """Whether the rule's `watches` picks this thing: by kind, and by attributes it must or must not have (of the latter
    one or several)."""
    wanted = rule.watches
    if wanted.get("sensor_kinds") and thing.kind not in wanted["sensor_kinds"]:
        return False
    if wanted.get("sensors") and thing.id not in wanted["sensors"]:
        return False
    if wanted.get("things") and thing.id not in wanted["things"]:
        return False
    if wanted.get("with_attribute") and not thing.attributes.get(wanted["with_attribute"]):
        return False
    unwanted = wanted.get("without_attribute") or ()
    return not any(thing.attributes.get(name) for name in ((unwanted,) if isinstance(unwanted, str) else unwanted))
