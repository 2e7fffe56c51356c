"""Keeping watch: our slot's lock, sources that change, sessions that dead ingesters have left behind.

An ingester holds an advisory lock for its slot as long as its connection to PostgreSQL lives. A slot that has a session at the
broker and no holder is an orphan: after `ORPHAN_S` another ingester takes the lock, empties the session and ends it, so that a
shared subscription no longer deals messages to the dead.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from core.db import SOURCE_CHANNEL, connect_direct, listen, lock_key, try_session_lock
from core.errors import Unavailable
from core.log import get_log
from core.settings import Settings
from ingest.link import client_id
from ingest.sources import Sources, read_sources

log = get_log("watch")
LOOK_S = 1.0
# a process that is started again at once shall find its own slot
ORPHAN_S = 3.0
# a machine that vanishes keeps its connections: the server finds out after 10 + 3 × 5 s
KEEPALIVE = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
Conn = psycopg.Connection[tuple[Any, ...]]


def slot_lock(slot: int) -> str:
    return f"ingest-slot-{slot}"


@contextmanager
def take_slot(settings: Settings) -> Iterator[tuple[int, Conn]]:
    """The lowest free slot, ours as long as the connection lives. Raises Unavailable where all are taken."""
    with connect_direct(settings, name="onemap ingest slot") as lock:
        lock.execute(KEEPALIVE)
        slot = next((n for n in range(settings.ingest_slots) if try_session_lock(lock, slot_lock(n))), None)
        if slot is None:
            raise Unavailable(f"all {settings.ingest_slots} ingester slots are taken (ONEMAP_INGEST_SLOTS)")
        yield slot, lock


class Watched(Protocol):
    """What the watch sees of an ingester, and what it tells it."""

    settings: Settings
    engine: Engine
    stop: threading.Event
    # slots whose sessions are empty and ended
    drained: deque[int]

    def reload(self, sources: Sources) -> None: ...
    def adopt(self, slot: int) -> None: ...


class Watch(threading.Thread):
    """Ends the ingester's life when told to stop, or when the lock's connection is lost."""

    def __init__(self, ingester: Watched, lock: Conn, stop: threading.Event) -> None:
        super().__init__(name="watch", daemon=True)
        self._ingester, self._lock, self._stop_all = ingester, lock, stop
        self._settings = ingester.settings
        # slots seen without a holder, and since when
        self._orphans: dict[int, float] = {}

    def run(self) -> None:
        try:
            self._watch()
        except (psycopg.Error, SQLAlchemyError) as exc:
            log.error("slot_lost", error=str(exc).splitlines()[0][:200])
        except Exception:  # whatever it was: nobody keeps watch any more, so the life must end and a new one begin
            log.exception("watch_failed")
        finally:
            self._ingester.stop.set()

    def _watch(self) -> None:
        first = True  # what was changed between reading the sources and listening
        for notes in listen(self._lock, [SOURCE_CHANNEL], LOOK_S):
            if self._stop_all.is_set() or self._ingester.stop.is_set():
                return
            if notes or first:
                first = False
                self._reload()
            self._release_drained()
            self._look_for_orphans()

    def _reload(self) -> None:
        with self._ingester.engine.connect() as conn:
            sources = read_sources(conn, self._settings.topic_prefix)
        log.info("sources_read", sources=sorted(sources.by_id), unusable=sorted(sources.faults))
        self._ingester.reload(sources)

    def _release_drained(self) -> None:
        while self._ingester.drained:
            slot = self._ingester.drained.popleft()
            self._lock.execute("DELETE FROM subscription WHERE client_id = %s", (client_id(self._settings, slot),))
            self._lock.execute("SELECT pg_advisory_unlock(%s)", (lock_key(slot_lock(slot)),))

    def _look_for_orphans(self) -> None:
        """Slots with a session and without a holder; those that stay so for a while we take."""
        names = {client_id(self._settings, n): n for n in range(self._settings.ingest_slots)}
        rows = self._lock.execute("SELECT DISTINCT client_id FROM subscription").fetchall()
        held = {key for (key,) in self._lock.execute("SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND classid = 0 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")}  # fmt: skip
        free = {names[name] for (name,) in rows if name in names and lock_key(slot_lock(names[name])) not in held}
        now = time.monotonic()
        self._orphans = {slot: self._orphans.get(slot, now) for slot in free}
        for slot, since in self._orphans.items():
            if now - since >= ORPHAN_S and try_session_lock(self._lock, slot_lock(slot)):
                log.warning("taking_over", slot=slot)
                self._ingester.adopt(slot)
