"""OGC API Features, Part 1 and 2: what is asked, and that every row comes once, right and only to whom it may."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, text

from core.errors import NotFound
from core.scope import Scope
from layers.collection import Collection
from layers.imports.bring import bring
from layers.imports.suggest import suggest
from layers.ogc.collections import OURS, collection, collections
from layers.ogc.errors import BadRequest
from layers.ogc.query import Asked, read_asked, read_extent, read_item, read_items
from layers.ogc.systems import CRS84, EPSG, SYSTEMS
from tests.layers.brought import LAT, LON, frame, square, tables
from tests.layers.test_bring import HEAD, NOW, ROWS, text_table

Params = list[tuple[str, str]]


@pytest.fixture
def parks(conn: Connection, tmp_path: Path) -> Collection:
    table = text_table(tmp_path, HEAD + ROWS + "010109,癸,公园,1,,\n")
    bring(conn, table, suggest(table, "parks")[0], "tester", NOW)
    return collection(conn, "parks")


def ask(one: Collection, *params: tuple[str, str]) -> Asked:
    return read_asked(list(params), one.columns)


def keys(conn: Connection, one: Collection, *params: tuple[str, str], scope: Scope | None = None) -> list[str]:
    found = read_items(conn, one, ask(one, *params), *([scope] if scope else []))
    return [feature["properties"].get("编号", feature["id"]) for feature in found.features]


def plain(feature: dict[str, Any]) -> dict[str, Any]:
    """As it goes over the line."""
    told: dict[str, Any] = orjson.loads(orjson.dumps(feature))
    return told


# --- all of ours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", OURS, ids=lambda one: one.id)
@pytest.mark.parametrize("crs", SYSTEMS)
def test_every_collection_answers_in_every_system(conn: Connection, one: Collection, crs: str) -> None:
    asked = Asked(limit=3, crs=crs, box=(-180, -90, 180, 90))
    for feature in read_items(conn, one, asked).features:
        assert set(feature["properties"]) == {column.name for column in one.columns}
        assert plain(read_item(conn, one, feature["id"], crs)) == plain(feature)


@pytest.mark.parametrize("name", ["districts", "assets", "facilities", "sensors", "cameras", "units", "streets"])
def test_there_is_something_in_it(conn: Connection, name: str) -> None:
    assert read_items(conn, collection(conn, name), Asked(limit=1)).features


@pytest.mark.parametrize("one", OURS, ids=lambda one: one.id)
def test_every_column_can_be_asked_by(conn: Connection, one: Collection) -> None:
    values = {"text": "x", "integer": "1", "number": "1.5", "boolean": "true", "date": "2026-05-04"}
    for column in one.columns:
        value = values.get(column.type, "2026-05-04T08:00:00Z")
        read_items(conn, one, read_asked([(column.name, value)], one.columns))


def test_a_limited_scope_sees_its_part_and_nobody_else_the_whole(conn: Connection) -> None:
    [district, *_] = conn.scalars(text("SELECT code FROM district ORDER BY code"))
    scope = Scope(districts=frozenset({district}), departments=frozenset({"nobody"}))
    for name in ("assets", "facilities", "sensors", "cameras"):
        one = collection(conn, name)
        found = read_items(conn, one, Asked(limit=10_000), scope).features
        assert {feature["properties"]["district"] for feature in found} <= {district, "000000"}
        whole = read_items(conn, one, Asked(limit=10_000)).features
        assert len(found) < len(whole)
        hidden = next(feature for feature in whole if feature["id"] not in {one["id"] for one in found})
        with pytest.raises(NotFound):
            read_item(conn, one, hidden["id"], CRS84, scope)
    nobody = Scope(city=False)
    assert {one.id for one in collections(conn, nobody)} == {one.id for one in OURS if one.of_all}
    with pytest.raises(NotFound):
        collection(conn, "assets", nobody)


# --- pages (pygeoapi#1594, #1658, QGIS#49404) -------------------------------------------------------------------------


def test_who_walks_all_pages_while_rows_are_added_gets_every_row_once(conn: Connection) -> None:
    one = collection(conn, "assets")
    before = set(conn.scalars(text("SELECT id FROM asset")))
    got: list[str] = []
    asked = Asked(limit=max(7, len(before) // 20), box=(-180, -90, 180, 90))
    added = iter(range(1000))
    while True:
        page = read_items(conn, one, asked)
        got += [feature["id"] for feature in page.features]
        if page.next is None:
            break
        for first in ("0", "9"):
            copy = f"{first}9999999999{next(added):05d}"
            conn.execute(
                text(
                    "INSERT INTO asset (id, class, subclass, name_zh, name_en, state, district, geom) SELECT :new, "
                    "class, subclass, name_zh, name_en, state, district, geom FROM asset LIMIT 1"
                ),
                {"new": copy},
            )
        asked = Asked(limit=asked.limit, box=asked.box, after=page.next)
    assert len(got) == len(set(got))
    assert before <= set(got)


def test_own_rows_come_in_pages_too(conn: Connection, parks: Collection) -> None:
    first = read_items(conn, parks, Asked(limit=3))
    assert (len(first.features), first.next is not None) == (3, True)
    last = read_items(conn, parks, Asked(limit=3, after=first.next))
    assert (len(last.features), last.next) == (1, None)


def test_who_goes_back_comes_to_the_pages_before(conn: Connection) -> None:
    one = collection(conn, "assets")
    pages, page = [], read_items(conn, one, Asked(limit=50))
    for _ in range(3):
        pages.append([feature["id"] for feature in page.features])
        page = read_items(conn, one, Asked(limit=50, after=page.next))
    for wanted in reversed(pages):
        assert page.previous is not None
        page = read_items(conn, one, Asked(limit=50, before=page.previous))
        assert [feature["id"] for feature in page.features] == wanted
        assert page.next == wanted[-1]
    assert page.previous is None


# --- boxes (tipg#29, pygeoapi#2010, #2102; ogcapi-features#121, #163) -------------------------------------------------

BOX = f"{LON - 0.0005},{LAT - 0.0005},{LON + 0.0005},{LAT + 0.0005}"
TURNED = f"{LAT - 0.0005},{LON - 0.0005},{LAT + 0.0005},{LON + 0.0005}"


@pytest.mark.parametrize(
    "params",
    [
        [("bbox", BOX)],
        [("bbox", TURNED), ("bbox-crs", f"{EPSG}4326")],
        [("bbox", TURNED), ("bbox-crs", f"{EPSG}4490")],
        [("bbox", f"{LON - 0.0005},{LAT - 0.0005},0,{LON + 0.0005},{LAT + 0.0005},9")],
    ],
    ids=["crs84", "4326", "4490", "heights"],
)
def test_a_box_is_the_same_in_every_order_of_axes(conn: Connection, parks: Collection, params: Params) -> None:
    assert keys(conn, parks, *params) == ["010101"]


def test_a_box_in_metres(conn: Connection, parks: Collection) -> None:
    row = conn.execute(
        text("SELECT ST_X(p) AS x, ST_Y(p) AS y FROM ST_Transform(ST_SetSRID(ST_MakePoint(:x, :y), 4326), 3857) AS p"),
        {"x": LON, "y": LAT},
    ).one()
    box = f"{row.x - 20},{row.y - 20},{row.x + 20},{row.y + 20}"
    assert keys(conn, parks, ("bbox", box), ("bbox-crs", f"{EPSG}3857")) == ["010101"]


def test_a_box_over_the_180th_meridian_is_two(conn: Connection, parks: Collection) -> None:
    assert len(keys(conn, parks, ("bbox", "170,-80,100,80"))) == 0
    assert len(keys(conn, parks, ("bbox", "100,-80,90,80"))) == 3


def test_what_has_no_place_is_in_no_box_and_in_the_list(conn: Connection, parks: Collection) -> None:
    assert "010109" in keys(conn, parks)
    assert "010109" not in keys(conn, parks, ("bbox", "-180,-90,180,90"))
    [lost] = [f for f in read_items(conn, parks, Asked()).features if f["properties"]["编号"] == "010109"]
    assert plain(lost)["geometry"] is None


def test_a_box_in_which_nothing_is_answers_with_nothing(conn: Connection, parks: Collection) -> None:
    assert keys(conn, parks, ("bbox", "0,0,1,1")) == []


BAD: list[Params] = [
    [("limit", "0")],
    [("limit", "-1")],
    [("limit", "ten")],
    [("limit", "1" * 12)],
    [("bbox", "1,2,3")],
    [("bbox", "1,2,3,4,5")],
    [("bbox", "a,b,c,d")],
    [("bbox", "nan,0,1,1")],
    [("bbox", "0,160,1,170")],
    [("bbox", "0,2,1,1")],
    [("bbox", "200,0,210,1")],
    [("bbox", "118,31,119,32"), ("bbox-crs", f"{EPSG}4326")],
    [("bbox-crs", "EPSG:1")],
    [("crs", "nonsense")],
    [("datetime", "yesterday")],
    [("datetime", "2026-05-05/2026-05-04")],
    [("datetime", "../..x")],
    [("after", "drop table")],
    [("before", "drop table")],
    [("after", "1"), ("before", "2")],
    [("limit", "1"), ("limit", "2")],
    [("面积", "viel")],
    [("nothing", "1")],
]


@pytest.mark.parametrize("params", BAD, ids=[f"{'&'.join('='.join(one) for one in params)}"[:40] for params in BAD])
def test_what_cannot_be_is_a_bad_request_that_names_it(conn: Connection, parks: Collection, params: Params) -> None:
    with pytest.raises(BadRequest) as caught:
        read_items(conn, parks, ask(parks, *params))
    assert caught.value.field == params[-1][0] if params[0][0] != "bbox" else caught.value.field == "bbox"


def test_more_than_the_most_is_the_most(parks: Collection) -> None:
    assert ask(parks, ("limit", "999999")).limit == 10_000


# --- coordinates, values, times ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crs", "first"), [(CRS84, LON), (f"{EPSG}4326", LAT), (f"{EPSG}4490", LAT), (f"{EPSG}3857", 13_245_906.4)]
)
def test_coordinates_come_in_the_order_of_their_system(
    conn: Connection, parks: Collection, crs: str, first: float
) -> None:
    [feature, *_] = read_items(conn, parks, ask(parks, ("crs", crs))).features
    assert plain(feature)["geometry"]["coordinates"][0] == pytest.approx(first, rel=1e-7)


def test_values_keep_their_types(conn: Connection, parks: Collection) -> None:
    [feature] = read_items(conn, parks, ask(parks, ("编号", "010101"))).features
    told = plain(feature)["properties"]
    assert {name: told[name] for name in ("编号", "名称", "类型", "面积")} == {
        "编号": "010101",
        "名称": "甲",
        "类型": "公园",
        "面积": 1.5,
    }


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ([("类型", "公园")], ["010101", "010103", "010109"]),
        ([("类型", "公园"), ("面积", "3")], ["010103"]),
        ([("名称", "' OR true --")], []),
    ],
)
def test_columns_can_be_asked_by(conn: Connection, parks: Collection, params: Params, found: list[str]) -> None:
    assert keys(conn, parks, *params) == found


@pytest.fixture
def opened(conn: Connection) -> datetime:
    at = datetime(2026, 5, 4, 8, tzinfo=UTC)
    conn.execute(
        text(
            """
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, opened_at, changed_at, opened_by,
  version) VALUES (gen_random_uuid(), 'n-1', 'fire', 1, 'open', '{"zh": "火"}', 'desk', '000000', :at, :at, 'me', 1)
"""
        ),
        {"at": at},
    )
    return at


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("2026-05-04T08:00:00Z", True),
        ("2026-05-04T08:00:01Z", False),
        ("2026-05-04/2026-05-05", True),
        ("../2026-05-03", False),
        ("2026-05-04T16:00:00+08:00/..", True),
        ("/2026-05-05", True),
    ],
)
def test_a_time_chooses_where_features_have_one(conn: Connection, opened: datetime, words: str, found: bool) -> None:
    one = collection(conn, "incidents")
    numbers = [f["properties"]["number"] for f in read_items(conn, one, ask(one, ("datetime", words))).features]
    assert ("n-1" in numbers) == found


def test_a_time_leaves_what_has_none(conn: Connection, parks: Collection) -> None:
    assert len(keys(conn, parks, ("datetime", "2020-01-01"))) == 4


def test_the_extent_is_where_its_features_are(conn: Connection, parks: Collection) -> None:
    assert read_extent(conn, parks) == [118.99, 31.35, 118.992, 31.352]
    assert read_extent(conn, parks, Scope(districts=frozenset({"999999"}))) is None


@pytest.mark.parametrize("key", ["", "x", "1e3", "99999999999999999999", "\x00", "-1"])
def test_a_feature_that_is_none_is_not_found(conn: Connection, parks: Collection, key: str) -> None:
    with pytest.raises(NotFound):
        read_item(conn, parks, key, CRS84)


def test_areas_are_turned_too(conn: Connection, tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    frame([square()], code=["1"]).to_file(path, driver="GPKG", engine="pyogrio")
    [table] = tables(path, tmp_path / "u")
    bring(conn, table, suggest(table, "areas")[0], "tester", NOW)
    one = collection(conn, "areas")
    [feature] = read_items(conn, one, Asked(crs=f"{EPSG}4326")).features
    assert all(31 < lat < 32 and 118 < lon < 120 for lat, lon in plain(feature)["geometry"]["coordinates"][0])
