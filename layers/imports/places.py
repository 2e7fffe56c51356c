"""From the coordinates of a file to WGS 84: what reference they are in, said or found, and the way from there.

CGCS2000 (GB 22021; EPSG:4490) is WGS 84 to within centimetres and taken as such; its Gauss-Kruger zones are EPSG:4491
to 4554. Eastings may carry the zone before the kilometres (37 500 000) whether the reference says so or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from core.crs import Datum, to_wgs84
from core.errors import InputError
from core.faults import expects
from core.types import Box, LonLat

WGS84, CGCS2000 = "EPSG:4326", "EPSG:4490"
# GB/T 17798 zones with and without the zone's number before the easting: 3 degrees wide 25 to 45, 6 degrees 13 to 23
THREE_PREFIXED, THREE_FIRST = 4513, 25
SIX_PREFIXED, SIX_FIRST = 4491, 13
# central meridian -> zone without a number, by width
PREFIX = 1_000_000.0
DATUMS = {"WGS84": Datum.WGS84, "CGCS2000": Datum.CGCS2000, "GCJ02": Datum.GCJ02, "BD09": Datum.BD09}
NAMED = "expected WGS84, CGCS2000, GCJ-02, BD-09, EPSG:n or WKT"
MOST = 0.5
# a city's things lie no farther from its box than this, degrees
NEAR = 2.0
Array = NDArray[np.float64]
Way = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Reference:
    """How the coordinates of a file are to be read. `name` is what is shown; `found`: nobody said so, it is a guess."""

    name: str
    crs: str | None = None
    datum: Datum | None = None
    found: bool = False

    def way(self) -> Way:
        """From an array of x and y to one of longitude and latitude, WGS 84."""
        if self.datum in (Datum.GCJ02, Datum.BD09):
            datum = self.datum
            return lambda xy: _shifted(xy, datum)
        if self.crs is None or CRS.from_user_input(self.crs).equals(CRS.from_epsg(4326), ignore_axis_order=True):
            return lambda xy: xy
        there = Transformer.from_crs(CRS.from_user_input(self.crs), CRS.from_epsg(4326), always_xy=True)

        def project(xy: Array) -> Array:
            x, y = there.transform(xy[:, 0], xy[:, 1])
            return np.column_stack([x, y])

        return project


def _shifted(xy: Array, datum: Datum) -> Array:
    known: dict[tuple[float, float], tuple[float, float]] = {}
    out = np.empty_like(xy)
    for row, (x, y) in enumerate(xy):
        key = (float(x), float(y))
        if key not in known:
            there = to_wgs84(LonLat(*key), datum)
            known[key] = (there.lon, there.lat)
        out[row] = known[key]
    return out


def reference_named(words: str) -> Reference:
    """What a person calls it. InputError where nothing is called so."""
    plain = re.sub(r"[\s_\-]", "", words).upper()
    if plain in DATUMS:
        datum = DATUMS[plain]
        return Reference(str(datum), CGCS2000 if datum is Datum.CGCS2000 else WGS84, datum)
    try:
        crs = CRS.from_user_input(words)
    except CRSError:
        raise InputError(
            f"datum: {NAMED}; got {words[:60]!r}", field="datum", about=expects("datum", "datum_needed")
        ) from None
    return Reference(name_of(crs), words)


def name_of(crs: CRS) -> str:
    code = crs.to_epsg(min_confidence=70)
    return f"EPSG:{code} {crs.name}" if code else crs.name


def reference_of(said: str | None, sample: Array) -> Reference:
    """Of a file that says `said` (or nothing), by some of its coordinates. InputError where they cannot be guessed."""
    if said:
        return _with_zone(said, sample)
    if not len(sample) or _are_degrees(sample):
        return Reference(str(Datum.WGS84), WGS84, Datum.WGS84, found=True)
    zone = zone_of(sample)
    if zone is not None:
        return Reference(name_of(CRS.from_user_input(zone)), zone, found=True)
    x, y = sample[0]
    told = f"datum: {x:.0f}, {y:.0f} is in no reference that can be told from the numbers; {NAMED}"
    raise InputError(told, field="datum", about=expects("datum", "datum_needed"))


def _are_degrees(sample: Array) -> bool:
    """Most of them: one row that is wrong makes no other reference."""
    x, y = np.abs(sample[:, 0]), np.abs(sample[:, 1])
    if np.mean((x <= 90) & (y > 90) & (y <= 180)) > MOST:
        told = f"datum: {sample[0][0]:g}, {sample[0][1]:g} has longitude and latitude the other way round"
        raise InputError(f"{told}; expected longitude first", field="datum", about=expects("datum", "lon_first"))
    return bool(np.mean((x <= 180) & (y <= 90)) > MOST)


def zone_of(sample: Array) -> str | None:
    """The zone of CGCS2000 whose number stands before the eastings."""
    zones = {int(x // PREFIX) for x in sample[:, 0]}
    northings = bool(((sample[:, 1] > 0) & (sample[:, 1] < 6_500_000)).all())
    if len(zones) != 1 or not northings:
        return None
    [zone] = zones
    if THREE_FIRST <= zone < THREE_FIRST + 21:
        return f"EPSG:{THREE_PREFIXED + zone - THREE_FIRST}"
    if SIX_FIRST <= zone < SIX_FIRST + 11:
        return f"EPSG:{SIX_PREFIXED + zone - SIX_FIRST}"
    return None


def _with_zone(said: str, sample: Array) -> Reference:
    """A projected CGCS2000 that says nothing of a zone's number, over eastings that carry it, is the one that does."""
    crs = CRS.from_user_input(said)
    if crs.is_projected and "CGCS2000" in crs.name.replace(" ", "").upper() and len(sample):
        params = crs.coordinate_operation.params if crs.coordinate_operation else []
        false_easting = next((float(p.value) for p in params if "easting" in p.name.lower()), 0.0)
        if false_easting < PREFIX and bool((sample[:, 0] > 10 * PREFIX).all()):
            carried = zone_of(sample)
            if carried is not None:
                return Reference(name_of(CRS.from_user_input(carried)), carried, found=True)
    if crs.is_projected or not len(sample) or _are_degrees(sample):
        return Reference(name_of(crs), said)
    x, y = sample[0]
    told = f"datum: the file says {crs.name}, whose coordinates are degrees, and holds {x:.0f}, {y:.0f}; {NAMED}"
    raise InputError(told, field="datum", about=expects("datum", "datum_needed"))


def to_places(shapes: NDArray[np.object_], way: Way) -> NDArray[np.object_]:
    """Geometries in WGS 84. What lies where the projection has no answer becomes infinite and is refused later."""
    try:
        return np.asarray(shapely.transform(shapes, way), dtype=object)
    except (ProjError, InputError):
        return np.array([_one(shape, way) for shape in shapes], dtype=object)


def _one(shape: shapely.Geometry | None, way: Way) -> shapely.Geometry | None:
    try:
        return None if shape is None else shapely.transform(shape, way)
    except (ProjError, InputError):
        return shapely.Point(np.inf, np.inf)


# what arithmetic leaves of 180 degrees
ROUNDED = 1e-9


def outside(shapes: NDArray[np.object_], city: Box | None) -> NDArray[np.bool_]:
    """Which lie far from the city, or nowhere on earth."""
    bounds = shapely.bounds(shapes)
    there = ~np.isnan(bounds[:, 0])
    nowhere = there & ~(
        np.isfinite(bounds).all(axis=1)
        & (np.abs(bounds[:, [0, 2]]) <= 180 + ROUNDED).all(axis=1)
        & (np.abs(bounds[:, [1, 3]]) <= 90 + ROUNDED).all(axis=1)
    )
    if city is None:
        return np.asarray(nowhere)
    west, south, east, north = city
    far = there & (
        (bounds[:, 2] < west - NEAR)
        | (bounds[:, 0] > east + NEAR)
        | (bounds[:, 3] < south - NEAR)
        | (bounds[:, 1] > north + NEAR)
    )
    return np.asarray(nowhere | far)
