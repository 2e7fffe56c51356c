"""/api/layers, /tiles, /api/within"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import Connection

from app.api.exports import FILTER
from app.api.shapes import GeometryIn, Limit, Name, part
from app.deps import Conn, Now, Parts, PartsDep, Who
from app.problems import GEOJSON, gives
from core.catalogue.nouns import Kind
from core.errors import InputError
from core.faults import expects, listed
from core.nouns import Page
from core.scope import EVERYTHING, Scope
from core.texts import check_text
from core.viewer import Permission, Viewer
from layers.area import Area, area_meant
from layers.grids import MERCATOR, Grid
from layers.ogc.collections import collection
from layers.ogc.errors import BadRequest
from layers.ogc.query import read_wanted
from layers.served import COMPOSITE, LAYERS, describe_layers, read_features, read_tile, sight_of_tiles
from layers.spec import Layer
from layers.within import Inside, Within, list_within, read_within

router = APIRouter(tags=["map"])
TILE_TYPE = "application/vnd.mapbox-vector-tile"
CACHE = {"Cache-Control": "private, max-age=600"}
# another person at the same browser may see less
OWN_CACHE = {"Cache-Control": "private, no-cache"}


@router.get("/api/layers")
def list_layers(conn: Conn, who: Who, cursor: Name = None, limit: Limit = 1000) -> Page[Layer]:
    """In the order of the tree."""
    return part(describe_layers(conn, who.scope), cursor, limit)


@router.get("/api/layers/{name}/features", response_class=Response, responses=gives(GEOJSON))
def get_features(conn: Conn, who: Who, parts: PartsDep, name: str) -> Response:
    body = read_features(conn, name, who.scope)
    parts.uses.add(Kind.LAYER, name, "map", who.username)
    return Response(body, media_type=GEOJSON)


@router.get(
    "/tiles/{name}/{z}/{x}/{y}.mvt",
    response_class=Response,
    responses={**gives(TILE_TYPE), 204: {"description": "nothing is there"}},
)
def get_tile(who: Who, parts: PartsDep, name: str, z: int, x: int, y: int) -> Response:
    """204 where nothing is there. One that is kept takes no connection to the database; one that is not is made once,
    however many ask for it."""
    if name != COMPOSITE and name not in LAYERS:
        parts.own_layers.check(name, who.scope)
    elif name != COMPOSITE and not LAYERS[name].of_all:
        who.require(Permission.CITY_READ)
    if name != COMPOSITE:
        parts.uses.look(Kind.LAYER, name, "map", who.username)
    return tile_answer(parts, name, MERCATOR, (z, x, y), who.scope)


def tile_answer(parts: Parts, name: str, grid: Grid, place: tuple[int, int, int], scope: Scope) -> Response:
    """The tile at (z, x, y) of a layer that may be seen: kept, or made."""
    sight = sight_of_tiles(name, scope)

    def make() -> bytes:
        with parts.engine.connect() as conn:
            return read_tile(conn, name, *place, sight or EVERYTHING, grid)

    body = parts.tiles.get((name, grid.id, *place, sight), make)
    headers = CACHE if sight is None else OWN_CACHE
    return Response(body, media_type=TILE_TYPE, headers=headers) if body else Response(status_code=204, headers=headers)


AREAS = ("Polygon", "MultiPolygon", "Point", "LineString")


class WithinIn(GeometryIn):
    """A GeoJSON Polygon or MultiPolygon; a Point or LineString with `radius_m`; a Point with `of`: `district`, or one
    of the city's own layers of areas."""

    radius_m: float | None = Field(None, ge=1, le=20_000)
    of: str | None = Field(None, min_length=1, max_length=48)


@router.post("/api/within")
def post_within(conn: Conn, who: Who, now: Now, body: WithinIn) -> Within:
    """People, buildings, facilities, assets by class, units, sensors, cameras, incidents, alarms and features of the
    city's own layers inside a GeoJSON polygon, within a radius of a point or line, or in the district, grid cell or
    other area that a point is in."""
    return read_within(conn, _area(conn, who, body), now, who.scope)


@router.post("/api/within/{layer}")
def post_within_layer(
    conn: Conn,
    who: Who,
    parts: PartsDep,
    body: WithinIn,
    layer: str,
    filter: Annotated[str | None, Query(max_length=FILTER)] = None,
    cursor: Name = None,
    limit: Limit = 100,
) -> Page[Inside]:
    """The features of a layer that `/ogc/collections` names inside such an area, those of which `filter` (CQL2 text)
    is true."""
    area = _area(conn, who, body)
    try:
        check_text(filter or "", "filter")
        asked = replace(read_wanted(filter, None), after=cursor, limit=limit)
        found = list_within(conn, collection(conn, layer, who.scope), area, asked, who.scope)
    except BadRequest as exc:  # which is 400 under /ogc alone
        raise InputError(exc.message, field="cursor" if exc.field == "after" else exc.field, about=exc.about) from exc
    parts.uses.add(Kind.LAYER, layer, "map", who.username)
    return found


def _area(conn: Connection, who: Viewer, body: WithinIn) -> Area:
    who.require(Permission.CITY_READ)
    if body.type not in AREAS:
        raise InputError(
            f"type: expected one of {', '.join(AREAS)}, got {body.type!r}",
            field="type",
            about=expects("type", "one_of", expected=listed(list(AREAS))),
        )
    geometry = {"type": body.type, "coordinates": body.coordinates}
    return area_meant(conn, geometry, who.scope, body.radius_m, body.of)
