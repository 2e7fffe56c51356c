"""A bound for a whole talk on a socket: who sends a letter every other second keeps within every time-out of it."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(order=True, slots=True)
class Talk:
    """One that is bounded; `over` once its end was its own."""

    until: float
    number: int
    sock: socket.socket = field(compare=False)
    late: threading.Event = field(compare=False)
    over: bool = field(default=False, compare=False)


class Watch:
    """One thread for all talks, there as long as there are any."""

    def __init__(self) -> None:
        self._talks: list[Talk] = []
        self._changed = threading.Condition()
        self._running = False
        self._numbers = itertools.count()

    def add(self, sock: socket.socket, late: threading.Event, after_s: float) -> Talk:
        with self._changed:
            talk = Talk(time.monotonic() + after_s, next(self._numbers), sock, late)
            heapq.heappush(self._talks, talk)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="hangup", daemon=True).start()
            elif self._talks[0] is talk:
                self._changed.notify()
        return talk

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._talks and self._talks[0].over:
                    heapq.heappop(self._talks)
                if not self._talks:
                    self._running = False
                    return
                left = self._talks[0].until - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                talk = heapq.heappop(self._talks)
                # within the lock: whose end is its own is not hung up on
                talk.late.set()
                with contextlib.suppress(OSError):
                    talk.sock.shutdown(socket.SHUT_RDWR)

    def end(self, talk: Talk) -> None:
        with self._changed:
            talk.over = True


WATCH = Watch()


@contextlib.contextmanager
def hanging_up(sock: socket.socket, late: threading.Event, after_s: float) -> Iterator[None]:
    """After `after_s`, from another thread: who waits for this socket waits no more, and `late` says why."""
    talk = WATCH.add(sock, late, after_s)
    try:
        yield
    finally:
        WATCH.end(talk)
