"""SensorThings: whose observation it is, when it was, and where."""

from __future__ import annotations

import json

import pytest

from core.errors import DecodeError
from ingest.decoders.sensorthings import DECODER
from ingest.records import Reading, Record
from tests.ingest.decoders.support import NOW_US, at, payload, run

TOPIC = "v1.1/Datastreams(7)/Observations"


def decode(body: object, topic: str = TOPIC, **options: str) -> list[Record]:
    return run(DECODER, topic, body if isinstance(body, bytes) else json.dumps(body).encode(), **options)


def test_observation_of_a_server_is_a_reading_of_the_topics_datastream() -> None:
    when = at("2026-05-04T11:59:30+00:00")
    assert decode(payload("sensorthings/frost.json")) == [
        Reading("datastream-7", "value", when, 21.6, None, "good", None, None)
    ]


def test_embedded_datastream_gives_identity_metric_and_unit_and_an_interval_counts_at_its_end() -> None:
    [reading] = decode(payload("sensorthings/expanded.json"), "sta/city/v1.0/Observations")
    assert isinstance(reading, Reading)
    assert reading.sensor_id.startswith("datastream-")
    assert reading._replace(sensor_id="") == Reading(
        "", "PM2.5", at("2026-05-04T11:00:00+08:00"), 38.0, "ug/m3", "good", 118.2965, 33.9519
    )


def test_truth_is_one_and_the_result_time_stands_in() -> None:
    [reading] = decode(payload("sensorthings/flag.json"), metric="flooded")
    assert reading == Reading("datastream-7", "flooded", at("2026-05-04T11:58:00+00:00"), 1.0, None, "good", None, None)


def test_observation_without_a_time_is_from_now() -> None:
    [reading] = decode({"result": "3.5"})
    assert (reading.time, reading.value) == (NOW_US, 3.5)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("topic", "sensor"),
    [
        ("v1.0/Datastreams(7)/Observations", "datastream-7"),
        ("v1.1/Datastreams('abc')/Observations", "datastream-abc"),
        ("FROST/x/v1.1/Datastreams(12)/Observations", "datastream-12"),
    ],
)
def test_datastream_is_read_from_topics_of_either_version_with_any_prefix(topic: str, sensor: str) -> None:
    [reading] = decode({"result": 1}, topic)
    assert reading.sensor_id == sensor  # type: ignore[union-attr]


def test_quoted_ids_that_differ_only_in_a_quote_stay_two_sensors() -> None:
    one, other = (decode({"result": 1}, f"v1.1/Datastreams('{name}')/Observations") for name in ("a''b", "a b"))
    assert one[0].sensor_id != other[0].sensor_id  # type: ignore[union-attr]


def test_navigation_link_names_the_datastream_where_the_topic_does_not() -> None:
    [reading] = decode(
        {"result": 1, "Datastream@iot.navigationLink": "http://h/v1.1/Datastreams(5)"}, "v1.1/Observations"
    )
    assert reading.sensor_id == "datastream-5"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "topic", "field"),
    [
        ({"result": "cloudy"}, TOPIC, "result"),
        ({"result": None}, TOPIC, "result"),
        ({}, TOPIC, "result"),
        ({"result": [1, 2]}, TOPIC, "result"),
        ({"result": 10**400}, TOPIC, "result"),
        ({"result": 1, "phenomenonTime": "a/b"}, TOPIC, "phenomenonTime"),
        ({"result": 1, "phenomenonTime": 5}, TOPIC, "phenomenonTime"),
        ({"result": 1, "resultTime": "1999-01-01T00:00:00Z"}, TOPIC, "resultTime"),
        ({"result": 1}, "v1.1/Observations", "Datastream"),
        ({"result": 1}, "v2.0/Datastreams(1)/Observations", "topic"),
        ({"result": 1}, "", "topic"),
        (
            {"result": 1, "FeatureOfInterest": {"feature": {"type": "Point", "coordinates": [1]}}},
            TOPIC,
            "FeatureOfInterest.feature.coordinates",
        ),
        (
            {"result": 1, "FeatureOfInterest": {"feature": {"type": "Point", "coordinates": [33.9, 118.2]}}},
            TOPIC,
            "lat",
        ),
        ({"result": 1, "FeatureOfInterest": {"feature": {"type": "Point", "coordinates": [118, None]}}}, TOPIC, "lat"),
    ],
)
def test_what_is_wrong_is_named(body: object, topic: str, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(body, topic)
    assert caught.value.field == field


def test_text_result_is_nothing_usable() -> None:
    with pytest.raises(DecodeError) as caught:
        decode(payload("sensorthings/text.json"))
    assert caught.value.reason == "nothing_usable"


def test_area_as_feature_of_interest_gives_no_position() -> None:
    feature = {"feature": {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": []}}}
    [reading] = decode({"result": 1, "FeatureOfInterest": feature})
    assert (reading.lon, reading.lat) == (None, None)  # type: ignore[union-attr]
