"""Driving by road: shortest time over the package's streets, and where a vehicle is along its route."""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from demo.devices.package import FloatArray, Street

JUNCTION_S = 4.0  # slowing and waiting at a junction


@dataclass(frozen=True, slots=True)
class Route:
    """A way by road: points (n, 2) in metres and the seconds from the start at which each is passed."""

    points: FloatArray
    seconds: FloatArray

    @property
    def duration_s(self) -> float:
        """How long the whole way takes."""
        return float(self.seconds[-1])

    def at(self, elapsed_s: float) -> tuple[float, float, float, float]:
        """x, y, speed m/s and heading (degrees from north) after `elapsed_s`; the end is a standstill."""
        if elapsed_s >= self.duration_s or len(self.points) < 2:
            return float(self.points[-1, 0]), float(self.points[-1, 1]), 0.0, self._heading(len(self.points) - 2)
        i = int(np.searchsorted(self.seconds, max(elapsed_s, 0.0), side="right")) - 1
        span = float(self.seconds[i + 1] - self.seconds[i])
        along = (max(elapsed_s, 0.0) - float(self.seconds[i])) / span
        step = self.points[i + 1] - self.points[i]
        x, y = self.points[i] + step * along
        return float(x), float(y), float(np.hypot(*step)) / span, self._heading(i)

    def _heading(self, i: int) -> float:
        if len(self.points) < 2:
            return 0.0
        dx, dy = self.points[max(i, 0) + 1] - self.points[max(i, 0)]
        return float(np.degrees(np.arctan2(dx, dy)) % 360.0)


class Roads:
    """The street graph of one city. Node numbers are the package's, counted from 1."""

    def __init__(self, streets: tuple[Street, ...]) -> None:
        self._best: dict[tuple[int, int], tuple[int, bool, float]] = {}
        for index, street in enumerate(streets):
            self._add(index, street, street.from_node, street.to_node, False)
            if not street.oneway:
                self._add(index, street, street.to_node, street.from_node, True)
        self._streets = streets
        self._at = _node_points(streets)
        self._tree = cKDTree(self._at[1:])
        pairs = np.asarray(list(self._best), dtype=np.int64)
        cost = [seconds for _, _, seconds in self._best.values()]
        size = len(self._at)
        self._graph = csr_matrix((cost, (pairs[:, 0], pairs[:, 1])), shape=(size, size))

    def _add(self, index: int, street: Street, start: int, stop: int, back: bool) -> None:
        length = float(np.hypot(*np.diff(street.line, axis=0).T).sum())
        seconds = length / street.speed_mps + JUNCTION_S
        held = self._best.get((start, stop))
        if held is None or seconds < held[2]:
            self._best[start, stop] = (index, back, seconds)

    def nearest(self, x: float, y: float) -> int:
        """The junction nearest to a place."""
        return int(self._tree.query((x, y))[1]) + 1

    def near(self, x: float, y: float, within_m: float) -> list[int]:
        """The junctions within a distance of a place, in order of number."""
        return sorted(int(i) + 1 for i in self._tree.query_ball_point((x, y), within_m))

    def place(self, node: int) -> tuple[float, float]:
        """Where a junction is."""
        return float(self._at[node, 0]), float(self._at[node, 1])

    def route(self, start: tuple[float, float], stop: tuple[float, float], pace: float = 1.0) -> Route:
        """The quickest way from place to place; `pace` above one drives faster than the street's speed."""
        first, last = self.nearest(*start), self.nearest(*stop)
        _, before = dijkstra(self._graph, indices=first, return_predecessors=True)
        points, seconds = self._along(_path(before, first, last))
        points = np.vstack([[start], points, [stop]])
        ends = np.asarray([np.hypot(*(points[1] - points[0])), np.hypot(*(points[-1] - points[-2]))]) / 5.0
        times = np.concatenate([[0.0], ends[0] + seconds, [ends[0] + seconds[-1] + ends[1]]]) / pace
        keep = np.concatenate([[True], np.diff(times) > 1e-6])
        return Route(points[keep], times[keep])

    def _along(self, path: list[int]) -> tuple[FloatArray, FloatArray]:
        points, seconds, clock = [np.asarray([self._at[path[0]]])], [np.zeros(1)], 0.0
        for start, stop in itertools.pairwise(path):
            index, back, cost = self._best[start, stop]
            line = self._streets[index].line[::-1] if back else self._streets[index].line
            reach = np.cumsum(np.hypot(*np.diff(line, axis=0).T))
            points.append(line[1:])
            seconds.append(clock + reach / reach[-1] * cost)
            clock += cost
        return np.concatenate(points), np.concatenate(seconds)


def _node_points(streets: tuple[Street, ...]) -> FloatArray:
    size = max(max(s.from_node, s.to_node) for s in streets) + 1
    at = np.full((size, 2), 1e9)
    for street in streets:
        at[street.from_node], at[street.to_node] = street.line[0], street.line[-1]
    return at


def _path(before: npt.NDArray[np.int32], first: int, last: int) -> list[int]:
    path = [last]
    while path[-1] != first:
        step = int(before[path[-1]])
        if step < 0:
            return [first]
        path.append(step)
    return path[::-1]
