"""What nobody acknowledges is passed on by the clock; what means nothing while another alarm burns is suppressed by
design."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from alerts import lifecycle, store
from alerts.escalation import escalate, follow_design
from tests.alerts.helpers import SENSOR, change
from tests.support import now

START = now() - timedelta(hours=1)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def escalated(conn: Connection) -> Any:
    query = text("SELECT escalated FROM alarm WHERE thing_id = :id ORDER BY id DESC LIMIT 1")
    return conn.scalar(query, {"id": SENSOR})


def told(conn: Connection) -> list[str]:
    return list(conn.scalars(text("SELECT note FROM alarm_event WHERE what = 'escalated' ORDER BY id")))


def acknowledge(conn: Connection, alarm_id: Any, seconds: float) -> None:
    alarm = store.lock_alarm(conn, alarm_id)
    transition = lifecycle.acknowledge(alarm.view)
    assert transition is not None
    store.change_by_hand(conn, alarm, transition, "me", None, at(seconds))


def test_level_one_is_passed_on_step_by_step_until_somebody_acknowledges(conn: Connection) -> None:
    alarm = change(conn, 1, at(0))
    assert escalate(conn, at(119)) == 0
    assert escalate(conn, at(120)) == 1
    assert (escalated(conn)["step"], escalated(conn)["to"]) == (1, "commander")
    assert escalate(conn, at(200)) == 0, "once"
    assert escalate(conn, at(300)) == 1
    assert told(conn) == ["commander", "admin"]
    acknowledge(conn, alarm, 310)
    assert escalated(conn) is None
    assert escalate(conn, at(4000)) == 0
    queued = conn.scalars(text("SELECT what FROM outbox WHERE subject = :id ORDER BY id"), {"id": str(alarm)}).all()
    assert queued.count("escalated") == 2


def test_worsening_begins_the_clock_anew(conn: Connection) -> None:
    alarm = change(conn, 3, at(0))
    acknowledge(conn, alarm, 10)
    change(conn, 1, at(1000))
    assert escalate(conn, at(1119)) == 0
    assert escalate(conn, at(1120)) == 1


def test_what_is_muted_or_chatters_is_not_passed_on(conn: Connection) -> None:
    alarm = change(conn, 1, at(0))
    conn.execute(text("UPDATE alarm SET chattering_since = now() WHERE id = :id"), {"id": alarm})
    assert escalate(conn, at(500)) == 0


def states(conn: Connection) -> dict[str, str]:
    query = text("SELECT rule_id, state FROM alarm WHERE state <> 'normal' AND thing_id = :id")
    rows = conn.execute(query, {"id": SENSOR})
    return {row.rule_id: row.state for row in rows}


def test_alarm_that_means_nothing_is_suppressed_while_its_design_says_so(conn: Connection) -> None:
    """A gauge that is stuck says nothing of the river; but level I is never hidden."""
    params = conn.scalar(text("SELECT params FROM rule WHERE id = 'water-stage'"))
    conn.execute(
        text("UPDATE rule SET params = CAST(:params AS jsonb) WHERE id = 'water-stage'"),
        {"params": json.dumps({**params, "suppressed_by": ["gauge-stuck"]})},
    )
    conn.execute(text("UPDATE rule SET enabled = true WHERE id = 'gauge-stuck'"))
    change(conn, 3, at(0))
    assert follow_design(conn, at(1)) == 0
    change(conn, 4, at(10), rule_id="gauge-stuck")
    assert follow_design(conn, at(11)) == 1
    assert states(conn)["water-stage"] == "suppressed_by_design"
    change(conn, 1, at(20))
    assert follow_design(conn, at(21)) == 1
    assert states(conn)["water-stage"] == "unacknowledged"
    change(conn, 2, at(30))
    follow_design(conn, at(31))
    change(conn, None, at(40), rule_id="gauge-stuck")
    follow_design(conn, at(41))
    assert states(conn)["water-stage"] == "unacknowledged"
    happened = conn.scalars(
        text(
            "SELECT e.what FROM alarm_event e JOIN alarm a ON a.id = e.alarm_id WHERE a.rule_id = 'water-stage' "
            "ORDER BY e.id"
        )
    ).all()
    assert [what for what in happened if what.endswith("suppressed")] == [
        *("suppressed", "unsuppressed", "suppressed", "unsuppressed")
    ]
