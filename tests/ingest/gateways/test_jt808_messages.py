"""JT/T 808 bodies: what a location says, what it publishes, and when an emergency button counts."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DecodeError
from core.pgarray import to_pg_us
from core.types import LonLat
from ingest.gateways.jt808_frames import Message, decode
from ingest.gateways.jt808_messages import (
    Emergency,
    Location,
    fold_emergency,
    is_code,
    make_code,
    publish_all,
    read_batch,
    read_code,
    read_location,
)
from ingest.records import IncidentReportRow, PositionRow
from tests.ingest.gateways.support import PAYLOADS, SUQIAN, read_natively
from tests.ingest.gateways.terminals import PHONE, authentication_body, batch_body, location_body
from tests.support import now

NINE = datetime(2026, 5, 4, 1, 0, tzinfo=UTC)


def sample(name: str) -> Message:
    return decode(bytes.fromhex((PAYLOADS / "jt808" / f"{name}.hex").read_text().strip())[1:-1])


def test_published_location_means_what_its_maker_says() -> None:
    location = read_location(sample("location_2019").body)
    # status 22: bit 1 located, bit 2 south; 66 tenths of km/h
    assert location == Location(
        True, LonLat(121.987654, -31.234567), 1.83, 3, datetime(2025, 1, 29, 14, 33, 44, tzinfo=UTC)
    )


def test_published_batch_holds_two_locations() -> None:
    items = [read_location(item) for item in read_batch(sample("batch_2019").body)]
    # status 1: not located, whatever the coordinates say
    assert [(item.position, item.speed, item.heading) for item in items] == [(None, 0.92, 89), (None, 1.86, 90)]
    assert items[0].time == datetime(2024, 10, 29, 13, 39, 3, tzinfo=UTC)


@pytest.mark.parametrize("position", [SUQIAN, LonLat(-58.4, -34.6), LonLat(-0.000001, 0.000001), LonLat(180, -90)])
def test_hemispheres_come_from_the_status_word(position: LonLat) -> None:
    assert read_location(location_body(NINE, position)).position == position


BAD = [
    (b"", "location"),
    (location_body(NINE)[:25], "time"),
    (location_body(NINE)[:22] + bytes.fromhex("26133a090000"), "time"),
    (location_body(None), "time"),
    (location_body(NINE)[:22] + bytes.fromhex("260230090000"), "time"),
    (location_body(NINE)[:8] + struct.pack(">I", 90_000_001) + location_body(NINE)[12:], "lat"),
    (location_body(NINE)[:12] + struct.pack(">I", 180_000_001) + location_body(NINE)[16:], "lon"),
]


@pytest.mark.parametrize(("body", "field"), BAD, ids=[field for _, field in BAD])
def test_bad_location_names_the_field(body: bytes, field: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read_location(body)
    assert caught.value.field == field


@given(st.binary(max_size=120))
def test_no_body_raises_anything_but_a_decode_error(body: bytes) -> None:
    for read in (read_location, read_batch, lambda raw: read_code(Message(0x0102, "1", 0, raw, version=1))):
        with suppress(DecodeError):
            read(body)


@given(st.lists(st.binary(max_size=60), max_size=9))
def test_batch_gives_its_items_back(items: list[bytes]) -> None:
    assert read_batch(batch_body(*items)) == items


def test_batch_cut_short_names_the_item() -> None:
    with pytest.raises(DecodeError) as caught:
        read_batch(batch_body(b"abc", b"defg")[:-1])
    assert caught.value.field == "batch.2"


@pytest.mark.parametrize("version", [None, 1])
def test_code_is_read_in_both_versions_and_fits_one_phone_only(version: int | None) -> None:
    code = make_code(b"secret", PHONE)
    given = read_code(Message(0x0102, PHONE, 0, authentication_body(code, version), version))
    assert given == code
    assert is_code(given, b"secret", PHONE)
    assert not is_code(given, b"secret", PHONE + "0")
    assert not is_code(given, b"other", PHONE)
    assert not is_code(b"", b"secret", PHONE)


def test_code_with_a_terminating_zero_is_the_same() -> None:
    assert read_code(Message(0x0102, PHONE, 0, b"abc\0")) == b"abc"


ON, OFF = True, False
EMERGENCIES = [
    ("one report with the bit", [(0, ON)], [True]),
    ("kept pressed", [(0, ON), (1, ON), (2, ON)], [True, False, False]),
    ("pressed twice", [(0, ON), (1, OFF), (2, ON)], [True, False, True]),
    ("never pressed", [(0, OFF), (1, OFF)], [False, False]),
    ("the press comes late, from a tunnel", [(5, OFF), (1, ON), (2, ON)], [False, True, False]),
    ("an old report without it does not end it", [(5, ON), (1, OFF), (6, ON)], [True, False, False]),
    (
        "a late press is ended by the next live report",
        [(5, OFF), (1, ON), (6, OFF), (7, ON)],
        [False, True, False, True],
    ),
    ("without a time it still counts", [(None, ON), (None, ON)], [True, False]),
]


@pytest.mark.parametrize(("steps", "edges"), [c[1:] for c in EMERGENCIES], ids=[c[0] for c in EMERGENCIES])
def test_emergency_counts_once_for_a_rising_edge(steps: list[tuple[int | None, bool]], edges: list[bool]) -> None:
    state, found = Emergency(), []
    for minute, pressed in steps:
        time = None if minute is None else NINE + timedelta(minutes=minute)
        state, rising = fold_emergency(state, Location(pressed, None, 0, 0, time))
        found.append(rising)
    assert found == edges


def published(*locations: Location, units: dict[str, str] | None = None) -> list[object]:
    found, _ = publish_all(locations, Emergency(), PHONE, units or {}, "onemap", "rescue", now())
    return [read_natively(publication) for publication in found]


def test_position_is_what_ingest_reads() -> None:
    time = now().replace(microsecond=0)
    [row] = published(read_location(location_body(time)))
    assert row == PositionRow(PHONE, to_pg_us(time), SUQIAN.lon, SUQIAN.lat, 10.0, 89, None, None)


def test_mapped_phone_speaks_for_its_unit() -> None:
    [row] = published(read_location(location_body(now())), units={PHONE: "fire-01"})
    assert isinstance(row, PositionRow)
    assert row.unit_id == "fire-01"


def test_report_without_a_fix_publishes_no_position() -> None:
    assert published(read_location(location_body(None, None))) == []


def test_speed_and_heading_that_cannot_be_are_left_out() -> None:
    location = replace(read_location(location_body(now(), speed=0xFFFF)), heading=400)
    [row] = published(location)
    assert isinstance(row, PositionRow)
    assert (row.speed, row.heading) == (None, None)


def test_emergency_is_a_report_that_ingest_reads_with_a_stable_id() -> None:
    time = now().replace(microsecond=0)
    body = location_body(time, alarm=1)
    once, again = published(read_location(body)), published(read_location(body))
    assert once == again
    [_, report] = once
    assert isinstance(report, IncidentReportRow)
    assert (report.channel, report.report_id) == ("jt808", f"{PHONE}-{time:%Y%m%d%H%M%S}")
    assert (report.kind, report.level, report.lon, report.lat) == ("rescue", None, SUQIAN.lon, SUQIAN.lat)


def test_emergency_without_fix_or_clock_is_reported_with_the_time_of_receipt() -> None:
    [report] = published(read_location(location_body(None, None, alarm=1)))
    assert isinstance(report, IncidentReportRow)
    assert report.lon is None
    assert abs(report.time - to_pg_us(now())) < 5_000_000
