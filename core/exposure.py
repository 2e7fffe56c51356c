"""Who and what is inside an area: people by the hour, buildings, facilities. One transaction of the caller's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from core.scope import EVERYTHING, Scope, seen
from core.types import Box, LonLat, Params
from core.vocabulary import Text

DAY_HOURS = range(8, 18)


@dataclass(frozen=True, slots=True)
class Place:
    """A facility inside or near the area."""

    id: str
    kind: str
    names: Text
    distance_m: float | None
    district: str | None = None
    classification: int = 0
    # inside at the hour; None where nobody has counted
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Exposure:
    """`people` is None where no building here has a count; `known` says whether the city has any facility data at
    all; `cut`: part of the area lies in districts that the scope does not see, and what is there was left out."""

    people: int | None
    buildings: int
    facilities: tuple[Place, ...]
    facilities_known: bool
    cut: bool = False

    @property
    def kinds(self) -> Counter[str]:
        return Counter(place.kind for place in self.facilities)


def is_day(now: datetime, zone: str) -> bool:
    """Whether people are where they work and learn: 8 to 18 h in the city."""
    return now.astimezone(ZoneInfo(zone)).hour in DAY_HOURS


_POINT = "ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography"
CIRCLE = f"ST_Buffer({_POINT}, :radius, 'quad_segs=32')::geometry"
# what is of no district is everybody's
_HIDDEN = f"""
FROM district d WHERE NOT d.code = ANY(CAST(:scope_districts AS text[])) AND ST_Intersects(d.geom, {CIRCLE})
"""
_SEEN_OF_CIRCLE = f"SELECT COALESCE(ST_Difference({CIRCLE}, ST_Union(d.geom)), {CIRCLE}) {_HIDDEN}"
_PEOPLE = """
SELECT count(*) AS buildings, sum(CASE WHEN :day THEN people_day ELSE people_night END) AS people,
  count(people_day) AS counted FROM building WHERE {inside}
"""
_FACILITIES = f"""
SELECT id, kind, name_zh, name_en, district, classification,
  CASE WHEN :day THEN people_day ELSE people_night END AS people, ST_Distance(geom::geography, {_POINT}) AS distance
FROM facility WHERE {{inside}} AND {{seen}} ORDER BY distance LIMIT 200
"""


def _in_circle(point: str) -> str:
    """To the metre, as what is kept in memory is counted (alerts/ground.py); what is near is found by its box."""
    near = f"ST_Expand(ST_Buffer({_POINT}, :radius)::geometry, 0.0001)"
    return f"{point} && {near} AND ST_DWithin({point}::geography, {_POINT}, :radius)"


def _in_area(area: str) -> Callable[[str], str]:
    return lambda point: f"{point} && ({area}) AND ST_Intersects({point}, ({area}))"


def around(
    conn: Connection, where: LonLat, radius_m: float, now: datetime, zone: str, scope: Scope = EVERYTHING
) -> Exposure:
    """What is within `radius_m` metres of a point and in the districts of a scope."""
    given = {"lon": where.lon, "lat": where.lat, "radius": radius_m, "day": is_day(now, zone)}
    if scope.districts is None:
        return _within(conn, _in_circle, given, scope)
    cut = bool(conn.scalar(text(f"SELECT EXISTS (SELECT 1 {_HIDDEN})"), {**given, **scope.params()}))
    return replace(_within(conn, _in_area(_SEEN_OF_CIRCLE), given, scope), cut=cut)


def inside(conn: Connection, geojson: str, now: datetime, zone: str, scope: Scope = EVERYTHING) -> Exposure:
    """What is inside a GeoJSON polygon, which lies in the districts of the scope; distances are from its centroid."""
    center = conn.execute(
        text("SELECT ST_X(c) AS lon, ST_Y(c) AS lat FROM ST_Centroid(ST_GeomFromGeoJSON(:shape)) AS c"),
        {"shape": geojson},
    ).one()
    given = {"lon": center.lon, "lat": center.lat, "shape": geojson, "day": is_day(now, zone)}
    return _within(conn, _in_area("ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326)"), given, scope)


def _within(conn: Connection, inside_: Callable[[str], str], given: Params, scope: Scope) -> Exposure:
    """`inside_` gives the condition that a point, a column, is inside."""
    given = {**given, **scope.params()}
    people = conn.execute(text(_PEOPLE.format(inside=inside_("center"))), given).one()
    places = conn.execute(
        text(_FACILITIES.format(inside=inside_("geom"), seen=seen("district", "classification"))), given
    ).all()
    known = bool(conn.scalar(text("SELECT EXISTS (SELECT 1 FROM facility WHERE kind IN ('school', 'hospital'))")))
    return Exposure(
        people=int(people.people or 0) if people.counted or _city_is_counted(conn) else None,
        buildings=people.buildings,
        facilities=tuple(
            Place(r.id, r.kind, {"zh": r.name_zh, "en": r.name_en}, r.distance, r.district, r.classification, r.people)
            for r in places
        ),
        facilities_known=known,
    )


def _city_is_counted(conn: Connection) -> bool:
    return bool(conn.scalar(text("SELECT EXISTS (SELECT 1 FROM building WHERE people_day IS NOT NULL)")))


def city_box(conn: Connection) -> Box | None:
    """What the city's extent lies within; None where no city is loaded."""
    row = conn.execute(
        text("SELECT ST_XMin(extent), ST_YMin(extent), ST_XMax(extent), ST_YMax(extent) FROM city")
    ).one_or_none()
    return None if row is None or row[0] is None else (float(row[0]), float(row[1]), float(row[2]), float(row[3]))


def city_zone(conn: Connection) -> str:
    """The city's time zone; UTC where no city is loaded."""
    return conn.scalar(text("SELECT timezone FROM city")) or "UTC"
