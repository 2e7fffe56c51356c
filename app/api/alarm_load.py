"""/api/alarm-groups: the work list as lines; /api/alarm-metrics: how alarms load whoever watches them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection

from alerts.figures import LONGEST, AlarmMetrics, read_metrics
from alerts.grouped import AlarmGroup, list_groups, list_members
from alerts.present import Alarm
from app.accounts import read_holder
from app.api.shapes import Limit, Moment, Name, page, parse_cursor, part
from app.deps import Conn, Now, Who
from app.seeing import as_seen
from core.errors import Forbidden, InputError
from core.nouns import Page
from core.scope import Scope
from core.viewer import Permission, Viewer

router = APIRouter(tags=["alarms"])
Line = Annotated[str, Path(pattern=r"^[a-z0-9_]+:[A-Za-z0-9_.-]*(:1)?$", max_length=200)]


@router.get("/api/alarm-groups")
def get_groups(conn: Conn, who: Who, cursor: str | None = None, limit: Limit = 200) -> Page[AlarmGroup]:
    """Lines of the work list, the worst first. Every open alarm is a member of exactly one; those of level I stand in
    lines of their own."""
    return part(list_groups(conn, who.scope), cursor, limit)


@router.get("/api/alarm-groups/{line}/alarms")
def get_members(conn: Conn, who: Who, line: Line, cursor: str | None = None, limit: Limit = 200) -> Page[Alarm]:
    """The alarms of a line, newest first; none of a line that is not there (any more)."""
    found = list_members(conn, line, parse_cursor(cursor), limit, who.scope)
    return page([as_seen(who, "alarm", one) for one in found], limit)


@router.get("/api/alarm-metrics")
def get_metrics(
    conn: Conn,
    who: Who,
    now: Now,
    from_: Annotated[Moment, Query(alias="from")] = None,
    to: Moment = None,
    operator: Name = None,
) -> AlarmMetrics:
    """Figures of EEMUA 191 and ISA-18.2 of the last 24 hours, or `from` to `to` (92 days at most), of what who asks
    sees; with `operator`, of what that person sees."""
    who.require(Permission.METRICS_READ)
    end = min(to or now, now)
    start = from_ or end - timedelta(days=1)
    if start >= end:
        raise InputError("from: expected a moment before `to` that has been", field="from", reason="period_empty")
    if end - start > LONGEST:
        raise InputError(f"from: expected {LONGEST.days} days at most", field="from", reason="period_long")
    return read_metrics(conn, start, end, now, scope_for(conn, who, operator), operator)


def scope_for(conn: Connection, who: Viewer, operator: str | None) -> Scope:
    """What the position sees. Who sees less than that person may not ask for their figures; of whom there is none is
    not told apart from that."""
    if operator is None or operator == who.username:
        return who.scope
    holder = read_holder(conn, operator)
    if holder is None or not who.scope.covers(holder.viewer.scope):
        raise Forbidden("this person sees more than you do, or is nobody here", reason="beyond_own")
    return holder.viewer.scope
