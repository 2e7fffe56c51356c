"""Quality: every flag has its reason, the gravest wins, nothing is dropped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from core.pgarray import to_pg_us
from ingest.quality import HOUR, MINUTE, Extent, Seen, flag, see
from ingest.records import PositionRow, Reading
from ingest.writer import Writer
from tests.ingest.test_writer import message
from tests.support import handed_on, now

NOW = to_pg_us(now())
CITY = Extent(118, 33, 120, 35)
DAY = 24 * HOUR


def reading(metric: str = "temperature", value: float = 20.0, time: int = NOW, **more: Any) -> Reading:
    return Reading("t-1", metric, time, value, None, "good", None, None)._replace(**more)


CASES = [
    ("an ordinary value", reading(), None, "good"),
    ("hotter than any air", reading(value=150), None, "range"),
    ("colder than any air", reading(value=-90), None, "range"),
    ("four minutes ahead", reading(time=NOW + 4 * MINUTE), None, "good"),
    ("six minutes ahead", reading(time=NOW + 6 * MINUTE), None, "future"),
    ("impossible and ahead", reading(value=150, time=NOW + HOUR), None, "future"),
    ("two hours late", reading(time=NOW - 2 * HOUR), None, "late"),
    ("the device itself doubts it", reading(quality="suspect"), None, "suspect"),
    ("the device doubts what cannot be", reading(value=150, quality="suspect"), None, "range"),
    ("taken outside the city", reading(lon=121.0, lat=34.0), None, "outside"),
    ("taken inside the city", reading(lon=119.0, lat=34.0), None, "good"),
    ("12 degrees in ten seconds", reading(value=32), Seen(NOW - 10_000_000, 20, NOW), "jump"),
    ("12 degrees in two minutes", reading(value=32), Seen(NOW - 2 * MINUTE, 20, NOW), "good"),
    ("12 degrees after a day of silence", reading(value=32), Seen(NOW - DAY, 20, NOW - DAY), "good"),
    ("an older value than the newest", reading(value=32, time=NOW - 30_000_000), Seen(NOW, 20, NOW), "good"),
    ("the same for a day", reading(value=20), Seen(NOW - MINUTE, 20, NOW - DAY), "frozen"),
    ("the same for an hour", reading(value=20), Seen(NOW - MINUTE, 20, NOW - HOUR), "good"),
    ("a metric without limits", reading("unheard_of", 1e12), Seen(NOW - MINUTE, 0, NOW - DAY), "good"),
]


@pytest.mark.parametrize(("why", "what", "before", "expected"), CASES, ids=[c[0] for c in CASES])
def test_flag(why: str, what: Reading, before: Seen | None, expected: str) -> None:
    assert flag(what, before, CITY, NOW) == expected, why


def test_without_a_city_nothing_is_outside() -> None:
    assert flag(reading(lon=0.0, lat=0.0), None, None, NOW) == "good"


def test_memory_holds_the_newest_and_since_when_it_is_the_same() -> None:
    first = see(reading(value=1, time=10), None)
    same = see(reading(value=1, time=20), first)
    older = see(reading(value=9, time=15), same)
    other = see(reading(value=2, time=30), older)
    assert (first, same, older, other) == (Seen(10, 1, 10), Seen(20, 1, 10), Seen(20, 1, 10), Seen(30, 2, 30))


def write(conn: Connection, *records: Any, writer: Writer | None = None) -> None:
    (writer or Writer(1)).write(conn, [message(r) for r in records], now(), CITY)


def qualities(conn: Connection, table: str = "observation") -> list[str]:
    return list(conn.scalars(text(f"SELECT quality FROM {table} ORDER BY time")))


def test_flagged_readings_are_stored_and_only_the_possible_ones_judged(conn: Connection) -> None:
    """Out of range: stored, shown as newest, not judged. Jump: judged too, for it may be the very thing that
    happens."""
    start = to_pg_us(now() - timedelta(minutes=10))
    values = [20.0, 20.5, 150.0, 45.0]
    write(conn, *(reading(value=v, time=start + i * 1_000_000) for i, v in enumerate(values)))
    assert qualities(conn) == ["good", "good", "range", "jump"]
    assert handed_on(conn)[2] == [20.0, 20.5, 45.0]
    assert conn.scalar(text("SELECT quality FROM sensor_state WHERE sensor_id = 't-1'")) == "jump"


def test_what_was_newest_is_known_to_another_ingester(conn: Connection) -> None:
    start = to_pg_us(now() - timedelta(days=2))
    write(conn, reading(value=20, time=start), writer=Writer(1, 1))
    write(conn, reading(value=20, time=start + DAY), writer=Writer(1, 2))
    write(conn, reading(value=20, time=start + DAY + MINUTE), writer=Writer(1, 3))
    write(conn, reading(value=21, time=start + DAY + 2 * MINUTE), writer=Writer(1, 4))
    assert qualities(conn) == ["late", "frozen", "frozen", "late"]


def test_unit_outside_the_city_is_flagged_and_shown_but_no_fix_is_not(conn: Connection) -> None:
    start = to_pg_us(now())
    places = [(119.0, 34.0), (121.5, 34.0), (0.0, 0.0)]
    write(
        conn, *(PositionRow("u-1", start + i, lon, lat, None, None, None, None) for i, (lon, lat) in enumerate(places))
    )
    assert qualities(conn, "unit_position") == ["good", "outside", "outside"]
    assert conn.scalar(text("SELECT lon FROM unit_state WHERE unit_id = 'u-1'")) == 121.5
