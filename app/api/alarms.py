"""/api/alarms"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from alerts import lifecycle, present, store
from alerts.present import Alarm, read_alarms
from app.api.shapes import ExcerptDep, ShelveIn, page, parse_choices
from app.deps import Conn, Now, Who
from app.seeing import need_seen
from core import audit
from core.nouns import Page
from core.viewer import Permission
from core.vocabulary import AlarmState

router = APIRouter(prefix="/api/alarms", tags=["alarms"])


@router.get("")
def list_alarms(conn: Conn, who: Who, excerpt: ExcerptDep, state: str | None = None) -> Page[Alarm]:
    """Alarms that are not normal, newest first; with `state` (one or several, comma separated) also those that are."""
    states = parse_choices("state", state, AlarmState, lifecycle.OPEN_STATES, excerpt)
    return page(present.list_alarms(conn, states, excerpt, who.scope), excerpt.limit)


@router.get("/{alarm_id}")
def get_alarm(conn: Conn, who: Who, alarm_id: UUID) -> Alarm:
    return need_seen(who, "alarm", read_alarms(conn, [alarm_id]), alarm_id)


@router.post("/{alarm_id}/acknowledge")
def acknowledge(conn: Conn, who: Who, now: Now, alarm_id: UUID) -> Alarm:
    """A repeat is no error: the alarm is answered as it stands."""
    who.require(Permission.ALARM_ACKNOWLEDGE)
    get_alarm(conn, who, alarm_id)
    alarm = store.lock_alarm(conn, alarm_id)
    transition = lifecycle.acknowledge(alarm.view)
    if transition is not None:
        store.change_by_hand(conn, alarm, transition, who.username, None, now)
        audit.write(conn, who, "alarm.acknowledge", now, {"alarm": alarm_id})
    return read_alarms(conn, [alarm_id])[0]


@router.post("/{alarm_id}/shelve")
def shelve(conn: Conn, who: Who, now: Now, alarm_id: UUID, body: ShelveIn) -> Alarm:
    who.require(Permission.ALARM_SHELVE)
    get_alarm(conn, who, alarm_id)
    alarm = store.lock_alarm(conn, alarm_id)
    transition = lifecycle.shelve(alarm.view, body.minutes, body.reason, now)
    store.change_by_hand(conn, alarm, transition, who.username, body.reason, now)
    audit.write(conn, who, "alarm.shelve", now, {"alarm": alarm_id, "minutes": body.minutes, "reason": body.reason})
    return read_alarms(conn, [alarm_id])[0]
