"""What people read: both languages everywhere, the same fields in both, and tables that fit each other."""

from __future__ import annotations

import json
import string
from importlib.resources import files

import pytest
from capvalidator import check_schema

from alerts.rules import KINDS, check_params
from core import texts
from core.cap import Alert, Info, build
from core.errors import InputError, SetupError
from core.i18n import catalogue, say
from core.vocabulary import (
    LISTED_TABLES,
    AlarmState,
    IncidentStatus,
    UnitStatus,
    label,
    table,
    vocabulary,
)
from tests.support import now

LANGUAGES = {"zh", "en"}
PAGE = json.loads((files("core.i18n") / "page.json").read_text("utf-8"))


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("texts", [catalogue(), PAGE], ids=["messages", "page"])
def test_every_text_is_in_both_languages_with_the_same_fields(texts: dict[str, dict[str, str]]) -> None:
    empty_in_english = {"cap.issued"}  # nothing is added to the headline of a first message
    for key, text in texts.items():
        assert set(text) == LANGUAGES, key
        assert all(text.values()) or key in empty_in_english, key
        assert fields(text["zh"]) == fields(text["en"]), key


def test_fields_are_filled_in_per_language() -> None:
    said = say("incident.assigned", unit={"zh": "一号车", "en": "Car 1"})
    assert said["zh"].startswith("调派一号车")
    assert said["en"].startswith("Car 1")


@pytest.mark.parametrize("name", list(LISTED_TABLES))
def test_every_row_of_a_listed_table_has_words_in_both_languages(name: str) -> None:
    rows = vocabulary()[name]
    assert rows
    assert all(row["zh"] and row["en"] for row in rows.values())


@pytest.mark.parametrize(
    ("name", "words"),
    [("alarm_states", AlarmState), ("incident_statuses", IncidentStatus), ("unit_statuses", UnitStatus)],
)
def test_tables_of_closed_vocabularies_are_complete(name: str, words: type) -> None:
    assert set(table(name)) == {str(w) for w in words}  # type: ignore[attr-defined]


def test_kinds_refer_to_what_there_is() -> None:
    for kind, row in table("incident_kinds").items():
        assert set(row["capabilities"]) <= set(table("capabilities")), kind
        assert row["capabilities"], kind
        assert row["radius_m"] > 0, kind
    for kind, row in table("alarm_kinds").items():
        assert row["incident_kind"] in table("incident_kinds"), kind
    assert set(table("levels")) == {"1", "2", "3", "4"}


@pytest.mark.parametrize("kind", list(table("alarm_kinds")))
def test_words_for_cap_are_the_standards(kind: str) -> None:
    row = table("alarm_kinds")[kind]
    category = table("incident_kinds")[row["incident_kind"]]["cap_category"]
    for level in table("levels").values():
        info = Info(category, "e", row["urgency"], level["severity"], row["certainty"])
        result = check_schema(build(Alert("i", "s", now(), "Test", "Alert", "Public", info=(info,))))
        assert result.passed, result.message


@pytest.mark.parametrize("rule", list(table("rules")))
def test_seeded_rule_is_whole(rule: str) -> None:
    row = table("rules")[rule]
    assert row["kind"] in KINDS
    assert row["alarm_kind"] in table("alarm_kinds")
    assert set(row["watches"].get("sensor_kinds", [])) <= set(table("sensor_kinds"))
    params = check_params(row["kind"], row["params"])
    assert getattr(params, "metric", None) in {None, *table("metrics")}


def test_city_may_change_rows_and_add_some(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(tmp_path)
    (files("core") / "data").joinpath("levels.json")
    with open(f"{folder}/unit_kinds.json", "w", encoding="utf-8") as out:
        json.dump({"fire": {"en": "Brigade"}, "drone": {"zh": "无人机", "en": "Drone"}}, out)
    monkeypatch.setenv("ONEMAP_DATA_DIR", folder)
    table.cache_clear()
    try:
        assert table("unit_kinds")["fire"] == {"zh": "消防", "en": "Brigade"}
        assert label("unit_kinds", "drone")["zh"] == "无人机"
    finally:
        table.cache_clear()


def test_citys_own_table_that_is_no_json_is_a_sentence(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(f"{tmp_path}/metrics.json", "w") as out:
        out.write("{")
    monkeypatch.setenv("ONEMAP_DATA_DIR", str(tmp_path))
    table.cache_clear()
    try:
        with pytest.raises(SetupError, match=r"metrics\.json"):
            table("metrics")
    finally:
        table.cache_clear()


def test_unknown_key_is_its_own_label() -> None:
    assert label("metrics", "zeta") == {"zh": "zeta", "en": "zeta"}


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\ud800", "\u202e", "\u2067"])
def test_what_a_door_refuses_is_what_is_taken_out_elsewhere(sign: str) -> None:
    with pytest.raises(InputError):
        texts.check_text(f"a{sign}b", "title")
    assert texts.fit(f"a{sign}b") == "a b"
    assert (texts.find_unstorable(f"a{sign}b") == sign) == (sign in "\x00\ud800")


@pytest.mark.parametrize("value", ["a\tb\r\nc", "中山路\u3000三号", "é\u0301 \U0001f692", ""])
def test_text_that_people_write_stays_as_it_is(value: str) -> None:
    texts.check_text(value, "title")
    assert texts.fit(value) == value
