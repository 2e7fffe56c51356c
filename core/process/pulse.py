"""The sign of life that a supervisor sees: one byte now and then through a pipe, as long as no thread hangs.

It needs no database, so that a database that is away is not taken for a process that hangs.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType

from core.log import get_log

log = get_log("pulse")
# the supervisor's pipe, by number of its file descriptor
BEAT_FD = "ONEMAP_BEAT_FD"
BEAT_S = 2.0
# a thread that has not come round for so long hangs: no chore of ours takes that long
HUNG_S = 300.0


class Pulse:
    """Beats in a thread of its own while it is entered. Threads say `turned(name)` whenever they come round."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, hung_s: float = HUNG_S) -> None:
        self.clock = clock
        self._hung_s = hung_s
        # thread -> when it must have come round again
        self._turned: dict[str, float] = {}
        self._stop = threading.Event()
        number = os.environ.get(BEAT_FD, "")
        self._fd = int(number) if number.isdigit() else None
        self._told = False

    def turned(self, name: str, within_s: float | None = None) -> None:
        """This thread has come round, and will again within so long (default `hung_s`)."""
        self._turned[name] = self.clock() + (self._hung_s if within_s is None else within_s)

    def ended(self, name: str) -> None:
        """This thread has ended in an orderly way and is no longer waited for."""
        self._turned.pop(name, None)

    def hanging(self) -> list[str]:
        """Threads that have not come round for too long."""
        now = self.clock()
        return sorted(name for name, at in self._turned.copy().items() if now > at)

    def beat(self) -> bool:
        """One beat, unless a thread hangs; whether it was given."""
        hanging = self.hanging()
        if hanging:
            if not self._told:
                log.error("threads_hang", names=hanging)
            self._told = True
            return False
        self._told = False
        if self._fd is not None:
            # a full pipe is no fault of ours; a closed one means that nobody watches over us any more
            with contextlib.suppress(OSError):
                os.write(self._fd, b".")
        return True

    def __enter__(self) -> Pulse:
        if self._fd is not None:
            os.set_blocking(self._fd, False)
        threading.Thread(target=self._beat_forever, name="pulse", daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop.set()

    def _beat_forever(self) -> None:
        self.beat()
        while not self._stop.wait(BEAT_S):
            self.beat()
