"""Giving alarms, incidents and H3 cells their risk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import h3
import numpy as np
from sqlalchemy import Connection, text

from alerts import risk
from alerts.risk import Coping, Hazard, Risk, Term
from core import set_aside
from core.cells import city_cells
from core.db import notify_change
from core.exposure import city_zone, is_day
from core.geodesy import distances_m
from core.i18n import say
from core.readings import estimate, road_minutes
from core.scope import Classification, alarm_classification
from core.types import LonLat
from core.vocabulary import DONE_INCIDENT, ENDED_INCIDENT, REACH_M, Text, label, needs_of, reach_of, sql_list, table

SCORED_AT_ONCE = 50
# so many alarms, and so many incidents, follow the clock; in a flood the gravest
CLOCKED_AT_ONCE = 2000
# a cell's score is shown as a level from here on
CELL_LEVELS = ((7.5, 1), (6.0, 2), (4.5, 3), (3.0, 4))

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
CLOCKED_ALARMS = text("""
SELECT a.id, a.risk, a.kind, a.level, ST_X(a.geom) AS lon, ST_Y(a.geom) AS lat,
  GREATEST(a.observed_at, CASE WHEN a.active THEN s.time END) AS seen_at FROM alarm a
LEFT JOIN sensor_state s ON a.thing_type = 'sensor' AND s.sensor_id = a.thing_id AND s.metric = a.metric
WHERE a.state <> 'normal' AND a.risk IS NOT NULL ORDER BY a.level, a.raised_at LIMIT :most
FOR NO KEY UPDATE OF a SKIP LOCKED
""")
CLOCKED_INCIDENTS = text(f"""
SELECT id, risk, kind, level, ST_X(geom) AS lon, ST_Y(geom) AS lat, opened_at AS seen_at FROM incident
WHERE status NOT IN {sql_list(ENDED_INCIDENT)} AND risk IS NOT NULL ORDER BY level, opened_at LIMIT :most
FOR NO KEY UPDATE SKIP LOCKED
""")
FACILITIES = text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, kind, classification FROM facility")
WRITE_RISK = text("""
INSERT INTO risk_event (type, thing_id, time, version, score, level, risk)
VALUES (:type, :id, :now, :version, :score, :level, CAST(:risk AS jsonb))
""")
WRITE_CELLS = text("""
INSERT INTO risk_cell (cell, score, level, terms, people, districts, scored_at)
VALUES (:cell, :score, :level, CAST(:terms AS jsonb), :people, :districts, :now)
ON CONFLICT (cell) DO UPDATE SET score = EXCLUDED.score, level = EXCLUDED.level, terms = EXCLUDED.terms,
  people = EXCLUDED.people, districts = EXCLUDED.districts, scored_at = EXCLUDED.scored_at
""")
_HELD = text("SELECT cell, score, level, terms->0->'text' AS says FROM risk_cell")
_TOUCHED = text("""
SELECT c.cell, array_agg(d.code ORDER BY d.code) AS districts
FROM unnest(CAST(:cells AS text[]), CAST(:shapes AS text[])) AS c (cell, shape)
JOIN district d ON ST_Intersects(d.geom, ST_GeomFromText(c.shape, 4326)) GROUP BY c.cell
""")
_PUT_DISTRICTS = text("""
UPDATE risk_cell r SET districts = n.districts
FROM (SELECT c.cell, COALESCE(string_to_array(NULLIF(c.codes, ''), ','), '{}') AS districts
  FROM unnest(CAST(:cells AS text[]), CAST(:codes AS text[])) AS c (cell, codes)) AS n
WHERE r.cell = n.cell AND r.districts <> n.districts
RETURNING r.cell
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
    moved = 0
    copings: dict[tuple[str, tuple[str, ...]], Coping] = {}
    for name, clocked in (("alarm", CLOCKED_ALARMS), ("incident", CLOCKED_INCIDENTS)):
        done = []
        for row in conn.execute(clocked, {"most": CLOCKED_AT_ONCE}).all():
            kind = row.kind if name == "incident" else table("alarm_kinds").get(row.kind, {}).get("incident_kind")
            key = h3.latlng_to_cell(row.lat, row.lon, resolution), needs_of(kind, row.level)
            if key not in copings:
                copings[key] = risk.read_coping(conn, *key)
            scored = risk.by_the_clock(row.risk, row.seen_at, now, zone, copings[key], key[1])
            if abs(scored.exact - row.risk["score"]) >= MOVED:
                _write(conn, name, row, scored, now)
                done.append(row.id)
        notify_change(conn, name, done)
        moved += len(done)
    return moved


@dataclass(frozen=True, slots=True)
class CellGround:
    """What does not change about the cells of the city: where they are, who lives and works there, what is sensitive,
    which districts they touch."""

    cells: tuple[str, ...]
    districts: tuple[list[str], ...]
    lon: np.ndarray[Any, Any]
    lat: np.ndarray[Any, Any]
    people_day: np.ndarray[Any, Any]
    people_night: np.ndarray[Any, Any]
    sensitive: np.ndarray[Any, Any]
    # kind -> how many, of the sensitive ones that are open to all
    facilities: tuple[Mapping[str, int], ...]
    counted: bool


def read_ground(conn: Connection, resolution: int) -> CellGround | None:
    """Cells that cover the city's districts, with their people; None where there is no city yet."""
    cells = city_cells(conn, resolution)
    if not cells:
        return None
    index = {cell: i for i, cell in enumerate(cells)}
    day, night, sensitive = (np.zeros(len(cells)) for _ in range(3))
    counted = False
    for row in conn.execute(
        text("SELECT ST_X(center) AS lon, ST_Y(center) AS lat, people_day, people_night FROM building")
    ):
        i = index.get(h3.latlng_to_cell(row.lat, row.lon, resolution))
        if i is not None and row.people_day is not None:
            counted = True
            day[i] += row.people_day
            night[i] += row.people_night or 0
    facilities: list[Counter[str]] = [Counter() for _ in cells]
    for row in conn.execute(FACILITIES):
        i = index.get(h3.latlng_to_cell(row.lat, row.lon, resolution))
        if i is None:
            continue
        points = table("facility_kinds").get(row.kind, {}).get("sensitive", 0)
        sensitive[i] += points
        if points >= risk.SENSITIVE and row.classification == Classification.OPEN:
            facilities[i][row.kind] += 1
    centers = np.array([h3.cell_to_latlng(cell) for cell in cells]).reshape(-1, 2)
    touched = touched_districts(conn, cells)
    districts = tuple(touched.get(cell, []) for cell in cells)
    return CellGround(
        tuple(cells), districts, centers[:, 1], centers[:, 0], day, night, sensitive, tuple(facilities), counted
    )


def touched_districts(conn: Connection, cells: Sequence[str]) -> dict[str, list[str]]:
    """Cell -> codes of the districts it touches; cells that touch none are left out."""
    rings = ([*corners, corners[0]] for corners in map(h3.cell_to_boundary, cells))
    shapes = [f"POLYGON(({', '.join(f'{lon:.7f} {lat:.7f}' for lat, lon in ring)}))" for ring in rings]
    return {row.cell: row.districts for row in conn.execute(_TOUCHED, {"cells": list(cells), "shapes": shapes})}


def put_districts(conn: Connection, ground: CellGround) -> None:
    """Cells that are scored already learn which districts they touch: the city, or its districts, are new."""
    given = {"cells": list(ground.cells), "codes": [",".join(codes) for codes in ground.districts]}
    notify_change(conn, "risk_cell", conn.scalars(_PUT_DISTRICTS, given).all())


def read_hazards(conn: Connection) -> list[Any]:
    """Everything active that may hurt: alarms whose condition holds, and open incidents."""
    return list(
        conn.execute(
            text(
                f"""
SELECT kind, 'alarm' AS type, level, observed_at AS at, names,
  {alarm_classification("thing_type", "thing_id")} AS classification, ST_X(geom) AS lon, ST_Y(geom) AS lat
FROM alarm
WHERE active AND state NOT IN ('normal', 'shelved') AND geom IS NOT NULL AND kind NOT IN ('stale', 'source_stale')
UNION ALL
SELECT kind, 'incident', level, opened_at, titles, classification, ST_X(geom), ST_Y(geom) FROM incident
WHERE status NOT IN {sql_list(DONE_INCIDENT)} AND geom IS NOT NULL
"""
            )
        )
    )


def score_cells(conn: Connection, ground: CellGround, now: datetime) -> int:
    """Score every cell by the worst hazard that reaches it; only cells whose score changed are written. Returns how
    many."""
    zone = city_zone(conn)
    people = ground.people_day if is_day(now, zone) else ground.people_night
    coverage: dict[str, float | None] = {
        r.cell: r.eta for r in conn.execute(text("SELECT cell, min(eta_s) AS eta FROM coverage GROUP BY cell"))
    }
    reach = nearest_hazards(ground, read_hazards(conn))
    held = {r.cell: (r.score, r.level, r.says) for r in conn.execute(_HELD)}
    rows = []
    for i, cell in enumerate(ground.cells):
        try:
            scored = _score_cell(ground, i, float(people[i]), reach.get(i), coverage, cell, now)
        except Exception as exc:  # noqa: BLE001 - a fault about one cell costs that cell's score only
            set_aside.note(conn, "score_cell", cell, exc, now)
            continue
        level = next((level for limit, level in CELL_LEVELS if scored.score >= limit), None)
        says = scored.terms[0].text if scored.terms else None
        if not has_moved(held.get(cell), scored.exact, level, says):
            continue
        counted = int(people[i]) if ground.counted else None
        terms = scored.as_json()["terms"]
        rows.append(
            {
                "cell": cell,
                "score": scored.score,
                "level": level,
                "terms": json.dumps(terms),
                "people": counted,
                "districts": ground.districts[i],
                "now": now,
                "type": "cell",
                "id": cell,
                "version": None,
                "risk": json.dumps({"score": scored.score, "terms": terms, "people": counted}),
            }
        )
    if rows:
        conn.execute(WRITE_CELLS, rows)
        conn.execute(WRITE_RISK, rows)
        notify_change(conn, "risk_cell", [row["cell"] for row in rows])
    return len(rows)


# the last score before the retention stays: it is what was shown when it began
OLD_SCORES = text("SELECT forget_cell_scores(:before, :most)")
FORGOTTEN_AT_ONCE = 50_000


def forget_scores(conn: Connection, before: datetime) -> int:
    """Take old scores of cells away, a bounded number at once; those of alarms and incidents stay with their
    histories."""
    return conn.scalar(OLD_SCORES, {"before": before, "most": FORGOTTEN_AT_ONCE}) or 0


def has_moved(
    held: tuple[float, int | None, Text | None] | None, exact: float, level: int | None, says: Text | None
) -> bool:
    """Whether a cell's score is worth showing anew: never shown, by a tenth, into another band, or of something
    else."""
    return held is None or abs(exact - held[0]) >= MOVED or (level, says) != held[1:]


def nearest_hazards(ground: CellGround, hazards: list[Any]) -> dict[int, tuple[Any, float, float]]:
    """For each cell that a hazard reaches: the one that counts most, its distance in metres and its fading 0-1."""
    best: dict[int, tuple[Any, float, float]] = {}
    strength: dict[int, float] = {}
    for row in hazards:
        kind = row.kind if row.type == "incident" else table("alarm_kinds").get(row.kind, {}).get("incident_kind")
        radius = reach_of(kind)
        distance = distances_m(row.lon, row.lat, ground.lon, ground.lat)
        fading = np.exp(-np.maximum(0.0, distance - radius) / max(radius, REACH_M))
        for i in np.flatnonzero(fading > 0.1):
            weight = float(fading[i]) * risk.LEVEL_HAZARD[row.level]
            if weight > strength.get(int(i), 0.0):
                strength[int(i)] = weight
                best[int(i)] = (row, float(distance[i]), float(fading[i]))
    return best


def said_of(row: Any, distance: float) -> Text:
    """What the hazard is and how far: whoever sees the cell is not told the name of what is not for all."""
    if row.classification > Classification.OPEN:
        return say("risk.near_unnamed", distance=round(distance))
    return say("risk.near", distance=round(distance), name=row.names)


def said_of_facilities(counts: Mapping[str, int]) -> Text:
    """How many of which sensitive places: 学校 1 所、医院 1 家."""
    if not counts:
        return say("risk.cell.facilities.none")
    said = [
        say("risk.cell.facility", kind=label("facility_kinds", kind), n=counted(kind, n)) for kind, n in counts.items()
    ]
    return {"zh": "、".join(words["zh"] for words in said), "en": ", ".join(words["en"] for words in said)}


def counted(kind: str, n: int) -> Text:
    return {"zh": f"{n} {table('facility_kinds').get(kind, {}).get('counter', '处')}", "en": str(n)}


def _score_cell(
    ground: CellGround,
    i: int,
    people: float,
    hit: tuple[Any, float, float] | None,
    coverage: dict[str, float | None],
    cell: str,
    now: datetime,
) -> Risk:
    if hit is None:
        return Risk(0.0, ())
    row, distance, fading = hit
    hazard = Term(
        "hazard",
        "hazard",
        round(risk.LEVEL_HAZARD[row.level] * fading, 1),
        1.0,
        said_of(row, distance),
    )
    if ground.counted:
        exposed = Term(
            "people", "exposure", risk.people_value(people), 1.0, say("risk.cell.people", people=estimate(people))
        )
    else:
        exposed = Term("people", "exposure", None, 1.0, say("risk.people.missing"))
    sensitive = Term(
        "facilities",
        "vulnerability",
        round(min(10.0, 1 + 1.5 * float(ground.sensitive[i])), 1),
        1.0,
        said_of_facilities(ground.facilities[i]),
    )
    eta = coverage.get(cell)
    if eta is None:
        coping = Term("coverage", "coping", None, 1.0, say("risk.coverage.missing"))
    else:
        coping = Term("coverage", "coping", risk.eta_value(eta), 1.0, say("risk.coverage", minutes=road_minutes(eta)))
    return risk.combine([hazard, exposed, sensitive, coping])
