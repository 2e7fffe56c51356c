"""What a process does again and again: chores with a rhythm, woken by signs, one scheduler a thread.

Each chore has its own bound, its own transaction and its own backoff; one that fails is logged, counted and tried
again, the others go on.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.clock import utc_now
from core.log import get_log
from core.process.faults import first_line, is_of_connection
from core.process.pulse import Pulse

log = get_log("chores")
RETRY_FIRST_S, RETRY_MOST_S = 0.5, 30.0
# a thread with nothing to do comes round this often
LOOK_S = 5.0


def _always() -> bool:
    return True


@dataclass
class Chore:
    """`work(now)` is done every `every_s` seconds, and soon after one of its `signs` was seen; true means that there is
    more to do at once. `when` says whether it is ours to do just now."""

    name: str
    every_s: float
    work: Callable[[datetime], bool | None]
    signs: tuple[str, ...] = ()
    when: Callable[[], bool] = _always
    # not sooner than this after the last time, however many signs are seen
    rest_s: float = 0.0
    due: float = 0.0
    begun: float = field(default=-1e9)
    failures: int = 0


class Chores:
    """Runs the chores of one thread. `sign` may be called from any other."""

    def __init__(
        self,
        name: str,
        chores: Sequence[Chore],
        figures: Counter[str],
        *,
        clock: Callable[[], datetime] = utc_now,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._chores = list(chores)
        self._figures = figures
        self._clock, self._seconds = clock, seconds
        self._seen: set[str] = set()
        self._wake = threading.Condition()

    def sign(self, *signs: str) -> None:
        """Something has happened that chores with these signs wait for."""
        with self._wake:
            self._seen.update(signs)
            self._wake.notify()

    def run(self, stop: threading.Event, pulse: Pulse) -> None:
        """Until `stop`; whoever sets it says `sign()` too, so that we do not sleep on."""
        while not stop.is_set():
            pulse.turned(self.name)
            wait_s = self.turn(stop)
            if wait_s > 0:
                with self._wake:
                    if not self._seen and not stop.is_set():
                        self._wake.wait(wait_s)

    def turn(self, stop: threading.Event) -> float:
        """Do what is due, each chore once; returns in how many seconds the next one is."""
        with self._wake:
            seen, self._seen = self._seen, set()
        now = self._seconds()
        for chore in self._chores:
            if not seen.isdisjoint(chore.signs) and not chore.failures:
                chore.due = min(chore.due, max(now, chore.begun + chore.rest_s))
        for chore in self._chores:
            if stop.is_set():
                break
            if self._seconds() >= chore.due and chore.when():
                self._do(chore)
        return max(0.0, min(self._next(self._chores), LOOK_S))

    def _next(self, chores: Iterable[Chore]) -> float:
        now = self._seconds()
        return min((chore.due - now for chore in chores if chore.when()), default=LOOK_S)

    def _do(self, chore: Chore) -> None:
        chore.begun = self._seconds()
        try:
            more = chore.work(self._clock())
        except Exception as exc:
            chore.failures += 1
            wait_s = min(RETRY_FIRST_S * 2 ** (chore.failures - 1), RETRY_MOST_S, max(chore.every_s, RETRY_FIRST_S))
            chore.due = self._seconds() + wait_s
            self._figures[f"failed_{chore.name}"] += 1
            log.error(
                "chore_failed",
                chore=chore.name,
                error=first_line(exc),
                kind=type(exc).__name__,
                exc_info=not is_of_connection(exc),
            )
            return
        chore.failures = 0
        chore.due = 0.0 if more else chore.begun + chore.every_s
