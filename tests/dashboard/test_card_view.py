"""The card answers in its fixed order, from values alone."""

import json
from typing import Any

import msgspec
import pytest

from app.dashboard.card.view import card_main, card_rest
from app.dashboard.card.words import Vocabulary, distance, duration, figure
from app.dashboard.models import CardState
from tests.dashboard.tree import having, walk, words

VOCABULARY = Vocabulary(
    {
        "alarm_states": {"unacknowledged": {"zh": "未确认", "en": "Unacknowledged"}},
        "unit_kinds": {"fire": {"zh": "消防", "en": "Fire"}},
        "unit_statuses": {"available": {"zh": "空闲", "en": "Available"}},
        "metrics": {"water_level": {"zh": "水位", "en": "Water level", "unit": "m"}},
        "qualities": {"jump": {"zh": "突变", "en": "Jump"}},
    }
)


def both(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


def alarm(**changes: Any) -> dict[str, Any]:
    thing: dict[str, Any] = {
        "level": 1,
        "state": "unacknowledged",
        "value": 3.42,
        "unit": "m",
        "lon": 119.03,
        "lat": 31.36,
        "raised_at": "2026-11-21T08:00:00Z",
        "message": both("水位 3.42 m", "Stage 3.42 m"),
        "risk": {
            "score": 8.25,
            "terms": [
                {"name": "hazard", "value": 8.0, "weight": 1, "text": both("致灾因子", "Hazard")},
                {"name": "coping", "value": None, "weight": 1, "text": both("应对能力", "Coping")},
            ],
        },
    }
    step = {
        "action": "acknowledge",
        "label": both("确认告警", "Acknowledge"),
        "reason": both("尚无人确认", "Nobody has"),
        "method": "POST",
        "url": "/api/alarms/a1/acknowledge",
        "body": {},
    }
    return {
        "type": "alarm",
        "id": "a1",
        "title": both("北桥水位", "North Bridge"),
        "object": thing,
        "next": step,
        **changes,
    }


def incident(**changes: Any) -> dict[str, Any]:
    thing = {
        "level": 2,
        "status": "open",
        "number": "20261121-0001",
        "lon": 119.0,
        "lat": 31.3,
        "assignments": [],
        **changes,
    }
    return {"type": "incident", "id": "i1", "title": both("积水", "Flooding"), "object": thing}


def ready(card: dict[str, Any], units: list[dict[str, Any]] | None = None) -> CardState:
    return msgspec.convert({"status": "ready", "card": card, "recommendations": units or []}, CardState)


def test_an_alarm_says_what_how_bad_why_and_what_next_in_that_order() -> None:
    main = words(card_main(ready(alarm()), VOCABULARY, may_act=True), "en")
    order = ["North Bridge", "8.2", "Hazard", "Stage 3.42 m", "119.03000, 31.36000", "Nobody has", "Acknowledge"]
    assert [main.index(part) for part in order] == sorted(main.index(part) for part in order)


def test_both_languages_are_there_and_do_not_mix() -> None:
    main = card_main(ready(alarm()), VOCABULARY, may_act=True)
    assert "北桥水位" in words(main, "zh")
    assert "北桥水位" not in words(main, "en")
    assert "未确认" in words(main, "zh")
    assert "Unacknowledged" in words(main, "en")


def test_a_term_without_data_says_so_instead_of_showing_zero() -> None:
    main = card_main(ready(alarm()), VOCABULARY, may_act=True)
    missing = having(main, className="missing")
    assert len(missing) == 1
    assert "no data" in words(missing[0]["children"], "en")


def test_the_next_step_carries_its_call() -> None:
    (button,) = having(card_main(ready(alarm()), VOCABULARY, may_act=True), data_next="acknowledge")
    assert (button["data-method"], button["data-url"]) == ("POST", "/api/alarms/a1/acknowledge")
    assert json.loads(button["data-body"]) == {}


def test_a_step_without_a_call_is_said_and_cannot_be_pressed() -> None:
    step = {
        "action": "none",
        "label": both("等待", "Wait"),
        "reason": both("1 支力量在途", "1 unit is on its way"),
        "method": None,
        "url": None,
    }
    main = card_main(ready(alarm(next=step)), VOCABULARY, may_act=True)
    assert "1 unit is on its way" in words(main, "en")
    assert not [part for part in walk(main) if "data-url" in part["props"]]


def test_a_viewer_reads_the_reason_and_gets_no_button_that_acts() -> None:
    state = ready(incident(), [{"unit": "fire-01", "names": both("消防01", "Fire 01"), "kind": "fire", "eta_s": 100}])
    for one in (ready(alarm()), state):
        parts = [*card_main(one, VOCABULARY, may_act=False), *card_rest(one, VOCABULARY, may_act=False)]
        assert not [part for part in walk(parts) if "data-url" in part["props"]]
    assert "Nobody has" in words(card_main(ready(alarm()), VOCABULARY, may_act=False), "en")


def test_sending_a_unit_asks_twice_because_it_reaches_people() -> None:
    state = ready(incident(), [{"unit": "fire-01", "names": both("消防01", "Fire 01"), "kind": "fire", "eta_s": 100}])
    (button,) = having(card_main(state, VOCABULARY, may_act=True), data_url="/api/incidents/i1/assignments")
    assert button["data-confirm"] == "1"
    assert json.loads(button["data-body"]) == {"unit": "fire-01"}


def test_an_alarm_can_be_shelved_only_in_a_state_that_allows_it() -> None:
    shelved = alarm()
    shelved["object"]["state"] = "shelved"
    assert having(card_rest(ready(alarm()), VOCABULARY, may_act=True), data_url="/api/alarms/a1/shelve")
    assert not having(card_rest(ready(shelved), VOCABULARY, may_act=True), data_url="/api/alarms/a1/shelve")


def test_a_closed_incident_recommends_nobody() -> None:
    unit = {"unit": "fire-01", "names": both("消防01", "Fire 01")}
    assert "Fire 01" in words(card_main(ready(incident(), [unit]), VOCABULARY, may_act=True), "en")
    assert "Fire 01" not in words(card_main(ready(incident(status="closed"), [unit]), VOCABULARY, may_act=True), "en")


def test_milestones_show_only_what_was_reached() -> None:
    sent = {
        "unit": "fire-01",
        "unit_names": both("消防01", "Fire 01"),
        "status": "en_route",
        "assigned_at": "2026-11-21T08:00:00Z",
        "en_route_at": "2026-11-21T08:01:00Z",
        "on_scene_at": None,
    }
    text = words(card_main(ready(incident(status="en_route", assignments=[sent])), VOCABULARY, may_act=True), "en")
    assert "Assigned" in text
    assert "En route" in text
    assert "On scene" not in text


def test_a_sensor_shows_its_readings_with_the_steps_in_force() -> None:
    values = {"water_level": {"value": 0.5, "unit": "m", "time": "2026-11-21T08:00:00Z"}}
    thing = {"kind": "water_level", "values": values, "thresholds": {"water_level": {"1": 0.6, "2": 0.4}}}
    card = {"type": "sensor", "id": "wl-1", "title": both("水位", "Stage"), "object": thing}
    text = words(card_main(ready(card), VOCABULARY, may_act=True), "en")
    assert "Water level0.5m" in text
    assert "I0.6" in text
    assert "II0.4" in text


@pytest.mark.parametrize(("quality", "told"), [("good", False), ("jump", True), (None, False)])
def test_a_reading_that_is_not_plain_says_why(quality: str | None, told: bool) -> None:
    values = {"water_level": {"value": 9, "unit": "m", "time": "2026-11-21T08:00:00Z", "quality": quality}}
    card = {"type": "sensor", "id": "wl-1", "title": both("水位", "Stage"), "object": {"values": values}}
    assert ("Jump" in words(card_main(ready(card), VOCABULARY, may_act=True), "en")) is told


@pytest.mark.parametrize("kind", ["unit", "camera", "facility", "asset", "street"])
def test_every_type_of_thing_has_a_card_even_with_an_empty_object(kind: str) -> None:
    card = {"type": kind, "id": "x", "title": both("物", "Thing"), "object": {}}
    assert "Thing" in words(card_main(ready(card), VOCABULARY, may_act=True), "en")


def test_a_card_that_cannot_be_read_says_why_and_shows_nothing_else() -> None:
    state = CardState(status="failed", detail="sensor wl-9 is not known")
    assert "sensor wl-9 is not known" in words(card_main(state, VOCABULARY, may_act=True), "en")
    assert card_rest(state, VOCABULARY, may_act=True) == []


def test_what_is_around_names_the_nearest_units_by_road_time() -> None:
    near = {
        "people": 1840,
        "units": [{"id": "fire-01", "names": both("消防01", "Fire 01"), "status": "available", "eta_s": 240}],
    }
    text = words(card_rest(ready(alarm(around=near)), VOCABULARY, may_act=True), "en")
    assert "1,840" in text
    assert "Fire 01" in text
    assert "4 min" in text


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (42, "42 s"), (312, "5 min"), (7200, "2.0 h")])
def test_durations_are_in_words(seconds: float | None, text: str) -> None:
    assert words(duration(seconds), "en") == text


@pytest.mark.parametrize(("metres", "text"), [(None, ""), (42.4, "42 m"), (754.0, "750 m"), (1530.0, "1.5 km")])
def test_distances_are_rounded_to_what_matters(metres: float | None, text: str) -> None:
    assert words(distance(metres), "en") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (3.0, "3"), (3.4200, "3.42"), (0.4567, "0.457"), (21.634, "21.6"), (12000, "12,000"), ("a", "a")],
)
def test_figures_are_written_as_people_write_them(value: Any, text: str) -> None:
    assert figure(value) == text
