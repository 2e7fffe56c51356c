"""The ISA-18.2 state machine as a table: what findings and people do to one alarm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition
from hypothesis.stateful import rule as st_rule

from alerts.lifecycle import (
    AlarmView,
    Transition,
    acknowledge,
    chatter,
    fold,
    put_back,
    reset,
    settle,
    shelve,
    suppress,
    take_out,
    unacknowledge,
    unshelve,
    unsuppress,
)
from core.errors import Conflict, InputError
from core.vocabulary import AlarmState as S
from tests.support import now

UNACK, ACK, BACK, NORMAL, SHELVED = S.UNACKNOWLEDGED, S.ACKNOWLEDGED, S.RETURNED_UNACKNOWLEDGED, S.NORMAL, S.SHELVED
LATCHED, LATCHED_ACK = S.LATCHED_UNACKNOWLEDGED, S.LATCHED_ACKNOWLEDGED
OUT, DESIGN = S.OUT_OF_SERVICE, S.SUPPRESSED_BY_DESIGN


def view(state: S, level: int = 2, peak: int | None = None, active: bool = True) -> AlarmView:
    return AlarmView(state, level, peak or level, active)


FOLDS: list[tuple[str, AlarmView | None, int | None, str | None, AlarmView | None]] = [
    ("a first finding raises", None, 2, "raised", view(UNACK)),
    ("normal stays normal", None, None, None, None),
    ("a finding on a normal one raises", view(NORMAL, active=False), 3, "raised", view(UNACK, 3)),
    ("the same level again is nothing", view(UNACK), 2, None, None),
    ("worsening is told", view(UNACK, 3), 1, "worsened", view(UNACK, 1)),
    ("worsening re-alarms an acknowledged one", view(ACK, 3), 2, "worsened", view(UNACK, 2)),
    ("easing keeps the state and the peak", view(ACK, 1), 3, "eased", view(ACK, 3, 1)),
    ("return while unacknowledged waits for a person", view(UNACK), None, "returned", view(BACK, active=False)),
    ("return after acknowledgement is normal", view(ACK), None, "returned", view(NORMAL, active=False)),
    ("return happens once", view(BACK, active=False), None, None, None),
    ("it comes again before anyone saw it go", view(BACK, 2, 1, False), 3, "raised_again", view(UNACK, 3, 1)),
    ("a shelved one that worsens stays shelved", view(SHELVED, 3), 1, "worsened", view(SHELVED, 1)),
    ("a shelved one that returns stays shelved", view(SHELVED), None, "returned", view(SHELVED, active=False)),
    ("a shelved one that comes again stays shelved", view(SHELVED, 2, 2, False), 2, "raised_again", view(SHELVED, 2)),
]


@pytest.mark.parametrize(("why", "before", "level", "what", "after"), FOLDS, ids=[c[0] for c in FOLDS])
def test_fold(why: str, before: AlarmView | None, level: int | None, what: str | None, after: AlarmView | None) -> None:
    transition = fold(before, level)
    assert (transition.what if transition else None, transition.after if transition else None) == (what, after)


HANDS: list[tuple[str, AlarmView, S | None]] = [
    ("seen while it holds", view(UNACK), ACK),
    ("seen after it went", view(BACK, active=False), NORMAL),
    ("seen again: no change, no error", view(ACK), None),
]


@pytest.mark.parametrize(("why", "before", "after"), HANDS, ids=[c[0] for c in HANDS])
def test_acknowledge(why: str, before: AlarmView, after: S | None) -> None:
    transition = acknowledge(before)
    assert (transition.after.state if transition else None) == after


@pytest.mark.parametrize("state", [NORMAL, SHELVED, S.OUT_OF_SERVICE])
def test_what_is_not_to_be_seen_cannot_be_acknowledged(state: S) -> None:
    with pytest.raises(Conflict):
        acknowledge(view(state))


BACKS = [
    ("taken back while it holds", view(ACK), UNACK),
    ("taken back after it went", view(NORMAL, active=False), BACK),
    ("taken back again: no change, no error", view(UNACK), None),
]


@pytest.mark.parametrize(("why", "before", "after"), BACKS, ids=[c[0] for c in BACKS])
def test_acknowledgement_is_taken_back_by_whom_it_was(why: str, before: AlarmView, after: S | None) -> None:
    transition = unacknowledge(before, "me", now(), "me", now())
    assert (transition.after.state if transition else None) == after


@pytest.mark.parametrize(
    ("state", "by", "ago_s", "reason"),
    [
        (ACK, "somebody", 1, "undo_other"),
        (ACK, "me", 16, "undo_late"),
        (SHELVED, "me", 1, "alarm_state"),
        (ACK, None, None, "alarm_state"),
    ],
)
def test_others_acknowledgements_and_old_ones_stay(state: S, by: str | None, ago_s: float | None, reason: str) -> None:
    moment = now()
    at = None if ago_s is None else moment - timedelta(seconds=ago_s)
    with pytest.raises(Conflict) as caught:
        unacknowledge(view(state), by, at, "me", moment)
    assert caught.value.reason == reason


def test_what_is_not_on_the_shelf_is_not_taken_off() -> None:
    with pytest.raises(Conflict):
        unshelve(view(ACK))


def test_shelf_is_for_a_bounded_time_and_a_reason() -> None:
    moment = now()
    shelved = shelve(view(UNACK), 30, "pump on its way", moment).after
    assert (shelved.state, shelved.shelved_until) == (SHELVED, moment + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("minutes", "reason", "field"), [(0, "x", "minutes"), (1441, "x", "minutes"), (5, "  ", "reason")]
)
def test_shelf_without_bound_or_reason_is_refused(minutes: int, reason: str, field: str) -> None:
    with pytest.raises(InputError) as caught:
        shelve(view(UNACK), minutes, reason, now())
    assert caught.value.field == field


def test_normal_alarm_cannot_be_shelved() -> None:
    with pytest.raises(Conflict):
        shelve(view(NORMAL, active=False), 5, "x", now())


@pytest.mark.parametrize(("active", "after"), [(True, UNACK), (False, NORMAL)])
def test_end_of_the_shelf_shows_how_things_stand(active: bool, after: S) -> None:
    assert unshelve(view(SHELVED, active=active)).after == AlarmView(after, 2, 2, active, None)


@given(st.lists(st.sampled_from([1, 2, 3, 4, None, "ack"]), max_size=30))
def test_whatever_happens_the_alarm_tells_what_is(happenings: list[int | str | None]) -> None:
    alarm: AlarmView | None = None
    for what in happenings:
        if what == "ack":
            if alarm is None or alarm.state in (NORMAL, SHELVED):
                continue
            transition = acknowledge(alarm)
        else:
            transition = fold(alarm, what)  # type: ignore[arg-type]
        alarm = transition.after if transition else alarm
        if alarm is None:
            continue
        assert alarm.peak_level <= alarm.level
        assert (alarm.state in (UNACK, ACK)) == alarm.active
        if isinstance(what, int):
            assert (alarm.level, alarm.active) == (what, True)


def test_what_chatters_is_not_called_over_while_it_holds() -> None:
    """Acknowledged in such a moment it would have been closed while its condition holds."""
    for state, after in ((BACK, UNACK), (LATCHED, UNACK), (LATCHED_ACK, ACK)):
        damped = replace(view(state, active=False), chattering=True, latches=state is not BACK)
        again = fold(damped, 2)
        assert again is not None
        assert again.after.state is after


# --- latching, service, design, until it clears -----------------------------------------------------------------------


def latching(state: S, active: bool = True) -> AlarmView:
    return replace(view(state, active=active), latches=True)


def test_latched_alarm_is_over_only_when_somebody_resets_it() -> None:
    raised = fold(None, 2, latches=True)
    assert raised is not None
    over = fold(raised.after, None)
    assert over is not None
    assert over.after.state is LATCHED
    seen = acknowledge(over.after)
    assert seen is not None
    assert seen.after.state is LATCHED_ACK
    assert reset(seen.after).after.state is NORMAL
    assert acknowledge(seen.after) is None, "a repeat is no error"
    for state in (UNACK, ACK, LATCHED, NORMAL, BACK):
        with pytest.raises(Conflict):
            reset(latching(state))


def test_latched_alarm_that_comes_again_rings() -> None:
    again = fold(latching(LATCHED_ACK, active=False), 2)
    assert again is not None
    assert (again.what, again.after.state) == ("raised_again", UNACK)


def test_acknowledged_until_it_clears_rings_only_for_worse() -> None:
    seen = acknowledge(view(UNACK, 2), until_clear=True)
    assert seen is not None
    quiet = seen.after
    eased = fold(quiet, 3)
    assert eased is not None
    same = fold(eased.after, 2)
    assert same is not None
    assert (same.what, same.after.state) == ("worsened", ACK), "as bad as it was known to be"
    worse = fold(same.after, 1)
    assert worse is not None
    assert (worse.after.state, worse.after.quiet_level) == (UNACK, None)
    plain = acknowledge(view(UNACK, 2))
    assert plain is not None
    rings = fold(replace(plain.after, level=3), 2)
    assert rings is not None
    assert rings.after.state is UNACK


def test_out_of_service_needs_a_reason_and_ends_as_it_stands() -> None:
    with pytest.raises(InputError):
        take_out(view(UNACK), " ")
    away = take_out(view(UNACK), "in repair").after
    assert away.state is OUT
    worse = fold(away, 1)
    assert worse is not None
    assert worse.after.state is OUT
    assert put_back(worse.after).after.state is UNACK
    over = fold(worse.after, None)
    assert over is not None
    assert put_back(over.after).after.state is NORMAL


def test_design_never_hides_level_one() -> None:
    hidden = suppress(view(UNACK, 2))
    assert hidden is not None
    assert hidden.after.state is DESIGN
    assert suppress(view(UNACK, 1)) is None
    assert suppress(view(SHELVED, 2)) is None
    shown = unsuppress(hidden.after)
    assert shown is not None
    assert shown.after.state is UNACK
    assert unsuppress(view(ACK)) is None


class Life(RuleBasedStateMachine):
    """Random findings, people, clock and design against a model that is written down apart: what is asked for in
    ISA-18.2, and nothing else."""

    alarm: AlarmView | None = None
    seen: set[S]

    def __init__(self) -> None:
        super().__init__()
        self.seen = set()
        self.now = now()

    def take(self, transition: Transition | None) -> None:
        if transition is not None:
            before, self.alarm = self.alarm, transition.after
            assert before is None or before != self.alarm, "a transition changes something"
            self.seen.add(self.alarm.state)

    @st_rule(level=st.integers(1, 4), latches=st.booleans())
    def finding(self, level: int, latches: bool) -> None:
        before = self.alarm
        self.take(fold(before, level, latches=latches))
        assert self.alarm is not None
        assert self.alarm.active
        assert self.alarm.level == level
        if before is None or before.state is NORMAL:
            assert self.alarm.state is UNACK
        elif before.state in (SHELVED, OUT, DESIGN):
            assert self.alarm.state is before.state, "what is put aside stays aside"
        elif level < before.level and not before.chattering and before.quiet_level is None:
            assert self.alarm.state is UNACK, "worsening rings"

    @st_rule()
    def over(self) -> None:
        before = self.alarm
        self.take(fold(before, None))
        if before is not None and before.active:
            assert self.alarm is not None
            assert not self.alarm.active
            if before.latches and before.state in (UNACK, ACK) and not before.chattering:
                assert self.alarm.state in (LATCHED, LATCHED_ACK)

    @precondition(lambda self: self.alarm is not None)
    @st_rule(
        act=st.sampled_from(
            [
                acknowledge,
                lambda a: acknowledge(a, until_clear=True),
                reset,
                lambda a: take_out(a, "repair"),
                put_back,
                suppress,
                unsuppress,
                lambda a: shelve(a, 30, "works", now()),
                unshelve,
                chatter,
                settle,
                lambda a: unacknowledge(a, "me", now(), "me", now()),
            ]
        )
    )
    def somebody(self, act: Callable[[AlarmView], Transition | None]) -> None:
        before = self.alarm
        assert before is not None
        reason = "alarm_state"
        try:
            self.take(act(before))
        except Conflict as refused:
            reason = refused.reason
        assert reason == "alarm_state"
        assert self.alarm is not None
        assert (self.alarm.active, self.alarm.level) == (before.active, before.level)
        assert self.alarm.latches == before.latches

    @invariant()
    def it_stands_as_it_may(self) -> None:
        one = self.alarm
        if one is None:
            return
        assert one.peak_level <= one.level or not one.active
        assert (one.shelved_until is not None) == (one.state is SHELVED)
        if one.state is NORMAL:
            assert not one.active, "what holds is never called normal"
        if one.state in (LATCHED, LATCHED_ACK):
            assert one.latches
            assert not one.active
        if one.state is BACK:
            assert not one.active


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40)


def test_no_state_is_unreachable() -> None:
    """Each state of the enum, by the acts that lead there."""
    raised = fold(None, 2, latches=True)
    assert raised is not None
    plain = fold(None, 2)
    assert plain is not None
    over, plain_over = fold(raised.after, None), fold(plain.after, None)
    assert over is not None
    assert plain_over is not None
    latched_seen, seen = acknowledge(over.after), acknowledge(plain.after)
    assert latched_seen is not None
    assert seen is not None
    hidden = suppress(plain.after)
    assert hidden is not None
    reached = {
        raised.after.state,
        over.after.state,
        plain_over.after.state,
        latched_seen.after.state,
        seen.after.state,
        hidden.after.state,
        reset(latched_seen.after).after.state,
        shelve(plain.after, 5, "x", now()).after.state,
        take_out(plain.after, "x").after.state,
    }
    assert reached == set(S)
