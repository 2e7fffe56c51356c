"""Kind `anomaly`: a reading that is surprising by what its own series has been (alerts.anomaly), whatever its limits.

Of each series every fourth reading is judged. The alarm begins with news of at least `surprise`, and ends when for
`quiet_s` nothing has been as surprising as `calm` of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from alerts import anomaly
from alerts.rules.base import NOTHING, Bank, Fed, Finding, Readings, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.steps import NEVER, SECOND, Floats, Ints
from alerts.unusual import explain
from core.pgarray import UNIX_TO_PG_US
from core.vocabulary import table


class AnomalyParams(RuleParams):
    metric: str
    level: int = Field(4, ge=1, le=4)
    surprise: float = Field(anomaly.NOTABLE, ge=3, le=20, description="minus the decimal logarithm of its chance")
    calm: float = Field(0.6, gt=0, le=1, description="share of `surprise` below which a reading is calm")
    quiet_s: float = Field(1800, ge=0, le=86_400)


class AnomalyBank:
    """All series of one rule. What is learnt (`memory`) is kept apart from the checkpoint: it changes with each
    reading."""

    def __init__(self, rule: RuleRow, things: Sequence[Thing]) -> None:
        self.rule, self.things = rule, things
        self._params: AnomalyParams = rule.params
        count = len(things)
        self._learnt = anomaly.make_state(count)
        self._counts = np.zeros(count, np.int64)
        self._met = np.zeros(count, np.bool_)
        # the last reading that was not calm; the newest judged
        self._news = np.full(count, NEVER)
        self.newest = np.full(count, NEVER)
        self._values = np.zeros(count)

    @property
    def waiting(self) -> bool:
        return bool(self._met.any())

    def feed(self, readings: Readings) -> Fed:
        findings: list[Finding] = []
        touched: set[int] = set()
        for turn in readings.turns():
            rows, at, values = readings.rows[turn], readings.at[turn], readings.values[turn]
            rows, at, values, judged = self._step(rows, at, values)
            lively = judged.surprise >= self._params.surprise * self._params.calm
            held = rows[lively & self._met[rows]]
            self._news[held] = at[lively & self._met[rows]]
            touched.update(held.tolist())
            for n in np.flatnonzero((judged.news >= self._params.surprise) & ~self._met[rows]):
                row = int(rows[n])
                self._met[row], self._news[row] = True, at[n]
                touched.add(row)
                findings.append(self._finding(row, int(at[n]), float(values[n]), anomaly.finding(judged, int(n))))
        return Fed(findings, np.array(sorted(touched), np.int64))

    def learn(self, readings: Readings) -> None:
        """Readings that were judged before the start: learnt from, never told of."""
        for turn in readings.turns():
            rows, at, values = readings.rows[turn], readings.at[turn], readings.values[turn]
            self._step(rows, at, values)

    def _step(self, rows: Ints, at: Ints, values: Floats) -> tuple[Ints, Ints, Floats, anomaly.Judged]:
        """Take a turn in; of each thing one reading in `anomaly.STRIDE` is judged: those, and what they came to."""
        due = (self._counts[rows] + rows) % anomaly.STRIDE == 0
        self._counts[rows] += 1
        self.newest[rows], self._values[rows] = at, values
        rows, at, values = rows[due], at[due], values[due]
        return rows, at, values, anomaly.step(self._learnt, rows, (at + UNIX_TO_PG_US) / SECOND, values)

    def tick(self, now: int) -> Fed:
        """What has been calm for long enough is over."""
        rows = np.flatnonzero(self._met)
        rows = rows[now - self._news[rows] >= int(self._params.quiet_s * SECOND)]
        if not len(rows):
            return NOTHING
        self._met[rows] = False
        at = np.maximum(self.newest[rows], self._news[rows])
        told = zip(rows.tolist(), at.tolist(), self._values[rows].tolist(), strict=True)
        return Fed([self._finding(row, when, value) for row, when, value in told], rows)

    def _finding(self, row: int, at: int, value: float, found: Any = None) -> Finding:
        params = self._params
        return Finding(
            self.rule,
            self.things[row],
            params.level if found is not None else None,
            params.metric,
            value,
            table("metrics").get(params.metric, {}).get("unit"),
            at,
            None,
            "alarm.unusual",
            {"unusual": explain(found) if found is not None else ""},
        )

    def state(self, row: int) -> Mapping[str, object]:
        news = self._news[row]
        return {"met": bool(self._met[row]), "news": None if news == NEVER else int(news)}

    def restore(self, row: int, state: Mapping[str, Any]) -> None:
        self._met[row] = bool(state["met"])
        self._news[row] = NEVER if state["news"] is None else state["news"]

    def memory(self, row: int) -> bytes:
        """All that a series has taught, as bytes; `recall` takes them back."""
        learnt = self._learnt
        parts = [learnt.table, learnt.limit, learnt.excess, learnt.hour_mean, learnt.hour_swing, learnt.hour_seen]
        body = np.concatenate([part[:, row] for part in parts]).astype("<f8").tobytes()
        return np.array([self._counts[row], self.newest[row]], "<i8").tobytes() + body

    def recall(self, row: int, memory: bytes) -> None:
        """Raises ValueError for bytes of another shape."""
        learnt = self._learnt
        parts = [learnt.table, learnt.limit, learnt.excess, learnt.hour_mean, learnt.hour_swing, learnt.hour_seen]
        sizes = [len(part) for part in parts]
        numbers = np.frombuffer(memory, "<i8", 2)
        body = np.frombuffer(memory, "<f8", offset=16)
        if len(body) != sum(sizes):
            raise ValueError(f"what was learnt has {len(body)} numbers, expected {sum(sizes)}")
        self._counts[row], self.newest[row] = numbers
        for part, values in zip(parts, np.split(body, np.cumsum(sizes)[:-1]), strict=True):
            part[:, row] = values


def rows_learnt(bank: AnomalyBank) -> Ints:
    """Rows that have heard anything."""
    return np.flatnonzero(bank.newest != NEVER)


def make_bank(rule: RuleRow, things: Sequence[Thing]) -> Bank | None:
    return AnomalyBank(rule, things) if things else None


ANOMALY = RuleKind("anomaly", AnomalyParams, lambda rule: (rule.params.metric,), bank=make_bank)
