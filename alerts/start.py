"""What is known after a start: nothing of alarms goes out until what had arrived before was judged.

Alarms outlive a restart, readings that nobody has judged yet may change them: the target's fact may stand in the queue
before that of its cause. So the first of a life waits for what stood there when it began, but never for long.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core import set_aside
from core.log import get_log

log = get_log("alerts")
WAIT_AT_MOST = timedelta(seconds=60)
NEWEST = text("SELECT COALESCE(max(id), 0) FROM ingest_batch")
BEHIND = text(f"""
SELECT EXISTS (SELECT 1 FROM ingest_batch b WHERE b.id <= :newest AND {set_aside.resting("batch", "b.id::text")})
""")


class Start:
    """Of one life of the process."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._since: datetime | None = None
        self._over = False

    def is_over(self, conn: Connection, now: datetime) -> bool:
        """Whether everything that had arrived when this life began was judged."""
        if self._over:
            return True
        if self._newest is None:
            self._newest, self._since = conn.execute(NEWEST).scalar_one(), now
        behind = bool(conn.scalar(BEHIND, {"newest": self._newest, "now": now}))
        late = self._since is not None and now - self._since > WAIT_AT_MOST
        if behind and late:
            log.error("start_not_judged", newest=self._newest)
        self._over = late or not behind
        return self._over
