"""Snapshots that a video event names by address: fetched from hosts that the city allows, and from nowhere else.

An address comes from a device; whoever writes it must not be able to make us ask anything else of the network. So: http
and https only, the host (and its port, where one is given) must be in ONEMAP_SNAPSHOT_HOSTS, redirects are not
followed, time and size are bounded.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

import psycopg
from sqlalchemy import Connection, Engine, text

from core import pgarray
from core.errors import DecodeError, InputError, Unavailable
from core.hangup import hanging_up
from core.log import get_log
from core.process import is_of_connection
from ingest.arrived import Arrived
from ingest.decoders.jpeg import MAX_SNAPSHOT, snapshot_row
from ingest.records import SnapshotRow
from ingest.rows import SPECS, Placed
from ingest.writer import see_cameras, write_rows

log = get_log("fetch")
AT_ONCE, TRIES, TIMEOUT_S, DEADLINE_S = 4, 5, 3.0, 6.0
HEADERS = {"User-Agent": "OneMap", "Accept": "image/jpeg"}
RECENT = timedelta(hours=1)
WANTED = text("""
SELECT v.camera_id, v.event_id, v.snapshot FROM video_event v
WHERE v.snapshot IS NOT NULL AND v.time > :since AND v.time < :until AND NOT EXISTS (
  SELECT 1 FROM snapshot s WHERE s.camera_id = v.camera_id AND s.event_id = v.event_id)
ORDER BY v.time DESC LIMIT 500
""")


@dataclass
class Fetcher:
    """Remembers what it has tried: an address that does not answer is asked `TRIES` times, each time after a longer
    wait."""

    hosts: frozenset[str]
    _tried: dict[tuple[str, str], tuple[int, datetime]] = field(default_factory=dict)

    def fetch_some(self, engine: Engine, now: datetime) -> bool:
        """Fetch what recent events name, a bounded number at once; whether there is more."""
        if not self.hosts:
            return False
        with engine.connect() as conn:
            wanted = conn.execute(WANTED, {"since": now - RECENT, "until": now + RECENT}).all()
        here = {(row.camera_id, row.event_id) for row in wanted}
        self._tried = {key: tried for key, tried in self._tried.items() if key in here}
        due = [row for row in wanted if self._is_due((row.camera_id, row.event_id), now)]
        for row in due[:AT_ONCE]:
            self._fetch(engine, row, now)
        return len(due) > AT_ONCE

    def _is_due(self, key: tuple[str, str], now: datetime) -> bool:
        tries, next_at = self._tried.get(key, (0, now))
        return tries < TRIES and next_at <= now

    def _fetch(self, engine: Engine, row: Any, now: datetime) -> None:
        key = (row.camera_id, row.event_id)
        tries = self._tried.get(key, (0, now))[0] + 1
        self._tried[key] = (tries, now + timedelta(seconds=2.0**tries))
        try:
            record = snapshot_row(row.camera_id, row.event_id, None, get(row.snapshot, self.hosts))
        except (InputError, Unavailable) as exc:
            if not isinstance(exc, Unavailable):
                self._tried[key] = (TRIES, now)  # asking again changes nothing
            log.warning("snapshot_not_fetched", camera=row.camera_id, event_id=row.event_id, error=exc.message)
            return
        try:
            with engine.begin() as conn:
                keep(conn, record, now)
            # the camera may have told these bytes with another event: they are kept once, and there is nothing to ask
            self._tried[key] = (TRIES, now)
        except Exception as exc:
            if is_of_connection(exc):
                raise
            self._tried[key] = (TRIES, now)
            log.exception("snapshot_not_kept", camera=row.camera_id, event_id=row.event_id)


def keep(conn: Connection, record: SnapshotRow, now: datetime) -> None:
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    pgarray.register(raw)
    fresh, _, _ = write_rows(conn, raw, SPECS[SnapshotRow], [Placed(record, Arrived("", b"", 0, 0))], now, None)
    see_cameras(raw, fresh, now)


def get(address: str, hosts: frozenset[str]) -> bytes:
    """The bytes at `address`, asked as it stands: no redirect, no proxy of the environment. InputError where it may not
    be asked or gives too much, Unavailable where it does not answer; headers and body take no longer than `DEADLINE_S`
    together."""
    parts = check_address(address, hosts)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    conn = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    late = threading.Event()
    with contextlib.closing(conn):
        try:
            conn.connect()
            # a host that sends a letter every other second keeps within every time-out of its socket
            with hanging_up(conn.sock, late, DEADLINE_S):
                conn.request("GET", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", headers=HEADERS)
                with conn.getresponse() as answer:
                    if answer.status != 200:
                        raise HTTPException(f"it answers {answer.status}")
                    body = answer.read(MAX_SNAPSHOT + 1)
            if late.is_set():
                raise TimeoutError
        except (HTTPException, OSError, ValueError) as exc:
            why = "it sends too slowly" if late.is_set() else exc
            raise Unavailable(f"snapshot: {address[:200]} does not give a picture: {why}") from exc
    if len(body) > MAX_SNAPSHOT:
        raise DecodeError(f"snapshot: expected at most {MAX_SNAPSHOT} bytes", reason="too_large", field="snapshot")
    return body


def check_address(address: str, hosts: frozenset[str]) -> SplitResult:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as exc:
        raise InputError(f"snapshot: expected an address, got {address[:200]!r}", field="snapshot") from exc
    name = parts.hostname or ""
    allowed = name in hosts or (port is not None and f"{name}:{port}" in hosts)
    if parts.scheme not in ("http", "https") or not allowed or parts.username is not None:
        raise InputError(
            f"snapshot: {address[:200]!r} is not at a host that ONEMAP_SNAPSHOT_HOSTS allows",
            field="snapshot",
            reason="host_not_allowed",
        )
    return parts


def parse_hosts(setting: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in setting.split(",") if part.strip())
