"""All who may be told, so sorted that of thousands with areas of their own those around a place are found at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

if TYPE_CHECKING:
    from alerts.stages.base import Subscriber


@dataclass(frozen=True, slots=True)
class Audience:
    """`anywhere` have no area; `boxes` are those of the `areas` of `bounded`: west, south, east, north."""

    anywhere: tuple[Subscriber, ...]
    bounded: tuple[Subscriber, ...]
    boxes: NDArray[np.float64]
    areas: NDArray[np.object_]

    @classmethod
    def of(cls, subscribers: Sequence[Subscriber]) -> Audience:
        bounded = tuple(one for one in subscribers if one.filter.area is not None)
        boxes = np.array([one.filter.box for one in bounded], dtype=np.float64).reshape(-1, 4)
        areas = np.array([one.filter.prepared for one in bounded], dtype=object)
        return cls(tuple(one for one in subscribers if one.filter.area is None), bounded, boxes, areas)

    def around(self, place: tuple[float, float] | None) -> list[Subscriber]:
        """Those whose area holds `place`, and those without one; a place that nobody knows is in no area."""
        if place is None or not self.bounded:
            return list(self.anywhere)
        lon, lat = place
        west, south, east, north = self.boxes.T
        near = np.flatnonzero((west <= lon) & (lon <= east) & (south <= lat) & (lat <= north))
        found = near[shapely.contains_xy(self.areas[near], lon, lat)]
        return [*self.anywhere, *(self.bounded[n] for n in found)]
