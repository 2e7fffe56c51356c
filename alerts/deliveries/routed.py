"""From a change to its deliveries: one for each subscription that it concerns, or a place in its group's queue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from alerts.around import ALARM_FACTS, OF_THING, SIGHT_FACTS, change_to_tell, place_of, read_around
from alerts.deliveries.subscribed import Subscribed, read_subscriptions
from alerts.stages import Around, Change, Leg, Way, follow
from alerts.turns import SOME_WAIT, hold, is_held, take_due
from core import set_aside
from core.db import lock_key
from core.outbox import ALARM
from core.types import Params
from core.vocabulary import WAITING_ALARM, sql_list

ROUTED_AT_ONCE = 200
# an alarm is scored in the moment after it is raised; what is told of it waits for that, but never for long
SCORE_WAIT_S = 3.0
# of alarms, only where it is known by now what mutes them
CLAIM_OUTBOX = text(f"""
SELECT o.id, o.kind AS of, o.subject, o.what, o.topic, o.payload, o.created_at, {ALARM_FACTS}, {SIGHT_FACTS}
FROM outbox o LEFT JOIN alarm a ON o.kind = 'alarm' AND a.id::text = o.subject {OF_THING}
WHERE o.routed_at IS NULL AND {set_aside.resting("outbox", "o.id::text")} AND (:known OR o.kind <> 'alarm')
  AND (o.created_at < :fresh OR a.risk IS NOT NULL OR a.geom IS NULL OR a.active IS NOT TRUE)
ORDER BY o.id LIMIT :most FOR UPDATE OF o SKIP LOCKED
""")
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
TRY = text("SELECT pg_try_advisory_xact_lock(:key)")
# told again until somebody acknowledges the alarm, or this receiver has confirmed that they know
REPEAT = text(f"""
WITH due AS (
  SELECT t.subscription_id, t.alarm_id FROM told t
  JOIN subscription s ON s.id = t.subscription_id AND s.enabled AND s.repeat_s > 0
  JOIN alarm a ON a.id = t.alarm_id
  WHERE NOT t.over AND t.told_at + make_interval(secs => s.repeat_s) <= :now AND a.active AND a.muted IS NULL
    AND a.level <= COALESCE(CAST(s.filter->>'level' AS int), 4)
    AND a.state IN {sql_list(WAITING_ALARM)} AND (a.level = 1 OR t.subscription_id <> ALL(:quiet))
    AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.kind = 'alarm' AND d.subject = t.alarm_id::text
      AND d.subscription_id = t.subscription_id AND (d.seen_at IS NOT NULL OR d.state = 'waiting'))
  FOR UPDATE OF t SKIP LOCKED),
told_again AS (
  UPDATE told t SET told_at = :now FROM due
  WHERE t.alarm_id = due.alarm_id AND t.subscription_id = due.subscription_id)
INSERT INTO delivery (subscription_id, kind, subject, what, reason, created_at, due_at, state, attempts)
SELECT subscription_id, 'alarm', alarm_id::text, 'repeated', '[]', :now, :now, 'waiting', 0 FROM due
""")


def route(conn: Connection, subscribed: Subscribed, now: datetime, *, known: bool = True) -> int:
    """Route what is queued; returns how many changes were worked through."""
    # one process at a time: an end that is routed before its beginning would be told to nobody
    if not conn.scalar(TRY, {"key": lock_key("route")}):
        return 0
    given = {"now": now, "fresh": now - timedelta(seconds=SCORE_WAIT_S), "most": ROUTED_AT_ONCE, "known": known}
    rows = conn.execute(CLAIM_OUTBOX, given).all()
    if not rows:
        return 0
    around = read_around(conn, subscribed.subscribers, now)
    around.audience.look(place_of(row) for row in rows)
    router = Router(conn, around, now)
    routed = set_aside.each(
        conn,
        "outbox",
        rows,
        lambda row: str(row.id),
        lambda row: (row.id, router.deliveries_of(row)),
        now,
        afresh=router.forget,
    )
    done = [(row_id, found) for row_id, found in routed.results if found is not None]
    added = [one for _, found in done for one in found]
    write(conn, added)
    conn.execute(ROUTED, {"now": now, "ids": [row_id for row_id, _ in done]})
    return len(done)


def take_turns(conn: Connection, subscribed: Subscribed, now: datetime) -> None:
    """Deliveries for what the groups whose turn it is have to tell."""
    write(
        conn,
        [
            delivery_of(one.to, ALARM, str(one.row.alarm_id), one.what, one.way, one.created_at, now, one.row)
            for one in take_due(conn, subscribed.subscribers, now)
        ],
    )


def repeat(conn: Connection, now: datetime) -> None:
    """Deliveries for what a subscription wants to be told again; in its quiet hours of level I only."""
    subscribed = read_subscriptions(conn)
    if not any(one.repeat_s for one in subscribed.by_id.values()):
        return
    quiet = [one.id for one in subscribed.subscribers if one.quiet and one.quiet.left_s(now)]
    conn.execute(REPEAT, {"now": now, "quiet": quiet})


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
        self.forget()

    def forget(self) -> None:
        """As before the first change."""
        self._told: dict[str, dict[str, int]] = {}
        self._left: set[str] = set()
        self._some_wait = bool(self._conn.scalar(SOME_WAIT))

    def deliveries_of(self, row: Any) -> list[Params] | None:
        """The deliveries that a queued change comes to, with the reasons of every stage. None: it is muted by what is
        not written down yet, and stays queued until it is (alerts.mutes), lest nobody remembers to tell it later; what
        came of the same alarm after it stays with it."""
        if row.subject in self._left:
            return None
        told = self._told.setdefault(row.subject, dict(row.told or {})) if row.of == ALARM else {}
        change = change_to_tell(row, row.what, told) if row.alarm_id else Change(row.of, row.subject, row.what)
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
