"""Rows that could not be worked through: tried again after a wait, put aside after a bound, shown, retried or dropped
by a person.

Whoever works through rows does so with `each` (a savepoint a row where one fails) or notes the failing one with `note`,
and leaves out of what it claims next whatever `resting` names. So one bad row never stops the rest, and is never lost
without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.clock import rfc3339
from core.db import CHANGE_CHANNEL, notify
from core.errors import NotFound
from core.log import get_log
from core.process.faults import first_line, is_of_connection
from core.texts import visible
from core.types import Params

log = get_log("set_aside")
TRIES = 3
WAIT_FIRST_S, WAIT_FACTOR = 5.0, 6.0
KEPT_DAYS = 365
NEVER = "infinity"
R = TypeVar("R")
T = TypeVar("T")

_NOTE = text("""
INSERT INTO set_aside AS s (what, id, error, first_at, last_at, tries, due_at)
VALUES (:what, :id, :error, :now, :now, 1, CAST(:now AS timestamptz) + make_interval(secs => :wait))
ON CONFLICT (what, id) DO UPDATE SET error = EXCLUDED.error, last_at = EXCLUDED.last_at, tries = s.tries + 1,
  due_at = CASE WHEN s.tries + 1 >= :tries THEN 'infinity'
    ELSE EXCLUDED.last_at + make_interval(secs => :wait * power(:factor, s.tries)) END
RETURNING tries
""")
_READ = """
SELECT what, id, error, first_at, last_at, tries, due_at = 'infinity' AS aside,
  CASE WHEN due_at = 'infinity' THEN NULL ELSE due_at END AS due,
  dropped_at, handled_by FROM set_aside
"""


@dataclass
class Done(Generic[T]):
    """What became of the rows: results of those that could be worked through, and how many could not."""

    results: list[T] = field(default_factory=list)
    failed: int = 0


def resting(what: str, id_sql: str) -> str:
    """SQL that holds for rows that are not waiting or put aside as `what`. `:now` is the moment, `id_sql` the row's id
    as text."""
    return f"NOT EXISTS (SELECT 1 FROM set_aside sa WHERE sa.what = '{what}' AND sa.id = {id_sql} AND sa.due_at > :now)"


def note(conn: Connection, what: str, identity: str, exc: BaseException, now: datetime) -> int:
    """Remember that this row failed; returns how often by now. From `TRIES` on it is left alone until a person
    decides."""
    given = {"what": what, "id": identity, "error": visible(first_line(exc, 1000)), "now": now}
    tries: int = conn.execute(
        _NOTE, {**given, "wait": WAIT_FIRST_S, "factor": WAIT_FACTOR, "tries": TRIES}
    ).scalar_one()
    log.error("row_failed", what=what, id=identity, tries=tries, error=given["error"], exc_info=exc)
    notify(conn, CHANGE_CHANNEL, {"kind": "health", "reread": True})
    return tries


def clear(conn: Connection, what: str, ids: Sequence[str]) -> None:
    """These could be worked through after all."""
    if ids:
        conn.execute(
            text("DELETE FROM set_aside WHERE what = :what AND id = ANY(:ids)"), {"what": what, "ids": list(ids)}
        )


def each(
    conn: Connection,
    what: str,
    rows: Iterable[R],
    key: Callable[[R], str],
    work: Callable[[R], T],
    now: datetime,
    *,
    together: bool = True,
    afresh: Callable[[], None] = lambda: None,
) -> Done[T]:
    """`work(row)` of each. A row whose fault it is, is noted under `what` and its key, and the others go on; a lost or
    busy database is everybody's and raised.

    All go in one savepoint, and where one fails all again in a savepoint each: what `work` does besides writing to the
    database, `afresh` takes back. Not `together`: one by one from the start, for rows that take long.
    """
    rows = list(rows)
    if together and len(rows) > 1:
        try:
            with conn.begin_nested():
                results = [work(row) for row in rows]
        except Exception as exc:
            if is_of_connection(exc):
                raise
            log.info("one_by_one", what=what, rows=len(rows), error=first_line(exc, 200))
            afresh()
        else:
            clear(conn, what, [key(row) for row in rows])
            return Done(results)
    done: Done[T] = Done()
    well: list[str] = []
    for row in rows:
        try:
            with conn.begin_nested():
                result = work(row)
        except Exception as exc:
            if is_of_connection(exc):
                raise
            done.failed += 1
            note(conn, what, key(row), exc, now)
            continue
        done.results.append(result)
        well.append(key(row))
    clear(conn, what, well)
    return done


# --- what people see of it, and do about it ---------------------------------------------------------------------------


class Aside(TypedDict):
    """A row that could not be worked through: `waiting` to be tried again at `due_at`, or put `aside` until a person
    decides."""

    what: str
    id: str
    error: str
    state: str
    tries: int
    first_at: str
    last_at: str
    due_at: str | None
    handled_by: str | None


class AsideCount(TypedDict):
    what: str
    waiting: int
    aside: int
    last_at: str
    error: str


def aside_object(row: Any) -> Aside:
    state = "dropped" if row.dropped_at else "aside" if row.aside else "waiting"
    return {
        "what": row.what,
        "id": row.id,
        "error": row.error,
        "state": state,
        "tries": row.tries,
        "first_at": rfc3339(row.first_at),
        "last_at": rfc3339(row.last_at),
        "due_at": rfc3339(row.due) if row.due else None,
        "handled_by": row.handled_by,
    }


def read_asides(conn: Connection, after: tuple[str, str] | None, limit: int) -> list[Aside]:
    """In order of what and id, those after `after`; what was dropped is left out."""
    rows = conn.execute(
        text(
            f"{_READ} WHERE dropped_at IS NULL AND (CAST(:what AS text) IS NULL OR (what, id) > (:what, CAST(:id AS "
            "text))) ORDER BY what, id LIMIT :limit"
        ),
        {"what": after[0] if after else None, "id": after[1] if after else None, "limit": limit},
    )
    return [aside_object(row) for row in rows]


def find_open(words: str) -> tuple[str, Params]:
    """A SELECT of what waits or was put aside, with its parameters: `words` stand in kind, id or error."""
    sql = """
SELECT what, id, error, first_at, last_at, tries, CASE WHEN due_at = 'infinity' THEN 'aside'
  ELSE 'waiting' END AS state, NULLIF(due_at, 'infinity') AS due_at
FROM set_aside
WHERE dropped_at IS NULL AND strpos(lower(concat_ws(' ', what, id, error)), lower(:words)) > 0
"""
    return sql, {"words": words}


def count_asides(conn: Connection) -> list[AsideCount]:
    """Per kind: how many wait to be tried again, how many a person must decide on, and the newest error."""
    rows = conn.execute(
        text(
            """
SELECT what, count(*) FILTER (WHERE due_at <> 'infinity') AS waiting,
  count(*) FILTER (WHERE due_at = 'infinity') AS aside, max(last_at) AS last,
  (array_agg(error ORDER BY last_at DESC))[1] AS error
FROM set_aside WHERE dropped_at IS NULL GROUP BY what ORDER BY what
"""
        )
    )
    return [
        {"what": r.what, "waiting": r.waiting, "aside": r.aside, "last_at": rfc3339(r.last), "error": r.error}
        for r in rows
    ]


def retry(conn: Connection, what: str, identity: str, who: str, now: datetime) -> None:
    """Let it be tried once more; it is put aside again where it fails."""
    _decide(conn, "due_at = :now, dropped_at = NULL", what, identity, who, now)


def drop(conn: Connection, what: str, identity: str, who: str, now: datetime) -> None:
    """Decide that it is worth nothing: it is never tried again."""
    _decide(conn, "due_at = 'infinity', dropped_at = :now", what, identity, who, now)


def _decide(conn: Connection, change: str, what: str, identity: str, who: str, now: datetime) -> None:
    done = conn.execute(
        text(
            f"UPDATE set_aside SET {change}, handled_by = :who WHERE what = :what AND id = :id AND dropped_at IS NULL"
        ),
        {"what": what, "id": identity, "who": who, "now": now},
    )
    if not done.rowcount:
        raise NotFound(f"nothing is set aside as {what} {identity!r}")
    notify(conn, CHANGE_CHANNEL, {"kind": "set_aside", "ids": [what]})
    notify(conn, CHANGE_CHANNEL, {"kind": "health", "reread": True})


def forget_dropped(conn: Connection, now: datetime) -> None:
    conn.execute(text("DELETE FROM set_aside WHERE dropped_at < :before"), {"before": now - timedelta(days=KEPT_DAYS)})
