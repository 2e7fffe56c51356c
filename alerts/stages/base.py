"""What all stages share: the change on its way, what is known around it, and what a stage says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from typing_extensions import TypedDict

from core.vocabulary import Text


@dataclass(frozen=True, slots=True)
class Change:
    """Something that has changed. `kind` is what of (alarm, message), `what` the change in a word (raised, worsened
    ...); of an alarm its level now and the worst it has had, its district (six digits) and kind."""

    kind: str
    subject: str
    what: str
    level: int | None = None
    peak_level: int | None = None
    district: str | None = None
    alarm_kind: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who may be told, and what concerns them."""

    id: str
    filter: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Around:
    """What stages may look at besides the change, read before in one snapshot."""

    subscribers: Sequence[Subscriber] = ()


class DecisionObject(TypedDict):
    """What is kept of a decision with a delivery."""

    stage: str
    passed: bool
    why: Text


@dataclass(frozen=True, slots=True)
class Decision:
    """What a stage decided: whether the change goes on, whom to (the last stage), and why, in words."""

    stage: str
    passed: bool
    why: Text
    to: tuple[str, ...] = ()

    def as_json(self) -> DecisionObject:
        return {"stage": self.stage, "passed": self.passed, "why": self.why}


@dataclass(frozen=True, slots=True)
class Way:
    """Where a change came to: ids of subscriptions, and every decision on the way."""

    to: tuple[str, ...]
    decisions: tuple[Decision, ...] = field(default=())


class Stage(Protocol):
    """A small value without state of its own."""

    def decide(self, change: Change, around: Around, now: datetime) -> Decision: ...
