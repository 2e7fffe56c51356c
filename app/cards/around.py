"""What is around a thing: people and buildings, who could be sent, cameras, facilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.risk.told import as_it_stands
from app.asking import Asking
from app.cards.nouns import Around, NearUnit
from core.exposure import Exposure, around, city_zone, is_day
from core.nouns import Risk
from core.types import LonLat
from core.vocabulary import Text, UnitStatus, reach_of
from dispatch.recommend import Recommended, recommend_units
from dispatch.units import read_candidates
from layers.registers import read_near_cameras

CAMERA_RADIUS_M = 1000.0
UNITS, CAMERAS, FACILITIES = 5, 4, 8
# more than anybody has; who is best and who is nearest are both chosen among all
EVERY = 10_000


def able_units(
    asking: Asking, where: LonLat | None, needed: Sequence[str], wanted: Sequence[str] = ()
) -> list[Recommended]:
    """The free units that bring something needed, the best for what is wanted first; the one road search of a card."""
    if where is None:
        return []
    graph, candidates = asking.parts.road_graph(asking.conn), read_candidates(asking.conn, asking.viewer.scope)
    found = recommend_units(graph, where, needed, candidates, asking.now, EVERY, wanted)
    return [one.as_json() for one in found]


def nearest(units: Sequence[Recommended]) -> list[Recommended]:
    return sorted(units, key=lambda unit: (unit["eta_s"], unit["unit"]))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lies within the reach of a kind of incident, and who could be sent; read once for all that a card says of
    it."""

    around: Around
    found: Exposure
    nearest: tuple[Text, float] | None
    # who looks sees less than all
    limited: bool
    # people are where they work and learn
    day: bool

    def told(self, risk: Risk | None) -> Risk | None:
        """A score in whose words the figures are those that stand here."""
        if risk is None:
            return None
        return as_it_stands(risk, self.around["radius_m"], self.found, self.nearest, day=self.day, limited=self.limited)


def look_around(
    asking: Asking, where: LonLat | None, kind: str | None, level: int, units: Sequence[Recommended]
) -> Surroundings | None:
    """Within the radius by which the risk of such an incident of a level is counted, as far as who asks may see; None
    for whom the city is not to be seen at all."""
    scope, radius_m = asking.viewer.scope, reach_of(kind, level)
    if where is None or not scope.city:
        return None
    zone = city_zone(asking.conn)
    found = around(asking.conn, where, radius_m, asking.now, zone, scope)
    by_road = nearest(units)
    shown: Around = {
        "radius_m": radius_m,
        "cut_to": sorted(scope.districts or ()) if found.cut else None,
        "people": found.people,
        "buildings": found.buildings,
        "units": [near_unit(unit) for unit in by_road[:UNITS]],
        "cameras": read_near_cameras(asking.conn, where, CAMERA_RADIUS_M, CAMERAS, scope),
        "facilities": [
            {"id": p.id, "kind": p.kind, "names": p.names, "distance_m": round(p.distance_m or 0)}
            for p in found.facilities[:FACILITIES]
        ],
    }
    best = (by_road[0]["names"], by_road[0]["eta_s"]) if by_road else None
    return Surroundings(shown, found, best, limited=not scope.everywhere, day=is_day(asking.now, zone))


def near_unit(unit: Recommended) -> NearUnit:
    return {
        "id": unit["unit"],
        "kind": unit["kind"],
        "names": unit["names"],
        "status": UnitStatus.AVAILABLE,
        "eta_s": round(unit["eta_s"]),
        "distance_m": round(unit["distance_m"]),
    }
