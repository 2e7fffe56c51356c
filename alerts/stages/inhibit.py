"""Stage `inhibit`: a cause mutes its consequences, as in Prometheus' Alertmanager: an alarm that burns and that the
source matchers take mutes those that the target matchers take, where the labels of `equal` are the same.

What both sides of one inhibition take is not muted by what both take: nothing mutes itself. An alarm of level I is
muted by one of level I only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.labels import GRAVEST, can_meet, match, values_of
from alerts.stages.base import Around, Burning, Change, Decision, InhibitionRow, is_alarm
from alerts.stages.muting import mute
from core.i18n import say

Causes = Mapping[str, Mapping[str, Sequence[Burning]]]


def find_causes(inhibitions: Iterable[InhibitionRow], burning: Sequence[Burning]) -> Causes:
    """For each inhibition the alarms that are its source, by the values of its equal labels, the gravest and oldest
    first."""
    found: dict[str, dict[str, list[Burning]]] = {}
    ordered = sorted(burning, key=lambda one: (one.level, one.id))
    for rule in inhibitions:
        by_value = found.setdefault(rule.id, {})
        for one in ordered:
            if match(rule.source, one.labels):
                by_value.setdefault(values_of(one.labels, rule.equal), []).append(one)
    return found


def causes_of(change: Change, around: Around) -> Iterator[tuple[InhibitionRow, Burning]]:
    """Everything that mutes this alarm now: the inhibition and the alarm that is the cause."""
    for rule in around.inhibitions:
        if not match(rule.target, change.labels):
            continue
        both = match(rule.source, change.labels)
        for one in around.causes.get(rule.id, {}).get(values_of(change.labels, rule.equal), ()):
            if one.id == change.subject or (both and match(rule.target, one.labels)):
                continue
            if change.level == GRAVEST and one.level != GRAVEST:
                continue
            yield rule, one


def find_circle(inhibitions: Sequence[InhibitionRow]) -> list[str] | None:
    """Inhibitions that could mute each other's causes round and round, so that nobody would be told of any; None where
    there are none. One whose both sides meet is no circle: what both sides take it does not mute."""
    after = {
        one.id: [other.id for other in inhibitions if other.id != one.id and can_meet(one.target, other.source)]
        for one in inhibitions
    }

    def way_back(start: str, at: str, seen: tuple[str, ...]) -> list[str] | None:
        for step in after[at]:
            if step == start:
                return sorted(seen)
            if step not in seen and (found := way_back(start, step, (*seen, step))):
                return found
        return None

    return next((circle for one in after if (circle := way_back(one, one, (one,)))), None)


@dataclass(frozen=True, slots=True)
class Inhibit:
    def decide(self, change: Change, around: Around, now: datetime) -> Decision:
        found = next(causes_of(change, around), None) if is_alarm(change) else None
        if found is None:
            return Decision("inhibit", True, say("stage.inhibit.none"))
        rule, cause = found
        why = say("stage.inhibit.by", cause=cause.names, rule=rule.names)
        return mute("inhibit", change, why, rule.id, cause.id)
