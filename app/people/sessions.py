"""Sessions and tokens of one account, by their ids: a secret is shown when it is made and never again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from app.accounts import open_session, require_account
from core import audit
from core.clock import rfc3339
from core.errors import InputError, NotFound
from core.given import Given
from core.viewer import Viewer
from layers.ogc.collections import collection

TokenKind = Literal["token", "feed"]
LayerName = Annotated[str, Field(min_length=1, max_length=63)]


class SessionObject(TypedDict):
    """A log-in of a browser (kind `browser`), a bearer token (`token`) or one for feeds and /ogc only (`feed`), or
    for some `layers` of /ogc only."""

    id: int
    kind: str
    name: str | None
    layers: list[str] | None
    address: str | None
    created_at: str
    seen_at: str
    expires_at: str
    current: bool


class TokenIn(Given):
    name: str = Field(min_length=1, max_length=80, pattern=r"\S")
    days: float = Field(30, gt=0, le=3660)
    kind: TokenKind = "token"
    layers: list[LayerName] | None = Field(
        None, min_length=1, max_length=200, description="of a feed token: the only layers that it opens"
    )

    @model_validator(mode="after")
    def layers_of_a_feed(self) -> TokenIn:
        if self.layers is not None and self.kind != "feed":
            raise InputError("layers: expected none but for a token of kind `feed`", field="layers", reason="no_feed")
        return self


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
SELECT id, kind, name, layers, address, created_at, seen_at, expires_at FROM session
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
        "layers": row.layers,
        "address": row.address,
        "created_at": rfc3339(row.created_at),
        "seen_at": rfc3339(row.seen_at),
        "expires_at": rfc3339(row.expires_at),
        "current": row.id == current,
    }


def make_token(conn: Connection, who: Viewer, username: str, given: TokenIn, now: datetime) -> MadeToken:
    """NotFound for an account or a layer that is not there; a token of layers shows no more of them than its owner
    sees."""
    require_account(conn, username)
    for layer in given.layers or ():
        collection(conn, layer, who.scope)
    secret, expires = open_session(
        conn, username, given.kind, now, given.days * 24, name=given.name, layers=given.layers
    )
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
