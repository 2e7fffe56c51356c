"""The layer of expected incidents renews itself: when it has grown old it is made anew, by a process of its own, so
that whoever asks for something is not held up. One at a time in a city; one that fails is told by health and doctor,
tried again later, and leaves the layer as it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from alerts.expected import are_enough
from core.clock import rfc3339
from core.log import get_log
from core.process import Chore, Chores, Pulse
from core.settings import Settings

log = get_log("hotspots")
LAYER = "expected-incidents"
LOOK_S = 5.0
# after one that failed, or that could not be for want of incidents
AGAIN = timedelta(hours=1)
PATIENCE_S = 3600.0
COMMAND = (sys.executable, "-m", "app.cli", "hotspots", "make", "--json")
_MADE = text("SELECT max(props->>'made_at') FROM layer_row WHERE layer_id = :layer")
# several servers of one city: one of them makes it
TURN = text("SELECT pg_try_advisory_lock(hashtext('hotspots-make'))")


def read_made_at(conn: Connection) -> datetime | None:
    """When the layer that there is was made."""
    told = conn.scalar(_MADE, {"layer": LAYER})
    try:
        return datetime.fromisoformat(told) if told else None
    except ValueError:  # somebody has written something else there
        return None


class Renewer:
    """A chore that looks every few seconds; the work itself is `command`."""

    def __init__(
        self, engine: Engine, settings: Settings, figures: Counter[str], command: Sequence[str] = COMMAND
    ) -> None:
        self._engine, self._settings, self.figures, self._command = engine, settings, figures, command
        self.every = timedelta(hours=settings.hotspots_hours)
        self.chores = Chores("hotspots", [Chore("hotspots", LOOK_S, self.look)], figures)
        self._child: subprocess.Popen[str] | None = None
        self._turn: Connection | None = None
        self._begun = 0.0
        self._not_before: datetime | None = None
        self._failed: dict[str, str] | None = None

    def run(self, stop: threading.Event, pulse: Pulse) -> None:
        try:
            self.chores.run(stop, pulse)
        finally:
            self.close()

    def told(self) -> Mapping[str, Any]:
        """For the heartbeat: how the last one failed, where it did."""
        return {} if self._failed is None else {"hotspots_failed": self._failed}

    def look(self, now: datetime) -> None:
        if self._child is not None:
            self._follow(self._child, now)
        elif self._is_due(now) and self._take_turn():
            self._begin(now)

    def _is_due(self, now: datetime) -> bool:
        if not self.every or (self._not_before is not None and now < self._not_before):
            return False
        with self._engine.connect() as conn:
            made = read_made_at(conn)
            if made is not None and now - made < self.every:
                self._not_before, self._failed = min(made + self.every, now + AGAIN), None
                return False
            if not are_enough(conn, now):
                self._not_before = now + AGAIN
                return False
        return True

    def _take_turn(self) -> bool:
        conn = self._engine.connect()
        if conn.scalar(TURN):
            conn.commit()
            self._turn = conn
            return True
        conn.close()
        return False

    def _begin(self, now: datetime) -> None:
        env = {**os.environ, "ONEMAP_DATABASE_URL": self._settings.need_database()}
        self._begun = time.monotonic()
        try:
            self._child = subprocess.Popen(
                self._command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        except OSError as exc:
            self._fail(str(exc), now)

    def _follow(self, child: subprocess.Popen[str], now: datetime) -> None:
        if child.poll() is None:
            if time.monotonic() - self._begun > PATIENCE_S:
                child.kill()
            return
        out, wrong = child.communicate()
        if child.returncode:
            told = wrong.strip().splitlines()
            self._fail(told[-1][:300] if told else f"it ended with {child.returncode}", now)
            return
        self._failed, self._not_before = None, now + AGAIN
        self.figures["hotspots_made"] += 1
        log.info("hotspots_made", **figures_of(out))
        self.close()

    def _fail(self, error: str, now: datetime) -> None:
        self._failed, self._not_before = {"at": rfc3339(now), "error": error}, now + AGAIN
        log.error("hotspots_failed", error=error)
        self.close()

    @property
    def is_busy(self) -> bool:
        return self._child is not None

    def close(self) -> None:
        """Nothing is left running, and another may have its turn."""
        child, self._child = self._child, None
        if child is not None and child.poll() is None:
            child.terminate()
            child.communicate()
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.invalidate()  # its lock goes with it
            turn.close()


def figures_of(out: str) -> dict[str, Any]:
    try:
        found = json.loads(out)
    except ValueError:
        return {}
    return {"incidents": found.get("incidents"), "cells": found.get("cells"), "hit_share": found.get("hit_share")}
