"""What a person does to an incident as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, text

from core.errors import Conflict, InputError
from core.faults import expects
from core.i18n import say
from core.levels import urgency
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


def set_status(
    conn: Connection,
    incident_id: UUID,
    status: IncidentStatus,
    who: str,
    now: datetime,
    version: int | None,
    reason: str | None = None,
) -> None:
    """A person moves an incident on; who withdraws one says why. Conflict where it has changed since they looked, or
    the step is not one."""
    if status is IncidentStatus.CANCELLED and not (reason and reason.strip()):
        raise InputError(
            "reason: expected why the incident is withdrawn", field="reason", about=expects("reason", "missing")
        )
    row = lock_version(conn, incident_id, version)
    if status == row.status:
        return
    if status not in ALLOWED[IncidentStatus(row.status)]:
        told = f"status: an incident that is {row.status} cannot become {status}"
        raise incidents.has_ended(row, told, "status")
    incidents.move(conn, incident_id, status, who, now, reason)
    if status in ENDED_INCIDENT:
        tasks.release_all(conn, incident_id, who, now)


def lock_version(conn: Connection, incident_id: UUID, version: int | None) -> Any:
    """The incident, ours. Conflict where it has changed since version `version` was seen."""
    row = incidents.lock_incident(conn, incident_id)
    if version is not None and version != row.version:
        raise Conflict(
            f"version: the incident has changed (it is at {row.version}, you saw {version})",
            reason="stale_version",
            field="version",
        )
    return row


def set_level(
    conn: Connection, incident_id: UUID, level: int, who: str, now: datetime, version: int | None, reason: str | None
) -> None:
    """A person says how urgent an incident is; nothing else changes that. It is scored anew."""
    row = lock_version(conn, incident_id, version)
    need_open(row)
    if level == row.level:
        return
    conn.execute(text("UPDATE incident SET level = :level, risk = NULL WHERE id = :id"), {"level": level, "id": row.id})
    words = incidents.because(say("incident.level", level=urgency(level)), reason)
    log.change(conn, incident_id, "level", who, words, now, level=level, before=row.level, reason=reason)


def set_in_danger(
    conn: Connection, incident_id: UUID, count: int | None, who: str, now: datetime, version: int | None
) -> None:
    """How many people are directly in danger, as a person says; None: nobody knows. It is scored anew."""
    row = lock_version(conn, incident_id, version)
    need_open(row)
    if count == row.in_danger:
        return
    conn.execute(
        text("UPDATE incident SET in_danger = :count, risk = NULL WHERE id = :id"), {"count": count, "id": row.id}
    )
    words = say("incident.in_danger.unknown") if count is None else say("incident.in_danger", n=count)
    log.change(conn, incident_id, "in_danger", who, words, now, in_danger=count, before=row.in_danger)


def add_note(conn: Connection, incident_id: UUID, note: str, who: str, now: datetime) -> None:
    """What somebody wants the others to know, in their own words."""
    incidents.lock_incident(conn, incident_id)
    log.change(conn, incident_id, "note", who, {"zh": note, "en": note}, now)


class TakeAlarms(Protocol):
    """Gives the alarms of one incident to another; alarms belong to others, who give us this. Locks them."""

    def __call__(self, conn: Connection, before: UUID, after: UUID, who: str, now: datetime) -> int: ...


def join(conn: Connection, incident_id: UUID, into: UUID, take_alarms: TakeAlarms, who: str, now: datetime) -> None:
    """Two reports of one thing become one incident: alarms, reports and units on their way go over, what they came from
    is withdrawn. Conflict where either has ended."""
    if incident_id == into:
        raise InputError("into: expected another incident", field="into", about=expects("into", "another_incident"))
    alarms = take_alarms(conn, incident_id, into, who, now)
    rows = {i: incidents.lock_incident(conn, i) for i in sorted((incident_id, into))}
    for row in rows.values():
        need_open(row)
    # both tell of the same people
    conn.execute(
        text(
            "UPDATE incident i SET in_danger = GREATEST(i.in_danger, o.in_danger), risk = NULL FROM incident o "
            "WHERE i.id = :into AND o.id = :id AND o.in_danger IS NOT NULL"
        ),
        {"id": incident_id, "into": into},
    )
    conn.execute(
        text("UPDATE incident_report SET incident_id = :into WHERE incident_id = :id"),
        {"id": incident_id, "into": into},
    )
    units = tasks.move_all(conn, incident_id, into, who, now)
    gone = say("incident.joined", title=rows[into].titles, number=rows[into].number)
    log.change(conn, incident_id, "joined", who, gone, now, IncidentStatus.CANCELLED, into=into)
    taken = say("incident.took_in", title=rows[incident_id].titles, number=rows[incident_id].number)
    log.change(conn, into, "took_in", who, taken, now, other=incident_id, alarms=alarms, units=units)
    tasks.follow(conn, into, who, now)
    for unit in units:
        tasks.send_running_task(conn, unit, now)


def need_open(row: Any) -> None:
    if row.status in ENDED_INCIDENT:
        raise incidents.has_ended(row)


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
