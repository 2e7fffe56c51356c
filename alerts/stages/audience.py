"""All who may be told, so sorted that of thousands with areas of their own those around a place are found at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import shapely

if TYPE_CHECKING:
    from alerts.stages.base import Subscriber

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Audience:
    """`anywhere` have no area; `tree` holds the areas of `bounded`."""

    anywhere: tuple[Subscriber, ...]
    bounded: tuple[Subscriber, ...]
    tree: shapely.STRtree
    _found: dict[Place, list[Subscriber]] = field(default_factory=dict)

    @classmethod
    def of(cls, subscribers: Sequence[Subscriber]) -> Audience:
        bounded = tuple(one for one in subscribers if one.filter.area is not None)
        tree = shapely.STRtree([one.filter.prepared for one in bounded])
        return cls(tuple(one for one in subscribers if one.filter.area is None), bounded, tree)

    def look(self, places: Iterable[Place | None]) -> None:
        """Find those around many places in one go: each search lets other threads in, and then waits for them."""
        new = [one for one in dict.fromkeys(places) if one is not None and one not in self._found]
        if not new or not self.bounded:
            return
        found: dict[Place, list[Subscriber]] = {one: list(self.anywhere) for one in new}
        at, of = self.tree.query(shapely.points(new), predicate="within")
        for place, subscriber in sorted(zip(at.tolist(), of.tolist(), strict=True)):
            found[new[place]].append(self.bounded[subscriber])
        self._found.update(found)

    def around(self, place: Place | None) -> list[Subscriber]:
        """Those whose area holds `place`, and those without one; a place that nobody knows is in no area."""
        if place is None or not self.bounded:
            return list(self.anywhere)
        self.look([place])
        return self._found[place]
