"""/api/warnings: what others warn of"""

from __future__ import annotations

from fastapi import APIRouter

from alerts import warnings as book
from alerts.warnings import Warning
from app.api.shapes import Limit, Moment, Name, parse_bbox, parse_words, part
from app.deps import Conn, Now, Who
from core.nouns import Page
from core.viewer import Permission
from core.vocabulary import WarningState

router = APIRouter(prefix="/api/warnings", tags=["warnings"])


@router.get("")
def list_warnings(
    conn: Conn,
    who: Who,
    now: Now,
    state: str | None = None,
    since: Moment = None,
    bbox: str | None = None,
    cursor: Name = None,
    limit: Limit = 1000,
) -> Page[Warning]:
    """Outside warnings in force now, newest first; with `state` (one or several, comma separated) those that have
    ended or warn of nothing too. `bbox`: of an area that reaches into it."""
    who.require(Permission.CITY_READ)
    states = parse_words("state", state, WarningState, [WarningState.IN_FORCE], since)
    return part(book.list_warnings(conn, now, states, since, parse_bbox(bbox)), cursor, limit)


@router.get("/{identity}")
def get_warning(conn: Conn, who: Who, now: Now, identity: str) -> Warning:
    """By its id: sender, identifier and time sent, with commas."""
    who.require(Permission.CITY_READ)
    return book.read_warning(conn, identity, now)
