"""An engine that is killed again and again during a storm: the alarms and their histories are those of one that never
was."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from alerts import engine as engine_module
from alerts.engine import AlertEngine
from core.db import make_engine
from core.settings import Settings
from ingest.writer import Writer
from tests.alerts.helpers import write
from tests.alerts.test_engine import Crash
from tests.support import now

KILLS = 20
SECOND = timedelta(seconds=1)
STEP_S, STEPS = 30, 80
# what of an engine's turn a kill may fall into
PLACES = ("fold_one", "before the commit", "between judgement and clock", "after the commit")
RULES = (
    "water-stage",
    "underpass-water",
    "street-water",
    "gas",
    "rain",
    "aqi",
    "wind",
    "flow-low",
    "water-rise",
    "flow-unusual",
)
PEAKS = {"water_level": 14.0, "gas": 60.0, "rain": 2.0, "wind": 35.0, "flow": 0.0, "pm25": 260.0}


def storm(conn: Connection) -> list[tuple[str, str, float]]:
    """Series that the storm moves, each with its own beginning."""
    rows = conn.execute(
        text(
            """
SELECT DISTINCT ON (id) id, metric
FROM (SELECT id, unnest(metrics) AS metric FROM sensor WHERE status = 'active') s
WHERE metric = ANY(:metrics) ORDER BY id, metric
"""
        ),
        {"metrics": list(PEAKS)},
    ).all()
    rng = random.Random(5)
    return [(row.id, row.metric, rng.uniform(0, STEPS * STEP_S / 2)) for row in rng.sample(rows, min(60, len(rows)))]


def value_at(metric: str, begins: float, second: float, salt: int) -> float:
    """Calm, a rise to the peak within ten minutes, and back: with a little noise that is the same in every run."""
    noise = 0.02 * math.sin(second * 0.37 + salt)
    away = min(1.0, max(0.0, (second - begins) / 600)) - min(1.0, max(0.0, (second - begins - 900) / 300))
    calm = 30.0 if metric == "flow" else 0.0
    return round(calm + (PEAKS[metric] - calm) * away + noise, 6)


def run(db: Engine, start: datetime, kills: Iterator[tuple[int, str]], patch: pytest.MonkeyPatch) -> int:
    """The storm, a batch each half minute, judged with the clock; returns how often the engine was killed."""
    with db.begin() as conn:
        series = storm(conn)
        conn.execute(text("UPDATE rule SET enabled = id = ANY(:rules)"), {"rules": list(RULES)})
    writer, engine = Writer(1), make(db)
    due = next(kills, None)
    killed = 0
    for step in range(STEPS):
        second = float(step * STEP_S)
        at = start + timedelta(seconds=second)
        with db.begin() as conn:
            for salt, (sensor, metric, begins) in enumerate(series):
                write(conn, [(second, value_at(metric, begins, second, salt))], start, sensor, metric, writer)
        while due is not None and due[0] == step:
            if kill(engine, at, due[1], patch):
                killed += 1
            engine = make(db)
            due = next(kills, None)
        judge(engine, at)
        engine.tick(at + timedelta(seconds=STEP_S - 1))
    return killed


def make(db: Engine) -> AlertEngine:
    engine = AlertEngine(db, 1)
    engine.own([0])
    return engine


def judge(engine: AlertEngine, at: datetime) -> None:
    while engine.judge(at):
        pass


def kill(engine: AlertEngine, at: datetime, place: str, patch: pytest.MonkeyPatch) -> bool:
    """Let the engine die at this place of its turn; whether it came there."""

    def dies(*_: Any, **__: Any) -> Any:
        raise Crash

    with patch.context() as here:
        if place == "fold_one":
            here.setattr(engine_module, "fold_one", dies)
        elif place == "before the commit":
            here.setattr(engine_module, "log_changes", dies)
        elif place == "after the commit":
            judge(engine, at)
            return True
        try:
            judge(engine, at)
            if place == "between judgement and clock":
                return True
        except Crash:
            return True
    return False


HISTORY = text("""
SELECT a.rule_id, a.thing_id, e.what, e.state, e.level, e.value, e.observed_at FROM alarm_event e
JOIN alarm a ON a.id = e.alarm_id WHERE a.rule_id = ANY(:rules) ORDER BY a.rule_id, a.thing_id, e.id
""")


def history(db: Engine, start: datetime) -> list[tuple[Any, ...]]:
    """Of each alarm what happened, in order: times as seconds of the storm."""
    with db.connect() as conn:
        rows = conn.execute(HISTORY, {"rules": list(RULES)}).all()
    return [
        (
            r.rule_id,
            r.thing_id,
            r.what,
            r.state,
            r.level,
            round(r.value or 0, 6),
            (r.observed_at - start).total_seconds(),
        )
        for r in rows
    ]


@pytest.fixture
def second_engine(template: str, make_database: Any) -> Iterator[Engine]:
    """The same city once more, where the storm is judged without a kill."""
    settings = Settings(database_url=make_database("test_unbroken", template))
    engine = make_engine(settings, pool_size=3, name="onemap test")
    yield engine
    engine.dispose()


def test_killed_twenty_times_in_a_storm_the_histories_are_the_same(
    fresh_engine: Engine, second_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = (now() - timedelta(hours=2)).replace(second=0, microsecond=0)
    rng = random.Random(11)
    kills = sorted((rng.randrange(1, STEPS), rng.choice(PLACES)) for _ in range(KILLS))
    monkeypatch.setattr(engine_module, "KEPT_EVERY", timedelta(minutes=3))
    assert run(second_engine, start, iter(()), monkeypatch) == 0
    killed = run(fresh_engine, start, iter(kills), monkeypatch)
    assert killed >= KILLS / 2, "most kills fell into a turn"
    unbroken, broken = history(second_engine, start), history(fresh_engine, start)
    assert len(unbroken) > 60
    assert {row[2] for row in unbroken} >= {"raised", "worsened", "returned"}
    missing, added = [row for row in unbroken if row not in broken], [row for row in broken if row not in unbroken]
    assert (missing, added) == ([], [])
    assert broken == unbroken
    with fresh_engine.connect() as conn:
        assert conn.scalar(text("SELECT count(*) FROM ingest_batch")) == 0
        assert conn.scalar(text("SELECT count(*) FROM set_aside")) == 0
