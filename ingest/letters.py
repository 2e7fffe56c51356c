"""Dead letters: what could not be read or kept, with its bytes, until somebody mends the cause."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core.db import CHANGE_CHANNEL, notify
from ingest.arrived import Arrived
from ingest.rows import Placed

BURY = text(
    "INSERT INTO dead_letter (received_at, topic, payload, properties, reason, detail, field, source_id) "
    "VALUES (:now, :topic, :payload, CAST(:properties AS jsonb), :reason, :detail, :field, :source)"
)
# how long a broker may take to send again what we had not acknowledged: our sessions last as long
AGAIN = timedelta(days=7)
KEPT = text(
    "SELECT EXISTS (SELECT 1 FROM dead_letter WHERE received_at > :since AND topic = :topic AND payload = :payload)"
)
Letter = tuple[Arrived, str, str, str | None]


def find_letters(messages: Sequence[Arrived], conflicts: Sequence[tuple[Placed, str]]) -> list[Letter]:
    """(message, reason, detail, field) of each message that is to be buried, once each."""
    letters: list[Letter] = [(m, m.reason, m.detail, m.fault) for m in messages if m.reason is not None]
    seen = {id(message) for message, *_ in letters}
    for placed, detail in conflicts:
        if id(placed.message) not in seen:
            seen.add(id(placed.message))
            letters.append((placed.message, "conflict", detail, None))
    return letters


def bury(conn: Connection, letters: Sequence[Letter], now: datetime) -> None:
    """Keep them. A message that is sent again because we had not acknowledged it may be kept already: then not twice."""
    rows = [letter_row(*letter, now) for letter in letters if not (letter[0].again and is_kept(conn, letter[0], now))]
    if rows:
        conn.execute(BURY, rows)
        notify(conn, CHANGE_CHANNEL, {"kind": "health", "reread": True})


def is_kept(conn: Connection, message: Arrived, now: datetime) -> bool:
    known = {"topic": printable(message.topic), "payload": message.payload, "since": now - AGAIN}
    return bool(conn.scalar(KEPT, known))


def letter_row(message: Arrived, reason: str, detail: str, fault: str | None, now: datetime) -> dict[str, object]:
    return {
        "now": now,
        "topic": printable(message.topic),
        "payload": message.payload,
        "properties": json.dumps({printable(k): printable(v) for k, v in message.properties.items()}),
        "reason": reason,
        "detail": printable(detail)[:2000],
        "field": None if fault is None else printable(fault)[:200],
        "source": message.source_id,
    }


def printable(value: str) -> str:
    """PostgreSQL stores neither NUL nor half of a surrogate pair in text."""
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
