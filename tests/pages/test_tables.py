"""The table kit without a browser: what the grid may ask for, what comes back, and what an export has."""

from __future__ import annotations

import csv
import io
from typing import Any, cast

import pytest
from dash import no_update
from sqlalchemy import Connection, Engine, text

from app.asking import Asking
from app.pages import tables
from app.pages.set_aside import view as aside
from app.pages.sources import devices, letters, listing
from app.pages.tables import TEXT, Column, ColumnFilter, Filter, Found, Table, Wanted
from app.pages.tables.callbacks import file_of, said_of
from app.pages.tables.drawing import column_def, state_view
from app.pages.tables.export import as_csv, safe
from app.pages.tables.model import clean_filters, parse_wanted
from core.errors import InputError
from core.viewer import Role
from tests.dashboard.tree import having, walk, words
from tests.people import person
from tests.support import now

TABLE = Table(
    "things",
    "aside",
    (
        Column("name", "sources.name", filter=TEXT),
        Column(
            "size",
            "aside.tries",
            plain=lambda row: row["size"],
            filter=ColumnFilter((("1", "aside.is.aside"), ("2", "aside.is.waiting"))),
        ),
        Column("note", "aside.error", sortable=False),
    ),
    filters=(
        Filter("q", "aside.search"),
        Filter("state", "sources.state", (("all", "letters.state.all"), ("aside", "aside.is.aside"))),
    ),
    row_id="name",
    order="name",
)
ROWS = [{"name": n, "size": s, "note": "x"} for n, s in (("b", 2), ("a", None), ("c", 1))]


def names(found: Found) -> list[str]:
    return [row["name"] for row in found.rows]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ((), ["b", "a", "c"]),
        ((("name", False),), ["a", "b", "c"]),
        ((("size", True),), ["b", "c", "a"]),
        ((("size", False),), ["c", "b", "a"]),
    ],
)
def test_rows_at_hand_are_sorted_with_what_is_missing_last(sort: Any, expected: list[str]) -> None:
    assert names(tables.choose(ROWS, Wanted(sort=sort), TABLE, lambda row: row["name"])) == expected


def test_rows_at_hand_are_searched_and_paged() -> None:
    found = tables.choose(ROWS, Wanted(1, 2), TABLE, lambda row: row["name"])
    assert (names(found), found.total) == (["a"], 3)
    found = tables.choose(ROWS, Wanted(filters={"q": "C"}), TABLE, lambda row: row["name"])
    assert (names(found), found.total) == (["c"], 1)


def test_grid_asks_for_rows_order_and_filters() -> None:
    request = {"startRow": 100, "endRow": 200, "sortModel": [{"colId": "name", "sort": "desc"}]}
    wanted = parse_wanted(TABLE, request, {"q": " pump\x00 ", "state": "aside", "other": "x"})
    assert wanted == Wanted(100, 200, (("name", True),), {"q": "pump", "state": "aside"})


@pytest.mark.parametrize("column", ["note", "nobody", "name; DROP TABLE sensor"])
def test_only_columns_that_can_be_sorted_are(column: str) -> None:
    with pytest.raises(InputError):
        parse_wanted(TABLE, {"sortModel": [{"colId": column, "sort": "asc"}]}, {})


def test_grid_narrows_columns_by_words_or_a_choice() -> None:
    model = {"name": {"type": "contains", "filter": " B\x00 "}, "size": {"filter": "2"}}
    wanted = parse_wanted(TABLE, {"filterModel": model}, {})
    assert wanted.narrowed == {"name": "B", "size": "2"}
    assert names(tables.choose(ROWS, wanted, TABLE, lambda row: row["name"])) == ["b"]
    assert names(tables.choose(ROWS, Wanted(narrowed={"size": "1"}), TABLE, lambda row: row["name"])) == ["c"]
    assert "Nothing matches" in words(state_view(TABLE, Found([], 0), wanted), "en")


@pytest.mark.parametrize(("column", "sought"), [("note", "x"), ("nobody", "x"), ("size", "3"), ("size", "1 OR true")])
def test_columns_are_narrowed_only_by_what_they_offer(column: str, sought: str) -> None:
    with pytest.raises(InputError):
        parse_wanted(TABLE, {"filterModel": {column: {"filter": sought}}}, {})


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"name": "B"}, ["b"]),
        ({"size": "1"}, ["c"]),
        ({"name": "c", "size": "2"}, []),
        ({"name": "%"}, []),
    ],
)
def test_database_narrows_columns(engine: Engine, narrowed: dict[str, str], expected: list[str]) -> None:
    sql = "SELECT * FROM (VALUES ('a', NULL), ('b', 2), ('c', 1)) AS v(name, size)"
    with engine.connect() as conn:
        columns = {"name": "name", "size": "size"}
        rows, total = tables.select(conn, sql, {}, Wanted(narrowed=narrowed), columns, TABLE)
    assert ([row.name for row in rows], total) == (expected, len(expected))


def test_export_that_stopped_says_so() -> None:
    whole, part = Found(ROWS, 3), Found(ROWS, 70_000)
    assert said_of(whole) is no_update
    assert "first" not in file_of(TABLE, whole)["filename"]
    assert "first 3 of 70000 rows" in words(said_of(part), "en")
    assert "共 70000 条" in words(said_of(part), "zh")
    assert file_of(TABLE, part)["filename"].endswith("Z-first-3-of-70000.csv")


def test_choice_that_is_none_is_the_standard() -> None:
    assert clean_filters(TABLE, {"state": "nobody's"}) == {"state": "all"}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-5", "'-5"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        (-5, -5),
        (1.5, 1.5),
        (None, ""),
        ("plain", "plain"),
        (["=a", "b"], "'=a; b"),
    ],
)
def test_export_has_no_formulas(value: Any, cell: Any) -> None:
    assert safe(value) == cell


def test_export_is_a_table_that_excel_reads() -> None:
    body = as_csv(TABLE, [{"name": '泵站, "一号"', "size": 2, "note": "=x"}])
    assert body.startswith("\ufeff")
    head, line = list(csv.reader(io.StringIO(body[1:], newline="")))
    assert head == ["名称 Name", "次数 Tries", "错误 Error"]
    assert line == ['泵站, "一号"', "2", "'=x"]


def test_empty_table_says_whether_anything_matches() -> None:
    assert "Nothing was put aside" in words(state_view(TABLE, Found([], 0), Wanted(filters={"state": "all"})), "en")
    assert "Nothing matches" in words(state_view(TABLE, Found([], 0), Wanted(filters={"q": "x"})), "en")
    assert state_view(TABLE, Found(ROWS, 3), Wanted()) == []


def test_row_has_a_key_that_no_column_hides() -> None:
    assert (
        aside.TABLE.draw(
            {
                **dict.fromkeys([c.name for c in aside.TABLE.columns], None),
                "what": "picture",
                "id": "x",
                "state": "aside",
                "key": "picture:x",
            }
        )[tables.ROW_KEY]
        == "picture:x"
    )


@pytest.mark.parametrize("table", [TABLE, aside.TABLE, listing.TABLE, letters.TABLE])
def test_headings_and_filters_speak_both_languages(table: Table) -> None:
    drawn = tables.view(table)
    [grid] = [part["props"] for part in walk(drawn) if part["type"] == "AgGrid"]
    for column in grid["columnDefs"]:
        assert set(column["headerComponentParams"]["words"]) == {"zh", "en"}
    assert having(drawn, **{"data-testid": f"{table.key}-list"})


@pytest.mark.parametrize("sort", sorted(letters.COLUMNS))
@pytest.mark.parametrize("state", ["waiting", "discarded", "all"])
def test_letters_are_sorted_and_counted_by_the_database(engine: Engine, sort: str, state: Any) -> None:
    with engine.connect() as conn:
        sql, params = letters.book.find_letters(letters.book.LetterFilter(state, None, "-", "50%_"))
        wanted = Wanted(sort=((sort, True),), narrowed={"reason": "unit", "source": "x"})
        assert tables.select(conn, sql, params, wanted, letters.COLUMNS, letters.TABLE) == ([], 0)


def asking(conn: Connection, role: Role = Role.DISPATCHER) -> Asking:
    return Asking(conn, person(role), now(), cast(Any, None))


def test_all_pending_devices_are_paged_by_the_server(conn: Connection) -> None:
    conn.execute(text("UPDATE sensor SET status = 'active' WHERE status = 'pending'"))
    conn.execute(
        text("""
INSERT INTO sensor (id, kind, name_zh, name_en, status, metrics, thresholds, attributes, district, first_seen_at)
SELECT 'new-' || lpad(n::text, 4, '0'), 'unknown', '新', 'new', 'pending', '{}', '{}',
  jsonb_build_object('topic', 't/' || n), '000000', now()
FROM generate_series(1, 1203) AS n
""")
    )
    assert devices.count_pending(asking(conn)) == 1203
    last = devices.read_rows(asking(conn), Wanted(1200, 1300))
    assert ([row["id"] for row in last.rows], last.total) == (["new-1201", "new-1202", "new-1203"], 1203)
    first = devices.read_rows(asking(conn), Wanted(0, 1, sort=(("id", True),)))
    assert first.rows[0]["id"] == "new-1203"
    assert devices.read_rows(asking(conn), Wanted(filters={"q": "T/1203"})).total == 1
    assert devices.read_rows(asking(conn), Wanted(narrowed={"id": "NEW-00"})).total == 99


@pytest.mark.parametrize(
    ("group", "parts"),
    [("unit|pumps", ("unit", "pumps")), ("|pumps", (None, "pumps")), ("", (None, None)), ("unit|-", ("unit", "-"))],
)
def test_group_of_letters_is_a_reason_and_a_source(group: str, parts: tuple[str | None, str | None]) -> None:
    assert letters.split_group(group) == parts


def test_payload_is_dumped_as_sixteen_bytes_a_line() -> None:
    assert letters.dump(bytes(range(60, 80)).hex()).splitlines() == [
        "0000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK",
        "0010  4c 4d 4e 4f                                      LMNO",
    ]


def test_parameters_of_a_filter_leave_those_of_the_grid_alone() -> None:
    """AG Grid puts the column itself beside ours: a string in its place breaks whatever asks it for its definition."""
    own = {"column", "api", "context", "filterParams", "currentParentModel", "parentFilterInstance"}
    given = [cast(dict[str, Any], column_def(column)) for column in listing.TABLE.columns]
    named = [set(one["floatingFilterComponentParams"]) for one in given if "floatingFilterComponentParams" in one]
    assert named
    assert not any(own & one for one in named)
