"""The alerts process: judges batches as they are committed, lets delays and silences mature, scores, issues, delivers.

One loop. A notification wakes it; every step has its own bound and its own transaction; a step that fails is logged, counted
and tried again after a backoff, the others go on.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from alerts import store
from alerts.deliveries import Speaker, deliver, forget_sent
from alerts.engine import AlertEngine
from alerts.lifecycle import unshelve
from alerts.scoring import CellGround, read_ground, score_alarms, score_cells, score_incidents
from alerts.senders.mqtt import MqttSender
from alerts.silence import watch_silence
from core.clock import utc_now
from core.db import BATCH_CHANNEL, CHANGE_CHANNEL, OUTBOX_CHANNEL, connect_direct, listen, make_engine, try_session_lock
from core.errors import OneMapError
from core.log import get_log
from core.process import Heartbeat, keep_running
from core.settings import Settings

log = get_log("alerts")
TICK_S, SILENCE_S, CELLS_S, LOCKS_S, HOUSE_S = 1.0, 10.0, 5.0, 5.0, 3600.0
REASONS_TO_RELOAD = ("rule", "layer", "sensor_register")
FAILURES = (SQLAlchemyError, psycopg.Error, OneMapError)


class AlertRunner:
    """Everything one alerts process holds."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self.settings = settings
        self.stop = stop
        self.db: Engine = make_engine(settings, pool_size=3, name="onemap alerts")
        self.engine = AlertEngine(self.db, settings.engine_partitions)
        self.sender = MqttSender(settings.need_mqtt(), f"onemap-alerts-{int(time.time() * 1000):x}")
        self.speaker = Speaker(settings.topic_prefix, settings.cap_sender, settings.cap_status)
        self.started_at = utc_now()
        self.figures: Counter[str] = Counter()
        self.ground: CellGround | None = None
        self.dirty_cells = True
        self.dirty: set[str] = set()
        self.to_deliver = threading.Event()
        self.ended = threading.Event()
        self._due: dict[str, float] = {}
        self._owned: set[int] = set()

    def run(self) -> None:
        """Until told to stop, or the database is lost (an exception)."""
        carrier = threading.Thread(target=self.deliver_forever, name="deliveries", daemon=True)
        carrier.start()
        try:
            with (
                connect_direct(self.settings, name="onemap alerts locks") as locks,
                connect_direct(self.settings, name="onemap alerts listen") as ears,
            ):
                self._turn_forever(locks, ears)
        finally:
            self.ended.set()
            self.to_deliver.set()
            carrier.join(timeout=12)
            self.sender.close()
            self.db.dispose()
        log.info("stopped", **self.figures)

    def _turn_forever(self, locks: psycopg.Connection[Any], ears: psycopg.Connection[Any]) -> None:
        heartbeat = Heartbeat(self.db, f"alerts-{locks.info.backend_pid}")
        for notes in listen(ears, [BATCH_CHANNEL, CHANGE_CHANNEL, OUTBOX_CHANNEL], 0.5):
            if self.stop.is_set():
                return
            for channel, message in notes:
                self._note(channel, message.get("kind"))
            self._every("locks", LOCKS_S, lambda: self._take_partitions(locks))
            self.turn(utc_now())
            heartbeat.figures = {**self.figures, "judged": self.engine.judged, "late": self.engine.late}
            heartbeat.beat()

    def _note(self, channel: str, kind: str | None) -> None:
        self.dirty.add(channel)
        if kind in REASONS_TO_RELOAD:
            self.engine.stale = True
            self.ground = None
        if kind in ("alarm", "incident"):
            self.dirty.add("score")
        if kind in ("alarm", "incident", "coverage"):
            self.dirty_cells = True

    def turn(self, now: datetime) -> None:
        """One round of all steps."""
        if self._owned:
            self._when("judge", BATCH_CHANNEL, lambda: self._judge(now))
            self._every("tick", TICK_S, lambda: self.engine.tick(now))
        if 0 in self._owned:  # one process keeps the clockwork
            self._every(
                "silence", SILENCE_S, lambda: self._in_transaction(lambda c: watch_silence(c, now, self.started_at))
            )
            self._every("shelves", TICK_S, lambda: self._in_transaction(lambda c: end_shelves(c, now)))
            self._every(
                "house",
                HOUSE_S,
                lambda: self._in_transaction(lambda c: keep_house(c, now)),
            )
            if self.dirty_cells:
                self._every("cells", CELLS_S, lambda: self._score_cells(now))
        self._when("score", "score", lambda: self._score(now))
        if OUTBOX_CHANNEL in self.dirty:
            self.dirty.discard(OUTBOX_CHANNEL)
            self.to_deliver.set()

    def _judge(self, now: datetime) -> None:
        while (done := self.engine.judge(now)) and not self.stop.is_set():
            self.figures["batches"] += done
            if self.engine.concluded:
                self.dirty |= {"score", OUTBOX_CHANNEL}

    def _score(self, now: datetime) -> None:
        resolution = self.settings.h3_resolution
        self._in_transaction(lambda c: score_alarms(c, now, resolution))
        self._in_transaction(lambda c: score_incidents(c, now, resolution))

    def _score_cells(self, now: datetime) -> None:
        self.dirty_cells = False
        with self.db.begin() as conn:
            if self.ground is None:
                self.ground = read_ground(conn, self.settings.h3_resolution)
            if self.ground is not None:
                score_cells(conn, self.ground, now)

    def deliver_forever(self) -> None:
        """In a thread of its own: a broker that does not answer must not hold up judgement."""
        while not self.stop.is_set() and not self.ended.is_set():
            self.to_deliver.wait(TICK_S)
            self.to_deliver.clear()
            self._step("deliver", self._deliver)

    def _deliver(self) -> None:
        while (done := deliver(self.db, self.sender, self.speaker, utc_now())) and not self.stop.is_set():
            self.figures["delivered"] += done

    def _take_partitions(self, locks: psycopg.Connection[tuple[Any, ...]]) -> None:
        """Take every shard whose owner is gone; a lock is ours as long as its connection lives."""
        for n in range(self.settings.engine_partitions):
            if n not in self._owned and try_session_lock(locks, f"engine-partition-{n}"):
                self._owned.add(n)
                log.info("partition_taken", partition=n)
        self.engine.own(sorted(self._owned))

    def _in_transaction(self, work: Callable[[Any], object]) -> None:
        with self.db.begin() as conn:
            work(conn)

    def _when(self, name: str, sign: str, work: Callable[[], None]) -> None:
        """When its sign was seen, and every second besides: a notification may have been missed, a row may be due again."""
        if sign in self.dirty:
            self.dirty.discard(sign)
            self._due[name] = time.monotonic() + TICK_S
            self._step(name, work)
        else:
            self._every(name, TICK_S, work)

    def _every(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        if time.monotonic() >= self._due.get(name, 0.0):
            self._due[name] = time.monotonic() + seconds
            self._step(name, work)

    def _step(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except FAILURES as exc:
            self.figures[f"failed_{name}"] += 1
            log.error("step_failed", step=name, error=str(exc).splitlines()[0][:300])
            self.stop.wait(0.5)


def keep_house(conn: Connection, now: datetime) -> None:
    """Drop what has been delivered long ago, and what dead processes said of themselves."""
    forget_sent(conn, now)
    conn.execute(
        text("DELETE FROM process_state WHERE seen_at < CAST(:now AS timestamptz) - interval '1 day'"), {"now": now}
    )


def end_shelves(conn: Connection, now: datetime) -> None:
    """Bring back alarms whose time on the shelf is over."""
    due = conn.scalars(
        text("SELECT id FROM alarm WHERE state = 'shelved' AND shelved_until <= :now"), {"now": now}
    ).all()
    for alarm_id in due:
        alarm = store.lock_alarm(conn, alarm_id)
        store.change_by_hand(conn, alarm, unshelve(alarm.view), "engine", None, now)


def run(settings: Settings) -> None:
    """Run until told to stop."""
    keep_running(lambda stop: AlertRunner(settings, stop).run())
