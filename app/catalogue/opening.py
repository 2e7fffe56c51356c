"""What the public is shown: layers that are shared without conditions and marked as open, read as a stranger reads."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection

from app.catalogue.listing import entry_object, read_book
from core.catalogue import opened
from core.catalogue.entries import Entry
from core.catalogue.nouns import EntryObject, Kind, Resource
from core.errors import NotFound, TooMany
from core.scope import Classification, Scope

# as far as anybody sees
STRANGER = Scope(classification=Classification.OPEN)
ASKED_AT_MOST, WITHIN_S = 120, 60.0


class Turnstile:
    """How often each address has asked within the last minute; of so many addresses, the latest."""

    def __init__(self, most: int = ASKED_AT_MOST, held: int = 10_000) -> None:
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()
        self._most, self._held = most, held
        self._lock = Lock()

    def pass_through(self, address: str) -> None:
        """TooMany for who asks too often."""
        now = time.monotonic()
        with self._lock:
            asked = self._asked.setdefault(address, deque())
            self._asked.move_to_end(address)
            while asked and asked[0] < now - WITHIN_S:
                asked.popleft()
            while len(self._asked) > self._held:
                self._asked.popitem(last=False)
            if len(asked) >= self._most:
                raise TooMany(f"at most {self._most} requests a minute from one address")
            asked.append(now)


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
    """Without who works on it here."""
    lineage = {key: value for key, value in one["lineage"].items() if key in ("file", "datum", "at")}
    return {**one, "changed_by": None, "department": None, "lineage": lineage}


def need_open(conn: Connection, layer: str, now: datetime) -> EntryObject:
    found = next((one for one in read_open(conn, now) if one["id"] == layer), None)
    if found is None:
        raise NotFound(f"layer: there is no open layer {layer[:60]!r}", field="layer")
    return found
