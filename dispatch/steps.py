"""What a person does to an incident as a whole."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from core.errors import Conflict
from core.vocabulary import ENDED_INCIDENT, IncidentStatus
from dispatch import incidents, tasks

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


def set_status(
    conn: Connection, incident_id: UUID, status: IncidentStatus, who: str, now: datetime, version: int | None
) -> None:
    """A person moves an incident on. Conflict where it has changed since they looked, or the step is not one."""
    row = incidents.lock_incident(conn, incident_id)
    if version is not None and version != row.version:
        raise Conflict(
            f"version: the incident has changed (it is at {row.version}, you saw {version})",
            reason="stale_version",
            field="version",
        )
    if status == row.status:
        return
    if status not in ALLOWED[IncidentStatus(row.status)]:
        raise Conflict(
            f"status: an incident that is {row.status} cannot become {status}", reason="incident_status", field="status"
        )
    incidents.move(conn, incident_id, status, who, now)
    if status in ENDED_INCIDENT:
        tasks.release_all(conn, incident_id, who, now)
