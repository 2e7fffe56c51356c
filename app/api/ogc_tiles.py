"""/ogc/tileMatrixSets, /ogc/collections/{id}/tiles: grids, tilesets and vector tiles (OGC API Tiles Part 1, 20-057),
TileJSON. The tiles of a layer are the map's own."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from app.api.layers import TILE_TYPE, tile_answer
from app.deps import Conn, PartsDep, Who
from app.ogc.place import ANYWHERE, JSON, RELATION, Json, Place, answer, check
from core.catalogue.nouns import Kind
from core.errors import InputError, NotFound
from layers.collection import Collection
from layers.grids import GRIDS, MERCATOR, Grid
from layers.ogc.collections import collection
from layers.ogc.query import read_extent
from layers.ogc.systems import CRS84
from layers.ogc.tiles import describe_grid, layer_of, limits, need_grid, spec_of_tiles, tilejson
from layers.served import LAYERS, check_place

router = APIRouter(prefix="/ogc", include_in_schema=False)
TILING = f"{RELATION}tiling-scheme"


def check_json(request: Request) -> None:
    check(request, formats=("json",))


@router.get("/tileMatrixSets")
def get_grids(request: Request, who: Who, parts: PartsDep) -> Response:
    check_json(request)
    place = Place(request, parts.settings.public_url)
    listed = [
        {**_named(grid), "links": [place.link(f"/tileMatrixSets/{grid.id}", "self", JSON, grid.id)]}
        for grid in GRIDS.values()
    ]
    return answer({"tileMatrixSets": listed})


@router.get("/tileMatrixSets/{grid}")
def get_grid(request: Request, who: Who, grid: str) -> Response:
    """A grid as OGC 17-083r4 has it."""
    check_json(request)
    return answer(describe_grid(need_grid(grid)))


def _named(grid: Grid) -> Json:
    told = describe_grid(grid)
    return {name: told[name] for name in ("id", "title", "uri", "crs") if name in told}


def _tileset(place: Place, one: Collection, grid: Grid) -> Json:
    """As it is listed."""
    here = f"/collections/{quote(one.id)}/tiles/{grid.id}"
    told = _named(grid)
    about: Json = {
        "title": f"{one.title['zh']} {one.title['en']}",
        "dataType": "vector",
        "crs": told["crs"],
        "tileMatrixSetId": grid.id,
        "links": [
            place.link(here, "self", JSON, grid.id),
            place.link(f"/tileMatrixSets/{grid.id}", TILING, JSON, told["title"]),
            place.template(f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", "item", TILE_TYPE, "Tiles"),
        ],
    }
    if "uri" in told:
        about["tileMatrixSetURI"] = told["uri"]
    if grid is MERCATOR:
        about["links"].append(place.link(f"{here}/tilejson.json", "describedby", JSON, "TileJSON"))
    return about


@router.get("/collections/{name}/tiles")
def get_tilesets(request: Request, conn: Conn, who: Who, parts: PartsDep, name: str) -> Response:
    check_json(request)
    one = collection(conn, name, who.scope)
    spec_of_tiles(conn, one, who.scope)
    place = Place(request, parts.settings.public_url)
    path = f"/collections/{quote(one.id)}"
    links = [place.link(f"{path}/tiles", "self", JSON, "Tiles"), place.link(path, "collection", JSON, one.title["en"])]
    return answer({"links": links, "tilesets": [_tileset(place, one, grid) for grid in GRIDS.values()]})


@router.get("/collections/{name}/tiles/{grid}")
def get_tileset(request: Request, conn: Conn, who: Who, parts: PartsDep, name: str, grid: str) -> Response:
    """What is in the tiles of a layer, and which there are."""
    check_json(request)
    one, found = collection(conn, name, who.scope), need_grid(grid)
    spec = spec_of_tiles(conn, one, who.scope)
    box = read_extent(conn, one, who.scope)
    place = Place(request, parts.settings.public_url)
    told: Json = {
        **_tileset(place, one, found),
        "layers": [layer_of(conn, one, spec)],
        "tileMatrixSetLimits": limits(found, spec, box),
    }
    if box is not None:
        told["boundingBox"] = {"lowerLeft": box[:2], "upperRight": box[2:], "crs": CRS84}
    return answer(told)


@router.get("/collections/{name}/tiles/{grid}/tilejson.json")
def get_tilejson(request: Request, conn: Conn, who: Who, parts: PartsDep, name: str, grid: str) -> Response:
    """TileJSON 3.0.0 of the Web Mercator tiles: it knows no other grid."""
    check_json(request)
    one = collection(conn, name, who.scope)
    if need_grid(grid) is not MERCATOR:
        raise NotFound(f"tileMatrixSetId: expected {MERCATOR.id}, the one grid of TileJSON", field="tileMatrixSetId")
    spec = spec_of_tiles(conn, one, who.scope)
    place = Place(request, parts.settings.public_url)
    url = place.template(f"/collections/{quote(one.id)}/tiles/{grid}/{{z}}/{{y}}/{{x}}", "item", TILE_TYPE, "")["href"]
    return answer(tilejson(conn, one, spec, url, read_extent(conn, one, who.scope)))


@router.get("/collections/{name}/tiles/{grid}/{level}/{row}/{column}")
def get_tile(
    request: Request, who: Who, parts: PartsDep, name: str, grid: str, level: str, row: str, column: str
) -> Response:
    """A vector tile; 204 where nothing is in it, 404 where there is none (20-057). Row before column."""
    check(request, ANYWHERE, ("mvt",))
    found = need_grid(grid)
    if name not in LAYERS:
        parts.own_layers.check(name, who.scope)
    elif not (who.scope.shows_layer(name) and (LAYERS[name].of_all or who.scope.city)):
        raise NotFound(f"layer: there is no layer {name!r}", field="layer")
    if not all(part.isascii() and part.isdigit() and len(part) < 9 for part in (level, row, column)):
        raise NotFound("tile: expected numbers of a level, a row and a column", field="tileMatrix")
    z, y, x = int(level), int(row), int(column)
    try:
        check_place(found, z, x, y)
    except InputError as exc:
        raise NotFound(exc.message, field=exc.field) from exc
    parts.uses.look(Kind.LAYER, name, "gis", who.username)
    return tile_answer(parts, name, found, (z, x, y), who.scope)
