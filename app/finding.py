"""Search over everything: the kinds of things that the parts find, and places by their coordinates."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from sqlalchemy import Connection

from alerts.found import WARNING
from core import finding
from core.coordinates import Read, read_position
from core.crs import Datum
from core.exposure import city_box
from core.finding import Found, Hit, Provider
from core.finding.addresses import Located, locate
from core.finding.nouns import HOLDS, IS
from core.finding.search import AT_MOST, OF_A_KIND, OF_CHOSEN_KINDS, hit
from core.geodesy import distances_m
from core.i18n import say
from core.scope import EVERYTHING, Scope
from core.types import LonLat
from dispatch.found import INCIDENT, UNIT
from ingest.found import CAMERA, SENSOR
from layers.found import ADDRESS, AREA, ASSET, BUILDING, DISTRICT, FACILITY, ROW, STREET

# of things that match equally well the kind that stands first goes first
PROVIDERS: tuple[Provider, ...] = (
    INCIDENT,
    WARNING,
    UNIT,
    DISTRICT,
    STREET,
    ADDRESS,
    FACILITY,
    AREA,
    SENSOR,
    CAMERA,
    ROW,
    ASSET,
    BUILDING,
)


PLACE = "place"
KINDS = (PLACE, *(one.kind for one in PROVIDERS))


def search(
    conn: Connection,
    query: str,
    most: int = AT_MOST,
    scope: Scope = EVERYTHING,
    near: LonLat | None = None,
    kinds: Collection[str] | None = None,
) -> list[Hit]:
    """Up to `most` hits of all kinds, or of those that are named: positions that the text says, numbers of streets,
    then what bears its name. An empty query finds nothing."""
    chosen = [one for one in PROVIDERS if kinds is None or one.kind in kinds]
    each = OF_A_KIND if kinds is None else OF_CHOSEN_KINDS
    said = places(conn, query, near) if kinds is None or PLACE in kinds else []
    named = finding.search(conn, query, chosen, most, scope, near, each=each)
    doors = [one for one in addressed(conn, query, scope, near) if kinds is None or one["type"] in kinds]
    there = {(one["type"], one["id"]) for one in doors}
    rest = [one for one in named if (one["type"], one["id"]) not in there]
    return sorted([*said, *doors, *rest], key=lambda one: one["match"])[:most]


def places(conn: Connection, query: str, near: LonLat | None) -> list[Hit]:
    """The position that a text says, once for each datum it may have been meant in."""
    if not read_position(query):
        return []
    return [_place(one, near) for one in read_position(query, city_box(conn))]


def _place(read: Read, near: LonLat | None) -> Hit:
    name = f"{round(read.where.lon, 6)}, {round(read.where.lat, 6)}"
    found = Found(
        PLACE,
        f"{read.where.lon},{read.where.lat}",
        IS,
        name,
        name,
        subtitle=say("search.datum", datum="WGS 84" if read.datum is Datum.WGS84 else read.datum.value),
        where=read.where,
        distance_m=_metres(near, read.where) if near else None,
    )
    return hit(found, told=near is not None)


def _metres(one: LonLat, other: LonLat) -> float:
    return float(distances_m(one.lon, one.lat, np.array([other.lon]), np.array([other.lat]))[0])


def addressed(conn: Connection, query: str, scope: Scope, near: LonLat | None) -> list[Hit]:
    """Where street and number of a text are; the streets alone where no register has the number."""
    return [_door(one, near) for one in locate(conn, query, scope, near)]


def _door(one: Located, near: LonLat | None) -> Hit:
    exact = one.precision == "number"
    found = Found(
        "address" if exact else "street",
        one.id,
        IS if exact else HOLDS,
        one.title["zh"],
        one.title["en"],
        subtitle=None if exact else say("search.street_only", number=one.number),
        where=one.where,
        distance_m=one.distance_m,
    )
    return hit(found, told=near is not None)
