"""Reading units for decisions."""

from __future__ import annotations

from sqlalchemy import Connection, text

from core.scope import EVERYTHING, Scope, seen_unit, unit_district
from core.types import LonLat
from dispatch.recommend import Candidate


def read_candidates(conn: Connection, scope: Scope = EVERYTHING) -> list[Candidate]:
    """The units of a scope with their newest position, or their station's where they have never told one."""
    rows = conn.execute(
        text(
            f"""
SELECT u.id, u.kind, u.name_zh, u.name_en, u.capabilities, u.status, COALESCE(s.lon, ST_X(u.home)) AS lon,
  COALESCE(s.lat, ST_Y(u.home)) AS lat, s.time AS seen_at
FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id
WHERE {seen_unit("u.id", unit_district("u.station", "u.home"))} ORDER BY u.id
"""
        ),
        scope.params(),
    )
    return [
        Candidate(
            r.id,
            r.kind,
            {"zh": r.name_zh, "en": r.name_en},
            tuple(r.capabilities),
            r.status,
            LonLat(r.lon, r.lat) if r.lon is not None else None,
            r.seen_at,
        )
        for r in rows
    ]
