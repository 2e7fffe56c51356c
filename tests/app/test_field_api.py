"""Phones of units: bound once by a code, revoked at once; what they send is taken in once, in order, and answered the
same however often it comes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import Engine, text

from app.services.mosquitto import Broker
from core.clock import rfc3339
from core.settings import Settings
from core.vocabulary import TaskReply
from dispatch import tasks
from tests.dispatch.test_incidents import opened, send
from tests.support import LOGS, PATIENCE_S, System, now

UNIT, OTHER = "fire-01", "works-01"


@pytest.fixture(scope="module")
def own(own_settings: Settings, broker: Broker) -> Iterator[System]:
    with System(own_settings, broker, LOGS / "test_field_api") as system:
        yield system.start("serve")


@pytest.fixture(scope="module")
def desk(own: System) -> Iterator[httpx.Client]:
    with own.api("dispatcher") as client:
        yield client


def client_of(own: System, **more: Any) -> httpx.Client:
    headers = {"Origin": own.http, "Accept": "application/json"}
    return httpx.Client(base_url=own.http, headers=headers, trust_env=False, timeout=PATIENCE_S, **more)


def code_for(desk: httpx.Client, unit: str = UNIT, name: str = "班长") -> tuple[str, str]:
    """The id of a phone to be, and its code."""
    made = desk.post(f"/api/units/{unit}/phones", json={"name": name})
    assert made.status_code == 201, made.text
    assert made.json()["qr"].startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    return made.json()["id"], parse_qs(urlsplit(made.json()["address"]).query)["code"][0]


@contextmanager
def enter(own: System, code: str) -> Iterator[httpx.Client]:
    """The phone that this code makes."""
    with client_of(own) as phone:
        answer = phone.post("/field/enter", data={"code": code})
        assert (answer.status_code, answer.headers.get("location")) == (303, "/field"), answer.text
        yield phone


@pytest.fixture(scope="module")
def phone(own: System, desk: httpx.Client) -> Iterator[httpx.Client]:
    with enter(own, code_for(desk)[1]) as client:
        yield client


@pytest.fixture(scope="module")
def second(own: System, desk: httpx.Client) -> Iterator[httpx.Client]:
    """Another phone of the same unit."""
    with enter(own, code_for(desk, name="驾驶员")[1]) as client:
        yield client


@pytest.fixture
def task(own_engine: Engine) -> Iterator[UUID]:
    """The unit is sent to an incident; free again afterwards."""
    with own_engine.begin() as conn:
        incident = opened(conn)
    with own_engine.begin() as conn:
        assignment = send(conn, incident, UNIT)
    yield assignment
    with own_engine.begin() as conn:
        tasks.reply(conn, assignment, TaskReply.CLEAR, UNIT, now(), now(), None)


def act(kind: str, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "kind": kind, "at": rfc3339(at or now()), **more}


def reply(task: UUID, state: str, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    return act("reply", at, task=str(task), state=state, **more)


def post(phone: httpx.Client, *acts: dict[str, Any], clock: datetime | None = None) -> list[dict[str, Any]]:
    answer = phone.post("/api/field/acts", json={"clock": rfc3339(clock or now()), "acts": list(acts)})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def log_of(own: System, task: UUID) -> list[dict[str, Any]]:
    query = """
SELECT e.what, e.who, e.text, e.data FROM incident_event e JOIN assignment a ON a.incident_id = e.incident_id
WHERE a.id = %s ORDER BY e.id
"""
    return own.rows(query, task)


# --- binding ---------------------------------------------------------------------------------------------------------


def test_phone_sees_its_unit_and_nothing_of_the_city(phone: httpx.Client) -> None:
    assert phone.get("/api/field").json()["unit"] == UNIT
    assert phone.get("/api/me").json()["scope"]["units"] == [UNIT]
    assert phone.get("/api/sensors").json()["items"] == []
    assert [one["id"] for one in phone.get("/api/units").json()["items"]] == [UNIT]
    assert phone.post(f"/api/units/{UNIT}/phones", json={"name": "x"}).status_code == 403


def test_looking_at_the_address_uses_nothing_up_and_binding_does(own: System, desk: httpx.Client) -> None:
    _, code = code_for(desk)
    with client_of(own) as stranger:
        for _ in range(2):
            assert stranger.get(f"/field/enter?code={code}").status_code == 200
        with enter(own, code) as first:
            assert first.get("/api/field").status_code == 200
        assert stranger.get(f"/field/enter?code={code}").status_code == 404
        assert stranger.post("/field/enter", data={"code": code}).status_code == 404
        assert stranger.get("/api/field").status_code == 401


def test_of_two_who_bind_with_one_code_at_once_one_is_bound(own: System, desk: httpx.Client) -> None:
    _, code = code_for(desk)
    with client_of(own) as one, client_of(own) as other, ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda c: c.post("/field/enter", data={"code": code}).status_code, (one, other)))
    assert sorted(answers) == [303, 404]


def test_expired_code_binds_nobody(own: System, desk: httpx.Client, own_engine: Engine) -> None:
    made, code = code_for(desk)
    with own_engine.begin() as conn:
        conn.execute(text("UPDATE phone SET code_expires_at = :now WHERE id = :id"), {"now": now(), "id": made})
    with client_of(own) as stranger:
        assert stranger.post("/field/enter", data={"code": code}).status_code == 404
    assert made not in [one["id"] for one in desk.get(f"/api/units/{UNIT}/phones").json()["items"]]


def test_code_from_another_page_is_refused(own: System, desk: httpx.Client) -> None:
    _, code = code_for(desk)
    with client_of(own) as stranger:
        stolen = stranger.post("/field/enter", data={"code": code}, headers={"Origin": "http://elsewhere.example"})
    assert stolen.status_code == 403


def test_only_a_digest_of_the_code_is_kept(own: System, desk: httpx.Client) -> None:
    made, code = code_for(desk)
    held = own.rows("SELECT to_jsonb(p)::text AS row FROM phone p WHERE id = %s", made)[0]["row"]
    assert len(code) >= 32
    assert code not in held


def test_revoked_phone_is_out_at_once(own: System, desk: httpx.Client) -> None:
    made, code = code_for(desk, name="备用机")
    with enter(own, code) as phone:
        assert phone.get("/api/field").status_code == 200
        listed = {one["id"]: one for one in desk.get(f"/api/units/{UNIT}/phones").json()["items"]}
        assert listed[made]["name"] == "备用机"
        assert listed[made]["paired_at"]
        assert desk.delete(f"/api/units/{UNIT}/phones/{made}").status_code == 204
        assert phone.get("/api/field").status_code == 401
        assert phone.post("/api/field/acts", json={}).status_code == 401
    assert desk.delete(f"/api/units/{UNIT}/phones/{made}").status_code == 404
    assert made not in [one["id"] for one in desk.get(f"/api/units/{UNIT}/phones").json()["items"]]


def test_phone_of_another_unit_is_not_revoked_by_this_one(desk: httpx.Client) -> None:
    made, _ = code_for(desk)
    assert desk.delete(f"/api/units/{OTHER}/phones/{made}").status_code == 404


def test_guessing_is_slowed_as_log_ins_are(own: System) -> None:
    transport = httpx.HTTPTransport(local_address="127.0.0.7")
    with client_of(own, transport=transport) as stranger:
        answers = {stranger.post("/field/enter", data={"code": "x" * 32}).status_code for _ in range(25)}
    assert answers == {404, 429}


def test_binding_and_revoking_are_in_the_audit(own: System, desk: httpx.Client) -> None:
    made, code = code_for(desk)
    with enter(own, code):
        pass
    desk.delete(f"/api/units/{UNIT}/phones/{made}")
    query = "SELECT what FROM audit WHERE data->>'phone' = %s ORDER BY id"
    assert [row["what"] for row in own.rows(query, made)] == ["phone.code", "phone.bind", "phone.revoke"]


# --- acts ------------------------------------------------------------------------------------------------------------


def test_picture_has_the_task_and_who_else_was_sent(phone: httpx.Client, task: UUID) -> None:
    shown = phone.get("/api/field").json()["task"]
    assert (shown["id"], shown["state"], shown["others"]) == (str(task), "assigned", [])
    assert shown["incident"]["titles"] == {"zh": "积水", "en": "Water"}


def test_milestones_of_a_phone_are_those_of_any_reply(own: System, phone: httpx.Client, task: UUID) -> None:
    states = ("accepted", "en_route", "on_scene", "clear")
    answers = post(phone, *(reply(task, state) for state in states))
    assert [one["state"] for one in answers] == ["done"] * 4
    said = [entry for entry in log_of(own, task) if entry["what"] == "reply"]
    assert [entry["data"]["state"] for entry in said] == list(states)
    assert {entry["who"] for entry in said} == {UNIT}
    assert phone.get("/api/field").json()["task"] is None


def test_same_act_again_is_answered_the_same_and_does_nothing(own: System, phone: httpx.Client, task: UUID) -> None:
    acts = [
        reply(task, "accepted"),
        act("message", text="水已到车门", task=str(task)),
        act("report", what="fire", text="x"),
    ]
    first = post(phone, *acts)
    entries, incidents = len(log_of(own, task)), own.one("SELECT count(*) FROM incident")
    assert first[2]["incident"]
    assert [post(phone, *acts) for _ in range(3)] == [first] * 3
    assert (len(log_of(own, task)), own.one("SELECT count(*) FROM incident")) == (entries, incidents)


def test_same_act_from_many_at_once_happens_once(own: System, phone: httpx.Client) -> None:
    seen = act("report", what="fallen_tree", text="树倒在路中间")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(phone, seen)[0], range(6)))
    assert all(one == answers[0] for one in answers)
    assert own.one("SELECT count(*) FROM incident WHERE report_id = %s", seen["id"]) == 1


def test_answer_is_the_same_after_the_server_was_killed(own: System, phone: httpx.Client) -> None:
    seen = act("report", what="manhole", text="井盖没了")
    first = post(phone, seen)
    own.kill("serve")
    own.start("serve")
    phone.base_url = httpx.URL(own.http)
    phone.headers["Origin"] = own.http
    assert post(phone, seen) == first
    assert own.one("SELECT count(*) FROM incident WHERE report_id = %s", seen["id"]) == 1


def test_two_phones_of_one_unit_may_say_the_same(
    own: System, phone: httpx.Client, second: httpx.Client, task: UUID
) -> None:
    assert post(phone, reply(task, "accepted"))[0]["state"] == "done"
    assert post(second, reply(task, "en_route"))[0]["state"] == "done"
    # the first one was without a network meanwhile
    assert [one["state"] for one in post(phone, reply(task, "accepted"), reply(task, "en_route"))] == ["done", "done"]
    said = [entry["data"]["state"] for entry in log_of(own, task) if entry["what"] == "reply"]
    assert said == ["accepted", "en_route"]


@pytest.mark.parametrize("hours", [-3, 3])
def test_clock_that_is_off_is_corrected_and_told(own: System, phone: httpx.Client, task: UUID, hours: int) -> None:
    off = timedelta(hours=hours)
    happened = now().replace(microsecond=0) - timedelta(minutes=2)
    answer = post(phone, reply(task, "accepted", happened + off), clock=now() + off)
    assert answer[0]["state"] == "done"
    at = own.one("SELECT accepted_at FROM assignment WHERE id = %s", task)
    assert abs(at - happened) < timedelta(minutes=1)
    entry = next(entry for entry in log_of(own, task) if entry["what"] == "reply")
    assert ("时钟快" if hours > 0 else "时钟慢") in entry["text"]["zh"]
    assert datetime.fromisoformat(entry["data"]["clock"]) == happened + off


def test_clock_that_was_never_set_is_corrected_too(own: System, phone: httpx.Client, task: UUID) -> None:
    """A phone whose battery was empty counts from 1970."""
    clock = datetime.fromisoformat("1970-01-01T00:10:00+08:00")
    before = now()
    answer = post(phone, reply(task, "accepted", clock - timedelta(minutes=5)), clock=clock)
    assert answer[0]["state"] == "done"
    at = own.one("SELECT accepted_at FROM assignment WHERE id = %s", task)
    assert before - timedelta(minutes=6) < at < now() - timedelta(minutes=4)


def test_decline_says_its_reason_to_the_desk(own: System, phone: httpx.Client, task: UUID) -> None:
    assert post(phone, reply(task, "declined", reason="vehicle"))[0]["state"] == "done"
    entry = next(entry for entry in log_of(own, task) if entry["what"] == "reply")
    assert "（车辆故障）" in entry["text"]["zh"]
    assert "(Vehicle fault)" in entry["text"]["en"]


def test_reply_to_a_task_that_is_over_is_refused_in_words_and_holds_up_nothing(
    phone: httpx.Client, own_engine: Engine, task: UUID
) -> None:
    with own_engine.begin() as conn:
        incident = conn.scalar(text("SELECT incident_id FROM assignment WHERE id = :id"), {"id": task})
        tasks.recall(conn, incident, UNIT, "desk-1", now(), None)
    late, after = post(phone, reply(task, "on_scene"), act("message", text="已返回"))
    assert (late["state"], late["reason"]) == ("refused", "task_over")
    assert "已解除任务" in late["why"]["zh"]
    assert after["state"] == "done"


def test_what_has_begun_is_not_declined(phone: httpx.Client, task: UUID) -> None:
    done, refused = post(phone, reply(task, "en_route"), reply(task, "declined", reason="crew"))
    assert (done["state"], refused["state"], refused["reason"]) == ("done", "refused", "task_begun")


def test_task_of_another_unit_is_not_ours(phone: httpx.Client, own_engine: Engine) -> None:
    with own_engine.begin() as conn:
        incident = opened(conn)
    with own_engine.begin() as conn:
        theirs = send(conn, incident, OTHER)
    assert post(phone, reply(theirs, "accepted"))[0]["reason"] == "task_not_yours"
    assert post(phone, act("message", text="x", task=str(theirs)))[0]["reason"] == "task_not_yours"


def test_act_of_another_unit_is_not_told(own: System, desk: httpx.Client, phone: httpx.Client) -> None:
    ours = act("report", what="fire", text="秘密")
    assert post(phone, ours)[0]["state"] == "done"
    with enter(own, code_for(desk, OTHER)[1]) as theirs:
        told = post(theirs, ours)[0]
    assert (told["state"], told["reason"], told["incident"]) == ("refused", "act_taken", None)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "dance"}, "kind"),
        ({"kind": "report", "what": "dragon", "text": "x"}, "what"),
        ({"kind": "report", "what": "panic", "text": "x"}, "what"),
        ({"kind": "report", "what": "fire", "text": " "}, "text"),
        ({"kind": "report", "what": "fire", "text": "x", "lon": 200, "lat": 1}, "lon"),
        ({"kind": "message", "text": "x", "colour": "red"}, "colour"),
        ({"kind": "message", "text": "x\u0007"}, "text"),
        ({"kind": "message", "text": "x\u0000"}, "text"),
        ({"kind": "message", "text": "x", "at": "9999-12-31T23:59:59Z"}, "at"),
        ({"kind": "message", "text": "x", "at": "2026-05-04T08:00:00"}, "at"),
        ({"kind": "reply", "task": str(uuid4()), "state": "asleep"}, "state"),
    ],
)
def test_what_is_badly_said_is_refused_by_its_field_and_the_next_is_taken(
    phone: httpx.Client, given: dict[str, Any], field: str
) -> None:
    bad, good = post(phone, {**act("x"), **given}, act("message", text="在"))
    assert (bad["state"], bad["field"], good["state"]) == ("refused", field, "done")
    assert bad["why"]["zh"]


def test_message_without_a_task_is_an_incident_that_the_desk_deals_with(own: System, phone: httpx.Client) -> None:
    said = post(phone, act("message", text="请求补充水带"))[0]
    row = own.rows("SELECT kind, level, text, reporter, channel FROM incident WHERE number = %s", said["incident"])[0]
    assert row == {"kind": "other", "level": 4, "text": "请求补充水带", "reporter": UNIT, "channel": "field"}


def test_panic_is_one_incident_of_level_one_where_the_crew_was_last_heard(
    own: System, phone: httpx.Client, second: httpx.Client
) -> None:
    first = post(phone, act("panic"))[0]
    again = post(second, act("panic"))[0]
    assert first["incident"] == again["incident"]
    query = "SELECT id, kind, level, ST_X(geom) AS lon FROM incident WHERE number = %s"
    row = own.rows(query, first["incident"])[0]
    assert (row["kind"], row["level"], row["lon"] is not None) == ("panic", 1, True)
    query = "SELECT text FROM incident_event WHERE incident_id = %s ORDER BY id"
    assert [entry["text"]["zh"][-4:] for entry in own.rows(query, row["id"])][1:] == ["再次求救"]


def test_account_that_is_no_units_has_no_field_page(desk: httpx.Client) -> None:
    answer = desk.get("/api/field")
    assert (answer.status_code, answer.json()["reason"]) == (409, "no_unit")


def test_picture_that_has_not_changed_is_not_sent_again(phone: httpx.Client, task: UUID) -> None:
    first = phone.get("/api/field")
    tag = first.headers["etag"]
    assert phone.get("/api/field", headers={"If-None-Match": tag}).status_code == 304
    post(phone, reply(task, "accepted"))
    assert phone.get("/api/field", headers={"If-None-Match": tag}).status_code == 200
