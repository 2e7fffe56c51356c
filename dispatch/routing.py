"""Road times on the city's streets: a graph of edges, positions snapped onto edges, one Dijkstra per question.

Costs are seconds of driving. A position is taken to the nearest edge, not to the nearest junction, and an edge may be
left by either end unless it is one-way. The way from the position to the edge is driven slowly. A way takes the same
time whether it is asked for one goal (`ways_to`) or for many (`nearest_of`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from shapely.ops import substring
from sqlalchemy import Connection, text

from core.geodesy import metres_per_degree
from core.types import LonLat

# of the signed speed, over a whole way with its crossings
SPEED_SHARE = 0.7
OFF_ROAD_M_S = 3.0
NO_CARS = ("rail", "path")
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Snap:
    """A position on the graph: which edge, how far along (0-1), and metres from the position to it."""

    edge: int
    share: float
    offset_m: float


@dataclass(frozen=True, slots=True)
class Way:
    """`line` along the streets in the graph's plane; `RoadGraph.line_of` says it in degrees."""

    eta_s: float
    distance_m: float
    line: Array = field(repr=False, compare=False)


class RoadGraph:
    """Immutable once made; `tail[i] -> head[i]` takes `cost[i]` seconds and measures `length[i]` metres."""

    def __init__(
        self, tail: Array, head: Array, length: Array, cost: Array, oneway: Array, lines: Array, origin: LonLat
    ) -> None:
        self.tail, self.head, self.length, self.cost, self.oneway = tail, head, length, cost, oneway
        self._origin = origin
        self._scale = np.array(metres_per_degree(origin.lat))
        self._lines = shapely.transform(lines, self._to_plane)
        self._tree = shapely.STRtree(self._lines)
        self.nodes = int(max(tail.max(), head.max())) + 1 if len(tail) else 0
        two_way = ~oneway
        starts = np.concatenate([tail, head[two_way]])
        ends = np.concatenate([head, tail[two_way]])
        costs = np.concatenate([cost, cost[two_way]])
        self._forward = _cheapest(starts, ends, costs, self.nodes)
        self._reverse = self._forward.T.tocsr()
        edges = np.arange(len(tail))
        self._edges = _edges_between(starts, ends, costs, np.concatenate([edges, edges[two_way]]))

    def __len__(self) -> int:
        return len(self.tail)

    def _to_plane(self, degrees: Array) -> Array:
        plane: Array = (degrees - np.array([self._origin.lon, self._origin.lat])) * self._scale
        return plane

    def snap(self, where: Sequence[LonLat]) -> list[Snap]:
        """The nearest edge of each position."""
        points = shapely.points(self._to_plane(np.array([[p.lon, p.lat] for p in where])))
        edges = self._tree.nearest(points)
        lines = self._lines[edges]
        shares = shapely.line_locate_point(lines, points, normalized=True)
        offsets = shapely.distance(lines, points)
        return [Snap(int(e), float(s), float(o)) for e, s, o in zip(edges, shares, offsets, strict=True)]

    def ways_to(self, target: LonLat, origins: Sequence[LonLat]) -> list[Way | None]:
        """Quickest way from each origin to the target; None where there is none. One search on the reversed graph."""
        if not len(self) or not origins:
            return [None] * len(origins)
        [goal, *starts] = self.snap([target, *origins])
        entries = self._entries(goal)
        times, before = dijkstra(self._reverse, indices=[node for node, _, _ in entries], return_predecessors=True)
        return [self._way(start, goal, entries, times, before) for start in starts]

    def _entries(self, goal: Snap) -> list[tuple[int, float, float]]:
        """(node, seconds, metres) from which the goal's edge is entered: its tail, and its head where it is two-way."""
        cost, length = float(self.cost[goal.edge]), float(self.length[goal.edge])
        ends = [(int(self.tail[goal.edge]), cost * goal.share, length * goal.share)]
        if not self.oneway[goal.edge]:
            ends.append((int(self.head[goal.edge]), cost * (1 - goal.share), length * (1 - goal.share)))
        return ends

    def _exits(self, start: Snap) -> list[tuple[int, float, float]]:
        cost, length = float(self.cost[start.edge]), float(self.length[start.edge])
        ends = [(int(self.head[start.edge]), cost * (1 - start.share), length * (1 - start.share))]
        if not self.oneway[start.edge]:
            ends.append((int(self.tail[start.edge]), cost * start.share, length * start.share))
        return ends

    def _way(
        self, start: Snap, goal: Snap, entries: list[tuple[int, float, float]], times: Array, before: Array
    ) -> Way | None:
        best: tuple[float, float, Array] | None = None
        if same := self._same_edge(start, goal):
            best = (*same, self._part(start.edge, start.share, goal.share))
        chosen: tuple[int, int] | None = None
        exits = self._exits(start)
        for out, (node, seconds, _) in enumerate(exits):
            for into, (_, entry_s, _) in enumerate(entries):
                total = seconds + float(times[into, node]) + entry_s
                if math.isfinite(total) and (best is None or total < best[0]):
                    best, chosen = (total, 0.0, np.empty((0, 2))), (out, into)
        if best is None:
            return None
        seconds, metres, line = best
        if chosen is not None:
            out, into = chosen
            nodes = _following(exits[out][0], before[into])
            metres = exits[out][2] + sum(self._street(*pair)[1] for pair in pairwise(nodes)) + entries[into][2]
            # the first way out of an edge is its head, the first way in its tail
            begin = self._part(start.edge, start.share, 0.0 if out else 1.0)
            end = self._part(goal.edge, 1.0 if into else 0.0, goal.share)
            line = np.vstack([begin, *(self._street(*pair)[0] for pair in pairwise(nodes)), end])
        off = start.offset_m + goal.offset_m
        return Way(seconds + off / OFF_ROAD_M_S, metres + off, line)

    def _part(self, edge: int, begin: float, end: float) -> Array:
        """An edge's line between two shares of it, in the direction that is driven."""
        part = substring(self._lines[edge], begin, end, normalized=True)
        points: Array = shapely.get_coordinates(part)
        return points

    def _street(self, node: int, following: int) -> tuple[Array, float]:
        """The cheapest edge between two junctions: its line as it is driven, and its metres."""
        edge = self._edges[node, following]
        points: Array = shapely.get_coordinates(self._lines[edge])
        return points if self.tail[edge] == node else points[::-1], float(self.length[edge])

    def _same_edge(self, start: Snap, goal: Snap) -> tuple[float, float] | None:
        if start.edge != goal.edge or (self.oneway[start.edge] and goal.share < start.share):
            return None
        share = abs(goal.share - start.share)
        return float(self.cost[start.edge]) * share, float(self.length[start.edge]) * share

    def line_of(self, way: Way, origin: LonLat, target: LonLat) -> list[LonLat]:
        """The line of a way: from where the unit stands onto the street, along it, and from it to the target."""
        points = way.line / self._scale + np.array([self._origin.lon, self._origin.lat])
        kept = points[np.insert(np.any(np.diff(points, axis=0) != 0, axis=1), 0, True)] if len(points) else points
        return [origin, *(LonLat(float(lon), float(lat)) for lon, lat in kept), target]

    def nearest_of(self, sources: Sequence[LonLat], targets: Sequence[LonLat]) -> list[tuple[float, int] | None]:
        """For each target: seconds from the nearest source and which one. One search from all of them at once."""
        if not len(self) or not sources:
            return [None] * len(targets)
        starts = self.snap(sources)
        graph = self._with_starts(starts)
        begins = np.arange(self.nodes, self.nodes + len(starts))
        times, _, origin = dijkstra(graph, indices=begins, min_only=True, return_predecessors=True)
        on_edge: dict[int, list[int]] = {}
        for i, start in enumerate(starts):
            on_edge.setdefault(start.edge, []).append(i)
        found: list[tuple[float, int] | None] = []
        for goal in self.snap(targets):
            ways = [(float(times[n]) + s, int(origin[n]) - self.nodes) for n, s, _ in self._entries(goal)]
            for i in on_edge.get(goal.edge, ()):
                if same := self._same_edge(starts[i], goal):
                    ways.append((same[0] + starts[i].offset_m / OFF_ROAD_M_S, i))
            seconds, source = min(ways)
            found.append((seconds + goal.offset_m / OFF_ROAD_M_S, source) if math.isfinite(seconds) else None)
        return found

    def _with_starts(self, starts: Sequence[Snap]) -> csr_matrix:
        """The graph with a junction more for each start, from which its edge is entered."""
        ends, costs, counts = [], [], []
        for start in starts:
            exits = self._exits(start)
            ends += [node for node, _, _ in exits]
            costs += [seconds + start.offset_m / OFF_ROAD_M_S for _, seconds, _ in exits]
            counts.append(len(exits))
        graph, size = self._forward, self.nodes + len(starts)
        return csr_matrix(
            (
                np.concatenate([graph.data, costs]),
                np.concatenate([graph.indices, ends]),
                np.concatenate([graph.indptr, graph.indptr[-1] + np.cumsum(counts)]),
            ),
            shape=(size, size),
        )


def _cheapest(starts: Array, ends: Array, costs: Array, nodes: int) -> csr_matrix:
    """Of parallel edges the cheapest (a csr_matrix would add them up)."""
    order = np.lexsort((costs, ends, starts))
    starts, ends, costs = starts[order], ends[order], costs[order]
    first = np.ones(len(starts), dtype=bool)
    first[1:] = (starts[1:] != starts[:-1]) | (ends[1:] != ends[:-1])
    return csr_matrix((costs[first], (starts[first], ends[first])), shape=(nodes, nodes))


def _edges_between(starts: Array, ends: Array, costs: Array, edges: Array) -> dict[tuple[int, int], int]:
    """The cheapest edge between two junctions."""
    order = np.argsort(-costs, kind="stable")
    return {(int(starts[i]), int(ends[i])): int(edges[i]) for i in order}


def _following(node: int, before: Array) -> list[int]:
    """The junctions from `node` on, along the predecessors of the reversed search."""
    nodes = [node]
    while (following := int(before[nodes[-1]])) >= 0:
        nodes.append(following)
    return nodes


def load_graph(conn: Connection) -> RoadGraph:
    """The graph of all streets that carry cars."""
    rows = conn.execute(
        text(
            "SELECT from_node, to_node, length_m, speed_kmh, oneway, ST_AsBinary(geom) AS line FROM street "
            "WHERE class <> ALL(:no_cars) AND speed_kmh > 0 ORDER BY id"
        ),
        {"no_cars": list(NO_CARS)},
    ).all()
    names, numbers = np.unique([(r.from_node, r.to_node) for r in rows] or [(0, 0)], return_inverse=True)
    del names
    ends = numbers.reshape(-1, 2)[: len(rows)]
    length = np.array([r.length_m for r in rows], dtype=float)
    speed = np.array([r.speed_kmh for r in rows], dtype=float) / 3.6 * SPEED_SHARE
    lines = shapely.from_wkb(np.array([bytes(r.line) for r in rows], dtype=object))
    middle = shapely.get_coordinates(lines).mean(axis=0) if len(rows) else np.zeros(2)
    return RoadGraph(
        ends[:, 0],
        ends[:, 1],
        length,
        length / speed,
        np.array([r.oneway for r in rows], dtype=bool),
        lines,
        LonLat(float(middle[0]), float(middle[1])),
    )
