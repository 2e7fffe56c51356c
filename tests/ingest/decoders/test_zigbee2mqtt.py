"""Zigbee2MQTT: flat states under friendly names, which may be anything."""

from __future__ import annotations

import pytest

from core.errors import DecodeError
from core.types import DEVICE_ID
from ingest.decoders.zigbee2mqtt import DECODER
from ingest.records import Reading, Record
from tests.ingest.decoders.support import NOW_US, at, payload, readings, run, values


def decode(name: str, topic: str = "zigbee2mqtt/kitchen", **options: str) -> list[Record]:
    return run(DECODER, topic, payload(f"zigbee2mqtt/{name}"), **options)


def test_numbers_and_numbers_in_text_are_readings_at_last_seen() -> None:
    found = decode("climate.json")
    assert values(found) == {
        "battery": 100.0,
        "humidity": 44.72,
        "linkquality": 115.0,
        "temperature": 27.34,
        "voltage": 3025.0,
    }
    assert {r.time for r in readings(found)} == {at("2026-05-04T19:59:30+08:00")}


def test_switch_is_one_or_zero_and_what_only_describes_the_device_is_left_aside() -> None:
    found = decode("plug.json")
    assert values(found) == {"state": 1.0, "power": 0.0, "energy": 12.83}
    assert {r.time for r in readings(found)} == {at("2026-05-04T11:59:30.123+00:00")}


def test_nested_values_are_read_one_level_deep_and_every_switch_counts() -> None:
    found = decode("light.json")
    assert values(found) == {
        "state_left": 1.0,
        "state_right": 0.0,
        "brightness": 215.0,
        "color.x": 0.46,
        "color.y": 0.41,
        "color_temp": 325.0,
    }
    assert {r.time for r in readings(found)} == {NOW_US}


def test_booleans_are_one_and_zero() -> None:
    assert values(decode("leak.json")) == {"water_leak": 1.0, "battery_low": 0.0, "tamper": 0.0, "linkquality": 99.0}


@pytest.mark.parametrize(("name", "value"), [("availability.json", 0.0), ("availability_legacy.txt", 1.0)])
def test_availability_is_whether_the_device_is_there(name: str, value: float) -> None:
    assert decode(name, "zigbee2mqtt/kitchen/availability") == [
        Reading("kitchen", "online", NOW_US, value, None, "good", None, None)
    ]


def test_availability_and_state_of_a_folder_with_chinese_names_are_of_one_sensor() -> None:
    state, presence = (
        decode("leak.json", "zigbee2mqtt/一楼/漏水"),
        decode("availability.json", "zigbee2mqtt/一楼/漏水/availability"),
    )
    assert {r.sensor_id for r in readings(state)} == {r.sensor_id for r in readings(presence)}
    assert DEVICE_ID.fullmatch(readings(state)[0].sensor_id)
    assert readings(decode("leak.json", "zigbee2mqtt/二楼/漏水"))[0].sensor_id != readings(state)[0].sensor_id


@pytest.mark.parametrize(
    "topic", ["bridge/state", "bridge/devices", "kitchen/set", "kitchen/get", "kitchen/set/brightness", "一楼/灯/set"]
)
def test_bridge_and_commands_are_no_data(topic: str) -> None:
    assert decode("bridge_state.json", f"zigbee2mqtt/{topic}") == []


def test_empty_payload_of_a_removed_device_is_no_data() -> None:
    assert run(DECODER, "zigbee2mqtt/kitchen", b"") == []


def test_base_topic_is_the_owners_to_choose() -> None:
    assert readings(decode("leak.json", "hall/z2m/kitchen", base_topic="hall/z2m"))[0].sensor_id == "kitchen"


@pytest.mark.parametrize(
    ("body", "topic", "field"),
    [
        (b'{"action": "single"}', "zigbee2mqtt/b", "payload"),
        (b"[]", "zigbee2mqtt/b", "payload"),
        (b'{"a": 1}', "zigbee2mqtt", "topic"),
        (b'{"a": 1}', "zigbee2mqtt/", "topic"),
        (b'{"a": 1}', "other/b", "topic"),
        (b'{"state": "asleep"}', "zigbee2mqtt/b/availability", "state"),
        (b'{"state": ["online"]}', "zigbee2mqtt/b/availability", "state"),
        (b'{"a": 1, "last_seen": true}', "zigbee2mqtt/b", "last_seen"),
        (b'{"a": 1, "last_seen": "soon"}', "zigbee2mqtt/b", "last_seen"),
        (b'{"a": 1, "last_seen": 5}', "zigbee2mqtt/b", "last_seen"),
        (b'{"a": 1, "last_seen": 1e308}', "zigbee2mqtt/b", "last_seen"),
    ],
)
def test_bad_message_is_named(body: bytes, topic: str, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        run(DECODER, topic, body)
    assert caught.value.field == field
