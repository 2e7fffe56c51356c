"""Frigate: one tracked event told again and again, reviews, snapshots."""

from __future__ import annotations

import json

import pytest

from core.errors import DecodeError
from core.types import DEVICE_ID
from ingest.decoders.frigate import DECODER
from ingest.decoders.jpeg import MAX_SNAPSHOT
from ingest.records import Record, SnapshotRow, TrackedEventRow
from tests.ingest.decoders.support import at, payload, run

BEGAN, FRAME, ENDED = (
    at(f"2026-05-04T11:59:{part}+00:00") for part in ("15.475377", "21.837752", "50.500000")
)  # fmt: skip
EVENT = TrackedEventRow(
    "front_door", "1777895955.475377-mxklsc", BEGAN, "person", 0.958984375, "yard,driveway", None, FRAME
)


def decode(name: str, topic: str = "frigate/events") -> list[Record]:
    return run(DECODER, topic, payload(f"frigate/{name}"))


def test_every_message_about_an_object_tells_of_one_event_as_it_is_after() -> None:
    assert decode("event_update.json") == [EVENT]
    assert decode("event_end.json") == [EVENT._replace(ended=ENDED, revised=ENDED)]


def test_new_object_without_a_top_score_has_its_score_and_no_zone() -> None:
    assert decode("event_new.json") == [EVENT._replace(score=0.7890625, zone=None)]


def test_new_object_that_is_a_false_positive_is_none() -> None:
    assert decode("event_false_positive.json") == []


def test_camera_with_a_name_that_is_no_id_gets_one() -> None:
    [row] = decode("event_chinese_camera.json")
    assert isinstance(row, TrackedEventRow)
    assert DEVICE_ID.fullmatch(row.camera_id)
    assert (row.zone, row.score) == ("人行道", 0.7890625)


def test_review_is_an_event_named_by_its_severity() -> None:
    began, ended = at("2026-05-04T11:59:47.129308+00:00"), at("2026-05-04T11:59:58+00:00")
    review = TrackedEventRow("back_cam", "1777895987.129308-fqk5ka", began, "review_alert", None, "rear", None, began)
    assert decode("review_update.json", "frigate/reviews") == [review]
    assert decode("review_end.json", "frigate/reviews") == [review._replace(ended=ended, revised=ended)]


@pytest.mark.parametrize("prefix", ["frigate", "nvr", "site/3/frigate"])
def test_topics_are_told_by_their_ends_whatever_the_prefix(prefix: str) -> None:
    assert decode("event_update.json", f"{prefix}/events") == [EVENT]
    [row] = decode("snapshot.jpg", f"{prefix}/back_cam/person/snapshot")
    assert isinstance(row, SnapshotRow)
    assert (row.camera_id, row.event_id, row.label, row.body) == (
        "back_cam",
        None,
        "person",
        payload("frigate/snapshot.jpg"),
    )


@pytest.mark.parametrize(
    "topic",
    ["frigate/available", "frigate/stats", "frigate/back_cam/person", "frigate/back_cam/motion", "frigate/x/snapshot"],
)
def test_other_topics_are_no_events(topic: str) -> None:
    assert run(DECODER, topic, b"3") == []


def test_snapshot_that_is_no_jpeg_or_too_large_is_refused() -> None:
    for body, reason in ((b"GIF89a", "not_jpeg"), (b"\xff\xd8\xff" + bytes(MAX_SNAPSHOT), "too_large")):
        with pytest.raises(DecodeError) as caught:
            run(DECODER, "frigate/c/person/snapshot", body)
        assert caught.value.reason == reason


BAD: list[tuple[dict[str, object], str]] = [
    ({"id": ""}, "after.id"),
    ({"camera": None}, "after.camera"),
    ({"label": "x" * 65}, "after.label"),
    ({"label": "a\x00"}, "after.label"),
    ({"score": 1.5, "top_score": None}, "after.score"),
    ({"start_time": "now"}, "after.start_time"),
    ({"start_time": 0}, "after.start_time"),
    ({"end_time": 1e308}, "after.end_time"),
    ({"frame_time": 9e9}, "after.frame_time"),
    ({"entered_zones": ["z" * 201]}, "after.entered_zones"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_bad_field_is_named(change: dict[str, object], field: str) -> None:
    body = json.loads(payload("frigate/event_update.json"))
    body["after"] |= change
    with pytest.raises(DecodeError) as caught:
        run(DECODER, "frigate/events", json.dumps(body).encode())
    assert caught.value.field == field


def test_topic_without_a_prefix_or_with_an_endless_label_is_refused() -> None:
    for topic in ("events", "", f"frigate/c/{'l' * 65}/snapshot", "frigate/c//snapshot"):
        with pytest.raises(DecodeError) as caught:
            run(DECODER, topic, payload("frigate/snapshot.jpg"))
        assert caught.value.field == "topic"
