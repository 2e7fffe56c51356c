"""ChirpStack: the codec's numbers, never the gateway's place."""

from __future__ import annotations

import json

import pytest

from core.errors import DecodeError
from ingest.decoders.chirpstack import DECODER
from ingest.records import Reading, Record
from tests.ingest.decoders.support import NOW_US, at, payload, readings, run, values

DEVICE = "24e124535b316056"
MEASURED = {
    "water_depth": 0.32,
    "battery": 100.0,
    "tilted": 0.0,
    "temperature": 24.8,
    "detail.raw.0": 3.1,
    "detail.raw.1": 3.2,
}


def decode(body: bytes, event: str = "up", **options: bool) -> list[Record]:
    return run(DECODER, f"application/17c82e96/device/{DEVICE}/event/{event}", body, **options)


def test_numbers_of_the_object_are_readings_of_the_device_at_the_servers_time() -> None:
    found = readings(decode(payload("chirpstack/up.json")))
    assert values([*found]) == MEASURED
    assert {(r.sensor_id, r.time) for r in found} == {(DEVICE, at("2026-05-04T11:59:59.123456+00:00"))}


def test_position_of_the_gateway_is_never_the_devices() -> None:
    assert {(r.lon, r.lat) for r in readings(decode(payload("chirpstack/up.json"), radio=True))} == {(None, None)}


def test_radio_is_told_on_request_by_the_gateway_that_heard_best() -> None:
    assert values(decode(payload("chirpstack/up.json"), radio=True)) == MEASURED | {"rssi": -57.0, "snr": 0.0}


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("up_mac", "up"),
        ("join", "join"),
        ("location", "location"),
        ("up", "txack"),
        ("up", "ack"),
        ("up", "log"),
    ],
)
def test_events_without_a_measurement_give_nothing(name: str, event: str) -> None:
    assert decode(payload(f"chirpstack/{name}.json"), event) == []


def test_battery_of_a_status_event_is_a_reading_and_mains_power_is_none() -> None:
    when = at("2026-05-04T11:59:59.5+00:00")
    assert decode(payload("chirpstack/status.json"), "status") == [
        Reading(DEVICE, "battery_level", when, 75.59, None, "good", None, None)
    ]
    assert decode(payload("chirpstack/status_mains.json"), "status") == []
    assert values(decode(payload("chirpstack/status_mains.json"), "status", radio=True)) == {"margin": 0.0}


def test_object_without_a_number_says_what_to_look_at() -> None:
    with pytest.raises(DecodeError, match="codec") as caught:
        decode(payload("chirpstack/up_text_only.json"))
    assert caught.value.reason == "nothing_usable"


def test_missing_time_is_the_time_of_receipt() -> None:
    body = {"deviceInfo": {"devEui": DEVICE}, "object": {"a": 1}, "time": None}
    assert readings(decode(json.dumps(body).encode()))[0].time == NOW_US


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"deviceInfo": {}}, "deviceInfo.devEui"),
        ({"deviceInfo": None}, "deviceInfo"),
        ({"time": "yesterday"}, "time"),
        ({"object": [1]}, "object"),
        ({"time": "2020-01-01T00:00:00Z"}, "time"),
        ({"object": {"a": 10**400}}, "a"),
        ({"rxInfo": [{"rssi": "loud"}]}, "rxInfo[0].rssi"),
    ],
)
def test_bad_field_is_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(json.dumps(json.loads(payload("chirpstack/up.json")) | change).encode())
    assert caught.value.field == field


def test_topic_of_another_kind_is_refused() -> None:
    with pytest.raises(DecodeError) as caught:
        run(DECODER, "gateway/0016c001/event/stats", payload("chirpstack/up.json"))
    assert caught.value.field == "topic"


def test_payload_that_no_codec_has_read_is_told() -> None:
    """It left no row and no letter."""
    body = {"deviceInfo": {"devEui": DEVICE}, "fPort": 2, "data": "AQID"}
    for told in (json.dumps(body).encode(), payload("chirpstack/up_no_codec.json")):
        with pytest.raises(DecodeError) as caught:
            decode(told)
        assert (caught.value.reason, caught.value.field) == ("nothing_usable", "object")
    for silent in ({"fPort": 0}, {"data": ""}):
        assert decode(json.dumps({**body, **silent}).encode()) == []
