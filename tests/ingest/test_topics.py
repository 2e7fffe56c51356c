"""Topics of the contract, and everything that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DecodeError
from ingest.decoders import native
from ingest.filters import check_filter, matches
from ingest.topics import NATIVE, read_topic

FILTERS = [check_filter(f, "onemap") for f in native.DECODER.filters]

GOOD = [
    ("onemap/observation/wl-1", "observation", ("wl-1",)),
    ("onemap/video/cam.1/event", "video_event", ("cam.1",)),
    ("onemap/video/cam.1/snapshot", "snapshot", ("cam.1",)),
    ("onemap/incident", "incident", ()),
    ("onemap/position/fire-01", "position", ("fire-01",)),
    ("onemap/unit/fire-01/status", "unit_status", ("fire-01",)),
    ("onemap/task/fire-01/t:1/reply", "task_reply", ("fire-01", "t:1")),
    ("onemap/warning", "warning", ()),
    ("onemap/gateway/gb28181/refused", "refused", ("gb28181",)),
]


@pytest.mark.parametrize(("topic", "kind", "ids"), GOOD)
def test_topic_of_the_contract_is_read(topic: str, kind: str, ids: tuple[str, ...]) -> None:
    assert read_topic(topic, "onemap") == (kind, ids)


def test_every_kind_has_a_topic_here_and_a_decoder() -> None:
    assert {kind for _, kind, _ in GOOD} == set(NATIVE) == set(native.KINDS)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "onemap",
        "onemap/",
        "other/observation/a",
        "onemapx/observation/a",
        "onemap/observation",
        "onemap/observation/a/b",
        "onemap/video/a",
        "onemap/video/a/clip",
        "onemap/task/a/b",
        "onemap/alarm/000000/1",
        "onemap/alert/000000/1",
        "onemap/task/a",
    ],
)
def test_other_topic_is_refused(topic: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read_topic(topic, "onemap")
    assert (caught.value.reason, caught.value.field) == ("topic", "topic")


@pytest.mark.parametrize(
    ("topic", "field"),
    [
        ("onemap/observation/a b", "sensor"), ("onemap/observation/", "sensor"), ("onemap/position/单位", "unit"),
        ("onemap/task/fire-01/bad id/reply", "task"), (f"onemap/video/{'c' * 65}/event", "camera"),
    ],
)  # fmt: skip
def test_bad_id_in_a_topic_is_named(topic: str, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read_topic(topic, "onemap")
    assert (caught.value.reason, caught.value.field) == ("topic", field)


@given(st.text(max_size=80))
def test_no_topic_raises_anything_else(topic: str) -> None:
    for candidate in (topic, f"onemap/{topic}"):
        try:
            read_topic(candidate, "onemap")
        except DecodeError:
            continue


def test_we_never_subscribe_to_what_we_say_ourselves() -> None:
    for spoken in ("onemap/alarm/329906/1", "onemap/alert/329906/1", "onemap/task/fire-01"):
        assert not any(matches(pattern.split("/"), spoken.split("/")) for pattern in FILTERS)
    for topic, _, _ in GOOD:
        assert sum(matches(pattern.split("/"), topic.split("/")) for pattern in FILTERS) == 1
