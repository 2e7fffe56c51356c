"""The door to PostGIS: engines, LISTEN/NOTIFY, advisory locks. Callers own their transactions."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine, create_engine, text
from typing_extensions import TypedDict

from core.settings import Settings
from core.types import Box

CHANGE_CHANNEL = "onemap_change"
BATCH_CHANNEL = "onemap_batch"
DISPATCH_CHANNEL = "onemap_dispatch"
OUTBOX_CHANNEL = "onemap_outbox"
SOURCE_CHANNEL = "onemap_source"
DOOR_CHANNEL = "onemap_door"
# the kind of a change that lies within a box of a layer
LAYER_PLACE = "layer_place"
# a server that vanishes without a word is noticed in 25 s, not in two hours
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


class Note(TypedDict, total=False):
    """A notification: what kind of thing has changed and which, or all of them (`reread`); or which shards have
    work."""

    kind: str
    ids: Sequence[object]
    reread: bool
    partitions: Sequence[int]
    # where, of a layer: west, south, east, north
    box: list[float]


# channel, message
Notes = list[tuple[str, Note]]
NOTIFY_LIMIT = 7_900  # PostgreSQL refuses payloads of 8000 bytes and more


def sqlalchemy_url(url: str) -> str:
    """`url` with the psycopg 3 driver named."""
    scheme, sep, rest = url.partition("://")
    return f"postgresql+psycopg{sep}{rest}" if scheme in ("postgresql", "postgres") else url


def libpq_url(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def make_engine(
    settings: Settings,
    *,
    pool_size: int = 5,
    name: str = "onemap",
    migrator: bool = False,
    statement_s: float | None = None,
) -> Engine:
    """An engine of the application, or of who may change its tables, whose sessions speak UTC and never use JIT or
    parallel plans (they cost more than they give here). `statement_s`: no statement may take longer; `within` gives
    one transaction another bound."""
    bound = f" -c statement_timeout={round(statement_s * 1000)}" if statement_s else ""
    return create_engine(
        sqlalchemy_url(settings.need_migrator() if migrator else settings.need_database()),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={
            "application_name": name,
            "connect_timeout": 5,
            **KEEPALIVE,
            "options": f"-c timezone=UTC -c jit=off -c max_parallel_workers_per_gather=0{bound}",
            # prepared plans survive PgBouncer in transaction mode only where it is configured for them
            "prepare_threshold": None if settings.database_direct_url else 5,
        },
    )


def within(conn: Connection, seconds: float) -> None:
    """From here to the end of the transaction a statement may take so long: for what is known to be much work."""
    conn.execute(text("SELECT set_config('statement_timeout', :bound, true)"), {"bound": str(round(seconds * 1000))})


def connect_direct(settings: Settings, *, name: str = "onemap") -> psycopg.Connection[tuple[Any, ...]]:
    """A connection of its own for LISTEN and session locks, past any pooler; autocommit."""
    url = libpq_url(settings.database_direct_url or settings.need_database())
    return psycopg.connect(
        make_conninfo(url, **KEEPALIVE),
        autocommit=True,
        application_name=name,
        connect_timeout=5,
        options="-c timezone=UTC",
    )


@contextmanager
def pipelined(conn: Connection) -> Iterator[None]:
    """Statements whose answers nobody reads leave together: one wait at the end instead of one each. What fails is
    raised there at the latest, as psycopg's error; a statement that is read inside finds nothing."""
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    with raw.pipeline():
        yield


def notify(conn: Connection, channel: str, message: Note) -> None:
    """Queue a notification that leaves with the caller's commit. Too long a list of ids becomes `reread`."""
    conn.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": note(message)})


def note(message: Note) -> str:
    """`message` as a notification carries it."""
    payload = json.dumps(message, separators=(",", ":"), default=str)
    if len(payload.encode()) > NOTIFY_LIMIT:
        return json.dumps({"kind": message.get("kind"), "reread": True})
    return payload


# so many rows that are others now make a table's statistics worth gathering at once
MANY_ROWS = 10_000


def gather_statistics(conn: Connection, table: str, changed: int) -> None:
    """After a change of many rows: what is estimated of a table is what it has then, and not what it had twice."""
    if changed >= MANY_ROWS:
        conn.execute(text("SELECT analyze_table(:name)"), {"name": table})


def notify_change(conn: Connection, kind: str, ids: Sequence[object]) -> None:
    """Tell every screen that these things of one kind have changed."""
    if ids:
        notify(conn, CHANGE_CHANNEL, {"kind": kind, "ids": ids})


def notify_place(conn: Connection, layer: str, box: Box) -> None:
    """Tell that a layer has changed within a box (west, south, east, north), and nowhere else."""
    notify(conn, CHANGE_CHANNEL, {"kind": LAYER_PLACE, "ids": [layer], "box": list(box)})


def listen(conn: psycopg.Connection[tuple[Any, ...]], channels: list[str], timeout_s: float) -> Iterator[Notes]:
    """Yields what has come, all that waits at once: a list of (channel, message), empty after `timeout_s` of silence.
    Endless."""
    for channel in channels:
        conn.execute(f"LISTEN {channel}".encode())
    while True:
        notes = list(conn.notifies(timeout=timeout_s, stop_after=1))
        if notes:
            notes += conn.notifies(timeout=0)
        yield [(note.channel, read_note(note.payload)) for note in notes]


def read_note(payload: str) -> Note:
    """The message of a notification; one that is none of ours (sent by hand, say) asks to read everything again."""
    try:
        message = json.loads(payload or "{}")
    except ValueError:
        message = None
    return cast(Note, message) if isinstance(message, dict) else {"reread": True}


def lock_key(name: str) -> int:
    """A stable 32-bit key for an advisory lock."""
    return zlib.crc32(name.encode())


def try_session_lock(conn: psycopg.Connection[tuple[Any, ...]], name: str) -> bool:
    """Take the lock `name` for as long as this connection lives; False where another has it."""
    row = conn.execute("SELECT pg_try_advisory_lock(%s)", (lock_key(name),)).fetchone()
    return bool(row and row[0])
