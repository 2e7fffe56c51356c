"""What a sender is: it renders a delivery, carries a batch to one receiver, and says what became of each message.

Registered by key (alerts/senders), named by subscriptions. One contract test runs over all
(tests/alerts/test_senders.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import ConfigDict
from sqlalchemy import Connection, text

from alerts.present import Alarm, read_alarms
from core.given import Given
from core.installation import read_installation
from core.scope import EVERYTHING, Scope
from core.settings import Settings
from core.vocabulary import Text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One change for one subscription, as a sender sees it. `kind`: alarm, message, test."""

    id: int
    kind: str
    subject: str
    what: str
    topic: str | None
    payload: str | None
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """The receiver of a subscription: by which options and secrets of its sender it is reached, in which language, and
    how far its owner sees. `together`: what waits for it is told in one message where the sender can."""

    id: str
    options: Mapping[str, object] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    lang: str = "zh"
    scope: Scope = EVERYTHING
    together: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out. `id` is the same in every attempt. A sender that has no topic keeps its title there."""

    topic: str
    payload: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """It arrived, as far as this channel can know."""


@dataclass(frozen=True, slots=True)
class Later:
    """It did not go out now, and may later: `why` is shown; `after_s` is the receiver's own wish, if it has one."""

    why: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never go out: the receiver does not take it. Shown to a person, not tried again."""

    why: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The receiver is there no more and says so: the subscription is stopped, and why is shown."""

    why: str


Outcome = Sent | Later | Refused | Gone


class Options(Given):
    """How a receiver is reached. Fields marked `json_schema_extra={"secret": True}` are kept apart and never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def secret_names(cls) -> frozenset[str]:
        return frozenset(
            name
            for name, one in cls.model_fields.items()
            if isinstance(one.json_schema_extra, dict) and one.json_schema_extra.get("secret")
        )


class Reads:
    """What senders read to render by, once for all deliveries of a turn."""

    def __init__(self, conn: Connection, subjects: Iterable[str] = ()) -> None:
        self.conn = conn
        self._expected = [one for one in dict.fromkeys(subjects) if is_uuid(one)]
        self._alarms: dict[str, Alarm] = {}
        self._read: dict[str, Any] = {}

    def once(self, name: str, read: Callable[[], T]) -> T:
        """What `read` gives, read when it is first asked for."""
        if name not in self._read:
            self._read[name] = read()
        found: T = self._read[name]
        return found

    def alarm(self, subject: str) -> Alarm | None:
        """As it stands now. ValueError for what is no id."""
        if subject not in self._alarms:
            wanted = {UUID(subject), *map(UUID, self._expected)}
            self._expected = []
            self._alarms |= {one["id"]: one for one in read_alarms(self.conn, list(wanted))}
        return self._alarms.get(subject)

    @cached_property
    def city(self) -> City:
        return read_city(self.conn)

    @cached_property
    def home(self) -> str:
        """The public id of this installation."""
        return read_installation(self.conn).public_id


def is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class City:
    """Where it is said: the name of the city and its zone; in a simulated one every message says so."""

    names: Text
    zone: ZoneInfo
    simulated: bool


def read_city(conn: Connection) -> City:
    row = conn.execute(text("SELECT name_zh, name_en, timezone, simulated FROM city")).one_or_none()
    if row is None:
        return City({"zh": "", "en": ""}, ZoneInfo("UTC"), False)
    return City({"zh": row.name_zh, "en": row.name_en}, ZoneInfo(row.timezone), row.simulated)


class Sender(Protocol):
    """Carries for all subscriptions of its kind: many threads send at once, never two to one receiver."""

    def render(self, reads: Reads, delivery: Delivery, to: Target, now: datetime) -> Message | None:
        """The message as it is to be sent now; None where there is nothing to send any more. Raises for a delivery that
        it cannot render: that one is set aside and the others go on."""

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        """Carry them in their order; one outcome each. Never raises for what a receiver or a network does."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SenderKind:
    """`make` opens nothing: the first `send` does. Waits after a failure double from `first_s` to `most_s`; what could
    not be told for `give_up_s` is given up. `ours`: of the city's own broker and feeds, nobody subscribes to it by
    hand. `writes`: what it renders is written down too."""

    key: str
    make: Callable[[Settings], Sender]
    options: type[Options] = Options
    ours: bool = False
    writes: bool = False
    first_s: float = 1.0
    most_s: float = 60.0
    give_up_s: float = 86_400.0
    at_once: int = 200
