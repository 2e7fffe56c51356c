"""The city as one object, and what is inside an area of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import InternalError
from typing_extensions import TypedDict

from core.errors import Forbidden, InputError
from core.exposure import city_zone, inside
from core.geodesy import metres_per_degree
from core.scope import EVERYTHING, Scope
from core.vocabulary import Text
from layers.catalogue import LAYERS

_CITY = text("""
SELECT code, name_zh, name_en, timezone, simulated, ST_X(center) AS lon, ST_Y(center) AS lat, ST_XMin(extent) AS w,
  ST_YMin(extent) AS s, ST_XMax(extent) AS e, ST_YMax(extent) AS n FROM city
""")
_IS_AREA = text("SELECT ST_IsValid(g) AND ST_Area(g) > 0 FROM ST_GeomFromGeoJSON(:shape) AS g")
# more than any register's outline of a district, larger than any city
RINGS_AT_MOST, POSITIONS_AT_MOST, KM2_AT_MOST = 500, 10_000, 200_000


class City(TypedDict):
    """Which city this is; `center` [lon, lat], `bbox` [west, south, east, north]."""

    code: str | None
    name: Text
    timezone: str
    center: list[float] | None
    bbox: list[float] | None
    simulated: bool


class FacilityRef(TypedDict):
    id: str
    kind: str
    names: Text


class Within(TypedDict):
    """Who and what is inside an area; `people` null where nobody has counted. `cut_to`: the districts of who asks,
    where the area reaches beyond them: only what is in these is told."""

    cut_to: list[str] | None
    people: int | None
    buildings: int
    facilities: list[FacilityRef]
    units: int
    sensors: int
    cameras: int
    incidents: int
    alarms: int


def read_city(conn: Connection) -> City:
    """Which city this is; without code, center and box where none is loaded."""
    row = conn.execute(_CITY).one_or_none()
    if row is None:
        nothing = {"zh": "", "en": ""}
        return {"code": None, "name": nothing, "timezone": "UTC", "center": None, "bbox": None, "simulated": False}
    return {
        "code": row.code,
        "name": {"zh": row.name_zh, "en": row.name_en},
        "timezone": row.timezone,
        "center": [row.lon, row.lat],
        "bbox": [row.w, row.s, row.e, row.n],
        "simulated": row.simulated,
    }


def read_within(conn: Connection, geometry: Mapping[str, Any], now: datetime, scope: Scope = EVERYTHING) -> Within:
    """People, buildings, facilities and counts of what is inside a GeoJSON Polygon or MultiPolygon (RFC 7946), as far
    as it lies in the districts of the scope. Forbidden where nothing of it does."""
    check_cost(geometry)
    shape = json.dumps(geometry)
    check_area(conn, shape)
    shape, cut_to = cut(conn, shape, scope)
    found = inside(conn, shape, now, city_zone(conn), scope)
    return {
        "cut_to": cut_to,
        "people": found.people,
        "buildings": found.buildings,
        "facilities": [{"id": p.id, "kind": p.kind, "names": p.names} for p in found.facilities],
        "units": _count(conn, "units", shape, scope),
        "sensors": _count(conn, "sensors", shape, scope),
        "cameras": _count(conn, "cameras", shape, scope),
        "incidents": _count(conn, "incidents", shape, scope),
        "alarms": _count(conn, "alarms", shape, scope),
    }


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
