"""How old is what we show: per source, per feed, per process, and the alarm load against EEMUA 191."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, text

from alerts.deliveries import count_waiting
from core import set_aside
from core.clock import rfc3339
from core.log import get_log
from core.process import first_line, is_of_connection
from core.vocabulary import label
from ingest.admin.letters import read_reasons
from ingest.admin.sources import NO_SOURCE, read_source_states
from ingest.replay import WAITING
from layers.video import read_camera_health

log = get_log("health")
T = TypeVar("T")
NO_LETTERS: dict[str, Any] = {"total": None, "waiting": None, "reasons": {}, "last_at": None}
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
NO_SOURCE_NAMES = {"zh": "无数据源", "en": "No source"}
_UNCLAIMED = """
SELECT sum(messages)::bigint AS messages, sum(dead_letters)::bigint AS refused, sum(decode_errors)::bigint AS errors, max(last_at) AS last,
  sum(rate * exp(-LEAST(GREATEST(extract(epoch FROM CAST(:now AS timestamptz) - last_at), 0), 6000)::float8 / 60)) AS rate
FROM source_state WHERE source_id = ''
"""


def read_health(conn: Connection, now: datetime, prefix: str = "onemap") -> dict[str, Any]:
    """`GET /api/health`. Ages in seconds; `oldest_feed_s` is the age of the oldest feed that has spoken within a day.

    `sources` are those that are on and those that have been; `feeds` group what came by what it tells of. `prefix` is our own
    first topic part."""
    faults: list[dict[str, str]] = []
    nothing: list[dict[str, Any]] = []
    no_asides: list[set_aside.AsideCount] = []

    def part(name: str, read: Callable[[], T], otherwise: T) -> T:
        """One part of the whole: what cannot be read of it is said, the other parts are answered."""
        try:
            with conn.begin_nested():
                return read()
        except Exception as exc:
            if is_of_connection(exc):
                raise
            log.exception("health_part_failed", part=name)
            faults.append({"part": name, "error": first_line(exc)})
            return otherwise

    feeds = part("feeds", lambda: read_feeds(conn, now), nothing)
    ages = [f["age_s"] for f in feeds if f["age_s"] is not None and f["age_s"] < LIVE_S]
    return {
        "id": "health",
        "time": rfc3339(now),
        "oldest_feed_s": round(max(ages), 1) if ages else None,
        "newest_feed_s": round(min(ages), 1) if ages else None,
        "sources": part("sources", lambda: read_sources(conn, now, prefix), nothing),
        "feeds": feeds,
        "cameras": part("cameras", lambda: read_camera_health(conn, now), None),
        "dead_letters": part("dead_letters", lambda: read_letter_counts(conn), NO_LETTERS),
        "set_aside": part("set_aside", lambda: set_aside.count_asides(conn), no_asides),
        "processes": part("processes", lambda: read_processes(conn, now), nothing),
        "unjudged": part("unjudged", lambda: conn.scalar(text("SELECT count(*) FROM ingest_batch")), None),
        "outbox": part("outbox", lambda: count_waiting(conn), None),
        "alarm_rate_10min": part("alarm_rate_10min", lambda: alarm_rate(conn, now), None),
        "faults": faults,
    }


def read_feeds(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    minute = now - timedelta(seconds=60)
    buried = {row.id: row.letters for row in conn.execute(text(_LETTERS))}
    return [feed_object(row, now, buried.get(row.id, 0)) for row in conn.execute(text(_FEEDS), {"minute": minute})]


def read_letter_counts(conn: Connection) -> dict[str, Any]:
    letters = conn.execute(text("SELECT count(*) AS total, max(received_at) AS last FROM dead_letter")).one()
    reasons: Counter[str] = Counter()
    for group in read_reasons(conn):
        reasons[group["reason"]] += group["count"]
    return {
        "total": letters.total,
        "waiting": reasons.total(),
        "reasons": dict(reasons),
        "last_at": rfc3339(letters.last) if letters.last else None,
    }


def read_sources(conn: Connection, now: datetime, prefix: str) -> list[dict[str, Any]]:
    """Sources that are on or were heard. What no source reads stands under `-`."""
    states = [
        {"id": s["id"], "names": s["names"], **s["state"], **letter_counts(s["state"])}
        for s in read_source_states(conn, prefix, now)
        if s["enabled"] or s["state"]["messages"]
    ]
    return states + read_unclaimed(conn, now)


def letter_counts(state: dict[str, Any]) -> dict[str, int]:
    counts = state["dead_letters"]
    return {"dead_letters": counts["total"], "dead_letters_waiting": counts["waiting"]}


def read_unclaimed(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    """Messages on topics that no source reads (a source was switched off, the broker still had some)."""
    row = conn.execute(text(_UNCLAIMED), {"now": now}).one()
    if row.last is None:
        return []
    waiting = conn.scalar(text(f"SELECT count(*) FROM dead_letter WHERE source_id IS NULL AND {WAITING}"))
    return [
        {
            "id": NO_SOURCE,
            "names": NO_SOURCE_NAMES,
            "enabled": True,
            "fault": None,
            "messages": row.messages,
            "records": 0,
            "dead_letters": row.refused,
            "dead_letters_waiting": waiting,
            "decode_errors": row.errors,
            "rate": round(row.rate, 3),
            "lag_s": None,
            "last_at": rfc3339(row.last),
            "age_s": round(max(0.0, (now - row.last).total_seconds()), 1),
            "devices": 0,
            "pending": 0,
            "silent_s": None,
            "overdue": False,
        }
    ]


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
            text(
                "SELECT count(*) FROM alarm_event WHERE what IN ('raised', 'raised_again', 'worsened') AND time > CAST(:now AS timestamptz) - interval '10 minutes'"
            ),
            {"now": now},
        )
        or 0
    )
