"""Hourly history: `observation_hourly` is made from `observation`, an hour of one sensor's metric at a time.

Each transaction that writes readings marks the hours they fall into (`rollup_due`). Hours that have ended are taken
from there and counted anew from their readings: nothing is added up twice whatever is repeated, and a late reading
marks its hour again. The taker locks the marks, then counts in a statement of its own, so that it sees every
transaction whose mark it took; a writer locks the marks of ended hours that it renews, so that a mark is never taken
while its readings are not yet committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from core import set_aside
from core.pgarray import pack_text, pack_times
from core.process import is_of_connection
from core.vocabulary import UNJUDGED, sql_list
from ingest.records import Reading

HOUR_US = 3_600_000_000
# an hour is counted so long after its end; a writer trusts its memory of marks until the end: clocks may differ, and
# transactions last, by that much
SETTLE = timedelta(minutes=2)
AT_ONCE = 2000

MARK = """
INSERT INTO rollup_due (sensor_id, metric, hour) SELECT * FROM unnest(%s, %s, %s)
ON CONFLICT (sensor_id, metric, hour) DO UPDATE SET hour = EXCLUDED.hour
"""
MARK_KEY = "d.sensor_id || '/' || d.metric || '/' || extract(epoch FROM d.hour)::bigint::text"
TAKE = text(f"""
DELETE FROM rollup_due WHERE (sensor_id, metric, hour) IN (
  SELECT sensor_id, metric, hour FROM rollup_due d WHERE hour < :before
    AND {set_aside.resting("rollup", MARK_KEY)}
  ORDER BY hour, sensor_id, metric LIMIT :most FOR UPDATE SKIP LOCKED)
RETURNING sensor_id, metric, hour
""")
MARK_AGAIN = text(
    "INSERT INTO rollup_due (sensor_id, metric, hour) VALUES (:sensor, :metric, :hour) ON CONFLICT DO NOTHING"
)
COUNT = text(f"""
INSERT INTO observation_hourly (sensor_id, metric, hour, readings, total, least, most, last)
SELECT u.sensor_id, u.metric, u.hour, count(*), sum(o.value), min(o.value), max(o.value),
  (array_agg(o.value ORDER BY o.time DESC))[1]
FROM unnest(CAST(:sensors AS text[]), CAST(:metrics AS text[]), CAST(:hours AS timestamptz[])) AS u (sensor_id, metric,
  hour)
JOIN observation o ON o.sensor_id = u.sensor_id AND o.metric = u.metric AND o.time >= u.hour
  AND o.time < u.hour + interval '1 hour'
WHERE o.quality NOT IN {sql_list(UNJUDGED)} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (sensor_id, metric, hour) DO UPDATE SET readings = EXCLUDED.readings, total = EXCLUDED.total,
  least = EXCLUDED.least, most = EXCLUDED.most, last = EXCLUDED.last
-- fewer: retention has taken readings of that hour away, what was counted stays
WHERE EXCLUDED.readings >= observation_hourly.readings
""")


class Marks:
    """Marks hours as due; those of the running hour once only."""

    def __init__(self) -> None:
        self._hour = 0
        self._made: set[tuple[str, str, int]] = set()

    def forget(self) -> None:
        self._made.clear()

    def mark(self, raw: psycopg.Connection[Any], readings: Sequence[Reading], now: int) -> None:
        """`readings` in order of sensor, metric and time; `now` in microseconds since 2000."""
        hour = now // HOUR_US
        if hour != self._hour:
            self._hour = hour
            self._made.clear()
        touched = dict.fromkeys((r[0], r[1], r[2] // HOUR_US) for r in readings)
        # of the running hour and of coming ones (clocks ahead) a mark made once still stands
        due = [key for key in touched if key not in self._made or (key[2] + 1) * HOUR_US < now]
        if not due:
            return
        sensors, metrics, hours = zip(*due, strict=True)
        raw.execute(MARK, (pack_text(sensors), pack_text(metrics), pack_times([h * HOUR_US for h in hours])))
        self._made.update(due)


def roll_up(conn: Connection, now: datetime) -> int:
    """Count up to `AT_ONCE` hours that are due; returns how many. Call again while it returns something, a transaction
    each. An hour that cannot be counted (a sum beyond all numbers, say) is found by halving and put aside; its mark
    stays."""
    taken = conn.execute(TAKE, {"before": now - timedelta(hours=1) - SETTLE, "most": AT_ONCE, "now": now}).all()
    count(conn, taken, now)
    return len(taken)


def count(conn: Connection, hours: Sequence[Any], now: datetime) -> None:
    """Count these in one statement, or in halves of it where that fails."""
    if not hours:
        return
    given = {
        "sensors": [r.sensor_id for r in hours],
        "metrics": [r.metric for r in hours],
        "hours": [r.hour for r in hours],
    }
    try:
        with conn.begin_nested():
            conn.execute(COUNT, given)
    except DBAPIError as exc:
        if is_of_connection(exc):
            raise
        if len(hours) > 1:
            half = len(hours) // 2
            count(conn, hours[:half], now)
            count(conn, hours[half:], now)
            return
        [row] = hours
        conn.execute(MARK_AGAIN, {"sensor": row.sensor_id, "metric": row.metric, "hour": row.hour})
        set_aside.note(conn, "rollup", f"{row.sensor_id}/{row.metric}/{int(row.hour.timestamp())}", exc, now)
