"""The turns of groups: changes that wait for their group, told together when it is its turn.

A group is first told some seconds after its first change, so that what mutes it may come first, and then at intervals.
Of each alarm one change is told at a turn: as it stands then. What has come and gone in between is told to nobody, what
is muted by then waits until it is no longer. Inhibitions and silences are asked at the turn, not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from alerts.around import ALARM_FACTS, OF_THING, SIGHT_FACTS, change_of, change_to_tell, read_around
from alerts.stages import Leg, Way, follow
from alerts.stages.base import NEWS, Around, RouteRow, Subscriber
from alerts.stages.tree import walk
from core import outbox
from core.types import Params
from core.vocabulary import WAITING_ALARM, sql_list

HOLD = text("""
INSERT INTO held_change (route_id, group_key, subscription_id, alarm_id, what, created_at)
VALUES (:route, :group, :to, CAST(:alarm AS uuid), :what, :created)
""")
TURN = text("""
INSERT INTO group_turn (route_id, group_key, subscription_id, next_at) VALUES (:route, :group, :to, :next)
ON CONFLICT (route_id, group_key, subscription_id) DO NOTHING
""")
DUE = text("SELECT * FROM group_turn WHERE next_at <= :now ORDER BY 1, 2, 3 FOR UPDATE SKIP LOCKED")
TAKE = text("""
DELETE FROM held_change WHERE route_id = :route AND group_key = :group AND subscription_id = :to
RETURNING id, alarm_id, what, created_at
""")
NEXT = text("""
UPDATE group_turn SET next_at = :next WHERE route_id = :route AND group_key = :group AND subscription_id = :to
""")
END = text("DELETE FROM group_turn WHERE route_id = :route AND group_key = :group AND subscription_id = :to")
ALARMS = text(f"SELECT {ALARM_FACTS}, {SIGHT_FACTS} FROM alarm a {OF_THING} WHERE a.id = ANY(:ids)")
SOME_WAIT = text("SELECT EXISTS (SELECT 1 FROM group_turn)")
WAITS = text("""
SELECT EXISTS (SELECT 1 FROM held_change WHERE alarm_id = CAST(:alarm AS uuid) AND subscription_id = :to)
""")


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be told of an alarm to one subscription now, the way it came, and when it happened."""

    row: Any
    to: str
    what: str
    way: Way
    created_at: datetime


def is_held(conn: Connection, alarm: str, to: str) -> bool:
    """Whether a change of this alarm waits for its group: what comes after it must not overtake it."""
    return bool(conn.scalar(WAITS, {"alarm": alarm, "to": to}))


def hold(conn: Connection, leg: Leg, alarm: str, what: str, created: datetime, now: datetime) -> None:
    """Let a change wait for the next turn of its group."""
    group: Params = {"route": leg.route, "group": leg.group, "to": leg.to}
    conn.execute(HOLD, {**group, "alarm": alarm, "what": what, "created": created})
    conn.execute(TURN, {**group, "next": now + timedelta(seconds=leg.wait_s)})


def take_due(conn: Connection, subscribers: Sequence[Subscriber], now: datetime) -> list[Due]:
    """What the groups whose turn it is have to tell; each then has its next turn, or ends where nothing waited."""
    turns = conn.execute(DUE, {"now": now}).all()
    if not turns:
        return []
    around = read_around(conn, subscribers, now)
    intervals = {route.id: route.interval_s for route in all_routes(around.root)}
    known = {one.id: one for one in subscribers}
    due: list[Due] = []
    for turn in turns:
        group = {"route": turn.route_id, "group": turn.group_key, "to": turn.subscription_id}
        to = known.get(turn.subscription_id)
        if to and to.quiet and (quiet_s := to.quiet.left_s(now)):
            conn.execute(NEXT, {**group, "next": now + timedelta(seconds=quiet_s)})
            continue
        held = sorted(conn.execute(TAKE, group).all(), key=lambda row: row.id)
        if not held:
            conn.execute(END, group)
            continue
        last = {row.alarm_id: row for row in held}
        rows = {row.alarm_id: row for row in conn.execute(ALARMS, {"ids": list(last)})}
        due += [
            one
            for alarm, change in last.items()
            if alarm in rows and (one := told_at_turn(rows[alarm], change, turn.subscription_id, around, now))
        ]
        wait_s = max(intervals.get(turn.route_id, 0.0), to.digest_s if to else 0.0)
        conn.execute(NEXT, {**group, "next": now + timedelta(seconds=wait_s)})
    return due


def told_at_turn(row: Any, held: Any, to: str, around: Around, now: datetime) -> Due | None:
    """Pure: what this subscription is told of the alarm as it stands; None where that is nothing."""
    told: Mapping[str, int] = row.told or {}
    knows = told.get(to, 0) != 0
    if not knows and not row.active:
        return None
    if knows and row.active and held.what in NEWS and told[to] == row.level:
        return None
    what = "returned" if knows and not row.active else held.what if knows else "raised"
    way = follow(change_to_tell(row, what), around, now)
    return Due(row, to, what, way, held.created_at) if to in way.to else None


def all_routes(root: RouteRow) -> list[RouteRow]:
    return [root, *(route for child in root.children for route in all_routes(child))]


REPEATABLE = text(f"""
SELECT {ALARM_FACTS}, (SELECT max(t.told_at) FROM told t WHERE t.alarm_id = a.id AND NOT t.over) AS told_at
FROM alarm a {OF_THING} WHERE a.active AND a.muted IS NULL AND a.state IN {sql_list(WAITING_ALARM)}
  AND EXISTS (SELECT 1 FROM told t WHERE t.alarm_id = a.id AND NOT t.over)
""")
REPEATED = text("UPDATE told SET told_at = :now WHERE alarm_id = ANY(:ids) AND NOT over")


def queue_repeats(conn: Connection, root: RouteRow, now: datetime) -> int:
    """Alarms that burn, that nobody has acknowledged and that a route tells again after a time; returns how many."""
    if not any(route.repeat_s for route in all_routes(root)):
        return 0
    again = [
        row.alarm_id
        for row in conn.execute(REPEATABLE)
        if any(
            route.repeat_s and row.told_at + timedelta(seconds=route.repeat_s) <= now
            for route in walk(root, change_of(row, "repeated").labels)
        )
    ]
    if again:
        conn.execute(REPEATED, {"ids": again, "now": now})
        outbox.queue(conn, [outbox.Item(outbox.ALARM, str(one), "repeated") for one in again], now)
    return len(again)
