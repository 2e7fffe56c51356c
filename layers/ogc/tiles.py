"""Tiles of a collection: which grids there are (OGC Two Dimensional Tile Matrix Set 2.0, 17-083r4), which tiles of them
a layer is in (OGC API Tiles Part 1, 20-057), and the same as TileJSON 3.0.0.

morecantile and pyproj, which it loads, come with the first who asks.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from core.errors import NotFound
from core.scope import Scope
from layers.collection import Collection
from layers.grids import GRIDS, MERCATOR, Grid
from layers.own import need_layer, spec_of
from layers.served import LAYERS, read_tile_fields
from layers.spec import LayerSpec

if TYPE_CHECKING:
    from morecantile import TileMatrixSet

Json = dict[str, Any]
# the map asks for no finer tile, it enlarges them
FINEST = 16
TITLES = {"WebMercatorQuad": "Web Mercator (EPSG:3857)", "CGCS2000Quad": "CGCS2000 (EPSG:4490)"}
# JSON Schema of what TileJSON calls by its own words
SCHEMAS = {"String": "string", "Number": "number", "Boolean": "boolean"}
# how many dimensions a shape has (20-057)
DIMENSIONS = {"point": 0, "line": 1, "polygon": 2, "hex": 2}


def need_grid(name: str) -> Grid:
    """NotFound where there is none."""
    if name not in GRIDS:
        raise NotFound(
            f"tileMatrixSetId: there is no {name[:60]!r}; expected one of {', '.join(GRIDS)}", field="tileMatrixSetId"
        )
    return GRIDS[name]


@cache
def matrices(grid: Grid) -> TileMatrixSet:
    """As morecantile knows it. CGCS2000Quad is not among those that OGC registers: two squares of 180 degrees, halved
    with each level, latitude first as EPSG:4490 has it."""
    import morecantile
    from pyproj import CRS

    found: TileMatrixSet
    if grid is MERCATOR:
        found = morecantile.tms.get(grid.id)
        return found
    found = morecantile.TileMatrixSet.custom(
        [-180, -90, 180, 90],
        CRS.from_epsg(grid.srid),
        matrix_scale=[2, 1],
        maxzoom=grid.levels - 1,
        title=TITLES[grid.id],
        id=grid.id,
        ordered_axes=["Lat", "Lon"],
    )
    return found


def describe_grid(grid: Grid) -> Json:
    """The tile matrix set as JSON (17-083r4)."""
    told: Json = matrices(grid).model_dump(mode="json", exclude_none=True, by_alias=True)
    return told


def has_tiles(one: Collection) -> bool:
    """Of a layer of the city's own: those of what has a shape (`spec_of_tiles`)."""
    return LAYERS[one.id].tile is not None if one.id in LAYERS else one.drawn


def spec_of_tiles(conn: Connection, one: Collection, scope: Scope) -> LayerSpec:
    """The layer whose tiles a collection has. NotFound where it has none."""
    spec = LAYERS[one.id] if one.id in LAYERS else _own(conn, one, scope)
    if spec is None or spec.tile is None:
        raise NotFound(f"collectionId: the layer {one.id} has no tiles", field="collectionId")
    return spec


def _own(conn: Connection, one: Collection, scope: Scope) -> LayerSpec | None:
    layer = need_layer(conn, one.id, scope)
    return None if layer.geometry == "none" else spec_of(layer)


def limits(grid: Grid, spec: LayerSpec, box: list[float] | None) -> list[Json]:
    """Which tiles of each level a layer is in (17-083r4); none where it has no place."""
    if box is None:
        return []
    west, south, east, north = box
    found = []
    for level in levels(grid, spec):
        top_left, bottom_right = (matrices(grid).tile(x, y, level) for x, y in ((west, north), (east, south)))
        found.append(
            {
                "tileMatrix": str(level),
                "minTileRow": max(top_left.y, 0),
                "maxTileRow": min(bottom_right.y, grid.rows(level) - 1),
                "minTileCol": max(top_left.x, 0),
                "maxTileCol": min(bottom_right.x, grid.columns(level) - 1),
            }
        )
    return found


def levels(grid: Grid, spec: LayerSpec) -> range:
    """On which levels a layer has tiles, from that on which it is drawn: tiles of a level of every grid are as large
    as those of the square world's level `first` deeper."""
    return range(max(spec.min_zoom - grid.first, 0), FINEST - grid.first + 1)


def layer_of(conn: Connection, one: Collection, spec: LayerSpec) -> Json:
    """What a tileset says of the one layer in it (20-057)."""
    fields = read_tile_fields(conn, one.id)
    return {
        "id": one.id,
        "title": one.title["en"],
        "dataType": "vector",
        "geometryDimension": DIMENSIONS[spec.geometry],
        "propertiesSchema": {
            "type": "object",
            "properties": {name: {"type": SCHEMAS[kind]} for name, kind in fields.items()},
        },
    }


def tilejson(conn: Connection, one: Collection, spec: LayerSpec, url: str, box: list[float] | None) -> Json:
    """TileJSON 3.0.0; `url` has places for `{z}`, `{x}` and `{y}`."""
    drawn = levels(MERCATOR, spec)
    told: Json = {
        "tilejson": "3.0.0",
        "name": one.title["en"],
        "description": one.title["zh"],
        "scheme": "xyz",
        "tiles": [url],
        "minzoom": drawn[0],
        "maxzoom": drawn[-1],
        "vector_layers": [
            {
                "id": one.id,
                "description": one.title["en"],
                "minzoom": drawn[0],
                "maxzoom": drawn[-1],
                "fields": read_tile_fields(conn, one.id),
            }
        ],
    }
    if box is not None:
        west, south, east, north = box
        told |= {"bounds": box, "center": [round((west + east) / 2, 6), round((south + north) / 2, 6), drawn[0]]}
    return told
