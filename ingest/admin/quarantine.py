"""Who is held back for flooding: written down by ingesters, let through by an administrator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import audit
from core.clock import rfc3339
from core.db import CHANGE_CHANNEL, DOOR_CHANNEL, notify
from core.errors import NotFound
from core.viewer import Viewer
from ingest.doors.accounts import read_active
from ingest.doors.acl import own_topics
from ingest.flood import Caught, Held, Kind, Named

# told only while it is held back, or let through
_CATCH = text("""
INSERT INTO quarantine AS q (owner, kind, since, last_at, figure, held) VALUES (:owner, :kind, :now, :now, :figure, 0)
ON CONFLICT (owner, kind) DO UPDATE SET since = :now, last_at = :now, figure = :figure, held = 0, lifted_at = NULL,
  lifted_by = NULL, allowed_until = NULL
WHERE q.lifted_at IS NOT NULL AND (q.allowed_until IS NULL OR q.allowed_until <= :now)
""")
_COUNT = text("""
UPDATE quarantine SET held = held + :count, last_at = :now WHERE owner = :owner AND kind = :kind AND lifted_at IS NULL
""")
_LIFT = text("""
UPDATE quarantine SET lifted_at = :now, lifted_by = :who, allowed_until = :until
WHERE owner = :owner AND kind = :kind AND lifted_at IS NULL
""")
_NAMED = text("""
SELECT n.source_id, n.topic, n.first_seen_at FROM (
  SELECT source_id, attributes->>'topic' AS topic, first_seen_at FROM sensor
  WHERE status = 'pending' AND first_seen_at > :since UNION ALL
  SELECT source_id, topic, first_seen_at FROM pending_thing WHERE first_seen_at > :since) AS n
WHERE n.source_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.owner = 'source:' || n.source_id
  AND q.kind = 'names' AND q.lifted_at IS NOT NULL AND n.first_seen_at <= q.allowed_until)
ORDER BY n.first_seen_at DESC LIMIT 10000
""")
_OPEN = """
SELECT owner, kind, since, last_at, figure, held FROM quarantine
WHERE lifted_at IS NULL AND strpos(lower(owner), lower(:words)) > 0
"""


class Quarantined(TypedDict):
    """An owner (`account:`, `topic:` or `source:` and its name) that is held back; `figure`: its messages a second, or
    its new names in an hour; `held`: messages held back since."""

    owner: str
    kind: str
    since: str
    last_at: str
    figure: float
    held: int


class Lifted(TypedDict):
    owner: str
    kind: str
    allowed_until: str


def write_caught(conn: Connection, caught: Iterable[Caught], now: datetime) -> int:
    """How many are new; every ingester is told."""
    new = 0
    for one in caught:
        row = {"owner": one.owner, "kind": one.kind, "figure": one.figure, "now": now}
        if conn.execute(_CATCH, row).rowcount:
            new += 1
            data = {"owner": one.owner, "kind": one.kind, "figure": round(one.figure, 1)}
            audit.write(conn, "ingest", "quarantine.begin", now, data)
    if new:
        notify(conn, DOOR_CHANNEL, {})
        notify(conn, CHANGE_CHANNEL, {"kind": "health", "reread": True})
    return new


def write_counts(conn: Connection, counts: Counter[tuple[str, Kind]], now: datetime) -> None:
    rows = [{"owner": owner, "kind": kind, "count": n, "now": now} for (owner, kind), n in sorted(counts.items())]
    if rows:
        conn.execute(_COUNT, rows)


def read_held(conn: Connection, now: datetime) -> Held:
    rows = conn.execute(
        text("SELECT owner, kind, allowed_until FROM quarantine WHERE lifted_at IS NULL OR allowed_until > :now"),
        {"now": now},
    ).all()
    held = frozenset((row.owner, cast(Kind, row.kind)) for row in rows if row.allowed_until is None)
    return Held(held, {(row.owner, row.kind): row.allowed_until for row in rows if row.allowed_until is not None})


def read_owners(conn: Connection, prefix: str) -> dict[str, str]:
    """The account of each topic that only one may write."""
    found: dict[str, str] = {}
    for account in read_active(conn):
        for topic in own_topics(account):
            if "+" not in topic and topic not in ("incident", "warning"):
                found[f"{prefix}/{topic}"] = account.name
        for topic in account.topics:
            if not set("+#") & set(topic):
                found[topic] = account.name
    return found


def read_named(conn: Connection, since: datetime) -> list[Named]:
    """What was heard of for the first time since then and waits for a person; what somebody was let through with does
    not count."""
    return [Named(row.source_id, row.topic or "", row.first_seen_at) for row in conn.execute(_NAMED, {"since": since})]


def find_open(words: str) -> tuple[str, dict[str, object]]:
    """A SELECT of all that is held back in whose owner `words` stand, with its parameters."""
    return _OPEN, {"words": words}


def read_open(conn: Connection, after: tuple[str, str] | None, most: int) -> list[Quarantined]:
    """In order of owner and kind, those after `after`."""
    sql, params = find_open("")
    rows = conn.execute(
        text(f"{sql} AND (CAST(:owner AS text) IS NULL OR (owner, kind) > (:owner, :kind)) ORDER BY 1, 2 LIMIT :most"),
        {**params, "owner": after[0] if after else None, "kind": after[1] if after else None, "most": most},
    )
    return [quarantined(row) for row in rows]


def quarantined(row: Any) -> Quarantined:
    return {
        "owner": row.owner,
        "kind": row.kind,
        "since": rfc3339(row.since),
        "last_at": rfc3339(row.last_at),
        "figure": row.figure,
        "held": row.held,
    }


def lift(conn: Connection, owner: str, kind: str, hours: float, who: Viewer | str, now: datetime) -> Lifted:
    """Let it through, without a bound for so many hours. NotFound where nothing of that name is held back."""
    name = who if isinstance(who, str) else who.username
    until = now + timedelta(hours=hours)
    row = {"owner": owner, "kind": kind, "now": now, "who": name, "until": until}
    if not conn.execute(_LIFT, row).rowcount:
        raise NotFound(f"owner: nothing is held back of {owner[:120]!r} ({kind})", field="owner")
    audit.write(conn, who, "quarantine.lift", now, {"owner": owner, "kind": kind, "hours": hours})
    notify(conn, DOOR_CHANNEL, {})
    notify(conn, CHANGE_CHANNEL, {"kind": "health", "reread": True})
    return {"owner": owner, "kind": kind, "allowed_until": rfc3339(until)}
