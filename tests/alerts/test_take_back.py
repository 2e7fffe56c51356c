"""Acknowledgements of one act, taken back by one act."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from alerts import store
from alerts.store import acknowledge_returned, unacknowledge_several
from core.errors import Conflict
from core.scope import EVERYTHING
from tests.alerts.helpers import change
from tests.support import now


@pytest.fixture
def returned(conn: Connection) -> list[UUID]:
    """Two alarms that are over by themselves: the helper's, and a copy of it at another gauge."""
    moment = now()
    first = change(conn, 2, moment)
    assert first is not None
    assert change(conn, None, moment + timedelta(seconds=1)) == first
    second = conn.scalar(
        text(
            """
INSERT INTO alarm (id, rule_id, kind, thing_type, thing_id, names, level, peak_level, state, active, raised_at,
  changed_at, observed_at, message, district, geom, version)
SELECT gen_random_uuid(), rule_id, kind, thing_type, 'wl-001', names, level, peak_level, state, active, raised_at,
  changed_at, observed_at, message, district, geom, version FROM alarm WHERE id = :id RETURNING id
"""
        ),
        {"id": first},
    )
    return [first, second]


def states(conn: Connection, ids: list[UUID]) -> set[str]:
    return {store.lock_alarm(conn, one).view.state.value for one in ids}


def later() -> datetime:
    return now() + timedelta(seconds=2)


def test_what_one_act_acknowledged_waits_again(conn: Connection, returned: list[UUID]) -> None:
    moment = later()
    ids = acknowledge_returned(conn, EVERYTHING, "me", moment)
    assert set(returned) <= set(ids)
    assert states(conn, returned) == {"normal"}
    back = unacknowledge_several(conn, ids, EVERYTHING, "me", moment + timedelta(seconds=5))
    assert set(back) == set(ids)
    assert states(conn, returned) == {"returned_unacknowledged"}
    assert unacknowledge_several(conn, ids, EVERYTHING, "me", moment + timedelta(seconds=6)) == [], "a repeat is none"


def test_nobody_takes_back_what_another_did_nor_what_is_long_done(conn: Connection, returned: list[UUID]) -> None:
    moment = later()
    acknowledge_returned(conn, EVERYTHING, "me", moment)
    for who, seconds, reason in (("you", 5, "undo_other"), ("me", 60, "undo_late")):
        with pytest.raises(Conflict) as refused:
            unacknowledge_several(conn, returned, EVERYTHING, who, moment + timedelta(seconds=seconds))
        assert refused.value.reason == reason
    assert states(conn, returned) == {"normal"}


def test_what_has_come_again_meanwhile_keeps_no_other_back(conn: Connection, returned: list[UUID]) -> None:
    moment = later()
    acknowledge_returned(conn, EVERYTHING, "me", moment)
    again = change(conn, 1, moment + timedelta(seconds=1))
    assert again not in returned
    back = unacknowledge_several(conn, returned, EVERYTHING, "me", moment + timedelta(seconds=5))
    assert back == [returned[1]]
