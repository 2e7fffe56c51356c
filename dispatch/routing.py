"""Road times on the city's streets: a graph of edges, positions snapped onto edges, one Dijkstra per question.

Costs are seconds of driving. A position is taken to the nearest edge, not to the nearest junction, and an edge may be
left by either end unless it is one-way. The way from the position to the edge is driven slowly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
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
    eta_s: float
    distance_m: float


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
        self._lengths = _lengths(starts, ends, costs, np.concatenate([length, length[two_way]]))

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
        best: tuple[float, float] | None = self._same_edge(start, goal)
        for node, seconds, metres in self._exits(start):
            for i, (_, entry_s, entry_m) in enumerate(entries):
                total = seconds + float(times[i, node]) + entry_s
                if math.isfinite(total) and (best is None or total < best[0]):
                    best = (total, metres + self._metres(node, before[i]) + entry_m)
        if best is None:
            return None
        off = start.offset_m + goal.offset_m
        return Way(best[0] + off / OFF_ROAD_M_S, best[1] + off)

    def _same_edge(self, start: Snap, goal: Snap) -> tuple[float, float] | None:
        if start.edge != goal.edge or (self.oneway[start.edge] and goal.share < start.share):
            return None
        share = abs(goal.share - start.share)
        return float(self.cost[start.edge]) * share, float(self.length[start.edge]) * share

    def _metres(self, node: int, before: Array) -> float:
        """Length of the way from `node` along the predecessors of the reversed search."""
        total = 0.0
        while (following := int(before[node])) >= 0:
            total += self._lengths[node, following]
            node = following
        return total

    def nearest_of(self, sources: Sequence[LonLat], targets: Sequence[LonLat]) -> list[tuple[float, int] | None]:
        """For each target: seconds from the nearest source and which one. One multi-source search, from junction to
        junction."""
        if not len(self) or not sources:
            return [None] * len(targets)
        snapped = self.snap(sources)
        nodes = [int(self.head[s.edge]) for s in snapped]
        times, _, origin = dijkstra(self._forward, indices=nodes, min_only=True, return_predecessors=True)
        at = {node: i for i, node in enumerate(nodes)}
        found: list[tuple[float, int] | None] = []
        for goal in self.snap(targets):
            ways = [
                (float(times[n]) + s + goal.offset_m / OFF_ROAD_M_S / 10, int(origin[n]))
                for n, s, _ in self._entries(goal)
            ]
            seconds, source = min(ways)
            found.append((seconds, at[source]) if math.isfinite(seconds) else None)
        return found


def _cheapest(starts: Array, ends: Array, costs: Array, nodes: int) -> csr_matrix:
    """Of parallel edges the cheapest (a csr_matrix would add them up)."""
    order = np.lexsort((costs, ends, starts))
    starts, ends, costs = starts[order], ends[order], costs[order]
    first = np.ones(len(starts), dtype=bool)
    first[1:] = (starts[1:] != starts[:-1]) | (ends[1:] != ends[:-1])
    return csr_matrix((costs[first], (starts[first], ends[first])), shape=(nodes, nodes))


def _lengths(starts: Array, ends: Array, costs: Array, lengths: Array) -> dict[tuple[int, int], float]:
    """Metres of the cheapest edge between two junctions."""
    order = np.argsort(-costs, kind="stable")
    return {(int(starts[i]), int(ends[i])): float(lengths[i]) for i in order}


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
