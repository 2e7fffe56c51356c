"""Units: read for decisions, taken into use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from core.db import notify_change
from core.errors import Conflict, InputError
from core.faults import expects, listed
from core.scope import EVERYTHING, Scope, seen_unit, unit_district
from core.types import LonLat
from core.vocabulary import Text, needs_of, table
from dispatch.present import OVER, Incident
from dispatch.recommend import Candidate, missing
from dispatch.tasks import WRITE_UNIT


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


def read_missing(conn: Connection, incident: Incident) -> tuple[str, ...]:
    """What the incident needs that nobody who is on it brings, the most important first."""
    running = [a["unit"] for a in incident["assignments"] if a["status"] not in OVER]
    sent = conn.scalars(text("SELECT capabilities FROM unit WHERE id = ANY(:ids)"), {"ids": running}).all()
    return missing(needs_of(incident["kind"], incident["level"]), sent)


@dataclass(frozen=True, slots=True)
class UnitTold:
    """What a person says of a unit; `home` is where it stands when it has not said where it is."""

    kind: str
    name_zh: str
    name_en: str
    capabilities: Sequence[str] = ()
    station: str | None = None
    home: LonLat | None = None


# a unit that has told its status before stands in that, unless it was of an assignment that it never had
_REGISTER = text("""
INSERT INTO unit (id, kind, name_zh, name_en, capabilities, status, status_at, station, home)
SELECT :id, :kind, :zh, :en, :capabilities, COALESCE(r.status, 'available'), COALESCE(r.time, :now), :station,
  ST_GeomFromEWKT(COALESCE(CAST(:home AS text), (SELECT ST_AsEWKT(geom) FROM facility WHERE id = :station)))
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (SELECT status, time FROM unit_report WHERE unit_id = :id AND time <= :now
  ORDER BY time DESC LIMIT 1) r ON r.status IN ('available', 'out_of_service')
ON CONFLICT (id) DO NOTHING
""")


def register_unit(conn: Connection, unit_id: str, told: UnitTold, who: str, now: datetime) -> None:
    """Take a unit into use; where it has sent positions it stands there at once. Conflict where it is registered."""
    check_words("unit_kinds", "kind", told.kind)
    for capability in told.capabilities:
        check_words("capabilities", "capabilities", capability)
    given = {
        "id": unit_id,
        "kind": told.kind,
        "zh": told.name_zh,
        "en": told.name_en,
        "capabilities": sorted(set(told.capabilities)),
        "station": told.station,
        "home": told.home.ewkt if told.home else None,
        "now": now,
    }
    if conn.execute(_REGISTER, given).rowcount == 0:
        raise Conflict("id: the unit is registered already", reason="not_pending", field="id")
    conn.execute(WRITE_UNIT, {"id": unit_id, "what": "accepted", "who": who, "now": now})
    notify_change(conn, "unit", [unit_id])


def rename_unit(conn: Connection, unit_id: str, names: Text, who: str, now: datetime) -> None:
    """Call a unit that is there otherwise."""
    conn.execute(text("UPDATE unit SET name_zh = :zh, name_en = :en WHERE id = :id"), {"id": unit_id, **names})
    conn.execute(WRITE_UNIT, {"id": unit_id, "what": "renamed", "who": who, "now": now})
    notify_change(conn, "unit", [unit_id])


def check_words(name: str, field: str, word: str) -> None:
    if word not in table(name):
        raise InputError(
            f"{field}: expected one of {', '.join(table(name))}; got {word[:60]!r}",
            field=field,
            about=expects(field, "one_of", expected=listed(list(table(name)))),
        )
