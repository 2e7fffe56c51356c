"""An alarm that nothing judges any more is over, and says why."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from alerts import log
from alerts.orphans import end_orphans
from tests.alerts.helpers import SENSOR, alarms, change
from tests.support import now

WAYS = {
    "disarmed": "UPDATE rule SET enabled = false WHERE id = 'water-stage'",
    "retired": "UPDATE sensor SET status = 'retired' WHERE id = 'wl-spare'",
    "unwatched": """UPDATE rule SET watches = '{"sensors": ["another"]}' WHERE id = 'water-stage'""",
}


@pytest.mark.parametrize("why", WAYS)
def test_alarm_ends_with_a_reason(conn: Connection, why: str) -> None:
    alarm = change(conn, 2, now())
    assert alarm is not None
    assert end_orphans(conn, now()) == 0, "it is judged"
    conn.execute(text(WAYS[why]))
    assert end_orphans(conn, now()) == 1
    [held] = [one for one in alarms(conn) if one["thing_id"] == SENSOR]
    assert (held["state"], held["active"]) == ("returned_unacknowledged", False)
    words = log.read(conn, alarm)[-1]["text"]
    assert words["zh"].startswith("结束：")
    assert words["en"].startswith("Over: ")
    assert end_orphans(conn, now()) == 0
    queued = conn.scalars(text("SELECT what FROM outbox WHERE subject = :id ORDER BY id"), {"id": str(alarm)}).all()
    assert queued == ["raised", "returned"], "whoever was told of the start is told of the end"


def test_rule_that_cannot_be_used_ends_nothing(conn: Connection) -> None:
    """Its parameters are at fault, which is told elsewhere: nobody has said that the river is well."""
    change(conn, 2, now())
    conn.execute(text("UPDATE rule SET params = '{}' WHERE id = 'water-stage'"))
    assert end_orphans(conn, now()) == 0


def test_what_is_judged_stays(conn: Connection) -> None:
    change(conn, 2, now())
    assert end_orphans(conn, now()) == 0
    assert [one["active"] for one in alarms(conn)] == [True]
