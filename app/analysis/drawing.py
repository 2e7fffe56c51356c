"""The figures of a question: its chart, and its map by the place it is grouped by, else by districts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection

from app.analysis.asking import understand
from app.analysis.charts import chart_of
from app.analysis.figures import Drawn, Lang, spoken
from app.analysis.maps import map_of
from app.ogc.qgis import light_tokens
from core.analysis import AnalysisObject, Asked, Question, Subject, answer
from core.analysis.asked import groupings_of
from core.analysis.nouns import Grouping, Kind
from core.scope import Scope
from layers.analysed import DISTRICT, district_codes, draw_districts

FONT = "Noto Sans SC, sans-serif"


@dataclass(frozen=True, slots=True)
class Looked:
    """An answer and the one of the map, which is by the place alone."""

    subject: Subject
    question: Question
    answer: AnalysisObject
    place: Grouping | None
    mapped: AnalysisObject | None


def look(conn: Connection, scope: Scope, name: str, asked: Asked, now: datetime) -> Looked:
    subject, question, zone = understand(conn, scope, name, asked)
    found = answer(conn, subject, question, scope, zone, now)
    place = place_of(subject, question)
    mapped = None
    if place is not None:
        alone = question.by == (place,)
        mapped = found if alone else answer(conn, subject, question.grouped(place), scope, zone, now)
    return Looked(subject, question, found, place, mapped)


def place_of(subject: Subject, question: Question) -> Grouping | None:
    """The place that things are grouped by, else the districts."""
    asked = next((one for one in question.by if one.kind is Kind.PLACE), None)
    return asked or next((one for one in groupings_of(subject, [DISTRICT]) if one.of is DISTRICT), None)


def draw_map(conn: Connection, scope: Scope, looked: Looked, *, scale: bool = False) -> Drawn | None:
    if looked.mapped is None or looked.place is None or looked.place.place is None:
        return None
    keys = [str(one["keys"][0]["key"]) for one in looked.mapped["groups"]]
    shapes = looked.place.place.draw(conn, scope, keys)
    ground = draw_districts(conn, scope, district_codes(conn, scope))
    return map_of(looked.mapped, shapes, ground, scale=scale)


def draw_chart(looked: Looked) -> Drawn | None:
    return chart_of(looked.answer, looked.question)


@cache
def paper() -> Mapping[str, str]:
    """Colours of a figure that leaves: those of the light theme."""
    return {**light_tokens(), "words": FONT}


def on_paper(figure: Any, lang: Lang) -> Any:
    """A figure that stands by itself, on white."""
    said = spoken(figure, lang, paper())
    return {**said, "layout": {**said["layout"], "paper_bgcolor": "#ffffff"}}
