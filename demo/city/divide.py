"""Superblocks are divided by side streets, the long way halved again and again until a block has its zone's size."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from shapely.ops import split

from demo.city.frame import FloatArray

SNAP_M = 42.0
SLENDER = 0.028  # area over perimeter squared of the leanest block allowed (a square has 0.0625)
TRIES = 4


@dataclass(frozen=True, slots=True)
class SideStreet:
    """A dividing street; `generation` 0 is the first through its superblock."""

    line: Any
    generation: int
    superblock: int


@dataclass(slots=True)
class Junctions:
    """Street ends by grid cell, so that a later street can meet an earlier one instead of missing it by metres."""

    cells: dict[tuple[int, int], list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, point: FloatArray) -> None:
        """Remember a street end (x, y)."""
        key = (int(point[0] // SNAP_M), int(point[1] // SNAP_M))
        self.cells.setdefault(key, []).append((float(point[0]), float(point[1])))

    def near(self, point: FloatArray, boundary: Any) -> FloatArray:
        """The nearest remembered end within the snap distance that lies on `boundary`, else `point` itself."""
        column, row = int(point[0] // SNAP_M), int(point[1] // SNAP_M)
        around = [(column + i, row + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        known = [known for key in around for known in self.cells.get(key, ())]
        known.sort(key=lambda other: (other[0] - point[0]) ** 2 + (other[1] - point[1]) ** 2)
        for other in known:
            if np.hypot(other[0] - point[0], other[1] - point[1]) > SNAP_M:
                break
            if boundary.distance(shapely.Point(other)) < 0.3:
                return np.asarray(other)
        return point


def dividing_line(block: Any, rng: np.random.Generator) -> FloatArray | None:
    """Two points across `block`, square to its longer side and near its middle, or None where it has no extent."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(block))[:4]
    if len(corners) < 4:
        return None
    side_a, side_b = corners[1] - corners[0], corners[2] - corners[1]
    long_side, short_side = (side_a, side_b) if np.hypot(*side_a) >= np.hypot(*side_b) else (side_b, side_a)
    if np.hypot(*long_side) < 1.25 * np.hypot(*short_side) and rng.random() < 0.45:
        long_side, short_side = short_side, long_side
    middle = corners.mean(axis=0) + long_side * rng.normal(0.0, 0.06)
    return np.asarray(np.vstack([middle - 0.7 * short_side, middle + 0.7 * short_side]))


def chord(block: Any, across: FloatArray) -> FloatArray | None:
    """The longest stretch of the line `across` (2, 2) inside `block`, as its two ends."""
    parts = shapely.get_parts(shapely.intersection(block, shapely.LineString(across)))
    parts = parts[shapely.get_type_id(parts) == 1]
    if not len(parts):
        return None
    longest = parts[int(np.argmax(shapely.length(parts)))]
    return np.asarray(shapely.get_coordinates(longest)[[0, -1]])


def halves(block: Any, ends: FloatArray) -> list[Any]:
    """The two parts that the street `ends` makes of `block`; nothing where a part would be too lean."""
    along = (ends[1] - ends[0]) / max(float(np.hypot(*(ends[1] - ends[0]))), 1e-9)
    knife = shapely.LineString([ends[0] - along * 0.4, ends[1] + along * 0.4])
    parts = [part for part in split(block, knife).geoms if part.area > 50.0]
    if len(parts) != 2 or any(part.area / part.length**2 < SLENDER for part in parts):
        return []
    return parts


def divide(
    block: Any, superblock: int, target_m2: Callable[[Any], float], junctions: Junctions, rng: np.random.Generator
) -> Iterator[SideStreet]:
    """The side streets that bring every part of `block` near the size `target_m2` wants at that place."""
    for line in spokes(block):
        yield SideStreet(line, 0, superblock)
    pending = [(part, 0) for part in around_holes(block)]
    while pending:
        part, generation = pending.pop()
        if part.area < target_m2(part) * rng.uniform(1.15, 1.75):
            continue
        for _ in range(TRIES):
            ends = _street_ends(part, junctions, rng)
            pieces = halves(part, ends) if ends is not None else []
            if ends is None or not pieces:
                continue
            junctions.add(ends[0])
            junctions.add(ends[1])
            yield SideStreet(shapely.LineString(ends), generation, superblock)
            pending.extend((piece, generation + 1) for piece in pieces)
            break


def spokes(block: Any) -> list[Any]:
    """For every hole in `block` (a park inside it) the streets east and west that tie the hole to the rest."""
    west, _, east, _ = block.bounds
    lines = []
    for hole in block.interiors:
        y = float(shapely.Polygon(hole).centroid.y)
        parts = shapely.get_parts(shapely.intersection(block, shapely.LineString([(west - 1, y), (east + 1, y)])))
        lines += [part for part in parts if part.length > 1.0 and part.distance(hole) < 0.01]
    return lines


def around_holes(block: Any) -> list[Any]:
    """`block` cut along its spokes into parts without holes."""
    lines = spokes(block)
    if not lines:
        return [block]
    edges = shapely.union_all([shapely.boundary(block), *lines], grid_size=0.001)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(edges)))
    return [face for face in faces if block.contains(shapely.point_on_surface(face))]


def _street_ends(part: Any, junctions: Junctions, rng: np.random.Generator) -> FloatArray | None:
    across = dividing_line(part, rng)
    ends = chord(part, across) if across is not None else None
    if ends is None:
        return None
    return np.vstack([junctions.near(end, part.exterior) for end in ends])
