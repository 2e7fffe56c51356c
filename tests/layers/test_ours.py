"""A file into our own registers: components by their 16 digits with their departments, and the others."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy import Connection, text

from app.files.incoming import run_import
from app.files.nouns import ImportIn, ImportObject, Mode
from core.errors import Forbidden, InputError
from core.scope import EVERYTHING, Scope
from dispatch.routing import load_graph
from layers.assets import read_asset, read_history
from tests.layers.brought import frame, shapefile, square, zipped

HEAD = "标识码,部件名称,部件状态,主管部门名称,权属单位,养护单位,所在单元网格,初始时间,材质,经度,纬度\n"
ROWS = [
    "3205080101000001,上水井盖,完好,供水处,水务集团,水务集团,320508001001,2020-05-01,球墨铸铁,118.990,31.350",
    "3205080103000002,雨水井盖,破损,排水处,排水公司,排水公司,320508001001,2019-03-12,复合材料,118.991,31.351",
    "3205080137000003,路灯,normal,照明处,,,320508001002,,,118.992,31.352",
]
BAD = [
    "12345,井盖,完好,供水处,,,,,,118.99,31.35",
    "3205080101000009,井盖,融化,供水处,,,,,,118.99,31.35",
    "3205080101000010,,完好,供水处,,,,,,118.99,31.35",
    "3205080101000011,井盖,完好,供水处,,,,,,,",
    "3205080101000012,井盖,完好,供水处,,,,,,12,12",
]


def load(
    conn: Connection,
    tmp_path: Path,
    body: str,
    layer: str = "assets",
    mode: Mode = "load",
    scope: Scope = EVERYTHING,
    **more: Any,
) -> ImportObject:
    @contextmanager
    def transaction() -> Any:
        yield conn

    path = tmp_path / "file.csv"
    path.write_text(body, "utf-8")
    given = ImportIn(name="部件.csv", layer=layer, **more)
    return run_import(transaction, path, given, "lin", mode, scope)


def lines(*rows: str) -> str:
    return HEAD + "\n".join(rows) + "\n"


def test_components_come_in_with_their_departments(conn: Connection, tmp_path: Path) -> None:
    done = load(conn, tmp_path, lines(*ROWS, *BAD))
    figures = done["figures"]
    assert (figures["read"], figures["added"], figures["refused"]) == (8, 3, 5)
    whys = {one["row"]: one["why"]["zh"] for one in done["refused"]}
    assert sorted(whys) == [4, 5, 6, 7, 8]
    said = {4: "16 位部件标识码", 5: "完好、破损", 6: "缺少中文名称", 7: "缺少位置", 8: "城市附近"}
    assert all(words in whys[row] for row, words in said.items()), whys
    asset = read_asset(conn, "3205080103000002")
    assert (asset["class"], asset["subclass"], asset["state"], asset["district"]) == ("01", "03", "damaged", "320508")
    assert (asset["dept"], asset["owner_dept"], asset["keeper_dept"]) == ("排水处", "排水公司", "排水公司")
    assert (asset["grid"], asset["installed"]) == ("320508001001", "2019-03-12")
    assert asset["attributes"] == {"材质": "复合材料"}
    assert [event["what"] for event in read_history(conn, "3205080103000002")] == ["imported"]
    [entry] = conn.execute(text("SELECT who, data FROM audit WHERE what = 'layer.import'"))
    assert (entry.who, entry.data["layer"], entry.data["added"]) == ("lin", "assets", 3)


def test_again_says_what_changed_and_leaves_what_is_not_said(conn: Connection, tmp_path: Path) -> None:
    load(conn, tmp_path, lines(*ROWS))
    again = load(conn, tmp_path, lines(*ROWS))
    assert (again["figures"]["same"], again["figures"]["changed"]) == (3, 0)
    assert read_asset(conn, "3205080101000001")["version"] == 1
    short = "标识码,部件名称,部件状态,经度,纬度\n3205080101000001,上水井盖,缺失,118.990,31.350\n"
    changed = load(conn, tmp_path, short)
    assert (changed["figures"]["changed"], changed["figures"]["added"]) == (1, 0)
    asset = read_asset(conn, "3205080101000001")
    assert (asset["state"], asset["dept"], asset["version"]) == ("missing", "供水处", 2)
    assert asset["attributes"] == {"材质": "球墨铸铁"}
    event = read_history(conn, "3205080101000001")[0]
    assert (event["who"], event["source"], event["changes"]) == ("lin", "部件.csv", {"state": ["normal", "missing"]})


def test_what_is_gone_is_looked_for_among_its_like(conn: Connection, tmp_path: Path) -> None:
    more = "3205080101000002,上水井盖,完好,供水处,,,,,,118.993,31.353"
    load(conn, tmp_path, lines(*ROWS, more))
    told = load(conn, tmp_path, lines(ROWS[0]), mode="check")
    assert (told["figures"]["gone"], told["gone_keys"]) == (1, ["3205080101000002"]), (
        "lamps are not in a file of covers"
    )
    done = load(conn, tmp_path, lines(ROWS[0]), remove_gone=True)
    assert done["figures"]["removed"] == 1
    assert read_history(conn, "3205080101000002")[0]["what"] == "gone"
    assert read_asset(conn, "3205080137000003")["names"]["zh"] == "路灯"


def test_a_check_keeps_nothing(conn: Connection, tmp_path: Path) -> None:
    told = load(conn, tmp_path, lines(*ROWS), mode="check")
    assert told["figures"]["added"] == 3
    assert conn.scalar(text("SELECT count(*) FROM asset WHERE id LIKE '32050801%'")) == 0


def test_columns_that_must_be_there_are_named(conn: Connection, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        load(conn, tmp_path, "甲,经度,纬度\n1,118.99,31.35\n")
    assert refused.value.field == "columns"
    assert "标识码 (id)" in refused.value.message


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_columns_are_known_by_what_a_shapefile_leaves_of_their_names(
    conn: Connection, tmp_path: Path, encoding: str
) -> None:
    said = {
        "部件标识码": "3205080101000021",
        "部件名称": "上水井盖",
        "主管部门名称": "供水处",
        "养护单位名称": "水务集团",
    }
    names = {name.encode(encoding)[:10].decode(encoding, "ignore"): [value] for name, value in said.items()}
    path = shapefile(tmp_path / "s", "cut", frame([shapely.Point(118.99, 31.35)], **names), encoding=encoding)
    folder = zipped(tmp_path / "s.zip", {one.name: one.read_bytes() for one in path.parent.iterdir()})

    @contextmanager
    def transaction() -> Any:
        yield conn

    done = run_import(transaction, folder, ImportIn(name="s.zip", layer="assets"), "lin", "load")
    assert done["figures"]["added"] == 1, done["refused"]
    asset = read_asset(conn, "3205080101000021")
    assert (asset["dept"], asset["keeper_dept"], asset["attributes"]) == ("供水处", "水务集团", {})


def test_who_sees_a_part_brings_nothing_into_the_whole(conn: Connection, tmp_path: Path) -> None:
    with pytest.raises(Forbidden):
        load(conn, tmp_path, lines(*ROWS), scope=Scope(departments=frozenset({"供水处"})))


OTHERS = {
    "facilities": (
        "编号,名称,类别,床位,电话,经度,纬度\nh-1,第一医院,医院,800,0512-1,118.99,31.35\n",
        "SELECT kind, capacity, attributes FROM facility WHERE id = 'h-1'",
        ("hospital", 800, {"电话": "0512-1"}),
    ),
    "cameras": (
        "国标编码,名称,朝向,经度,纬度\n34020000001320000001,路口,90,118.99,31.35\n",
        "SELECT name_zh, heading, classification FROM camera WHERE id = '34020000001320000001'",
        ("路口", 90.0, 0),
    ),
    "sensors": (
        "设备编号,名称,类型,指标,经度,纬度\nwl-9,水位九,水位站,water_level,118.99,31.35\n",
        "SELECT kind, status, metrics FROM sensor WHERE id = 'wl-9'",
        ("water_level", "active", ["water_level"]),
    ),
    "units": (
        "呼号,名称,类别,能力,驻地,经度,纬度\nf-77,七七站一车,消防,灭火；登高,七七站,118.99,31.35\n",
        "SELECT kind, capabilities, station FROM unit WHERE id = 'f-77'",
        ("fire", ["fire_suppression", "ladder"], "七七站"),
    ),
}


@pytest.mark.parametrize("layer", OTHERS)
def test_the_other_registers(conn: Connection, tmp_path: Path, layer: str) -> None:
    body, sql, expected = OTHERS[layer]
    done = load(conn, tmp_path, body, layer)
    assert done["figures"]["added"] == 1, done["refused"]
    assert tuple(conn.execute(text(sql)).one()) == expected
    assert load(conn, tmp_path, body, layer)["figures"]["same"] == 1


AREAS: dict[str, tuple[dict[str, list[Any]], str, tuple[Any, ...]]] = {
    "buildings": (
        {"楼栋编号": ["71"], "用途": ["住宅"], "楼高": [21.5]},
        "SELECT kind, height_m FROM building WHERE id = 71",
        ("住宅", 21.5),
    ),
    "districts": (
        {"区划代码": ["320599"], "名称": ["新区"], "人口": [5]},
        "SELECT name_zh, population FROM district WHERE code = '320599'",
        ("新区", 5),
    ),
}


def areas(conn: Connection, path: Path, layer: str, shapes: list[Any], **more: Any) -> ImportObject:
    @contextmanager
    def transaction() -> Any:
        yield conn

    columns = more.pop("columns")
    frame(shapes, **columns).to_file(path, driver="GPKG", engine="pyogrio")
    return run_import(transaction, path, ImportIn(name="a.gpkg", layer=layer, **more), "lin", "load")


def test_the_next_file_of_buildings_updates_them_by_their_number(conn: Connection, tmp_path: Path) -> None:
    columns = {"楼栋编号": ["007", "8"], "用途": ["住宅", "住宅"], "楼高": [21.5, 9.0]}
    assert (
        areas(conn, tmp_path / "1.gpkg", "buildings", [square(), square(118.98)], columns=columns)["figures"]["added"]
        == 2
    )
    columns = {"楼栋编号": ["7", "0008", "08"], "用途": ["住宅", "商业", "商业"], "楼高": [21.5, 9.0, 9.0]}
    shapes = [square(), square(118.98), square(118.97)]
    again = areas(conn, tmp_path / "2.gpkg", "buildings", shapes, columns=columns)["figures"]
    assert (again["added"], again["changed"], again["same"], again["refused"]) == (0, 1, 1, 1)
    moved = areas(
        conn, tmp_path / "3.gpkg", "buildings", [square(118.96)], columns={"楼栋编号": ["7"], "用途": ["住宅"]}
    )
    assert moved["figures"]["changed"] == 1
    assert conn.scalar(text("SELECT height_m FROM building WHERE id = 7")) == 21.5


@pytest.mark.parametrize("layer", ["buildings", "districts"])
def test_what_has_no_history_is_never_removed_by_a_file(conn: Connection, tmp_path: Path, layer: str) -> None:
    columns, _, _ = AREAS[layer]
    with pytest.raises(InputError) as refused:
        areas(conn, tmp_path / "a.gpkg", layer, [square()], columns=columns, remove_gone=True)
    assert refused.value.field == "remove_gone"


def test_what_a_file_does_not_say_stays(conn: Connection, tmp_path: Path) -> None:
    load(conn, tmp_path, "编号,名称,英文名称,类别,经度,纬度\nh-1,一院,First Hospital,医院,118.99,31.35\n", "facilities")
    load(conn, tmp_path, "编号,名称,类别,经度,纬度\nh-1,第一医院,医院,118.99,31.35\n", "facilities")
    row = conn.execute(text("SELECT name_zh, name_en FROM facility WHERE id = 'h-1'")).one()
    assert tuple(row) == ("第一医院", "First Hospital")
    load(conn, tmp_path, OTHERS["sensors"][0], "sensors")
    conn.execute(text("UPDATE sensor SET status = 'retired' WHERE id = 'wl-9'"))
    load(conn, tmp_path, OTHERS["sensors"][0], "sensors")
    assert conn.scalar(text("SELECT status FROM sensor WHERE id = 'wl-9'")) == "retired"


@pytest.mark.parametrize(
    ("layer", "body", "words"),
    [
        (
            "facilities",
            "编号,名称,类别,床位,经度,纬度\nh-1,一院,医院,3000000000,118.99,31.35\nh-2,二院,医院,5,118.99,31.35\n",
            "整数过大",
        ),
        (
            "facilities",
            "编号,名称,类别,床位,经度,纬度\nh-1,一院,医院,-3,118.99,31.35\nh-2,二院,医院,5,118.99,31.35\n",
            "不小于",
        ),
        (
            "facilities",
            f"编号,名称,类别,经度,纬度\n{'长' * 200},一院,医院,118.99,31.35\nh-2,二院,医院,118.99,31.35\n",
            "不超过 500",
        ),
    ],
    ids=["int4", "negative", "key"],
)
def test_one_odd_value_is_one_row_refused(conn: Connection, tmp_path: Path, layer: str, body: str, words: str) -> None:
    done = load(conn, tmp_path, body, layer)
    assert done["figures"]["added"] == 1
    [refused] = done["refused"]
    assert words in refused["why"]["zh"]


def test_of_several_points_the_only_one(conn: Connection, tmp_path: Path) -> None:
    shapes = [shapely.MultiPoint([(118.99, 31.35)]), shapely.MultiPoint([(118.99, 31.35), (118.98, 31.35)])]
    columns = {"标识码": ["3205080101000001", "3205080101000002"], "名称": ["井盖", "井盖"]}
    done = areas(conn, tmp_path / "a.gpkg", "assets", shapes, columns=columns)
    assert (done["figures"]["added"], done["figures"]["refused"]) == (1, 1)


def test_screens_hear_of_sensors_that_are_others_now(conn: Connection, tmp_path: Path, monkeypatch: Any) -> None:
    heard: list[tuple[str, list[Any]]] = []
    monkeypatch.setattr("layers.imports.ours.notify_change", lambda _, kind, ids: heard.append((kind, list(ids))))
    load(conn, tmp_path, OTHERS["sensors"][0], "sensors")
    assert ("sensor", ["wl-9"]) in heard
    heard.clear()
    load(conn, tmp_path, OTHERS["sensors"][0], "sensors")
    assert ("sensor", []) in heard


@pytest.mark.parametrize("layer", AREAS)
def test_areas(conn: Connection, tmp_path: Path, layer: str) -> None:
    columns, sql, expected = AREAS[layer]
    path = tmp_path / "file.gpkg"
    frame([square()], **columns).to_file(path, driver="GPKG", engine="pyogrio")

    @contextmanager
    def transaction() -> Any:
        yield conn

    done = run_import(transaction, path, ImportIn(name="a.gpkg", layer=layer), "lin", "load")
    assert done["figures"]["added"] == 1, done["refused"]
    assert tuple(conn.execute(text(sql)).one()) == expected


def test_sensors_are_retired_and_not_removed(conn: Connection, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        load(conn, tmp_path, OTHERS["sensors"][0], "sensors", remove_gone=True)
    assert refused.value.field == "remove_gone"


def streets(*rows: str) -> str:
    """As GeoJSON: number, class, one way, speed, points."""
    features = []
    for row in rows:
        number, klass, oneway, speed, *points = row.split()
        properties = {"编号": number, "道路名称": f"试验{number}路", "道路等级": klass, "单行": oneway == "1"}
        if speed != "-":
            properties["限速"] = int(speed)
        line = [[118.99 + int(x) / 1000, 31.35 + int(y) / 1000] for x, y in (p.split(",") for p in points)]
        geometry = {"type": "LineString", "coordinates": line}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return json.dumps({"type": "FeatureCollection", "features": features})


def test_streets_are_joined_where_their_ends_meet(conn: Connection, tmp_path: Path) -> None:
    body = streets(
        "910001 主干路 0 60 0,0 1,0",
        "910002 支路 1 - 1,0 2,0",
        "910003 secondary 0 - 1,0 1,1 1,2",
        "910004 支路 0 - 5,-1 5,1",
        "910005 山路 0 - 9,0 9,1",
    )
    done = load(conn, tmp_path, body, "streets", datum="WGS84")
    assert (done["figures"]["added"], done["figures"]["refused"]) == (4, 1)
    assert "快速路、环路" in done["refused"][0]["why"]["zh"]
    rows = {
        row.id: row
        for row in conn.execute(
            text("""
SELECT id, class, oneway, speed_kmh, from_node, to_node, length_m, ST_Length(geom::geography) AS length FROM street
WHERE id BETWEEN 910001 AND 910005
""")
        )
    }
    first, second, third, alone = (rows[number] for number in sorted(rows))
    assert (first[1], first.speed_kmh, second.speed_kmh) == ("primary", 60, 30)
    assert (second.oneway, third[1], third.speed_kmh) == (True, "secondary", 40)
    assert first.to_node == second.from_node == third.from_node
    ends = {node for row in rows.values() for node in (row.from_node, row.to_node)}
    assert len(ends) == 6, "every other end is its own"
    assert {alone.from_node, alone.to_node}.isdisjoint({first.from_node, first.to_node})
    assert first.length_m == pytest.approx(first.length)
    again = load(
        conn, tmp_path, streets("910002 支路 0 - 1,0 2,0", "910006 支路 0 - 2,0 3,0"), "streets", datum="WGS84"
    )
    assert (again["figures"]["added"], again["figures"]["changed"]) == (1, 1)
    nodes = {row[0]: (row[1], row[2]) for row in conn.execute(text("SELECT id, from_node, to_node FROM street"))}
    assert nodes[910006][0] == nodes[910002][1] == second.to_node, "a junction keeps its number"
    assert conn.scalar(text("SELECT oneway FROM street WHERE id = 910002")) is False


def test_a_street_joins_those_of_the_city(conn: Connection, tmp_path: Path) -> None:
    old = conn.execute(
        text("""
SELECT to_node, ST_X(ST_EndPoint(geom)) AS lon, ST_Y(ST_EndPoint(geom)) AS lat FROM street WHERE class = 'primary'
ORDER BY id LIMIT 1
""")
    ).one()
    line = {"type": "LineString", "coordinates": [[old.lon, old.lat], [old.lon + 0.001, old.lat]]}
    properties = {"编号": "910009", "道路等级": "支路"}
    body = json.dumps({"type": "Feature", "properties": properties, "geometry": line})
    load(conn, tmp_path, body, "streets", datum="WGS84")
    assert conn.scalar(text("SELECT from_node FROM street WHERE id = 910009")) == old.to_node
    graph = load_graph(conn)
    assert len(graph) > 0
