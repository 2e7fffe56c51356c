"""Keeping watch: our slot's lock, sources that change, sessions that dead ingesters have left behind.

An ingester holds an advisory lock for its slot as long as its connection to PostgreSQL lives. A session at the broker
whose slot has no holder is an orphan: after `ORPHAN_S` another ingester takes the lock, empties the session and ends
it, so that a shared subscription no longer deals messages to the dead.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Engine

from core.clock import utc_now
from core.db import DOOR_CHANNEL, SOURCE_CHANNEL, Notes, lock_key
from core.errors import Unavailable
from core.installation import Installation
from core.log import get_log
from core.process import Lease, Pulse, take_lease
from core.settings import Settings
from ingest.admin import quarantine
from ingest.flood import NAMES_WITHIN, Flood
from ingest.link import former_name, session_name
from ingest.shared import CHANGER, PATIENCE_S, Held, changer_of, given_up, may_change, without_dead
from ingest.sources import Sources, read_sources

log = get_log("watch")
LOOK_S = 1.0
# a process that is started again at once shall find its own slot
ORPHAN_S = 3.0
# what stands in the book for so long the broker has been told of too
STEADY_S = 0.5
HELD = """
SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND classid = 0
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def slot_lock(slot: int) -> str:
    return f"ingest-slot-{slot}"


@contextmanager
def take_slot(settings: Settings) -> Iterator[tuple[int, Lease]]:
    """The lowest free slot, ours as long as the lease lasts. Raises Unavailable where all are taken."""
    with take_lease(settings, "onemap ingest lease") as lease:
        slot = next((n for n in range(settings.ingest_slots) if lease.take(slot_lock(n))), None)
        if slot is None:
            raise Unavailable(f"all {settings.ingest_slots} ingester slots are taken (ONEMAP_INGEST_SLOTS)")
        yield slot, lease


class Watched(Protocol):
    """What the watch sees of an ingester, and what it tells it."""

    settings: Settings
    engine: Engine
    stop: threading.Event
    slot: int
    installation: Installation
    flood: Flood
    # sessions that are empty and ended
    drained: deque[str]
    sources: Sources

    def reload(self, sources: Sources) -> None: ...
    def adopt(self, session: str) -> None: ...
    def follow(self, held: Held) -> None: ...


class Watch:
    """The lease's thread of an ingester; the life ends with it (core.process.Crew)."""

    def __init__(self, ingester: Watched, lease: Lease) -> None:
        self._ingester, self._lease = ingester, lease
        self._settings = ingester.settings
        # every session that one of us may have at the broker, and its slot
        self._slots = session_slots(ingester.settings, ingester.installation)
        # sessions seen without a holder, and since when; those we are taking over
        self._orphans: dict[str, float] = {}
        self._taken: set[str] = set()
        self._first = True
        # of filters that several ingesters share: those in whose place others are wanted, since when; what the changer
        # holds, and held a moment ago
        self._old: frozenset[str] = frozenset()
        self._changers: frozenset[str] = frozenset()
        self._steady: frozenset[str] = frozenset()
        self._steady_at = 0.0
        self._changing_since = 0.0

    def run(self, stop: threading.Event, pulse: Pulse) -> None:
        self._lease.listen([SOURCE_CHANNEL, DOOR_CHANNEL], self._hear, self._look, stop, pulse, LOOK_S)

    def _look(self) -> None:
        if self._first:  # what was changed between reading the sources and listening
            self._first = False
            self._reload()
        self._release_drained()
        self._look_for_change()
        self._look_for_orphans()
        self._share_flood()
        self._write_flood()

    def _share_flood(self) -> None:
        """How many of us are dealt parts of the stream, and what all have let in."""
        if not self._settings.ingest_shared_group:
            return
        keys = self._keys()
        sharers = sum(lock_key(slot_lock(slot)) in keys for slot in range(self._settings.ingest_slots))
        with self._ingester.engine.connect() as conn:
            named = quarantine.read_named(conn, utc_now() - NAMES_WITHIN)
        self._ingester.flood.share(sharers, named)

    def _write_flood(self) -> None:
        """Who was caught, and how much was held back since the last look."""
        flood = self._ingester.flood
        counts, caught = flood.take_counts(), list(flood.caught)
        if not counts and not caught:
            return
        try:
            with self._ingester.engine.begin() as conn:
                quarantine.write_caught(conn, caught, utc_now())
                quarantine.write_counts(conn, counts, utc_now())
        except BaseException:
            flood.give_back(counts)
            raise
        for one in caught:
            log.warning("quarantined", owner=one.owner, kind=one.kind, figure=round(one.figure, 1))
            flood.caught.popleft()

    def _hear(self, notes: Notes) -> None:
        if any(channel == SOURCE_CHANNEL for channel, _ in notes):
            self._reload()
        else:
            self._read_owners()

    def _read_owners(self) -> None:
        """Which topics are whose, and who is held back."""
        with self._ingester.engine.connect() as conn:
            owners = quarantine.read_owners(conn, self._settings.topic_prefix)
            held = quarantine.read_held(conn, utc_now())
        self._ingester.flood.tell(owners, held)

    def _reload(self) -> None:
        with self._ingester.engine.connect() as conn:
            sources = read_sources(conn, self._settings.topic_prefix)
        log.info("sources_read", sources=sorted(sources.by_id), unusable=sorted(sources.faults))
        self._ingester.reload(sources)
        self._read_owners()

    def _release_drained(self) -> None:
        while self._ingester.drained:
            session = self._ingester.drained.popleft()
            self._lease.execute("DELETE FROM broker_subscription WHERE client_id = %s", (session,))
            self._taken.discard(session)
            slot = self._slots[session]
            if slot != self._ingester.slot and slot not in {self._slots[other] for other in self._taken}:
                self._lease.release(slot_lock(slot))

    def _look_for_change(self) -> None:
        """Who holds which of the filters that we share, and who turns to others in their place (ingest.shared)."""
        group, slot = self._settings.ingest_shared_group, self._ingester.slot
        if not group:
            return
        sessions: dict[str, set[str]] = {}
        for name, one in self._lease.execute("SELECT client_id, topic_filter FROM broker_subscription"):
            sessions.setdefault(name, set()).add(one)
        held = {name: frozenset(filters) for name, filters in sessions.items()}
        keys = self._keys()
        own = session_name(self._settings, self._ingester.installation, slot)
        held = without_dead(held, {name for name, of in self._slots.items() if lock_key(slot_lock(of)) in keys})
        old = given_up(self._ingester.sources.filters(group), held)
        ours = CHANGER in self._lease.held
        if old and not ours and may_change(old, held.get(own, frozenset())) and self._lease.take(CHANGER):
            self._lease.take(changer_of(slot))
            self._changing_since, ours = time.monotonic(), True
        elif ours and not old:
            for name in (changer_of(slot), CHANGER):
                self._lease.release(name)
        keys = self._keys()
        turns = [n for n in range(self._settings.ingest_slots) if lock_key(changer_of(n)) in keys]
        changer = session_name(self._settings, self._ingester.installation, turns[0]) if turns else None
        changers = held.get(changer or "", frozenset())
        now = time.monotonic()
        if old - self._old:
            self._changing_since = now
        self._old = old
        self._steady &= changers
        if now - self._steady_at >= STEADY_S:
            self._steady, self._changers, self._steady_at = changers & self._changers, changers, now
        waited = bool(old) and ours and now - self._changing_since > PATIENCE_S
        self._ingester.follow(Held(held, changer, self._steady, waited))

    def _keys(self) -> set[int]:
        """Of the advisory locks that anybody holds, ours too."""
        return {key for (key,) in self._lease.execute(HELD)}

    def _look_for_orphans(self) -> None:
        """Sessions whose slot nobody else holds; those that stay so for a while we take."""
        sessions = {name for (name,) in self._lease.execute("SELECT DISTINCT client_id FROM broker_subscription")}
        held = self._keys() - {lock_key(name) for name in self._lease.held}
        own = session_name(self._settings, self._ingester.installation, self._ingester.slot)
        free = {
            session
            for session in sessions & set(self._slots)
            if session != own and session not in self._taken and lock_key(slot_lock(self._slots[session])) not in held
        }
        now = time.monotonic()
        self._orphans = {session: self._orphans.get(session, now) for session in free}
        for session, since in self._orphans.items():
            if now - since >= ORPHAN_S and self._lease.take(slot_lock(self._slots[session])):
                log.warning("taking_over", session=session)
                self._taken.add(session)
                self._ingester.adopt(session)


def session_slots(settings: Settings, installation: Installation) -> dict[str, int]:
    """Client ids of all slots, those of before too."""
    return {
        name: slot
        for slot in range(settings.ingest_slots)
        for name in (session_name(settings, installation, slot), former_name(settings, slot))
    }
