"""The threads of one life, under supervision: one that fails is started again after a wait, or ends the life; the
heartbeat says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.clock import rfc3339, utc_now
from core.log import get_log
from core.process.faults import first_line, is_of_connection
from core.process.life import Backoff
from core.process.pulse import Pulse

log = get_log("crew")
Work = Callable[[threading.Event, Pulse], None]
JOIN_S = 15.0


@dataclass
class Hand:
    """One thread. A `vital` one that ends takes the life with it."""

    name: str
    work: Work
    vital: bool
    restarts: int = 0
    error: str | None = None
    failed_at: str | None = None
    thread: threading.Thread | None = None


class Crew:
    """Starts threads and stands by them. `stop` ends this life only; `on_stop` wakes whoever sleeps."""

    def __init__(self, stop: threading.Event, pulse: Pulse) -> None:
        self.stop, self.pulse = stop, pulse
        self._hands: list[Hand] = []

    def start(self, name: str, work: Work, *, vital: bool = False) -> None:
        """`work(stop, pulse)` in a thread, again and again until `stop`."""
        hand = Hand(name, work, vital)
        self._hands.append(hand)
        hand.thread = threading.Thread(target=self._stand_by, args=(hand,), name=name, daemon=True)
        hand.thread.start()

    def _stand_by(self, hand: Hand) -> None:
        backoff = Backoff(0.5, 30.0)
        while not self.stop.is_set():
            begun = self.pulse.clock()
            try:
                hand.work(self.stop, self.pulse)
                if not self.stop.is_set():
                    hand.error = "it ended by itself"
            except BaseException as exc:
                # whatever it was, the thread must not be gone without a word
                hand.error, hand.failed_at = first_line(exc), rfc3339(utc_now())
                log.error("thread_failed", thread=hand.name, error=hand.error, exc_info=not is_of_connection(exc))
            self.pulse.ended(hand.name)
            if hand.vital:
                self.stop.set()
            if self.stop.is_set():
                return
            hand.restarts += 1
            if self.pulse.clock() - begun > 60:
                backoff.reset()
            backoff.wait(self.stop)

    def stand(self, process_stop: threading.Event, wake: Iterable[Callable[[], None]]) -> None:
        """Wait until the process is told to stop or this life ends, wake whoever sleeps, and wait until all have
        ended."""
        while not process_stop.is_set() and not self.stop.wait(0.2):
            pass
        self.stop.set()
        for rouse in wake:
            rouse()
        self.join()

    def is_alive(self, name: str) -> bool:
        return any(h.name == name and h.thread is not None and h.thread.is_alive() for h in self._hands)

    def figures(self) -> dict[str, object]:
        """Threads that have failed, for the heartbeat."""
        failed = {h.name: {"restarts": h.restarts, "error": h.error, "at": h.failed_at} for h in self._hands if h.error}
        return {"threads_failed": failed} if failed else {}

    def join(self) -> None:
        """Wait, within bounds, until all have ended; call after `stop` is set."""
        for hand in self._hands:
            if hand.thread is not None:
                hand.thread.join(JOIN_S)
                if hand.thread.is_alive():
                    log.error("thread_stays", thread=hand.name)
            self.pulse.ended(hand.name)
