"""Incidents and units as the objects of the API (docs/integrators.md): one shape for HTTP, the live channel and
MQTT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.clock import rfc3339
from core.errors import NotFound
from core.excerpt import Excerpt, in_excerpt
from core.history import as_row
from core.nouns import Risk
from core.scope import EVERYTHING, Scope, seen_incident, seen_unit, unit_district
from core.types import LonLat
from core.vocabulary import ENDED_INCIDENT, Text, table

# how an assignment ends
OVER = ("clear", "declined", "cancelled")
_INCIDENTS = """
SELECT i.id, i.number, i.kind, i.level, i.status, i.titles, i.text, i.address, i.channel, i.district, i.classification,
  i.opened_at, i.changed_at, i.ended_at, i.risk, i.version, i.in_danger, ST_X(i.geom) AS lon, ST_Y(i.geom) AS lat
FROM incident i
"""
_ASSIGNMENTS = """
SELECT a.*, u.name_zh, u.name_en FROM assignment a JOIN unit u ON u.id = a.unit_id
WHERE a.incident_id = ANY(:ids) ORDER BY a.assigned_at, a.id
"""
_UNIT_DISTRICT = unit_district("u.station", "u.home")
_UNITS = f"""
SELECT u.id, {_UNIT_DISTRICT} AS district, u.kind, u.name_zh, u.name_en, u.capabilities, u.status, u.station,
  COALESCE(s.lon, ST_X(u.home)) AS lon,
  COALESCE(s.lat, ST_Y(u.home)) AS lat, s.heading, s.speed, s.battery, s.time AS seen_at, a.incident_id
FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id LEFT JOIN assignment a ON a.unit_id = u.id AND a.ended_at IS NULL
"""


class Assignment(TypedDict):
    """One unit sent to one incident, with its milestones; its id is also the id of the task the unit receives."""

    id: str
    unit: str
    unit_names: Text
    status: str
    eta_s: float | None
    distance_m: float | None
    assigned_at: str | None
    accepted_at: str | None
    en_route_at: str | None
    on_scene_at: str | None
    clear_at: str | None


class Incident(TypedDict):
    """One incident with the units sent to it and the alarms it was opened from; `in_danger`: people directly in danger,
    null where nobody has said. Fields that nobody wrote down in a past moment are null."""

    id: str
    number: str
    kind: str
    level: int
    status: str
    title: str
    titles: Text
    text: str | None
    address: str | None
    lon: float | None
    lat: float | None
    district: str
    classification: int
    channel: str
    opened_at: str
    changed_at: str
    ended_at: str | None
    in_danger: int | None
    risk: Risk | None
    assignments: list[Assignment]
    alarms: list[str]
    version: int | None


class Unit(TypedDict):
    """One unit where it was last heard, or at its station, whose `district` is its own; `incident` is the one it is
    on."""

    id: str
    kind: str
    name: str
    names: Text
    capabilities: list[str]
    status: str | None
    station: str | None
    district: str | None
    lon: float | None
    lat: float | None
    heading: float | None
    speed: float | None
    battery: float | None
    seen_at: str | None
    incident: str | None


class TaskIncident(TypedDict):
    """As much of an incident as a unit is told."""

    id: str
    number: str
    kind: str
    level: int
    title: str
    titles: Text
    text: str | None
    address: str | None
    lon: float | None
    lat: float | None
    district: str
    in_danger: int | None
    risk: Risk | None


class Task(Assignment):
    """What a unit receives: its assignment, and the incident it is sent to."""

    state: str
    incident: TaskIncident


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def read_incidents(conn: Connection, ids: Sequence[UUID] | None = None) -> list[Incident]:
    """The incidents named, or all that have not ended."""
    where = " WHERE NOT i.status = ANY(:ended)" if ids is None else " WHERE i.id = ANY(:ids)"
    rows = conn.execute(
        text(_INCIDENTS + where + " ORDER BY i.level, i.opened_at DESC, i.id"),
        {"ids": list(ids or []), "ended": list(ENDED_INCIDENT)},
    ).all()
    return incident_objects(conn, rows)


# the last score, if the incident still had one after its last change
_OPEN_AT = text("""
SELECT e.after, e.status, e.time, r.risk, i.id, i.number, i.kind, i.level, i.titles, i.channel, i.district,
  i.classification, i.opened_at, ST_X(i.geom) AS lon, ST_Y(i.geom) AS lat
FROM incident i
JOIN LATERAL (
  SELECT last.after, last.time, COALESCE(last.after->>'status', (
    SELECT data->>'status' FROM incident_event WHERE incident_id = i.id AND what = 'status' AND time <= :at
      ORDER BY id DESC LIMIT 1),
    'open') AS status
  FROM incident_event last WHERE last.incident_id = i.id AND last.time <= :at ORDER BY last.id DESC LIMIT 1) e ON true
LEFT JOIN LATERAL (SELECT risk FROM risk_event WHERE type = 'incident' AND thing_id = i.id::text AND time <= :at
  AND (version = CAST(e.after->>'version' AS int)
    OR (version < CAST(e.after->>'version' AS int) AND e.after->'risk' <> 'null'))
  ORDER BY time DESC, id DESC LIMIT 1) r ON true
WHERE i.opened_at <= :at AND (i.ended_at IS NULL OR i.changed_at > :at) AND NOT e.status = ANY(:ended)
ORDER BY COALESCE(CAST(e.after->>'level' AS int), i.level), i.opened_at DESC, i.id
""")
# a unit may be renamed while it is on its way
_NAMES_AT = text("""
SELECT DISTINCT ON (unit_id) unit_id, after FROM unit_event WHERE unit_id = ANY(:units) AND time <= :at
  ORDER BY unit_id, time DESC, id DESC
""")
# what entries from before there were full values do not tell
_UNKNOWN = dict.fromkeys(("text", "address", "ended_at", "in_danger", "risk", "version"))


def read_incidents_at(conn: Connection, at: datetime) -> list[Incident]:
    """The incidents that had not ended at a moment, as they were then."""
    rows = conn.execute(_OPEN_AT, {"at": at, "ended": list(ENDED_INCIDENT)}).all()
    units = {one["unit_id"] for row in rows if row.after for one in row.after["assignments"]}
    names = {r.unit_id: r.after for r in conn.execute(_NAMES_AT, {"at": at, "units": sorted(units)})}
    return [_incident_then(row, names) for row in rows]


def _incident_then(row: Any, names: Mapping[str, Mapping[str, Any]]) -> Incident:
    if row.after is None:
        return incident_object(SimpleNamespace(**{**_UNKNOWN, **row._mapping, "changed_at": row.time}), [], [])
    assignments = [
        assignment_object(as_row({**one, **{n: names.get(one["unit_id"], one)[n] for n in ("name_zh", "name_en")}}))
        for one in row.after["assignments"]
    ]
    told = {"risk": row.risk or row.after["risk"], "classification": row.classification}
    # entries from before anybody was asked who is in danger
    asked = {"in_danger": None}
    return incident_object(as_row({**asked, **row.after, **told}), assignments, row.after["alarms"])


_LIST = f"""
{_INCIDENTS}
WHERE i.status = ANY(:statuses) AND {seen_incident("i.id", "i.district", "i.classification")}
"""


def list_incidents(
    conn: Connection, statuses: Sequence[str], excerpt: Excerpt, scope: Scope = EVERYTHING
) -> list[Incident]:
    """Incidents in one of these statuses; one more than the excerpt's limit where there are more."""
    listed = text(_LIST + in_excerpt("i.", excerpt.order))
    rows = conn.execute(listed, {"statuses": list(statuses), **excerpt.params(), **scope.params()}).all()
    return incident_objects(conn, rows)


def incident_objects(conn: Connection, rows: Sequence[Any]) -> list[Incident]:
    given = {"ids": [row.id for row in rows]}
    assignments: dict[UUID, list[Assignment]] = {}
    for row in conn.execute(text(_ASSIGNMENTS), given):
        assignments.setdefault(row.incident_id, []).append(assignment_object(row))
    alarms: dict[UUID, list[str]] = {}
    for row in conn.execute(text("SELECT id, incident_id FROM alarm WHERE incident_id = ANY(:ids) ORDER BY id"), given):
        alarms.setdefault(row.incident_id, []).append(str(row.id))
    return [incident_object(row, assignments.get(row.id, []), alarms.get(row.id, [])) for row in rows]


def incident_object(row: Any, assignments: list[Assignment], alarms: list[str]) -> Incident:
    return {
        "id": str(row.id),
        "number": row.number,
        "kind": row.kind,
        "level": row.level,
        "status": row.status,
        "title": row.titles["zh"],
        "titles": row.titles,
        "text": row.text,
        "address": row.address,
        "lon": row.lon,
        "lat": row.lat,
        "district": row.district,
        "classification": row.classification,
        "channel": row.channel,
        "opened_at": rfc3339(row.opened_at),
        "changed_at": rfc3339(row.changed_at),
        "ended_at": _time(row.ended_at),
        "in_danger": row.in_danger,
        "risk": row.risk,
        "assignments": assignments,
        "alarms": alarms,
        "version": row.version,
    }


def assignment_object(row: Any) -> Assignment:
    return {
        "id": str(row.id),
        "unit": row.unit_id,
        "unit_names": {"zh": row.name_zh, "en": row.name_en},
        "status": row.status,
        "eta_s": row.eta_s,
        "distance_m": row.distance_m,
        "assigned_at": _time(row.assigned_at),
        "accepted_at": _time(row.accepted_at),
        "en_route_at": _time(row.en_route_at),
        "on_scene_at": _time(row.on_scene_at),
        "clear_at": _time(row.clear_at),
    }


_NEAREST_OPEN = text(f"""
SELECT id FROM incident, (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography AS g) AS p
WHERE kind = :kind AND NOT status = ANY(:ended) AND ST_DWithin(geom::geography, p.g, :reach)
  AND {seen_incident("incident.id", "district", "classification")}
ORDER BY ST_Distance(geom::geography, p.g) LIMIT 1
""")


def find_open_incident(conn: Connection, where: LonLat, kind: str, scope: Scope = EVERYTHING) -> str | None:
    """The nearest incident of that kind which has not ended and the scope sees, within the reach of its kind."""
    reach = table("incident_kinds")[kind]["radius_m"]
    given = {"lon": where.lon, "lat": where.lat, "kind": kind, "ended": list(ENDED_INCIDENT), "reach": reach}
    found = conn.scalar(_NEAREST_OPEN, {**given, **scope.params()})
    return str(found) if found else None


_NEAR = text(f"""
SELECT i.id FROM incident i, (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326)::geography AS g) AS p
WHERE NOT i.status = ANY(:ended) AND i.id::text <> :but AND ST_DWithin(i.geom::geography, p.g, :reach)
  AND {seen_incident("i.id", "i.district", "i.classification")}
ORDER BY ST_Distance(i.geom::geography, p.g), i.id LIMIT :most
""")


def read_near_incidents(
    conn: Connection, where: LonLat, reach_m: float, but: str, scope: Scope, most: int = 8
) -> list[Incident]:
    """Open incidents within so many metres, the nearest first, without one."""
    given = {"lon": where.lon, "lat": where.lat, "reach": reach_m, "but": but, "ended": list(ENDED_INCIDENT)}
    ids = list(conn.scalars(_NEAR, {**given, "most": most, **scope.params()}))
    found = {one["id"]: one for one in read_incidents(conn, ids)} if ids else {}
    return [found[str(one)] for one in ids if str(one) in found]


def read_units(conn: Connection, ids: Sequence[str] | None = None) -> list[Unit]:
    """The units named, or all."""
    where = "" if ids is None else " WHERE u.id = ANY(:ids)"
    rows = conn.execute(text(_UNITS + where + " ORDER BY u.id"), {"ids": list(ids or [])})
    return [unit_object(row) for row in rows]


_LIST_UNITS = text(
    _UNITS
    + f"""
WHERE {seen_unit("u.id", _UNIT_DISTRICT)}
  AND (CAST(:status AS text) IS NULL OR u.status = :status) AND (CAST(:kind AS text) IS NULL OR u.kind = :kind)
  AND (CAST(:cursor AS text) IS NULL OR u.id > :cursor) ORDER BY u.id LIMIT :most
"""
)


def list_units(
    conn: Connection,
    *,
    status: str | None,
    kind: str | None,
    cursor: str | None,
    most: int,
    scope: Scope = EVERYTHING,
) -> list[Unit]:
    """Units by id, those after `cursor`."""
    rows = conn.execute(_LIST_UNITS, {"status": status, "kind": kind, "cursor": cursor, "most": most, **scope.params()})
    return [unit_object(row) for row in rows]


_UNIT_DISTRICT_AT = unit_district("COALESCE(e.after->>'station', u.station)", "u.home")
# a unit's clock may be ahead of ours by so much and still move it (docs/integrators.md)
_UNITS_AT = text(f"""
SELECT u.id, {_UNIT_DISTRICT_AT} AS district,
  e.after, p.lon, p.lat, p.heading, p.speed, p.battery, p.time AS seen_at, ST_X(u.home) AS home_lon,
  ST_Y(u.home) AS home_lat, u.kind, u.name_zh, u.name_en, u.capabilities, u.station
FROM unit u
LEFT JOIN LATERAL (SELECT after FROM unit_event WHERE unit_id = u.id AND time <= :at ORDER BY time DESC, id DESC
  LIMIT 1) e ON true
LEFT JOIN LATERAL (SELECT lon, lat, heading, speed, battery, time FROM unit_position WHERE unit_id = u.id
  AND time <= CAST(:at AS timestamptz) + interval '5 minutes' AND received_at <= :at
  AND (abs(lon) > 1e-6 OR abs(lat) > 1e-6) ORDER BY time DESC LIMIT 1) p ON true
ORDER BY u.id
""")


def read_units_at(conn: Connection, at: datetime) -> list[Unit]:
    """All units as they were at a moment; a status that nobody wrote down then is null."""
    return [unit_object(_unit_then(row)) for row in conn.execute(_UNITS_AT, {"at": at})]


def _unit_then(row: Any) -> Any:
    then = as_row(row.after) if row.after is not None else None
    home = (then.lon, then.lat) if then else (row.home_lon, row.home_lat)
    return SimpleNamespace(
        id=row.id,
        district=row.district,
        **{name: getattr(then or row, name) for name in ("kind", "name_zh", "name_en", "capabilities", "station")},
        status=then.status if then else None,
        incident_id=then.incident_id if then else None,
        lon=home[0] if row.lon is None else row.lon,
        lat=home[1] if row.lat is None else row.lat,
        heading=row.heading,
        speed=row.speed,
        battery=row.battery,
        seen_at=row.seen_at,
    )


def unit_object(row: Any) -> Unit:
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name_zh,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "capabilities": row.capabilities,
        "status": row.status,
        "station": row.station,
        "district": row.district,
        "lon": row.lon,
        "lat": row.lat,
        "heading": row.heading,
        "speed": row.speed,
        "battery": row.battery,
        "seen_at": _time(row.seen_at),
        "incident": str(row.incident_id) if row.incident_id else None,
    }


def task_object(conn: Connection, assignment_id: UUID) -> Task:
    """What a unit receives on onemap/task/{unit}: its assignment and the incident it is sent to."""
    row = conn.execute(
        text("SELECT a.*, u.name_zh, u.name_en FROM assignment a JOIN unit u ON u.id = a.unit_id WHERE a.id = :id"),
        {"id": assignment_id},
    ).one()
    [incident] = read_incidents(conn, [row.incident_id])
    told: TaskIncident = {
        "id": incident["id"],
        "number": incident["number"],
        "kind": incident["kind"],
        "level": incident["level"],
        "title": incident["title"],
        "titles": incident["titles"],
        "text": incident["text"],
        "address": incident["address"],
        "lon": incident["lon"],
        "lat": incident["lat"],
        "district": incident["district"],
        "in_danger": incident["in_danger"],
        "risk": incident["risk"],
    }
    return {**assignment_object(row), "state": row.status, "incident": told}


class FieldTask(Task):
    """A task as its phone shows it: `others` are who else was sent."""

    others: list[Assignment]


class FieldPicture(TypedDict):
    """What the phone of a unit shows: who it is, how it stands, what it is sent to, null where it is sent to
    nothing."""

    unit: str
    names: Text
    kind: str
    status: str
    task: FieldTask | None


def field_picture(conn: Connection, unit_id: str) -> FieldPicture:
    """NotFound where there is no such unit."""
    unit = next(iter(read_units(conn, [unit_id])), None)
    if unit is None:
        raise NotFound(f"unit: there is no unit {unit_id!r}", field="unit")
    running = conn.scalar(
        text("SELECT id FROM assignment WHERE unit_id = :unit AND ended_at IS NULL"), {"unit": unit_id}
    )
    return {
        "unit": unit["id"],
        "names": unit["names"],
        "kind": unit["kind"],
        "status": str(unit["status"]),
        "task": None if running is None else _field_task(conn, running),
    }


def _field_task(conn: Connection, assignment_id: UUID) -> FieldTask:
    task = task_object(conn, assignment_id)
    [incident] = read_incidents(conn, [UUID(task["incident"]["id"])])
    others = [one for one in incident["assignments"] if one["id"] != task["id"]]
    return {**task, "others": others}
