"""Runs `stale` rules: reads who was heard when, and folds silence into alarms."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from alerts.folding import fold_all
from alerts.loading import load_rules, thing_of
from alerts.rules.base import Finding, RuleRow, Thing, watches
from alerts.rules.stale import Heard, Silence, find_silent, in_grace
from core import set_aside
from core.pgarray import to_pg_us
from core.vocabulary import label


def watch_silence(conn: Connection, now: datetime, started_at: datetime) -> None:
    """One pass over all stale rules."""
    due = [r for r in load_rules(conn) if r.kind == "stale" and not in_grace(r.params, now, started_at)]
    set_aside.each(conn, "stale_rule", due, lambda rule: rule.id, lambda rule: _watch_rule(conn, rule, now), now)


def _watch_rule(conn: Connection, rule: RuleRow, now: datetime) -> None:
    rows = conn.execute(
        text(
            """
SELECT s.id, s.kind, s.name_zh, s.name_en, s.district, ST_X(s.geom) AS lon, ST_Y(s.geom) AS lat, s.interval_s,
  s.thresholds, s.attributes, max(t.received_at) AS heard
FROM sensor s JOIN sensor_state t ON t.sensor_id = s.id WHERE s.status = 'active' GROUP BY s.id
"""
        )
    ).all()
    things = {row.id: thing_of(row) for row in rows}
    heard = [Heard(r.id, r.kind, r.interval_s, r.heard) for r in rows if watches(rule, things[r.id])]
    silence = find_silent(heard, rule.params, now)
    open_now = conn.execute(
        text("SELECT thing_type, thing_id FROM alarm WHERE rule_id = :rule AND active AND state <> 'normal'"),
        {"rule": rule.id},
    ).all()
    held = {(row.thing_type, row.thing_id) for row in open_now}
    fold_all(conn, findings_of(rule, things, silence, held, now), now)


def findings_of(
    rule: RuleRow, things: dict[str, Thing], silence: Silence, held: set[tuple[str, str]], now: datetime
) -> list[Finding]:
    """New silences and those that have ended. `held` are the (type, id) that have an active alarm."""
    params, at = rule.params, to_pg_us(now)
    source_rule = RuleRow(rule.id, rule.kind, "source_stale", rule.names, rule.watches, params)
    wanted: dict[tuple[str, str], Finding] = {}
    for name, age in silence.things.items():
        wanted["sensor", name] = Finding(
            rule, things[name], params.level, None, round(age / 60), "min", at, None, "alarm.stale"
        )
    for name, age in silence.sources.items():
        thing = source_thing(name)
        found = Finding(
            source_rule, thing, params.source_level, None, round(age / 60), "min", at, None, "alarm.source_stale"
        )
        wanted["source", name] = found
    ended = [
        Finding(rule, things.get(name) or source_thing(name), None, None, None, None, at, None, "alarm.stale")
        for kind, name in sorted(held - set(wanted))
    ]
    return [found for key, found in wanted.items() if key not in held] + ended


def source_thing(kind: str) -> Thing:
    return Thing("source", kind, label("sensor_kinds", kind), "000000")
