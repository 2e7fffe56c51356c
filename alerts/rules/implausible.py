"""Kind `implausible`: a sensor that cannot be right: it stands still where nothing stands still, is beyond what can be,
or jumps as nothing does. It is the device that is at fault, so the alarm is one of devices.

What ingest refuses to judge (out of range, a jump: quality flags) never comes here; these limits are a city's narrower
ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from alerts.rules.base import NOTHING, Bank, Fed, Finding, Readings, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.steps import NEVER, SECOND, Bools, Floats, Ints
from core.vocabulary import table


class ImplausibleParams(RuleParams):
    metric: str
    level: int = Field(4, ge=1, le=4)
    frozen_s: float | None = Field(None, gt=0, description="the value has not moved for so long")
    tolerance: float = Field(0, ge=0, description="what moves by no more than this has not moved")
    except_values: tuple[float, ...] = Field((), description="values that may stand for ever, as no rain")
    low: float | None = Field(None, description="less cannot be")
    high: float | None = Field(None, description="more cannot be")
    jump: float | None = Field(None, gt=0, description="a change from one reading to the next that cannot be")
    readings: int = Field(3, ge=1, le=1000, description="so many one after the other, bad or good, decide")

    @model_validator(mode="after")
    def _asks_something(self) -> ImplausibleParams:
        if all(limit is None for limit in (self.frozen_s, self.low, self.high, self.jump)):
            raise PydanticCustomError("rule_asks_nothing", "one of frozen_s, low, high and jump is needed")
        return self


STILL, BEYOND, JUMP = 1, 2, 3
WORDS = {STILL: "alarm.frozen", BEYOND: "alarm.beyond", JUMP: "alarm.jump"}


class ImplausibleBank:
    """All things of one rule: what each value was, since when it stands, how many bad or good ones came in a row."""

    waiting = False

    def __init__(self, rule: RuleRow, things: Sequence[Thing]) -> None:
        self.rule, self.things = rule, things
        self._params: ImplausibleParams = rule.params
        count = len(things)
        self._stands = np.full(count, np.nan)
        self._since = np.full(count, NEVER)
        self._last = np.full(count, np.nan)
        self._run = np.zeros(count, np.int64)
        self._met = np.zeros(count, np.bool_)

    def tick(self, now: int) -> Fed:
        return NOTHING

    def feed(self, readings: Readings) -> Fed:
        findings: list[Finding] = []
        touched: set[int] = set()
        for turn in readings.turns():
            rows, at, values = readings.rows[turn], readings.at[turn], readings.values[turn]
            why = self._why(rows, at, values)
            met, run = self._met[rows], self._run[rows]
            against = (why > 0) != met
            run = np.where(against, run + 1, 0)
            flips = against & (run >= np.where(why == STILL, 1, self._params.readings))
            self._run[rows] = np.where(flips, 0, run)
            self._met[rows] = met ^ flips
            for n in np.flatnonzero(flips):
                row = int(rows[n])
                touched.add(row)
                findings.append(self._finding(row, int(at[n]), float(values[n]), int(why[n])))
        return Fed(findings, np.array(sorted(touched), np.int64))

    def _why(self, rows: Ints, at: Ints, values: Floats) -> Ints:
        """What is wrong with each reading; 0 for nothing."""
        params = self._params
        moved = ~(np.abs(values - self._stands[rows]) <= params.tolerance)
        self._stands[rows] = np.where(moved, values, self._stands[rows])
        since = np.where(moved, at, self._since[rows])
        self._since[rows] = since
        why = np.zeros(len(rows), np.int64)
        if params.jump is not None:
            why[np.abs(values - self._last[rows]) > params.jump] = JUMP
        if params.frozen_s is not None:
            still: Bools = at - since >= int(params.frozen_s * SECOND)
            if params.except_values:
                still &= ~np.isin(values, params.except_values)
            why[still] = STILL
        if params.low is not None:
            why[values < params.low] = BEYOND
        if params.high is not None:
            why[values > params.high] = BEYOND
        self._last[rows] = values
        return why

    def _finding(self, row: int, at: int, value: float, why: int) -> Finding:
        params = self._params
        bad = bool(self._met[row])
        minutes = (at - int(self._since[row])) / SECOND / 60
        limit = params.low if params.low is not None and value < params.low else params.high
        return Finding(
            self.rule,
            self.things[row],
            params.level if bad else None,
            params.metric,
            value,
            table("metrics").get(params.metric, {}).get("unit"),
            at,
            limit if why == BEYOND else None,
            WORDS.get(why, "alarm.frozen"),
            {"minutes": f"{minutes:.0f}"},
        )

    def state(self, row: int) -> Mapping[str, object]:
        stands = self._stands[row]
        return {
            "met": bool(self._met[row]),
            "stands": None if np.isnan(stands) else float(stands),
            "since": None if self._since[row] == NEVER else int(self._since[row]),
        }

    def restore(self, row: int, state: Mapping[str, Any]) -> None:
        self._met[row] = bool(state["met"])
        self._stands[row] = np.nan if state["stands"] is None else state["stands"]
        self._since[row] = NEVER if state["since"] is None else state["since"]

    def remember(self, readings: Readings) -> None:
        for turn in readings.turns():
            self._why(readings.rows[turn], readings.at[turn], readings.values[turn])


def make_bank(rule: RuleRow, things: Sequence[Thing]) -> Bank | None:
    return ImplausibleBank(rule, things) if things else None


IMPLAUSIBLE = RuleKind(
    "implausible",
    ImplausibleParams,
    lambda rule: (rule.params.metric,),
    history_s=lambda rule: (rule.params.frozen_s or 0) + 120,
    bank=make_bank,
)
