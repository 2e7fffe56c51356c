"""How long help takes to each H3 cell, per capability: what the risk score reads as (lack of) coping capacity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import h3
from sqlalchemy import Connection, text

from core.db import notify_change
from core.types import LonLat
from core.vocabulary import UnitStatus, table
from dispatch.recommend import Candidate
from dispatch.routing import RoadGraph


def compute(
    graph: RoadGraph, cells: Sequence[str], units: Sequence[Candidate]
) -> dict[tuple[str, str], tuple[float | None, str | None]]:
    """(cell, capability) -> (seconds, unit) of the nearest free unit; (None, None) where none can come. Pure."""
    centers = [LonLat(lon, lat) for lat, lon in (h3.cell_to_latlng(cell) for cell in cells)]
    free = [u for u in units if u.status == UnitStatus.AVAILABLE and u.where]
    rows: dict[tuple[str, str], tuple[float | None, str | None]] = {}
    for capability in table("capabilities"):
        able = [u for u in free if capability in u.capabilities]
        found = graph.nearest_of([u.where for u in able if u.where], centers)
        for cell, hit in zip(cells, found, strict=True):
            rows[cell, capability] = (hit[0], able[hit[1]].id) if hit else (None, None)
    return rows


def store(conn: Connection, rows: dict[tuple[str, str], tuple[float | None, str | None]], now: datetime) -> int:
    """Write what differs by more than 5 s or names another unit; returns how many rows changed."""
    held = {
        (r.cell, r.capability): (r.eta_s, r.unit_id)
        for r in conn.execute(text("SELECT cell, capability, eta_s, unit_id FROM coverage"))
    }
    changed = [
        {"cell": cell, "cap": capability, "eta": eta, "unit": unit, "now": now}
        for (cell, capability), (eta, unit) in sorted(rows.items())
        if _differs(held.get((cell, capability)), (eta, unit))
    ]
    if changed:
        conn.execute(
            text(
                """
INSERT INTO coverage (cell, capability, eta_s, unit_id, computed_at)
VALUES (:cell, :cap, :eta, :unit, :now)
ON CONFLICT (cell, capability) DO UPDATE SET eta_s = EXCLUDED.eta_s, unit_id = EXCLUDED.unit_id, computed_at = :now
"""
            ),
            changed,
        )
        notify_change(conn, "coverage", [len(changed)])
    return len(changed)


def _differs(held: tuple[float | None, str | None] | None, found: tuple[float | None, str | None]) -> bool:
    if held is None or held[1] != found[1] or (held[0] is None) != (found[0] is None):
        return True
    return held[0] is not None and found[0] is not None and abs(held[0] - found[0]) > 5
