"""What is inside an area of the city: a polygon, or all within a radius of a point or line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, InternalError
from typing_extensions import TypedDict

from core.errors import Forbidden, InputError, NotFound
from core.exposure import city_zone, inside
from core.geodesy import metres_per_degree
from core.scope import EVERYTHING, Scope, seen, seen_asset
from core.types import JsonObject, LonLat, Params
from core.vocabulary import Text
from layers.columns import with_role
from layers.own import need_layer, read_layers
from layers.served import LAYERS

_IS_AREA = text("SELECT ST_IsValid(g) AND ST_Area(g) > 0 FROM ST_GeomFromGeoJSON(:shape) AS g")
# more than any register's outline of a district, larger than any city
RINGS_AT_MOST, POSITIONS_AT_MOST, KM2_AT_MOST = 500, 10_000, 200_000


class FacilityRef(TypedDict):
    id: str
    kind: str
    names: Text


class OfClass(TypedDict):
    """Urban components of a class, and how many of them are not well."""

    key: str
    count: int
    faults: int


class OfLayer(TypedDict):
    """Features of one of the city's own layers."""

    id: str
    title: Text
    count: int


class Within(TypedDict):
    """Who and what is inside an area; `people` at this hour, null where nobody has counted. `geometry` is the area that
    was meant: of a point or line all within its radius. `name`: of a district or a row that was asked for. `cut_to`:
    the districts of who asks, where the area reaches beyond them: only what is in these is told. `area_m2` and
    `length_m` (of a line that was given) on the spheroid."""

    geometry: JsonObject
    name: Text | None
    area_m2: float
    length_m: float | None

    cut_to: list[str] | None
    people: int | None
    buildings: int
    facilities: list[FacilityRef]
    assets: list[OfClass]
    layers: list[OfLayer]
    units: int
    sensors: int
    cameras: int
    incidents: int
    alarms: int


# of a line that is walked along
LINE_AT_MOST = 200
_AROUND = text("""
SELECT ST_AsGeoJSON(ST_Buffer(g::geography, :radius, 'quad_segs=16')::geometry) AS shape,
  ST_Length(g::geography) AS length
FROM (SELECT ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326) AS g) AS given
""")


def area_around(conn: Connection, geometry: Mapping[str, Any], radius_m: float) -> tuple[JsonObject, float | None]:
    """All within a radius of a Point or LineString, as a polygon, and how long the line is (both on the spheroid).
    InputError where it is neither."""
    positions = geometry["coordinates"] if geometry["type"] == "LineString" else [geometry["coordinates"]]
    try:
        places = [(float(lon), float(lat)) for lon, lat in positions]
    except (TypeError, ValueError) as exc:
        raise InputError("coordinates: expected [lon, lat]", field="coordinates") from exc
    if not all(abs(lon) <= 180 and abs(lat) <= 90 for lon, lat in places):
        raise InputError("coordinates: expected longitude up to 180, latitude up to 90", field="coordinates")
    if geometry["type"] == "LineString" and not 2 <= len(places) <= LINE_AT_MOST:
        raise InputError(f"coordinates: expected 2 to {LINE_AT_MOST} positions", field="coordinates")
    try:
        with conn.begin_nested():
            row = conn.execute(_AROUND, {"shape": json.dumps(geometry), "radius": radius_m}).one()
    except (InternalError, DataError) as exc:
        raise InputError("coordinates: expected [lon, lat]", field="coordinates") from exc
    found: JsonObject = json.loads(row.shape)
    return found, float(row.length) if geometry["type"] == "LineString" else None


def point_of(geometry: Mapping[str, Any]) -> LonLat:
    try:
        lon, lat = map(float, geometry["coordinates"])
    except (TypeError, ValueError) as exc:
        raise InputError("coordinates: expected [lon, lat]", field="coordinates") from exc
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise InputError("coordinates: expected longitude up to 180, latitude up to 90", field="coordinates")
    return LonLat(lon, lat)


# what an area can be of besides a layer of the city's own
DISTRICT = "district"
_DISTRICT_AT = text("""
SELECT ST_AsGeoJSON(geom, 7) AS shape, name_zh AS zh, name_en AS en FROM district
WHERE ST_Intersects(geom, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)) ORDER BY ST_Area(geom), code LIMIT 1
""")
_ROW_AT = text(f"""
SELECT ST_AsGeoJSON(geom, 7) AS shape, COALESCE(props->>:label, key) AS zh, NULL AS en FROM layer_row
WHERE layer_id = :layer AND ST_Intersects(geom, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
  AND {seen("district", ":classification")} ORDER BY ST_Area(geom), id LIMIT 1
""")


def area_at(conn: Connection, place: LonLat, of: str, scope: Scope = EVERYTHING) -> tuple[JsonObject, Text]:
    """The district at a place, or the smallest area of one of the city's own layers there (a grid cell, a block, a
    protected zone), with its name. NotFound where none is."""
    given: Params = {"lon": place.lon, "lat": place.lat}
    if of == DISTRICT:
        row = conn.execute(_DISTRICT_AT, given).one_or_none()
    else:
        layer = need_layer(conn, of, scope)
        if layer.geometry != "polygon":
            raise InputError("of: expected a layer of areas, or district", field="of")
        label = with_role(layer.columns, "label")
        where = {"layer": layer.id, "classification": layer.classification, "label": label.name if label else ""}
        row = conn.execute(_ROW_AT, {**given, **where, **scope.params()}).one_or_none()
    if row is None:
        raise NotFound("of: nothing of it is there", field="of", reason="no_area_there")
    return json.loads(row.shape), {"zh": row.zh, "en": row.en or row.zh}


def read_within(
    conn: Connection,
    geometry: Mapping[str, Any],
    now: datetime,
    scope: Scope = EVERYTHING,
    radius_m: float | None = None,
    of: str | None = None,
) -> Within:
    """People, buildings, facilities and counts of what is inside a GeoJSON Polygon or MultiPolygon (RFC 7946), within
    so many metres of a Point or LineString, or in the area `of` which a Point is (`area_at`), as far as it lies in the
    districts of the scope. Forbidden where nothing of it does."""
    length: float | None = None
    name: Text | None = None
    if of is not None:
        if geometry["type"] != "Point" or radius_m is not None:
            raise InputError("of: expected with a Point, without radius_m", field="of")
        geometry, name = area_at(conn, point_of(geometry), of, scope)
    if geometry["type"] in ("Point", "LineString"):
        if radius_m is None:
            raise InputError("radius_m: expected metres around a Point or LineString", field="radius_m")
        geometry, length = area_around(conn, geometry, radius_m)
    elif radius_m is not None:
        raise InputError("radius_m: expected for a Point or LineString only", field="radius_m")
    check_cost(geometry)
    shape = json.dumps(geometry)
    check_area(conn, shape)
    shape, cut_to = cut(conn, shape, scope)
    found = inside(conn, shape, now, city_zone(conn), scope)
    return {
        "geometry": json.loads(shape),
        "name": name,
        "area_m2": float(conn.scalar(_AREA, {"shape": shape}) or 0),
        "length_m": length,
        "cut_to": cut_to,
        "people": found.people,
        "buildings": found.buildings,
        "facilities": [{"id": p.id, "kind": p.kind, "names": p.names} for p in found.facilities],
        "assets": _assets(conn, shape, scope),
        "layers": _rows(conn, shape, scope),
        "units": _count(conn, "units", shape, scope),
        "sensors": _count(conn, "sensors", shape, scope),
        "cameras": _count(conn, "cameras", shape, scope),
        "incidents": _count(conn, "incidents", shape, scope),
        "alarms": _count(conn, "alarms", shape, scope),
    }


_AREA = text("SELECT ST_Area(ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326)::geography)")
_ASSETS = text(f"""
SELECT class AS key, count(*) AS n, count(*) FILTER (WHERE state <> 'normal') AS faults FROM asset
WHERE ST_Intersects(geom, ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326)) AND {seen_asset("district", "dept")}
GROUP BY class ORDER BY class
""")
_ROWS = text(f"""
SELECT one.layer_id, rows.n FROM unnest(CAST(:layers AS text[])) AS one (layer_id)
CROSS JOIN LATERAL (
  SELECT count(*) AS n FROM layer_row r
  WHERE r.layer_id = one.layer_id AND ST_Intersects(geom, ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326))
    AND {seen("district")}
) AS rows
WHERE rows.n > 0
""")


def _assets(conn: Connection, shape: str, scope: Scope) -> list[OfClass]:
    rows = conn.execute(_ASSETS, {"shape": shape, **scope.params()})
    return [{"key": row.key, "count": row.n, "faults": row.faults} for row in rows]


def _rows(conn: Connection, shape: str, scope: Scope) -> list[OfLayer]:
    """Of each of the city's own layers that has something there."""
    layers = {layer.id: layer.title for layer in read_layers(conn, scope)}
    given = {"layers": list(layers), "shape": shape, **scope.params()}
    return [{"id": row.layer_id, "title": layers[row.layer_id], "count": row.n} for row in conn.execute(_ROWS, given)]


_CUT = text("""
SELECT ST_Covers(own.geom, asked.geom) AS whole,
  ST_AsGeoJSON(ST_CollectionExtract(ST_Intersection(own.geom, asked.geom), 3)) AS shape,
  COALESCE(ST_Area(ST_Intersection(own.geom, asked.geom)), 0) > 0 AS any
FROM (SELECT ST_Union(geom) AS geom FROM district WHERE code = ANY(CAST(:districts AS text[]))) AS own,
  (SELECT ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326) AS geom) AS asked
""")


def cut(conn: Connection, shape: str, scope: Scope) -> tuple[str, list[str] | None]:
    """As much of an area as lies in the districts of the scope, and these where something of it does not."""
    if scope.districts is None:
        return shape, None
    districts = sorted(scope.districts)
    row = conn.execute(_CUT, {"shape": shape, "districts": districts}).one()
    if not row.any:
        raise Forbidden("coordinates: the area lies outside of your districts", reason="outside_districts")
    return (shape, None) if row.whole else (row.shape, districts)


def _count(conn: Connection, layer: str, shape: str, scope: Scope) -> int:
    query = f"""
SELECT count(*) FROM ({LAYERS[layer].features}) AS f
WHERE ST_Intersects(geom, ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326))
"""
    return int(conn.scalar(text(query), {"shape": shape, **scope.params()}) or 0)


def check_cost(geometry: Mapping[str, Any]) -> None:
    """Raises InputError where the area has more positions or rings, or is larger, than one request is answered for."""
    try:
        coordinates = geometry["coordinates"]
        polygons = [coordinates] if geometry["type"] == "Polygon" else coordinates
        rings = [ring for polygon in polygons for ring in polygon]
        positions = sum(len(ring) for ring in rings)
        if len(rings) > RINGS_AT_MOST or positions > POSITIONS_AT_MOST:
            raise InputError(
                f"coordinates: expected at most {RINGS_AT_MOST} rings and {POSITIONS_AT_MOST} positions; got "
                f"{len(rings)} and {positions}",
                field="coordinates",
                reason="area_too_detailed",
            )
        box_km2 = sum(_box_km2([(float(p[0]), float(p[1])) for p in polygon[0]]) for polygon in polygons)
    except (TypeError, ValueError, IndexError, KeyError) as exc:
        raise InputError("coordinates: expected closed rings of [lon, lat]", field="coordinates") from exc
    if not box_km2 <= KM2_AT_MOST:
        raise InputError(
            f"coordinates: expected an area whose bounding box is at most {KM2_AT_MOST} km2; got {box_km2:.0f} km2",
            field="coordinates",
            reason="area_too_large",
        )


def _box_km2(ring: Sequence[tuple[float, float]]) -> float:
    lons, lats = [lon for lon, _ in ring], [lat for _, lat in ring]
    east, north = metres_per_degree((min(lats) + max(lats)) / 2)
    return (max(lons) - min(lons)) * east / 1000 * (max(lats) - min(lats)) * north / 1000


def check_area(conn: Connection, shape: str) -> None:
    """Raises InputError unless the GeoJSON is a valid area: closed rings of at least four positions that do not
    cross."""
    try:
        with conn.begin_nested():
            valid = conn.scalar(_IS_AREA, {"shape": shape})
    except InternalError as exc:
        raise InputError("coordinates: expected closed rings of [lon, lat]", field="coordinates") from exc
    if not valid:
        raise InputError("coordinates: expected closed rings that do not cross themselves", field="coordinates")
