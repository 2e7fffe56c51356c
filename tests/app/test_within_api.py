"""/api/within: what is inside an area, within a radius of a place, along a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from layers.imports.bring import bring
from layers.own import remove_layer
from tests.layers.test_bring import plan_of, text_table
from tests.support import System, now

LON, LAT = 118.99, 31.35
ASSET = "3205080103777777"


@pytest.fixture(scope="module")
def there(db: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A component that is damaged and three features of a layer, all at one place."""
    rows = "".join(f"w{n},井{n},{LON},{LAT}\n" for n in range(3))
    table = text_table(tmp_path_factory.mktemp("w") / "t", "编号,名称,经度,纬度\n" + rows)
    with db.begin() as conn:
        bring(conn, table, plan_of(table, "wells"), "tester", now())
        conn.execute(
            text("""
INSERT INTO asset (id, class, subclass, name_zh, name_en, state, district, geom)
VALUES (:id, '99', '03', '雨水井盖', 'Cover', 'damaged', '320508', ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
"""),
            {"id": ASSET, "lon": LON, "lat": LAT},
        )
    yield
    with db.begin() as conn:
        conn.execute(text("DELETE FROM asset WHERE id = :id"), {"id": ASSET})
        remove_layer(conn, "wells")


@pytest.fixture(scope="module")
def viewer(served: System) -> Iterator[httpx.Client]:
    with served.api("viewer") as client:
        yield client


def ask(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post("/api/within", json=body)


def found(told: dict[str, Any]) -> tuple[Any, Any]:
    [layer] = [one for one in told["layers"] if one["id"] == "wells"] or [{"count": 0}]
    [covers] = [one for one in told["assets"] if one["key"] == "99"] or [{"count": 0, "faults": 0}]
    return layer["count"], covers["faults"]


def test_within_a_radius_of_a_place(viewer: httpx.Client, there: None) -> None:
    told = ask(viewer, type="Point", coordinates=[LON, LAT], radius_m=500).json()
    assert found(told) == (3, 1)
    # a regular polygon of 64 sides in a circle has 0.9984 of its area
    assert told["area_m2"] == pytest.approx(3.141593 * 500**2 * 0.9984, rel=2e-3)
    assert told["length_m"] is None
    assert told["geometry"]["type"] == "Polygon"
    away = ask(viewer, type="Point", coordinates=[LON + 0.05, LAT], radius_m=500).json()
    assert found(away) == (0, 0)


def test_along_a_line(viewer: httpx.Client, there: None) -> None:
    told = ask(viewer, type="LineString", coordinates=[[LON - 0.01, LAT], [LON + 0.01, LAT]], radius_m=50).json()
    assert found(told) == (3, 1)
    # 0.02 degrees of longitude at 31.35 N on WGS 84
    assert told["length_m"] == pytest.approx(1902.7, abs=1)
    assert told["area_m2"] == pytest.approx(1902.7 * 100 + 3.1416 * 50**2, rel=5e-3)


def test_in_a_polygon(viewer: httpx.Client, there: None) -> None:
    west, south, east, north = LON - 0.001, LAT - 0.001, LON + 0.001, LAT + 0.001
    ring = [[west, south], [east, south], [east, north], [west, south]]
    told = ask(viewer, type="Polygon", coordinates=[ring]).json()
    assert told["geometry"] == {"type": "Polygon", "coordinates": [ring]}
    assert told["length_m"] is None
    assert told["area_m2"] > 0


def listed(client: httpx.Client, layer: str, limit: int = 100, **query: str) -> list[dict[str, Any]]:
    """All pages of it."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        params = {"limit": str(limit), **query, **cursor}
        answer = client.post(f"/api/within/{layer}", json=AROUND, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = {"cursor": page["next"]}


AROUND = {"type": "Point", "coordinates": [LON, LAT], "radius_m": 2000}


def test_what_is_inside_one_after_the_other(viewer: httpx.Client, there: None) -> None:
    """Every count is as long as its list, page by page."""
    told = ask(viewer, **AROUND).json()
    for layer in ("buildings", "units", "sensors", "cameras", "incidents", "alarms"):
        items = listed(viewer, layer, 7)
        ids = {one["id"] for one in items}
        assert (len(items), len(ids)) == (told[layer], told[layer]), layer
    assert told["buildings"] > 7
    for kind in told["assets"]:
        items = listed(viewer, "assets", 50, filter=f"class = '{kind['key']}'")
        assert len(items) == kind["count"], kind
        assert sum(one["values"]["state"] != "normal" for one in items) == kind["faults"]
    for kind in told["facility_kinds"]:
        assert len(listed(viewer, "facilities", filter=f"kind = '{kind['key']}'")) == kind["count"]
    assert sum(kind["count"] for kind in told["facility_kinds"]) == len(listed(viewer, "facilities", 3))


def test_one_inside_says_what_and_where_it_is(viewer: httpx.Client, there: None) -> None:
    [cover] = [one for one in listed(viewer, "assets") if one["id"] == ASSET]
    assert (cover["type"], cover["title"]) == ("asset", {"zh": "雨水井盖", "en": "Cover"})
    assert (cover["lon"], cover["lat"]) == (pytest.approx(LON), pytest.approx(LAT))
    wells = listed(viewer, "wells", 2)
    assert [one["title"]["zh"] for one in wells] == ["井0", "井1", "井2"]
    row = viewer.get(f"/api/layers/wells/rows/{wells[0]['id'].removeprefix('wells/')}")
    assert row.status_code == 200, "its id is the one that cards and rows have"


@pytest.mark.parametrize(
    ("layer", "query", "status", "field"),
    [
        ("nobody", {}, 404, None),
        ("assets", {"filter": "nothing = 1"}, 422, "filter"),
        ("assets", {"filter": "class ="}, 422, "filter"),
        ("wells", {"cursor": "three"}, 422, "cursor"),
        ("buildings", {"cursor": "1; DROP"}, 422, "cursor"),
        ("assets", {"limit": "0"}, 422, "limit"),
        ("assets", {"more": "1"}, 422, "more"),
    ],
)
def test_what_cannot_be_listed_is_said_by_its_field(
    viewer: httpx.Client, there: None, layer: str, query: dict[str, str], status: int, field: str | None
) -> None:
    answer = viewer.post(f"/api/within/{layer}", json=AROUND, params=query)
    assert answer.status_code == status, answer.text
    assert field is None or field in answer.json()["field"]


def test_retired_sensors_are_not_counted(viewer: httpx.Client, db: Engine) -> None:
    with db.connect() as conn:
        lon, lat, name = conn.execute(
            text("SELECT ST_X(geom), ST_Y(geom), id FROM sensor WHERE status = 'active' ORDER BY id LIMIT 1")
        ).one()
    at = {"type": "Point", "coordinates": [lon, lat], "radius_m": 5}
    before = ask(viewer, **at).json()["sensors"]
    set_status(db, name, "retired")
    try:
        assert ask(viewer, **at).json()["sensors"] == before - 1
    finally:
        set_status(db, name, "active")


def set_status(db: Engine, sensor: str, status: str) -> None:
    with db.begin() as conn:
        conn.execute(text("UPDATE sensor SET status = :status WHERE id = :id"), {"status": status, "id": sensor})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "Point", "coordinates": [LON, LAT]}, "radius_m"),
        ({"type": "Point", "coordinates": [LON, LAT], "radius_m": 0}, "radius_m"),
        ({"type": "Point", "coordinates": [LON, 99], "radius_m": 10}, "coordinates"),
        ({"type": "Point", "coordinates": ["a", "b"], "radius_m": 10}, "coordinates"),
        ({"type": "Point", "coordinates": [], "radius_m": 10}, "coordinates"),
        ({"type": "LineString", "coordinates": [[LON, LAT]], "radius_m": 10}, "coordinates"),
        ({"type": "LineString", "coordinates": 7, "radius_m": 10}, "coordinates"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]], "radius_m": 10}, "radius_m"),
        ({"type": "Circle", "coordinates": [LON, LAT], "radius_m": 10}, "type"),
    ],
)
def test_what_is_no_area_is_said_by_its_field(viewer: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = ask(viewer, **body)
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["field"]


def test_the_district_that_a_point_is_in(viewer: httpx.Client, db: Engine, there: None) -> None:
    with db.connect() as conn:
        one = conn.execute(
            text(
                "SELECT name_zh, ST_X(p) AS lon, ST_Y(p) AS lat, ST_Area(geom::geography) AS area "
                "FROM district, ST_PointOnSurface(geom) AS p ORDER BY code LIMIT 1"
            )
        ).one()
    told = ask(viewer, type="Point", coordinates=[one.lon, one.lat], of="district").json()
    assert told["name"]["zh"] == one.name_zh
    assert told["area_m2"] == pytest.approx(one.area, rel=1e-3)


def test_the_area_of_a_layer_that_a_point_is_in(viewer: httpx.Client, officer: httpx.Client, there: None) -> None:
    half = 0.002
    ring = [[LON - half, LAT - half], [LON + half, LAT - half], [LON + half, LAT + half], [LON - half, LAT + half]]
    cell = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    body = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": cell, "properties": {"code": "3205080001", "name": "网格一"}}],
    }
    name = {"name": "cells.geojson", "layer": "cells", "key": "code"}
    made = officer.post("/api/layers/import", content=json.dumps(body).encode(), params=name)
    assert made.status_code == 200, made.text
    told = ask(viewer, type="Point", coordinates=[LON, LAT], of="cells").json()
    assert found(told) == (3, 1)
    assert told["name"]["zh"] in ("网格一", "3205080001")
    nothing = ask(viewer, type="Point", coordinates=[LON + 10 * half, LAT], of="cells")
    assert (nothing.status_code, nothing.json()["reason"]) == (404, "no_area_there")
    for wrong in ({"of": "wells"}, {"of": "cells", "radius_m": 5}):
        answer = ask(viewer, type="Point", coordinates=[LON, LAT], **wrong)
        assert (answer.status_code, answer.json()["field"]) == (422, "of")
    assert ask(viewer, type="Point", coordinates=[LON, LAT], of="nobody").status_code == 404
    officer.delete("/api/layers/cells")
