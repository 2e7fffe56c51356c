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

from alerts.around import ALARM_FACTS, OF_THING, change_of, read_around
from alerts.mutes import sync_mutes
from alerts.senders import SENDERS, Delivery, Later, Message, Outcome, Refused, Sender, SenderKind
from alerts.stages import Around, Change, Leg, Way, follow
from alerts.stages.base import Subscriber
from alerts.turns import SOME_WAIT, hold, is_held, take_due
from core import set_aside
from core.db import lock_key
from core.log import get_log
from core.outbox import ALARM
from core.settings import Settings
from core.texts import visible
from core.types import Params

log = get_log("deliveries")
ROUTED_AT_ONCE = 200
KEEP_DAYS = 7
# an alarm is scored in the moment after it is raised; what is told of it waits for that, but never for long
SCORE_WAIT_S = 3.0
# of alarms, only where it is known by now what mutes them
CLAIM_OUTBOX = text(f"""
SELECT o.id, o.kind AS of, o.subject, o.what, o.topic, o.payload, o.created_at, {ALARM_FACTS}
FROM outbox o LEFT JOIN alarm a ON o.kind = 'alarm' AND a.id::text = o.subject {OF_THING}
WHERE o.routed_at IS NULL AND {set_aside.resting("outbox", "o.id::text")} AND (:known OR o.kind <> 'alarm')
  AND (o.created_at < :fresh OR a.risk IS NOT NULL OR a.geom IS NULL OR a.active IS NOT TRUE)
ORDER BY o.id LIMIT :most FOR UPDATE OF o SKIP LOCKED
""")
# a look that costs little, for most looks find nothing
WAITING = text("""
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE routed_at IS NULL LIMIT 1) AS o) AS unrouted,
  (SELECT count(*) FROM (SELECT 1 FROM group_turn WHERE next_at <= :now LIMIT 1) AS g) AS turns,
  (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'waiting' AND due_at <= :now LIMIT 1) AS d) AS due
""")
DUE = text("SELECT DISTINCT subscription_id FROM delivery WHERE state = 'waiting' AND due_at <= :now")
END_TO_COME = text("""
SELECT EXISTS (SELECT 1 FROM outbox WHERE kind = 'alarm' AND subject = :subject AND id > :id AND routed_at IS NULL
  AND what IN ('returned', 'settled'))
""")
ROUTED = text("UPDATE outbox SET routed_at = :now WHERE id = ANY(:ids)")
ADD = text("""
INSERT INTO delivery (subscription_id, kind, subject, what, topic, payload, reason, created_at, due_at, state, attempts)
VALUES (:subscription, :kind, :subject, :what, :topic, :payload, CAST(:reason AS jsonb), :created, :now, 'waiting', 0)
""")
TELL = text("""
INSERT INTO told (subscription_id, alarm_id, level, told_at, over)
VALUES (:subscription, :alarm, :level, :now, :over)
ON CONFLICT (alarm_id, subscription_id) DO UPDATE SET level = EXCLUDED.level, told_at = EXCLUDED.told_at,
  over = EXCLUDED.over
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


def deliver(engine: Engine, carriers: Carriers, now: datetime, *, known: bool = True) -> int:
    """Route what is queued and send what is due; returns how many rows were worked through. `known`: whether what mutes
    alarms is known by now (alerts.start); until then changes of alarms wait."""
    done = 0
    with engine.begin() as conn:
        waiting = conn.execute(WAITING, {"now": now}).one()
    if waiting.unrouted == waiting.due == waiting.turns == 0:
        return 0
    if known and (waiting.unrouted or waiting.turns):
        with engine.begin() as conn:
            sync_mutes(conn, now)
    with engine.begin() as conn:
        subscriptions = read_subscriptions(conn)
        if waiting.unrouted:
            done = route(conn, subscriptions, now, known=known)
        if known and waiting.turns:
            take_turns(conn, subscriptions, now)
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


def route(conn: Connection, subscriptions: Sequence[Subscription], now: datetime, *, known: bool = True) -> int:
    """A delivery for each change and each subscription that it concerns, or a place in its group's queue; returns how
    many changes were worked through."""
    # one process at a time: an end that is routed before its beginning would be told to nobody
    if not conn.scalar(TRY, {"key": lock_key("route")}):
        return 0
    given = {"now": now, "fresh": now - timedelta(seconds=SCORE_WAIT_S), "most": ROUTED_AT_ONCE, "known": known}
    rows = conn.execute(CLAIM_OUTBOX, given).all()
    if not rows:
        return 0
    router = Router(conn, read_around(conn, subscribers_of(subscriptions), now), now)
    routed = set_aside.each(
        conn, "outbox", rows, lambda row: str(row.id), lambda row: (row.id, router.deliveries_of(row)), now
    )
    done = [(row_id, found) for row_id, found in routed.results if found is not None]
    added = [one for _, found in done for one in found]
    write(conn, added)
    conn.execute(ROUTED, {"now": now, "ids": [row_id for row_id, _ in done]})
    return len(done)


def take_turns(conn: Connection, subscriptions: Sequence[Subscription], now: datetime) -> None:
    """Deliveries for what the groups whose turn it is have to tell."""
    write(
        conn,
        [
            delivery_of(one.to, ALARM, str(one.row.alarm_id), one.what, one.way, one.created_at, now, one.row)
            for one in take_due(conn, subscribers_of(subscriptions), now)
        ],
    )


def subscribers_of(subscriptions: Sequence[Subscription]) -> tuple[Subscriber, ...]:
    return tuple(Subscriber(s.id, s.filter) for s in subscriptions)


def write(conn: Connection, added: Sequence[Params]) -> None:
    """Add deliveries, and remember who was told of which alarm."""
    if added:
        conn.execute(ADD, added)
    told = [one for one in added if one["alarm"] is not None]
    if told:
        conn.execute(TELL, told)


class Router:
    """Follows changes to their deliveries, in their order: what one was told counts for the next."""

    def __init__(self, conn: Connection, around: Around, now: datetime) -> None:
        self._conn, self._around, self._now = conn, around, now
        self._told: dict[str, dict[str, int]] = {}
        self._left: set[str] = set()
        self._some_wait = bool(conn.scalar(SOME_WAIT))

    def deliveries_of(self, row: Any) -> list[Params] | None:
        """The deliveries that a queued change comes to, with the reasons of every stage. None: it is muted by what is
        not written down yet, and stays queued until it is (alerts.mutes), lest nobody remembers to tell it later; what
        came of the same alarm after it stays with it."""
        if row.subject in self._left:
            return None
        told = self._told.setdefault(row.subject, dict(row.told or {})) if row.of == ALARM else {}
        change = change_of(row, row.what, told) if row.alarm_id else Change(row.of, row.subject, row.what)
        way = follow(change, self._around, self._now)
        if way.muted is not None and change.is_news and change.active and row.muted is None:
            self._left.add(row.subject)
            return None
        if row.alarm_id and change.is_news and not change.active and not self._is_end_to_come(row):
            return []
        found = []
        for leg in way.legs:
            if row.alarm_id and self._must_wait(leg, row.subject, change.is_news):
                hold(self._conn, leg, row.subject, row.what, row.created_at, self._now)
                continue
            found.append(delivery_of(leg.to, row.of, row.subject, row.what, way, row.created_at, self._now, row))
            if row.alarm_id:
                told[leg.to] = row.level if row.active else 0
        return found

    def _is_end_to_come(self, row: Any) -> bool:
        """Whether the end of what is over by now is still queued: where that has gone by, its beginning is told to
        nobody."""
        return bool(self._conn.scalar(END_TO_COME, {"id": row.id, "subject": row.subject}))

    def _must_wait(self, leg: Leg, alarm: str, is_news: bool) -> bool:
        """Whether a change waits for its group: where the route has turns, or what came before it still waits."""
        if leg.wait_s or leg.interval_s:
            self._some_wait = True
            return True
        return self._some_wait and not is_news and is_held(self._conn, alarm, leg.to)


def delivery_of(
    to: str, kind: str, subject: str, what: str, way: Way, created: datetime, now: datetime, row: Any
) -> Params:
    """One delivery; `row` has the level of an alarm and whether it burns, and topic and payload of a message."""
    return {
        "subscription": to,
        "kind": kind,
        "subject": subject,
        "what": what,
        "topic": getattr(row, "topic", None),
        "payload": getattr(row, "payload", None),
        "reason": json.dumps([decision.as_json() for decision in way.decisions], ensure_ascii=False),
        "created": created,
        "now": now,
        "alarm": row.alarm_id,
        "level": row.level,
        "over": not row.active,
    }


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
    conn.execute(text("DELETE FROM told WHERE over AND told_at < :before"), before)
    conn.execute(text("DELETE FROM delivery WHERE done_at < :before AND state <> 'refused'"), before)
