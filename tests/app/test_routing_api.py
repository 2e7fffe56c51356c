"""/api/routes, /api/inhibitions, /api/silences, /api/alarm-groups, /api/alarm-metrics over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, Engine, text

from app.api import routing as api
from core.clock import rfc3339
from core.viewer import Role
from tests.alerts.test_floods import DISTRICT, happen
from tests.people import person
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


# --- what a change would do, and the way back -------------------------------------------------------------------------


def effect(admin: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = admin.post("/api/routes/effect", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_route_that_swallows_alarms_is_told_before_it_is_made(admin: httpx.Client, db: Engine) -> None:
    with db.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO subscription (id, name_zh, name_en, sender, filter, enabled) VALUES "
                "('test-deaf', '不收', 'Deaf', 'mqtt', '{\"alarm_kinds\": [\"wind\"]}', true) ON CONFLICT DO NOTHING"
            )
        )
    try:
        alarm = raise_one(db, "flow", 2, "swallowed-1")
        told = {one["id"] for one in admin.get("/api/routes/explain", params={"alarm": alarm}).json()["receivers"]}
        assert told
        found = effect(admin, what="route", given=route(receivers=["test-deaf"]))["open"]
        assert found["nobody"] >= 1
        assert alarm in found["nobody_examples"]
        assert {one["id"] for one in found["lost"]} == told
        assert all(alarm in one["examples"] and one["level"] <= 2 for one in found["lost"])
        assert [one["id"] for one in admin.get("/api/routes").json()["items"]] == ["root"], "nothing was made"
        after = admin.get("/api/routes/explain", params={"alarm": alarm}).json()
        assert {one["id"] for one in after["receivers"]} == told
        later = effect(admin, what="route", given=route(group_wait_s=40))["open"]["later"]
        assert {(one["id"], one["wait_s"]) for one in later} == {(to, 40.0) for to in told}
        quiet = effect(admin, what="silence", given={"matchers": FLOW, "ends_at": soon(2), "why": "x"})["open"]
        assert (quiet["nobody"] >= 1, quiet["changed"] == quiet["nobody"]) == (True, True)
        assert admin.get("/api/silences").json()["items"] == []
    finally:
        with db.begin() as conn:
            conn.execute(text("DELETE FROM subscription WHERE id = 'test-deaf'"))


def soon(hours: float) -> str:
    return rfc3339(now() + timedelta(hours=hours))


def test_alarms_that_are_over_are_asked_by_the_routes(admin: httpx.Client, db: Engine) -> None:
    alarm = raise_one(db, "flow", 3, "past-1")
    with db.begin() as conn:
        conn.execute(
            text("UPDATE alarm SET state = 'normal', active = false WHERE id = CAST(:id AS uuid)"), {"id": alarm}
        )
    named = [{"label": "thing", "like": ["past-*"]}]
    found = effect(admin, what="route", given=route(matchers=named, group_wait_s=5))
    assert found["open"]["changed"] == 0
    assert found["recent"]["changed"] >= 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"what": "route", "given": route(receivers=["nobody"])}, "no_subscription"),
        ({"what": "route", "given": {"id": "x"}}, "invalid_input"),
        ({"what": "route", "id": "root", "removed": True}, "root_route"),
        ({"what": "inhibition", "id": "none", "removed": True}, "invalid_input"),
        ({"what": "route", "id": "root", "given": {"version": 999}}, "stale_version"),
        ({"what": "route", "given": route(matchers=[{"label": "thing", "like": ["a\x00*"]}])}, "invalid_input"),
        ({"what": "route", "given": route(matchers=[{"label": "thing", "like": ["*"]}])}, "invalid_input"),
    ],
    ids=["receiver", "half", "root", "inhibition", "stale", "nul", "star"],
)
def test_what_could_not_be_done_is_refused_as_it_would_be(
    admin: httpx.Client, body: dict[str, Any], reason: str
) -> None:
    answer = admin.post("/api/routes/effect", json=body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["reason"] == reason, answer.text


def test_a_route_that_is_off_takes_nothing_and_goes_back_to_what_it_was(admin: httpx.Client, db: Engine) -> None:
    made = admin.post("/api/routes", json=route(group_wait_s=30, why="too many")).json()
    alarm = raise_one(db, "flow", 3, "off-1")

    def ways() -> set[str]:
        way = admin.get("/api/routes/explain", params={"alarm": alarm}).json()
        return {one["route"] for one in way["receivers"]}

    assert ways() == {"pipes"}
    off = admin.patch("/api/routes/pipes", json={"version": made["version"], "enabled": False, "why": "a try"}).json()
    assert (off["enabled"], ways()) == (False, {"root"})
    moved = admin.patch("/api/routes/pipes", json={"version": off["version"], "group_wait_s": 5, "name_en": "P"}).json()
    body = {"to": made["version"], "version": moved["version"], "why": "back"}
    back = admin.post("/api/routes/pipes/take-back", json=body).json()
    assert (back["group_wait_s"], back["names"]["en"], back["enabled"]) == (30.0, "Pipes", False)
    stale = admin.post("/api/routes/pipes/take-back", json=body | {"to": moved["version"]})
    assert stale.json()["reason"] == "stale_version"
    assert admin.post("/api/routes/pipes/take-back", json={"to": 0, "version": back["version"]}).status_code == 404
    kept = admin.get("/api/routes/pipes/versions").json()["items"]
    assert [(one["what"], one["why"]) for one in kept[:4]] == [
        ("taken_back", "back"),
        ("changed", None),
        ("changed", "a try"),
        ("added", "too many"),
    ]
    assert admin.delete("/api/routes/pipes", params={"version": made["version"]}).json()["reason"] == "stale_version"
    assert admin.delete("/api/routes/pipes", params={"why": "done"}).status_code == 204
    assert admin.get("/api/routes/pipes/versions").json()["items"][0]["why"] == "done"
    audited = (
        "SELECT data->>'why' FROM audit WHERE what = 'route.removed' AND data->>'route' = 'pipes' ORDER BY id DESC"
    )
    with db.connect() as conn:
        assert conn.scalar(text(audited)) == "done"
    answer = admin.patch("/api/routes/root", json={"version": 1, "enabled": False})
    assert answer.json()["reason"] in ("root_route", "stale_version")


def test_a_route_that_was_removed_is_listed_and_put_back(admin: httpx.Client, db: Engine) -> None:
    made = admin.post("/api/routes", json=route(group_wait_s=30, enabled=False)).json()
    alarm = raise_one(db, "flow", 3, "gone-1")
    assert admin.delete("/api/routes/pipes", params={"why": "not needed"}).status_code == 204
    [gone] = [one for one in admin.get("/api/routes/removed").json()["items"] if one["id"] == "pipes"]
    assert (gone["removed_by"], gone["why"], gone["version"]) == ("admin", "not needed", made["version"] + 1)
    assert (gone["after"]["matchers"], gone["after"]["group_wait_s"], gone["after"]["enabled"]) == (FLOW, 30.0, False)
    body = {"to": made["version"], "version": gone["version"], "why": "needed"}
    stale = admin.post("/api/routes/pipes/take-back", json=body | {"version": made["version"]})
    assert (stale.status_code, stale.json()["reason"]) == (409, "stale_version")
    none = admin.post("/api/routes/pipes/take-back", json=body | {"to": 0})
    assert (none.status_code, none.json()["field"]) == (404, "to")
    back = admin.post("/api/routes/pipes/take-back", json=body).json()
    assert (back["group_wait_s"], back["enabled"], back["version"]) == (30.0, False, gone["version"] + 1)
    assert admin.get("/api/routes/removed").json()["items"] == [
        one for one in admin.get("/api/routes/removed").json()["items"] if one["id"] != "pipes"
    ]
    kept = admin.get("/api/routes/pipes/versions").json()["items"]
    assert [(one["what"], one["why"]) for one in kept[:2]] == [("taken_back", "needed"), ("removed", "not needed")]
    assert admin.get("/api/routes/explain", params={"alarm": alarm}).json()["told"] is True


def test_a_route_is_not_put_back_below_one_that_is_no_more(admin: httpx.Client) -> None:
    admin.post("/api/routes", json=route(id="above"))
    admin.post("/api/routes", json=route(id="below", parent="above"))
    for name in ("below", "above"):
        assert admin.delete(f"/api/routes/{name}").status_code == 204
    gone = {one["id"]: one for one in admin.get("/api/routes/removed").json()["items"]}
    body = {"to": gone["below"]["version"], "version": gone["below"]["version"]}
    answer = admin.post("/api/routes/below/take-back", json=body)
    assert (answer.status_code, answer.json()["reason"]) == (422, "no_parent_route")
    assert answer.json()["field"] == "parent"


def test_removing_and_taking_back_show_what_they_would_change(admin: httpx.Client, db: Engine) -> None:
    alarm = raise_one(db, "flow", 3, "shown-1")
    made = admin.post("/api/routes", json=route(group_wait_s=40)).json()
    removed = effect(admin, what="route", id="pipes", removed=True)["open"]
    assert removed["changed"] >= 1
    assert removed["later"] == []
    moved = admin.patch("/api/routes/pipes", json={"version": made["version"], "group_wait_s": 0}).json()
    given = {"to": made["version"], "version": moved["version"]}
    later = effect(admin, what="route", id="pipes", given=given, taken_back=True)["open"]["later"]
    assert {one["wait_s"] for one in later} == {40.0}
    assert any(alarm in one["examples"] for one in later)
    assert admin.get("/api/routes").json()["items"][1]["group_wait_s"] == 0, "nothing was made"
    admin.delete("/api/routes/pipes")
    [gone] = [one for one in admin.get("/api/routes/removed").json()["items"] if one["id"] == "pipes"]
    given = {"to": made["version"], "version": gone["version"]}
    again = effect(admin, what="route", id="pipes", given=given, taken_back=True)["open"]["later"]
    assert {one["wait_s"] for one in again} == {40.0}
    assert [one["id"] for one in admin.get("/api/routes").json()["items"]] == ["root"], "it is not there"
    body = {"what": "silence", "id": "s-1", "given": {"to": 1, "version": 1}, "taken_back": True}
    answer = admin.post("/api/routes/effect", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, "taken_back")


def test_an_effect_counts_what_the_asker_may_see_and_does_not_tell_of_others(conn: Connection) -> None:
    happen(conn, "beyond-1", "flow", 3, now())
    body = api.EffectIn.model_validate({"what": "route", "given": route(group_wait_s=40)})
    whole = api.get_effect(conn, person(Role.ADMIN), now(), body)
    assert whole["whole"] is True
    assert whole["open"]["changed"] >= 1
    other = next(code for code in conn.scalars(text("SELECT code FROM district ORDER BY code")) if code != DISTRICT)
    part = api.get_effect(conn, person(Role.ADMIN, districts=frozenset({other})), now(), body)
    own = whole["open"]["alarms"] - part["open"]["alarms"]
    assert own >= 1
    assert part["whole"] is False
    assert part["open"]["changed"] < whole["open"]["changed"]
    assert part["recent"]["alarms"] < whole["recent"]["alarms"]
    beyond = set(conn.scalars(text("SELECT id::text FROM alarm WHERE district = :d"), {"d": DISTRICT}))
    told = (part["open"], part["recent"])
    named = {one for found in told for on in (*found["lost"], *found["later"]) for one in on["examples"]}
    assert named.isdisjoint(beyond)


def test_an_inhibition_goes_back_to_what_it_was(admin: httpx.Client) -> None:
    body = {"id": "test-this", "name_zh": "一", "name_en": "One", "source": RAIN, "target": FLOW, "enabled": False}
    made = admin.post("/api/inhibitions", json=body).json()
    wide = [{"label": "kind", "like": ["f*"]}]
    moved = admin.patch("/api/inhibitions/test-this", json={"version": made["version"], "target": wide}).json()
    assert moved["target"] == wide
    given = {"to": made["version"], "version": moved["version"], "why": "too wide"}
    back = admin.post("/api/inhibitions/test-this/take-back", json=given).json()
    assert back["target"] == FLOW
    kept = admin.get("/api/inhibitions/test-this/versions").json()["items"]
    assert [one["what"] for one in kept] == ["taken_back", "changed", "added"]
    assert admin.get("/api/inhibitions/nowhere/versions").status_code == 404


def test_a_silence_is_changed_while_it_holds(admin: httpx.Client) -> None:
    made = admin.post("/api/silences", json={"matchers": FLOW, "ends_at": soon(2), "why": "x"}).json()
    longer = {"version": made["version"], "ends_at": soon(5), "why": "longer"}
    changed = admin.patch(f"/api/silences/{made['id']}", json=longer).json()
    assert (changed["ends_at"], changed["why"]) == (longer["ends_at"], "longer")
    assert admin.patch(f"/api/silences/{made['id']}", json=longer).json()["reason"] == "stale_version"
    far = {"version": changed["version"], "ends_at": soon(24 * 31)}
    assert admin.patch(f"/api/silences/{made['id']}", json=far).json()["reason"] == "silence_long"
    ended = admin.post(f"/api/silences/{made['id']}/end").json()
    over = {"version": ended["version"], "why": "late"}
    assert admin.patch(f"/api/silences/{made['id']}", json=over).json()["reason"] == "silence_over"


def test_only_who_may_asks_for_effects_and_versions(served: System) -> None:
    with served.api("viewer") as viewer:
        assert viewer.get("/api/routes/root/versions").status_code == 200
        for path, body in (
            ("/api/routes/effect", {"what": "route", "given": route()}),
            ("/api/routes/effect", {"what": "silence", "given": {}}),
            ("/api/routes/root/take-back", {"to": 0, "version": 1}),
            ("/api/inhibitions/rain-flow/take-back", {"to": 0, "version": 1}),
        ):
            assert viewer.post(path, json=body).status_code == 403, path
        assert viewer.patch("/api/silences/s", json={"version": 1}).status_code == 403
