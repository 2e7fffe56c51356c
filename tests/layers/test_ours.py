"""A file into our own registers: components by their 16 digits with their departments, and the others."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.files.incoming import run_import
from app.files.nouns import ImportIn, ImportObject, Mode
from core.errors import Forbidden, InputError
from core.scope import EVERYTHING, Scope
from layers.assets import read_asset, read_history
from tests.layers.brought import frame, square

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
