"""Units and datums: what devices say becomes what the city's tables say, or is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.crs import Datum, from_wgs84, to_wgs84
from core.errors import InputError
from core.types import LonLat
from core.units import conversion, is_unit
from core.vocabulary import table

CASES = [
    ("Cel", "°C", 20.0, 20.0),
    ("F", "°C", 212.0, 100.0),
    ("degF", "°C", 32.0, 0.0),
    ("K", "°C", 273.15, 0.0),
    ("℃", "°C", -5.0, -5.0),
    ("cm", "m", 320.0, 3.2),
    ("毫米", "m", 3200.0, 3.2),
    ("in", "mm", 1.0, 25.4),
    ("m3/h", "L/s", 36.0, 10.0),
    ("立方米/秒", "L/s", 1.0, 1000.0),
    ("mg/m3", "µg/m³", 0.035, 35.0),
    ("ug/m3", "mg/m³", 4000.0, 4.0),
    ("km/h", "m/s", 36.0, 10.0),
    ("%RH", "%", 55.0, 55.0),
    ("rad", "°", 3.141592653589793, 180.0),
    ("kn", "m/s", 1.0, 0.514444),
    ("Degree Celsius", "°C", 20.0, 20.0),
    ("华氏度", "°C", 212.0, 100.0),
    ("％", "%", 50.0, 50.0),
    ("微克/立方米", "µg/m³", 35.0, 35.0),
    ("㎥/h", "L/s", 36.0, 10.0),
]


@pytest.mark.parametrize(("unit", "wanted", "value", "expected"), CASES)
def test_value_is_converted(unit: str, wanted: str, value: float, expected: float) -> None:
    assert conversion(unit, wanted).apply(value) == pytest.approx(expected, rel=1e-5, abs=1e-9)


# RFC 8798 section 3, table 2: secondary unit, SenML unit, scale, offset; `Ah` is in the coulombs that we do not measure
SECONDARY = [
    ("ms", "s", 1e-3, 0), ("min", "s", 60, 0), ("h", "s", 3600, 0), ("MHz", "Hz", 1e6, 0), ("kW", "W", 1000, 0),
    ("kVA", "VA", 1000, 0), ("kvar", "var", 1000, 0), ("Wh", "J", 3600, 0), ("kWh", "J", 3.6e6, 0),
    ("varh", "vars", 3600, 0), ("kvarh", "vars", 3.6e6, 0), ("kVAh", "VAs", 3.6e6, 0), ("Wh/km", "J/m", 3.6, 0),
    ("KiB", "B", 1024, 0), ("GB", "B", 1e9, 0), ("Mbit/s", "bit/s", 1e6, 0), ("B/s", "bit/s", 8, 0),
    ("MB/s", "bit/s", 8e6, 0), ("mV", "V", 1e-3, 0), ("mA", "A", 1e-3, 0), ("dBm", "dBW", 1, -30),
    ("ug/m3", "kg/m3", 1e-9, 0), ("mm/h", "m/s", 1 / 3.6e6, 0), ("m/h", "m/s", 1 / 3600, 0), ("ppm", "/", 1e-6, 0),
    ("/100", "/", 0.01, 0), ("/1000", "/", 0.001, 0), ("hPa", "Pa", 100, 0), ("mm", "m", 1e-3, 0),
    ("cm", "m", 0.01, 0), ("km", "m", 1000, 0), ("km/h", "m/s", 1 / 3.6, 0),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "base", "scale", "offset"), SECONDARY, ids=[row[0] for row in SECONDARY])
def test_secondary_unit_of_senml_is_its_primary_one_scaled(unit: str, base: str, scale: float, offset: float) -> None:
    assert conversion(unit, base) == pytest.approx((scale, offset))
    assert is_unit(unit)


def test_unit_that_is_a_multiple_of_a_spelling_goes_both_ways() -> None:
    assert conversion("dBW", "dBm").apply(1) == 31
    assert conversion("Bspl", "dB").apply(6.5) == 65
    assert conversion("dBm", "dBm").apply(3) == 3


@pytest.mark.parametrize("words", ["", "pump-3", "消防支队", "9**9", "x y z"])
def test_words_that_are_no_unit(words: str) -> None:
    assert not is_unit(words)


@pytest.mark.parametrize(
    "unit", ["s", "foo", "", "((((", "9**9**9**9", "m**9", "1e999", "m; import os", "%LEL", "m" * 400]
)
def test_unit_that_does_not_fit_is_refused(unit: str) -> None:
    with pytest.raises(InputError) as caught:
        conversion(unit, "m")
    assert caught.value.field == "unit"


def field_at_fault(unit: str) -> str | None:
    try:
        return None if conversion(unit, "µg/m³").scale else "scale"
    except InputError as exc:
        return exc.field


# to Pint these are all plain numbers, or levels of something; to a threshold they are not
FALSE_FRIENDS = [
    ("%", "°"),
    ("rad", "%"),
    ("°", "%"),
    ("bit", "%"),
    ("count", "°"),
    ("count", "%"),
    ("dB", "%"),
    ("dB", "°"),
    ("B", "dB"),
    ("dB/m", "%/m"),
    ("ppm", "°"),
]


@pytest.mark.parametrize(("unit", "wanted"), FALSE_FRIENDS)
def test_units_of_another_kind_do_not_convert(unit: str, wanted: str) -> None:
    with pytest.raises(InputError):
        conversion(unit, wanted)


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "ours"),
    [(71.6, "F", "Cel", 22.0), (71.6, "hPa", "Pa", 7160.0), (0.1, "kPa", "Pa", 100.0), (36, "km/h", "m/s", 10.0)],
)
def test_value_is_what_a_person_would_write(value: float, unit: str, wanted: str, ours: float) -> None:
    assert conversion(unit, wanted).apply(value) == ours


@pytest.mark.parametrize("unit", ["dB(A)", "dBA", "dB", "分贝"])
def test_noise_is_told_in_many_spellings(unit: str) -> None:
    assert conversion(unit, "dB").apply(62.5) == 62.5


@given(st.text(max_size=40))
def test_no_text_raises_anything_else(unit: str) -> None:
    assert field_at_fault(unit) in (None, "unit")


def test_every_metric_of_the_city_keeps_its_own_unit() -> None:
    for row in table("metrics").values():
        assert conversion(row["unit"], row["unit"]).apply(7.5) == 7.5


def metres(a: LonLat, b: LonLat) -> float:
    """Small distances on the sphere of 6,371 km."""
    from math import cos, hypot, radians

    east = radians(b.lon - a.lon) * cos(radians((a.lat + b.lat) / 2))
    return hypot(east, radians(b.lat - a.lat)) * 6_371_000


# published pairs: Tiananmen in WGS 84 and GCJ-02 is some 550 m apart, BD-09 some 900 m further north-east
@pytest.mark.parametrize(
    ("datum", "least", "most"), [(Datum.GCJ02, 100, 800), (Datum.BD09, 600, 2000), (Datum.CGCS2000, 0, 0.001)]
)
def test_datums_of_china_are_hundreds_of_metres_apart(datum: Datum, least: float, most: float) -> None:
    here = LonLat(118.29, 33.96)
    assert least <= metres(here, from_wgs84(here, datum)) <= most


@given(st.floats(74, 134), st.floats(19, 52), st.sampled_from(list(Datum)))
def test_there_and_back_is_within_a_metre(lon: float, lat: float, datum: Datum) -> None:
    here = LonLat(lon, lat)
    assert metres(here, to_wgs84(from_wgs84(here, datum), datum)) < 1.0


def test_gcj02_is_the_published_offset() -> None:
    """The worked example of the coordinates' common open implementations: (116.404, 39.915) → (116.41024, 39.91640)."""
    moved = from_wgs84(LonLat(116.404, 39.915), Datum.GCJ02)
    assert (moved.lon, moved.lat) == pytest.approx((116.410244, 39.916404), abs=2e-6)
    baidu = from_wgs84(LonLat(116.404, 39.915), Datum.BD09)
    assert (baidu.lon, baidu.lat) == pytest.approx((116.416627, 39.922699), abs=2e-6)


def test_outside_china_gcj02_changes_nothing() -> None:
    assert to_wgs84(LonLat(24.94, 60.17), Datum.GCJ02) == LonLat(24.94, 60.17)
