"""Snapshots from the rows they came in to the picture store, and out of it again when their time is over.

The stream writes a picture's bytes with its row, in the transaction that is acknowledged: a slow or absent picture
store never holds up readings and never loses a picture. From there this moves them, as soon as the store takes them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from core import set_aside
from core.errors import SetupError, Unavailable
from core.log import get_log
from core.pictures import Pictures

log = get_log("pictures")
AT_ONCE = 50
NEXT = text(f"""
SELECT camera_id, sha256, body FROM snapshot s WHERE body IS NOT NULL
  AND {set_aside.resting("picture", "s.camera_id || '/' || s.sha256")}
ORDER BY received_at LIMIT 1 FOR UPDATE SKIP LOCKED
""")
MOVED = text("UPDATE snapshot SET body = NULL WHERE camera_id = :camera AND sha256 = :sha256")
EXPIRED = text("""
DELETE FROM snapshot WHERE (camera_id, sha256) IN (
  SELECT camera_id, sha256 FROM snapshot WHERE received_at < :before ORDER BY received_at LIMIT :most
    FOR UPDATE SKIP LOCKED)
RETURNING sha256
""")
STILL = text("SELECT DISTINCT sha256 FROM snapshot WHERE sha256 = ANY(:hashes)")


def keep_pictures(engine: Engine, pictures: Pictures, now: datetime, days: int) -> bool:
    """Move what waits and drop what is old, a bounded number at once; whether there is more."""
    try:
        moved = 0
        while moved < AT_ONCE and move_one(engine, pictures, now):
            moved += 1
        with engine.begin() as conn:
            dropped = drop_old(conn, pictures, now - timedelta(days=days))
    except (Unavailable, SetupError) as exc:
        log.warning("pictures_wait", error=exc.message)
        return False
    return AT_ONCE in (moved, dropped)


def move_one(engine: Engine, pictures: Pictures, now: datetime) -> bool:
    """One picture to the store; False where none waits. Its row forgets the bytes only when the store has them."""
    with engine.begin() as conn:
        row = conn.execute(NEXT, {"now": now}).one_or_none()
        if row is None:
            return False
        try:
            pictures.put(row.sha256, row.body)
        except (Unavailable, SetupError):
            raise  # the store is away: everything waits
        except Exception as exc:  # noqa: BLE001 - noted by set_aside
            set_aside.note(conn, "picture", f"{row.camera_id}/{row.sha256}", exc, now)
            return True
        conn.execute(MOVED, {"camera": row.camera_id, "sha256": row.sha256})
    return True


def drop_old(conn: Connection, pictures: Pictures, before: datetime) -> int:
    """Delete rows from before `before`, and the pictures that no other row speaks of."""
    gone = conn.scalars(EXPIRED, {"before": before, "most": AT_ONCE}).all()
    still = set(conn.scalars(STILL, {"hashes": list(gone)})) if gone else set()
    for sha256 in sorted(set(gone) - still):
        pictures.delete(sha256)
    return len(gone)
