"""OwnTracks: units of the phone into ours, and all its messages that are no position."""

from __future__ import annotations

import json

import pytest

from core.errors import DecodeError
from ingest.decoders.owntracks import DECODER
from ingest.records import PositionRow, Record
from tests.ingest.decoders.support import at, payload, run


def decode(name: str, topic: str = "owntracks/wang/fire-01", **options: str) -> list[Record]:
    return run(DECODER, topic, payload(f"owntracks/{name}.json"), **options)


def test_location_is_a_position_in_metres_per_second_and_shares() -> None:
    [fix] = decode("location")
    assert isinstance(fix, PositionRow)
    assert fix.speed == pytest.approx(15.0)
    assert fix._replace(speed=None) == PositionRow(
        "fire-01", at("2026-05-04T11:59:50+00:00"), 118.2965, 33.9519, None, 270.0, 13.0, 0.67
    )


def test_minus_one_and_what_is_missing_are_unknown() -> None:
    when = at("2026-05-04T10:20:00+00:00")
    assert decode("location_unknowns") == [PositionRow("fire-01", when, 0.0, 0.0, None, None, None, None)]


@pytest.mark.parametrize(("unit", "name"), [("device", "fire-01"), ("user-device", "wang-fire-01"), ("tid", "w3")])
def test_unit_is_named_as_the_source_wants(unit: str, name: str) -> None:
    assert decode("location", unit=unit)[0].unit_id == name  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["lwt", "transition", "card"])
def test_messages_that_are_no_position_give_nothing(name: str) -> None:
    assert decode(name) == []


def test_encrypted_message_says_that_it_is_encrypted() -> None:
    with pytest.raises(DecodeError) as caught:
        decode("encrypted")
    assert caught.value.reason == "encrypted"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"_type": "msg"}, "_type"),
        ({"_type": None}, "_type"),
        ({"lat": None}, "lat"),
        ({"lon": None, "lat": None}, "lat"),
        ({"lat": 118.3}, "lat"),
        ({"lat": "33"}, "lat"),
        ({"tst": None}, "tst"),
        ({"tst": 1e18}, "tst"),
        ({"tst": 1e308}, "tst"),
        ({"tst": 5e9}, "tst"),
        ({"vel": 1081}, "vel"),
        ({"batt": 101}, "batt"),
        ({"cog": 361}, "cog"),
    ],
)
def test_bad_field_is_named(change: dict[str, object], field: str) -> None:
    body = json.dumps(json.loads(payload("owntracks/location.json")) | change).encode()
    with pytest.raises(DecodeError) as caught:
        run(DECODER, "owntracks/wang/fire-01", body)
    assert caught.value.field == field


def test_unit_that_cannot_be_named_is_refused() -> None:
    body = json.dumps({k: v for k, v in json.loads(payload("owntracks/location.json")).items() if k != "tid"}).encode()
    with pytest.raises(DecodeError, match="tid"):
        run(DECODER, "owntracks/wang/fire-01", body, unit="tid")
    with pytest.raises(DecodeError, match="topic"):
        run(DECODER, "owntracks", body)
