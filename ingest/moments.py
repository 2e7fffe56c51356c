"""Moments that nobody else gives: several ingesters stamp readings of one sensor, and its readings are told apart by
their times.

Clocks of two processes meet in the same microsecond as often as a broker writes to both at once. So each takes only
those whose microseconds, modulo how far they are `apart`, are its slot.
"""

from __future__ import annotations


class Moments:
    """Moments of one slot, each later than the one before; microseconds since 2000. Slots that differ by a multiple of
    `apart` may meet."""

    def __init__(self, slot: int, apart: int) -> None:
        self._slot, self._apart = slot % apart, apart
        self._next = 0

    def take(self, clock: int, count: int) -> range:
        """`count` of them, the first not before `clock` and less than `apart` after it, or next to the last taken."""
        start = max(clock, self._next)
        start += (self._slot - start) % self._apart
        moments = range(start, start + count * self._apart, self._apart)
        if moments:
            self._next = moments[-1] + 1
        return moments
