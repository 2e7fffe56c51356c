"""The great roads in plan metres: rings, arterials, diagonals, the motorway and the streets along barriers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely

from demo.city import layout
from demo.city.barriers import Barrier
from demo.city.curves import ring, spline
from demo.city.frame import PLAN_BOX

SMALL = frozenset({"tributary", "canal", "moat", "motorway"})
EVERYTHING = SMALL | {"river", "rail"}
BANK_CROSSES = {"river": frozenset({"tributary", "canal", "rail", "motorway"})}
# The nearest two great roads may run side by side, and how long they may do so, metres.
ABREAST_M, ABREAST_LENGTH_M = 80.0, 430.0
SHORTEST_M = 120.0


@dataclass(frozen=True, slots=True)
class Road:
    """A named line; `rank` orders roads where two coincide (the lower keeps its name)."""

    name_zh: str
    name_en: str
    road_class: str
    line: Any
    crosses: frozenset[str] = frozenset()
    rank: int = 50


def rings() -> Iterable[Road]:
    """The ring roads, closed."""
    for name_zh, name_en, cx, cy, rx, ry, power in layout.RINGS:
        line = shapely.LineString(ring(cx, cy, rx, ry, power))
        yield Road(name_zh, name_en, "ring", line, EVERYTHING, 1)


def motorway() -> Road:
    """The expressway around the south and east."""
    line = shapely.LineString(spline(layout.MOTORWAY))
    return Road(*layout.MOTORWAY_NAME, "motorway", line, EVERYTHING, 0)


def arterials() -> Iterable[Road]:
    """The straight arterials of the plan, and the diagonals."""
    reach_x, reach_y = PLAN_BOX.bounds[2], PLAN_BOX.bounds[3]
    for item in layout.NORTH_SOUTH:
        ends = [(item.at, max(item.start, -reach_y)), (item.at, min(item.end, reach_y))]
        yield _arterial(item, ends)
    for item in layout.EAST_WEST:
        ends = [(max(item.start, -reach_x), item.at), (min(item.end, reach_x), item.at)]
        yield _arterial(item, ends)
    for name_zh, name_en, points in layout.DIAGONALS:
        yield Road(name_zh, name_en, "primary", shapely.LineString(spline(points)), SMALL | {"rail"}, 4)


def _arterial(item: layout.Arterial, ends: list[tuple[float, float]]) -> Road:
    line = shapely.segmentize(shapely.LineString(ends), 60.0)
    return Road(item.name_zh, item.name_en, "primary", line, SMALL | set(item.crosses), 3)


def bank_roads(barriers: Sequence[Barrier]) -> Iterable[Road]:
    """The streets along every barrier's edge, ending where a barrier they may not cross begins."""
    for barrier in barriers:
        crosses = BANK_CROSSES.get(barrier.kind, frozenset())
        edge = shapely.boundary(barrier.corridor)
        others = [b for b in barriers if b is not barrier and b.kind not in crosses]
        closed = [b.corridor for b in others if b.corridor.intersects(edge)]
        line = shapely.difference(edge, shapely.union_all(closed))
        yield Road(barrier.road_zh, barrier.road_en, barrier.road_class, line, crosses, 10)


def cut(road: Road, barriers: Sequence[Barrier]) -> Any:
    """The parts of `road` outside the barriers that it may not cross."""
    closed = [b.corridor for b in barriers if b.kind not in road.crosses and b.corridor.intersects(road.line)]
    return shapely.difference(road.line, shapely.union_all(closed))


def part_from(line: Any, others: Any, belt: Any) -> Any:
    """`line` without the stretches that run abreast of `others` (inside its `belt`), loose ends joined to them."""
    near = shapely.get_parts(shapely.intersection(line, belt))
    abreast = near[shapely.length(near) > ABREAST_LENGTH_M]
    if not len(abreast):
        return line
    rest = shapely.get_parts(shapely.difference(line, shapely.buffer(shapely.union_all(abreast), 0.1)))
    rest = rest[shapely.length(rest) > SHORTEST_M]
    return shapely.union_all([_joined(piece, others) for piece in rest])


def _joined(piece: Any, others: Any) -> Any:
    coords = shapely.get_coordinates(piece)
    for end in (0, -1):
        gap = shapely.shortest_line(shapely.Point(coords[end]), others)
        if 0.5 < gap.length < 1.6 * ABREAST_M:
            foot = shapely.get_coordinates(gap)[-1:]
            coords = np.vstack([foot, coords]) if end == 0 else np.vstack([coords, foot])
    return shapely.LineString(coords)


def great_roads(barriers: Sequence[Barrier]) -> tuple[Road, ...]:
    """Every road drawn before the blocks are divided, cut to the plan's box and free of near-parallel doubles."""
    fixed = [motorway(), *rings(), *bank_roads(barriers)]
    fixed = [replace(road, line=cut(road, barriers)) if road.rank < 10 else road for road in fixed]
    diagonals, grid = [[r for r in arterials() if r.rank == rank] for rank in (4, 3)]
    placed = list(fixed)
    for tier in (diagonals, grid):
        others = shapely.union_all([road.line for road in placed])
        belt = shapely.buffer(others, ABREAST_M)
        placed += [replace(road, line=part_from(cut(road, barriers), others, belt)) for road in tier]
    clipped = [replace(road, line=shapely.intersection(road.line, PLAN_BOX)) for road in placed]
    return tuple(road for road in clipped if not road.line.is_empty)


def superblocks(roads: Sequence[Road], barriers: Sequence[Barrier]) -> list[Any]:
    """The faces between the great roads that lie in no barrier, in a stable order (by place)."""
    lines = shapely.union_all([*(road.line for road in roads), shapely.boundary(PLAN_BOX)], grid_size=0.01)
    faces = shapely.get_parts(shapely.polygonize([lines]))
    closed = shapely.union_all([b.corridor for b in barriers])
    inside = shapely.point_on_surface(faces)
    keep = faces[~shapely.intersects(closed, inside) & (shapely.area(faces) > 400.0)]
    centre = shapely.get_coordinates(shapely.centroid(keep)).round(0)
    return list(keep[np.lexsort((centre[:, 0], centre[:, 1]))])
