"""/api/layers, /tiles, /api/within"""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.shapes import GeometryIn, Limit, Name, part
from app.deps import Conn, Now, Parts, PartsDep, Who
from app.problems import GEOJSON, gives
from core.catalogue.nouns import Kind
from core.errors import InputError
from core.nouns import Page
from core.scope import EVERYTHING, Scope
from core.viewer import Permission
from layers.grids import MERCATOR, Grid
from layers.served import COMPOSITE, LAYERS, describe_layers, read_features, read_tile, sight_of_tiles
from layers.spec import Layer
from layers.within import Within, read_within

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
    who.require(Permission.CITY_READ)
    if body.type not in AREAS:
        raise InputError(f"type: expected one of {', '.join(AREAS)}, got {body.type!r}", field="type")
    geometry = {"type": body.type, "coordinates": body.coordinates}
    return read_within(conn, geometry, now, who.scope, body.radius_m, body.of)
