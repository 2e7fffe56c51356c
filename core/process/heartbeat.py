"""Says in the database that a process is alive and what it has done: what `/api/health`, `/metrics` and the doctor
read."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from core.clock import utc_now
from core.log import get_log
from core.process.pulse import Pulse

log = get_log("heartbeat")
HEARTBEAT_S = 5.0
_WRITE = text("""
INSERT INTO process_state (name, pid, alive_since, seen_at, figures)
VALUES (:name, :pid, :since, :now, CAST(:figures AS jsonb))
ON CONFLICT (name) DO UPDATE SET pid = :pid, alive_since = :since, seen_at = :now, figures = CAST(:figures AS jsonb)
""")


class Heartbeat:
    """Writes this process's row in `process_state` every few seconds; a failure to write is never a reason to stop."""

    def __init__(self, engine: Engine, name: str, figures: Callable[[], Mapping[str, object]]) -> None:
        self._engine, self._name, self._figures = engine, name, figures
        self._since = utc_now()

    def run(self, stop: threading.Event, pulse: Pulse) -> None:
        """In a thread of its own: a database that does not answer must hold up nothing else."""
        self.write(utc_now())
        while not stop.wait(HEARTBEAT_S):
            self.write(utc_now())

    def write(self, now: datetime) -> None:
        given = {"name": self._name, "pid": os.getpid(), "since": self._since, "now": now}
        try:
            with self._engine.begin() as conn:
                conn.execute(_WRITE, {**given, "figures": json.dumps(self._figures(), default=str)})
        except SQLAlchemyError as exc:
            log.warning("heartbeat_failed", error=str(exc)[:200])
