"""The alerts process: judges batches as they are committed, lets delays and silences mature, scores, issues, delivers.

Five threads under supervision: the lease (locks and notifications), judgement of readings, judgement of what stands,
scoring, deliveries; neither a broker that does not answer nor a thousand alarms without a score may hold up judgement.
What each does is a list of chores (core.process).
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from alerts import store
from alerts.around import read_tree
from alerts.cells import CellGround, forget_scores, put_districts, read_cell_ground, score_cells
from alerts.chatter import watch_chatter
from alerts.deliveries import Carriers, deliver, forget_done, repeat
from alerts.engine import BATCHES_AT_ONCE, AlertEngine, partition_lock
from alerts.escalation import escalate, follow_design
from alerts.ground import STILL, Ground, read_ground
from alerts.lifecycle import unshelve
from alerts.mutes import sync_mutes
from alerts.orphans import end_orphans
from alerts.rules import KINDS
from alerts.scoring import SCORED_AT_ONCE, follow_world, score_alarms, score_incidents
from alerts.setting import Moment, moment
from alerts.standing import Standing
from alerts.start import Start
from alerts.turns import queue_repeats
from core import set_aside
from core.clock import utc_now
from core.db import BATCH_CHANNEL, CHANGE_CHANNEL, OUTBOX_CHANNEL, Note, Notes, make_engine
from core.log import get_log
from core.process import Chore, Chores, Crew, Fence, Heartbeat, Lease, Pulse, keep_running, take_lease
from core.settings import Settings

log = get_log("alerts")
TICK_S, CELLS_S, LOCKS_S, HOUSE_S = 1.0, 3.0, 5.0, 3600.0
# scores follow the world: looked at so often, counted when something has changed or after FOLLOW_AT_LEAST_S, and for no
# more than a share of the time
FOLLOW_S, FOLLOW_AT_LEAST_S, FOLLOW_SHARE = 1.0, 60.0, 0.25
REASONS_TO_RELOAD = ("rule", "layer", "sensor_register", "set_aside")
# changes that come close together are scored and leave together, and judgement of the next goes before
SCORE_REST_S = DELIVER_REST_S = 0.05
STANDING_REST_S, ESCALATE_S, ORPHANS_S = 0.25, 5.0, 30.0
# a lock of its own: a scan that takes seconds keeps no partition waiting
STANDING_LOCK = "engine-standing"
# one process routes and carries: the order of a subscription is kept by whoever has nothing of it on its way
DELIVERY_LOCK = "deliveries"
SCORE, CELLS, WOKEN, BACK = "score", "cells", "woken", "back"
# kinds of changes after which the scores of other things may be others
MOVES_SCORES = ("incident", "coverage", "warning")


# what any kind of rule wants to be woken by
WAKING = frozenset(sign for kind in KINDS for sign in kind.wakes)


class AlertRunner:
    """Everything one life of an alerts process holds."""

    def __init__(self, settings: Settings, lease: Lease) -> None:
        self.settings = settings
        self.lease = lease
        self.db: Engine = make_engine(settings, pool_size=6, name="onemap alerts")
        self.fence = Fence(lease)
        self.engine = AlertEngine(self.db, settings.engine_partitions, self.fence)
        self.carriers = Carriers(settings, on_back=lambda: self.deliveries.sign(BACK))
        self.started_at = utc_now()
        self.figures: Counter[str] = Counter()
        self.standing = Standing(self.started_at)
        # what has changed since rules about what stands were judged last
        self._woken: deque[str] = deque(maxlen=1000)
        self.start = Start()
        self.ground: Ground | None = None
        self.cells: CellGround | None = None
        # rules, places or layers have changed: judgement and scoring each read them anew
        self._reload, self._new_ground = threading.Event(), threading.Event()
        # something has changed that scores are made of; and when it was last counted
        self._moved = threading.Event()
        self._moment: Moment | None = None
        self._followed_at: datetime | None = None
        self._follow_from = 0.0
        self._owned: frozenset[int] = frozenset()
        self._standing = self._carries = False
        self._locks_at = 0.0
        # each a thread of its own
        self.threads = {name: Chores(name, chores, self.figures) for name, chores in self._chores().items()}
        self.judgement, self.standing_rules = self.threads["judgement"], self.threads["standing"]
        self.scoring, self.deliveries = self.threads["scoring"], self.threads["deliveries"]

    def _chores(self) -> dict[str, list[Chore]]:
        first = self._owns_first
        return {
            "judgement": [
                Chore("judge", TICK_S, self._judge, (BATCH_CHANNEL,), when=self._owns_some),
                Chore("tick", TICK_S, self._tick, when=self._owns_some),
            ],
            # one process keeps the clockwork; none of it may hold up readings: a scan of a season takes seconds
            "standing": [
                Chore(
                    "standing", TICK_S, self._judge_standing, (WOKEN,), when=self._owns_standing, rest_s=STANDING_REST_S
                ),
                Chore("shelves", TICK_S, self._end_shelves, when=first),
                Chore("design", TICK_S, self._follow_design, when=first),
                Chore("orphans", ORPHANS_S, self._end_orphans, when=first),
                Chore("escalate", ESCALATE_S, self._escalate, when=first),
                Chore("house", HOUSE_S, self._keep_house, when=first),
            ],
            "scoring": [
                Chore("score", TICK_S, self._score, (SCORE,), rest_s=SCORE_REST_S),
                Chore("follow", FOLLOW_S, self._follow_world, when=first),
                Chore("cells", 60.0, self._score_cells, (CELLS,), when=first, rest_s=CELLS_S),
            ],
            "deliveries": [
                Chore("mutes", TICK_S, self._keep_mutes, when=first),
                Chore(
                    "deliver",
                    TICK_S,
                    self._deliver,
                    (OUTBOX_CHANNEL, BACK),
                    when=self._owns_deliveries,
                    rest_s=DELIVER_REST_S,
                ),
            ],
        }

    def run(self, process_stop: threading.Event, pulse: Pulse) -> None:
        """Until told to stop, or the lease is lost."""
        crew = Crew(threading.Event(), pulse)
        heartbeat = Heartbeat(self.db, f"alerts-{self.lease.pid}", lambda: self._tell(crew))
        crew.start("lease", self._keep_lease, vital=True)
        for name, thread in self.threads.items():
            crew.start(name, thread.run)
        crew.start("heartbeat", heartbeat.run)
        crew.stand(process_stop, [thread.sign for thread in self.threads.values()])
        self.carriers.close()
        self.db.dispose()
        log.info("stopped", **self.figures)

    def _tell(self, crew: Crew) -> dict[str, object]:
        return {**self.figures, "judged": self.engine.judged, "late": self.engine.late, **crew.figures()}

    # --- the lease's thread -----------------------------------------------------------------------------------------

    def _keep_lease(self, stop: threading.Event, pulse: Pulse) -> None:
        self._take_partitions()
        channels = [BATCH_CHANNEL, CHANGE_CHANNEL, OUTBOX_CHANNEL]
        self.lease.listen(channels, self._hear, self._take_partitions, stop, pulse)

    def _hear(self, notes: Notes) -> None:
        signs: set[str] = set()
        for channel, message in notes:
            kind = message.get("kind")
            signs.add(channel)
            if kind in REASONS_TO_RELOAD:
                self._reload.set()
            if kind == "layer" and is_ground(message):
                self._new_ground.set()
            if kind in WAKING:
                self._woken.append(str(kind))
                signs.add(WOKEN)
            if kind in MOVES_SCORES:
                self._moved.set()
            if kind in ("alarm", "incident"):
                signs.add(SCORE)
            if kind in ("alarm", "layer", *MOVES_SCORES):
                signs.add(CELLS)
        self.judgement.sign(*signs)
        if WOKEN in signs:
            self.standing_rules.sign(WOKEN)
        if not signs.isdisjoint((SCORE, CELLS)):
            self.scoring.sign(*signs)
        if OUTBOX_CHANNEL in signs:
            self.deliveries.sign(OUTBOX_CHANNEL)

    def _take_partitions(self) -> None:
        """Take every shard whose owner is gone."""
        if time.monotonic() < self._locks_at:
            return
        self._locks_at = time.monotonic() + LOCKS_S
        owned = frozenset(n for n in range(self.settings.engine_partitions) if self.lease.take(partition_lock(n)))
        self._standing = self.lease.take(STANDING_LOCK)
        self._carries = self.lease.take(DELIVERY_LOCK)
        if owned != self._owned:
            log.info("partitions_taken", partitions=sorted(owned - self._owned))
            self._owned = owned
            self.judgement.sign(BATCH_CHANNEL)
            self.scoring.sign(CELLS)

    def _owns_some(self) -> bool:
        return bool(self._owned)

    def _owns_standing(self) -> bool:
        return self._standing

    def _owns_deliveries(self) -> bool:
        return self._carries

    def _owns_first(self) -> bool:
        return 0 in self._owned

    # --- judgement --------------------------------------------------------------------------------------------------

    def _judge(self, now: datetime) -> bool:
        if self._reload.is_set():
            self._reload.clear()
            self.engine.stale = True
        self.engine.own(sorted(self._owned))
        done = self.engine.judge(now)
        self.figures["batches"] += done
        if self.engine.concluded:
            self.scoring.sign(SCORE)
            self.deliveries.sign(OUTBOX_CHANNEL)
        return done >= BATCHES_AT_ONCE

    def _tick(self, now: datetime) -> None:
        self.engine.tick(now)

    def _judge_standing(self, now: datetime) -> None:
        woken = {self._woken.popleft() for _ in range(len(self._woken))}
        with self.db.begin() as conn:
            self.fence.enter(conn, [STANDING_LOCK])
            changed = self.standing.judge(conn, now, woken)
        if changed:
            self.scoring.sign(SCORE)
            self.deliveries.sign(OUTBOX_CHANNEL)

    def _end_shelves(self, now: datetime) -> None:
        with self.db.begin() as conn:
            end_shelves(conn, now)

    def _follow_design(self, now: datetime) -> None:
        with self.db.begin() as conn:
            follow_design(conn, now)

    def _end_orphans(self, now: datetime) -> None:
        with self.db.begin() as conn:
            end_orphans(conn, now)

    def _escalate(self, now: datetime) -> None:
        with self.db.begin() as conn:
            passed_on = escalate(conn, now)
        if passed_on:
            self.deliveries.sign(OUTBOX_CHANNEL)

    def _score(self, now: datetime) -> bool:
        """Each in a transaction of its own: what is scored is shown at once."""
        resolution = self.settings.h3_resolution
        with self.db.begin() as conn:
            alarms = score_alarms(conn, now, resolution, self._still(conn))
        with self.db.begin() as conn:
            incidents = score_incidents(conn, now, resolution, self._still(conn))
        return SCORED_AT_ONCE in (alarms, incidents)

    def _still(self, conn: Connection) -> Ground:
        """What stands still in the city, read anew where it has changed."""
        if self._new_ground.is_set():
            self._new_ground.clear()
            self.ground = self.cells = None
            self._moved.set()
        if self.ground is None:
            self.ground = read_ground(conn)
        return self.ground

    def _follow_world(self, now: datetime) -> None:
        """What is told by notification has set `_moved`; what begins and ends by the clock is looked at."""
        if time.monotonic() < self._follow_from:
            return
        began = time.monotonic()
        with self.db.begin() as conn:
            ground, at = self._still(conn), moment(conn, now)
            turned = at != self._moment
            last = self._followed_at
            late = last is None or (now - last).total_seconds() > FOLLOW_AT_LEAST_S
            if not (turned or late or self._moved.is_set()):
                return
            self._moved.clear()
            self.figures["followed"] += follow_world(conn, now, self.settings.h3_resolution, ground)
        self._moment, self._followed_at = at, now
        self._follow_from = began + (time.monotonic() - began) / FOLLOW_SHARE
        if turned:
            self.scoring.sign(CELLS)

    def _score_cells(self, now: datetime) -> None:
        with self.db.begin() as conn:
            ground = self._still(conn)
            if self.cells is None:
                self.cells = read_cell_ground(conn, self.settings.h3_resolution, ground)
                if self.cells is not None:
                    put_districts(conn, self.cells)
            if self.cells is not None:
                score_cells(conn, self.cells, now)

    def _keep_house(self, now: datetime) -> None:
        with self.db.begin() as conn:
            keep_house(conn, now, self.settings.retention_days)

    # --- deliveries -------------------------------------------------------------------------------------------------

    def _keep_mutes(self, now: datetime) -> None:
        """What runs on the clock: alarms that begin or cease to chatter, silences that begin or end, repetitions."""
        with self.db.begin() as conn:
            watch_chatter(conn, now)
        with self.db.begin() as conn:
            if self.start.is_over(conn, now):
                sync_mutes(conn, now)
                queue_repeats(conn, read_tree(conn), now)
                repeat(conn, now)

    def _deliver(self, now: datetime) -> bool:
        with self.db.begin() as conn:
            known = self.start.is_over(conn, now)
        done = deliver(
            self.db,
            self.carriers,
            now,
            known=known,
            # what comes back is settled by the next turn, together
            patience_s=0.0,
            guard=lambda conn: self.fence.enter(conn, [DELIVERY_LOCK]),
        )
        self.figures["delivered"] += done
        return bool(done)


def is_ground(message: Note) -> bool:
    """Whether a change of layers is one of what stands still in the city; some do not say of which."""
    ids = message.get("ids")
    return not ids or not STILL.isdisjoint(map(str, ids))


def keep_house(conn: Connection, now: datetime, days: int) -> None:
    """Drop what has been delivered long ago, scores of cells from before `days`, what dead processes said of
    themselves, and what people have dropped."""
    forget_done(conn, now)
    forget_scores(conn, now - timedelta(days=days))
    conn.execute(
        text("DELETE FROM process_state WHERE seen_at < CAST(:now AS timestamptz) - interval '1 day'"), {"now": now}
    )
    conn.execute(
        text(
            """
DELETE FROM ingest_batch b USING set_aside s
WHERE s.what = 'batch' AND s.dropped_at IS NOT NULL AND s.id = b.id::text
"""
        )
    )
    set_aside.forget_dropped(conn, now)


def end_shelves(conn: Connection, now: datetime) -> None:
    """Bring back alarms whose time on the shelf is over."""
    due = conn.scalars(
        text(
            f"""
SELECT id FROM alarm
WHERE state = 'shelved' AND shelved_until <= :now AND {set_aside.resting("shelf", "alarm.id::text")}
ORDER BY id FOR NO KEY UPDATE
"""
        ),
        {"now": now},
    ).all()

    def end(alarm_id: Any) -> None:
        alarm = store.lock_alarm(conn, alarm_id)
        store.change_by_hand(conn, alarm, unshelve(alarm.view), "engine", None, now)

    if due:
        set_aside.each(conn, "shelf", due, str, end, now)


def run(settings: Settings) -> None:
    """Run until told to stop."""

    def live(stop: threading.Event, pulse: Pulse) -> None:
        with take_lease(settings, "onemap alerts lease") as lease:
            AlertRunner(settings, lease).run(stop, pulse)

    keep_running(live)
