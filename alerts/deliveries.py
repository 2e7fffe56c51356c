"""The outbox: each row is delivered at least once, retried with backoff, and stays visible with its error until it is out.

Rows of sender `alarm` and `cap` name an alarm and are rendered when they are due; `mqtt` rows carry their message.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from alerts.feeds.cap_alert import issue, read_issuer
from alerts.present import read_alarms
from alerts.senders.mqtt import Message, MqttSender
from core import set_aside
from core.errors import Unavailable
from core.log import get_log

log = get_log("deliveries")
AT_ONCE = 200
RETRY_FIRST_S, RETRY_MOST_S = 1.0, 60.0
KEEP_DAYS = 7
# an alarm is scored in the moment after it is raised; what is told of it waits for that, but never for long
SCORE_WAIT_S = 3.0
_UNSCORED = (
    "CASE WHEN sender = 'mqtt' OR created_at < :fresh THEN false ELSE EXISTS (SELECT 1 FROM alarm a WHERE a.id = "
    "CAST(payload AS uuid) AND a.risk IS NULL AND a.geom IS NOT NULL AND a.active) END"
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """How we are called: topic prefix, CAP sender and status."""

    prefix: str
    cap_sender: str
    cap_status: str


def deliver(engine: Engine, sender: MqttSender, speaker: Speaker, now: datetime) -> int:
    """Issue and send what is due; returns how many rows were claimed. A broker that is away delays rows, it loses none."""
    return issue_alerts(engine, speaker, now) + send_messages(engine, sender, speaker, now)


def claim(conn: Connection, senders: tuple[str, ...], now: datetime) -> Sequence[Any]:
    """Rows of these senders that are due, locked until the caller's transaction ends."""
    return conn.execute(
        text(
            "SELECT id, sender, topic, payload, attempts FROM outbox WHERE sent_at IS NULL AND due_at <= :now AND sender = ANY(:senders) "
            f"AND NOT ({_UNSCORED}) AND {set_aside.resting('outbox', 'outbox.id::text')} ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED"
        ),
        {"now": now, "most": AT_ONCE, "senders": list(senders), "fresh": now - timedelta(seconds=SCORE_WAIT_S)},
    ).all()


def mark_sent(conn: Connection, rows: Sequence[Any], now: datetime) -> None:
    conn.execute(
        text("UPDATE outbox SET sent_at = :now, error = NULL WHERE id = ANY(:ids)"),
        {"now": now, "ids": [r.id for r in rows]},
    )


def issue_alerts(engine: Engine, speaker: Speaker, now: datetime) -> int:
    """Write the CAP messages that are due: they are in the feed from now on, whether the broker answers or not."""
    with engine.begin() as conn:
        rows = claim(conn, ("cap",), now)
        if not rows:
            return 0
        issuer = read_issuer(conn, speaker.cap_sender, speaker.cap_status)

        def tell(row: Any) -> Any:
            issued = issue(conn, UUID(row.payload), issuer, now)
            if issued is not None:
                put(conn, f"alert/{issued.district}/{issued.level}", issued.xml, now)
            return row

        done = set_aside.each(conn, "outbox", rows, lambda row: str(row.id), tell, now)
        mark_sent(conn, done.results, now)
    return len(rows)


def put(conn: Connection, topic: str, payload: str, now: datetime) -> None:
    """Queue one MQTT message; `topic` is below our prefix."""
    conn.execute(
        text(
            "INSERT INTO outbox (created_at, sender, topic, payload, due_at, attempts) VALUES (:now, 'mqtt', :topic, :payload, :now, 0)"
        ),
        {"now": now, "topic": topic, "payload": payload},
    )


def send_messages(engine: Engine, sender: MqttSender, speaker: Speaker, now: datetime) -> int:
    with engine.begin() as conn:
        rows = claim(conn, ("mqtt", "alarm"), now)
        if not rows:
            return 0
        rendered = set_aside.each(
            conn, "outbox", rows, lambda row: str(row.id), lambda row: (row, render(conn, row, speaker)), now
        )
        try:
            sender.send([message for _, messages in rendered.results for message in messages])
        except Unavailable as exc:
            conn.rollback()
            _postpone(engine, rows, str(exc), now)
            return 0
        mark_sent(conn, [row for row, _ in rendered.results], now)
    return len(rows)


def render(conn: Connection, row: Any, speaker: Speaker) -> list[Message]:
    """The messages a row stands for."""
    if row.sender == "mqtt":
        return [Message(f"{speaker.prefix}/{row.topic}", row.payload)]
    return [
        Message(f"{speaker.prefix}/alarm/{alarm['district']}/{alarm['level']}", json.dumps(alarm, ensure_ascii=False))
        for alarm in read_alarms(conn, [UUID(row.payload)])
    ]


def _postpone(engine: Engine, rows: Any, error: str, now: datetime) -> None:
    log.warning("delivery_postponed", rows=len(rows), error=error)
    with engine.begin() as conn:
        for row in rows:
            wait_s = min(RETRY_FIRST_S * 2**row.attempts, RETRY_MOST_S)
            conn.execute(
                text("UPDATE outbox SET attempts = attempts + 1, error = :error, due_at = :due WHERE id = :id"),
                {"id": row.id, "error": error, "due": now + timedelta(seconds=wait_s)},
            )


def forget_sent(conn: Connection, now: datetime) -> None:
    conn.execute(text("DELETE FROM outbox WHERE sent_at < :before"), {"before": now - timedelta(days=KEEP_DAYS)})
