"""From lines to the routing graph: noded in the plan, bent to the ground, with junctions, classes, bridges, tunnels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from demo.city.barriers import Barrier
from demo.city.frame import BOX, IntArray, warp
from demo.city.roads import Road

GRID_M = 0.05
STUB_M = 45.0
SAME_M = 1.2
TRACK_INSET_M = 8.0  # a street beside the track is not under it
SPEED_KMH = {"motorway": 100, "ring": 70, "primary": 60, "secondary": 40, "minor": 30}
HALF_WIDTH_M = {"motorway": 17.0, "ring": 21.0, "primary": 17.0, "secondary": 10.5, "minor": 5.5}
WATER_KINDS = frozenset({"river", "tributary", "canal", "moat"})


@dataclass(frozen=True, slots=True)
class Edge:
    """One stretch of road between two junctions; `line` in ground metres from `from_node` to `to_node`."""

    id: int
    name_zh: str
    name_en: str
    road_class: str
    line: Any
    from_node: int
    to_node: int
    bridge: bool
    tunnel: bool
    oneway: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """The street graph; node i stands at `nodes[i - 1]` (ground metres)."""

    edges: tuple[Edge, ...]
    nodes: Any


def noded(roads: Sequence[Road]) -> tuple[Any, IntArray]:
    """Plan lines broken at every crossing, and for each the index of the road it is part of."""
    pieces = shapely.get_parts(shapely.union_all([road.line for road in roads], grid_size=GRID_M))
    parts = shapely.get_parts([road.line for road in roads], return_index=True)
    tree = shapely.STRtree(parts[0])
    middle = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    piece, part = tree.query(middle, predicate="dwithin", distance=0.5)
    rank = np.asarray([road.rank for road in roads])
    order = np.lexsort((parts[1][part], rank[parts[1][part]], piece))
    first = np.unique(piece[order], return_index=True)
    return pieces[first[0]], np.asarray(parts[1][part[order][first[1]]])


def ends(lines: Any) -> tuple[Any, IntArray, IntArray]:
    """Distinct end points of `lines` in order of place, and each line's two indices into them.

    Ends nearer than SAME_M are one: rounding alone would tear apart two that lie on either side of a step.
    """
    starts = shapely.get_coordinates(shapely.get_point(lines, 0))
    stops = shapely.get_coordinates(shapely.get_point(lines, -1))
    points = np.vstack([starts, stops])
    pairs = cKDTree(points).query_pairs(SAME_M, output_type="ndarray")
    count, label = connected_components(_matrix(pairs[:, 0], pairs[:, 1], len(points)), directed=False)
    first = np.full(count, len(points))
    np.minimum.at(first, label, np.arange(len(points)))
    order = np.lexsort((points[first, 1].round(1), points[first, 0].round(1)))
    index = np.argsort(order)[label]
    return points[first[order]].round(1), index[: len(starts)], index[len(starts) :]


def without_stubs(lines: Any, owners: IntArray) -> tuple[Any, IntArray]:
    """Drops short dead ends until there are none."""
    while True:
        points, start, stop = ends(lines)
        degree = np.bincount(np.concatenate([start, stop]), minlength=len(points))
        loose = (degree[start] == 1) | (degree[stop] == 1)
        bad = (loose & (shapely.length(lines) < STUB_M)) | (start == stop) & (shapely.length(lines) < STUB_M)
        if not bad.any():
            return lines, owners
        lines, owners = lines[~bad], owners[~bad]


def largest_component(lines: Any, owners: IntArray) -> tuple[Any, IntArray]:
    """Only the lines that hang together with most of the others."""
    points, start, stop = ends(lines)
    _, label = connected_components(_matrix(start, stop, len(points)), directed=False)
    keep = label[start] == np.bincount(label[start]).argmax()
    return lines[keep], owners[keep]


def _matrix(start: IntArray, stop: IntArray, count: int) -> Any:
    return coo_matrix((np.ones(len(start)), (start, stop)), shape=(count, count)).tocsr()


def build(roads: Sequence[Road], barriers: Sequence[Barrier]) -> Network:
    """The street graph on the ground, clipped to the city's box. Two-way everywhere; see `with_oneways`."""
    lines, owners = without_stubs(*noded(roads))
    clipped = shapely.intersection(warp(lines), BOX)
    parts, origin = shapely.get_parts(shapely.line_merge(clipped), return_index=True)
    keep = (shapely.get_type_id(parts) == 1) & (shapely.length(parts) > SAME_M)
    lines, owners = without_stubs(parts[keep], owners[origin[keep]])
    lines, owners = largest_component(lines, owners)
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True)).round(0)
    order = np.lexsort((shapely.length(lines).round(1), middle[:, 0], middle[:, 1]))
    return _assembled(lines[order], owners[order], roads, barriers)


def _assembled(lines: Any, owners: IntArray, roads: Sequence[Road], barriers: Sequence[Barrier]) -> Network:
    points, start, stop = ends(lines)
    lines = np.asarray([between(line, points[i], points[j]) for line, i, j in zip(lines, start, stop, strict=True)])
    bridge = over(lines, [b.body for b in barriers if b.kind in WATER_KINDS], 6.0)
    tracks = [b.corridor.buffer(-TRACK_INSET_M) for b in barriers if b.kind == "rail"]
    under = over(lines, tracks, 20.0)
    edges = []
    for i, line in enumerate(lines):
        road = roads[int(owners[i])]
        high = road.road_class == "motorway"
        edges.append(
            Edge(
                i + 1,
                road.name_zh,
                road.name_en,
                road.road_class,
                line,
                int(start[i]) + 1,
                int(stop[i]) + 1,
                bool(bridge[i] or (under[i] and high)),
                bool(under[i] and not bridge[i] and not high),
            )
        )
    return Network(tuple(edges), points)


def between(line: Any, start: Any, stop: Any) -> Any:
    """`line` with its ends put exactly on its two junctions."""
    return shapely.LineString([start, *shapely.get_coordinates(line)[1:-1], stop])


def over(lines: Any, bodies: Sequence[Any], least_m: float) -> Any:
    """Which lines run at least `least_m` metres inside one of the plan bodies (bent to the ground)."""
    ground = warp(shapely.union_all(list(bodies)))
    shapely.prepare(ground)
    touching = shapely.intersects(ground, lines)
    inside = np.zeros(len(lines))
    inside[touching] = shapely.length(shapely.intersection(lines[touching], ground))
    return inside >= least_m


def strongly_connected(edges: Sequence[Edge], count: int) -> bool:
    """Whether every junction can be driven to from every other."""
    forward = [(e.from_node - 1, e.to_node - 1) for e in edges]
    back = [(e.to_node - 1, e.from_node - 1) for e in edges if not e.oneway]
    pairs = np.asarray(forward + back)
    number, _ = connected_components(_matrix(pairs[:, 0], pairs[:, 1], count), directed=True, connection="strong")
    return bool(number == 1)


def with_oneways(network: Network, names: Sequence[str]) -> Network:
    """Streets of these names made one-way where every junction stays reachable, others left as they are."""
    edges = list(network.edges)
    for name in names:
        tried = [replace(e, oneway=True) if e.name_zh == name else e for e in edges]
        if strongly_connected(tried, len(network.nodes)):
            edges = tried
    return Network(tuple(edges), network.nodes)


def named_bridges(network: Network, river: Any) -> Network:
    """Road stretches over the great river carry the bridge's own name."""
    ground = warp(river)
    edges = [
        replace(e, name_zh=_stem(e.name_zh) + "大桥", name_en=e.name_en.split(" ")[0] + " Bridge")
        if e.bridge and e.line.intersection(ground).length > 60.0
        else e
        for e in network.edges
    ]
    return Network(tuple(edges), network.nodes)


def _stem(name_zh: str) -> str:
    for suffix in ("大道", "高速", "路", "街"):
        if name_zh.endswith(suffix):
            return name_zh[: -len(suffix)]
    return name_zh
