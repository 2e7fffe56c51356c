"""The past as rows: what an append-only history kept of a thing, with the columns and types that the living row has.

Events keep the whole row after the change as jsonb (`after`), written in the transaction that changes what is live.
Here it becomes a row again, so that the past is made into objects by the same code as the present.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.clock import rfc3339
from core.types import JsonObject

TIMES = frozenset({"shelved_until", "chattering_since", "time", "expires", "sent"})
FLOATS = frozenset({"value", "lon", "lat", "eta_s", "distance_m", "heading", "speed", "battery", "interval_s", "score"})


def kept(alias: str, geometry: str = "geom") -> str:
    """SQL: the whole row `alias` as jsonb, its point as lon and lat."""
    place = f"{alias}.{geometry}"
    return f"to_jsonb({alias}) - '{geometry}' || jsonb_build_object('lon', ST_X({place}), 'lat', ST_Y({place}))"


def as_row(row: Mapping[str, Any], /, **more: Any) -> Any:
    """What was kept, as a row: moments are moments again, measured numbers floats."""
    return SimpleNamespace(**{name: _typed(name, value) for name, value in row.items()}, **more)


def _typed(name: str, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str) and (name.endswith("_at") or name in TIMES):
        return datetime.fromisoformat(value)
    return float(value) if name in FLOATS and isinstance(value, int) else value


def known_since(conn: Connection) -> datetime:
    """From when on the histories are whole: of the time before, what is not known is said and not guessed."""
    since: datetime = conn.execute(text("SELECT since FROM history_start")).scalar_one()
    return since


# --- things that stand in the city: the row before and after ----------------------------------------------------------

THINGS = ("asset", "sensor", "camera")


def row_of(conn: Connection, table: str, identity: str) -> JsonObject | None:
    """The row of a thing as histories keep it."""
    row: JsonObject | None = conn.scalar(text(f"SELECT {kept('t')} FROM {table} t WHERE id = :id"), {"id": identity})
    return row


def write_thing(
    conn: Connection,
    table: str,
    identity: str,
    what: str,
    who: str,
    before: JsonObject | None,
    now: datetime,
    source: str | None = None,
) -> None:
    """Write down that a thing has changed from `before` (row_of) to what it is now; `source`: by what (a file, the
    API)."""
    conn.execute(
        text(
            "INSERT INTO asset_event (type, thing_id, time, what, who, source, before, after) VALUES "
            "(:type, :id, :now, :what, :who, :source, CAST(:before AS jsonb), CAST(:after AS jsonb))"
        ),
        {
            "type": table,
            "id": identity,
            "now": now,
            "what": what,
            "who": who,
            "source": source,
            "before": _json(before),
            "after": _json(row_of(conn, table, identity)),
        },
    )


def _json(row: JsonObject | None) -> str | None:
    return None if row is None else json.dumps(row, ensure_ascii=False)


def write_version(
    conn: Connection, table: str, identity: str, what: str, who: str, now: datetime, why: str | None = None
) -> None:
    """Keep the rule or source as it stands now under its version; of some tables with why."""
    column, value = (", why", ", :why") if why is not None else ("", "")
    conn.execute(
        text(
            f"INSERT INTO {table}_version ({table}_id, version, time, what, who, after{column}) "
            f"SELECT t.id, t.version, :now, :what, :who, to_jsonb(t){value} FROM {table} t WHERE id = :id"
        ),
        {"id": identity, "now": now, "what": what, "who": who, "why": why},
    )


class VersionHead(TypedDict):
    """Which version, from when on, what was done to make it so, by whom and why."""

    version: int
    time: str
    what: str
    who: str
    why: str | None


def read_versions(conn: Connection, table: str, identity: str) -> list[tuple[VersionHead, Mapping[str, Any]]]:
    """What a thing was, the newest first: the head of each version, and its row then."""
    rows = conn.execute(
        text(
            f"SELECT version, time, what, who, why, after FROM {table}_version WHERE {table}_id = :id "
            "ORDER BY version DESC"
        ),
        {"id": identity},
    )
    return [
        ({"version": r.version, "time": rfc3339(r.time), "what": r.what, "who": r.who, "why": r.why}, r.after)
        for r in rows
    ]


def was(table: str) -> str:
    """SQL of rows of a thing's table as they were at `:at`: (id, row). One that came later is not among them."""
    return f"""
SELECT t.id, CASE WHEN e.thing_id IS NULL THEN {kept("t")} ELSE e.before END AS row FROM {table} t
LEFT
JOIN LATERAL (SELECT thing_id, before FROM asset_event WHERE type = '{table}' AND thing_id = t.id AND time > :at
  ORDER BY id LIMIT 1) e ON true
WHERE e.thing_id IS NULL OR e.before IS NOT NULL UNION ALL
SELECT thing_id, before
FROM (SELECT DISTINCT ON (thing_id) thing_id, before FROM asset_event WHERE type = '{table}' AND time > :at
  ORDER BY thing_id, id) g
WHERE g.before IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.id = g.thing_id)
"""
