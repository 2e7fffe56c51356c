"""A running `up` steps aside: while somebody holds the lock its processes are stopped (the servers go on), afterwards
it starts anew from what it finds. A holder who dies lets go."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.services.ending import is_held, read_facts
from core.errors import SetupError

LOCK = "pause.lock"
PAUSED = "paused"
ASIDE_S, LOOK_S = 60.0, 0.2


def is_wanted(state: Path) -> bool:
    """Whether somebody holds the lock."""
    return is_held(state / LOCK)


@contextmanager
def paused(state: Path, say: Callable[[str], None]) -> Iterator[None]:
    """The `up` of this state folder has stopped its processes while the block lasts. SetupError where it does not."""
    say("the running up stops its processes")
    with (state / LOCK).open("w") as lock:
        _take(lock.fileno())
        deadline = time.monotonic() + ASIDE_S
        while not read_facts(state / "run.json").get(PAUSED):
            if time.monotonic() > deadline:
                raise SetupError("the running up does not stop its processes; stop it (Ctrl-C) and try again")
            time.sleep(LOOK_S)
        yield
    say("up starts its processes again")


def _take(descriptor: int) -> None:
    deadline = time.monotonic() + ASIDE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # `up` is looking, just now
            if time.monotonic() > deadline:
                raise SetupError("another one has stopped this up already: wait until it has ended") from None
            time.sleep(LOOK_S)
        else:
            return
