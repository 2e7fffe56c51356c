"""/api/dead-letters"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from app.api.shapes import Limit, Moment, Name, page, parse_number, part
from app.deps import Conn, Now, PartsDep, Who
from core import audit
from core.errors import Conflict, InputError
from core.faults import expects
from core.given import Given
from core.nouns import Page
from core.viewer import Permission
from ingest.admin.letters import (
    DeadLetter,
    LetterFilter,
    LetterWhole,
    ReasonCount,
    State,
    discard,
    list_letters,
    read_letter,
    read_reasons,
)
from ingest.replay import FINAL, find_waiting, refuse_final, replay

router = APIRouter(prefix="/api/dead-letters", tags=["dead letters"])
# as many as one request is answered for within seconds
AT_ONCE = 5000
Ids = Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Field(min_length=1, max_length=AT_ONCE)]


class ReplayIn(Given):
    """`ids`, or all that wait of a source (`-`: of none), for a reason, since a moment."""

    ids: Ids | None = None
    source: str | None = None
    reason: str | None = None
    since: Moment = None

    @model_validator(mode="after")
    def ids_or_others(self) -> ReplayIn:
        if self.ids is not None and (self.source, self.reason, self.since) != (None, None, None):
            raise InputError(
                "ids: expected either ids, or source, reason and since",
                field="ids",
                about=expects("ids", "ids_or_which"),
            )
        return self


class DiscardIn(Given):
    ids: Ids
    why: str = Field(min_length=1, max_length=500)


class Replayed(TypedDict):
    """How many could be read, why the others still could not, and how many are left beyond what one request does."""

    read: int
    still: dict[str, int]
    left: int


class Discarded(TypedDict):
    discarded: int


@router.get("")
def get_letters(
    conn: Conn,
    who: Who,
    state: State = "waiting",
    reason: str | None = None,
    source: str | None = None,
    q: str | None = None,
    since: Moment = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[DeadLetter]:
    """Newest first; `q` is looked for in topic, detail and payload."""
    who.require(Permission.LETTER_READ)
    found = list_letters(conn, LetterFilter(state, reason, source, clean(q), since), parse_number(cursor), limit)
    return page(found, limit)


def clean(words: str | None) -> str | None:
    """PostgreSQL takes no NUL in text."""
    if words is not None and "\x00" in words:
        raise InputError("q: expected text without NUL", field="q", about=expects("q", "plain_text"))
    return words


@router.get("/reasons")
def get_reasons(conn: Conn, who: Who, cursor: Name = None, limit: Limit = 1000) -> Page[ReasonCount]:
    """Letters that wait by reason and source, the most frequent first."""
    who.require(Permission.LETTER_READ)
    return part(read_reasons(conn), cursor, limit)


@router.get("/{letter_id}")
def get_letter(conn: Conn, who: Who, letter_id: Annotated[int, Field(ge=1, lt=2**63)]) -> LetterWhole:
    who.require(Permission.LETTER_READ)
    return read_letter(conn, letter_id)


@router.post("/replay")
def post_replay(who: Who, now: Now, parts: PartsDep, body: ReplayIn) -> Replayed:
    """Read letters once more with the sources of today. `left` are those beyond what one request does: ask again."""
    who.require(Permission.LETTER_DECIDE)
    ids, left = list(body.ids or []), 0
    with parts.engine.connect() as conn:
        if body.reason is not None and body.reason in FINAL:
            message = f"reason: reading them again is no help: {FINAL[body.reason]}"
            raise Conflict(message, reason="replay_is_no_help", field="reason")
        if body.ids is not None:
            refuse_final(conn, ids)
        else:
            ids = find_waiting(conn, source=body.source, reason=body.reason, since=body.since)
            ids, left = ids[:AT_ONCE], len(ids[AT_ONCE:])
    done = replay(parts.engine, parts.settings, ids, who.username)
    still = dict(done.reasons)
    with parts.engine.begin() as conn:
        asked = body.model_dump(mode="json", exclude_none=True, exclude={"ids"})
        data = {"asked": asked, "letters": len(ids), "read": done.read, "still": still}
        audit.write(conn, who, "letters.replay", now, data)
    return {"read": done.read, "still": still, "left": left}


@router.post("/discard")
def post_discard(conn: Conn, who: Who, now: Now, body: DiscardIn) -> Discarded:
    who.require(Permission.LETTER_DECIDE)
    return {"discarded": discard(conn, body.ids, body.why, who.username, now)}
