"""Alarms that nothing judges any more: their rule was disarmed, or watches their thing no longer, or the thing was
retired. They would hold for ever; so they end, and their log says why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from alerts import lifecycle, store
from alerts.loading import load_rules, load_things
from alerts.rules import KINDS
from alerts.rules.base import RuleRow, Thing, watches
from core import set_aside

_ACTIVE = text(f"""
SELECT id, rule_id, thing_type, thing_id FROM alarm
WHERE active AND state <> 'normal' AND {set_aside.resting("orphan", "alarm.id::text")} ORDER BY id
""")
_DISARMED = text("SELECT id FROM rule WHERE NOT enabled")
# why one ends, keys of the words `log.alarm.returned.…`
DISARMED, UNWATCHED, RETIRED = "disarmed", "unwatched", "retired"


def end_orphans(conn: Connection, now: datetime) -> int:
    """End the alarms that nothing judges any more; returns how many."""
    rows = conn.execute(_ACTIVE, {"now": now}).all()
    if not rows:
        return 0
    rules = {rule.id: rule for rule in load_rules(conn)}
    disarmed = set(conn.scalars(_DISARMED))
    things = {thing.id: thing for thing in load_things(conn)}
    found = [(row.id, why) for row in rows if (why := orphaned(row, rules, disarmed, things)) is not None]

    def end(pair: tuple[Any, str]) -> None:
        alarm = store.lock_alarm(conn, pair[0])
        transition = lifecycle.fold(alarm.view, None)
        if transition is not None:
            store.end(conn, alarm, transition, pair[1], now)

    if found:
        set_aside.each(conn, "orphan", found, lambda pair: str(pair[0]), end, now)
    return len(found)


def orphaned(
    row: Any, rules: Mapping[str, RuleRow], disarmed: Collection[str], things: Mapping[str, Thing]
) -> str | None:
    """Pure: why nothing judges this alarm; None where something does. What stands in the city is looked at by its rule
    itself, as long as that is armed."""
    rule = rules.get(row.rule_id)
    if rule is None:
        # one whose parameters cannot be used now, or of another installation, ends nothing
        return DISARMED if row.rule_id in disarmed else None
    if row.thing_type != "sensor" or KINDS[rule.kind].stands is not None:
        return None
    thing = things.get(row.thing_id)
    if thing is None:
        return RETIRED
    return None if watches(rule, thing) else UNWATCHED
