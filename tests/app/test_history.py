"""The past is the present of then: random work, pictures noted while no write is open, and every one of them found
again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from alerts import cells, lifecycle, scoring, store
from alerts.folding import fold_all
from alerts.loading import thing_of
from alerts.mutes import sync_mutes
from alerts.routing import SilenceIn, add_silence, end_silence, list_silences
from alerts.rules import editing
from alerts.rules.base import Thing
from app.past import read_now, read_past
from core.errors import Conflict, OneMapError
from core.history import known_since
from core.pgarray import to_pg_us
from core.types import LonLat
from core.vocabulary import IncidentStatus, TaskReply, UnitStatus
from dispatch import incidents, steps, tasks
from ingest.admin import devices
from ingest.arrived import Arrived
from ingest.records import PositionRow, Reading, Record, SnapshotRow, TrackedEventRow, WarningRow
from ingest.writer import Writer
from layers.imports.load import load_layer
from tests.alerts.helpers import find
from tests.support import now

Json = dict[str, Any]
CAP = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{id}</identifier>
<sender>bureau@example.org</sender><sent>2026-05-04T08:00:00+08:00</sent><status>Actual</status>
<msgType>{type}</msgType><scope>Public</scope>{references}</alert>"""


class Player:
    """Does something random to the city, each act in a transaction of its own, as the processes would."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.engine = engine
        self.dice = random.Random(seed)
        self.writer = Writer(1)
        self.count = 0
        with engine.connect() as conn:
            self.sensors = list(
                conn.scalars(text("SELECT id FROM sensor WHERE kind = 'water_level' ORDER BY id LIMIT 3"))
            )
            self.units = list(conn.scalars(text("SELECT id FROM unit ORDER BY id LIMIT 4")))
            self.finding = find(conn, 1, now())
            self.ground = cells.read_cell_ground(conn, 8)

    def act(self) -> str:
        acts: list[Callable[[Connection, datetime], None]] = [
            self.judge,
            self.judge,
            self.acknowledge,
            self.shelve,
            self.silence,
            self.chatter,
            self.take_back,
            self.link,
            self.clock,
            self.level,
            self.note,
            self.recall,
            self.join,
            self.score,
            self.score,
            self.cells,
            self.open,
            self.assign,
            self.assign,
            self.reply,
            self.reply,
            self.move_on,
            self.rest,
            self.read,
            self.read,
            self.drive,
            self.film,
            self.snap,
            self.warn,
            self.register,
            self.rule,
            self.reimport,
        ]
        act = self.dice.choice(acts)
        self.count += 1
        try:
            with self.engine.begin() as conn:
                act(conn, now())
        except (Conflict, OneMapError):
            return f"{act.__name__} refused"
        return act.__name__

    def pick(self, conn: Connection, query: str, **given: object) -> Any:
        rows = conn.execute(text(query), given).all()
        return self.dice.choice(rows) if rows else None

    def ingest(self, conn: Connection, record: Record, at: datetime) -> None:
        self.writer.write(conn, [Arrived("t", b"", 1, 1, records=[record])], at)

    # --- judgement ---

    def judge(self, conn: Connection, at: datetime) -> None:
        level = self.dice.choice([1, 2, 3, None])
        name = self.dice.choice(self.sensors)
        thing = next(t for t in things(conn) if t.id == name)
        value = round(self.dice.uniform(1, 20), 2)
        finding = replace(self.finding, thing=thing, level=level, value=value, at=to_pg_us(at))
        assert not fold_all(conn, [finding], at).failed

    def acknowledge(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id FROM alarm WHERE state <> 'normal'")
        if row and (transition := lifecycle.acknowledge(store.lock_alarm(conn, row.id).view)):
            store.change_by_hand(conn, store.lock_alarm(conn, row.id), transition, "me", None, at)

    def take_back(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id FROM alarm WHERE acknowledged_by IS NOT NULL")
        if row:
            store.unacknowledge(conn, store.lock_alarm(conn, row.id), "me", at)

    def silence(self, conn: Connection, at: datetime) -> None:
        """One of whatever level is set, or ended; what it mutes is written down."""
        held = list_silences(conn, at)
        if held:
            end_silence(conn, held[0]["id"], "me", at)
        else:
            every = [{"label": "thing_type", "is": ["sensor"]}, {"label": "level", "is": ["1", "2", "3", "4"]}]
            given = {"matchers": every, "ends_at": at + timedelta(hours=1), "why": "test"}
            add_silence(conn, SilenceIn.model_validate(given), "me", at)
        sync_mutes(conn, at)

    def chatter(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id FROM alarm WHERE state <> 'normal'")
        if row:
            alarm = store.lock_alarm(conn, row.id)
            act = lifecycle.settle if alarm.view.chattering else lifecycle.chatter
            if transition := act(alarm.view):
                store.change_by_hand(conn, alarm, transition, "engine", None, at)

    def shelve(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id, state FROM alarm WHERE state <> 'normal'")
        if row is None:
            return
        alarm = store.lock_alarm(conn, row.id)
        shelved = row.state == "shelved"
        transition = lifecycle.unshelve(alarm.view) if shelved else lifecycle.shelve(alarm.view, 30, "known", at)
        store.change_by_hand(conn, alarm, transition, "me", None, at)

    def link(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id FROM alarm WHERE state <> 'normal'")
        if row:
            incidents.open_from_alarm(conn, row.id, store.link, "me", at)

    def score(self, conn: Connection, at: datetime) -> None:
        scoring.score_alarms(conn, at, 8)
        scoring.score_incidents(conn, at, 8)

    def clock(self, conn: Connection, at: datetime) -> None:
        """As the world will be in some hours: the score moves, and is known from now on."""
        scoring.follow_world(conn, at, 8)

    def cells(self, conn: Connection, at: datetime) -> None:
        assert self.ground is not None
        cells.score_cells(conn, self.ground, at)

    def rule(self, conn: Connection, at: datetime) -> None:
        row = editing.read_rule(conn, "water-stage")
        if self.dice.random() < 0.5:
            editing.switch(conn, "water-stage", not row.enabled, "me", at)
        else:
            editing.set_params(
                conn, "water-stage", {**row.params, "hysteresis": round(self.dice.random(), 3)}, None, "me", at
            )

    # --- dispatch ---

    def open(self, conn: Connection, at: datetime) -> None:
        where = conn.execute(text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM city")).one()
        titles = {"zh": f"事{self.count}", "en": f"event {self.count}"}
        place = LonLat(where.lon, where.lat) if self.dice.random() < 0.8 else None
        incidents.open_incident(conn, incidents.NewIncident("flooding", titles, "desk", None, place), "me", titles, at)

    def assign(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id FROM incident WHERE ended_at IS NULL")
        if row:
            tasks.assign(
                conn, row.id, self.dice.choice(self.units), "me", at, round(self.dice.uniform(1, 900), 1), 1000.0
            )

    def reply(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id, unit_id FROM assignment WHERE ended_at IS NULL")
        if row:
            tasks.reply(conn, row.id, self.dice.choice(list(TaskReply)), row.unit_id, at, at, None)

    def move_on(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id FROM incident")
        if row:
            steps.set_status(conn, row.id, self.dice.choice(list(IncidentStatus)), "me", at, None, "because")

    def level(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id FROM incident")
        if row:
            steps.set_level(conn, row.id, self.dice.randint(1, 4), "me", at, None, "known")

    def note(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id FROM incident")
        if row:
            steps.add_note(conn, row.id, f"note {self.count}", "me", at)

    def recall(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT incident_id, unit_id FROM assignment WHERE ended_at IS NULL")
        if row:
            tasks.recall(conn, row.incident_id, row.unit_id, "me", at, None)

    def join(self, conn: Connection, at: datetime) -> None:
        rows = conn.execute(text("SELECT id FROM incident WHERE ended_at IS NULL")).all()
        if len(rows) > 1:
            one, other = self.dice.sample(rows, 2)
            steps.join(conn, one.id, other.id, store.give, "me", at)

    def rest(self, conn: Connection, at: datetime) -> None:
        status = self.dice.choice([UnitStatus.AVAILABLE, UnitStatus.OUT_OF_SERVICE])
        tasks.report_status(conn, self.dice.choice(self.units), status, "me", at, at)

    # --- what comes in ---

    def read(self, conn: Connection, at: datetime) -> None:
        """On time, late, a little ahead of our clock, far ahead of it; from known sensors and from one nobody knows."""
        shift = self.dice.choice([0, 0, 0, -30, -3600, 120, 4000])
        sensor = self.dice.choice([*self.sensors, "stranger-1"])
        moment = to_pg_us(at + timedelta(seconds=shift))
        self.ingest(
            conn, Reading(sensor, "water_level", moment, round(self.dice.uniform(0, 9), 2), "m", "good", None, None), at
        )

    def drive(self, conn: Connection, at: datetime) -> None:
        moment = to_pg_us(at + timedelta(seconds=self.dice.choice([0, 0, -60, 100, 4000])))
        lon, lat = (0.0, 0.0) if self.dice.random() < 0.2 else (119.0 + self.dice.random() / 100, 31.3)
        self.ingest(conn, PositionRow(self.dice.choice(self.units), moment, lon, lat, 3.5, None, None, 0.5), at)

    def film(self, conn: Connection, at: datetime) -> None:
        event, began = (
            f"e{self.dice.randint(1, 3)}",
            to_pg_us(at) if self.dice.random() < 0.5 else to_pg_us(at - timedelta(minutes=5)),
        )
        ended = to_pg_us(at) if self.dice.random() < 0.3 else None
        self.ingest(
            conn,
            TrackedEventRow(
                "cam-001", event, began, "smoke", round(self.dice.random(), 2), "gate", ended, to_pg_us(at)
            ),
            at,
        )

    def snap(self, conn: Connection, at: datetime) -> None:
        self.ingest(
            conn,
            SnapshotRow("cam-001", f"{self.dice.getrandbits(256):064x}", f"e{self.dice.randint(1, 3)}", None, b"jpeg"),
            at,
        )

    def warn(self, conn: Connection, at: datetime) -> None:
        kind, number = self.dice.choice(["Alert", "Update", "Cancel"]), self.count
        reference = (
            f"<references>bureau@example.org,w{self.dice.randint(0, number)},2026-05-04T08:00:00+08:00</references>"
        )
        body = CAP.format(id=f"w{number}", type=kind, references="" if kind == "Alert" else reference)
        expires = to_pg_us(at + timedelta(hours=1))
        self.ingest(
            conn,
            WarningRow(
                "bureau@example.org", f"w{number}", to_pg_us(at), kind, "Actual", "rain", "Severe", expires, body
            ),
            at,
        )

    # --- the register ---

    def register(self, conn: Connection, at: datetime) -> None:
        row = self.pick(conn, "SELECT id, status FROM sensor WHERE id = 'stranger-1' OR id = :one", one=self.sensors[0])
        if row.status == "active":
            devices.retire_sensor(conn, row.id, "me", at)
        else:
            told = devices.Registration("water_level", LonLat(119.001, 31.301), name_en=f"gauge {self.count}")
            devices.accept_sensor(conn, row.id, told, "me", at)

    def reimport(self, conn: Connection, at: datetime) -> None:
        point = {"type": "Point", "coordinates": [119.002, 31.302]}
        names = {"name_zh": f"甲{self.count}", "name_en": f"A{self.count}"}
        sensor = {
            "id": self.sensors[1],
            "geometry": point,
            "properties": {**names, "kind": "water_level", "metrics": ["water_level"]},
        }
        load_layer(conn, "sensors", [("test", sensor)])
        unit = {
            "id": self.units[0],
            "geometry": point,
            "properties": {**names, "kind": "fire_engine", "capabilities": ["rescue"]},
        }
        load_layer(conn, "units", [("test", unit)])


THINGS = text("""
SELECT id, kind, name_zh, name_en, district, ST_X(geom) AS lon, ST_Y(geom) AS lat, interval_s, thresholds, attributes
  FROM sensor
""")


def things(conn: Connection) -> list[Thing]:
    return [thing_of(row) for row in conn.execute(THINGS)]


def picture(engine: Engine, at: datetime, read: Callable[[Connection, datetime], Json]) -> Json:
    with engine.connect() as conn:
        found = read(conn, at)
    return {kind: {item["id"]: item for item in found[kind]} for kind in found if isinstance(found[kind], list)}


def quiet_moment() -> datetime:
    """A moment that no write has: after what was committed, before what comes."""
    time.sleep(0.002)
    moment = now()
    time.sleep(0.002)
    return moment


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_moment_is_found_again_as_it_was(fresh_engine: Engine, seed: int) -> None:
    player = Player(fresh_engine, seed)
    noted: list[tuple[datetime, str, Json]] = []
    done: set[str] = set()
    for _ in range(120):
        act = player.act()
        done.add(act)
        moment = quiet_moment()
        noted.append((moment, act, picture(fresh_engine, moment, read_now)))
    assert len(done) > 15, done
    for moment, act, then in noted:
        found = picture(fresh_engine, moment, read_past)
        assert set(found) == set(then)
        for kind, items in then.items():
            differing = {
                i: (items.get(i), found[kind].get(i)) for i in items | found[kind] if items.get(i) != found[kind].get(i)
            }
            assert differing == {}, f"{kind} after {act} (seed {seed})"


def test_order_of_the_past_is_that_of_the_present(fresh_engine: Engine) -> None:
    player = Player(fresh_engine, 7)
    for _ in range(80):
        player.act()
    moment = quiet_moment()
    with fresh_engine.connect() as conn:
        live, past = read_now(conn, moment), read_past(conn, moment)
    for kind in ("alarms", "incidents", "units", "sensors", "video_events", "warnings", "risk_cells"):
        assert [item["id"] for item in past[kind]] == [item["id"] for item in live[kind]], kind


def test_of_the_time_before_full_records_what_is_unknown_is_null_and_said(admin_conn: Connection) -> None:
    """Events as an earlier version wrote them: state and level, no more."""
    at = now() - timedelta(hours=2)
    alarm = store.raise_alarm(admin_conn, find(admin_conn, 2, at), lifecycle.fold(None, 2), at)  # type: ignore[arg-type]
    admin_conn.execute(text("ALTER TABLE alarm_event DISABLE TRIGGER USER"))
    admin_conn.execute(text("UPDATE alarm_event SET after = NULL"))
    admin_conn.execute(text("ALTER TABLE alarm_event ENABLE TRIGGER USER"))
    past = read_past(admin_conn, at + timedelta(minutes=1))
    [found] = past["alarms"]
    assert (found["id"], found["state"], found["level"], found["kind"]) == (
        str(alarm),
        "unacknowledged",
        2,
        "water_stage",
    )
    assert [found[name] for name in ("value", "message", "risk", "version", "active")] == [None] * 5
    assert datetime.fromisoformat(past["known_since"]) == known_since(admin_conn).replace(
        microsecond=known_since(admin_conn).microsecond // 1000 * 1000
    )
    assert {u["status"] for u in past["units"]} == {None}, "nobody wrote their status down then"


def test_versions_of_rules_are_kept_whole(conn: Connection) -> None:
    before = editing.read_rule(conn, "gas")
    editing.switch(conn, "gas", False, "me", now())
    editing.set_params(conn, "gas", before.params, None, "me", now())  # the same: no version of its own
    kept = conn.execute(
        text("SELECT version, what, who, after FROM rule_version WHERE rule_id = 'gas' ORDER BY version")
    ).all()
    assert [(k.version, k.what, k.after["enabled"]) for k in kept] == [(1, "seeded", True), (2, "disarmed", False)]
    with pytest.raises(Conflict):
        editing.set_params(conn, "gas", before.params, 1, "me", now())


@pytest.mark.parametrize(
    "table",
    [
        "unit_event",
        "asset_event",
        "layer_row_event",
        "rule_version",
        "source_version",
        "route_version",
        "inhibition_version",
        "silence_version",
        "alarm_event",
        "incident_event",
    ],
)
def test_histories_are_append_only(admin_conn: Connection, table: str) -> None:
    from sqlalchemy.exc import ProgrammingError

    for act in (f"UPDATE {table} SET who = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(ProgrammingError, match="append-only"), admin_conn.begin_nested():
            admin_conn.execute(text(act))


def test_old_scores_of_cells_go_and_what_was_shown_when_the_retention_began_stays(conn: Connection) -> None:
    before = now() - timedelta(days=90)
    conn.execute(
        text(
            """
INSERT INTO risk_cell (cell, score, level, terms, scored_at)
VALUES ('88' || repeat('0', 13), 3, 4, '[]', now())
"""
        )
    )
    for days, score in ((99, 1.0), (95, 2.0), (10, 3.0)):
        row = {
            "cell": "88" + "0" * 13,
            "type": "cell",
            "id": "88" + "0" * 13,
            "now": now() - timedelta(days=days),
            "version": None,
        }
        risk = '{"score": 0, "terms": [], "people": null}'
        conn.execute(scoring.WRITE_RISK, {**row, "score": score, "level": 4, "risk": risk})
    assert cells.forget_scores(conn, before) == 1
    assert cells.forget_scores(conn, before) == 0
    left = conn.scalars(
        text("SELECT score FROM risk_event WHERE thing_id = '88' || repeat('0', 13) ORDER BY time")
    ).all()
    assert left == [2.0, 3.0]
