"""The alert engine: batches to findings to alarms, in one transaction each.

It owns partitions of the sensors through session advisory locks, claims their batches with SKIP LOCKED, feeds the banks
of all rules (alerts.panel) in order of observation time, folds findings into alarms, stores checkpoints and deletes the
batches. A crash repeats a batch and never skips one. After any failed transaction the state in memory is thrown away
and read again.

A fault stays where it happens: a rule, or what it watches, that fails rests and is noted, the others judge on; a
finding that cannot be folded costs its own alarm only, and its bank goes back to its last checkpoint, so that the next
reading finds it again; a batch that cannot be judged at all is found by halving and put aside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from alerts import loading, store
from alerts.folding import Folded, fold_each, fold_one, log_changes
from alerts.panel import Outcome, Panel, Series
from alerts.rules.base import Key
from alerts.rules.steps import Ints
from core import set_aside
from core.db import pipelined
from core.log import get_log
from core.packed import unpack
from core.pgarray import to_pg_us
from core.process import Fence, is_of_connection
from core.types import Params

log = get_log("engine")
BATCHES_AT_ONCE = 50
# what was learnt since is learnt anew from the readings after a restart
KEPT_EVERY = timedelta(minutes=5)
# a series whose number was not looked up yet, and one that is nobody's
UNASKED = -2
NOBODY: Series = ("", "")

CLAIM = text(f"""
SELECT id, packed FROM ingest_batch b
WHERE partition = ANY(:owned) AND (CAST(:ids AS bigint[]) IS NULL OR id = ANY(:ids))
  AND {set_aside.resting("batch", "b.id::text")}
ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
""")
CHECKPOINT = text("""
INSERT INTO rule_state (rule_id, thing_id, state) VALUES (:rule, :thing, CAST(:state AS jsonb))
ON CONFLICT (rule_id, thing_id) DO UPDATE SET state = EXCLUDED.state
""")
FORGET_BATCHES = text("DELETE FROM ingest_batch WHERE id = ANY(:ids)")


def partition_lock(partition: int) -> str:
    return f"engine-partition-{partition}"


class AlertEngine:
    """Judges the readings of the partitions it owns. With a `fence`, writes only while its lease still holds their
    locks."""

    def __init__(self, engine: Engine, partitions_of_all: int, fence: Fence | None = None) -> None:
        self._engine = engine
        self._all = partitions_of_all
        self._fence = fence
        self._owned: list[int] = []
        self._panel = Panel([])
        # by number of a series
        self._slot_of = np.zeros(0, np.int64)
        # what has failed and is tried again
        self._on_trial: set[Key] = set()
        self._rest_until: datetime | None = None
        self.stale = True
        # when what rules have learnt was written down
        self._kept_at: datetime | None = None
        self.concluded = False  # whether the last judgement changed an alarm
        self.judged = 0
        self.late = 0

    def own(self, partitions: Sequence[int]) -> None:
        """Take over exactly these partitions."""
        if list(partitions) != self._owned:
            self._owned = list(partitions)
            self.stale = True

    def load(self, now: datetime) -> None:
        """Read rules, things, checkpoints and windows anew."""
        if self._fence is not None:
            with self._engine.begin() as conn:
                self._fence.pass_through(conn, self._locks())
        with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn, conn.begin():
            failed = loading.read_failed(conn)
            resting = {key for key, due in failed.items() if due is None or due > now}
            loaded = loading.load(conn, self._owned, self._all, resting)
        self._panel = loaded.panel
        self._slot_of = np.full(len(self._slot_of), UNASKED)
        resting |= set(loaded.faults)
        self._on_trial = set(failed) - resting
        self._panel.on_trial = self._on_trial
        self._rest_until = min((due for due in failed.values() if due is not None and due > now), default=None)
        self.stale = False
        if loaded.faults:
            with self._engine.begin() as conn:
                for key, exc in loaded.faults.items():
                    set_aside.note(conn, "monitor", "/".join(key), exc, now)
        watched = sum(len(bank.things) for bank in self._panel.banks)
        log.info("loaded", watched=watched, partitions=len(self._owned), resting=len(resting))

    def judge(self, now: datetime) -> int:
        """Judge what waits, up to fifty batches; returns how many batches there were."""
        try:
            return self._judge(now, None)
        except Exception as exc:
            if is_of_connection(exc) or self._is_refused(exc):
                raise
            log.exception("judging_failed")
            return self._halve(now, self._waiting_ids(now))

    @staticmethod
    def _is_refused(exc: Exception) -> bool:
        return getattr(exc, "reason", None) == "lease_lost"

    def _waiting_ids(self, now: datetime) -> list[int]:
        with self._engine.begin() as conn:
            claimed = conn.execute(CLAIM, {"owned": self._owned, "ids": None, "most": BATCHES_AT_ONCE, "now": now})
            return [row.id for row in claimed]

    def _halve(self, now: datetime, ids: list[int]) -> int:
        """Judge these batches in halves until the one that cannot be judged stands alone; that one is put aside."""
        if not ids:
            return 0
        try:
            return self._judge(now, ids, careful=True)
        except Exception as exc:
            if is_of_connection(exc) or self._is_refused(exc):
                raise
            if len(ids) == 1:
                with self._engine.begin() as conn:
                    set_aside.note(conn, "batch", str(ids[0]), exc, now)
                return 0
        half = len(ids) // 2
        return self._halve(now, ids[:half]) + self._halve(now, ids[half:])

    def _judge(self, now: datetime, ids: list[int] | None, *, careful: bool = False) -> int:
        self._freshen(now)
        given = {"owned": self._owned, "ids": ids, "most": BATCHES_AT_ONCE, "now": now}
        try:
            with self._engine.begin() as conn:
                batches = conn.execute(CLAIM, given).all()
                if not batches:
                    return 0
                self._enter(conn)
                outcome = self._feed(conn, batches)
                self._conclude(conn, outcome, [batch.id for batch in batches], now, careful=careful)
        except BaseException:
            self.stale = True
            raise
        return len(batches)

    def tick(self, now: datetime) -> None:
        """Let what runs mature on the clock."""
        if self.stale or not self._panel.waiting:
            return
        outcome = self._panel.tick(to_pg_us(now))
        if not outcome.touched and not outcome.faults:
            return
        try:
            with self._engine.begin() as conn:
                self._enter(conn)
                self._conclude(conn, outcome, [], now, careful=True)
        except BaseException:
            self.stale = True
            raise

    def _freshen(self, now: datetime) -> None:
        if self.stale or (self._rest_until is not None and now >= self._rest_until):
            self.load(now)

    def _locks(self) -> list[str]:
        return [partition_lock(n) for n in self._owned]

    def _enter(self, conn: Connection) -> None:
        if self._fence is not None and self._owned:
            self._fence.enter(conn, self._locks())

    def _feed(self, conn: Connection, batches: Sequence[Any]) -> Outcome:
        """Feed every timely reading of the batches to its banks, oldest first within a series."""
        series, times, values = unpack(batch.packed for batch in batches)
        slots = self._slots_of(conn, series)
        mine = slots >= 0
        outcome = self._panel.feed(slots[mine], times[mine], values[mine])
        self.judged += outcome.judged
        self.late += outcome.late
        return outcome

    def _slots_of(self, conn: Connection, series: NDArray[np.int32]) -> Ints:
        """The panel's slot of each reading; -1 where no rule reads its series. Numbers met first are looked up."""
        if not len(series):
            return np.zeros(0, np.int64)
        top = int(series.max())
        if top >= len(self._slot_of):
            wider = np.full(max(top + 1, 2 * len(self._slot_of)), UNASKED)
            wider[: len(self._slot_of)] = self._slot_of
            self._slot_of = wider
        slots = self._slot_of[series]
        if (slots == UNASKED).any():
            asked = np.unique(series[slots == UNASKED])
            names = loading.name_series(conn, asked.tolist())
            self._slot_of[asked] = [self._panel.slots.get(names.get(n, NOBODY), -1) for n in asked.tolist()]
            slots = self._slot_of[series]
        return slots

    @staticmethod
    def _rest(key: Key, exc: Exception, outcome: Outcome) -> None:
        """This row is left alone until it is due again; it begins anew from its last checkpoint then."""
        outcome.touched.pop(key, None)
        outcome.well.discard(key)
        outcome.faults[key] = exc

    def _conclude(
        self, conn: Connection, outcome: Outcome, batches: list[int], now: datetime, *, careful: bool
    ) -> None:
        """Write what judging these batches came to. `careful`: a savepoint for each finding, so that one that cannot be
        folded costs itself only; else all of it leaves for the database at once, and whatever fails fails the whole."""
        known = store.find_open(conn, outcome.findings)
        folded = fold_each(conn, known, outcome.findings, now) if careful else Folded()
        self._keep_failed(conn, outcome, folded)
        states = self._checkpoints(outcome)
        with pipelined(conn):
            if not careful:
                folded.changes = [c for f in outcome.findings if (c := fold_one(conn, known, f, now)) is not None]
            store.announce(conn, [(c.alarm_id, c.transition) for c in folded.changes], now)
            if states:
                conn.execute(CHECKPOINT, states)
            if batches:
                conn.execute(FORGET_BATCHES, {"ids": batches})
        if self._kept_at is None or now - self._kept_at >= KEPT_EVERY:
            self._kept_at = now
            loading.keep_memories(conn, self._panel)
        self.concluded = bool(folded.changes)
        self._note_faults(conn, outcome, now)
        log_changes(folded.changes)

    def _keep_failed(self, conn: Connection, outcome: Outcome, folded: Folded) -> None:
        """A finding that failed rests and its bank goes back to its checkpoint, so that it is found again."""
        failed = {(finding.rule.id, finding.thing.id) for finding in folded.failed}
        for key in failed:
            outcome.touched.pop(key, None)
            outcome.well.discard(key)
            self.stale = True
        if self._on_trial and outcome.findings:
            told = {(f.rule.id, f.thing.id) for f in outcome.findings} - failed
            set_aside.clear(conn, "finding", ["/".join(key) for key in sorted(told & self._on_trial)])

    def _checkpoints(self, outcome: Outcome) -> list[Params]:
        """The states of the rows that were touched, as CHECKPOINT takes them."""
        rows: list[Params] = []
        for key in sorted(outcome.touched):
            try:
                bank, row = outcome.touched[key]
                rows.append({"rule": key[0], "thing": key[1], "state": as_json(bank.state(row))})
            except Exception as exc:  # noqa: BLE001 - noted by set_aside
                self._rest(key, exc, outcome)
        return rows

    def _note_faults(self, conn: Connection, outcome: Outcome, now: datetime) -> None:
        for key, fault in outcome.faults.items():
            set_aside.note(conn, "monitor", "/".join(key), fault, now)
        if outcome.faults:
            self.stale = True  # read again when each is due
        if outcome.well:
            set_aside.clear(conn, "monitor", ["/".join(key) for key in sorted(outcome.well)])
            self._on_trial -= outcome.well
            self._panel.on_trial = self._on_trial


def as_json(state: Mapping[str, object]) -> str:
    """A checkpoint as jsonb takes it. Raises ValueError for numbers that are none."""
    return json.dumps(state, allow_nan=False)
