"""Many at once over few things: nobody waits in a circle, no request fails for another's sake, and what is left fits
together (docs/decisions/0016)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import Any

import httpx
from sqlalchemy import Connection, Engine, text

from alerts import store
from alerts.feeds.cap_alert import issue, read_issuer
from alerts.folding import fold_all
from alerts.loading import load_things
from alerts.runner import end_shelves
from alerts.scoring import score_alarms, score_incidents
from app.services.mosquitto import Broker
from core.db import DISPATCH_CHANNEL, make_engine, notify
from core.errors import Conflict
from core.pgarray import to_pg_us
from core.settings import Settings
from core.vocabulary import IncidentStatus, TaskReply, UnitStatus
from dispatch import incidents
from dispatch.present import read_incidents
from tests.alerts.helpers import find
from tests.support import LOGS, System, now, wait_for

WRITERS, ACTS = 50, 12
UNITS = 4


class Crowd:
    """Fifty hands on three alarms, their incidents and four units: people over HTTP, units over the tables that ingest
    writes, and what the engine does meanwhile."""

    def __init__(self, engine: Engine, people: dict[str, httpx.Client]) -> None:
        self.engine, self.people = engine, people
        self.engine_lock = Lock()
        self.answers: Counter[str] = Counter()
        self.failed: list[str] = []
        with engine.begin() as conn:
            self.units = list(conn.scalars(text("SELECT id FROM unit ORDER BY id LIMIT :n"), {"n": UNITS}))
            finding = find(conn, 2, now())
            things = [thing for thing in load_things(conn) if thing.kind == finding.thing.kind][:3]
            self.findings = [replace(finding, thing=thing) for thing in things]
            folded = fold_all(conn, self.findings, now())
            self.alarms = [change.alarm_id for change in folded.changes]
            self.incidents = [
                incidents.open_from_alarm(conn, alarm, store.link, "me", now())[0] for alarm in self.alarms
            ]
        assert (len(self.units), len(self.alarms)) == (UNITS, 3)

    def work(self, seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(ACTS):
            self.act(dice)

    def act(self, dice: random.Random) -> None:
        acts: list[tuple[int, Callable[[random.Random], None]]] = [
            (6, self.assign),
            (4, self.move_on),
            (4, self.order),
            (5, self.report),
            (5, self.reply),
            (2, self.acknowledge),
            (1, self.shelve),
            (1, self.open),
            (2, self.judge),
            (1, self.score),
            (1, self.issue),
        ]
        [act] = dice.choices([act for _, act in acts], [weight for weight, _ in acts])
        try:
            act(dice)
        except Conflict as exc:
            self.answers[f"{act.__name__} {exc.reason}"] += 1
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is what we look for
            self.failed.append(f"{act.__name__}: {exc!r}"[:300])

    # --- people ---

    def post(self, path: str, body: dict[str, Any] | None = None, role: str = "dispatcher") -> None:
        answer = self.people[role].post(path, json=body)
        self.answers[f"{path.rpartition('/')[2]} {answer.status_code}"] += 1
        if answer.status_code >= 500 or answer.json().get("reason") == "lost_race":
            self.failed.append(f"{path}: {answer.status_code} {answer.text}"[:300])

    def assign(self, dice: random.Random) -> None:
        self.post(f"/api/incidents/{dice.choice(self.incidents)}/assignments", {"unit": dice.choice(self.units)})

    def move_on(self, dice: random.Random) -> None:
        to = dice.choice([*IncidentStatus, IncidentStatus.CANCELLED, IncidentStatus.CLOSED, IncidentStatus.OPEN])
        self.post(f"/api/incidents/{dice.choice(self.incidents)}/status", {"status": to})

    def order(self, dice: random.Random) -> None:
        self.post(f"/api/units/{dice.choice(self.units)}/status", {"status": dice.choice(list(UnitStatus))})

    def acknowledge(self, dice: random.Random) -> None:
        self.post(f"/api/alarms/{dice.choice(self.alarms)}/acknowledge")

    def shelve(self, dice: random.Random) -> None:
        body = {"minutes": 1, "reason": "known"}
        self.post(f"/api/alarms/{dice.choice(self.alarms)}/shelve", body, "commander")

    def open(self, dice: random.Random) -> None:
        self.post("/api/incidents", {"alarm": str(dice.choice(self.alarms))})

    # --- units ---

    def report(self, dice: random.Random) -> None:
        given = {"unit": dice.choice(self.units), "status": dice.choice(list(UnitStatus)), "now": now()}
        self.come_in(REPORT, given)

    def reply(self, dice: random.Random) -> None:
        with self.engine.connect() as conn:
            rows = conn.execute(text("SELECT id, unit_id FROM assignment WHERE ended_at IS NULL")).all()
        if rows:
            row = dice.choice(rows)
            given = {"unit": row.unit_id, "task": str(row.id), "state": dice.choice(list(TaskReply)), "now": now()}
            self.come_in(REPLY, given)

    def come_in(self, query: Any, given: dict[str, Any]) -> None:
        with self.engine.begin() as conn:
            conn.execute(query, given)
            notify(conn, DISPATCH_CHANNEL, {"kind": "unit_report", "ids": [given["unit"]]})

    # --- the alerts process ---

    def judge(self, dice: random.Random) -> None:
        level = dice.choice([1, 2, 3, None])
        found = [replace(f, level=level, at=to_pg_us(now())) for f in dice.sample(self.findings, 3)]
        # a sensor has one engine (its shard's lock)
        with self.engine_lock, self.engine.begin() as conn:
            assert not fold_all(conn, found, now()).failed

    def score(self, dice: random.Random) -> None:
        with self.engine.begin() as conn:
            score_alarms(conn, now(), 8)
        with self.engine.begin() as conn:
            score_incidents(conn, now(), 8)
        with self.engine.begin() as conn:
            end_shelves(conn, now() + timedelta(minutes=2))

    def issue(self, dice: random.Random) -> None:
        with self.engine.begin() as conn:
            issuer = read_issuer(conn, "onemap@example.org", "Exercise")
            for alarm in dice.sample(self.alarms, 3):
                issue(conn, alarm, issuer, now())


REPORT = text("INSERT INTO unit_report (unit_id, time, status, received_at) VALUES (:unit, :now, :status, :now)")
REPLY = text(
    "INSERT INTO task_reply (unit_id, task_id, time, state, received_at) VALUES (:unit, :task, :now, :state, :now)"
)


@contextmanager
def connected(settings: Settings, size: int) -> Iterator[Engine]:
    """An engine of this test's own."""
    engine = make_engine(settings, pool_size=size, name="onemap test")
    try:
        yield engine
    finally:
        engine.dispose()


def deadlocks(engine: Engine) -> int:
    with engine.connect() as conn:
        return int(conn.scalar(text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")) or 0)


def waiting(engine: Engine) -> int:
    query = """
SELECT (SELECT count(*) FROM unit_report WHERE handled_at IS NULL)
  + (SELECT count(*) FROM task_reply WHERE handled_at IS NULL)
"""
    with engine.connect() as conn:
        return int(conn.scalar(text(query)) or 0)


def test_fifty_at_once_never_wait_in_a_circle(own_settings: Settings, broker: Broker) -> None:
    with connected(own_settings, 1) as engine:
        before = deadlocks(engine)
    with System(own_settings, broker, LOGS / "test_locks") as system:
        system.start("serve", "dispatch", "dispatch:2")
        with (
            connected(own_settings, WRITERS // 2) as engine,
            system.api("dispatcher") as dispatcher,
            system.api("commander") as commander,
        ):
            crowd = Crowd(engine, {"dispatcher": dispatcher, "commander": commander})
            with ThreadPoolExecutor(WRITERS) as hands:
                list(hands.map(crowd.work, range(WRITERS)))
            wait_for(lambda: not waiting(engine), what="all reports and replies are taken in")
    for name in ("serve", "dispatch", "dispatch:2"):
        assert '"level": "error"' not in system.log(name), system.log(name)
        assert '"lost_race"' not in system.log(name)
    assert not crowd.failed
    assert sum(crowd.answers.values()) > WRITERS * ACTS / 2, crowd.answers
    # the processes have ended: what they counted is told
    with connected(own_settings, 1) as engine, engine.connect() as conn:
        assert deadlocks(engine) == before
        assert not conn.execute(text("SELECT what, id, error FROM set_aside")).all()
        assert_whole(conn, crowd)


def assert_whole(conn: Connection, crowd: Crowd) -> None:
    """Units, assignments and incidents fit each other, and the histories tell every step to what there is now."""
    running = conn.execute(text("SELECT unit_id, incident_id, status FROM assignment WHERE ended_at IS NULL")).all()
    assert len({row.unit_id for row in running}) == len(running)
    held = {row.unit_id: row for row in running}
    last_of_units = text("SELECT DISTINCT ON (unit_id) unit_id, after FROM unit_event ORDER BY unit_id, id DESC")
    told = {row.unit_id: row.after for row in conn.execute(last_of_units)}
    for unit in conn.execute(text("SELECT id, status FROM unit WHERE id = ANY(:ids)"), {"ids": crowd.units}):
        task = held.get(unit.id)
        wanted = {"accepted": "assigned"}.get(task.status, task.status) if task else None
        assert unit.status == wanted if wanted else unit.status in ("available", "out_of_service"), unit
        assert told[unit.id]["status"] == unit.status
        assert told[unit.id]["incident_id"] == (str(task.incident_id) if task else None)
    for incident in read_incidents(conn, crowd.incidents):
        rows = conn.execute(
            text("SELECT after FROM incident_event WHERE incident_id = :id ORDER BY id"), {"id": incident["id"]}
        ).all()
        assert [row.after["version"] for row in rows] == list(range(1, (incident["version"] or 0) + 1))
        assert rows[-1].after["status"] == incident["status"]
        assert [a["status"] for a in rows[-1].after["assignments"]] == [a["status"] for a in incident["assignments"]]
        if incident["status"] in ("closed", "cancelled"):
            assert incident["id"] not in {str(row.incident_id) for row in running}
    for alarm in crowd.alarms:
        version, steps = conn.execute(
            text(
                "SELECT version, (SELECT count(*) FROM alarm_event WHERE alarm_id = a.id) FROM alarm a WHERE id = :id"
            ),
            {"id": alarm},
        ).one()
        assert version == steps
