"""What can be analysed over all parts, and the answer to a question, as far as somebody sees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from alerts.analysed import ALARMS
from core.analysis import AnalysisObject, Asked, Place, Question, Subject, SubjectObject, answer, read_question
from core.analysis.answering import MOST, grouping_object
from core.analysis.asked import groupings_of, measures_of
from core.errors import InputError, NotFound
from core.exposure import city_zone
from core.faults import expects
from core.scope import Scope
from dispatch.analysed import INCIDENTS
from layers.analysed import DISTRICT, HEXAGONS, OURS, district_codes, own_places, own_subjects

SUBJECTS = (INCIDENTS, ALARMS, *OURS)


def read_subjects(conn: Connection, scope: Scope) -> list[Subject]:
    """Ours, then the city's own layers."""
    return [*SUBJECTS, *own_subjects(conn, scope)]


def find_subject(conn: Connection, scope: Scope, name: str) -> Subject:
    """NotFound where there is none, or none that this scope may see."""
    found = next((one for one in read_subjects(conn, scope) if one.id == name), None)
    if found is None:
        raise NotFound(f"subject: there is nothing called {name[:100]!r} to analyse", field="subject")
    return found


def read_places(conn: Connection, scope: Scope) -> list[Place]:
    return [DISTRICT, *own_places(conn, scope), *HEXAGONS]


def places_of(subject: Subject, places: Sequence[Place]) -> Sequence[Place]:
    """By what a subject can be divided: what has no shapes may have districts."""
    return places if subject.geom is not None else [DISTRICT]


def subject_object(subject: Subject, places: Sequence[Place]) -> SubjectObject:
    return {
        "id": subject.id,
        "title": subject.title,
        "groupings": [grouping_object(one) for one in groupings_of(subject, places_of(subject, places))],
        "measures": [{"id": name, "title": title} for name, title in measures_of(subject)],
        "times": [{"id": one.id, "title": one.title} for one in subject.times],
        "columns": [{"id": one.id, "title": one.title} for one in subject.dimensions],
    }


def describe_subjects(conn: Connection, scope: Scope) -> list[SubjectObject]:
    places = read_places(conn, scope)
    return [subject_object(one, places) for one in read_subjects(conn, scope)]


def understand(conn: Connection, scope: Scope, name: str, asked: Asked) -> tuple[Subject, Question, str]:
    """The subject, what is asked of it, and the city's zone. NotFound, InputError name what is not there."""
    subject = find_subject(conn, scope, name)
    zone = city_zone(conn)
    question = read_question(subject, places_of(subject, read_places(conn, scope)), asked, zone)
    if asked.district is not None and asked.district not in district_codes(conn, scope):
        raise InputError(
            f"district: there is no {asked.district[:60]!r}",
            field="district",
            about=expects("district", "none_such", name=asked.district[:60]),
        )
    return subject, question, zone


def analyse(
    conn: Connection, scope: Scope, name: str, asked: Asked, now: datetime, most: int = MOST
) -> tuple[AnalysisObject, Question]:
    subject, question, zone = understand(conn, scope, name, asked)
    return answer(conn, subject, question, scope, zone, now, most), question
