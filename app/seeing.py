"""Who may see what, for objects at hand: one rule a kind (core/scope.py has the same for lists that are paged)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from core.errors import NotFound
from core.viewer import Permission, Viewer

Item = Mapping[str, Any]
T = TypeVar("T", bound=Mapping[str, Any])


def in_district(viewer: Viewer, item: Item) -> bool:
    """Things of a district are seen by who may see that district; things of none by all."""
    return viewer.scope.sees(item.get("district"))


def in_city(viewer: Viewer, _: Item) -> bool:
    """What is of no district, and what of the city everybody sees who sees any of it."""
    return viewer.scope.city


def is_own_unit(viewer: Viewer, item: Item) -> bool:
    return viewer.scope.sees_unit(item["id"], item["district"])


def is_own_incident(viewer: Viewer, item: Item) -> bool:
    return viewer.scope.sees_incident(item["district"], (one["unit"] for one in item["assignments"]))


def reads_health(viewer: Viewer, _: Item) -> bool:
    return viewer.may(Permission.METRICS_READ)


def by_all(_: Viewer, __: Item) -> bool:
    """What says nothing by itself: who may see it is asked when it is fetched."""
    return True


RULES: Mapping[str, Callable[[Viewer, Item], bool]] = {
    "alarm": in_district,
    "judged": in_district,
    "incident": is_own_incident,
    "unit": is_own_unit,
    "sensor": in_district,
    "camera": in_district,
    "video_event": in_district,
    "facility": in_district,
    "asset": in_district,
    "warning": in_city,
    "risk_cell": in_city,
    "layer": by_all,
    "health": reads_health,
}


def only_seen(viewer: Viewer, kind: str, items: Sequence[T]) -> list[T]:
    may_see = RULES[kind]
    return [item for item in items if may_see(viewer, item)]


def need_seen(viewer: Viewer, kind: str, found: Sequence[T], identity: object, field: str | None = None) -> T:
    """The one that was found. NotFound where none was, or not for this person to see: nobody is told which."""
    if not found or not RULES[kind](viewer, found[0]):
        raise NotFound(f"there is no {kind.replace('_', ' ')} {str(identity)!r}", field=field)
    return found[0]
