"""What the public is shown: layers that are shared without conditions and marked as open, read as a stranger reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import anyio
from sqlalchemy import Connection

from app.auth import Attempts
from app.catalogue.listing import Book, entry_object, find_resource, read_book
from app.failures import place_of
from core.catalogue import entries, opened
from core.catalogue.entries import Entry
from core.catalogue.nouns import EntryObject, Kind, Name, Resource
from core.errors import NotFound, TooMany, Unavailable
from core.scope import Classification, Scope
from layers.served import LAYERS

ASKED_AT_MOST, FILES_AT_MOST = 120, 6
# so many files are written for the public at once, and so many wait: officers have their own turns
WRITTEN_AT_ONCE, WAITING_AT_MOST = 1, 4


# as far as anybody sees
STRANGER = Scope(classification=Classification.OPEN)


class Turnstile:
    """So many requests a minute from one address, as log-ins are counted. On the event loop only."""

    def __init__(self, most: int = ASKED_AT_MOST) -> None:
        self._attempts, self._most = Attempts(most=most), most

    def pass_through(self, address: str) -> None:
        """TooMany for who asks too often."""
        if self._attempts.count(place_of(address)) > self._most:
            raise TooMany(f"at most {self._most} requests a minute from one address")


def is_open(resource: Resource, entry: Entry) -> bool:
    """Also after it has been marked: what is limited or classified since then is closed."""
    return (
        bool(entry["open"])
        and entry["sharing"] == "unconditional"
        and resource.openable
        and resource.classification == Classification.OPEN
        and resource.departments is None
    )


def read_open(conn: Connection, now: datetime) -> list[EntryObject]:
    """What is open, as the catalogue lists it. NotFound where the whole is off: nobody is told what there would be."""
    if not opened.is_on(conn):
        raise NotFound("open data is not turned on here", reason="open_data_off")
    book = read_book(conn, now)
    found = [one for one in book.resources if one.name.kind is Kind.LAYER and is_open(one, book.entry(one.name))]
    known = {one.name for one in found}
    return [public(entry_object(one, book, STRANGER, known, alike=False)) for one in found]


def public(one: EntryObject) -> EntryObject:
    """Without who works on it here, what it is made from, and how many rows there are that strangers do not see."""
    return {**one, "changed_by": None, "department": None, "lineage": {}, "rows": None, "overlaps": []}


def need_open(conn: Connection, layer: str, now: datetime) -> EntryObject:
    """NotFound where it is not open now."""
    if not opened.is_on(conn):
        raise NotFound("open data is not turned on here", reason="open_data_off")
    name = Name(Kind.LAYER, layer)
    said = entries.read_entries(conn, name)
    resource = find_resource(conn, name) if name in said else None
    if resource is None or not is_open(resource, said[name]):
        raise NotFound(f"layer: there is no open layer {layer[:60]!r}", field="layer")
    return public(entry_object(resource, Book([resource], said, {}, {}, now), STRANGER, {name}, alike=False))


def scope_of(layer: str) -> Scope:
    """As far as anybody sees of a layer that is open: of one of the city's own nothing that is limited to any
    department, even if it is so from this moment on."""
    return STRANGER if layer in LAYERS else replace(STRANGER, departments=frozenset())


@dataclass
class OpenDoor:
    """What one server holds of those who come without a log-in."""

    asks: Turnstile = field(default_factory=Turnstile)
    files: Turnstile = field(default_factory=lambda: Turnstile(FILES_AT_MOST))
    writing: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(WRITTEN_AT_ONCE))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One file for the public. Unavailable where too many wait."""
        if self.writing.statistics().tasks_waiting >= WAITING_AT_MOST:
            raise Unavailable("too many files are asked for; try again later", reason="busy")
        async with self.writing:
            yield
