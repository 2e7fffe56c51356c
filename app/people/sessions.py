"""Sessions and tokens of one account, by their ids: a secret is shown when it is made and never again."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from app.accounts import open_session, require_account
from core import audit
from core.clock import rfc3339
from core.errors import NotFound
from core.given import Given
from core.viewer import Viewer

TokenKind = Literal["token", "feed"]


class SessionObject(TypedDict):
    """A log-in of a browser (kind `browser`), a bearer token (`token`) or one for feeds and /ogc only (`feed`)."""

    id: int
    kind: str
    name: str | None
    address: str | None
    created_at: str
    seen_at: str
    expires_at: str
    current: bool


class TokenIn(Given):
    name: str = Field(min_length=1, max_length=80, pattern=r"\S")
    days: float = Field(30, gt=0, le=3660)
    kind: TokenKind = "token"


class MadeToken(TypedDict):
    """The secret is in no other answer."""

    token: str
    expires_at: str


def read_sessions(conn: Connection, username: str, now: datetime, current: int | None = None) -> list[SessionObject]:
    """What opens the door as this account just now, the newest first."""
    require_account(conn, username)
    rows = conn.execute(
        text(
            """
SELECT id, kind, name, address, created_at, seen_at, expires_at FROM session
WHERE username = :username AND expires_at > :now ORDER BY created_at DESC, id DESC
"""
        ),
        {"username": username, "now": now},
    )
    return [session_object(row, current) for row in rows]


def session_object(row: Any, current: int | None) -> SessionObject:
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name,
        "address": row.address,
        "created_at": rfc3339(row.created_at),
        "seen_at": rfc3339(row.seen_at),
        "expires_at": rfc3339(row.expires_at),
        "current": row.id == current,
    }


def make_token(conn: Connection, who: Viewer, username: str, given: TokenIn, now: datetime) -> MadeToken:
    require_account(conn, username)
    secret, expires = open_session(conn, username, given.kind, now, given.days * 24, name=given.name)
    told = {"username": username, **given.model_dump(), "expires_at": rfc3339(expires)}
    audit.write(conn, who, "token.make", now, told)
    return {"token": secret, "expires_at": rfc3339(expires)}


def end_session(conn: Connection, who: Viewer, username: str, session: int, now: datetime) -> None:
    """NotFound where it is not one of this account."""
    row = conn.execute(
        text("DELETE FROM session WHERE id = :id AND username = :username RETURNING kind, name"),
        {"id": session, "username": username},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no session or token {session} of {username!r}")
    audit.write(conn, who, "session.end", now, {"username": username, "kind": row.kind, "name": row.name})
