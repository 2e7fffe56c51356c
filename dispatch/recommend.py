"""Whom to send: the free and capable units, by what they bring of what is needed and by road time, with reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from typing_extensions import TypedDict

from core.i18n import say
from core.readings import road_minutes
from core.types import LonLat
from core.vocabulary import Text, UnitStatus, label
from dispatch.routing import RoadGraph

OLD_POSITION_S = 300.0
# to bring nothing of what is needed weighs as much as so long on the road
UNMET_S = 3600.0


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
    """A unit that may be sent: road time and way, what it brings of the `capabilities` needed, and why it stands where
    it does."""

    unit: str
    kind: str
    names: Text
    eta_s: float
    distance_m: float
    capabilities: list[str]
    reasons: list[Text]


@dataclass(frozen=True, slots=True)
class Recommendation:
    unit: str
    kind: str
    names: Text
    eta_s: float
    distance_m: float
    capabilities: tuple[str, ...]
    reasons: tuple[Text, ...]

    def as_json(self) -> Recommended:
        return {
            "unit": self.unit,
            "kind": self.kind,
            "names": self.names,
            "eta_s": round(self.eta_s, 1),
            "distance_m": round(self.distance_m, 1),
            "capabilities": list(self.capabilities),
            "reasons": list(self.reasons),
        }


def unmet(needed: Sequence[str], brought: Collection[str]) -> float:
    """The share 0-1 of what is needed that is not brought; each need weighs twice as much as the one after it."""
    weights = [0.5**i for i in range(len(needed))]
    lacking = sum(w for w, need in zip(weights, needed, strict=True) if need not in brought)
    return lacking / sum(weights) if weights else 0.0


def missing(needed: Sequence[str], sent: Iterable[Collection[str]]) -> tuple[str, ...]:
    """What of the needed capabilities none of those that were sent brings."""
    brought = {capability for capabilities in sent for capability in capabilities}
    return tuple(need for need in needed if need not in brought)


def recommend_units(
    graph: RoadGraph,
    where: LonLat,
    needed: Sequence[str],
    units: Sequence[Candidate],
    now: datetime,
    most: int = 10,
    wanted: Sequence[str] = (),
) -> list[Recommendation]:
    """Free units with at least one needed capability, by road time and by what they lack of what is wanted: all that
    is needed, or the part of it that is still `missing`. Pure."""
    able = [u for u in units if u.status == UnitStatus.AVAILABLE and u.where and set(needed) & set(u.capabilities)]
    ways = graph.ways_to(where, [u.where for u in able if u.where])
    near = sorted(
        ((way, unit) for way, unit in zip(ways, able, strict=True) if way), key=lambda pair: (pair[0].eta_s, pair[1].id)
    )
    wanted = wanted or needed
    ranked = [(unmet(wanted, unit.capabilities), rank, way, unit) for rank, (way, unit) in enumerate(near, 1)]
    ranked.sort(key=lambda one: (one[2].eta_s + UNMET_S * one[0], one[1]))
    return [
        Recommendation(
            unit.id,
            unit.kind,
            unit.names,
            way.eta_s,
            way.distance_m,
            tuple(c for c in wanted if c in unit.capabilities),
            reasons_for(unit, way.eta_s, way.distance_m, wanted, rank, now),
        )
        for _, rank, way, unit in ranked[:most]
    ]


def names_of(capabilities: Sequence[str]) -> Text:
    words = [label("capabilities", c) for c in capabilities]
    return {"zh": "、".join(word["zh"] for word in words), "en": ", ".join(word["en"] for word in words)}


def reasons_for(
    unit: Candidate, eta_s: float, distance_m: float, wanted: Sequence[str], rank: int, now: datetime
) -> tuple[Text, ...]:
    lacks = [c for c in wanted if c not in unit.capabilities]
    reasons = [
        say("recommend.capable", list=names_of([c for c in wanted if c in unit.capabilities])),
        say("recommend.eta", minutes=road_minutes(eta_s), km=f"{distance_m / 1000:.1f}"),
        say("recommend.rank", rank=rank),
    ]
    if lacks:
        reasons.append(say("recommend.lacks", list=names_of(lacks)))
    age_s = (now - unit.seen_at).total_seconds() if unit.seen_at else None
    if age_s is not None and age_s > OLD_POSITION_S:
        reasons.append(say("recommend.age", minutes=round(age_s / 60)))
    return tuple(reasons)
