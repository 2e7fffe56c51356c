"""The reasons of a score: what may hurt, who and what is there, who could help; and the score they make.

A term that cannot be known is named as missing (value None) and left out of its dimension. Each term keeps the figures
that its words say: words and score come of the same numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from alerts.risk import arithmetic as sums
from alerts.risk.arithmetic import Band
from core import nouns
from core.clock import rfc3339
from core.exposure import Exposure, Place, is_day
from core.i18n import say
from core.levels import alarm_level, lowered, urgency
from core.readings import estimate, road_minutes
from core.scope import Classification
from core.vocabulary import Text, label, table

# whose words the level of a hazard is in
LADDERS = {"alarm": alarm_level, "incident": urgency}
SENSITIVE = 2  # facilities of so many points are named
NAMED = 4
NIGHT_HOURS = (22, 23, 0, 1, 2, 3, 4, 5)
JOINED = {"zh": "、", "en": ", "}
# what stands as it is known in a term that is known in part
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Term:
    """One reason: `value` 0-10 (None where missing), `weight` its share of its dimension, `text` in words, `figures`
    the numbers in it."""

    name: str
    value: float | None
    text: Text
    figures: Mapping[str, float] = field(default_factory=dict)
    # of a term that says how old news is: when it was seen
    since: datetime | None = None

    @property
    def dimension(self) -> str:
        return str(table("risk_terms")[self.name]["dimension"])

    @property
    def weight(self) -> float:
        return WEIGHED.get(self.name, sums.weight_of(self.name))

    def as_json(self) -> nouns.Term:
        shown: nouns.Term = {
            "name": self.name,
            "dimension": self.dimension,
            "value": self.value,
            "weight": self.weight,
            "text": self.text,
        }
        if self.figures:
            shown["figures"] = dict(self.figures)
        return {**shown, "since": rfc3339(self.since)} if self.since else shown


# of the hazard: what sets the band, scales q or lifts it counts whole; how old it is counts nothing
WEIGHED = {"hazard": 1.0, "level": 1.0, "certainty": 1.0, "life": 1.0, "age": 0.0}


@dataclass(frozen=True, slots=True)
class Hazard:
    """What may hurt: its level, how sure we are, when it was seen, how far it reaches, what it takes to help.

    `in_danger`: how many people are directly in danger, None where nobody said. `life`: its kind means that somebody
    is.
    """

    level: int
    certainty: str
    observed_at: datetime
    radius_m: float
    capabilities: tuple[str, ...]
    # alarm or incident: whose words its level has
    ladder: str = "alarm"
    in_danger: int | None = None
    life: bool = False

    @property
    def at_stake(self) -> bool:
        """Whether a life is: what was said goes before what the kind says."""
        return self.life if self.in_danger is None else self.in_danger > 0

    @property
    def endangered(self) -> int:
        """At least so many."""
        return int(self.life) if self.in_danger is None else self.in_danger


@dataclass(frozen=True, slots=True)
class Coping:
    """Road time of the nearest capable unit that is free, or was sent already (`sent`: on_way, on_scene), and the mean
    around; None with `known` False where nobody has computed it. `all_s`: until the last of what is needed is there;
    `lacking`: capabilities of which no unit is to be had. `competing`: incidents near that need the same."""

    eta_s: float | None
    unit: Text | None
    around_s: float | None
    known: bool
    all_s: float | None = None
    lacking: tuple[str, ...] = ()
    sent: str | None = None
    competing: int = 0
    # whether it is known when all that is needed is there
    all_known: bool = True


@dataclass(frozen=True, slots=True)
class Weather:
    """The gravest warning of others in force over a place: its level, its name; `known` False where no warnings are
    received."""

    level: int | None = None
    names: Text | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Risk:
    """`score` is what is kept, to a hundredth, and shown to a tenth; `exact` what it was rounded from."""

    score: float
    terms: tuple[Term, ...]
    exact: float = 0.0
    band: Band | None = None
    q: float = 0.0
    confidence: float = 1.0


def assess(hazard: Hazard, found: Exposure, weather: Weather, coping: Coping, now: datetime, zone: str) -> Risk:
    """The risk of a hazard at a place. Pure."""
    return combine(
        hazard,
        [
            *hazard_terms(hazard),
            *exposure_terms(found, hazard.radius_m, hazard.endangered, least=hazard.in_danger is None),
            *vulnerability_terms(found, weather, now, zone),
            *coping_terms(coping, hazard.capabilities),
        ],
    )


def combine(hazard: Hazard, terms: Sequence[Term]) -> Risk:
    values = {t.name: math.nan if t.value is None else t.value for t in terms}
    weighed = sums.weigh(values, hazard.level, sums.factor_of(hazard.certainty), life=hazard.at_stake)
    exact = float(weighed.score)
    return Risk(
        round(exact, 2),
        tuple(terms),
        exact,
        sums.band_of(hazard.level),
        round(float(weighed.q), 3),
        round(float(weighed.confidence) * confidence_in(hazard, terms), 2),
    )


def confidence_in(hazard: Hazard, terms: Sequence[Term]) -> float:
    """What is known in part, or of what nobody knows how sure it is, is known less well than its weight says."""
    doubt = sum("assumed" in term.figures for term in terms)
    doubt += "factor" not in table("certainties").get(hazard.certainty, {})
    return 0.9**doubt


# --- what may hurt ----------------------------------------------------------------------------------------------------


def hazard_terms(hazard: Hazard) -> list[Term]:
    band = sums.band_of(hazard.level)
    words = say("risk.band", level=LADDERS[hazard.ladder](hazard.level), low=short(band.low), high=short(band.high))
    factor = sums.factor_of(hazard.certainty)
    terms = [
        Term("level", band.high, words, {"low": band.low, "high": band.high}),
        Term("certainty", round(sums.FULL * factor, 1), label("certainties", hazard.certainty), {"factor": factor}),
    ]
    if hazard.at_stake:
        terms.append(life_term(hazard))
    return [*terms, age_term(hazard.observed_at)]


def life_term(hazard: Hazard) -> Term:
    if hazard.in_danger is None:
        return Term("life", sums.FULL, say("risk.life.unknown"), {"in_danger": hazard.endangered, "assumed": 1})
    return Term("life", sums.FULL, say("risk.life", n=hazard.in_danger), {"in_danger": hazard.in_danger})


def age_term(observed_at: datetime) -> Term:
    """How old news is, is for whoever reads it to say; it lowers nothing."""
    return Term("age", 0.0, say("risk.age"), since=observed_at)


def short(number: float) -> str:
    """7.0 is said 7."""
    return f"{number:g}"


# --- who and what is there --------------------------------------------------------------------------------------------


def exposure_terms(found: Exposure, radius_m: float, endangered: int = 0, *, least: bool = False) -> list[Term]:
    """`endangered` people are in danger directly, or at `least` so many."""
    return [
        people_term(found.people, radius_m, endangered, least=least),
        Term(
            "buildings",
            float(sums.linear(found.buildings, sums.scale("buildings"))),
            say("risk.buildings", radius=round(radius_m), buildings=found.buildings),
            {"buildings": found.buildings, "radius_m": round(radius_m)},
        ),
        *place_terms(found),
    ]


def people_term(near: int | None, radius_m: float | None, endangered: int = 0, *, least: bool = False) -> Term:
    """People directly in danger count a hundred times people merely near; without a radius those of a cell."""
    figures: dict[str, float] = {"in_danger": endangered}
    if least and endangered:
        figures["least"] = 1
    n = say("risk.least" if least else "risk.exactly", n=endangered)
    if near is None:
        if not endangered:
            return Term("people", None, say("risk.people.missing"))
        words = say("risk.people.danger_only", n=n)
        return Term("people", people_value(0, endangered), words, {**figures, "assumed": 1})
    figures["near"] = near
    if radius_m is None:
        words = say("risk.cell.people", people=estimate(near))
    else:
        figures["radius_m"] = round(radius_m)
        words = say("risk.people", radius=round(radius_m), people=estimate(near))
    if endangered:
        words = say("risk.people.danger", n=n, near=words)
    return Term("people", people_value(near, endangered), words, figures)


def people_value(near: float, endangered: int = 0) -> float:
    return float(sums.logarithmic(near + sums.scale("people", "danger_counts") * endangered, sums.scale("people")))


def points_of(kind: str, what: str = "sensitive") -> float:
    return float(table("facility_kinds").get(kind, {}).get(what, 0))


def is_sensitive(kind: str) -> bool:
    """Those that are a danger themselves are told apart."""
    return points_of(kind) >= SENSITIVE and not points_of(kind, "domino")


def sensitive_places(found: Exposure) -> list[Place]:
    return [p for p in found.facilities if is_sensitive(p.kind)]


def hazardous_places(found: Exposure) -> list[Place]:
    return [p for p in found.facilities if points_of(p.kind, "domino")]


def place_terms(found: Exposure) -> list[Term]:
    if not found.facilities_known:
        return [
            Term("facilities", None, say("risk.facilities.missing")),
            Term("domino", None, say("risk.domino.missing")),
        ]
    sensitive, hazardous = sensitive_places(found), hazardous_places(found)
    return [
        Term("facilities", facilities_value(sensitive), facilities_text(found, unnamed=bool(sensitive))),
        Term("domino", domino_value(hazardous), domino_text(found, unnamed=bool(hazardous))),
    ]


def facilities_value(places: Sequence[Place]) -> float:
    return float(sums.linear(sum(points_of(p.kind) for p in places), sums.scale("facilities")))


def domino_value(places: Sequence[Place]) -> float:
    return float(sums.linear(sum(points_of(p.kind, "domino") for p in places), sums.scale("domino")))


def facilities_text(found: Exposure, *, unnamed: bool) -> Text:
    """Whoever sees the score reads their names; what is not for all counts and is not named. `unnamed`: there are some,
    named or not."""
    hidden = "risk.facilities.unnamed" if unnamed else "risk.facilities.none"
    return _named("risk.facilities", sensitive_places(found), hidden)


def domino_text(found: Exposure, *, unnamed: bool) -> Text:
    hidden = "risk.domino.unnamed" if unnamed else "risk.domino.none"
    return _named("risk.domino", hazardous_places(found), hidden)


def _named(key: str, places: Sequence[Place], hidden: str) -> Text:
    named = [p for p in places if p.classification == Classification.OPEN][:NAMED]
    if not named:
        return say(hidden)
    return say(key, list={lang: sign.join(p.names[lang] for p in named) for lang, sign in JOINED.items()})


# --- who they are -----------------------------------------------------------------------------------------------------


def vulnerability_terms(found: Exposure, weather: Weather, now: datetime, zone: str) -> list[Term]:
    return [who_term(found, is_day(now, zone)), hour_term(now, zone), weather_term(weather)]


def who_term(found: Exposure, day: bool) -> Term:
    """Those who cannot help themselves: children, patients, the old, by the places where they are at this hour."""
    if not found.facilities_known:
        return Term("who", None, say("risk.who.missing"))
    groups: Counter[str] = Counter()
    assumed = False
    for place in found.facilities:
        group = table("facility_kinds").get(place.kind, {}).get("frail")
        if group is not None:
            groups[group] += frail_in(place.kind, place.people, day)
            assumed = assumed or place.people is None
    return who_of(groups, assumed=assumed)


def frail_in(kind: str, counted: int | None, day: bool) -> int:
    """How many are in a place of a kind: counted, else as many as are usually in one."""
    usual = table("facility_kinds").get(kind, {}).get("usual", (0, 0))
    return int(usual[0 if day else 1]) if counted is None else counted


def who_of(groups: Mapping[str, int], *, assumed: bool = False) -> Term:
    there = {group: n for group, n in groups.items() if n > 0}
    total = sum(there.values())
    figures: dict[str, float] = {f"frail_{group}": n for group, n in there.items()}
    if assumed and total:
        figures["assumed"] = 1
    value = float(sums.logarithmic(total, sums.scale("who")))
    if not total:
        return Term("who", value, say("risk.who.none"))
    said = [say("risk.who.group", group=label("frail_groups", g), n=estimate(n)) for g, n in sorted(there.items())]
    return Term("who", value, {lang: sign.join(one[lang] for one in said) for lang, sign in JOINED.items()}, figures)


@lru_cache(maxsize=64)
def hour_of(now: datetime, zone: str) -> str:
    """day, night, home: by day people are where they work and learn, and awake; at night they are at home and
    asleep."""
    if is_day(now, zone):
        return "day"
    return "night" if now.astimezone(ZoneInfo(zone)).hour in NIGHT_HOURS else "home"


def hour_term(now: datetime, zone: str) -> Term:
    hour = hour_of(now, zone)
    return Term("hour", sums.scale("hour", hour), say(f"risk.hour.{hour}"))


def weather_term(weather: Weather) -> Term:
    if not weather.known:
        return Term("weather", None, say("risk.weather.missing"))
    value = weather_value(weather.level if weather.names else None)
    if not weather.names:
        return Term("weather", value, say("risk.weather.none"))
    return Term("weather", value, say("risk.weather", names=weather.names))


def weather_value(level: int | None) -> float:
    return float(table("risk_terms")["weather"]["levels"][str(level) if level else "none"])


# --- who could help ---------------------------------------------------------------------------------------------------


def eta_value(eta_s: float | None) -> float:
    """None: nobody can come."""
    return float(sums.rooted(math.inf if eta_s is None else eta_s, sums.scale("nearest_unit", "full_s")))


def coping_terms(coping: Coping, capabilities: Sequence[str]) -> list[Term]:
    competing = competing_term(coping.competing)
    if not coping.known:
        return [
            Term("nearest_unit", None, say("risk.eta.missing")),
            Term("all_needed", None, say("risk.all.missing")),
            coverage_term(coping.around_s),
            competing,
        ]
    return [nearest_of(coping, capabilities), all_term(coping), coverage_term(coping.around_s), competing]


def nearest_of(coping: Coping, capabilities: Sequence[str]) -> Term:
    if coping.eta_s is None:
        words = [label("capabilities", c) for c in capabilities]
        names = {"zh": "或".join(w["zh"] for w in words), "en": " or ".join(lowered(w["en"]) for w in words)}
        return Term("nearest_unit", sums.FULL, say("risk.eta.none", capability=names))
    return nearest_term(coping.unit or {"zh": "", "en": ""}, coping.eta_s, coping.sent)


SENT = {"on_way": 1, "on_scene": 2}


def nearest_term(unit: Text, eta_s: float, sent: str | None = None) -> Term:
    key = f"risk.eta.{sent}" if sent else "risk.eta"
    figures: dict[str, float] = {"eta_s": round(eta_s, 1), **({"sent": SENT[sent]} if sent else {})}
    return Term("nearest_unit", eta_value(eta_s), say(key, unit=unit, minutes=road_minutes(eta_s)), figures)


def all_term(coping: Coping) -> Term:
    """When the last of what is needed is there: the nearest may bring only a part of it."""
    if not coping.all_known:
        return Term("all_needed", None, say("risk.all.missing"))
    if coping.lacking or coping.all_s is None:
        lacking = [label("capabilities", c) for c in coping.lacking]
        names = {"zh": "、".join(w["zh"] for w in lacking), "en": ", ".join(lowered(w["en"]) for w in lacking)}
        return Term("all_needed", sums.FULL, say("risk.all.lacking" if lacking else "risk.all.none", list=names))
    words = say("risk.all", minutes=road_minutes(coping.all_s))
    return Term("all_needed", eta_value(coping.all_s), words, {"all_s": round(coping.all_s, 1)})


def coverage_term(around_s: float | None) -> Term:
    if around_s is None:
        return Term("coverage", None, say("risk.coverage.missing"))
    words = say("risk.coverage", minutes=road_minutes(around_s))
    return Term("coverage", eta_value(around_s), words, {"around_s": round(around_s, 1)})


def competing_term(count: int) -> Term:
    within = sums.scale("competing", "within_m")
    km = within / 1000
    value = float(sums.linear(count, sums.scale("competing")))
    figures = {"competing": count, "within_m": within}
    key = "risk.competing" if count > 1 else "risk.competing.one" if count else "risk.competing.none"
    return Term("competing", value, say(key, n=count, km=short(km)), figures)
