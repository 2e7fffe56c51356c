"""What a camera saw, on the cards of events and cameras, from values alone."""

from __future__ import annotations

from typing import Any

import pytest

from app.cards.nouns import Card
from app.dashboard.card.view import card_main
from tests.dashboard.cards import camera_card, facility_card, video_event_card
from tests.dashboard.tree import having, walk, words


def drawn(card: Card) -> list[Any]:
    return card_main(card)


@pytest.mark.parametrize("card", [video_event_card(), camera_card()], ids=["event", "camera"])
def test_picture_is_small_on_the_card_and_a_press_shows_it_full_size(card: Card) -> None:
    [button] = having(drawn(card), data_picture="/api/pictures/ab.jpg")
    [image] = [part for part in walk(button["children"]) if part["type"] == "Img"]
    assert image["props"]["src"] == "/api/pictures/ab/thumbnail.jpg"
    assert image["props"]["alt"]


@pytest.mark.parametrize(
    "card", [video_event_card(thumbnail_url=None), camera_card(picture=None)], ids=["event", "camera"]
)
def test_card_without_a_picture_says_so(card: Card) -> None:
    shown = drawn(card)
    assert "没有收到画面" in words(shown, "zh")
    assert not [part for part in walk(shown) if part["type"] == "Img"]


def test_event_tells_what_was_seen_by_which_camera_and_how_surely() -> None:
    shown = drawn(video_event_card())
    assert "93 %" in words(shown, "zh")
    assert "东门" in words(shown, "zh")
    [link] = having(shown, data_select_type="camera")
    assert "北桥监控" in words(link["children"], "zh")


def test_camera_lists_its_events_as_ways_to_their_cards() -> None:
    [link] = having(drawn(camera_card()), data_select_id="cam-001/e1")
    assert "火情" in words(link["children"], "zh")
    assert "尚无线索" in words(drawn(camera_card(events=[])), "zh")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "正常"),
        ({"silent": True, "age_s": 7200.0}, "静默"),
        ({"last_at": None, "age_s": None, "frame_at": None}, "从未上报"),
        ({"age_s": 40 * 86_400.0}, "超过 30 天"),
    ],
    ids=["heard", "silent", "never", "long ago"],
)
def test_camera_says_how_it_is(changes: dict[str, Any], said: str) -> None:
    assert said in words(drawn(camera_card(**changes)), "zh")


def test_other_cards_have_no_picture() -> None:
    assert not [part for part in walk(drawn(facility_card())) if "data-picture" in part["props"]]
