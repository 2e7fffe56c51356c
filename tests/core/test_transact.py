"""What is done again where it lost a race, and what is told of an error of the database."""

from __future__ import annotations

import threading

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import OneMapError
from core.process import is_lost_race, known, transact
from core.process.transact import TRIES
from tests.support import PATIENCE_S, Administer


def fail(conn: Connection, state: str) -> None:
    conn.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{state}'; END $$"))


@pytest.mark.parametrize(
    ("state", "error", "reason"),
    [
        ("40P01", "Conflict", "lost_race"),
        ("40001", "Conflict", "lost_race"),
        ("55P03", "Conflict", "lost_race"),
        ("57014", "Unavailable", "database_busy"),
        ("53100", "Unavailable", "database_busy"),
        ("53300", "Unavailable", "database_busy"),
        ("57P01", "Unavailable", "database_away"),
        ("08006", "Unavailable", "database_away"),
        ("22012", "OneMapError", "database_error"),
        ("P0001", "OneMapError", "database_error"),
    ],
)
def test_what_is_told_of_an_error(state: str, error: str, reason: str, fresh_engine: Engine) -> None:
    with fresh_engine.connect() as conn, pytest.raises(DBAPIError) as caught:
        fail(conn, state)
    told = known(caught.value)
    assert (type(told).__name__, told.reason) == (error, reason)


def test_who_cannot_be_reached_or_has_no_connection_left_is_told_so() -> None:
    unreachable = OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused"))
    found: list[OneMapError] = [known(unreachable), known(PoolTimeout("QueuePool limit"))]
    assert [told.reason for told in found] == ["database_away", "database_busy"]


def test_two_in_a_circle_both_end_well(fresh_engine: Engine, administer: Administer) -> None:
    with administer(fresh_engine) as conn:
        conn.execute(text("CREATE TABLE place (id int PRIMARY KEY, n int)"))
        conn.execute(text("GRANT ALL ON place TO PUBLIC"))
        conn.execute(text("INSERT INTO place VALUES (1, 0), (2, 0)"))
    both = threading.Barrier(2)
    tries = []

    def work(first: int, second: int) -> None:
        begun = threading.Event()

        def add(conn: Connection) -> None:
            tries.append(first)
            conn.execute(text("UPDATE place SET n = n + 1 WHERE id = :id"), {"id": first})
            if not begun.is_set():
                begun.set()
                both.wait(PATIENCE_S)
            conn.execute(text("UPDATE place SET n = n + 1 WHERE id = :id"), {"id": second})

        transact(fresh_engine, add)

    hands = [threading.Thread(target=work, args=way) for way in ((1, 2), (2, 1))]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(PATIENCE_S)
    with fresh_engine.connect() as conn:
        assert list(conn.scalars(text("SELECT n FROM place"))) == [2, 2]
    assert len(tries) == 3


def test_a_race_that_is_lost_again_and_again_is_raised(fresh_engine: Engine) -> None:
    tries = []

    def lose(conn: Connection) -> None:
        tries.append(conn)
        fail(conn, "40001")

    with pytest.raises(DBAPIError) as caught:
        transact(fresh_engine, lose)
    assert is_lost_race(caught.value)
    assert len(tries) == TRIES


def test_what_is_no_race_is_tried_once(fresh_engine: Engine) -> None:
    tries = []

    def fall(conn: Connection) -> None:
        tries.append(conn)
        fail(conn, "22012")

    with pytest.raises(DBAPIError):
        transact(fresh_engine, fall)
    assert len(tries) == 1
