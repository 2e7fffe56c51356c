"""/api/set-aside: rows that could not be worked through, and what a person decides about them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from typing_extensions import TypedDict

from app.api.shapes import Limit, parse_pair
from app.deps import Conn, Now, Who
from core import audit, set_aside
from core.given import Given
from core.nouns import Page
from core.viewer import Permission

router = APIRouter(prefix="/api/set-aside", tags=["set aside"])
Word = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f]*$")]


class Decided(TypedDict):
    what: str
    id: str


class AsideIn(Given):
    """Which one: the work that failed, and the row's id."""

    what: Word
    id: Word


@router.get("")
def get_asides(conn: Conn, who: Who, cursor: str | None = None, limit: Limit = 100) -> Page[set_aside.Aside]:
    """In order of what and id; those that wait to be tried again by themselves too."""
    who.require(Permission.ASIDE_READ)
    found = set_aside.read_asides(conn, parse_pair(cursor), limit + 1)
    kept = found[:limit]
    more = len(found) > limit
    return {"items": kept, "next": f"{kept[-1]['what']}:{kept[-1]['id']}" if more else None}


@router.post("/retry")
def post_retry(conn: Conn, who: Who, now: Now, body: AsideIn) -> Decided:
    """Try it once more, at once."""
    who.require(Permission.ASIDE_DECIDE)
    set_aside.retry(conn, body.what, body.id, who.username, now)
    audit.write(conn, who, "set_aside.retry", now, body.model_dump())
    return {"what": body.what, "id": body.id}


@router.post("/drop")
def post_drop(conn: Conn, who: Who, now: Now, body: AsideIn) -> Decided:
    """Never try it again."""
    who.require(Permission.ASIDE_DECIDE)
    set_aside.drop(conn, body.what, body.id, who.username, now)
    audit.write(conn, who, "set_aside.drop", now, body.model_dump())
    return {"what": body.what, "id": body.id}
