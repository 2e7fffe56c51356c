"""Stage `route`: whom a change concerns, by the tree of routes and the filters of the subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from alerts.labels import GRAVEST
from alerts.stages.base import EVERYBODY, ROOT, Around, Change, Decision, Leg, is_alarm
from alerts.stages.tree import group_of, named, walk
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
        legs = find_legs(change, around)
        if not legs:
            return Decision("route", False, say("stage.route.nobody"))
        to = tuple(dict.fromkeys(leg.to for leg in legs))
        routes = ", ".join(dict.fromkeys(leg.route for leg in legs))
        return Decision("route", True, say("stage.route.to", list=", ".join(to), routes=routes), to, legs)


def find_legs(change: Change, around: Around) -> tuple[Leg, ...]:
    """To whom on which route: the receivers of the routes that are subscribed, whom it concerns. Each is told once."""
    concerned = [s.id for s in around.subscribers if _filter(s.filter).concerns(change) and hears(change, s.id)]
    if not is_alarm(change):
        return tuple(Leg(to, ROOT.id, "", 0.0, 0.0) for to in concerned)
    routes = walk(around.root, change.labels)
    known = named(around.root)
    legs: dict[str, Leg] = {}
    at_once = change.level == GRAVEST and change.is_news
    for route in routes:
        for to in concerned:
            if to in route.receivers or (EVERYBODY in route.receivers and to not in known):
                wait, interval = (0.0, 0.0) if at_once else (route.wait_s, route.interval_s)
                legs.setdefault(to, Leg(to, route.id, group_of(route, change.labels), wait, interval))
    return tuple(legs[to] for to in concerned if to in legs)


def hears(change: Change, to: str) -> bool:
    """Whether a change is news to this one: no end of what they were never told of, no repetition of what they know."""
    if change.only is not None and to not in change.only:
        return False
    if change.is_end:
        return to in change.told
    if change.what == "unmuted":
        return change.told.get(to) != change.level
    return True


def _filter(values: Mapping[str, object]) -> Filter:
    return Filter.model_validate(values)
