"""Who may see what, for objects at hand: one rule a kind (core/scope.py has the same for lists that are paged)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from alerts.risk.told import nameless
from core.errors import Forbidden, NotFound
from core.i18n import say
from core.viewer import Permission, Viewer

Item = Mapping[str, Any]
T = TypeVar("T", bound=Mapping[str, Any])


def in_district(viewer: Viewer, item: Item) -> bool:
    """Things of a district are seen by who may see that district; things of none by all."""
    return viewer.scope.sees(item["district"], item["classification"])


def is_kept(viewer: Viewer, item: Item) -> bool:
    return viewer.scope.sees_asset(item["district"], item["dept"])


def in_area(viewer: Viewer, item: Item) -> bool:
    return viewer.scope.sees_area(item["districts"])


def in_city(viewer: Viewer, _: Item) -> bool:
    """What is of no district, and what of the city everybody sees who sees any of it."""
    return viewer.scope.city


def is_own_unit(viewer: Viewer, item: Item) -> bool:
    return viewer.scope.sees_unit(item["id"], item["district"])


def is_own_incident(viewer: Viewer, item: Item) -> bool:
    units = (one["unit"] for one in item["assignments"])
    return viewer.scope.sees_incident(item["district"], units, item["classification"])


def is_own_alarm(viewer: Viewer, item: Item) -> bool:
    """Whose unit was sent to the incident of an alarm sees the alarm too."""
    return viewer.scope.sees_incident(item["district"], item["units"], item["classification"])


def reads_health(viewer: Viewer, _: Item) -> bool:
    return viewer.may(Permission.METRICS_READ)


def by_all(_: Viewer, __: Item) -> bool:
    """What says nothing by itself: who may see it is asked when it is fetched."""
    return True


RULES: Mapping[str, Callable[[Viewer, Item], bool]] = {
    "alarm": is_own_alarm,
    "judged": is_own_alarm,
    "incident": is_own_incident,
    "unit": is_own_unit,
    "sensor": in_district,
    "camera": in_district,
    "video_event": in_district,
    "facility": in_district,
    "asset": is_kept,
    "row": in_district,
    "warning": in_city,
    "risk_cell": in_area,
    "layer": by_all,
    "health": reads_health,
}


# where the terms of a score stand in what has one
SCORED: Mapping[str, Callable[[Item], Item]] = {
    "alarm": lambda item: without_cause(with_risk(item)),
    "incident": lambda item: with_risk(item),
    "risk_cell": lambda item: {**item, "terms": nameless(item["terms"], of_cell=True)},
}


def with_risk(item: Item) -> Item:
    risk = item.get("risk")
    return item if not risk else {**item, "risk": {**risk, "terms": nameless(risk["terms"])}}


def without_cause(item: Item) -> Item:
    """What mutes an alarm may lie where this person does not see: that something does is told, not what."""
    muted = item.get("muted")
    if not muted or muted["stage"] != "inhibit":
        return item
    return {**item, "muted": {**muted, "why": say("stage.inhibit.hidden")}}


# of what a device first sent
DOOR = frozenset({"topic", "sent"})


def without_door(item: Item) -> Item:
    told = item.get("attributes") or {}
    return {**item, "attributes": {k: v for k, v in told.items() if k not in DOOR}} if DOOR & told.keys() else item


# who is held back and what failed, by name: each has a permission of its own
NAMED_IN_HEALTH = {"quarantine": Permission.QUARANTINE_READ, "set_aside": Permission.ASIDE_READ}


def health_seen(viewer: Viewer, item: Item) -> Item:
    hidden: dict[str, list[Any]] = {
        part: [] for part, needed in NAMED_IN_HEALTH.items() if item.get(part) and not viewer.may(needed)
    }
    cameras = item.get("cameras")
    if cameras and not viewer.scope.everywhere:
        return {**item, **hidden, "cameras": {**cameras, "silent": []}}
    return {**item, **hidden} if hidden else item


def as_seen(viewer: Viewer, kind: str, item: T) -> T:
    """A thing that may be seen, as this person is told of it: a score names nothing that they may not see, a sensor
    says where its messages come in to whom the door may be shown, the health of the system names no more than that."""
    if kind == "sensor" and not viewer.may(Permission.SOURCE_READ):
        return cast(T, without_door(item))
    if kind == "health":
        return cast(T, health_seen(viewer, item))
    if viewer.scope.everywhere or kind not in SCORED:
        return item
    return cast(T, SCORED[kind](item))


def only_seen(viewer: Viewer, kind: str, items: Sequence[T]) -> list[T]:
    may_see = RULES[kind]
    return [as_seen(viewer, kind, item) for item in items if may_see(viewer, item)]


def need_seen(viewer: Viewer, kind: str, found: Sequence[T], identity: object, field: str | None = None) -> T:
    """The one that was found. NotFound where none was, or not for this person to see: nobody is told which."""
    if not found or not RULES[kind](viewer, found[0]):
        raise NotFound(f"there is no {kind.replace('_', ' ')} {str(identity)!r}", field=field)
    return as_seen(viewer, kind, found[0])


def need_own(viewer: Viewer, classification: int) -> int:
    """What somebody may give: nobody hides from themselves what they work with."""
    if classification > viewer.scope.classification:
        raise Forbidden("this classification is above your own", reason="beyond_own")
    return classification
