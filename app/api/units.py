"""/api/units"""

from __future__ import annotations

from fastapi import APIRouter

from app.api.shapes import Limit, Name, UnitStatusIn, page
from app.deps import Conn, Now, Who
from app.seeing import need_seen
from core import audit
from core.nouns import Page
from core.viewer import Permission
from core.vocabulary import UnitStatus
from dispatch import present, tasks
from dispatch.present import Unit, read_units

router = APIRouter(prefix="/api/units", tags=["units"])


@router.get("")
def list_units(
    conn: Conn, who: Who, status: UnitStatus | None = None, kind: Name = None, cursor: Name = None, limit: Limit = 1000
) -> Page[Unit]:
    """By id."""
    return page(
        present.list_units(conn, status=status, kind=kind, cursor=cursor, most=limit + 1, scope=who.scope), limit
    )


@router.post("/{unit_id}/status")
def set_status(conn: Conn, who: Who, now: Now, unit_id: str, body: UnitStatusIn) -> Unit:
    """With a running assignment this is a milestone of it."""
    who.require(Permission.UNIT_REPORT)
    need_seen(who, "unit", read_units(conn, [unit_id]), unit_id, "unit")
    tasks.report_status(conn, unit_id, body.status, who.username, now, now)
    audit.write(conn, who, "unit.status", now, {"unit": unit_id, "status": body.status})
    return read_units(conn, [unit_id])[0]
