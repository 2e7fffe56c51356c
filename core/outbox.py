"""The one way to queue something that is to be told to the outside: a row in the caller's transaction, carried by the
alerts runner.

What is queued is a change of something (`alarm`) or a message ready to go (`message`: a topic below our prefix and its
body). Whom it concerns is decided when it is routed (alerts/stages), each of them gets a delivery of their own
(alerts/deliveries).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core.db import OUTBOX_CHANNEL, notify

ALARM, MESSAGE = "alarm", "message"
_QUEUE = text("""
INSERT INTO outbox (created_at, kind, subject, what, topic, payload)
  VALUES (:now, :kind, :subject, :what, :topic, :payload)
""")


@dataclass(frozen=True, slots=True)
class Item:
    """`subject` is the id of what has changed and `what` the change; a message has a topic and a payload."""

    kind: str
    subject: str
    what: str
    topic: str | None = None
    payload: str | None = None


def queue(conn: Connection, items: Iterable[Item], now: datetime) -> None:
    """Queue them in their order; they leave soon after the caller's commit."""
    rows = [
        {"now": now, "kind": i.kind, "subject": i.subject, "what": i.what, "topic": i.topic, "payload": i.payload}
        for i in items
    ]
    if rows:
        conn.execute(_QUEUE, rows)
        notify(conn, OUTBOX_CHANNEL, {})


def queue_message(conn: Connection, subject: str, what: str, topic: str, payload: str, now: datetime) -> None:
    """Queue one message for the broker."""
    queue(conn, [Item(MESSAGE, subject, what, topic, payload)], now)
