"""What holds for every decoder of the registry: its description is whole, and no bytes on no topic do harm."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core.errors import DecodeError
from core.types import DEVICE_ID
from ingest.decoders import DECODERS
from ingest.decoders.base import AHEAD, PAST, Decoder, Incoming
from ingest.records import BirthRow, BornValue, DeathRow, Record
from tests.ingest.decoders.support import CITY, NOW_US, PAYLOADS

PREFIX = "onemap"
UP = "application/17c82e96/device/24e124535b316056/event/"
TTN_UP = "v3/suqian-manholes@ttn/devices/manhole-0042/up"


class Sample(NamedTuple):
    topic: str
    file: str


# fixtures that give records, whatever else lies beside them
GOOD: dict[str, tuple[Sample, ...]] = {
    "native": (
        Sample("onemap/observation/wl-1", "observations.json"),
        Sample("onemap/video/cam-1/event", "video_event.json"),
        Sample("onemap/incident", "incident.json"),
        Sample("onemap/position/fire-01", "position.json"),
    ),
    "senml": (
        Sample("senml/gate-3", "single.json"),
        Sample("senml/gate-3", "multiple.json"),
        Sample("senml/gate-3", "sums.json"),
        Sample("senml/gate-3", "types.cbor"),
        Sample("s", "types.json"),
    ),
    "sensorthings": (
        Sample("v1.1/Datastreams(7)/Observations", "frost.json"),
        Sample("sta/v1.0/Observations", "expanded.json"),
        Sample("v1.1/Datastreams('a')/Observations", "flag.json"),
    ),
    "chirpstack": (Sample(UP + "up", "up.json"), Sample(UP + "status", "status.json")),
    "ttn": (Sample(TTN_UP, "up.json"), Sample(TTN_UP, "up_gps.json")),
    "sparkplug": (
        Sample("spBv1.0/water/DBIRTH/pump-1/meter", "dbirth.bin"),
        Sample("spBv1.0/water/NDATA/pump-1", "ndata_historical.bin"),
        Sample("spBv1.0/water/DDATA/pump-1/meter", "ddata.bin"),
        Sample("spBv1.0/water/NDEATH/pump-1", "ndeath.bin"),
    ),
    "tasmota": (
        Sample("tele/boiler/SENSOR", "sensor.json"),
        Sample("tele/boiler/SENSOR", "energy.json"),
        Sample("tele/boiler/LWT", "online.txt"),
    ),
    "zigbee2mqtt": (
        Sample("zigbee2mqtt/一楼/漏水", "climate.json"),
        Sample("zigbee2mqtt/plug", "plug.json"),
        Sample("zigbee2mqtt/lamp", "light.json"),
        Sample("zigbee2mqtt/lamp/availability", "availability.json"),
    ),
    "frigate": (
        Sample("frigate/events", "event_end.json"),
        Sample("frigate/events", "event_chinese_camera.json"),
        Sample("frigate/reviews", "review_end.json"),
        Sample("frigate/back_cam/person/snapshot", "snapshot.jpg"),
    ),
    "owntracks": (
        Sample("owntracks/wang/fire-01", "location.json"),
        Sample("owntracks/王/手机", "location_unknowns.json"),
    ),
    "json": (Sample("devices/pump-1", "plain.json"),),
    "cap": (Sample("cap/weather", "rainstorm.xml"), Sample("cap/weather", "cancel_without_info.xml")),
}
SAMPLES = [(key, sample) for key, samples in GOOD.items() for sample in samples]
BODIES = {(key, sample): (PAYLOADS / key / sample.file).read_bytes() for key, sample in SAMPLES}
JSON_SAMPLES = [(key, sample) for key, sample in SAMPLES if sample.file.endswith(".json")]
ID_FIELDS = ("sensor_id", "camera_id", "event_id", "unit_id", "channel", "report_id", "task_id")
TIME_FIELDS = ("time", "sent", "ended", "revised")
# hypothesis shrinks on failure; the time it takes is no fault of a decoder
SEARCH = settings(max_examples=600, deadline=None)

keys = st.sampled_from(sorted(GOOD))
topics = st.one_of(
    st.text(max_size=80),
    st.sampled_from([sample.topic for _, sample in SAMPLES]),
    st.lists(
        st.one_of(
            st.text(max_size=12), st.sampled_from([part for _, sample in SAMPLES for part in sample.topic.split("/")])
        ),
        max_size=7,
    ).map("/".join),
)
numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, -(10**400), 1e308, 2**63, 2**64, -1, 0, 253402300800, 1777895970123, 1777895970]),
)
texts = st.one_of(
    st.text(st.characters(codec=None), max_size=20),
    st.sampled_from(
        [
            "\ud800",
            "a\x00b",
            "ON",
            "12.50",
            "urn:dev:ow:1:t",
            "9999-12-31T23:59:59-14:00",
            "0001-01-01T00:00:00+14:00",
            "2026-05-04T12:00:00",
            "x" * 5000,
            "",
            "/",
            "Point",
            "update",
        ]
    ),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
nests = st.sampled_from([5, 50, 900, 3000]).map(lambda depth: b'{"a":' * depth + b"1" + b"}" * depth)


def decode(key: str, topic: str, body: bytes) -> list[Record]:
    """The records, each checked; none where the decoder refuses. Any other exception is the test's failure."""
    decoder = DECODERS[key]
    try:
        records = decoder.decode(Incoming(topic, body, {}, NOW_US, prepare(decoder), CITY))
    except DecodeError as exc:
        refusal = exc
    else:
        for record in records:
            check(record)
        return records
    assert refusal.message
    assert refusal.reason != DecodeError.reason
    return []


def prepare(decoder: Decoder) -> Any:
    options = decoder.options()
    return decoder.prepare(options, PREFIX) if decoder.prepare else options


def check(record: Record) -> None:
    for name, value in record._asdict().items():
        assert name not in ID_FIELDS or value is None or DEVICE_ID.fullmatch(value), (name, value)
        assert name not in TIME_FIELDS or value is None or NOW_US - PAST <= value <= NOW_US + AHEAD, (name, value)
        assert not isinstance(value, float) or math.isfinite(value), (name, value)
        if isinstance(value, str):
            assert "\x00" not in value, (name, value)
            value.encode()
    assert getattr(record, "metric", "named")
    assert -180 <= (getattr(record, "lon", None) or 0) <= 180
    assert -90 <= (getattr(record, "lat", None) or 0) <= 90
    if isinstance(record, BirthRow | DeathRow | BornValue):
        assert record.node.count("/") == 1


def test_samples_are_there_for_every_decoder_of_the_registry() -> None:
    assert set(GOOD) == {decoder.key for decoder in DECODERS}


@pytest.mark.parametrize(("key", "sample"), SAMPLES, ids=[f"{key}-{sample.file}" for key, sample in SAMPLES])
def test_recorded_payload_gives_records(key: str, sample: Sample) -> None:
    assert decode(key, sample.topic, BODIES[key, sample])


@pytest.mark.parametrize("key", sorted(GOOD))
def test_description_is_whole_and_unknown_options_are_refused(key: str) -> None:
    decoder = DECODERS[key]
    assert decoder.key == key
    assert {language: bool(name.strip()) for language, name in decoder.names.items()} == {"zh": True, "en": True}
    with pytest.raises(ValidationError):
        decoder.options.model_validate({"no_such_option": 1})


@pytest.mark.parametrize("key", sorted(GOOD))
def test_filters_are_filters_of_mqtt(key: str) -> None:
    filters = [text.replace("{prefix}", PREFIX) for text in DECODERS[key].filters]
    assert filters
    for parts in (text.split("/") for text in filters):
        assert all(part in ("+", "#") or not {"+", "#"} & set(part) for part in parts), parts
        assert "#" not in parts[:-1]


@pytest.mark.parametrize("key", sorted(GOOD))
def test_empty_payload_on_a_known_topic_does_no_harm(key: str) -> None:
    for sample in GOOD[key]:
        decode(key, sample.topic, b"")


@SEARCH
@given(key=keys, topic=topics, body=st.one_of(st.binary(max_size=200), nests))
def test_no_bytes_on_no_topic_raise_anything_but_a_decode_error(key: str, topic: str, body: bytes) -> None:
    decode(key, topic, body)


@SEARCH
@given(sample=st.sampled_from(SAMPLES), topic=topics)
def test_good_payload_on_any_topic_is_read_or_refused(sample: tuple[str, Sample], topic: str) -> None:
    decode(sample[0], topic, BODIES[sample])


@SEARCH
@given(sample=st.sampled_from(SAMPLES), data=st.data())
def test_damaged_payload_is_read_or_refused(sample: tuple[str, Sample], data: st.DataObject) -> None:
    body = bytearray(BODIES[sample])
    for place in data.draw(st.lists(st.integers(0, len(body) * 8 - 1), max_size=6)):
        body[place // 8] ^= 1 << place % 8
    cut = data.draw(st.integers(0, len(body)))
    inserted = data.draw(st.binary(max_size=8))
    decode(
        sample[0], sample[1].topic, bytes(body[:cut] + inserted + body[data.draw(st.sampled_from([cut, len(body)])) :])
    )


@SEARCH
@given(sample=st.sampled_from(JSON_SAMPLES), data=st.data())
def test_payload_with_other_things_in_its_fields_is_read_or_refused(
    sample: tuple[str, Sample], data: st.DataObject
) -> None:
    body = json.loads(BODIES[sample])
    for _ in range(data.draw(st.integers(1, 3))):
        body = replace(body, data)
    decode(sample[0], sample[1].topic, json.dumps(body).encode())


@SEARCH
@given(key=keys, data=st.data())
def test_any_json_on_a_known_topic_is_read_or_refused(key: str, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(GOOD[key]))
    decode(key, sample.topic, json.dumps(data.draw(trees)).encode())


def replace(node: Any, data: st.DataObject) -> Any:
    """`node` with one thing in it, at any depth, taken away or swapped for anything."""
    if not isinstance(node, dict | list) or not node or data.draw(st.integers(0, 9)) == 0:
        return data.draw(trees)
    places = list(node) if isinstance(node, dict) else list(range(len(node)))
    place = data.draw(st.sampled_from(places))
    changed = node.copy()
    if data.draw(st.integers(0, 5)) == 0:
        del changed[place]
    else:
        changed[place] = replace(node[place], data)
    return changed
