"""Whom a change concerns, and why: stages as tables of cases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.stages import STAGES, Around, Change, Decision, follow
from alerts.stages.base import Subscriber
from alerts.stages.route import Filter
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
        (Subscriber("red", {"level": 1}), Subscriber("all", {}), Subscriber("rain", {"alarm_kinds": ["rain"]}))
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

    way = follow(RED, Around((Subscriber("all", {}),)), NOW, (STAGES[0], Wall(), *STAGES[1:]))
    assert (way.to, [d.stage for d in way.decisions]) == ((), ["inhibit", "wall"])


def test_seeded_subscriptions_have_filters_that_can_be_used() -> None:
    for key, row in table("subscriptions").items():
        assert Filter.model_validate(row["filter"]), key
    cap = Filter.model_validate(table("subscriptions")["alerts-cap"]["filter"])
    told = [what for what in ("raised", "worsened", "eased", "returned", "acknowledged", "shelved", "linked")
            if cap.concerns(Change("alarm", "a", what, 2, 2, "321302", "gas", "x"))]  # fmt: skip
    assert told == ["raised", "worsened", "eased", "returned"]
