"""One bad value beside good ones: the good ones are rows, the bad one is named in a letter."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import Connection, text

from core.clock import rfc3339
from core.pgarray import to_pg_us
from ingest.arrived import Arrived
from ingest.records import Reading
from ingest.source import Source, make_source
from ingest.sources import Sources
from ingest.writer import Writer
from tests.ingest.decoders.support import double, metric, sparkplug
from tests.ingest.test_sources import ROW
from tests.support import now

TIME = rfc3339(now())
TOPIC = "maker/observation/half-1"


def maker(decoder: str, topic_filter: str = "maker/#", **more: Any) -> Source:
    row = {**ROW, "decoder": decoder, "topic_filters": [topic_filter], "options": more.pop("options", {}), **more}
    return make_source(row, "onemap", "Asia/Shanghai")


def arrive(source: Source, topic: str, body: object) -> Arrived:
    message = Arrived(topic, body if isinstance(body, bytes) else json.dumps(body).encode(), 1, 1)
    Sources([source]).read(message, to_pg_us(now()))
    return message


NATIVE = maker("native", options={"prefix": "maker"})
CASES: list[tuple[str, Source, str, object, dict[str, float], str]] = [
    ("null", NATIVE, TOPIC, {"time": TIME, "values": {"a": 1.5, "b": None}}, {"a": 1.5}, "values.b"),
    ("NaN", NATIVE, TOPIC, f'{{"time": "{TIME}", "values": {{"a": 1.5, "b": NaN}}}}'.encode(), {"a": 1.5}, "b"),
    ("infinity", NATIVE, TOPIC, f'{{"time": "{TIME}", "values": {{"a": 1.5, "b": 1e999}}}}'.encode(), {"a": 1.5}, "b"),
    ("text", NATIVE, TOPIC, {"time": TIME, "values": {"a": 1.5, "b": "wet"}}, {"a": 1.5}, "values.b"),
    ("true", NATIVE, TOPIC, {"time": TIME, "values": {"a": 1.5, "b": True}}, {"a": 1.5}, "values.b"),
    (
        "an observation of several",
        NATIVE,
        TOPIC,
        [{"time": TIME, "metric": "a", "value": 1.5}, {"time": TIME, "metric": "b", "value": None}],
        {"a": 1.5},
        "value",
    ),
    (
        "a record of SenML",
        maker("senml"),
        "maker/x",
        [{"bn": "half-1/", "n": "a", "v": 1.5}, {"n": "b"}],
        {"a": 1.5},
        "v",
    ),
    (
        "a number no float can hold",
        maker("tasmota", "tele/+/SENSOR"),
        "tele/half-1/SENSOR",
        {"A": {"a": 1.5, "b": int("9" * 400)}},
        {"A.a": 1.5},
        "A.b",
    ),
    (
        "a unit that does not fit",
        maker("senml"),
        "maker/x",
        [{"bn": "half-1/", "n": "a", "v": 1.5}, {"n": "temperature", "u": "kg", "v": 2}],
        {"a": 1.5},
        "unit",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("words", "source", "topic", "body", "kept", "field"), CASES, ids=[case[0] for case in CASES])
def test_good_values_are_kept_and_the_bad_one_is_named(
    conn: Connection, words: str, source: Source, topic: str, body: object, kept: dict[str, float], field: str
) -> None:
    message = arrive(source, topic, body)
    assert message.reason is None, message.detail
    done = Writer(1).write(conn, [message], now())
    rows = conn.execute(text("SELECT metric, value FROM observation WHERE sensor_id = 'half-1'")).all()
    assert {row.metric: row.value for row in rows} == kept
    assert done.dead == 1
    letter = conn.execute(text("SELECT field, detail, payload FROM dead_letter")).one()
    assert letter.field == field
    assert letter.detail.endswith("the other values of the message were kept")
    assert bytes(letter.payload) == message.payload


@pytest.mark.parametrize(
    "body",
    [
        {"time": TIME, "values": {"b": None}},
        {"time": TIME, "values": {"b": None, "c": "x"}},
        {"time": "yesterday", "values": {"a": 1.5, "b": None}},
        {"time": TIME, "metric": "b", "value": None},
    ],
)
def test_message_of_which_nothing_is_good_is_one_letter_as_before(conn: Connection, body: object) -> None:
    message = arrive(NATIVE, TOPIC, body)
    assert message.reason == "invalid_field"
    done = Writer(1).write(conn, [message], now())
    assert (done.inserted, done.dead) == (0, 1)


def test_alias_that_nobody_has_explained_costs_itself_only_and_is_told_once(conn: Connection) -> None:
    source = maker("sparkplug", "spBv1.0/#")
    ms = int(now().timestamp() * 1000)
    birth = sparkplug(ms, metric("a", 1, ms, 10, double(13, 1.0)))
    data = sparkplug(ms, *(metric(None, alias, ms + 1, 10, double(13, 5.0)) for alias in (1, 8, 9)))
    writer = Writer(1)
    for topic, body in (("spBv1.0/g/NBIRTH/half", birth), ("spBv1.0/g/NDATA/half", data)):
        message = arrive(source, topic, body)
        assert message.reason is None, message.detail
        writer.write(conn, [message], now())
    values = conn.execute(text("SELECT metric, value FROM sensor_state WHERE sensor_id = 'g:half'")).all()
    assert {row.metric: row.value for row in values} == {"a": 5.0, "online": 1.0}
    [letter] = conn.execute(text("SELECT reason, detail FROM dead_letter")).all()
    assert letter.reason == "unknown_alias"
    assert letter.detail.startswith("alias: 8, 9 of g/half")


def test_good_values_are_not_written_twice_when_the_letter_is_replayed(conn: Connection) -> None:
    body = {"time": TIME, "values": {"a": 1.5, "b": None}}
    writer = Writer(1)
    for again in (0, 1):
        done = writer.write(conn, [arrive(NATIVE, TOPIC, body)], now())
        assert (done.inserted, done.repeats, done.dead) == ((1, 0, 1) if not again else (0, 1, 1))


UP = {"deviceInfo": {"devEui": "half-1"}, "object": {"temperature": 71.6, "temperature_unit": "F"}}
TTN = {"end_device_ids": {"device_id": "half-1"}, "uplink_message": {"decoded_payload": UP["object"]}}
STREAM = {"@iot.id": 1, "ObservedProperty": {"name": "temperature"}}
WHOEVER: list[tuple[str, str, object]] = [
    ("senml", "maker/x", [{"n": "half-1/temperature", "u": "F", "v": 71.6}]),
    ("native", TOPIC, {"time": TIME, "metric": "temperature", "value": 71.6, "unit": "°F"}),
    ("native", TOPIC, {"time": TIME, "values": {"temperature": 71.6}, "unit": "degF"}),
    ("chirpstack", "application/1/device/half-1/event/up", UP),
    ("ttn", "v3/a@t/devices/half-1/up", TTN),
    ("zigbee2mqtt", "zigbee2mqtt/half-1", UP["object"]),
    ("tasmota", "tele/half-1/SENSOR", {"temperature": 71.6, "unit": "F"}),
    ("tasmota", "tele/half-1/SENSOR", {"DS18B20": {"temperature": 71.6, "unit": "F"}}),
    *(
        ("sensorthings", "v1.1/Observations", {"result": 71.6, "Datastream": {**STREAM, "unitOfMeasurement": unit}})
        for unit in ({"symbol": "°F"}, {"symbol": "", "name": "fahrenheit"}, {"definition": "http://x/unit/degF"})
    ),
]  # fmt: skip


@pytest.mark.parametrize(("decoder", "topic", "body"), WHOEVER, ids=[case[0] for case in WHOEVER])
def test_unit_that_any_device_states_is_converted_or_refused_by_name(decoder: str, topic: str, body: object) -> None:
    options = {"prefix": "maker"} if decoder == "native" else {}
    source = maker(decoder, topic, options=options, metrics={"DS18B20.temperature": "temperature"})
    [reading] = arrive(source, topic, body).records
    assert isinstance(reading, Reading)
    assert (reading.metric, reading.value, reading.unit) == ("temperature", 22.0, "°C")
    told = re.sub(r'degF|°F|fahrenheit|(?<=")F(?=")', "kg", json.dumps(body, ensure_ascii=False))
    bad = arrive(source, topic, told.encode())
    assert bad.reason == "unit"
    assert "'kg'" in bad.detail


@pytest.mark.parametrize("body", [{"time": TIME, "metric": "a", "value": 1.5, "lon": 0, "lat": 0.0}])
def test_nought_nought_is_an_unknown_place(body: object) -> None:
    [record] = arrive(NATIVE, TOPIC, body).records
    assert (record.lon, record.lat) == (None, None)  # type: ignore[union-attr]


PATHS: list[tuple[object, str, str]] = [
    ({"time": TIME, "values": {"温度": 1}}, "values.温度", "expected 1 to 64 of A-Z a-z 0-9 _ . : -"),
    ({"time": TIME, "values": {"a": "x"}}, "values.a", "expected a number, got str"),
    ({"time": TIME, "metric": "温度", "value": 1}, "metric", "expected 1 to 64 of A-Z a-z 0-9 _ . : -"),
    ({"time": TIME, "metric": "a", "value": 1, "unit": "x" * 33}, "unit", "expected at most 32 characters"),
    ({"time": TIME[:19], "metric": "a", "value": 1}, "time", "expected a time with an offset (RFC 3339)"),
]


@pytest.mark.parametrize(("body", "field", "words"), PATHS, ids=[field for _, field, _ in PATHS])
def test_field_at_fault_is_named_as_a_person_reads_it(body: object, field: str, words: str) -> None:
    message = arrive(NATIVE, TOPIC, body)
    assert (message.fault, message.detail) == (field, f"{field}: {words}")
