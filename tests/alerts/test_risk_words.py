"""Words of a score say the numbers that were counted, and no others."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given

from alerts.risk.terms import Coping, Weather, assess
from alerts.risk.told import as_it_stands, nameless
from alerts.risk.words import as_json, cell_words, words_of
from alerts.scoring import hazard_of
from core.exposure import Exposure, Place
from core.nouns import Risk
from core.readings import estimate, road_minutes
from tests.alerts.situations import HOURS, UNIT, ZONE, risk_of
from tests.alerts.test_risk import SAID

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?: 万)?")


def numbers_in(text: str) -> list[str]:
    return NUMBER.findall(text)


def figures(risk: Risk, name: str) -> dict[str, float]:
    return next((t.get("figures", {}) for t in risk["terms"] if t["name"] == name), {})


def counted(risk: Risk, lang: str) -> list[str]:
    """The numbers that a sentence of this score has, from the figures that were counted, in their order."""
    people, band = figures(risk, "people"), risk["band"]
    said = [f"{band['low']:g}", f"{band['high']:g}", f"{round(risk['score'], 1):g}"]
    if people.get("in_danger"):
        said.append(str(int(people["in_danger"])))
    if "near" in people:
        said.append(estimate(people["near"])[lang])
    frail = sum(n for group, n in figures(risk, "who").items() if group.startswith("frail_"))
    if frail:
        said.append(estimate(frail)[lang])
    help_ = figures(risk, "nearest_unit")
    if "eta_s" in help_ and help_.get("sent") != 2:
        said.append(str(road_minutes(help_["eta_s"])))
    later = figures(risk, "all_needed").get("all_s", 0)
    if "eta_s" in help_ and road_minutes(later) > road_minutes(help_["eta_s"]):
        said.append(str(road_minutes(later)))
    return said


@given(SAID)
def test_every_number_in_the_words_is_one_that_was_counted(said: dict[str, Any]) -> None:
    risk = as_json(risk_of(said))
    for lang in ("zh", "en"):
        assert numbers_in(risk["words"][lang]) == counted(risk, lang)


@given(SAID)
def test_every_number_in_a_term_is_one_of_its_figures(said: dict[str, Any]) -> None:
    risk = as_json(risk_of({**said, "facilities": {"school": 1, "hospital": 2}}))
    for term in risk["terms"]:
        # names of places, of units and of warnings have numbers of their own
        if term["name"] in ("facilities", "domino", "weather"):
            continue
        of = dict(term.get("figures", {}))
        for name in ("eta_s", "all_s", "around_s"):
            if name in of:
                of[name] = road_minutes(of[name])
        if "within_m" in of:
            of["within_m"] /= 1000
        known = {estimate(n)["en"] for n in of.values()} | {f"{n:g}" for n in of.values()}
        text = term["text"]["en"].replace(UNIT["en"], "")
        assert set(numbers_in(text)) <= known, term


@given(SAID)
def test_terms_make_the_score_that_stands_above_them(said: dict[str, Any]) -> None:
    """Whoever reads the object can count it again."""
    risk = as_json(risk_of(said))
    band = risk["band"]
    assert risk["score"] == pytest.approx(band["low"] + risk["q"] * (band["high"] - band["low"]), abs=0.01)
    assert 0 <= risk["confidence"] <= 1
    assert all(0 <= t["value"] <= 10 for t in risk["terms"] if t["value"] is not None)
    assert all(set(t) >= {"name", "dimension", "value", "weight", "text"} for t in risk["terms"])


TRAPPED = {"kind": "water_rescue", "level": 1, "in_danger": 2, "near": 180, "eta_min": 2.3}


def test_a_sentence_reads_as_a_duty_officer_says_it() -> None:
    words = as_json(risk_of(TRAPPED))["words"]
    assert words["zh"] == "一级（特急）：7 至 10 分。风险 9.1（极高）：2 人遇险，周边约 180 人，救援力量车程约 2 分钟。"
    assert words["en"] == (
        "Level I (immediate): 7 to 10. Risk 9.1 (very high): 2 in danger, about 180 near, help about 2 min away."
    )


def test_what_is_not_known_is_said_with_what_follows() -> None:
    words = as_json(risk_of({**TRAPPED, "near": None, "in_danger": None}))["words"]
    assert "至少 1 人遇险" in words["zh"]
    risk = as_json(risk_of({"alarm": "gas", "level": 2, "near": None}))
    assert risk["words"]["zh"].endswith("；缺少人口数据，置信度降低。")
    assert risk["words"]["en"].endswith("; no population data here, lower confidence.")
    assert risk["confidence"] < 1


@pytest.mark.parametrize(
    ("said", "zh", "en"),
    [
        ({"eta_min": None}, "没有可派的救援力量", "no help to be had"),
        ({"help": "on_way"}, "救援力量途中，约 6 分钟到场", "help on its way, about 6 min"),
        ({"help": "on_scene", "eta_min": 0}, "救援力量已到场", "help on scene"),
        ({"eta_min": 2, "all_min": 11}, "救援力量车程约 2 分钟，约 11 分钟到齐", "all that is needed in about 11 min"),
        ({"facilities": {"nursing_home": 2}}, "附近老幼病弱约 300 人", "about 300 children, patients or old people"),
    ],
    ids=lambda part: str(part)[:24],
)
def test_help_and_who_is_there_are_in_the_sentence(said: dict[str, Any], zh: str, en: str) -> None:
    words = as_json(risk_of({"kind": "fire", "level": 2, **said}))["words"]
    assert zh in words["zh"]
    assert en in words["en"]


def test_a_score_is_called_by_its_band() -> None:
    """A thing of level I is never called less than very high, one of level III never more than high."""
    for level, words in {1: {"极高"}, 2: {"极高", "高"}, 3: {"极高", "高", "中"}, 4: {"高", "中", "低"}}.items():
        for near in (0, 50_000):
            risk = as_json(risk_of({"alarm": "gas", "level": level, "near": near, "facilities": {"hospital": 3}}))
            [word] = re.findall(r"风险 [\d.]+（(\S+?)）", risk["words"]["zh"])
            assert word in words


# --- as its reader sees it --------------------------------------------------------------------------------------------


def test_the_card_tells_the_figures_of_its_own_lists_in_terms_and_words() -> None:
    held = as_json(risk_of({"kind": "fire", "level": 2, "near": 400}))
    found = Exposure(380, 21, (), True)
    told = as_it_stands(held, 375, found, (UNIT, 180.0), day=True)
    assert told["score"] == held["score"]
    for lang in ("zh", "en"):
        assert numbers_in(told["words"][lang]) == counted(told, lang)
    assert "about 380 near, help about 3 min away" in told["words"]["en"]


def test_who_sees_a_part_reads_what_they_see_in_terms_and_words() -> None:
    held = as_json(risk_of({"kind": "fire", "level": 2, "near": 4000, "facilities": {"school": 1, "gas_station": 1}}))
    seen = Exposure(120, 6, (), True)
    told = as_it_stands(held, 375, seen, None, day=True, limited=True)
    assert [t["value"] for t in told["terms"]] == [t["value"] for t in held["terms"]], "what counted, counted"
    said = str([t["text"] for t in told["terms"]]) + str(told["words"])
    assert not [name for name in ("East", UNIT["en"], "4,000", "4000") if name in said]
    assert "about 120 near" in told["words"]["en"]
    assert "no available unit among those you see" in told["words"]["en"]


def test_a_capability_that_nobody_has_is_said_though_other_help_is_near() -> None:
    coping = Coping(120, UNIT, 300, True, None, ("water_rescue",))
    hazard = hazard_of("water_rescue", 1, "Likely", HOURS["day"], 2)
    words = as_json(assess(hazard, Exposure(180, 9, (), True), Weather(), coping, HOURS["day"], ZONE))["words"]
    assert "救援力量车程约 2 分钟，缺少待命力量：水域救援" in words["zh"]
    assert "no available unit for: water rescue" in words["en"]


def test_lists_name_no_unit_place_or_warning_to_who_does_not_see_the_whole_city() -> None:
    held = as_json(
        risk_of({"kind": "fire", "level": 2, "facilities": {"school": 1, "hazardous_site": 1}, "warning": 1})
    )
    said = str([t["text"] for t in nameless(held["terms"])])
    assert not [name for name in ("East", UNIT["en"], "Rainstorm") if name in said]
    assert "hazardous sites near" in said
    assert "a warning is in force" in said
    assert "about 6 min" in said
    assert not [name for name in (UNIT["en"], "East", "Rainstorm") if name in str(held["words"])]


OLD: Risk = {
    "score": 4.4,
    "terms": [
        {"name": name, "dimension": dimension, "value": value, "weight": 0.7, "text": {"zh": "旧", "en": "old"}}
        for name, dimension, value in (
            ("level", "hazard", 10.0),
            ("people", "exposure", 5.0),
            ("facilities", "vulnerability", 1.0),
            ("nearest_unit", "coping", 3.7),
        )
    ],
}


def test_a_score_of_before_is_still_read() -> None:
    told = as_it_stands(OLD, 300, Exposure(7, 1, (), True), (UNIT, 60.0), day=True)
    assert "words" not in told
    assert told["score"] == 4.4
    limited = as_it_stands(OLD, 300, Exposure(7, 1, (), True), None, day=True, limited=True)
    texts = {t["name"]: t["text"]["en"] for t in limited["terms"]}
    assert texts["facilities"] == "no schools, hospitals or other sensitive places near"
    names = {t["name"]: t["text"]["en"] for t in nameless(OLD["terms"])}
    assert names["nearest_unit"] == "nearest available: about 4 min"
    assert names["facilities"] == "no schools, hospitals or other sensitive places near"


def test_words_of_a_cell_say_what_reaches_it_and_how_much_of_it() -> None:
    terms = [
        {
            "name": "hazard",
            "dimension": "hazard",
            "value": 6.1,
            "weight": 1.0,
            "text": {"zh": "320 米处：泵站", "en": "Pump, 320 m away"},
            "figures": {"distance_m": 320, "faded": 0.61},
        },
        *as_json(risk_of({"alarm": "gas", "level": 2}))["terms"],
    ]
    words: Any = cell_words(4.2, 0.61, terms)  # type: ignore[arg-type]
    assert words["zh"] == "风险 4.2（中）：320 米处：泵站，随距离减为 61%；周边约 500 人，救援力量车程约 6 分钟。"
    assert words["en"].startswith("Risk 4.2 (medium): Pump, 320 m away, faded to 61 % by distance; about 500 near")
    assert cell_words(0.0, 0.0, [])["zh"] == "风险 0：没有告警或事件影响这里。"
    assert words_of(4.2, terms)["en"]  # type: ignore[arg-type]


def test_a_place_is_named_only_where_it_is_open_to_all() -> None:
    places = (Place("s", "school", {"zh": "密校", "en": "Hidden School"}, 5.0, None, 2),)
    held = as_json(risk_of({"kind": "fire", "level": 2}))
    told = as_it_stands(held, 300, Exposure(1, 1, places, True), (UNIT, 60.0), day=True)
    assert "Hidden School" not in str(told)
