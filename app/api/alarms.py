"""/api/alarms"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import Connection
from typing_extensions import TypedDict

from alerts import lifecycle, present, store
from alerts.present import Alarm, read_alarms
from app.api.shapes import (
    AcknowledgeIn,
    AlarmsIn,
    CommentIn,
    ExcerptDep,
    OwnerIn,
    ReasonIn,
    ShelveIn,
    UsefulIn,
    page,
    parse_choices,
)
from app.deps import Conn, Now, Who
from app.seeing import as_seen, need_seen
from core import audit
from core.nouns import Page
from core.viewer import Permission, Viewer
from core.vocabulary import AlarmState

router = APIRouter(prefix="/api/alarms", tags=["alarms"])


@router.get("")
def list_alarms(conn: Conn, who: Who, excerpt: ExcerptDep, state: str | None = None) -> Page[Alarm]:
    """Alarms that are not normal, the highest risk first, or in another `order`; with `state` (one or several, comma
    separated) also those that are."""
    states = parse_choices("state", state, AlarmState, lifecycle.OPEN_STATES, excerpt)
    found = present.list_alarms(conn, states, excerpt, who.scope)
    return page([as_seen(who, "alarm", one) for one in found], excerpt.limit, excerpt.cursor_after)


class Acknowledged(TypedDict):
    """The alarms that were acknowledged by one act."""

    ids: list[str]


@router.post("/acknowledge-returned")
def acknowledge_returned(conn: Conn, who: Who, now: Now) -> Acknowledged:
    """All that are back to normal and wait only to be acknowledged, as far as this person sees; a thousand at once."""
    who.require(Permission.ALARM_ACKNOWLEDGE)
    ids = store.acknowledge_returned(conn, who.scope, who.username, now)
    if ids:
        audit.write(conn, who, "alarm.acknowledge_returned", now, {"alarms": ids})
    return {"ids": [str(one) for one in ids]}


@router.post("/acknowledge")
def acknowledge_several(conn: Conn, who: Who, now: Now, body: AlarmsIn) -> Acknowledged:
    """These alarms and no others: of those that wait and that this person sees. Answers which were acknowledged."""
    who.require(Permission.ALARM_ACKNOWLEDGE)
    ids = store.acknowledge_several(conn, body.ids, who.scope, who.username, now)
    if ids:
        audit.write(conn, who, "alarm.acknowledge_several", now, {"alarms": ids})
    return {"ids": [str(one) for one in ids]}


class Unacknowledged(TypedDict):
    """The alarms that wait again."""

    ids: list[str]


@router.post("/unacknowledge")
def unacknowledge_several(conn: Conn, who: Who, now: Now, body: AlarmsIn) -> Unacknowledged:
    """Whoever has acknowledged these takes that back, within ten seconds: of those of which they still can. 409 where
    that is none."""
    who.require(Permission.ALARM_ACKNOWLEDGE)
    ids = store.unacknowledge_several(conn, body.ids, who.scope, who.username, now)
    if ids:
        audit.write(conn, who, "alarm.unacknowledge", now, {"alarms": ids})
    return {"ids": [str(one) for one in ids]}


@router.get("/{alarm_id}")
def get_alarm(conn: Conn, who: Who, alarm_id: UUID) -> Alarm:
    return need_seen(who, "alarm", read_alarms(conn, [alarm_id]), alarm_id)


@router.post("/{alarm_id}/acknowledge")
def acknowledge(conn: Conn, who: Who, now: Now, alarm_id: UUID, body: AcknowledgeIn | None = None) -> Alarm:
    """A repeat is no error: the alarm is answered as it stands. `until_clear`: it does not ring again before it is
    over, unless it gets worse."""
    who.require(Permission.ALARM_ACKNOWLEDGE)
    get_alarm(conn, who, alarm_id)
    alarm = store.lock_alarm(conn, alarm_id)
    transition = lifecycle.acknowledge(alarm.view, until_clear=bool(body and body.until_clear))
    if transition is not None:
        store.change_by_hand(conn, alarm, transition, who.username, None, now)
        audit.write(conn, who, "alarm.acknowledge", now, {"alarm": alarm_id})
    return as_seen(who, "alarm", read_alarms(conn, [alarm_id])[0])


@router.post("/{alarm_id}/unacknowledge")
def unacknowledge(conn: Conn, who: Who, now: Now, alarm_id: UUID) -> Alarm:
    """Whoever has acknowledged it takes that back, within ten seconds; 409 for others and later."""
    who.require(Permission.ALARM_ACKNOWLEDGE)
    get_alarm(conn, who, alarm_id)
    if store.unacknowledge(conn, store.lock_alarm(conn, alarm_id), who.username, now):
        audit.write(conn, who, "alarm.unacknowledge", now, {"alarm": alarm_id})
    return as_seen(who, "alarm", read_alarms(conn, [alarm_id])[0])


@router.post("/{alarm_id}/reset")
def reset(conn: Conn, who: Who, now: Now, alarm_id: UUID) -> Alarm:
    """End a latched alarm that was acknowledged; 409 for others."""
    return _by_hand(conn, who, now, alarm_id, Permission.ALARM_ACKNOWLEDGE, "reset", lifecycle.reset)


@router.post("/{alarm_id}/out-of-service")
def take_out(conn: Conn, who: Who, now: Now, alarm_id: UUID, body: ReasonIn) -> Alarm:
    """It rings no more until it is put back: the device is in repair."""
    act = partial(lifecycle.take_out, reason=body.reason)
    return _by_hand(conn, who, now, alarm_id, Permission.ALARM_SHELVE, "take_out", act, body.reason)


@router.post("/{alarm_id}/in-service")
def put_back(conn: Conn, who: Who, now: Now, alarm_id: UUID) -> Alarm:
    return _by_hand(conn, who, now, alarm_id, Permission.ALARM_SHELVE, "put_back", lifecycle.put_back)


def _hold(conn: Connection, who: Viewer, alarm_id: UUID) -> Alarm:
    """As it stands, and nobody else changes it meanwhile; NotFound where who asks does not see it."""
    store.lock_alarm(conn, alarm_id)
    return get_alarm(conn, who, alarm_id)


def _by_hand(
    conn: Connection,
    who: Viewer,
    now: datetime,
    alarm_id: UUID,
    permission: Permission,
    what: str,
    act: Callable[[lifecycle.AlarmView], lifecycle.Transition],
    reason: str | None = None,
) -> Alarm:
    who.require(permission)
    get_alarm(conn, who, alarm_id)
    alarm = store.lock_alarm(conn, alarm_id)
    store.change_by_hand(conn, alarm, act(alarm.view), who.username, reason, now)
    audit.write(conn, who, f"alarm.{what}", now, {"alarm": alarm_id, **({"reason": reason} if reason else {})})
    return as_seen(who, "alarm", read_alarms(conn, [alarm_id])[0])


@router.post("/{alarm_id}/comments")
def comment(conn: Conn, who: Who, now: Now, alarm_id: UUID, body: CommentIn) -> Alarm:
    """Something that the next one should know; it stands in the log of the alarm."""
    who.require(Permission.ALARM_ACKNOWLEDGE)
    _hold(conn, who, alarm_id)
    store.note(conn, alarm_id, "commented", body.text, who.username, now)
    return as_seen(who, "alarm", read_alarms(conn, [alarm_id])[0])


@router.post("/{alarm_id}/owner")
def own(conn: Conn, who: Who, now: Now, alarm_id: UUID, body: OwnerIn) -> Alarm:
    """Somebody sees to it (`mine`), or nobody any more."""
    who.require(Permission.ALARM_ACKNOWLEDGE)
    alarm = _hold(conn, who, alarm_id)
    owner = who.username if body.mine else None
    if alarm["owner"] != owner:
        store.own(conn, alarm_id, owner, who.username, now)
        audit.write(conn, who, "alarm.owner", now, {"alarm": alarm_id, "owner": owner})
    return as_seen(who, "alarm", read_alarms(conn, [alarm_id])[0])


@router.post("/{alarm_id}/useful")
def mark_useful(conn: Conn, who: Who, now: Now, alarm_id: UUID, body: UsefulIn) -> Alarm:
    """Whether it was worth looking at: what its rule is judged by. The last mark counts."""
    who.require(Permission.ALARM_ACKNOWLEDGE)
    alarm = _hold(conn, who, alarm_id)
    if alarm["useful"] is not body.useful:
        store.mark(conn, alarm_id, body.useful, who.username, now)
        audit.write(conn, who, "alarm.useful", now, {"alarm": alarm_id, "useful": body.useful})
    return as_seen(who, "alarm", read_alarms(conn, [alarm_id])[0])


@router.post("/{alarm_id}/shelve")
def shelve(conn: Conn, who: Who, now: Now, alarm_id: UUID, body: ShelveIn) -> Alarm:
    who.require(Permission.ALARM_SHELVE)
    get_alarm(conn, who, alarm_id)
    alarm = store.lock_alarm(conn, alarm_id)
    transition = lifecycle.shelve(alarm.view, body.minutes, body.reason, now)
    store.change_by_hand(conn, alarm, transition, who.username, body.reason, now)
    audit.write(conn, who, "alarm.shelve", now, {"alarm": alarm_id, "minutes": body.minutes, "reason": body.reason})
    return as_seen(who, "alarm", read_alarms(conn, [alarm_id])[0])


@router.post("/{alarm_id}/unshelve")
def unshelve(conn: Conn, who: Who, now: Now, alarm_id: UUID) -> Alarm:
    """Take it off the shelf before its time; 409 where it is not on it."""
    who.require(Permission.ALARM_SHELVE)
    get_alarm(conn, who, alarm_id)
    alarm = store.lock_alarm(conn, alarm_id)
    store.change_by_hand(conn, alarm, lifecycle.unshelve(alarm.view), who.username, None, now)
    audit.write(conn, who, "alarm.unshelve", now, {"alarm": alarm_id})
    return as_seen(who, "alarm", read_alarms(conn, [alarm_id])[0])
