"""Layers: every member of the catalogue answers, tiles hold what is there, search finds it, series are whole."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import Connection, text

from app.finding import search
from core.errors import InputError, NotFound
from core.geodesy import distances_m
from core.scope import EVERYTHING
from core.types import LonLat
from core.vocabulary import table
from layers import served
from layers.grids import CGCS2000, MERCATOR, Grid
from layers.ogc.tiles import matrices
from layers.sensors import read_sensors, read_series
from layers.served import COMPOSED, LAYERS, count_things, describe_layers, read_features, read_tile
from tests.alerts.helpers import change, write
from tests.support import now

START = now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
TILED = [layer.id for layer in LAYERS if layer.tile]


def fields(body: bytes) -> Iterator[tuple[int, int, bytes | int]]:
    """(number, wire type, value) of a protocol buffers message; enough of it to read a vector tile."""
    at = 0
    while at < len(body):
        key, at = varint(body, at)
        if key & 7 == 0:
            value, at = varint(body, at)
            yield key >> 3, 0, value
        elif key & 7 == 2:
            size, at = varint(body, at)
            yield key >> 3, 2, body[at : at + size]
            at += size
        else:
            at += {1: 8, 5: 4}[key & 7]


def varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def decode(tile: bytes) -> dict[str, tuple[int, set[str]]]:
    """layer name -> (number of features, property names), Mapbox Vector Tile 2.1 section 4."""
    found = {}
    for number, _, layer in fields(tile):
        assert number == 3
        assert isinstance(layer, bytes)
        parts = list(fields(layer))
        name = next(v for n, _, v in parts if n == 1)
        keys = {v.decode() for n, _, v in parts if n == 3 and isinstance(v, bytes)}
        assert isinstance(name, bytes)
        found[name.decode()] = (sum(n == 2 for n, _, _ in parts), keys)
    return found


def tile_at(lon: float, lat: float, z: int) -> tuple[int, int]:
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int((lon + 180) / 360 * 2**z), int(y * 2**z)


@pytest.fixture
def center(conn: Connection) -> tuple[float, float]:
    row = conn.execute(text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM city")).one()
    return row.lon, row.lat


def test_every_layer_describes_itself(conn: Connection) -> None:
    described = {d["id"]: d for d in describe_layers(conn)}
    assert {
        "districts",
        "streets",
        "buildings",
        "water",
        "green",
        "assets",
        "sensors",
        "cameras",
        "facilities",
        "units",
        "incidents",
        "alarms",
        "risk_cells",
    } <= set(described)
    for layer in described.values():
        assert layer["title"]["zh"]
        assert layer["title"]["en"]
        assert layer["group"] in table("layer_groups")
        assert layer["legend"]
        assert all(item["label"]["zh"] and item["label"]["en"] and item["token"] for item in layer["legend"])
    for name, what in {"buildings": "building", "assets": "asset", "units": "unit", "cameras": "camera"}.items():
        assert described[name]["count"] == conn.scalar(text(f"SELECT count(*) FROM {what}"))


@pytest.mark.parametrize("name", TILED)
@pytest.mark.parametrize("z", [11, 14])
def test_tile_of_every_layer_holds_its_things(name: str, z: int, conn: Connection, center: tuple[float, float]) -> None:
    x, y = tile_at(*center, z)
    found = decode(read_tile(conn, name, z, x, y))
    if LAYERS[name].min_zoom > z:
        assert found == {}
        return
    count, _ = found[name]
    assert count > 0


def test_composite_tile_has_its_parts_and_the_places(conn: Connection, center: tuple[float, float]) -> None:
    found = decode(read_tile(conn, "base", 11, *tile_at(*center, 11)))
    assert {*COMPOSED, "places"} <= set(found)
    assert {"name_zh", "name_en", "class"} <= found["streets"][1]


def test_large_layers_are_estimated_and_say_so(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    # the application owns no table, and ANALYZE of what one does not own is passed over in silence
    conn.execute(text("SELECT analyze_table('asset')"))
    exact = conn.scalar(text("SELECT count(*) FROM asset")) or 0
    assert count_things(conn, "asset") == (exact, False)
    monkeypatch.setattr(served, "COUNTED_UP_TO", 10)
    guess, estimated = count_things(conn, "asset")
    assert estimated
    assert guess == pytest.approx(exact, rel=0.2)
    monkeypatch.setattr(served, "COUNTED_UP_TO", 10**9)
    described = {one["id"]: one for one in describe_layers(conn)}
    assert not any(one["count_estimated"] for one in described.values())


GATHERED = f"""
{served.TILE} SELECT COALESCE(sum(count), 0) AS n, COALESCE(sum(faults), 0) AS faults FROM part
WHERE ST_X(mvt) >= 0 AND ST_X(mvt) < 4096 AND ST_Y(mvt) >= 0 AND ST_Y(mvt) < 4096
"""


@pytest.mark.parametrize("grid", [MERCATOR, CGCS2000], ids=lambda grid: grid.id)
@pytest.mark.parametrize("z", [9, 11, 13])
def test_every_asset_is_gathered_in_one_tile(conn: Connection, grid: Grid, z: int) -> None:
    """A square of points belongs to one tile: those at the border are counted once."""
    west, south, east, north = conn.execute(
        text("SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT ST_Extent(geom) AS e FROM asset) AS a")
    ).one()
    left, top = map(int, grid.place(west, north, z))
    right, bottom = map(int, grid.place(east, south, z))
    sql = served._compose(GATHERED, str(LAYERS["assets"].tile), grid)
    found = [
        conn.execute(sql, {"z": z, "x": x, "y": y, **EVERYTHING.params()}).one()
        for x in range(left, right + 1)
        for y in range(top, bottom + 1)
    ]
    whole, faults = conn.execute(text("SELECT count(*), count(*) FILTER (WHERE state <> 'normal') FROM asset")).one()
    assert (sum(one.n for one in found), sum(one.faults for one in found)) == (whole, faults)
    assert len(found) > 1 or z == 9


def test_gathered_points_stand_among_what_they_are_of(conn: Connection) -> None:
    """Also at the poles, where Web Mercator ends."""
    for lat in (90.0, -90.0, 89.9):
        conn.execute(
            text(
                "UPDATE asset SET geom = ST_SetSRID(ST_MakePoint(0, :lat), 4326) WHERE id = (SELECT min(id) FROM asset)"
            ),
            {"lat": lat},
        )
        read_tile(conn, "assets", 0, 0, 0)
        read_tile(conn, "assets", 0, 0, 0, grid=CGCS2000)


def test_assets_far_out_are_counts_and_near_are_things(conn: Connection, center: tuple[float, float]) -> None:
    far = decode(read_tile(conn, "assets", 11, *tile_at(*center, 11)))["assets"]
    near = decode(read_tile(conn, "assets", 15, *tile_at(*center, 15)))["assets"]
    assert "count" in far[1]
    assert {"id", "class", "state"} <= near[1]


@pytest.mark.parametrize("grid", [MERCATOR, CGCS2000], ids=lambda grid: grid.id)
@pytest.mark.parametrize("z", [0, 1, 2, 5, 9, 14])
def test_things_are_in_the_tile_of_every_grid_and_level(
    conn: Connection, center: tuple[float, float], grid: Grid, z: int
) -> None:
    tile = matrices(grid).tile(*center, z)
    far = z + grid.first < 14
    [(count, _)] = decode(read_tile(conn, "assets", z, tile.x, tile.y, grid=grid)).values()
    assert (count < 64 * 64) if far else count > 0


def test_a_tile_of_cgcs2000_holds_what_lies_in_it(conn: Connection, center: tuple[float, float]) -> None:
    tile = matrices(CGCS2000).tile(*center, 14)
    box = matrices(CGCS2000).bounds(tile)
    inside = conn.scalar(
        text("SELECT count(*) FROM asset WHERE ST_Intersects(geom, ST_MakeEnvelope(:w, :s, :e, :n, 4326))"),
        {"w": box.left, "s": box.bottom, "e": box.right, "n": box.top},
    )
    around = conn.scalar(
        text(
            "SELECT count(*) FROM asset "
            "WHERE ST_Intersects(geom, ST_Expand(ST_MakeEnvelope(:w, :s, :e, :n, 4326), (:e - :w) / 64))"
        ),
        {"w": box.left, "s": box.bottom, "e": box.right, "n": box.top},
    )
    [(count, _)] = decode(read_tile(conn, "assets", tile.z, tile.x, tile.y, grid=CGCS2000)).values()
    assert inside is not None
    assert 0 < inside <= count <= (around or 0)


def test_tile_of_the_open_sea_is_empty(conn: Connection) -> None:
    assert all(read_tile(conn, name, 12, 0, 0) == b"" for name in (*TILED, "base"))


@pytest.mark.parametrize(("z", "x", "y"), [(-1, 0, 0), (23, 0, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0)])
def test_tile_that_cannot_be_is_refused(z: int, x: int, y: int, conn: Connection) -> None:
    with pytest.raises(InputError):
        read_tile(conn, "streets", z, x, y)


def test_unknown_layer_names_those_there_are(conn: Connection) -> None:
    with pytest.raises(NotFound, match="streets"):
        read_tile(conn, "dragons", 3, 0, 0)
    with pytest.raises(NotFound):
        read_tile(conn, "units", 3, 0, 0)
    with pytest.raises(NotFound):
        read_features(conn, "streets")


@pytest.mark.parametrize("name", [layer.id for layer in LAYERS if layer.features])
def test_features_are_geojson_with_longitude_first(name: str, conn: Connection) -> None:
    change(conn, 1, now())
    found = json.loads(read_features(conn, name))
    assert found["type"] == "FeatureCollection"
    for feature in found["features"][:50]:
        lon, lat = feature["geometry"]["coordinates"]
        assert 118 < lon < 120
        assert 31 < lat < 32
        assert feature["properties"]["id"] == feature["id"]
    assert found["features"] or name in ("incidents", "video_events")


def kinds(conn: Connection, query: str) -> set[str]:
    return {hit["type"] for hit in search(conn, query)}


@pytest.mark.parametrize(
    ("table_name", "column", "kind"),
    [
        ("unit", "id", "unit"),
        ("unit", "name_zh", "unit"),
        ("facility", "name_zh", "facility"),
        ("facility", "name_en", "facility"),
        ("sensor", "id", "sensor"),
        ("camera", "name_zh", "camera"),
        ("street", "name_zh", "street"),
        ("asset", "id", "asset"),
    ],
)
def test_search_finds_things_by_their_words(table_name: str, column: str, kind: str, conn: Connection) -> None:
    words = conn.scalar(text(f"SELECT {column} FROM {table_name} WHERE {column} IS NOT NULL ORDER BY id LIMIT 1"))
    hits = search(conn, f" {words} ")
    assert kind in {hit["type"] for hit in hits}
    assert all(hit["title"]["zh"] and hit["title"]["en"] and hit["lon"] is not None for hit in hits)


@pytest.mark.parametrize(
    "query", ["", "   ", "%", "_", "\\", "'; DROP TABLE unit; --", "no such thing anywhere", "x" * 5000]
)
def test_search_takes_any_words_for_words(query: str, conn: Connection) -> None:
    assert search(conn, query) == []


def test_search_does_not_care_for_case(conn: Connection) -> None:
    assert kinds(conn, "FIRE-0") == kinds(conn, "fire-0") == {"unit"}


def test_a_street_goes_before_what_is_named_after_it(conn: Connection) -> None:
    name = conn.scalar(
        text(
            """
SELECT s.name_zh FROM street s
WHERE EXISTS (SELECT 1 FROM sensor n WHERE n.name_zh LIKE s.name_zh || '_%') ORDER BY s.id LIMIT 1
"""
        )
    )
    hits = search(conn, name)
    assert (hits[0]["type"], hits[0]["title"]["zh"], hits[0]["match"]) == ("street", name, 0)
    assert "sensor" in {hit["type"] for hit in hits[1:]}
    assert [hit["match"] for hit in hits] == sorted(hit["match"] for hit in hits)


def test_names_that_are_equal_are_told_apart_and_the_nearer_goes_first(conn: Connection) -> None:
    rows = conn.execute(text("SELECT id, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM sensor ORDER BY id")).all()
    first, last = rows[0], rows[-1]
    conn.execute(
        text("UPDATE sensor SET name_zh = '同名点', name_en = 'Same' WHERE id IN (:a, :b)"),
        {"a": first.id, "b": last.id},
    )
    for here, there in ((first, last), (last, first)):
        near, far = search(conn, "同名点", near=LonLat(here.lon, here.lat))
        assert (near["code"], far["code"]) == (here.id, there.id)
        assert near["distance_m"] == 0
        assert far["distance_m"] == pytest.approx(
            distances_m(here.lon, here.lat, np.array([there.lon]), np.array([there.lat]))[0], rel=0.01
        )
        assert near["district"]
        assert near["district"]["en"]
    assert {hit["distance_m"] for hit in search(conn, "同名点")} == {None}


def test_streets_of_one_name_that_do_not_meet_are_two(conn: Connection) -> None:
    rows = conn.execute(
        text("SELECT id FROM street ORDER BY ST_X(ST_StartPoint(geom))"),
    ).all()
    conn.execute(
        text("UPDATE street SET name_zh = '同名路', name_en = 'Same Road' WHERE id IN (:a, :b)"),
        {"a": rows[0].id, "b": rows[-1].id},
    )
    hits = search(conn, "同名路")
    assert [hit["type"] for hit in hits] == ["street", "street"]
    assert len({hit["id"] for hit in hits}) == 2


# --- sensors ----------------------------------------------------------------------------------------------------------


def test_sensor_shows_newest_values_and_the_limits_in_force(conn: Connection) -> None:
    write(conn, [(0, 1.0), (60, 2.5)], START)
    fixed = {"water_level": {"water_level": {"1": 99.0}, "temperature": {"4": 40.0}}}
    [found] = read_sensors(conn, fixed, ids=["wl-spare"])
    assert found["values"]["water_level"]["value"] == 2.5
    assert found["thresholds"]["temperature"] == {"4": 40.0}
    assert found["thresholds"]["water_level"]["1"] != 99.0  # the site's own go before the rule's
    assert found["heard_at"]


def test_sensors_heard_since_are_those_only(conn: Connection) -> None:
    write(conn, [(0, 1.0)], START)
    heard = START + timedelta(days=1)
    assert [s["id"] for s in read_sensors(conn, {}, since=heard - timedelta(seconds=1))] == ["wl-spare"]
    assert read_sensors(conn, {}, since=heard + timedelta(seconds=1)) == []


def test_retired_sensor_is_not_shown(conn: Connection) -> None:
    conn.execute(text("UPDATE sensor SET status = 'retired' WHERE id = 'wl-spare'"))
    assert read_sensors(conn, {}, ids=["wl-spare"]) == []


def test_series_is_half_open_and_in_order(conn: Connection) -> None:
    write(conn, [(120, 3.0), (0, 1.0), (60, 2.0)], START)
    items = read_series(conn, "wl-spare", "water_level", START, START + timedelta(seconds=120), None)
    assert [i["value"] for i in items] == [1.0, 2.0]


def test_thinned_series_has_mean_least_and_most_of_each_step(conn: Connection) -> None:
    write(conn, [(0, 1.0), (10, 3.0), (60, 5.0)], START)
    items = read_series(conn, "wl-spare", "water_level", START, START + timedelta(hours=1), 60)
    assert [(i["value"], i["min"], i["max"], i["count"]) for i in items] == [(2.0, 1.0, 3.0, 2), (5.0, 5.0, 5.0, 1)]


def test_series_of_nobody_is_not_found(conn: Connection) -> None:
    with pytest.raises(NotFound):
        read_series(conn, "nobody", "x", START, now(), None)
