"""What a person does to an incident as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from core.errors import Conflict
from core.i18n import say
from core.vocabulary import ENDED_INCIDENT, IncidentStatus, label
from dispatch import incidents, log, tasks

# from -> to that a person may choose; assignments move it on by themselves
ALLOWED = {
    IncidentStatus.OPEN: {"assigned", "en_route", "on_scene", "clear", "closed", "cancelled"},
    IncidentStatus.ASSIGNED: {"open", "en_route", "on_scene", "clear", "closed", "cancelled"},
    IncidentStatus.EN_ROUTE: {"on_scene", "clear", "closed", "cancelled"},
    IncidentStatus.ON_SCENE: {"clear", "closed", "cancelled"},
    IncidentStatus.CLEAR: {"closed", "on_scene"},
    IncidentStatus.CLOSED: {"open"},
    IncidentStatus.CANCELLED: {"open"},
}


def lock_version(conn: Connection, incident_id: UUID, version: int | None) -> Any:
    """The incident, ours; Conflict where it has changed since a person looked."""
    row = incidents.lock_incident(conn, incident_id)
    if version is not None and version != row.version:
        raise Conflict(
            f"version: the incident has changed (it is at {row.version}, you saw {version})",
            reason="stale_version",
            field="version",
        )
    return row


def set_status(
    conn: Connection, incident_id: UUID, status: IncidentStatus, who: str, now: datetime, version: int | None
) -> None:
    """A person moves an incident on. Conflict where it has changed since they looked, or the step is not one."""
    row = lock_version(conn, incident_id, version)
    if status == row.status:
        return
    if status not in ALLOWED[IncidentStatus(row.status)]:
        raise Conflict(
            f"status: an incident that is {row.status} cannot become {status}", reason="incident_status", field="status"
        )
    incidents.move(conn, incident_id, status, who, now)
    if status in ENDED_INCIDENT:
        tasks.release_all(conn, incident_id, who, now)


def classify(
    conn: Connection, incident_id: UUID, classification: int, who: str, now: datetime, version: int | None
) -> None:
    """A person says how far it may be shown; the log says from what to what."""
    row = lock_version(conn, incident_id, version)
    if classification == row.classification:
        return
    conn.execute(
        text("UPDATE incident SET classification = :classification WHERE id = :id"),
        {"classification": classification, "id": incident_id},
    )
    words = say("incident.classified", classification=label("classifications", str(classification)))
    log.change(conn, incident_id, "classified", who, words, now, classification=classification, was=row.classification)
