"""Free-form payloads: what counts as a number, and what is too much."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import DecodeError
from ingest.decoders.freeform import collect_numbers, read_number, stated_units, unit_of

NUMBERS: list[tuple[Any, float | None]] = [
    (3, 3.0),
    (-2.5, -2.5),
    (True, 1.0),
    (False, 0.0),
    ("24.80", 24.8),
    ("-7", -7.0),
    ("+0.5", 0.5),
    ("0", 0.0),
    ("007", None),
    ("1e5", None),
    ("", None),
    (" 1", 1.0),
    ("1,5", 1.5),
    ("0,125", 0.125),
    ("-12,5000", -12.5),
    ("1,234", None),
    ("1,234.5", None),
    ("１２", None),
    ("NaN", None),
    ("inf", None),
    (None, None),
    ([], None),
    ({}, None),
    ("0x10", None),
]


@pytest.mark.parametrize(("given", "number"), NUMBERS, ids=[repr(given) for given, _ in NUMBERS])
def test_numbers_booleans_and_decimal_text_are_numbers_and_nothing_else_is(given: object, number: float | None) -> None:
    assert read_number(given) == number


def test_nested_numbers_are_named_by_the_path_to_them() -> None:
    assert collect_numbers({"a": {"b": [1, {"c": 2}], "": 3}, "温度": 4, "x": "ON"}, {"ON": 1.0}) == {
        "a.b.0": 1.0, "a.b.1.c": 2.0, "a.": 3.0, "温度": 4.0, "x": 1.0,
    }  # fmt: skip


def test_numbers_deeper_than_devices_nest_are_left_aside() -> None:
    deep: dict[str, Any] = {"v": 1}
    for _ in range(500):
        deep = {"n": deep}
    assert collect_numbers({"top": 1, "deep": deep}) == {"top": 1.0}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"a": 10**400}, "a"),
        ({"a\x00": 1}, "metric"),
        ({"n" * 129: 1}, "n" * 40),
        ({f"m{n}": n for n in range(513)}, "payload"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(body: dict[str, Any], field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        collect_numbers(body)
    assert caught.value.field == field


STATED: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"temperature": 71.6, "temperature_unit": "fahrenheit"}, {"temperature": "fahrenheit"}),
    ({"Level": 320, "LevelUnit": "cm", "Flow": 2}, {"Level": "cm"}),
    ({"water": {"value": "320", "unit": " cm "}}, {"water.value": "cm"}),
    ({"list": [{"n": "a", "value": 1, "uom": "cm"}]}, {"list.0.value": "cm"}),
    ({"温度": 71.6, "温度单位": "℉", "湿度": 50}, {"温度": "℉"}),
    ({"a": 1, "b": 2, "units": {"a": "cm", "c": "m"}}, {"a": "cm"}),
    ({"a": 1, "b": 2, "unit": "cm"}, {"a": "cm", "b": "cm"}),
    # an organisation, not a unit of measure: with several numbers only what we know as one counts
    ({"a": 1, "b": 2, "单位": "消防支队"}, {}),
    ({"a": 1, "单位": "Zoll?"}, {"a": "Zoll?"}),
    ({"power": [1, 2], "power_unit": "kW"}, {"power": "kW"}),
    ({"a": 1, "a_unit": 5, "unit": "x" * 33}, {}),
    ({"a": 1, "a_unit": "c\x00"}, {}),
]


@pytest.mark.parametrize(("body", "units"), STATED)
def test_unit_that_the_device_states_goes_with_its_number(body: dict[str, Any], units: dict[str, str]) -> None:
    assert stated_units(body) == units


def test_phase_has_the_unit_of_all_phases() -> None:
    units = {"power": "kW", "a.b": "V"}
    assert [unit_of(path, units) for path in ("power.0", "power", "a.b.1", "a.c")] == ["kW", "kW", "V", None]
