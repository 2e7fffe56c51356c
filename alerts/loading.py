"""What the engine needs to know at its start, read in one snapshot: rules, things, checkpoints, windows, newest
times."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from alerts.rules import KINDS, check_params
from alerts.rules.aggregate import AggregateMonitor
from alerts.rules.base import Monitor, RuleRow, Thing, watches
from core.errors import InputError
from core.history import as_row
from core.log import get_log
from core.pgarray import to_pg_us
from core.types import partition_of
from core.vocabulary import UNJUDGED, sql_list

log = get_log("loading")

# an older unjudged reading decides where judgement stands for its sensor and metric
PENDING = """
pending AS (SELECT u.sensor_id, u.metric, min(u.time) AS time FROM ingest_batch b,
  LATERAL unnest(b.sensor_ids, b.metrics, b.times) AS u (sensor_id, metric, time)
  WHERE b.partition = ANY(:owned) GROUP BY 1, 2)
"""
NEWEST = text(
    f"WITH {PENDING} SELECT s.sensor_id, s.metric, least(s.time, p.time - interval '1 microsecond') AS time "
    "FROM sensor_state s LEFT JOIN pending p USING (sensor_id, metric)"
)
HISTORY = text(
    f"""
WITH {PENDING}
SELECT o.sensor_id, o.metric, date_bin('1 minute', o.time, 'epoch') AS bucket, sum(o.value) AS total,
  count(*) AS readings, max(o.value) AS most
FROM observation o LEFT JOIN pending p USING (sensor_id, metric)
WHERE o.sensor_id = ANY(:sensors) AND o.metric = ANY(:metrics) AND o.time > now() - make_interval(secs => :back)
  AND o.quality NOT IN {sql_list(UNJUDGED)} AND (p.time IS NULL OR o.time < p.time)
GROUP BY 1, 2, 3 ORDER BY 3
"""
)


Key = tuple[str, str]
STATES = text("SELECT rule_id, thing_id, state FROM rule_state")
RULES = text("SELECT id, kind, alarm_kind, name_zh, name_en, watches, params FROM rule WHERE enabled ORDER BY id")
RULES_AT = text("SELECT DISTINCT ON (rule_id) after FROM rule_version WHERE time <= :at ORDER BY rule_id, version DESC")
FAILED = text(
    """
SELECT id, due_at = 'infinity' AS aside, CASE WHEN due_at = 'infinity' THEN NULL ELSE due_at END AS due
FROM set_aside WHERE what IN ('monitor', 'finding')
"""
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Monitors by (sensor, metric) and by (rule, thing), what was judged last, and monitors that could not be made."""

    by_metric: dict[Key, list[Monitor]]
    by_thing: dict[Key, Monitor]
    newest: dict[Key, int]
    faults: dict[Key, Exception]


def read_failed(conn: Connection) -> dict[Key, datetime | None]:
    """(rule, thing) of monitors that have failed, and when they are due again; None: not before a person says so."""
    failed: dict[Key, datetime | None] = {}
    for row in conn.execute(FAILED):
        rule, _, thing = row.id.partition("/")
        held = failed.get((rule, thing), row.due)
        failed[rule, thing] = None if held is None or row.aside else max(held, row.due)
    return failed


def load(conn: Connection, owned: list[int], partitions: int, resting: Collection[Key] = ()) -> Loaded:
    """Monitors for all things of these partitions, but for those that rest. One that cannot be made does not stop the
    others."""
    rules, things = load_rules(conn), load_things(conn)
    mine = [thing for thing in things if partition_of(thing.id, partitions) in owned]
    states = {(row.rule_id, row.thing_id): row.state for row in conn.execute(STATES)}
    by_thing: dict[Key, Monitor] = {}
    faults: dict[Key, Exception] = {}
    for rule in rules:
        make = KINDS[rule.kind].monitor
        for thing in mine if make is not None else ():
            key = (rule.id, thing.id)
            if key in resting:
                continue
            try:
                monitor = make(rule, thing) if make is not None and watches(rule, thing) else None
                if monitor is not None and key in states:
                    monitor.restore(states[key])
            except Exception as exc:  # noqa: BLE001 - a fault of this rule on this thing: told by the engine, the others are judged
                faults[key] = exc
                continue
            if monitor is not None:
                by_thing[key] = monitor
    by_metric: dict[Key, list[Monitor]] = {}
    for (_, thing_id), monitor in by_thing.items():
        for metric in KINDS[monitor.rule.kind].metrics(monitor.rule):
            by_metric.setdefault((thing_id, metric), []).append(monitor)
    _fill_windows(conn, by_thing, owned)
    newest = {(r.sensor_id, r.metric): to_pg_us(r.time) for r in conn.execute(NEWEST, {"owned": owned}) if r.time}
    return Loaded(by_metric, by_thing, newest, faults)


def load_rules(conn: Connection, at: datetime | None = None) -> list[RuleRow]:
    """The armed rules, now or at a moment. One whose parameters cannot be used is left out and told in the log:
    it must not stop the others."""
    if at is None:
        rows = list(conn.execute(RULES))
    else:
        rows = [as_row(after) for after in conn.scalars(RULES_AT, {"at": at}) if after["enabled"]]
    rules = []
    for r in rows:
        try:
            params = check_params(r.kind, r.params)
        except InputError as exc:
            log.error("rule_unusable", rule=r.id, error=exc.message)
            continue
        rules.append(RuleRow(r.id, r.kind, r.alarm_kind, {"zh": r.name_zh, "en": r.name_en}, r.watches, params))
    return rules


def load_things(conn: Connection) -> list[Thing]:
    rows = conn.execute(
        text(
            """
SELECT id, kind, name_zh, name_en, district, ST_X(geom) AS lon, ST_Y(geom) AS lat, interval_s, thresholds, attributes
FROM sensor WHERE status = 'active'
"""
        )
    )
    return [thing_of(row) for row in rows]


def thing_of(row: Any) -> Thing:
    return Thing(
        "sensor",
        row.id,
        {"zh": row.name_zh, "en": row.name_en},
        row.district,
        row.lon,
        row.lat,
        row.kind,
        row.interval_s,
        row.thresholds,
        row.attributes,
    )


def _fill_windows(conn: Connection, by_thing: dict[tuple[str, str], Monitor], owned: list[int]) -> None:
    """Give sliding windows what was judged before the start."""
    windowed = [m for m in by_thing.values() if isinstance(m, AggregateMonitor)]
    if not windowed:
        return
    by_metric: dict[tuple[str, str], list[AggregateMonitor]] = {}
    for monitor in windowed:
        for metric in KINDS[monitor.rule.kind].metrics(monitor.rule):
            by_metric.setdefault((monitor.thing.id, metric), []).append(monitor)
    back = max(KINDS[m.rule.kind].history_s(m.rule) for m in windowed)
    sensors, metrics = sorted({s for s, _ in by_metric}), sorted({m for _, m in by_metric})
    for row in conn.execute(HISTORY, {"owned": owned, "sensors": sensors, "metrics": metrics, "back": back}):
        for monitor in by_metric.get((row.sensor_id, row.metric), []):
            monitor.remember(row.metric, to_pg_us(row.bucket), row.total, row.readings, row.most)
