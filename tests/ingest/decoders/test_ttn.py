"""The Things Stack: zero fields are left out, and what that means."""

from __future__ import annotations

import json

import pytest

from core.errors import DecodeError
from ingest.decoders.ttn import DECODER
from ingest.records import Record
from tests.ingest.decoders.support import at, payload, readings, run, values

MEASURED = {"cover_open": 0.0, "tilt": 0.0, "level_cm": 12.5, "analog_in_1.value": 3.3}


def decode(name: str, **options: object) -> list[Record]:
    return run(DECODER, "v3/suqian-manholes@ttn/devices/manhole-0042/up", payload(f"ttn/{name}.json"), **options)


def test_decoded_payload_is_readings_where_the_owner_registered_the_device() -> None:
    found = readings(decode("up"))
    assert values([*found]) == MEASURED
    when = at("2026-05-04T11:59:59.123456+00:00")
    assert {(r.sensor_id, r.time, r.lon, r.lat) for r in found} == {("manhole-0042", when, 118.2965, 33.9519)}


def test_own_gps_is_before_the_registered_place_and_its_missing_latitude_is_zero() -> None:
    found = readings(decode("up_gps"))
    assert {(r.lon, r.lat) for r in found} == {(0.25, 0.0)}
    assert found[0].time == at("2026-05-04T11:59:59.5+00:00")


def test_sensor_may_be_named_by_its_eui() -> None:
    assert {r.sensor_id for r in readings(decode("up", sensor="dev_eui"))} == {"0004A30B001C0530"}


def test_left_out_snr_is_zero_and_a_gateway_that_measured_nothing_does_not_count() -> None:
    assert values(decode("up", radio=True)) == MEASURED | {"rssi": -35.0, "snr": 0.0}


@pytest.mark.parametrize("name", ["up_zeros_left_out", "up_simulated", "join"])
def test_messages_without_a_measurement_give_nothing(name: str) -> None:
    assert decode(name) == []


def test_frame_nobody_decoded_says_that_the_formatter_is_missing() -> None:
    with pytest.raises(DecodeError, match="no payload formatter") as caught:
        decode("up_no_formatter")
    assert caught.value.reason == "nothing_usable"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"end_device_ids": {}}, "end_device_ids.device_id"),
        ({"end_device_ids": None}, "end_device_ids"),
        ({"uplink_message": {"decoded_payload": {}, "f_port": 1}}, "payload"),
        ({"uplink_message": {"decoded_payload": {"a": "b"}}}, "payload"),
        ({"uplink_message": {"decoded_payload": {"a": 1}, "received_at": "soon"}}, "received_at"),
        (
            {
                "uplink_message": {
                    "decoded_payload": {"a": 1},
                    "locations": {"user": {"latitude": 118, "longitude": 33}},
                }
            },
            "lat",
        ),
    ],
)
def test_bad_field_is_named(change: dict[str, object], field: str) -> None:
    body = json.dumps(json.loads(payload("ttn/up.json")) | change).encode()
    with pytest.raises(DecodeError) as caught:
        run(DECODER, "v3/a@t/devices/d/up", body)
    assert caught.value.field == field
