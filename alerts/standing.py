"""Judges rules of kinds that look at what stands in the city now: what holds is compared with the alarms that say
so."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from alerts.folding import Folded, fold_all
from alerts.loading import load_rules
from alerts.rules import KINDS
from alerts.rules.base import Finding, RuleRow, Thing
from alerts.rules.standing import Held, Moment
from core import set_aside
from core.pgarray import to_pg_us

_HELD = text("""
SELECT thing_type, thing_id, names, district, level, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM alarm
WHERE rule_id = :rule AND active AND state <> 'normal' ORDER BY id
""")


class Standing:
    """When each rule was judged last. A rule is due after `every_s` of its kind, and at once where something that wakes
    it has changed."""

    def __init__(self, started_at: datetime) -> None:
        self._started_at = started_at
        self._judged: dict[str, float] = {}

    def judge(self, conn: Connection, now: datetime, woken: Collection[str] = ()) -> bool:
        """One pass over the rules that are due; whether an alarm has changed. A rule that fails costs itself only."""
        moment = Moment(now, self._started_at)
        due = [rule for rule in load_rules(conn) if KINDS[rule.kind].stands is not None and self._is_due(rule, woken)]
        if not due:
            return False
        done = set_aside.each(
            conn,
            "standing_rule",
            due,
            lambda rule: rule.id,
            lambda rule: judge_rule(conn, rule, moment),
            now,
            together=False,
        )
        return any(folded.changes for folded in done.results)

    def _is_due(self, rule: RuleRow, woken: Collection[str]) -> bool:
        kind, clock = KINDS[rule.kind], time.monotonic()
        last = self._judged.get(rule.id)
        if last is not None and clock - last < kind.every_s and not set(kind.wakes) & set(woken):
            return False
        self._judged[rule.id] = clock
        return True


def judge_rule(conn: Connection, rule: RuleRow, moment: Moment) -> Folded:
    """Fold what the rule finds now into its alarms."""
    stands = KINDS[rule.kind].stands
    if stands is None:
        return Folded()
    held = read_held(conn, rule.id)
    wanted = stands(conn, rule, moment, held)
    return Folded() if wanted is None else fold_all(conn, changes_of(rule, wanted, held, moment.now), moment.now)


def read_held(conn: Connection, rule: str) -> list[Held]:
    return [
        Held(row.thing_type, row.thing_id, row.names, row.district, row.level, row.lon, row.lat)
        for row in conn.execute(_HELD, {"rule": rule})
    ]


def changes_of(rule: RuleRow, wanted: Sequence[Finding], held: Sequence[Held], now: datetime) -> list[Finding]:
    """What begins, what has another level, and what has ended: of everything that holds, in order of time. Of several
    findings about one thing the worst counts."""
    before = {one.key: one for one in held}
    worst: dict[tuple[str, str], Finding] = {}
    for finding in wanted:
        key = finding.thing.type, finding.thing.id
        if key not in worst or (finding.level or 9) < (worst[key].level or 9):
            worst[key] = finding
    moved = [f for key, f in worst.items() if key not in before or before[key].level != f.level]
    ended = [
        Finding(
            rule,
            Thing(one.type, one.id, one.names, one.district, one.lon, one.lat),
            None,
            None,
            None,
            None,
            to_pg_us(now),
            None,
            "alarm.ended",
        )
        for key, one in before.items()
        if key not in worst
    ]
    return sorted(moved, key=lambda finding: finding.at) + ended
