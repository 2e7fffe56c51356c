"""What a sender is: it renders a delivery, carries a batch, and says what became of each message.

Registered by key (alerts/senders), named by subscriptions. One contract test runs over all
(tests/alerts/test_senders.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Delivery:
    """One change for one subscription, as a sender sees it."""

    id: int
    kind: str
    subject: str
    what: str
    topic: str | None
    payload: str | None
    attempts: int
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out. Where `topic` and `payload` mean nothing to a sender it keeps what it needs in its own type."""

    topic: str
    payload: str


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


Outcome = Sent | Later | Refused


class Sender(Protocol):
    """One connection to somewhere, kept over many batches. Used by one thread."""

    def render(self, conn: Connection, delivery: Delivery, now: datetime) -> Message | None:
        """The message as it is to be sent now; None where there is nothing to send any more. Raises for a delivery that
        it cannot render: that one is set aside and the others go on."""

    def send(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        """Carry them in their order; one outcome each. Never raises for what a receiver or a network does."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SenderKind:
    """`make` opens nothing: the first `send` does. Waits after a failure double from `first_s` to `most_s`."""

    key: str
    make: Callable[[Settings], Sender]
    first_s: float = 1.0
    most_s: float = 60.0
    at_once: int = 200
