"""/api/quarantine: who floods and is held back, let through by administrators."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from app.api.shapes import Limit, parse_pair
from app.deps import Conn, Now, Who
from core.given import Given
from core.nouns import Page
from core.viewer import Permission
from ingest.admin import quarantine
from ingest.admin.quarantine import Lifted, Quarantined

router = APIRouter(prefix="/api/quarantine", tags=["quarantine"])


class LiftIn(Given):
    """Who is let through, and for how many hours without a bound."""

    owner: Annotated[str, Field(min_length=1, max_length=1100, pattern=r"^[^\x00-\x1f]*$")]
    kind: Literal["rate", "names"]
    hours: float = Field(24, gt=0, le=8760)


@router.get("")
def get_quarantine(conn: Conn, who: Who, cursor: str | None = None, limit: Limit = 100) -> Page[Quarantined]:
    """Who is held back just now, in order of owner and kind."""
    who.require(Permission.QUARANTINE_READ)
    place = parse_pair(cursor)
    found = quarantine.read_open(conn, place and (place[1], place[0]), limit + 1)
    kept = found[:limit]
    return {"items": kept, "next": f"{kept[-1]['kind']}:{kept[-1]['owner']}" if len(found) > limit else None}


@router.post("/lift")
def post_lift(conn: Conn, who: Who, now: Now, body: LiftIn) -> Lifted:
    """Let it through. What was kept as dead letters (`quarantined`) can then be read again."""
    who.require(Permission.QUARANTINE_LIFT)
    return quarantine.lift(conn, body.owner, body.kind, body.hours, who, now)
