"""Datums: where a position really is. We store WGS 84 (EPSG:4326); devices and maps in China also speak GCJ-02 and
BD-09.

GCJ-02 is the obfuscated datum of Chinese consumer maps, BD-09 Baidu's on top of it; neither is published, the inverses
are iterated (geocoordinates-rs states 0.5 m at most). CGCS2000 (EPSG:4490, GB 22021) differs from WGS 84 by
centimetres: taken as is.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import geocoordinates_ffi as geo

from core.errors import InputError
from core.faults import expects
from core.types import LonLat


class Datum(StrEnum):
    WGS84 = "WGS84"
    GCJ02 = "GCJ-02"
    BD09 = "BD-09"
    CGCS2000 = "CGCS2000"


_TO_WGS84: dict[Datum, Callable[[float, float], geo.ApproxWgs84]] = {
    Datum.GCJ02: lambda lon, lat: geo.gcj02_to_wgs84_refined(geo.Gcj02(lat=lat, lon=lon)),
    Datum.BD09: lambda lon, lat: geo.bd09_to_wgs84_refined(geo.Bd09(lat=lat, lon=lon)),
}
_FROM_WGS84: dict[Datum, Callable[[float, float], geo.Gcj02 | geo.Bd09]] = {
    Datum.GCJ02: lambda lon, lat: geo.wgs84_to_gcj02(geo.Wgs84(lat=lat, lon=lon)),
    Datum.BD09: lambda lon, lat: geo.wgs84_to_bd09(geo.Wgs84(lat=lat, lon=lon)),
}


def to_wgs84(position: LonLat, datum: Datum) -> LonLat:
    """`position`, read in `datum`, as WGS 84; within 0.5 m."""
    convert = _TO_WGS84.get(datum)
    if convert is None:
        return position
    try:
        found = convert(position.lon, position.lat)
    except geo.GeoError as exc:
        told = f"lon: {position.lon}, {position.lat} is not a position in {datum}"
        raise InputError(told, field="lon", about=expects("lon", "not_in_datum", datum=str(datum))) from exc
    return LonLat(found.lon, found.lat)


def from_wgs84(position: LonLat, datum: Datum) -> LonLat:
    """The WGS 84 `position` as `datum` has it."""
    convert = _FROM_WGS84.get(datum)
    if convert is None:
        return position
    found = convert(position.lon, position.lat)
    return LonLat(found.lon, found.lat)
