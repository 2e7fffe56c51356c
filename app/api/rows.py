"""/api/layers/{name}/rows: rows of the city's own layers, read, edited, their past, an edit taken back."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from app.api.shapes import INT4, Limit, Name, page, parse_number
from app.deps import Conn, Now, Who
from core.given import Given
from core.nouns import Page
from core.viewer import Permission
from layers.row_history import RowEvent
from layers.rows import (
    Edit,
    Row,
    RowChange,
    RowIn,
    RowReplaced,
    create_row,
    delete_row,
    read_history,
    read_row,
    read_rows,
    replace_row,
    revert_row,
    update_row,
)

router = APIRouter(prefix="/api/layers/{name}/rows", tags=["map"])
Number = Annotated[str, Path(min_length=1, max_length=40)]
Filter = Annotated[str | None, Query(min_length=1, max_length=32_000)]


class RowRevertIn(Given):
    """Which change is taken back (its `id` of the history), in the version that was seen."""

    event: int = Field(ge=1, le=2**63 - 1)
    version: int = Field(ge=1, le=INT4)
    reason: str | None = Field(None, max_length=500)


@router.get("")
def list_rows(
    conn: Conn,
    who: Who,
    name: str,
    filter: Filter = None,
    filter_lang: Annotated[Literal["cql2-text", "cql2-json"], Query(alias="filter-lang")] = "cql2-text",
    cursor: Name = None,
    limit: Limit = 100,
) -> Page[Row]:
    """In the order of their numbers; `filter` in CQL2, as at /ogc."""
    who.require(Permission.CITY_READ)
    after = parse_number(cursor)
    found = read_rows(conn, name, who.scope, after=after, most=limit + 1, filter=filter, language=filter_lang)
    return page(found, limit)


@router.post("", status_code=201)
def post_row(conn: Conn, who: Who, now: Now, response: Response, name: str, body: RowIn) -> Row:
    who.require(Permission.LAYER_EDIT)
    made = create_row(conn, name, body.values, body.geometry, Edit(who, now, reason=body.reason), place=body.place)
    response.headers["Location"] = f"/api/layers/{made['layer']}/rows/{made['id']}"
    return made


@router.get("/{row}")
def get_row(conn: Conn, who: Who, name: str, row: Number) -> Row:
    who.require(Permission.CITY_READ)
    return read_row(conn, name, row, who.scope)


@router.put("/{row}")
def put_row(conn: Conn, who: Who, now: Now, name: str, row: Number, body: RowReplaced) -> Row:
    """What is not said has no value any more."""
    who.require(Permission.LAYER_EDIT)
    by = Edit(who, now, reason=body.reason)
    return replace_row(conn, name, row, {body.version}, body.values, body.geometry, by, place=body.place)


@router.patch("/{row}")
def patch_row(conn: Conn, who: Who, now: Now, name: str, row: Number, body: RowChange) -> Row:
    """What is not said stays; what is null has no value any more."""
    who.require(Permission.LAYER_EDIT)
    return update_row(conn, name, row, {body.version}, body.said(), Edit(who, now, reason=body.reason))


@router.delete("/{row}", status_code=204)
def remove_row(
    conn: Conn,
    who: Who,
    now: Now,
    name: str,
    row: Number,
    version: Annotated[int, Query(ge=1, le=INT4)],
    reason: Annotated[str | None, Query(max_length=500)] = None,
) -> None:
    """It can be taken back."""
    who.require(Permission.LAYER_EDIT)
    delete_row(conn, name, row, {version}, Edit(who, now, reason=reason))


@router.get("/{row}/history")
def get_row_history(
    conn: Conn, who: Who, name: str, row: Number, cursor: Name = None, limit: Limit = 100
) -> Page[RowEvent]:
    """Its changes by hand and by programs, the last first; what an import did is in the layer's lineage."""
    who.require(Permission.CITY_READ)
    return page(read_history(conn, name, row, who.scope, most=limit + 1, before=parse_number(cursor)), limit)


@router.post("/{row}/revert")
def post_row_revert(conn: Conn, who: Who, now: Now, name: str, row: Number, body: RowRevertIn) -> Row | None:
    """Bring back what it was before one of its changes; null where it was not there before."""
    who.require(Permission.LAYER_EDIT)
    return revert_row(conn, name, row, body.event, body.version, Edit(who, now, reason=body.reason))
