"""A file becomes a layer: what is new, changed and gone, what is refused and why; nothing half done."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy import Connection, text

from core.errors import Conflict, InputError, NotFound
from core.scope import Classification, Scope
from core.viewer import Viewer
from layers.imports.bring import Outcome, bring, preview
from layers.imports.plan import Plan
from layers.imports.suggest import layer_id, suggest
from layers.own import count_rows, need_layer, read_layer, read_row, remove_layer
from layers.own_changes import LayerChange, change_layer
from layers.served import describe_layers, read_tile
from layers.styles import StyleIn
from tests.layers.brought import LAT, LON, frame, square, tables

NOW = datetime(2026, 5, 4, tzinfo=UTC)
HEAD = "编号,名称,类型,面积,经度,纬度\n"
ROWS = "010101,甲,公园,1.5,118.99,31.35\n010102,乙,广场,2,118.991,31.351\n010103,丙,公园,3,118.992,31.352\n"


def text_table(folder: Path, body: str, name: str = "绿地") -> Any:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_text(body, "utf-8")
    [table] = tables(folder / f"{name}.csv", folder / "u")
    return table


def plan_of(table: Any, layer: str = "parks", **changes: Any) -> Plan:
    plan, _ = suggest(table, layer)
    return plan.model_copy(update=changes)


def load(conn: Connection, table: Any, plan: Plan | None = None, now: datetime = NOW) -> Outcome:
    return bring(conn, table, plan or plan_of(table), "tester", now)


def kept(conn: Connection, layer: str = "parks") -> dict[str, Any]:
    rows = conn.execute(
        text("SELECT key, props, ST_AsText(geom) AS geom FROM layer_row WHERE layer_id = :l"), {"l": layer}
    )
    return {row.key: row for row in rows}


def test_a_table_is_suggested_as_what_it_is(tmp_path: Path) -> None:
    plan, reference = suggest(text_table(tmp_path, HEAD + ROWS), "绿地")
    assert plan.geometry == "point"
    assert (plan.key, plan.x, plan.y) == ("编号", "经度", "纬度")
    assert [(c.name, c.type, c.role) for c in plan.columns] == [
        ("编号", "text", None),
        ("名称", "text", "label"),
        ("类型", "text", "class"),
        ("面积", "number", None),
    ]
    assert reference.found
    assert reference.name == "WGS84"


def test_rows_are_shown_as_they_will_be_kept_and_nothing_is_kept_yet(conn: Connection, tmp_path: Path) -> None:
    table = text_table(tmp_path, HEAD + ROWS)
    rows, outcome = preview(conn, table, plan_of(table), 2)
    assert rows[0].props == {"编号": "010101", "名称": "甲", "类型": "公园", "面积": 1.5}
    assert outcome.read == 2
    assert read_layer(conn, "parks") is None


def test_the_first_time_all_is_new_and_the_second_time_nothing(conn: Connection, tmp_path: Path) -> None:
    table = text_table(tmp_path, HEAD + ROWS)
    first = load(conn, table)
    assert (first.read, first.added, first.changed, first.same, first.refused) == (3, 3, 0, 0, 0)
    assert kept(conn)["010101"].geom == "POINT(118.99 31.35)"
    again = load(conn, table, now=NOW + timedelta(days=1))
    assert (again.added, again.changed, again.same, again.gone) == (0, 0, 3, 0)
    layer = need_layer(conn, "parks")
    assert (layer.rows, layer.version, layer.created_by) == (3, 2, "tester")
    assert layer.lineage["file"] == "绿地.csv"


def test_what_has_changed_is_updated_and_what_is_gone_is_offered(conn: Connection, tmp_path: Path) -> None:
    load(conn, text_table(tmp_path, HEAD + ROWS))
    later = HEAD + ROWS.splitlines()[0] + "\n010102,乙,绿地,2,118.991,31.351\n010104,丁,公园,3,118.99,31.35\n"
    table = text_table(tmp_path, later)
    done = load(conn, table)
    assert (done.added, done.changed, done.same, done.gone, done.removed) == (1, 1, 1, 1, 0)
    assert done.gone_keys == ["010103"]
    assert kept(conn)["010102"].props["类型"] == "绿地"
    assert "010103" in kept(conn)
    cleared = load(conn, table, plan_of(table, remove_gone=True))
    assert (cleared.gone, cleared.removed) == (1, 1)
    assert "010103" not in kept(conn)


def test_rows_that_cannot_be_kept_are_named_and_the_others_are(conn: Connection, tmp_path: Path) -> None:
    bad = "010105,戊,公园,viel,118.99,31.35\n010106,己,公园,1,beyond,31\n"
    bad += ",庚,公园,1,118.99,31.35\n010101,辛,公园,1,118.99,31.35\n"
    far = "010107,壬,公园,1,31.35,118.99\n"
    table = text_table(tmp_path, HEAD + ROWS + bad + far)
    plan = plan_of(table)
    columns = [c.model_copy(update={"type": "number"}) if c.name == "面积" else c for c in plan.columns]
    done = load(conn, table, plan.model_copy(update={"columns": columns, "key": "编号"}))
    assert (done.read, done.added, done.refused) == (8, 3, 5)
    assert [(one["row"], one["field"]) for one in done.refusals] == [
        (4, "面积"),
        (5, "geometry"),
        (6, "编号"),
        (7, "编号"),
        (8, "geometry"),
    ]
    assert "expected a number" in done.refusals[0]["why"]["en"]
    assert "stands in row 1 already" in done.refusals[3]["why"]["en"]
    assert "near the city" in done.refusals[4]["why"]["en"]


def test_a_file_of_which_nothing_can_be_kept_makes_no_layer(conn: Connection, tmp_path: Path) -> None:
    table = text_table(tmp_path, HEAD + "1,甲,公园,1,31.35,118.99\n")
    with pytest.raises(InputError, match="the other way round"):
        load(conn, table)
    plan, _ = suggest(table, "parks", "WGS84")
    with pytest.raises(InputError, match="no row of"):
        load(conn, table, plan)


def test_rows_without_a_place_are_kept_and_counted(conn: Connection, tmp_path: Path) -> None:
    done = load(conn, text_table(tmp_path, HEAD + ROWS + "010109,癸,公园,1,,\n"))
    assert (done.added, done.placeless, done.refused) == (4, 1, 0)


def test_shapes_are_repaired_and_counted(conn: Connection, tmp_path: Path) -> None:
    bow = shapely.Polygon([(LON, LAT), (LON + 0.01, LAT + 0.01), (LON + 0.01, LAT), (LON, LAT + 0.01)])
    path = tmp_path / "a.gpkg"
    frame([square(), bow, None], code=["1", "2", "3"]).to_file(path, driver="GPKG", engine="pyogrio")
    [table] = tables(path, tmp_path / "u")
    done = load(conn, table)
    assert (done.added, done.repaired, done.placeless) == (3, 1, 1)


def test_another_geometry_for_a_layer_that_is_there_is_refused(conn: Connection, tmp_path: Path) -> None:
    load(conn, text_table(tmp_path, HEAD + ROWS))
    path = tmp_path / "a.gpkg"
    frame([square()], code=["1"]).to_file(path, driver="GPKG", engine="pyogrio")
    [table] = tables(path, tmp_path / "v")
    with pytest.raises(Conflict, match="is of points"):
        load(conn, table)


@pytest.mark.parametrize("name", ["sensors", "base", "assets"])
def test_the_id_of_one_of_ours_is_refused(conn: Connection, tmp_path: Path, name: str) -> None:
    table = text_table(tmp_path, HEAD + ROWS)
    with pytest.raises(Conflict, match="expected another id"):
        load(conn, table, plan_of(table, name))


def test_whoever_stops_it_leaves_nothing(conn: Connection, tmp_path: Path) -> None:
    table = text_table(tmp_path, HEAD + ROWS)

    def told(done: int, whole: int | None) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        bring(conn, table, plan_of(table), "tester", NOW, told)
    assert read_layer(conn, "parks") is None


def test_progress_is_told(conn: Connection, tmp_path: Path) -> None:
    table = text_table(tmp_path, HEAD + ROWS)
    heard: list[tuple[int, int | None]] = []
    bring(conn, table, plan_of(table), "tester", NOW, told=lambda done, whole: heard.append((done, whole)))
    assert heard == [(3, None)]


def test_without_a_key_the_file_takes_the_place_of_what_was_there(conn: Connection, tmp_path: Path) -> None:
    table = text_table(tmp_path, HEAD + ROWS)
    load(conn, table, plan_of(table, key=None))
    done = load(conn, table, plan_of(table, key=None))
    assert (done.removed, done.added) == (3, 3)


# --- who sees it ------------------------------------------------------------------------------------------------------


def tile(conn: Connection, scope: Scope | None = None) -> bytes:
    import math

    z = 14
    x = int((LON + 180) / 360 * 2**z)
    y = int((1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * 2**z)
    return read_tile(conn, "parks", z, x, y, *([scope] if scope else []))


def test_it_is_in_the_list_and_in_tiles(conn: Connection, tmp_path: Path) -> None:
    load(conn, text_table(tmp_path, HEAD + ROWS))
    [found] = [layer for layer in describe_layers(conn) if layer["id"] == "parks"]
    assert (found["own"], found["count"], found["geometry"], found["group"]) == (True, 3, "point", "own")
    body = tile(conn)
    assert "甲".encode() in body
    assert "公园".encode() in body


@pytest.mark.parametrize("shape", ["line", "polygon"])
def test_lines_and_areas_are_in_tiles_too(conn: Connection, tmp_path: Path, shape: str) -> None:
    made = square() if shape == "polygon" else shapely.LineString([(LON, LAT), (LON + 0.01, LAT)])
    path = tmp_path / "a.gpkg"
    frame([made], code=["1"], name=["甲"]).to_file(path, driver="GPKG", engine="pyogrio")
    [table] = tables(path, tmp_path / "u")
    load(conn, table)
    assert "甲".encode() in tile(conn)


def test_nobody_sees_more_of_it_than_they_may(conn: Connection, tmp_path: Path) -> None:
    table = text_table(tmp_path, HEAD + ROWS)
    load(conn, table, plan_of(table, classification=Classification.INTERNAL, departments=["parks-office"]))
    row = conn.scalar(text("SELECT 'parks/' || min(id) FROM layer_row"))
    assert read_row(conn, row)["names"] == {"zh": "甲", "en": "甲"}
    for scope in (
        Scope(classification=Classification.OPEN),
        Scope(departments=frozenset({"another"})),
        Scope(city=False),
    ):
        assert "parks" not in [layer["id"] for layer in describe_layers(conn, scope)]
        with pytest.raises(NotFound):
            read_row(conn, row, scope)
    elsewhere = Scope(districts=frozenset({"999999"}))
    assert count_rows(conn, need_layer(conn, "parks"), elsewhere) == 0
    assert "甲".encode() not in tile(conn, elsewhere)
    with pytest.raises(NotFound):
        read_row(conn, row, elsewhere)


@pytest.mark.parametrize("identity", ["parks", "parks/", "parks/x", "nothing/1", "parks/99999999999999999999"])
def test_a_row_that_is_none_is_not_found(conn: Connection, tmp_path: Path, identity: str) -> None:
    load(conn, text_table(tmp_path, HEAD + ROWS))
    with pytest.raises(NotFound):
        read_row(conn, identity)


def test_a_layer_goes_with_its_rows(conn: Connection, tmp_path: Path) -> None:
    load(conn, text_table(tmp_path, HEAD + ROWS))
    remove_layer(conn, "parks")
    assert conn.scalar(text("SELECT count(*) FROM layer_row")) == 0
    with pytest.raises(NotFound):
        remove_layer(conn, "parks")


def test_names_and_values_with_quotes_and_colons_harm_nobody(conn: Connection, tmp_path: Path) -> None:
    body = '编号,"名\'称:x",经度,纬度\n1,"O\'Neil; DROP TABLE layer;--",118.99,31.35\n'
    table = text_table(tmp_path, body)
    plan = plan_of(table)
    assert [column.name for column in plan.columns] == ["编号", "名_称_x"]
    load(conn, table, plan)
    assert json.loads(json.dumps(kept(conn)["1"].props))["名_称_x"] == "O'Neil; DROP TABLE layer;--"
    assert b"O'Neil" in tile(conn)


def test_a_column_of_another_type_is_no_colour_any_more(conn: Connection, tmp_path: Path) -> None:
    table = text_table(tmp_path / "a", HEAD + ROWS)
    load(conn, table, plan_of(table))
    who = Viewer("lin", "Lin", "gis_officer", frozenset())
    change_layer(conn, "parks", LayerChange(version=1, style=StyleIn(by="面积", size=5)), who.scope, who, NOW)
    words = text_table(tmp_path / "b", HEAD + ROWS.replace("1.5", "约一公顷"))
    load(conn, words, plan_of(words))
    layer = need_layer(conn, "parks")
    assert dict(layer.style) == {"size": 5.0, "label": True}
    assert read_tile(conn, "parks", 16, 54429, 26752) != b""


def test_rows_that_stay_keep_the_type_of_their_column(conn: Connection, tmp_path: Path) -> None:
    words = text_table(tmp_path / "a", HEAD + ROWS.replace("1.5", "约一公顷"))
    load(conn, words, plan_of(words))
    fewer = text_table(tmp_path / "b", HEAD + ROWS.splitlines(keepends=True)[1])
    with pytest.raises(Conflict) as refused:
        load(conn, fewer, plan_of(fewer))
    assert refused.value.field == "columns"
    load(conn, fewer, plan_of(fewer, remove_gone=True))


def test_columns_of_the_place_are_those_that_somebody_names(conn: Connection, tmp_path: Path) -> None:
    table = text_table(tmp_path / "a", "编号,名称,东,北\n1,甲,118.99,31.35\n")
    plan, _ = suggest(table, "parks", place=["东", "北"])
    assert (plan.geometry, plan.x, plan.y) == ("point", "东", "北")
    assert [column.name for column in plan.columns] == ["编号", "名称"]


def test_headings_that_come_to_one_name_are_told_apart(tmp_path: Path) -> None:
    table = text_table(tmp_path / "a", f"用途 1,用途_1,kind,kind_,{'长' * 201},经度,纬度\na,b,c,d,e,118.99,31.35\n")
    plan, _ = suggest(table, " ")
    assert [column.name for column in plan.columns] == ["用途_1", "用途_1_2", "kind", "kind_2"]


def test_a_layer_is_called_as_its_name_sounds() -> None:
    assert layer_id("城市绿地") == "chengshilvdi"
    assert layer_id("城市绿地 2026") == "2026" or layer_id("城市绿地 2026").startswith("chengshilvdi")
    assert layer_id("Parks & Trees") == "parks_trees"
