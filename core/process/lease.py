"""What a process owns and hears hangs on one connection: its advisory locks and its LISTEN. Its loss ends the life that
holds it.

Another process takes the locks as soon as PostgreSQL has let them go. What was begun before that must not be finished
by the old owner: `Fence` refuses it in the transaction itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from core.db import Notes, connect_direct, listen, lock_key, try_session_lock
from core.errors import Unavailable
from core.log import get_log
from core.process.pulse import Pulse
from core.settings import Settings

log = get_log("lease")
# the connection is tried this often, whether anything is heard or not
PROBE_S = 5.0
# a machine that vanishes keeps its connections: the server finds out after 10 + 3 x 5 s
KEEPALIVE = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"


class Lease:
    """Used by one thread at a time; `held` may be read by all."""

    def __init__(self, conn: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._conn = conn
        self.pid = conn.info.backend_pid
        self.held: frozenset[str] = frozenset()

    def take(self, name: str) -> bool:
        """The lock `name`, ours as long as this connection lives; False where another has it."""
        if name not in self.held and try_session_lock(self._conn, name):
            self.held |= {name}
        return name in self.held

    def release(self, name: str) -> None:
        self._conn.execute("SELECT pg_advisory_unlock(%s)", (lock_key(name),))
        self.held -= {name}

    def execute(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """For the few statements that belong to the locks themselves."""
        cursor = self._conn.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def listen(
        self,
        channels: list[str],
        hear: Callable[[Notes], None],
        look: Callable[[], None],
        stop: threading.Event,
        pulse: Pulse,
        every_s: float = 1.0,
    ) -> None:
        """Hand over what is heard, until `stop`; `look()` once we listen and after every turn. Raises psycopg.Error
        once the connection is lost."""
        probed = pulse.clock()
        for channel in channels:
            self._conn.execute(f"LISTEN {channel}".encode())
        look()
        for notes in listen(self._conn, [], every_s):
            if stop.is_set():
                return
            pulse.turned("lease")
            if notes:
                hear(notes)
            if pulse.clock() - probed >= PROBE_S:
                probed = pulse.clock()
                self._conn.execute("SELECT 1")
            look()


@contextmanager
def take_lease(settings: Settings, name: str) -> Iterator[Lease]:
    """A lease on a connection of its own, past any pooler."""
    with connect_direct(settings, name=name) as conn:
        conn.execute(KEEPALIVE)
        yield Lease(conn)


HELD = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = {pid} AND granted AND classid = 0 AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND objid::bigint IN ({keys})
"""


def fence_sql(locks: Sequence[str]) -> str:
    """Wait for the fences of these locks, always in the same order."""
    keys = sorted(lock_key(f"fence {name}") for name in locks)
    return f"SELECT pg_advisory_xact_lock(key) FROM unnest(ARRAY[{', '.join(map(str, keys))}]::bigint[]) AS key"


class Fence:
    """Keeps two owners of one lock from writing: whoever writes holds the fence for its transaction and shows that its
    lease still holds the locks; whoever has taken the locks over passes through the fence once before it reads."""

    def __init__(self, lease: Lease) -> None:
        self._pid = lease.pid

    def enter(self, conn: Connection, locks: Sequence[str]) -> None:
        """At the beginning of a transaction. Raises Unavailable where the locks are no longer ours."""
        keys = sorted(lock_key(name) for name in locks)
        raw = conn.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        # both in one message to the server, the second after the first: this stands in the way of every alarm
        cursor = raw.execute(
            f"{fence_sql(locks)}; {HELD.format(pid=self._pid, keys=', '.join(map(str, keys)))}".encode()
        )
        cursor.nextset()
        found = cursor.fetchone()
        if found is None or found[0] != len(keys):
            raise Unavailable("the lease is lost: another process may own this by now", reason="lease_lost")

    def pass_through(self, conn: Connection, locks: Sequence[str]) -> None:
        """Wait for what the last owner has begun; in a transaction of its own, before anything is read."""
        conn.execute(text(fence_sql(locks)))
