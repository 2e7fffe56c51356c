"""A subscription whose receiver is gone is stopped, and says why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from core.db import notify_change
from core.history import write_version

SYSTEM = "engine"


def stop(conn: Connection, identity: str, why: str, now: datetime) -> None:
    """Its own people, and administrators, see why and can switch it on again."""
    conn.execute(
        text(
            "UPDATE subscription SET enabled = false, stopped_why = :why, version = version + 1, changed_at = :now, "
            "changed_by = :who WHERE id = :id"
        ),
        {"id": identity, "why": why, "now": now, "who": SYSTEM},
    )
    write_version(conn, "subscription", identity, "stopped", SYSTEM, now, why)
    notify_change(conn, "subscription", [identity])
