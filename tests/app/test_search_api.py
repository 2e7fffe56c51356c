"""/api/search with where one looks, /api/datums."""

from __future__ import annotations

import httpx
import pytest

from app.api.search import get_datums
from core.crs import Datum, from_wgs84
from core.types import LonLat
from core.viewer import Role
from tests.people import person


def test_a_position_is_read_in_the_datums_that_maps_speak() -> None:
    where = LonLat(118.99, 31.38)
    for datum in (Datum.GCJ02, Datum.BD09):
        told = from_wgs84(where, datum)
        found = {one["datum"]: one for one in get_datums(person(Role.VIEWER), told.lon, told.lat)["readings"]}
        assert set(found) == {Datum.GCJ02, Datum.BD09}
        assert (found[datum]["lon"], found[datum]["lat"]) == pytest.approx((where.lon, where.lat), abs=1e-5)


def test_outside_of_china_there_is_no_other_datum_to_read_it_in() -> None:
    assert get_datums(person(Role.VIEWER), 24.94, 60.17)["readings"] == []


def test_what_is_found_says_how_far_it_is_from_where_one_looks(viewer: httpx.Client) -> None:
    near = viewer.get("/api/search", params={"q": "fire-01", "lon": 118.99, "lat": 31.35}).json()["items"][0]
    assert (near["id"], near["match"]) == ("fire-01", 0)
    assert near["distance_m"] > 0
    assert near["code"] == "fire-01"
    [gauge] = viewer.get("/api/search", params={"q": "wl-spare", "lon": 118.99, "lat": 31.35}).json()["items"]
    assert gauge["district"]["zh"]
    assert viewer.get("/api/search", params={"q": "fire-01"}).json()["items"][0]["distance_m"] is None


@pytest.mark.parametrize("given", [{"lon": 1}, {"lat": 1}, {"lon": 999, "lat": 1}])
def test_half_a_place_is_none(given: dict[str, float], viewer: httpx.Client) -> None:
    answer = viewer.get("/api/search", params={"q": "x", **given})
    assert (answer.status_code, answer.json()["field"]) == (422, "lon")
