"""The reasons of one cell's score: those of a place, said of the cell. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from alerts.cells.ground import CellGround
from alerts.cells.weighing import Near, Worst, at_home, people_of
from alerts.risk import arithmetic as sums
from alerts.risk.terms import (
    JOINED,
    Hazard,
    Risk,
    Term,
    combine,
    coping_terms,
    hazard_terms,
    hour_term,
    people_term,
    weather_term,
    who_of,
)
from alerts.setting import Setting, coping_of
from core.i18n import say
from core.scope import Classification
from core.types import LonLat
from core.vocabulary import Text, label, table


def cell_terms(ground: CellGround, setting: Setting, worst: Worst, i: int, near: Near) -> list[Term]:
    """The reasons of one cell's score: those of a place, said of the cell."""
    hazard, faded = near.hazard, float(worst.faded[i])
    metres = round(float(worst.metres[i]))
    first = Term(
        "hazard",
        round(sums.FULL * faded, 1),
        said_of(near, metres),
        {"distance_m": metres, "faded": round(faded, 2)},
    )
    return [
        first,
        *(term for term in hazard_terms(felt(hazard, faded)) if term.name != "age"),
        *_exposed(ground, setting, i, near),
        *_frail(ground, setting, i),
        *_help(ground, setting, i, near, int(worst.competing[i])),
    ]


def felt(hazard: Hazard, faded: float) -> Hazard:
    """Whose life is at stake lies within the footprint."""
    return hazard if faded >= 1 else replace(hazard, in_danger=0)


def score_cell(ground: CellGround, setting: Setting, worst: Worst, i: int, near: Near) -> Risk:
    """One cell under its worst hazard, alone: its score is what is left of this at its distance. What is counted for
    all cells at once must be the same."""
    return combine(felt(near.hazard, float(worst.faded[i])), cell_terms(ground, setting, worst, i, near))


def said_of(near: Near, distance: float) -> Text:
    """What the hazard is and how far: whoever sees the cell is not told the name of what is not for all."""
    if near.classification > Classification.OPEN:
        return say("risk.near_unnamed", distance=round(distance))
    return say("risk.near", distance=round(distance), name=near.names)


def said_of_facilities(counts: Mapping[str, int], none: str = "risk.cell.facilities.none") -> Text:
    """How many of which sensitive places: 学校 1 所、医院 1 家."""
    if not counts:
        return say(none)
    said = [
        say("risk.cell.facility", kind=label("facility_kinds", kind), n=counted(kind, n)) for kind, n in counts.items()
    ]
    return {lang: sign.join(words[lang] for words in said) for lang, sign in JOINED.items()}


def counted(kind: str, n: int) -> Text:
    return {"zh": f"{n} {table('facility_kinds').get(kind, {}).get('counter', '处')}", "en": str(n)}


def _exposed(ground: CellGround, setting: Setting, i: int, near: Near) -> list[Term]:
    endangered = near.hazard.endangered if at_home(ground, setting, near) == i else 0
    people = int(people_of(ground, setting)[i]) if ground.counted else None
    buildings = int(ground.buildings[i])
    terms = [
        people_term(people, None, endangered, least=near.hazard.in_danger is None),
        Term(
            "buildings",
            float(sums.linear(buildings, sums.scale("buildings"))),
            say("risk.cell.buildings", buildings=buildings),
            {"buildings": buildings},
        ),
    ]
    if not ground.facilities_known:
        return [
            *terms,
            Term("facilities", None, say("risk.facilities.missing")),
            Term("domino", None, say("risk.domino.missing")),
        ]
    places = Term(
        "facilities",
        float(sums.linear(float(ground.sensitive[i]), sums.scale("facilities"))),
        said_of_facilities(ground.facilities[i]),
    )
    dangers = Term(
        "domino",
        float(sums.linear(float(ground.domino[i]), sums.scale("domino"))),
        said_of_facilities(ground.dangers[i], "risk.domino.none"),
    )
    return [*terms, places, dangers]


def _frail(ground: CellGround, setting: Setting, i: int) -> list[Term]:
    who = (
        who_of(ground.frail[0 if setting.day else 1][i])
        if ground.facilities_known
        else Term("who", None, say("risk.who.missing"))
    )
    weather = setting.weather(LonLat(float(ground.lon[i]), float(ground.lat[i])))
    return [who, hour_term(setting.now, setting.zone), weather_term(weather)]


def _help(ground: CellGround, setting: Setting, i: int, near: Near, competing: int) -> list[Term]:
    """Of free units alone: who was sent is there for the hazard, not for the cell."""
    needs = near.hazard.capabilities
    cells = [ground.cells[j] for j in ground.ring[i] if j < len(ground.cells)]
    reaches = {cell: setting.coverage.get(cell, {}) for cell in cells}
    return coping_terms(coping_of(reaches, ground.cells[i], needs, (), competing), needs)
