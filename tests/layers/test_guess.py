"""What columns of text are, and where a place stands in them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from layers.imports.guess import ColumnType, degrees, key_among, pair, place_columns, type_of
from layers.imports.values import value_of

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        ("数量", ["1", "20", "-3"], "integer"),
        ("面积", ["1.5", "2", "1,200.25"], "number"),
        ("网格编号", ["1", "2"], "text"),
        ("联系电话", ["13800000000"], "text"),
        ("x", ["010101"], "text"),
        ("asset", ["3401030112000001"], "text"),
        ("启用", ["是", "否"], "boolean"),
        ("日期", ["2026-05-04", "2026/5/4"], "date"),
        ("时间", ["2026-05-04 08:00", "2026-05-04T08:00:00+08:00"], "time"),
        ("备注", ["1", "二"], "text"),
        ("空", [None, " "], "text"),
    ],
)
def test_type_of_a_column(name: str, values: list[str | None], wanted: ColumnType) -> None:
    assert type_of(name, values) == wanted


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["编号", "经度", "纬度"], ("经度", "纬度")),
        (["id", "LNG", "Lat"], ("LNG", "Lat")),
        (["X坐标", "Y坐标"], ("X坐标", "Y坐标")),
        (["经度(WGS84)", "纬度(WGS84)"], ("经度(WGS84)", "纬度(WGS84)")),
        (["名称", "坐标"], ("坐标",)),
        (["WKT", "n"], ("WKT",)),
        (["名称", "面积"], None),
    ],
)
def test_columns_of_a_place(names: list[str], found: tuple[str, ...] | None) -> None:
    assert place_columns(names) == found


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("118.99", 118.99),
        ("-33.5", -33.5),
        ("118°59′24″E", 118.99),
        ("118°59'24\"", 118.99),
        ("东经118度59分24秒", 118.99),
        ("33°30′S", -33.5),
        ("W 73 59 24", -73.99),
        ("118:59:24", 118.99),
        ("118°61′", None),
        ("很远", None),
        ("", None),
    ],
)
def test_degrees_in_every_spelling(words: str, value: float | None) -> None:
    found = degrees(words)
    assert found is None if value is None else found == pytest.approx(value, abs=1e-9)


def test_a_pair_in_one_field() -> None:
    assert pair("118.99,31.35") == (118.99, 31.35)
    assert pair("[118.99， 31.35]") == (118.99, 31.35)
    assert pair("nowhere") is None


def test_the_key_is_what_is_called_so_and_is_there_once() -> None:
    columns = [("名称", ["甲", "甲"]), ("编号", ["1", "2"])]
    assert key_among(columns) == "编号"
    assert key_among([("编号", ["1", "1"])]) is None
    assert key_among([("编号", ["1", None])]) is None


# times of one column with and without a zone (pyogrio PR 486)
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("2026-05-04T08:00:00+08:00", "2026-05-04T08:00:00+08:00"),
        ("2026-05-04T00:00:00Z", "2026-05-04T00:00:00+00:00"),
        ("2026-05-04 08:00", "2026-05-04T08:00:00+08:00"),
        ("2026年5月4日 8时30分", "2026-05-04T08:30:00+08:00"),
        ("2026/05/04", "2026-05-04T00:00:00+08:00"),
        ("2026-05-04T08:00:00.25+0800", "2026-05-04T08:00:00.250000+08:00"),
    ],
)
def test_a_time_without_a_zone_is_of_the_one_that_is_asked_for(words: str, wanted: str) -> None:
    found = value_of(words, "time", ZONE)
    assert datetime.fromisoformat(found) == datetime.fromisoformat(wanted)


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        ("abc", "number", "expected a number"),
        ("1.5", "integer", "expected a whole number"),
        ("nan", "number", "finite"),
        ("vielleicht", "boolean", "yes or no"),
        ("2026-13-01", "date", "calendar"),
        ("2026-02-30T08:00", "time", "day"),
        ("2026-01-01T00:00:00+20:00", "time", "day"),
        ("2026-01-01T00:00:00+99:99", "time", "day"),
        ("0001-01-01T00:00:00+08:00", "time", "day"),
        ("0001-01-01", "time", "day"),
        ("x" * 10_001, "text", "at most 10,000"),
    ],
)
def test_a_value_that_does_not_fit_says_what_was_expected(value: str, kind: ColumnType, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        value_of(value, kind, ZONE)


def test_a_code_kept_as_a_number_has_no_fraction() -> None:
    assert value_of(340103.0, "text", ZONE) == "340103"
    assert value_of(True, "text", ZONE) == "True"
    assert value_of("a\x00b", "text", ZONE) == "a b"
