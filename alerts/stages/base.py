"""What all stages share: the change on its way, what is known around it, and what a stage says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from typing_extensions import TypedDict

from alerts.labels import Labels, Matchers
from alerts.stages.audience import Audience
from alerts.stages.wanted import EVERYTHING_WANTED, Filter
from core.outbox import ALARM
from core.scope import EVERYTHING, Scope
from core.vocabulary import Text

# changes of an alarm that make somebody look; all others only go on with what was told
NEWS = frozenset({"raised", "raised_again", "worsened", "unmuted", "chattering", "repeated"})
ENDS = frozenset({"returned", "settled"})
# a route that names this receiver tells every subscription that no route names
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that has changed. `kind` is what of (alarm, message), `what` the change in a word (raised, worsened
    ...); of an alarm its level now and the worst it has had, its district (six digits), kind and labels, whether its
    condition holds, whether it comes and goes, and who was told of it at which level (0: of its end too); where it is
    (lon, lat), the classification of its thing and the units that were sent to its incident."""

    kind: str
    subject: str
    what: str
    level: int | None = None
    peak_level: int | None = None
    district: str | None = None
    alarm_kind: str | None = None
    state: str | None = None
    labels: Labels = field(default_factory=dict)
    active: bool = True
    chattering: bool = False
    told: Mapping[str, int] = field(default_factory=dict)
    place: tuple[float, float] | None = None
    classification: int = 0
    units: tuple[str, ...] = ()
    # set on the way: nobody else is told
    only: frozenset[str] | None = None

    @property
    def is_news(self) -> bool:
        return self.what in NEWS

    @property
    def is_end(self) -> bool:
        return self.what in ENDS and not self.active


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the day, on the clock of `zone`, in which only level I is told; over midnight where they end before they
    begin."""

    begins: time
    ends: time
    zone: ZoneInfo

    def left_s(self, now: datetime) -> float:
        """Seconds until they end; 0 outside them."""
        here = now.astimezone(self.zone)
        clock = here.time()
        inside = (
            self.begins <= clock < self.ends if self.begins < self.ends else clock >= self.begins or clock < self.ends
        )
        if not inside:
            return 0.0
        day = here.date() + timedelta(days=1 if clock >= self.ends else 0)
        # subtracted in UTC: an hour that the clock skips or repeats counts
        return max(
            1.0, (datetime.combine(day, self.ends, self.zone).astimezone(UTC) - now.astimezone(UTC)).total_seconds()
        )


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who may be told, what concerns them, how far they see, and when they are not told; what comes within `digest_s`
    is told together."""

    id: str
    filter: Filter = EVERYTHING_WANTED
    scope: Scope = EVERYTHING
    quiet: Quiet | None = None
    digest_s: float = 0.0

    def waits_s(self, now: datetime) -> float:
        """For how long nothing but level I is told."""
        return max(self.quiet.left_s(now) if self.quiet else 0.0, self.digest_s)


@dataclass(frozen=True, slots=True)
class Burning:
    """An alarm whose condition holds: what may mute others."""

    id: str
    level: int
    names: Text
    labels: Labels


@dataclass(frozen=True, slots=True)
class InhibitionRow:
    """While `source` burns, `target` is not told of, where the labels of `equal` are the same."""

    id: str
    names: Text
    source: Matchers
    target: Matchers
    equal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """What the matchers take is not told of from `starts_at` to `ends_at`."""

    id: str
    matchers: Matchers
    starts_at: datetime
    ends_at: datetime
    why: str
    who: str


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A node of the tree. Seconds; `goes_on`: what has come here is offered to the siblings after it too."""

    id: str
    names: Text
    matchers: Matchers = ()
    group_by: tuple[str, ...] = ()
    wait_s: float = 0.0
    interval_s: float = 0.0
    repeat_s: float = 0.0
    receivers: tuple[str, ...] = (EVERYBODY,)
    goes_on: bool = False
    children: tuple[RouteRow, ...] = ()


ROOT = RouteRow("root", {"zh": "全部告警", "en": "All alarms"})


@dataclass(frozen=True, slots=True)
class Around:
    """What stages may look at besides the change, read before in one snapshot. `causes`: burning alarms that each
    inhibition takes as its source, by the values of its equal labels (alerts.stages.inhibit.find_causes)."""

    subscribers: Sequence[Subscriber] = ()
    root: RouteRow = ROOT
    inhibitions: Sequence[InhibitionRow] = ()
    causes: Mapping[str, Mapping[str, Sequence[Burning]]] = field(default_factory=dict)
    silences: Sequence[SilenceRow] = ()
    audience: Audience = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "audience", Audience.of(self.subscribers))


class DecisionObject(TypedDict):
    """What is kept of a decision with a delivery."""

    stage: str
    passed: bool
    why: Text


@dataclass(frozen=True, slots=True)
class Leg:
    """To whom on which route, in which group of it; how long the group waits before it is first told, and between."""

    to: str
    route: str
    group: str
    wait_s: float
    interval_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What a stage decided: whether the change goes on (to `only` these), whom to (the last stage), and why, in words.
    `by` is the id of the inhibition or silence that stops it, `cause` the alarm that does."""

    stage: str
    passed: bool
    why: Text
    to: tuple[str, ...] = ()
    legs: tuple[Leg, ...] = ()
    only: tuple[str, ...] | None = None
    by: str | None = None
    cause: str | None = None

    def as_json(self) -> DecisionObject:
        return {"stage": self.stage, "passed": self.passed, "why": self.why}


@dataclass(frozen=True, slots=True)
class Way:
    """Where a change came to: ids of subscriptions, the legs to them, and every decision on the way."""

    to: tuple[str, ...]
    decisions: tuple[Decision, ...] = field(default=())
    legs: tuple[Leg, ...] = ()

    @property
    def muted(self) -> Decision | None:
        """The decision by which it is inhibited or silenced; who was told before may hear of it all the same."""
        return next((one for one in self.decisions if one.by is not None), None)


class Stage(Protocol):
    """A small value without state of its own."""

    def decide(self, change: Change, around: Around, now: datetime) -> Decision: ...


def is_alarm(change: Change) -> bool:
    return change.kind == ALARM
