"""What kind of place a point is: how near a centre, in which zone, how fine its blocks. Plan or ground metres alike."""

from functools import cache
from typing import Any

import numpy as np
import shapely

from demo.city import layout
from demo.city.curves import ring
from demo.city.frame import BoolArray, FloatArray, noise

# Block size in m2 by zone; the first zone that holds a point names it.
BLOCK_M2 = {
    "old_town": 9_500.0,
    "industry": 85_000.0,
    "campus": 90_000.0,
    "inner": 21_000.0,
    "middle": 30_000.0,
    "outer": 40_000.0,
    "fringe": 95_000.0,
}
SEED_OF_FRINGE = 5


def _in_ellipses(points: FloatArray, ellipses: tuple[tuple[float, float, float, float], ...]) -> BoolArray:
    inside = np.zeros(len(points), dtype=np.bool_)
    for cx, cy, rx, ry in ellipses:
        inside |= np.abs((points[:, 0] - cx) / rx) ** 4 + np.abs((points[:, 1] - cy) / ry) ** 4 < 1.0
    return inside


@cache
def ring_areas() -> tuple[Any, ...]:
    """What the ring roads enclose, in plan metres."""
    areas = tuple(shapely.Polygon(ring(cx, cy, rx, ry, power)) for _, _, cx, cy, rx, ry, power in layout.RINGS)
    shapely.prepare(areas)
    return areas


def ring_number(points: FloatArray) -> FloatArray:
    """How many of the three ring roads lie around each point (plan metres): 3 is the middle, 0 the country."""
    count = np.zeros(len(points))
    for area in ring_areas():
        count += shapely.contains_xy(area, points[:, 0], points[:, 1])
    return count


def zone(points: FloatArray) -> list[str]:
    """The zone of each plan point (n, 2), a key of BLOCK_M2."""
    rings = ring_number(points)
    names = np.select(
        [
            _in_ellipses(points, (layout.MOAT,)),
            _in_ellipses(points, layout.INDUSTRY),
            _in_ellipses(points, layout.CAMPUS),
            rings == 3,
            rings == 2,
            (rings == 1) | (noise(points, SEED_OF_FRINGE, 2_300.0) > 0.55),
        ],
        ["old_town", "industry", "campus", "inner", "middle", "outer"],
        "fringe",
    )
    return [str(name) for name in names]


def block_target_m2(part: Any) -> float:
    """The size a block should have where `part` lies (plan metres)."""
    return BLOCK_M2[zone(shapely.get_coordinates(shapely.centroid(part)))[0]]


def centrality(points: FloatArray) -> FloatArray:
    """0 in the country to 1 in the middle of a centre (n,)."""
    pull = np.zeros(len(points))
    for cx, cy, reach, height in layout.CENTRES:
        distance = np.hypot(points[:, 0] - cx, points[:, 1] - cy)
        pull = np.maximum(pull, height / 165.0 * np.exp(-((distance / reach) ** 2)))
    return pull


def tower_height_m(points: FloatArray) -> FloatArray:
    """The height that the tallest buildings reach at each point, metres."""
    tall = np.full(len(points), 18.0)
    for cx, cy, reach, height in layout.CENTRES:
        distance = np.hypot(points[:, 0] - cx, points[:, 1] - cy)
        tall = np.maximum(tall, height * np.exp(-((distance / (1.25 * reach)) ** 2)))
    return tall
