"""Sparkplug B: the wire format written by hand (support.py), births, data by name and by alias, deaths."""

from __future__ import annotations

import math
from typing import Any

import pytest

from core.errors import DecodeError
from ingest.decoders.sparkplug import DECODER, retype
from ingest.records import BirthRow, BornValue, DeathRow, Reading, Record
from tests.ingest.decoders.support import (
    NOW,
    NOW_US,
    block,
    double,
    metric,
    payload,
    properties,
    run,
    single,
    sparkplug,
    values,
    varint,
    whole,
)

MS = int(NOW.timestamp() * 1000)
NODE, DEVICE = "spBv1.0/water/{}/pump-1", "spBv1.0/water/{}/pump-1/meter"
INT, LONG, TRUE = 10, 11, whole(14, 1)


ALIASES = (
    (1, "level", 10),
    (2, "running", 11),
    (3, "流量/瞬时", 2),
    (4, "", 12),
    (5, "fault", 11),
    (6, "", 13),
    (7, "", 11),
)


def decode(verb: str, body: bytes, device: bool = False) -> list[Record]:
    return run(DECODER, (DEVICE if device else NODE).format(verb), body)


def test_birth_tells_aliases_and_first_values() -> None:
    assert decode("DBIRTH", payload("sparkplug/dbirth.bin"), device=True) == [
        BirthRow("water/pump-1", "meter", NOW_US, ALIASES),
        Reading("water:pump-1:meter", "level", NOW_US - 1_000_000, 3.25, None, "good", None, None),
        Reading("water:pump-1:meter", "running", NOW_US, 1.0, None, "good", None, None),
        Reading("water:pump-1:meter", "流量/瞬时", NOW_US, -12.0, None, "good", None, None),
    ]  # fmt: skip


def test_birth_of_a_node_without_aliases_still_says_that_it_is_there() -> None:
    body = sparkplug(
        MS, metric("bdSeq", None, MS, 4, whole(LONG, 3)), metric("Node Control/Rebirth", None, MS, 11, whole(14, 0))
    )
    assert decode("NBIRTH", body) == [BirthRow("water/pump-1", "", NOW_US, ())]


@pytest.mark.parametrize("value", [whole(INT, 0), double(13, math.nan), single(12, math.inf)])
def test_first_value_nobody_could_keep_does_not_cost_the_aliases(value: bytes) -> None:
    stamp = 0 if value == whole(INT, 0) else MS
    kind = 10 if stamp else 3
    body = sparkplug(MS, metric("a", 1, stamp, kind, value), metric("b", 2, MS, 10, double(13, 2.0)))
    birth, *readings = decode("NBIRTH", body)
    assert birth == BirthRow("water/pump-1", "", NOW_US, ((1, "a", kind), (2, "b", 10)))
    assert values(readings) == {"b": 2.0}


def test_data_is_read_by_name_where_it_has_one_and_by_alias_where_not() -> None:
    body = sparkplug(MS, metric("level", 1, MS - 5, None, single(12, 3.5)), metric(None, 2, None, None, TRUE))
    assert decode("DDATA", body, device=True) == [
        BornValue("water/pump-1", "meter", "water:pump-1:meter", None, "level", NOW_US - 5000, 3.5, 0, None),
        BornValue("water/pump-1", "meter", "water:pump-1:meter", 2, "", NOW_US, 1.0, 0, None),
    ]


def test_historical_data_keeps_its_own_time() -> None:
    [value] = decode("NDATA", payload("sparkplug/ndata_historical.bin"))
    assert value == BornValue("water/pump-1", "", "water:pump-1", None, "level", NOW_US - 86_400_000_000, 2.5, 0, None)


def test_value_without_any_time_is_from_now() -> None:
    assert decode("NDATA", sparkplug(None, metric("a", value=double(13, 1.5))))[0].time == NOW_US  # type: ignore[union-attr]


INTEGERS: list[tuple[int | None, int, int, float]] = [
    (1, INT, 0xFFFFFFFB, -5),
    (1, INT, 0xFB, -5),
    (1, INT, 5, 5),
    (2, INT, 0xFFFF, -1),
    (2, INT, 0xFFFFFFFF, -1),
    (3, INT, 2**31, -(2**31)),
    (4, LONG, 2**64 - 7, -7),
    (4, LONG, 2**63, -(2**63)),
    (5, INT, 0xFB, 251),
    (6, INT, 65535, 65535),
    (7, INT, 2**32 - 1, 2**32 - 1),
    (7, LONG, 2**32 - 1, 2**32 - 1),
    (8, LONG, 2**64 - 1, 2.0**64),
    (3, LONG, 2**32 - 1, -1),
    (None, INT, 0xFFFFFFFB, -5),
    (None, LONG, 2**64 - 1, -1),
    (None, LONG, 2**32 - 1, 2**32 - 1),
    (0, INT, 9, 9),
]


@pytest.mark.parametrize(("datatype", "field", "raw", "value"), INTEGERS)
def test_signed_integers_come_as_twos_complement(datatype: int | None, field: int, raw: int, value: float) -> None:
    [told] = decode("NDATA", sparkplug(MS, metric("n", None, MS, datatype, whole(field, raw))))
    assert isinstance(told, BornValue)
    assert (told.name, told.value) == ("n", value)


SKIPPED: dict[str, bytes] = {
    "DateTime": metric("a", 1, MS, 13, whole(LONG, MS)),
    "String": metric("a", 1, MS, 12, block(15, b"on")),
    "Bytes": metric("a", 1, MS, 17, block(16, b"\x00\xff")),
    "DataSet": metric("a", 1, MS, 16, block(17, whole(1, 2))),
    "Template": metric("a", 1, MS, 19, block(18, block(1, b"v1"))),
    "array": metric("a", 1, MS, 22, block(16, b"\x01")),
    "unknown kind": metric("a", 1, MS, 999, whole(INT, 1)),
    "null": metric("a", 1, MS, 10, whole(7, 1)),
    "no value": metric("a", 1, MS, 10),
    "Node Control": metric("Node Control/Reboot", 1, MS, 11, TRUE),
    "Device Control": metric("Device Control/Rebirth", 1, MS, 11, TRUE),
    "bdSeq": metric("bdSeq", 1, MS, 8, whole(LONG, 1)),
}


@pytest.mark.parametrize("kind", SKIPPED)
def test_data_that_is_no_measured_number_is_skipped(kind: str) -> None:
    assert decode("NDATA", sparkplug(MS, SKIPPED[kind])) == []


@pytest.mark.parametrize("kind", SKIPPED)
def test_birth_keeps_the_alias_of_what_is_skipped_without_a_name(kind: str) -> None:
    name = "a" if kind in ("null", "no value") else ""
    [birth] = decode("NBIRTH", sparkplug(MS, SKIPPED[kind]))
    assert isinstance(birth, BirthRow)
    assert [alias[:2] for alias in birth.aliases] == [(1, name)]


UNITS = [
    (((b"engUnit", b"F"),), "F"),
    (((b"Quality", b""), (b"Engineering Units", b" psi ")), "psi"),
    (((b"engLow", b"0"),), None),
    (((b"engUnit", b""),), None),
]


@pytest.mark.parametrize(("stated", "unit"), UNITS)
def test_unit_is_the_property_that_states_it(stated: tuple[tuple[bytes, bytes], ...], unit: str | None) -> None:
    body = sparkplug(MS, metric("t", 1, MS, 10, double(13, 71.6) + properties(*stated)))
    birth, reading = decode("NBIRTH", body)
    assert isinstance(birth, BirthRow)
    assert isinstance(reading, Reading)
    assert (dict(birth.units).get("t"), reading.unit) == (unit, unit)
    [told] = decode("NDATA", body)
    assert isinstance(told, BornValue)
    assert told.unit == unit


@pytest.mark.parametrize("unit", [b"\xff\xfe", b"x" * 33, b"a\x00"])
def test_unit_that_is_no_text_refuses_the_value_it_is_for(unit: bytes) -> None:
    body = sparkplug(MS, metric("t", 1, MS, 10, double(13, 71.6) + properties((b"engUnit", unit))))
    with pytest.raises(DecodeError) as caught:
        decode("NDATA", body)
    assert caught.value.field == "engUnit"


# what DATA sends without a type is read as signed; its BIRTH says what it was
RETYPED = [
    (7, INT, 2**32 - 5, 2**32 - 5),
    (8, LONG, 2**64 - 1, 2.0**64),
    (1, INT, 0xFB, -5),
    (5, INT, 0xFB, 251),
    (3, INT, 2**32 - 5, -5),
    (13, LONG, MS, None),
]


@pytest.mark.parametrize(("datatype", "field", "raw", "expected"), RETYPED)
def test_integer_without_a_type_is_read_as_its_birth_says(
    datatype: int, field: int, raw: int, expected: float | None
) -> None:
    [told] = decode("NDATA", sparkplug(MS, metric(None, 1, None, None, whole(field, raw))))
    assert isinstance(told, BornValue)
    assert retype(told.value, told.bits, datatype) == expected


def test_death_of_a_node_is_now_for_its_will_was_written_when_it_connected() -> None:
    body = sparkplug(MS - 3_600_000, metric("bdSeq", None, MS, 8, whole(LONG, 1)))
    assert decode("NDEATH", body) == [DeathRow("water/pump-1", "", NOW_US)]


def test_death_of_a_device_is_when_its_node_said_so() -> None:
    assert decode("DDEATH", sparkplug(MS - 1000), device=True) == [
        DeathRow("water/pump-1", "meter", NOW_US - 1_000_000)
    ]


@pytest.mark.parametrize("topic", ["spBv1.0/g/NCMD/e", "spBv1.0/g/DCMD/e/d", "spBv1.0/STATE/scada-1"])
def test_commands_and_host_states_are_no_data(topic: str) -> None:
    assert run(DECODER, topic, b'{"online": true, "timestamp": 1}') == []


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "spBv1.0",
        "spAv1.0/g/NDATA/e",
        "spBv1.0/g/NDATA",
        "spBv1.0/g/NDATA/e/d",
        "spBv1.0/g/DDATA/e",
        "spBv1.0/g/XDATA/e",
        "spBv1.0//NDATA/e",
        "spBv1.0/g/NDATA/e/d/x",
        "spBv1.0/g/NDATA/" + "e" * 129,
    ],
)
def test_topic_outside_the_namespace_is_refused(topic: str) -> None:
    with pytest.raises(DecodeError) as caught:
        run(DECODER, topic, sparkplug(MS))
    assert caught.value.field == "topic"


BAD: list[tuple[str, bytes, str]] = [
    ("NDATA", b"\xff", "payload"),
    ("NDATA", block(2, b"\xff\xff"), "payload"),
    ("NBIRTH", b"not protobuf", "payload"),
    ("NDATA", sparkplug(MS, metric(value=whole(INT, 1))), "metrics"),
    ("NDATA", sparkplug(5, metric("a", value=whole(INT, 1))), "timestamp"),
    ("NDATA", sparkplug(MS, metric("a", None, 2**64 - 1, None, whole(INT, 1))), "timestamp"),
    ("NDATA", sparkplug(MS, metric("a", None, MS, 10, double(13, math.nan))), "a"),
    ("NDATA", sparkplug(MS, metric(None, 4, MS, 9, single(12, math.inf))), "alias 4"),
    ("NDATA", sparkplug(MS, metric(None, 2**63, MS, None, TRUE)), "alias"),
    ("NDATA", sparkplug(MS, metric("a\x00", None, MS, None, TRUE)), "metric"),
    ("NDATA", sparkplug(MS, block(1, b"\xff\xfe") + TRUE), "name"),
    ("NBIRTH", sparkplug(MS, metric("n" * 129, 1, MS, 11, TRUE)), "n" * 40),
]


@pytest.mark.parametrize(("verb", "body", "field"), BAD)
def test_bad_message_is_refused_and_the_field_is_named(verb: str, body: bytes, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(verb, body)
    assert caught.value.field == field


def test_templates_nested_without_end_and_claims_of_great_size_are_harmless() -> None:
    nested = b""
    for _ in range(5_000):
        nested = block(18, block(2, nested))
    assert decode("NDATA", sparkplug(MS, metric("a", 1, MS, 19, nested))) == []
    with pytest.raises(DecodeError):
        decode("NDATA", varint(2 << 3 | 2) + varint(2**31 - 1) + b"x")


def test_the_same_bytes_mean_the_same_twice() -> None:
    body: Any = payload("sparkplug/dbirth.bin")
    assert decode("DBIRTH", body, device=True) == decode("DBIRTH", body, device=True)
