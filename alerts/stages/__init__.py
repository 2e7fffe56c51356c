"""From a change to those who are told: inhibit, silence, group, route. Each stage is a pure value that returns
its decision and why.

A stage sees the change, what is known around it and `now`, nothing else, so that the same code decides live, on trial
and when somebody asks for the reason. A stage that stops a change ends its way; the reasons of all stages passed stay
with the delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from alerts.stages.base import Around, Change, Decision, Leg, Stage, Way
from alerts.stages.group import Group
from alerts.stages.inhibit import Inhibit
from alerts.stages.route import Route
from alerts.stages.silence import Silence

STAGES: tuple[Stage, ...] = (Inhibit(), Silence(), Group(), Route())

__all__ = ["MUTING", "STAGES", "Around", "Change", "Decision", "Leg", "Stage", "Way", "follow"]


# the stages that may mute
MUTING: tuple[Stage, ...] = (Inhibit(), Silence())


def follow(change: Change, around: Around, now: datetime, stages: Sequence[Stage] = STAGES) -> Way:
    """The way of a change through the stages: whom it concerns in the end, and the reason of every stage it came to."""
    decisions: list[Decision] = []
    for stage in stages:
        decision = stage.decide(change, around, now)
        decisions.append(decision)
        if not decision.passed:
            return Way((), tuple(decisions))
        if decision.only is not None:
            only = frozenset(decision.only)
            change = replace(change, only=only if change.only is None else change.only & only)
    last = decisions[-1] if decisions else None
    return Way(last.to if last else (), tuple(decisions), last.legs if last else ())
