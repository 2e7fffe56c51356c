"""How long things are kept: whole days of raw observations, shorter where a metric says so (`keep_days`), hourly
history longer.

`keep_days` and `keep_hourly_days` stand with each metric in core/data/metrics.json (or the city's own file over it).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, text

from core.vocabulary import table
from ingest.partitions import PREFIX, partition_name

DAY_NAMES = text(
    """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'observation'::regclass AND c.relname ~ '^observation_p[0-9]{8}$' AND c.relname < :oldest
ORDER BY 1
"""
)
# hours that the hourly history does not know yet: their readings stay until it does
UNCOUNTED = text("SELECT DISTINCT to_char(hour AT TIME ZONE 'UTC', 'YYYYMMDD') FROM rollup_due WHERE hour < :before")


TRIM = text("SELECT trim_observation_day(:day, :metric)")


def day_of(name: str) -> date:
    """The day that a partition's name tells."""
    return datetime.strptime(name.removeprefix(PREFIX), "%Y%m%d").replace(tzinfo=UTC).date()


def oldest_kept(now: datetime, days: int) -> date:
    """The first UTC day of which something must still be there."""
    return (now - timedelta(days=days)).date()


def expired(conn: Connection, oldest: date) -> list[str]:
    """Names of the days before `oldest` whose hours have been counted."""
    before = datetime(oldest.year, oldest.month, oldest.day, tzinfo=UTC)
    uncounted = {PREFIX + day for day in conn.scalars(UNCOUNTED, {"before": before})}
    names = conn.scalars(DAY_NAMES, {"oldest": partition_name(oldest)})
    return [name for name in names if name not in uncounted]


def drop_expired(conn: Connection, now: datetime, days: int) -> list[str]:
    """Drop whole days that lie before the retention; returns the names of what went."""
    names = expired(conn, oldest_kept(now, days))
    for name in names:
        conn.execute(text("SELECT drop_observation_day(:day)"), {"day": day_of(name)})
    conn.execute(text("DELETE FROM trimmed WHERE day < :day"), {"day": oldest_kept(now, days)})
    return names


def shorter(days: int) -> dict[str, int]:
    """Metrics that are kept for fewer days than the rest."""
    kept = {metric: row.get("keep_days") for metric, row in table("metrics").items()}
    return {metric: int(own) for metric, own in kept.items() if own is not None and own < days}


def trim(conn: Connection, now: datetime, metric: str, days: int) -> int:
    """Take `metric` out of days before its retention, each day once (what comes in late for them goes with the day
    itself)."""
    oldest = oldest_kept(now, days)
    done = {row.day for row in conn.execute(text("SELECT day FROM trimmed WHERE metric = :metric"), {"metric": metric})}
    gone = 0
    for name in expired(conn, oldest):
        day = day_of(name)
        if day in done:
            continue
        gone += conn.scalar(TRIM, {"day": day, "metric": metric}) or 0
        conn.execute(
            text("INSERT INTO trimmed (day, metric) VALUES (:day, :metric) ON CONFLICT DO NOTHING"),
            {"day": day, "metric": metric},
        )
    return gone


def trim_hourly(conn: Connection, now: datetime, days: int) -> int:
    """Take hours before their retention out of the hourly history."""
    own = {m: int(row["keep_hourly_days"]) for m, row in table("metrics").items() if "keep_hourly_days" in row}
    gone = conn.execute(
        text("DELETE FROM observation_hourly WHERE hour < :before AND NOT metric = ANY(:own)"),
        {"before": now - timedelta(days=days), "own": list(own)},
    ).rowcount
    for metric, kept in own.items():
        gone += conn.execute(
            text("DELETE FROM observation_hourly WHERE hour < :before AND metric = :metric"),
            {"before": now - timedelta(days=kept), "metric": metric},
        ).rowcount
    return gone


def trim_video_past(conn: Connection, now: datetime, days: int) -> int:
    """Forget what video events were before they were told of again, where that is longer ago than readings are kept."""
    return conn.execute(
        text("DELETE FROM video_event_past WHERE until < :before"), {"before": now - timedelta(days=days)}
    ).rowcount


def trim_letters(conn: Connection, now: datetime, days: int) -> int:
    """Forget dead letters that have been dealt with long ago; those that wait stay."""
    return conn.execute(
        text("DELETE FROM dead_letter WHERE COALESCE(replayed_at, discarded_at) < :before"),
        {"before": now - timedelta(days=days)},
    ).rowcount
