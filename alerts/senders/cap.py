"""Issues an alarm as CAP: into the feed, where it is from the commit on, whether any broker answers or not, and on its
way to MQTT."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from alerts.feeds.cap_alert import issue, read_issuer
from alerts.senders.base import Delivery, Message, Outcome, Reads, SenderKind, Sent, Target
from core.outbox import queue_message
from core.settings import Settings


class CapSender:
    """`render` does it all, in the caller's transaction; what it queues goes out as a message like any other."""

    def __init__(self, sender: str, status: str) -> None:
        self._sender, self._status = sender, status

    def render(self, reads: Reads, delivery: Delivery, to: Target, now: datetime) -> Message | None:
        conn = reads.conn
        issuer = reads.once("issuer", lambda: read_issuer(conn, self._sender, self._status))
        issued = issue(conn, UUID(delivery.subject), issuer, now)
        if issued is not None:
            queue_message(conn, issued.identifier, "issued", f"alert/{issued.district}/{issued.level}", issued.xml, now)
        return None

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        return [Sent()] * len(messages)

    def close(self) -> None:
        """There is nothing open."""


def make_cap(settings: Settings) -> CapSender:
    return CapSender(settings.cap_sender, settings.cap_status)


CAP = SenderKind("cap", make_cap, ours=True, writes=True)
