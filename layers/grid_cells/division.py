"""A district divided: blocks between streets and waters, large ones cut between buildings, small ones joined to a
neighbour. The same district gives the same cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from layers.grid_cells.faces import (
    GRID,
    Indices,
    Metres,
    Shapes,
    areal,
    dissolved,
    faces_within,
    holders,
    joined,
    parts_of,
    sound,
)

# of the size that is wanted: what is larger is cut, what is smaller is joined to a neighbour
LARGE, SMALL = 1.5, 0.25
# of two parts of a cut none is smaller, as a share of the size; how far a cut may move, as a share of the smaller side
LEAST_PART, LEEWAY = 0.25, 0.6
# a cut stays so far from a wall where it can, metres
CLEAR_M = 2.0
# cuts that are tried where every one meets a building
TRIED = 33
Told = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a district is divided by, in degrees: its outline, lines that bound blocks, buildings."""

    outline: shapely.Geometry
    lines: Shapes
    buildings: Shapes


def divide(ground: Ground, size_m2: float, told: Told = lambda share: None) -> Shapes:
    """The cells of a district: polygons that cover its outline exactly. `told` hears which share is done."""
    outline = shapely.set_precision(sound(ground.outline), GRID)
    metres = Metres.at(outline)
    obstacles = obstacles_of(ground.buildings, outline)
    blocks = whole(faces_within(outline, ground.lines), obstacles, outline)
    blocks = joined(blocks, metres, SMALL * size_m2, LARGE * size_m2)
    inside = inhabitants(blocks, obstacles)
    cutter = Cutter(metres, size_m2)
    pieces: list[shapely.Geometry] = []
    areas, done = metres.areas(blocks), 0.0
    for block, area, numbers in zip(blocks, areas, inside, strict=True):
        pieces.extend(cutter.parts(block, obstacles[numbers]))
        done += float(area)
        told(done / float(areas.sum()))
    cells = parts_of(pieces)
    if len(cells) > len(blocks):
        faces = faces_within(outline, shapely.boundary(cells))
        cells = dissolved(faces, holders(cells, faces))
    return joined(cells, metres, SMALL * size_m2, LARGE * size_m2)


# --- buildings --------------------------------------------------------------------------------------------------------


def obstacles_of(buildings: Shapes, outline: shapely.Geometry) -> Shapes:
    """What no cell may cut: the parts of buildings that lie in the district; buildings that overlap are one."""
    if not len(buildings):
        return buildings
    fit = shapely.set_precision(np.array([sound(one) for one in buildings], dtype=object), GRID)
    shapely.prepare(outline)
    reaching = np.flatnonzero(~shapely.covers(outline, fit))
    fit[reaching] = shapely.intersection(fit[reaching], outline, grid_size=GRID)
    parts = parts_of(fit)
    one, other = shapely.STRtree(parts).query(parts, predicate="intersects")
    ahead = one < other
    one, other = one[ahead], other[ahead]
    over = shapely.relate_pattern(parts[one], parts[other], "T********") if len(one) else np.zeros(0, bool)
    links = coo_matrix((np.ones(int(over.sum())), (one[over], other[over])), shape=(len(parts), len(parts)))
    count, group = connected_components(links, directed=False)
    if count == len(parts):
        return parts
    order = np.argsort(group, kind="stable")
    groups = np.split(parts[order], np.flatnonzero(np.diff(group[order])) + 1)
    return np.array([g[0] if len(g) == 1 else shapely.union_all(g, grid_size=GRID) for g in groups], dtype=object)


def whole(blocks: Shapes, obstacles: Shapes, outline: shapely.Geometry) -> Shapes:
    """Blocks that leave every building whole: one that a line crosses goes to the block which has most of it."""
    if not len(obstacles):
        return blocks
    which, block = shapely.STRtree(blocks).query(obstacles, predicate="intersects")
    over = shapely.relate_pattern(obstacles[which], blocks[block], "T********")
    which, block = which[over], block[over]
    twice = np.flatnonzero(np.bincount(which, minlength=len(obstacles)) > 1)
    if not len(twice):
        return blocks
    among = np.isin(which, twice)
    which, block = which[among], block[among]
    share = shapely.area(shapely.intersection(obstacles[which], blocks[block]))
    order = np.lexsort((block, -share, which))
    first = order[np.unique(which[order], return_index=True)[1]]
    crossed, winner = obstacles[which[first]], block[first]
    faces = faces_within(outline, [*shapely.boundary(blocks), *shapely.boundary(crossed)])
    owner = holders(blocks, faces)
    points = shapely.point_on_surface(faces)
    face, inside = shapely.STRtree(crossed).query(points, predicate="within")
    owner[face] = winner[inside]
    return dissolved(faces, owner)


def inhabitants(blocks: Shapes, obstacles: Shapes) -> list[Indices]:
    """For each block the numbers of the buildings in it."""
    if not len(obstacles):
        return [np.zeros(0, np.int64) for _ in blocks]
    holder = holders(blocks, obstacles)
    order = np.argsort(holder, kind="stable")
    bounds = np.searchsorted(holder[order], np.arange(len(blocks) + 1))
    return [order[bounds[n] : bounds[n + 1]] for n in range(len(blocks))]


# --- cuts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Axis:
    """A direction in degrees, so that a place times it is metres along it; `across` goes the other way."""

    along: NDArray[np.float64]
    across: NDArray[np.float64]

    def span(self, places: NDArray[np.float64]) -> tuple[float, float]:
        measured = places @ self.along
        return float(measured.min()), float(measured.max())


class Cutter:
    """Cuts a block into parts of about a size, between buildings or around them."""

    def __init__(self, metres: Metres, size_m2: float) -> None:
        self._metres, self._size = metres, size_m2

    def parts(self, block: shapely.Polygon, buildings: Shapes) -> list[shapely.Polygon]:
        """`buildings` lie in the block."""
        done: list[shapely.Polygon] = []
        waiting = [(block, buildings)]
        while waiting:
            shape, inside = waiting.pop()
            if self._metres.area(shape) <= LARGE * self._size or (cut := self._cut(shape, inside)) is None:
                done.append(shape)
                continue
            sides = parts_of(cut)
            held = inhabitants(sides, inside)
            waiting.extend((side, inside[held[n]]) for n, side in enumerate(sides))
        return done

    def _cut(self, shape: shapely.Polygon, buildings: Shapes) -> tuple[shapely.Geometry, shapely.Geometry] | None:
        """The two sides of the first cut that leaves none too small; None where there is no such."""
        count = max(2, round(self._metres.area(shape) / self._size))
        for axis in self._axes(shape):
            sides = self._halves(shape, buildings, axis, count // 2 / count)
            if sides is not None:
                return sides
        return None

    def _axes(self, shape: shapely.Polygon) -> tuple[Axis, Axis]:
        """The long and the short side of the smallest rectangle around it."""
        m = np.array([self._metres.east, self._metres.north])
        places = shapely.get_coordinates(shape.convex_hull)
        flat = shapely.get_coordinates(shapely.oriented_envelope(shapely.multipoints((places - places[0]) * m)))
        sides = np.diff(flat, axis=0)[:2]
        lengths = np.hypot(*sides.T)
        long, short = (sides[n] / lengths[n] * m for n in np.argsort(-lengths, kind="stable"))
        return Axis(long, short), Axis(short, long)

    def _halves(
        self, shape: shapely.Polygon, buildings: Shapes, axis: Axis, share: float
    ) -> tuple[shapely.Geometry, shapely.Geometry] | None:
        places = shapely.get_coordinates(shape)
        begin, end = axis.span(places)
        at = self._where(shape, axis, begin, end, share)
        leeway = LEEWAY * min(at - begin, end - at)
        spans = spans_of(buildings, axis)
        at = clear_of(spans, at, at - leeway, at + leeway)
        half = self._half(places, axis, at)
        first = areal(shapely.intersection(shape, half, grid_size=GRID))
        crossed = buildings[(spans[:, 0] < at) & (spans[:, 1] > at)]
        if len(crossed):
            here = shapely.area(shapely.intersection(crossed, half)) * 2 >= shapely.area(crossed)
            first = areal(shapely.union_all([first, *crossed[here]], grid_size=GRID))
            first = areal(shapely.difference(first, shapely.union_all(crossed[~here], grid_size=GRID), grid_size=GRID))
        second = shapely.difference(shape, first, grid_size=GRID)
        least = LEAST_PART * self._size
        if min(self._metres.area(first), self._metres.area(second)) < least:
            return None
        return first, second

    def _half(self, places: NDArray[np.float64], axis: Axis, at: float) -> shapely.Polygon:
        """All that is before `at` on an axis: a box that reaches beyond the shape."""
        frame = np.array([axis.along, axis.across])
        back = np.linalg.inv(frame)
        side, far = axis.span(places), places @ axis.across
        low, high = side[0] - 10, at
        left, right = far.min() - 10, far.max() + 10
        corners = np.array([(low, left), (high, left), (high, right), (low, right)]) @ back.T
        return shapely.Polygon(corners)

    def _where(self, shape: shapely.Polygon, axis: Axis, begin: float, end: float, share: float) -> float:
        """The place on the axis before which this share of the area lies, to a twentieth of the size."""
        frame = np.array([axis.along, axis.across])
        turned = shapely.transform(shape, lambda places: places @ frame.T)
        wanted, close = share * turned.area, self._size / 20
        low, high, (_, bottom, _, top) = begin, end, turned.bounds
        middle = low + share * (high - low)
        for _ in range(30):
            found = shapely.clip_by_rect(turned, begin - 1, bottom - 1, middle, top + 1).area
            if abs(found - wanted) < close:
                break
            low, high = (middle, high) if found < wanted else (low, middle)
            middle = (low + high) / 2
        return middle


def spans_of(buildings: Shapes, axis: Axis) -> NDArray[np.float64]:
    """From where to where each building reaches along an axis."""
    if not len(buildings):
        return np.zeros((0, 2))
    places, which = shapely.get_coordinates(buildings, return_index=True)
    measured = places @ axis.along
    starts = np.flatnonzero(np.diff(which, prepend=-1))
    return np.column_stack([np.minimum.reduceat(measured, starts), np.maximum.reduceat(measured, starts)])


def clear_of(spans: NDArray[np.float64], at: float, low: float, high: float) -> float:
    """The place nearest to `at`, from `low` to `high`, that no building spans, away from walls where there is room;
    else the one that the fewest span."""
    near = spans[(spans[:, 1] > low) & (spans[:, 0] < high)]
    near = near[np.argsort(near[:, 0], kind="stable")]
    reach = np.maximum.accumulate(near[:, 1]) if len(near) else near[:, 1]
    begins = np.append(low, reach).clip(low, high)
    ends = np.append(near[:, 0], high).clip(low, high)
    free = ends > begins
    if free.any():
        begins, ends = begins[free], ends[free]
        room = np.minimum(CLEAR_M, (ends - begins) / 2)
        found = np.clip(at, begins + room, ends - room)
        return float(found[np.argmin(np.abs(found - at))])
    tried = np.linspace(low, high, TRIED)
    hit = ((near[:, :1] < tried) & (near[:, 1:] > tried)).sum(axis=0)
    return float(tried[np.lexsort((np.abs(tried - at), hit))[0]])
