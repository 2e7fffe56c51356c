"""A score as one reader is told it: with the figures of the lists below it, and without what they may not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from alerts.risk.terms import (
    Term,
    domino_text,
    exposure_terms,
    facilities_text,
    nearest_term,
    who_term,
)
from alerts.risk.words import words_of
from core import nouns
from core.exposure import Exposure
from core.i18n import say
from core.readings import road_minutes
from core.vocabulary import Text

# how far scores of before told it: by the value of the term alone
_FULL_S, _FULL, _NO_PLACES = 1800.0, 10.0, 1.0


def as_it_stands(
    held: nouns.Risk,
    radius_m: float,
    found: Exposure,
    nearest: tuple[Text, float] | None,
    *,
    day: bool,
    limited: bool = False,
) -> nouns.Risk:
    """A score given before, for whoever looks now: its terms tell what is counted around it, and who is nearest, in
    the very moment in which the same is listed below them. The score stays that of the lists; it follows. Of who is
    `limited` it is the words alone that are others: what is told are the things they see, what counted were all."""
    terms = {term["name"]: term for term in held["terms"]}
    people = figures_of(terms.get("people"))
    exposed = exposure_terms(found, radius_m, round(people.get("in_danger", 0)), least="least" in people)
    anew = {one.name: one for one in exposed}
    anew["who"] = who_term(found, day)
    if nearest is not None and not is_sent(terms.get("nearest_unit"), nearest[1]):
        anew["nearest_unit"] = nearest_term(*nearest)
    told = [_narrowed(term, anew, found) if limited else _anew(term, anew) for term in held["terms"]]
    whole: nouns.Risk = {**held, "terms": told}
    return {**whole, "words": words_of(held["score"], told)} if "words" in held else whole


def figures_of(term: nouns.Term | None) -> Mapping[str, float]:
    return term.get("figures", {}) if term else {}


def is_sent(term: nouns.Term | None, eta_s: float) -> bool:
    """Whether the nearest is one that was sent, and no free one is nearer."""
    figures = figures_of(term)
    return bool(figures.get("sent")) and figures.get("eta_s", 0.0) <= eta_s


def _anew(term: nouns.Term, anew: Mapping[str, Term]) -> nouns.Term:
    found = anew.get(term["name"])
    return term if found is None or term["value"] is None or found.value is None else found.as_json()


def _narrowed(term: nouns.Term, anew: Mapping[str, Term], found: Exposure) -> nouns.Term:
    """What counted, counted: its value stays."""
    if term["value"] is None:
        return term
    name = term["name"]
    if name == "facilities":
        return {**term, "text": facilities_text(found, unnamed=some(term))}
    if name == "domino":
        return {**term, "text": domino_text(found, unnamed=some(term))}
    if name == "nearest_unit" and name not in anew:
        return nameless_term(term) if term.get("figures", {}).get("sent") else _unseen(term)
    if name == "weather":
        return nameless_term(term)
    seen = anew.get(name)
    if seen is None:
        return term
    shown: nouns.Term = {**term, "text": seen.text}
    if seen.figures:
        shown["figures"] = dict(seen.figures)
    else:
        shown.pop("figures", None)
    return shown


def _unseen(term: nouns.Term) -> nouns.Term:
    """None of the units that they see is free."""
    return {
        "name": term["name"],
        "dimension": term["dimension"],
        "value": term["value"],
        "weight": term["weight"],
        "text": say("risk.eta.unseen"),
        "figures": {"unseen": 1},
    }


def some(term: nouns.Term) -> bool:
    """Whether there was a place; a score of before counted one for none."""
    none = 0.0 if term["dimension"] == "exposure" else _NO_PLACES
    return (term["value"] or 0.0) > none


def nameless(terms: Sequence[nouns.Term], *, of_cell: bool = False) -> list[nouns.Term]:
    """Terms of a score for whoever does not see the whole city: a unit, a place or an alarm that one of them names may
    be of another district. What counted, counted; a card names what its reader sees (`as_it_stands`)."""
    return [nameless_term(term, of_cell=of_cell) for term in terms]


def nameless_term(term: nouns.Term, *, of_cell: bool = False) -> nouns.Term:
    said = (CELL_NAMELESS if of_cell else NAMELESS).get(term["name"])
    return {**term, "text": said(term)} if said and term["value"] is not None else term


def nearest_unnamed(term: nouns.Term) -> Text:
    """How far help is, by its figures; of a score of before as near as the value of its term tells it."""
    figures, value = term.get("figures"), term["value"] or 0.0
    if figures:
        sent = figures.get("sent")
        key = {1: "risk.eta.sent", 2: "risk.eta.there"}[round(sent)] if sent else "risk.eta.unnamed"
        return say(key, minutes=road_minutes(figures["eta_s"]))
    if value >= _FULL:
        return say("risk.eta.far", minutes=round(_FULL_S / 60))
    return say("risk.eta.unnamed", minutes=road_minutes(_FULL_S * (value / _FULL) ** 2))


def places_unnamed(term: nouns.Term) -> Text:
    return say("risk.facilities.some" if some(term) else "risk.facilities.none")


def domino_unnamed(term: nouns.Term) -> Text:
    return say("risk.domino.some" if some(term) else "risk.domino.none")


def weather_unnamed(term: nouns.Term) -> Text:
    return say("risk.weather.some" if some_weather(term) else "risk.weather.none")


def some_weather(term: nouns.Term) -> bool:
    return (term["value"] or 0.0) > 0


# by the terms that name something
NAMELESS: Mapping[str, Callable[[nouns.Term], Text]] = {
    "nearest_unit": nearest_unnamed,
    "facilities": places_unnamed,
    "domino": domino_unnamed,
    "weather": weather_unnamed,
}
CELL_NAMELESS: Mapping[str, Callable[[nouns.Term], Text]] = {
    "hazard": lambda _: say("risk.near_some"),
    "nearest_unit": nearest_unnamed,
    "weather": weather_unnamed,
}
