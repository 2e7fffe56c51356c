"""Dead letters read once more: after a source was changed, a decoder mended, a birth heard.

A letter is read as it would have been at the moment it came (its times are judged by that), with the sources of today,
and written like any message: what is there already is a repeat, what contradicts it stays a letter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, IntegrityError

from core.clock import utc_now
from core.db import CHANGE_CHANNEL, lock_key, notify
from core.errors import Conflict, DecodeError
from core.log import get_log
from core.pgarray import to_pg_us
from core.process import first_line, is_of_connection
from core.settings import Settings
from ingest.arrived import Arrived
from ingest.letters import Letter, why_columns
from ingest.sources import Sources, read_sources
from ingest.writer import REPLAY_SLOT, Writer

log = get_log("replay")
WAITING = "replayed_at IS NULL AND discarded_at IS NULL"
# what will be so whenever it is read again: the first message stays, and what came too late came too late
FINAL: Mapping[str, str] = {
    "gateway_refused": "the gateway made nothing of it: the device or the gateway's settings must be mended",
    "conflict": "another message said otherwise before, and the first stays",
    "time_out_of_range": "a letter is judged by the moment it came, and its time was too far from that",
}
TAKE = text(
    f"SELECT id, received_at, topic, payload, properties FROM dead_letter WHERE id = :id AND {WAITING} FOR UPDATE"
)
READ = text("UPDATE dead_letter SET replayed_at = :now, handled_by = :who, source_id = :source WHERE id = :id")
STILL = text(
    """
UPDATE dead_letter SET reason = :reason, detail = :detail, field = :field, source_id = :source, handled_by = :who
WHERE id = :id
"""
)


@dataclass(slots=True)
class Replayed:
    """How many were read and written, and why the others still were not."""

    read: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def replay(engine: Engine, settings: Settings, ids: Sequence[int], who: str) -> Replayed:
    """Replay letters that wait; others among `ids` are left alone. One replay at a time, a transaction each: many
    keys in the order of letters would meet the stream's writers in another order."""
    done = Replayed()
    with engine.connect() as conn:
        sources = read_sources(conn, settings.topic_prefix)
    writer = Writer(settings.engine_partitions, REPLAY_SLOT)
    for one in ids:
        try:
            with engine.begin() as conn:
                # moments of the replay's slot are ours alone while we hold this
                conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("replay")})
                row = conn.execute(TAKE, {"id": one}).one_or_none()
                if row is None:
                    continue
                reason = replay_one(conn, writer, sources, row, who)
        except Exception as exc:
            if is_of_connection(exc):
                raise
            writer.forget()
            log.exception("replay_failed", letter=one)
            reason = keep_letter(engine, one, exc, who)
        done.read += reason is None
        if reason is not None:
            done.reasons[reason] += 1
    with engine.begin() as conn:
        notify(conn, CHANGE_CHANNEL, {"kind": "health", "reread": True})
    return done


def keep_letter(engine: Engine, letter: int, exc: Exception, who: str) -> str:
    """A fault of ours while reading it: the letter stays, with what went wrong."""
    with engine.begin() as conn:
        source = conn.scalar(text("SELECT source_id FROM dead_letter WHERE id = :id"), {"id": letter})
        conn.execute(STILL, {"id": letter, "source": source, "who": who, **why_columns("fault", first_line(exc), None)})
    return "fault"


def replay_one(conn: Connection, writer: Writer, sources: Sources, row: Any, who: str) -> str | None:
    """None where it could be written; else the reason it stays."""
    message = Arrived(row.topic, bytes(row.payload), 0, 0, kept_properties=dict(row.properties))
    sources.read(message, to_pg_us(row.received_at))
    letter = write_one(conn, writer, sources, message)
    about = {"id": row.id, "source": message.source_id, "who": who}
    if letter is None:
        conn.execute(READ, {**about, "now": utc_now()})
        return None
    _, reason, detail, fault = letter
    conn.execute(STILL, {**about, **why_columns(reason, detail, fault)})
    return reason


def write_one(conn: Connection, writer: Writer, sources: Sources, message: Arrived) -> Letter | None:
    """Write the message in a savepoint; what stands against it, if anything."""
    if message.reason is not None:
        return message, message.reason, message.detail, message.fault
    try:
        with conn.begin_nested():
            written = writer.write(conn, [message], utc_now(), sources.extent, keep_letters=False)
    except (DataError, IntegrityError, psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError) as exc:
        writer.forget()
        message.refuse(DecodeError(str(exc).splitlines()[0][:500], reason="refused_by_database"))
        return message, "refused_by_database", message.detail, None
    return written.letters[0] if written.letters else None


def refuse_final(conn: Connection, ids: Sequence[int]) -> None:
    """Conflict where no replay can help any of the letters, with the reason of the first."""
    rows = conn.execute(
        text(f"SELECT id, reason FROM dead_letter WHERE id = ANY(:ids) AND {WAITING} ORDER BY id"), {"ids": list(ids)}
    ).all()
    if rows and all(row.reason in FINAL for row in rows):
        first = rows[0]
        message = f"letter {first.id} cannot be helped by reading it again: {FINAL[first.reason]}"
        raise Conflict(message, reason="replay_is_no_help", field="ids")


def find_waiting(
    conn: Connection,
    *,
    source: str | None = None,
    reason: str | None = None,
    since: datetime | None = None,
    limit: int = 100_000,
) -> list[int]:
    """Ids of letters that wait and that reading them again may help, oldest first. `source` "-" means those of no
    source."""
    rows = conn.scalars(
        text(
            f"""
SELECT id FROM dead_letter
WHERE {WAITING} AND reason <> ALL(:final) AND (CAST(:source AS text) IS NULL OR COALESCE(source_id, '-') = :source)
  AND (CAST(:reason AS text) IS NULL OR reason = :reason)
  AND (CAST(:since AS timestamptz) IS NULL OR received_at >= :since)
ORDER BY received_at, id LIMIT :limit
"""
        ),
        {"source": source, "reason": reason, "since": since, "limit": limit, "final": list(FINAL)},
    )
    return list(rows)
