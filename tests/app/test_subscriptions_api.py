"""/api/subscriptions, /api/senders, /api/deliveries over running processes: who may, what is kept, what comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.alerts.senders.receivers import Web, said, web
from tests.support import System, wait_for


@pytest.fixture
def receiver() -> Iterator[Web]:
    with web() as found:
        yield found


def mail(**more: Any) -> dict[str, Any]:
    return {"name_zh": "值班邮箱", "sender": "mail", "options": {"to": ["duty@example.org"]}, **more}


def added(client: httpx.Client, given: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/api/subscriptions", json=given)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def removed(client: httpx.Client, *ids: str) -> None:
    for one in ids:
        assert client.delete(f"/api/subscriptions/{one}").status_code == 204


def test_senders_say_what_they_want_to_know(processes: System) -> None:
    with processes.api("dispatcher") as dispatcher, processes.api("admin") as admin, processes.api("viewer") as viewer:
        mine = {one["key"]: one["mine"] for one in dispatcher.get("/api/senders").json()["items"]}
        assert mine == {
            "mail": True, "webhook": True, "wecom": True, "dingtalk": True, "gateway": False, "cot": False
        }  # fmt: skip
        assert all(one["mine"] for one in admin.get("/api/senders").json()["items"])
        assert viewer.get("/api/senders").status_code == 403
        found = {one["key"]: one for one in admin.get("/api/senders").json()["items"]}
        assert found["dingtalk"]["secrets"] == ["secret", "token"]
        assert "address" in found["webhook"]["options"]["properties"]


def test_secret_never_comes_back(processes: System) -> None:
    with processes.api("admin") as admin:
        hook = added(admin, {"name_zh": "钩", "sender": "webhook", "options": {"address": "https://example.org/x"}})
        assert hook["made"]["secret"].startswith("whsec_")
        robot = added(admin, {"name_zh": "群", "sender": "wecom", "options": {"key": "the-key-of-a-robot"}})
        assert robot["secrets"] == ["key"]
        told = [
            admin.get("/api/subscriptions").text,
            admin.get(f"/api/subscriptions/{robot['id']}").text,
            admin.get("/api/audit").text,
            json.dumps({**robot, "made": None}),
        ]
        assert not any("the-key-of-a-robot" in one or hook["made"]["secret"] in one for one in told)
        rows = processes.rows("SELECT after::text AS kept FROM subscription_version")
        assert not any("the-key-of-a-robot" in str(row["kept"]) for row in rows)
        # left out it stays
        given = {"version": 1, "options": {}, "name_zh": "群二"}
        assert admin.patch(f"/api/subscriptions/{robot['id']}", json=given).json()["secrets"] == ["key"]
        removed(admin, hook["id"], robot["id"])
        assert processes.rows("SELECT * FROM subscription_secret") == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"options": {"to": ["nobody"]}}, "options.to.0"),
        ({"options": {}}, "options.to"),
        ({"sender": "pigeon"}, "sender"),
        ({"sender": "mqtt"}, "sender"),
        ({"filter": {"districts": ["999999"]}}, "filter.districts"),
        ({"filter": {"families": ["locusts"]}}, "filter.families"),
        ({"filter": {"area": {"type": "Point", "coordinates": [1, 2]}}}, "filter.area"),
        (
            {"filter": {"area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}},
            "filter.area",
        ),
        ({"quiet": {"begins": "22:00", "ends": "25:00"}}, "quiet.ends"),
        ({"quiet": {"begins": "22:00", "ends": "22:00"}}, "quiet"),
        ({"repeat_s": 5}, "repeat_s"),
        ({"lang": "fr"}, "lang"),
        ({"name_zh": " "}, "name_zh"),
        ({"owner": "nobody-there"}, "owner"),
        ({"colour": "red"}, "colour"),
        (
            {"sender": "webhook", "options": {"address": "ftp://a/b"}},
            "options.address",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(processes: System, given: dict[str, Any], field: str) -> None:
    with processes.api("admin") as admin:
        answer = admin.post("/api/subscriptions", json={**mail(), **given})
        assert answer.status_code == 422, answer.text
        problem = answer.json()
        named = {problem.get("field"), *(one.get("field") for one in problem.get("errors", []))}
        assert field in named, problem
        assert any("\u4e00" <= sign <= "\u9fff" for sign in json.dumps(problem, ensure_ascii=False))


def test_one_sees_ones_own_and_who_manages_all(processes: System) -> None:
    with (
        processes.api("dispatcher") as dispatcher,
        processes.api("commander") as commander,
        processes.api("admin") as admin,
    ):
        mine = added(dispatcher, mail())
        name = "dispatcher"
        assert mine["owner"] == name
        assert [one["id"] for one in dispatcher.get("/api/subscriptions").json()["items"]] == [mine["id"]]
        ids = [one["id"] for one in admin.get("/api/subscriptions").json()["items"]]
        assert {mine["id"], "alarms-mqtt", "alerts-cap"} <= set(ids)
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"version": 1, "enabled": False}),
            ("DELETE", "", None),
            ("POST", "/test", None),
        ):
            answer = commander.request(method, f"/api/subscriptions/{mine['id']}{path}", json=body)
            assert answer.status_code == 404, (method, path, "another's is as if it were not there")
        assert dispatcher.post("/api/subscriptions", json=mail(owner=None)).status_code == 403
        gateway = {"name_zh": "短信", "sender": "gateway", "options": {"address": "https://a.example.org/"}}
        assert dispatcher.post("/api/subscriptions", json=gateway).status_code == 403
        removed(dispatcher, mine["id"])


def test_change_wants_the_version_that_was_seen(processes: System) -> None:
    with processes.api("dispatcher") as dispatcher:
        mine = added(dispatcher, mail())
        path = f"/api/subscriptions/{mine['id']}"
        changed = dispatcher.patch(path, json={"version": 1, "quiet": {"begins": "22:00", "ends": "07:00"}}).json()
        assert (changed["version"], changed["quiet"]) == (2, {"begins": "22:00", "ends": "07:00"})
        assert dispatcher.patch(path, json={"version": 1, "lang": "en"}).status_code == 409
        assert dispatcher.patch(path, json={"version": 2, "quiet": None}).json()["quiet"] is None
        assert dispatcher.delete(f"{path}?version=1").status_code == 409
        removed(dispatcher, mine["id"])
        kept = processes.rows(
            f"SELECT what FROM subscription_version WHERE subscription_id = '{mine['id']}' ORDER BY 1"
        )
        assert sorted(str(row["what"]) for row in kept) == ["added", "changed", "changed", "removed"]


def test_the_citys_own_and_what_a_route_names_stay(processes: System) -> None:
    with processes.api("admin") as admin:
        assert admin.delete("/api/subscriptions/alarms-mqtt").status_code == 409
        named = added(admin, mail(id="named-by-a-route", owner=None))
        route = {"id": "to-one", "name_zh": "x", "name_en": "x", "receivers": [named["id"]], "enabled": False}
        assert admin.post("/api/routes", json=route).status_code == 201
        answer = admin.delete(f"/api/subscriptions/{named['id']}")
        assert (answer.status_code, answer.json()["reason"]) == (409, "subscription_routed")
        assert admin.delete("/api/routes/to-one").status_code == 204
        removed(admin, named["id"])


def test_test_message_arrives_and_is_confirmed(processes: System, receiver: Web) -> None:
    """Through the running alerts process, to a receiver that verifies."""
    from standardwebhooks.webhooks import Webhook

    with processes.api("admin") as admin:
        hook = added(admin, {"name_zh": "钩", "sender": "webhook", "options": {"address": receiver.url}})
        sent = admin.post(f"/api/subscriptions/{hook['id']}/test").json()["delivery"]
        wait_for(lambda: bool(receiver.heard))
        [request] = receiver.heard
        assert Webhook(hook["made"]["secret"]).verify(request.body, dict(request.headers))
        assert (said(request)["type"], said(request)["simulated"]) == ("test", True)
        wait_for(lambda: admin.get(f"/api/deliveries/{sent}").json()["state"] == "sent")
        assert admin.post(f"/api/deliveries/{sent}/retry").status_code == 409
        seen = admin.post(f"/api/deliveries/{sent}/seen").json()
        assert (seen["state"], seen["seen_by"]) == ("seen", "admin")
        assert admin.post(f"/api/deliveries/{sent}/seen").json()["seen_at"] == seen["seen_at"]
        [listed] = admin.get(f"/api/deliveries?subscription={hook['id']}").json()["items"]
        assert listed["id"] == sent
        with processes.api("commander") as commander:
            assert commander.get(f"/api/deliveries/{sent}").status_code == 404
            assert commander.get(f"/api/deliveries?subscription={hook['id']}").json()["items"] == []
        removed(admin, hook["id"])


def test_preview_counts_what_one_may_see(processes: System) -> None:
    with processes.api("dispatcher") as dispatcher, processes.api("viewer") as viewer:
        found = dispatcher.post("/api/subscriptions/preview", json={"filter": {"level": 1}, "days": 7}).json()
        assert found["days"] == 7
        assert found["alarms"] == sum(found["by_level"].values())
        assert dispatcher.post("/api/subscriptions/preview", json={"owner": None}).status_code == 403
        assert viewer.post("/api/subscriptions/preview", json={}).status_code == 403
        assert dispatcher.post("/api/subscriptions/preview", json={"days": 91}).status_code == 422
