"""Giving the H3 cells of the city their risk: each by the worst hazard that reaches it, written where it has moved."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import h3
import numpy as np
from sqlalchemy import Connection, text

from alerts import risk
from alerts.risk import Risk, Term
from alerts.scoring import MOVED, WRITE_RISK
from core import set_aside
from core.cells import city_cells
from core.db import notify_change
from core.exposure import city_zone, is_day
from core.geodesy import distances_m
from core.i18n import say
from core.readings import estimate, road_minutes
from core.scope import Classification, alarm_classification
from core.vocabulary import DONE_INCIDENT, REACH_M, Text, label, reach_of, sql_list, table

# a cell's score is shown as a level from here on
CELL_LEVELS = ((7.5, 1), (6.0, 2), (4.5, 3), (3.0, 4))
FACILITIES = text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, kind, classification FROM facility")
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
