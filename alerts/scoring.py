"""Giving alarms and incidents their risk, when they change and as the world around them does."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from alerts.ground import Ground, read_ground
from alerts.risk.terms import Hazard, Risk, assess
from alerts.risk.words import as_json, band_json
from alerts.setting import Setting, read_setting
from core import nouns, set_aside
from core.db import notify_change
from core.process.faults import is_of_connection
from core.types import LonLat
from core.vocabulary import ENDED_INCIDENT, IncidentStatus, Text, life_at_stake, needs_of, reach_of, sql_list, table

SCORED_AT_ONCE = 50
# so many alarms, and so many incidents, follow the world; in a flood the gravest
FOLLOWED_AT_ONCE = 2000

# what is known last of an alarm that holds: the newest reading of what it is about; how many are in danger is said of
# its incident
_ALARMS = f"""
SELECT a.id, a.version, a.risk, a.kind, a.level, ST_X(a.geom) AS lon, ST_Y(a.geom) AS lat, a.incident_id, i.in_danger,
  GREATEST(a.observed_at, CASE WHEN a.active THEN s.time END) AS seen_at FROM alarm a
LEFT JOIN sensor_state s ON a.thing_type = 'sensor' AND s.sensor_id = a.thing_id AND s.metric = a.metric
LEFT JOIN incident i ON i.id = a.incident_id
WHERE a.state <> 'normal' AND a.geom IS NOT NULL AND {set_aside.resting("score_alarm", "a.id::text")}
"""
_INCIDENTS = f"""
SELECT id, version, risk, kind, level, status, ST_X(geom) AS lon, ST_Y(geom) AS lat, id AS incident_id, in_danger,
  opened_at AS seen_at FROM incident i
WHERE status NOT IN {sql_list(ENDED_INCIDENT)} AND geom IS NOT NULL
  AND {set_aside.resting("score_incident", "i.id::text")}
"""
UNSCORED = {
    "alarm": text(f"""
{_ALARMS} AND a.risk IS NULL ORDER BY a.level, a.raised_at LIMIT :most FOR NO KEY UPDATE OF a SKIP LOCKED
"""),
    "incident": text(f"""
{_INCIDENTS} AND risk IS NULL ORDER BY level, opened_at LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
"""),
}
# nothing is locked while they are counted: what has changed meanwhile is not written
FOLLOWED = {
    "alarm": text(f"{_ALARMS} AND a.risk IS NOT NULL ORDER BY a.level, a.raised_at LIMIT :most"),
    "incident": text(f"{_INCIDENTS} AND risk IS NOT NULL ORDER BY level, opened_at LIMIT :most"),
}
_WRITE = {
    name: text(f"""
UPDATE {name} SET risk = CAST(:risk AS jsonb) WHERE id = CAST(:id AS uuid) AND version = :version
  AND (:anew OR risk IS NOT NULL)
RETURNING version
""")
    for name in ("alarm", "incident")
}
WRITE_RISK = text("""
INSERT INTO risk_event (type, thing_id, time, version, score, level, risk)
VALUES (:type, :id, :now, :version, :score, :level, CAST(:risk AS jsonb))
""")
# a score that moved by less is the same to whoever looks, and is neither shown nor recorded
MOVED = 0.1


def hazard_of(
    kind: str | None, level: int, certainty: str, observed_at: datetime, in_danger: int | None = None
) -> Hazard:
    """The hazard an incident kind stands for: its reach, what helps and whether a life is at stake, from the table
    incident_kinds."""
    return Hazard(
        level,
        certainty,
        observed_at,
        reach_of(kind, level),
        needs_of(kind or "other", level),
        in_danger=in_danger,
        life=life_at_stake(kind, level),
    )


def alarm_hazard(alarm_kind: str, level: int, observed_at: datetime, in_danger: int | None = None) -> Hazard:
    row = table("alarm_kinds").get(alarm_kind, {})
    return hazard_of(row.get("incident_kind"), level, row.get("certainty", "Unknown"), observed_at, in_danger)


def incident_hazard(kind: str, level: int, status: str, opened_at: datetime, in_danger: int | None = None) -> Hazard:
    """Who is there has seen it; till then it is what a caller says."""
    certainty = "Observed" if status == IncidentStatus.ON_SCENE else "Likely"
    return replace(hazard_of(kind, level, certainty, opened_at, in_danger), ladder="incident")


def hazard_in(name: str, row: Any) -> Hazard:
    """Of a row of an alarm or an incident."""
    if name == "alarm":
        return alarm_hazard(row.kind, row.level, row.seen_at, row.in_danger)
    return incident_hazard(row.kind, row.level, row.status, row.seen_at, row.in_danger)


def score_place(where: LonLat, hazard: Hazard, ground: Ground, setting: Setting, incident: UUID | None = None) -> Risk:
    """The risk of a hazard at a place; `incident`: which one it is, or is part of. Pure."""
    return assess(
        hazard,
        ground.around(where, hazard.radius_m, day=setting.day),
        setting.weather(where),
        setting.coping(where, hazard.capabilities, incident),
        setting.now,
        setting.zone,
    )


def score_alarms(conn: Connection, now: datetime, resolution: int, ground: Ground | None = None) -> int:
    """Score the open alarms that have none; returns how many. `ground` where it is at hand."""
    return _score(conn, "alarm", now, resolution, ground)


def score_incidents(conn: Connection, now: datetime, resolution: int, ground: Ground | None = None) -> int:
    """Score the open incidents that have none; returns how many."""
    return _score(conn, "incident", now, resolution, ground)


def _score(conn: Connection, name: str, now: datetime, resolution: int, ground: Ground | None) -> int:
    rows = conn.execute(UNSCORED[name], {"most": SCORED_AT_ONCE, "now": now}).all()
    if not rows:
        return 0
    ground = ground or read_ground(conn)
    setting = _setting(conn, rows, now, resolution)

    def score(row: Any) -> UUID:
        scored = score_place(LonLat(row.lon, row.lat), hazard_in(name, row), ground, setting, row.incident_id)
        _write(conn, name, row, scored, now, anew=True)
        return row.id  # type: ignore[no-any-return]

    done = set_aside.each(conn, f"score_{name}", rows, lambda row: str(row.id), score, now)
    notify_change(conn, name, done.results)
    return len(rows)


def _setting(conn: Connection, rows: Sequence[Any], now: datetime, resolution: int) -> Setting:
    return read_setting(conn, now, resolution, [LonLat(row.lon, row.lat) for row in rows])


def _write(conn: Connection, name: str, row: Any, scored: Risk, now: datetime, *, anew: bool = False) -> bool:
    """Write the score to the thing and to its history: what is shown is what is recorded. Whether it was written: one
    that has changed meanwhile is scored again as it is then."""
    given = {"type": name, "id": str(row.id), "now": now, "score": scored.score, "risk": json.dumps(as_json(scored))}
    version = conn.scalar(_WRITE[name], {**given, "version": row.version, "anew": anew})
    if version is None:
        return False
    conn.execute(WRITE_RISK, {**given, "version": version, "level": None})
    return True


def follow_world(conn: Connection, now: datetime, resolution: int, ground: Ground | None = None) -> int:
    """Help is sent elsewhere, an hour turns, a warning begins, a register changes: the scores of all that is open are
    counted anew, and those that have moved are written. Returns how many."""
    ground = ground or read_ground(conn)
    return sum(_follow(conn, name, now, resolution, ground) for name in ("alarm", "incident"))


def _follow(conn: Connection, name: str, now: datetime, resolution: int, ground: Ground) -> int:
    rows = conn.execute(FOLLOWED[name], {"most": FOLLOWED_AT_ONCE, "now": now}).all()
    if not rows:
        return 0
    setting = _setting(conn, rows, now, resolution)
    moved: list[tuple[Any, Risk]] = []
    for row in rows:
        try:
            scored = score_place(LonLat(row.lon, row.lat), hazard_in(name, row), ground, setting, row.incident_id)
        except Exception as exc:
            if is_of_connection(exc):
                raise
            set_aside.note(conn, f"score_{name}", str(row.id), exc, now)
            continue
        if has_moved(row.risk, scored):
            moved.append((row, scored))
    # in one order with whoever locks several of them (docs/decisions/0016)
    moved.sort(key=lambda one: one[0].id)
    done = set_aside.each(
        conn, f"score_{name}", moved, lambda one: str(one[0].id), lambda one: _moved(conn, name, *one, now), now
    )
    changed = [one for one in done.results if one is not None]
    notify_change(conn, name, changed)
    return len(changed)


def _moved(conn: Connection, name: str, row: Any, scored: Risk, now: datetime) -> UUID | None:
    return row.id if _write(conn, name, row, scored, now) else None


# of which the words tell how long somebody takes: what matters besides is who, and whether anybody
BY_ROAD = frozenset({"nearest_unit", "all_needed", "coverage"})
_DIGITS = re.compile(r"\d+")


def has_moved(held: nouns.Risk, scored: Risk) -> bool:
    """Whether a score is worth showing anew: by a tenth, or of other reasons (a warning that is over, a school that is
    new, another unit that is nearest, somebody in danger). One of before there were bands is."""
    if scored.band is None or abs(scored.exact - held["score"]) >= MOVED:
        return True
    if held.get("band") != band_json(scored.band) or held.get("confidence") != scored.confidence:
        return True
    return [_reason(t["name"], t["text"]) for t in held["terms"]] != [_reason(t.name, t.text) for t in scored.terms]


def _reason(name: str, words: Text) -> tuple[str, str]:
    return name, _DIGITS.sub("", words["zh"]) if name in BY_ROAD else words["zh"]
