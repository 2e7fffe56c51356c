"""What columns of text are: numbers, times, codes; where a place stands. A guess is shown before anything is kept."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

ColumnType = Literal["text", "integer", "number", "boolean", "date", "time"]
# fifteen digits are what a double holds exactly
INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,14})")
NUMBER = re.compile(r"[+-]?(\d{1,15}|\d{0,15}\.\d+|\d{1,15}\.)([eE][+-]?\d{1,3})?")
LEADING_ZERO = re.compile(r"[+-]?0\d")
DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
TIME = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[ T]+(\d{1,2})[:时](\d{2})分?(?::?(\d{2})(\.\d+)?秒?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?"
)
TRUE, FALSE = frozenset({"true", "yes", "y", "是", "有", "t"}), frozenset({"false", "no", "n", "否", "无", "f"})
# columns whose digits are a name: they are never added up
CODES = re.compile(
    r"(编码|代码|编号|标识|号码|身份证|电话|手机|邮编|code|_?id$|^id|number$|phone|mobile|zip|postcode|serial|no$)",
    re.I,
)
ENOUGH = 0.98

LON = (
    "经度",
    "lng",
    "lon",
    "long",
    "longitude",
    "x",
    "x坐标",
    "东经",
    "经度坐标",
    "coordx",
    "x_coord",
    "point_x",
    "lon_wgs84",
)
LAT = ("纬度", "lat", "latitude", "y", "y坐标", "北纬", "纬度坐标", "coordy", "y_coord", "point_y", "lat_wgs84")
BOTH = ("坐标", "经纬度", "coordinates", "location", "lnglat", "lonlat", "latlng", "latlon", "位置坐标")
WKT = ("wkt", "geometry", "geom", "the_geom", "几何")
PAIR = re.compile(r"\s*[\[(（]?\s*([^,，;\s\[\]()（）]+)\s*[,，;\s]\s*([^,，;\s\[\]()（）]+)\s*[\])）]?\s*")
# degrees, minutes, seconds in any of the marks that people write, a hemisphere before or after
DMS = re.compile(
    r"""\s*([NSEWnsew东西南北]?[经纬]?)\s*([+-]?\d{1,3}(?:\.\d+)?)\s*(?:[°度º:\s]\s*(\d{1,2}(?:\.\d+)?)\s*(?:['′’分:\s]\s*"""
    r"""(\d{1,2}(?:\.\d+)?)?\s*(?:["″”秒]|'')?)?)?\s*['′分]?\s*°?\s*([NSEWnsew]?)\s*"""
)
SOUTH_WEST = frozenset("swSW南西")


def type_of(name: str, values: Iterable[str | None]) -> ColumnType:
    """The type of a column of text by its name and values; what is not sure stays text."""
    said = [value.strip() for value in values if value is not None and value.strip()]
    if not said:
        return "text"
    if CODES.search(name) or any(LEADING_ZERO.match(value) and "." not in value for value in said):
        return "text"
    tests: list[tuple[ColumnType, Callable[[str], bool]]] = [
        ("boolean", lambda v: v.lower() in TRUE | FALSE),
        ("integer", lambda v: INTEGER.fullmatch(v) is not None),
        ("number", lambda v: NUMBER.fullmatch(v.replace(",", "")) is not None),
        ("date", lambda v: DATE.fullmatch(v) is not None),
        ("time", lambda v: TIME.fullmatch(v) is not None),
    ]
    for kind, test in tests:
        if all(map(test, said)):
            return kind
    return "text"


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-()（）]", "", name).lower()


def place_columns(names: Sequence[str]) -> tuple[str, str] | tuple[str] | None:
    """The columns of longitude and latitude (or x and y), or the one that holds both or a geometry as text (WKT)."""
    plain = {_plain(name): name for name in names}
    for lons, lats in ((LON, LAT),):
        lon = next((plain[_plain(n)] for n in lons if _plain(n) in plain), None)
        lat = next((plain[_plain(n)] for n in lats if _plain(n) in plain), None)
        if lon and lat:
            return lon, lat
    lon = next((name for key, name in plain.items() if "经度" in key or "longitude" in key), None)
    lat = next((name for key, name in plain.items() if "纬度" in key or "latitude" in key), None)
    if lon and lat and lon != lat:
        return lon, lat
    one = next((plain[_plain(n)] for n in (*WKT, *BOTH) if _plain(n) in plain), None)
    return (one,) if one else None


def degrees(value: str) -> float | None:
    """A longitude or latitude in degrees: decimal, or degrees, minutes and seconds; None where it is neither."""
    try:
        return float(value) if math.isfinite(float(value)) else None
    except ValueError:
        pass
    match = DMS.fullmatch(value)
    if match is None:
        return None
    before, whole, minutes, seconds, after = match.groups()
    size = abs(float(whole)) + float(minutes or 0) / 60 + float(seconds or 0) / 3600
    if float(minutes or 0) >= 60 or float(seconds or 0) >= 60:
        return None
    negative = whole.startswith("-") or any(mark in SOUTH_WEST for mark in before + after)
    return -size if negative else size


def pair(value: str) -> tuple[float, float] | None:
    """Two numbers in one field, as they stand."""
    match = PAIR.fullmatch(value)
    if match is None:
        return None
    first, second = degrees(match.group(1)), degrees(match.group(2))
    return None if first is None or second is None else (first, second)


def key_among(columns: Sequence[tuple[str, Sequence[object]]]) -> str | None:
    """The column whose values name the rows, if one does: all there, all different, and called so."""
    for name, values in columns:
        said = [value for value in values if value not in (None, "")]
        if CODES.search(name) and said and len(said) == len(values) == len(set(map(str, said))):
            return name
    return None
