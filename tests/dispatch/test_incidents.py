"""Incidents from reports, alarms and calls; units sent, milestones, and every step in the log."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine, text

from alerts import store
from app.finding import search
from core import set_aside
from core.clock import rfc3339
from core.errors import Conflict, InputError, NotFound
from core.exposure import city_zone
from core.types import LonLat
from core.vocabulary import IncidentStatus as I
from core.vocabulary import TaskReply, UnitStatus
from dispatch import incidents, intake, log, steps, tasks
from dispatch.incidents import NewIncident
from dispatch.present import read_incidents, read_units
from tests.alerts.helpers import change
from tests.support import now, wait_for

NOW = now()
WORDS = {"zh": "建立", "en": "Opened"}


def opened(conn: Connection, **more: Any) -> UUID:
    where = conn.execute(text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM city")).one()
    new = {
        "kind": "flooding",
        "titles": {"zh": "积水", "en": "Water"},
        "channel": "desk",
        "where": LonLat(where.lon, where.lat),
        **more,
    }
    return incidents.open_incident(conn, NewIncident(**new), "desk-1", WORDS, NOW)


def said(conn: Connection, incident_id: UUID) -> list[str]:
    return [
        entry["data"].get("state") or entry["data"].get("status") or entry["what"]
        for entry in log.read(conn, incident_id)
    ]


def status(conn: Connection, incident_id: UUID) -> str:
    return str(read_incidents(conn, [incident_id])[0]["status"])


def unit(conn: Connection, unit_id: str) -> str:
    return str(read_units(conn, [unit_id])[0]["status"])


def send(conn: Connection, incident_id: UUID, unit_id: str = "works-01") -> UUID:
    return tasks.assign(conn, incident_id, unit_id, "desk-1", NOW, 120.0, 900.0)


def answer(conn: Connection, assignment: UUID, *replies: str) -> list[bool]:
    return [tasks.reply(conn, assignment, TaskReply(r), "works-01", NOW, NOW, None) for r in replies]


def outbox(conn: Connection) -> list[tuple[str, dict[str, Any]]]:
    rows = conn.execute(text("SELECT topic, payload FROM outbox WHERE kind = 'message' ORDER BY id"))
    return [(r.topic, json.loads(r.payload)) for r in rows]


def test_incident_has_a_number_of_the_citys_day_and_its_district(conn: Connection) -> None:
    first, second = (read_incidents(conn, [opened(conn)])[0] for _ in range(2))
    day = (NOW + timedelta(hours=8)).strftime("%Y%m%d")
    assert [first["number"], second["number"]] == [f"{day}-0001", f"{day}-0002"]
    assert len(first["district"]) == 6
    assert first["district"] != "000000"
    assert (first["status"], first["version"], first["level"]) == ("open", 1, 3)


def counted_to(conn: Connection, serial: int) -> None:
    """Let the next number of today be the one after `serial`."""
    opened(conn)
    conn.execute(text("UPDATE incident_day SET base = (SELECT last_value FROM incident_serial) - :n"), {"n": serial})


def test_after_9999_incidents_a_day_goes_on(conn: Connection) -> None:
    counted_to(conn, 9_998)
    day = (NOW + timedelta(hours=8)).strftime("%Y%m%d")
    found = [read_incidents(conn, [opened(conn)])[0]["number"] for _ in range(4)]
    assert found == [f"{day}-{serial}" for serial in (9999, 10000, 10001, 10002)]


def test_each_day_of_the_city_counts_from_one(conn: Connection) -> None:
    zone = ZoneInfo(city_zone(conn))
    evening = datetime(2026, 5, 4, 23, 59, 59, tzinfo=zone)
    morning = evening + timedelta(seconds=1)
    assert evening.astimezone(UTC).date() == morning.astimezone(UTC).date(), "not the day of UTC counts"
    # two processes whose clocks differ a little
    moments = [evening, evening, morning, evening, morning, evening]
    numbers = [incidents.next_number(conn, at.astimezone(UTC)) for at in moments]
    serials = {day: [int(n[9:]) for n in numbers if n.startswith(day)] for day in ("20260504", "20260505")}
    assert serials["20260504"][:2] == [1, 2]
    assert serials["20260505"][0] == 1
    assert all(found == sorted(set(found)) for found in serials.values())


def test_two_who_open_at_once_get_two_numbers_and_do_not_wait(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as conn:
        first = incidents.next_number(conn, NOW)
    with fresh_engine.begin() as one, fresh_engine.begin() as other:
        for conn in (one, other):
            conn.execute(text("SET LOCAL lock_timeout = '5s'"))
        found = [incidents.next_number(conn, NOW) for conn in (one, other, one)]
    assert [int(n[9:]) - int(first[9:]) for n in found] == [1, 2, 3]


def test_the_first_two_of_a_day_agree_where_it_began(fresh_engine: Engine) -> None:
    found: list[str] = []

    def open_one() -> None:
        with fresh_engine.begin() as conn:
            found.append(incidents.next_number(conn, NOW))

    with fresh_engine.begin() as conn:
        other = threading.Thread(target=open_one)
        found.append(incidents.next_number(conn, NOW))
        other.start()
        wait_for(lambda: waits(fresh_engine), what="the other waits for the day")
    other.join()
    first, second = (int(n[9:]) for n in found)
    assert 1 == first < second


def waits(engine: Engine) -> bool:
    with engine.connect() as conn:
        return bool(
            conn.scalar(
                text("""
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE datname = current_database() AND NOT granted
""")
            )
        )


def test_number_of_what_was_not_opened_is_left_out(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as conn:
        incidents.next_number(conn, NOW)
        lost = conn.begin_nested()
        incidents.next_number(conn, NOW)
        lost.rollback()
        assert incidents.next_number(conn, NOW).endswith("-0003")


def test_the_number_that_was_asked_for_is_found_before_those_that_begin_with_it(conn: Connection) -> None:
    counted_to(conn, 999)
    wanted = opened(conn)
    counted_to(conn, 9_999)
    for _ in range(10):
        opened(conn)
    for words in ("1000", read_incidents(conn, [wanted])[0]["number"]):
        found = search(conn, words)
        assert (found[0]["id"], [hit["type"] for hit in found].count("incident")) == (str(wanted), 8)


def test_incident_without_a_place_is_in_no_district(conn: Connection) -> None:
    found = read_incidents(conn, [opened(conn, where=None)])[0]
    assert (found["district"], found["lon"], found["lat"]) == ("000000", None, None)


def test_unknown_kind_names_the_field_and_the_kinds(conn: Connection) -> None:
    with pytest.raises(InputError, match="flooding") as caught:
        opened(conn, kind="dragon")
    assert caught.value.field == "kind"


def test_alarm_has_one_incident_whoever_asks(conn: Connection) -> None:
    alarm = change(conn, 1, NOW)
    assert alarm is not None
    first, new = incidents.open_from_alarm(conn, alarm, store.link, "a", NOW)
    assert new
    assert incidents.open_from_alarm(conn, alarm, store.link, "b", NOW) == (first, False)
    [found] = read_incidents(conn, [first])
    assert (found["kind"], found["level"], found["channel"]) == ("river_flood", 1, "alarm")
    last = conn.execute(text("SELECT what, note FROM alarm_event ORDER BY id DESC LIMIT 1")).one()
    assert (last.what, last.note) == ("linked", str(first))
    with pytest.raises(NotFound):
        incidents.open_from_alarm(conn, uuid4(), store.link, "a", NOW)


REPORT = text(
    """
INSERT INTO incident_report (channel, report_id, time, kind, level, title, lon, lat, received_at)
VALUES ('12345', :id, :now, :kind, :level, '浓烟', :lon, :lat, :now)
"""
)


@pytest.mark.parametrize(
    ("kind", "level", "became"),
    [("fire", 2, ("fire", 2)), ("fire", None, ("fire", 3)), ("dropped-kind", None, ("other", 4))],
)
def test_report_becomes_an_incident_once(
    kind: str, level: int | None, became: tuple[str, int], conn: Connection
) -> None:
    conn.execute(REPORT, {"id": "r1", "now": NOW, "kind": kind, "level": level, "lon": 119.0, "lat": 33.5})
    assert intake.claim_reports(conn, NOW) == 1
    assert intake.claim_reports(conn, NOW) == 0
    row = conn.execute(
        text(
            """
SELECT i.kind, i.level, i.channel, i.report_id FROM incident_report r
JOIN incident i ON i.id = r.incident_id
"""
        )
    ).one()
    assert (row.kind, row.level) == became
    assert (row.channel, row.report_id) == ("12345", "r1")


def test_reports_are_claimed_in_the_order_they_came(conn: Connection) -> None:
    for i in range(3):
        conn.execute(
            REPORT,
            {"id": f"r{i}", "now": NOW + timedelta(seconds=i), "kind": "fire", "level": None, "lon": None, "lat": None},
        )
    assert intake.claim_reports(conn, NOW, most=2) == 2
    assert list(conn.scalars(text("SELECT report_id FROM incident ORDER BY number"))) == ["r0", "r1"]


def test_unit_that_is_sent_gets_a_task_with_the_whole_incident(conn: Connection) -> None:
    incident = opened(conn)
    assignment = send(conn, incident)
    assert (status(conn, incident), unit(conn, "works-01")) == ("assigned", "assigned")
    [(topic, task)] = outbox(conn)
    assert topic == "task/works-01"
    assert (task["id"], task["state"], task["incident"]["id"]) == (str(assignment), "assigned", str(incident))
    assert (task["eta_s"], task["distance_m"]) == (120.0, 900.0)
    assert task["incident"]["lon"] is not None


def test_sending_the_same_again_changes_nothing(conn: Connection) -> None:
    incident = opened(conn)
    assert send(conn, incident) == send(conn, incident)
    assert len(outbox(conn)) == 1
    assert said(conn, incident) == ["opened", "assigned", "assigned"]


def test_unit_that_is_busy_elsewhere_is_a_conflict(conn: Connection) -> None:
    send(conn, opened(conn))
    with pytest.raises(Conflict) as caught:
        send(conn, opened(conn))
    assert (caught.value.reason, caught.value.field) == ("unit_busy", "unit")


def test_unit_out_of_service_unknown_unit_and_ended_incident_are_refused(conn: Connection) -> None:
    incident = opened(conn)
    tasks.report_status(conn, "works-01", UnitStatus.OUT_OF_SERVICE, "desk", NOW, NOW)
    with pytest.raises(Conflict):
        send(conn, incident)
    with pytest.raises(NotFound):
        send(conn, incident, "works-none")
    steps.set_status(conn, incident, I.CANCELLED, "desk", NOW, None, "nothing there")
    with pytest.raises(Conflict):
        send(conn, incident, "works-02")


def test_milestones_move_unit_assignment_and_incident(conn: Connection) -> None:
    incident = opened(conn)
    assignment = send(conn, incident)
    seen = []
    for reply in ("accepted", "en_route", "on_scene", "clear"):
        assert answer(conn, assignment, reply) == [True]
        seen.append((status(conn, incident), unit(conn, "works-01")))
    assert seen == [
        ("assigned", "assigned"),
        ("en_route", "en_route"),
        ("on_scene", "on_scene"),
        ("clear", "available"),
    ]
    [held] = read_incidents(conn, [incident])[0]["assignments"]
    assert all(held[f"{m}_at"] for m in ("assigned", "accepted", "en_route", "on_scene", "clear"))


@pytest.mark.parametrize(
    ("why", "replies", "changed"),
    [
        ("a milestone may be skipped", ["on_scene"], [True]),
        ("never backwards", ["on_scene", "en_route"], [True, False]),
        ("a repeat is nothing", ["en_route", "en_route"], [True, False]),
        ("declined at first", ["declined"], [True]),
        ("declined after accepting", ["accepted", "declined"], [True, True]),
        ("not declined on the way", ["en_route", "declined"], [True, False]),
        ("what has ended stays ended", ["clear", "en_route"], [True, False]),
    ],
)  # fmt: skip
def test_replies_go_forward_only(why: str, replies: list[str], changed: list[bool], conn: Connection) -> None:
    assert answer(conn, send(conn, opened(conn)), *replies) == changed


def test_declined_leaves_the_incident_open_and_the_unit_free(conn: Connection) -> None:
    incident = opened(conn)
    answer(conn, send(conn, incident), "declined")
    assert (status(conn, incident), unit(conn, "works-01")) == ("open", "available")
    assert send(conn, incident)


STATUSES = [
    ("nobody sent", [], I.OPEN),
    ("one sent", [("assigned", True)], I.ASSIGNED),
    ("accepted reads as sent", [("accepted", True)], I.ASSIGNED),
    ("the furthest counts", [("assigned", True), ("on_scene", True), ("en_route", True)], I.ON_SCENE),
    ("one still runs", [("clear", False), ("en_route", True)], I.EN_ROUTE),
    ("all clear", [("clear", False), ("clear", False)], I.CLEAR),
    ("one clear, one declined", [("clear", False), ("declined", False)], I.CLEAR),
    ("all declined", [("declined", False)], I.OPEN),
    ("called off", [("cancelled", False)], I.OPEN),
]


@pytest.mark.parametrize(("why", "assignments", "wanted"), STATUSES, ids=[c[0] for c in STATUSES])
def test_incident_follows_its_assignments(why: str, assignments: list[tuple[str, bool]], wanted: I) -> None:
    assert tasks.status_of(assignments) == wanted


def test_old_version_is_a_conflict_and_changes_nothing(conn: Connection) -> None:
    incident = opened(conn)
    steps.set_status(conn, incident, I.ON_SCENE, "desk", NOW, 1)
    with pytest.raises(Conflict) as caught:
        steps.set_status(conn, incident, I.CLOSED, "desk", NOW, 1)
    assert caught.value.reason == "stale_version"
    assert status(conn, incident) == "on_scene"


@pytest.mark.parametrize("start", list(steps.ALLOWED))
def test_only_steps_of_the_table_are_taken(start: I, conn: Connection) -> None:
    for target in I:
        incident = opened(conn)
        conn.execute(text("UPDATE incident SET status = :s WHERE id = :id"), {"s": start, "id": incident})
        if target == start or target in steps.ALLOWED[start]:
            steps.set_status(conn, incident, target, "desk", NOW, None, "nothing there")
            assert status(conn, incident) == target
        else:
            with pytest.raises(Conflict):
                steps.set_status(conn, incident, target, "desk", NOW, None, "nothing there")


def test_closing_frees_whoever_is_still_there_and_tells_them(conn: Connection) -> None:
    incident = opened(conn)
    send(conn, incident, "works-01")
    send(conn, incident, "works-02")
    steps.set_status(conn, incident, I.CLOSED, "desk", NOW, None)
    assert (unit(conn, "works-01"), unit(conn, "works-02")) == ("available", "available")
    assert [task["state"] for topic, task in outbox(conn)] == ["assigned", "assigned", "cancelled", "cancelled"]
    assert read_incidents(conn) == []


@pytest.mark.parametrize(
    ("said_status", "wanted"),
    [("en_route", "en_route"), ("on_scene", "on_scene"), ("available", "available"), ("assigned", "assigned")],
)
def test_status_of_a_unit_with_a_task_is_a_milestone(said_status: str, wanted: str, conn: Connection) -> None:
    send(conn, opened(conn))
    tasks.report_status(conn, "works-01", UnitStatus(said_status), "works-01", NOW, NOW)
    assert unit(conn, "works-01") == wanted


@pytest.mark.parametrize("said_status", ["en_route", "on_scene", "assigned"])
def test_status_that_needs_a_task_is_a_conflict_without_one(said_status: str, conn: Connection) -> None:
    with pytest.raises(Conflict):
        tasks.report_status(conn, "works-01", UnitStatus(said_status), "works-01", NOW, NOW)


def test_unit_on_an_incident_cannot_go_out_of_service(conn: Connection) -> None:
    send(conn, opened(conn))
    with pytest.raises(Conflict):
        tasks.report_status(conn, "works-01", UnitStatus.OUT_OF_SERVICE, "desk", NOW, NOW)


REPLY = text(
    "INSERT INTO task_reply (unit_id, task_id, time, state, received_at) VALUES (:unit, :task, :now, :state, :now)"
)
REPORTED = text("INSERT INTO unit_report (unit_id, time, status, received_at) VALUES (:unit, :now, :status, :now)")


def test_replies_are_taken_in_once_and_only_from_whose_task_it_is(conn: Connection) -> None:
    incident = opened(conn)
    assignment = send(conn, incident)
    for name, task in (("works-02", str(assignment)), ("works-01", "not-a-uuid"), ("works-01", str(uuid4()))):
        conn.execute(REPLY, {"unit": name, "task": task, "now": NOW, "state": "on_scene"})
    assert tasks.claim_replies(conn, NOW, 9) == 3
    assert status(conn, incident) == "assigned"
    conn.execute(REPLY, {"unit": "works-01", "task": str(assignment), "now": NOW, "state": "en_route"})
    assert tasks.claim_replies(conn, NOW, 9) == 1
    assert tasks.claim_replies(conn, NOW, 9) == 0
    assert status(conn, incident) == "en_route"


CLOCK = text("""
INSERT INTO task_reply (unit_id, task_id, time, state, received_at) VALUES ('works-01', :task, :time, :state, :received)
""")


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (timedelta(hours=2), True),
        (timedelta(seconds=2), False),
    ],
)
def test_milestone_is_no_later_than_we_heard_of_it(ahead: timedelta, told: bool, conn: Connection) -> None:
    incident = opened(conn)
    task = str(send(conn, incident))
    conn.execute(CLOCK, {"task": task, "time": NOW + ahead, "state": "en_route", "received": NOW})
    # dispatch was away for a day: what was ahead when it came is still not believed
    assert tasks.claim_replies(conn, NOW + timedelta(days=1)) == 1
    [held] = read_incidents(conn, [incident])[0]["assignments"]
    assert held["en_route_at"] == rfc3339(NOW)
    last = next(entry for entry in reversed(log.read(conn, incident)) if entry["what"] == "reply")
    assert datetime.fromisoformat(str(last["data"]["at"])) == NOW
    assert datetime.fromisoformat(str(last["data"]["clock"])) == NOW + ahead
    assert [("终端时钟快" in last["text"]["zh"]), ("ahead" in last["text"]["en"])] == [told, told]


def test_milestone_from_before_it_came_keeps_its_time(conn: Connection) -> None:
    incident = opened(conn)
    task = str(send(conn, incident))
    at = NOW - timedelta(minutes=7)
    conn.execute(CLOCK, {"task": task, "time": at, "state": "on_scene", "received": NOW})
    assert tasks.claim_replies(conn, NOW) == 1
    assert read_incidents(conn, [incident])[0]["assignments"][0]["on_scene_at"] == rfc3339(at)
    assert "clock" not in log.read(conn, incident)[-2]["data"]


def test_status_that_a_unit_tells_from_ahead_is_timed_when_it_came(conn: Connection) -> None:
    incident = opened(conn)
    send(conn, incident)
    conn.execute(
        text("INSERT INTO unit_report (unit_id, time, status, received_at) VALUES ('works-01', :time, :status, :now)"),
        {"time": NOW + timedelta(hours=30), "status": "on_scene", "now": NOW},
    )
    assert tasks.claim_unit_reports(conn, NOW) == 1
    assert read_incidents(conn, [incident])[0]["assignments"][0]["on_scene_at"] == rfc3339(NOW)


def test_unit_reports_are_taken_in_and_an_impossible_one_stops_nothing(conn: Connection) -> None:
    for name, word in (("works-01", "on_scene"), ("works-none", "available"), ("works-02", "out_of_service")):
        conn.execute(REPORTED, {"unit": name, "status": word, "now": NOW})
    assert tasks.claim_unit_reports(conn, NOW, 9) == 3
    assert tasks.claim_unit_reports(conn, NOW, 9) == 0
    assert (unit(conn, "works-01"), unit(conn, "works-02")) == ("available", "out_of_service")


def test_unit_report_that_lost_a_race_is_not_lost_itself(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    send(conn, opened(conn))
    conn.execute(REPORTED, {"unit": "works-01", "status": "on_scene", "now": NOW})
    monkeypatch.setattr(tasks, "LOOKS", 0)
    assert tasks.claim_unit_reports(conn, NOW) == 1
    assert unit(conn, "works-01") == "assigned"
    monkeypatch.undo()
    assert tasks.claim_unit_reports(conn, NOW + timedelta(seconds=6)) == 1
    assert unit(conn, "works-01") == "on_scene"


def test_unit_that_is_sent_elsewhere_while_we_look_is_looked_for_again(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(conn, opened(conn))
    looked: list[UUID] = []
    lock = incidents.lock_incident

    def move(conn: Connection, incident_id: UUID) -> Any:
        looked.append(incident_id)
        if len(looked) == 1:
            conn.execute(text("UPDATE assignment SET ended_at = :now WHERE unit_id = 'works-01'"), {"now": NOW})
        return lock(conn, incident_id)

    monkeypatch.setattr(incidents, "lock_incident", move)
    held, running = tasks.hold_unit(conn, "works-01")
    assert (held.id, running.incident_id, len(looked)) == ("works-01", looked[0], 2)


def report(conn: Connection, name: str, title: str = "x") -> None:
    conn.execute(
        text(
            "INSERT INTO incident_report (channel, report_id, time, received_at, kind, level, title) "
            "VALUES ('12345', :id, :now, :now, 'noise', 4, :title)"
        ),
        {"id": name, "now": NOW, "title": title},
    )


def test_report_that_cannot_be_opened_does_not_stop_the_others(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("r1", "r2", "r3"):
        report(conn, name)
    real = incidents.open_incident

    def refuse(conn: Connection, new: NewIncident, *rest: Any) -> UUID:
        if new.report_id == "r2":
            raise ValueError("no words for this")
        return real(conn, new, *rest)

    monkeypatch.setattr(incidents, "open_incident", refuse)
    assert intake.claim_reports(conn, NOW) == 3
    assert intake.claim_reports(conn, NOW) == 0, "it rests and is not claimed over and over"
    query = (
        "SELECT report_id FROM incident_report WHERE channel = '12345' AND report_id LIKE 'r_' AND incident_id IS NULL"
    )
    assert list(conn.scalars(text(query))) == ["r2"]
    monkeypatch.undo()
    assert intake.claim_reports(conn, NOW + timedelta(seconds=6)) == 1
    assert list(conn.scalars(text(query))) == []


def test_reply_and_status_that_cannot_be_taken_in_do_not_stop_the_others(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = opened(conn)
    assignment = send(conn, incident)
    for unit_id, task, state in (("works-01", str(assignment), "accepted"), ("works-01", "no-task", "boiled")):
        conn.execute(
            text(
                """
INSERT INTO task_reply (unit_id, task_id, time, received_at, state)
VALUES (:unit, :task, :now, :now, :state)
"""
            ),
            {"unit": unit_id, "task": task, "now": NOW, "state": state},
        )
    conn.execute(
        text("INSERT INTO unit_report (unit_id, time, received_at, status) VALUES ('works-02', :now, :now, 'boiled')"),
        {"now": NOW},
    )
    conn.execute(text("UPDATE task_reply SET task_id = :task WHERE state = 'boiled'"), {"task": str(assignment)})
    assert tasks.claim_replies(conn, NOW, 9) == 2
    assert tasks.claim_unit_reports(conn, NOW, 9) == 1
    assert read_incidents(conn, [incident])[0]["assignments"][0]["status"] == "accepted"
    found = {a["what"]: a["id"] for a in set_aside.read_asides(conn, None, 10)}
    assert set(found) == {"reply", "unit_report"}
    assert found["unit_report"].startswith("works-02/")
    assert tasks.claim_replies(conn, NOW, 9) == tasks.claim_unit_reports(conn, NOW, 9) == 0, (
        "their keys fit what SQL makes of them"
    )
