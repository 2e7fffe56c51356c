"""Stage `route`: whom a change concerns, by the filters of the subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from alerts.stages.base import Around, Change, Decision
from core.i18n import say


class Filter(BaseModel):
    """What concerns a subscription; what is left out does not limit it. Checked when a subscription is saved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: tuple[str, ...] = Field((), description="of what: alarm, message")
    level: int | None = Field(None, ge=1, le=4, description="alarms that are of this level or worse now")
    peak_level: int | None = Field(None, ge=1, le=4, description="alarms that are or were of this level or worse")
    districts: tuple[str, ...] = Field((), description="six-digit codes")
    alarm_kinds: tuple[str, ...] = ()
    not_what: tuple[str, ...] = Field((), description="changes that are not told")

    def concerns(self, change: Change) -> bool:
        return (
            (not self.kinds or change.kind in self.kinds)
            and at_least(change.level, self.level)
            and at_least(change.peak_level, self.peak_level)
            and (not self.districts or change.district in self.districts)
            and (not self.alarm_kinds or change.alarm_kind in self.alarm_kinds)
            and change.what not in self.not_what
        )


def at_least(level: int | None, wanted: int | None) -> bool:
    """Whether a level is the wanted one or worse (1 is the worst)."""
    return wanted is None or (level is not None and level <= wanted)


@dataclass(frozen=True, slots=True)
class Route:
    def decide(self, change: Change, around: Around, now: datetime) -> Decision:
        to = tuple(s.id for s in around.subscribers if _filter(s.filter).concerns(change))
        if not to:
            return Decision("route", False, say("stage.route.nobody"))
        return Decision("route", True, say("stage.route.to", list=", ".join(to)), to)


def _filter(values: Mapping[str, object]) -> Filter:
    return Filter.model_validate(values)
