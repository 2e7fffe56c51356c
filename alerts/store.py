"""Alarms in PostGIS: reading them for judgement and writing transitions. The caller owns the transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from alerts import lifecycle
from alerts.lifecycle import AlarmView, Transition
from alerts.rules.base import Finding, Thing
from core import outbox
from core.db import notify_change
from core.errors import Conflict, NotFound
from core.history import kept
from core.i18n import say
from core.ids import new_id
from core.levels import lowered, numbered
from core.pgarray import from_pg_us
from core.readings import figure, metric_words, reading, what_of
from core.scope import Scope, alarm_classification, seen_incident
from core.vocabulary import WAITING_ALARM, AlarmState, Text


@dataclass(frozen=True, slots=True)
class StoredAlarm:
    id: UUID
    view: AlarmView
    version: int


# the whole alarm as it stands after the change, in the transaction that changed it
WRITE_EVENT = text(f"""
INSERT INTO alarm_event (alarm_id, time, what, state, level, value, observed_at, who, note, after)
SELECT a.id, :now, :what, a.state, a.level, :value, :observed, :who, :note, {kept("a")} FROM alarm a WHERE a.id = :id
""")
_COLUMNS = (
    "id, state, level, peak_level, active, shelved_until, chattering_since IS NOT NULL AS chattering, latches, "
    "quiet_level, version"
)


AlarmKey = tuple[str, str, str]
FIND_OPEN = text(f"""
SELECT rule_id, thing_type, thing_id, {_COLUMNS} FROM alarm
WHERE state <> 'normal' AND (rule_id, thing_type, thing_id) IN (
  SELECT * FROM unnest(CAST(:rules AS text[]), CAST(:types AS text[]), CAST(:things AS text[]))
)
ORDER BY id FOR NO KEY UPDATE
""")


def key_of(finding: Finding) -> AlarmKey:
    """What there is one open alarm of: rule, type and id of the thing."""
    return finding.rule.id, finding.thing.type, finding.thing.id


def _stored(row: Any) -> StoredAlarm:
    state = AlarmState(row.state)
    view = AlarmView(
        state,
        row.level,
        row.peak_level,
        row.active,
        row.shelved_until,
        row.chattering,
        row.latches,
        row.quiet_level,
    )
    return StoredAlarm(row.id, view, row.version)


def find_open(conn: Connection, findings: Sequence[Finding]) -> dict[AlarmKey, StoredAlarm]:
    """The alarms of these findings' rules and things that are not normal, locked in the order of their ids."""
    keys = sorted({key_of(finding) for finding in findings})
    if not keys:
        return {}
    rules, types, things = (list(part) for part in zip(*keys, strict=True))
    rows = conn.execute(FIND_OPEN, {"rules": rules, "types": types, "things": things})
    return {(row.rule_id, row.thing_type, row.thing_id): _stored(row) for row in rows}


def lock_alarm(conn: Connection, alarm_id: UUID) -> StoredAlarm:
    row = conn.execute(
        text(f"SELECT {_COLUMNS} FROM alarm WHERE id = :id FOR NO KEY UPDATE"), {"id": alarm_id}
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no alarm {alarm_id}")
    return _stored(row)


_ACKNOWLEDGED = text("SELECT acknowledged_by, acknowledged_at FROM alarm WHERE id = :id")
_FOLLOWED = text("""
SELECT EXISTS (SELECT 1 FROM alarm a JOIN alarm b USING (rule_id, thing_type, thing_id)
  WHERE a.id = :id AND b.id <> a.id AND b.state <> 'normal')
""")


def unacknowledge(conn: Connection, alarm: StoredAlarm, who: str, now: datetime) -> bool:
    """Whoever has acknowledged an alarm takes that back; whether there was anything to take back.

    Raises Conflict (alerts.lifecycle), also where the alarm was over with it and the next one has begun.
    """
    held = conn.execute(_ACKNOWLEDGED, {"id": alarm.id}).one()
    transition = lifecycle.unacknowledge(alarm.view, held.acknowledged_by, held.acknowledged_at, who, now)
    if transition is None:
        return False
    if alarm.view.state is AlarmState.NORMAL and conn.scalar(_FOLLOWED, {"id": alarm.id}):
        raise Conflict("the same rule has raised a new alarm since", reason="undo_late")
    change_by_hand(conn, alarm, transition, who, None, now)
    return True


# found by id, as far as a person sees
NAMED = """
SELECT {columns} FROM alarm WHERE id = ANY(:ids) AND {seen} ORDER BY id FOR NO KEY UPDATE
"""


def unacknowledge_several(conn: Connection, ids: Sequence[UUID], scope: Scope, who: str, now: datetime) -> list[UUID]:
    """Take back what one act has acknowledged: of these alarms those of which this person still can; returns which.

    Raises Conflict where there were some and none of them could be.
    """
    rows = conn.execute(text(NAMED.format(columns=_COLUMNS, seen=_SEEN)), {**scope.params(), "ids": list(ids)}).all()
    back: list[UUID] = []
    refused: Conflict | None = None
    for row in rows:
        try:
            if unacknowledge(conn, _stored(row), who, now):
                back.append(row.id)
        except Conflict as exc:
            refused = exc
    if refused is not None and not back:
        raise refused
    return back


def describe(finding: Finding) -> Text:
    """The alarm's sentence: what was measured where, and against which limit."""
    thing, value = finding.thing, finding.value
    if finding.metric is None or value is None:
        return say(finding.template, **{"name": thing.names, "minutes": f"{value or 0:.0f}", **finding.fields})
    metric = metric_words(finding.metric, thing.attributes)
    fields: dict[str, object] = {
        "name": thing.names,
        "what": what_of(thing.names, metric),
        "metric": {**metric, "en": lowered(metric["en"])},
        "value": reading(value, finding.metric, finding.unit),
        "limit": reading(finding.limit, finding.metric, finding.unit) if finding.limit is not None else "",
        "level": numbered(finding.level) if finding.level else "",
        **finding.fields,
    }
    if finding.template == "alarm.above" and (stage := stage_reached(thing, finding.metric, value)):
        over = value - stage.limit
        fields |= {"stage": stage.names, "over": reading(over, finding.metric, finding.unit)}
        return say("alarm.at_stage" if float(figure(over, finding.metric)) == 0 else "alarm.stage", **fields)
    return say(finding.template, **fields)


class Stage(NamedTuple):
    """A limit that has a name at its site, as hydrologists have them: 警戒水位."""

    limit: float
    names: Text


def stage_reached(thing: Thing, metric: str, value: float) -> Stage | None:
    """The highest stage that the value has reached, of those that the site names (`stages`, by level)."""
    named: Mapping[str, Text] = thing.attributes.get("stages") or {}
    limits = thing.thresholds.get(metric, {})
    reached = [Stage(limits[key], names) for key, names in named.items() if key in limits and limits[key] <= value]
    return max(reached, key=lambda stage: stage.limit, default=None)


def raise_alarm(conn: Connection, finding: Finding, transition: Transition, now: datetime) -> UUID:
    """Insert a new alarm with its first event."""
    alarm_id = new_id()
    thing, after = finding.thing, transition.after
    geom = None if thing.lon is None else f"SRID=4326;POINT({thing.lon!r} {thing.lat!r})"
    conn.execute(
        text(
            """
INSERT INTO alarm (id, rule_id, kind, thing_type, thing_id, names, level, peak_level, state, active, raised_at,
  changed_at, observed_at, metric, value, unit, p, message, district, geom, latches, version)
VALUES (:id, :rule, :kind, :type, :thing, CAST(:names AS jsonb), :level, :level, :state, true, :now, :now, :observed,
  :metric, :value, :unit, :p, CAST(:message AS jsonb), :district, ST_GeomFromEWKT(:geom), :latches, 1)
"""
        ),
        {
            "id": alarm_id,
            "rule": finding.rule.id,
            "kind": finding.rule.alarm_kind,
            "type": thing.type,
            "thing": thing.id,
            "names": json.dumps(thing.names),
            "level": after.level,
            "state": after.state,
            "now": now,
            "observed": from_pg_us(finding.at),
            "metric": finding.metric,
            "value": finding.value,
            "unit": finding.unit,
            "p": finding.p,
            "message": json.dumps(describe(finding)),
            "district": thing.district,
            "geom": geom,
            "latches": after.latches,
        },
    )
    _log(conn, alarm_id, transition, now, "engine", finding, None)
    return alarm_id


def change_alarm(conn: Connection, alarm: StoredAlarm, finding: Finding, transition: Transition, now: datetime) -> None:
    """Store what a finding did to an alarm that is open. The message keeps the sentence of its last level."""
    after = transition.after
    conn.execute(
        text(
            """
UPDATE alarm SET state = :state, level = :level, peak_level = :peak, active = :active, changed_at = :now,
  observed_at = :observed, value = :value, p = COALESCE(:p, p),
  message = CASE WHEN :active THEN CAST(:message AS jsonb) ELSE message END,
  risk = CASE WHEN :active THEN NULL ELSE risk END, acknowledged_by = CASE WHEN :again THEN NULL ELSE acknowledged_by
  END, acknowledged_at = CASE WHEN :again THEN NULL ELSE acknowledged_at END,
  escalated = CASE WHEN :again THEN NULL ELSE escalated END, quiet_level = :quiet, version = version + 1
WHERE id = :id
"""
        ),
        {
            "id": alarm.id,
            "state": after.state,
            "level": after.level,
            "peak": after.peak_level,
            "active": after.active,
            "now": now,
            "observed": from_pg_us(finding.at),
            "value": finding.value,
            "p": finding.p,
            "message": json.dumps(describe(finding)),
            "again": after.state is AlarmState.UNACKNOWLEDGED and alarm.view.state is not AlarmState.UNACKNOWLEDGED,
            "quiet": after.quiet_level,
        },
    )
    _log(conn, alarm.id, transition, now, "engine", finding, None)


def change_by_hand(
    conn: Connection, alarm: StoredAlarm, transition: Transition, who: str, note: str | None, now: datetime
) -> None:
    """Store what a person or the clock (a shelf's end, a chatter's) did to an alarm, and announce it."""
    after = transition.after
    conn.execute(
        text(
            """
UPDATE alarm SET state = :state, changed_at = :now, version = version + 1, shelved_until = :until,
  chattering_since = CASE WHEN :chattering THEN COALESCE(chattering_since, :now) END, quiet_level = :quiet,
  escalated = CASE WHEN :what = 'acknowledged' THEN NULL ELSE escalated END,
  shelved_by = CASE WHEN CAST(:until AS timestamptz) IS NOT NULL THEN :who END,
  shelved_reason = CASE WHEN CAST(:until AS timestamptz) IS NOT NULL THEN :note END,
  acknowledged_by = CASE :what WHEN 'acknowledged' THEN :who WHEN 'unacknowledged' THEN NULL ELSE acknowledged_by END,
  acknowledged_at = CASE :what WHEN 'acknowledged' THEN CAST(:now AS timestamptz) WHEN 'unacknowledged' THEN NULL
    ELSE acknowledged_at END
WHERE id = :id
"""
        ),
        {
            "id": alarm.id,
            "state": after.state,
            "until": after.shelved_until,
            "chattering": after.chattering,
            "quiet": after.quiet_level,
            "now": now,
            "who": who,
            "note": note,
            "what": transition.what,
        },
    )
    _log(conn, alarm.id, transition, now, who, None, note)
    announce(conn, [(alarm.id, transition)], now)


_END = text("""
UPDATE alarm SET state = :state, active = false, changed_at = :now, version = version + 1 WHERE id = :id
""")


def end(conn: Connection, alarm: StoredAlarm, transition: Transition, why: str, now: datetime) -> None:
    """Store that an alarm is over though no reading said so, and announce it; `why` stands in its log."""
    conn.execute(_END, {"id": alarm.id, "state": transition.after.state, "now": now})
    _log(conn, alarm.id, transition, now, "engine", None, why)
    announce(conn, [(alarm.id, transition)], now)


_MARK = text("UPDATE alarm SET useful = :useful, changed_at = :now, version = version + 1 WHERE id = :id")


def mark(conn: Connection, alarm_id: UUID, useful: bool, who: str, now: datetime) -> None:
    """Note what an operator says of an alarm: that it was of use, or was not; rules are judged by that."""
    conn.execute(_MARK, {"id": alarm_id, "useful": useful, "now": now})
    given = {"value": None, "observed": None, "who": who, "note": None}
    what = "useful" if useful else "not_useful"
    conn.execute(WRITE_EVENT, {"id": alarm_id, "now": now, "what": what, **given})
    notify_change(conn, "alarm", [alarm_id])


def note(conn: Connection, alarm_id: UUID, what: str, words: str, who: str, now: datetime) -> None:
    """Write something into the history of an alarm that changes nothing about it: what a person says of it."""
    given = {"value": None, "observed": None, "who": who, "note": words}
    conn.execute(WRITE_EVENT, {"id": alarm_id, "now": now, "what": what, **given})
    notify_change(conn, "alarm", [alarm_id])


_OWN = text("UPDATE alarm SET owner = :owner, changed_at = :now, version = version + 1 WHERE id = :id")


def own(conn: Connection, alarm_id: UUID, owner: str | None, who: str, now: datetime) -> None:
    """Somebody sees to it, or nobody any more."""
    conn.execute(_OWN, {"id": alarm_id, "owner": owner, "now": now})
    note(conn, alarm_id, "owned" if owner else "released", owner or "", who, now)


def link(conn: Connection, alarm_id: UUID, incident_id: UUID, who: str, now: datetime) -> None:
    """Note which incident was opened from the alarm, and announce it to screens."""
    conn.execute(
        text("UPDATE alarm SET incident_id = :incident, changed_at = :now, version = version + 1 WHERE id = :id"),
        {"incident": incident_id, "id": alarm_id, "now": now},
    )
    given = {"value": None, "observed": None, "who": who, "note": str(incident_id)}
    conn.execute(WRITE_EVENT, {"id": alarm_id, "now": now, "what": "linked", **given})
    notify_change(conn, "alarm", [alarm_id])


def acknowledge_several(conn: Connection, ids: Sequence[UUID], scope: Scope, who: str, now: datetime) -> list[UUID]:
    """Acknowledge these alarms and no others, of those that wait and that this person sees; returns which."""
    rows = conn.execute(text(NAMED.format(columns=_COLUMNS, seen=_SEEN)), {**scope.params(), "ids": list(ids)}).all()
    done: list[UUID] = []
    for row in rows:
        alarm = _stored(row)
        transition = lifecycle.acknowledge(alarm.view) if alarm.view.state in WAITING_ALARM else None
        if transition is not None:
            change_by_hand(conn, alarm, transition, who, None, now)
            done.append(row.id)
    return done


def give(conn: Connection, before: UUID, after: UUID, who: str, now: datetime) -> int:
    """The alarms of one incident are another's from now on; returns how many."""
    ids = conn.scalars(
        text("SELECT id FROM alarm WHERE incident_id = :before ORDER BY id FOR NO KEY UPDATE"), {"before": before}
    ).all()
    for alarm_id in ids:
        link(conn, alarm_id, after, who, now)
    return len(ids)


_SEEN = seen_incident("alarm.incident_id", "district", alarm_classification("alarm.thing_type", "alarm.thing_id"))
RETURNED = text(f"""
SELECT {_COLUMNS} FROM alarm WHERE state = 'returned_unacknowledged' AND {_SEEN}
ORDER BY id LIMIT :most FOR NO KEY UPDATE
""")
RETURNED_AT_ONCE = 1000


def acknowledge_returned(conn: Connection, scope: Scope, who: str, now: datetime) -> list[UUID]:
    """Acknowledge all that have returned to normal by themselves, as far as this person sees; returns which."""
    rows = conn.execute(RETURNED, {**scope.params(), "most": RETURNED_AT_ONCE}).all()
    for row in rows:
        alarm = _stored(row)
        transition = lifecycle.acknowledge(alarm.view)
        assert transition  # it waits
        change_by_hand(conn, alarm, transition, who, None, now)
    return [row.id for row in rows]


def _log(
    conn: Connection,
    alarm_id: UUID,
    transition: Transition,
    now: datetime,
    who: str,
    finding: Finding | None,
    note: str | None,
) -> None:
    conn.execute(
        WRITE_EVENT,
        {
            "id": alarm_id,
            "now": now,
            "what": transition.what,
            "value": finding.value if finding else None,
            "observed": from_pg_us(finding.at) if finding else None,
            "who": who,
            "note": note,
        },
    )


def announce(conn: Connection, changed: list[tuple[UUID, Transition]], now: datetime) -> None:
    """Screens by notification, the outside through the outbox: what concerns whom is decided there."""
    if not changed:
        return
    notify_change(conn, "alarm", [alarm_id for alarm_id, _ in changed])
    outbox.queue(conn, [outbox.Item(outbox.ALARM, str(alarm_id), change.what) for alarm_id, change in changed], now)
