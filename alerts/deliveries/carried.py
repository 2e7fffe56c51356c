"""Sending: what is due is claimed and rendered in one transaction, carried by threads that hold none, and settled in
another.

One process carries (alerts.runner holds a lock for it). Of a subscription one batch is on its way at a time, so that
its order holds; while its receiver does not answer it holds up one thread of `THREADS`, and nobody else.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from random import random

from sqlalchemy import Connection, Engine, text

from alerts.deliveries.subscribed import Subscribed, Subscription
from alerts.senders import SENDERS, Delivery, Gone, Later, Message, Outcome, Reads, Refused, Sender, SenderKind, Sent
from alerts.subscriptions.stopped import stop
from core import set_aside
from core.errors import OneMapError
from core.log import get_log
from core.outbox import ALARM
from core.settings import Settings
from core.texts import visible

log = get_log("deliveries")
THREADS = 16
# batches that are on their way or wait for a thread
AT_ONCE = 1000
# of the wait after a failure, so much is left to chance: receivers that failed together are not asked together
JITTER = 0.2
# before anything is given up, however old: what somebody lets try again begins anew
LEAST_TRIES = 5
DUE = text("SELECT DISTINCT subscription_id FROM delivery WHERE state = 'waiting' AND due_at <= :now")
# the head of each queue decides: where it waits for its time, those behind it wait too
CLAIM = text(f"""
SELECT d.* FROM unnest(CAST(:ids AS text[]), CAST(:most AS int[])) AS s(id, most) CROSS JOIN LATERAL (
  SELECT subscription_id, id, kind, subject, what, topic, payload, attempts, created_at, due_at FROM delivery d
  WHERE subscription_id = s.id AND state = 'waiting' AND {set_aside.resting("delivery", "d.id::text")}
  ORDER BY id LIMIT s.most) d ORDER BY d.subscription_id, d.id
""")
DONE = text(
    "UPDATE delivery SET state = 'sent', error = NULL, done_at = :now, attempts = attempts + 1 WHERE id = ANY(:ids)"
)
REFUSED = text(
    "UPDATE delivery SET state = 'refused', error = :why, done_at = :now, attempts = attempts + 1 WHERE id = :id"
)
POSTPONED = text("UPDATE delivery SET attempts = attempts + 1, error = :why, due_at = :due WHERE id = :id")
GIVEN_UP = text("""
UPDATE delivery SET state = 'failed', error = :why, done_at = :now, attempts = attempts + CASE WHEN id = :id THEN 1
  ELSE 0 END WHERE subscription_id = :subscription AND state = 'waiting' AND created_at <= :before
""")
Parcel = tuple[Delivery, Message]


@dataclass(frozen=True, slots=True)
class Carried:
    """A batch that came back, with what became of each message."""

    subscription: Subscription
    parcels: Sequence[Parcel]
    outcomes: Sequence[Outcome]


class Carriers:
    """The senders of one process, made when they are first needed, and the threads that use them."""

    def __init__(
        self, settings: Settings, *, threads: int = THREADS, on_back: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._made: dict[str, Sender] = {}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="carrier")
        self._back: deque[Carried] = deque()
        self._came = threading.Condition()
        self.away: set[str] = set()
        # called from a carrier's thread whenever a batch has come back
        self.on_back = on_back

    def get(self, kind: SenderKind) -> Sender:
        if kind.key not in self._made:
            self._made[kind.key] = kind.make(self._settings)
        return self._made[kind.key]

    def hand_over(self, subscription: Subscription, sender: Sender, parcels: Sequence[Parcel]) -> None:
        """Let a thread carry it; `come_back` has it when that is done."""
        self.away.add(subscription.id)
        self._pool.submit(self._carry, subscription, sender, parcels)

    def _carry(self, subscription: Subscription, sender: Sender, parcels: Sequence[Parcel]) -> None:
        try:
            outcomes = sender.send(subscription.target, [message for _, message in parcels])
        except Exception as exc:
            log.exception("sender_failed", subscription=subscription.id)
            outcomes = [Later(f"{type(exc).__name__}: {exc}")] * len(parcels)
        with self._came:
            self._back.append(Carried(subscription, parcels, outcomes))
            self._came.notify_all()
        self.on_back()

    def come_back(self, wait_s: float) -> list[Carried]:
        """What has come back by now; where nothing has, waits so long for something that is on its way."""
        with self._came:
            if not self._back and self.away:
                self._came.wait(wait_s)
            found = list(self._back)
            self._back.clear()
        return found

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for sender in self._made.values():
            with suppress(OSError):
                sender.close()


def carry(engine: Engine, carriers: Carriers, subscribed: Subscribed, now: datetime) -> int:
    """Claim what is due of whoever has nothing on its way, render it, hand it over; returns how many had nothing to
    send and are done."""
    with engine.begin() as conn:
        room = max(0, AT_ONCE - len(carriers.away))
        due = [one for one in conn.scalars(DUE, {"now": now}) if one in subscribed.by_id and one not in carriers.away]
        ids = due[:room]
        if not ids:
            return 0
        most = [SENDERS[subscribed.by_id[one].sender].at_once for one in ids]
        rows = conn.execute(CLAIM, {"ids": ids, "most": most, "now": now}).all()
        reads = Reads(conn, (row.subject for row in rows if row.kind == ALARM))
        ready: list[tuple[Subscription, Sender, list[Parcel]]] = []
        nothing: list[int] = []
        for name, own in groupby(rows, key=lambda row: row.subscription_id):
            subscription = subscribed.by_id[name]
            deliveries = []
            for r in own:
                if r.due_at > now:
                    break
                deliveries.append(
                    Delivery(r.id, r.kind, r.subject, r.what, r.topic, r.payload, r.attempts, r.created_at)
                )
            if not deliveries:
                continue
            try:
                sender = carriers.get(SENDERS[subscription.sender])
            except (OneMapError, ValueError, LookupError, OSError) as exc:
                # a setting that this one sender cannot use is nobody else's
                note_outcome(conn, subscription, deliveries[0], Later(f"{type(exc).__name__}: {exc}"), now)
                continue
            rendered = render(reads, sender, subscription, deliveries, now)
            nothing += [d.id for d, message in rendered if message is None]
            parcels = [(d, message) for d, message in rendered if message is not None]
            if parcels:
                ready.append((subscription, sender, parcels))
        if nothing:
            conn.execute(DONE, {"now": now, "ids": nothing})
    for subscription, sender, parcels in ready:
        carriers.hand_over(subscription, sender, parcels)
    return len(nothing)


def render(
    reads: Reads, sender: Sender, subscription: Subscription, deliveries: Sequence[Delivery], now: datetime
) -> list[tuple[Delivery, Message | None]]:
    """Those that could be rendered; one that could not is set aside."""

    def one(delivery: Delivery) -> tuple[Delivery, Message | None]:
        return delivery, sender.render(reads, delivery, subscription.target, now)

    writes = SENDERS[subscription.sender].writes
    if not writes:
        # nothing of it can be half done: where all goes well no savepoint is needed
        try:
            return [one(delivery) for delivery in deliveries]
        except (ValueError, LookupError, TypeError):
            log.info("rendered_singly", subscription=subscription.id)
    return set_aside.each(reads.conn, "delivery", deliveries, lambda d: str(d.id), one, now, together=writes).results


def settle(engine: Engine, carriers: Carriers, back: Sequence[Carried], now: datetime) -> int:
    """Write down what became of batches that came back; returns how many messages are done. Where that cannot be
    written they go out again: nobody's queue stands still for it."""
    if not back:
        return 0
    carriers.away.difference_update(one.subscription.id for one in back)
    done = 0
    with engine.begin() as conn:
        sent: list[int] = []
        for one in back:
            arrived, left = sort_out(one.parcels, one.outcomes)
            sent += arrived
            done += len(arrived) + sum(isinstance(outcome, Refused) for _, outcome in left)
            for delivery, outcome in left:
                note_outcome(conn, one.subscription, delivery, outcome, now)
        if sent:
            conn.execute(DONE, {"now": now, "ids": sent})
    return done


def sort_out(
    parcels: Sequence[Parcel], outcomes: Iterable[Outcome]
) -> tuple[list[int], list[tuple[Delivery, Later | Refused | Gone]]]:
    """What is sent, and what has to be noted otherwise: those refused, and the first that has to wait. Those behind it
    wait with it; whatever of them went out all the same is sent (at least once, never out of sight)."""
    sent: list[int] = []
    left: list[tuple[Delivery, Later | Refused | Gone]] = []
    waits = False
    for (delivery, _), outcome in zip(parcels, outcomes, strict=True):
        if isinstance(outcome, Sent):
            sent.append(delivery.id)
        elif isinstance(outcome, Refused):
            left.append((delivery, outcome))
        else:
            if not waits:
                left.append((delivery, outcome))
            waits = True
    return sent, left


def note_outcome(
    conn: Connection, subscription: Subscription, delivery: Delivery, outcome: Later | Refused | Gone, now: datetime
) -> None:
    kind = SENDERS[subscription.sender]
    why = visible(outcome.why)[:1000]
    log.warning("delivery_not_taken", subscription=subscription.id, id=delivery.id, error=why)
    if isinstance(outcome, Refused):
        conn.execute(REFUSED, {"id": delivery.id, "why": why, "now": now})
        return
    gone = isinstance(outcome, Gone)
    old = delivery.created_at <= now - timedelta(seconds=kind.give_up_s)
    if gone or (old and delivery.attempts + 1 >= LEAST_TRIES):
        # what waits behind it for as long is given up with it, not one time-out after the other
        before = now if gone else now - timedelta(seconds=kind.give_up_s)
        given = {"id": delivery.id, "subscription": subscription.id, "why": why, "now": now, "before": before}
        conn.execute(GIVEN_UP, given)
        if gone:
            stop(conn, subscription.id, why, now)
        return
    asked = outcome.after_s if isinstance(outcome, Later) else None
    wait_s = asked or min(kind.first_s * 2**delivery.attempts, kind.most_s) * (1 + JITTER * random())
    conn.execute(POSTPONED, {"id": delivery.id, "why": why, "due": now + timedelta(seconds=wait_s)})
