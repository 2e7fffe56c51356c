"""/api/units"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.api.shapes import UnitStatusIn
from app.deps import Conn, Now, Who
from core import audit
from core.viewer import Role
from dispatch import tasks
from dispatch.present import read_units

router = APIRouter(prefix="/api/units", tags=["units"])


@router.get("")
def list_units(conn: Conn, who: Who, status: str | None = None, kind: str | None = None) -> dict[str, Any]:
    found = [u for u in read_units(conn) if status in (None, u["status"]) and kind in (None, u["kind"])]
    return {"items": found, "next": None}


@router.post("/{unit_id}/status")
def set_status(conn: Conn, who: Who, now: Now, unit_id: str, body: UnitStatusIn) -> dict[str, Any]:
    """With a running assignment this is a milestone of it."""
    who.require(Role.DISPATCHER)
    tasks.report_status(conn, unit_id, body.status, who.username, now, now)
    audit.write(conn, who, "unit.status", now, {"unit": unit_id, "status": body.status})
    return read_units(conn, [unit_id])[0]
