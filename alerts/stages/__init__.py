"""From a change to those who are told: inhibit, silence, group, route. Each stage is a pure value that returns its
decision and why.

A stage sees the change, what is known around it and `now`, nothing else, so that the same code decides live, on trial
and when somebody asks for the reason. A stage that stops a change ends its way; the reasons of all stages passed stay
with the delivery.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from alerts.stages.base import Around, Change, Decision, Stage, Way
from alerts.stages.group import Group
from alerts.stages.inhibit import Inhibit
from alerts.stages.route import Route
from alerts.stages.silence import Silence

STAGES: tuple[Stage, ...] = (Inhibit(), Silence(), Group(), Route())

__all__ = ["STAGES", "Around", "Change", "Decision", "Stage", "Way", "follow"]


def follow(change: Change, around: Around, now: datetime, stages: Sequence[Stage] = STAGES) -> Way:
    """The way of a change through the stages: whom it concerns in the end, and the reason of every stage it came to."""
    decisions: list[Decision] = []
    for stage in stages:
        decision = stage.decide(change, around, now)
        decisions.append(decision)
        if not decision.passed:
            return Way((), tuple(decisions))
    return Way(decisions[-1].to if decisions else (), tuple(decisions))
