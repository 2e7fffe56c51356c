"""/ogc: features made, replaced, changed and removed, OGC API Features Part 4 (20-002): those of the city's own layers;
of the register of components they are changed.

Who may not edit, or not see a layer whole, is told by OPTIONS that there is only reading.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from sqlalchemy import Connection

from app.deps import Conn, Now, PartsDep, Who
from app.ogc.editing import (
    FEATURE,
    PATCH,
    READS,
    Feature,
    read_body,
    read_feature,
    read_patch,
    system_in,
    tag_of,
    versions_in,
)
from app.ogc.place import Place, check
from app.problems import problem
from core.errors import Conflict, Forbidden, InputError
from core.faults import expects
from core.given import as_input_error
from core.viewer import Permission, Viewer
from layers.assets import LAYER as ASSETS
from layers.assets import AssetChange, change_asset, read_asset
from layers.collection import Collection
from layers.drawn import read_shape
from layers.ogc.collections import collection
from layers.ogc.errors import Stale
from layers.ogc.query import read_item
from layers.ogc.systems import CRS84
from layers.own import need_layer, need_whole
from layers.rows import Edit, create_row, delete_row, read_row, replace_row, update_row

router = APIRouter(prefix="/ogc", include_in_schema=False)
ITEMS, ITEM = "/collections/{name}/items", "/collections/{name}/items/{key:path}"
# which methods stand at which of the two addresses
OF_ITEMS, OF_ITEM = frozenset({"POST"}), frozenset({"PUT", "PATCH", "DELETE"})
# what an account of an asset says that its register alone can
OF_REGISTER = ("code", "class", "subclass", "district")


async def read_raw(request: Request) -> bytes:
    return await request.body()


Raw = Annotated[bytes, Depends(read_raw)]


def edits_of(conn: Connection, one: Collection, who: Viewer) -> frozenset[str]:
    """By which methods this person may change features of a collection."""
    if not who.may(Permission.LAYER_EDIT):
        return frozenset()
    if one.edits and one.id != ASSETS:
        try:
            need_whole(need_layer(conn, one.id, who.scope), who.scope)
        except Forbidden:
            return frozenset()
    return one.edits


def allow(edits: frozenset[str]) -> str:
    return ", ".join(sorted({*READS, *edits}))


def not_allowed(request: Request, edits: frozenset[str]) -> Response:
    answer = problem(405, f"expected {allow(edits)}; got {request.method}", reason="method_not_allowed")
    answer.headers["Allow"] = allow(edits)
    return answer


@router.options(ITEMS)
def options_items(request: Request, conn: Conn, who: Who, name: str) -> Response:
    check(request)
    edits = edits_of(conn, collection(conn, name, who.scope), who) & OF_ITEMS
    return Response(headers={"Allow": allow(edits), **({"Accept-Post": ", ".join(FEATURE)} if edits else {})})


@router.options(ITEM)
def options_item(request: Request, conn: Conn, who: Who, name: str, key: str) -> Response:
    check(request)
    one = collection(conn, name, who.scope)
    read_item(conn, one, key, CRS84, who.scope)
    edits = edits_of(conn, one, who) & OF_ITEM
    return Response(headers={"Allow": allow(edits), **({"Accept-Patch": PATCH} if "PATCH" in edits else {})})


@router.post(ITEMS)
def post_item(request: Request, conn: Conn, who: Who, now: Now, parts: PartsDep, name: str, raw: Raw) -> Response:
    """A new feature; its address is in `Location`. An `id` in it is not taken: its number is ours to give."""
    one, refused = _door(request, conn, who, name, OF_ITEMS)
    if refused:
        return refused
    feature = read_feature(read_body(request, raw, FEATURE), one, None)
    values = _values(conn, one, feature, None)
    made = create_row(conn, one.id, values, feature.geometry, Edit(who, now, "ogc", crs=system_in(request)))
    host = Place(request, parts.settings.public_url).base
    where = f"{host}/collections/{quote(one.id)}/items/{made['id']}"
    return Response(status_code=201, headers={"Location": where, "ETag": tag_of(made["version"])})


@router.put(ITEM)
def put_item(request: Request, conn: Conn, who: Who, now: Now, name: str, key: str, raw: Raw) -> Response:
    """The whole feature anew: what it does not say has no value any more."""
    one, refused = _door(request, conn, who, name, OF_ITEM)
    if refused:
        return refused
    read_item(conn, one, key, CRS84, who.scope)
    feature = read_feature(read_body(request, raw, FEATURE), one, key)
    values = _values(conn, one, feature, read_row(conn, one.id, key, who.scope)["key"])
    by = Edit(who, now, "ogc", crs=system_in(request))
    try:
        row = replace_row(conn, one.id, key, versions_in(request), values, feature.geometry, by)
    except Conflict as exc:
        raise _stale(exc) from exc
    return Response(status_code=204, headers={"ETag": tag_of(row["version"])})


@router.patch(ITEM)
def patch_item(request: Request, conn: Conn, who: Who, now: Now, name: str, key: str, raw: Raw) -> Response:
    """Some of its properties, or its place: what is null has no value any more."""
    one, refused = _door(request, conn, who, name, OF_ITEM)
    if refused:
        return refused
    before = read_item(conn, one, key, CRS84, who.scope)
    feature = read_patch(read_body(request, raw, (PATCH,)), one, key)
    try:
        if one.id == ASSETS:
            version = _patch_asset(request, conn, who, now, before, feature)
        else:
            by = Edit(who, now, "ogc", crs=system_in(request))
            said = {
                **feature.said(),
                "values": _values(conn, one, feature, read_row(conn, one.id, key, who.scope)["key"]),
            }
            version = update_row(conn, one.id, key, versions_in(request), said, by)["version"]
    except Conflict as exc:
        raise _stale(exc) from exc
    return Response(status_code=204, headers={"ETag": tag_of(version)})


@router.delete(ITEM)
def delete_item(request: Request, conn: Conn, who: Who, now: Now, name: str, key: str) -> Response:
    one, refused = _door(request, conn, who, name, OF_ITEM)
    if refused:
        return refused
    read_item(conn, one, key, CRS84, who.scope)
    try:
        delete_row(conn, one.id, key, versions_in(request), Edit(who, now, "ogc"))
    except Conflict as exc:
        raise _stale(exc) from exc
    return Response(status_code=204)


def _door(
    request: Request, conn: Connection, who: Viewer, name: str, here: frozenset[str]
) -> tuple[Collection, Response | None]:
    """The collection, and 405 where its features are not changed so. Forbidden for who may not edit; who does not see
    the layer whole is told so where the row is written."""
    who.require(Permission.LAYER_EDIT)
    check(request)
    one = collection(conn, name, who.scope)
    edits = one.edits & here
    return one, None if request.method in edits else not_allowed(request, edits)


def _values(conn: Connection, one: Collection, feature: Feature, key: str | None) -> dict[str, Any]:
    """The columns of a row. `key`, which is shown beside them, is what it is, or what its column says."""
    values = dict(feature.properties)
    if any(sql == "key" for column, sql in one.values if column.name == "key"):
        said, named_by = values.pop("key", None), need_layer(conn, one.id).key
        if said is not None and str(said) not in (key, str(values.get(named_by or ""))):
            raise InputError(
                "key: expected what it was; the column that names the row changes it",
                field="key",
                about=expects("key", "stays"),
            )
    return values


def _patch_asset(
    request: Request, conn: Connection, who: Viewer, now: datetime, before: dict[str, Any], said: Feature
) -> int:
    """A component corrected (layers.assets): what its code says, and its district, are not to be said otherwise."""
    was, change = before["properties"], dict(said.properties)
    for name in OF_REGISTER:
        if name in change and change.pop(name) != was[name]:
            raise InputError(
                f"{name}: expected {was[name]!r}; it follows from the code and the place",
                field=name,
                about=expects(name, "stays"),
            )
    if said.has_geometry:
        drawn = read_shape(conn, said.geometry, "point", system_in(request))
        if drawn.geom_type != "Point":
            raise InputError("geometry: expected a Point", field="geometry", about=expects("geometry", "a_point"))
        change |= {"lon": drawn.x, "lat": drawn.y}
    version = read_asset(conn, before["id"], who.scope, lock=True)["version"]
    seen = versions_in(request)
    if seen is not None and version not in seen:
        raise Stale("If-Match: somebody else has changed it meanwhile", field="If-Match")
    try:
        given = AssetChange.model_validate({**change, "version": version})
    except ValidationError as exc:
        raise as_input_error(exc) from exc
    return change_asset(conn, before["id"], given, who, now)["version"]


def _stale(exc: Conflict) -> Conflict:
    """A version that is not there any more is 412 here; a key that is taken is a conflict."""
    if exc.reason != Stale.reason:
        return exc
    return Stale("If-Match: somebody else has changed it meanwhile", field="If-Match")
