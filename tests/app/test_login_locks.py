"""Who logs in, fails, changes a password and ends sessions of one account at the same time waits for nobody in a
circle: one order of locks (docs/decisions/0016)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Connection, Engine, text

from app.accounts import add_account, end_sessions, open_session, replace_password
from app.api.session import _log_out
from app.login import Try, _let_in, _refuse, _replace
from app.passwords import hash_password
from app.people import sessions
from app.people.sessions import TokenIn
from core.db import make_engine
from core.settings import Settings
from core.viewer import Role
from tests.dispatch.test_locks import deadlocks
from tests.people import person
from tests.support import PASSWORD, PATIENCE_S, System, now, wait_for

NAMES = ("lin", "wang")
HANDS, ACTS = 20, 30
ADDRESSES = [f"198.51.100.{n}" for n in range(6)]
HASH = hash_password("Another-Horse-8")


# failures of long ago, which whoever fails next forgets
AGE = text("""
UPDATE login_failure SET last_at = last_at - interval '2 hours'
WHERE (username, address) IN (SELECT username, address FROM login_failure WHERE username = 'nobody'
  ORDER BY address FOR UPDATE SKIP LOCKED)
""")


class Crowd:
    """Twenty at once, each with acts of their own, each act in a transaction without a second try."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.failed: list[str] = []
        self.done: Counter[str] = Counter()
        self.acts: list[Callable[[Connection, random.Random], object]] = [
            self.enter,
            self.enter,
            self.fail,
            self.fail,
            self.age,
            self.change,
            self.give,
            self.end,
            self.token,
            self.leave,
        ]

    def work(self, seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(ACTS):
            act = dice.choice(self.acts)
            try:
                with self.engine.begin() as conn:
                    act(conn, dice)
                self.done[act.__name__] += 1
            except Exception as exc:  # noqa: BLE001 - told at the end
                self.failed.append(f"{act.__name__}: {str(exc)[:300]}")

    def tried(self, dice: random.Random) -> Try:
        return Try(dice.choice(NAMES), PASSWORD, dice.choice(ADDRESSES), True, "browser")

    def enter(self, conn: Connection, dice: random.Random) -> None:
        _let_in(conn, self.tried(dice), 12)

    def fail(self, conn: Connection, dice: random.Random) -> None:
        given = self.tried(dice)
        _refuse(conn, replace(given, username=dice.choice((given.username, "nobody"))), False)

    def age(self, conn: Connection, _: random.Random) -> None:
        conn.execute(AGE)

    def change(self, conn: Connection, dice: random.Random) -> None:
        _replace(conn, replace(person(), username=dice.choice(NAMES)), HASH)

    def give(self, conn: Connection, dice: random.Random) -> None:
        replace_password(conn, dice.choice(NAMES), HASH, must_change=True)

    def end(self, conn: Connection, dice: random.Random) -> None:
        end_sessions(conn, dice.choice(NAMES))

    def token(self, conn: Connection, dice: random.Random) -> None:
        name = dice.choice(NAMES)
        # one that has ended: the next who logs in takes it away
        open_session(conn, name, "browser", now() - timedelta(days=2), 1)
        sessions.make_token(conn, person(), name, TokenIn(name="x"), now())

    def leave(self, conn: Connection, dice: random.Random) -> None:
        secret, _ = open_session(conn, dice.choice(NAMES), "browser", now(), 1)
        _log_out(conn, person(), secret)


@pytest.fixture
def wide(own_settings: Settings) -> Engine:
    engine = make_engine(own_settings, pool_size=HANDS, name="onemap test")
    with engine.begin() as conn:
        for name in NAMES:
            add_account(conn, name, name.title(), Role.VIEWER, PASSWORD, now())
    return engine


def test_twenty_at_once_never_wait_in_a_circle(wide: Engine) -> None:
    before = deadlocks(wide)
    crowd = Crowd(wide)
    with ThreadPoolExecutor(HANDS) as hands:
        list(hands.map(crowd.work, range(HANDS)))
    wide.dispose()
    assert crowd.failed == []
    assert set(crowd.done) == {act.__name__ for act in crowd.acts}
    wait_for(lambda: deadlocks(wide) == before, what="nobody waited in a circle")
    wide.dispose()


def test_twenty_requests_of_one_account_at_once_are_all_answered(served: System, db: Engine) -> None:
    name = f"busy-{now().timestamp()}"
    with db.begin() as conn:
        add_account(conn, name, "Busy", Role.VIEWER, PASSWORD, now())
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:

        def enter(n: int) -> httpx.Response:
            body = {"username": name, "password": PASSWORD}
            return client.post("/api/token", json=body, headers={"X-Forwarded-For": f"192.0.2.{n}"})

        tokens = [enter(n).json()["token"] for n in range(12)]

        def act(n: int) -> httpx.Response:
            headers = {"Authorization": f"Bearer {tokens[n % 12]}", "X-Forwarded-For": f"192.0.2.{n + 20}"}
            if n % 3 == 0:
                return enter(n + 20)
            if n % 3 == 1:
                words = {"old": PASSWORD, "new": f"Changed-Horse-{n}"}
                return client.post("/api/me/password", json=words, headers=headers)
            ours = client.get("/api/me/sessions", headers=headers)
            if ours.status_code != 200:
                return ours
            one = ours.json()["items"][n % len(ours.json()["items"])]["id"]
            return client.delete(f"/api/me/sessions/{one}", headers=headers)

        with ThreadPoolExecutor(20) as hands:
            answers = [answer.status_code for answer in hands.map(act, range(20))]
    assert all(status < 500 for status in answers), answers
    assert '"lost_race"' not in served.log("serve")
