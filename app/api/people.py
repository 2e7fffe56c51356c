"""/api/people, /api/roles: who there is and who may what. What is written is done again where it lost a race
(`Parts.work`)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field
from sqlalchemy import Connection
from typing_extensions import TypedDict

from app.accounts import end_sessions
from app.api.shapes import Limit, Words, part
from app.api.shapes import Name as Cursor
from app.deps import Conn, Now, PartsDep, Who
from app.passwords import check_password
from app.people import book, roles, sessions
from app.people.book import PersonChange, PersonIn, PersonObject
from app.people.roles import RoleChange, RoleIn, RoleObject
from app.people.sessions import MadeToken, SessionObject, TokenIn
from core import audit
from core.given import Given
from core.nouns import Page
from core.viewer import Permission, Viewer

router = APIRouter(tags=["people"])
Username = Annotated[str, Path(min_length=1, max_length=64)]
RoleId = Annotated[str, Path(pattern=roles.ROLE_ID)]
Password = Annotated[str | None, Field(max_length=256)]


class NewPerson(PersonIn):
    """Without a password one is made up."""

    password: Password = None


class PasswordIn(Given):
    """Without a password one is made up."""

    password: Password = None


class MadePerson(TypedDict):
    """An account and the password its person logs in with once; it is in no other answer, null where it was given."""

    person: PersonObject
    password: str | None


class Ended(TypedDict):
    ended: int


@router.get("/api/people")
def get_people(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 100, q: Words = "") -> Page[PersonObject]:
    """By user name; `q` stands in user name, name or role."""
    who.require(Permission.PERSON_MANAGE)
    found = book.read_people(conn, cursor, limit + 1, q)
    kept = found[:limit]
    return {"items": kept, "next": kept[-1]["username"] if len(found) > limit else None}


@router.post("/api/people", status_code=201)
async def post_person(who: Who, now: Now, parts: PartsDep, body: NewPerson) -> MadePerson:
    """A new account; its password must be changed at the first log-in. 409 where the name is taken."""
    who.require(Permission.PERSON_MANAGE)
    password = chosen(body.password, body.username, body.name)
    hashed = await parts.hashing.hash(password)
    given = PersonIn.model_validate(body.model_dump(exclude={"password"}))
    made = await parts.work(lambda conn: book.add_person(conn, who, given, hashed, now))
    return {"person": made, "password": None if body.password else password}


def chosen(given: str | None, username: str, name: str) -> str:
    """The password given, where it is one that may be used; one that is made up where none is."""
    if given is None:
        return book.make_password()
    check_password(given, username, name)
    return given


@router.get("/api/people/{username}")
def get_person(conn: Conn, who: Who, username: Username) -> PersonObject:
    who.require(Permission.PERSON_MANAGE)
    return book.read_person(conn, username)


@router.patch("/api/people/{username}")
async def patch_person(who: Who, now: Now, parts: PartsDep, username: Username, body: PersonChange) -> PersonObject:
    """Name, role, scope and whether the account may log in, as a whole. 409 where the version is old, or where nobody
    would be left who manages people."""
    changed = await parts.work(lambda conn: book.change_person(conn, who, username, body, now))
    parts.sessions.forget_all()
    return changed


@router.post("/api/people/{username}/password")
async def post_password(who: Who, now: Now, parts: PartsDep, username: Username, body: PasswordIn) -> MadePerson:
    """A new password, to be changed at the next log-in; every session and token of the account ends."""
    who.require(Permission.PERSON_MANAGE)
    person = await parts.work(lambda conn: book.read_person(conn, username))
    password = chosen(body.password, username, person["name"])
    hashed = await parts.hashing.hash(password)
    await parts.work(lambda conn: book.give_password(conn, who, username, hashed, now))
    parts.sessions.forget_all()
    changed = await parts.work(lambda conn: book.read_person(conn, username))
    return {"person": changed, "password": None if body.password else password}


@router.post("/api/people/{username}/end-sessions")
async def post_end_sessions(who: Who, now: Now, parts: PartsDep, username: Username) -> Ended:
    """Every session and token of the account ends."""
    who.require(Permission.PERSON_MANAGE)
    ended = await parts.work(lambda conn: _end_sessions(conn, who, username, now))
    parts.sessions.forget_all()
    return {"ended": ended}


def _end_sessions(conn: Connection, who: Viewer, username: str, now: datetime) -> int:
    book.need_may_change(conn, who, username)
    ended = end_sessions(conn, username)
    audit.write(conn, who, "person.end_sessions", now, {"username": username, "ended": ended})
    return ended


@router.get("/api/people/{username}/sessions")
def get_sessions(
    conn: Conn, who: Who, now: Now, username: Username, cursor: Cursor = None, limit: Limit = 1000
) -> Page[SessionObject]:
    """Its log-ins and tokens that are open now, the newest first."""
    who.require(Permission.PERSON_MANAGE)
    return part(sessions.read_sessions(conn, username, now, who.session), cursor, limit)


@router.delete("/api/people/{username}/sessions/{session_id}")
async def delete_session(who: Who, now: Now, parts: PartsDep, username: Username, session_id: int) -> Ended:
    who.require(Permission.PERSON_MANAGE)
    await parts.work(lambda conn: _end_session(conn, who, username, session_id, now))
    parts.sessions.forget_all()
    return {"ended": 1}


def _end_session(conn: Connection, who: Viewer, username: str, session_id: int, now: datetime) -> None:
    book.need_may_change(conn, who, username)
    sessions.end_session(conn, who, username, session_id, now)


@router.post("/api/people/{username}/tokens", status_code=201)
async def post_token(who: Who, now: Now, parts: PartsDep, username: Username, body: TokenIn) -> MadeToken:
    """A token for a program of this account; one that opens feeds and /ogc only with `kind` feed."""
    who.require(Permission.PERSON_MANAGE)
    return await parts.work(lambda conn: _make_token(conn, who, username, body, now))


def _make_token(conn: Connection, who: Viewer, username: str, body: TokenIn, now: datetime) -> MadeToken:
    book.need_may_change(conn, who, username)
    return sessions.make_token(conn, who, username, body, now)


@router.get("/api/roles")
def get_roles(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 1000) -> Page[RoleObject]:
    """Those of the software first, then the city's own."""
    who.require(Permission.PERSON_MANAGE)
    return part(roles.read_roles(conn), cursor, limit)


@router.post("/api/roles", status_code=201)
async def post_role(who: Who, now: Now, parts: PartsDep, body: RoleIn) -> RoleObject:
    return await parts.work(lambda conn: roles.add_role(conn, who, body, now))


@router.patch("/api/roles/{role_id}")
async def patch_role(who: Who, now: Now, parts: PartsDep, role_id: RoleId, body: RoleChange) -> RoleObject:
    """A role of the city's own, as a whole. 409 where the version is old or the role is one of the software's."""
    changed = await parts.work(lambda conn: roles.change_role(conn, who, role_id, body, now))
    parts.sessions.forget_all()
    return changed


@router.delete("/api/roles/{role_id}", status_code=204)
async def delete_role(who: Who, now: Now, parts: PartsDep, role_id: RoleId) -> None:
    """409 where somebody has it."""
    await parts.work(lambda conn: roles.remove_role(conn, who, role_id, now))
