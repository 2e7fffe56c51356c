"""Any JSON by JMESPath: what the expressions lead to, what is said where they lead nowhere, what they may cost."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import DecodeError, InputError
from ingest.arrived import Arrived
from ingest.decoders.base import Incoming, safe_name
from ingest.decoders.expressions import search
from ingest.decoders.json import DECODER, JsonOptions
from ingest.records import Reading
from ingest.sources import Sources
from tests.ingest.decoders.support import CITY, NOW_US, at, payload, run
from tests.ingest.test_half_a_message import maker

STATION = payload("json/station.json")
OPTIONS: dict[str, Any] = {
    "records": "data",
    "device": "name",
    "time": "ts",
    "time_format": "%d.%m.%Y %H:%M:%S",
    "values": {"temperature": "regs.t", "water_level": "regs.lvl"},
    "units": {"water_level": "regs.u"},
    "lon": "gateway.pos.x",
    "lat": "gateway.pos.y",
    "status": "alive",
}


def decode(body: object, topic: str = "devices/pump-1", **options: Any) -> list[tuple[Any, ...]]:
    faults: list[DecodeError] = []
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    found = DECODER.decode(Incoming(topic, raw, {}, NOW_US, JsonOptions(**options), CITY, faults))
    return [tuple(record) for record in found] + [(fault.field, fault.message) for fault in faults]


def test_without_expressions_every_number_is_a_value_of_the_topics_device() -> None:
    found = run(DECODER, "devices/pump-1", payload("json/plain.json"))
    assert [(r.sensor_id, r.metric, r.value, r.unit) for r in found if isinstance(r, Reading)] == [
        ("pump-1", "温度", 21.5, None), ("pump-1", "level", 3.25, "cm"), ("pump-1", "on", 1.0, None),
        ("pump-1", "sn", 17.0, None),
    ]  # fmt: skip


def test_expressions_are_read_in_the_record_and_then_in_the_whole_message() -> None:
    when = at("2026-05-04T19:59:30+08:00")
    east, west = safe_name("东门"), safe_name("西门")
    assert decode(STATION, **OPTIONS) == [
        (east, "temperature", when, 716.0, None, "good", 118.29, 33.96),
        (east, "water_level", when, 320.0, "cm", "good", 118.29, 33.96),
        (east, "online", when, 1.0, None, "good", 118.29, 33.96),
        (west, "online", when, 0.0, None, "good", 118.29, 33.96),
        ("records.1.values.water_level",
         'records.1.values.water_level: `regs.lvl` expected a number, found "n/a"'),
    ]  # fmt: skip


def test_whole_way_to_our_names_units_and_spelling() -> None:
    source = maker("json", "maker/#", options=OPTIONS, units={"temperature": {"scale": 0.1, "unit": "F"}})
    message = Arrived("maker/station", STATION, 1, 1)
    Sources([source]).read(message, NOW_US)
    assert message.reason is None
    values = {(r.metric, r.value, r.unit) for r in message.records if isinstance(r, Reading)}
    assert {("temperature", 22.0, "°C"), ("water_level", 3.2, "m")} <= values
    assert message.spelled == {safe_name(name): name for name in ("东门", "西门")}


@pytest.mark.parametrize(
    ("topic", "level", "device"), [("a/b/c", -1, "c"), ("a/b/c", 2, "b"), ("a/b/c", -3, "a"), ("a", -1, "a")]
)
def test_device_may_be_a_level_of_the_topic(topic: str, level: int, device: str) -> None:
    assert decode({"x": 1}, topic, device_level=level, values={"x": "x"})[0][0] == device


@pytest.mark.parametrize(("device", "own"), [(17, "17"), (17.0, "17"), ("A 1", safe_name("A 1")), (" b ", "b")])
def test_device_may_be_a_number_or_any_text(device: object, own: str) -> None:
    assert decode({"d": device, "x": 1}, device="d", values={"x": "x"})[0][0] == own


WRONG: list[tuple[object, dict[str, Any], str, str]] = [
    ({"x": 1}, {"device": "a.b"}, "device", "`a.b` expected a name, found nothing"),
    ({"x": 1, "d": [1]}, {"device": "d"}, "device", "`d` expected a name, found a list of 1"),
    ({"x": 1, "t": "noon"}, {"time": "t"}, "time", '`t` expected a time, found "noon"'),
    ({"x": 1}, {"time": "t"}, "time", "`t` expected a time, found nothing"),
    ({"x": 1, "t": "1/2"}, {"time": "t", "time_format": "%d.%m"}, "time", "`t` expected a time as %d.%m, found"),
    ({"x": 1, "t": 5}, {"time": "t"}, "time", "expected it between 90 days ago and 2 days ahead"),
    ({"x": 1}, {"records": "y"}, "records", "`y` expected a list, found nothing"),
    ({"x": []}, {"records": "x"}, "records", "`x` expected at least one record, found a list of 0"),
    ({"x": [1] * 1001}, {"records": "x"}, "records", "`x` expected at most 1000 records, found 1001"),
    ({"x": {"y": 1}}, {}, "values.x", "`x` expected a number, found an object"),
    ({"y": 1, "z": 2}, {}, "values", "none of the expressions found anything in y, z"),
    ({"x": 1, "u": 5}, {"units": {"x": "u"}}, "units.x", "`u` expected a unit of at most 32 characters, found 5"),
    ({"x": 1, "a": 200, "b": 1}, {"lon": "a", "lat": "b"}, "lon", "between -180 and 180"),
    ({"x": 1, "a": "e", "b": 1}, {"lon": "a", "lat": "b"}, "lon", '`a` expected degrees, found "e"'),
    ({"x": 1, "s": "perhaps"}, {"status": "s"}, "status", 'online or offline, found "perhaps"'),
    ({"x": 1}, {"device_level": 7}, "device_level", "expected a level of the topic 'devices/pump-1'"),
    ({"x": "abc"}, {"values": {"x": "abs(x)"}}, None, "`abs(x)` cannot be read here"),
    (b"no", {}, "payload", "expected JSON in UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "options", "field", "told"), WRONG, ids=[case[3][:50] for case in WRONG])
def test_what_is_wrong_names_the_expression_and_what_was_found(
    body: object, options: dict[str, Any], field: str | None, told: str
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(DecodeError) as caught:
        run(DECODER, "devices/pump-1", raw, **{"values": {"x": "x"}, **options})
    assert caught.value.field == field
    assert told in caught.value.message


def test_nought_nought_is_no_place() -> None:
    assert decode({"x": 1, "a": 0, "b": 0}, values={"x": "x"}, lon="a", lat="b")[0][-2:] == (None, None)


def test_message_is_read_once_for_all_its_records() -> None:
    body = {"list": [{"n": n} for n in range(1000)], "big": list(range(20_000))}
    began = time.process_time()
    found = decode(body, records="list", device="n", values={"x": "length(to_string(big))"})
    assert len(found) == 1000
    assert time.process_time() - began < 2


def test_record_is_joined_with_its_message() -> None:
    """Two channels of the same number at two stations were one device."""
    body = {"station": "east", "k": {"t": 2}, "data": [{"ch": "1", "v": 3.5}, {"ch": "2", "v": 4.5, "m": "own"}]}
    options: dict[str, Any] = {"records": "data", "values": {"v": "v"}, "message_as": "m"}
    found = decode(body, device="join('-', [m.station, ch])", **options)
    assert [(name, value) for name, _, _, value, *_ in found] == [("east-1", 3.5), ("east-2", 4.5)]
    assert [row[3] for row in decode(body, **{**options, "values": {"x": "m.k.t"}})] == [2.0, 2.0]
    assert [row[3] for row in decode(body, records="data", values={"x": "length(@)"})] == [2.0, 3.0], "not mixed in"


def test_join_that_reads_a_great_message_for_each_record_ends_soon() -> None:
    body = {"list": [{"n": n} for n in range(1000)], "big": list(range(20_000))}
    began = time.process_time()
    found = decode(body, records="list", device="n", values={"x": "length(to_string(m))"}, message_as="m")
    assert "leads through too much" in found[-1][1]
    assert time.process_time() - began < 5


# --- names that the message itself gives ------------------------------------------------------------------------------

CHANNELS = payload("json/channels.json")
LOGGER: dict[str, Any] = {
    "records": "values",
    "message_as": "m",
    "device": "dev.sn",
    "time": "ts",
    "name": "lookup(m.channels[].id, m.channels[].name, ch)",
    "value": "v",
    "value_unit": "lookup(m.channels[].id, m.channels[].unit, ch)",
}


def test_values_are_called_as_the_list_of_channels_says() -> None:
    """One list is looked up by another; a number in one is text in the other."""
    when = at("2026-05-04T12:00:00Z")
    assert decode(CHANNELS, **LOGGER) == [
        ("DL-0417", "液位", when, 132.5, "cm", "good", None, None),
        ("DL-0417", "PM2.5", when, 35.2, "ug/m3", "good", None, None),
        ("records.2.value", 'records.2.value: `v` expected a number of "温度", found nothing'),
        ("records.3.name", f"records.3.name: `{LOGGER['name']}` expected a name, found nothing"),
    ]


def test_channels_reach_our_metrics_and_units() -> None:
    source = maker("json", "maker/#", options=LOGGER)
    message = Arrived("maker/logger", CHANNELS, 1, 1)
    Sources([source]).read(message, NOW_US)
    values = {(r.metric, r.value, r.unit) for r in message.records if isinstance(r, Reading)}
    assert values == {("pm25", 35.2, "µg/m³"), ("water_level", 1.325, "m")}
    assert len(message.faults) == 2


def test_names_and_values_may_be_two_lists() -> None:
    """What a Campbell logger publishes: the fields once, then rows."""
    first, second = at("2026-05-04T19:40:00+08:00"), at("2026-05-04T19:50:00+08:00")
    found = decode(
        payload("json/csijson.json"),
        records="data",
        message_as="m",
        device="head.environment.station_name",
        time="time",
        name="m.head.fields[].name",
        value="vals",
        value_unit="m.head.fields[].units",
    )
    assert [row[:5] for row in found if len(row) > 2] == [
        ("Weir_2", "AirTC_Avg", first, 21.5, "Deg C"), ("Weir_2", "Lvl_m", first, 3.17, "m"),
        ("Weir_2", "Rain_mm_Tot", first, 0.0, "mm"), ("Weir_2", "AirTC_Avg", second, 21.2, "Deg C"),
        ("Weir_2", "Rain_mm_Tot", second, 0.4, "mm"),
    ]  # fmt: skip
    assert found[-1] == ("records.1.value", 'records.1.value: `vals` expected a number, found "NAN"')


def test_one_value_is_looked_up_by_its_name() -> None:
    body = json.loads(CHANNELS)
    level = "lookup(values[].ch, values[].v, lookup(channels[].name, channels[].id, '液位'))"
    del body["values"][2]
    assert decode(body, values={"level": level}, device="dev.sn")[0][:4] == ("DL-0417", "level", NOW_US, 132.5)


LISTS: list[tuple[dict[str, Any], str, str]] = [
    ({"n": ["a", "b"], "v": [1]}, "value", "expected a list as long as that of the names (2), found a list of 1"),
    ({"n": ["a", "b"], "v": 1}, "value", "expected a list as long as that of the names (2), found 1"),
    ({"n": "a", "v": [1, 2]}, "value", "expected a number, found a list of 2"),
    ({"n": ["a"], "v": [1], "u": ["m", "m"]}, "value_unit", "(1), found a list of 2"),
    ({"n": [["a"]], "v": [1]}, "name", "expected a name, found a list of 1"),
    ({"n": [f"m{n}" for n in range(513)], "v": [1]}, "name", "expected at most 512 names, found a list of 513"),
]


@pytest.mark.parametrize("pattern", ["s", "", "YYYY-MM-DD", "100 %"])
def test_pattern_that_reads_no_time_is_refused_when_it_is_saved(pattern: str) -> None:
    with pytest.raises(ValidationError, match="time_format"):
        JsonOptions.model_validate({"time": "t", "time_format": pattern})


@pytest.mark.parametrize(("body", "field", "told"), LISTS, ids=[told for _, _, told in LISTS])
def test_lists_that_do_not_fit_are_told(body: dict[str, Any], field: str, told: str) -> None:
    [(found, message)] = decode(body, name="n", value="v", value_unit="u")
    assert (found, told in message) == (field, True), message


def test_bad_value_of_two_lists_costs_itself() -> None:
    found = decode({"n": ["a", 2, "c"], "v": [1, "3", "x"]}, name="n", value="v", value_unit="'m'")
    assert [row[:5] for row in found[:2]] == [("pump-1", "a", NOW_US, 1.0, "m"), ("pump-1", "2", NOW_US, 3.0, "m")]
    assert found[2][0] == "value"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"k": [1, 2], "v": [1]}, "expected two lists of one length, got 2 and 1"),
        ({"k": 1, "v": [1]}, "invalid type"),
        ({"k": list(range(60_000)), "v": list(range(60_000))}, "leads through too much"),
    ],
)
def test_lookup_that_cannot_be_is_told(body: dict[str, Any], told: str) -> None:
    expression = "[lookup(k, v, 'x'), lookup(k, v, 'y')]"
    with pytest.raises(DecodeError) as caught:
        search(expression, body)
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("key", "found"), [(1, "a"), ("1", "a"), (2.0, "b"), (True, "c"), (None, None), ("3", None), ("x", "d")]
)
def test_lookup_takes_a_number_for_its_spelling(key: object, found: object) -> None:
    body = {"k": [1, "2", True, "x", "x"], "v": ["a", "b", "c", "d", "e"], "key": key}
    assert search("lookup(k, v, key)", body) == found
    assert search("lookup(nothing, v, key)", body) is None


def test_lookup_in_a_great_message_for_each_record_ends_soon() -> None:
    channels = [{"id": n, "name": f"c{n}"} for n in range(1000)]
    body = {"channels": channels, "values": [{"ch": n, "v": n} for n in range(1000)]}
    began = time.process_time()
    found = decode(body, **{**LOGGER, "device": None, "time": None, "value_unit": None})
    assert found[0][:2] == ("pump-1", "c0")
    assert "leads through too much" in found[-1][1], "a message so great is not read for all of them"
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    "options",
    [
        {"name": "n"},
        {"value": "v"},
        {"value_unit": "u"},
        {"name": "n", "value": "v", "values": {"a": "b"}},
        {"name": "n", "value": "v", "moves": True, "lon": "x", "lat": "y"},
        {"name": "n", "value": "v", "status": "s"},
    ],
    ids=str,
)
def test_names_of_the_message_go_with_its_values_alone(options: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        JsonOptions(**options)
    assert str(caught.value.field).startswith("options.")


def test_function_there_is_not_is_said_when_it_is_saved() -> None:
    with pytest.raises(ValidationError, match=r"there is no function look\(\)"):
        JsonOptions(values={"a": "b[?look(c)]"})


TRUCK = {"id": "truck-7", "p": {"x": 118.3, "y": 33.9}, "v": 36, "c": 90, "b": 80, "load": 2.5, "hdop": -1}
MOVES: dict[str, Any] = {"moves": True, "device": "id", "lon": "p.x", "lat": "p.y"}


def test_unit_has_positions() -> None:
    found = decode(TRUCK, **MOVES, speed="v", speed_unit="km/h", heading="c", battery="b", accuracy="hdop")
    assert found == [("truck-7", NOW_US, 118.3, 33.9, 10.0, 90.0, None, 0.8)]
    found = decode(TRUCK, **MOVES, values={"load": "load"})
    assert [len(row) for row in found] == [8, 8]
    assert found[0][:4] == ("truck-7", "load", NOW_US, 2.5)
    assert found[1] == ("truck-7", NOW_US, 118.3, 33.9, None, None, None, None)


def test_speed_that_is_none_costs_no_reading_of_the_unit() -> None:
    found = decode({**TRUCK, "v": "fast"}, **MOVES, speed="v", values={"load": "load"})
    assert (found[0][1], found[1][0]) == ("load", "speed")


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"p": {"x": 0, "y": 0}}, "lon", "expected a position of the unit"),
        ({"p": None}, "lon", "expected a position of the unit"),
        ({"v": 9000}, "speed", "`v` expected a number of at most 300, found 9000"),
        ({"v": "fast"}, "speed", '`v` expected a number of at most 300, found "fast"'),
    ],
)
def test_unit_without_a_position_or_with_a_wrong_one_is_refused(change: dict[str, Any], field: str, told: str) -> None:
    [(at_fault, words)] = decode({**TRUCK, **change}, **MOVES, speed="v")
    assert at_fault == field
    assert told in words


COSTLY = [
    "[@,@]|" * 60 + "@",
    "[" * 200,
    "(" * 480,
    "!" * 450 + "a",
    "{" + ",".join(f"a{n}:@" for n in range(13)) + "}",
]


@pytest.mark.parametrize("expression", [*COSTLY, "a[", "nope(", "", "a" * 501], ids=lambda e: e[:12])
def test_expression_that_is_none_or_could_cost_too_much_is_refused_when_it_is_saved(expression: str) -> None:
    with pytest.raises(ValidationError):
        JsonOptions(values={"x": expression})


@pytest.mark.parametrize(
    "expression",
    ["[@,@][]|[@,@][]|[@,@][]|[@,@][]|to_string(@)", "x[*].[@,@][]|sort(@)", "map(&to_string(@), x)", "x[?@==x]"],
)
def test_expression_in_a_great_message_ends_soon(expression: str) -> None:
    body = {"x": list(range(60_000))}
    began = time.process_time()
    with suppress(DecodeError):
        search(expression, body)
    assert time.process_time() - began < 5
