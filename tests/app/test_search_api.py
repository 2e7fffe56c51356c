"""/api/search with where one looks, /api/datums."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import Engine, text

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


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kinds": "dragon"}, "kinds"),
        ({"kinds": "sensor,dragon"}, "kinds"),
        ({"kinds": ""}, "kinds"),
        ({"kinds": "sensor,"}, "kinds"),
        ({"near": "here"}, "near"),
        ({"near": "1"}, "near"),
        ({"near": "118.99"}, "near"),
        ({"near": "31.35,118.99"}, "near"),
        ({"near": "nan,31"}, "near"),
        ({"near": "118.99,31.35,1"}, "near"),
        ({"near": "118.99,31.35", "lon": "1", "lat": "1"}, "near"),
        ({"sort": "name"}, "sort"),
    ],
)
def test_what_cannot_be_asked_is_named(given: dict[str, str], field: str, viewer: httpx.Client) -> None:
    answer = viewer.get("/api/search", params={"q": "x", **given})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_kinds_and_near_are_obeyed(viewer: httpx.Client) -> None:
    asked = {"q": "路", "kinds": "sensor,camera", "near": "118.99,31.35", "limit": "400"}
    items = viewer.get("/api/search", params=asked).json()["items"]
    assert {item["type"] for item in items} == {"sensor", "camera"}
    assert all(item["distance_m"] is not None and 0 <= item["score"] <= 1 for item in items)
    same = viewer.get(
        "/api/search", params={"q": "路", "kinds": "sensor,camera", "lon": 118.99, "lat": 31.35, "limit": 400}
    )
    assert same.json()["items"] == items
    assert viewer.get("/api/search", params={**asked, "kinds": "place"}).json()["items"] == []


def test_addresses_positions_and_pinyin_over_the_api(viewer: httpx.Client, db: Engine) -> None:
    with db.connect() as conn:
        row = conn.execute(text("SELECT id, street_zh, number FROM address ORDER BY id LIMIT 1")).one()
        code = conn.scalar(text("SELECT id FROM asset ORDER BY id LIMIT 1"))
    [door] = viewer.get("/api/search", params={"q": f"{row.street_zh}{row.number}号"}).json()["items"]
    assert (door["type"], door["id"], door["match"]) == ("address", row.id, 0)
    places = viewer.get("/api/search", params={"q": "N31.38 E118.99", "kinds": "place"}).json()["items"]
    assert [place["subtitle"]["en"] for place in places] == ["read as WGS 84", "read as GCJ-02", "read as BD-09"]
    [asset] = viewer.get("/api/search", params={"q": code}).json()["items"]
    assert (asset["type"], asset["id"], asset["match"]) == ("asset", code, 0)
    assert viewer.get("/api/search", params={"q": code[:7]}).json()["items"] == []
