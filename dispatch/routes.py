"""The ways that those who were sent have still before them: from where each is now to its incident."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection
from typing_extensions import TypedDict

from core.clock import rfc3339
from core.scope import EVERYTHING, Scope
from core.types import place_of
from core.vocabulary import Text
from dispatch.present import OVER, Incident
from dispatch.routing import RoadGraph
from dispatch.units import read_candidates

ARRIVED = "on_scene"


class Line(TypedDict):
    """GeoJSON (RFC 7946 section 3.1.4): positions of longitude and latitude."""

    type: Literal["LineString"]
    coordinates: list[tuple[float, float]]


class RouteFacts(TypedDict):
    """Who is on the way, from when on it stands where the line begins, and how long it takes by road from there."""

    unit: str
    kind: str
    names: Text
    status: str
    seen_at: str | None
    eta_s: float
    distance_m: float
    arrives_at: str


class Route(TypedDict):
    type: Literal["Feature"]
    id: str
    geometry: Line
    properties: RouteFacts


class Routes(TypedDict):
    """Ways of the units that are on the way to an incident, as GeoJSON."""

    type: Literal["FeatureCollection"]
    features: list[Route]


def read_routes(
    conn: Connection, graph: RoadGraph, incident: Incident, now: datetime, scope: Scope = EVERYTHING
) -> list[Route]:
    """Of the running assignments whose unit is not there yet and which the scope sees; a unit that no street leads from
    has none."""
    where = place_of(incident)
    running = {a["unit"]: a["status"] for a in incident["assignments"] if a["status"] not in (*OVER, ARRIVED)}
    if where is None or not running:
        return []
    units = [(u, u.where) for u in read_candidates(conn, scope) if u.id in running and u.where]
    found: list[Route] = []
    for (unit, origin), way in zip(units, graph.ways_to(where, [at for _, at in units]), strict=True):
        if way is None:
            continue
        line = [(round(p.lon, 6), round(p.lat, 6)) for p in graph.line_of(way, origin, where)]
        facts: RouteFacts = {
            "unit": unit.id,
            "kind": unit.kind,
            "names": unit.names,
            "status": running[unit.id],
            "seen_at": rfc3339(unit.seen_at) if unit.seen_at else None,
            "eta_s": round(way.eta_s, 1),
            "distance_m": round(way.distance_m, 1),
            "arrives_at": rfc3339(now + timedelta(seconds=way.eta_s)),
        }
        geometry: Line = {"type": "LineString", "coordinates": line}
        found.append({"type": "Feature", "id": unit.id, "geometry": geometry, "properties": facts})
    return found
