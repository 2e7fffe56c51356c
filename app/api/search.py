"""/api/search, /api/datums"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query
from typing_extensions import TypedDict

from app.api.shapes import Limit, Name, Words, parse_number, part
from app.deps import Conn, Who
from app.finding import KINDS, search
from core.crs import Datum, to_wgs84
from core.errors import InputError
from core.faults import expects, listed
from core.finding import Hit
from core.nouns import Page
from core.types import LonLat

router = APIRouter(tags=["map"])
Lon = Annotated[float | None, Query(ge=-180, le=180)]
Lat = Annotated[float | None, Query(ge=-90, le=90)]
Kinds = Annotated[str | None, Query(min_length=1, max_length=400, description="comma separated: " + ", ".join(KINDS))]
Near = Annotated[str | None, Query(min_length=3, max_length=80, description="lon,lat in degrees, WGS 84")]


@router.get("/api/search")
def get_search(
    conn: Conn,
    who: Who,
    q: Words,
    kinds: Kinds = None,
    near: Near = None,
    lon: Lon = None,
    lat: Lat = None,
    cursor: Name = None,
    limit: Limit = 20,
) -> Page[Hit]:
    """What is found by a name (Chinese by its characters in any order, by pinyin or initials; English by words, one of
    which may be mistyped), a code, a number, an address or a position in any notation. The best first; the nearer first
    to `near` (`lon,lat`; also as `lon` and `lat`), and how far they are is told."""
    seen = parse_number(cursor) or 0
    return part(search(conn, q, seen + limit + 1, who.scope, place_of(near, lon, lat), kinds_of(kinds)), cursor, limit)


def kinds_of(value: str | None) -> list[str] | None:
    """InputError names one that there is not."""
    if value is None:
        return None
    asked = value.split(",")
    unknown = next((one for one in asked if one not in KINDS), None)
    if unknown is not None:
        raise InputError(
            f"kinds: expected one of {', '.join(KINDS)}; got {unknown!r:.60}",
            field="kinds",
            about=expects("kinds", "one_of", expected=listed(list(KINDS))),
        )
    return asked


def place_of(near: str | None, lon: float | None, lat: float | None) -> LonLat | None:
    if near is not None:
        if lon is not None or lat is not None:
            raise InputError("near: expected alone, or lon and lat", field="near", about=expects("near", "near_alone"))
        return parse_near(near)
    if (lon is None) != (lat is None):
        raise InputError("lon: expected together with lat", field="lon", about=expects("lon", "together", other="lat"))
    return None if lon is None or lat is None else LonLat(lon, lat)


def parse_near(value: str) -> LonLat:
    try:
        lon, lat = (float(part) for part in value.split(","))
        return LonLat(lon, lat)
    except (ValueError, InputError) as exc:
        raise InputError(
            f"near: expected lon,lat in degrees, got {value!r:.80}", field="near", about=expects("near", "lon_lat")
        ) from exc


class Reading(TypedDict):
    """A position read in a datum, as WGS 84."""

    datum: Datum
    lon: float
    lat: float


class Readings(TypedDict):
    readings: list[Reading]


@router.get("/api/datums")
def get_datums(
    who: Who, lon: Annotated[float, Query(ge=-180, le=180)], lat: Annotated[float, Query(ge=-90, le=90)]
) -> Readings:
    """Where a position is, in WGS 84, if it was given in GCJ-02 or BD-09; outside of China neither is spoken."""
    told = LonLat(lon, lat)
    found: list[Reading] = []
    with suppress(InputError):
        # outside of China GCJ-02 is WGS 84
        if (there := to_wgs84(told, Datum.GCJ02)) != told:
            for datum, where in ((Datum.GCJ02, there), (Datum.BD09, to_wgs84(told, Datum.BD09))):
                found.append({"datum": datum, "lon": round(where.lon, 6), "lat": round(where.lat, 6)})
    return {"readings": found}
