"""Opening incidents and moving them on. The caller owns the transaction; every step is logged and told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from core.errors import Conflict, InputError, NotFound
from core.exposure import city_zone
from core.faults import expects, listed
from core.i18n import say
from core.ids import new_id
from core.levels import in_a_sentence
from core.readings import place_and_what
from core.scope import Classification, alarm_classification
from core.types import LonLat
from core.vocabulary import ENDED_INCIDENT, IncidentStatus, Text, label, table
from dispatch import log
from dispatch.places import place_said

DEFAULT_LEVEL = 4
# one counter for all days, so that nobody waits for another's commit but beside the first incident of a day. A day
# counts from where the counter stood when it began: every serial taken once that row is seen is larger.
BEGIN_DAY = text("""
INSERT INTO incident_day (day, base)
SELECT :day, nextval('incident_serial') WHERE NOT EXISTS (SELECT 1 FROM incident_day WHERE day = :day)
ON CONFLICT (day) DO NOTHING
""")
NEXT_SERIAL = text("SELECT nextval('incident_serial') - base FROM incident_day WHERE day = :day")


@dataclass(frozen=True, slots=True)
class NewIncident:
    """What is known when an incident is opened; `level` None takes the kind's default, `where` None the door that its
    address or its text names (dispatch.places). `placed`: how `where` was found, if nobody said it."""

    kind: str
    titles: Text
    channel: str
    level: int | None = None
    where: LonLat | None = None
    placed: Text | None = None
    text: str | None = None
    address: str | None = None
    reporter: str | None = None
    report_id: str | None = None
    classification: int = Classification.OPEN
    # people directly in danger; None where nobody has said
    in_danger: int | None = None


def open_incident(
    conn: Connection, new: NewIncident, who: str, words: Text, now: datetime, tie: Callable[[UUID], None] | None = None
) -> UUID:
    """Open an incident and log it. `tie` ties to it, before the log is written, what it was opened from."""
    kind = table("incident_kinds").get(new.kind)
    if kind is None:
        raise InputError(
            f"kind: expected one of {', '.join(sorted(table('incident_kinds')))}; got {new.kind!r}",
            field="kind",
            about=expects("kind", "one_of", expected=listed(sorted(table("incident_kinds")))),
        )
    incident_id = new_id()
    where, placed = (new.where, new.placed) if new.where else place_said(conn, new.address, new.text)
    conn.execute(
        text(
            """
INSERT INTO incident (id, number, kind, level, status, titles, text, address, reporter, channel, report_id,
  classification, district, geom, opened_at, changed_at, opened_by, version, in_danger)
VALUES (:id, :number, :kind, :level, 'open', CAST(:titles AS jsonb), :text, :address, :reporter, :channel, :report,
  :classification, COALESCE((SELECT code FROM district WHERE ST_Covers(geom, ST_GeomFromEWKT(:geom)) LIMIT 1),
    '000000'),
  ST_GeomFromEWKT(:geom), :now, :now, :who, 1, :in_danger)
"""
        ),
        {
            "id": incident_id,
            "number": next_number(conn, now),
            "kind": new.kind,
            "level": new.level or kind.get("level", DEFAULT_LEVEL),
            "titles": json.dumps(new.titles),
            "text": new.text,
            "address": new.address,
            "reporter": new.reporter,
            "channel": new.channel,
            "report": new.report_id,
            "classification": new.classification,
            "in_danger": new.in_danger,
            "geom": where.ewkt if where else None,
            "now": now,
            "who": who,
        },
    )
    if tie is not None:
        tie(incident_id)
    log.write(conn, incident_id, "opened", who, words, now, channel=new.channel, report=new.report_id)
    if placed:
        log.write(conn, incident_id, "placed", who, placed, now)
    return incident_id


def next_number(conn: Connection, now: datetime) -> str:
    """Year, month, day of the city and a serial, as it is said over the radio: 20260504-0017. Numbers grow through the
    day; one that was taken by what was not opened after all is left out."""
    day = now.astimezone(ZoneInfo(city_zone(conn))).strftime("%Y%m%d")
    conn.execute(BEGIN_DAY, {"day": day})
    return f"{day}-{conn.scalar(NEXT_SERIAL, {'day': day}):04d}"


class Link(Protocol):
    """Notes at the alarm which incident was opened from it; alarms belong to others, who give us this."""

    def __call__(self, conn: Connection, alarm_id: UUID, incident_id: UUID, who: str, now: datetime) -> None: ...


def open_from_alarm(
    conn: Connection, alarm_id: UUID, link: Link, who: str, now: datetime, in_danger: int | None = None
) -> tuple[UUID, bool]:
    """The incident of an alarm, and whether it is new: opened by the first who asks, the same one for everybody
    after. `in_danger`: how many people are, as the first says."""
    alarm = conn.execute(
        text(
            f"""
SELECT id, kind, level, names, message, incident_id, {alarm_classification("thing_type", "thing_id")} AS classification,
  ST_X(geom) AS lon, ST_Y(geom) AS lat
FROM alarm WHERE id = :id FOR NO KEY UPDATE
"""
        ),
        {"id": alarm_id},
    ).one_or_none()
    if alarm is None:
        raise NotFound(f"there is no alarm {alarm_id}")
    if alarm.incident_id is not None:
        return alarm.incident_id, False
    words = say("incident.from_alarm", title=alarm.message)
    new = replace(new_from_alarm(alarm), in_danger=in_danger)
    return open_incident(conn, new, who, words, now, lambda i: link(conn, alarm_id, i, who, now)), True


def add_alarm(conn: Connection, incident_id: UUID, alarm_id: UUID, link: Link, who: str, now: datetime) -> None:
    """An alarm becomes part of an incident that is open. A repeat changes nothing."""
    alarm = conn.execute(
        text("SELECT names, incident_id FROM alarm WHERE id = :id FOR NO KEY UPDATE"), {"id": alarm_id}
    ).one_or_none()
    if alarm is None:
        raise NotFound(f"there is no alarm {alarm_id}", field="alarm")
    incident = lock_incident(conn, incident_id)
    if alarm.incident_id == incident_id:
        return
    if alarm.incident_id is not None:
        raise Conflict("alarm: it is part of another incident", reason="alarm_taken", field="alarm")
    if incident.status in ENDED_INCIDENT:
        raise has_ended(incident)
    link(conn, alarm_id, incident_id, who, now)
    log.change(conn, incident_id, "alarm", who, say("incident.add_alarm", name=alarm.names), now, alarm=alarm_id)


def has_ended(incident: Any, message: str = "", field: str | None = None) -> Conflict:
    """What is refused because of the status of the incident."""
    about = {"status": in_a_sentence(label("incident_statuses", incident.status))}
    told = message or f"the incident is {incident.status}"
    return Conflict(told, reason="incident_status", field=field, about=about)


def new_from_alarm(alarm: Any) -> NewIncident:
    kind = table("alarm_kinds").get(alarm.kind, {}).get("incident_kind", "other")
    return NewIncident(
        kind=kind,
        titles=place_and_what(alarm.names, label("alarm_kinds", alarm.kind)),
        channel="alarm",
        level=alarm.level,
        where=LonLat(alarm.lon, alarm.lat) if alarm.lon is not None else None,
        text=alarm.message["zh"],
        report_id=str(alarm.id),
        classification=alarm.classification,
    )


def lock_incident(conn: Connection, incident_id: UUID) -> Any:
    """The incident as it is, ours until the end of the transaction: after its alarm and before its units
    (docs/decisions/0016). Whoever has it, has its assignments too."""
    row = conn.execute(
        text(
            """
SELECT id, number, status, level, classification, kind, titles, version, in_danger, ST_X(geom) AS lon, ST_Y(geom) AS lat
  FROM incident
WHERE id = :id FOR NO KEY UPDATE
"""
        ),
        {"id": incident_id},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no incident {incident_id}")
    return row


def move(
    conn: Connection, incident_id: UUID, status: IncidentStatus, who: str, now: datetime, reason: str | None = None
) -> None:
    """Store a status and log it, with the reason that a person gave."""
    words = say("incident.status", status=label("incident_statuses", status))
    log.change(
        conn, incident_id, "status", who, because(words, reason), now, status, **({"reason": reason} if reason else {})
    )


def because(words: Text, reason: str | None, often: str = "withdraw_reasons") -> Text:
    """Words with the reason that a person gave, where they gave one: one of those often given (the table `often`) in
    both languages, another as it was typed."""
    given = (reason or "").strip()
    return say("incident.because", words=words, reason=label(often, given)) if given else words
