"""What findings and people do to one alarm: the state machine of ANSI/ISA-18.2-2016 section 5.3. Pure: callers store
transitions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import Conflict, InputError
from core.faults import expects
from core.levels import in_a_sentence
from core.vocabulary import SHELVABLE_ALARM, WAITING_ALARM, AlarmState, Text, label

MAX_SHELVE_MIN = 24 * 60
# how long the page offers to take an acknowledgement back, and what a slow line may add to it
UNDO_S = 10.0
UNDO_GRACE_S = 5.0
OPEN_STATES = tuple(state for state in AlarmState if state is not AlarmState.NORMAL)


@dataclass(frozen=True, slots=True)
class AlarmView:
    """As much of an alarm as decides what may happen to it. `active`: the condition holds, whatever people did;
    `chattering`: it comes and goes, and that is damped; `latches`: once it is over it stays until somebody resets it;
    `quiet_level`: it was acknowledged until it clears, what is no worse than that stays acknowledged."""

    state: AlarmState
    level: int
    peak_level: int
    active: bool
    shelved_until: datetime | None = None
    chattering: bool = False
    latches: bool = False
    quiet_level: int | None = None


# whatever findings say, it stays so until a person, the clock or the design ends it
ASIDE = (AlarmState.SHELVED, AlarmState.SUPPRESSED_BY_DESIGN, AlarmState.OUT_OF_SERVICE)
LATCHED = (AlarmState.LATCHED_UNACKNOWLEDGED, AlarmState.LATCHED_ACKNOWLEDGED)
GRAVEST = 1


@dataclass(frozen=True, slots=True)
class Transition:
    """What happened, in a word for the log, and the alarm after it."""

    what: str
    after: AlarmView


def fold(alarm: AlarmView | None, level: int | None, *, latches: bool = False) -> Transition | None:
    """What a finding of `level` (None: back to normal) does to one alarm; None where it changes nothing. `latches`:
    whether one that is raised by it will.

    Worsening re-alarms: an acknowledged alarm is unacknowledged again, but where it was acknowledged until it clears
    and is no worse than then. One that is put aside stays aside, but its log goes on. One that chatters stays as it
    stands while it comes and goes; worse than it ever was re-alarms all the same.
    """
    if alarm is None or alarm.state is AlarmState.NORMAL:
        if level is None:
            return None
        return Transition("raised", AlarmView(AlarmState.UNACKNOWLEDGED, level, level, True, latches=latches))
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
    if alarm.latches:
        over = {
            AlarmState.UNACKNOWLEDGED: AlarmState.LATCHED_UNACKNOWLEDGED,
            AlarmState.ACKNOWLEDGED: AlarmState.LATCHED_ACKNOWLEDGED,
        }
    else:
        over = {
            AlarmState.UNACKNOWLEDGED: AlarmState.RETURNED_UNACKNOWLEDGED,
            AlarmState.ACKNOWLEDGED: AlarmState.NORMAL,
        }
    return over.get(alarm.state, alarm.state)


def _alarmed(alarm: AlarmView, level: int) -> AlarmView:
    damped = alarm.chattering and level >= alarm.peak_level
    known = alarm.state is AlarmState.ACKNOWLEDGED and alarm.quiet_level is not None and level >= alarm.quiet_level
    stays = damped or known or alarm.state in ASIDE
    # what holds is never called over: damped, it waits, or is known, as it did
    held = {
        AlarmState.RETURNED_UNACKNOWLEDGED: AlarmState.UNACKNOWLEDGED,
        AlarmState.LATCHED_UNACKNOWLEDGED: AlarmState.UNACKNOWLEDGED,
        AlarmState.LATCHED_ACKNOWLEDGED: AlarmState.ACKNOWLEDGED,
    }.get(alarm.state, alarm.state)
    return replace(
        alarm,
        level=level,
        peak_level=min(level, alarm.peak_level),
        active=True,
        state=held if stays else AlarmState.UNACKNOWLEDGED,
        quiet_level=alarm.quiet_level if stays else None,
    )


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


def acknowledge(alarm: AlarmView, *, until_clear: bool = False) -> Transition | None:
    """A person has seen it. None where it was acknowledged before (a repeat is no error). `until_clear`: it is not to
    ring again before it is over, unless it gets worse than it is now."""
    quiet = alarm.level if until_clear and alarm.active else None
    if alarm.state is AlarmState.ACKNOWLEDGED:
        known = alarm.quiet_level is not None or quiet is None
        return None if known else Transition("acknowledged", replace(alarm, quiet_level=quiet))
    if alarm.state is AlarmState.LATCHED_ACKNOWLEDGED:
        return None
    after = {
        AlarmState.UNACKNOWLEDGED: AlarmState.ACKNOWLEDGED,
        AlarmState.RETURNED_UNACKNOWLEDGED: AlarmState.NORMAL,
        AlarmState.LATCHED_UNACKNOWLEDGED: AlarmState.LATCHED_ACKNOWLEDGED,
    }.get(alarm.state)
    if after is not None:
        return Transition("acknowledged", replace(alarm, state=after, quiet_level=quiet))
    raise _refused(alarm, "be acknowledged")


def _refused(alarm: AlarmView, what: str) -> Conflict:
    return Conflict(f"an alarm that is {alarm.state} cannot {what}", reason="alarm_state", about=is_now(alarm))


def reset(alarm: AlarmView) -> Transition:
    """A latched one that was acknowledged is over: somebody has looked at the place (ISA-18.2 section 10.6)."""
    if alarm.state is not AlarmState.LATCHED_ACKNOWLEDGED:
        raise _refused(alarm, "be reset")
    return Transition("reset", replace(alarm, state=AlarmState.NORMAL))


def take_out(alarm: AlarmView, reason: str) -> Transition:
    """Out of service, with a reason, until somebody puts it back (ISA-18.2 section 11.9): it is in repair."""
    if not reason.strip():
        raise InputError(
            "reason: expected why it is taken out of service", field="reason", about=expects("reason", "missing")
        )
    if alarm.state in (AlarmState.NORMAL, AlarmState.OUT_OF_SERVICE):
        raise _refused(alarm, "be taken out of service")
    away = replace(alarm, state=AlarmState.OUT_OF_SERVICE, shelved_until=None, quiet_level=None)
    return Transition("out_of_service", away)


def put_back(alarm: AlarmView) -> Transition:
    """In service again: it stands as it would have without."""
    if alarm.state is not AlarmState.OUT_OF_SERVICE:
        raise _refused(alarm, "be put back into service")
    return Transition("in_service", _again(alarm))


def suppress(alarm: AlarmView) -> Transition | None:
    """By design: another alarm says that this one means nothing (ISA-18.2 section 11.8). None where that changes
    nothing: it is put aside already, or over, or of level I, which nothing hides."""
    if alarm.state in (AlarmState.NORMAL, *ASIDE, *LATCHED) or alarm.level == GRAVEST:
        return None
    return Transition("suppressed", replace(alarm, state=AlarmState.SUPPRESSED_BY_DESIGN, quiet_level=None))


def unsuppress(alarm: AlarmView) -> Transition | None:
    """What said that it means nothing is over, or it has come to level I."""
    if alarm.state is not AlarmState.SUPPRESSED_BY_DESIGN:
        return None
    return Transition("unsuppressed", _again(alarm))


def _again(alarm: AlarmView) -> AlarmView:
    if alarm.active:
        return replace(alarm, state=AlarmState.UNACKNOWLEDGED)
    return replace(alarm, state=AlarmState.LATCHED_UNACKNOWLEDGED if alarm.latches else AlarmState.NORMAL)


def unacknowledge(alarm: AlarmView, by: str | None, at: datetime | None, who: str, now: datetime) -> Transition | None:
    """Whoever has acknowledged it (`by`, `at`) takes that back: it waits as it did before. None where it waits already.

    Raises Conflict for somebody else, and once the time for it is over.
    """
    if alarm.state in WAITING_ALARM:
        return None
    if alarm.state not in (AlarmState.ACKNOWLEDGED, AlarmState.NORMAL, AlarmState.LATCHED_ACKNOWLEDGED) or at is None:
        raise Conflict(
            f"an alarm that is {alarm.state} has no acknowledgement to take back",
            reason="alarm_state",
            about=is_now(alarm),
        )
    if by != who:
        raise Conflict("somebody else has acknowledged the alarm", reason="undo_other")
    if now - at > timedelta(seconds=UNDO_S + UNDO_GRACE_S):
        raise Conflict(f"an acknowledgement can be taken back for {UNDO_S:.0f} seconds", reason="undo_late")
    over = AlarmState.LATCHED_UNACKNOWLEDGED if alarm.latches else AlarmState.RETURNED_UNACKNOWLEDGED
    state = AlarmState.UNACKNOWLEDGED if alarm.active else over
    return Transition("unacknowledged", replace(alarm, state=state, quiet_level=None))


def shelve(alarm: AlarmView, minutes: int, reason: str, now: datetime) -> Transition:
    """Put aside for a bounded time with a reason (ISA-18.2 section 11.7)."""
    if not 1 <= minutes <= MAX_SHELVE_MIN:
        raise InputError(
            f"minutes: expected 1 to {MAX_SHELVE_MIN}, got {minutes}",
            field="minutes",
            about=expects("minutes", "between", least="1", most=str(MAX_SHELVE_MIN)),
        )
    if not reason.strip():
        raise InputError("reason: expected why it is shelved", field="reason", about=expects("reason", "missing"))
    if alarm.state not in (*SHELVABLE_ALARM, AlarmState.SHELVED):
        raise _refused(alarm, "be shelved")
    aside = replace(alarm, state=AlarmState.SHELVED, shelved_until=now + timedelta(minutes=minutes), quiet_level=None)
    return Transition("shelved", aside)


def unshelve(alarm: AlarmView) -> Transition:
    """Its time is over, or a person takes it back: it stands as it would have without."""
    if alarm.state is not AlarmState.SHELVED:
        raise Conflict(f"an alarm that is {alarm.state} is not on the shelf", reason="alarm_state", about=is_now(alarm))
    return Transition("unshelved", replace(_again(alarm), shelved_until=None))
