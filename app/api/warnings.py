"""/api/warnings: what others warn of"""

from __future__ import annotations

from fastapi import APIRouter

from alerts.present import Warning, read_warnings
from app.api.shapes import Limit, Name, part
from app.deps import Conn, Now, Who
from core.nouns import Page
from core.viewer import Permission

router = APIRouter(prefix="/api/warnings", tags=["warnings"])


@router.get("")
def list_warnings(conn: Conn, who: Who, now: Now, cursor: Name = None, limit: Limit = 1000) -> Page[Warning]:
    """Outside warnings in force now, newest first."""
    who.require(Permission.CITY_READ)
    return part(read_warnings(conn, now), cursor, limit)
