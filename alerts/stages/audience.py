"""All who may be told, so sorted that of thousands with areas of their own those near a place are found at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from alerts.stages.base import Subscriber


@dataclass(frozen=True, slots=True)
class Audience:
    """`anywhere` have no area; `boxes` are those of the areas of `bounded`: west, south, east, north."""

    anywhere: tuple[Subscriber, ...]
    bounded: tuple[Subscriber, ...]
    boxes: NDArray[np.float64]

    @classmethod
    def of(cls, subscribers: Sequence[Subscriber]) -> Audience:
        bounded = tuple(one for one in subscribers if one.filter.area is not None)
        boxes = np.array([one.filter.box for one in bounded], dtype=np.float64).reshape(-1, 4)
        return cls(tuple(one for one in subscribers if one.filter.area is None), bounded, boxes)

    def near(self, place: tuple[float, float] | None) -> list[Subscriber]:
        """Those whom something at `place` may concern; whether it does, their filters say."""
        if place is None or not self.bounded:
            return list(self.anywhere)
        lon, lat = place
        west, south, east, north = self.boxes.T
        found = np.flatnonzero((west <= lon) & (lon <= east) & (south <= lat) & (lat <= north))
        return [*self.anywhere, *(self.bounded[n] for n in found)]
