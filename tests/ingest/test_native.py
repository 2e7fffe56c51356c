"""The native payloads: what is good is read whole, what is bad is named, and no bytes raise anything else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cap import build
from core.clock import rfc3339
from core.errors import DecodeError
from core.pgarray import to_pg_us
from core.vocabulary import table
from ingest.decoders.base import Incoming
from ingest.decoders.jpeg import MAX_SNAPSHOT
from ingest.decoders.native import DECODER, NativeOptions
from ingest.records import PositionRow, Reading, Record, WarningRow
from ingest.topics import NATIVE
from tests.core.test_cap import ALERT

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NOW_US = to_pg_us(NOW)
TIME = rfc3339(NOW)
IDS = {
    "observation": ("wl-1",),
    "video_event": ("cam-1",),
    "snapshot": ("cam-1",),
    "position": ("fire-01",),
    "unit_status": ("fire-01",),
    "task_reply": ("fire-01", "t-1"),
    "incident": (),
    "warning": (),
    "refused": ("gb28181",),
}
TOPICS = {kind: "onemap/" + re.sub(r"\{\w+\}", "{}", template).format(*IDS[kind]) for kind, template in NATIVE.items()}
GOOD: dict[str, dict[str, Any]] = {
    "observation": {
        "time": TIME,
        "metric": "water_level",
        "value": 3.2,
        "unit": "m",
        "lon": 119.0,
        "lat": 33.0,
        "quality": "good",
    },
    "video_event": {
        "id": "e1",
        "time": TIME,
        "kind": "smoke",
        "score": 0.93,
        "zone": "z",
        "lon": 119.0,
        "lat": 33.0,
        "snapshot": "http://c/1",
    },
    "incident": {
        "id": "i1",
        "time": TIME,
        "kind": "fire",
        "level": 2,
        "in_danger": 2,
        "title": "浓烟",
        "text": "3 楼",
        "lon": 119.0,
        "lat": 33.0,
        "address": "中山路",
        "channel": "12345",
        "reporter": "王",
    },
    "position": {"time": TIME, "lon": 119.0, "lat": 33.0, "speed": 3.5, "heading": 90, "accuracy": 5, "battery": 0.5},
    "unit_status": {"time": TIME, "status": "en_route"},
    "task_reply": {"time": TIME, "state": "accepted", "text": "好"},
}


def decode(kind: str, payload: object, properties: dict[str, str] | None = None) -> list[Record]:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return DECODER.decode(Incoming(TOPICS[kind], body, properties or {}, NOW_US, NativeOptions(prefix="onemap")))


@pytest.mark.parametrize("kind", list(GOOD))
def test_whole_message_becomes_one_record_with_every_field(kind: str) -> None:
    [record] = decode(kind, GOOD[kind])
    assert all(value is not None for value in record)
    assert NOW_US in record
    assert tuple(record)[: len(IDS[kind])] == IDS[kind]


def test_several_values_of_one_moment_are_several_readings() -> None:
    readings = decode("observation", {"time": TIME, "values": {"pm25": 35, "pm10": 60.5}})
    assert [(r.metric, r.value) for r in readings if isinstance(r, Reading)] == [("pm25", 35.0), ("pm10", 60.5)]


def test_list_of_either_form_is_read_in_order() -> None:
    readings = decode(
        "observation", [{"time": TIME, "metric": "a", "value": 1}, {"time": TIME, "values": {"b": 2, "c": 3}}]
    )
    assert [r.metric for r in readings if isinstance(r, Reading)] == ["a", "b", "c"]


def test_unknown_field_is_left_aside() -> None:
    assert decode("observation", {**GOOD["observation"], "firmware": "1.2"})


BAD = [
    ("observation", {"time": None}, "time"),
    ("observation", {"time": "2026-05-04T12:00:00"}, "time"),
    ("observation", {"time": 1}, "time"),
    ("observation", {"value": "3"}, "value"),
    ("observation", {"value": True}, "value"),
    ("observation", {"value": None}, "value"),
    ("observation", {"metric": "a b"}, "metric"),
    ("observation", {"metric": "水"}, "metric"),
    ("observation", {"metric": None}, "metric"),
    ("observation", {"values": {"a": 1}}, "value"),
    ("observation", {"unit": "x" * 33}, "unit"),
    ("observation", {"unit": "m\x00"}, "unit"),
    ("observation", {"lon": 200}, "lon"),
    ("observation", {"lat": -90.1}, "lat"),
    ("observation", {"lon": None}, "lon"),
    ("observation", {"lat": None}, "lat"),
    ("observation", {"quality": "fine"}, "quality"),
    ("observation", {"quality": "future"}, "quality"),
    ("video_event", {"id": ""}, "id"),
    ("video_event", {"id": "a/b"}, "id"),
    ("video_event", {"kind": ""}, "kind"),
    ("video_event", {"score": 1.2}, "score"),
    ("video_event", {"score": -1}, "score"),
    ("video_event", {"kind": "a\x00"}, "kind"),
    ("video_event", {"zone": "z" * 201}, "zone"),
    ("video_event", {"snapshot": "s" * 2001}, "snapshot"),
    ("incident", {"kind": "dragon"}, "kind"),
    ("incident", {"level": 0}, "level"),
    ("incident", {"level": 5}, "level"),
    ("incident", {"level": 2.5}, "level"),
    ("incident", {"title": ""}, "title"),
    ("incident", {"title": "t" * 501}, "title"),
    ("incident", {"title": "\x00"}, "title"),
    ("incident", {"text": "\x00"}, "text"),
    ("incident", {"address": "\x00"}, "address"),
    ("incident", {"reporter": "\x00"}, "reporter"),
    ("incident", {"channel": "a b"}, "channel"),
    ("incident", {"id": 5}, "id"),
    ("position", {"lon": None}, "lon"),
    ("position", {"lat": "33"}, "lat"),
    ("position", {"speed": -1}, "speed"),
    ("position", {"speed": 301}, "speed"),
    ("position", {"heading": 361}, "heading"),
    ("position", {"accuracy": -1}, "accuracy"),
    ("position", {"battery": 1.5}, "battery"),
    ("unit_status", {"status": "lunch"}, "status"),
    ("unit_status", {"time": "noon"}, "time"),
    ("task_reply", {"state": "maybe"}, "state"),
    ("task_reply", {"text": "\x00"}, "text"),
]


@pytest.mark.parametrize(("kind", "change", "field"), BAD, ids=[f"{k}-{json.dumps(c)[:40]}" for k, c, _ in BAD])
def test_bad_field_is_named_and_nothing_is_kept(kind: str, change: dict[str, Any], field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(kind, {**GOOD[kind], **change})
    assert caught.value.field == field
    assert field in caught.value.message


# what the API refuses in a text a device may send: losing the message would be worse than a space
UNFIT = [
    ("incident", "title", "楼\u202e里有人\x1b[31m", "楼 里有人 [31m"),
    ("incident", "text", "a\x07b\tc\nd", "a b\tc\nd"),
    ("incident", "address", "\u2067中山路", " 中山路"),
    ("incident", "reporter", "\x85王", " 王"),
    ("incident", "title", "\x1b\u202e", "火灾"),
    ("video_event", "kind", "smo\x01ke", "smo ke"),
    ("video_event", "zone", "z\u202d1", "z 1"),
    ("video_event", "snapshot", "http://c/\x7f", "http://c/ "),
    ("task_reply", "text", "好\u2066", "好 "),
    ("observation", "unit", "m\x02", "m "),
]


@pytest.mark.parametrize(
    ("kind", "field", "sent", "kept"), UNFIT, ids=[f"{k}-{f}-{n}" for n, (k, f, _, _) in enumerate(UNFIT)]
)
def test_text_with_unfit_characters_is_kept_without_them(kind: str, field: str, sent: str, kept: str) -> None:
    [record] = decode(kind, {**GOOD[kind], field: sent})
    assert getattr(record, field) == kept


def test_headline_of_a_warning_is_shown_as_it_reads() -> None:
    alert = replace(
        ALERT, sent=NOW, info=(replace(ALERT.info[0], headline="暴雨\u202e预警", expires=NOW + timedelta(hours=1)),)
    )
    [record] = decode("warning", build(alert))
    assert isinstance(record, WarningRow)
    assert record.headline == "暴雨 预警"
    assert "\u202e" in record.body, "the document itself stays as it was sent"


@pytest.mark.parametrize("kind", list(GOOD))
def test_missing_required_field_is_named_in_the_message(kind: str) -> None:
    required = {
        "observation": ["time"],
        "video_event": ["id", "time", "kind"],
        "incident": ["id", "time", "kind", "title", "channel"],
    }
    for name in required.get(kind, ["time"]):
        with pytest.raises(DecodeError, match=name):
            decode(kind, {k: v for k, v in GOOD[kind].items() if k != name})


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b'{"time": "\xff"}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "invalid_field"),
        (b"null", "invalid_field"),
        (b"3", "invalid_field"),
        (b'{"a": NaN}', "not_json"),
        (b'{"time": "2026-05-04T12:00:00Z", "metric": "a", "value": 1e999}', "not_json"),
    ],
)
def test_what_is_no_observation_has_a_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode("observation", payload)
    assert caught.value.reason in (reason, "invalid_field")


@pytest.mark.parametrize(
    ("why", "offset", "kept"),
    [
        ("just now", timedelta(0), True),
        ("89 days old", timedelta(days=-89), True),
        ("ahead by six minutes", timedelta(minutes=6), True),
        ("ahead by 47 hours", timedelta(hours=47), True),
        ("91 days old", timedelta(days=-91), False),
        ("ahead by 49 hours", timedelta(hours=49), False),
        ("the year 1", timedelta(days=-700_000), False),
        ("the year 9999", timedelta(days=2_900_000), False),
    ],
)
def test_time_decides_whether_it_is_kept(why: str, offset: timedelta, kept: bool) -> None:
    payload = {**GOOD["observation"], "time": rfc3339(NOW + offset)}
    if kept:
        assert len(decode("observation", payload)) == 1, why
        return
    with pytest.raises(DecodeError) as caught:
        decode("observation", payload)
    assert (caught.value.reason, caught.value.field) == ("time_out_of_range", "time"), why


def test_offsets_are_understood() -> None:
    [fix] = decode("position", {**GOOD["position"], "time": "2026-05-04T20:00:00+08:00"})
    assert isinstance(fix, PositionRow)
    assert fix.time == NOW_US


def test_snapshot_is_known_by_its_bytes_and_tied_to_its_event() -> None:
    [row] = decode("snapshot", b"\xff\xd8\xff\xe0body", {"event": "e1"})
    [again] = decode("snapshot", b"\xff\xd8\xff\xe0body")
    assert row[1] == again[1]
    assert row[2] == "e1"
    assert again[2] is None


@pytest.mark.parametrize(
    ("payload", "properties", "reason"),
    [
        (b"\x89PNG", {}, "not_jpeg"), (b"", {}, "not_jpeg"), (b"\xff\xd8\xff" + bytes(MAX_SNAPSHOT), {}, "too_large"),
        (b"\xff\xd8\xff", {"event": "a b"}, "invalid_field"),
    ],
)  # fmt: skip
def test_other_snapshots_are_refused(payload: bytes, properties: dict[str, str], reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode("snapshot", payload, properties)
    assert caught.value.reason == reason


def test_warning_is_kept_as_it_came() -> None:
    [row] = decode("warning", build(ALERT))
    assert row[:2] == (ALERT.sender, ALERT.identifier)
    assert isinstance(row, WarningRow)
    assert "<severity>Extreme</severity>" in row.body


def test_every_incident_kind_of_the_city_is_taken() -> None:
    for kind in table("incident_kinds"):
        assert decode("incident", {**GOOD["incident"], "kind": kind})


@pytest.mark.parametrize("kind", list(IDS))
@given(payload=st.binary(max_size=200))
def test_no_bytes_raise_anything_but_decode_errors(kind: str, payload: bytes) -> None:
    assert outcome(kind, payload)


def outcome(kind: str, payload: bytes) -> object:
    """The records, or the reason there are none."""
    try:
        return decode(kind, payload)
    except DecodeError as exc:
        return exc.message and exc.reason


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", list(GOOD))
@given(data=st.data())
def test_no_json_in_any_field_raises_anything_but_decode_errors(kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(GOOD[kind])))
    assert outcome(kind, json.dumps({**GOOD[kind], name: data.draw(ANY_JSON)}).encode())
