"""Who logs in, fails, changes a password and ends sessions of one account at the same time waits for nobody in a
circle: one order of locks (docs/decisions/0016)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
from tests.support import PASSWORD, PATIENCE_S, Administer, System, now, wait_for

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


# each write loses a race the first time, as PostgreSQL tells it, and no act has more than three: of sequences nothing
# is rolled back. Several share one: then the first loses.
BUCKETS = 64
RACES = """
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was jsonb := to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END);
  what text := TG_TABLE_NAME || TG_OP || COALESCE(was->>'username', was->>'id');
BEGIN
  IF TG_OP = 'INSERT' THEN what := what || COALESCE(was->>'name', ''); END IF;
  IF nextval('race_' || abs(hashtext(what)) % {buckets}) = 1 THEN
    RAISE EXCEPTION 'on purpose' USING ERRCODE = '{state}';
  END IF;
  RETURN NULL;
END $$;
"""
RACING = {"session": "username", "account": "username", "role": "id"}


@contextmanager
def losing(administer: Administer, db: Engine, state: str) -> Iterator[None]:
    """Whoever writes accounts, roles or sessions of our racers loses once."""
    numbers = range(BUCKETS)
    with administer(db) as conn:
        for n in numbers:
            conn.execute(text(f"CREATE SEQUENCE race_{n}"))
            conn.execute(text(f"GRANT USAGE ON SEQUENCE race_{n} TO PUBLIC"))
        conn.execute(text(RACES.format(state=state, buckets=BUCKETS).replace(":=", "\\:=")))
        for table, key in RACING.items():
            for op, row in (("INSERT OR UPDATE", "NEW"), ("DELETE", "OLD")):
                conn.execute(
                    text(
                        f"CREATE TRIGGER lose_{row.lower()} AFTER {op} ON {table} FOR EACH ROW "
                        f"WHEN ({row}.{key} LIKE 'rac%') EXECUTE FUNCTION lose()"
                    )
                )
    try:
        yield
    finally:
        with administer(db) as conn:
            for table in RACING:
                for row in ("new", "old"):
                    conn.execute(text(f"DROP TRIGGER lose_{row} ON {table}"))
            conn.execute(text("DROP FUNCTION lose()"))
            for n in numbers:
                conn.execute(text(f"DROP SEQUENCE race_{n}"))


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_who_loses_a_race_over_an_account_is_answered_as_if_they_had_not(
    state: str, served: System, db: Engine, administer: Administer
) -> None:
    """Eight at once, each of whose writes loses first."""
    name = f"racer-{state.lower()}"
    with db.begin() as conn:
        add_account(conn, name, "Racer", Role.VIEWER, PASSWORD, now())
        # one that is ended by each of eight hands, and one each of which opens the door
        made = [sessions.make_token(conn, person(), name, TokenIn(name=f"t-{n}"), now())["token"] for n in range(16)]
        mine = {
            row.name: row.id
            for row in conn.execute(text("SELECT id, name FROM session WHERE username = :n"), {"n": name})
        }

    lost = served.log("serve").count('"lost_race"')

    def acts(n: int, own: httpx.Client, admin: httpx.Client) -> list[httpx.Response]:
        role = {"id": f"racing_{state.lower()}_{n}", "name_zh": "x", "name_en": "x", "permissions": []}
        at, of = f"/api/people/{name}", f"/api/roles/{role['id']}"
        token = admin.post(f"{at}/tokens", json={"name": f"given-{n}"})
        held = {one["name"]: one["id"] for one in admin.get(f"{at}/sessions").json()["items"]}
        return [
            own.patch("/api/me", json={"lang": "en"}),
            own.post("/api/me/tokens", json={"name": f"own-{n}"}),
            own.delete(f"/api/me/sessions/{mine[f't-{n + 8}']}"),
            token,
            admin.delete(f"{at}/sessions/{held[f'given-{n}']}"),
            admin.post("/api/roles", json=role),
            admin.patch(of, json={**{k: role[k] for k in ("name_zh", "permissions")}, "name_en": "y", "version": 1}),
            admin.delete(of),
        ]

    def work(n: int) -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {made[n]}"}
        with (
            served.api("admin") as admin,
            httpx.Client(base_url=served.http, headers=headers, trust_env=False, timeout=PATIENCE_S) as own,
        ):
            return acts(n, own, admin)

    with served.api("admin") as admin, losing(administer, db, state), ThreadPoolExecutor(8) as hands:
        answers = [answer for each in hands.map(work, range(8)) for answer in each]
        body = {**{key: admin.get(f"/api/people/{name}").json()[key] for key in ("name", "role", "version")}}
        answers += [
            admin.patch(f"/api/people/{name}", json={**body, "enabled": True}),
            admin.post(f"/api/people/{name}/password", json={}),
            admin.post(f"/api/people/{name}/end-sessions"),
        ]
    assert [answer.text for answer in answers if answer.status_code >= 300] == []
    assert served.log("serve").count('"lost_race"') - lost > 20
    # each was done once
    told = "SELECT what, count(*) AS n FROM audit WHERE data->>'username' = %s OR data->>'id' LIKE %s GROUP BY what"
    counted = {row["what"]: row["n"] for row in served.rows(told, name, f"racing_{state.lower()}%")}
    assert counted == {
        "token.make": 32, "session.end": 16, "role.add": 8, "role.change": 8, "role.remove": 8,
        "person.change": 1, "person.password": 1, "person.end_sessions": 1,
    }  # fmt: skip
