"""One turn of the deliveries: route what is queued, carry what is due, settle what has come back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from alerts.deliveries.carried import Carriers, carry, settle
from alerts.deliveries.routed import route, take_turns
from alerts.deliveries.subscribed import read_subscriptions
from alerts.mutes import sync_mutes

# a look that costs little, for most looks find nothing
WAITING = text("""
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE routed_at IS NULL LIMIT 1) AS o) AS unrouted,
  (SELECT count(*) FROM (SELECT 1 FROM group_turn WHERE next_at <= :now LIMIT 1) AS g) AS turns,
  (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'waiting' AND due_at <= :now LIMIT 1) AS d) AS due
""")
# until everything that was handed over has come back
PATIENCE_S = 60.0


def _free(_: Connection) -> None:
    """Nobody else carries."""


def deliver(
    engine: Engine,
    carriers: Carriers,
    now: datetime,
    *,
    known: bool = True,
    patience_s: float = PATIENCE_S,
    guard: Callable[[Connection], None] = _free,
) -> int:
    """Route what is queued and send what is due; returns how many rows were worked through. `known`: whether what mutes
    alarms is known by now (alerts.start); until then changes of alarms wait. What is on its way is waited for
    `patience_s` at most, and settled by a later turn otherwise. `guard` raises where another process carries."""
    done = settle(engine, carriers, carriers.come_back(0.0), now)
    with engine.begin() as conn:
        guard(conn)
        waiting = conn.execute(WAITING, {"now": now}).one()
    if waiting.unrouted == waiting.due == waiting.turns == 0 and not carriers.away:
        return done
    if known and (waiting.unrouted or waiting.turns):
        with engine.begin() as conn:
            sync_mutes(conn, now)
    with engine.begin() as conn:
        subscribed = read_subscriptions(conn)
        if waiting.unrouted:
            done += route(conn, subscribed, now, known=known)
        if known and waiting.turns:
            take_turns(conn, subscribed, now)
    done += carry(engine, carriers, subscribed, now)
    until = time.monotonic() + patience_s
    while carriers.away and (left := until - time.monotonic()) > 0:
        done += settle(engine, carriers, carriers.come_back(left), now)
    return done
