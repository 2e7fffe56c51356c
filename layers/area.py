"""An area of the city that is meant: a polygon, all within a radius of a point or line, a district, a row of a layer of
areas; as far as who asks may see it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, InternalError

from core.errors import Forbidden, InputError, NotFound
from core.faults import expects
from core.geodesy import metres_per_degree
from core.scope import EVERYTHING, Scope, seen
from core.types import JsonObject, LonLat, Params
from core.vocabulary import Text
from layers.columns import with_role
from layers.own import need_layer

_IS_AREA = text("SELECT ST_IsValid(g) AND ST_Area(g) > 0 FROM ST_GeomFromGeoJSON(:shape) AS g")
# more than any register's outline of a district, larger than any city
RINGS_AT_MOST, POSITIONS_AT_MOST, KM2_AT_MOST = 500, 10_000, 200_000


@dataclass(frozen=True, slots=True)
class Area:
    """`shape`: GeoJSON of what of it the scope sees; `name`: of a district or row that was asked for; `length_m`: of a
    line that was given, on the spheroid; `cut_to`: the districts of the scope, where the area reaches beyond them."""

    shape: str
    name: Text | None
    length_m: float | None
    cut_to: list[str] | None


def area_meant(
    conn: Connection,
    geometry: Mapping[str, Any],
    scope: Scope = EVERYTHING,
    radius_m: float | None = None,
    of: str | None = None,
) -> Area:
    """A GeoJSON Polygon or MultiPolygon (RFC 7946), all within so many metres of a Point or LineString, or the area
    `of` which a Point is (`area_at`), as far as it lies in the districts of the scope. InputError where it is none;
    Forbidden where nothing of it is the scope's."""
    length: float | None = None
    name: Text | None = None
    if of is not None:
        if geometry["type"] != "Point" or radius_m is not None:
            raise InputError("of: expected with a Point, without radius_m", field="of", about=expects("of", "of_point"))
        geometry, name = area_at(conn, point_of(geometry), of, scope)
    if geometry["type"] in ("Point", "LineString"):
        if radius_m is None:
            raise InputError(
                "radius_m: expected metres around a Point or LineString",
                field="radius_m",
                about=expects("radius_m", "radius"),
            )
        geometry, length = area_around(conn, geometry, radius_m)
    elif radius_m is not None:
        raise InputError(
            "radius_m: expected for a Point or LineString only", field="radius_m", about=expects("radius_m", "radius")
        )
    check_cost(geometry)
    shape = json.dumps(geometry)
    check_area(conn, shape)
    shape, cut_to = cut(conn, shape, scope)
    return Area(shape, name, length, cut_to)


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
        raise InputError(
            "coordinates: expected [lon, lat]", field="coordinates", about=expects("coordinates", "lon_lat")
        ) from exc
    if not all(abs(lon) <= 180 and abs(lat) <= 90 for lon, lat in places):
        raise InputError(
            "coordinates: expected longitude up to 180, latitude up to 90",
            field="coordinates",
            about=expects("coordinates", "lon_lat"),
        )
    if geometry["type"] == "LineString" and not 2 <= len(places) <= LINE_AT_MOST:
        raise InputError(
            f"coordinates: expected 2 to {LINE_AT_MOST} positions",
            field="coordinates",
            about=expects("coordinates", "positions", least="2", most=str(LINE_AT_MOST)),
        )
    try:
        with conn.begin_nested():
            row = conn.execute(_AROUND, {"shape": json.dumps(geometry), "radius": radius_m}).one()
    except (InternalError, DataError) as exc:
        raise InputError(
            "coordinates: expected [lon, lat]", field="coordinates", about=expects("coordinates", "lon_lat")
        ) from exc
    found: JsonObject = json.loads(row.shape)
    return found, float(row.length) if geometry["type"] == "LineString" else None


def point_of(geometry: Mapping[str, Any]) -> LonLat:
    try:
        lon, lat = map(float, geometry["coordinates"])
    except (TypeError, ValueError) as exc:
        raise InputError(
            "coordinates: expected [lon, lat]", field="coordinates", about=expects("coordinates", "lon_lat")
        ) from exc
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise InputError(
            "coordinates: expected longitude up to 180, latitude up to 90",
            field="coordinates",
            about=expects("coordinates", "lon_lat"),
        )
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
            raise InputError("of: expected a layer of areas, or district", field="of", about=expects("of", "of_areas"))
        label = with_role(layer.columns, "label")
        where = {"layer": layer.id, "classification": layer.classification, "label": label.name if label else ""}
        row = conn.execute(_ROW_AT, {**given, **where, **scope.params()}).one_or_none()
    if row is None:
        raise NotFound("of: nothing of it is there", field="of", reason="no_area_there")
    return json.loads(row.shape), {"zh": row.zh, "en": row.en or row.zh}


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
        raise InputError(
            "coordinates: expected closed rings of [lon, lat]",
            field="coordinates",
            about=expects("coordinates", "rings"),
        ) from exc
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
        raise InputError(
            "coordinates: expected closed rings of [lon, lat]",
            field="coordinates",
            about=expects("coordinates", "rings"),
        ) from exc
    if not valid:
        raise InputError(
            "coordinates: expected closed rings that do not cross themselves",
            field="coordinates",
            about=expects("coordinates", "rings"),
        )
