"""What every long-running process shares: stopping on a signal, saying that it is alive, waiting with backoff."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from core.clock import utc_now
from core.log import get_log

log = get_log("process")
HEARTBEAT_S = 5.0


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


class Heartbeat:
    """Writes this process's row in `process_state` every few seconds; a failure to write is never a reason to stop."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name = engine, name
        self._since = utc_now()
        self._due = 0.0
        self.figures: dict[str, Any] = {}

    def beat(self) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + HEARTBEAT_S
        try:
            with self._engine.begin() as conn:
                conn.execute(
                    text(
                        "INSERT INTO process_state (name, pid, alive_since, seen_at, figures) "
                        "VALUES (:name, :pid, :since, :now, CAST(:figures AS jsonb)) ON CONFLICT (name) DO UPDATE SET "
                        "pid = :pid, alive_since = :since, seen_at = :now, figures = CAST(:figures AS jsonb)"
                    ),
                    {
                        "name": self._name,
                        "pid": os.getpid(),
                        "since": self._since,
                        "now": utc_now(),
                        "figures": json.dumps(self.figures),
                    },
                )
        except SQLAlchemyError as exc:
            log.warning("heartbeat_failed", error=str(exc)[:200])


def keep_running(work: Callable[[threading.Event], None]) -> None:
    """Run `work(stop)` until told to stop; a lost database connection is waited out with backoff and everything begun anew."""
    stop = stop_on_signal()
    backoff = Backoff()
    while not stop.is_set():
        try:
            work(stop)
            backoff.reset()
        except (psycopg.Error, SQLAlchemyError) as exc:
            log.error("database_lost", error=str(exc).splitlines()[0][:300])
            backoff.wait(stop)
