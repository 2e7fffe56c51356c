"""A subscription before it is relied on: a test message, and what the last days would have brought."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from alerts.around import ALARM_FACTS, OF_THING, SIGHT_FACTS, change_to_tell
from alerts.stages.base import Subscriber
from alerts.stages.route import is_for
from alerts.stages.wanted import Filter
from alerts.subscriptions.given import Preview
from core.clock import rfc3339
from core.db import OUTBOX_CHANNEL, notify
from core.errors import Conflict
from core.exposure import city_zone
from core.scope import EVERYTHING, Scope

TEST = "test"
EXAMPLES = 5
_RAISED = text(f"""
SELECT a.raised_at, {ALARM_FACTS}, {SIGHT_FACTS} FROM alarm a {OF_THING}
WHERE a.raised_at > :since AND a.raised_at <= :now ORDER BY a.raised_at DESC, a.id
""")
_WAITS = text("SELECT 1 FROM delivery WHERE subscription_id = :id AND kind = 'test' AND state = 'waiting' LIMIT 1")
_TEST = text("""
INSERT INTO delivery (subscription_id, kind, subject, what, reason, created_at, due_at, state, attempts)
VALUES (:id, 'test', :id, 'test', '[]', :now, :now, 'waiting', 0) RETURNING id
""")


def queue_test(conn: Connection, identity: str, now: datetime) -> int:
    """A test message to its receiver, behind what waits already; its delivery. Conflict where one waits by now."""
    if conn.scalar(_WAITS, {"id": identity}):
        raise Conflict("a test message waits to go out already", reason="test_waits")
    delivery: int = conn.execute(_TEST, {"id": identity, "now": now}).scalar_one()
    notify(conn, OUTBOX_CHANNEL, {})
    return delivery


def preview(conn: Connection, wanted: Filter, now: datetime, days: int, scope: Scope = EVERYTHING) -> Preview:
    """Of the alarms raised in the last `days`, those that would have been told: at the level that they have or had
    last, and whether or not something muted them then."""
    zone = ZoneInfo(city_zone(conn))
    somebody = Subscriber("", wanted, scope)
    levels: Counter[str] = Counter()
    by_day: Counter[object] = Counter()
    by_hour: Counter[object] = Counter()
    found: Preview = {
        "days": days,
        "alarms": 0,
        "by_level": {},
        "most_a_day": 0,
        "most_an_hour": 0,
        "examples": [],
    }
    for row in conn.execute(_RAISED, {"since": now - timedelta(days=days), "now": now}):
        if not is_for(somebody, change_to_tell(row, "raised", {})):
            continue
        here = row.raised_at.astimezone(zone)
        levels[str(row.level)] += 1
        by_day[here.date()] += 1
        by_hour[here.date(), here.hour] += 1
        if len(found["examples"]) < EXAMPLES:
            found["examples"].append(
                {
                    "alarm": str(row.alarm_id),
                    "names": row.names,
                    "kind": row.kind,
                    "level": row.level,
                    "raised_at": rfc3339(row.raised_at),
                }
            )
    found["alarms"] = levels.total()
    found["by_level"] = dict(sorted(levels.items()))
    found["most_a_day"] = max(by_day.values(), default=0)
    found["most_an_hour"] = max(by_hour.values(), default=0)
    return found
