"""Patterns of matchers, against the shell's own and against every short text there is."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.labels import Matcher, can_meet, match, read_matchers
from alerts.patterns import can_share, fits
from core.errors import InputError

LETTERS = "ab"
PATTERNS = st.text("ab*", max_size=6)
# every text of two letters that two patterns of six signs could need to share one, and some more
SHORT = ["".join(one) for n in range(11) for one in product(LETTERS, repeat=n)]
VALUES = st.lists(st.text(LETTERS, max_size=2), min_size=1, max_size=3)
LIKE = st.lists(st.text("ab*", min_size=1, max_size=4).filter(lambda p: p.strip("*")), min_size=1, max_size=2)
MATCHERS = st.lists(
    st.one_of(
        VALUES.map(lambda v: {"label": "site", "is": v}),
        VALUES.map(lambda v: {"label": "site", "is_not": v}),
        LIKE.map(lambda v: {"label": "site", "like": v}),
    ),
    max_size=2,
)


@given(PATTERNS, st.text("ab", max_size=10))
def test_a_text_fits_as_the_shell_has_it(pattern: str, value: str) -> None:
    assert fits(pattern, value) is fnmatchcase(value, pattern)


@pytest.mark.parametrize("sign", ["?", "[a]", ".", ".*", "\\*", "^", "%", "_"])
def test_no_other_sign_means_anything(sign: str) -> None:
    literal = sign.replace("*", "")
    assert not fits(literal, "a")
    assert fits(literal, literal)


def test_a_long_text_of_one_letter_is_read_once() -> None:
    assert not fits("*a" * 100 + "b", "a" * 20_000)


@given(PATTERNS, PATTERNS)
def test_two_share_a_text_where_one_of_all_fits_both(one: str, other: str) -> None:
    assert can_share(one, other) is any(fits(one, value) and fits(other, value) for value in SHORT)


@given(MATCHERS, MATCHERS)
def test_what_meets_is_never_said_to_lie_apart(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    """The check of circles must not let one pass."""
    mine, theirs = read_matchers(one), read_matchers(other)
    if any(match(mine, {"site": value}) and match(theirs, {"site": value}) for value in SHORT):
        assert can_meet(mine, theirs)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ({"like": ["wl-*"]}, {"is": ["wl-023"]}, True),
        ({"like": ["wl-*"]}, {"is": ["rain-1"]}, False),
        ({"like": ["wl-*"]}, {"like": ["*-023"]}, True),
        ({"like": ["wl-*"]}, {"like": ["rain-*"]}, False),
        ({"like": ["wl-1"]}, {"is_not": ["wl-1"]}, False),
        ({"like": ["wl-*"]}, {"is_not": ["wl-1"]}, True),
    ],
)
def test_patterns_that_can_take_the_same(one: dict[str, Any], other: dict[str, Any], meet: bool) -> None:
    assert can_meet(read_matchers([{"label": "thing", **one}]), read_matchers([{"label": "thing", **other}])) is meet


@pytest.mark.parametrize(
    "wrong",
    [
        {"like": ["*"]},
        {"like": ["**"]},
        {"like": [""]},
        {"like": ["a\x00*"]},
        {"like": []},
        {"like": ["a" * 201]},
        {"like": ["a*"], "is": ["a"]},
        {},
    ],
    ids=["all", "all-twice", "empty", "nul", "none", "long", "two", "nothing"],
)
def test_what_is_no_pattern_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, InputError)):
        Matcher.model_validate({"label": "thing", **wrong})
