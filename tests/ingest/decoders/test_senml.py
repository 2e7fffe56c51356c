"""SenML: the examples of RFC 8428 section 5.1, and the rules of section 4."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import cbor2
import pytest

from core.errors import DecodeError
from ingest.decoders.senml import DECODER
from ingest.decoders.senml_forms import LABELS
from ingest.records import Reading
from tests.ingest.decoders.support import NOW_US, at, payload, readings, run

OW = "urn:dev:ow:10e2073a01080063"
SECOND = 1_000_000
IN_2011 = at("2011-10-31T16:30:00+00:00")


def decode(body: object, now: int = NOW_US, topic: str = "senml/gate-3") -> list[Reading]:
    return readings(run(DECODER, topic, body if isinstance(body, bytes) else json.dumps(body).encode(), now))


def test_single_datapoint_without_a_metric_of_its_own_is_named_by_its_unit() -> None:
    assert decode(payload("senml/single.json")) == [Reading(OW, "Cel", NOW_US, 23.1, "Cel", "good", None, None)]


def test_base_name_holds_for_the_records_that_follow() -> None:
    assert decode(payload("senml/multiple.json")) == [
        Reading(OW, "voltage", NOW_US, 120.1, "V", "good", None, None),
        Reading(OW, "current", NOW_US, 1.2, "A", "good", None, None),
    ]


def test_base_time_and_unit_hold_and_record_times_count_from_the_base() -> None:
    then = at("2010-06-08T18:01:16.001+00:00")
    found = decode(payload("senml/history.json"), now=then + SECOND)
    assert [(r.metric, r.time - then, r.value, r.unit) for r in found] == [
        ("voltage", 0, 120.1, "V"),
        *(
            ("current", -n * SECOND, v, "A")
            for n, v in zip((5, 4, 3, 2, 1, 0), (1.2, 1.3, 1.4, 1.5, 1.6, 1.7), strict=True)
        ),
    ]
    assert {r.sensor_id for r in found} == {"urn:dev:ow:10e2073a0108006"}


def test_positions_go_with_the_readings_of_their_moment() -> None:
    then = at("2011-10-31T13:24:24+00:00")
    found = decode(payload("senml/moving.json"), now=IN_2011)
    assert [((r.time - then) // SECOND, r.metric, r.value, r.lon, r.lat) for r in found] == [
        (0, "%RH", 20.0, 24.30621, 60.07965),
        (60, "%RH", 20.3, 24.30622, 60.07965),
        (120, "%RH", 20.7, 24.30623, 60.07966),
        (150, "%EL", 98.0, None, None),
        (180, "%RH", 21.2, 24.30628, 60.07967),
    ]


def test_booleans_are_readings_and_texts_and_data_are_none() -> None:
    assert [(r.metric, r.value) for r in decode(payload("senml/types.json"))] == [("temp", 23.1), ("open", 0.0)]


def test_base_name_changes_while_base_time_stays() -> None:
    found = decode(payload("senml/collection.json"), now=IN_2011)
    assert [(r.sensor_id, r.metric, r.value) for r in found] == [
        ("2001:db8::2", "temperature", 25.2), ("2001:db8::2", "humidity", 30.0),
        ("2001:db8::1", "temperature", 12.3), ("2001:db8::1", "humidity", 67.0),
    ]  # fmt: skip
    assert {r.time for r in found} == {at("2011-10-31T16:27:09+00:00")}


def test_base_value_and_base_sum_are_added_and_a_sum_is_a_metric_of_its_own() -> None:
    found = decode(payload("senml/sums.json"))
    assert [(r.metric, (r.time - NOW_US) // SECOND, r.value, r.unit) for r in found] == [
        ("power", 0, 12.5, "W"),
        ("power.sum", 0, 1250.0, "W.s"),
        ("power.sum", -60, 1100.0, "W.s"),
        ("state.sum", 0, 0.0, "W.s"),
    ]


def test_base_sum_alone_is_a_sum() -> None:
    assert [(r.metric, r.value) for r in decode([{"n": "a:b", "bs": 5}])] == [("b.sum", 5.0)]


def test_name_without_a_separator_is_a_metric_of_the_topics_last_part() -> None:
    assert decode([{"n": "level", "v": 2}]) == [Reading("gate-3", "level", NOW_US, 2.0, None, "good", None, None)]


@pytest.mark.parametrize(("t", "offset"), [(0, 0), (-90, -90), (3600, 3600), (0.5, 0.5)])
def test_small_times_count_from_now(t: float, offset: float) -> None:
    assert decode([{"n": "a:b", "v": 1, "t": t}])[0].time == NOW_US + offset * SECOND


def test_position_nothing_goes_with_stays_two_readings_that_know_where_they_are() -> None:
    found = decode([{"bn": "a:", "n": "x", "u": "lon", "v": 118.3}, {"n": "y", "u": "lat", "v": 33.9}])
    assert [(r.metric, r.value, r.lon, r.lat) for r in found] == [("x", 118.3, 118.3, 33.9), ("y", 33.9, 118.3, 33.9)]


def test_half_a_position_is_a_reading() -> None:
    assert [(r.metric, r.lon) for r in decode([{"n": "a:lon", "u": "lon", "v": 118.3}])] == [("lon", None)]


def test_unknown_field_is_left_aside_unless_it_must_be_understood() -> None:
    assert decode([{"n": "a:b", "v": 1, "x": 2, "ut": 60}])
    with pytest.raises(DecodeError) as caught:
        decode([{"n": "a:b", "v": 1}, {"n": "a:b", "v": 1, "calibrated_": True}])
    assert (caught.value.reason, caught.value.field) == ("unknown_field", "calibrated_")


def test_resolved_records_say_the_same_as_the_pack_they_were_resolved_from() -> None:
    """Section 5.1.4 is section 5.1.3 resolved."""
    assert decode(payload("senml/resolved.json"), now=IN_2011) == decode(payload("senml/moving.json"), now=IN_2011)


def test_record_that_carries_base_fields_only_is_no_reading_and_no_fault() -> None:
    """Section 5.1.7, a thermostat's set point: the whole pack was refused."""
    assert [(r.sensor_id, r.metric, r.value, r.unit) for r in decode(payload("senml/actuator.json"))] == [
        (OW, "temp", 23.1, "Cel"), (OW, "heat", 1.0, "/"), (OW, "fan", 0.0, "/"),
    ]  # fmt: skip


def test_address_alone_is_a_device_and_a_unit_without_a_dimension_names_nothing() -> None:
    """Section 5.1.7, two lights: they were two metrics of one sensor `2001:db8:`."""
    then = at("2011-10-31T16:27:09+00:00")
    assert decode(payload("senml/lights_on.json"), now=IN_2011) == [
        Reading(f"2001:db8::{n}", "value", then, 1.0, "/", "good", None, None) for n in (3, 4)
    ]
    dimmed = [(r.sensor_id[-1], r.time - then, r.value) for r in decode(payload("senml/lights_dim.json"), now=IN_2011)]
    assert dimmed == [("3", 0, 0.5), ("4", 0, 0.5), ("3", 100_000, 0.0), ("4", 100_000, 0.0)]


def test_pack_in_xml_says_the_same_as_in_json() -> None:
    """Section 7 is the second example of section 5.1.2."""
    then = at("2010-06-08T18:01:17+00:00")
    assert decode(payload("senml/history.xml"), now=then) == decode(payload("senml/history.json"), now=then)


def test_pack_in_cbor_says_the_same_as_in_json() -> None:
    """Section 6 is the second example of section 5.1.2, byte by byte as it is dumped there."""
    then = at("2010-06-08T18:01:17+00:00")
    assert decode(payload("senml/history.cbor"), now=then) == decode(payload("senml/history.json"), now=then)


@pytest.mark.parametrize("name", ["single", "multiple", "moving", "types", "collection", "actuator", "lights_dim"])
def test_every_example_in_cbor_says_the_same_as_in_json(name: str) -> None:
    numbers = {label: number for number, label in LABELS.items()}
    pack = json.loads(payload(f"senml/{name}.json"))
    packed = [{numbers[label]: value for label, value in record.items()} for record in pack]
    assert decode(cbor2.dumps(packed), now=IN_2011) == decode(pack, now=IN_2011)


def test_decimal_fraction_octets_and_an_array_without_a_length_in_cbor() -> None:
    """Section 6: numbers may be decimal fractions (tag 4), data are octets; section 4.8: a stream's array has no
    length."""
    body = b"\x9f" + cbor2.dumps({-2: "a:", 0: "b", 2: Decimal("12.3")}) + cbor2.dumps({0: "c", 8: b"hi\n"}) + b"\xff"
    assert [(r.metric, r.value) for r in decode(body)] == [("b", 12.3)]


def test_unknown_field_in_cbor_is_left_aside_unless_it_must_be_understood() -> None:
    assert decode(cbor2.dumps([{0: "a:b", 2: 1, "x": [1], 99: 2}]))
    with pytest.raises(DecodeError) as caught:
        decode(cbor2.dumps([{0: "a:b", 2: 1, "calibrated_": True}]))
    assert caught.value.field == "calibrated_"


def test_truth_and_text_in_xml() -> None:
    body = b'<?xml version="1.0"?><sensml xmlns="urn:ietf:params:xml:ns:senml"><senml bn="a:" n="b" vb="true"/>'
    body += b'<!-- --><senml n="c" vs="x"/><senml n="d" vb="0"/></sensml>'
    assert [(r.metric, r.value) for r in decode(body)] == [("b", 1.0), ("d", 0.0)]


def test_base_name_that_ends_in_a_colon_is_the_device_alone() -> None:
    [reading] = decode([{"bn": f"{OW}:", "u": "Cel", "v": 23.1}])
    assert (reading.sensor_id, reading.metric) == (OW, "Cel")


def test_secondary_units_and_the_version_that_announces_them() -> None:
    """RFC 8798; RFC 9100 section 6: version 10 and the fourth feature."""
    [reading] = decode([{"n": "a:level", "u": "cm", "v": 320, "bver": 26}])
    assert (reading.value, reading.unit) == (320.0, "cm")


BAD: list[tuple[Any, str]] = [
    ([{"bn": "a:"}], "payload"),
    ([{"n": "a:b", "vs": "Machine Room"}], "payload"),
    (b"\x81\xa2\x00", "payload"),
    (b"\x81\x01", "payload"),
    (b"\x81" * 5000, "payload"),
    (b"\x9b" + b"\xff" * 8, "payload"),
    (b"\x81\xa2\x00\x61a\x00\x61b", "payload"),
    (b"\x81\xa1\x02\xc4\x82\x1b\x7f" + b"\xff" * 7 + b"\x01", "payload"),
    (cbor2.dumps([{0: "a:b", 2: float("nan")}]), "v"),
    (cbor2.dumps([{0: "a:b", 2: None}]), "v"),
    (cbor2.dumps([{0: "a:b", 2: 10**5000}]), "v"),
    (cbor2.dumps([{10**5000: 1, 0: "a:b"}]), "v"),
    (cbor2.dumps([{0: "a:b", 2: "1"}]), "[0].v"),
    (cbor2.dumps([{0: b"a:b", 2: 1}]), "n"),
    (b"<sensml/>", "payload"),
    (b"<sensml", "payload"),
    (b'<sensml xmlns="urn:ietf:params:xml:ns:senml"><senml n="a:b" v="x"/></sensml>', "v"),
    (b'<!DOCTYPE x [<!ENTITY e "1">]><sensml xmlns="urn:ietf:params:xml:ns:senml"/>', "payload"),
    ([], "payload"),
    ({"n": "a:b", "v": 1}, "payload"),
    ([{"n": "a:b"}], "v"),
    ([{"bn": "a:", "n": "c"}, {"n": "b", "v": 1}], "v"),
    ([{"n": "a:b", "v": 1, "vs": "x"}], "v"),
    ([{"n": "a:b", "v": "1"}], "[0].v"),
    ([{"n": "a:b", "v": True}], "[0].v"),
    ([{"v": 1}], "n"),
    ([{"n": ":b", "v": 1}], "n"),
    ([{"n": "a b", "v": 1}], "n"),
    ([{"n": "水位", "v": 1}], "n"),
    ([{"n": "_a", "v": 1}], "n"),
    ([{"n": "a:b", "v": 1, "bver": 11}], "bver"),
    ([{"n": "a:b", "v": 1, "bver": 0}], "bver"),
    ([{"n": "a:b", "v": 1, "bver": 42}], "bver"),
    ([{"n": "a:b", "v": 1, "bver": 10}, {"n": "a:b", "v": 1, "bver": 5}], "bver"),
    ([{"n": "a:b", "v": 1, "t": 2**28}], "t"),
    ([{"n": "a:b", "v": 1, "t": 2**28 - 1}], "t"),
    ([{"n": "a:b", "v": 1, "t": -1e300}], "[0].t"),
    ([{"n": "a:b", "v": 1, "bt": 1e308}], "[0].bt"),
    ([{"n": "a:b", "v": 1, "bt": -1e11, "t": -1e11}], "t"),
    ([{"n": "a:b", "v": 1e308, "bv": 1e308}], "b"),
    ([{"bn": "a:", "n": "x", "u": "lon", "v": 200}, {"n": "y", "u": "lat", "v": 0}], "lon"),
    ([{"n": "a:b", "v": 1, "u": "u" * 33}], "[0].u"),
    ([{"n": "a:b", "v": 1, "u": "\x00"}], "u"),
    ([{"n": "a:" + "b" * 129, "v": 1}], "b" * 40),
]


@pytest.mark.parametrize(("body", "field"), BAD, ids=[str(body)[:60] for body, _ in BAD])
def test_pack_against_the_rules_is_refused_whole_and_the_field_is_named(body: object, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(body)
    assert caught.value.field == field
