"""What findings and people do to one alarm: the state machine of ANSI/ISA-18.2-2016 section 5.3. Pure: callers store
transitions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import Conflict, InputError
from core.levels import in_a_sentence
from core.vocabulary import AlarmState, Text, label

MAX_SHELVE_MIN = 24 * 60
# how long the page offers to take an acknowledgement back, and what a slow line may add to it
UNDO_S = 10.0
UNDO_GRACE_S = 5.0
OPEN_STATES = tuple(state for state in AlarmState if state is not AlarmState.NORMAL)


@dataclass(frozen=True, slots=True)
class AlarmView:
    """As much of an alarm as decides what may happen to it. `active`: the condition holds, whatever people did;
    `chattering`: it comes and goes, and that is damped."""

    state: AlarmState
    level: int
    peak_level: int
    active: bool
    shelved_until: datetime | None = None
    chattering: bool = False


@dataclass(frozen=True, slots=True)
class Transition:
    """What happened, in a word for the log, and the alarm after it."""

    what: str
    after: AlarmView


def fold(alarm: AlarmView | None, level: int | None) -> Transition | None:
    """What a finding of `level` (None: back to normal) does to one alarm; None where it changes nothing.

    Worsening re-alarms: an acknowledged alarm is unacknowledged again. A shelved one stays shelved, but its log goes
    on. One that chatters stays as it stands while it comes and goes; worse than it ever was re-alarms all the same.
    """
    if alarm is None or alarm.state is AlarmState.NORMAL:
        if level is None:
            return None
        return Transition("raised", AlarmView(AlarmState.UNACKNOWLEDGED, level, level, True))
    if level is None:
        return Transition("returned", replace(alarm, active=False, state=_returned(alarm))) if alarm.active else None
    if not alarm.active:
        worse = alarm.chattering and level < alarm.peak_level
        return Transition("worsened" if worse else "raised_again", _alarmed(alarm, level))
    if level == alarm.level:
        return None
    if level < alarm.level:
        return Transition("worsened", _alarmed(alarm, level))
    return Transition("eased", replace(alarm, level=level))


def _returned(alarm: AlarmView) -> AlarmState:
    if alarm.chattering:
        return alarm.state
    return {
        AlarmState.UNACKNOWLEDGED: AlarmState.RETURNED_UNACKNOWLEDGED,
        AlarmState.ACKNOWLEDGED: AlarmState.NORMAL,
    }.get(alarm.state, alarm.state)


def _alarmed(alarm: AlarmView, level: int) -> AlarmView:
    damped = alarm.chattering and level >= alarm.peak_level
    state = alarm.state if damped or alarm.state is AlarmState.SHELVED else AlarmState.UNACKNOWLEDGED
    return replace(alarm, level=level, peak_level=min(level, alarm.peak_level), active=True, state=state)


def chatter(alarm: AlarmView) -> Transition | None:
    """It has come and gone too often; None where it is over, or that is known."""
    if alarm.chattering or alarm.state is AlarmState.NORMAL:
        return None
    return Transition("chattering", replace(alarm, chattering=True))


def settle(alarm: AlarmView) -> Transition | None:
    """It has not come again for a while: it stands as it would have without, and its history begins anew. None where
    it does not chatter."""
    if not alarm.chattering:
        return None
    calm = replace(alarm, chattering=False)
    return Transition("settled", calm if alarm.active else replace(calm, state=_returned(calm)))


def is_now(alarm: AlarmView) -> dict[str, Text]:
    return {"state": in_a_sentence(label("alarm_states", alarm.state))}


def acknowledge(alarm: AlarmView) -> Transition | None:
    """A person has seen it. None where it was acknowledged before (a repeat is no error)."""
    if alarm.state is AlarmState.ACKNOWLEDGED:
        return None
    if alarm.state is AlarmState.UNACKNOWLEDGED:
        return Transition("acknowledged", replace(alarm, state=AlarmState.ACKNOWLEDGED))
    if alarm.state is AlarmState.RETURNED_UNACKNOWLEDGED:
        return Transition("acknowledged", replace(alarm, state=AlarmState.NORMAL))
    raise Conflict(f"an alarm that is {alarm.state} cannot be acknowledged", reason="alarm_state", about=is_now(alarm))


def unacknowledge(alarm: AlarmView, by: str | None, at: datetime | None, who: str, now: datetime) -> Transition | None:
    """Whoever has acknowledged it (`by`, `at`) takes that back: it waits as it did before. None where it waits already.

    Raises Conflict for somebody else, and once the time for it is over.
    """
    if alarm.state in (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED):
        return None
    if alarm.state not in (AlarmState.ACKNOWLEDGED, AlarmState.NORMAL) or at is None:
        raise Conflict(
            f"an alarm that is {alarm.state} has no acknowledgement to take back",
            reason="alarm_state",
            about=is_now(alarm),
        )
    if by != who:
        raise Conflict("somebody else has acknowledged the alarm", reason="undo_other")
    if now - at > timedelta(seconds=UNDO_S + UNDO_GRACE_S):
        raise Conflict(f"an acknowledgement can be taken back for {UNDO_S:.0f} seconds", reason="undo_late")
    state = AlarmState.UNACKNOWLEDGED if alarm.active else AlarmState.RETURNED_UNACKNOWLEDGED
    return Transition("unacknowledged", replace(alarm, state=state))


def shelve(alarm: AlarmView, minutes: int, reason: str, now: datetime) -> Transition:
    """Put aside for a bounded time with a reason (ISA-18.2 section 11.7)."""
    if not 1 <= minutes <= MAX_SHELVE_MIN:
        raise InputError(f"minutes: expected 1 to {MAX_SHELVE_MIN}, got {minutes}", field="minutes")
    if not reason.strip():
        raise InputError("reason: expected why it is shelved", field="reason")
    if alarm.state is AlarmState.NORMAL:
        raise Conflict("the alarm is back to normal", reason="alarm_state", about=is_now(alarm))
    return Transition(
        "shelved", replace(alarm, state=AlarmState.SHELVED, shelved_until=now + timedelta(minutes=minutes))
    )


def unshelve(alarm: AlarmView) -> Transition:
    """Its time is over, or a person takes it back: it stands as it would have without."""
    if alarm.state is not AlarmState.SHELVED:
        raise Conflict(f"an alarm that is {alarm.state} is not on the shelf", reason="alarm_state", about=is_now(alarm))
    state = AlarmState.UNACKNOWLEDGED if alarm.active else AlarmState.NORMAL
    return Transition("unshelved", replace(alarm, state=state, shelved_until=None))
