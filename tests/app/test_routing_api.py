"""/api/routes, /api/inhibitions, /api/silences, /api/alarm-groups, /api/alarm-metrics over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from core.clock import rfc3339
from tests.alerts.test_floods import happen
from tests.support import System, now

FLOW = [{"label": "kind", "is": ["flow"]}]
RAIN = [{"label": "kind", "is": ["rainstorm"]}]


@pytest.fixture
def admin(served: System, db: Engine) -> Iterator[httpx.Client]:
    with served.api("admin") as client:
        yield client
    with db.begin() as conn:
        conn.execute(text("DELETE FROM route WHERE parent_id IS NOT NULL"))
        conn.execute(text("DELETE FROM inhibition WHERE id LIKE 'test%'"))
        conn.execute(text("UPDATE silence SET ended_at = now() WHERE ended_at IS NULL"))
        conn.execute(text("UPDATE alarm SET state = 'normal', active = false WHERE rule_id LIKE 'test-%'"))


def raise_one(db: Engine, kind: str, level: int, thing: str) -> str:
    with db.begin() as conn:
        happen(conn, thing, kind, level, now())
        return str(conn.scalar(text("SELECT id FROM alarm WHERE thing_id = :t ORDER BY id DESC LIMIT 1"), {"t": thing}))


def route(**more: Any) -> dict[str, Any]:
    return {"id": "pipes", "name_zh": "管网", "name_en": "Pipes", "matchers": FLOW, **more}


def test_routes_have_versions_and_are_explained(admin: httpx.Client, db: Engine) -> None:
    made = admin.post("/api/routes", json=route(group_wait_s=30, receivers=["alarms-mqtt"]))
    assert made.status_code == 201, made.text
    alarm = raise_one(db, "flow", 3, "explain-1")
    way = admin.get("/api/routes/explain", params={"alarm": alarm}).json()
    assert [one["stage"] for one in way["stages"]] == ["inhibit", "silence", "group", "route"]
    assert [(to["id"], to["route"], to["wait_s"]) for to in way["receivers"]] == [("alarms-mqtt", "pipes", 30.0)]
    assert way["labels"]["family"] == "pipes"
    changed = admin.patch("/api/routes/pipes", json={"version": made.json()["version"], "group_wait_s": 0})
    assert (changed.json()["version"], changed.json()["group_wait_s"]) == (made.json()["version"] + 1, 0)
    stale = admin.patch("/api/routes/pipes", json={"version": made.json()["version"], "position": 3})
    assert (stale.status_code, stale.json()["reason"]) == (409, "stale_version")
    assert admin.delete("/api/routes/pipes").status_code == 204
    assert [one["id"] for one in admin.get("/api/routes").json()["items"]] == ["root"]
    again = admin.post("/api/routes", json=route())
    assert again.json()["version"] > changed.json()["version"], "its history goes on"
    with db.connect() as conn:
        kept = conn.scalars(text("SELECT what FROM route_version WHERE route_id = 'pipes' ORDER BY version")).all()
    assert kept[-4:] == ["added", "changed", "removed", "added"]


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("POST", "/api/routes", route(receivers=["nobody"]), "no_subscription"),
        ("POST", "/api/routes", route(receivers=[]), "invalid_input"),
        ("POST", "/api/routes", route(parent="nowhere"), "no_parent_route"),
        ("POST", "/api/routes", route(id="root"), "no_parent_route"),
        ("PATCH", "/api/routes/root", {"version": 1, "matchers": FLOW}, "root_route"),
        ("DELETE", "/api/routes/root", None, "root_route"),
        ("POST", "/api/silences", {"matchers": FLOW, "ends_at": "2020-01-01T00:00:00Z", "why": "x"}, "silence_end"),
        ("POST", "/api/silences", {"matchers": FLOW, "ends_at": "2190-01-01T00:00:00Z", "why": "x"}, "silence_long"),
        ("GET", "/api/alarm-metrics?from=2190-01-01T00:00:00Z", None, "period_empty"),
        ("GET", "/api/alarm-metrics?from=2020-01-01T00:00:00Z", None, "period_long"),
        ("GET", "/api/alarm-metrics?operator=nobody-here", None, "beyond_own"),
        ("GET", "/api/alarm-metrics?since=1", None, "unknown_parameter"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    admin: httpx.Client, method: str, path: str, body: object, reason: str
) -> None:
    answer = admin.request(method, path, json=body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["reason"] == reason, answer.text


def test_inhibitions_that_would_mute_in_a_circle_are_refused(admin: httpx.Client) -> None:
    body = {"id": "test-back", "name_zh": "反向", "name_en": "Back", "source": FLOW, "target": RAIN}
    answer = admin.post("/api/inhibitions", json=body)
    assert (answer.status_code, answer.json()["reason"]) == (409, "inhibition_circle")
    assert "test-back" not in [one["id"] for one in admin.get("/api/inhibitions").json()["items"]]
    off = admin.post("/api/inhibitions", json={**body, "enabled": False})
    assert off.status_code == 201
    on = admin.patch("/api/inhibitions/test-back", json={"version": off.json()["version"], "enabled": True})
    assert on.json()["reason"] == "inhibition_circle"


def test_silence_holds_says_why_and_is_ended_early(admin: httpx.Client, served: System, db: Engine) -> None:
    alarm = raise_one(db, "flow", 3, "silent-1")
    body = {"matchers": FLOW, "ends_at": rfc3339(now() + timedelta(hours=2)), "why": "管道检修"}
    made = admin.post("/api/silences", json=body).json()
    assert (made["state"], made["created_by"]) == ("active", "admin")
    way = admin.get("/api/routes/explain", params={"alarm": alarm}).json()
    silenced = next(one for one in way["stages"] if one["stage"] == "silence")
    assert (way["told"], silenced["passed"]) == (False, False)
    assert "管道检修" in silenced["why"]["zh"]
    ended = admin.post(f"/api/silences/{made['id']}/end").json()
    assert (ended["state"], ended["ended_at"] is not None) == ("over", True)
    assert made["id"] not in [one["id"] for one in admin.get("/api/silences").json()["items"]]
    assert made["id"] in [one["id"] for one in admin.get("/api/silences?over=true").json()["items"]]
    assert admin.get("/api/routes/explain", params={"alarm": alarm}).json()["told"] is True


def test_groups_are_paged_and_their_members_have_an_address(admin: httpx.Client, db: Engine) -> None:
    ids = {raise_one(db, "wind", 3, f"wind-{n}") for n in range(3)} | {raise_one(db, "wind", 1, "wind-9")}
    groups, cursor = [], None
    while True:
        answer = admin.get("/api/alarm-groups", params={"limit": 1, **({"cursor": cursor} if cursor else {})}).json()
        groups += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            break
    wind = [one for one in groups if one["family"] == "wind"]
    assert [(one["worst"], one["count"]) for one in wind] == [(1, 1), (3, 3)]
    members = [a["id"] for one in wind for a in admin.get(one["members"]).json()["items"]]
    assert set(members) == ids
    done = admin.post("/api/alarms/acknowledge", json={"ids": members[:2]}).json()["ids"]
    assert set(done) == set(members[:2])
    assert admin.post("/api/alarms/acknowledge", json={"ids": members[:2]}).json()["ids"] == []


def test_metrics_are_answered_for_the_last_day_and_for_an_operator(admin: httpx.Client, db: Engine) -> None:
    raise_one(db, "gas", 2, "metric-1")
    found = admin.get("/api/alarm-metrics", params={"operator": "dispatcher"}).json()
    assert found["raw"]["count"] >= 1
    assert found["raw"]["windows"] == 144
    assert found["operator"] == "dispatcher"
    assert sum(shift["raw"]["count"] for shift in found["shifts"]) == found["raw"]["count"]
