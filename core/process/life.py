"""A process and its lives: told to stop by a signal; a life ends when its lease is lost, and after a wait the next
begins."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable

from core.log import get_log
from core.process.faults import first_line, is_of_connection
from core.process.pulse import Pulse

log = get_log("process")


def stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set. Call from the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


class Backoff:
    """Waits that double from `first_s` to `most_s`, with jitter; `reset` after a success."""

    def __init__(self, first_s: float = 0.2, most_s: float = 10.0) -> None:
        self._first_s, self._most_s, self._next_s = first_s, most_s, first_s

    def reset(self) -> None:
        self._next_s = self._first_s

    def wait(self, stop: threading.Event) -> None:
        stop.wait(self._next_s * random.uniform(0.7, 1.0))
        self._next_s = min(self._next_s * 2, self._most_s)


def keep_running(live: Callable[[threading.Event, Pulse], None]) -> None:
    """One life after the other until told to stop. Whatever ends a life (a lost database, a fault of ours) is logged
    and followed by a wait that grows; nothing that happens in one may end the process without a word."""
    stop = stop_on_signal()
    with Pulse() as pulse:
        backoff = Backoff()
        while not stop.is_set():
            begun = pulse.clock()
            try:
                live(stop, pulse)
            except Exception as exc:
                log.error(
                    "life_ended", error=first_line(exc), kind=type(exc).__name__, exc_info=not is_of_connection(exc)
                )
            if pulse.clock() - begun > STEADY_S:
                backoff.reset()
            if not stop.is_set():
                backoff.wait(stop)


# a life that lasted so long was a good one: the next need not wait
STEADY_S = 30.0
