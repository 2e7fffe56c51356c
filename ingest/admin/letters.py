"""Dead letters as people read them: listed, searched, grouped by reason, discarded. Replaying stands in
`ingest.replay`."""

from __future__ import annotations

import base64
import codecs
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import audit
from core.clock import rfc3339
from core.db import CHANGE_CHANNEL, notify
from core.errors import NotFound
from core.types import Params
from ingest.replay import FINAL, WAITING

# a value by an alias that no birth has explained is one thing that is wrong, however often it comes
COUNTED = """(count(*) FILTER (WHERE reason <> 'unknown_alias')
  + count(DISTINCT split_part(detail, ' is not known yet', 1)) FILTER (WHERE reason = 'unknown_alias'))"""
State = Literal["waiting", "replayed", "discarded", "all"]
STATES: dict[State, str] = {
    "waiting": WAITING,
    "replayed": "replayed_at IS NOT NULL",
    "discarded": "discarded_at IS NOT NULL",
    "all": "true",
}
PREVIEW_CHARS = 500
# a character is four bytes at most
PREVIEW_BYTES = 4 * PREVIEW_CHARS
HEX_BYTES = 4096
SPACE = "\t\n\r"


class LetterFacts(TypedDict):
    """A message that could not be read or kept: why (`field` names what is at fault), what became of it, and whether
    reading it again may help. It is the newest of `times` that told of the same fault since `first_at`."""

    id: int
    received_at: str
    topic: str
    size: int
    reason: str
    detail: str
    field: str | None
    source: str | None
    state: str
    replayable: bool
    replayed_at: str | None
    discarded_at: str | None
    handled_by: str | None
    times: int
    first_at: str


class Preview(TypedDict):
    """The beginning of a payload; `form` is `text`, or `hex` where it is none."""

    preview: str
    form: Literal["text", "hex"]


class DeadLetter(LetterFacts, Preview):
    """A dead letter with the beginning of its payload."""


class LetterWhole(LetterFacts):
    """A dead letter with all of its payload: `text`, or `base64` where it is none, and the first bytes as `hex`."""

    properties: dict[str, str]
    text: str | None
    base64: str | None
    hex: str


class ReasonCount(TypedDict):
    """Letters that wait, of one reason and source."""

    reason: str
    source: str | None
    count: int
    first_at: str
    last_at: str


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters. `source` "-" means those of no source; `q` is looked for in topic, detail and payload."""

    state: State = "waiting"
    reason: str | None = None
    source: str | None = None
    q: str | None = None
    since: datetime | None = None


# The payload is searched byte by byte: it need not be UTF-8, and LATIN1 has a sign for every byte but NUL.
_LETTERS = """
SELECT id, received_at, topic, substring(payload FROM 1 FOR :head) AS head, length(payload) AS size, reason, detail,
  field, source_id, replayed_at, discarded_at, handled_by, times, first_at
FROM dead_letter
WHERE (CAST(:reason AS text) IS NULL OR reason = :reason)
  AND (CAST(:source AS text) IS NULL OR COALESCE(source_id, '-') = :source)
  AND (CAST(:since AS timestamptz) IS NULL OR received_at >= :since)
  AND (CAST(:like AS text) IS NULL OR topic ILIKE :like OR detail ILIKE :like
    OR CASE WHEN position('\\x00'::bytea IN payload) = 0
      THEN convert_from(payload, 'LATIN1') ILIKE convert_from(convert_to(:like, 'UTF8'), 'LATIN1')
      ELSE position(convert_to(CAST(:q AS text), 'UTF8') IN payload) > 0 END)
"""


def find_letters(asked: LetterFilter) -> tuple[str, Params]:
    """A SELECT of the letters asked for, without an order, and its parameters."""
    return f"{_LETTERS} AND {STATES[asked.state]}", {
        "head": PREVIEW_BYTES,
        "reason": asked.reason,
        "source": asked.source,
        "since": asked.since,
        "q": asked.q,
        "like": like(asked.q),
    }


def list_letters(conn: Connection, asked: LetterFilter, before: int | None, limit: int) -> list[DeadLetter]:
    """Newest first, those with an id below `before`; one more than `limit`, so that the caller knows whether there are
    more."""
    sql, params = find_letters(asked)
    rows = conn.execute(
        text(f"{sql} AND (CAST(:before AS bigint) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"),
        {**params, "before": before, "limit": limit + 1},
    )
    return [read_row(row) for row in rows]


def read_row(row: Any) -> DeadLetter:
    """A row of `find_letters` as the API shows it."""
    return {**letter_object(row), **preview(bytes(row.head), row.size)}


def like(words: str | None) -> str | None:
    """A pattern of ILIKE that finds `words` anywhere, taken as they are."""
    if not words:
        return None
    for sign in ("\\", "%", "_"):
        words = words.replace(sign, "\\" + sign)
    return f"%{words}%"


def letter_object(row: Any) -> LetterFacts:
    return {
        "id": row.id,
        "received_at": rfc3339(row.received_at),
        "topic": row.topic,
        "size": row.size,
        "reason": row.reason,
        "detail": row.detail,
        "field": row.field,
        "source": row.source_id,
        "state": "replayed" if row.replayed_at else "discarded" if row.discarded_at else "waiting",
        "replayable": not (row.replayed_at or row.discarded_at) and row.reason not in FINAL,
        "replayed_at": rfc3339(row.replayed_at) if row.replayed_at else None,
        "discarded_at": rfc3339(row.discarded_at) if row.discarded_at else None,
        "handled_by": row.handled_by,
        "times": row.times,
        "first_at": rfc3339(row.first_at or row.received_at),
    }


def preview(head: bytes, size: int) -> Preview:
    """The beginning of a payload, as text where it is some, else in hexadecimal."""
    words = read_text(head, whole=size <= len(head))
    if words is None:
        return {"preview": head[: PREVIEW_CHARS // 2].hex(), "form": "hex"}
    return {"preview": words[:PREVIEW_CHARS], "form": "text"}


def read_text(body: bytes, *, whole: bool = True) -> str | None:
    """UTF-8 without control characters, or None. The last character of a part may be cut off."""
    try:
        words = codecs.getincrementaldecoder("utf-8")().decode(body, final=whole)
    except UnicodeDecodeError:
        return None
    return words if all(sign.isprintable() or sign in SPACE for sign in words) else None


def read_letter(conn: Connection, letter_id: int) -> LetterWhole:
    """One letter with all of its payload: `text`, or `base64` where it is none, and the first bytes as `hex`."""
    row = conn.execute(
        text("SELECT *, length(payload) AS size FROM dead_letter WHERE id = :id"), {"id": letter_id}
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no dead letter {letter_id}")
    body = bytes(row.payload)
    words = read_text(body)
    return {
        **letter_object(row),
        "properties": row.properties,
        "text": words,
        "base64": base64.b64encode(body).decode() if words is None else None,
        "hex": body[:HEX_BYTES].hex(),
    }


def read_reasons(conn: Connection) -> list[ReasonCount]:
    """Letters that wait, by reason and source, the most frequent first."""
    rows = conn.execute(
        text(
            f"""
SELECT reason, source_id, {COUNTED} AS letters, min(received_at) AS first, max(received_at) AS last
FROM dead_letter WHERE {WAITING} GROUP BY reason, source_id ORDER BY letters DESC, reason, source_id
"""
        )
    )
    return [
        {
            "reason": r.reason,
            "source": r.source_id,
            "count": r.letters,
            "first_at": rfc3339(r.first),
            "last_at": rfc3339(r.last),
        }
        for r in rows
    ]


def discard(conn: Connection, ids: list[int], why: str, who: str, now: datetime) -> int:
    """Decide that letters which wait are worth nothing; returns how many there were. Their bytes are kept a while
    longer."""
    done = conn.execute(
        text(
            f"""
UPDATE dead_letter SET discarded_at = :now, handled_by = :who WHERE id = ANY(:ids) AND {WAITING}
RETURNING id
"""
        ),
        {"now": now, "who": who, "ids": ids},
    )
    gone = sorted(done.scalars())
    audit.write(conn, who, "letters.discard", now, {"ids": gone, "why": why})
    notify(conn, CHANGE_CHANNEL, {"kind": "health", "reread": True})
    return len(gone)
