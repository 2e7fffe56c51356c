"""From the outbox to whoever is told: changes are routed to subscriptions, one delivery each, and carried by their
senders.

A delivery goes out at least once, in order within its subscription, and waits alone: while one waits for its receiver
those behind it wait with it, those of other subscriptions do not. One that cannot be rendered is set aside and holds up
nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Engine, text

from alerts.senders import SENDERS, Delivery, Later, Message, Outcome, Refused, Sender, SenderKind
from alerts.stages import Around, Change, follow
from alerts.stages.base import Subscriber
from core import set_aside
from core.db import lock_key
from core.log import get_log
from core.settings import Settings
from core.texts import visible
from core.types import Params

log = get_log("deliveries")
ROUTED_AT_ONCE = 200
KEEP_DAYS = 7
# an alarm is scored in the moment after it is raised; what is told of it waits for that, but never for long
SCORE_WAIT_S = 3.0
CLAIM_OUTBOX = text(f"""
SELECT o.id, o.kind, o.subject, o.what, o.topic, o.payload, o.created_at, a.level, a.peak_level, a.district,
  a.kind AS alarm_kind, a.state
FROM outbox o LEFT JOIN alarm a ON o.kind = 'alarm' AND a.id::text = o.subject
WHERE o.routed_at IS NULL AND {set_aside.resting("outbox", "o.id::text")}
  AND (o.created_at < :fresh OR a.risk IS NOT NULL OR a.geom IS NULL OR a.active IS NOT TRUE)
ORDER BY o.id LIMIT :most FOR UPDATE OF o SKIP LOCKED
""")
# a look that costs little, for most looks find nothing
WAITING = text("""
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE routed_at IS NULL LIMIT 1) AS o) AS unrouted,
  (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'waiting' AND due_at <= :now LIMIT 1) AS d) AS due
""")
DUE = text("SELECT DISTINCT subscription_id FROM delivery WHERE state = 'waiting' AND due_at <= :now")
ROUTED = text("UPDATE outbox SET routed_at = :now WHERE id = ANY(:ids)")
ADD = text("""
INSERT INTO delivery (subscription_id, kind, subject, what, topic, payload, reason, created_at, due_at, state, attempts)
VALUES (:subscription, :kind, :subject, :what, :topic, :payload, CAST(:reason AS jsonb), :created, :now, 'waiting', 0)
""")
# the head of the queue decides: where it waits for its time, those behind it wait too
CLAIM = text(f"""
SELECT id, kind, subject, what, topic, payload, attempts, due_at FROM delivery d
WHERE subscription_id = :subscription AND state = 'waiting' AND {set_aside.resting("delivery", "d.id::text")}
ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
""")
TRY = text("SELECT pg_try_advisory_xact_lock(:key)")
DONE = text(
    "UPDATE delivery SET state = 'sent', error = NULL, done_at = :now, attempts = attempts + 1 WHERE id = ANY(:ids)"
)
REFUSED = text(
    "UPDATE delivery SET state = 'refused', error = :why, done_at = :now, attempts = attempts + 1 WHERE id = :id"
)
POSTPONED = text("UPDATE delivery SET attempts = attempts + 1, error = :why, due_at = :due WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who is told, by which sender."""

    id: str
    sender: str
    filter: Mapping[str, object]
    options: Mapping[str, object]


class Carriers:
    """The senders of one process, made when they are first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Sender] = {}

    def get(self, kind: SenderKind) -> Sender:
        if kind.key not in self._made:
            self._made[kind.key] = kind.make(self._settings)
        return self._made[kind.key]

    def close(self) -> None:
        for sender in self._made.values():
            sender.close()


def deliver(engine: Engine, carriers: Carriers, now: datetime) -> int:
    """Route what is queued and send what is due; returns how many rows were worked through."""
    done = 0
    with engine.begin() as conn:
        waiting = conn.execute(WAITING, {"now": now}).one()
        if waiting.unrouted == waiting.due == 0:
            return 0
        subscriptions = read_subscriptions(conn)
        if waiting.unrouted:
            done = route(conn, subscriptions, now)
        due = set(conn.scalars(DUE, {"now": now}))
    for subscription in subscriptions:
        if subscription.id in due:
            done += send_due(engine, carriers, subscription, now)
    return done


def read_subscriptions(conn: Connection) -> list[Subscription]:
    """Those that are on and whose sender is there; another is told in the log and holds up nobody."""
    rows = conn.execute(text("SELECT id, sender, filter, options FROM subscription WHERE enabled ORDER BY id")).all()
    for row in rows:
        if row.sender not in SENDERS:
            log.error("sender_unknown", subscription=row.id, sender=row.sender)
    return [Subscription(r.id, r.sender, r.filter, r.options) for r in rows if r.sender in SENDERS]


# --- routing ----------------------------------------------------------------------------------------------------------


def route(conn: Connection, subscriptions: Sequence[Subscription], now: datetime) -> int:
    """A delivery for each change and each subscription that it concerns; returns how many changes were looked at."""
    given = {"now": now, "fresh": now - timedelta(seconds=SCORE_WAIT_S), "most": ROUTED_AT_ONCE}
    rows = conn.execute(CLAIM_OUTBOX, given).all()
    if not rows:
        return 0
    around = Around(tuple(Subscriber(s.id, s.filter) for s in subscriptions))
    routed = set_aside.each(
        conn, "outbox", rows, lambda row: str(row.id), lambda row: (row.id, deliveries_of(row, around, now)), now
    )
    added = [one for _, found in routed.results for one in found]
    if added:
        conn.execute(ADD, added)
    conn.execute(ROUTED, {"now": now, "ids": [row_id for row_id, _ in routed.results]})
    return len(routed.results)


def deliveries_of(row: Any, around: Around, now: datetime) -> list[Params]:
    """Pure: the deliveries that a queued change comes to, with the reasons of every stage."""
    change = Change(row.kind, row.subject, row.what, row.level, row.peak_level, row.district, row.alarm_kind, row.state)
    way = follow(change, around, now)
    reason = json.dumps([decision.as_json() for decision in way.decisions], ensure_ascii=False)
    return [
        {
            "subscription": to,
            "kind": row.kind,
            "subject": row.subject,
            "what": row.what,
            "topic": row.topic,
            "payload": row.payload,
            "reason": reason,
            "created": row.created_at,
            "now": now,
        }
        for to in way.to
    ]


# --- sending ----------------------------------------------------------------------------------------------------------


def send_due(engine: Engine, carriers: Carriers, subscription: Subscription, now: datetime) -> int:
    """Send what is due of one subscription, in order; returns how many are done."""
    kind = SENDERS[subscription.sender]
    sender = carriers.get(kind)
    with engine.begin() as conn:
        # one process at a time carries for a subscription: two would overtake each other
        if not conn.scalar(TRY, {"key": lock_key(f"deliver {subscription.id}")}):
            return 0
        claimed = conn.execute(CLAIM, {"subscription": subscription.id, "most": kind.at_once, "now": now})
        rows = list(takewhile(lambda row: row.due_at <= now, claimed))
        if not rows:
            return 0
        deliveries = [
            Delivery(r.id, r.kind, r.subject, r.what, r.topic, r.payload, r.attempts, subscription.options)
            for r in rows
        ]
        rendered = set_aside.each(
            conn, "delivery", deliveries, lambda d: str(d.id), lambda d: (d, sender.render(conn, d, now)), now
        ).results
        nothing = [d.id for d, message in rendered if message is None]
        outgoing = [(d, message) for d, message in rendered if message is not None]
        outcomes = sender.send([message for _, message in outgoing]) if outgoing else []
        sent, left = settle(outgoing, outcomes)
        conn.execute(DONE, {"now": now, "ids": [*nothing, *sent]})
        for delivery, outcome in left:
            note_outcome(conn, kind, delivery, outcome, now)
    if left:
        log.warning("delivery_postponed", subscription=subscription.id, first=left[0][0].id, error=left[0][1].why)
    return len(nothing) + len(sent) + sum(isinstance(outcome, Refused) for _, outcome in left)


def settle(
    outgoing: Sequence[tuple[Delivery, Message]], outcomes: Iterable[Outcome]
) -> tuple[list[int], list[tuple[Delivery, Later | Refused]]]:
    """What is sent, and what has to be noted otherwise: those refused, and the first that has to wait. Those behind it
    wait with it; whatever of them went out all the same is sent (at least once, never out of sight)."""
    sent: list[int] = []
    left: list[tuple[Delivery, Later | Refused]] = []
    waits = False
    for (delivery, _), outcome in zip(outgoing, outcomes, strict=True):
        if isinstance(outcome, Refused):
            left.append((delivery, outcome))
        elif isinstance(outcome, Later):
            if not waits:
                left.append((delivery, outcome))
            waits = True
        else:
            sent.append(delivery.id)
    return sent, left


def note_outcome(
    conn: Connection, kind: SenderKind, delivery: Delivery, outcome: Later | Refused, now: datetime
) -> None:
    why = visible(outcome.why)[:1000]
    if isinstance(outcome, Refused):
        conn.execute(REFUSED, {"id": delivery.id, "why": why, "now": now})
        return
    wait_s = outcome.after_s or min(kind.first_s * 2**delivery.attempts, kind.most_s)
    conn.execute(POSTPONED, {"id": delivery.id, "why": why, "due": now + timedelta(seconds=wait_s)})


def count_waiting(conn: Connection) -> int:
    """How many changes and deliveries have not gone out yet."""
    return int(
        conn.scalar(
            text(
                """
SELECT (SELECT count(*) FROM outbox WHERE routed_at IS NULL) + (SELECT count(*) FROM delivery WHERE state = 'waiting')
"""
            )
        )
        or 0
    )


def forget_done(conn: Connection, now: datetime) -> None:
    """Drop what was routed and done long ago."""
    before = {"before": now - timedelta(days=KEEP_DAYS)}
    conn.execute(text("DELETE FROM outbox WHERE routed_at < :before"), before)
    conn.execute(text("DELETE FROM delivery WHERE done_at < :before AND state <> 'refused'"), before)
