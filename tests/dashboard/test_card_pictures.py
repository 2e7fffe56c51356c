"""What a camera saw, on the cards of events and cameras, from values alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.dashboard.card.view import card_main
from app.dashboard.card.words import Vocabulary
from app.dashboard.models import CardState
from tests.dashboard.tree import having, walk, words

URLS = {"snapshot_url": "/api/pictures/ab.jpg", "thumbnail_url": "/api/pictures/ab/thumbnail.jpg"}
EVENT: dict[str, Any] = {
    "camera": "cam-001", "camera_names": {"zh": "北桥监控", "en": "North Bridge Camera"}, "names": {"zh": "火情", "en": "Fire"}, "kind": "fire",
    "score": 0.934, "zone": "东门", "time": "2026-11-21T08:00:00Z", "ended_at": None, "lon": 119.03, "lat": 31.36, **URLS,
}  # fmt: skip
CAMERA: dict[str, Any] = {
    "lon": 119.03, "lat": 31.36, "heading": 90, "last_at": "2026-11-21T08:00:00Z", "frame_at": "2026-11-21T08:00:00Z", "event_at": None,
    "age_s": 20.0, "silent": False, "picture": {**URLS, "received_at": "2026-11-21T08:00:00Z"},
    "events": [{"id": "cam-001/e1", "names": {"zh": "火情", "en": "Fire"}, "zone": "东门", "time": "2026-11-21T07:59:00Z"}],
}  # fmt: skip


def drawn(kind: str, thing: dict[str, Any]) -> list[Any]:
    card = {"type": kind, "id": "x", "title": {"zh": "标题", "en": "Title"}, "object": thing}
    return card_main(msgspec.convert({"status": "ready", "card": card}, CardState), Vocabulary({}), may_act=True)


@pytest.mark.parametrize(("kind", "thing"), [("video_event", EVENT), ("camera", CAMERA)])
def test_picture_is_small_on_the_card_and_a_press_shows_it_full_size(kind: str, thing: dict[str, Any]) -> None:
    [button] = having(drawn(kind, thing), data_picture="/api/pictures/ab.jpg")
    [image] = [part for part in walk(button["children"]) if part["type"] == "Img"]
    assert image["props"]["src"] == "/api/pictures/ab/thumbnail.jpg"
    assert image["props"]["alt"]


@pytest.mark.parametrize(("kind", "thing"), [("video_event", {**EVENT, "thumbnail_url": None}), ("camera", {**CAMERA, "picture": None})])  # fmt: skip
def test_card_without_a_picture_says_so(kind: str, thing: dict[str, Any]) -> None:
    shown = drawn(kind, thing)
    assert "没有收到画面" in words(shown, "zh")
    assert not [part for part in walk(shown) if part["type"] == "Img"]


def test_event_tells_what_was_seen_by_which_camera_and_how_surely() -> None:
    shown = drawn("video_event", EVENT)
    assert "93 %" in words(shown, "zh")
    assert "东门" in words(shown, "zh")
    [link] = having(shown, data_select_type="camera")
    assert "北桥监控" in words(link["children"], "zh")


def test_camera_lists_its_events_as_ways_to_their_cards() -> None:
    [link] = having(drawn("camera", CAMERA), data_select_id="cam-001/e1")
    assert "火情" in words(link["children"], "zh")
    assert "尚无事件" in words(drawn("camera", {**CAMERA, "events": []}), "zh")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "正常"), ({"silent": True, "age_s": 7200.0}, "静默"), ({"last_at": None, "age_s": None, "frame_at": None}, "从未上报"),
        ({"age_s": 40 * 86_400.0}, "超过 30 天"),
    ],
    ids=["heard", "silent", "never", "long ago"],
)  # fmt: skip
def test_camera_says_how_it_is(changes: dict[str, Any], said: str) -> None:
    assert said in words(drawn("camera", {**CAMERA, **changes}), "zh")


def test_other_cards_have_no_picture() -> None:
    assert not having(drawn("facility", {**EVENT}), data_picture="/api/pictures/ab.jpg")
