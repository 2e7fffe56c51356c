"""/api/me: one's own account. What is written is done again where it lost a race (`Parts.work`)."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import Connection
from typing_extensions import TypedDict

from app.accounts import set_language
from app.api.people import Ended
from app.api.shapes import Limit, part
from app.api.shapes import Name as Cursor
from app.deps import Conn, Now, PartsDep, Who
from app.login import change_password
from app.people import sessions
from app.people.chosen import ChosenObject, SettingsIn, change_settings, read_settings
from app.people.sessions import MadeToken, SessionObject, TokenIn
from core.given import Given
from core.nouns import Page
from core.viewer import Viewer
from core.vocabulary import Text

router = APIRouter(prefix="/api/me", tags=["session"])


class ScopeObject(TypedDict):
    """How far somebody sees; null is no limit."""

    departments: list[str] | None
    districts: list[str] | None
    units: list[str] | None
    classification: int


class Me(TypedDict):
    """Who is logged in, and what they may."""

    username: str
    name: str
    role: str
    role_names: Text
    permissions: list[str]
    scope: ScopeObject
    lang: str
    must_change: bool
    settings: ChosenObject


class MeChange(Given):
    lang: Literal["zh", "en"] | None = None
    settings: SettingsIn | None = None


class OwnPasswordIn(Given):
    old: str = Field(max_length=500)
    new: str = Field(max_length=500)


def me_object(conn: Connection, who: Viewer) -> Me:
    return {
        "username": who.username,
        "name": who.name,
        "role": who.role,
        "role_names": dict(who.role_names),
        "permissions": sorted(who.permissions),
        "scope": {
            "departments": None if who.scope.departments is None else sorted(who.scope.departments),
            "districts": None if who.scope.districts is None else sorted(who.scope.districts),
            "units": None if who.scope.units is None else sorted(who.scope.units),
            "classification": who.scope.classification,
        },
        "lang": who.lang,
        "must_change": who.must_change,
        "settings": read_settings(conn, who.username),
    }


@router.get("")
def get_me(conn: Conn, who: Who) -> Me:
    return me_object(conn, who)


@router.patch("")
async def patch_me(who: Who, parts: PartsDep, body: MeChange) -> Me:
    """The language in which one is spoken to, and what one has chosen of the page."""

    def work(conn: Connection) -> Me:
        if body.settings is not None:
            change_settings(conn, who.username, body.settings)
        if body.lang is not None and body.lang != who.lang:
            set_language(conn, who.username, body.lang)
        return me_object(conn, who)

    me = await parts.work(work)
    if body.lang is not None and body.lang != who.lang:
        parts.sessions.forget_all()
    return {**me, "lang": body.lang or who.lang}


@router.post("/password", status_code=204)
async def post_password(who: Who, parts: PartsDep, body: OwnPasswordIn) -> None:
    """The old one is asked for. Every other session and token of the account ends."""
    await change_password(parts, who, body.old, body.new)


@router.get("/sessions")
def get_sessions(conn: Conn, who: Who, now: Now, cursor: Cursor = None, limit: Limit = 1000) -> Page[SessionObject]:
    """One's own log-ins and tokens that are open now, the newest first."""
    return part(sessions.read_sessions(conn, who.username, now, who.session), cursor, limit)


@router.delete("/sessions/{session_id}")
async def delete_session(who: Who, now: Now, parts: PartsDep, session_id: int) -> Ended:
    await parts.work(lambda conn: sessions.end_session(conn, who, who.username, session_id, now))
    parts.sessions.forget_all()
    return {"ended": 1}


@router.post("/tokens", status_code=201)
async def post_token(who: Who, now: Now, parts: PartsDep, body: TokenIn) -> MadeToken:
    """A token for a program of one's own; it may what one may oneself."""
    return await parts.work(lambda conn: sessions.make_token(conn, who, who.username, body, now))
