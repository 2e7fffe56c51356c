"""The ISA-18.2 state machine as a table: what findings and people do to one alarm."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.lifecycle import AlarmView, acknowledge, fold, shelve, unacknowledge, unshelve
from core.errors import Conflict, InputError
from core.vocabulary import AlarmState as S
from tests.support import now

UNACK, ACK, BACK, NORMAL, SHELVED = S.UNACKNOWLEDGED, S.ACKNOWLEDGED, S.RETURNED_UNACKNOWLEDGED, S.NORMAL, S.SHELVED


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
