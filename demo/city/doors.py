"""Numbers at the doors: each building that stands at a named street has one, counted along the street, odd on one side
and even on the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from demo.city.buildings import Building
from demo.city.frame import FloatArray, xy
from demo.city.network import Edge

# a building farther from the street has no door to it; one number for so many metres
REACH_M, PER_NUMBER_M = 60.0, 12.0
ROADS = ("ring", "primary", "secondary", "minor")


@dataclass(frozen=True, slots=True)
class Door:
    """x, y in ground metres."""

    building: int
    street_zh: str
    street_en: str
    number: int
    x: float
    y: float


def doors(edges: Sequence[Edge], buildings: Sequence[Building]) -> Iterator[Door]:
    """In the order of the buildings; the nearer of two that would share a number has it, the other has none."""
    streets = [edge for edge in edges if edge.name_zh and edge.road_class in ROADS]
    lines = np.asarray([edge.line for edge in streets])
    at = xy(shapely.point_on_surface(np.asarray([building.outline for building in buildings])))
    points = shapely.points(at)
    (own, nearest), gaps = shapely.STRtree(lines).query_nearest(
        points, max_distance=REACH_M, return_distance=True, all_matches=False
    )
    starts = beginnings(streets)
    taken: dict[tuple[str, int], tuple[float, int, int]] = {}
    for place, line, gap in zip(own.tolist(), nearest.tolist(), gaps.tolist(), strict=True):
        number = numbered(streets[line], at[place], starts[streets[line].name_zh])
        key = (streets[line].name_zh, number)
        taken[key] = min(taken.get(key, (np.inf, 0, 0)), (gap, place, line))
    for (_, number), (_, place, line) in sorted(taken.items(), key=lambda one: one[1][1]):
        street, (x, y) = streets[line], at[place]
        yield Door(buildings[place].id, street.name_zh, street.name_en, number, float(x), float(y))


def beginnings(streets: Sequence[Edge]) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Of each street the end where it is counted from, and the way it runs: from the west, or from the south."""
    found: dict[str, list[FloatArray]] = {}
    for edge in streets:
        found.setdefault(edge.name_zh, []).append(shapely.get_coordinates(edge.line)[[0, -1]])
    runs = {}
    for name, ends in found.items():
        points = np.concatenate(ends)
        span = points.max(axis=0) - points.min(axis=0)
        axis = int(span[1] > span[0])
        first, last = points[points[:, axis].argmin()], points[points[:, axis].argmax()]
        way = last - first
        runs[name] = (first, way / max(float(np.hypot(*way)), 1.0))
    return runs


def numbered(street: Edge, where: FloatArray, run: tuple[FloatArray, FloatArray]) -> int:
    """Odd to the left of the street's run, even to its right."""
    first, way = run
    along = float((where - first) @ way)
    foot = xy(shapely.line_interpolate_point(street.line, shapely.line_locate_point(street.line, shapely.Point(where))))
    off = where - foot.reshape(-1)
    left = way[0] * off[1] - way[1] * off[0] > 0
    return 2 * int(max(along, 0.0) // PER_NUMBER_M) + (1 if left else 2)
