"""How alarms load whoever watches them: the figures of EEMUA Publication 191 and ANSI/ISA-18.2-2016 (section 16), per
position and shift, from `alarm_event`.

An *annunciation* is what makes somebody look: raised, raised again, worsened. Periods are of ten minutes and begin at
`start`; a flood is a period with more than ten. Beside the raw figures stands what a position saw as new lines of its
work list (alerts.grouped): a line is new when its first alarm comes, whatever then comes into it. Which alarms an
inhibition folded under its cause is not counted: the lines may be fewer than told here, never more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, CursorResult, text
from typing_extensions import TypedDict

from alerts.labels import GRAVEST
from core.clock import rfc3339
from core.pgarray import PG_EPOCH
from core.scope import EVERYTHING, Classification, Scope, alarm_classification, seen_incident
from core.types import Params
from core.vocabulary import QUIET_ALARM, Text, sql_list, table

ANNUNCIATIONS = ("raised", "raised_again", "worsened")
LONGEST = timedelta(days=92)


class Rate(TypedDict):
    """What came in periods of ten minutes: how many in all, on average and at most, periods with more than two and
    with more than ten (floods), their share of all periods, and when the most came."""

    count: int
    windows: int
    mean: float
    max: int
    max_at: str | None
    over_most: int
    floods: int
    flood_share: float


class Frequent(TypedDict):
    """An alarm among the most frequent."""

    rule: str
    rule_names: Text
    thing: str
    names: Text
    count: int
    share: float


class Answered(TypedDict):
    """How alarms that began in the period were acknowledged; seconds, null where none was."""

    alarms: int
    acknowledged: int
    never: int
    median_s: float | None
    p95_s: float | None
    # those that the operator acknowledged, where one is asked for
    by_operator: int | None


class Shift(TypedDict):
    """One shift of the period, or the part of it that lies within."""

    start: str
    end: str
    raw: Rate
    lines: Rate


class AlarmMetrics(TypedDict):
    """Figures of a period. `raw` counts annunciations, `lines` new lines of the work list; `priorities` are shares of
    annunciations by level; `limits` is what is thought bearable (table `alarm_load`)."""

    start: str
    end: str
    operator: str | None
    window_s: int
    raw: Rate
    lines: Rate
    top: list[Frequent]
    top_share: float
    chattering: list[Frequent]
    stale: int
    levels: dict[str, int]
    priorities: dict[str, float]
    acknowledged: Answered
    shifts: list[Shift]
    limits: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Period:
    """From (included) to (excluded), in periods of `window`."""

    start: datetime
    end: datetime
    window: timedelta

    @property
    def windows(self) -> int:
        """Of them, the last one perhaps cut."""
        return max(-((self.start - self.end) // self.window), 1)

    def number(self, moment: datetime) -> int:
        """Of the period in which a moment lies."""
        return (moment - self.start) // self.window

    def at(self, number: int) -> datetime:
        return self.start + number * self.window


_CLASS = alarm_classification("a.thing_type", "a.thing_id")
# every alarm of the city is found without being looked at
_ALL = "true"
_SEEN = seen_incident("a.incident_id", "a.district", _CLASS)

# when, and how grave: from the index alone where everything is seen
_WINDOWS = f"""
SELECT date_bin(make_interval(secs => :window), v.time, :start) AS at, v.level, count(*) AS n
FROM alarm_event v {{join}}
WHERE v.time >= :start AND v.time < :end AND v.what IN {sql_list(ANNUNCIATIONS)} AND {{seen}} GROUP BY 1, 2
"""
_JOIN = "JOIN alarm a ON a.id = v.alarm_id"
# by rule and thing (as one number, which sorts far faster than three texts): the most frequent, and those that came and
# went so often within so short a time. What grows worse is counted, but does not come and go
_THINGS = f"""
WITH v AS MATERIALIZED (SELECT v.time, v.what, a.id,
    hashtextextended(a.rule_id || ' ' || a.thing_type || ' ' || a.thing_id, 0) AS thing
  FROM alarm_event v {_JOIN}
  WHERE v.time >= :start AND v.time < :end AND v.what IN {sql_list(ANNUNCIATIONS)} AND {{seen}}),
things AS MATERIALIZED (SELECT thing, count(*) AS n, count(*) FILTER (WHERE what <> 'worsened') AS comes,
    (array_agg(id))[1] AS id FROM v GROUP BY 1),
apart AS (SELECT thing, time - lag(time, :before) OVER (PARTITION BY thing ORDER BY time) AS span
  FROM v JOIN (SELECT thing FROM things WHERE comes > :before) AS many USING (thing) WHERE what <> 'worsened'),
fast AS (SELECT DISTINCT thing FROM apart WHERE span <= make_interval(secs => :within)),
found AS ((SELECT 'top' AS of, id, n FROM things ORDER BY n DESC, thing LIMIT :most)
  UNION ALL (SELECT 'chatter', id, comes FROM things JOIN fast USING (thing) ORDER BY comes DESC, thing LIMIT 100))
SELECT f.of, f.n, a.rule_id AS key, a.thing_type, a.thing_id FROM found f JOIN alarm a ON a.id = f.id
ORDER BY f.n DESC, 3, 5
"""
# stretches in which an alarm stands in a line: from its raising to its end, and for those that were ever of level I
# what their events say of that. A line is new where nothing of it stood there before
_LINES = f"""
WITH kinds AS (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:families AS text[]), CAST(:apart AS text[]))
    AS k (kind, family, apart)),
alive AS (SELECT a.id, a.raised_at, CASE WHEN a.state = 'normal' THEN a.changed_at ELSE 'infinity' END AS over,
    a.peak_level, COALESCE(k.family, 'other') || CASE k.apart WHEN 'district' THEN a.district
      WHEN 'kind' THEN a.kind ELSE '' END AS line
  FROM alarm a LEFT JOIN kinds k USING (kind)
  WHERE a.raised_at < :end AND (a.state <> 'normal' OR a.changed_at >= :start) AND {{seen}}),
steps AS (SELECT alive.line || CASE WHEN v.level = {GRAVEST} THEN '!' ELSE '' END AS line, v.time,
    COALESCE(lead(v.time) OVER (PARTITION BY v.alarm_id ORDER BY v.id), 'infinity') AS until,
    v.state NOT IN {sql_list(QUIET_ALARM)} AS shown
  FROM alive JOIN alarm_event v ON v.alarm_id = alive.id WHERE alive.peak_level = {GRAVEST} AND v.time < :end),
every AS (SELECT line, raised_at AS time, over AS until FROM alive WHERE peak_level > {GRAVEST}
  UNION ALL SELECT line, time, until FROM steps WHERE shown),
stood AS (SELECT time, max(until) OVER (PARTITION BY line ORDER BY time, until
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM every)
SELECT date_bin(make_interval(secs => :window), time, :start) AS at, count(*) AS n FROM stood
WHERE (before IS NULL OR time > before) AND time >= :start GROUP BY 1
"""
_ANSWERED = """
WITH began AS (SELECT a.id, a.raised_at FROM alarm a WHERE a.raised_at >= :start AND a.raised_at < :end AND {seen}),
answer AS (SELECT v.alarm_id, min(v.time) AS time, bool_or(v.who = :operator) AS mine FROM alarm_event v
  WHERE v.time >= :start AND v.what = 'acknowledged' AND v.time < :horizon GROUP BY 1),
took AS (SELECT extract(epoch FROM answer.time - began.raised_at)::float8 AS s, answer.mine
  FROM began LEFT JOIN answer ON answer.alarm_id = began.id)
SELECT count(*) AS alarms, count(s) AS acknowledged, count(*) FILTER (WHERE mine) AS mine,
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY s) AS parts FROM took
"""
_STALE = """
SELECT count(*) FROM alarm a WHERE a.raised_at <= CAST(:end AS timestamptz) - make_interval(secs => :after)
  AND (a.state <> 'normal' OR a.changed_at > :end) AND {seen}
"""
_NAMES = text("""
SELECT DISTINCT ON (a.rule_id, a.thing_type, a.thing_id) a.rule_id, a.thing_type, a.thing_id, a.names,
  COALESCE(r.name_zh, a.rule_id) AS rule_zh, COALESCE(r.name_en, a.rule_id) AS rule_en
FROM unnest(CAST(:rules AS text[]), CAST(:types AS text[]), CAST(:things AS text[]))
  AS u (rule_id, thing_type, thing_id)
JOIN alarm a USING (rule_id, thing_type, thing_id) LEFT JOIN rule r ON r.id = a.rule_id
ORDER BY a.rule_id, a.thing_type, a.thing_id, a.raised_at DESC
""")


def read_metrics(
    conn: Connection,
    start: datetime,
    end: datetime,
    now: datetime,
    scope: Scope = EVERYTHING,
    operator: str | None = None,
) -> AlarmMetrics:
    """The figures of `start` to `end` of what a scope sees. `operator`: whose acknowledgements are counted apart."""
    limits = table("alarm_load")
    period = Period(start, end, window())
    seen = _Seen(conn, scope, period)
    raw, levels = _annunciations(seen)
    total = sum(raw.values())
    new = {period.number(row.at): row.n for row in seen.windows(_LINES, families())}
    often = _often(seen, limits)
    top = frequent(conn, often["top"], total)
    return {
        "start": rfc3339(start),
        "end": rfc3339(end),
        "operator": operator,
        "window_s": int(period.window.total_seconds()),
        "raw": rate(raw, period, 0, period.windows, limits),
        "lines": rate(new, period, 0, period.windows, limits),
        "top": top,
        "top_share": round(sum(one["count"] for one in top) / total, 4) if total else 0.0,
        "chattering": frequent(conn, often["chatter"], total),
        "stale": int(seen.ask(_STALE, {"after": limits["stale"]["after_s"]}).scalar_one()),
        "levels": levels,
        "priorities": priorities(levels),
        "acknowledged": answered(seen, now, operator),
        "shifts": [
            {
                "start": rfc3339(period.at(first)),
                "end": rfc3339(min(period.at(last), end)),
                "raw": rate(raw, period, first, last, limits),
                "lines": rate(new, period, first, last, limits),
            }
            for first, last in shifts(period, limits["shift"]["starts"], read_zone(conn))
        ],
        "limits": limits,
    }


def window() -> timedelta:
    """How long a period is that is counted."""
    return timedelta(seconds=int(table("alarm_load")["rate"]["window_s"]))


def whole(moment: datetime) -> datetime:
    """When the ten minutes began in which a moment lies: periods from there on begin where shifts do."""
    return moment - (moment - PG_EPOCH) % window()


class _Seen:
    """What is asked of the events of a period, as far as a scope sees them."""

    def __init__(self, conn: Connection, scope: Scope, period: Period) -> None:
        everything = scope.everywhere and scope.classification == Classification.SECRET
        self.conn, self.period = conn, period
        self._parts = {"seen": _ALL, "join": ""} if everything else {"seen": _SEEN, "join": _JOIN}
        self._given: Params = {
            **({} if everything else scope.params()),
            "start": period.start,
            "end": period.end,
        }

    def ask(self, sql: str, more: Params) -> CursorResult[Any]:
        return self.conn.execute(text(sql.format(**self._parts)), {**self._given, **more})

    def windows(self, sql: str, more: Params) -> CursorResult[Any]:
        """Counts by periods of ten minutes."""
        return self.ask(sql, {**more, "window": self.period.window.total_seconds()})


def _annunciations(seen: _Seen) -> tuple[Counter[int], dict[str, int]]:
    """How many by period, and by level."""
    counts: Counter[int] = Counter()
    levels = dict.fromkeys(("1", "2", "3", "4"), 0)
    for row in seen.windows(_WINDOWS, {}):
        counts[seen.period.number(row.at)] += row.n
        levels[str(row.level)] += row.n
    return counts, levels


def _often(seen: _Seen, limits: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Any]]:
    """`top`: the most frequent; `chatter`: what came and went too often."""
    chattering = limits["chattering"]
    asked = {
        "before": chattering["raises"] - 1,
        "within": chattering["window_s"],
        "most": limits["top"]["count"],
    }
    found: dict[str, list[Any]] = {"top": [], "chatter": []}
    for row in seen.ask(_THINGS, asked):
        found[row.of].append(row)
    return found


def families() -> Params:
    """What the lines of the work list are told apart by, for `_LINES`."""
    rows = [(kind, row.get("family", "other")) for kind, row in table("alarm_kinds").items()]
    by = {key: set(row.get("group_by", ())) for key, row in table("alarm_families").items()}
    apart = ["district" if "district" in by.get(f, ()) else "kind" if "kind" in by.get(f, ()) else "" for _, f in rows]
    return {"kinds": [kind for kind, _ in rows], "families": [family for _, family in rows], "apart": apart}


def rate(
    counts: Mapping[int, int], period: Period, first: int, last: int, limits: Mapping[str, Mapping[str, Any]]
) -> Rate:
    """Pure: the figures of the periods from `first` to before `last`."""
    held = {number: n for number, n in counts.items() if first <= number < last}
    windows = max(last - first, 1)
    total = sum(held.values())
    worst = max(held, key=lambda number: (held[number], -number), default=None)
    floods = sum(n > limits["flood"]["above"] for n in held.values())
    return {
        "count": total,
        "windows": windows,
        "mean": round(total / windows, 3),
        "max": held[worst] if worst is not None else 0,
        "max_at": rfc3339(period.at(worst)) if worst is not None else None,
        "over_most": sum(n > limits["rate"]["most"] for n in held.values()),
        "floods": floods,
        "flood_share": round(floods / windows, 4),
    }


def priorities(levels: Mapping[str, int]) -> dict[str, float]:
    """Pure: shares of high (I), medium (II) and low (III, IV), as EEMUA 191 splits them."""
    total = sum(levels.values())
    parts = {"high": ("1",), "medium": ("2",), "low": ("3", "4")}
    return {name: round(sum(levels[key] for key in keys) / total, 4) if total else 0.0 for name, keys in parts.items()}


def shifts(period: Period, starts: Sequence[str], zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Pure: (first, last) numbers of the ten-minute periods of each shift; a period belongs to the shift in which it
    begins."""
    bounds = [0, *cuts(period, starts, zone), period.windows]
    yield from ((first, last) for first, last in pairwise(bounds) if last > first)


def cuts(period: Period, starts: Iterable[str], zone: ZoneInfo) -> list[int]:
    """Where shifts begin within the period, as numbers of ten-minute periods."""
    times = [time.fromisoformat(one) for one in starts]
    day = period.start.astimezone(zone).date() - timedelta(days=1)
    found = []
    while (noon := datetime.combine(day, time(), zone)) < period.end:
        moments = (datetime.combine(day, one, zone) for one in times)
        found += [m for m in moments if period.start < m < period.end]
        day = (noon + timedelta(days=1, hours=12)).date()
    return sorted({-((period.start - moment) // period.window) for moment in found})


def read_zone(conn: Connection) -> ZoneInfo:
    return ZoneInfo(conn.scalar(text("SELECT timezone FROM city")) or "UTC")


def frequent(conn: Connection, rows: Sequence[Any], total: int) -> list[Frequent]:
    """With their names."""
    given = {
        "rules": [row.key for row in rows],
        "types": [row.thing_type for row in rows],
        "things": [row.thing_id for row in rows],
    }
    names = {(r.rule_id, r.thing_type, r.thing_id): r for r in conn.execute(_NAMES, given)} if rows else {}
    return [
        {
            "rule": row.key,
            "rule_names": {"zh": known.rule_zh, "en": known.rule_en},
            "thing": row.thing_id,
            "names": known.names,
            "count": row.n,
            "share": round(row.n / total, 4),
        }
        for row in rows
        if (known := names[row.key, row.thing_type, row.thing_id])
    ]


def answered(seen: _Seen, now: datetime, operator: str | None) -> Answered:
    row = seen.ask(_ANSWERED, {"horizon": now, "operator": operator}).one()
    median, p95 = row.parts or (None, None)
    return {
        "alarms": row.alarms,
        "acknowledged": row.acknowledged,
        "never": row.alarms - row.acknowledged,
        "median_s": None if median is None else round(median, 1),
        "p95_s": None if p95 is None else round(p95, 1),
        "by_operator": row.mine if operator is not None else None,
    }
