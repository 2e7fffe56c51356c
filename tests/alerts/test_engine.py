"""The engine on the real store: batches to alarms, and nothing skipped, doubled or forgotten by restarts and
crashes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from alerts import engine as engine_module
from alerts import loading
from alerts.engine import AlertEngine
from core.pgarray import to_pg_us
from core.types import partition_of
from ingest.writer import Writer
from tests.alerts.helpers import alarms, events, hand_on, write
from tests.support import now

START = now() - timedelta(hours=2)
RED, CALM = 13.0, 5.0


def feed(db: Engine, values: list[tuple[float, float]], sensor: str = "wl-spare", metric: str = "water_level") -> None:
    with db.begin() as conn:
        write(conn, values, START, sensor, metric)


def read(db: Engine, what: Any) -> Any:
    with db.connect() as conn:
        return what(conn)


def waiting(conn: Connection) -> int:
    return int(conn.scalar(text("SELECT count(*) FROM ingest_batch")) or 0)


def make(db: Engine, partitions: int = 1, own: list[int] | None = None) -> AlertEngine:
    made = AlertEngine(db, partitions)
    made.own(own if own is not None else [0])
    return made


def judge(engine: AlertEngine, at_s: float = 0) -> int:
    return engine.judge(START + timedelta(seconds=at_s))


def test_reading_above_the_limit_is_one_alarm_and_the_batch_is_gone(fresh_engine: Engine) -> None:
    feed(fresh_engine, [(0, RED)])
    assert judge(make(fresh_engine)) == 1
    [alarm] = read(fresh_engine, alarms)
    assert (alarm["rule_id"], alarm["level"], alarm["state"], alarm["value"]) == (
        "water-stage",
        1,
        "unacknowledged",
        RED,
    )
    assert read(fresh_engine, waiting) == 0
    queued = read(
        fresh_engine, lambda c: [tuple(r) for r in c.execute(text("SELECT kind, what FROM outbox ORDER BY id"))]
    )
    assert queued == [("alarm", "raised")]


def test_sensor_that_is_pending_is_not_judged(fresh_engine: Engine) -> None:
    feed(fresh_engine, [(0, 99.0)], sensor="nobody-knows")
    judge(make(fresh_engine))
    assert read(fresh_engine, alarms) == []
    assert read(fresh_engine, waiting) == 0


def test_late_reading_is_not_judged(fresh_engine: Engine) -> None:
    engine = make(fresh_engine)
    feed(fresh_engine, [(100, CALM)])
    judge(engine)
    feed(fresh_engine, [(50, RED)])
    judge(engine)
    assert read(fresh_engine, alarms) == []
    assert engine.late == 1


def test_readings_of_a_batch_are_judged_in_the_order_of_their_times(fresh_engine: Engine) -> None:
    feed(fresh_engine, [(200, CALM), (0, RED), (100, CALM)])
    judge(make(fresh_engine))
    assert read(fresh_engine, events) == [("raised", 1), ("returned", 1)]


def test_restart_keeps_the_alarm_and_the_running_delay(fresh_engine: Engine) -> None:
    feed(fresh_engine, [(0, RED), (10, CALM)])
    judge(make(fresh_engine))
    assert [e[0] for e in read(fresh_engine, events)] == ["raised"]
    second = make(fresh_engine)
    second.load(START)
    second.tick(START + timedelta(seconds=69))
    assert [e[0] for e in read(fresh_engine, events)] == ["raised"]
    second.tick(START + timedelta(seconds=70))
    assert [e[0] for e in read(fresh_engine, events)] == ["raised", "returned"]


def test_restart_does_not_raise_the_same_alarm_again(fresh_engine: Engine) -> None:
    feed(fresh_engine, [(0, RED)])
    judge(make(fresh_engine))
    feed(fresh_engine, [(10, RED + 0.1)])
    judge(make(fresh_engine))
    assert read(fresh_engine, events) == [("raised", 1)]


def test_restart_keeps_windows(fresh_engine: Engine) -> None:
    rain = read(
        fresh_engine,
        lambda c: c.scalar(text("SELECT id FROM sensor WHERE kind = 'rain' AND id <> 'rain-spare' LIMIT 1")),
    )
    feed(fresh_engine, [(60.0 * m, 1.0) for m in range(40)], rain, "rain")
    judge(make(fresh_engine))
    assert read(fresh_engine, alarms) == []
    feed(fresh_engine, [(60.0 * m, 1.0) for m in range(40, 60)], rain, "rain")
    judge(make(fresh_engine))
    [alarm] = read(fresh_engine, alarms)
    assert (alarm["rule_id"], alarm["level"], alarm["value"]) == ("rain", 2, 50.0)


class Crash(BaseException):
    """What kill -9 is to a transaction."""


def test_crash_before_the_commit_repeats_the_batch_and_skips_none(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make(fresh_engine)
    feed(fresh_engine, [(0, RED)])
    with monkeypatch.context() as patch:
        patch.setattr(engine_module, "fold_one", crash)
        with pytest.raises(Crash):
            judge(engine)
    assert (read(fresh_engine, waiting), read(fresh_engine, alarms)) == (1, [])
    feed(fresh_engine, [(10, CALM)])
    for survivor in (engine, make(fresh_engine)):
        judge(survivor)
    assert read(fresh_engine, events) == [("raised", 1)]
    assert read(fresh_engine, waiting) == 0


def crash(*_: object) -> None:
    raise Crash


def test_state_in_memory_is_thrown_away_after_a_failure(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make(fresh_engine)
    judge(engine)
    feed(fresh_engine, [(0, RED)])
    with monkeypatch.context() as patch:
        patch.setattr(engine_module, "fold_one", crash)
        with pytest.raises(Crash):
            judge(engine)
    assert engine.stale
    assert judge(engine) == 1
    assert [a["level"] for a in read(fresh_engine, alarms)] == [1]


def test_batches_committed_out_of_order_are_all_judged(fresh_engine: Engine) -> None:
    """A watermark of ids would lose the slow one."""
    engine = make(fresh_engine)
    steady = Writer(1, 1)  # one that has made its partitions: making them is one transaction's at a time
    with fresh_engine.begin() as conn:
        write(conn, [(0, CALM)], START, writer=steady)
    judge(engine)
    with fresh_engine.connect() as slow:
        transaction = slow.begin()
        write(slow, [(10, RED)], START, writer=steady)
        feed(fresh_engine, [(0, 60.0)], "gas-spare", "gas")
        judge(engine)
        transaction.commit()
    judge(engine)
    assert {a["rule_id"] for a in read(fresh_engine, alarms)} == {"gas", "water-stage"}


def test_engines_judge_their_own_shards_only(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as conn:
        for name in ("wl-spare", "gas-spare"):
            hand_on(conn, partition_of(name, 8), name, "gas" if name[0] == "g" else "water_level", START, 60.0)
    mine = partition_of("wl-spare", 8)
    assert mine != partition_of("gas-spare", 8)
    judge(make(fresh_engine, 8, [mine]))
    assert [a["thing_id"] for a in read(fresh_engine, alarms)] == ["wl-spare"]
    judge(make(fresh_engine, 8, [n for n in range(8) if n != mine]))
    assert [a["thing_id"] for a in read(fresh_engine, alarms)] == ["wl-spare", "gas-spare"]


def test_disarmed_rule_judges_nothing(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as conn:
        conn.execute(text("UPDATE rule SET enabled = false WHERE id = 'water-stage'"))
    feed(fresh_engine, [(0, RED)])
    judge(make(fresh_engine))
    assert read(fresh_engine, alarms) == []


def test_newest_judged_time_stands_before_what_still_waits(fresh_engine: Engine) -> None:
    feed(fresh_engine, [(0, CALM)])
    judge(make(fresh_engine))
    feed(fresh_engine, [(10, RED)])
    panel = read(fresh_engine, lambda c: loading.load(c, [0], 1)).panel
    newest: datetime = START + timedelta(seconds=10)
    assert to_pg_us(START) <= panel.newest[panel.slots["wl-spare", "water_level"]] < to_pg_us(newest)
