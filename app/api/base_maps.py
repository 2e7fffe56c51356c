"""/api/base-maps: base maps of others, for who administers; /tiles/basemap: their tiles, for who sees the map."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.api.shapes import Limit, Name, part
from app.deps import Conn, Now, PartsDep, Who
from core import audit
from core.db import notify_change
from core.nouns import Page
from core.viewer import Permission
from layers.base_maps import (
    PREFIX,
    BaseMapIn,
    BaseMapObject,
    base_map_object,
    read_base_maps,
    remove_base_map,
    write_base_map,
)

router = APIRouter(tags=["map"])
Id = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
# a day: a service changes its maps more rarely, and whoever changes the description changes the address
CACHE = {"Cache-Control": "private, max-age=86400"}


@router.get("/api/base-maps")
def list_base_maps(conn: Conn, who: Who, cursor: Name = None, limit: Limit = 1000) -> Page[BaseMapObject]:
    """In the order of the tree; of a key it is told that there is one."""
    who.require(Permission.SOURCE_MANAGE)
    return part([base_map_object(one) for one in read_base_maps(conn)], cursor, limit)


@router.put("/api/base-maps/{name}")
def put_base_map(conn: Conn, who: Who, now: Now, name: Id, given: BaseMapIn) -> BaseMapObject:
    """A new base map, or another description of one that is there. It stands in the tree, turned off."""
    who.require(Permission.SOURCE_MANAGE)
    one = write_base_map(conn, name, given, now)
    notify_change(conn, "layer", [f"{PREFIX}{name}"])
    # the address as it is written, with {key} in place of the key
    data = {"id": name, "version": one.version, "address": one.address, "direct": one.direct}
    audit.write(conn, who, "base_map.write", now, data)
    return base_map_object(one)


@router.delete("/api/base-maps/{name}", status_code=204)
def delete_base_map(conn: Conn, who: Who, now: Now, name: Id) -> None:
    who.require(Permission.SOURCE_MANAGE)
    remove_base_map(conn, name)
    notify_change(conn, "layer", [f"{PREFIX}{name}"])
    audit.write(conn, who, "base_map.remove", now, {"id": name})


@router.get("/tiles/basemap/{name}/{z}/{x}/{y}", include_in_schema=False)
async def get_base_map_tile(
    who: Who, parts: PartsDep, name: str, z: int, x: int, y: int, v: int | None = None
) -> Response:
    """A tile as the service gives it; the key that opens it stays here. `v` makes another description another
    address."""
    tile = await parts.base_maps.fetch(name, z, x, y)
    return Response(tile.body, media_type=tile.type, headers=CACHE)
