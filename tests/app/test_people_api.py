"""People at the API: accounts, roles, sessions and tokens, and what an administrator of them may not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from app.accounts import add_account, open_session
from tests.support import PASSWORD, PATIENCE_S, System, now, wait_for

STRONG = "Brisk-Heron-52!"


@pytest.fixture(scope="module")
def admin(served: System) -> Iterator[httpx.Client]:
    with served.api("admin") as client:
        yield client


@contextmanager
def as_somebody(served: System, db: Engine, username: str, kind: str = "token") -> Iterator[httpx.Client]:
    """A client with a token of this account."""
    with db.begin() as conn:
        secret, _ = open_session(conn, username, kind, now(), 1, name="test")
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=served.http, headers=headers, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


def add(admin: httpx.Client, username: str, role: str = "viewer", **more: Any) -> dict[str, Any]:
    answer = admin.post("/api/people", json={"username": username, "name": username.title(), "role": role, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def change(client: httpx.Client, person: dict[str, Any], **more: Any) -> httpx.Response:
    kept = ("name", "role", "departments", "districts", "units", "classification", "enabled", "version")
    return client.patch(f"/api/people/{person['username']}", json={**{k: person[k] for k in kept}, **more})


def enter(served: System, username: str, password: str) -> httpx.Response:
    return httpx.post(
        f"{served.http}/api/token",
        json={"username": username, "password": password},
        trust_env=False,
        timeout=PATIENCE_S,
    )


def test_first_log_in_leads_to_a_password_of_ones_own_and_to_nothing_else(served: System, admin: httpx.Client) -> None:
    made = add(admin, "newcomer")
    assert made["person"]["must_change"]
    entered = enter(served, "newcomer", made["password"])
    assert entered.status_code == 200, entered.text
    headers = {"Authorization": f"Bearer {entered.json()['token']}"}
    with httpx.Client(base_url=served.http, headers=headers, trust_env=False, timeout=PATIENCE_S) as client:
        refused = client.get("/api/alarms")
        assert (refused.status_code, refused.json()["reason"]) == (403, "password_change")
        led = client.get("/", headers={"Accept": "text/html"})
        assert (led.status_code, led.headers["location"]) == (303, "/me")
        assert client.get("/api/me").json()["must_change"] is True
        wrong = client.post("/api/me/password", json={"old": "not-it-at-all-7", "new": STRONG})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "old")
        weak = client.post("/api/me/password", json={"old": made["password"], "new": "short"})
        assert (weak.status_code, weak.json()["field"]) == (422, "new")
        same = client.post("/api/me/password", json={"old": made["password"], "new": made["password"]})
        assert (same.status_code, same.json()["reason"]) == (422, "same_password")
        assert client.post("/api/me/password", json={"old": made["password"], "new": STRONG}).status_code == 204
        assert client.get("/api/alarms").status_code == 200
        assert client.get("/api/me").json()["must_change"] is False


def test_scope_given_on_the_account_is_what_its_person_sees(served: System, admin: httpx.Client, db: Engine) -> None:
    district = admin.get("/api/sensors").json()["items"][0]["district"]
    person = add(admin, "district-desk", "dispatcher", districts=[district])["person"]
    with db.begin() as conn:
        conn.execute(text("UPDATE account SET must_change = false WHERE username = 'district-desk'"))
    with as_somebody(served, db, "district-desk") as client:
        seen = {one["district"] for one in client.get("/api/sensors").json()["items"]}
        assert district in seen
        assert seen <= {district, "000000"}
        assert client.get("/api/me").json()["scope"]["districts"] == [district]
        # a changed scope is in force at once
        changed = change(admin, person, districts=["999999"])
        assert changed.status_code == 200, changed.text
        assert district not in {one["district"] for one in client.get("/api/sensors").json()["items"]}
        assert change(admin, changed.json(), enabled=False).status_code == 200
        assert client.get("/api/sensors").status_code == 401


def test_change_of_an_old_version_is_a_conflict(admin: httpx.Client) -> None:
    person = add(admin, "twice")["person"]
    assert change(admin, person, name="First").status_code == 200
    answer = change(admin, person, name="Second")
    assert (answer.status_code, answer.json()["reason"]) == (409, "stale_version")
    assert admin.get("/api/people/twice").json()["name"] == "First"


def test_nobody_but_who_manages_people_gets_near_them(dispatcher: httpx.Client, db: Engine) -> None:
    asked = [
        ("GET", "/api/people", None),
        ("POST", "/api/people", {"username": "x", "name": "x", "role": "viewer"}),
        ("GET", "/api/people/admin", None),
        ("PATCH", "/api/people/admin", {"name": "x", "role": "viewer"}),
        ("POST", "/api/people/admin/password", {}),
        ("POST", "/api/people/admin/end-sessions", None),
        ("GET", "/api/people/admin/sessions", None),
        ("DELETE", "/api/people/admin/sessions/1", None),
        ("POST", "/api/people/admin/tokens", {"name": "x"}),
        ("GET", "/api/roles", None),
        ("POST", "/api/roles", {"id": "x", "name_zh": "x", "name_en": "x", "permissions": []}),
        ("PATCH", "/api/roles/x", {"name_zh": "x", "name_en": "x", "permissions": []}),
        ("DELETE", "/api/roles/viewer", None),
    ]
    answers = {(m, p): dispatcher.request(m, p, json=body).status_code for m, p, body in asked}
    # a role that is not there is not told from one that may not be seen
    assert set(answers.values()) == {403}, answers
    with db.connect() as conn:
        refused = conn.scalar(
            text("SELECT count(*) FROM audit WHERE what = 'refused' AND data->>'path' LIKE '/api/people%'")
        )
    assert refused >= 9


def role(admin: httpx.Client, name: str, *permissions: str) -> dict[str, Any]:
    body = {"id": name, "name_zh": "值班", "name_en": "Desk", "permissions": list(permissions)}
    answer = admin.post("/api/roles", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_own_role_is_added_given_changed_and_removed(served: System, admin: httpx.Client, db: Engine) -> None:
    made = role(admin, "night_desk", "city.read", "alarm.acknowledge")
    person = add(admin, "owl", "night_desk")["person"]
    with db.begin() as conn:
        conn.execute(text("UPDATE account SET must_change = false WHERE username = 'owl'"))
    with as_somebody(served, db, "owl") as owl:
        assert owl.get("/api/me").json()["role_names"] == {"zh": "值班", "en": "Desk"}
        assert owl.get("/api/quarantine").status_code == 403
        body = {**{k: made[k] for k in ("version",)}, "name_zh": "夜班", "name_en": "Night desk"}
        changed = admin.patch("/api/roles/night_desk", json={**body, "permissions": ["city.read", "quarantine.read"]})
        assert changed.status_code == 200, changed.text
        assert owl.get("/api/quarantine").status_code == 200
    stale = admin.patch("/api/roles/night_desk", json={**body, "permissions": ["city.read"]})
    assert (stale.status_code, stale.json()["reason"]) == (409, "stale_version")
    used = admin.delete("/api/roles/night_desk")
    assert (used.status_code, used.json()["reason"]) == (409, "role_in_use")
    assert change(admin, person, role="viewer").status_code == 200
    assert admin.delete("/api/roles/night_desk").status_code == 204
    assert "night_desk" not in [one["id"] for one in admin.get("/api/roles").json()["items"]]


def test_role_of_the_software_stays_as_it_is(admin: httpx.Client) -> None:
    body = {"name_zh": "x", "name_en": "x", "permissions": []}
    assert admin.patch("/api/roles/viewer", json=body).json()["reason"] == "built_in"
    assert admin.delete("/api/roles/viewer").json()["reason"] == "built_in"


@pytest.fixture(scope="module")
def clerk(served: System, admin: httpx.Client, db: Engine) -> Iterator[httpx.Client]:
    """Manages people of one district, and may otherwise only read."""
    role(admin, "clerk", "city.read", "person.manage")
    add(admin, "clerk-1", "clerk", districts=["321302"])
    with db.begin() as conn:
        conn.execute(text("UPDATE account SET must_change = false WHERE username = 'clerk-1'"))
    with as_somebody(served, db, "clerk-1") as client:
        yield client


HERE = {"districts": ["321302"]}
OF_MORE = {"name_zh": "x", "name_en": "x", "permissions": ["alarm.shelve"]}
BEYOND = [
    (
        "a role of more",
        "POST",
        "/api/people",
        {"username": "b1", "name": "b", "role": "admin", "districts": ["321302"]},
    ),
    ("more districts", "POST", "/api/people", {"username": "b2", "name": "b", "role": "clerk"}),
    ("others' districts", "POST", "/api/people", {"username": "b3", "name": "b", "role": "clerk", "districts": ["1"]}),
    (
        "a role made of more",
        "POST",
        "/api/roles",
        {"id": "big", **OF_MORE},
    ),
    ("an administrator's password", "POST", "/api/people/admin/password", {}),
    ("an administrator's token", "POST", "/api/people/admin/tokens", {"name": "x"}),
    ("an administrator's sessions", "POST", "/api/people/admin/end-sessions", None),
    (
        "an administrator's account",
        "PATCH",
        "/api/people/admin",
        {"name": "x", "role": "clerk", **HERE},
    ),
    ("oneself", "PATCH", "/api/people/clerk-1", {"name": "x", "role": "admin", **HERE}),
]


@pytest.mark.parametrize(("words", "method", "path", "body"), BEYOND, ids=[case[0] for case in BEYOND])
def test_nobody_gives_or_takes_over_more_than_they_have(
    words: str, method: str, path: str, body: Any, clerk: httpx.Client
) -> None:
    answer = clerk.request(method, path, json=body)
    assert (answer.status_code, answer.json()["reason"]) == (403, "beyond_own"), answer.text


def test_who_manages_a_district_adds_people_of_it(clerk: httpx.Client) -> None:
    body = {"username": "within", "name": "b", "role": "clerk", "districts": ["321302"]}
    assert clerk.post("/api/people", json=body).status_code == 201


def test_last_who_manages_people_stays(served: System, admin: httpx.Client, db: Engine) -> None:
    # other modules have made administrators too
    with db.begin() as conn:
        others = text("UPDATE account SET enabled = false WHERE username <> 'admin' AND enabled RETURNING username")
        away = list(conn.scalars(others))
    try:
        person = admin.get("/api/people/admin").json()
        for more in ({"enabled": False}, {"role": "viewer"}):
            answer = change(admin, person, **more)
            assert (answer.status_code, answer.json().get("reason")) == (409, "last_manager"), answer.text
        assert admin.get("/api/people/admin").json()["enabled"] is True
    finally:
        with db.begin() as conn:
            conn.execute(text("UPDATE account SET enabled = true WHERE username = ANY(:away)"), {"away": away})
            conn.execute(text("UPDATE account SET enabled = true, role = 'admin' WHERE username = 'admin'"))


def test_token_is_made_with_a_name_shown_once_and_ended(served: System, admin: httpx.Client, db: Engine) -> None:
    with db.begin() as conn:
        add_account(conn, "programmer", "P", "viewer", PASSWORD, now())
    made = admin.post("/api/people/programmer/tokens", json={"name": "weather", "days": 7}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    with httpx.Client(base_url=served.http, headers=headers, trust_env=False, timeout=PATIENCE_S) as client:
        mine = client.get("/api/me/sessions").json()["items"]
        assert [(one["name"], one["kind"], one["current"]) for one in mine] == [("weather", "token", True)]
        assert made["token"] not in admin.get("/api/people/programmer/sessions").text
        assert client.post("/api/me/tokens", json={"name": "feed", "kind": "feed"}).status_code == 201
        shown = {one["name"]: one["id"] for one in client.get("/api/me/sessions").json()["items"]}
        assert client.delete(f"/api/me/sessions/{shown['feed']}").json() == {"ended": 1}
        assert admin.delete(f"/api/people/dispatcher/sessions/{shown['weather']}").status_code == 404
        assert admin.delete(f"/api/people/programmer/sessions/{shown['weather']}").json() == {"ended": 1}
        assert client.get("/api/me").status_code == 401


def test_new_password_ends_every_session(served: System, admin: httpx.Client, db: Engine) -> None:
    with db.begin() as conn:
        add_account(conn, "forgetful", "F", "viewer", PASSWORD, now())
    with as_somebody(served, db, "forgetful") as client:
        assert client.get("/api/me").status_code == 200
        made = admin.post("/api/people/forgetful/password", json={}).json()
        assert made["person"]["must_change"]
        assert client.get("/api/me").status_code == 401
    assert enter(served, "forgetful", made["password"]).status_code == 200
    assert admin.post("/api/people/forgetful/password", json={"password": "forgetful-1A"}).status_code == 422


def test_language_is_kept_with_the_account(admin: httpx.Client) -> None:
    assert admin.patch("/api/me", json={"lang": "en"}).json()["lang"] == "en"
    assert admin.get("/api/me").json()["lang"] == "en"
    assert admin.patch("/api/me", json={"lang": "zh"}).json()["lang"] == "zh"


def test_what_is_chosen_of_the_page_goes_with_the_account(admin: httpx.Client) -> None:
    chosen = {"theme": "light", "left": True, "widths": {"right": 400}, "layers": {"rain": {"visible": False}}}
    chosen["order"] = "level"
    assert admin.patch("/api/me", json={"settings": chosen}).json()["settings"] == chosen
    assert admin.patch("/api/me", json={"settings": {"theme": None, "left": False}}).json()["lang"] == "zh"
    left = {**chosen, "left": False}
    del left["theme"]
    assert admin.get("/api/me").json()["settings"] == left
    forgotten = admin.patch("/api/me", json={"settings": dict.fromkeys(chosen)})
    assert forgotten.json()["settings"] == {}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"theme": "blue"}, "theme"),
        ({"widths": {"left": 9}}, "left"),
        ({"widths": {"top": 300}}, "widths"),
        ({"layers": {"x" * 65: {}}}, "layers"),
        ({"layers": {"rain": {"opacity": 2}}}, "opacity"),
        ({"layers": {str(n): {} for n in range(501)}}, "layers"),
        ({"order": "size"}, "order"),
        ({"somewhat": 1}, "somewhat"),
    ],
    ids=["theme", "width", "panel", "layer", "opacity", "many", "order", "unknown"],
)
def test_a_choice_that_no_page_makes_is_refused_by_its_field(
    admin: httpx.Client, settings: dict[str, Any], field: str
) -> None:
    refused = admin.patch("/api/me", json={"settings": settings})
    assert refused.status_code == 422
    assert field in refused.json()["field"]
    assert admin.get("/api/me").json()["settings"] == {}


def test_live_channel_follows_a_changed_scope(served: System, admin: httpx.Client, db: Engine) -> None:
    person = admin.get("/api/people/viewer").json()
    with served.push("viewer") as listener:
        listener.until(lambda told: told["kind"] == "unit" and told["op"] == "snapshot" and bool(told["items"]))
        limited = change(admin, person, districts=["999999"]).json()
        try:
            listener.until(lambda told: told["kind"] == "unit" and told["op"] == "snapshot" and not told["items"])
        finally:
            change(admin, limited, districts=None)
    wait_for(lambda: admin.get("/api/people/viewer").json()["districts"] is None)


def test_what_is_done_to_people_is_written_down(admin: httpx.Client, db: Engine) -> None:
    add(admin, "noted", "viewer", units=["fire-01"])
    with db.connect() as conn:
        told = conn.execute(
            text("SELECT who, data FROM audit WHERE what = 'person.add' AND data->>'username' = 'noted'")
        ).one()
    assert told.who == "admin"
    assert told.data["units"] == ["fire-01"]
    assert "password" not in str(told.data)


def test_audit_is_read_by_who_may_and_by_nobody_else(
    served: System, admin: httpx.Client, dispatcher: httpx.Client, db: Engine
) -> None:
    assert dispatcher.get("/api/audit").status_code == 403
    add(admin, "reader", "auditor")
    with db.begin() as conn:
        conn.execute(text("UPDATE account SET must_change = false WHERE username = 'reader'"))
    with as_somebody(served, db, "reader") as auditor:
        first = auditor.get("/api/audit?by=admin&what=person.add&limit=1").json()
        assert first["items"][0]["data"]["username"] == "reader"
        older = auditor.get(f"/api/audit?by=admin&what=person.add&limit=1&cursor={first['next']}").json()
        assert older["items"][0]["id"] < first["items"][0]["id"]
        assert auditor.get("/api/people").status_code == 403
