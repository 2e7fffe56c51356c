"""What kinds share that look at what stands in the city now, and keep nothing themselves: video events, positions,
warnings of others, other alarms, incidents, silence.

A kind answers with a finding for everything that holds at a moment. What it said last stands in its alarms, so that a
restart changes nothing, and a moment of the past is judged by the same code as now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from alerts.rules.base import Params
from core.vocabulary import Text


@dataclass(frozen=True, slots=True)
class Moment:
    """When is judged, and since when the engine runs."""

    now: datetime
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """What an alarm of the rule that holds is about."""

    type: str
    id: str
    names: Text
    district: str
    level: int
    lon: float | None
    lat: float | None

    @property
    def key(self) -> tuple[str, str]:
        return self.type, self.id


class LastingStep(Params):
    """A level from the moment at which it has held for `after_s`: levels rise on the clock."""

    level: int = Field(ge=1, le=4)
    after_s: float = Field(0, ge=0, le=86_400)


def level_after(steps: Sequence[LastingStep], lasted_s: float) -> int | None:
    """The worst level whose time has come."""
    return min((step.level for step in steps if lasted_s >= step.after_s), default=None)
