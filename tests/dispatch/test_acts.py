"""What a phone sends and we cannot do: an outcome of that act, and of no other."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from core.clock import rfc3339
from dispatch import acts
from tests.support import now


def message() -> acts.ActIn:
    return acts.read_act({"id": str(uuid4()), "at": rfc3339(now()), "kind": "message", "text": "在"})


def failing(monkeypatch: pytest.MonkeyPatch, exc: Exception) -> None:
    def fail(*_: object) -> None:
        raise exc

    monkeypatch.setattr(acts, "_TAKE", {**acts._TAKE, acts.MessageIn: fail})


def test_fault_of_ours_is_told_kept_and_answered_the_same(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, RuntimeError("broken"))
    one = message()
    outcome = acts.take_act(conn, one, "fire-01", "phone", now(), now())
    assert (outcome["state"], outcome["reason"]) == ("refused", "act_failed")
    assert acts.take_act(conn, one, "fire-01", "phone", now(), now()) == outcome
    assert conn.scalar(text("SELECT body->>'text' FROM field_act WHERE id = :id"), {"id": one.id}) == "在"


def test_database_that_is_away_is_no_outcome(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, OperationalError("SELECT 1", {}, Exception("server closed the connection")))
    with pytest.raises(OperationalError):
        acts.take_act(conn, message(), "fire-01", "phone", now(), now())
