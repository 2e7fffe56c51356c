"""The door: every route is shut but the few that are named, writes by cookie come from our own page, accounts lock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text
from starlette.routing import Mount
from websockets.exceptions import ConnectionClosed

from app.accounts import add_account, open_session
from app.auth import COOKIE, OPEN_FOLDERS, OPEN_PATHS, PUBLIC, PUBLIC_FOLDER
from app.main import ROUTERS, make_app
from core.settings import Settings
from core.viewer import Role
from tests.support import PASSWORD, PATIENCE_S, ROLES, System, connect_socket, now

SAMPLE_ID = "0190a000-0000-7000-8000-000000000000"
SAMPLES = {
    "z": "3",
    "x": "1",
    "y": "1",
    "kind": "alarm",
    "identity": SAMPLE_ID,
    "name": "streets",
    "sensor_id": "wl-spare",
    "unit_id": "fire-01",
}
WAYS_IN = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/field/enter"),
    ("POST", "/field/enter"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/token"),
    ("GET", "/ca.crt"),
}
addresses = (f"127.0.0.{n}" for n in count(20))


def every_route() -> set[tuple[str, str]]:
    """(method, path) of everything the application answers, Dash's own included; parameters are filled in."""
    app = make_app(Settings(database_url="postgresql://x:x@127.0.0.1:9/none"))
    found: set[tuple[str, str]] = set()
    for route in (*app.routes, *(r for router in ROUTERS for r in router.routes)):
        path, methods = getattr(route, "path", None), getattr(route, "methods", None)
        if path is None:
            continue
        if isinstance(route, Mount):
            found.add(("GET", f"{path}/js/main.mjs"))
            continue
        filled = re.sub(r"\{(\w+)(:\w+)?\}", lambda m: SAMPLES.get(m[1], SAMPLE_ID), path)
        found |= {(method, filled) for method in methods or ("WEBSOCKET",)}
    return found


ROUTES = sorted(every_route())
# for everybody once an administrator says so; it has tests of its own (test_catalogue_api)
PUBLIC_ROUTES = {(m, p) for m, p in ROUTES if p == PUBLIC or p.startswith(PUBLIC_FOLDER)}
SHUT = [(m, p) for m, p in ROUTES if (m, p) not in WAYS_IN | PUBLIC_ROUTES and m != "WEBSOCKET"]


def test_there_are_routes_to_look_at() -> None:
    assert len(SHUT) > 50
    assert {p for m, p in ROUTES if m == "WEBSOCKET"} >= {"/push", "/_dash-ws-callback"}
    assert {p for _, p in WAYS_IN} == OPEN_PATHS
    assert all(folder.endswith("/") for folder in OPEN_FOLDERS)


@pytest.mark.parametrize(("method", "path"), sorted(PUBLIC_ROUTES), ids=[f"{m} {p}" for m, p in sorted(PUBLIC_ROUTES)])
def test_the_public_is_let_in_nowhere_while_it_is_off(method: str, path: str, stranger: httpx.Client) -> None:
    """And never to change anything."""
    assert stranger.request(method, path).status_code in (404, 405)


@pytest.mark.parametrize(("method", "path"), SHUT, ids=[f"{m} {p}" for m, p in SHUT])
def test_nobody_gets_in_without_a_session(method: str, path: str, stranger: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Cookie": f"{COOKIE}=nonsense"}):
        answer = stranger.request(method, path, headers=headers)
        assert answer.status_code == 401, answer.text
        if method != "HEAD":
            assert answer.json()["reason"] == "unauthenticated"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/../etc/passwd",
        "/api/alarms/",
        "//api/alarms",
        "/LOGIN/x",
        "/login/../api/alarms",
        "/assets/js/main.mjs",
        "/api/tokens",
    ],
)
def test_other_spellings_open_nothing(path: str, stranger: httpx.Client) -> None:
    assert stranger.request("GET", path).status_code in (400, 401, 404)
    assert "OneMap" not in stranger.request("GET", path).text


@pytest.mark.parametrize("path", [p for m, p in ROUTES if m == "WEBSOCKET"])
def test_nobody_listens_without_a_session(path: str, served: System) -> None:
    with (
        connect_socket(served.http.replace("http", "ws", 1) + path) as socket,
        pytest.raises(ConnectionClosed) as closed,
    ):
        socket.recv(timeout=PATIENCE_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_browser_is_led_to_the_log_in_and_back(stranger: httpx.Client) -> None:
    answer = stranger.get("/?wall=1", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F%3Fwall%3D1")
    page = stranger.get("/login", params={"next": "/?wall=1"})
    assert page.status_code == 200
    assert "/?wall=1" in page.text


@pytest.fixture(scope="module")
def session(served: System) -> Iterator[httpx.Client]:
    """A browser that has logged in."""
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        form = {"username": "dispatcher", "password": PASSWORD}
        answer = client.post("/login", data=form, headers={"Origin": served.http})
        assert answer.status_code == 303, answer.text
        yield client


def test_cookie_is_for_the_page_only(served: System) -> None:
    client = httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S)
    answer = client.post("/login", data={"username": "viewer", "password": PASSWORD}, headers={"Origin": served.http})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert client.get("/api/me").json()["username"] == "viewer"
    client.close()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", ""])
def test_log_in_never_leads_elsewhere(target: str, served: System) -> None:
    with httpx.Client(
        base_url=served.http,
        trust_env=False,
        timeout=PATIENCE_S,
        transport=httpx.HTTPTransport(local_address="127.0.0.9"),
    ) as client:
        answer = client.post(
            "/login", data={"username": "viewer", "password": PASSWORD, "next": target}, headers={"Origin": served.http}
        )
        assert answer.headers["location"] == "/"


ORIGINS: list[tuple[str, str | None, bool]] = [
    ("our own page", "{http}", True),
    ("no origin", None, False),
    ("another site", "https://evil.example", False),
    ("another port", "http://127.0.0.1:1", False),
    ("a longer name", "{http}.evil.example", False),
    ("nothing in words", "null", False),
]


@pytest.mark.parametrize(("why", "origin", "may"), ORIGINS, ids=[c[0] for c in ORIGINS])
def test_writes_by_cookie_come_from_our_own_page(
    why: str, origin: str | None, may: bool, served: System, session: httpx.Client
) -> None:
    headers = {"Origin": origin.format(http=served.http)} if origin else {}
    for path in (f"/api/alarms/{SAMPLE_ID}/acknowledge", "/_dash-update-component", "/api/within"):
        answer = session.post(path, json={}, headers=headers)
        assert (answer.status_code == 403 and answer.json().get("reason") == "origin") is not may, (path, answer.text)
    assert session.get("/api/me", headers=headers).status_code == 200


@pytest.mark.parametrize(("why", "origin", "may"), ORIGINS, ids=[c[0] for c in ORIGINS])
def test_sockets_by_cookie_come_from_our_own_page(
    why: str, origin: str | None, may: bool, served: System, session: httpx.Client
) -> None:
    headers = {"Cookie": f"{COOKIE}={session.cookies[COOKIE]}"}
    address = served.http.replace("http", "ws", 1) + "/push"
    value: Any = origin.format(http=served.http) if origin else None
    with connect_socket(address, additional_headers=headers, origin=value) as socket:
        if may:
            assert socket.recv(timeout=PATIENCE_S)
            return
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=PATIENCE_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


@pytest.mark.parametrize("origin", [None, "https://evil.example"])
def test_log_in_comes_from_our_own_page_too(origin: str | None, stranger: httpx.Client) -> None:
    answer = stranger.post(
        "/login", data={"username": "viewer", "password": PASSWORD}, headers={"Origin": origin} if origin else {}
    )
    assert answer.status_code == 403


def test_bearer_token_needs_no_origin(dispatcher: httpx.Client) -> None:
    assert dispatcher.post(f"/api/alarms/{SAMPLE_ID}/acknowledge").status_code == 404


def test_log_out_ends_the_session_at_once(served: System) -> None:
    with httpx.Client(
        base_url=served.http,
        trust_env=False,
        timeout=PATIENCE_S,
        transport=httpx.HTTPTransport(local_address="127.0.0.8"),
    ) as client:
        client.post("/login", data={"username": "viewer", "password": PASSWORD}, headers={"Origin": served.http})
        secret = client.cookies[COOKIE]
        assert client.get("/api/me").status_code == 200
        client.post("/logout", headers={"Origin": served.http})
        assert client.get("/api/me", headers={"Cookie": f"{COOKIE}={secret}"}).status_code == 401


def open_feed(db: Engine) -> str:
    with db.begin() as conn:
        return open_session(conn, "viewer", "feed", now(), 1)[0]


def test_feed_token_opens_the_feeds_and_nothing_else(db: Engine, stranger: httpx.Client) -> None:
    secret = open_feed(db)
    assert stranger.get("/feeds/alerts.atom", params={"token": secret}).status_code == 200
    bearer = {"Authorization": f"Bearer {secret}"}
    assert stranger.get("/feeds/alerts.geojson", headers=bearer).status_code == 200
    assert stranger.get("/api/alarms", headers=bearer).status_code == 401
    assert stranger.get("/api/alarms", params={"token": secret}).status_code == 401
    assert stranger.get("/", headers={"Cookie": f"{COOKIE}={secret}"}).status_code == 401


# --- roles ------------------------------------------------------------------------------------------------------------

INCIDENT = {"kind": "fire", "level": 3, "title": "x", "lon": 119.0, "lat": 31.3}
ACTS = [
    ("acknowledge", f"/api/alarms/{SAMPLE_ID}/acknowledge", {}, "dispatcher"),
    ("shelve", f"/api/alarms/{SAMPLE_ID}/shelve", {"minutes": 5, "reason": "x"}, "commander"),
    ("take back", f"/api/alarms/{SAMPLE_ID}/unacknowledge", {}, "dispatcher"),
    ("unshelve", f"/api/alarms/{SAMPLE_ID}/unshelve", {}, "commander"),
    ("level", f"/api/incidents/{SAMPLE_ID}/level", {"level": 1}, "commander"),
    ("note", f"/api/incidents/{SAMPLE_ID}/notes", {"text": "x"}, "dispatcher"),
    ("join", f"/api/incidents/{SAMPLE_ID}/join", {"into": SAMPLE_ID}, "dispatcher"),
    ("add an alarm", f"/api/incidents/{SAMPLE_ID}/alarms", {"alarm": SAMPLE_ID}, "dispatcher"),
    ("recall", f"/api/incidents/{SAMPLE_ID}/assignments/fire-01/recall", {}, "dispatcher"),
    ("assign", f"/api/incidents/{SAMPLE_ID}/assignments", {"unit": "fire-01"}, "dispatcher"),
    ("incident status", f"/api/incidents/{SAMPLE_ID}/status", {"status": "closed", "version": 1}, "dispatcher"),
    ("unit status", "/api/units/nobody/status", {"status": "available"}, "dispatcher"),
    ("incident from an alarm", "/api/incidents", {"alarm": SAMPLE_ID}, "dispatcher"),
]


@pytest.mark.parametrize(("what", "path", "body", "least"), ACTS, ids=[a[0] for a in ACTS])
def test_role_decides_who_may(what: str, path: str, body: dict[str, Any], least: str, served: System) -> None:
    for role in ROLES:
        with served.api(role) as client:
            answer = client.post(path, json=body)
        may = ROLES.index(role) >= ROLES.index(least)
        assert answer.status_code == (404 if may else 403), (role, answer.text)


def test_all_that_have_returned_are_acknowledged_by_who_may_acknowledge_one(served: System) -> None:
    for role in ROLES:
        with served.api(role) as client:
            answer = client.post("/api/alarms/acknowledge-returned")
        assert answer.status_code == (403 if role == "viewer" else 200), (role, answer.text)


def test_several_are_taken_back_by_who_may_acknowledge_one(served: System) -> None:
    for role in ROLES:
        with served.api(role) as client:
            answer = client.post("/api/alarms/unacknowledge", json={"ids": [SAMPLE_ID]})
        assert answer.status_code == (403 if role == "viewer" else 200), (role, answer.text)
        assert role == "viewer" or answer.json() == {"ids": []}


def test_viewer_reads_and_makes_no_incident(viewer: httpx.Client) -> None:
    assert viewer.get("/api/incidents").status_code == 200
    assert viewer.post("/api/incidents", json=INCIDENT).status_code == 403


# --- log-in -----------------------------------------------------------------------------------------------------------


def from_another_address(served: System) -> httpx.Client:
    """Each call is another address on this machine: log-ins are counted per address."""
    return httpx.Client(
        base_url=served.http,
        trust_env=False,
        timeout=PATIENCE_S,
        transport=httpx.HTTPTransport(local_address=next(addresses)),
    )


def log_in(client: httpx.Client, username: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return client.post("/api/token", json={"username": username, "password": password}, headers=headers)


@pytest.fixture
def account(db: Engine) -> str:
    name = f"person-{now().timestamp()}"
    with db.begin() as conn:
        add_account(conn, name, "Person", Role.VIEWER, PASSWORD, now())
    return name


def test_many_tries_from_one_address_are_held_up(served: System) -> None:
    with from_another_address(served) as client:
        reasons = [log_in(client, f"nobody-{i}", "x").json()["reason"] for i in range(22)]
    assert reasons == ["wrong_password"] * 20 + ["rate_limited"] * 2


def test_unknown_and_wrong_are_answered_alike(account: str, served: System) -> None:
    with from_another_address(served) as client:
        unknown, wrong = log_in(client, "nobody", "x"), log_in(client, account, "x")
    assert (unknown.status_code, unknown.json()) == (wrong.status_code, wrong.json())


def test_demo_account_works_on_this_machine_only(served: System, db: Engine) -> None:
    with db.begin() as conn:
        add_account(conn, "demo-viewer", "Demo", Role.VIEWER, PASSWORD, now(), demo=True)
    with from_another_address(served) as client:
        assert log_in(client, "demo-viewer").status_code == 200
        through_a_proxy = log_in(client, "demo-viewer", **{"X-Forwarded-For": "203.0.113.9"})
        assert (through_a_proxy.status_code, through_a_proxy.json()["reason"]) == (401, "demo_account")


def test_account_that_is_off_does_not_get_in_and_its_sessions_end(account: str, served: System, db: Engine) -> None:
    with db.begin() as conn:
        secret, _ = open_session(conn, account, "token", now(), 1)
        conn.execute(text("UPDATE account SET enabled = false WHERE username = :n"), {"n": account})
    with from_another_address(served) as client:
        assert log_in(client, account).status_code == 401
        assert client.get("/api/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_log_ins_are_written_down(account: str, served: System, db: Engine) -> None:
    with from_another_address(served) as client:
        log_in(client, account, "wrong")
        log_in(client, account)
    with db.connect() as conn:
        rows = conn.execute(text("SELECT what, result FROM audit WHERE who = :n ORDER BY id"), {"n": account}).all()
    assert [tuple(r) for r in rows] == [("login", "refused"), ("login", "ok")]
