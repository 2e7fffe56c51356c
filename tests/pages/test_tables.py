"""The table kit without a browser: what the grid may ask for, what comes back, and what an export has."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from sqlalchemy import Engine

from app.pages import tables
from app.pages.set_aside import view as aside
from app.pages.sources import letters, listing
from app.pages.tables import Column, Filter, Found, Table, Wanted
from core.errors import InputError
from tests.dashboard.tree import having, walk, words

TABLE = Table(
    "things",
    "aside",
    (Column("name", "sources.name"), Column("size", "aside.tries", plain=lambda row: row["size"], sortable=True), Column("note", "aside.error", sortable=False)),
    filters=(Filter("q", "aside.search"), Filter("state", "sources.state", (("all", "aside.is.all"), ("aside", "aside.is.aside")))),
    row_id="name",
)  # fmt: skip
ROWS = [{"name": n, "size": s, "note": "x"} for n, s in (("b", 2), ("a", None), ("c", 1))]
SORTS = {column.name: column.value for column in TABLE.columns}


def names(found: Found) -> list[str]:
    return [row["name"] for row in found.rows]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [((), ["b", "a", "c"]), ((("name", False),), ["a", "b", "c"]), ((("size", True),), ["b", "c", "a"]), ((("size", False),), ["c", "b", "a"])],
)  # fmt: skip
def test_rows_at_hand_are_sorted_with_what_is_missing_last(sort: Any, expected: list[str]) -> None:
    assert names(tables.choose(ROWS, Wanted(sort=sort), SORTS, lambda row: row["name"])) == expected


def test_rows_at_hand_are_searched_and_paged() -> None:
    found = tables.choose(ROWS, Wanted(1, 2), SORTS, lambda row: row["name"])
    assert (names(found), found.total) == (["a"], 3)
    found = tables.choose(ROWS, Wanted(filters={"q": "C"}), SORTS, lambda row: row["name"])
    assert (names(found), found.total) == (["c"], 1)


def test_grid_asks_for_rows_order_and_filters() -> None:
    request = {"startRow": 100, "endRow": 200, "sortModel": [{"colId": "name", "sort": "desc"}]}
    wanted = tables.parse_wanted(TABLE, request, {"q": " pump\x00 ", "state": "aside", "other": "x"})
    assert wanted == Wanted(100, 200, (("name", True),), {"q": "pump", "state": "aside"})


@pytest.mark.parametrize("column", ["note", "nobody", "name; DROP TABLE sensor"])
def test_only_columns_that_can_be_sorted_are(column: str) -> None:
    with pytest.raises(InputError):
        tables.parse_wanted(TABLE, {"sortModel": [{"colId": column, "sort": "asc"}]}, {})


def test_choice_that_is_none_is_the_standard() -> None:
    assert tables.clean_filters(TABLE, {"state": "nobody's"}) == {"state": "all"}


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=1+1", "'=1+1"), ("+49", "'+49"), ("-5", "'-5"), ("@x", "'@x"), ("\tx", "'\tx"), (-5, -5), (1.5, 1.5), (None, ""), ("plain", "plain"), (["=a", "b"], "'=a; b")],
)  # fmt: skip
def test_export_has_no_formulas(value: Any, cell: Any) -> None:
    assert tables.safe(value) == cell


def test_export_is_a_table_that_excel_reads() -> None:
    body = tables.as_csv(TABLE, [{"name": '泵站, "一号"', "size": 2, "note": "=x"}])
    assert body.startswith("\ufeff")
    head, line = list(csv.reader(io.StringIO(body[1:], newline="")))
    assert head == ["名称 Name", "次数 Tries", "错误 Error"]
    assert line == ['泵站, "一号"', "2", "'=x"]


def test_empty_table_says_whether_anything_matches() -> None:
    assert "Nothing was put aside" in words(
        tables.state_view(TABLE, Found([], 0), Wanted(filters={"state": "all"})), "en"
    )
    assert "Nothing matches" in words(tables.state_view(TABLE, Found([], 0), Wanted(filters={"q": "x"})), "en")
    assert tables.state_view(TABLE, Found(ROWS, 3), Wanted()) == []


def test_row_has_a_key_that_no_column_hides() -> None:
    assert aside.TABLE.draw({**dict.fromkeys([c.name for c in aside.TABLE.columns], None), "what": "picture", "id": "x", "state": "aside", "key": "picture:x"})[tables.ROW_KEY] == "picture:x"  # fmt: skip


@pytest.mark.parametrize("table", [TABLE, aside.TABLE, listing.TABLE, letters.TABLE])
def test_headings_and_filters_speak_both_languages(table: Table) -> None:
    drawn = tables.view(table)
    [grid] = [part["props"] for part in walk(drawn) if part["type"] == "AgGrid"]
    for column in grid["columnDefs"]:
        assert set(column["headerComponentParams"]["words"]) == {"zh", "en"}
    assert having(drawn, **{"data-testid": f"{table.key}-list"})


@pytest.mark.parametrize("sort", sorted(letters.SORTS))
@pytest.mark.parametrize("state", ["waiting", "discarded", "all"])
def test_letters_are_sorted_and_counted_by_the_database(engine: Engine, sort: str, state: Any) -> None:
    with engine.connect() as conn:
        sql, params = letters.book.find_letters(letters.book.LetterFilter(state, None, "-", "50%_"))
        assert tables.select(conn, sql, params, Wanted(sort=((sort, True),)), letters.SORTS, "id DESC") == ([], 0)


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
