"""Logging in under attack: answers tell nobody who exists, strangers lock nobody out, hashing stops nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx
import pytest
from sqlalchemy import Connection, Engine, QueuePool, text

from app import passwords
from app.accounts import Policy, add_account
from app.auth import ATTEMPTS, Attempts, Sessions, policy_of
from app.deps import Parts
from app.failures import (
    FIRST_WAIT_S,
    KNOWN_AT_MOST,
    STRANGERS,
    must_wait,
    note_failure,
    note_success,
    place_of,
    tidy,
    wait_s,
)
from app.login import Try
from app.login import log_in as enter
from app.passwords import Hashing
from core.db import make_engine
from core.errors import Unauthenticated, Unavailable
from core.pictures import Pictures
from core.settings import Settings
from core.viewer import Role
from tests.support import PASSWORD, PATIENCE_S, System, now

NOW = now()
POLICY = Policy(failures=5, lock_s=300, hours=12, idle_minutes=0)
HOME, STRANGER = "198.51.100.7", "203.0.113.{}"
addresses = (f"127.1.{n // 200}.{n % 200 + 1}" for n in count())


def client_at(served: System, address: str) -> httpx.Client:
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S, transport=transport)


def log_in(client: httpx.Client, username: str, password: str = PASSWORD) -> httpx.Response:
    return client.post("/api/token", json={"username": username, "password": password})


@pytest.fixture
def account(db: Engine) -> str:
    name = f"guarded-{now().timestamp()}"
    with db.begin() as conn:
        add_account(conn, name, "Somebody", Role.ADMIN, PASSWORD, now())
    return name


# --- waiting ----------------------------------------------------------------------------------------------------------


def fail(conn: Connection, username: str, address: str, times: int, at: datetime = NOW) -> None:
    for _ in range(times):
        note_failure(conn, username, address, at)


def test_wait_doubles_from_the_fifth_failure_to_its_bound() -> None:
    waits = [wait_s(n, POLICY) for n in range(15)]
    assert waits[:8] == [0, 0, 0, 0, 0, FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]
    assert waits[-1] == wait_s(10**6, POLICY) == POLICY.lock_s


def test_address_that_failed_waits_and_another_does_not(conn: Connection) -> None:
    fail(conn, "viewer", STRANGER.format(1), 5)
    assert must_wait(conn, "viewer", STRANGER.format(1), POLICY, NOW)
    assert not must_wait(conn, "viewer", STRANGER.format(1), POLICY, NOW + timedelta(seconds=FIRST_WAIT_S))
    assert not must_wait(conn, "viewer", STRANGER.format(2), POLICY, NOW)
    assert not must_wait(conn, "dispatcher", STRANGER.format(1), POLICY, NOW)


def test_many_strangers_make_strangers_wait_and_nobody_at_a_known_address(conn: Connection) -> None:
    note_success(conn, "viewer", HOME, NOW - timedelta(days=30))
    for one in range(STRANGERS):
        assert not must_wait(conn, "viewer", STRANGER.format(200), POLICY, NOW)
        fail(conn, "viewer", STRANGER.format(one), 5)
    assert must_wait(conn, "viewer", STRANGER.format(200), POLICY, NOW)
    assert not must_wait(conn, "viewer", HOME, POLICY, NOW)
    fail(conn, "viewer", HOME, 5)
    assert must_wait(conn, "viewer", HOME, POLICY, NOW), "its own failures count at a known address too"


def test_what_failed_long_ago_is_forgotten(conn: Connection) -> None:
    fail(conn, "viewer", HOME, 9, NOW - timedelta(hours=2))
    fail(conn, "viewer", HOME, 1)
    assert conn.scalar(text("SELECT failures FROM login_failure WHERE username = 'viewer'")) == 1


def test_address_of_ipv6_is_the_network_of_a_subscriber() -> None:
    assert place_of("2001:db8:1:2:3:4:5:6") == place_of("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert place_of("::ffff:192.0.2.1") == place_of("192.0.2.1") == "192.0.2.1"
    assert len(place_of("x" * 500)) == 64


def test_tables_are_bounded_and_made_up_names_go_first(conn: Connection) -> None:
    fail(conn, "viewer", HOME, 5, NOW - timedelta(minutes=5))
    for n in range(30):
        note_failure(conn, f"nobody-{n}", HOME, NOW)
    tidy(conn, NOW, most=10)
    assert conn.scalar(text("SELECT count(*) FROM login_failure")) == 10
    assert conn.scalar(text("SELECT failures FROM login_failure WHERE username = 'viewer'")) == 5
    for n in range(2 * KNOWN_AT_MOST):
        note_success(conn, "viewer", STRANGER.format(n), NOW + timedelta(seconds=n))
    assert conn.scalar(text("SELECT count(*) FROM login_address WHERE username = 'viewer'")) == KNOWN_AT_MOST


def test_attempts_remember_a_bounded_number_of_addresses() -> None:
    attempts = Attempts(held=100)
    for n in range(1000):
        assert attempts.count(f"a{n}") == 1
    assert len(attempts._tried) == 100
    assert [attempts.count("a999") for _ in range(ATTEMPTS + 5)][-1] > ATTEMPTS


def hold(db: Engine, username: str) -> None:
    """The wait of whoever has failed goes on for minutes: the first ones may be over before a slow machine tries."""
    with db.begin() as conn:
        held = text("UPDATE login_failure SET failures = failures + 20, last_at = :now WHERE username = :name")
        assert conn.execute(held, {"now": now(), "name": username}).rowcount


# --- what is told -----------------------------------------------------------------------------------------------------


def test_unknown_disabled_wrong_and_waiting_are_answered_alike(account: str, served: System, db: Engine) -> None:
    with db.begin() as conn:
        add_account(conn, f"{account}-off", "Somebody", Role.VIEWER, PASSWORD, now())
        conn.execute(text("UPDATE account SET enabled = false WHERE username = :n"), {"n": f"{account}-off"})
    tries = {
        "unknown": ("nobody-at-all", PASSWORD),
        "a long one": ("x" * 150, PASSWORD),
        "disabled": (f"{account}-off", PASSWORD),
        "wrong": (account, "wrong"),
    }
    told = {}
    for what, (username, password) in tries.items():
        with client_at(served, next(addresses)) as client:
            told[what] = log_in(client, username, password)
    with client_at(served, next(addresses)) as client:
        told["wrong for the fifth time"] = [log_in(client, account, "wrong") for _ in range(5)][-1]
        hold(db, account)
        told["waiting"] = log_in(client, account, "wrong")
        told["waiting with the right one"] = log_in(client, account)
    answers = {(a.status_code, a.text, tuple(sorted(k for k in a.headers))) for a in told.values()}
    assert len(answers) == 1, {what: (a.status_code, a.text) for what, a in told.items()}
    pages = set()
    for username, password in (*tries.values(), ("a\x00b", PASSWORD)):
        with client_at(served, next(addresses)) as client:
            form = {"username": username, "password": password}
            page = client.post("/login", data=form, headers={"Origin": served.http})
            pages.add((page.status_code, page.text))
    assert len(pages) == 1


def test_stranger_locks_nobody_out(account: str, served: System, db: Engine) -> None:
    """The administrator is where they were before; a stranger fails as often as they are let."""
    with client_at(served, next(addresses)) as home, client_at(served, next(addresses)) as stranger:
        assert log_in(home, account).status_code == 200
        for _ in range(12):
            assert log_in(stranger, account, "wrong").status_code == 401
        hold(db, account)
        assert log_in(stranger, account).status_code == 401
        assert log_in(home, account).status_code == 200
    with db.connect() as conn:
        row = conn.execute(text("SELECT failures FROM login_failure WHERE username = :n"), {"n": account}).one()
    # what is tried while waiting is not verified and does not count; a slow machine may get beyond the first wait
    assert row.failures >= 5


def test_flood_from_one_address_is_audited_once(served: System, db: Engine) -> None:
    name = f"flooded-{now().timestamp()}"
    with client_at(served, next(addresses)) as client:
        answers = [log_in(client, name, "x") for _ in range(ATTEMPTS + 10)]
    assert {a.status_code for a in answers[ATTEMPTS:]} == {429}
    assert answers[-1].headers["retry-after"] == "60"
    with db.connect() as conn:
        query = text("SELECT count(*) FROM audit WHERE who = :n AND data->>'reason' = 'rate_limited'")
        assert conn.scalar(query, {"n": name}) == 1


# --- many at once -----------------------------------------------------------------------------------------------------


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hashing takes until the event is set."""
    gate = threading.Event()
    monkeypatch.setattr(passwords, "verify", lambda hashed, password: gate.wait(PATIENCE_S))
    yield gate
    gate.set()


def test_hashes_are_made_few_at_once_and_who_comes_too_much_is_told_so(held: threading.Event) -> None:
    hashing = Hashing(at_once=2, waiting=3)
    done: list[bool] = []

    async def one() -> None:
        done.append(await hashing.verify("x", "y"))

    async def many() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(one)
            while hashing._limiter.statistics().tasks_waiting < 3:
                await anyio.lowlevel.checkpoint()
            with pytest.raises(Unavailable) as caught:
                await one()
            assert (caught.value.reason, caught.value.retry_s) == ("busy", 5)
            # all threads of the others are free
            assert await anyio.to_thread.run_sync(lambda: len(done)) == 0
            held.set()

    anyio.run(many)
    assert done == [True] * 5


def test_password_is_hashed_in_the_same_queue() -> None:
    hashed = anyio.run(Hashing().hash, PASSWORD)
    assert passwords.verify(hashed, PASSWORD)
    assert not passwords.verify(hashed, PASSWORD + "x")
    assert not passwords.verify(None, PASSWORD)
    assert not passwords.verify("no hash", PASSWORD)


def test_no_connection_is_held_while_hashing(app_settings: Settings, tmp_path: Path) -> None:
    held: list[int] = []

    class Watched(Hashing):
        async def verify(self, hashed: str | None, password: str) -> bool:
            pool = parts.engine.pool
            assert isinstance(pool, QueuePool)
            held.append(pool.checkedout())
            return await super().verify(hashed, password)

    engine = make_engine(app_settings, pool_size=1)
    sessions = Sessions(engine, policy_of(app_settings))
    pictures = Pictures(app_settings.pictures_url, tmp_path)
    parts = Parts(app_settings, engine, sessions, Attempts(), pictures, now(), hashing=Watched())
    entry = anyio.run(enter, parts, Try("viewer", PASSWORD, "192.0.2.1", False, "token"))
    assert entry.expires > now()
    with pytest.raises(Unauthenticated):
        anyio.run(enter, parts, Try("nobody", PASSWORD, "192.0.2.1", False, "token"))
    assert held == [0, 0]
    engine.dispose()


def test_sixty_log_ins_do_not_stop_the_page(account: str, served: System) -> None:
    """Others are answered while log-ins are still under way; every log-in is answered, or told to come again."""
    finished: list[int] = []

    def one(address: str) -> httpx.Response:
        with client_at(served, address) as client:
            answer = log_in(client, account, "wrong")
            finished.append(answer.status_code)
            return answer

    with (
        served.api("viewer") as viewer,
        httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as visitor,
        ThreadPoolExecutor(60) as crowd,
    ):
        asked = [crowd.submit(one, next(addresses)) for _ in range(60)]
        wait_until(lambda: len(finished) >= 3)
        seen_before = len(finished)
        assert viewer.get("/api/alarms").status_code == 200
        assert visitor.get("/login").status_code == 200
        assert viewer.get("/api/units").status_code == 200
        assert len(finished) < 60, f"answered after all log-ins only ({seen_before} were done before)"
        answers = [one.result() for one in asked]
    assert {a.status_code for a in answers} <= {401, 503}
    busy = [a for a in answers if a.status_code == 503]
    assert all(a.json()["reason"] == "busy" and int(a.headers["retry-after"]) > 0 for a in busy)
    assert len(answers) - len(busy) >= 34, "two at work and 32 waiting"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
