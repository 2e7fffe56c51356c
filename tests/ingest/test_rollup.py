"""Hourly history against a plain recount; retention takes what its time is over and nothing else."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from core import set_aside
from core.pgarray import to_pg_us
from core.vocabulary import table
from ingest import partitions, retention, rollup
from ingest.records import Reading
from ingest.writer import Writer
from layers.sensors import read_series
from tests.ingest.test_writer import message
from tests.support import PATIENCE_S, Administer, now

HOUR = timedelta(hours=1)
RECOUNT = """
SELECT sensor_id, metric, date_trunc('hour', time, 'UTC') AS hour, count(*) AS readings, sum(value) AS total,
  min(value) AS least, max(value) AS most, (array_agg(value ORDER BY time DESC))[1] AS last
FROM observation WHERE quality NOT IN ('future', 'range') AND sensor_id LIKE 'r-%%' AND time < %(until)s GROUP BY 1, 2,
  3 ORDER BY 1, 2, 3
"""


def recount(conn: Connection, until: datetime) -> list[tuple[Any, ...]]:
    return [tuple(r) for r in conn.exec_driver_sql(RECOUNT, {"until": until})]


def rolled(conn: Connection) -> list[tuple[Any, ...]]:
    query = """
SELECT sensor_id, metric, hour, readings, total, least, most, last
FROM observation_hourly WHERE sensor_id LIKE 'r-%' ORDER BY 1, 2, 3
"""
    return [tuple(r) for r in conn.execute(text(query))]


def reading(sensor: str, moment: datetime, value: float, metric: str = "temperature") -> Reading:
    return Reading(sensor, metric, to_pg_us(moment), value, None, "good", None, None)


def same(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]) -> bool:
    keys = [r[:4] for r in left] == [r[:4] for r in right]
    return keys and all(a[4:] == pytest.approx(b[4:]) for a, b in zip(left, right, strict=True))


def roll_all(engine: Engine, moment: datetime) -> int:
    done = 0
    while True:
        with engine.begin() as conn:
            count = rollup.roll_up(conn, moment)
        done += count
        if count < rollup.AT_ONCE:
            return done


def test_hours_equal_a_recount_with_late_repeated_and_impossible_readings(fresh_engine: Engine) -> None:
    random.seed(5)
    asked = now()
    start = asked.replace(minute=0, second=0, microsecond=0) - 6 * HOUR
    writer = Writer(1)
    sent = [
        reading(
            f"r-{random.randrange(5)}",
            start + timedelta(seconds=random.randrange(6 * 3600)),
            random.choice([1.5, 20.0, 33.3, 500.0]),
            random.choice(["temperature", "humidity"]),
        )
        for _ in range(3000)
    ]
    for step, moment in enumerate([start + 3 * HOUR, start + 5 * HOUR, asked]):
        part = sent[step * 1000 : (step + 1) * 1000] + random.sample(sent, 50)
        with fresh_engine.begin() as conn:
            writer.write(conn, [message(r) for r in part], now())
        roll_all(fresh_engine, moment)
    with fresh_engine.connect() as conn:
        ended = (asked - HOUR - rollup.SETTLE).replace(minute=0, second=0, microsecond=0) + HOUR
        expected = recount(conn, min(ended, start + 6 * HOUR))
        assert len(expected) >= 40
        assert same(rolled(conn), expected)
        assert conn.scalar(text("SELECT count(*) FROM rollup_due WHERE hour < :h"), {"h": asked - 2 * HOUR}) == 0


def test_series_by_the_hour_is_the_same_from_history_and_from_readings(admin_conn: Connection) -> None:
    conn = admin_conn  # the application takes no reading away
    dice, start = random.Random(9), now().replace(minute=0, second=0, microsecond=0) - 5 * HOUR
    sent = [
        reading("r-1", start + timedelta(seconds=dice.randrange(17_000)), dice.choice([1.0, 30.0, 999.0]))
        for _ in range(400)
    ]
    unique = {r.time: r for r in sent}
    Writer(1).write(conn, [message(r) for r in unique.values()], now())
    rollup.roll_up(conn, now())
    late = reading("r-1", start + timedelta(seconds=100.5), 77.0)
    Writer(1).write(conn, [message(late)], now())
    for hours in (1, 2):
        by_history = read_series(conn, "r-1", "temperature", start, now(), hours * 3600.0)
        by_readings = read_series(conn, "r-1", "temperature", start + timedelta(seconds=1e-3), now(), hours * 3600.0)
        assert [{**s, "value": pytest.approx(s["value"])} for s in by_history] == by_readings
        assert sum(s["count"] for s in by_history) == sum(r.value < 900 for r in unique.values()) + 1
    conn.execute(text("DELETE FROM observation WHERE sensor_id = 'r-1' AND time < :t"), {"t": start + 4 * HOUR})
    conn.execute(text("DELETE FROM rollup_due"))
    assert len(read_series(conn, "r-1", "temperature", start, now(), 3600.0)) >= 4, "history outlives the readings"


def test_running_hour_is_left_alone_until_it_has_settled(conn: Connection) -> None:
    moment = now()
    Writer(1).write(conn, [message(reading("r-1", moment, 1.0))], moment)
    hour = moment.replace(minute=0, second=0, microsecond=0)
    assert rollup.roll_up(conn, hour + HOUR + timedelta(seconds=119)) == 0
    assert rollup.roll_up(conn, hour + HOUR + timedelta(seconds=121)) == 1


def test_marks_of_the_running_hour_are_written_once_and_of_ended_ones_each_time(conn: Connection) -> None:
    writer, start = Writer(1), (now() - 3 * HOUR).replace(minute=0)
    writer.write(conn, [message(reading("r-1", start, 1.0))], now())
    rollup.roll_up(conn, now())
    assert [r[3] for r in rolled(conn)] == [1]
    writer.write(conn, [message(reading("r-1", start + timedelta(seconds=1), 2.0))], now())
    assert rollup.roll_up(conn, now()) == 1
    assert [r[3] for r in rolled(conn)] == [2]


def test_mark_is_not_taken_while_its_readings_are_not_committed(fresh_engine: Engine) -> None:
    """The danger: the mark of an earlier reading is taken and counted while a later one is written but not yet
    visible."""
    start = (now() - 5 * HOUR).replace(minute=0)
    with fresh_engine.begin() as conn:
        Writer(1, 1).write(conn, [message(reading("r-1", start, 1.0))], now())
    with fresh_engine.begin() as late:
        Writer(1, 2).write(late, [message(reading("r-1", start + timedelta(minutes=1), 2.0))], now())
        assert roll_all(fresh_engine, now()) == 0
    assert roll_all(fresh_engine, now()) == 1
    with fresh_engine.connect() as conn:
        assert [r[3:5] for r in rolled(conn)] == [(2, 3.0)]


def test_two_takers_and_two_writers_at_once_end_at_the_recount(fresh_engine: Engine) -> None:
    start = (now() - 8 * HOUR).replace(minute=0, second=0, microsecond=0)
    done = threading.Event()

    def write(slot: int) -> None:
        dice, writer = random.Random(slot), Writer(1, slot)
        for n in range(60):
            batch = [
                reading(
                    f"r-{dice.randrange(4)}",
                    start + timedelta(seconds=dice.randrange(20_000) + slot * 0.25 + n * 1e-3),
                    dice.random(),
                )
                for _ in range(20)
            ]
            with fresh_engine.begin() as conn:
                writer.write(conn, [message(r) for r in batch], now())

    def take() -> None:
        while not done.is_set():
            roll_all(fresh_engine, now())

    writers = [threading.Thread(target=write, args=(slot,)) for slot in (1, 2)]
    takers = [threading.Thread(target=take) for _ in range(2)]
    for thread in [*writers, *takers]:
        thread.start()
    for thread in writers:
        thread.join(PATIENCE_S)
    done.set()
    for thread in takers:
        thread.join(PATIENCE_S)
    roll_all(fresh_engine, now())
    with fresh_engine.connect() as conn:
        expected = recount(conn, now() - HOUR)
        assert sum(r[3] for r in expected) > 2000
        assert same(rolled(conn), expected)


def test_late_reading_for_a_day_that_was_trimmed_does_not_spoil_its_hour(admin_conn: Connection) -> None:
    conn = admin_conn  # the application takes no reading away
    start = (now() - 5 * HOUR).replace(minute=0)
    Writer(1).write(conn, [message(reading("r-1", start + timedelta(seconds=s), s)) for s in range(5)], now())
    rollup.roll_up(conn, now())
    conn.execute(text("DELETE FROM observation WHERE sensor_id = 'r-1'"))
    Writer(1).write(conn, [message(reading("r-1", start + timedelta(seconds=9), 99))], now())
    rollup.roll_up(conn, now())
    assert [r[3:5] for r in rolled(conn)] == [(5, 10.0)]


@pytest.fixture
def short_metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    rows = table("metrics")
    monkeypatch.setitem(rows, "flow", {**rows["flow"], "keep_days": 10, "keep_hourly_days": 20})
    return


def days_of(conn: Connection, metric: str) -> list[int]:
    rows = conn.execute(
        text("SELECT DISTINCT time FROM observation WHERE metric = :m AND sensor_id = 'r-1'"), {"m": metric}
    )
    return sorted(round((now() - r.time).total_seconds() / 86400) for r in rows)


def test_each_metric_is_kept_for_its_own_days(short_metrics: None, conn: Connection) -> None:
    ages, today = (1, 9, 12, 50, 95), now()
    moments = [today - timedelta(days=d) for d in ages if d < 90]
    partitions.make_partitions(conn, [(today - timedelta(days=95)).date()])
    for metric in ("flow", "temperature"):
        Writer(1).write(conn, [message(reading("r-1", m, 1.0, metric)) for m in moments], today)
    assert retention.shorter(90) == {"flow": 10}
    assert retention.shorter(5) == {}
    assert retention.trim(conn, today, "flow", 10) == 0, "what the hourly history does not know yet stays"
    assert retention.drop_expired(conn, today + timedelta(days=60), 90) == [
        partitions.partition_name((today - timedelta(days=95)).date())
    ]
    partitions.make_partitions(conn, [(today - timedelta(days=95)).date()])
    assert rollup.roll_up(conn, today) > 0
    assert retention.trim(conn, today, "flow", 10) == 2
    assert retention.trim(conn, today, "flow", 10) == 0
    assert len(retention.drop_expired(conn, today, 90)) == 1
    assert (days_of(conn, "flow"), days_of(conn, "temperature")) == ([1, 9], [1, 9, 12, 50])


def test_hourly_history_is_kept_longer_and_by_its_own_days(short_metrics: None, conn: Connection) -> None:
    base = datetime(2026, 1, 1, tzinfo=UTC)
    for metric in ("flow", "temperature"):
        for days in (5, 25, 400):
            conn.execute(
                text("INSERT INTO observation_hourly VALUES ('r-1', :m, :h, 1, 1, 1, 1, 1)"),
                {"m": metric, "h": base - timedelta(days=days)},
            )
    assert retention.trim_hourly(conn, base, 365) == 3
    left = {(r[1], round((base - r[2]).days)) for r in rolled(conn)}
    assert left == {("flow", 5), ("temperature", 5), ("temperature", 25)}


def test_a_partition_that_is_no_day_is_nobodys_to_drop(admin_conn: Connection) -> None:
    conn = admin_conn  # the application takes no reading away
    conn.execute(text("CREATE TABLE observation_default PARTITION OF observation DEFAULT"))
    conn.execute(
        text(
            "CREATE TABLE observation_archive PARTITION OF observation FOR VALUES FROM ('1990-01-01') TO ('1991-01-01')"
        )
    )
    partitions.make_partitions(conn, [(now() - timedelta(days=95)).date()])
    assert len(retention.drop_expired(conn, now(), 90)) == 1
    assert retention.trim(conn, now(), "flow", 10) == 0


def test_hour_whose_sum_is_beyond_all_numbers_does_not_stop_the_others(
    fresh_engine: Engine, administer: Administer
) -> None:
    start = (now() - 5 * HOUR).replace(minute=0, second=0, microsecond=0)
    with fresh_engine.begin() as conn:
        rows = [message(reading(f"r-{n}", start + timedelta(seconds=k), 1.5)) for n in range(6) for k in range(2)]
        Writer(1).write(conn, rows, now())
    with administer(fresh_engine) as conn:
        # as an older version let them in
        conn.execute(text("UPDATE observation SET value = 1.7e308 WHERE sensor_id = 'r-3'"))
    assert roll_all(fresh_engine, now()) >= 6
    with fresh_engine.connect() as conn:
        assert {row[0] for row in rolled(conn)} == {"r-0", "r-1", "r-2", "r-4", "r-5"}
        [aside] = set_aside.read_asides(conn, None, 10)
        assert (aside["what"], aside["id"]) == ("rollup", f"r-3/temperature/{int(start.timestamp())}")
        assert conn.scalar(text("SELECT count(*) FROM rollup_due WHERE sensor_id = 'r-3'")) == 1, "the mark stays"
    with administer(fresh_engine) as conn:
        conn.execute(text("UPDATE observation SET value = 2 WHERE sensor_id = 'r-3'"))
    with fresh_engine.begin() as conn:
        set_aside.retry(conn, "rollup", aside["id"], "me", now())
    roll_all(fresh_engine, now())
    with fresh_engine.connect() as conn:
        assert "r-3" in {row[0] for row in rolled(conn)}


def test_value_beyond_anything_measured_is_kept_and_not_counted(fresh_engine: Engine) -> None:
    start = (now() - 5 * HOUR).replace(minute=0, second=0, microsecond=0)
    with fresh_engine.begin() as conn:
        values = [(0, 1.0), (1, 1e308), (2, -1e308), (3, 1e308)]
        rows = [message(reading("r-9", start + timedelta(seconds=k), v, "made_up")) for k, v in values]
        Writer(1).write(conn, rows, now())
    roll_all(fresh_engine, now())
    with fresh_engine.connect() as conn:
        assert [row[3:5] for row in rolled(conn) if row[0] == "r-9"] == [(1, 1.0)]
        assert conn.scalar(text("SELECT count(*) FROM observation WHERE sensor_id = 'r-9' AND quality = 'range'")) == 3
