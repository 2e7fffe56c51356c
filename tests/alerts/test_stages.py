"""Whom a change concerns, and why: stages as tables of cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.labels import can_meet, line_of, read_matchers
from alerts.stages import STAGES, Around, Change, Decision, follow
from alerts.stages.base import Burning, InhibitionRow, RouteRow, Subscriber
from alerts.stages.inhibit import find_causes, find_circle
from alerts.stages.tree import group_of, walk
from alerts.stages.wanted import Filter
from core.vocabulary import table

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
RED = Change("alarm", "a1", "raised", 1, 1, "321302", "gas", "unacknowledged")
EASED = Change("alarm", "a1", "eased", 3, 1, "321302", "gas", "unacknowledged")
MESSAGE = Change("message", "m1", "assigned")

CASES: list[tuple[str, dict[str, Any], Change, bool]] = [
    ("an empty filter takes all", {}, RED, True),
    ("an empty filter takes messages too", {}, MESSAGE, True),
    ("by kind", {"kinds": ["alarm"]}, MESSAGE, False),
    ("level II and worse takes a I", {"level": 2}, RED, True),
    ("level II and worse leaves out a III", {"level": 2}, EASED, False),
    ("who was told of the worst is told of the easing", {"peak_level": 2}, EASED, True),
    ("a message has no level", {"level": 4}, MESSAGE, False),
    ("its district", {"districts": ["321302"]}, RED, True),
    ("another district", {"districts": ["321311"]}, RED, False),
    ("its kind of alarm", {"alarm_kinds": ["rain"]}, RED, False),
    ("a change that is not wanted", {"not_what": ["raised"]}, RED, False),
]


@pytest.mark.parametrize(("words", "wanted", "change", "concerned"), CASES, ids=[c[0] for c in CASES])
def test_filter(words: str, wanted: dict[str, Any], change: Change, concerned: bool) -> None:
    assert Filter.model_validate(wanted).concerns(change) is concerned


def test_misspelt_filter_is_an_error_and_not_ignored() -> None:
    with pytest.raises(ValidationError, match="distrikts"):
        Filter.model_validate({"distrikts": ["321302"]})


def test_way_has_the_reason_of_every_stage_and_ends_with_those_who_are_told() -> None:
    around = Around(
        (Subscriber("red", Filter(level=1)), Subscriber("all"), Subscriber("rain", Filter(alarm_kinds=("rain",))))
    )
    way = follow(RED, around, NOW)
    assert way.to == ("red", "all")
    assert [d.stage for d in way.decisions] == ["inhibit", "silence", "group", "route"]
    assert all(d.why["zh"] and d.why["en"] for d in way.decisions)
    assert "red, all" in way.decisions[-1].why["en"]


def test_stage_that_stops_a_change_ends_its_way_with_its_reason() -> None:
    class Wall:
        def decide(self, change: Change, around: Around, now: datetime) -> Decision:
            return Decision("wall", False, {"zh": "不", "en": "no"})

    way = follow(RED, Around((Subscriber("all"),)), NOW, (STAGES[0], Wall(), *STAGES[1:]))
    assert (way.to, [d.stage for d in way.decisions]) == ((), ["inhibit", "wall"])


def test_seeded_subscriptions_have_filters_that_can_be_used() -> None:
    for key, row in table("subscriptions").items():
        assert Filter.model_validate(row["filter"]), key
    cap = Filter.model_validate(table("subscriptions")["alerts-cap"]["filter"])
    told = [what for what in ("raised", "worsened", "eased", "returned", "acknowledged", "shelved", "linked")
            if cap.concerns(Change("alarm", "a", what, 2, 2, "321302", "gas", "x"))]  # fmt: skip
    assert told == ["raised", "worsened", "eased", "returned"]


# --- routes, causes, silences: pure -----------------------------------------------------------------------------------


def test_alarm_takes_the_deepest_route_that_takes_it_and_the_next_where_that_goes_on() -> None:
    gas = RouteRow("gas", {}, read_matchers([{"label": "kind", "is": ["gas"]}]), ("district",), goes_on=True)
    grave = RouteRow("grave", {}, read_matchers([{"label": "level", "is": ["1"]}]))
    rest = RouteRow("rest", {}, read_matchers([{"label": "level", "is_not": ["1"]}]))
    root = RouteRow("root", {}, children=(gas, grave, rest))
    assert [r.id for r in walk(root, {"kind": "gas", "level": "1"})] == ["gas", "grave"]
    assert [r.id for r in walk(root, {"kind": "flow", "level": "3"})] == ["rest"]
    assert [r.id for r in walk(RouteRow("root", {}, children=(gas,)), {"kind": "flow"})] == ["root"]
    assert group_of(gas, {"district": "321302"}) == "321302"


def test_receiver_that_a_route_names_hears_only_by_it_and_who_is_named_by_none_hears_everything() -> None:
    gas = RouteRow("gas", {}, read_matchers([{"label": "kind", "is": ["gas"]}]), receivers=("fire",))
    root = RouteRow("root", {}, receivers=("*",), children=(gas,))
    around = Around((Subscriber("fire"), Subscriber("all")), root)
    change = replace(RED, labels={"kind": "gas", "level": "1"})
    assert follow(change, around, NOW).to == ("fire",)
    assert follow(replace(change, labels={"kind": "flow"}), around, NOW).to == ("all",)
    assert follow(MESSAGE, around, NOW).to == ("fire", "all")


def test_nothing_mutes_itself_and_two_that_both_sides_take_do_not_mute_each_other() -> None:
    anything = read_matchers([{"label": "district", "is": ["321302"]}])
    rule = InhibitionRow("i", {"zh": "", "en": ""}, anything, anything, ())
    burning = [Burning(name, 3, {"zh": "", "en": ""}, {"district": "321302"}) for name in ("a", "b")]
    around = Around((Subscriber("all"),), inhibitions=(rule,), causes=find_causes((rule,), burning))
    for one in burning:
        assert follow(Change("alarm", one.id, "raised", 3, 3, labels=one.labels), around, NOW).to == ("all",)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ({"is": ["a"]}, {"is": ["b"]}, False),
        ({"is": ["a", "b"]}, {"is": ["b"]}, True),
        ({"is": ["a"]}, {"is_not": ["a"]}, False),
        ({"is": ["a"]}, {"is_not": ["b"]}, True),
        ({"is_not": ["a"]}, {"is_not": ["b"]}, True),
    ],
)
def test_matchers_that_can_take_the_same(one: dict[str, Any], other: dict[str, Any], meet: bool) -> None:
    assert can_meet(read_matchers([{"label": "kind", **one}]), read_matchers([{"label": "kind", **other}])) is meet


def test_seeded_inhibitions_and_routes_can_be_used_and_mute_in_no_circle() -> None:
    rules = [
        InhibitionRow(key, row, read_matchers(row["source"]), read_matchers(row["target"]), tuple(row["equal"]))
        for key, row in table("inhibitions").items()
    ]
    assert find_circle(rules) is None
    for row in table("routes").values():
        assert read_matchers(row["matchers"]) == ()
    circle = InhibitionRow("back", {}, rules[1].target, rules[1].source, ())
    assert find_circle([*rules, circle]) == ["back", "rain-flow"]


def test_alarm_of_level_i_never_stands_in_the_line_of_a_lower_one() -> None:
    for kind in table("alarm_kinds"):
        lines = [line_of(kind, level, "321302") for level in (1, 2, 3, 4)]
        assert lines[0] not in lines[1:], kind
        assert len(set(lines[1:])) == 1, kind
