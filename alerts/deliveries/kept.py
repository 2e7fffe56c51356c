"""What became of deliveries: counted, listed, tried again, confirmed, forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core import audit
from core.clock import rfc3339
from core.db import OUTBOX_CHANNEL, notify, notify_change
from core.errors import Conflict, NotFound
from core.vocabulary import Text

# of the broker's and the feeds' own; of people's as long as a review may ask
KEEP_DAYS, KEEP_OURS_DAYS = 90, 7
STATES = ("waiting", "retrying", "sent", "seen", "refused", "failed")
# as people are told of it: what waits after a failure is tried again, what was sent may have been confirmed
STATE = """
CASE WHEN d.state = 'waiting' AND d.attempts > 0 THEN 'retrying' WHEN d.seen_at IS NOT NULL THEN 'seen'
  ELSE d.state END
"""


class Delivery(TypedDict):
    """One change told to one subscription. `state`: waiting, retrying (after a failure, at `due_at`), sent, seen
    (confirmed by the receiver), refused (by the receiver), failed (given up). `subject` is the id of the alarm."""

    id: int
    subscription: str
    names: Text
    owner: str | None
    sender: str
    kind: str
    subject: str
    what: str
    state: str
    attempts: int
    error: str | None
    created_at: str
    due_at: str
    done_at: str | None
    seen_at: str | None
    seen_by: str | None


_COLUMNS = f"""
d.id, d.subscription_id, COALESCE(s.name_zh, d.subscription_id) AS name_zh,
  COALESCE(s.name_en, d.subscription_id) AS name_en, s.owner, COALESCE(s.sender, '') AS sender, d.kind, d.subject,
  d.what, {STATE} AS state, d.attempts, d.error, d.created_at, d.due_at, d.done_at, d.seen_at, d.seen_by
FROM delivery d LEFT JOIN subscription s ON s.id = d.subscription_id
"""


def delivery_object(row: Any) -> Delivery:
    return {
        "id": row.id,
        "subscription": row.subscription_id,
        "names": {"zh": row.name_zh, "en": row.name_en},
        "owner": row.owner,
        "sender": row.sender,
        "kind": row.kind,
        "subject": row.subject,
        "what": row.what,
        "state": row.state,
        "attempts": row.attempts,
        "error": row.error,
        "created_at": rfc3339(row.created_at),
        "due_at": rfc3339(row.due_at),
        "done_at": rfc3339(row.done_at) if row.done_at else None,
        "seen_at": rfc3339(row.seen_at) if row.seen_at else None,
        "seen_by": row.seen_by,
    }


def list_deliveries(
    conn: Connection,
    *,
    alarm: str | None = None,
    subscription: str | None = None,
    owner: str | None = None,
    state: str | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[Delivery]:
    """The newest first; of one alarm, one subscription, or all subscriptions of one account."""
    rows = conn.execute(
        text(
            f"""
SELECT {_COLUMNS}
WHERE (CAST(:alarm AS text) IS NULL OR (d.kind = 'alarm' AND d.subject = :alarm))
  AND (CAST(:subscription AS text) IS NULL OR d.subscription_id = :subscription)
  AND (CAST(:owner AS text) IS NULL OR s.owner = :owner)
  AND (CAST(:state AS text) IS NULL OR {STATE} = :state)
  AND (CAST(:before AS bigint) IS NULL OR d.id < :before)
ORDER BY d.id DESC LIMIT :limit
"""
        ),
        {
            "alarm": alarm,
            "subscription": subscription,
            "owner": owner,
            "state": state,
            "before": before,
            "limit": limit,
        },
    )
    return [delivery_object(row) for row in rows]


# of each subscription the newest; programs that hear of everything are nobody who is told
_TOLD = text(f"""
SELECT * FROM (
  SELECT DISTINCT ON (d.subscription_id) {_COLUMNS}
  WHERE d.kind = 'alarm' AND d.subject = :alarm AND COALESCE(s.sender, '') NOT IN ('mqtt', 'cap')
  ORDER BY d.subscription_id, d.id DESC) AS newest
ORDER BY created_at, id LIMIT 200
""")


def read_told(conn: Connection, alarm: str) -> list[Delivery]:
    """Who was told of an alarm: of each subscription what it was told last."""
    return [delivery_object(row) for row in conn.execute(_TOLD, {"alarm": alarm})]


def read_delivery(conn: Connection, identity: int) -> Delivery:
    row = conn.execute(text(f"SELECT {_COLUMNS} WHERE d.id = :id"), {"id": identity}).one_or_none()
    if row is None:
        raise NotFound(f"there is no delivery {identity}")
    return delivery_object(row)


def retry(conn: Connection, identity: int, who: str, now: datetime) -> Delivery:
    """Try now what waits for another try, was refused or given up. Conflict for what has arrived."""
    done = conn.execute(
        text(
            "UPDATE delivery SET state = 'waiting', due_at = :now, attempts = 0, done_at = NULL "
            "WHERE id = :id AND state IN ('waiting', 'refused', 'failed')"
        ),
        {"id": identity, "now": now},
    )
    found = read_delivery(conn, identity)
    if not done.rowcount:
        raise Conflict("it has arrived", reason="delivery_arrived")
    audit.write(conn, who, "delivery.retry", now, {"delivery": identity, "subscription": found["subscription"]})
    notify(conn, OUTBOX_CHANNEL, {})
    return found


def see(conn: Connection, identity: int, who: str, now: datetime) -> Delivery:
    """The receiver knows of it. Said twice it stays what was said first."""
    done = conn.execute(
        text(
            "UPDATE delivery SET seen_at = :now, seen_by = :who WHERE id = :id AND seen_at IS NULL AND state = 'sent'"
        ),
        {"id": identity, "now": now, "who": who},
    )
    found = read_delivery(conn, identity)
    if not done.rowcount and found["seen_at"] is None:
        raise Conflict("it has not gone out yet", reason="delivery_not_sent")
    if done.rowcount and found["kind"] == "alarm":
        notify_change(conn, "alarm", [found["subject"]])
    return found


def count_waiting(conn: Connection) -> int:
    """How many changes and deliveries have not gone out yet."""
    return int(
        conn.scalar(
            text(
                """
SELECT (SELECT count(*) FROM outbox WHERE routed_at IS NULL) + (SELECT count(*) FROM delivery WHERE state = 'waiting')
"""
            )
        )
        or 0
    )


def forget_done(conn: Connection, now: datetime) -> None:
    """Drop what was routed and done long ago; what was refused or given up stays until somebody has seen to it."""
    before = {"ours": now - timedelta(days=KEEP_OURS_DAYS), "before": now - timedelta(days=KEEP_DAYS)}
    conn.execute(text("DELETE FROM outbox WHERE routed_at < :ours"), before)
    conn.execute(text("DELETE FROM told WHERE over AND told_at < :ours"), before)
    conn.execute(
        text(
            """
DELETE FROM delivery d WHERE d.done_at < :ours AND (d.done_at < :before OR EXISTS (
  SELECT 1 FROM subscription s WHERE s.id = d.subscription_id AND s.sender IN ('mqtt', 'cap')))
  AND (d.state NOT IN ('refused', 'failed') OR d.done_at < :before)
"""
        ),
        before,
    )
