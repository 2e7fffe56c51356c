"""Importing: a mistake is named by file, line and field and nothing is half done; real OpenStreetMap data comes in
whole."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from app.services.cities import helsinki_extract
from core.db import make_engine
from core.errors import InputError
from core.settings import Settings
from core.types import LonLat
from dispatch.routing import load_graph
from layers.imports.load import load_layer, read_head
from layers.imports.osm import load_osm, read_osm, split_ways
from layers.imports.package import load_package, read_lines
from layers.imports.schema import BY_LAYER
from tests.conftest import MakeDatabase
from tests.roads import STREETS, plain_roads
from tests.support import ROOT

POINT = {"type": "Point", "coordinates": [119.0, 33.5]}
UNIT = {
    "id": "u-1",
    "properties": {"name_zh": "一", "name_en": "One", "kind": "fire", "capabilities": ["rescue"]},
    "geometry": POINT,
}


def changed(feature: dict[str, Any], **properties: Any) -> dict[str, Any]:
    kept = {k: v for k, v in {**feature["properties"], **properties}.items() if v is not ...}
    return {**feature, "properties": kept}


BAD = [
    ("no id", {**UNIT, "id": None}, "id"),
    ("no geometry", {**UNIT, "geometry": None}, "geometry"),
    ("a line for a point", {**UNIT, "geometry": {"type": "LineString", "coordinates": []}}, "geometry"),
    ("a list for a geometry", {**UNIT, "geometry": [119.0, 33.5]}, "geometry"),
    ("a list for the properties", {**UNIT, "properties": ["fire"]}, "properties"),
    ("a missing name", changed(UNIT, name_zh=...), "name_zh"),
    ("a null kind", changed(UNIT, kind=None), "kind"),
    ("a word for a list", changed(UNIT, capabilities="rescue"), "capabilities"),
    ("a number for a word", changed(UNIT, station=5), "station"),
]


@pytest.mark.parametrize(("why", "feature", "field"), BAD, ids=[c[0] for c in BAD])
def test_bad_feature_is_named_by_file_line_and_field(
    why: str, feature: dict[str, Any], field: str, conn: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "units.geojsonl"
    path.write_text(f"{json.dumps(UNIT)}\n\n{json.dumps(feature)}\n", "utf-8")
    with pytest.raises(InputError, match=r"^units\.geojsonl:3: ") as caught:
        load_layer(conn, "units", read_lines(path))
    assert caught.value.field == field
    assert field in caught.value.message


@pytest.mark.parametrize(("line", "field"), [("{", "file"), ("[1]", "file"), ("nonsense", "file")])
def test_line_that_is_no_json_object_is_named(line: str, field: str, conn: Connection, tmp_path: Path) -> None:
    path = tmp_path / "units.geojsonl"
    path.write_text(line)
    with pytest.raises(InputError, match=r"units\.geojsonl:1") as caught:
        load_layer(conn, "units", read_lines(path))
    assert caught.value.field == field


def test_whole_number_ids_where_the_table_has_them(conn: Connection) -> None:
    street = {"id": "a", "geometry": {"type": "LineString", "coordinates": [[119, 33], [119.1, 33]]}, "properties": {}}
    with pytest.raises(InputError, match="whole number"):
        load_layer(conn, "streets", [("x:1", street)])


def test_same_id_twice_and_unknown_layer_are_refused(conn: Connection) -> None:
    with pytest.raises(InputError, match="twice"):
        load_layer(conn, "units", [("x:1", UNIT), ("x:2", UNIT)])
    with pytest.raises(InputError, match="expected one of"):
        load_layer(conn, "dragons", [])


def test_feature_collection_is_read_too(conn: Connection, tmp_path: Path) -> None:
    path = tmp_path / "units.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [UNIT]}))
    assert load_layer(conn, "units", read_lines(path)) == 1
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [{**UNIT, "id": None}]}))
    with pytest.raises(InputError, match=r"units\.geojson feature 1"):
        load_layer(conn, "units", read_lines(path))


@pytest.mark.parametrize("features", [{"a": UNIT}, 5, [[UNIT]]])
def test_collection_of_anything_but_features_is_refused(features: Any, conn: Connection, tmp_path: Path) -> None:
    path = tmp_path / "units.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    with pytest.raises(InputError, match=r"units\.geojson"):
        load_layer(conn, "units", read_lines(path))


CITY = {
    "code": "000000",
    "name_zh": "城",
    "name_en": "City",
    "timezone": "UTC",
    "center": [25.0, 60.0],
    "bbox": [24.9, 59.9, 25.1, 60.1],
}


@pytest.mark.parametrize(
    ("field", "value"), [("code", ...), ("bbox", [24.9, 59.9]), ("center", "25,60"), ("name_zh", None)]
)
def test_field_at_fault_of_a_package_head_is_named(field: str, value: Any) -> None:
    assert read_head(CITY).center == (25.0, 60.0)
    given = {name: one for name, one in {**CITY, field: value}.items() if one is not ...}
    with pytest.raises(InputError, match=rf"^city\.json: {field}\b") as caught:
        read_head(given)
    assert (caught.value.field or "").partition(".")[0] == field


def test_importing_units_again_keeps_what_they_are_doing(conn: Connection) -> None:
    load_layer(conn, "units", [("x", UNIT)])
    conn.execute(text("UPDATE unit SET status = 'on_scene' WHERE id = 'u-1'"))
    load_layer(conn, "units", [("x", changed(UNIT, name_en="Two"))])
    row = conn.execute(text("SELECT status, name_en FROM unit WHERE id = 'u-1'")).one()
    assert (row.status, row.name_en) == ("on_scene", "Two")


def test_package_with_a_mistake_leaves_the_city_as_it_was(
    fresh_engine: Engine, small_city: Path, tmp_path: Path
) -> None:
    (tmp_path / "city.json").write_text((small_city / "city.json").read_text().replace("Linjiang", "Elsewhere"))
    (tmp_path / "units.geojsonl").write_text(json.dumps(changed(UNIT, kind=None)))
    with pytest.raises(InputError):
        load_package(fresh_engine, tmp_path, lambda layer, count: None)
    with fresh_engine.connect() as conn:
        assert conn.scalar(text("SELECT name_en FROM city")) == "Linjiang"


def test_folder_without_a_city_is_a_sentence(fresh_engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"city\.json"):
        load_package(fresh_engine, tmp_path, lambda layer, count: None)


def test_every_layer_of_the_package_is_one_we_know(small_city: Path) -> None:
    files = {path.stem for path in small_city.glob("*.geojsonl")}
    assert set(BY_LAYER) <= files | {"railways"}


def test_command_line_says_what_is_wrong_without_a_traceback(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "units.geojsonl"
    path.write_text(json.dumps(changed(UNIT, kind=None)))
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "import", "layer", "units", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "ONEMAP_DATABASE_URL": settings.database_url},
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "onemap import: units.geojsonl:1: kind: expected a value"


# --- OpenStreetMap ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def helsinki(bare: str, make_database: MakeDatabase) -> Iterator[Engine]:
    engine = make_engine(Settings(database_url=make_database("test_helsinki", bare)), pool_size=1)
    load_osm(engine, helsinki_extract(), "Helsinki", "Europe/Helsinki", lambda layer, count: None)
    yield engine
    engine.dispose()


def test_real_extract_comes_in_whole(helsinki: Engine) -> None:
    with helsinki.connect() as conn:
        counts = {
            t: conn.scalar(text(f"SELECT count(*) FROM {t}")) for t in ("street", "building", "facility", "district")
        }
        hydrants = conn.scalar(text("SELECT count(*) FROM facility WHERE kind = 'hydrant'"))
        assert conn.scalar(text("SELECT bool_and(ST_IsValid(geom)) FROM building"))
        extent = conn.execute(text("SELECT ST_XMin(extent) AS w, ST_YMin(extent) AS s FROM city")).one()
    assert counts["street"] > 1000
    assert counts["building"] > 400
    assert counts["district"] == 1
    assert hydrants > 10
    assert (round(extent.w), round(extent.s)) == (25, 60)


def test_real_streets_route(helsinki: Engine) -> None:
    with helsinki.connect() as conn:
        graph = load_graph(conn)
        roads = plain_roads([dict(r._mapping) for r in conn.execute(text(STREETS))], "EPSG:32635")
        rows = conn.execute(text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM building ORDER BY id")).all()
    places = [LonLat(r.lon, r.lat) for r in rows[::40]]
    ways = graph.ways_to(places[0], places[1:])
    assert sum(way is not None for way in ways) >= 0.8 * len(ways)
    for place, way in list(zip(places[1:], ways, strict=True))[:6]:
        plain = roads.way(place, places[0])
        assert (way is None) == (plain is None)
        assert way is None or plain is None or math.isclose(way.eta_s, plain[0], rel_tol=0.02, abs_tol=3)


def test_what_osm_does_not_say_stays_unknown(helsinki: Engine) -> None:
    with helsinki.connect() as conn:
        assert conn.scalar(text("SELECT count(people_day) FROM building")) == 0
        assert conn.scalar(text("SELECT count(*) FROM building WHERE height_m IS NULL")) > 0


@pytest.mark.parametrize(
    ("tags", "ends", "oneway"),
    [
        ({"highway": "residential"}, (1, 3), False),
        ({"highway": "residential", "oneway": "yes"}, (1, 3), True),
        ({"highway": "residential", "oneway": "-1"}, (3, 1), True),
        ({"highway": "primary", "junction": "roundabout"}, (1, 3), True),
        ({"highway": "residential", "oneway": "no"}, (1, 3), False),
    ],
)
def test_direction_is_that_of_the_tags(tags: dict[str, str], ends: tuple[int, int], oneway: bool) -> None:
    [edge] = split_ways([(tags, [(1, 25.0, 60.0), (2, 25.1, 60.0), (3, 25.2, 60.0)])])
    found = edge["properties"]
    assert ((found["from_node"], found["to_node"]), found["oneway"]) == (ends, oneway)
    assert edge["geometry"]["coordinates"][0][0] == (25.0 if ends == (1, 3) else 25.2)


def test_ways_are_cut_where_they_meet() -> None:
    cross = [
        ({"highway": "primary"}, [(1, 0, 0), (2, 1, 0), (3, 2, 0)]),
        ({"highway": "primary"}, [(4, 1, 1), (2, 1, 0), (5, 1, -1)]),
    ]
    edges = [(e["properties"]["from_node"], e["properties"]["to_node"]) for e in split_ways(cross)]  # type: ignore[arg-type]
    assert edges == [(1, 2), (2, 3), (4, 2), (2, 5)]


@pytest.mark.parametrize(("signed", "speed"), [("50", 50), ("", 30), ("walk", 30), ("0", 30)])
def test_signed_speed_counts_where_it_is_a_number(signed: str, speed: int) -> None:
    [edge] = split_ways([({"highway": "residential", "maxspeed": signed}, [(1, 25.0, 60.0), (2, 25.1, 60.0)])])
    assert edge["properties"]["speed_kmh"] == speed


def test_file_that_is_not_there_is_named(fresh_engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        load_osm(fresh_engine, tmp_path / "nowhere.osm.pbf", "x", "UTC", lambda layer, count: None)


def test_extent_is_around_the_streets() -> None:
    bbox, layers = read_osm(helsinki_extract())
    assert bbox[0] < bbox[2]
    assert bbox[1] < bbox[3]
    assert set(layers) == {"streets", "water", "green", "buildings", "addresses", "facilities"}


def test_addresses_and_plates_come_with_a_package(conn: Connection) -> None:
    door = {
        "id": "d-1",
        "properties": {"street_zh": "一路", "street_en": "First Road", "number": "12-14"},
        "geometry": POINT,
    }
    assert load_layer(conn, "addresses", [("here", door)]) == 1
    assert conn.execute(text("SELECT id, street_zh, number, district FROM address")).all() == [
        ("d-1", "一路", "12-14", "000000")
    ]
    for plate in ("演F·10037", ...):
        load_layer(conn, "units", [("here", changed(UNIT, plate=plate))])
        kept = conn.scalar(text("SELECT plate FROM unit WHERE id = 'u-1'"))
        assert kept == (None if plate is ... else plate)
    with pytest.raises(InputError, match="number"):
        load_layer(conn, "addresses", [("here", changed(door, number=12))])


def test_openstreetmaps_house_numbers_are_addresses_once_each() -> None:
    _, layers = read_osm(helsinki_extract())
    doors = [(f["properties"]["street_zh"], f["properties"]["number"]) for f in layers["addresses"]]
    assert len(doors) > 100
    assert len({f["id"] for f in layers["addresses"]}) == len(doors)
    assert all(street and number and not set(";,") & set(number) for street, number in doors)
    places: dict[tuple[str, str], list[list[float]]] = {}
    for feature, door in zip(layers["addresses"], doors, strict=True):
        places.setdefault(door, []).append(feature["geometry"]["coordinates"])
    for there in places.values():
        assert all(
            max(abs(a[0] - b[0]), abs(a[1] - b[1])) >= 0.002 for i, a in enumerate(there) for b in there[i + 1 :]
        )
