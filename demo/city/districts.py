"""The five districts: the box cut along the river, the second ring road, the stream and an arterial."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from demo.city import layout
from demo.city.curves import ring, spline
from demo.city.frame import BOX, PLAN_BOX, FloatArray, IntArray, unwarp_points, warp, xy
from demo.city.layout import CORE, DISTRICTS, EAST, NORTH, SOUTH, WEST, DistrictPlan

EAST_CUT_X = 2840.0  # along 新华路
SECOND_RING = layout.RINGS[1]


@dataclass(frozen=True, slots=True)
class District:
    """A district on the ground (metres)."""

    plan: DistrictPlan
    area: Any


def _core() -> Any:
    _, _, cx, cy, rx, ry, power = SECOND_RING
    return shapely.Polygon(ring(cx, cy, rx, ry, power))


def _cut_lines() -> list[Any]:
    core = _core()
    stream = shapely.LineString(spline(layout.TRIBUTARY))
    arterial = shapely.LineString([(EAST_CUT_X, 0.0), (EAST_CUT_X, PLAN_BOX.bounds[3])])
    return [
        core.exterior,
        shapely.LineString(spline(layout.RIVER)),
        shapely.difference(stream, core),
        shapely.difference(arterial, core),
    ]


def _plan_of(point: FloatArray, river_y: float, stream_x: float, core: Any) -> DistrictPlan:
    if point[1] < river_y:
        return SOUTH
    if shapely.contains_xy(core, point[0], point[1]):
        return CORE
    if point[0] > EAST_CUT_X:
        return EAST
    return WEST if point[0] < stream_x else NORTH


def plans_at(points: FloatArray) -> list[DistrictPlan]:
    """The district of every plan point (n, 2)."""
    river, stream = spline(layout.RIVER), spline(layout.TRIBUTARY)[::-1]
    river_y = np.interp(points[:, 0], river[:, 0], river[:, 1])
    stream_x = np.interp(points[:, 1], stream[:, 1], stream[:, 0])
    core = _core()
    shapely.prepare(core)
    return [_plan_of(p, r, s, core) for p, r, s in zip(points, river_y, stream_x, strict=True)]


def districts() -> tuple[District, ...]:
    """Five areas that cover the box without gap or overlap: they share every vertex of their borders."""
    lines = shapely.union_all([*warp(np.asarray(_cut_lines())), shapely.boundary(BOX)], grid_size=0.001)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    faces = faces[shapely.area(shapely.intersection(faces, BOX)) > 0.5 * shapely.area(faces)]
    owners = plans_at(unwarp_points(xy(shapely.point_on_surface(faces))))
    return tuple(
        District(plan, shapely.union_all([f for f, owner in zip(faces, owners, strict=True) if owner is plan]))
        for plan in DISTRICTS
    )


def index_at(found: tuple[District, ...], points: FloatArray) -> IntArray:
    """For each ground point (n, 2) the index of its district; the nearest one for points on the very edge."""
    result = np.full(len(points), -1, dtype=np.int64)
    for index, district in enumerate(found):
        shapely.prepare(district.area)
        result[(result < 0) & shapely.contains_xy(district.area, points[:, 0], points[:, 1])] = index
    lost = np.flatnonzero(result < 0)
    tree = shapely.STRtree([district.area for district in found])
    pairs = tree.query_nearest(shapely.points(points[lost]), all_matches=False)
    result[lost[pairs[0]]] = pairs[1]
    return result
