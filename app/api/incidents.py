"""/api/incidents"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy import text

from alerts import store
from app.api.shapes import AssignIn, IncidentIn, Limit, Moment, StatusIn, page, parse_bbox, parse_cursor
from app.deps import Conn, Now, PartsDep, Who
from core import audit
from core.errors import InputError, NotFound
from core.i18n import say
from core.types import LonLat
from core.viewer import Role
from core.vocabulary import ENDED_INCIDENT, IncidentStatus
from dispatch import incidents, log, steps, tasks
from dispatch.present import incident_objects, read_incidents
from dispatch.recommend import Recommendation, needed_capabilities, recommend_units
from dispatch.units import read_candidates

router = APIRouter(prefix="/api/incidents", tags=["incidents"])


@router.get("")
def list_incidents(
    conn: Conn, who: Who, status: str | None = None, level: int | None = None, since: Moment = None, bbox: str | None = None,
    cursor: str | None = None, limit: Limit = 200,
) -> dict[str, Any]:  # fmt: skip
    """Incidents that have not ended, newest first; with `status` (one or several, comma separated) others too."""
    box = parse_bbox(bbox)
    rows = conn.execute(
        text(
            "SELECT *, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM incident WHERE status = ANY(:statuses) "
            "AND (CAST(:level AS int) IS NULL OR level = :level) AND (CAST(:since AS timestamptz) IS NULL OR changed_at > :since) "
            "AND (CAST(:cursor AS uuid) IS NULL OR id < :cursor) "
            "AND (CAST(:w AS float8) IS NULL OR geom && ST_MakeEnvelope(:w, :s, :e, :n, 4326)) ORDER BY id DESC LIMIT :most"
        ),
        {
            "statuses": parse_statuses(status, ended=since is not None), "level": level, "since": since, "cursor": parse_cursor(cursor), "most": limit + 1,
            **dict(zip("wsen", box or (None,) * 4, strict=True)),
        },
    ).all()  # fmt: skip
    return page(incident_objects(conn, rows), limit)


def parse_statuses(value: str | None, *, ended: bool) -> list[str]:
    """The statuses asked for; by default those that have not ended, and all where somebody asks what has changed."""
    if value is None and ended:
        return list(IncidentStatus)
    if value is None:
        return [s for s in IncidentStatus if s not in ENDED_INCIDENT]
    asked = value.split(",")
    unknown = next((s for s in asked if s not in set(IncidentStatus)), None)
    if unknown is not None:
        raise InputError(f"status: expected one of {', '.join(IncidentStatus)}; got {unknown!r}", field="status")
    return asked


@router.post("", status_code=201)
def create_incident(conn: Conn, who: Who, now: Now, body: IncidentIn, response: Response) -> dict[str, Any]:
    """From an alarm (a repeat answers 200 with the same incident) or from what a call taker was told."""
    who.require(Role.DISPATCHER)
    if body.alarm is not None:
        incident_id, new = incidents.open_from_alarm(conn, body.alarm, store.link, who.username, now)
        if not new:
            response.status_code = 200
    else:
        incident_id = _open(conn, who.username, now, body)
    audit.write(conn, who, "incident.open", now, {"incident": incident_id, "alarm": body.alarm})
    return read_incidents(conn, [incident_id])[0]


def _open(conn: Conn, username: str, now: Now, body: IncidentIn) -> UUID:
    assert body.kind
    assert body.title
    assert body.lon is not None
    assert body.lat is not None
    new = incidents.NewIncident(
        kind=body.kind, titles={"zh": body.title, "en": body.title}, channel="desk", level=body.level,
        where=LonLat(body.lon, body.lat), text=body.text, address=body.address, reporter=username,
    )  # fmt: skip
    return incidents.open_incident(conn, new, username, say("incident.opened", title=body.title), now)


@router.get("/{incident_id}")
def get_incident(conn: Conn, who: Who, incident_id: UUID) -> dict[str, Any]:
    found = read_incidents(conn, [incident_id])
    if not found:
        raise NotFound(f"there is no incident {incident_id}")
    return found[0]


@router.get("/{incident_id}/log")
def get_log(conn: Conn, who: Who, incident_id: UUID) -> dict[str, Any]:
    get_incident(conn, who, incident_id)
    return {"items": log.read(conn, incident_id), "next": None}


@router.get("/{incident_id}/recommendations")
def get_recommendations(conn: Conn, who: Who, now: Now, parts: PartsDep, incident_id: UUID) -> dict[str, Any]:
    incident = get_incident(conn, who, incident_id)
    return {"items": [r.as_json() for r in recommend(conn, parts, incident, now)], "next": None}


def recommend(conn: Conn, parts: PartsDep, incident: dict[str, Any], now: Now) -> list[Recommendation]:
    """Free and capable units for an incident object, nearest by road first; none where it has no position."""
    if incident["lon"] is None:
        return []
    where = LonLat(incident["lon"], incident["lat"])
    return recommend_units(
        parts.road_graph(conn), where, needed_capabilities(incident["kind"]), read_candidates(conn), now
    )


@router.post("/{incident_id}/assignments")
def assign(conn: Conn, who: Who, now: Now, parts: PartsDep, incident_id: UUID, body: AssignIn) -> dict[str, Any]:
    who.require(Role.DISPATCHER)
    incident = get_incident(conn, who, incident_id)
    way = None
    if incident["lon"] is not None:
        unit = next((u for u in read_candidates(conn) if u.id == body.unit and u.where), None)
        if unit is not None and unit.where is not None:
            [way] = parts.road_graph(conn).ways_to(LonLat(incident["lon"], incident["lat"]), [unit.where])
    tasks.assign(
        conn, incident_id, body.unit, who.username, now, way.eta_s if way else None, way.distance_m if way else None
    )
    audit.write(conn, who, "incident.assign", now, {"incident": incident_id, "unit": body.unit})
    return read_incidents(conn, [incident_id])[0]


@router.post("/{incident_id}/status")
def set_status(conn: Conn, who: Who, now: Now, incident_id: UUID, body: StatusIn) -> dict[str, Any]:
    """409 where the version is old: somebody else has changed it since you looked."""
    who.require(Role.DISPATCHER)
    steps.set_status(conn, incident_id, body.status, who.username, now, body.version)
    audit.write(conn, who, "incident.status", now, {"incident": incident_id, "status": body.status})
    return read_incidents(conn, [incident_id])[0]
