"""Tasmota: local time, units at the top, presence."""

from __future__ import annotations

import json

import pytest

from core.errors import DecodeError
from ingest.decoders.tasmota import DECODER
from ingest.records import Reading, Record
from tests.ingest.decoders.support import NOW_US, at, payload, readings, run, values


def decode(name: str, topic: str = "tele/boiler/SENSOR") -> list[Record]:
    return run(DECODER, topic, payload(f"tasmota/{name}"))


def test_nested_sensors_are_readings_in_the_units_the_device_states() -> None:
    found = readings(decode("sensor.json"))
    assert [(r.metric, r.value, r.unit) for r in found] == [
        ("DS18B20.Temperature", 20.6, "C"), ("BME280.Temperature", 77.4, "C"), ("BME280.Humidity", 51.2, None),
        ("BME280.DewPoint", 57.9, "C"), ("BME280.Pressure", 1012.3, "hPa"),
    ]  # fmt: skip
    assert {(r.sensor_id, r.time) for r in found} == {("boiler", at("2026-05-04T19:59:30+08:00"))}


def test_phases_are_numbered_and_a_null_is_left_aside() -> None:
    assert values(decode("energy.json")) == {
        "Switch1": 1.0,
        "ENERGY.Total": 3.705,
        "ENERGY.Yesterday": 0.028,
        "ENERGY.Today": 0.026,
        "ENERGY.Period.0": 1.0,
        "ENERGY.Period.1": 0.0,
        "ENERGY.Period.2": 2.0,
        "ENERGY.Power.0": 5.0,
        "ENERGY.Power.1": 7.0,
        "ENERGY.Power.2": 0.0,
        "ENERGY.Factor.0": 1.0,
        "ENERGY.Factor.1": 0.98,
        "ENERGY.Voltage": 233.0,
        "ENERGY.Current.0": 0.021,
        "ENERGY.Current.1": 0.03,
        "ENERGY.Current.2": 0.0,
    }


def test_number_under_a_name_that_is_only_an_index_has_no_unit() -> None:
    body = b'{"": "C", "0": 1, "DS18B20": {"Temperature": [1.5]}, "TempUnit": "F"}'
    found = readings(run(DECODER, "tele/b/SENSOR", body))
    assert [(r.metric, r.unit) for r in found] == [("0", None), ("DS18B20.Temperature.0", "F")]


def test_offset_in_the_time_is_before_the_zone() -> None:
    [reading] = readings(decode("offset.json"))
    assert (reading.time, reading.unit) == (at("2026-05-04T20:59:30+09:00"), "F")


def test_device_whose_clock_is_not_set_yet_is_heard_now() -> None:
    assert [r.time for r in readings(decode("clock_unset.json"))] == [NOW_US]


# the command Time: 1 ISO, 2 ISO and Epoch, 3 epoch alone, 4 ISO with milliseconds; SetOption52: with the offset
TIMES = [
    ({"Time": "2026-05-04T19:59:30"}, "2026-05-04T19:59:30+08:00"),
    ({"Time": "2026-05-04T20:59:30+09:00"}, "2026-05-04T19:59:30+08:00"),
    ({"Time": "2026-05-04T19:59:30.250"}, "2026-05-04T19:59:30.250+08:00"),
    ({"Time": "2026-05-04T20:59:30.250+09:00"}, "2026-05-04T19:59:30.250+08:00"),
    # a clock of another zone than ours beside the moment itself
    ({"Time": "2026-05-04T11:59:30", "Epoch": 1777895970}, "2026-05-04T19:59:30+08:00"),
    ({"Time": 1777895970}, "2026-05-04T19:59:30+08:00"),
    ({"Time": 1777895970250}, "2026-05-04T19:59:30.250+08:00"),
]


@pytest.mark.parametrize(("clock", "when"), TIMES, ids=[str(clock) for clock, _ in TIMES])
def test_every_form_of_its_time_is_read_and_is_no_measurement(clock: dict[str, object], when: str) -> None:
    found = readings(run(DECODER, "tele/b/SENSOR", json.dumps({**clock, "A": {"Temperature": 1}}).encode()))
    assert [(r.metric, r.time) for r in found] == [("A.Temperature", at(when))]


@pytest.mark.parametrize(("name", "value"), [("online.txt", 1.0), ("offline.txt", 0.0)])
def test_last_will_says_whether_the_device_is_there(name: str, value: float) -> None:
    assert decode(name, "tele/boiler/LWT") == [Reading("boiler", "online", NOW_US, value, None, "good", None, None)]


def test_state_is_no_measurement() -> None:
    assert decode("state.json", "tele/boiler/STATE") == []


@pytest.mark.parametrize(
    ("topic", "prefix"),
    [("tele/site/boiler/SENSOR", "site_boiler-"), ("boiler/tele/SENSOR", "boiler"), ("tele/锅炉/SENSOR", "")],
)
def test_all_but_the_prefix_and_the_last_part_names_the_device(topic: str, prefix: str) -> None:
    [sensor] = {r.sensor_id for r in readings(decode("sensor.json", topic))}
    assert sensor.startswith(prefix)
    assert prefix != "boiler" or sensor == prefix


@pytest.mark.parametrize(
    ("body", "topic", "field"),
    [
        (b"Perhaps", "tele/b/LWT", "payload"),
        (b"", "tele/b/SENSOR", "payload"),
        (b'{"Time": "2026-05-04T19:59:30"}', "tele/b/SENSOR", "payload"),
        (b'{"Time": "noon", "A": 1}', "tele/b/SENSOR", "Time"),
        (b'{"Time": null, "A": 1}', "tele/b/SENSOR", "Time"),
        (b'{"A": 1}', "stat/b/SENSOR", "topic"),
        (b'{"A": 1}', "tele/SENSOR", "topic"),
        (b'{"Time": "2015-01-01T00:00:00", "A": 1}', "tele/b/SENSOR", "Time"),
        (b'{"A": {"Temperature": 1}, "TempUnit": "C\\u0000"}', "tele/b/SENSOR", "TempUnit"),
    ],
)
def test_bad_message_is_named(body: bytes, topic: str, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        run(DECODER, topic, body)
    assert caught.value.field == field
