"""Whom to send: the free and capable units, by road time, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from typing_extensions import TypedDict

from core.i18n import say
from core.readings import road_minutes
from core.types import LonLat
from core.vocabulary import Text, UnitStatus, label, table
from dispatch.routing import RoadGraph

OLD_POSITION_S = 300.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit as it stands: where, what it can, since when it was there."""

    id: str
    kind: str
    names: Text
    capabilities: tuple[str, ...]
    status: str
    where: LonLat | None
    seen_at: datetime | None


class Recommended(TypedDict):
    """A unit that may be sent: road time and way, and why it stands where it does."""

    unit: str
    kind: str
    names: Text
    eta_s: float
    distance_m: float
    reasons: list[Text]


@dataclass(frozen=True, slots=True)
class Recommendation:
    unit: str
    kind: str
    names: Text
    eta_s: float
    distance_m: float
    reasons: tuple[Text, ...]

    def as_json(self) -> Recommended:
        return {
            "unit": self.unit,
            "kind": self.kind,
            "names": self.names,
            "eta_s": round(self.eta_s, 1),
            "distance_m": round(self.distance_m, 1),
            "reasons": list(self.reasons),
        }


def needed_capabilities(incident_kind: str) -> tuple[str, ...]:
    return tuple(table("incident_kinds").get(incident_kind, {}).get("capabilities", ()))


def recommend_units(
    graph: RoadGraph, where: LonLat, needed: Sequence[str], units: Sequence[Candidate], now: datetime, most: int = 10
) -> list[Recommendation]:
    """Free units with at least one needed capability, nearest by road first. Pure."""
    able = [u for u in units if u.status == UnitStatus.AVAILABLE and u.where and set(needed) & set(u.capabilities)]
    ways = graph.ways_to(where, [u.where for u in able if u.where])
    reached = sorted(
        ((way, unit) for way, unit in zip(ways, able, strict=True) if way), key=lambda pair: (pair[0].eta_s, pair[1].id)
    )
    return [
        Recommendation(
            unit.id,
            unit.kind,
            unit.names,
            way.eta_s,
            way.distance_m,
            reasons_for(unit, way.eta_s, way.distance_m, needed, rank, now),
        )
        for rank, (way, unit) in enumerate(reached[:most], 1)
    ]


def reasons_for(
    unit: Candidate, eta_s: float, distance_m: float, needed: Sequence[str], rank: int, now: datetime
) -> tuple[Text, ...]:
    has = [c for c in needed if c in unit.capabilities]
    names = {
        "zh": "、".join(label("capabilities", c)["zh"] for c in has),
        "en": ", ".join(label("capabilities", c)["en"] for c in has),
    }
    reasons = [
        say("recommend.rank", rank=rank),
        say("recommend.eta", minutes=road_minutes(eta_s), km=f"{distance_m / 1000:.1f}"),
        say("recommend.capable", list=names),
    ]
    age_s = (now - unit.seen_at).total_seconds() if unit.seen_at else None
    if age_s is not None and age_s > OLD_POSITION_S:
        reasons.append(say("recommend.age", minutes=round(age_s / 60)))
    return tuple(reasons)
