"""/api/alarms"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from alerts import lifecycle, present, store
from alerts.present import Alarm, read_alarms
from app.api.shapes import Level, Limit, Moment, ShelveIn, page, parse_bbox, parse_cursor
from app.deps import Conn, Now, Who
from core import audit
from core.errors import InputError, NotFound
from core.nouns import Page
from core.viewer import Role
from core.vocabulary import AlarmState

router = APIRouter(prefix="/api/alarms", tags=["alarms"])


@router.get("")
def list_alarms(
    conn: Conn,
    who: Who,
    state: str | None = None,
    level: Level = None,
    since: Moment = None,
    bbox: str | None = None,
    cursor: str | None = None,
    limit: Limit = 200,
) -> Page[Alarm]:
    """Alarms that are not normal, newest first; with `state` (one or several, comma separated) also those that are."""
    states = parse_states(state, ended=since is not None)
    box, after = parse_bbox(bbox), parse_cursor(cursor)
    found = present.list_alarms(conn, states, level=level, since=since, box=box, cursor=after, most=limit + 1)
    return page(found, limit)


def parse_states(value: str | None, *, ended: bool) -> list[str]:
    """The states asked for; by default those that are not normal, and all where somebody asks what has changed."""
    if value is None and ended:
        return list(AlarmState)
    if value is None:
        return [str(s) for s in lifecycle.OPEN_STATES]
    asked = value.split(",")
    unknown = next((s for s in asked if s not in set(AlarmState)), None)
    if unknown is not None:
        raise InputError(f"state: expected one of {', '.join(AlarmState)}; got {unknown!r}", field="state")
    return asked


@router.get("/{alarm_id}")
def get_alarm(conn: Conn, who: Who, alarm_id: UUID) -> Alarm:
    found = read_alarms(conn, [alarm_id])
    if not found:
        raise NotFound(f"there is no alarm {alarm_id}")
    return found[0]


@router.post("/{alarm_id}/acknowledge")
def acknowledge(conn: Conn, who: Who, now: Now, alarm_id: UUID) -> Alarm:
    """A repeat is no error: the alarm is answered as it stands."""
    who.require(Role.DISPATCHER)
    alarm = store.lock_alarm(conn, alarm_id)
    transition = lifecycle.acknowledge(alarm.view)
    if transition is not None:
        store.change_by_hand(conn, alarm, transition, who.username, None, now)
        audit.write(conn, who, "alarm.acknowledge", now, {"alarm": alarm_id})
    return read_alarms(conn, [alarm_id])[0]


@router.post("/{alarm_id}/shelve")
def shelve(conn: Conn, who: Who, now: Now, alarm_id: UUID, body: ShelveIn) -> Alarm:
    who.require(Role.COMMANDER)
    alarm = store.lock_alarm(conn, alarm_id)
    transition = lifecycle.shelve(alarm.view, body.minutes, body.reason, now)
    store.change_by_hand(conn, alarm, transition, who.username, body.reason, now)
    audit.write(conn, who, "alarm.shelve", now, {"alarm": alarm_id, "minutes": body.minutes, "reason": body.reason})
    return read_alarms(conn, [alarm_id])[0]
