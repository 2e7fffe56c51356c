"""Sending units and hearing from them: assignments, milestones, unit status. The caller owns the transaction, and does
one act in it: an incident is locked before its units, and who has a unit cannot go on to another incident
(docs/decisions/0016)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from core import outbox, set_aside
from core.db import notify_change
from core.errors import LOST_RACE, Conflict, NotFound
from core.history import kept
from core.i18n import say
from core.ids import new_id
from core.levels import in_a_sentence
from core.vocabulary import ENDED_INCIDENT, IncidentStatus, TaskReply, Text, UnitStatus, label
from dispatch import incidents, log
from dispatch.present import task_object

# reply -> (milestone, unit status while it lasts, whether the assignment has ended)
STEPS: dict[TaskReply, tuple[str, UnitStatus, bool]] = {
    TaskReply.ACCEPTED: ("accepted_at", UnitStatus.ASSIGNED, False),
    TaskReply.EN_ROUTE: ("en_route_at", UnitStatus.EN_ROUTE, False),
    TaskReply.ON_SCENE: ("on_scene_at", UnitStatus.ON_SCENE, False),
    TaskReply.CLEAR: ("clear_at", UnitStatus.AVAILABLE, True),
    TaskReply.DECLINED: ("", UnitStatus.AVAILABLE, True),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ORDER = ("assigned", "accepted", "en_route", "on_scene", "clear")
BY_STATUS = {
    UnitStatus.EN_ROUTE: TaskReply.EN_ROUTE,
    UnitStatus.ON_SCENE: TaskReply.ON_SCENE,
    UnitStatus.AVAILABLE: TaskReply.CLEAR,
}
# more than this is a clock that is wrong (ingest.quality has the same of readings)
CLOCK_AHEAD = timedelta(minutes=5)
# how often we look which incident a unit is on before we say that it moves too fast
LOOKS = 10
OF_INCIDENT = text("SELECT id FROM alarm WHERE incident_id = :id ORDER BY id")
OF_ASSIGNMENT = text("SELECT incident_id, unit_id FROM assignment WHERE id = :id")
WRITE_UNIT = text(f"""
INSERT INTO unit_event (unit_id, time, what, who, status, incident_id, assignment_id, after)
SELECT u.id, :now, :what, :who, u.status, s.incident_id, s.id,
  {kept("u", "home")} || jsonb_build_object('incident_id', s.incident_id)
FROM unit u LEFT JOIN assignment s ON s.unit_id = u.id AND s.ended_at IS NULL WHERE u.id = :id
""")


def assign(
    conn: Connection,
    incident_id: UUID,
    unit_id: str,
    who: str,
    now: datetime,
    eta_s: float | None,
    distance_m: float | None,
) -> UUID:
    """Send a free unit. Conflict where it is not free or the incident has ended. A repeat for the same pair changes
    nothing."""
    incident = incidents.lock_incident(conn, incident_id)
    if incident.status in ENDED_INCIDENT:
        raise incidents.has_ended(incident)
    unit = lock_unit(conn, unit_id)
    held = conn.execute(RUNNING, {"unit": unit_id}).one_or_none()
    if held is not None and held.incident_id == incident_id:
        same: UUID = held.id
        return same
    if held is not None or unit.status != UnitStatus.AVAILABLE:
        raise busy(unit, f"unit: {unit_id} is {unit.status}, not available", "unit")
    assignment_id = new_id()
    conn.execute(
        text(
            "INSERT INTO assignment (id, incident_id, unit_id, status, assigned_by, assigned_at, eta_s, distance_m) "
            "VALUES (:id, :incident, :unit, 'assigned', :who, :now, :eta, :distance)"
        ),
        {
            "id": assignment_id,
            "incident": incident_id,
            "unit": unit_id,
            "who": who,
            "now": now,
            "eta": eta_s,
            "distance": distance_m,
        },
    )
    set_unit_status(conn, unit_id, UnitStatus.ASSIGNED, who, now)
    # whose unit it is sees them from now on
    notify_change(conn, "alarm", conn.scalars(OF_INCIDENT, {"id": incident_id}).all())
    log.change(conn, incident_id, "assigned", who, say("incident.assigned", unit=unit_names(unit)), now, unit=unit_id)
    follow(conn, incident_id, who, now)
    send_task(conn, assignment_id, unit_id, now)
    return assignment_id


LOCK_UNITS = text("SELECT id, status, name_zh, name_en FROM unit WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
RUNNING = text("SELECT id, incident_id, status FROM assignment WHERE unit_id = :unit AND ended_at IS NULL")


def lock_units(conn: Connection, unit_ids: Sequence[str]) -> Sequence[Any]:
    """These units as they are, in the order of their ids, ours until the end of the transaction. Whoever also needs
    their incident has locked that before (docs/decisions/0016)."""
    return conn.execute(LOCK_UNITS, {"ids": list(unit_ids)}).all()


def lock_unit(conn: Connection, unit_id: str) -> Any:
    rows = lock_units(conn, [unit_id])
    if not rows:
        raise NotFound(f"unit: there is no unit {unit_id!r}", field="unit")
    return rows[0]


class _Moved(Exception):
    """The unit was sent elsewhere while we waited for it."""


def hold_unit(conn: Connection, unit_id: str) -> tuple[Any, Any]:
    """Lock a unit and, before it, the incident that it is on; the unit and its running assignment, None without one.
    Which incident that is, is only sure once both are ours: where it was another, we let go and look again."""
    for _ in range(LOOKS):
        running = conn.execute(RUNNING, {"unit": unit_id}).one_or_none()
        with contextlib.suppress(_Moved), conn.begin_nested():
            if running is not None:
                incidents.lock_incident(conn, running.incident_id)
            unit = lock_unit(conn, unit_id)
            now_running = conn.execute(RUNNING, {"unit": unit_id}).one_or_none()
            if incident_of(now_running) != incident_of(running):
                raise _Moved
            return unit, now_running
    raise Conflict(f"unit: {unit_id} is sent elsewhere again and again just now; try again", reason=LOST_RACE)


def incident_of(assignment: Any) -> UUID | None:
    return None if assignment is None else assignment.incident_id


def unit_names(unit: Any) -> dict[str, str]:
    return {"zh": unit.name_zh, "en": unit.name_en}


def busy(unit: Any, message: str, field: str) -> Conflict:
    about = {"unit": unit_names(unit), "status": in_a_sentence(label("unit_statuses", unit.status))}
    return Conflict(message, reason="unit_busy", field=field, about=about)


def set_unit_status(conn: Connection, unit_id: str, status: UnitStatus, who: str, now: datetime) -> None:
    """Store it and write the unit down as it is after it, with the incident it is on; assignments are written
    before."""
    conn.execute(
        text("UPDATE unit SET status = :status, status_at = :now WHERE id = :id AND status <> :status"),
        {"status": status, "now": now, "id": unit_id},
    )
    conn.execute(WRITE_UNIT, {"id": unit_id, "now": now, "what": "status", "who": who})
    notify_change(conn, "unit", [unit_id])


def send_task(conn: Connection, assignment_id: UUID, unit_id: str, now: datetime) -> None:
    """Queue the task for its unit; the alerts runner carries it to the broker."""
    task = task_object(conn, assignment_id)
    body = json.dumps(task, ensure_ascii=False)
    outbox.queue_message(conn, str(assignment_id), str(task["state"]), f"task/{unit_id}", body, now)


def reply(
    conn: Connection,
    assignment_id: UUID,
    answer: TaskReply,
    who: str,
    at: datetime,
    now: datetime,
    note: str | None,
    clock: datetime | None = None,
) -> bool:
    """A milestone of an assignment, reached `at`. Milestones only go forward; what has ended stays ended. False where
    nothing changed. `clock`: what the unit's said, where that is not believed."""
    row = conn.execute(OF_ASSIGNMENT, {"id": assignment_id}).one_or_none()
    if row is None:
        return False
    incidents.lock_incident(conn, row.incident_id)
    unit = lock_unit(conn, row.unit_id)
    assignment = conn.execute(RUNNING, {"unit": row.unit_id}).one_or_none()
    if assignment is None or assignment.id != assignment_id:
        return False
    return advance(conn, assignment, unit, answer, who, at, now, note, clock)


def advance(
    conn: Connection,
    assignment: Any,
    unit: Any,
    answer: TaskReply,
    who: str,
    at: datetime,
    now: datetime,
    note: str | None,
    clock: datetime | None,
) -> bool:
    """The same of an assignment that runs, whose incident and unit are ours."""
    if not is_forward(assignment.status, answer):
        return False
    column, unit_status, ended = STEPS[answer]
    stamp = f", {column} = :at" if column else ""
    conn.execute(
        text(
            f"""
UPDATE assignment SET status = :status{stamp}, ended_at = CASE WHEN :ended THEN CAST(:now AS timestamptz) END
WHERE id = :id
"""
        ),
        {"status": answer, "at": at, "ended": ended, "now": now, "id": assignment.id},
    )
    set_unit_status(conn, unit.id, unit_status, who, now)
    data = {"unit": unit.id, "state": answer, "note": note, "at": at}
    if clock is not None:
        data["clock"] = clock
    words = incidents.because(told_of(unit, answer, at, clock), note, "decline_reasons")
    log.change(conn, assignment.incident_id, "reply", who, words, now, **data)
    follow(conn, assignment.incident_id, who, now)
    return True


def is_forward(status: str, answer: TaskReply) -> bool:
    if answer is TaskReply.DECLINED:
        return status in ("assigned", "accepted")
    return ORDER.index(answer) > ORDER.index(status)


def told_of(unit: Any, answer: TaskReply, at: datetime, clock: datetime | None) -> Text:
    """The milestone in words; a clock that is wrong, and not just a little ahead, is named."""
    said = {"unit": unit_names(unit), "status": reply_words(answer)}
    if clock is not None and at - clock > CLOCK_AHEAD:
        return say("incident.reply_behind", **said, minutes=round((at - clock).total_seconds() / 60))
    if clock is None or clock - at <= CLOCK_AHEAD:
        return say("incident.reply", **said)
    return say("incident.reply_ahead", **said, minutes=round((clock - at).total_seconds() / 60))


def believe(row: Any) -> tuple[datetime, datetime | None]:
    """When what a unit tells of was so: at its own time, and no later than we heard of it; and what its clock said
    where that was ahead of ours."""
    return (row.time, None) if row.time <= row.received_at else (row.received_at, row.time)


def reply_words(answer: TaskReply) -> dict[str, str]:
    return label("milestones", answer)


def follow(conn: Connection, incident_id: UUID, who: str, now: datetime) -> None:
    """Let the incident's status follow its assignments: the furthest that any unit has come; clear when all are."""
    incident = incidents.lock_incident(conn, incident_id)
    rows = conn.execute(
        text("SELECT status, ended_at FROM assignment WHERE incident_id = :id"), {"id": incident_id}
    ).all()
    wanted = status_of([(row.status, row.ended_at is None) for row in rows])
    if incident.status not in ENDED_INCIDENT and wanted != incident.status:
        incidents.move(conn, incident_id, wanted, who, now)


def status_of(assignments: list[tuple[str, bool]]) -> IncidentStatus:
    """Pure: the incident's status from its assignments' (status, still running)."""
    running = [status for status, active in assignments if active]
    if running:
        furthest = max(ORDER.index(status) for status in running)
        return IncidentStatus({"accepted": "assigned"}.get(ORDER[furthest], ORDER[furthest]))
    done = any(status == "clear" for status, _ in assignments)
    return IncidentStatus.CLEAR if done else IncidentStatus.OPEN


def release_all(conn: Connection, incident_id: UUID, who: str, now: datetime) -> None:
    """The incident, which is ours, has ended: whoever is still on it is free again and told so."""
    running = conn.execute(
        text("SELECT id, unit_id FROM assignment WHERE incident_id = :id AND ended_at IS NULL ORDER BY unit_id"),
        {"id": incident_id},
    ).all()
    units = lock_units(conn, [row.unit_id for row in running])
    conn.execute(
        text("UPDATE assignment SET status = 'cancelled', ended_at = :now WHERE id = ANY(:ids)"),
        {"now": now, "ids": [row.id for row in running]},
    )
    for row, unit in zip(running, units, strict=True):
        set_unit_status(conn, unit.id, UnitStatus.AVAILABLE, who, now)
        words = say("incident.released", unit=unit_names(unit))
        log.change(conn, incident_id, "released", who, words, now, unit=unit.id)
        send_task(conn, row.id, unit.id, now)


def recall(conn: Connection, incident_id: UUID, unit_id: str, who: str, now: datetime, reason: str | None) -> None:
    """A person takes a unit off an incident; it is free again and told so. Conflict where it is not on it."""
    incidents.lock_incident(conn, incident_id)
    unit = lock_unit(conn, unit_id)
    running = conn.execute(RUNNING, {"unit": unit_id}).one_or_none()
    if running is None or running.incident_id != incident_id:
        raise Conflict(f"unit: {unit_id} is not on this incident", reason="no_task", field="unit")
    conn.execute(
        text("UPDATE assignment SET status = 'cancelled', ended_at = :now WHERE id = :id"),
        {"now": now, "id": running.id},
    )
    set_unit_status(conn, unit_id, UnitStatus.AVAILABLE, who, now)
    words = incidents.because(say("incident.released", unit=unit_names(unit)), reason)
    log.change(conn, incident_id, "released", who, words, now, unit=unit_id, reason=reason)
    follow(conn, incident_id, who, now)
    send_task(conn, running.id, unit_id, now)


def move_all(conn: Connection, incident_id: UUID, into: UUID, who: str, now: datetime) -> list[str]:
    """Who is on one incident is on the other from now on; both are ours. Returns the units."""
    moved = conn.execute(
        text(
            """
UPDATE assignment SET incident_id = :into WHERE incident_id = :id AND ended_at IS NULL RETURNING unit_id
"""
        ),
        {"id": incident_id, "into": into},
    )
    units = sorted(moved.scalars())
    for unit in lock_units(conn, units):
        conn.execute(WRITE_UNIT, {"id": unit.id, "now": now, "what": "moved", "who": who})
    notify_change(conn, "unit", units)
    return units


def send_running_task(conn: Connection, unit_id: str, now: datetime) -> None:
    """Tell a unit its task anew: what it is sent to has changed."""
    send_task(conn, conn.execute(RUNNING, {"unit": unit_id}).one().id, unit_id, now)


def report_status(
    conn: Connection,
    unit_id: str,
    status: UnitStatus,
    who: str,
    at: datetime,
    now: datetime,
    clock: datetime | None = None,
) -> None:
    """A unit's own word or a dispatcher's. With a running assignment it is a milestone of that, as `reply` has it."""
    unit, running = hold_unit(conn, unit_id)
    if running is not None and status in BY_STATUS:
        advance(conn, running, unit, BY_STATUS[status], who, at, now, None, clock)
        return
    if running is not None and status is UnitStatus.OUT_OF_SERVICE:
        raise busy(unit, f"status: {unit_id} is on an incident", "status")
    if running is None and status in (UnitStatus.AVAILABLE, UnitStatus.OUT_OF_SERVICE):
        set_unit_status(conn, unit_id, status, who, now)
        return
    if unit.status != status:
        raise Conflict(f"status: {unit_id} has no task to be {status} on", reason="no_task", field="status")


REPLY_KEY = "r.unit_id || '/' || r.task_id || '/' || r.state || '/' || extract(epoch FROM r.time)::text"
CLAIM_REPLIES = text(f"""
SELECT * FROM task_reply r WHERE handled_at IS NULL
  AND {set_aside.resting("reply", REPLY_KEY)}
ORDER BY time, received_at LIMIT :most FOR UPDATE SKIP LOCKED
""")
REPLY_HANDLED = text(
    """
UPDATE task_reply SET handled_at = :now
WHERE unit_id = :unit AND task_id = :task AND time = :time AND state = :state
"""
)
CLAIM_UNIT_REPORTS = text(f"""
SELECT * FROM unit_report r WHERE handled_at IS NULL
  AND {set_aside.resting("unit_report", "r.unit_id || '/' || extract(epoch FROM r.time)::text")}
ORDER BY time LIMIT :most FOR UPDATE SKIP LOCKED
""")
UNIT_REPORT_HANDLED = text("UPDATE unit_report SET handled_at = :now WHERE unit_id = :unit AND time = :time")


def epoch(moment: datetime) -> str:
    """Seconds since 1970 as PostgreSQL writes them, for keys that name a moment."""
    micros = (moment - EPOCH) // timedelta(microseconds=1)
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def claim_replies(conn: Connection, now: datetime, most: int = 1) -> int:
    """Take in the task replies that ingest wrote, oldest first; one that cannot be is put aside. Each is an act of its
    own: more than one in a transaction only where nobody else writes."""
    rows = conn.execute(CLAIM_REPLIES, {"most": most, "now": now}).all()
    set_aside.each(
        conn,
        "reply",
        rows,
        lambda r: f"{r.unit_id}/{r.task_id}/{r.state}/{epoch(r.time)}",
        lambda r: take_reply(conn, r, now),
        now,
    )
    return len(rows)


def take_reply(conn: Connection, row: Any, now: datetime) -> None:
    if _owner(conn, row.task_id) == row.unit_id:
        at, clock = believe(row)
        reply(conn, UUID(row.task_id), TaskReply(row.state), row.unit_id, at, now, row.text, clock)
    given = {"now": now, "unit": row.unit_id, "task": row.task_id, "time": row.time, "state": row.state}
    conn.execute(REPLY_HANDLED, given)


def _owner(conn: Connection, task_id: str) -> str | None:
    """Whose task it is; None for ids that are none of ours."""
    try:
        key = UUID(task_id)
    except ValueError:
        return None
    owner: str | None = conn.scalar(text("SELECT unit_id FROM assignment WHERE id = :id"), {"id": key})
    return owner


def claim_unit_reports(conn: Connection, now: datetime, most: int = 1) -> int:
    """Take in the statuses that units sent. A status that cannot be is noted as handled and changes nothing. Each is an
    act of its own, as a reply is."""
    rows = conn.execute(CLAIM_UNIT_REPORTS, {"most": most, "now": now}).all()
    set_aside.each(
        conn,
        "unit_report",
        rows,
        lambda r: f"{r.unit_id}/{epoch(r.time)}",
        lambda r: take_unit_report(conn, r, now),
        now,
    )
    return len(rows)


def take_unit_report(conn: Connection, row: Any, now: datetime) -> None:
    at, clock = believe(row)
    try:
        report_status(conn, row.unit_id, UnitStatus(row.status), row.unit_id, at, now, clock)
    except (Conflict, NotFound) as exc:
        if exc.reason == LOST_RACE:
            raise
        # said of a unit that cannot be in that state: kept in unit_report, without effect
    conn.execute(UNIT_REPORT_HANDLED, {"now": now, "unit": row.unit_id, "time": row.time})
