"""Dead letters: what could not be read or kept, with its bytes, until somebody mends the cause."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, text

from core.clock import rfc3339
from core.db import CHANGE_CHANNEL, notify
from core.errors import DecodeError, OneMapError
from ingest.arrived import Arrived
from ingest.rows import Placed

BURY = text(
    "INSERT INTO dead_letter (received_at, topic, payload, properties, reason, detail, field, source_id) "
    "VALUES (:now, :topic, :payload, CAST(:properties AS jsonb), :reason, :detail, :field, :source)"
)
# how long a broker may take to send again what we had not acknowledged: our sessions last as long
AGAIN = timedelta(days=7)
# What is wrong with one thing is one letter while it waits: the newest of its messages, and how many there were. Where
# reading them again will help, the first of them stay as they are.
EACH = {"unknown_alias": 30}
FOLDED = text("""
SELECT count(*) FROM dead_letter
WHERE fold >= :fold AND fold < :fold || '~' AND replayed_at IS NULL AND discarded_at IS NULL
""")
HELD = text("""
WITH one AS (SELECT id FROM dead_letter WHERE fold = :fold AND replayed_at IS NULL AND discarded_at IS NULL),
  free AS (SELECT id FROM dead_letter WHERE id IN (SELECT id FROM one) FOR UPDATE SKIP LOCKED)
SELECT EXISTS (SELECT 1 FROM one) AND NOT EXISTS (SELECT 1 FROM free)
""")
FOLD = text("""
INSERT INTO dead_letter AS l (received_at, topic, payload, properties, reason, detail, field, source_id, fold, times,
  first_at)
VALUES (:now, :topic, :payload, CAST(:properties AS jsonb), :reason, :detail, :field, :source, :fold, :times, :now)
ON CONFLICT (fold) WHERE fold IS NOT NULL AND replayed_at IS NULL AND discarded_at IS NULL
DO UPDATE SET received_at = EXCLUDED.received_at, topic = EXCLUDED.topic, payload = EXCLUDED.payload,
  properties = EXCLUDED.properties, reason = EXCLUDED.reason, detail = EXCLUDED.detail, field = EXCLUDED.field,
    source_id = EXCLUDED.source_id,
  times = l.times + EXCLUDED.times
""")
KEPT = text("""
SELECT EXISTS (SELECT 1 FROM dead_letter
WHERE topic = :topic AND payload = :payload
  AND (received_at > :since OR :retained AND replayed_at IS NULL))
""")
NAMED_AT_MOST = 5
# why a message is kept with its bytes alone
BARE = "letter_refused"
Letter = tuple[Arrived, str, str, str | None]


def find_letters(messages: Sequence[Arrived], conflicts: Sequence[tuple[Placed, str]]) -> list[Letter]:
    """(message, reason, detail, field) of each message that is to be buried, once each."""
    letters: list[Letter] = [(m, m.reason, m.detail, m.fault) for m in messages if m.reason is not None]
    letters += [(m, m.faults[0].reason, told_partly(m.faults), m.faults[0].field) for m in messages if m.faults]
    seen = {id(message) for message, *_ in letters}
    for placed, detail in conflicts:
        if id(placed.message) not in seen:
            seen.add(id(placed.message))
            letters.append((placed.message, "conflict", detail, None))
    return letters


def told_partly(faults: Sequence[OneMapError]) -> str:
    """What is wrong with single values of a message of which the others were kept."""
    more = len(faults) - NAMED_AT_MOST
    named = "; ".join(fault.message for fault in faults[:NAMED_AT_MOST])
    return f"{named}{f' and {more} more' if more > 0 else ''}; the other values of the message were kept"


def bury(conn: Connection, letters: Sequence[Letter], now: datetime) -> list[Letter]:
    """Keep them; those that were not kept already. A message may come again because we had not acknowledged it, and one
    that the broker retains comes with every new subscription, for as long as nobody clears it: it is one letter."""
    fresh: list[Letter] = []
    seen: set[tuple[str, bytes]] = set()
    for letter in letters:
        message = letter[0]
        what = (message.topic, message.payload)
        if not ((message.again or message.retained) and (what in seen or is_kept(conn, message, now))):
            fresh.append(letter)
        seen.add(what)
    single = [letter for letter in fresh if fold_of(letter, now) is None]
    if single:
        conn.execute(BURY, [letter_row(*letter, now) for letter in single])
    folded: dict[str, list[Letter]] = {}
    for letter in fresh:
        if (fold := fold_of(letter, now)) is not None:
            folded.setdefault(fold, []).append(letter)
    for fold, same in sorted(folded.items()):  # in one order: two writers never wait for each other
        bury_folded(conn, fold, same, now)
    if fresh:
        notify(conn, CHANGE_CHANNEL, {"kind": "health", "reread": True})
    return fresh


def bury_folded(conn: Connection, fold: str, letters: Sequence[Letter], now: datetime) -> None:
    """The first few as they are, the others as one."""
    each = EACH.get(letters[0][1], 0)
    there = int(conn.scalar(FOLDED, {"fold": fold}) or 0) if each else 0
    own, rest = letters[: max(0, each - there)], letters[max(0, each - there) :]
    rows = [{**letter_row(*one, now), "fold": f"{fold}.{there + n}", "times": 1} for n, one in enumerate(own)]
    if rest:
        if conn.scalar(HELD, {"fold": fold}):  # it is just being read again: whoever does so must not wait for us
            fold = f"{fold}.{uuid4().hex}"
        rows.append({**letter_row(*rest[-1], now), "fold": fold, "times": len(rest)})
    conn.execute(FOLD, rows)


def fold_of(letter: Letter, now: datetime) -> str | None:
    """What the letter is one of, today; None where it stands for itself."""
    message, reason, *_ = letter
    once = message.once
    if len(message.faults) == 1 and isinstance(message.faults[0], DecodeError):
        once = message.faults[0].once
    if once is None or reason == "conflict":
        return None
    told = f"{reason} {message.source_id} {once} {now.date()}"
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


def is_kept(conn: Connection, message: Arrived, now: datetime) -> bool:
    """Whether there is a letter of it; one that was discarded counts too."""
    known = {"topic": printable(message.topic), "payload": message.payload, "since": now - AGAIN}
    return bool(conn.scalar(KEPT, {**known, "retained": message.retained}))


def letter_row(message: Arrived, reason: str, detail: str, fault: str | None, now: datetime) -> dict[str, object]:
    return {
        "now": now,
        "topic": printable(message.topic),
        "payload": message.payload,
        "properties": json.dumps({printable(k): printable(v) for k, v in message.properties.items()}),
        "source": message.source_id,
        **why_columns(reason, detail, fault),
    }


def why_columns(reason: str, detail: str, fault: str | None) -> dict[str, str | None]:
    """Why it is a letter, as its columns take it whatever a decoder says: one of another package may say anything."""
    return {
        "reason": printable(reason)[:100],
        "detail": printable(detail)[:2000],
        "field": None if fault is None else printable(fault)[:200],
    }


def printable(value: object) -> str:
    """PostgreSQL stores neither NUL nor half of a surrogate pair in text."""
    return str(value).replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")


# --- when not even the letter is taken --------------------------------------------------------------------------------


def bury_bare(conn: Connection, message: Arrived, detail: str, now: datetime) -> None:
    """Keep topic and bytes, and nothing that could be refused."""
    about = {"properties": "{}", "source": None, **why_columns(BARE, detail, None)}
    conn.execute(BURY, {"now": now, "topic": printable(message.topic), "payload": message.payload, **about})


def write_file(folder: Path, message: Arrived, detail: str, now: datetime) -> Path:
    """Keep it in a file of its own that only we may read; on the disk when this returns. The same message is the same
    file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    topic = message.topic.encode("utf-8", "surrogatepass")
    path = folder / f"{hashlib.sha256(topic + b'/' + message.payload).hexdigest()[:32]}.json"
    body = {
        "received_at": rfc3339(now),
        "topic": message.topic,
        "payload_base64": base64.b64encode(message.payload).decode(),
        "properties": message.properties,
        "detail": detail,
    }
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        json.dump(body, file)
        file.flush()
        os.fsync(file.fileno())
    names = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(names)  # the name is on the disk as well
    finally:
        os.close(names)
    return path
