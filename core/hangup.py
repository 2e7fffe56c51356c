"""A bound for a whole talk on a socket: who sends a letter every other second keeps within every time-out of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def hanging_up(sock: socket.socket, late: threading.Event, after_s: float) -> Iterator[None]:
    """After `after_s`, from another thread: who waits for this socket waits no more, and `late` says why."""

    def hang_up() -> None:
        late.set()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(after_s, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
