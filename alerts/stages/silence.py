"""Stage `silence`: maintenance and other times in which nobody is to be told. An alarm of level I is silenced only by
what names its level. One that comes and goes is told once as chattering, and again when it has settled; a worsening is
always told (ANSI/ISA-18.2-2016 section 16, EEMUA 191).

A shelved alarm is no silence: its changes are still told, for whoever was told of its beginning must hear of its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.labels import GRAVEST, match
from alerts.stages.base import Around, Change, Decision, SilenceRow, is_alarm
from alerts.stages.muting import mute
from core.i18n import say

# of an alarm that chatters
DAMPED = frozenset({"raised", "raised_again", "returned", "eased"})


def is_damped(change: Change) -> bool:
    """Of an alarm that comes and goes: its coming and going, and a level that all who were told have heard of."""
    if change.what == "worsened":
        known = [level for level in change.told.values() if level]
        return bool(known) and change.level is not None and max(known) <= change.level
    return change.what in DAMPED and (bool(change.told) or change.what != "raised")


def names_gravest(silence: SilenceRow) -> bool:
    return any(one.label == "level" and str(GRAVEST) in (one.is_ or ()) for one in silence.matchers)


def silence_of(change: Change, around: Around, now: datetime) -> SilenceRow | None:
    """What silences this alarm at `now`."""
    for one in around.silences:
        if not one.starts_at <= now < one.ends_at or not match(one.matchers, change.labels):
            continue
        if change.level != GRAVEST or names_gravest(one):
            return one
    return None


@dataclass(frozen=True, slots=True)
class Silence:
    def decide(self, change: Change, around: Around, now: datetime) -> Decision:
        if change.chattering and is_damped(change):
            return Decision("silence", False, say("stage.silence.chatters"))
        found = silence_of(change, around, now) if is_alarm(change) else None
        if found is None:
            return Decision("silence", True, say("stage.silence.none"))
        return mute("silence", change, say("stage.silence.by", why=found.why, who=found.who), found.id)
