"""What stands still in the city as the risk counts it: people in buildings, facilities. Read once and kept in memory,
so that thousands of places are counted without a question each; another city, or another register, is read anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from core.exposure import Exposure, Place
from core.geodesy import distances_nearby_m, metres_per_degree
from core.types import LonLat
from core.vocabulary import Text

# layers whose change makes it another
STILL = frozenset({"buildings", "building", "facilities", "facility", "districts", "district"})
# a city whose schools or hospitals nobody has told has no register of facilities
TELLING = frozenset({"school", "hospital"})

_BUILDINGS = text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat, people_day, people_night FROM building")
_FACILITIES = text("""
SELECT id, kind, name_zh, name_en, district, classification, people_day, people_night, ST_X(geom) AS lon,
  ST_Y(geom) AS lat FROM facility ORDER BY ST_Y(geom), id
""")


@dataclass(frozen=True, slots=True)
class Facility:
    id: str
    kind: str
    names: Text
    district: str
    classification: int
    people_day: int | None
    people_night: int | None


@dataclass(frozen=True, slots=True)
class Ground:
    """Buildings and facilities, each in the order of their latitudes; people are NaN where nobody has counted.
    `counted`: whether any building was."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    people_day: NDArray[np.float64]
    people_night: NDArray[np.float64]
    facilities: Sequence[Facility]
    facility_lon: NDArray[np.float64]
    facility_lat: NDArray[np.float64]

    @property
    def counted(self) -> bool:
        return not bool(np.isnan(self.people_day).all())

    @property
    def facilities_known(self) -> bool:
        return any(one.kind in TELLING for one in self.facilities)

    def around(self, where: LonLat, radius_m: float, *, day: bool) -> Exposure:
        """What is within `radius_m` metres of a point; facilities with the nearest first."""
        inside = _within(where, radius_m, self.lon, self.lat)[0]
        people = (self.people_day if day else self.people_night)[inside]
        there, metres = _within(where, radius_m, self.facility_lon, self.facility_lat)
        order = np.argsort(metres, kind="stable")
        return Exposure(
            int(np.nansum(people)) if self.counted else None,
            len(inside),
            tuple(_place(self.facilities[there[i]], float(metres[i]), day=day) for i in order),
            self.facilities_known,
        )


def _place(one: Facility, distance_m: float, *, day: bool) -> Place:
    people = one.people_day if day else one.people_night
    return Place(one.id, one.kind, one.names, distance_m, one.district, one.classification, people)


def _within(
    where: LonLat, radius_m: float, lons: NDArray[np.float64], lats: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which of the points (by latitude) lie inside the circle, and how far each is, metres."""
    _, north = metres_per_degree(where.lat)
    reach = 1.01 * radius_m / north
    first, last = np.searchsorted(lats, [where.lat - reach, where.lat + reach])
    metres = distances_nearby_m(where.lon, where.lat, lons[first:last], lats[first:last])
    inside = np.flatnonzero(metres <= radius_m)
    return inside + first, metres[inside]


def read_ground(conn: Connection) -> Ground:
    buildings = _columns(conn.execute(_BUILDINGS).all(), 4)
    lon, lat, people_day, people_night = buildings[np.argsort(buildings[:, 1], kind="stable")].T.copy()
    rows = conn.execute(_FACILITIES).all()
    facilities = (
        Facility(
            r.id, r.kind, {"zh": r.name_zh, "en": r.name_en}, r.district, r.classification, r.people_day, r.people_night
        )
        for r in rows
    )
    return Ground(
        lon,
        lat,
        people_day,
        people_night,
        tuple(facilities),
        np.array([r.lon for r in rows], float),
        np.array([r.lat for r in rows], float),
    )


def _columns(rows: Sequence[Any], width: int) -> NDArray[np.float64]:
    """Rows of numbers, NaN where one is null."""
    return np.array([tuple(row) for row in rows], float).reshape(-1, width)
