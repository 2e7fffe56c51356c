"""/api/state: the whole picture, now or as it was"""

from __future__ import annotations

from fastapi import APIRouter

from app.api.shapes import Moment
from app.deps import Conn, Now, Who
from app.past import Picture, only_of, read_now, read_past
from core.errors import InputError
from core.faults import expects

router = APIRouter(tags=["state"])


@router.get("/api/state")
def get_state(conn: Conn, who: Who, now: Now, at: Moment = None) -> Picture:
    """The whole picture, now or as it was `at` a moment, as far as who asks may see it."""
    if at is None:
        return only_of(who, read_now(conn, now))
    if at > now:
        raise InputError("at: expected a moment that has been", field="at", about=expects("at", "past"))
    return only_of(who, read_past(conn, at))
