"""From the coordinates of a file to WGS 84."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from core.errors import InputError
from core.i18n import say
from layers.imports.places import outside, reference_named, reference_of, to_places
from layers.imports.shapes import families, family_of, keep, mend

LON, LAT = 111.43877780268987, 27.223905373786593
Pair = tuple[float, float]


def projected(code: int, lon: float = LON, lat: float = LAT) -> np.ndarray:
    return np.array([Transformer.from_crs(4326, code, always_xy=True).transform(lon, lat)])


def there(shape: shapely.Geometry, words: str) -> Pair:
    [found] = to_places(np.array([shape], dtype=object), reference_named(words).way())
    return found.x, found.y


# pg-coordtransform#10, JZLocationConverter#6: under 0.1 m there and back
@pytest.mark.parametrize("datum", ["GCJ-02", "gcj02", "BD-09", "bd09"])
def test_a_position_of_a_consumer_map_comes_back_to_a_decimetre(datum: str) -> None:
    from core.crs import Datum, from_wgs84
    from core.types import LonLat

    shifted = from_wgs84(LonLat(LON, LAT), Datum.GCJ02 if "gcj" in datum.lower() else Datum.BD09)
    assert abs(shifted.lon - LON) > 0.001
    lon, lat = there(shapely.Point(shifted.lon, shifted.lat), datum)
    assert abs(lon - LON) < 1e-6
    assert abs(lat - LAT) < 1e-6


def test_outside_of_china_the_datum_changes_nothing() -> None:
    assert there(shapely.Point(24.94, 60.17), "GCJ-02") == (24.94, 60.17)


@pytest.mark.parametrize(
    ("code", "words"),
    [(4490, "CGCS2000"), (4525, "EPSG:4525"), (4547, "EPSG:4547"), (32649, "EPSG:32649"), (3857, "EPSG:3857")],
)
def test_a_reference_that_is_named_leads_to_the_place(code: int, words: str) -> None:
    lon, lat = there(shapely.Point(*projected(code)[0]), words)
    assert (lon, lat) == pytest.approx((LON, LAT), abs=1e-7)


# zone-prefixed eastings, 3 degrees (zone 37, central meridian 111) and 6 degrees (zone 19)
@pytest.mark.parametrize("code", [4525, 4497])
def test_a_zone_is_told_from_the_eastings(code: int) -> None:
    sample = projected(code)
    found = reference_of(None, sample)
    assert found.found
    assert there(shapely.Point(*sample[0]), found.crs or "") == pytest.approx((LON, LAT), abs=1e-7)


def test_a_file_that_says_the_zone_without_its_number_over_eastings_with_it() -> None:
    sample = projected(4525)
    assert sample[0][0] > 37_000_000
    found = reference_of("EPSG:4546", sample)  # CGCS2000 / 3-degree Gauss-Kruger CM 111E
    assert there(shapely.Point(*sample[0]), found.crs or "") == pytest.approx((LON, LAT), abs=1e-7)
    plain = projected(4546)
    assert plain[0][0] < 1_000_000
    assert reference_of("EPSG:4546", plain).crs == "EPSG:4546"


@pytest.mark.parametrize("said", [None, "EPSG:4490"])
def test_numbers_in_no_reference_are_asked_about(said: str | None) -> None:
    with pytest.raises(InputError, match=r"expected WGS84, CGCS2000") as caught:
        reference_of(said, np.array([[412345.0, 3045678.0]]))
    assert caught.value.field == "datum"


def test_a_datum_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="got 'Mars'"):
        reference_named("Mars")


def test_what_lies_far_from_the_city_is_told_apart() -> None:
    city = (118.8, 31.2, 119.2, 31.5)
    shapes = np.array(
        [
            shapely.Point(119, 31.3),
            shapely.Point(31.3, 119),
            None,
            shapely.Point(np.inf, 1),
            shapely.Point(116.4, 39.9),
        ],
        dtype=object,
    )
    assert outside(shapes, city).tolist() == [False, True, False, True, True]
    assert outside(shapes, None).tolist() == [False, True, False, True, False]


# --- shapes (geopandas#3725, #2264) -----------------------------------------------------------------------------------

BOW = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])


def test_a_bow_tie_is_repaired_and_counted_and_nothing_is_no_fault() -> None:
    done = mend(np.array([BOW, None, shapely.Point(), shapely.box(0, 0, 1, 1)], dtype=object), "polygon")
    assert done.repaired == 1
    assert done.refused == {}
    assert [shape is not None and shape.is_valid for shape in done.shapes] == [True, False, False, True]
    assert done.shapes[0].area == pytest.approx(0.5)


def test_another_kind_is_refused_by_its_place() -> None:
    done = mend(np.array([shapely.Point(0, 0), shapely.box(0, 0, 1, 1)], dtype=object), "polygon")
    assert done.refused == {0: say("refused.polygon", got="Point")}


def test_of_a_collection_the_wanted_parts_are_kept() -> None:
    mixed = shapely.GeometryCollection([shapely.Point(0, 0), shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)])
    kept = keep(mixed, "polygon")
    assert kept is not None
    assert kept.area == pytest.approx(2)
    assert family_of(mixed) == "point"
    assert keep(shapely.GeometryCollection(), "polygon") is None


def test_heights_are_left_out() -> None:
    done = mend(np.array([shapely.Point(1, 2, 3)], dtype=object), "point")
    assert not done.shapes[0].has_z


def test_kinds_are_counted_the_most_first() -> None:
    shapes = np.array([shapely.Point(0, 0), shapely.box(0, 0, 1, 1), shapely.box(0, 0, 1, 1), None], dtype=object)
    assert families(shapes) == {"polygon": 2, "point": 1}
