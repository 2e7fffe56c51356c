"""Gas mains: under the streets of the middle of the city, wider under the greater streets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import shapely

from demo.city.frame import unwarp_points, xy
from demo.city.network import Network
from demo.city.zones import zone

ZONES = frozenset({"old_town", "inner"})
# class: (diameter mm, pressure)
MAINS = {
    "ring": (400, "high"),
    "primary": (300, "medium"),
    "secondary": (200, "medium"),
}
OLD_TOWN_LANE = (110, "low")
LONG_LANE_M = 75.0


@dataclass(frozen=True, slots=True)
class GasMain:
    """A main under the street of the same id; `line` in ground metres."""

    id: int
    diameter_mm: int
    pressure: str
    line: Any


def gas_mains(network: Network) -> Iterator[GasMain]:
    """A main under every greater street of the inner city, and under the longer lanes of the old town."""
    middle = xy(shapely.line_interpolate_point([e.line for e in network.edges], 0.5, normalized=True))
    for edge, where in zip(network.edges, zone(unwarp_points(middle)), strict=True):
        lane = where == "old_town" and edge.line.length > LONG_LANE_M
        size = MAINS.get(edge.road_class) or (OLD_TOWN_LANE if lane else None)
        if where in ZONES and size is not None and not edge.bridge:
            yield GasMain(edge.id, *size, edge.line)
