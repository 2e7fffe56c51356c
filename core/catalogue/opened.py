"""Whether the public is served at all (table `open_data`): off until an administrator says so."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import audit
from core.clock import rfc3339
from core.viewer import Viewer


class OpenDataObject(TypedDict):
    """`layers`: so many are marked for the public."""

    enabled: bool
    layers: int
    changed_by: str | None
    changed_at: str | None


def is_on(conn: Connection) -> bool:
    return bool(conn.scalar(text("SELECT enabled FROM open_data")))


def read_switch(conn: Connection) -> OpenDataObject:
    row = conn.execute(text("SELECT enabled, changed_by, changed_at FROM open_data")).one_or_none()
    return {
        "enabled": bool(row and row.enabled),
        "layers": int(conn.scalar(text("SELECT count(*) FROM catalogue_entry WHERE open")) or 0),
        "changed_by": row.changed_by if row else None,
        "changed_at": rfc3339(row.changed_at) if row else None,
    }


def switch(conn: Connection, *, enabled: bool, who: Viewer, now: datetime) -> OpenDataObject:
    conn.execute(
        text("""
INSERT INTO open_data (id, enabled, changed_by, changed_at) VALUES (1, :enabled, :who, :now)
ON CONFLICT (id) DO UPDATE SET enabled = EXCLUDED.enabled, changed_by = EXCLUDED.changed_by,
  changed_at = EXCLUDED.changed_at
"""),
        {"enabled": enabled, "who": who.username, "now": now},
    )
    audit.write(conn, who, "catalogue.open" if enabled else "catalogue.shut", now)
    return read_switch(conn)
