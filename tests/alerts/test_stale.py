"""Silence: who is called silent, when, and when a whole source is one alarm."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from alerts.rules.stale import Heard, StaleParams, find_silent, in_grace
from alerts.standing import Standing
from tests.alerts.helpers import alarms, write
from tests.support import now

NOW = now()
LONG_AGO = NOW - timedelta(days=1)
PARAMS = StaleParams()


def watch_silence(conn: Connection, at: datetime, started_at: datetime) -> None:
    Standing(started_at).judge(conn, at)


def heard(count: int, age_s: float, source: str = "rain", interval_s: float | None = 60, first: int = 0) -> list[Heard]:
    return [
        Heard(f"{source}-{i}", source, interval_s, NOW - timedelta(seconds=age_s)) for i in range(first, first + count)
    ]


CASES = [
    ("heard within five intervals", heard(1, 299), set(), set()),
    ("silent for five intervals and 300 s", heard(1, 300), {"rain-0"}, set()),
    ("a quick one is given 300 s all the same", heard(1, 200, interval_s=5), set(), set()),
    ("a slow one is given five of its intervals", heard(1, 2999, interval_s=600), set(), set()),
    ("a slow one silent for longer", heard(1, 3000, interval_s=600), {"rain-0"}, set()),
    ("without an interval a minute is taken", heard(1, 301, interval_s=None), {"rain-0"}, set()),
    ("four of five of a source: the source", heard(4, 400) + heard(1, 1, first=4), set(), {"rain"}),
    ("three of five: each for itself", heard(3, 400) + heard(2, 1, first=3), {"rain-0", "rain-1", "rain-2"}, set()),
    ("four of a source of four: too few for a source", heard(4, 400), {f"rain-{i}" for i in range(4)}, set()),
    ("one source's silence is not another's", heard(5, 400) + heard(2, 400, "gas"), {"gas-0", "gas-1"}, {"rain"}),
]  # fmt: skip


@pytest.mark.parametrize(("why", "all_heard", "things", "sources"), CASES, ids=[c[0] for c in CASES])
def test_who_is_silent(why: str, all_heard: list[Heard], things: set[str], sources: set[str]) -> None:
    silence = find_silent(all_heard, PARAMS, NOW)
    assert (set(silence.things), set(silence.sources)) == (things, sources)


def test_after_a_start_there_is_a_grace() -> None:
    assert in_grace(PARAMS, NOW, NOW - timedelta(seconds=119))
    assert not in_grace(PARAMS, NOW, NOW - timedelta(seconds=120))


def test_sensor_that_was_never_heard_is_not_silent(conn: Connection) -> None:
    watch_silence(conn, NOW, LONG_AGO)
    assert alarms(conn) == []


def test_silent_sensor_has_one_alarm_until_it_speaks_again(conn: Connection) -> None:
    write(conn, [(0, 1.0)], NOW - timedelta(hours=1))
    conn.execute(text("UPDATE sensor_state SET received_at = :then"), {"then": NOW - timedelta(hours=1)})
    watch_silence(conn, NOW, LONG_AGO)
    watch_silence(conn, NOW + timedelta(seconds=10), LONG_AGO)
    [alarm] = alarms(conn)
    assert (alarm["rule_id"], alarm["thing_id"], alarm["level"], alarm["value"]) == ("silent", "wl-spare", 4, 60)
    conn.execute(text("UPDATE sensor_state SET received_at = :then"), {"then": NOW})
    watch_silence(conn, NOW + timedelta(seconds=20), LONG_AGO)
    assert alarms(conn)[0]["active"] is False


def test_restart_neither_raises_nor_ends_silences(conn: Connection) -> None:
    write(conn, [(0, 1.0)], NOW - timedelta(hours=1))
    conn.execute(text("UPDATE sensor_state SET received_at = :then"), {"then": NOW - timedelta(hours=1)})
    watch_silence(conn, NOW, NOW - timedelta(seconds=5))
    assert alarms(conn) == []
    watch_silence(conn, NOW, LONG_AGO)
    watch_silence(conn, NOW + timedelta(seconds=60), NOW + timedelta(seconds=55))
    assert [a["active"] for a in alarms(conn)] == [True]


def test_silent_source_is_one_alarm_and_takes_in_those_of_its_members(conn: Connection) -> None:
    ids = list(conn.scalars(text("SELECT id FROM sensor WHERE kind = 'rain' ORDER BY id LIMIT 6")))
    assert len(ids) == 6
    for name in ids:
        write(conn, [(0, 1.0)], NOW - timedelta(hours=1), sensor=name, metric="rain")
    silent = text("UPDATE sensor_state SET received_at = :then WHERE sensor_id = ANY(:ids)")
    conn.execute(silent, {"then": NOW, "ids": ids})
    conn.execute(silent, {"then": NOW - timedelta(hours=1), "ids": ids[:2]})
    watch_silence(conn, NOW, LONG_AGO)
    assert {a["thing_id"] for a in alarms(conn) if a["active"]} == set(ids[:2])
    conn.execute(silent, {"then": NOW - timedelta(hours=1), "ids": ids})
    watch_silence(conn, NOW + timedelta(seconds=10), LONG_AGO)
    active = [a for a in alarms(conn) if a["active"]]
    assert [(a["thing_id"], a["level"]) for a in active] == [("rain", 3)]
