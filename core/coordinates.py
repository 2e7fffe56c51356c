"""Positions as people write them, in any datum, to WGS 84.

Degrees, or degrees, minutes and seconds; with letters or words for the sides, or without; after `lon=`, 经度 and the
like; GeoJSON's brackets, WKT's POINT, a geo: URI (RFC 5870), ISO 6709. assets/js/hits.mjs reads the plainer of these as
they are typed; both have the same table of tests.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from core.crs import Datum, to_wgs84
from core.errors import InputError
from core.types import Box, LonLat

_NUMBER = r"[-+]?\d{1,3}(?:\.\d+)?"
_SECONDS = r"(?:(\d{1,2}(?:\.\d+)?)\s*(?:[″”\"秒]|'')\s*)?"
_ANGLE = rf"({_NUMBER})\s*(?:[°º度]\s*(?:(\d{{1,2}}(?:\.\d+)?)\s*[′’'分]\s*{_SECONDS})?)?"
_SIDE = r"([NSEW]|[东西]经|[南北]纬)"
_LOOSE = r"\s*[,，;；、]?\s*"
_LETTERS_FIRST = re.compile(rf"{_SIDE}\s*{_ANGLE}{_LOOSE}{_SIDE}\s*{_ANGLE}", re.I)
_LETTERS_LAST = re.compile(rf"{_ANGLE}\s*{_SIDE}{_LOOSE}{_ANGLE}\s*{_SIDE}", re.I)
_BARE = re.compile(rf"{_ANGLE}\s*[,，;；、\s]\s*{_ANGLE}")
_ISO = re.compile(r"([-+]\d{2}\.\d+)([-+]\d{3}\.\d+)(?:[-+][\d.]+)?/?")
_GEO = re.compile(rf"geo:({_NUMBER}),({_NUMBER})(?:[,;].*)?", re.I)
_POINT = re.compile(rf"POINT\s*\(\s*({_NUMBER})\s+({_NUMBER})\s*\)", re.I)
# what names an axis: to the side that is positive there
_AXES = (
    (re.compile(r"(?:longitude|lon|lng|经度)\s*[=:：]?\s*", re.I), "E"),
    (re.compile(r"(?:latitude|lat|纬度)\s*[=:：]?\s*", re.I), "N"),
)
_SIGNS = {"N": ("lat", 1), "S": ("lat", -1), "E": ("lon", 1), "W": ("lon", -1)}
_SIDES = {**_SIGNS, "北纬": ("lat", 1), "南纬": ("lat", -1), "东经": ("lon", 1), "西经": ("lon", -1)}
_DATUMS = (
    (Datum.WGS84, re.compile(r"WGS[- ]?84|\bGPS\b", re.I)),
    (Datum.GCJ02, re.compile(r"GCJ[- ]?0?2|火星坐标系?|国测局|高德(?:地图)?|腾讯(?:地图)?|\bAMap\b", re.I)),
    (Datum.BD09, re.compile(r"BD[- ]?0?9(?:LL)?|百度(?:地图|坐标)?|\bBaidu\b", re.I)),
    (Datum.CGCS2000, re.compile(r"CGCS[- ]?2000|国家?2000(?:坐标系?)?|2000坐标系?", re.I)),
)
_AROUND = re.compile(r"^[\s:：,，()（）\[\]]+|[\s:：,，()（）\[\]]+$")
# what a datum moves a place by is far less than this, in degrees: a place at the edge is still the city's
AROUND_CITY = 0.2


@dataclass(frozen=True, slots=True)
class Read:
    """A position and the datum it was read in."""

    datum: Datum
    where: LonLat


def read_position(text: str, city: Box | None = None) -> list[Read]:
    """The position that a text names, in the datum it names, else in each that people may have meant (outside of China
    WGS 84 alone); empty where it is none. Where it does not say which number is the longitude, the order is guessed: as
    it lies in the city, else longitude first where that can be, else latitude."""
    datum, rest = _datum_in(text)
    told = _angles_in(rest, city)
    if told is None:
        return []
    if datum is not None:
        return [Read(datum, _moved(told, datum))]
    found = [Read(Datum.WGS84, told)]
    with suppress(InputError):
        # outside of China GCJ-02 is WGS 84
        if (there := to_wgs84(told, Datum.GCJ02)) != told:
            found += [Read(Datum.GCJ02, _rounded(there)), Read(Datum.BD09, _moved(told, Datum.BD09))]
    return found


def _moved(told: LonLat, datum: Datum) -> LonLat:
    try:
        return _rounded(to_wgs84(told, datum))
    except InputError:
        return told


def _rounded(where: LonLat) -> LonLat:
    return LonLat(round(where.lon, 6), round(where.lat, 6))


def _datum_in(text: str) -> tuple[Datum | None, str]:
    for datum, pattern in _DATUMS:
        if pattern.search(text):
            return datum, _AROUND.sub("", pattern.sub(" ", text, count=1))
    return None, text.strip()


def _angles_in(text: str, city: Box | None) -> LonLat | None:
    if found := _GEO.fullmatch(text) or _ISO.fullmatch(text):
        return _place(float(found[2]), float(found[1]))
    if found := _POINT.fullmatch(text):
        return _place(float(found[1]), float(found[2]))
    plain = _AROUND.sub("", text.replace("&", ","))
    for axis, side in _AXES:
        plain = axis.sub(side, plain)
    if found := _LETTERS_FIRST.fullmatch(plain):
        return _sided((found[1], _degrees(*found.group(2, 3, 4))), (found[5], _degrees(*found.group(6, 7, 8))))
    if found := _LETTERS_LAST.fullmatch(plain):
        return _sided((found[4], _degrees(*found.group(1, 2, 3))), (found[8], _degrees(*found.group(5, 6, 7))))
    if found := _BARE.fullmatch(plain):
        one, other = _degrees(*found.group(1, 2, 3)), _degrees(*found.group(4, 5, 6))
        return None if one is None or other is None else _ordered(one, other, city)
    return None


def _degrees(whole: str, minutes: str | None, seconds: str | None) -> float | None:
    """None where minutes or seconds are none."""
    parts = float(minutes or 0), float(seconds or 0)
    if max(parts) >= 60:
        return None
    size = abs(float(whole)) + parts[0] / 60 + parts[1] / 3600
    return -size if whole.startswith("-") else size


def _sided(*parts: tuple[str, float | None]) -> LonLat | None:
    found: dict[str, float] = {}
    for side, size in parts:
        axis, sign = _SIDES[side.upper()]
        if size is None or axis in found:
            return None
        found[axis] = size * sign
    return _place(found["lon"], found["lat"])


def _ordered(one: float, other: float, city: Box | None) -> LonLat | None:
    ways = (_place(one, other), _place(other, one))
    here = next((way for way in ways if way and city and _is_in(city, way)), None)
    return here or ways[0] or ways[1]


def _place(lon: float, lat: float) -> LonLat | None:
    return LonLat(lon, lat) if abs(lon) <= 180 and abs(lat) <= 90 else None


def _is_in(box: Box, where: LonLat) -> bool:
    west, south, east, north = box
    return west - AROUND_CITY < where.lon < east + AROUND_CITY and south - AROUND_CITY < where.lat < north + AROUND_CITY
