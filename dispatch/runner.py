"""The dispatch process: takes in reports, replies and unit statuses, and keeps coverage.

Three threads under supervision: the lease (locks and notifications), intake, coverage; a long road search must not hold
up a report.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from core.cells import city_cells
from core.clock import utc_now
from core.db import CHANGE_CHANNEL, DISPATCH_CHANNEL, Notes, make_engine
from core.log import get_log
from core.process import Chore, Chores, Crew, Heartbeat, Lease, Pulse, keep_running, take_lease, transact
from core.settings import Settings
from dispatch import coverage, intake, tasks
from dispatch.routing import RoadGraph, load_graph
from dispatch.units import read_candidates

log = get_log("dispatch")
COVERAGE_S, SWEEP_S, COVERAGE_AT_LEAST_S = 5.0, 5.0, 60.0
MOVES_COVERAGE = ("unit", "position", "layer")
COVERAGE_LOCK = "coverage"
Claim = Callable[[Connection, datetime, int], int]
# what is taken in, and how many rows in one transaction: reports lock nothing that others may have; of what locks an
# incident and then a unit, a second one would come out of order (docs/decisions/0016)
CLAIMS: tuple[tuple[str, Claim, int], ...] = (
    ("reports", intake.claim_reports, 100),
    ("replies", tasks.claim_replies, 1),
    ("unit_reports", tasks.claim_unit_reports, 1),
)


class DispatchRunner:
    """Everything one life of a dispatch process holds."""

    def __init__(self, settings: Settings, lease: Lease) -> None:
        self.settings = settings
        self.lease = lease
        self.db = make_engine(settings, pool_size=3, name="onemap dispatch")
        self.figures: Counter[str] = Counter()
        self.graph: RoadGraph | None = None
        self._streets_changed = threading.Event()
        self.intake = Chores(
            "intake",
            [
                Chore(name, SWEEP_S, self._claiming(name, claim, most), (DISPATCH_CHANNEL,))
                for name, claim, most in CLAIMS
            ],
            self.figures,
        )
        self.cover = Chores(
            "coverage",
            [
                Chore(
                    "coverage",
                    COVERAGE_AT_LEAST_S,
                    self._cover,
                    MOVES_COVERAGE,
                    when=lambda: COVERAGE_LOCK in lease.held,
                    rest_s=COVERAGE_S,
                )
            ],
            self.figures,
        )

    def run(self, process_stop: threading.Event, pulse: Pulse) -> None:
        """Until told to stop, or the lease is lost."""
        crew = Crew(threading.Event(), pulse)
        heartbeat = Heartbeat(self.db, f"dispatch-{self.lease.pid}", lambda: {**self.figures, **crew.figures()})
        crew.start("lease", self._keep_lease, vital=True)
        crew.start("intake", self.intake.run)
        crew.start("coverage", self.cover.run)
        crew.start("heartbeat", heartbeat.run)
        crew.stand(process_stop, (self.intake.sign, self.cover.sign))
        self.db.dispose()
        log.info("stopped", **self.figures)

    def _keep_lease(self, stop: threading.Event, pulse: Pulse) -> None:
        self._take_coverage()
        self.lease.listen([DISPATCH_CHANNEL, CHANGE_CHANNEL], self._hear, self._take_coverage, stop, pulse)

    def _take_coverage(self) -> None:
        if COVERAGE_LOCK not in self.lease.held and self.lease.take(COVERAGE_LOCK):
            self.cover.sign("unit")

    def _hear(self, notes: Notes) -> None:
        kinds = {str(message.get("kind")) for _, message in notes}
        if "layer" in kinds:
            self._streets_changed.set()
        self.cover.sign(*kinds)
        if any(channel == DISPATCH_CHANNEL for channel, _ in notes) or "set_aside" in kinds:
            self.intake.sign(DISPATCH_CHANNEL)

    def _claiming(self, name: str, claim: Claim, most: int) -> Callable[[datetime], bool]:
        def work(now: datetime) -> bool:
            done = transact(self.db, lambda conn: claim(conn, now, most))
            self.figures[name] += done
            return done >= most

        return work

    def _cover(self, now: datetime) -> None:
        if self._streets_changed.is_set():
            self._streets_changed.clear()
            self.graph = None
        with self.db.begin() as conn:
            if self.graph is None:
                self.graph = load_graph(conn)
                log.info("streets_loaded", edges=len(self.graph))
            if not len(self.graph):
                return
            cells = city_cells(conn, self.settings.h3_resolution)
            found = coverage.compute(self.graph, cells, read_candidates(conn))
            self.figures["coverage"] += coverage.store(conn, found, utc_now())


def run(settings: Settings) -> None:
    """Run until told to stop."""

    def live(stop: threading.Event, pulse: Pulse) -> None:
        with take_lease(settings, "onemap dispatch lease") as lease:
            DispatchRunner(settings, lease).run(stop, pulse)

    keep_running(live)
