"""The alert engine: batches to findings to alarms, in one transaction each.

It owns partitions of the sensors through session advisory locks, claims their batches with SKIP LOCKED, feeds monitors in
order of observation time, folds findings into alarms, stores the monitors' checkpoints and deletes the batches. A crash
repeats a batch and never skips one. After any failed transaction the state in memory is thrown away and read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from alerts import loading, store
from alerts.lifecycle import Transition, fold
from alerts.rules.base import Finding, Monitor
from core.log import get_log
from core.pgarray import to_pg_us

log = get_log("engine")
BATCHES_AT_ONCE = 50
LATE = 0

CLAIM = text(
    "SELECT id, created_at, sensor_ids, metrics, times, values FROM ingest_batch WHERE partition = ANY(:owned) "
    "ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED"
)


class AlertEngine:
    """Judges the readings of the partitions it owns."""

    def __init__(self, engine: Engine, partitions_of_all: int) -> None:
        self._engine = engine
        self._all = partitions_of_all
        self._owned: list[int] = []
        self._monitors: dict[tuple[str, str], list[Monitor]] = {}
        self._unique: dict[tuple[str, str], Monitor] = {}
        self._newest: dict[tuple[str, str], int] = {}
        self._waiting: dict[tuple[str, str], Monitor] = {}
        self.stale = True
        self.concluded = False  # whether the last judgement changed an alarm
        self.judged = 0
        self.late = 0

    def own(self, partitions: Sequence[int]) -> None:
        """Take over exactly these partitions."""
        if list(partitions) != self._owned:
            self._owned = list(partitions)
            self.stale = True

    def load(self) -> None:
        """Read rules, things, checkpoints and windows anew."""
        with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn, conn.begin():
            loaded = loading.load(conn, self._owned, self._all)
        self._monitors, self._unique, self._newest = loaded.by_metric, loaded.by_thing, loaded.newest
        self._waiting = {key: m for key, m in self._unique.items() if m.waiting}
        self.stale = False
        log.info("loaded", monitors=len(self._unique), partitions=len(self._owned))

    def judge(self, now: datetime) -> int:
        """Judge what waits, up to fifty batches; returns how many batches there were."""
        if self.stale:
            self.load()
        try:
            with self._engine.begin() as conn:
                batches = conn.execute(CLAIM, {"owned": self._owned, "most": BATCHES_AT_ONCE}).all()
                if not batches:
                    return 0
                findings, touched = self._feed(batches)
                self._conclude(conn, findings, touched, now)
                conn.execute(text("DELETE FROM ingest_batch WHERE id = ANY(:ids)"), {"ids": [b.id for b in batches]})
        except BaseException:
            self.stale = True
            raise
        return len(batches)

    def tick(self, now: datetime) -> None:
        """Let delays mature on the clock."""
        if self.stale or not self._waiting:
            return
        moment = to_pg_us(now)
        findings, touched = [], {}
        for key, monitor in list(self._waiting.items()):
            finding = monitor.tick(moment)
            if finding is not None:
                findings.append(finding)
                touched[key] = monitor
            if not monitor.waiting:
                del self._waiting[key]
        if not touched:
            return
        try:
            with self._engine.begin() as conn:
                self._conclude(conn, findings, touched, now)
        except BaseException:
            self.stale = True
            raise

    def _feed(self, batches: Sequence[Any]) -> tuple[list[Finding], dict[tuple[str, str], Monitor]]:
        """Feed every timely reading of the batches to its monitors, oldest first within a sensor and metric."""
        readings = [
            (to_pg_us(at), sensor, metric, value)
            for batch in batches
            for sensor, metric, at, value in zip(
                batch.sensor_ids, batch.metrics, batch.times, batch.values, strict=True
            )
            if (sensor, metric) in self._monitors
        ]
        readings.sort(key=lambda r: r[0])
        findings: list[Finding] = []
        touched: dict[tuple[str, str], Monitor] = {}
        for at, sensor, metric, value in readings:
            key = (sensor, metric)
            if at <= self._newest.get(key, LATE):
                self.late += 1
                continue
            self._newest[key] = at
            self.judged += 1
            for monitor in self._monitors[key]:
                self._feed_one(monitor, metric, at, value, findings, touched)
        return findings, touched

    def _feed_one(
        self,
        monitor: Monitor,
        metric: str,
        at: int,
        value: float,
        findings: list[Finding],
        touched: dict[tuple[str, str], Monitor],
    ) -> None:
        key = (monitor.rule.id, monitor.thing.id)
        waited = monitor.waiting
        finding = monitor.feed(metric, at, value)
        if finding is not None:
            findings.append(finding)
        if finding is not None or monitor.waiting or waited:
            touched[key] = monitor
            if monitor.waiting:
                self._waiting[key] = monitor
            else:
                self._waiting.pop(key, None)

    def _conclude(
        self, conn: Connection, findings: Iterable[Finding], touched: dict[tuple[str, str], Monitor], now: datetime
    ) -> None:
        self.concluded = bool(fold_all(conn, findings, now))
        if touched:
            conn.execute(
                text(
                    "INSERT INTO rule_state (rule_id, thing_id, state) VALUES (:rule, :thing, CAST(:state AS jsonb)) "
                    "ON CONFLICT (rule_id, thing_id) DO UPDATE SET state = EXCLUDED.state"
                ),
                [{"rule": r, "thing": t, "state": json.dumps(touched[r, t].state())} for r, t in sorted(touched)],
            )


def fold_all(conn: Connection, findings: Iterable[Finding], now: datetime) -> list[UUID]:
    """Fold findings into alarms in their order, and tell of what changed."""
    changed: list[tuple[UUID, Transition]] = []
    for finding in findings:
        alarm = store.find_open(conn, finding.rule.id, finding.thing.type, finding.thing.id)
        transition = fold(alarm.view if alarm else None, finding.level)
        if transition is None:
            continue
        if alarm is None:
            alarm_id = store.raise_alarm(conn, finding, transition, now)
        else:
            alarm_id = alarm.id
            store.change_alarm(conn, alarm, finding, transition, now)
        changed.append((alarm_id, transition))
        log.info(
            "alarm",
            what=transition.what,
            rule=finding.rule.id,
            thing=finding.thing.id,
            level=finding.level,
            value=finding.value,
        )
    store.tell(conn, changed, now)
    return [alarm_id for alarm_id, _ in changed]
