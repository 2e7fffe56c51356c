"""The panel against the same rules judged one reading after the other: whatever comes, in whatever batches, the same
findings at the same readings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.panel import Panel
from alerts.rules import KINDS, check_params
from alerts.rules.base import Finding, RuleRow, Thing
from alerts.rules.steps import SECOND
from bench.loop_rules import Loop

THINGS = [
    Thing("sensor", f"s-{n}", {"zh": "站", "en": "Site"}, "329906", thresholds=own)
    for n, own in enumerate([{}, {"x": {"1": 5.0, "3": 2.0}}, {"x": {"2": 4.0}}])
]
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("threshold", {"metric": "x", "hysteresis": 0.5, "steps": [{"level": 1, "on": 6}, {"level": 3, "on": 3}]}),
    "slow": (
        "threshold",
        {"metric": "x", "hysteresis": 1, "steps": [{"level": 2, "on": 4, "on_delay_s": 120, "off_delay_s": 180}]},
    ),
    "sites": ("threshold", {"metric": "x", "per_site": True, "steps": [{"level": n} for n in (1, 2, 3)]}),
    "low": ("threshold", {"metric": "y", "direction": "below", "steps": [{"level": 4, "on": 1, "off": 2}]}),
    "sums": (
        "aggregate",
        {
            "metric": "x",
            "bucket_s": 60,
            "hysteresis": 1,
            "steps": [
                {"level": 1, "on": 30, "window_s": 600},
                {"level": 1, "on": 60, "window_s": 3600},
                {"level": 4, "on": 12, "window_s": 300, "off_delay_s": 90},
            ],
        },
    ),
    "means": ("aggregate", {"metric": "y", "function": "mean", "min_span_s": 300, "steps": [{"level": 2, "on": 4}]}),
    "moves": (
        "change",
        {"metric": "x", "over_s": 600, "direction": "either", "hysteresis": 0.5, "steps": [{"level": 2, "on": 3}]},
    ),
    "falls": (
        "change",
        {"metric": "y", "over_s": 300, "direction": "fall", "steps": [{"level": n, "on": 5 - n} for n in (1, 3)]},
    ),
    "stuck": ("implausible", {"metric": "x", "frozen_s": 300, "except_values": [0], "high": 7.5, "readings": 2}),
    "wild": ("implausible", {"metric": "y", "jump": 3, "tolerance": 0.5, "readings": 1}),
    "most": ("aggregate", {"metric": "y", "function": "max", "window_s": 900, "steps": [{"level": 3, "on": 7}]}),
}


def rule(name: str) -> RuleRow:
    kind, params = RULES[name]
    return RuleRow(name, kind, "limit", {"zh": name, "en": name}, {}, check_params(kind, params))


def make(names: list[str]) -> tuple[Panel, Loop]:
    rules = [rule(name) for name in names]
    banks = []
    for one in rules:
        make_bank = KINDS[one.kind].bank
        assert make_bank is not None
        bank = make_bank(one, THINGS)
        assert bank is not None
        banks.append((bank, KINDS[one.kind].metrics(one)))
    return Panel(banks), Loop(rules, THINGS)


# of these kinds the loop says no more than when, what and how grave
SHORT = ("change", "implausible")


def told(findings: list[Finding]) -> list[tuple[Any, ...]]:
    return sorted(
        (f.at, f.rule.id, f.thing.id, f.level or 0, round(f.value or 0, 6))
        + (() if f.rule.kind in SHORT else (f.limit, f.template))
        for f in findings
    )


READING = st.tuples(
    st.integers(0, 2), st.sampled_from("xy"), st.integers(0, 400), st.integers(0, 16).map(lambda n: n / 2)
)
BATCHES = st.lists(st.tuples(st.lists(READING, max_size=25), st.integers(0, 900)), min_size=1, max_size=12)


@pytest.mark.parametrize("names", [*([name] for name in RULES), [*RULES]], ids=lambda names: "+".join(names))
@settings(max_examples=60)
@given(batches=BATCHES)
def test_arrays_find_what_the_loop_finds(names: list[str], batches: list[tuple[list[Any], int]]) -> None:
    """Batches in any order within, with readings that are late and some that come twice; the clock ticks between."""
    panel, loop = make(names)
    now = 0
    for batch, gap in batches:
        readings = [(THINGS[n].id, metric, (now + second) * SECOND, value) for n, metric, second, value in batch]
        known = [r for r in readings if r[:2] in panel.slots]
        outcome = panel.feed(
            np.array([panel.slots[r[:2]] for r in known], np.int64),
            np.array([r[2] for r in known], np.int64),
            np.array([r[3] for r in known], float),
        )
        before = loop.judged, loop.late
        assert told(outcome.findings) == told(loop.feed(readings))
        assert (outcome.judged, outcome.late) == (loop.judged - before[0], loop.late - before[1])
        now += gap
        assert told(panel.tick(now * SECOND).findings) == told(loop.tick(now * SECOND))
        assert panel.waiting == loop.waiting


@settings(max_examples=40)
@given(batches=BATCHES, at=st.integers(0, 11))
def test_restart_from_checkpoints_changes_nothing(batches: list[tuple[list[Any], int]], at: int) -> None:
    """Of rules that keep nothing but their steps: what was touched is written down, the rest begins anew."""
    names = ["plain", "slow", "sites", "low"]
    steady, _ = make(names)
    broken, _ = make(names)
    kept: dict[tuple[str, str], Any] = {}
    now = 0
    for number, (batch, gap) in enumerate(batches):
        if number == at:
            newest = broken.newest
            broken, _ = make(names)
            broken.newest = newest
            for bank in broken.banks:
                for row, thing in enumerate(bank.things):
                    if (bank.rule.id, thing.id) in kept:
                        bank.restore(row, kept[bank.rule.id, thing.id])
        known = [(THINGS[n].id, metric, (now + second) * SECOND, value) for n, metric, second, value in batch]
        slots = np.array([steady.slots[r[:2]] for r in known], np.int64)
        times, values = np.array([r[2] for r in known], np.int64), np.array([r[3] for r in known], float)
        now += gap
        found = []
        for panel in (steady, broken):
            fed, ticked = panel.feed(slots, times, values), panel.tick(now * SECOND)
            found.append(told(fed.findings) + told(ticked.findings))
            if panel is broken:
                for outcome in (fed, ticked):
                    kept |= {key: bank.state(row) for key, (bank, row) in outcome.touched.items()}
        assert found[0] == found[1]
