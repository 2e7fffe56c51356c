"""/api/city, /api/vocabulary, /api/catalogue, /api/layers, /api/search, /api/within"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from app.api.shapes import GeometryIn
from app.deps import Conn, Now, PartsDep, Who
from core.errors import InputError
from core.exposure import city_zone, inside
from core.vocabulary import vocabulary
from layers.catalogue import LAYERS, describe_layers, read_features, read_tile
from layers.search import search

router = APIRouter(tags=["map"])
TILE_TYPE = "application/vnd.mapbox-vector-tile"
TILES_KEPT = 4000


@router.get("/api/city")
def get_city(conn: Conn, who: Who) -> dict[str, Any]:
    row = conn.execute(
        text(
            "SELECT code, name_zh, name_en, timezone, simulated, ST_X(center) AS lon, ST_Y(center) AS lat, ST_XMin(extent) AS w, "
            "ST_YMin(extent) AS s, ST_XMax(extent) AS e, ST_YMax(extent) AS n FROM city"
        )
    ).one_or_none()
    if row is None:
        return {
            "code": None,
            "name": {"zh": "", "en": ""},
            "timezone": "UTC",
            "center": None,
            "bbox": None,
            "simulated": False,
        }
    return {
        "code": row.code, "name": {"zh": row.name_zh, "en": row.name_en}, "timezone": row.timezone, "center": [row.lon, row.lat],
        "bbox": [row.w, row.s, row.e, row.n], "simulated": row.simulated,
    }  # fmt: skip


@router.get("/api/vocabulary")
def get_vocabulary(who: Who) -> dict[str, Any]:
    return vocabulary()


@router.get("/api/catalogue")
def get_catalogue(who: Who) -> dict[str, Any]:
    return read_catalogue()


@cache
def read_catalogue() -> dict[str, Any]:
    texts: dict[str, Any] = json.loads((files("core.i18n") / "page.json").read_text("utf-8"))
    return texts


@router.get("/api/layers")
def list_layers(conn: Conn, who: Who) -> dict[str, Any]:
    return {"items": describe_layers(conn), "next": None}


@router.get("/api/layers/{name}/features")
def get_features(conn: Conn, who: Who, name: str) -> Response:
    return Response(read_features(conn, name), media_type="application/geo+json")


@router.get("/tiles/{name}/{z}/{x}/{y}.mvt")
def get_tile(conn: Conn, who: Who, parts: PartsDep, name: str, z: int, x: int, y: int) -> Response:
    """204 where nothing is there."""
    key = (parts.layer_version, name, z, x, y)
    body = parts.tiles.get(key)
    if body is None:
        body = read_tile(conn, name, z, x, y)
        if len(parts.tiles) >= TILES_KEPT:
            parts.tiles.clear()
        parts.tiles[key] = body
    headers = {"Cache-Control": "private, max-age=600"}
    return Response(body, media_type=TILE_TYPE, headers=headers) if body else Response(status_code=204, headers=headers)


@router.get("/api/search")
def get_search(conn: Conn, who: Who, q: str) -> dict[str, Any]:
    return {"items": search(conn, q), "next": None}


@router.post("/api/within")
def post_within(conn: Conn, who: Who, now: Now, body: GeometryIn) -> dict[str, Any]:
    """People, buildings, facilities, units, sensors and cameras inside a GeoJSON polygon."""
    if body.type not in ("Polygon", "MultiPolygon"):
        raise InputError(f"type: expected Polygon or MultiPolygon, got {body.type!r}", field="type")
    shape = json.dumps({"type": body.type, "coordinates": body.coordinates})
    check_area(conn, shape)
    found = inside(conn, shape, now, city_zone(conn))
    area = "ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326)"
    counts = {
        name: conn.scalar(
            text(f"SELECT count(*) FROM ({LAYERS[name].features}) AS f WHERE ST_Intersects(geom, {area})"),
            {"shape": shape},
        )
        for name in ("units", "sensors", "cameras", "incidents", "alarms")
    }
    return {
        "people": found.people, "buildings": found.buildings,
        "facilities": [{"id": p.id, "kind": p.kind, "names": p.names} for p in found.facilities], **counts,
    }  # fmt: skip


def check_area(conn: Conn, shape: str) -> None:
    """Raises InputError unless the GeoJSON is a valid area: closed rings of at least four positions that do not cross."""
    try:
        with conn.begin_nested():
            valid = conn.scalar(
                text("SELECT ST_IsValid(g) AND ST_Area(g) > 0 FROM ST_GeomFromGeoJSON(:shape) AS g"), {"shape": shape}
            )
    except InternalError as exc:
        raise InputError("coordinates: expected closed rings of [lon, lat]", field="coordinates") from exc
    if not valid:
        raise InputError("coordinates: expected closed rings that do not cross themselves", field="coordinates")
