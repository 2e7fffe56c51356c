"""Road times worked out a second time, plainly: a dictionary, a heap, spherical distances. The measure of
dispatch.routing.

It shares the stated conventions with the code (share of the signed speed, speed off the road) and nothing else.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyproj import Transformer
from shapely.geometry import LineString, Point

from core.types import LonLat
from dispatch.routing import NO_CARS, OFF_ROAD_M_S, SPEED_SHARE

STREETS = """
SELECT from_node, to_node, speed_kmh, oneway, class, length_m, ST_AsGeoJSON(geom, 9) AS line FROM street ORDER BY id
"""


@dataclass(frozen=True)
class Edge:
    tail: int
    head: int
    seconds: float
    metres: float
    oneway: bool
    line: LineString


class PlainRoads:
    """`way(origin, target)` gives (seconds, metres) or None."""

    def __init__(self, edges: Sequence[Edge], zone: str) -> None:
        self.edges = edges
        self._plane = Transformer.from_crs("EPSG:4326", zone, always_xy=True)
        self._lines = [LineString([self._plane.transform(*xy) for xy in edge.line.coords]) for edge in edges]
        self._out: dict[int, list[tuple[int, float, float]]] = {}
        for edge in edges:
            self._out.setdefault(edge.tail, []).append((edge.head, edge.seconds, edge.metres))
            if not edge.oneway:
                self._out.setdefault(edge.head, []).append((edge.tail, edge.seconds, edge.metres))

    def snap(self, where: LonLat) -> tuple[int, float, float]:
        """(edge, share along it, metres from it)."""
        point = Point(self._plane.transform(where.lon, where.lat))
        distance, edge = min((line.distance(point), i) for i, line in enumerate(self._lines))
        return edge, self._lines[edge].project(point, normalized=True), distance

    def way(self, origin: LonLat, target: LonLat) -> tuple[float, float] | None:
        start, share, off = self.snap(origin)
        goal, goal_share, goal_off = self.snap(target)
        edge, last = self.edges[start], self.edges[goal]
        found = []
        if start == goal and (not edge.oneway or goal_share >= share):
            part = abs(goal_share - share)
            found.append((edge.seconds * part, edge.metres * part))
        begin = [(edge.seconds * (1 - share), edge.metres * (1 - share), edge.head)]
        if not edge.oneway:
            begin.append((edge.seconds * share, edge.metres * share, edge.tail))
        reached = self._from(begin)
        ends = [(last.tail, goal_share)] + ([] if last.oneway else [(last.head, 1 - goal_share)])
        for node, part in ends:
            if node in reached:
                seconds, metres = reached[node]
                found.append((seconds + last.seconds * part, metres + last.metres * part))
        if not found:
            return None
        seconds, metres = min(found)
        return seconds + (off + goal_off) / OFF_ROAD_M_S, metres + off + goal_off

    def _from(self, begin: Iterable[tuple[float, float, int]]) -> dict[int, tuple[float, float]]:
        heap, done = list(begin), {}
        heapq.heapify(heap)
        while heap:
            seconds, metres, node = heapq.heappop(heap)
            if node in done:
                continue
            done[node] = (seconds, metres)
            for head, more_s, more_m in self._out.get(node, []):
                if head not in done:
                    heapq.heappush(heap, (seconds + more_s, metres + more_m, head))
        return done


def plain_roads(rows: Iterable[dict[str, Any]], zone: str) -> PlainRoads:
    """From rows of STREETS; `zone` is a metric CRS that fits the city."""
    edges = [
        Edge(
            row["from_node"], row["to_node"], row["length_m"] / (row["speed_kmh"] / 3.6 * SPEED_SHARE), row["length_m"],
            row["oneway"], LineString(json.loads(row["line"])["coordinates"]),
        )
        for row in rows
        if row["class"] not in NO_CARS and row["speed_kmh"] > 0
    ]  # fmt: skip
    return PlainRoads(edges, zone)
