"""Sliding windows over many series at once, by buckets and kept up incrementally: a reading is added to its bucket and
to the running totals, buckets that leave a window are taken off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alerts.rules.steps import NEVER, Floats, Ints


class Windows:
    """Windows of several lengths (microseconds) that end at the newest reading of each series. A window holds the
    buckets that lie in it, the newest of them as far as it is filled."""

    def __init__(self, series: int, lengths: Sequence[int], bucket: int, *, keep_most: bool = False) -> None:
        self._lengths = lengths
        self._bucket = min(bucket, min(lengths))
        self._holds = [length // self._bucket for length in lengths]
        self._ring = max(self._holds)
        self._sums = np.zeros((series, self._ring))
        self._counts = np.zeros((series, self._ring), np.int32)
        self._most = np.full((series, self._ring), -np.inf) if keep_most else None
        self._total = np.zeros((len(lengths), series))
        self._count = np.zeros((len(lengths), series), np.int64)
        # number of the newest bucket; time of the first and of the newest reading
        self._head = np.full(series, NEVER)
        self._first = np.full(series, NEVER)
        self._last = np.full(series, NEVER)

    def add(self, rows: Ints, at: Ints, values: Floats) -> None:
        """A reading each of series (none twice), none before the newest."""
        number = at // self._bucket
        self._move(rows, number)
        place = number % self._ring
        self._sums[rows, place] += values
        self._counts[rows, place] += 1
        if self._most is not None:
            self._most[rows, place] = np.maximum(self._most[rows, place], values)
        self._total[:, rows] += values
        self._count[:, rows] += 1
        self._last[rows] = at
        first = self._first[rows]
        self._first[rows] = np.where(first == NEVER, at, first)

    def _move(self, rows: Ints, number: Ints) -> None:
        """The newest bucket is `number`: what leaves each window is taken off."""
        head = self._head[rows]
        steps = np.where(head == NEVER, 0, number - np.where(head == NEVER, number, head))
        self._head[rows] = number
        gone = steps >= self._ring
        if gone.any():
            self._clear(rows[gone])
            steps = np.where(gone, 0, steps)
        for n in range(1, int(steps.max(initial=0)) + 1):
            on = steps >= n
            self._take_off(rows[on], head[on] + n)

    def _take_off(self, rows: Ints, number: Ints) -> None:
        for window, holds in enumerate(self._holds):
            old = (number - holds) % self._ring
            left = self._count[window, rows] - self._counts[rows, old]
            self._count[window, rows] = left
            # differences of floats: an empty window is nothing at all
            self._total[window, rows] = np.where(left == 0, 0.0, self._total[window, rows] - self._sums[rows, old])
        place = number % self._ring
        self._sums[rows, place] = 0.0
        self._counts[rows, place] = 0
        if self._most is not None:
            self._most[rows, place] = -np.inf

    def _clear(self, rows: Ints) -> None:
        self._sums[rows], self._counts[rows] = 0.0, 0
        if self._most is not None:
            self._most[rows] = -np.inf
        self._total[:, rows], self._count[:, rows] = 0.0, 0

    def values(self, function: str, rows: Ints) -> Floats:
        """Sum, mean or max of each window, at the newest reading of each series; no number where it is empty."""
        count = self._count[:, rows]
        if function == "max":
            return np.where(count > 0, self._greatest(rows), np.nan)
        total = self._total[:, rows]
        if function == "sum":
            # differences of floats: a dry hour must read 0, not 1e-16
            return np.where(count > 0, np.round(total, 9), np.nan)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def _greatest(self, rows: Ints) -> Floats:
        if self._most is None:
            raise ValueError("these windows do not keep what was greatest")
        out = np.empty((len(self._holds), len(rows)))
        for window, holds in enumerate(self._holds):
            places = (self._head[rows][:, None] - np.arange(holds)) % self._ring
            out[window] = self._most[rows[:, None], places].max(axis=1)
        return out

    def span(self, rows: Ints) -> Ints:
        """Time between the first and the last reading that the longest window may hold, at most its length."""
        first, last = self._first[rows], self._last[rows]
        none = first == NEVER
        since = np.where(none, 0, last - np.where(none, last, first))
        return np.minimum(since, max(self._lengths))
