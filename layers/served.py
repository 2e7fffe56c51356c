"""All layers, and how they are read: descriptions, vector tiles, GeoJSON. Functions take a connection, never a
request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import Connection, TextClause, text

from core.clock import rfc3339
from core.errors import Conflict, InputError, NotFound
from core.faults import expects
from core.registry import Registry
from core.scope import EVERYTHING, Scope
from layers.base_maps import read_base_maps
from layers.grids import MERCATOR, Grid
from layers.own import count_rows, read_layer, read_layers, spec_of, tile_of
from layers.sets import base, city, live
from layers.sets.base import PLACES_TILE
from layers.spec import Layer, LayerSpec

LAYERS: Registry[LayerSpec] = Registry("onemap.layers", [*base.SET, *city.SET, *live.SET], key=lambda layer: layer.id)
COMPOSITE = "base"
# what a tile, a source of the map or an address below /api/layers is called besides
RESERVED = frozenset({COMPOSITE, "places", "select", "matters", "routes", "own", "files", "import"})
# more things than that are not counted but estimated
COUNTED_UP_TO = 50_000
COMPOSED = ("water", "green", "streets", "districts")
TILE = """
WITH bounds AS (SELECT e AS tile,
  ST_Transform(ST_Intersection(ST_Expand(e, (ST_XMax(e) - ST_XMin(e)) / 64), {world}), 4326) AS box
  FROM {envelope} AS e),
part AS ({select})
"""
# types of PostgreSQL that are no text: bool, int8, int2, int4, float4, float8, numeric
TYPES = {16: "Boolean", **dict.fromkeys((20, 21, 23, 700, 701, 1700), "Number")}
# what has no shape there is left out by ST_AsMVT itself
DRAWN = f"{TILE} SELECT ST_AsMVT(part, :name, 4096, 'mvt') FROM part"
NAMED = f"{TILE} SELECT * FROM part LIMIT 0"


def need_ours(name: str) -> LayerSpec:
    """NotFound, which names those there are, for a layer that is none of ours."""
    return LAYERS[name]


def check_free(name: str) -> None:
    """Conflict where an id is one of ours."""
    if name in LAYERS or name in RESERVED:
        raise Conflict(f"layer: {name!r} is one of the layers there are; expected another id", field="layer")


def describe_layers(conn: Connection, scope: Scope = EVERYTHING) -> list[Layer]:
    """Those of which a scope can see anything, then the city's own, then the base maps of others."""
    described: list[Layer] = []
    for layer in LAYERS:
        if not (scope.city or layer.of_all):
            continue
        # whoever sees all is told the planner's estimate of a large table, which a condition would spoil
        whole = scope.covers(EVERYTHING)
        updating, counted = layer.updated, layer.counted
        if not whole:
            updating, counted = layer.updated_seen or updating, layer.counted_seen or counted
        updated = conn.scalar(text(updating), scope.params()) if updating else None
        count, estimated = count_things(conn, counted, scope)
        described.append(layer.describe(count, rfc3339(updated) if updated else None, estimated=estimated))
    for own in read_layers(conn, scope):
        described.append(spec_of(own).describe(count_rows(conn, own, scope), rfc3339(own.changed_at)))
    return [*described, *(one.as_layer() for one in read_base_maps(conn))]


def count_things(conn: Connection, counted: str, scope: Scope = EVERYTHING) -> tuple[int, bool]:
    """How many rows there are, and whether that is the planner's estimate: a large table is not read to be counted."""
    given = scope.params()
    [plan] = conn.scalars(text(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {counted}"), given).one()
    guess = int(plan["Plan"]["Plan Rows"])
    if guess > COUNTED_UP_TO:
        return guess, True
    return int(conn.scalar(text(f"SELECT count(*) FROM {counted}"), given) or 0), False


def sight_of_tiles(name: str, scope: Scope) -> Scope | None:
    """How much of a scope makes a tile of this layer another: who have the same see the same one. None where all do."""
    if name == COMPOSITE or (name in LAYERS and not LAYERS[name].scoped):
        return None
    return Scope(departments=scope.departments, districts=scope.districts)


def check_place(grid: Grid, z: int, x: int, y: int) -> None:
    """InputError for a tile that the grid has not."""
    if not 0 <= z < grid.levels:
        raise InputError(
            f"z: expected 0 to {grid.levels - 1}",
            field="z",
            about=expects("z", "between", least="0", most=str(grid.levels - 1)),
        )
    for axis, value, count in (("x", x, grid.columns(z)), ("y", y, grid.rows(z))):
        if not 0 <= value < count:
            raise InputError(
                f"{axis}: expected 0 to {count - 1} at zoom {z}",
                field=axis,
                about=expects(axis, "between", least="0", most=str(count - 1)),
            )


def read_tile(
    conn: Connection, name: str, z: int, x: int, y: int, scope: Scope = EVERYTHING, grid: Grid = MERCATOR
) -> bytes:
    """A vector tile (Mapbox Vector Tile 2.1) of one layer, or of the base map, as far as a scope sees; empty bytes
    where nothing is there."""
    check_place(grid, z, x, y)
    if name == COMPOSITE:
        parts = [(part, LAYERS[part].tile or "") for part in COMPOSED] + [("places", PLACES_TILE)]
    else:
        parts = [(name, _select(conn, name))]
    place = {"z": z + grid.first, "x": x, "y": y, **scope.params()}
    bodies = (conn.scalar(_compose(DRAWN, select, grid), {**place, "name": part}) for part, select in parts)
    return b"".join(bytes(body) for body in bodies if body)


def read_tile_fields(conn: Connection, name: str) -> dict[str, str]:
    """What the features of a layer's tiles have beside their shape, and of which type: String, Number or Boolean
    (TileJSON 3.0.0, section 3.3.2). NotFound for a layer without tiles."""
    asked = {"z": 0, "x": 0, "y": 0, **EVERYTHING.params()}
    found = conn.execute(_compose(NAMED, _select(conn, name), MERCATOR), asked)
    described: Iterable[tuple[Any, ...]] = () if found.cursor is None else found.cursor.description
    return {str(one[0]): TYPES.get(one[1], "String") for one in described if one[0] != "mvt"}


def _select(conn: Connection, name: str) -> str:
    own = None if name in LAYERS else read_layer(conn, name)
    tile = tile_of(own) if own else need_ours(name).tile
    if tile is None:
        raise NotFound(f"the layer {name} has no tiles")
    return tile


def _compose(statement: str, select: str, grid: Grid) -> TextClause:
    whole = statement.format(select=select, envelope=grid.envelope, world=grid.world)
    for name, words in ((":z", "CAST(:z AS int)"), (":srid", str(grid.srid)), (":width", str(grid.width))):
        whole = whole.replace(name, words)
    return text(whole)


def read_features(conn: Connection, name: str, scope: Scope = EVERYTHING) -> bytes:
    """What a scope sees of a layer as a GeoJSON FeatureCollection."""
    layer = LAYERS[name]
    if layer.features is None:
        raise NotFound(f"the layer {name} is not served as features; see its url in /api/layers")
    rows = conn.execute(
        text(f"SELECT id, ST_X(geom) AS lon, ST_Y(geom) AS lat, props FROM ({layer.features}) AS f ORDER BY id"),
        scope.params(),
    )
    features = [
        {
            "type": "Feature",
            "id": row.id,
            "geometry": {"type": "Point", "coordinates": [row.lon, row.lat]},
            "properties": {"id": row.id, **row.props},
        }
        for row in rows
    ]
    return orjson.dumps({"type": "FeatureCollection", "features": features})
