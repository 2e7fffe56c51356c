"""A shape that somebody draws or a program sends, as a layer keeps it: two dimensions, of the layer's kind, valid, on
earth. Nothing is repaired: what is wrong with it is said, and where."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import shapely
import shapely.errors
from shapely.geometry import shape
from sqlalchemy import Connection, text

from core.errors import InputError
from core.i18n import say
from core.vocabulary import Text
from layers.imports.shapes import Family
from layers.ogc.systems import CRS84, FARTHEST, METRES, SYSTEMS

# types of GeoJSON (RFC 7946) and how deep their positions lie
TYPES: Mapping[Family, Mapping[str, int]] = {
    "point": {"Point": 0, "MultiPoint": 1},
    "line": {"LineString": 1, "MultiLineString": 2},
    "polygon": {"Polygon": 2, "MultiPolygon": 3},
}
# of a line, and of the ring of a polygon, closed (RFC 7946 sections 3.1.4 and 3.1.6)
FEWEST: Mapping[Family, int] = {"point": 1, "line": 2, "polygon": 4}
# what GEOS says of a shape that is not valid, and where
REASON = re.compile(r"(?P<why>[^\[]+)\[(?P<x>\S+) (?P<y>\S+)\]")
FAULTS = {
    "Self-intersection": "self_intersection",
    "Ring Self-intersection": "self_intersection",
    "Hole lies outside shell": "hole_outside",
    "Holes are nested": "holes_nested",
    "Interior is disconnected": "disconnected",
    "Nested shells": "shells_nested",
    "Duplicate Rings": "duplicate_rings",
    "Too few points in geometry component": "few_points",
}


def read_shape(conn: Connection, given: object, family: Family, crs: str = CRS84) -> shapely.Geometry:
    """From a geometry of GeoJSON whose axes are those of `crs`; in WGS 84, longitude first. InputError names what is
    wrong, in both languages."""
    if not isinstance(given, dict) or given.get("type") not in TYPES[family]:
        got = given.get("type") if isinstance(given, dict) else given
        _refuse(say("drawn.type", list=", ".join(TYPES[family]), got=_shown(got)))
    kind = given["type"]
    code, turned = SYSTEMS[crs]
    coordinates = _flat(given.get("coordinates"), TYPES[family][kind], family, code, turned)
    try:
        drawn = shape({"type": kind, "coordinates": coordinates})
    except (ValueError, TypeError, IndexError, shapely.errors.GEOSException):
        _refuse(say("drawn.coordinates", got=_shown(given.get("coordinates"))))
    if code != 4326:
        drawn = _in_degrees(conn, drawn, code)
    _check_place(drawn)
    _check_valid(drawn)
    return drawn


def _flat(given: object, depth: int, family: Family, code: int, turned: bool) -> Any:
    """Positions without height, x first."""
    if depth == 0:
        return _position(given, code, turned)
    if not isinstance(given, list) or not given:
        _refuse(say("drawn.coordinates", got=_shown(given)))
    found = [_flat(one, depth - 1, family, code, turned) for one in given]
    if depth == 1 and len(found) < FEWEST[family]:
        _refuse(say("drawn.few", least=FEWEST[family], got=len(found)))
    if depth == 1 and family == "polygon" and found[0] != found[-1]:
        _refuse(say("drawn.open", first=_place(found[0]), last=_place(found[-1])))
    return found


def _position(given: object, code: int, turned: bool) -> tuple[float, float]:
    if not isinstance(given, list) or not 2 <= len(given) <= 4 or not all(map(_is_number, given)):
        _refuse(say("drawn.position", got=_shown(given)))
    x, y = (given[1], given[0]) if turned else (given[0], given[1])
    if code == METRES and max(abs(x), abs(y)) > FARTHEST:
        _refuse(say("drawn.outside", got=_place((x, y))))
    return float(x), float(y)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) < 1e15 and math.isfinite(value)


def _in_degrees(conn: Connection, drawn: shapely.Geometry, code: int) -> shapely.Geometry:
    """Degrees of another datum that are none are said before the database is asked."""
    if code != METRES:
        _check_place(drawn)
    hexes = conn.scalar(
        text(f"SELECT encode(ST_AsBinary(ST_Transform(ST_GeomFromWKB(decode(:wkb, 'hex'), {code}), 4326)), 'hex')"),
        {"wkb": shapely.to_wkb(drawn, hex=True)},
    )
    return shapely.from_wkb(str(hexes))


def _check_place(drawn: shapely.Geometry) -> None:
    for x, y in shapely.get_coordinates(drawn):
        if not (-180 <= x <= 180 and -90 <= y <= 90):
            _refuse(say("drawn.outside", got=_place((x, y))))


def _check_valid(drawn: shapely.Geometry) -> None:
    """OGC Simple Features (06-103r4), section 6.1: valid."""
    told = str(shapely.is_valid_reason(drawn))
    if told == "Valid Geometry":
        return
    found = REASON.fullmatch(told)
    if found is None:
        _refuse(say("drawn.invalid", why=told))
    why = found["why"].strip()
    where = _place((float(found["x"]), float(found["y"])))
    key = FAULTS.get(why)
    fault = say(f"drawn.fault.{key}") if key else {"zh": why, "en": why}
    _refuse(say("drawn.invalid_at", why=fault, where=where))


def _place(position: tuple[float, float]) -> str:
    return f"{position[0]:.6f}, {position[1]:.6f}"


def _shown(value: object) -> str:
    return repr(value)[:80]


def _refuse(why: Text) -> NoReturn:
    raise InputError(f"geometry: {why['en']}", field="geometry", reason="row_geometry", about={"why": why})
