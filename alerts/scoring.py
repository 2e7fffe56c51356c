"""Giving alarms and incidents their risk, when they change and as the clock goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import h3
from sqlalchemy import Connection, text

from alerts import risk
from alerts.risk import Coping, Hazard, Risk
from core import set_aside
from core.db import notify_change
from core.exposure import city_zone
from core.types import LonLat
from core.vocabulary import ENDED_INCIDENT, needs_of, reach_of, sql_list, table

SCORED_AT_ONCE = 50
# so many alarms, and so many incidents, follow the clock; in a flood the gravest
CLOCKED_AT_ONCE = 2000

UNSCORED_ALARMS = text(f"""
SELECT id, kind, level, observed_at, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM alarm
WHERE state <> 'normal' AND risk IS NULL AND geom IS NOT NULL AND {set_aside.resting("score_alarm", "alarm.id::text")}
ORDER BY level, raised_at LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
""")
UNSCORED_INCIDENTS = text(f"""
SELECT id, kind, level, opened_at, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM incident
WHERE status NOT IN {sql_list(ENDED_INCIDENT)} AND risk IS NULL AND geom IS NOT NULL
  AND {set_aside.resting("score_incident", "incident.id::text")}
ORDER BY level, opened_at LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
""")

# what is known last of an alarm that holds: the newest reading of what it is about
CLOCKED_ALARMS = text(f"""
SELECT a.id, a.risk, a.kind, a.level, ST_X(a.geom) AS lon, ST_Y(a.geom) AS lat,
  GREATEST(a.observed_at, CASE WHEN a.active THEN s.time END) AS seen_at FROM alarm a
LEFT JOIN sensor_state s ON a.thing_type = 'sensor' AND s.sensor_id = a.thing_id AND s.metric = a.metric
WHERE a.state <> 'normal' AND a.risk IS NOT NULL AND {set_aside.resting("score_alarm", "a.id::text")}
ORDER BY a.level, a.raised_at LIMIT :most
FOR NO KEY UPDATE OF a SKIP LOCKED
""")
CLOCKED_INCIDENTS = text(f"""
SELECT id, risk, kind, level, ST_X(geom) AS lon, ST_Y(geom) AS lat, opened_at AS seen_at FROM incident
WHERE status NOT IN {sql_list(ENDED_INCIDENT)} AND risk IS NOT NULL
  AND {set_aside.resting("score_incident", "incident.id::text")}
ORDER BY level, opened_at LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
""")
WRITE_RISK = text("""
INSERT INTO risk_event (type, thing_id, time, version, score, level, risk)
VALUES (:type, :id, :now, :version, :score, :level, CAST(:risk AS jsonb))
""")
# a score that moved by less is the same to whoever looks, and is neither shown nor recorded
MOVED = 0.1


def hazard_of(kind: str | None, level: int, certainty: str, observed_at: datetime) -> Hazard:
    """The hazard an incident kind stands for: its reach and what helps, from the table incident_kinds."""
    return Hazard(level, certainty, observed_at, reach_of(kind), needs_of(kind, level))


def alarm_hazard(alarm_kind: str, level: int, observed_at: datetime) -> Hazard:
    row = table("alarm_kinds").get(alarm_kind, {})
    return hazard_of(row.get("incident_kind"), level, row.get("certainty", "Unknown"), observed_at)


def score_alarms(conn: Connection, now: datetime, resolution: int) -> int:
    """Score the open alarms that have none; returns how many."""
    zone = city_zone(conn)
    rows = conn.execute(UNSCORED_ALARMS, {"most": SCORED_AT_ONCE, "now": now}).all()

    def score(row: Any) -> UUID:
        _store(conn, "alarm", row, alarm_hazard(row.kind, row.level, row.observed_at), now, zone, resolution)
        return row.id  # type: ignore[no-any-return]

    done = set_aside.each(conn, "score_alarm", rows, lambda row: str(row.id), score, now)
    notify_change(conn, "alarm", done.results)
    return len(rows)


def score_incidents(conn: Connection, now: datetime, resolution: int) -> int:
    """Score the open incidents that have none; returns how many."""
    zone = city_zone(conn)
    rows = conn.execute(UNSCORED_INCIDENTS, {"most": SCORED_AT_ONCE, "now": now}).all()

    def score(row: Any) -> UUID:
        hazard = replace(hazard_of(row.kind, row.level, "Likely", row.opened_at), ladder="incident")
        _store(conn, "incident", row, hazard, now, zone, resolution)
        return row.id  # type: ignore[no-any-return]

    done = set_aside.each(conn, "score_incident", rows, lambda row: str(row.id), score, now)
    notify_change(conn, "incident", done.results)
    return len(rows)


def _store(conn: Connection, name: str, row: Any, hazard: Hazard, now: datetime, zone: str, resolution: int) -> None:
    """Write the score to the thing and to its history: what is shown is what is recorded."""
    where = LonLat(row.lon, row.lat)
    scored = risk.score_place(conn, where, hazard, now, zone, h3.latlng_to_cell(where.lat, where.lon, resolution))
    _write(conn, name, row, scored, now)


def _write(conn: Connection, name: str, row: Any, scored: Risk, now: datetime) -> None:
    given = {"type": name, "id": str(row.id), "now": now, "score": scored.score, "risk": json.dumps(scored.as_json())}
    version = conn.execute(
        text(f"UPDATE {name} SET risk = CAST(:risk AS jsonb) WHERE id = CAST(:id AS uuid) RETURNING version"), given
    ).scalar_one()
    conn.execute(WRITE_RISK, {**given, "version": version, "level": None})


def follow_clock(conn: Connection, now: datetime, resolution: int) -> int:
    """Scores grow old, and help comes nearer or is sent elsewhere: those that have moved by a tenth since they were
    given are given anew. Returns how many."""
    zone = city_zone(conn)
    copings: dict[tuple[str, tuple[str, ...]], Coping] = {}

    def follow(name: str, row: Any) -> UUID | None:
        kind = row.kind if name == "incident" else table("alarm_kinds").get(row.kind, {}).get("incident_kind")
        key = h3.latlng_to_cell(row.lat, row.lon, resolution), needs_of(kind, row.level)
        if key not in copings:
            copings[key] = risk.read_coping(conn, *key)
        scored = risk.by_the_clock(row.risk, row.seen_at, now, zone, copings[key], key[1])
        if abs(scored.exact - row.risk["score"]) < MOVED:
            return None
        _write(conn, name, row, scored, now)
        return row.id  # type: ignore[no-any-return]

    moved = 0
    for name, clocked in (("alarm", CLOCKED_ALARMS), ("incident", CLOCKED_INCIDENTS)):
        rows = conn.execute(clocked, {"most": CLOCKED_AT_ONCE, "now": now}).all()
        done = set_aside.each(conn, f"score_{name}", rows, lambda row: str(row.id), partial(follow, name), now)
        changed = [one for one in done.results if one is not None]
        notify_change(conn, name, changed)
        moved += len(changed)
    return moved
