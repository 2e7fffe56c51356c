"""The risk score and its reasons, after the INFORM index (EC JRC, INFORM Risk methodology 2017, section 3).

Three dimensions from 0 to 10 - hazard & exposure, vulnerability, lack of coping capacity - joined by the geometric
mean; the first is itself the geometric mean of hazard and exposure. Each score carries the terms it was made of. A term
that cannot be known is named as missing (value None) and left out of its dimension. Alarms, incidents and cells use the
same functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import h3
from sqlalchemy import Connection, text

from core import nouns
from core.clock import rfc3339
from core.exposure import Exposure, Place, around, is_day
from core.i18n import say
from core.levels import alarm_level, lowered, urgency
from core.readings import estimate, road_minutes
from core.scope import Classification
from core.types import LonLat
from core.vocabulary import Text, label, table

LEVEL_HAZARD = {1: 10.0, 2: 7.5, 3: 5.0, 4: 2.5}
CERTAINTY = {"Observed": 1.0, "Likely": 0.8, "Possible": 0.5, "Unlikely": 0.25, "Unknown": 0.5}
# whose words the level of a hazard is in
LADDERS = {"alarm": alarm_level, "incident": urgency}
PEOPLE_FULL = 10_000  # so many people inside the footprint count 10
FULL = 10.0  # the highest value of a term
ETA_FULL_S = 1800.0  # help that takes half an hour counts 10
SENSITIVE = 2  # facilities of so many points are named
NO_PLACES = 1.0  # the value of a place that nothing sensitive is near
FLOOR = 1.0  # nobody counted here is not nobody here
FADE_S = 6 * 3600.0  # news this old counts half
NIGHT_HOURS = (22, 23, 0, 1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Term:
    """One reason: `value` 0-10 (None where missing), `weight` its share of its dimension, `text` in words."""

    name: str
    dimension: str
    value: float | None
    weight: float
    text: Text
    # of a term that says how old news is: when it was seen
    since: datetime | None = None

    def as_json(self) -> nouns.Term:
        shown: nouns.Term = {
            "name": self.name,
            "dimension": self.dimension,
            "value": self.value,
            "weight": self.weight,
            "text": self.text,
        }
        return {**shown, "since": rfc3339(self.since)} if self.since else shown


@dataclass(frozen=True, slots=True)
class Risk:
    """`score` is what is shown, to a tenth; `exact` what it was rounded from."""

    score: float
    terms: tuple[Term, ...]
    exact: float = 0.0

    def as_json(self) -> nouns.Risk:
        return {"score": self.score, "terms": [term.as_json() for term in self.terms]}


@dataclass(frozen=True, slots=True)
class Hazard:
    """What may hurt: its level, how sure we are, how long ago it was seen, how far it reaches, what it takes to
    help."""

    level: int
    certainty: str
    observed_at: datetime
    radius_m: float
    capabilities: tuple[str, ...]
    # alarm or incident: whose words its level has
    ladder: str = "alarm"


@dataclass(frozen=True, slots=True)
class Coping:
    """Road time of the nearest free capable unit, and the mean around; None with `known` False where nobody has
    computed it."""

    eta_s: float | None
    unit: Text | None
    around_s: float | None
    known: bool


def dimension(terms: Sequence[Term], name: str) -> float | None:
    """Weighted mean of a dimension's known terms; None where none is known."""
    known = [(t.value, t.weight) for t in terms if t.dimension == name and t.value is not None]
    weight = sum(w for _, w in known)
    return sum(v * w for v, w in known) / weight if weight else None


def combine(terms: Sequence[Term]) -> Risk:
    """Geometric mean of the dimensions that are known; none counts less than FLOOR, for a zero would erase all the
    others."""
    parts = [
        v
        for v in (_hazard_and_exposure(terms), dimension(terms, "vulnerability"), dimension(terms, "coping"))
        if v is not None
    ]
    score = math.prod(max(part, FLOOR) for part in parts) ** (1 / len(parts)) if parts else 0.0
    return Risk(round(min(10.0, score), 1), tuple(terms), min(10.0, score))


def _hazard_and_exposure(terms: Sequence[Term]) -> float | None:
    hazard, exposure = dimension(terms, "hazard"), dimension(terms, "exposure")
    if hazard is None or exposure is None:
        return hazard
    return math.sqrt(max(hazard, FLOOR) * max(exposure, FLOOR))


def hazard_terms(hazard: Hazard, now: datetime) -> list[Term]:
    return [
        Term(
            "level",
            "hazard",
            LEVEL_HAZARD[hazard.level],
            0.7,
            LADDERS[hazard.ladder](hazard.level),
        ),
        Term(
            "certainty",
            "hazard",
            round(10 * CERTAINTY.get(hazard.certainty, 0.5), 1),
            0.2,
            label("certainties", hazard.certainty),
        ),
        age_term(hazard.observed_at, now),
    ]


def age_term(observed_at: datetime, now: datetime) -> Term:
    """News fades: half of its weight is gone after FADE_S. How old it is, is for whoever reads it to say."""
    seconds = max(0.0, (now - observed_at).total_seconds())
    return Term("age", "hazard", round(10 * 0.5 ** (seconds / FADE_S), 1), 0.1, say("risk.age"), observed_at)


def people_value(people: float) -> float:
    """0 for nobody, 10 for ten thousand and more, by the logarithm: from 10 to 100 matters as much as from 100 to
    1,000."""
    return round(min(10.0, 10 * math.log10(1 + people) / math.log10(1 + PEOPLE_FULL)), 1)


def exposure_terms(found: Exposure, radius_m: float) -> list[Term]:
    radius = round(radius_m)
    if found.people is None:
        people = Term("people", "exposure", None, 0.8, say("risk.people.missing"))
    else:
        people = Term(
            "people",
            "exposure",
            people_value(found.people),
            0.8,
            say("risk.people", radius=radius, people=estimate(found.people)),
        )
    buildings = round(min(10.0, found.buildings / 20), 1)
    return [
        people,
        Term("buildings", "exposure", buildings, 0.2, say("risk.buildings", radius=radius, buildings=found.buildings)),
    ]


def hour_term(now: datetime, zone: str) -> Term:
    """By day people are where they work and learn, and awake; at night they are at home and asleep."""
    hour = now.astimezone(ZoneInfo(zone)).hour
    value, words = (4.0, "day") if is_day(now, zone) else (6.0, "night") if hour in NIGHT_HOURS else (5.0, "home")
    return Term("hour", "vulnerability", value, 0.3, say(f"risk.hour.{words}"))


def by_the_clock(
    held: nouns.Risk, observed_at: datetime, now: datetime, zone: str, coping: Coping, capabilities: Sequence[str]
) -> Risk:
    """A score given before, as it is now: the terms that move by the clock, and who could help, are made anew."""
    moving = [age_term(observed_at, now), hour_term(now, zone), *coping_terms(coping, capabilities)]
    anew = {term.name: term for term in moving}
    return combine([anew.get(t["name"]) or _term(t) for t in held["terms"]])


def _term(held: nouns.Term) -> Term:
    return Term(held["name"], held["dimension"], held["value"], held["weight"], held["text"])


def vulnerability_terms(found: Exposure, now: datetime, zone: str) -> list[Term]:
    sensitive = sensitive_places(found)
    points = sum(table("facility_kinds")[p.kind]["sensitive"] for p in sensitive)
    hour = hour_term(now, zone)
    if not found.facilities_known:
        return [Term("facilities", "vulnerability", None, 0.7, say("risk.facilities.missing")), hour]
    value = round(min(10.0, NO_PLACES + 1.5 * points), 1)
    return [Term("facilities", "vulnerability", value, 0.7, facilities_text(found, unnamed=bool(sensitive))), hour]


def sensitive_places(found: Exposure) -> list[Place]:
    kinds = table("facility_kinds")
    return [p for p in found.facilities if kinds.get(p.kind, {}).get("sensitive", 0) >= SENSITIVE]


def facilities_text(found: Exposure, *, unnamed: bool) -> Text:
    """Whoever sees the score reads their names; what is not for all counts and is not named. `unnamed`: there are some,
    named or not."""
    named = [p for p in sensitive_places(found) if p.classification == Classification.OPEN][:4]
    if not named:
        return say("risk.facilities.unnamed" if unnamed else "risk.facilities.none")
    signs = {"zh": "、", "en": ", "}
    return say("risk.facilities", list={lang: sign.join(p.names[lang] for p in named) for lang, sign in signs.items()})


def as_it_stands(
    held: nouns.Risk,
    radius_m: float,
    found: Exposure,
    nearest: tuple[Text, float] | None,
    *,
    limited: bool = False,
) -> nouns.Risk:
    """A score given before, for whoever looks now: its terms tell what is counted around it, and who is nearest, in
    the very moment in which the same is listed below them. The score stays that of the lists; it follows. Of who is
    `limited` it is the words alone that are others: what is told are the things they see, what counted were all."""
    anew = {term.name: term for term in exposure_terms(found, radius_m)}
    if nearest is not None:
        anew["nearest_unit"] = nearest_term(nearest[0], nearest[1])
    if not limited:
        terms = [
            anew[term["name"]].as_json() if term["name"] in anew and term["value"] is not None else term
            for term in held["terms"]
        ]
        return {**held, "terms": terms}
    said = {name: term.text for name, term in anew.items()}
    said.setdefault("nearest_unit", say("risk.eta.unseen"))
    told: list[nouns.Term] = []
    for term in held["terms"]:
        if term["name"] == "facilities":
            said["facilities"] = facilities_text(found, unnamed=(term["value"] or 0.0) > NO_PLACES)
        known = term["value"] is not None
        told.append({**term, "text": said.get(term["name"], term["text"]) if known else term["text"]})
    return {**held, "terms": told}


def nameless(terms: Sequence[nouns.Term], *, of_cell: bool = False) -> list[nouns.Term]:
    """Terms of a score for whoever does not see the whole city: a unit, a place or an alarm that one of them names may
    be of another district. What counted, counted; a card names what its reader sees (`as_it_stands`)."""
    said = CELL_NAMELESS if of_cell else NAMELESS
    return [
        {**term, "text": said[term["name"]](term["value"])} if term["name"] in said and term["value"] else term
        for term in terms
    ]


def nearest_unnamed(value: float) -> Text:
    """How far help is, as near as the value of its term tells it."""
    if value >= FULL:
        return say("risk.eta.far", minutes=round(ETA_FULL_S / 60))
    return say("risk.eta.unnamed", minutes=road_minutes(ETA_FULL_S * (value / FULL) ** 2))


def places_unnamed(value: float) -> Text:
    return say("risk.facilities.some" if value > NO_PLACES else "risk.facilities.none")


# by the terms that name something
NAMELESS: Mapping[str, Callable[[float], Text]] = {"nearest_unit": nearest_unnamed, "facilities": places_unnamed}
CELL_NAMELESS: Mapping[str, Callable[[float], Text]] = {"hazard": lambda _: say("risk.near_some")}


def eta_value(eta_s: float) -> float:
    return round(10 * math.sqrt(min(eta_s, ETA_FULL_S) / ETA_FULL_S), 1)


def nearest_term(unit: Text, eta_s: float) -> Term:
    words = say("risk.eta", unit=unit, minutes=road_minutes(eta_s))
    return Term("nearest_unit", "coping", eta_value(eta_s), 0.7, words)


def coping_terms(coping: Coping, capabilities: Sequence[str]) -> list[Term]:
    if not coping.known:
        return [
            Term("nearest_unit", "coping", None, 0.7, say("risk.eta.missing")),
            Term("coverage", "coping", None, 0.3, say("risk.coverage.missing")),
        ]
    if coping.eta_s is None:
        words = [label("capabilities", c) for c in capabilities]
        names = {"zh": "或".join(w["zh"] for w in words), "en": " or ".join(lowered(w["en"]) for w in words)}
        nearest = Term("nearest_unit", "coping", 10.0, 0.7, say("risk.eta.none", capability=names))
    else:
        nearest = nearest_term(coping.unit or {"zh": "", "en": ""}, coping.eta_s)
    if coping.around_s is None:
        return [nearest, Term("coverage", "coping", None, 0.3, say("risk.coverage.missing"))]
    around_ = say("risk.coverage", minutes=road_minutes(coping.around_s))
    return [nearest, Term("coverage", "coping", eta_value(coping.around_s), 0.3, around_)]


def score_place(conn: Connection, where: LonLat, hazard: Hazard, now: datetime, zone: str, cell: str) -> Risk:
    """The risk of a hazard at a place: reads the map around it and the coverage of its H3 cell."""
    found = around(conn, where, hazard.radius_m, now, zone)
    coping = read_coping(conn, cell, hazard.capabilities)
    terms = [
        *hazard_terms(hazard, now),
        *exposure_terms(found, hazard.radius_m),
        *vulnerability_terms(found, now, zone),
        *coping_terms(coping, hazard.capabilities),
    ]
    return combine(terms)


def read_coping(conn: Connection, cell: str, capabilities: Sequence[str]) -> Coping:
    """Coverage of a cell and of its neighbours, for the quickest of the capabilities that help."""
    rows = conn.execute(
        text(
            """
SELECT c.cell, min(c.eta_s) AS eta,
  (array_agg(jsonb_build_object('zh', u.name_zh, 'en', u.name_en) ORDER BY c.eta_s))[1] AS unit
FROM coverage c LEFT JOIN unit u ON u.id = c.unit_id
WHERE c.cell = ANY(:cells) AND c.capability = ANY(:caps) GROUP BY c.cell
"""
        ),
        {"cells": list(h3.grid_disk(cell, 1)), "caps": list(capabilities)},
    ).all()
    if not rows:
        return Coping(None, None, None, False)
    here = next((r for r in rows if r.cell == cell), None)
    times = [r.eta for r in rows if r.eta is not None]
    return Coping(
        here.eta if here else None,
        here.unit if here else None,
        sum(times) / len(times) if times else None,
        here is not None,
    )
