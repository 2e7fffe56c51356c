"""What is inside an area of the city: how many of what, and one after the other."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.exposure import city_zone, inside
from core.nouns import Page
from core.scope import EVERYTHING, Scope, seen, seen_asset
from core.types import JsonObject
from core.vocabulary import Text
from layers.area import Area
from layers.collection import ROW, Collection
from layers.ogc.collections import OURS
from layers.ogc.query import Asked, check_keys, plain, where
from layers.own import read_layers


class FacilityRef(TypedDict):
    id: str
    kind: str
    names: Text


class OfKind(TypedDict):
    """Facilities of a kind."""

    key: str
    count: int


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
    `length_m` (of a line that was given) on the spheroid. `facilities` are those next to its middle, 200 at most;
    `facility_kinds` counts all. Each is had one after the other too (`Inside`)."""

    geometry: JsonObject
    name: Text | None
    area_m2: float
    length_m: float | None

    cut_to: list[str] | None
    people: int | None
    buildings: int
    facilities: list[FacilityRef]
    facility_kinds: list[OfKind]
    assets: list[OfClass]
    layers: list[OfLayer]
    units: int
    sensors: int
    cameras: int
    incidents: int
    alarms: int


class Inside(TypedDict):
    """One thing inside an area: what it is called where it has a name, a place on it, and its columns; `type` and `id`
    as cards and search have them."""

    type: str
    id: str
    title: Text | None
    lon: float
    lat: float
    values: JsonObject


def read_within(conn: Connection, area: Area, now: datetime, scope: Scope = EVERYTHING) -> Within:
    """People, buildings, facilities and counts of what is inside an area (`area_meant`)."""
    shape = area.shape
    found = inside(conn, shape, now, city_zone(conn), scope)
    return {
        "geometry": json.loads(shape),
        "name": area.name,
        "area_m2": float(conn.scalar(_AREA, {"shape": shape}) or 0),
        "length_m": area.length_m,
        "cut_to": area.cut_to,
        "people": found.people,
        "buildings": found.buildings,
        "facilities": [{"id": p.id, "kind": p.kind, "names": p.names} for p in found.facilities],
        "facility_kinds": _kinds(conn, shape, scope),
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
_KINDS = text(f"""
SELECT kind AS key, count(*) AS n FROM facility
WHERE ST_Intersects(geom, ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326)) AND {seen("district", "classification")}
GROUP BY kind ORDER BY kind
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


def _kinds(conn: Connection, shape: str, scope: Scope) -> list[OfKind]:
    rows = conn.execute(_KINDS, {"shape": shape, **scope.params()})
    return [{"key": row.key, "count": row.n} for row in rows]


def _assets(conn: Connection, shape: str, scope: Scope) -> list[OfClass]:
    rows = conn.execute(_ASSETS, {"shape": shape, **scope.params()})
    return [{"key": row.key, "count": row.n, "faults": row.faults} for row in rows]


def _rows(conn: Connection, shape: str, scope: Scope) -> list[OfLayer]:
    """Of each of the city's own layers that has something there."""
    layers = {layer.id: layer.title for layer in read_layers(conn, scope)}
    given = {"layers": list(layers), "shape": shape, **scope.params()}
    return [{"id": row.layer_id, "title": layers[row.layer_id], "count": row.n} for row in conn.execute(_ROWS, given)]


def _count(conn: Connection, name: str, shape: str, scope: Scope) -> int:
    one = next(one for one in OURS if one.id == name)
    conditions, given = where(one, Asked(), scope, shape)
    query = f"SELECT count(*) FROM {one.source} WHERE {' AND '.join(conditions)}"
    return int(conn.scalar(text(query), given) or 0)


def list_within(conn: Connection, one: Collection, area: Area, asked: Asked, scope: Scope = EVERYTHING) -> Page[Inside]:
    """What of a collection is inside an area, by its keys; `next` is the `after` of the next page."""
    check_keys(one, asked)
    conditions, given = where(one, asked, scope, area.shape)
    zh, en = one.names
    shown = [f"({one.key})::text AS fid", f"{zh} AS zh", f"{en} AS en", f"ST_PointOnSurface({one.geom}) AS place"]
    shown += [f"{sql} AS c{number}" for number, (_, sql) in enumerate(one.values)]
    query = f"""
SELECT f.*, ST_X(place) AS lon, ST_Y(place) AS lat FROM (
  SELECT {", ".join(shown)}, {one.key} AS place_in_order FROM {one.source} WHERE {" AND ".join(conditions)}
  ORDER BY {one.key} LIMIT :most
) AS f ORDER BY place_in_order
"""
    rows = conn.execute(text(query), {**given, "most": asked.limit + 1}).all()
    shown_rows = rows[: asked.limit]
    return {
        "items": [_inside(one, row) for row in shown_rows],
        "next": str(shown_rows[-1].fid) if len(rows) > asked.limit else None,
    }


def _inside(one: Collection, row: Any) -> Inside:
    return {
        "type": one.thing,
        "id": f"{one.id}/{row.fid}" if one.thing == ROW else row.fid,
        "title": {"zh": row.zh, "en": row.en or row.zh} if row.zh else None,
        "lon": row.lon,
        "lat": row.lat,
        "values": {column.name: plain(row[number + 4]) for number, column in enumerate(one.columns)},
    }
