"""All layers, and how they are read: descriptions, vector tiles, GeoJSON. Functions take a connection, never a
request."""

from __future__ import annotations

import orjson
from sqlalchemy import Connection, text

from core.clock import rfc3339
from core.errors import Conflict, InputError, NotFound
from core.registry import Registry
from core.scope import EVERYTHING, Scope
from layers.own import count_rows, read_layer, read_layers, spec_of, tile_of
from layers.sets import base, city, live
from layers.sets.base import PLACES_TILE
from layers.spec import Layer, LayerSpec

LAYERS: Registry[LayerSpec] = Registry("onemap.layers", [*base.SET, *city.SET, *live.SET], key=lambda layer: layer.id)
COMPOSITE = "base"
# what a tile or a source of the map is called besides
RESERVED = frozenset({COMPOSITE, "places", "select", "matters", "routes", "own"})
# more things than that are not counted but estimated
COUNTED_UP_TO = 50_000
COMPOSED = ("water", "green", "streets", "districts")
MIN_ZOOM, MAX_ZOOM = 0, 22
TILE = """
WITH bounds AS (SELECT e AS tile,
  ST_Transform(ST_Expand(e, (ST_XMax(e) - ST_XMin(e)) / 64), 4326) AS box FROM ST_TileEnvelope(:z, :x, :y) AS e),
part AS ({select})
SELECT ST_AsMVT(part, :name, 4096, 'mvt') FROM part WHERE mvt IS NOT NULL
"""


def need_ours(name: str) -> LayerSpec:
    """NotFound, which names those there are, for a layer that is none of ours."""
    return LAYERS[name]


def check_free(name: str) -> None:
    """Conflict where an id is one of ours."""
    if name in LAYERS or name in RESERVED:
        raise Conflict(f"layer: {name!r} is one of the layers there are; expected another id", field="layer")


def describe_layers(conn: Connection, scope: Scope = EVERYTHING) -> list[Layer]:
    """Those of which a scope can see anything, the city's own last."""
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
    return described


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


def read_tile(conn: Connection, name: str, z: int, x: int, y: int, scope: Scope = EVERYTHING) -> bytes:
    """A vector tile (Mapbox Vector Tile 2.1) of one layer, or of the base map, as far as a scope sees; empty bytes
    where nothing is there."""
    if not MIN_ZOOM <= z <= MAX_ZOOM:
        raise InputError(f"z: expected {MIN_ZOOM} to {MAX_ZOOM}", field="z")
    for axis, value in (("x", x), ("y", y)):
        if not 0 <= value < 2**z:
            raise InputError(f"{axis}: expected 0 to {2**z - 1} at zoom {z}", field=axis)
    if name == COMPOSITE:
        parts = [(part, LAYERS[part].tile or "") for part in COMPOSED] + [("places", PLACES_TILE)]
    else:
        own = None if name in LAYERS else read_layer(conn, name)
        tile = tile_of(own) if own else need_ours(name).tile
        if tile is None:
            raise NotFound(f"the layer {name} has no tiles")
        parts = [(name, tile)]
    return b"".join(_part(conn, part, select, (z, x, y), scope) for part, select in parts)


def _part(conn: Connection, name: str, select: str, place: tuple[int, int, int], scope: Scope) -> bytes:
    given = {"name": name, **dict(zip("zxy", place, strict=True)), **scope.params()}
    body = conn.scalar(text(TILE.format(select=select).replace(":z", "CAST(:z AS int)")), given)
    return bytes(body) if body else b""


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
