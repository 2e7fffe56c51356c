"""Faces of lines, and faces joined to others: areas that cover a place without gap or overlap, for neighbours share
every corner of their common edge.

Positions are degrees, rounded to `GRID`; areas and lengths are metres by `Metres` of the place.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from core.geodesy import metres_per_degree

# about 10 µm: what files say of a place (seven digits of a degree) stays as it is
GRID = 1e-10
Shapes = NDArray[np.object_]
Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Metres:
    """Metres of a degree east and north, good to 0.1 % within a district."""

    east: float
    north: float

    @classmethod
    def at(cls, shape: shapely.Geometry) -> Metres:
        return cls(*metres_per_degree(shapely.get_y(shapely.centroid(shape))))

    def areas(self, shapes: Shapes) -> Numbers:
        found: Numbers = shapely.area(shapes) * self.east * self.north
        return found

    def area(self, shape: shapely.Geometry) -> float:
        return float(shape.area * self.east * self.north)


def parts_of(shapes: Sequence[shapely.Geometry] | Shapes) -> Shapes:
    """The polygons of shapes, one by one."""
    parts = shapely.get_parts(np.asarray(shapes, dtype=object))
    if any(shapely.get_type_id(parts) > 3):
        parts = shapely.get_parts(parts)  # a collection may hold a MultiPolygon
    found: Shapes = parts[(shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)]
    return found


def areal(shape: shapely.Geometry) -> shapely.Geometry:
    """What of a shape is area: two areas may touch along a line besides."""
    return shape if shapely.get_type_id(shape) == 3 else shapely.multipolygons(parts_of([shape]))


def sound(shape: shapely.Geometry) -> shapely.Geometry:
    """A valid area (OGC Simple Features 6.1.11)."""
    return areal(shape if shape.is_valid else shapely.make_valid(shape))


def faces_within(area: shapely.Geometry, lines: Sequence[shapely.Geometry] | Shapes) -> Shapes:
    """The faces into which lines divide an area; what ends in the open divides nothing."""
    noded = shapely.union_all([shapely.boundary(area), *lines], grid_size=GRID)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    shapely.prepare(area)
    found: Shapes = faces[shapely.contains(area, shapely.point_on_surface(faces))]
    return found


def holders(areas: Shapes, shapes: Shapes) -> Indices:
    """For each shape the number of the area in which a point on it lies; the nearest where it lies in none."""
    points = shapely.point_on_surface(shapes)
    tree = shapely.STRtree(areas)
    found = np.full(len(shapes), -1, dtype=np.int64)
    which, where = tree.query(points, predicate="within")
    # in order of the areas, that of several the first is taken
    order = np.argsort(-where, kind="stable")
    found[which[order]] = where[order]
    left = np.flatnonzero(found < 0)
    if len(left):
        found[left] = tree.nearest(points[left])
    return found


def dissolved(faces: Shapes, owners: Indices) -> Shapes:
    """Faces of one owner as one area; several where they do not touch. In the order of the owners."""
    order = np.argsort(owners, kind="stable")
    faces, owners = faces[order], owners[order]
    ends = np.flatnonzero(np.diff(owners, append=-1))
    joined = [
        faces[begin] if begin == end else shapely.coverage_union_all(faces[begin : end + 1])
        for begin, end in zip([0, *(ends[:-1] + 1)], ends, strict=True)
    ]
    return parts_of(joined)


Edges = list[dict[int, float]]


def common_edges(faces: Shapes, metres: Metres) -> Edges:
    """For each face its neighbours, and how many metres of edge they have in common."""
    rings, of_face = shapely.get_rings(faces, return_index=True)
    places, of_ring = shapely.get_coordinates(rings, return_index=True)
    same = of_ring[1:] == of_ring[:-1]
    begin, end = places[:-1][same], places[1:][same]
    face = of_face[of_ring[:-1][same]]
    _, ids = np.unique(places[:, 0] + 1j * places[:, 1], return_inverse=True)
    one, other = ids[:-1][same], ids[1:][same]
    key = np.minimum(one, other) * np.int64(len(places)) + np.maximum(one, other)
    order = np.argsort(key, kind="stable")
    key, face = key[order], face[order]
    length = np.hypot(*((end - begin)[order] * (metres.east, metres.north)).T)
    pair = np.flatnonzero((key[1:] == key[:-1]) & (face[1:] != face[:-1]))
    edges: Edges = [{} for _ in range(len(faces))]
    for a, b, m in zip(face[pair].tolist(), face[pair + 1].tolist(), length[pair].tolist(), strict=True):
        edges[a][b] = edges[a].get(b, 0.0) + m
        edges[b][a] = edges[b].get(a, 0.0) + m
    return edges


def joined(faces: Shapes, metres: Metres, least: float, most: float) -> Shapes:
    """Each face that is smaller than `least` goes to the neighbour with which it has the longest edge in common, of
    those that stay below `most` where there are such; the smallest first."""
    areas = metres.areas(faces).tolist()
    edges = common_edges(faces, metres)
    owner = list(range(len(faces)))
    heap = [(area, face) for face, area in enumerate(areas) if area < least]
    heapq.heapify(heap)
    while heap:
        area, face = heapq.heappop(heap)
        if owner[face] != face or area != areas[face] or not edges[face]:
            continue
        into = best_of(edges[face], areas, area, most)
        owner[face] = into
        areas[into] += area
        for neighbour, length in edges[face].items():
            del edges[neighbour][face]
            if neighbour != into:
                for a, b in ((into, neighbour), (neighbour, into)):
                    edges[a][b] = edges[a].get(b, 0.0) + length
        edges[face] = {}
        if areas[into] < least:
            heapq.heappush(heap, (areas[into], into))
    return dissolved(faces, np.array([root(owner, face) for face in owner], dtype=np.int64))


def best_of(edges: Mapping[int, float], areas: Sequence[float], area: float, most: float) -> int:
    fitting = {face: length for face, length in edges.items() if areas[face] + area <= most}
    return max((fitting or edges).items(), key=lambda one: (one[1], -one[0]))[0]


def root(owner: list[int], face: int) -> int:
    """The face that has taken this one in, at last."""
    while owner[face] != face:
        owner[face] = face = owner[owner[face]]
    return face
