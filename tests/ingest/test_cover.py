"""Filters that overlap are widened until no two match one topic: shown by trying every topic of a small world."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.cover import cover, covers, overlap, widen
from ingest.filters import matches

LEVELS = ("a", "b", "$S")
TOPICS = ["/".join(parts) for n in (1, 2, 3, 4) for parts in itertools.product(LEVELS, repeat=n)]
level = st.sampled_from(("a", "b", "+", "+", "$S"))
filters = st.builds(
    lambda levels, rest: "/".join([*levels, *rest]),
    st.lists(level, min_size=1, max_size=3),
    st.sampled_from(((), ("#",))),
)


def topics_of(topic_filter: str) -> set[str]:
    return {topic for topic in TOPICS if matches(topic_filter.split("/"), topic.split("/"))}


@given(filters, filters)
def test_overlap_and_cover_are_what_the_topics_say(one: str, other: str) -> None:
    ours, theirs = topics_of(one), topics_of(other)
    assert overlap(one, other) == bool(ours & theirs)
    if covers(one, other):
        assert theirs <= ours
    if ours & theirs:
        assert ours | theirs <= topics_of(widen(one, other))


@given(st.lists(filters, max_size=6))
def test_no_topic_is_matched_twice_and_none_is_lost(asked: list[str]) -> None:
    kept = cover(asked)
    for topic in TOPICS:
        times = sum(matches(f.split("/"), topic.split("/")) for f in kept)
        assert times <= 1
        assert times or not any(matches(f.split("/"), topic.split("/")) for f in asked)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (["zigbee2mqtt/gauge/+", "zigbee2mqtt/#"], ["zigbee2mqtt/#"]),
        (["a/+/c", "a/b/+"], ["a/+/+"]),
        (["a/b", "a/c", "b/+"], ["a/b", "a/c", "b/+"]),
        (["a/+", "+/b", "b/c"], ["+/+"]),
        (["a/#", "a"], ["a/#"]),
        ([], []),
    ],
)
def test_known_cases(asked: list[str], kept: list[str]) -> None:
    assert cover(asked) == kept
