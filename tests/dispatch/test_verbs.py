"""What a dispatcher does to an incident besides sending units: urgency, notes, withdrawing, calling back, joining."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from alerts import store
from core.errors import Conflict, InputError
from core.vocabulary import IncidentStatus as I
from core.vocabulary import TaskReply
from dispatch import incidents, log, steps, tasks
from dispatch.present import read_incidents
from tests.alerts.helpers import alarms, change
from tests.dispatch.test_incidents import NOW, opened, outbox, said, send, status, unit


def object_of(conn: Connection, incident: UUID) -> dict[str, object]:
    return dict(read_incidents(conn, [incident])[0])


def words(conn: Connection, incident: UUID) -> str:
    return log.read(conn, incident)[-1]["text"]["zh"]


def test_urgency_is_a_persons_word_with_a_reason_and_asks_for_a_new_score(conn: Connection) -> None:
    incident = opened(conn)
    conn.execute(text("UPDATE incident SET risk = '{}'"))
    steps.set_level(conn, incident, 1, "chief", NOW, 1, "children inside")
    found = object_of(conn, incident)
    assert (found["level"], found["version"], found["risk"]) == (1, 2, None)
    assert "children inside" in words(conn, incident)
    steps.set_level(conn, incident, 1, "chief", NOW, None, None)
    assert object_of(conn, incident)["version"] == 2, "the same again changes nothing"
    with pytest.raises(Conflict) as stale:
        steps.set_level(conn, incident, 2, "chief", NOW, 1, None)
    assert stale.value.reason == "stale_version"


def test_a_worse_alarm_leaves_the_urgency_to_people(conn: Connection) -> None:
    change(conn, 3, NOW)
    [alarm] = alarms(conn)
    incident, _ = incidents.open_from_alarm(conn, UUID(str(alarm["id"])), store.link, "desk", NOW)
    change(conn, 1, NOW)
    assert object_of(conn, incident)["level"] == 3


def test_note_stands_in_the_log_as_it_was_said(conn: Connection) -> None:
    incident = opened(conn)
    steps.add_note(conn, incident, "井口有漩涡，勿靠近", "desk", NOW)
    assert (words(conn, incident), said(conn, incident)[-1]) == ("井口有漩涡，勿靠近", "note")


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_withdrawing_without_a_reason_is_refused(conn: Connection, reason: str | None) -> None:
    incident = opened(conn)
    with pytest.raises(InputError) as caught:
        steps.set_status(conn, incident, I.CANCELLED, "desk", NOW, None, reason)
    assert caught.value.field == "reason"
    assert status(conn, incident) == "open"


def test_called_back_unit_is_free_and_told_so(conn: Connection) -> None:
    incident = opened(conn)
    task = send(conn, incident)
    tasks.reply(conn, task, TaskReply.EN_ROUTE, "works-01", NOW, NOW, None)
    tasks.recall(conn, incident, "works-01", "desk", NOW, "needed elsewhere")
    assert (unit(conn, "works-01"), status(conn, incident)) == ("available", "open")
    assert "needed elsewhere" in next(e["text"]["en"] for e in log.read(conn, incident) if e["what"] == "released")
    topic, told = outbox(conn)[-1]
    assert (topic, told["id"], told["state"]) == ("task/works-01", str(task), "cancelled")
    with pytest.raises(Conflict) as twice:
        tasks.recall(conn, incident, "works-01", "desk", NOW, None)
    assert twice.value.reason == "no_task"


def test_two_of_one_place_become_one_with_alarms_and_units(conn: Connection) -> None:
    change(conn, 2, NOW)
    [alarm] = alarms(conn)
    first, _ = incidents.open_from_alarm(conn, UUID(str(alarm["id"])), store.link, "desk", NOW)
    second = opened(conn)
    task = send(conn, first)
    steps.join(conn, first, second, store.give, "desk", NOW)
    gone, whole = object_of(conn, first), object_of(conn, second)
    assert (gone["status"], gone["alarms"], gone["assignments"]) == ("cancelled", [], [])
    assert (whole["status"], whole["alarms"]) == ("assigned", [str(alarm["id"])])
    assert [a["id"] for a in whole["assignments"]] == [str(task)]  # type: ignore[attr-defined]
    assert unit(conn, "works-01") == "assigned"
    _, told = outbox(conn)[-1]
    assert (told["id"], told["incident"]["id"], told["state"]) == (str(task), str(second), "assigned")
    assert str(whole["number"]) in words(conn, first)
    assert said(conn, second)[-2:] == ["took_in", "assigned"]


def test_what_has_ended_joins_nothing_and_nothing_joins_itself(conn: Connection) -> None:
    first, second = opened(conn), opened(conn)
    steps.set_status(conn, second, I.CLOSED, "desk", NOW, None)
    with pytest.raises(Conflict):
        steps.join(conn, first, second, store.give, "desk", NOW)
    with pytest.raises(InputError):
        steps.join(conn, first, first, store.give, "desk", NOW)


def test_alarm_is_added_once_and_to_one_incident(conn: Connection) -> None:
    change(conn, 2, NOW)
    alarm = UUID(str(alarms(conn)[0]["id"]))
    first, second = opened(conn), opened(conn)
    for _ in range(2):
        incidents.add_alarm(conn, first, alarm, store.link, "desk", NOW)
    assert object_of(conn, first)["alarms"] == [str(alarm)]
    assert said(conn, first).count("alarm") == 1
    with pytest.raises(Conflict) as taken:
        incidents.add_alarm(conn, second, alarm, store.link, "desk", NOW)
    assert taken.value.reason == "alarm_taken"
