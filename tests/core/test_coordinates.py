"""Positions as people write them: the table of tests/js/hits.test.mjs, and what only the server reads."""

from __future__ import annotations

import pytest

from core.coordinates import read_position
from core.crs import Datum, from_wgs84
from core.types import LonLat

CITY = (118.6, 31.1, 119.3, 31.7)
PLAIN = [
    ("longitude and latitude with a comma", "116.397, 39.909", (116.397, 39.909)),
    ("with a Chinese comma", "116.397，39.909", (116.397, 39.909)),
    ("with a blank", " 24.94 60.17 ", (24.94, 60.17)),
    ("with a semicolon", "24.94;60.17", (24.94, 60.17)),
    ("west and south", "-70.5,-33.4", (-70.5, -33.4)),
    ("whole degrees", "116,39", (116, 39)),
    ("of the city, longitude first", "118.99, 31.38", (118.99, 31.38)),
    ("of the city, latitude first", "31.38, 118.99", (118.99, 31.38)),
    ("just beyond the city, latitude first", "31.75, 118.99", (118.99, 31.75)),
    ("elsewhere, where only latitude can be first", "39.909, 116.397", (116.397, 39.909)),
    ("elsewhere, where both can be, longitude first", "60.17, 24.94", (60.17, 24.94)),
    ("letters before", "N31.38 E118.99", (118.99, 31.38)),
    ("letters before, east first", "E 118.99, N 31.38", (118.99, 31.38)),
    ("letters after", "31.38N, 118.99E", (118.99, 31.38)),
    ("letters after without a blank", "31.38n118.99e", (118.99, 31.38)),
    ("letters say south and west", "33.4S 70.5W", (-70.5, -33.4)),
    ("letters decide against the city", "31.38E 18.99N", (31.38, 18.99)),
    ("Chinese sides", "东经118.99 北纬31.38", (118.99, 31.38)),
    ("degrees with a sign", "31.38° 118.99°", (118.99, 31.38)),
    ("degrees, minutes and seconds", "31°22'48\"N 118°59'24\"E", (118.99, 31.38)),
    ("with typographic signs", "31°22′48″ 118°59′24″", (118.99, 31.38)),
    ("degrees and minutes", "31°22.8'N, 118°59.4'E", (118.99, 31.38)),
    ("in Chinese", "北纬31度22分48秒，东经118度59分24秒", (118.99, 31.38)),
    ("seventy minutes are none", "31°70'N 118°59'E", None),
    ("two latitudes are none", "31.38N 32.38N", None),
    ("a longitude beyond the date line is none", "181,39", None),
    ("two numbers beyond the pole are none", "116,91", None),
    ("one number is none", "116.397", None),
    ("three numbers are none", "116 39 50", None),
    ("an incident number is none", "2026-03", None),
    ("words are none", "东门", None),
    ("named axes", "lat: 31.38, lon: 118.99", (118.99, 31.38)),
    ("named axes of an address line", "lng=118.99&lat=31.38", (118.99, 31.38)),
    ("named axes in Chinese", "经度118.99 纬度：31.38", (118.99, 31.38)),
    ("GeoJSON's brackets", "[118.99, 31.38]", (118.99, 31.38)),
    ("brackets", "(31.38; 118.99)", (118.99, 31.38)),
    ("WKT", "POINT (118.99 31.38)", (118.99, 31.38)),
    ("a geo URI, latitude first", "geo:31.38,118.99;u=35", (118.99, 31.38)),
    ("ISO 6709, latitude first", "+31.3800+118.9900/", (118.99, 31.38)),
    ("a geo URI beyond the pole is none", "geo:118.99,31.38", None),
]


@pytest.mark.parametrize(("why", "words", "wanted"), PLAIN, ids=[one[0] for one in PLAIN])
def test_a_position_is_read(why: str, words: str, wanted: tuple[float, float] | None) -> None:
    found = read_position(words, CITY)
    assert ((found[0].where.lon, found[0].where.lat) if found else None) == (wanted and pytest.approx(wanted))


def test_in_china_it_may_have_been_meant_in_any_datum() -> None:
    where = LonLat(118.99, 31.38)
    for datum in (Datum.GCJ02, Datum.BD09):
        told = from_wgs84(where, datum)
        found = {one.datum: one.where for one in read_position(f"{told.lon}, {told.lat}", CITY)}
        assert list(found) == [Datum.WGS84, Datum.GCJ02, Datum.BD09]
        assert (found[datum].lon, found[datum].lat) == pytest.approx((where.lon, where.lat), abs=1e-5)
    assert [one.datum for one in read_position("24.94 60.17", CITY)] == [Datum.WGS84]


@pytest.mark.parametrize(
    ("words", "datum"),
    [
        ("GCJ-02 {lon}, {lat}", Datum.GCJ02),
        ("{lon}, {lat} (gcj02)", Datum.GCJ02),
        ("高德：{lon}，{lat}", Datum.GCJ02),
        ("百度地图 {lon} {lat}", Datum.BD09),
        ("BD09 {lat},{lon}", Datum.BD09),
        ("WGS84: {lon}, {lat}", Datum.WGS84),
        ("CGCS2000 {lon}, {lat}", Datum.CGCS2000),
    ],
)
def test_the_datum_that_is_named_is_the_one(words: str, datum: Datum) -> None:
    where = LonLat(118.99, 31.38)
    told = from_wgs84(where, datum)
    [found] = read_position(words.format(lon=told.lon, lat=told.lat), CITY)
    assert found.datum is datum
    assert (found.where.lon, found.where.lat) == pytest.approx((where.lon, where.lat), abs=1e-5)
