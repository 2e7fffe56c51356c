"""Rows that fail: tried again, put aside after a bound, shown, retried and dropped; the others go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from core import set_aside
from core.errors import NotFound

START = datetime(2026, 5, 4, 8, tzinfo=UTC)


def work(conn: Connection, names: list[str], bad: set[str], at_s: float = 0) -> list[str]:
    """Work through those names that are not resting; the ones that could be."""
    now = START + timedelta(seconds=at_s)
    query = text(f"SELECT n FROM unnest(CAST(:names AS text[])) AS n WHERE {set_aside.resting('test', 'n')} ORDER BY n")
    rows = conn.scalars(query, {"names": names, "now": now}).all()

    def one(name: str) -> str:
        conn.execute(text("SELECT 1 / CAST(:zero AS int)"), {"zero": 0 if name in bad else 1})
        return name

    return set_aside.each(conn, "test", rows, str, one, now).results


def asides(conn: Connection) -> list[tuple[str, str, int]]:
    return [(a["id"], a["state"], a["tries"]) for a in set_aside.read_asides(conn, None, 100) if a["what"] == "test"]


def test_row_that_fails_does_not_stop_the_others(conn: Connection) -> None:
    assert work(conn, ["a", "b", "c"], {"b"}) == ["a", "c"]
    [aside] = [a for a in set_aside.read_asides(conn, None, 10) if a["what"] == "test"]
    assert (aside["id"], aside["state"], aside["tries"]) == ("b", "waiting", 1)
    assert "division by zero" in aside["error"]


def savepoints(conn: Connection, names: list[str], bad: set[str]) -> int:
    said: list[str] = []

    def hear(_: Connection, name: str) -> None:
        said.append(name)

    event.listen(conn, "savepoint", hear)
    work(conn, names, bad)
    event.remove(conn, "savepoint", hear)
    return len(said)


def test_rows_that_do_well_share_a_savepoint(conn: Connection) -> None:
    assert savepoints(conn, ["a", "b", "c"], set()) == 1
    assert savepoints(conn, ["a", "b", "c"], {"b"}) == 1 + 3


def test_what_was_remembered_of_rows_that_go_again_is_taken_back(conn: Connection) -> None:
    seen: list[str] = []

    def one(name: str) -> int:
        seen.append(name)
        if name == "b":
            raise ValueError(name)
        return len(seen)

    done = set_aside.each(conn, "test", ["a", "b", "c"], str, one, START, afresh=seen.clear)
    assert (done.results, done.failed, seen) == ([1, 3], 1, ["a", "b", "c"])


def test_row_of_which_each_takes_long_is_worked_through_once(conn: Connection) -> None:
    seen: list[str] = []

    def one(name: str) -> None:
        seen.append(name)
        if name == "b":
            raise ValueError(name)

    set_aside.each(conn, "test", ["a", "b"], str, one, START, together=False)
    assert seen == ["a", "b"]


def test_it_is_tried_again_after_longer_and_longer_waits_and_then_put_aside(conn: Connection) -> None:
    work(conn, ["b"], {"b"})
    assert work(conn, ["b"], set(), 4.9) == [], "it rests"
    work(conn, ["b"], {"b"}, 5.1)
    assert asides(conn) == [("b", "waiting", 2)]
    work(conn, ["b"], {"b"}, 5.1 + 29)
    assert asides(conn) == [("b", "waiting", 2)]
    work(conn, ["b"], {"b"}, 5.1 + 31)
    assert asides(conn) == [("b", "aside", 3)]
    assert work(conn, ["b"], set(), 1e9) == [], "from now on a person decides"


def test_success_clears_it(conn: Connection) -> None:
    work(conn, ["b"], {"b"})
    assert work(conn, ["b"], set(), 10) == ["b"]
    assert asides(conn) == []


def test_person_lets_it_be_tried_once_more(conn: Connection) -> None:
    for at in (0, 10, 100):
        work(conn, ["b"], {"b"}, at)
    set_aside.retry(conn, "test", "b", "me", START + timedelta(seconds=200))
    assert [(a["state"], a["handled_by"]) for a in set_aside.read_asides(conn, None, 10) if a["what"] == "test"] == [
        ("waiting", "me")
    ]
    assert work(conn, ["b"], {"b"}, 201) == []
    assert asides(conn) == [("b", "aside", 4)]
    set_aside.retry(conn, "test", "b", "me", START + timedelta(seconds=300))
    assert work(conn, ["b"], set(), 301) == ["b"]


def test_dropped_is_never_tried_again_nor_shown(conn: Connection) -> None:
    work(conn, ["b"], {"b"})
    set_aside.drop(conn, "test", "b", "me", START)
    assert asides(conn) == []
    assert work(conn, ["b"], set(), 1e6) == []
    with pytest.raises(NotFound):
        set_aside.drop(conn, "test", "b", "me", START)


def test_database_that_is_away_is_nobodys_fault(conn: Connection) -> None:
    def lost(_: str) -> None:
        raise OperationalError("SELECT 1", {}, Exception("server closed the connection"))

    with pytest.raises(OperationalError):
        set_aside.each(conn, "test", ["a"], str, lost, START)
    assert asides(conn) == []


def test_error_with_signs_that_no_column_takes_is_kept_readable(conn: Connection) -> None:
    set_aside.note(conn, "test", "b", ValueError("bad \x00 name \x1b[31m"), START)
    [aside] = [a for a in set_aside.read_asides(conn, None, 10) if a["what"] == "test"]
    assert aside["error"] == "bad � name �[31m"


def test_list_goes_on_where_it_stopped(conn: Connection) -> None:
    for n in range(5):
        set_aside.note(conn, "test", f"r{n}", ValueError("x"), START)
    first = set_aside.read_asides(conn, ("test", ""), 2)
    second = set_aside.read_asides(conn, (first[-1]["what"], first[-1]["id"]), 100)
    assert [a["id"] for a in [*first, *second] if a["what"] == "test"] == [f"r{n}" for n in range(5)]
    assert {"what": "test", "waiting": 5, "aside": 0} in [
        {k: g[k] for k in ("what", "waiting", "aside")} for g in set_aside.count_asides(conn)
    ]
