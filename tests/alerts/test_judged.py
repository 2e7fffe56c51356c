"""What a rule judges now about the thing of an alarm: a reading, or the sum in its window, and where it is going."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from alerts.folding import fold_all
from alerts.judged import Trend, read_judged, trend
from alerts.loading import load_rules, load_things
from core.pgarray import to_pg_us
from ingest.arrived import Arrived
from ingest.records import Reading
from ingest.writer import Writer
from tests.alerts.helpers import alarms, change, find
from tests.support import now


def read(conn: Connection, sensor: str, metric: str, values: list[tuple[float, float]], at: datetime) -> None:
    """Readings as (minutes ago, value), as ingest writes them."""
    writer = Writer(1)
    for minutes, value in values:
        moment = to_pg_us(at - timedelta(minutes=minutes))
        record = Reading(sensor, metric, moment, value, "m", "good", None, None)
        writer.write(conn, [Arrived("t", b"", 1, 1, records=[record])], at)


def test_value_is_the_newest_reading_and_not_that_of_the_last_change(conn: Connection) -> None:
    at = now()
    change(conn, 1, at)
    [alarm] = alarms(conn)
    read(conn, alarm["thing_id"], "water_level", [(12, 5.0), (0.5, 6.25)], at)
    [judged] = read_judged(conn, at)
    assert (judged["id"], judged["value"], judged["trend"]) == (str(alarm["id"]), 6.25, "rising")
    assert datetime.fromisoformat(judged["time"]) == pytest.approx(
        at - timedelta(seconds=30), abs=timedelta(milliseconds=1)
    )
    assert judged["window_s"] is None


def test_only_those_named_or_heard_are_read(conn: Connection) -> None:
    at = now()
    change(conn, 1, at)
    [alarm] = alarms(conn)
    sensor = alarm["thing_id"]
    assert read_judged(conn, at, [str(alarm["id"])]) == [], "a silent sensor has no value of now"
    read(conn, sensor, "water_level", [(1, 5.0)], at)
    for named in (str(alarm["id"]), sensor):
        assert [j["value"] for j in read_judged(conn, at, [named])] == [5.0]
    assert [j["value"] for j in read_judged(conn, at, [], at - timedelta(seconds=1))] == [5.0]
    assert read_judged(conn, at, [], at + timedelta(seconds=1)) == []


def rain_alarm(conn: Connection, at: datetime, level: int) -> Any:
    rule = next(r for r in load_rules(conn) if r.id == "rain")
    thing = next(t for t in load_things(conn) if t.kind == "rain")
    finding = replace(find(conn, level, at), rule=rule, thing=thing, metric="rain", unit="mm", value=51.0)
    assert not fold_all(conn, [finding], at).failed
    return thing


def test_value_of_a_sum_is_the_sum_in_the_window_of_its_step(conn: Connection) -> None:
    at = now()
    thing = rain_alarm(conn, at, 2)
    # three hours at level II: what fell before them does not count
    read(conn, thing.id, "rain", [(200, 30.0), (170, 20.0), (30, 10.0), (5, 4.0)], at)
    [judged] = read_judged(conn, at)
    assert (judged["value"], judged["window_s"], judged["trend"]) == (pytest.approx(34.0), 10800, "rising")


@pytest.mark.parametrize(
    ("value", "before", "hysteresis", "wanted"),
    [
        (2.0, None, 0.1, None),
        (2.0, 2.04, 0.1, "steady"),
        (2.0, 2.06, 0.1, "falling"),
        (100.0, 99.5, 0.0, "steady"),
        (100.0, 98.0, 0.0, "rising"),
    ],
)
def test_what_moves_less_than_the_rule_forgives_is_steady(
    value: float, before: float | None, hysteresis: float, wanted: Trend | None
) -> None:
    assert trend(value, before, hysteresis) == wanted


def test_alarm_whose_rule_is_gone_has_no_value_and_stops_no_other(conn: Connection) -> None:
    at = now()
    thing = rain_alarm(conn, at, 2)
    change(conn, 1, at)
    read(conn, thing.id, "rain", [(5, 4.0)], at)
    conn.execute(text("UPDATE rule SET enabled = false WHERE id = 'water-stage'"))
    assert [j["value"] for j in read_judged(conn, at)] == [4.0]
