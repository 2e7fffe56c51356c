"""All banks side by side: readings are put in order once and given to each rule that reads them.

Pure: no database, no clock. The engine feeds it what arrives, a trial what was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.rules.base import Bank, Fed, Finding, Key, Readings
from alerts.rules.single import SingleBank
from alerts.rules.steps import NEVER, Bools, Floats, Ints

Series = tuple[str, str]
"""Thing and metric."""
ALL = "*"
"""In the key of a rule that fails: all its things."""


@dataclass
class Outcome:
    """What a feed or a tick came to: findings in order of time; the banks and rows of which something is to be kept;
    what failed, by rule and thing ("*": all things of the rule), and what was tried again and was well; how many
    readings were judged, how many came late."""

    findings: list[Finding] = field(default_factory=list)
    touched: dict[Key, tuple[Bank, int]] = field(default_factory=dict)
    faults: dict[Key, Exception] = field(default_factory=dict)
    well: set[Key] = field(default_factory=set)
    judged: int = 0
    late: int = 0


class Panel:
    """Banks, and which series is whose row. `newest` is the time of the newest judged reading of each series."""

    def __init__(self, banks: Iterable[tuple[Bank, Sequence[str]]]) -> None:
        """Each bank with the metrics it reads."""
        self.banks: list[Bank] = []
        self.slots: dict[Series, int] = {}
        placed: list[tuple[Bank, list[tuple[int, int, int]]]] = []
        for bank, metrics in banks:
            self.banks.append(bank)
            links = []
            for row, thing in enumerate(bank.things):
                for lane, metric in enumerate(metrics):
                    slot = self.slots.setdefault((thing.id, metric), len(self.slots))
                    links.append((slot, row, lane))
            placed.append((bank, links))
        count = len(self.slots)
        self.newest = np.full(count, NEVER)
        # by bank: the row of each slot and its lane; -1 where it is none of its
        self._row_of: list[Ints] = []
        self._lane_of: list[Ints] = []
        for _, links in placed:
            rows, lanes = np.full(count, -1, np.int64), np.zeros(count, np.int64)
            for slot, row, lane in links:
                rows[slot], lanes[slot] = row, lane
            self._row_of.append(rows)
            self._lane_of.append(lanes)
        # where one row reads one series, the turns of series are those of rows
        self._many = [len({lane for _, _, lane in links}) > 1 for _, links in placed]
        self.resting: set[Key] = set()
        # what has failed before and is tried again
        self.on_trial: set[Key] = set()

    def note_newest(self, newest: Mapping[Series, int]) -> None:
        """What was judged last before the start."""
        for series, at in newest.items():
            slot = self.slots.get(series)
            if slot is not None:
                self.newest[slot] = at

    def feed(self, slots: Ints, at: Ints, values: Floats) -> Outcome:
        """Readings in any order; a series' own that are not newer than what was judged of it are left out."""
        outcome = Outcome()
        slots, at, values, turn = self._in_order(slots, at, values, outcome)
        for number, bank in enumerate(self.banks):
            rows = self._row_of[number][slots]
            mine = np.flatnonzero(rows >= 0)
            if not len(mine):
                continue
            lanes = self._lane_of[number][slots[mine]]
            readings = Readings(rows[mine], lanes, at[mine], values[mine], turn[mine])
            if self._many[number]:
                readings = in_turns(readings.rows, readings.lanes, readings.at, readings.values)
            self._try(bank, partial(bank.feed, readings), outcome)
            if self.on_trial:
                outcome.well |= self._fed(bank, readings) - set(outcome.faults)
        outcome.findings.sort(key=lambda finding: finding.at)
        return outcome

    def tick(self, now: int) -> Outcome:
        """Let what runs mature on the clock."""
        outcome = Outcome()
        for bank in self.banks:
            if bank.waiting:
                self._try(bank, partial(bank.tick, now), outcome)
        outcome.findings.sort(key=lambda finding: finding.at)
        return outcome

    @property
    def waiting(self) -> bool:
        return any(bank.waiting for bank in self.banks)

    def _fed(self, bank: Bank, readings: Readings) -> set[Key]:
        """Of what is tried again, what has been fed."""
        rows = set(readings.rows.tolist())
        ids = {bank.things[row].id for row in rows} | {ALL}
        return {key for key in self.on_trial if key[0] == bank.rule.id and key[1] in ids}

    def _try(self, bank: Bank, act: Callable[[], Fed], outcome: Outcome) -> None:
        if (bank.rule.id, ALL) in self.resting:
            return
        try:
            fed = act()
        except Exception as exc:  # noqa: BLE001 - noted by the engine: this rule rests, the others judge on
            outcome.faults[bank.rule.id, ALL] = exc
            self.resting.add((bank.rule.id, ALL))
            return
        outcome.findings += fed.findings
        for row in fed.touched.tolist():
            outcome.touched[bank.rule.id, bank.things[row].id] = bank, row
        if isinstance(bank, SingleBank) and bank.faults:
            for row, fault in bank.faults.items():
                key = bank.rule.id, bank.things[row].id
                outcome.faults[key] = fault
                outcome.touched.pop(key, None)
            bank.faults = {}

    def _in_order(self, slots: Ints, at: Ints, values: Floats, outcome: Outcome) -> tuple[Ints, Ints, Floats, Ints]:
        """By turns of each series, oldest first; late ones are counted and left out."""
        order = sorted_by(slots, at)
        slots, at, values = slots[order], at[order], values[order]
        first = begins(slots)
        late = at <= self.newest[slots]
        late[1:] |= ~first[1:] & (at[1:] == at[:-1])
        if late.any():
            kept = ~late
            slots, at, values = slots[kept], at[kept], values[kept]
            first = begins(slots)
        outcome.late, outcome.judged = int(late.sum()), len(slots)
        self.newest[slots] = at  # the last of a series stands
        turn = turns_of(first)
        if not turn.any():
            return slots, at, values, turn
        order = np.argsort(turn.astype(np.uint16) if turn.max() < 65_536 else turn, kind="stable")
        return slots[order], at[order], values[order], turn[order]


def sorted_by(slots: Ints, at: Ints) -> Ints:
    """Places in order of series and time. Batches come nearly so: a quick sort by series is mostly all."""
    narrow = slots.astype(np.uint16) if len(slots) and slots.max() < 65_536 else slots
    order = np.argsort(narrow, kind="stable")
    ranked, times = slots[order], at[order]
    if bool(((ranked[1:] == ranked[:-1]) & (times[1:] < times[:-1])).any()):
        order = np.lexsort((at, slots))
    return order


def begins(ranked: NDArray[Any]) -> Bools:
    """Where a run of equals begins."""
    first = np.ones(len(ranked), np.bool_)
    first[1:] = ranked[1:] != ranked[:-1]
    return first


def turns_of(first: Bools) -> Ints:
    """Counts within each run, from 0; `first` marks where runs begin."""
    starts = np.flatnonzero(first)
    return np.arange(len(first)) - np.repeat(starts, np.diff(np.r_[starts, len(first)]))


def in_turns(rows: Ints, lanes: Ints, at: Ints, values: Floats) -> Readings:
    """Readings in turns of their rows, by time, whichever series of a row it is."""
    order = np.lexsort((at, rows))
    ranked = rows[order]
    turn = turns_of(begins(ranked))
    later = np.argsort(turn, kind="stable")
    order, turn = order[later], turn[later]
    return Readings(rows[order], lanes[order], at[order], values[order], turn)
