"""Stage `route`: whom a change concerns, by the tree of routes and the filters of the subscriptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.labels import GRAVEST
from alerts.stages.base import EVERYBODY, ROOT, Around, Change, Decision, Leg, Subscriber, is_alarm
from alerts.stages.tree import group_of, named, walk
from core.i18n import say


@dataclass(frozen=True, slots=True)
class Route:
    def decide(self, change: Change, around: Around, now: datetime) -> Decision:
        legs = find_legs(change, around, now)
        if not legs:
            return Decision("route", False, say("stage.route.nobody"))
        to = tuple(dict.fromkeys(leg.to for leg in legs))
        routes = ", ".join(dict.fromkeys(leg.route for leg in legs))
        return Decision("route", True, say("stage.route.to", list=", ".join(to), routes=routes), to, legs)


def find_legs(change: Change, around: Around, now: datetime) -> tuple[Leg, ...]:
    """To whom on which route: the receivers of the routes that are subscribed, whom it concerns. Each is told once, in
    their quiet hours of level I only."""
    concerned = {s.id: s for s in around.audience.around(change.place) if hears(change, s.id) and fits(s, change)}
    if not is_alarm(change):
        return tuple(Leg(to, ROOT.id, "", 0.0, 0.0) for to in concerned)
    routes = walk(around.root, change.labels)
    known = named(around.root)
    legs: dict[str, Leg] = {}
    at_once = change.level == GRAVEST and change.is_news
    for route in routes:
        for to, subscriber in concerned.items():
            if to in route.receivers or (EVERYBODY in route.receivers and to not in known):
                own = subscriber.waits_s(now)
                wait, interval = (
                    (0.0, 0.0) if at_once else (max(route.wait_s, own), max(route.interval_s, subscriber.digest_s))
                )
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


def is_for(subscriber: Subscriber, change: Change) -> bool:
    """Whether a change concerns this one, who may see it."""
    return subscriber.filter.concerns(change) and fits(subscriber, change)


def fits(subscriber: Subscriber, change: Change) -> bool:
    """The same of one whose area holds it, or who has none."""
    wanted = subscriber.filter
    if not wanted.fits(change):
        return False
    if not is_alarm(change):
        return subscriber.scope.everywhere
    own = subscriber.scope.units or frozenset()
    if wanted.mine and own.isdisjoint(change.units):
        return False
    return subscriber.scope.sees_incident(change.district, change.units, change.classification)
