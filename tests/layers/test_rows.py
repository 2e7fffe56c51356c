"""Rows of the city's own layers, edited one by one: checked as an import checks them, in the version that was seen,
what was stays known and can be brought back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from core.errors import Conflict, Forbidden, InputError, NotFound, OneMapError, Unavailable
from core.scope import Classification, Scope
from core.viewer import Permission, Viewer
from layers.columns import columns_of
from layers.imports.bring import bring
from layers.own import lock_layer, need_layer, remove_layer
from layers.own import read_row as read_of_card
from layers.row_history import told
from layers.rows import (
    Edit,
    Row,
    create_row,
    delete_row,
    read_history,
    read_removed,
    read_row,
    read_rows,
    replace_row,
    revert_row,
    update_row,
)
from tests.layers.test_bring import HEAD, ROWS, plan_of, text_table

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
POINT = {"type": "Point", "coordinates": [118.99, 31.35]}
COLUMNS = {
    "编号": ("text", None),
    "名称": ("text", "label"),
    "深度": ("number", None),
    "层数": ("integer", None),
    "开放": ("boolean", None),
    "建成": ("date", None),
    "巡查": ("time", "time"),
}


def officer(**scope: Any) -> Viewer:
    return Viewer("lin", "Lin", "gis_officer", frozenset({Permission.LAYER_EDIT}), scope=Scope(**scope))


def edit(reason: str | None = None, now: datetime = NOW, **scope: Any) -> Edit:
    return Edit(officer(**scope), now, reason=reason)


def make_layer(conn: Connection, geometry: str = "point", key: str | None = "编号", **more: Any) -> str:
    columns = [
        {"name": name, "type": kind, "title": {"zh": name, "en": name}, "role": role}
        for name, (kind, role) in COLUMNS.items()
    ]
    conn.execute(
        text("""
INSERT INTO layer (id, title_zh, title_en, tree_group, geometry, columns, key, style, visible, min_zoom, classification,
  departments, lineage, created_by, created_at, changed_at)
VALUES ('wells', '井', 'Wells', 'own', :geometry, CAST(:columns AS jsonb), :key, '{}', true, 9, :class, :departments,
  '{}', 'tester', :now, :now)
"""),
        {
            "geometry": geometry,
            "columns": json.dumps(columns),
            "key": key,
            "class": more.get("classification", 0),
            "departments": more.get("departments"),
            "now": NOW,
        },
    )
    return "wells"


@pytest.fixture
def wells(conn: Connection) -> str:
    return make_layer(conn)


def made(conn: Connection, **values: Any) -> Row:
    return create_row(conn, "wells", {"编号": "w-1", "名称": "甲井", "深度": 3, **values}, POINT, edit())


def notes(conn: Connection) -> list[str]:
    return list(conn.scalars(text("SELECT what FROM audit WHERE data->>'layer' = 'wells' ORDER BY id")))


def test_a_row_is_made_as_an_import_would_have_made_it(conn: Connection, wells: str) -> None:
    row = create_row(
        conn,
        wells,
        {
            "编号": "007",
            "深度": "1,200.5",
            "层数": "3",
            "开放": "是",
            "建成": "2020年5月4日",
            "巡查": "2026-05-04 08:00",
            "名称": None,
        },
        POINT,
        edit("巡查"),
    )
    assert row["values"]["编号"] == "007"
    assert (row["values"]["深度"], row["values"]["层数"], row["values"]["开放"]) == (1200.5, 3, True)
    assert row["values"]["建成"] == "2020-05-04"
    assert datetime.fromisoformat(str(row["values"]["巡查"])).tzinfo is not None
    assert "名称" not in row["values"]
    assert (row["key"], row["version"], row["geometry"]) == ("007", 1, POINT)
    layer = need_layer(conn, wells)
    assert layer.rows == 1
    assert notes(conn) == ["row.create"]
    [event] = read_history(conn, wells, row["id"])
    assert (event["what"], event["who"], event["source"], event["reason"]) == ("create", "lin", "api", "巡查")
    assert event["changes"]["编号"] == [None, "007"]
    assert event["geometry"] == [None, POINT]
    assert read_of_card(conn, f"wells/{row['id']}")["names"]["zh"] == "007"


def test_what_is_said_is_changed_and_nothing_else(conn: Connection, wells: str) -> None:
    row = made(conn, 层数=2)
    after = update_row(conn, wells, row["id"], {1}, {"values": {"深度": 4.5, "层数": None}}, edit(now=LATER))
    assert after["values"] == {"编号": "w-1", "名称": "甲井", "深度": 4.5}
    assert (after["version"], after["geometry"]) == (2, POINT)
    assert need_layer(conn, wells).changed_at == LATER
    newest, _ = read_history(conn, wells, row["id"])
    assert (newest["changes"], newest["geometry"]) == ({"深度": [3, 4.5], "层数": [2, None]}, None)
    line = told(newest, need_layer(conn, wells).columns)["text"]
    assert line["zh"] == "更正，层数 2 → –，深度 3 → 4.5"


def test_a_row_that_is_replaced_keeps_nothing_that_is_not_said(conn: Connection, wells: str) -> None:
    row = made(conn)
    after = replace_row(conn, wells, row["id"], {1}, {"编号": "w-1", "层数": 2}, None, edit())
    assert (after["values"], after["geometry"], after["district"]) == ({"编号": "w-1", "层数": 2}, None, "000000")


def test_what_changes_nothing_is_no_change(conn: Connection, wells: str) -> None:
    row = made(conn)
    rounded = {"type": "Point", "coordinates": [118.99000001, 31.35]}
    for said in ({}, {"values": {"深度": "3"}}, {"geometry": rounded}, {"values": {"层数": None}}):
        assert update_row(conn, wells, row["id"], {1}, said, edit())["version"] == 1
    assert len(read_history(conn, wells, row["id"])) == 1
    assert notes(conn) == ["row.create"]


@pytest.mark.parametrize(
    ("values", "field", "zh"),
    [
        ({"深度": "深"}, "深度", "应为数值"),
        ({"深度": float("nan")}, "深度", "应为有限的数值"),
        ({"层数": 1.5}, "层数", "应为整数"),
        ({"层数": 2**63}, "层数", "应为整数"),
        ({"开放": "也许"}, "开放", "应为是或否"),
        ({"建成": "2020-02-30"}, "建成", "日历上没有"),
        ({"巡查": "昨天"}, "巡查", "应为时间"),
        ({"名称": ["甲"]}, "名称", "应为文字"),
        ({"名称": "长" * 10_001}, "名称", "不超过"),
        ({"编号": None}, "编号", "缺少主键"),
        ({"编号": "长" * 200}, "编号", "不超过"),
        ({"颜色": "红"}, "颜色", None),
    ],
)
def test_what_cannot_be_is_said_by_its_column(
    conn: Connection, wells: str, values: dict[str, Any], field: str, zh: str | None
) -> None:
    with pytest.raises(InputError) as refused:
        made(conn, **values)
    assert refused.value.field == field
    assert zh is None or zh in refused.value.about["why"]["zh"]
    row = made(conn)
    with pytest.raises(InputError):
        update_row(conn, wells, row["id"], {1}, {"values": values}, edit())
    assert need_layer(conn, wells).rows == 1


RING = [[118.99, 31.35], [118.992, 31.35], [118.992, 31.352], [118.99, 31.352], [118.99, 31.35]]
BOW = [[118.99, 31.35], [118.992, 31.352], [118.992, 31.35], [118.99, 31.352], [118.99, 31.35]]
HOLE = [[118.5, 31.0], [118.501, 31.0], [118.501, 31.001], [118.5, 31.0]]
SHAPES: list[tuple[str, Any, str]] = [
    ("point", {"type": "LineString", "coordinates": RING}, "应为 Point"),
    ("point", "POINT(1 2)", "应为 Point"),
    ("point", {"type": "Point", "coordinates": [31.35, 118.99]}, "不在地球上"),
    ("point", {"type": "Point", "coordinates": ["118.99", "31.35"]}, "位置应为"),
    ("point", {"type": "Point", "coordinates": [True, 1]}, "位置应为"),
    ("point", {"type": "Point", "coordinates": [float("inf"), 1]}, "位置应为"),
    ("point", {"type": "Point", "coordinates": []}, "位置应为"),
    ("point", {"type": "Point"}, "位置应为"),
    ("point", {"type": "MultiPoint", "coordinates": []}, "坐标应为"),
    ("line", {"type": "LineString", "coordinates": [[118.99, 31.35]]}, "至少应有 2 个点"),
    ("line", {"type": "LineString", "coordinates": [[118.99, 31.35], [118.99, 31.35]]}, "不同的点太少"),
    ("polygon", {"type": "Polygon", "coordinates": [BOW]}, "边界自相交，位于 118.991000, 31.351000"),
    ("polygon", {"type": "Polygon", "coordinates": [RING[:-1]]}, "没有闭合"),
    ("polygon", {"type": "Polygon", "coordinates": [RING[:2] + RING[:1]]}, "至少应有 4 个点"),
    ("polygon", {"type": "Polygon", "coordinates": [RING, HOLE]}, "洞在面的外面"),
    ("polygon", {"type": "Polygon", "coordinates": RING}, "位置应为"),
    ("none", POINT, "没有位置"),
]


@pytest.mark.parametrize(("geometry", "given", "zh"), SHAPES, ids=[zh for _, _, zh in SHAPES])
def test_a_shape_that_cannot_be_is_not_repaired_but_said(conn: Connection, geometry: str, given: Any, zh: str) -> None:
    make_layer(conn, geometry)
    with pytest.raises(InputError) as refused:
        create_row(conn, "wells", {"编号": "1"}, given, edit())
    assert (refused.value.field, refused.value.reason) == ("geometry", "row_geometry")
    assert zh in refused.value.about["why"]["zh"]
    assert read_rows(conn, "wells") == []


def test_heights_are_left_out_and_parts_of_one_kind_are_kept(conn: Connection) -> None:
    make_layer(conn, "polygon")
    high = {"type": "MultiPolygon", "coordinates": [[[[*position, 12.5] for position in RING]]]}
    row = create_row(conn, "wells", {"编号": "1"}, high, edit())
    assert row["geometry"] == {"type": "MultiPolygon", "coordinates": [[RING]]}


def test_a_key_stands_once(conn: Connection, wells: str) -> None:
    first = made(conn)
    second = made(conn, 编号="w-2")
    with pytest.raises(Conflict) as refused:
        made(conn)
    assert (refused.value.reason, refused.value.field) == ("taken", "编号")
    with pytest.raises(Conflict):
        update_row(conn, wells, second["id"], {1}, {"values": {"编号": "w-1"}}, edit())
    assert update_row(conn, wells, first["id"], {1}, {"values": {"编号": "w-9"}}, edit())["key"] == "w-9"


def test_rows_of_a_layer_without_a_key_get_a_name(conn: Connection) -> None:
    make_layer(conn, key=None)
    first, second = made(conn), made(conn)
    assert {first["key"], second["key"]} == {f"r{first['id']}", f"r{second['id']}"}


def test_a_place_is_read_as_people_write_it(conn: Connection, wells: str) -> None:
    row = made(conn)
    after = update_row(conn, wells, row["id"], {1}, {"place": "31.352，118.991"}, edit())
    assert after["geometry"] == {"type": "Point", "coordinates": [118.991, 31.352]}
    with pytest.raises(InputError) as refused:
        update_row(conn, wells, row["id"], {2}, {"place": "somewhere"}, edit())
    assert refused.value.field == "place"


def test_two_people_edit_one_row_and_the_slower_is_told(conn: Connection, wells: str) -> None:
    row = made(conn)
    update_row(conn, wells, row["id"], {1}, {"values": {"深度": 4}}, edit())
    for act in (
        lambda: update_row(conn, wells, row["id"], {1}, {"values": {"深度": 5}}, edit()),
        lambda: replace_row(conn, wells, row["id"], {1}, {"编号": "x"}, None, edit()),
        lambda: delete_row(conn, wells, row["id"], {1}, edit()),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.reason == "stale_version"
    assert read_row(conn, wells, row["id"])["values"]["深度"] == 4


def test_an_edit_of_what_an_import_has_changed_meanwhile_is_refused(conn: Connection, tmp_path: Path) -> None:
    table = text_table(tmp_path / "1", HEAD + ROWS)
    bring(conn, table, plan_of(table), "tester", NOW)
    rows = {row["key"]: row for row in read_rows(conn, "parks")}
    again = text_table(tmp_path / "2", HEAD + ROWS.replace("甲,公园,1.5", "甲,公园,9.5"))
    bring(conn, again, plan_of(again), "tester", LATER)
    changed, same = rows["010101"], rows["010102"]
    with pytest.raises(Conflict):
        update_row(conn, "parks", changed["id"], {changed["version"]}, {"values": {"名称": "x"}}, edit())
    after = update_row(conn, "parks", same["id"], {same["version"]}, {"values": {"名称": "x"}}, edit())
    assert after["values"]["名称"] == "x", "what the import left alone is as it was seen"
    assert read_history(conn, "parks", changed["id"]) == [], "an import writes no history of its rows"


def test_a_change_is_taken_back_and_that_too(conn: Connection, wells: str) -> None:
    row = made(conn)
    moved = {"type": "Point", "coordinates": [118.995, 31.355]}
    update_row(conn, wells, row["id"], {1}, {"values": {"深度": 9, "编号": "w-2"}, "geometry": moved}, edit())
    change = read_history(conn, wells, row["id"])[0]
    back = revert_row(conn, wells, row["id"], change["id"], 2, edit())
    assert back is not None
    assert (back["values"]["深度"], back["key"], back["geometry"], back["version"]) == (3, "w-1", POINT, 3)
    newest = read_history(conn, wells, row["id"])[0]
    again = revert_row(conn, wells, row["id"], newest["id"], 3, edit())
    assert again is not None
    assert (again["values"]["深度"], again["geometry"]) == (9, moved)
    with pytest.raises(Conflict):
        revert_row(conn, wells, row["id"], change["id"], 2, edit())
    with pytest.raises(NotFound):
        revert_row(conn, wells, row["id"], newest["id"] + 1000, 4, edit())


def test_a_row_that_was_removed_is_brought_back_under_its_number(conn: Connection, wells: str) -> None:
    row = made(conn)
    identity = f"wells/{row['id']}"
    with pytest.raises(NotFound):
        read_removed(conn, identity, Scope())
    delete_row(conn, wells, row["id"], {1}, edit("填埋"))
    assert need_layer(conn, wells).rows == 0
    with pytest.raises(NotFound):
        read_row(conn, wells, row["id"])
    gone = read_removed(conn, identity, Scope())
    assert (gone["removed"], gone["values"], gone["lon"]) == (True, row["values"], 118.99)
    with pytest.raises(NotFound):
        read_removed(conn, identity, Scope(districts=frozenset({"320508"})))
    removal = read_history(conn, wells, row["id"])[0]
    assert (removal["what"], removal["reason"]) == ("delete", "填埋")
    with pytest.raises(Conflict):
        revert_row(conn, wells, row["id"], removal["id"], 7, edit())
    back = revert_row(conn, wells, row["id"], removal["id"], 1, edit())
    assert back is not None
    assert {**back, "version": 1} == row
    assert back["version"] == 2, "whoever saw it before it was removed has not seen this one"
    assert need_layer(conn, wells).rows == 1
    first = read_history(conn, wells, row["id"])[-1]
    assert revert_row(conn, wells, row["id"], first["id"], 2, edit()) is None, "what was made is removed"
    assert notes(conn) == ["row.create", "row.delete", "row.revert", "row.revert"]


def test_what_has_no_column_any_more_is_not_brought_back(conn: Connection, wells: str) -> None:
    row = made(conn, 层数=2)
    update_row(conn, wells, row["id"], {1}, {"values": {"深度": 9, "层数": None}}, edit())
    fewer = "SELECT jsonb_agg(c) FROM jsonb_array_elements(columns) c WHERE c->>'name' <> '层数'"
    conn.execute(text(f"UPDATE layer SET columns = ({fewer}) WHERE id = 'wells'"))
    back = revert_row(conn, wells, row["id"], read_history(conn, wells, row["id"])[0]["id"], 2, edit())
    assert back is not None
    assert back["values"] == {"编号": "w-1", "名称": "甲井", "深度": 3}


def test_nobody_edits_what_they_do_not_see_or_not_whole(conn: Connection) -> None:
    make_layer(conn, classification=int(Classification.INTERNAL), departments=["water"])
    row = made(conn)
    acts = (
        lambda by: create_row(conn, "wells", {"编号": "2"}, None, by),
        lambda by: replace_row(conn, "wells", row["id"], {1}, {"编号": "w-1"}, None, by),
        lambda by: update_row(conn, "wells", row["id"], {1}, {}, by),
        lambda by: delete_row(conn, "wells", row["id"], {1}, by),
        lambda by: revert_row(conn, "wells", row["id"], 1, 1, by),
    )
    hidden = [{"classification": Classification.OPEN}, {"departments": frozenset({"parks"})}, {"city": False}]
    cases: list[tuple[dict[str, Any], type[OneMapError]]] = [(scope, NotFound) for scope in hidden]
    cases.append(({"districts": frozenset({"320508"})}, Forbidden))
    for scope, refusal in cases:
        for act in acts:
            with pytest.raises(refusal):
                act(edit(**scope))
        if refusal is NotFound:
            for read in (read_row, read_history):
                with pytest.raises(NotFound):
                    read(conn, "wells", row["id"], Scope(**scope))
    assert read_row(conn, "wells", row["id"])["version"] == 1


def test_a_layer_made_anew_under_the_same_name_knows_nothing_of_the_old_ones_rows(conn: Connection, wells: str) -> None:
    row = made(conn)
    remove_layer(conn, wells)
    make_layer(conn)
    conn.execute(text("UPDATE layer SET created_at = :later WHERE id = 'wells'"), {"later": LATER})
    with pytest.raises(NotFound):
        read_history(conn, wells, row["id"])
    with pytest.raises(NotFound):
        read_removed(conn, f"wells/{row['id']}", Scope())


@pytest.mark.parametrize("number", ["x", "0", "-1", "1e3", "9" * 30, "12\x00", "１"])
def test_a_number_that_is_none_is_not_there(conn: Connection, wells: str, number: str) -> None:
    made(conn)
    with pytest.raises(NotFound):
        read_row(conn, wells, number)
    with pytest.raises(NotFound):
        update_row(conn, wells, number, None, {}, edit())
    with pytest.raises(NotFound):
        read_history(conn, wells, number)


def test_search_finds_a_row_by_what_it_is_called_now(conn: Connection, wells: str) -> None:
    row = made(conn)

    def names() -> list[str]:
        found = text("SELECT zh FROM search_name WHERE kind = 'row' AND thing = :thing")
        return list(conn.scalars(found, {"thing": f"wells/{row['id']}"}))

    assert names() == ["甲井"]
    update_row(conn, wells, row["id"], {1}, {"values": {"名称": "乙井"}}, edit())
    assert names() == ["乙井"]
    delete_row(conn, wells, row["id"], {2}, edit())
    assert names() == []
    revert_row(conn, wells, row["id"], read_history(conn, wells, row["id"])[0]["id"], 2, edit())
    assert names() == ["乙井"]


def test_rows_are_read_page_by_page_and_filtered(conn: Connection, wells: str) -> None:
    rows = [made(conn, 编号=f"w-{n}", 深度=n) for n in range(5)]
    assert read_rows(conn, wells) == rows
    assert read_rows(conn, wells, after=int(rows[1]["id"]), most=2) == rows[2:4]
    assert read_rows(conn, wells, filter="深度 > 2 AND 名称 = '甲井'") == rows[3:]
    for words in ("深度 >", "颜色 = 'x'", "深度 = 'a'"):
        with pytest.raises(InputError) as refused:
            read_rows(conn, wells, filter=words)
        assert type(refused.value) is InputError, "our own API says 422"
        assert refused.value.field == "filter"


def test_the_words_of_a_change_name_columns_by_their_titles() -> None:
    columns = columns_of([{"name": "open", "type": "boolean", "title": {"zh": "开放", "en": "Open"}, "role": None}])
    event: Any = {
        "id": 1,
        "time": "x",
        "what": "update",
        "who": "lin",
        "source": "api",
        "reason": "巡查",
        "changes": {"open": [True, False]},
        "geometry": [None, POINT],
    }
    assert told(event, columns)["text"] == {
        "zh": "更正，开放 是 → 否，位置（巡查）",
        "en": "Corrected, Open yes → no, position (巡查)",
    }


def test_while_a_file_is_loaded_an_edit_says_so_and_waits_for_nothing(own_engine: Engine) -> None:
    """Whoever waits holds a connection, and an import lasts for minutes."""
    with own_engine.begin() as conn:
        make_layer(conn)
        row = made(conn)
    try:
        with own_engine.begin() as loading:
            lock_layer(loading, "wells")
            loading.execute(text("SELECT 1 FROM layer WHERE id = 'wells' FOR UPDATE"))
            with own_engine.begin() as conn, pytest.raises(Unavailable) as told_so:
                delete_row(conn, "wells", row["id"], None, edit())
        assert told_so.value.reason == "layer_loading"
        with own_engine.begin() as conn:
            delete_row(conn, "wells", row["id"], None, edit())
    finally:
        with own_engine.begin() as conn:
            remove_layer(conn, "wells")
