"""Ordered steps with hysteresis and delays, and the threshold rule on top of them: tables of cases."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import check_params
from alerts.rules.base import RuleRow, Thing, watches
from alerts.rules.steps import FRESH, SECOND, Step
from alerts.rules.threshold import StepParams, ThresholdParams, make_bank, steps_for
from core.errors import InputError
from tests.alerts.banks import One, OneThing

Feed = list[tuple[float, float, int | None]]


def step(level: int, on: float, off: float, on_delay_s: float = 0, off_delay_s: float = 0, sign: int = 1) -> Step:
    return Step(level, on, off, int(on_delay_s * SECOND), int(off_delay_s * SECOND), sign)


PLAIN = [step(1, 30, 28), step(2, 20, 18), step(3, 10, 8)]
DELAYED = [step(1, 10, 8, on_delay_s=10, off_delay_s=30)]
LOW = [step(1, 5, 6, sign=-1), step(2, 10, 11, sign=-1)]
CASES: list[tuple[str, list[Step], Feed]] = [
    ("below every limit nothing is met", PLAIN, [(0, 9.9, None)]),
    ("a limit is met at the limit", PLAIN, [(0, 10, 3)]),
    ("the worst step met is the level", PLAIN, [(0, 25, 2), (1, 31, 1)]),
    ("it is left only below the deadband", PLAIN, [(0, 20, 2), (1, 18, 2), (2, 17.9, 3)]),
    (
        "chatter within the deadband changes nothing",
        PLAIN,
        [(0, 10, 3), (1, 9, 3), (2, 10, 3), (3, 8.1, 3), (4, 7.9, None)],
    ),
    ("a fall through all steps ends in one move", PLAIN, [(0, 40, 1), (1, 0, None)]),
    ("an on-delay waits for its time", DELAYED, [(0, 11, None), (9, 11, None), (10, 11, 1)]),
    (
        "a dip begins the on-delay anew",
        DELAYED,
        [(0, 11, None), (5, 9, None), (6, 11, None), (15, 11, None), (16, 11, 1)],
    ),
    ("an off-delay holds the level", DELAYED, [(0, 11, None), (10, 11, 1), (11, 7, 1), (40, 7, 1), (41, 7, None)]),
    (
        "a rise within the off-delay keeps it",
        DELAYED,
        [(0, 11, None), (10, 11, 1), (11, 7, 1), (30, 11, 1), (45, 11, 1)],
    ),
    (
        "low limits are met from above",
        LOW,
        [(0, 12, None), (1, 10, 2), (2, 5, 1), (3, 5.9, 1), (4, 6.1, 2), (5, 11.5, None)],
    ),
]


@pytest.mark.parametrize(("why", "steps", "feed"), CASES, ids=[c[0] for c in CASES])
def test_level_after_each_value(why: str, steps: list[Step], feed: Feed) -> None:
    comparator = OneThing(steps)
    for at, value, level in feed:
        before = comparator.level
        changed = comparator.feed(int(at * SECOND), value)
        assert comparator.level == level, (why, at)
        assert changed == (before != level), (why, at)


def test_on_delay_matures_on_the_clock_while_the_value_holds() -> None:
    comparator = OneThing(DELAYED)
    comparator.feed(0, 11)
    assert comparator.waiting
    assert not comparator.tick(9 * SECOND)
    assert comparator.tick(10 * SECOND)
    assert comparator.level == 1
    assert not comparator.waiting


def test_clock_does_not_mature_what_nobody_has_confirmed_for_long() -> None:
    comparator = OneThing(DELAYED)
    comparator.feed(0, 11)
    assert not comparator.tick(10 * SECOND + FRESH + 1)
    assert comparator.level is None


def test_checkpoint_brings_everything_back() -> None:
    first, second = OneThing(DELAYED), OneThing(DELAYED)
    first.feed(0, 11)
    second.steps.restore(0, first.steps.state(0))
    assert second.waiting
    assert second.feed(10 * SECOND, 11)


def test_checkpoint_of_other_steps_is_left_aside() -> None:
    comparator = OneThing(PLAIN)
    comparator.steps.restore(0, OneThing(DELAYED).steps.state(0))
    assert comparator.level is None
    assert comparator.steps.state(0)["levels"] == [1, 2, 3]


@given(st.lists(st.floats(0, 40), min_size=1, max_size=60))
def test_level_is_never_milder_than_the_value_and_never_worse_than_the_deadband(values: list[float]) -> None:
    """Whatever the history: at or above `on` a step is met, below `off` it is not."""
    comparator = OneThing(PLAIN)
    for at, value in enumerate(values):
        comparator.feed(at, value)
        mildest = min((s.level for s in PLAIN if value >= s.on), default=None)
        worst = min((s.level for s in PLAIN if value >= s.off), default=None)
        assert (comparator.level or 9) <= (mildest or 9)
        assert (comparator.level or 9) >= (worst or 9)


# --- the rule kind ----------------------------------------------------------------------------------------------------


def rule(**params: Any) -> RuleRow:
    given = {"metric": "water_level", "steps": [{"level": 1, "on": 3}, {"level": 3, "on": 2}], **params}
    return RuleRow("r", "threshold", "water_stage", {"zh": "", "en": ""}, {}, check_params("threshold", given))


def thing(**more: Any) -> Thing:
    return Thing("sensor", "s", {"zh": "站", "en": "Site"}, "329906", kind="water_level", **more)


def test_finding_says_value_unit_and_the_limit_that_was_met() -> None:
    monitor = One(rule(hysteresis=0.5), thing())
    assert monitor.feed("water_level", 1, 1.0) is None
    found = monitor.feed("water_level", 2, 3.1)
    assert found is not None
    assert (found.level, found.value, found.unit, found.limit, found.template) == (1, 3.1, "m", 3, "alarm.above")
    assert monitor.feed("water_level", 3, 3.2) is None
    back = monitor.feed("water_level", 4, 0.0)
    assert back is not None
    assert (back.level, back.limit) == (None, 2.5)


SITE = {"water_level": {"1": 12.0, "3": 10.0}}
STEPS_CASES: list[tuple[str, dict[str, Any], dict[str, Any], list[tuple[int, float, float]]]] = [
    ("fixed limits with hysteresis", {"hysteresis": 0.5}, {}, [(1, 3, 2.5), (3, 2, 1.5)]),
    ("an explicit off", {"steps": [{"level": 1, "on": 3, "off": 1}]}, {}, [(1, 3, 1)]),
    ("low limits are left upwards", {"direction": "below", "hysteresis": 0.5}, {}, [(1, 3, 3.5), (3, 2, 2.5)]),
    ("per site limits", {"per_site": True, "hysteresis": 1}, {"thresholds": SITE}, [(1, 12, 11), (3, 10, 9)]),
    ("per site, but the site has none: the rule's", {"per_site": True}, {}, [(1, 3, 3), (3, 2, 2)]),
    (
        "a step nobody gave a limit is left out",
        {"per_site": True, "steps": [{"level": 1}, {"level": 2}]},
        {"thresholds": SITE},
        [(1, 12, 12)],
    ),
]


@pytest.mark.parametrize(("why", "params", "place", "wanted"), STEPS_CASES, ids=[c[0] for c in STEPS_CASES])
def test_steps_in_force(why: str, params: dict[str, Any], place: dict[str, Any], wanted: list[Any]) -> None:
    steps = steps_for(rule(**params).params, thing(**place))
    assert [(s.level, s.on, s.off) for s in steps] == wanted


def test_thing_without_limits_is_not_watched() -> None:
    assert make_bank(rule(per_site=True, steps=[{"level": 1}]), [thing()]) is None


WATCHES: list[tuple[str, dict[str, Any], bool]] = [
    ("nothing asked for", {}, True),
    ("its kind", {"sensor_kinds": ["gas", "water_level"]}, True),
    ("another kind", {"sensor_kinds": ["gas"]}, False),
    ("its id", {"sensors": ["s"]}, True),
    ("another id", {"sensors": ["t"]}, False),
    ("an attribute it has", {"with_attribute": "underpass"}, True),
    ("an attribute it has not", {"with_attribute": "bridge"}, False),
    ("an attribute it must not have", {"without_attribute": "underpass"}, False),
    ("an attribute it rightly has not", {"without_attribute": "bridge"}, True),
    ("one of those it must not have", {"without_attribute": ["bridge", "underpass"]}, False),
    ("none of those it must not have", {"without_attribute": ["bridge", "street"]}, True),
]


@pytest.mark.parametrize(("why", "wanted", "does"), WATCHES, ids=[c[0] for c in WATCHES])
def test_rule_picks_its_things(why: str, wanted: dict[str, Any], does: bool) -> None:
    row = RuleRow(
        "r", "threshold", "gas", {}, wanted, ThresholdParams(metric="gas", steps=(StepParams(level=1, on=1),))
    )
    assert watches(row, thing(attributes={"underpass": "U1"})) is does


@pytest.mark.parametrize(
    ("kind", "params", "field"),
    [
        ("threshold", {"steps": [{"level": 1, "on": 1}]}, "params.metric"),
        ("threshold", {"metric": "gas", "steps": []}, "params.steps"),
        ("threshold", {"metric": "gas", "steps": [{"level": 5, "on": 1}]}, "params.steps.0.level"),
        ("threshold", {"metric": "gas", "steps": [{"level": 1, "on": 1}], "hysterisis": 1}, "params.hysterisis"),
        ("threshold", {"metric": "gas", "steps": [{"level": 1, "on": "x"}]}, "params.steps.0.on"),
        ("aggregate", {"metric": "rain", "window_s": -1, "steps": [{"level": 1, "on": 1}]}, "params.window_s"),
        ("stale", {"factor": 0.5}, "params.factor"),
        ("magic", {}, "kind"),
    ],
)
def test_bad_parameters_are_named_when_the_rule_is_saved(kind: str, params: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        check_params(kind, params)
    assert caught.value.field == field
