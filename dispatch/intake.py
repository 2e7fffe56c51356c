"""Intake: reports that ingest wrote become incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from core import set_aside
from core.i18n import say
from core.types import LonLat
from core.vocabulary import label, table
from dispatch import incidents
from dispatch.incidents import NewIncident

CLAIM_REPORTS = text(f"""
SELECT * FROM incident_report r WHERE handled_at IS NULL
  AND {set_aside.resting("report", "r.channel || '/' || r.report_id")}
ORDER BY received_at, channel, report_id LIMIT :most FOR UPDATE SKIP LOCKED
""")
HANDLED = text(
    """
UPDATE incident_report SET handled_at = :now, incident_id = :incident
WHERE channel = :channel AND report_id = :report
"""
)


def claim_reports(conn: Connection, now: datetime, most: int = 100) -> int:
    """Make incidents of the reports that ingest wrote; returns how many there were. One that cannot be is put aside."""
    rows = conn.execute(CLAIM_REPORTS, {"most": most, "now": now}).all()
    set_aside.each(
        conn, "report", rows, lambda row: f"{row.channel}/{row.report_id}", lambda row: open_report(conn, row, now), now
    )
    return len(rows)


def open_report(conn: Connection, row: Any, now: datetime) -> None:
    new = NewIncident(
        kind=row.kind if row.kind in table("incident_kinds") else "other",
        titles={"zh": row.title, "en": row.title},
        channel=row.channel,
        level=row.level,
        where=LonLat(row.lon, row.lat) if row.lon is not None else None,
        text=row.text,
        address=row.address,
        reporter=row.reporter,
        report_id=row.report_id,
        in_danger=row.in_danger,
    )
    words = say("incident.from_report", channel=label("channels", row.channel), title=row.title)
    incident_id = incidents.open_incident(conn, new, row.reporter or row.channel, words, now)
    conn.execute(HANDLED, {"now": now, "incident": incident_id, "channel": row.channel, "report": row.report_id})
