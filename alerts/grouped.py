"""The work list as lines: alarms of one family as one line that says how many, of how many things, and the worst.

A line is no message: it is there from its first alarm on and waits for nothing. Those of level I stand in lines of
their own (alerts.labels.line_of). What an inhibition mutes stands in the line of its cause, where who looks sees that.
Nothing is hidden: every alarm is a member of exactly one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.labels import GRAVEST, family_of, line_of
from alerts.present import CLASSIFICATION, Alarm, read_alarms
from core.clock import rfc3339
from core.i18n import say
from core.levels import numbered
from core.scope import EVERYTHING, Scope, seen_incident
from core.vocabulary import QUIET_ALARM, WAITING_ALARM, AlarmState, Text, label, sql_list

_OPEN = text(f"""
SELECT id, kind, level, district, state, thing_type, thing_id, names, raised_at, changed_at, muted
FROM alarm WHERE state NOT IN {sql_list(QUIET_ALARM)}
  AND {seen_incident("alarm.incident_id", "district", CLASSIFICATION)} ORDER BY level, raised_at DESC, id
""")
# what a line says of itself: the first of these that one of its members is in
STATES = (
    AlarmState.UNACKNOWLEDGED,
    AlarmState.LATCHED_UNACKNOWLEDGED,
    AlarmState.RETURNED_UNACKNOWLEDGED,
    AlarmState.LATCHED_ACKNOWLEDGED,
    AlarmState.ACKNOWLEDGED,
)


class AlarmGroup(TypedDict):
    """One line of the work list: `count` alarms of `things` things, `waiting` of them not acknowledged; `leading` is
    the alarm that stands first in it, `members` the address of all."""

    id: str
    title: Text
    family: str
    count: int
    things: int
    waiting: int
    worst: int
    state: str
    leading: str
    raised_at: str
    changed_at: str
    members: str


def lines_of(alarms: Iterable[Any]) -> dict[str, list[Any]]:
    """Pure: the lines of these alarms, each with its members in the order in which they came. A cause that is not among
    them folds nothing."""
    rows = list(alarms)
    own = {str(row.id): line_of(row.kind, row.level, row.district) for row in rows}
    levels = {str(row.id): row.level for row in rows}
    lines: dict[str, list[Any]] = {}
    for row in rows:
        cause = str((row.muted or {}).get("cause"))
        folded = cause in own and (row.level != GRAVEST or levels[cause] == GRAVEST)
        lines.setdefault(own[cause] if folded else own[str(row.id)], []).append(row)
    return lines


def group_object(line: str, members: Sequence[Any]) -> AlarmGroup:
    """One line; its first member leads it."""
    first = members[0]
    family = line.partition(":")[0]
    things = len({(row.thing_type, row.thing_id) for row in members})
    worst = min(row.level for row in members)
    states = {row.state for row in members}
    fields: Mapping[str, object] = {
        "family": label("alarm_families", family),
        "count": len(members),
        "things": things,
        "level": numbered(worst),
    }
    key = "group.title.one" if len(members) == 1 else "group.title"
    return {
        "id": line,
        "title": say(key, **fields, name=first.names, kind=label("alarm_kinds", first.kind)),
        "family": family_of(first.kind),
        "count": len(members),
        "things": things,
        "waiting": sum(row.state in WAITING_ALARM for row in members),
        "worst": worst,
        "state": next((str(state) for state in STATES if state in states), str(first.state)),
        "leading": str(first.id),
        "raised_at": rfc3339(max(row.raised_at for row in members)),
        "changed_at": rfc3339(max(row.changed_at for row in members)),
        "members": f"/api/alarm-groups/{line}/alarms",
    }


def read_lines(conn: Connection, scope: Scope = EVERYTHING) -> dict[str, list[Any]]:
    """The lines of the work list as far as a scope sees."""
    return lines_of(conn.execute(_OPEN, scope.params()))


def list_groups(conn: Connection, scope: Scope = EVERYTHING) -> list[AlarmGroup]:
    """The worst first, then the newest."""
    groups = [group_object(line, members) for line, members in read_lines(conn, scope).items()]
    groups.sort(key=lambda one: one["raised_at"], reverse=True)
    return sorted(groups, key=lambda one: one["worst"])


def list_members(
    conn: Connection, line: str, cursor: UUID | None, limit: int, scope: Scope = EVERYTHING
) -> list[Alarm]:
    """Alarms of a line, the newest first, those after `cursor`; one more than `limit` where there are more."""
    ids = sorted((row.id for row in read_lines(conn, scope).get(line, [])), reverse=True)
    wanted = [one for one in ids if cursor is None or one < cursor][: limit + 1]
    found = {alarm["id"]: alarm for alarm in read_alarms(conn, wanted)}
    return [found[str(one)] for one in wanted if str(one) in found]
