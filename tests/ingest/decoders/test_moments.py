"""Times as devices write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.errors import DecodeError
from core.pgarray import to_pg_us
from ingest.decoders.moments import mend_leap, read_moment
from tests.ingest.decoders.support import CITY, NOW_US, at

BERLIN = ZoneInfo("Europe/Berlin")
FORMS = [
    ("2026-05-04T19:59:30", "2026-05-04T19:59:30+08:00"),
    ("2026-05-04 19:59:30", "2026-05-04T19:59:30+08:00"),
    ("2026-05-04T19:59:30.123", "2026-05-04T19:59:30.123+08:00"),
    ("2026-05-04T11:59:30.123456789Z", "2026-05-04T11:59:30.123456+00:00"),
    ("2026-05-04T20:59:30+0900", "2026-05-04T20:59:30+09:00"),
    ("2026/5/4 19:59:30", "2026-05-04T19:59:30+08:00"),
    ("2026.05.04 19:59:30", "2026-05-04T19:59:30+08:00"),
    ("20260504195930", "2026-05-04T19:59:30+08:00"),
    (" 2026-05-04T19:59:30\n", "2026-05-04T19:59:30+08:00"),
    (1777895970, "2026-05-04T11:59:30+00:00"),
    (1777895970.25, "2026-05-04T11:59:30.25+00:00"),
    ("1777895970", "2026-05-04T11:59:30+00:00"),
    (1777895970123, "2026-05-04T11:59:30.123+00:00"),
    ("1777895970123", "2026-05-04T11:59:30.123+00:00"),
    (1777895970123456, "2026-05-04T11:59:30.123456+00:00"),
    (1777895970123456789, "2026-05-04T11:59:30.123456+00:00"),
    ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999+00:00"),
    ("2017-01-01T07:59:60.5+08:00", "2016-12-31T23:59:59.999999+00:00"),
    ("2017-01-01 07:59:60", "2016-12-31T23:59:59.999999+00:00"),
]


@pytest.mark.parametrize(("given", "meant"), FORMS, ids=[str(given) for given, _ in FORMS])
def test_time_is_read_in_every_form_devices_write_it(given: object, meant: str) -> None:
    moment = read_moment(given, "time", CITY, NOW_US)
    assert abs(to_pg_us(moment) - at(meant)) <= 1
    assert moment.tzinfo is not None


# 02:30 of 2026-10-25 comes twice in Berlin: at 00:30 and at 01:30 UTC
@pytest.mark.parametrize(("arrived", "meant"), [("00:30:05", "00:30"), ("01:30:05", "01:30"), ("00:35", "00:30")])
def test_hour_that_comes_twice_is_the_one_nearer_to_its_arrival(arrived: str, meant: str) -> None:
    moment = read_moment("2026-10-25T02:30:00", "time", BERLIN, at(f"2026-10-25T{arrived}+00:00"))
    assert moment.astimezone(UTC) == datetime.fromisoformat(f"2026-10-25T{meant}+00:00")


def test_hour_that_does_not_come_is_read_all_the_same() -> None:
    moment = read_moment("2026-03-29T02:30:00", "time", BERLIN, at("2026-03-29T01:30:00+00:00"))
    assert moment.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", [CITY, BERLIN])
@pytest.mark.parametrize("given", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "9999-07-01T02:30:00"])
def test_ends_of_the_calendar_are_moments(given: str, zone: ZoneInfo) -> None:
    assert read_moment(given, "time", zone, NOW_US).tzinfo is zone


@pytest.mark.parametrize(
    "given",
    [None, True, [], "noon", "", "2026-13-01T00:00:00Z", "2026-01-01T00:00:61Z", float("nan"), float("inf"), 10**21],
)
def test_what_is_no_time_is_refused(given: object) -> None:
    with pytest.raises(DecodeError) as caught:
        read_moment(given, "time", CITY, NOW_US)
    assert caught.value.field == "time"


def test_leap_second_is_mended_in_times_alone() -> None:
    body = b'{"time":"2016-12-31T23:59:60.25Z","title":"at 12:30:60"}'
    assert mend_leap(body) == b'{"time":"2016-12-31T23:59:59.999999Z","title":"at 12:30:60"}'
