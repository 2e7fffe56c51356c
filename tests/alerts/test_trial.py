"""A rule tried on what was recorded finds what it finds live, and writes nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from alerts.engine import AlertEngine
from alerts.rules import administer
from alerts.rules.base import RuleRow
from alerts.trial import try_beside, try_rule
from core.clock import rfc3339
from core.errors import InputError
from ingest.writer import Writer
from tests.alerts.helpers import SENSOR, write
from tests.support import now

# a whole minute: delays mature on the minute in a trial
START = (now() - timedelta(hours=6)).replace(second=0, microsecond=0)
RED, CALM = 13.0, 5.0


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def record(
    conn: Connection, values: list[tuple[float, float]], sensor: str = SENSOR, metric: str = "water_level"
) -> None:
    write(conn, [(minutes * 60, value) for minutes, value in values], START, sensor, metric)


def tried(conn: Connection, rule: str | RuleRow, first: float = -30, last: float = 300) -> Any:
    row = administer.stored_row(conn, rule) if isinstance(rule, str) else rule
    return try_rule(conn, row, at(first), at(last))


def said(result: Any, sensor: str = SENSOR) -> list[tuple[int, str, str | None]]:
    return [(a["level"], a["start"], a["end"]) for a in result["alarms"] if a["thing"] == sensor]


WAVES = [(0, CALM), (10, RED), (11, CALM), (14, RED), (20, CALM), (21, CALM), (22, CALM), (60, RED), (61, RED)]


def test_trial_finds_what_the_engine_finds(fresh_engine: Engine) -> None:
    """The same readings minute by minute live, and on trial: alarms begin and end at the same readings."""
    engine, writer = AlertEngine(fresh_engine, 1), Writer(1)
    engine.own([0])
    values = dict(WAVES)
    for minute in range(70):
        if minute in values:
            with fresh_engine.begin() as conn:
                write(conn, [(minute * 60, values[minute])], START, writer=writer)
            engine.judge(at(minute))
        engine.tick(at(minute + 0.9))
    with fresh_engine.begin() as conn:
        found = said(tried(conn, "water-stage", -30, 70))
        rows = conn.execute(
            text(
                "SELECT e.what, e.observed_at FROM alarm_event e JOIN alarm a ON a.id = e.alarm_id "
                "WHERE a.rule_id = 'water-stage' ORDER BY e.id"
            )
        ).all()
    begins = [rfc3339(row.observed_at) for row in rows if row.what.startswith("raised")]
    ends = [rfc3339(row.observed_at) for row in rows if row.what == "returned"]
    assert [start for _, start, _ in found] == begins
    assert [end for *_, end in found] == [*ends, None]
    assert len(found) == 3


def test_delays_mature_on_the_clock_between_readings(conn: Connection) -> None:
    """Off-delay of a minute: the alarm of minute 14 ends at 21, though a reading comes later."""
    record(conn, [(0, CALM), (14, RED), (20, CALM), (50, CALM)])
    [(_, start, end)] = said(tried(conn, "water-stage"))
    assert (start, end) == (rfc3339(at(14)), rfc3339(at(20)))


def test_windows_and_what_holds_at_the_beginning_are_known(conn: Connection) -> None:
    rain = conn.scalar(text("SELECT id FROM sensor WHERE kind = 'rain' ORDER BY id LIMIT 1"))
    record(conn, [(float(m), 1.0) for m in range(-30, 30)], rain, "rain")
    [(level, start, _)] = said(tried(conn, "rain", 0, 60), rain)
    assert (level, start) == (2, rfc3339(at(19))), "50 mm in 3 h: the window had begun before the period"
    record(conn, [(float(m), RED) for m in range(-20, 10)])
    assert said(tried(conn, "water-stage", 0, 60)) == [], "it held when the period began"


def test_load_counts_what_would_have_been_told(conn: Connection) -> None:
    record(conn, [(m / 2, RED if m % 8 < 4 else CALM) for m in range(240)])
    load = tried(conn, "water-stage")["load"]
    assert load["raw"]["count"] == 30
    assert load["raw"]["max"] == 3
    assert load["levels"] == {"1": 30, "2": 0, "3": 0, "4": 0}
    assert [(one["thing"], one["count"], one["share"]) for one in load["top"]] == [(SENSOR, 30, 1.0)]
    assert [one["thing"] for one in load["chattering"]] == [SENSOR]


def test_two_settings_side_by_side(conn: Connection) -> None:
    record(conn, WAVES)
    row = administer.stored_row(conn, "water-stage")
    slow = administer.row_of(
        administer.read_given(
            {
                "id": "slow",
                "kind": "threshold",
                "alarm_kind": "water_stage",
                "name_zh": "慢",
                "name_en": "slow",
                "watches": {"sensors": [SENSOR]},
                "params": {"metric": "water_level", "steps": [{"level": 1, "on": 12, "on_delay_s": 240}]},
            }
        )
    )
    both = try_beside(conn, row, at(-30), at(300), slow)
    assert both["against"] is not None
    assert (len(said(both)), len(said(both["against"]))) == (3, 2)


def test_hits_and_misses_against_incidents(conn: Connection) -> None:
    record(conn, WAVES)
    place = conn.execute(
        text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM sensor WHERE id = :id"), {"id": SENSOR}
    ).one()
    for number, minutes, away, kind in (
        ("hit", 30.0, 0.001, "river_flood"),
        ("too far", 30.0, 0.2, "river_flood"),
        ("too late", 250.0, 0.0, "river_flood"),
        ("of another kind", 30.0, 0.0, "fire"),
    ):
        conn.execute(
            text(
                """
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, opened_at, changed_at, opened_by,
  version, geom)
VALUES (gen_random_uuid(), :number, :kind, 3, 'closed', '{"zh": "x", "en": "x"}', 'desk', '329906', :time, :time,
  'test', 1, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
"""
            ),
            {"number": number, "kind": kind, "time": at(minutes), "lon": place.lon + away, "lat": place.lat},
        )
    # the last wave ends before the late one is reported
    record(conn, [(62, CALM), (70, CALM)])
    result = tried(conn, "water-stage")
    assert [one["number"] for one in result["hits"]] == ["hit"]
    assert result["hits"][0]["lead_s"] == 20 * 60
    assert [one["number"] for one in result["misses"]] == ["too far", "too late"]
    assert result["incident_kind"] == "river_flood"


def test_rules_about_what_stands_are_tried_too(conn: Connection) -> None:
    conn.execute(
        text(
            "INSERT INTO camera (id, name_zh, name_en, district, geom) "
            "VALUES ('cam-t', '机', 'Camera', '329906', ST_SetSRID(ST_MakePoint(119, 33), 4326))"
        )
    )
    for minute in (30.0, 31.0, 200.0):
        conn.execute(
            text(
                "INSERT INTO video_event (camera_id, event_id, time, kind, score, received_at) "
                "VALUES ('cam-t', :id, :time, 'smoke', 0.9, :time)"
            ),
            {"id": str(minute), "time": at(minute)},
        )
    result = tried(conn, "video-fire", 0, 240)
    [(level, start, end)] = said(result, "cam-t")
    assert (level, end is not None) == (1, True)
    assert at(31) <= datetime.fromisoformat(start) <= at(31) + timedelta(seconds=result["step_s"])


def test_silence_is_tried_on_when_readings_came(conn: Connection) -> None:
    conn.execute(text("UPDATE sensor SET interval_s = 60 WHERE id = :id"), {"id": SENSOR})
    record(conn, [(float(m), CALM) for m in (*range(30), *range(60, 90))])
    rule = administer.stored_row(conn, "silent")
    rule = RuleRow(rule.id, rule.kind, rule.alarm_kind, rule.names, {"sensors": [SENSOR]}, rule.params)
    result = try_rule(conn, rule, at(0), at(90))
    [(_, start, end)] = said(result)
    assert (start, end) == (rfc3339(at(34)), rfc3339(at(60)))


def test_trial_writes_nothing(fresh_engine: Engine) -> None:
    with fresh_engine.begin() as conn:
        record(conn, WAVES)
    tables = ("alarm", "alarm_event", "rule_state", "rule_memory", "outbox", "delivery", "risk_event", "audit")
    with fresh_engine.begin() as conn:
        before = {name: conn.scalar(text(f"SELECT count(*) FROM {name}")) for name in tables}
    with fresh_engine.begin() as conn:
        conn.execute(text("SET TRANSACTION READ ONLY"))
        for rule in conn.scalars(text("SELECT id FROM rule ORDER BY id")).all():
            json.dumps(tried(conn, rule))
    with fresh_engine.begin() as conn:
        assert {name: conn.scalar(text(f"SELECT count(*) FROM {name}")) for name in tables} == before


@pytest.mark.parametrize(("first", "last", "words"), [(10, 10, "after from"), (0, 200_000, "at most 92 days")])
def test_period_that_cannot_be_tried(conn: Connection, first: float, last: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        tried(conn, "water-stage", first, last)
