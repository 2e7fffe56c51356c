"""/api/layers, /tiles, /api/within"""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.shapes import GeometryIn, Limit, Name, part
from app.deps import Conn, Now, PartsDep, Who
from app.problems import GEOJSON, gives
from core.errors import InputError
from core.nouns import Page
from core.scope import EVERYTHING
from core.viewer import Permission
from layers.catalogue import COMPOSITE, LAYERS, describe_layers, read_features, read_tile, sight_of_tiles
from layers.place import Within, read_within
from layers.spec import Layer

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
def get_features(conn: Conn, who: Who, name: str) -> Response:
    return Response(read_features(conn, name, who.scope), media_type=GEOJSON)


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

    sight = sight_of_tiles(name, who.scope)

    def make() -> bytes:
        with parts.engine.connect() as conn:
            return read_tile(conn, name, z, x, y, sight or EVERYTHING)

    body = parts.tiles.get((name, z, x, y, sight), make)
    headers = CACHE if sight is None else OWN_CACHE
    return Response(body, media_type=TILE_TYPE, headers=headers) if body else Response(status_code=204, headers=headers)


@router.post("/api/within")
def post_within(conn: Conn, who: Who, now: Now, body: GeometryIn) -> Within:
    """People, buildings, facilities, units, sensors and cameras inside a GeoJSON polygon."""
    who.require(Permission.CITY_READ)
    if body.type not in ("Polygon", "MultiPolygon"):
        raise InputError(f"type: expected Polygon or MultiPolygon, got {body.type!r}", field="type")
    return read_within(conn, body.model_dump(), now, who.scope)
