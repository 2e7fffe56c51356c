"""/api/deliveries: who was told, when, by what, and who has seen it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection

from alerts.deliveries import kept
from alerts.deliveries.kept import STATES, Delivery
from alerts.present import read_alarms
from app.api.shapes import Limit, page, parse_number
from app.api.subscriptions import need_some
from app.deps import Conn, Now, Who
from app.seeing import need_seen
from core.errors import InputError, NotFound
from core.faults import expects
from core.nouns import Page
from core.viewer import Permission, Viewer

router = APIRouter(prefix="/api/deliveries", tags=["subscriptions"])
INT8 = 2**63 - 1
Id = Annotated[int, Path(ge=1, le=INT8)]


@router.get("")
def list_deliveries(
    conn: Conn,
    who: Who,
    alarm: UUID | None = None,
    subscription: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    state: str | None = None,
    cursor: str | None = None,
    limit: Limit = 200,
) -> Page[Delivery]:
    """The newest first. Of an `alarm`, for those who see to alarms: to everybody; else one's own, or, for who manages
    subscriptions, all."""
    if state is not None and state not in STATES:
        told = f"state: expected one of {', '.join(STATES)}; got {state!r}"
        raise InputError(told, field="state", about=expects("state", "one_of", expected=", ".join(STATES)))
    owner = None if who.may(Permission.SUBSCRIPTION_MANAGE) else who.username
    if alarm is None:
        need_some(who)
    else:
        who.require(Permission.ALARM_ACKNOWLEDGE)
        need_seen(who, "alarm", read_alarms(conn, [alarm]), alarm)
        owner = None
    found = kept.list_deliveries(
        conn,
        alarm=None if alarm is None else str(alarm),
        subscription=subscription,
        owner=owner,
        state=state,
        before=parse_number(cursor),
        limit=limit + 1,
    )
    return page(found, limit)


@router.get("/{delivery}")
def get_delivery(conn: Conn, who: Who, delivery: Id) -> Delivery:
    return need_own(conn, who, delivery)


@router.post("/{delivery}/retry")
def post_retry(conn: Conn, who: Who, now: Now, delivery: Id) -> Delivery:
    """Try now what failed; 409 for what has arrived."""
    need_own(conn, who, delivery)
    return kept.retry(conn, delivery, who.username, now)


@router.post("/{delivery}/seen")
def post_seen(conn: Conn, who: Who, now: Now, delivery: Id) -> Delivery:
    """The receiver knows of it."""
    need_own(conn, who, delivery)
    return kept.see(conn, delivery, who.username, now)


def need_own(conn: Connection, who: Viewer, delivery: int) -> Delivery:
    """One's own, or who manages all; another's is as if it were not there."""
    need_some(who)
    found = kept.read_delivery(conn, delivery)
    if found["owner"] != who.username and not who.may(Permission.SUBSCRIPTION_MANAGE):
        raise NotFound(f"there is no delivery {delivery}")
    return found
