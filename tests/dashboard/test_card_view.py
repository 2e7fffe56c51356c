"""The card answers in its fixed order, from values alone."""

import json
from typing import Any

import pytest

from app.cards import acts, steps
from app.cards.nouns import Around, Card, NextStep
from app.dashboard.card import together
from app.dashboard.card.view import card_foot, card_head, card_main, card_rest
from app.dashboard.card.words import distance, duration, figure
from core.viewer import Permission
from tests.dashboard.cards import (
    EVERY,
    MORNING,
    alarm_card,
    assignment,
    both,
    every_card,
    incident_card,
    judged_by,
    recommended,
    sensor_card,
)
from tests.dashboard.tree import having, walk, words


def whole(card: Card, may: frozenset[Permission] = EVERY) -> list[Any]:
    """The card from its head to its foot, in the order in which it is read."""
    return [*card_head(card), *card_main(card), *card_foot(card, may=may), *card_rest(card, may=may)]


def main_words(card: Card, lang: str = "en") -> str:
    return words(whole(card), lang)


def test_an_alarm_says_what_how_bad_why_and_what_next_in_that_order() -> None:
    main = main_words(alarm_card())
    order = ["North Bridge", "8.2", "Hazard", "Stage 3.42 m", "119.03000, 31.36000", "Nobody has", "Acknowledge"]
    assert [main.index(part) for part in order] == sorted(main.index(part) for part in order)


def test_both_languages_are_there_and_do_not_mix() -> None:
    card = alarm_card()
    assert "北桥水位" in main_words(card, "zh")
    assert "北桥水位" not in main_words(card)
    assert "未确认" in main_words(card, "zh")
    assert "Unacknowledged" in main_words(card)


def test_a_term_without_data_says_so_instead_of_showing_zero() -> None:
    missing = having(whole(alarm_card()), className="missing")
    assert len(missing) == 1
    assert "no data" in words(missing[0]["children"], "en")


def test_a_score_stands_in_its_band_with_what_it_says_and_how_sure_it_is() -> None:
    card = alarm_card()
    main = main_words(card)
    order = ["Level I alarm: 7 to 10. Risk 8.3", "Confidence 65 %", "Lack of coping capacity"]
    assert [main.index(part) for part in order] == sorted(main.index(part) for part in order)
    (gauge,) = having(whole(card), min="7.0")
    assert (gauge["max"], gauge["value"]) == ("10.0", "8.25")
    before = {name: card["object"]["risk"][name] for name in ("score", "terms")}  # type: ignore[index, literal-required]
    old = {**card, "risk": before, "object": {**card["object"], "risk": before}}
    assert "Confidence" not in main_words(old)  # type: ignore[arg-type]
    assert "8.2" in main_words(old)  # type: ignore[arg-type]


def test_the_next_step_carries_its_call() -> None:
    (button,) = having(whole(alarm_card()), data_next="acknowledge")
    assert (button["data-method"], button["data-url"]) == ("POST", "/api/alarms/a1/acknowledge")
    assert json.loads(button["data-body"]) == {}


def test_a_step_without_a_call_is_said_and_cannot_be_pressed() -> None:
    step: NextStep = {
        "action": "none",
        "label": both("等待", "Wait"),
        "reason": both("1 支力量在途", "1 unit is on its way"),
        "method": None,
        "url": None,
        "body": None,
    }
    main = whole(alarm_card(next=step))
    assert "1 unit is on its way" in words(main, "en")
    assert not [part for part in walk(main) if "data-url" in part["props"]]


def test_a_viewer_reads_the_reason_and_gets_no_button_that_acts() -> None:
    for card in (alarm_card(), incident_card(units=[recommended()])):
        parts = [*whole(card, frozenset()), *card_rest(card, may=frozenset())]
        assert not [part for part in walk(parts) if "data-url" in part["props"]]
    assert "Nobody has" in words(whole(alarm_card(), frozenset()), "en")


def test_sending_a_unit_asks_twice_because_it_reaches_people() -> None:
    main = whole(incident_card(units=[recommended()]))
    (button,) = having(main, data_url="/api/incidents/i1/assignments")
    assert button["data-confirm"] == "1"
    assert json.loads(button["data-body"]) == {"unit": "fire-01"}


def test_a_recommended_unit_says_its_time_way_and_reasons() -> None:
    main = main_words(incident_card(units=[recommended(312.0)]))
    assert "5 min1.5 km" in main
    assert "Nearest, Free" in main


def test_an_act_with_fields_asks_and_one_without_is_a_call() -> None:
    card = alarm_card()
    card["acts"] = acts.for_alarm(card["object"], [])
    rest = card_rest(card, may=EVERY)
    [shelve] = having(rest, data_act="shelve")
    assert [f["name"] for f in json.loads(shelve["data-ask"])["fields"]] == ["minutes", "reason"]
    assert having(rest, data_act="open", data_url="/api/incidents")
    assert not having(rest, data_act="acknowledge"), "the recommended step is not said twice"


def test_an_incident_shows_its_alarms_as_they_are_now_and_offers_the_rise_to_who_may() -> None:
    alarm = alarm_card()["object"]
    incident = incident_card()
    incident["alarms"] = [alarm]
    incident["judged"] = [
        {"id": "a1", "value": 4.0, "unit": "m", "time": MORNING, "trend": "rising", "window_s": None, "district": ""}
    ]
    incident["rise"] = steps.rise(incident["object"], [alarm])
    main = main_words(incident)
    assert "4.00" in main
    assert "3.42" not in main
    assert having(whole(incident), data_testid="next-rise")
    watching = whole(incident, EVERY - {Permission.INCIDENT_LEVEL})
    assert not having(watching, data_testid="next-rise")
    assert "level I" in words(watching, "en")


def test_a_closed_incident_recommends_nobody() -> None:
    assert "Fire 01" in main_words(incident_card(units=[recommended()]))
    assert "Fire 01" not in main_words(incident_card("closed", units=[recommended()]))


def test_milestones_show_only_what_was_reached() -> None:
    sent = assignment(status="en_route", en_route_at="2026-11-21T08:01:00Z")
    text = main_words(incident_card("en_route", [sent]))
    assert "Dispatched" in text
    assert "En route" in text
    assert "On scene" not in text


def test_a_sensor_shows_its_readings_with_the_steps_in_force() -> None:
    values = {"water_level": {"value": 0.5, "unit": "m", "time": MORNING, "quality": "good"}}
    text = main_words(sensor_card(values, [judged_by(l1=0.6, l2=0.4)]))
    assert "Water level0.50m" in text
    assert "I0.6" in text
    assert "II0.4" in text


def test_limits_of_a_sum_stand_with_its_window_and_not_as_limits_of_a_reading() -> None:
    values = {"water_level": {"value": 0.4, "unit": "m", "time": MORNING, "quality": "good"}}
    text = main_words(sensor_card(values, [judged_by(10_800.0, l1=100, l2=50), judged_by(21_600.0, l3=50)]))
    assert "sum over 3 hI100II50sum over 6 hIII50" in text


def test_what_is_still_missing_is_named_once_somebody_was_sent() -> None:
    before = main_words(incident_card(units=[recommended()]))
    assert "Needed: Water rescuePumping" in before
    card = incident_card("assigned", [assignment()], units=[recommended()])
    assert "Still missing: Pumping" in main_words(card)
    assert "还缺：排涝" in main_words(card, "zh")
    card["missing"] = []
    assert "missing" not in main_words(card)


def test_who_is_on_the_way_counts_down_and_who_waits_counts_up() -> None:
    card = incident_card("assigned", [assignment()])
    assert not having(whole(card), className="arrival")
    card["arrivals"] = {"fire-01": MORNING}
    [arrival] = having(whole(card), className="arrival")
    assert (arrival["data-arrives"], arrival["data-unit"]) == (MORNING, "fire-01")
    assert not having(whole(card), className="waited")
    [waited] = having(whole(incident_card()), className="waited")
    assert (waited["data-waited"], waited["data-level"]) == (MORNING, "2")
    assert not having(whole(incident_card("closed")), className="waited")


def test_the_radius_of_what_is_around_is_named() -> None:
    near: Around = {
        "radius_m": 800.0,
        "cut_to": None,
        "people": 12,
        "buildings": 3,
        "units": [],
        "cameras": [],
        "facilities": [],
    }
    assert "Within 800 m" in words(card_rest(alarm_card(around=near), may=EVERY), "en")


@pytest.mark.parametrize(("quality", "told"), [("good", False), ("jump", True)])
def test_a_reading_that_is_not_plain_says_why(quality: str, told: bool) -> None:
    values = {"water_level": {"value": 9, "unit": "m", "time": MORNING, "quality": quality}}
    assert ("Sudden jump" in main_words(sensor_card(values))) is told


@pytest.mark.parametrize("card", every_card(), ids=lambda card: str(card["type"]))
def test_every_type_of_thing_has_a_card_even_where_little_is_known(card: Card) -> None:
    assert card["title"]["en"] in main_words(card)
    assert "Test" in words(card_rest(card, may=EVERY), "en")


def test_what_is_around_names_the_nearest_units_by_road_time() -> None:
    near: Around = {
        "radius_m": 500.0,
        "cut_to": None,
        "people": 1840,
        "buildings": 12,
        "units": [
            {
                "id": "fire-01",
                "kind": "fire",
                "names": both("消防01", "Fire 01"),
                "status": "available",
                "eta_s": 240,
                "distance_m": 1530,
            }
        ],
        "cameras": [],
        "facilities": [],
    }
    text = words(card_rest(alarm_card(around=near), may=EVERY), "en")
    assert "about 1,800 people" in text
    assert "Fire 01" in text
    assert "4 min" in text


@pytest.mark.parametrize(("seconds", "text"), [(42, "42 s"), (312, "5 min"), (7200, "2.0 h")])
def test_durations_are_in_words(seconds: float, text: str) -> None:
    assert words(duration(seconds), "en") == text


@pytest.mark.parametrize(("metres", "text"), [(42.4, "42 m"), (754.0, "750 m"), (1530.0, "1.5 km")])
def test_distances_are_rounded_to_what_matters(metres: float, text: str) -> None:
    assert words(distance(metres), "en") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (3.4200, "3.42"), (0.4567, "0.457"), (21.634, "21.6"), (12000, "12,000")],
)
def test_figures_are_written_as_people_write_them(value: float, text: str) -> None:
    assert figure(value) == text


def test_alarm_of_a_place_says_what_lies_together_and_leads_to_each() -> None:
    member: Any = {
        "type": "incident",
        "kind": "waterlogging",
        "level": 3,
        "at": MORNING,
        "lon": 119.0,
        "lat": 33.0,
    }
    found: Any = {
        "kind": "cluster",
        "count": 12,
        "radius_m": 1200,
        "since": MORNING,
        "until": MORNING,
        "lon": 119.0,
        "lat": 33.0,
        "expected": 1.4,
        "p": 0.005,
        "kinds": [{"type": "incident", "kind": "waterlogging", "count": 12}],
        "members": [{**member, "id": f"i{n}", "names": both(f"{n}号", f"No {n}"), "distance_m": n} for n in range(10)],
    }
    card: Any = {**alarm_card(), "together": found}
    drawn = together.together(card["together"])
    said = words(drawn, "en")
    for one in (
        "12 lie together",
        "1.2 km",
        "about 1.4",
        "a probability of 0.005 by",
        "2 more are not yours to see",
        "No 9",
    ):
        assert one in said
    links = [part["props"].get("data-select-id") for part in walk(drawn) if part["props"].get("data-select-id")]
    assert links == [f"i{n}" for n in range(10)]
    assert "lie together" in words(card_main(card), "en")
    assert together.together(None) == []
