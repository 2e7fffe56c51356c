"""The incident's append-only log."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from core.clock import rfc3339
from core.vocabulary import Text


def write(conn: Connection, incident_id: UUID, what: str, who: str, words: Text, now: datetime, **data: Any) -> None:
    """Add one entry. `words` say it in both languages, `data` for machines."""
    conn.execute(
        text(
            "INSERT INTO incident_event (incident_id, time, what, who, text, data) "
            "VALUES (:id, :now, :what, :who, CAST(:words AS jsonb), CAST(:data AS jsonb))"
        ),
        {
            "id": incident_id,
            "now": now,
            "what": what,
            "who": who,
            "words": json.dumps(words),
            "data": json.dumps(data, default=str),
        },
    )


def read(conn: Connection, incident_id: UUID) -> list[dict[str, Any]]:
    """Entries in the order they were written."""
    rows = conn.execute(
        text("SELECT id, time, what, who, text, data FROM incident_event WHERE incident_id = :id ORDER BY id"),
        {"id": incident_id},
    )
    return [
        {"id": r.id, "time": rfc3339(r.time), "what": r.what, "who": r.who, "text": r.text, "data": r.data}
        for r in rows
    ]
