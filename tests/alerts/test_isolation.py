"""A fault stays where it happens: one sensor's rule, one finding, one batch, one name never stop the judgement of the
city."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from alerts import engine as engine_module
from alerts import store
from alerts.engine import AlertEngine
from alerts.rules import KINDS, base
from alerts.rules.base import Finding, RuleKind, RuleParams, RuleRow, Thing
from core import set_aside
from core.registry import Registry
from ingest.writer import Writer
from tests.alerts.helpers import SENSOR, alarms, write
from tests.alerts.test_engine import CALM, RED, START, judge, make, read, waiting

GAS = "gas-spare"


class Fragile:
    """A monitor that cannot stand the number 7."""

    waiting = False

    def __init__(self, rule: RuleRow, thing: Thing) -> None:
        self.rule, self.thing = rule, thing
        self.count = 0

    def feed(self, metric: str, at: int, value: float) -> Finding | None:
        self.count += 1
        if value == 7.0:
            raise KeyError("seven")
        if value < 0:
            self.count = float("nan")  # type: ignore[assignment]
        return Finding(self.rule, self.thing, 4, metric, value, "m", at, 1.0, "alarm.above")

    def tick(self, now: int) -> Finding | None:
        return None

    def state(self) -> dict[str, Any]:
        return {"count": self.count}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.count = state["count"]


@pytest.fixture
def fragile(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule kind of another package, armed for all water gauges."""

    class NoParams(RuleParams):
        pass

    kind = RuleKind("fragile", NoParams, lambda rule: ("water_level",), Fragile)
    registry: Registry[base.RuleKind] = Registry("onemap.test_rule_kinds", [*KINDS, kind], key=lambda k: k.key)
    for module in ("alerts.loading", "alerts.rules"):
        monkeypatch.setattr(f"{module}.KINDS", registry)
    with fresh_engine.begin() as conn:
        conn.execute(
            text(
                """
INSERT INTO rule (id, kind, alarm_kind, name_zh, name_en, watches, params, enabled, changed_at)
VALUES ('fragile', 'fragile', 'water_level', '脆', 'fragile', '{\"sensor_kinds\": [\"water_level\"]}', '{}', true,
  now())
"""
            )
        )


def gauges(db: Engine) -> list[str]:
    return read(
        db, lambda c: list(c.scalars(text("SELECT id FROM sensor WHERE kind = 'water_level' ORDER BY id LIMIT 3")))
    )  # type: ignore[no-any-return]


def feed(db: Engine, at_s: float, **values: float) -> None:
    with db.begin() as conn:
        for sensor, value in values.items():
            write(conn, [(at_s, value)], START, sensor)


def raised(db: Engine, rule: str) -> set[str]:
    return {a["thing_id"] for a in read(db, alarms) if a["rule_id"] == rule}


def asides(db: Engine, what: str) -> list[tuple[str, str, int]]:
    found = read(db, lambda c: set_aside.read_asides(c, None, 100))
    return [(a["id"], a["state"], a["tries"]) for a in found if a["what"] == what]


def test_rule_kind_that_raises_on_one_sensor_costs_that_sensor_only(fragile: None, fresh_engine: Engine) -> None:
    bad, *well = gauges(fresh_engine)
    engine = make(fresh_engine)
    feed(fresh_engine, 0, **{bad: 7.0}, **dict.fromkeys(well, 1.5))
    assert judge(engine) == 3
    assert raised(fresh_engine, "fragile") == set(well)
    assert read(fresh_engine, waiting) == 0
    assert asides(fresh_engine, "monitor") == [(f"fragile/{bad}", "waiting", 1)]


def test_other_rules_of_the_bad_sensor_go_on(fragile: None, fresh_engine: Engine) -> None:
    engine = make(fresh_engine)
    with fresh_engine.begin() as conn:
        conn.execute(
            text('UPDATE sensor SET thresholds = \'{"water_level": {"1": 7}}\' WHERE id = :id'), {"id": SENSOR}
        )
    feed(fresh_engine, 0, **{SENSOR: 7.0})
    judge(engine)
    assert raised(fresh_engine, "water-stage") == {SENSOR}


def test_it_is_tried_again_by_itself_and_judged_when_it_can_be(fragile: None, fresh_engine: Engine) -> None:
    engine = make(fresh_engine)
    feed(fresh_engine, 0, **{SENSOR: 7.0})
    judge(engine)
    feed(fresh_engine, 1, **{SENSOR: 2.0})
    judge(engine, 1)
    assert raised(fresh_engine, "fragile") == set(), "it rests"
    feed(fresh_engine, 10, **{SENSOR: 2.0})
    judge(engine, 10)
    assert raised(fresh_engine, "fragile") == {SENSOR}
    assert asides(fresh_engine, "monitor") == []


def test_it_is_put_aside_after_three_times_until_a_person_says_so(fragile: None, fresh_engine: Engine) -> None:
    engine = make(fresh_engine)
    for at in (0, 10, 100):
        feed(fresh_engine, at, **{SENSOR: 7.0})
        judge(engine, at)
    assert asides(fresh_engine, "monitor") == [(f"fragile/{SENSOR}", "aside", 3)]
    for later in (engine, make(fresh_engine)):  # a restart does not forget it
        feed(fresh_engine, 200 + id(later) % 50, **{SENSOR: 2.0})
        judge(later, 300)
    assert raised(fresh_engine, "fragile") == set()
    with fresh_engine.begin() as conn:
        set_aside.retry(conn, "monitor", f"fragile/{SENSOR}", "me", START + timedelta(seconds=400))
    again = make(fresh_engine)
    feed(fresh_engine, 500, **{SENSOR: 2.0})
    judge(again, 500)
    assert raised(fresh_engine, "fragile") == {SENSOR}


def test_checkpoint_that_no_column_takes_costs_its_monitor_only(fragile: None, fresh_engine: Engine) -> None:
    bad, *well = gauges(fresh_engine)
    engine = make(fresh_engine)
    feed(fresh_engine, 0, **{bad: -1.0}, **dict.fromkeys(well, 1.5))
    judge(engine)
    assert asides(fresh_engine, "monitor") == [(f"fragile/{bad}", "waiting", 1)]
    kept = read(
        fresh_engine, lambda c: set(c.scalars(text("SELECT thing_id FROM rule_state WHERE rule_id = 'fragile'")))
    )
    assert kept == set(well)


def test_finding_that_cannot_be_folded_is_found_again(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make(fresh_engine)
    real = store.raise_alarm

    def refuse(conn: Any, finding: Finding, *rest: Any) -> Any:
        if finding.thing.id == SENSOR:
            raise ValueError("no words for this")
        return real(conn, finding, *rest)

    feed(fresh_engine, 0, **{SENSOR: RED})
    with fresh_engine.begin() as conn:
        write(conn, [(0, 60.0)], START, GAS, "gas")
        write(conn, [(11, 60.0)], START, GAS, "gas")
    with monkeypatch.context() as patch:
        patch.setattr(store, "raise_alarm", refuse)
        judge(engine)
    assert {a["thing_id"] for a in read(fresh_engine, alarms)} == {GAS}
    assert asides(fresh_engine, "finding") == [(f"water-stage/{SENSOR}", "waiting", 1)]
    feed(fresh_engine, 20, **{SENSOR: RED})
    judge(engine, 20)
    assert {a["thing_id"] for a in read(fresh_engine, alarms)} == {GAS, SENSOR}
    assert asides(fresh_engine, "finding") == []


def test_batch_that_cannot_be_judged_is_found_by_halving_and_put_aside(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_engine.begin() as conn:
        writer = Writer(1)
        for n in range(7):
            write(conn, [(n, CALM)], START, SENSOR, writer=writer)
        conn.execute(text("INSERT INTO ingest_batch (partition, created_at, packed) VALUES (0, now(), 'no rows')"))
        write(conn, [(20, RED)], START, SENSOR, writer=writer)
    engine = make(fresh_engine)
    assert judge(engine) == 8
    assert raised(fresh_engine, "water-stage") == {SENSOR}
    assert [(state, tries) for _, state, tries in asides(fresh_engine, "batch")] == [("waiting", 1)]
    assert read(fresh_engine, waiting) == 1
    assert judge(engine) == 0


def test_crash_in_judging_is_still_a_crash(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only faults of rows are isolated; a lost database is raised, so that the life ends and begins anew."""
    from sqlalchemy.exc import OperationalError

    def lost(*_: object) -> None:
        raise OperationalError("x", {}, Exception("gone"))

    engine = AlertEngine(fresh_engine, 1)
    engine.own([0])
    feed(fresh_engine, 0, **{SENSOR: RED})
    with monkeypatch.context() as patch:
        patch.setattr(engine_module, "fold_one", lost)
        with pytest.raises(OperationalError):
            judge(engine)
    assert read(fresh_engine, lambda c: set_aside.read_asides(c, None, 10)) == []
    assert judge(engine) == 1
