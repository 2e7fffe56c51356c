"""Each cell by the worst hazard that reaches it, written where it has moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import h3
import orjson
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.cells.ground import CellGround
from alerts.cells.reasons import cell_terms, said_of
from alerts.cells.weighing import Near, Worst, people_of, weigh_cells
from alerts.risk import arithmetic as sums
from alerts.risk.arithmetic import level_of
from alerts.risk.terms import Term, confidence_in
from alerts.risk.words import band_json
from alerts.scoring import MOVED, WRITE_RISK, alarm_hazard, incident_hazard
from alerts.setting import Setting, read_setting
from core import nouns, set_aside
from core.db import notify_change
from core.scope import alarm_classification
from core.vocabulary import DONE_INCIDENT, Text, sql_list

WRITE_CELLS = text("""
INSERT INTO risk_cell (cell, score, level, terms, people, districts, scored_at, placed)
VALUES (:cell, :score, :level, CAST(:terms AS jsonb), :people, :districts, :now, CAST(:placed AS jsonb))
ON CONFLICT (cell) DO UPDATE SET score = EXCLUDED.score, level = EXCLUDED.level, terms = EXCLUDED.terms,
  people = EXCLUDED.people, districts = EXCLUDED.districts, scored_at = EXCLUDED.scored_at, placed = EXCLUDED.placed
""")
_HELD = text("SELECT cell, score, level, terms->0->'text' AS says FROM risk_cell")
# the last score before the retention stays: it is what was shown when it began
OLD_SCORES = text("SELECT forget_cell_scores(:before, :most)")
FORGOTTEN_AT_ONCE = 50_000


def read_hazards(conn: Connection) -> list[Near]:
    """Everything active that may hurt: alarms whose condition holds, and open incidents."""
    rows = conn.execute(
        text(
            f"""
SELECT a.kind, 'alarm' AS type, a.level, '' AS status, a.observed_at AS at, a.names,
  {alarm_classification("a.thing_type", "a.thing_id")} AS classification, ST_X(a.geom) AS lon, ST_Y(a.geom) AS lat,
  i.in_danger, a.incident_id AS incident
FROM alarm a LEFT JOIN incident i ON i.id = a.incident_id
WHERE a.active AND a.state NOT IN ('normal', 'shelved') AND a.geom IS NOT NULL
  AND a.kind NOT IN ('stale', 'source_stale')
UNION ALL
SELECT kind, 'incident', level, status, opened_at, titles, classification, ST_X(geom), ST_Y(geom), in_danger, id
FROM incident WHERE status NOT IN {sql_list(DONE_INCIDENT)} AND geom IS NOT NULL ORDER BY level, at
"""
        )
    )
    return [
        Near(
            alarm_hazard(r.kind, r.level, r.at, r.in_danger)
            if r.type == "alarm"
            else incident_hazard(r.kind, r.level, r.status, r.at, r.in_danger),
            r.lon,
            r.lat,
            r.names,
            r.classification,
            r.incident,
        )
        for r in rows
    ]


def score_cells(conn: Connection, ground: CellGround, now: datetime) -> int:
    """Score every cell by the worst hazard that reaches it; only cells whose score changed are written. Returns how
    many."""
    resolution = h3.get_resolution(ground.cells[0])
    hazards = read_hazards(conn)
    needs = {need for near in hazards for need in near.hazard.capabilities}
    setting = read_setting(conn, now, resolution, needs=needs)
    worst = weigh_cells(ground, setting, hazards)
    held = {r.cell: (r.score, r.level, r.says) for r in conn.execute(_HELD)}
    rows = []
    for i, cell in enumerate(ground.cells):
        try:
            exact = float(worst.score[i])
            level = level_of(round(exact, 2))
            near = hazards[worst.hazard[i]] if worst.hazard[i] >= 0 else None
            says = said_of(near, float(worst.metres[i])) if near else None
            if not has_moved(held.get(cell), exact, level, says):
                continue
            rows.append(_row(ground, setting, worst, i, near, now, level))
        except Exception as exc:  # noqa: BLE001 - a fault about one cell costs that cell's score only
            set_aside.note(conn, "score_cell", cell, exc, now)
    if rows:
        conn.execute(WRITE_CELLS, rows)
        conn.execute(WRITE_RISK, rows)
        notify_change(conn, "risk_cell", [row["cell"] for row in rows])
    return len(rows)


def _row(
    ground: CellGround, setting: Setting, worst: Worst, i: int, near: Near | None, now: datetime, level: int | None
) -> dict[str, Any]:
    cell, score = ground.cells[i], round(float(worst.score[i]), 2)
    counted = int(people_of(ground, setting)[i]) if ground.counted else None
    reasons = cell_terms(ground, setting, worst, i, near) if near else []
    terms = [term.as_json() for term in reasons]
    placed = _placed(worst, i, near, reasons) if near else None
    said = orjson.dumps(terms).decode()
    rest = orjson.dumps({"score": score, "people": counted, **(placed or {})}).decode()
    return {
        "cell": cell,
        "score": score,
        "level": level,
        "terms": said,
        "people": counted,
        "districts": ground.districts[i],
        "placed": orjson.dumps(placed).decode(),
        "now": now,
        "type": "cell",
        "id": cell,
        "version": None,
        "risk": f'{rest[:-1]},"terms":{said}}}',
    }


class Placed(TypedDict):
    """Where in the band of the worst hazard a cell stands; how much of that is left at its distance (`faded` 0-1)."""

    band: nouns.Band
    q: float
    confidence: float
    faded: float


def _placed(worst: Worst, i: int, near: Near, terms: Sequence[Term]) -> Placed:
    sure = float(worst.confidence[i]) * confidence_in(near.hazard, terms)
    return {
        "band": band_json(sums.band_of(near.hazard.level)),
        "q": round(float(worst.q[i]), 3),
        "confidence": round(sure, 2),
        "faded": round(float(worst.faded[i]), 2),
    }


def has_moved(
    held: tuple[float, int | None, Text | None] | None, exact: float, level: int | None, says: Text | None
) -> bool:
    """Whether a cell's score is worth showing anew: never shown, by a tenth, into another band, or of something
    else."""
    return held is None or abs(exact - held[0]) >= MOVED or (level, says) != held[1:]


def forget_scores(conn: Connection, before: datetime) -> int:
    """Take old scores of cells away, a bounded number at once; those of alarms and incidents stay with their
    histories."""
    return conn.scalar(OLD_SCORES, {"before": before, "most": FORGOTTEN_AT_ONCE}) or 0
