"""What is around a thing: people and buildings, who could be sent, cameras, facilities."""

from __future__ import annotations

from app.asking import Asking
from app.cards.nouns import Around, NearUnit
from core.exposure import around, city_zone
from core.types import LonLat
from core.vocabulary import UnitStatus
from dispatch.recommend import Recommended, needed_capabilities, recommend_units
from dispatch.units import read_candidates
from layers.registers import read_near_cameras

RADIUS_M = 500.0
CAMERA_RADIUS_M = 1000.0
UNITS, CAMERAS, FACILITIES = 5, 4, 8


def nearest_units(asking: Asking, where: LonLat | None, incident_kind: str) -> list[Recommended]:
    """The free units that can deal with such an incident, nearest by road first; the one road search of a card."""
    if where is None:
        return []
    graph, candidates = asking.parts.road_graph(asking.conn), read_candidates(asking.conn, asking.viewer.scope)
    needed = needed_capabilities(incident_kind)
    return [r.as_json() for r in recommend_units(graph, where, needed, candidates, asking.now, UNITS)]


def look_around(asking: Asking, where: LonLat | None, units: list[Recommended]) -> Around | None:
    if where is None:
        return None
    scope = asking.viewer.scope
    found = around(asking.conn, where, RADIUS_M, asking.now, city_zone(asking.conn))
    return {
        "radius_m": RADIUS_M,
        "people": found.people,
        "buildings": found.buildings,
        "units": [near_unit(unit) for unit in units],
        "cameras": read_near_cameras(asking.conn, where, CAMERA_RADIUS_M, CAMERAS, scope),
        "facilities": [
            {"id": p.id, "kind": p.kind, "names": p.names, "distance_m": round(p.distance_m or 0)}
            for p in [p for p in found.facilities if scope.sees(p.district, p.classification)][:FACILITIES]
        ],
    }


def near_unit(unit: Recommended) -> NearUnit:
    return {
        "id": unit["unit"],
        "kind": unit["kind"],
        "names": unit["names"],
        "status": UnitStatus.AVAILABLE,
        "eta_s": round(unit["eta_s"]),
        "distance_m": round(unit["distance_m"]),
    }
