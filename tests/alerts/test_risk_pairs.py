"""Pairs of situations with the one that a commander must see first, by published rules of triage and dispatch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.situations import risk_of

PAIRS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "risk_pairs.json").read_text("utf-8"))


def test_there_are_enough_of_them_and_each_says_why_and_by_which_rule() -> None:
    assert len(PAIRS) >= 60
    assert all(len(pair["why"]) > 20 and len(pair["source"]) > 10 for pair in PAIRS)
    assert len({json.dumps([pair["first"], pair["then"]]) for pair in PAIRS}) == len(PAIRS)


def test_a_life_at_stake_is_put_before_what_is_a_level_graver() -> None:
    crossing = [p for p in PAIRS if p["first"].get("in_danger") and p["first"]["level"] > p["then"]["level"]]
    assert len(crossing) >= 5


@pytest.mark.parametrize("pair", PAIRS, ids=[f"{i}: {pair['why'][:60]}" for i, pair in enumerate(PAIRS)])
def test_what_must_be_seen_first_scores_higher(pair: dict[str, Any]) -> None:
    first, then = risk_of(pair["first"]), risk_of(pair["then"])
    assert first.exact > then.exact, f"{first.exact:.2f} against {then.exact:.2f}"
