"""/api/incidents"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from alerts import store
from alerts.present import read_alarms
from app.api.shapes import (
    AddAlarmIn,
    AssignIn,
    ExcerptDep,
    IncidentChange,
    IncidentIn,
    JoinIn,
    LevelIn,
    Limit,
    Name,
    NoteIn,
    RecallIn,
    StatusIn,
    page,
    parse_choices,
    parse_number,
    part,
)
from app.deps import Conn, Now, PartsDep, Who
from app.seeing import as_seen, need_own, need_seen
from core import audit
from core.errors import InputError
from core.i18n import say
from core.nouns import Page
from core.types import LonLat, place_of
from core.viewer import Permission
from core.vocabulary import ENDED_INCIDENT, IncidentStatus, Text, needs_of
from dispatch import incidents, log, present, steps, tasks
from dispatch.places import place_said
from dispatch.present import Incident, read_incidents
from dispatch.recommend import Recommendation, Recommended, recommend_units
from dispatch.routes import Routes, read_routes
from dispatch.units import read_candidates, read_missing

router = APIRouter(prefix="/api/incidents", tags=["incidents"])
OPEN = tuple(status for status in IncidentStatus if status not in ENDED_INCIDENT)


@router.get("")
def list_incidents(conn: Conn, who: Who, excerpt: ExcerptDep, status: str | None = None) -> Page[Incident]:
    """Incidents that have not ended, the highest risk first, or in another `order`; with `status` (one or several,
    comma separated) others too."""
    statuses = parse_choices("status", status, IncidentStatus, OPEN, excerpt)
    found = present.list_incidents(conn, statuses, excerpt, who.scope)
    return page([as_seen(who, "incident", one) for one in found], excerpt.limit, excerpt.cursor_after)


@router.post("", status_code=201)
def create_incident(conn: Conn, who: Who, now: Now, body: IncidentIn, response: Response) -> Incident:
    """From an alarm (a repeat answers 200 with the same incident) or from what a call taker was told."""
    who.require(Permission.INCIDENT_EDIT)
    if body.alarm is not None:
        need_seen(who, "alarm", read_alarms(conn, [body.alarm]), body.alarm)
        incident_id, new = incidents.open_from_alarm(conn, body.alarm, store.link, who.username, now, body.in_danger)
        if not new:
            response.status_code = 200
            get_incident(conn, who, incident_id)
    else:
        need_own(who, body.classification)
        incident_id = _open(conn, who.username, now, body)
    audit.write(conn, who, "incident.open", now, {"incident": incident_id, "alarm": body.alarm})
    return as_seen(who, "incident", read_incidents(conn, [incident_id])[0])


def _open(conn: Conn, username: str, now: Now, body: IncidentIn) -> UUID:
    assert body.kind
    assert body.title
    placed: Text | None = None
    where = None if body.lon is None or body.lat is None else LonLat(body.lon, body.lat)
    if where is None:
        where, placed = place_said(conn, body.address)
    if where is None:
        raise InputError(
            "address: expected one whose door is registered, once; or lon and lat",
            field="address",
            reason="address_not_placed",
        )
    new = incidents.NewIncident(
        kind=body.kind,
        titles={"zh": body.title, "en": body.title},
        channel="desk",
        level=body.level,
        where=where,
        placed=placed,
        text=body.text,
        address=body.address,
        reporter=username,
        classification=body.classification,
        in_danger=body.in_danger,
    )
    return incidents.open_incident(conn, new, username, say("incident.opened", title=body.title), now)


@router.get("/{incident_id}")
def get_incident(conn: Conn, who: Who, incident_id: UUID) -> Incident:
    return need_seen(who, "incident", read_incidents(conn, [incident_id]), incident_id)


@router.patch("/{incident_id}")
def patch_incident(conn: Conn, who: Who, now: Now, incident_id: UUID, body: IncidentChange) -> Incident:
    """How far it may be shown, at most as far as one sees oneself; how many people are in danger. 409 where the version
    is old."""
    who.require(Permission.INCIDENT_LEVEL if body.classification is not None else Permission.INCIDENT_EDIT)
    get_incident(conn, who, incident_id)
    version: int | None = body.version
    if body.classification is not None:
        classification = need_own(who, body.classification)
        steps.classify(conn, incident_id, classification, who.username, now, version)
        audit.write(conn, who, "incident.classify", now, {"incident": incident_id, "classification": classification})
        version = None
    if "in_danger" in body.model_fields_set:
        who.require(Permission.INCIDENT_EDIT)
        steps.set_in_danger(conn, incident_id, body.in_danger, who.username, now, version)
        audit.write(conn, who, "incident.in_danger", now, {"incident": incident_id, "in_danger": body.in_danger})
    return as_seen(who, "incident", read_incidents(conn, [incident_id])[0])


@router.get("/{incident_id}/log")
def get_log(conn: Conn, who: Who, incident_id: UUID, cursor: Name = None, limit: Limit = 1000) -> Page[log.Entry]:
    """In the order they were written."""
    get_incident(conn, who, incident_id)
    return page(log.read(conn, incident_id, after=parse_number(cursor), most=limit + 1), limit)


@router.get("/{incident_id}/recommendations")
def get_recommendations(
    conn: Conn, who: Who, now: Now, parts: PartsDep, incident_id: UUID, cursor: Name = None, limit: Limit = 1000
) -> Page[Recommended]:
    """The best first."""
    incident = get_incident(conn, who, incident_id)
    return part([r.as_json() for r in recommend(conn, parts, incident, now, who)], cursor, limit)


@router.get("/{incident_id}/routes")
def get_routes(conn: Conn, who: Who, now: Now, parts: PartsDep, incident_id: UUID) -> Routes:
    """GeoJSON: of each unit on the way the line from where it is now, with its road time and when it arrives."""
    incident = get_incident(conn, who, incident_id)
    return {
        "type": "FeatureCollection",
        "features": read_routes(conn, parts.road_graph(conn), incident, now, who.scope),
    }


def recommend(conn: Conn, parts: PartsDep, incident: Incident, now: Now, who: Who) -> list[Recommendation]:
    """Free and capable units for an incident object, by what it needs, or still misses, and by road time; none where
    it has no position."""
    where = place_of(incident)
    if where is None:
        return []
    needed = read_missing(conn, incident) or needs_of(incident["kind"], incident["level"])
    return recommend_units(parts.road_graph(conn), where, needed, read_candidates(conn, who.scope), now)


@router.post("/{incident_id}/assignments")
def assign(conn: Conn, who: Who, now: Now, parts: PartsDep, incident_id: UUID, body: AssignIn) -> Incident:
    who.require(Permission.UNIT_ASSIGN)
    incident = get_incident(conn, who, incident_id)
    need_seen(who, "unit", present.read_units(conn, [body.unit]), body.unit, "unit")
    way = None
    where = place_of(incident)
    if where is not None:
        unit = next((u for u in read_candidates(conn) if u.id == body.unit and u.where), None)
        if unit is not None and unit.where is not None:
            [way] = parts.road_graph(conn).ways_to(where, [unit.where])
    tasks.assign(
        conn, incident_id, body.unit, who.username, now, way.eta_s if way else None, way.distance_m if way else None
    )
    audit.write(conn, who, "incident.assign", now, {"incident": incident_id, "unit": body.unit})
    return as_seen(who, "incident", read_incidents(conn, [incident_id])[0])


@router.post("/{incident_id}/status")
def set_status(conn: Conn, who: Who, now: Now, incident_id: UUID, body: StatusIn) -> Incident:
    """409 where the version is old: somebody else has changed it since you looked."""
    who.require(Permission.INCIDENT_EDIT)
    get_incident(conn, who, incident_id)
    steps.set_status(conn, incident_id, body.status, who.username, now, body.version, body.reason)
    given = {"incident": incident_id, "status": body.status, "reason": body.reason}
    audit.write(conn, who, "incident.status", now, given)
    return as_seen(who, "incident", read_incidents(conn, [incident_id])[0])


@router.post("/{incident_id}/level")
def set_level(conn: Conn, who: Who, now: Now, incident_id: UUID, body: LevelIn) -> Incident:
    """How urgent it is: only a person changes that. 409 where it has ended, or changed since `version` was seen."""
    who.require(Permission.INCIDENT_LEVEL)
    get_incident(conn, who, incident_id)
    steps.set_level(conn, incident_id, body.level, who.username, now, body.version, body.reason)
    audit.write(conn, who, "incident.level", now, {"incident": incident_id, "level": body.level, "reason": body.reason})
    return as_seen(who, "incident", read_incidents(conn, [incident_id])[0])


@router.post("/{incident_id}/notes", status_code=201)
def add_note(conn: Conn, who: Who, now: Now, incident_id: UUID, body: NoteIn) -> Incident:
    """A line of the log in one's own words."""
    who.require(Permission.INCIDENT_EDIT)
    get_incident(conn, who, incident_id)
    steps.add_note(conn, incident_id, body.text.strip(), who.username, now)
    audit.write(conn, who, "incident.note", now, {"incident": incident_id})
    return as_seen(who, "incident", read_incidents(conn, [incident_id])[0])


@router.post("/{incident_id}/alarms")
def add_alarm(conn: Conn, who: Who, now: Now, incident_id: UUID, body: AddAlarmIn) -> Incident:
    """An alarm of the same thing becomes part of this incident. 409 where it is part of another."""
    who.require(Permission.INCIDENT_EDIT)
    need_seen(who, "alarm", read_alarms(conn, [body.alarm]), body.alarm)
    get_incident(conn, who, incident_id)
    incidents.add_alarm(conn, incident_id, body.alarm, store.link, who.username, now)
    audit.write(conn, who, "incident.add_alarm", now, {"incident": incident_id, "alarm": body.alarm})
    return as_seen(who, "incident", read_incidents(conn, [incident_id])[0])


@router.post("/{incident_id}/join")
def join(conn: Conn, who: Who, now: Now, incident_id: UUID, body: JoinIn) -> Incident:
    """This incident becomes part of another, which is answered. 409 where either has ended."""
    who.require(Permission.INCIDENT_EDIT)
    get_incident(conn, who, incident_id)
    get_incident(conn, who, body.into)
    steps.join(conn, incident_id, body.into, store.give, who.username, now)
    audit.write(conn, who, "incident.join", now, {"incident": incident_id, "into": body.into})
    return as_seen(who, "incident", read_incidents(conn, [body.into])[0])


@router.post("/{incident_id}/assignments/{unit_id}/recall")
def recall(conn: Conn, who: Who, now: Now, incident_id: UUID, unit_id: str, body: RecallIn) -> Incident:
    """Take a unit off the incident; it is told so. 409 where it is not on it."""
    who.require(Permission.UNIT_ASSIGN)
    get_incident(conn, who, incident_id)
    need_seen(who, "unit", present.read_units(conn, [unit_id]), unit_id, "unit")
    tasks.recall(conn, incident_id, unit_id, who.username, now, body.reason)
    given = {"incident": incident_id, "unit": unit_id, "reason": body.reason}
    audit.write(conn, who, "incident.recall", now, given)
    return as_seen(who, "incident", read_incidents(conn, [incident_id])[0])
