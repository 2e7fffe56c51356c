"""How old is what we show: per source, per feed, per process, and the alarm load against EEMUA 191."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import ConfigDict, with_config
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.deliveries import count_waiting
from core import set_aside
from core.clock import rfc3339
from core.log import get_log
from core.process import first_line, is_of_connection
from core.vocabulary import Text, label
from ingest.admin.letters import COUNTED, read_reasons
from ingest.admin.quarantine import Quarantined, read_open
from ingest.admin.sources.nouns import SourceCounts, SourceState
from ingest.admin.sources.read import read_source_states
from ingest.replay import WAITING
from layers.video import CameraHealth, read_camera_health

log = get_log("health")
T = TypeVar("T")
ALIVE_S = 30
HELD_AT_MOST = 100
LIVE_S = 24 * 3600  # a feed silent for longer is no longer counted as live

_FEEDS = """
SELECT s.kind AS id, max(t.received_at) AS last, count(DISTINCT t.sensor_id) AS things,
  count(*) FILTER (WHERE t.received_at > :minute) / 60.0 AS rate,
  max(extract(epoch FROM t.received_at - t.time)) FILTER (WHERE t.received_at > :minute) AS lag
FROM sensor_state t JOIN sensor s ON s.id = t.sensor_id GROUP BY s.kind
UNION ALL SELECT 'units', max(time), count(*), count(*) FILTER (WHERE time > :minute) / 60.0, NULL FROM unit_state
UNION ALL SELECT 'reports', max(received_at), count(*), count(*) FILTER (WHERE received_at > :minute) / 60.0, NULL
  FROM incident_report
UNION ALL SELECT 'video', max(received_at), count(*), count(*) FILTER (WHERE received_at > :minute) / 60.0, NULL
  FROM video_event
"""
_LETTERS = """
SELECT COALESCE(s.kind, CASE WHEN topic ~ '/position/|/unit/|/reply$' THEN 'units'
    WHEN topic ~ '/incident$' THEN 'reports' WHEN topic ~ '/video/' THEN 'video' ELSE 'unknown' END) AS id,
  count(*) AS letters
FROM dead_letter d LEFT JOIN sensor s ON s.id = substring(d.topic FROM '/observation/([^/]+)$') GROUP BY 1
"""
NAMES = {
    "units": {"zh": "力量位置", "en": "Unit positions"},
    "reports": {"zh": "报警与热线", "en": "Calls and reports"},
    "video": {"zh": "视频事件", "en": "Video events"},
}
NO_SOURCE = "-"
NO_SOURCE_NAMES = {"zh": "无数据源", "en": "No source"}
_UNCLAIMED = """
SELECT sum(messages)::bigint AS messages, sum(dead_letters)::bigint AS refused, sum(decode_errors)::bigint AS errors,
  max(last_at) AS last,
  sum(rate * exp(-LEAST(GREATEST(extract(epoch FROM CAST(:now AS timestamptz) - last_at), 0), 6000)::float8 / 60)) AS
    rate
FROM source_state WHERE source_id = ''
"""


class SourceHealth(SourceCounts):
    """A source that is on or was heard (`-`: what no source reads), with its dead letters."""

    id: str
    names: Text
    dead_letters: int
    dead_letters_waiting: int


class FeedHealth(TypedDict):
    """What came of one kind of thing: when last, from how many, messages a second and the largest lag over the last
    minute."""

    id: str
    names: Text
    last_at: str | None
    age_s: float | None
    things: int
    rate: float
    lag_s: float | None
    dead_letters: int


class LetterHealth(TypedDict):
    """Dead letters; nulls where they could not be counted."""

    total: int | None
    waiting: int | None
    reasons: dict[str, int]
    last_at: str | None


NO_LETTERS: LetterHealth = {"total": None, "waiting": None, "reasons": {}, "last_at": None}


class ThreadFault(TypedDict):
    restarts: int
    error: str
    at: str


@with_config(ConfigDict(extra="allow"))
class Figures(TypedDict, total=False):
    """What a process counts since its start; each kind of process has counters of its own beside these."""

    waiting: int
    database_errors: int
    messages_in_files: int
    changes_not_alone: int
    threads_failed: dict[str, ThreadFault]
    other_installations: list[str]


class ProcessHealth(TypedDict):
    """A process that has been heard within half a minute."""

    name: str
    pid: int
    alive_since: str
    seen_at: str
    figures: Figures


class HealthFault(TypedDict):
    """A part of the health that could not be read, and why."""

    part: str
    error: str


class Health(TypedDict):
    """How old is what we show, and what waits. Ages in seconds; `oldest_feed_s` is the age of the oldest feed that has
    spoken within a day."""

    id: str
    time: str
    oldest_feed_s: float | None
    newest_feed_s: float | None
    sources: list[SourceHealth]
    feeds: list[FeedHealth]
    cameras: CameraHealth | None
    dead_letters: LetterHealth
    set_aside: list[set_aside.AsideCount]
    quarantine: list[Quarantined]
    processes: list[ProcessHealth]
    unjudged: int | None
    outbox: int | None
    alarm_rate_10min: int | None
    faults: list[HealthFault]


def read_health(conn: Connection, now: datetime, prefix: str = "onemap") -> Health:
    """`GET /api/health`. `sources` are those that are on and those that have been; `feeds` group what came by what it
    tells of. `prefix` is our own first topic part."""
    faults: list[HealthFault] = []
    no_sources: list[SourceHealth] = []
    no_feeds: list[FeedHealth] = []
    no_asides: list[set_aside.AsideCount] = []
    nobody: list[Quarantined] = []
    no_processes: list[ProcessHealth] = []

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

    feeds = part("feeds", lambda: read_feeds(conn, now), no_feeds)
    ages = [f["age_s"] for f in feeds if f["age_s"] is not None and f["age_s"] < LIVE_S]
    return {
        "id": "health",
        "time": rfc3339(now),
        "oldest_feed_s": round(max(ages), 1) if ages else None,
        "newest_feed_s": round(min(ages), 1) if ages else None,
        "sources": part("sources", lambda: read_sources(conn, now, prefix), no_sources),
        "feeds": feeds,
        "cameras": part("cameras", lambda: read_camera_health(conn, now), None),
        "dead_letters": part("dead_letters", lambda: read_letter_counts(conn), NO_LETTERS),
        "set_aside": part("set_aside", lambda: set_aside.count_asides(conn), no_asides),
        "quarantine": part("quarantine", lambda: read_open(conn, None, HELD_AT_MOST), nobody),
        "processes": part("processes", lambda: read_processes(conn, now), no_processes),
        "unjudged": part("unjudged", lambda: conn.scalar(text("SELECT count(*) FROM ingest_batch")), None),
        "outbox": part("outbox", lambda: count_waiting(conn), None),
        "alarm_rate_10min": part("alarm_rate_10min", lambda: alarm_rate(conn, now), None),
        "faults": faults,
    }


def read_feeds(conn: Connection, now: datetime) -> list[FeedHealth]:
    minute = now - timedelta(seconds=60)
    buried = {row.id: row.letters for row in conn.execute(text(_LETTERS))}
    return [feed_object(row, now, buried.get(row.id, 0)) for row in conn.execute(text(_FEEDS), {"minute": minute})]


def read_letter_counts(conn: Connection) -> LetterHealth:
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


def read_sources(conn: Connection, now: datetime, prefix: str) -> list[SourceHealth]:
    """Sources that are on or were heard. What no source reads stands under `-`."""
    states = [
        source_health(s["id"], s["names"], s["state"])
        for s in read_source_states(conn, prefix, now)
        if s["enabled"] or s["state"]["messages"]
    ]
    return states + read_unclaimed(conn, now)


def source_health(identity: str, names: Text, state: SourceState) -> SourceHealth:
    counts = state["dead_letters"]
    plain: SourceCounts = state
    return {
        **plain,
        "id": identity,
        "names": names,
        "dead_letters": counts["total"],
        "dead_letters_waiting": counts["waiting"],
    }


def read_unclaimed(conn: Connection, now: datetime) -> list[SourceHealth]:
    """Messages on topics that no source reads (a source was switched off, the broker still had some)."""
    row = conn.execute(text(_UNCLAIMED), {"now": now}).one()
    if row.last is None:
        return []
    waiting = conn.scalar(text(f"SELECT {COUNTED} FROM dead_letter WHERE source_id IS NULL AND {WAITING}"))
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
            "good_at": None,
            "unread_since": None,
            "age_s": round(max(0.0, (now - row.last).total_seconds()), 1),
            "devices": 0,
            "pending": 0,
            "silent_s": None,
            "overdue": False,
        }
    ]


def feed_object(row: Any, now: datetime, letters: int) -> FeedHealth:
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


def read_processes(conn: Connection, now: datetime) -> list[ProcessHealth]:
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
    """Alarms raised in the last ten minutes: about 1 is acceptable, 2 the most to handle, more than 10 a flood (EEMUA
    191)."""
    return int(
        conn.scalar(
            text(
                "SELECT count(*) FROM alarm_event WHERE what IN ('raised', 'raised_again', 'worsened') "
                "AND time > CAST(:now AS timestamptz) - interval '10 minutes'"
            ),
            {"now": now},
        )
        or 0
    )
