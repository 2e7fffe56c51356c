"""Findings folded into alarms, in their order: what each does to its alarm, written; a fault costs its own finding
only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from alerts import store
from alerts.lifecycle import Transition, fold
from alerts.rules.base import Finding
from core import set_aside
from core.log import get_log
from core.process import is_of_connection
from core.vocabulary import AlarmState

log = get_log("engine")
Known = dict[store.AlarmKey, store.StoredAlarm]


@dataclass(frozen=True, slots=True)
class Change:
    """What a finding did to an alarm."""

    alarm_id: UUID
    transition: Transition
    finding: Finding


@dataclass
class Folded:
    """What was done to alarms, and findings that could not be folded."""

    changes: list[Change] = field(default_factory=list)
    failed: list[Finding] = field(default_factory=list)


def fold_all(conn: Connection, findings: Sequence[Finding], now: datetime) -> Folded:
    """Fold findings into alarms in their order, a savepoint each, and announce what changed."""
    folded = fold_each(conn, store.find_open(conn, findings), findings, now)
    store.announce(conn, [(c.alarm_id, c.transition) for c in folded.changes], now)
    log_changes(folded.changes)
    return folded


def fold_each(conn: Connection, known: Known, findings: Iterable[Finding], now: datetime) -> Folded:
    """As `fold_one`, a savepoint each: what cannot be folded is noted and the others go on."""
    folded = Folded()
    for finding in findings:
        before = known.get(store.key_of(finding))
        try:
            with conn.begin_nested():
                change = fold_one(conn, known, finding, now)
        except Exception as exc:
            if is_of_connection(exc):
                raise
            if before is None:
                known.pop(store.key_of(finding), None)
            else:
                known[store.key_of(finding)] = before
            set_aside.note(conn, "finding", f"{finding.rule.id}/{finding.thing.id}", exc, now)
            folded.failed.append(finding)
            continue
        if change is not None:
            folded.changes.append(change)
    return folded


def fold_one(conn: Connection, known: Known, finding: Finding, now: datetime) -> Change | None:
    """Write what this finding does to its alarm; None where it changes nothing. Reads nothing: `known` are the open
    alarms, and is kept up."""
    key = store.key_of(finding)
    alarm = known.get(key)
    transition = fold(alarm.view if alarm else None, finding.level, latches=finding.rule.latches)
    if transition is None:
        return None
    if alarm is None:
        alarm_id = store.raise_alarm(conn, finding, transition, now)
    else:
        alarm_id = alarm.id
        store.change_alarm(conn, alarm, finding, transition, now)
    if transition.after.state is AlarmState.NORMAL:
        known.pop(key, None)
    else:
        known[key] = store.StoredAlarm(alarm_id, transition.after, alarm.version + 1 if alarm else 1)
    return Change(alarm_id, transition, finding)


def log_changes(changes: Iterable[Change]) -> None:
    for change in changes:
        finding = change.finding
        log.info(
            "alarm",
            what=change.transition.what,
            rule=finding.rule.id,
            thing=finding.thing.id,
            level=finding.level,
            value=finding.value,
        )
