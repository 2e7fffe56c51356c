"""Routes: which alarms come to a node of the tree, how they are grouped there, and who is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.routing.kept import (
    INT4,
    Id,
    LabelList,
    MatcherList,
    Title,
    Why,
    as_json,
    keep,
    lock_row,
    need_version,
    read_row,
    touch,
    write_change,
)
from alerts.stages.base import EVERYBODY
from core.clock import rfc3339
from core.errors import Conflict, InputError
from core.given import Given
from core.types import Params
from core.vocabulary import Text

ROOT_ID = "root"
MAX_WAIT_S = 86_400.0
Seconds = Annotated[float, Field(ge=0, le=MAX_WAIT_S)]


class RouteIn(Given):
    """A node of the tree: which alarms come to it, how they are grouped there, and who is told (ids of subscriptions,
    or `*`: all that no route names)."""

    id: Id
    name_zh: Title
    name_en: Title
    parent: Id = ROOT_ID
    position: int = Field(0, ge=0, le=10_000)
    matchers: MatcherList = Field(default_factory=list)
    group_by: LabelList = ["family"]
    group_wait_s: Seconds = 0
    group_interval_s: Seconds = 0
    repeat_interval_s: Seconds = 0
    receivers: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        [EVERYBODY], min_length=1, max_length=100
    )
    goes_on: bool = False
    enabled: bool = True
    why: Why | None = None


class RouteChange(Given):
    """What of a route becomes different; `version` is the one that was seen."""

    version: int = Field(ge=1, le=INT4)
    name_zh: Title | None = None
    name_en: Title | None = None
    parent: Id | None = None
    position: int | None = Field(None, ge=0, le=10_000)
    matchers: MatcherList | None = None
    group_by: LabelList | None = None
    group_wait_s: Seconds | None = None
    group_interval_s: Seconds | None = None
    repeat_interval_s: Seconds | None = None
    receivers: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        None, min_length=1, max_length=100
    )
    goes_on: bool | None = None
    enabled: bool | None = None
    why: Why | None = None


class Route(TypedDict):
    """A node of the tree of routes; `receivers` are ids of subscriptions, `*` those that no route names. One that is
    not `enabled` takes nothing, nor do those below it."""

    id: str
    names: Text
    parent: str | None
    position: int
    matchers: list[dict[str, Any]]
    group_by: list[str]
    group_wait_s: float
    group_interval_s: float
    repeat_interval_s: float
    receivers: list[str]
    goes_on: bool
    enabled: bool
    version: int
    changed_at: str
    changed_by: str | None


def list_routes(conn: Connection) -> list[Route]:
    """The tree from its root, those below a node after it in their order."""
    rows = conn.execute(text("SELECT * FROM route ORDER BY position, id")).all()

    def below(parent: str | None) -> list[Any]:
        return [one for row in rows if row.parent_id == parent for one in (row, *below(row.id))]

    return [route_object(row) for row in below(None)]


def route_object(row: Any) -> Route:
    return {
        "id": row.id,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "parent": row.parent_id,
        "position": row.position,
        "matchers": row.matchers,
        "group_by": row.group_by,
        "group_wait_s": row.group_wait_s,
        "group_interval_s": row.group_interval_s,
        "repeat_interval_s": row.repeat_interval_s,
        "receivers": row.receivers,
        "goes_on": row.goes_on,
        "enabled": row.enabled,
        "version": row.version,
        "changed_at": rfc3339(row.changed_at),
        "changed_by": row.changed_by,
    }


_ADD_ROUTE = text("""
INSERT INTO route (id, parent_id, position, name_zh, name_en, matchers, group_by, group_wait_s, group_interval_s,
  repeat_interval_s, receivers, goes_on, enabled, changed_at, changed_by, version)
VALUES (:id, :parent, :position, :name_zh, :name_en, CAST(:matchers AS jsonb), :group_by, :group_wait_s,
  :group_interval_s, :repeat_interval_s, :receivers, :goes_on, :enabled, :now, :who,
  (SELECT COALESCE(max(version), 0) + 1 FROM route_version WHERE route_id = :id))
ON CONFLICT (id) DO NOTHING RETURNING id
""")


def add_route(conn: Connection, given: RouteIn, who: str, now: datetime, what: str = "added") -> Route:
    """Conflict where there is one of this id; InputError where its parent or a receiver is not there."""
    _lock_tree(conn)
    need_receivers(conn, given.receivers)
    _need_parent(conn, given.id, given.parent)
    values: Params = {**given.model_dump(exclude={"matchers", "why"}), "matchers": as_json(given.matchers)}
    if conn.scalar(_ADD_ROUTE, {**values, "now": now, "who": who}) is None:
        raise Conflict(f"id: there is a route {given.id!r}", reason="exists", field="id")
    keep(conn, "route", given.id, what, who, now, given.why)
    return read_route(conn, given.id)


def put_back_route(conn: Connection, given: RouteIn, version: int, who: str, now: datetime) -> Route:
    """One that was removed. Conflict where `version` is not the last one that it had."""
    _lock_tree(conn)
    last = conn.scalar(text("SELECT max(version) FROM route_version WHERE route_id = :id"), {"id": given.id})
    need_version(version, last)
    return add_route(conn, given, who, now, "taken_back")


def read_route(conn: Connection, identity: str) -> Route:
    return route_object(read_row(conn, "route", identity))


def change_route(
    conn: Connection, identity: str, given: RouteChange, who: str, now: datetime, what: str = "changed"
) -> Route:
    """The root takes everything, has no parent and is never off: an alarm that no route takes would be told to
    nobody."""
    _lock_tree(conn)
    row = lock_row(conn, "route", identity, given.version)
    if row.parent_id is None and (given.matchers or given.parent is not None or given.enabled is False):
        field = "matchers" if given.matchers else "enabled" if given.parent is None else "parent"
        raise InputError(f"{field}: the root of the routes takes every alarm", field=field, reason="root_route")
    if given.receivers is not None:
        need_receivers(conn, given.receivers)
    if given.parent is not None:
        _need_parent(conn, identity, given.parent)
    write_change(conn, "route", identity, given, {"parent": "parent_id"}, who, now, what)
    return read_route(conn, identity)


def remove_route(
    conn: Connection, identity: str, who: str, now: datetime, why: str | None = None, version: int | None = None
) -> None:
    """Its alarms take the way of its parent from then on. Conflict for the root, where others stand below it, and
    where it has changed since `version` was seen."""
    _lock_tree(conn)
    row = lock_row(conn, "route", identity, version)
    if row.parent_id is None:
        raise Conflict("the root of the routes stays", reason="root_route")
    if conn.scalar(text("SELECT 1 FROM route WHERE parent_id = :id LIMIT 1"), {"id": identity}):
        raise Conflict("other routes stand below it", reason="route_has_others")
    touch(conn, "route", identity, who, now)
    keep(conn, "route", identity, "removed", who, now, why)
    conn.execute(text("DELETE FROM route WHERE id = :id"), {"id": identity})


def list_receivers(conn: Connection) -> dict[str, Text]:
    """What a route can name: subscriptions with what they are called, by id."""
    rows = conn.execute(text("SELECT id, name_zh, name_en FROM subscription ORDER BY id"))
    return {row.id: {"zh": row.name_zh, "en": row.name_en} for row in rows}


def need_receivers(conn: Connection, receivers: Sequence[str]) -> None:
    known = {EVERYBODY, *list_receivers(conn)}
    unknown = next((one for one in receivers if one not in known), None)
    if unknown is not None:
        raise InputError(
            f"receivers: there is no subscription {unknown!r}", field="receivers", reason="no_subscription"
        )


def _need_parent(conn: Connection, identity: str, parent: str) -> None:
    """The parent is there, and not below the route itself."""
    parents = {row.id: row.parent_id for row in conn.execute(text("SELECT id, parent_id FROM route"))}
    at: str | None = parent
    while at is not None:
        if at not in parents or at == identity:
            raise InputError(f"parent: {parent!r} is no route above this one", field="parent", reason="no_parent_route")
        at = parents[at]


def _lock_tree(conn: Connection) -> None:
    conn.execute(text("SELECT id FROM route ORDER BY id FOR UPDATE"))
