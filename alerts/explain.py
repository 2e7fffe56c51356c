"""Which way an alarm would take now, and why: every stage with its reason, whoever would be told and what they know."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.around import ALARM_FACTS, OF_THING, SIGHT_FACTS, change_to_tell, read_around
from alerts.deliveries.subscribed import read_subscriptions
from alerts.labels import line_of
from alerts.stages import STAGES
from alerts.stages.base import DecisionObject
from alerts.stages.route import find_legs
from core.clock import rfc3339
from core.errors import NotFound
from core.vocabulary import Text

_ALARM = text(f"SELECT {ALARM_FACTS}, {SIGHT_FACTS} FROM alarm a {OF_THING} WHERE a.id = :id")
SUBSCRIPTIONS = text("SELECT id, name_zh, name_en, sender FROM subscription WHERE enabled ORDER BY id")
_TOLD = text("SELECT subscription_id, level, told_at, over FROM told WHERE alarm_id = :id")


class ToldTo(TypedDict):
    """A receiver on the way: by which route, in which group, how long that waits; what they were told, and when."""

    id: str
    names: Text
    sender: str
    route: str
    group: str
    wait_s: float
    interval_s: float
    told_level: int | None
    told_at: str | None
    over: bool


class WayObject(TypedDict):
    """The way of an alarm. `told`: whether all stages let it pass; `cause` is the alarm that mutes it."""

    alarm: str
    line: str
    labels: dict[str, str]
    told: bool
    cause: str | None
    stages: list[DecisionObject]
    receivers: list[ToldTo]


def explain_way(conn: Connection, alarm_id: UUID, now: datetime) -> WayObject:
    """As if it were raised now. Stages after one that stops it say what they would have said."""
    row = conn.execute(_ALARM, {"id": alarm_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no alarm {alarm_id}")
    subscriptions = {s.id: s for s in conn.execute(SUBSCRIPTIONS)}
    around = read_around(conn, read_subscriptions(conn).subscribers, now)
    change = change_to_tell(row, "raised")
    decisions = [stage.decide(change, around, now) for stage in STAGES]
    told = {t.subscription_id: t for t in conn.execute(_TOLD, {"id": alarm_id})}
    receivers: list[ToldTo] = []
    for leg in find_legs(change, around, now):
        known = told.get(leg.to)
        receivers.append(
            {
                "id": leg.to,
                "names": {"zh": subscriptions[leg.to].name_zh, "en": subscriptions[leg.to].name_en},
                "sender": subscriptions[leg.to].sender,
                "route": leg.route,
                "group": leg.group,
                "wait_s": leg.wait_s,
                "interval_s": leg.interval_s,
                "told_level": known.level if known else None,
                "told_at": rfc3339(known.told_at) if known else None,
                "over": bool(known and known.over),
            }
        )
    return {
        "alarm": str(alarm_id),
        "line": line_of(row.kind, row.level, row.district),
        "labels": dict(change.labels),
        "told": all(one.passed for one in decisions),
        "cause": next((one.cause for one in decisions if one.cause), None),
        "stages": [one.as_json() for one in decisions],
        "receivers": receivers,
    }
