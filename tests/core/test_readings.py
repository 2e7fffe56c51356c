"""How readings, levels and titles read in a sentence."""

from __future__ import annotations

import pytest

from core.levels import alarm_level, capital, numbered, urgency
from core.readings import estimate, metric_words, place_and_what, reading, road_minutes, what_of
from core.vocabulary import label, table


def both(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


@pytest.mark.parametrize(
    ("value", "metric", "unit", "zh", "en"),
    [
        (8.2, "water_level", "m", "8.20 米", "8.20 m"),
        (50.08, "rain", "mm", "50.1 毫米", "50.1 mm"),
        (56.5, "gas", "%LEL", "56.5 %LEL", "56.5 %LEL"),
        (31.26, "temperature", "°C", "31.3 ℃", "31.3 ℃"),
        (301, "aqi", "", "301", "301"),
        (12.345678, "zeta", "kPa", "12.35 kPa", "12.35 kPa"),
    ],
)
def test_reading_has_the_decimals_of_its_metric_and_its_unit_in_words(
    value: float, metric: str, unit: str, zh: str, en: str
) -> None:
    assert reading(value, metric, unit) == both(zh, en)


def test_every_unit_of_a_metric_has_chinese_words_or_is_a_symbol() -> None:
    symbols = {"", "%", "%LEL"}
    assert {row["unit"] for row in table("metrics").values()} - set(table("unit_words")) <= symbols


@pytest.mark.parametrize(
    ("names", "attributes", "zh", "en"),
    [
        (both("临江六号站", "Lin River Station 6"), {}, "临江六号站水位", "Lin River Station 6: water level"),
        (both("北桥水位", "North Bridge Water Level"), {}, "北桥水位", "North Bridge Water Level:"),
        (
            both("人民大道下穿通道积水", "Underpass"),
            {"underpass": "u"},
            "人民大道下穿通道积水",
            "Underpass: water depth",
        ),
    ],
)
def test_what_is_measured_is_said_once(names: dict[str, str], attributes: dict[str, str], zh: str, en: str) -> None:
    assert what_of(names, metric_words("water_level", attributes)) == both(zh, en)


@pytest.mark.parametrize(
    ("place", "kind", "zh"),
    [
        ("人民大道下穿通道积水", "underpass_water", "人民大道下穿通道积水"),
        ("临江六号站", "water_stage", "临江六号站水位超警"),
        ("清水", "water_stage", "清水水位超警"),
        ("一环路燃气监测点", "gas", "一环路燃气监测点燃气浓度超限"),
    ],
)
def test_title_is_place_and_what(place: str, kind: str, zh: str) -> None:
    assert place_and_what(both(place, "A"), label("alarm_kinds", kind))["zh"] == zh


@pytest.mark.parametrize(("seconds", "minutes"), [(4, 1), (89, 1), (91, 2), (420, 7)])
def test_road_time_is_in_whole_minutes(seconds: float, minutes: int) -> None:
    assert road_minutes(seconds) == minutes


@pytest.mark.parametrize(
    ("people", "zh", "en"),
    [(0, "0", "0"), (7, "7", "7"), (183, "180", "180"), (7123, "7100", "7,100"), (38287, "3.8 万", "38,000")],
)
def test_people_are_an_estimate(people: float, zh: str, en: str) -> None:
    assert estimate(people) == both(zh, en)


def test_a_number_stands_with_its_noun_and_each_ladder_has_its_own_words() -> None:
    assert numbered(2) == both("二级", "level II")
    assert alarm_level(2) == both("二级告警（重要）", "level II alarm (high)")
    assert capital(alarm_level(2))["en"] == "Level II alarm (high)"
    assert urgency(2) == both("二级（紧急）", "level II (urgent)")


def test_words_of_the_law_name_no_alarm_and_no_call() -> None:
    law = {row["zh"] for row in table("statutory_levels").values()}
    for ladder in ("levels", "alarm_levels", "urgencies", "risk_levels"):
        assert not law & {row["zh"] for row in table(ladder).values()}
