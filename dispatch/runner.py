"""The dispatch process: takes in reports, replies and unit statuses, and keeps coverage."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from core.clock import utc_now
from core.db import CHANGE_CHANNEL, DISPATCH_CHANNEL, connect_direct, listen, make_engine, try_session_lock
from core.errors import OneMapError
from core.log import get_log
from core.process import Heartbeat, keep_running
from core.settings import Settings
from dispatch import coverage, incidents, tasks
from dispatch.routing import RoadGraph, load_graph
from dispatch.units import read_candidates

log = get_log("dispatch")
COVERAGE_S, SWEEP_S = 5.0, 5.0
MOVES_COVERAGE = ("unit", "position", "layer")
FAILURES = (SQLAlchemyError, psycopg.Error, OneMapError)
CLAIMS: tuple[tuple[str, Callable[..., int]], ...] = (
    ("reports", incidents.claim_reports),
    ("replies", tasks.claim_replies),
    ("unit_reports", tasks.claim_unit_reports),
)


class DispatchRunner:
    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self.settings = settings
        self.stop = stop
        self.db = make_engine(settings, pool_size=2, name="onemap dispatch")
        self.figures: Counter[str] = Counter()
        self.graph: RoadGraph | None = None
        self.dirty = True
        self._coverage_at = self._sweep_at = 0.0

    def run(self) -> None:
        with connect_direct(self.settings, name="onemap dispatch") as ears, connect_direct(self.settings, name="onemap dispatch lock") as lock:  # fmt: skip
            heartbeat = Heartbeat(self.db, f"dispatch-{ears.info.backend_pid}")
            mine = False
            for notes in listen(ears, [DISPATCH_CHANNEL, CHANGE_CHANNEL], 0.5):
                if self.stop.is_set():
                    break
                kinds = {message.get("kind") for _, message in notes}
                if "layer" in kinds:
                    self.graph = None
                self.dirty |= not kinds.isdisjoint(MOVES_COVERAGE)
                if any(channel == DISPATCH_CHANNEL for channel, _ in notes) or time.monotonic() >= self._sweep_at:
                    self._sweep_at = time.monotonic() + SWEEP_S
                    self.claim()
                mine = mine or try_session_lock(lock, "coverage")
                if mine and self.dirty and time.monotonic() >= self._coverage_at:
                    self._coverage_at = time.monotonic() + COVERAGE_S
                    self._step("coverage", self.cover)
                heartbeat.figures = dict(self.figures)
                heartbeat.beat()
        self.db.dispose()
        log.info("stopped", **self.figures)

    def claim(self) -> None:
        for name, work in CLAIMS:
            self._step(name, lambda name=name, work=work: self._claim(name, work))  # type: ignore[misc]

    def _claim(self, name: str, work: Callable[[Connection, object], int]) -> None:
        while not self.stop.is_set():
            with self.db.begin() as conn:
                done = work(conn, utc_now())
            self.figures[name] += done
            if not done:
                return

    def cover(self) -> None:
        self.dirty = False
        with self.db.begin() as conn:
            if self.graph is None:
                self.graph = load_graph(conn)
                log.info("streets_loaded", edges=len(self.graph))
            if not len(self.graph):
                return
            cells = coverage.city_cells(conn, self.settings.h3_resolution)
            self.figures["coverage"] += coverage.store(
                conn, coverage.compute(self.graph, cells, read_candidates(conn)), utc_now()
            )

    def _step(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except FAILURES as exc:
            self.figures[f"failed_{name}"] += 1
            log.error("step_failed", step=name, error=str(exc).splitlines()[0][:300])
            self.stop.wait(0.5)


def run(settings: Settings) -> None:
    """Run until told to stop."""
    keep_running(lambda stop: DispatchRunner(settings, stop).run())
