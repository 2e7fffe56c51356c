"""The lines of the catalogue as somebody sees them: what the parts have, what is said of it, how it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from core.catalogue import days, entries, uses
from core.catalogue.days import Day, ScoreObject
from core.catalogue.entries import NOTHING, Entry
from core.catalogue.nouns import EntryObject, Kind, Name, OverlapObject, Resource
from core.catalogue.uses import Used
from core.clock import rfc3339
from core.errors import NotFound
from core.exposure import city_zone
from core.scope import EVERYTHING, Scope
from core.viewer import Viewer
from core.vocabulary import Text
from ingest import described as sources
from layers import described as layers

# what was measured longer ago says nothing of today
MEASURED_WITHIN = timedelta(days=40)
UNUSED = Used(0, 0)


def read_resources(conn: Connection) -> list[Resource]:
    """All there are: layers, then sources."""
    return [*layers.read_resources(conn), *sources.read_resources(conn)]


def find_resource(conn: Connection, name: Name) -> Resource | None:
    part = layers if name.kind is Kind.LAYER else sources
    return next((one for one in part.read_resources(conn, name.id) if one.name == name), None)


def reaches(resource: Resource, scope: Scope) -> bool:
    """Whether who sees so far may read the thing itself."""
    limited = resource.departments is not None and scope.departments is not None
    kept = not limited or not scope.departments.isdisjoint(resource.departments)  # type: ignore[union-attr,arg-type]
    return scope.city and kept and resource.classification <= scope.classification


def is_listed(resource: Resource, entry: Entry, scope: Scope) -> bool:
    """That a thing is there may be known of what one reaches, and of what is shared with others at all."""
    if not scope.city or resource.classification > scope.classification:
        return False
    return reaches(resource, scope) or entry["sharing"] in ("unconditional", "conditional")


def today_of(conn: Connection, now: datetime) -> date:
    """The day in the city."""
    return now.astimezone(ZoneInfo(city_zone(conn))).date()


def provider_of(resource: Resource, entry: Entry) -> str | None:
    """As it is said, else as its part has it."""
    said: str | None = entry["provider"]
    return said or resource.provider


@dataclass(frozen=True, slots=True)
class Book:
    """What is known of all, read at once."""

    resources: Sequence[Resource]
    said: Mapping[Name, Entry]
    measured: Mapping[Name, Day]
    used: Mapping[Name, Used]
    now: datetime

    def entry(self, name: Name) -> Entry:
        return self.said.get(name, NOTHING)

    @property
    def titles(self) -> dict[Name, Text]:
        return {one.name: one.title for one in self.resources}


def read_book(conn: Connection, now: datetime) -> Book:
    today = today_of(conn, now)
    return Book(
        read_resources(conn),
        entries.read_entries(conn),
        days.read_days(conn, today - MEASURED_WITHIN),
        uses.read_uses(conn, today - uses.RECENT),
        now,
    )


def read_catalogue(conn: Connection, viewer: Viewer, now: datetime) -> list[EntryObject]:
    """What a person may know of, layers first."""
    book = read_book(conn, now)
    seen = [one for one in book.resources if is_listed(one, book.entry(one.name), viewer.scope)]
    known = {one.name for one in seen}
    # of what they may know of: that another has this title must not tell of what is hidden
    twice = Counter(bare(one.title["zh"]) for one in seen)
    return [entry_object(one, book, viewer.scope, known, alike=twice[bare(one.title["zh"])] > 1) for one in seen]


def read_month(conn: Connection, viewer: Viewer, first: date) -> list[ScoreObject]:
    """What each provider's part of the catalogue was worth in a month, as far as a person may know of it."""
    if viewer.scope.covers(EVERYTHING):
        return days.read_scores(conn, first)
    said = entries.read_entries(conn)
    known = [one.name for one in read_resources(conn) if is_listed(one, said.get(one.name, NOTHING), viewer.scope)]
    return days.read_scores(conn, first, known)


def bare(title: str) -> str:
    return "".join(title.split()).casefold()


def need_entry(conn: Connection, viewer: Viewer, name: Name, now: datetime) -> EntryObject:
    """NotFound where there is none, or none that this person may know of."""
    found = next((one for one in read_catalogue(conn, viewer, now) if (one["kind"], one["id"]) == name), None)
    if found is None:
        raise missing(name)
    return found


def need_resource(conn: Connection, viewer: Viewer, name: Name) -> tuple[Resource, Entry]:
    """With what is said of it; NotFound like `need_entry`."""
    resource = find_resource(conn, name)
    entry = entries.read_entries(conn, name).get(name, NOTHING)
    if resource is None or not is_listed(resource, entry, viewer.scope):
        raise missing(name)
    return resource, entry


def missing(name: Name) -> NotFound:
    return NotFound(f"id: there is no {name.kind} {name.id!r}", field="id")


def entry_object(resource: Resource, book: Book, scope: Scope, known: set[Name], *, alike: bool) -> EntryObject:
    """`known`: what else may be named."""
    entry, day, used = book.entry(resource.name), book.measured.get(resource.name), book.used.get(resource.name, UNUSED)
    provider = provider_of(resource, entry)
    titles = book.titles
    overlaps: list[OverlapObject] = [
        {"kind": other["kind"], "id": other["id"], "share": other["share"], "title": titles[name]}
        for other in (day.measured.overlaps if day else ())
        if (name := Name(Kind(other["kind"]), other["id"])) in known
    ]
    measured = day.measured if day else None
    return {
        "kind": resource.name.kind.value,
        "id": resource.name.id,
        "title": resource.title,
        "group": resource.group,
        "geometry": resource.geometry,
        "code": entry["code"],
        "category": entry["category"],
        "provider": provider,
        "department": entry["department"],
        "contact": entry["contact"],
        "summary_zh": entry["summary_zh"],
        "summary_en": entry["summary_en"],
        "cycle": entry["cycle"],
        "sharing": entry["sharing"],
        "terms": entry["terms"],
        "open": bool(entry["open"]),
        "openable": resource.openable,
        "classification": int(resource.classification),
        "departments": None if resource.departments is None else list(resource.departments),
        "version": entry.version,
        "changed_at": rfc3339(entry.changed_at) if entry.changed_at else None,
        "changed_by": entry.changed_by,
        "columns": list(resource.columns),
        "lineage": dict(resource.lineage),
        "rows": resource.rows if resource.rows is not None else measured.rows if measured else None,
        "updated_at": rfc3339(resource.updated_at) if resource.updated_at else None,
        "in_cycle": entries.in_cycle(entry, resource.updated_at, book.now),
        "filled": measured.filled if measured else None,
        "refused": measured.refused if measured else None,
        "measured_at": rfc3339(day.at) if day else None,
        "overlaps": overlaps,
        "uses": used.times,
        "users": used.people,
        "lacks": entries.lacks(resource, entry, provider=provider, alike=alike),
        "reach": reaches(resource, scope),
    }
