"""How old is what we show: per feed, per process, and the alarm load against EEMUA 191."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from core.clock import rfc3339
from core.vocabulary import label

ALIVE_S = 30
LIVE_S = 24 * 3600  # a feed silent for longer is no longer counted as live

_FEEDS = """
SELECT s.kind AS id, max(t.received_at) AS last, count(DISTINCT t.sensor_id) AS things,
  count(*) FILTER (WHERE t.received_at > :minute) / 60.0 AS rate,
  max(extract(epoch FROM t.received_at - t.time)) FILTER (WHERE t.received_at > :minute) AS lag
FROM sensor_state t JOIN sensor s ON s.id = t.sensor_id GROUP BY s.kind
UNION ALL SELECT 'units', max(time), count(*), count(*) FILTER (WHERE time > :minute) / 60.0, NULL FROM unit_state
UNION ALL SELECT 'reports', max(received_at), count(*), count(*) FILTER (WHERE received_at > :minute) / 60.0, NULL FROM incident_report
UNION ALL SELECT 'video', max(received_at), count(*), count(*) FILTER (WHERE received_at > :minute) / 60.0, NULL FROM video_event
"""
_LETTERS = """
SELECT COALESCE(s.kind, CASE WHEN topic ~ '/position/|/unit/|/reply$' THEN 'units' WHEN topic ~ '/incident$' THEN 'reports'
  WHEN topic ~ '/video/' THEN 'video' ELSE 'unknown' END) AS id, count(*) AS letters
FROM dead_letter d LEFT JOIN sensor s ON s.id = substring(d.topic FROM '/observation/([^/]+)$') GROUP BY 1
"""
NAMES = {
    "units": {"zh": "力量位置", "en": "Unit positions"},
    "reports": {"zh": "报警与热线", "en": "Calls and reports"},
    "video": {"zh": "视频事件", "en": "Video events"},
}


def read_health(conn: Connection, now: datetime) -> dict[str, Any]:
    """`GET /api/health`. Ages in seconds; `oldest_feed_s` is the age of the oldest feed that has spoken within a day."""
    minute = now.timestamp() - 60
    buried = {row.id: row.letters for row in conn.execute(text(_LETTERS))}
    feeds = [
        feed_object(row, now, buried.get(row.id, 0))
        for row in conn.execute(text(_FEEDS), {"minute": datetime.fromtimestamp(minute, now.tzinfo)})
    ]
    ages = [f["age_s"] for f in feeds if f["age_s"] is not None and f["age_s"] < LIVE_S]
    letters = conn.execute(
        text(
            "SELECT count(*) AS total, count(*) FILTER (WHERE replayed_at IS NULL) AS waiting, max(received_at) AS last FROM dead_letter"
        )
    ).one()
    return {
        "id": "health",
        "time": rfc3339(now),
        "oldest_feed_s": round(max(ages), 1) if ages else None,
        "newest_feed_s": round(min(ages), 1) if ages else None,
        "sources": feeds,
        "dead_letters": {
            "total": letters.total,
            "waiting": letters.waiting,
            "last_at": rfc3339(letters.last) if letters.last else None,
        },
        "processes": read_processes(conn, now),
        "unjudged": conn.scalar(text("SELECT count(*) FROM ingest_batch")),
        "outbox": conn.scalar(text("SELECT count(*) FROM outbox WHERE sent_at IS NULL")),
        "alarm_rate_10min": alarm_rate(conn, now),
    }


def feed_object(row: Any, now: datetime, letters: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "names": NAMES.get(row.id) or label("sensor_kinds", row.id),
        "last_at": rfc3339(row.last) if row.last else None,
        "age_s": round((now - row.last).total_seconds(), 1) if row.last else None,
        "things": row.things,
        "rate": round(float(row.rate), 2),
        "lag_s": round(float(row.lag), 2) if row.lag is not None else None,
        "dead_letters": letters,
    }


def read_processes(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    rows = conn.execute(
        text(
            "SELECT name, pid, alive_since, seen_at, figures FROM process_state "
            "WHERE seen_at > CAST(:now AS timestamptz) - make_interval(secs => :alive) ORDER BY name"
        ),
        {"now": now, "alive": ALIVE_S},
    )
    return [
        {
            "name": r.name,
            "pid": r.pid,
            "alive_since": rfc3339(r.alive_since),
            "seen_at": rfc3339(r.seen_at),
            "figures": r.figures,
        }
        for r in rows
    ]


def alarm_rate(conn: Connection, now: datetime) -> int:
    """Alarms raised in the last ten minutes: about 1 is acceptable, 2 the most to handle, more than 10 a flood (EEMUA 191)."""
    return int(
        conn.scalar(
            text("SELECT count(*) FROM alarm_event WHERE what IN ('raised', 'raised_again', 'worsened') AND time > CAST(:now AS timestamptz) - interval '10 minutes'"),
            {"now": now},
        )
        or 0
    )  # fmt: skip
