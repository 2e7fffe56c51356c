"""Things of the registers that stand where they are: facilities, the cameras near a point, districts by name."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import audit
from core.db import notify_change
from core.errors import NotFound
from core.history import THINGS, row_of, write_thing
from core.scope import EVERYTHING, Scope, seen
from core.types import JsonObject, LonLat
from core.viewer import Viewer
from core.vocabulary import Text

_FACILITY = text("""
SELECT id, kind, name_zh, name_en, capacity, people_day, people_night, district, classification, attributes,
  ST_X(geom) AS lon, ST_Y(geom) AS lat
FROM facility WHERE id = :id
""")
_CAMERAS = text(f"""
SELECT id, name_zh, name_en, ST_Distance(geom::geography, p.g::geography) AS distance
FROM camera, (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) AS g) AS p
WHERE {seen("district", "classification")} ORDER BY geom <-> p.g LIMIT :most
""")
_DISTRICT = text("SELECT name_zh, name_en FROM district WHERE code = :code")


class Facility(TypedDict):
    """A facility of the city (school, hospital, shelter): `capacity` beds, places or seats; people in it by day and by
    night."""

    id: str
    kind: str
    names: Text
    capacity: int | None
    people_day: int | None
    people_night: int | None
    attributes: JsonObject
    district: str
    classification: int
    lon: float
    lat: float


class NearCamera(TypedDict):
    """A camera, so many metres away as the crow flies."""

    id: str
    names: Text
    distance_m: int


def read_facility(conn: Connection, facility: str) -> Facility:
    """NotFound where there is none."""
    row = conn.execute(_FACILITY, {"id": facility}).one_or_none()
    if row is None:
        raise NotFound(f"there is no facility {facility!r}")
    return {
        "id": row.id,
        "kind": row.kind,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "capacity": row.capacity,
        "people_day": row.people_day,
        "people_night": row.people_night,
        "attributes": row.attributes,
        "district": row.district,
        "classification": row.classification,
        "lon": row.lon,
        "lat": row.lat,
    }


Classified = Literal["sensor", "camera", "facility"]


def classify(
    conn: Connection, kind: Classified, identity: str, classification: int, who: Viewer, now: datetime
) -> None:
    """Say how far a thing may be shown. NotFound where it is not there for who asks."""
    given = {"id": identity, **who.scope.params()}
    here = f"FROM {kind} WHERE id = :id AND {seen('district', 'classification')}"
    was = conn.scalar(text(f"SELECT classification {here} FOR NO KEY UPDATE"), given)
    if was is None:
        raise NotFound(f"there is no {kind} {identity!r}")
    before = row_of(conn, kind, identity)
    conn.execute(
        text(f"UPDATE {kind} SET classification = :classification WHERE id = :id"),
        {"id": identity, "classification": classification},
    )
    if kind in THINGS:
        write_thing(conn, kind, identity, "classified", who.username, before, now)
    audit.write(conn, who, f"{kind}.classify", now, {kind: identity, "classification": classification, "was": was})
    tell(conn, kind, identity)


def rename(
    conn: Connection, kind: Literal["sensor", "camera"], identity: str, names: Text, who: Viewer, now: datetime
) -> None:
    """Call a thing otherwise. NotFound where it is not there for who asks."""
    given = {"id": identity, **names, **who.scope.params()}
    before = row_of(conn, kind, identity)
    seen_one = f"id = :id AND {seen('district', 'classification')}"
    done = conn.execute(text(f"UPDATE {kind} SET name_zh = :zh, name_en = :en WHERE {seen_one}"), given)
    if not done.rowcount:
        raise NotFound(f"there is no {kind} {identity!r}")
    write_thing(conn, kind, identity, "renamed", who.username, before, now)
    tell(conn, kind, identity)
    if kind == "camera":
        notify_change(conn, "layer", ["cameras"])


_OPEN_ALARMS = text(
    "SELECT id FROM alarm WHERE thing_type = :kind AND thing_id = :id AND state <> 'normal' ORDER BY id"
)


def tell(conn: Connection, kind: Classified, identity: str) -> None:
    """Screens show what may be seen from now on."""
    if kind == "sensor":
        notify_change(conn, "sensor", [identity])
    elif kind == "camera":
        notify_change(conn, "video_event", [identity])
    else:
        # what is no longer for all is not named in the reasons of a score
        notify_change(conn, "layer", ["facilities"])
    notify_change(conn, "alarm", conn.scalars(_OPEN_ALARMS, {"kind": kind, "id": identity}).all())


def read_near_cameras(
    conn: Connection, where: LonLat, radius_m: float, most: int, scope: Scope = EVERYTHING
) -> list[NearCamera]:
    """The nearest cameras within so many metres, the nearest first."""
    rows = conn.execute(_CAMERAS, {"lon": where.lon, "lat": where.lat, "most": most, **scope.params()})
    return [
        {"id": r.id, "names": {"zh": r.name_zh, "en": r.name_en}, "distance_m": round(r.distance)}
        for r in rows
        if r.distance <= radius_m
    ]


def all_district_names(conn: Connection) -> dict[str, Text]:
    """What every district is called, by its code."""
    rows = conn.execute(text("SELECT code, name_zh, name_en FROM district ORDER BY code"))
    return {row.code: {"zh": row.name_zh, "en": row.name_en} for row in rows}


def district_names(conn: Connection, code: str | None) -> Text | None:
    """What a district is called; None where the code is not one of the city's."""
    row = conn.execute(_DISTRICT, {"code": code}).one_or_none()
    return {"zh": row.name_zh, "en": row.name_en} if row else None
