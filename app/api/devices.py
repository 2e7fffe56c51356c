"""/api/devices: accounts at the broker. /api/broker: how far it has followed them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field
from typing_extensions import TypedDict

from app.api.shapes import Limit, Words
from app.api.shapes import Name as Cursor
from app.dashboard import texts
from app.deps import Conn, Now, PartsDep, Who
from core.given import Given
from core.nouns import Page
from core.viewer import Permission
from core.vocabulary import Text
from ingest.doors.accounts import (
    NAME,
    AccountIn,
    AccountObject,
    Credentials,
    DoorState,
    add_account,
    change_account,
    need_reach,
    need_reach_of,
    read_account,
    read_accounts,
    read_door,
    revoke_account,
    rotate_account,
)
from ingest.doors.many import Imported, import_accounts, read_csv

router = APIRouter(tags=["devices"])
AccountName = Annotated[str, Path(pattern=NAME)]


class Made(TypedDict):
    """A new account, and what its device is told: the secret is in no other answer."""

    account: AccountObject
    credentials: Credentials


class ImportIn(Given):
    """A CSV with a heading: name, kind, sensors, cameras, units, sources, topics, reports, warnings, note."""

    csv: str = Field(min_length=1, max_length=5_000_000)


class ImportedObject(TypedDict):
    """One line of the file: the account's secret, or what is wrong with it (`field` names it)."""

    line: int
    name: str
    credentials: Credentials | None
    error: str | None
    # what `error` says, for people
    message: Text | None
    field: str | None


class ImportAnswer(TypedDict):
    added: int
    refused: int
    lines: list[ImportedObject]


class BrokerState(DoorState):
    """`address` is where devices connect, empty where nobody has said."""

    address: str


@router.get("/api/broker")
def get_broker(conn: Conn, who: Who, parts: PartsDep) -> BrokerState:
    """Whether the broker has been told of every change of accounts and sources."""
    who.require(Permission.DEVICE_MANAGE)
    return {**read_door(conn), "address": parts.settings.device_url}


@router.get("/api/devices")
def get_accounts(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 100, q: Words = "") -> Page[AccountObject]:
    """In order of their names; `q` stands in name, note or what they speak for."""
    who.require(Permission.DEVICE_MANAGE)
    found = read_accounts(conn, cursor, limit + 1, q)
    kept = found[:limit]
    return {"items": kept, "next": kept[-1]["name"] if len(found) > limit else None}


@router.post("/api/devices", status_code=201)
def post_account(conn: Conn, who: Who, now: Now, parts: PartsDep, body: AccountIn) -> Made:
    """A new account. 409 where its name is taken, or another account speaks for one of its things."""
    who.require(Permission.DEVICE_MANAGE)
    need_reach(conn, body, who.scope)
    made = add_account(conn, body, parts.settings.topic_prefix, who.username, now)
    return {"account": read_account(conn, body.name), "credentials": made}


@router.post("/api/devices/import")
def post_accounts(conn: Conn, who: Who, now: Now, parts: PartsDep, body: ImportIn) -> ImportAnswer:
    """Accounts of a file; a line that cannot be used is told and keeps out no other."""
    who.require(Permission.DEVICE_MANAGE)
    done = import_accounts(conn, read_csv(body.csv), parts.settings.topic_prefix, who.username, now, who.scope)
    bad = sum(one.error is not None for one in done)
    return {"added": len(done) - bad, "refused": bad, "lines": [imported_object(one) for one in done]}


def imported_object(one: Imported) -> ImportedObject:
    return {
        "line": one.line,
        "name": one.name,
        "credentials": one.credentials,
        "error": one.error.message if one.error else None,
        "message": texts.why(one.error.reason, one.error.about) if one.error else None,
        "field": one.error.field if one.error else None,
    }


@router.get("/api/devices/{name}")
def get_account(conn: Conn, who: Who, name: AccountName) -> AccountObject:
    who.require(Permission.DEVICE_MANAGE)
    return read_account(conn, name)


@router.put("/api/devices/{name}")
def put_account(conn: Conn, who: Who, now: Now, parts: PartsDep, name: AccountName, body: AccountIn) -> AccountObject:
    """What the account speaks for from now on, as a whole; its secret stays. 409 where it is revoked."""
    who.require(Permission.DEVICE_MANAGE)
    whole = body.model_copy(update={"name": name})
    need_reach_of(conn, name, who.scope)
    need_reach(conn, whole, who.scope)
    change_account(conn, whole, parts.settings.topic_prefix, who.username, now)
    return read_account(conn, name)


@router.post("/api/devices/{name}/rotate")
def post_rotate(conn: Conn, who: Who, now: Now, name: AccountName) -> Made:
    """A new secret; the old one is refused once the broker has been told."""
    who.require(Permission.DEVICE_MANAGE)
    need_reach_of(conn, name, who.scope)
    made = rotate_account(conn, name, who.username, now)
    return {"account": read_account(conn, name), "credentials": made}


@router.post("/api/devices/{name}/revoke")
def post_revoke(conn: Conn, who: Who, now: Now, name: AccountName) -> AccountObject:
    """Nobody connects with it any more; whoever is connected is put out."""
    who.require(Permission.DEVICE_MANAGE)
    need_reach_of(conn, name, who.scope)
    revoke_account(conn, name, who.username, now)
    return read_account(conn, name)
