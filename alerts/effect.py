"""What a change of routes, inhibitions or silences would do to the ways of alarms, before it is made: it is made in a
savepoint, the stages are asked before and after, and it is undone. What cannot be made at all is refused as it would
be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.around import ALARM_FACTS, NO_CAUSE, OF_THING, SIGHT_FACTS, change_to_tell, read_around
from alerts.deliveries.subscribed import read_subscriptions
from alerts.explain import SUBSCRIPTIONS
from alerts.stages import STAGES, Around, Change, Leg, Stage, follow
from alerts.stages.route import Route
from core.scope import EVERYTHING, Scope, alarm_classification, seen_incident
from core.vocabulary import Text, sql_list

# alarms that are over are asked by the routes only: what burned beside them then burns no more
RECENT = timedelta(days=7)
RECENT_AT_MOST = 5000
EXAMPLES = 5
_SEEN = seen_incident("a.incident_id", "a.district", alarm_classification("a.thing_type", "a.thing_id"))
_OPEN = text(f"""
SELECT {ALARM_FACTS}, {SIGHT_FACTS} FROM alarm a {OF_THING}
WHERE a.state NOT IN {sql_list(NO_CAUSE)} AND {_SEEN} ORDER BY a.id
""")
_RECENT = text(f"""
SELECT {ALARM_FACTS}, {SIGHT_FACTS} FROM alarm a {OF_THING}
WHERE a.raised_at > :since AND a.raised_at <= :now AND {_SEEN}
ORDER BY a.raised_at DESC, a.id LIMIT {RECENT_AT_MOST}
""")


class EffectOn(TypedDict):
    """On one receiver: how many alarms, of which level the gravest is, some of them; of what waits longer the most that
    it waits, in seconds."""

    id: str
    names: Text
    alarms: int
    level: int
    examples: list[str]
    wait_s: float


class Effect(TypedDict):
    """Of so many `alarms` whose way was asked, how many take another: told to somebody before and to `nobody` after
    (the gravest of them of `nobody_level`), by receiver no longer told, told newly, told later."""

    alarms: int
    changed: int
    nobody: int
    nobody_level: int | None
    nobody_examples: list[str]
    lost: list[EffectOn]
    gained: list[EffectOn]
    later: list[EffectOn]


class Effects(TypedDict):
    """On the alarms that are open now, and on those of the last seven days by the routes alone. `whole`: these are all
    there are; else those that who asks may see, and whether there are others is not told."""

    open: Effect
    recent: Effect
    whole: bool


@dataclass(slots=True)
class Gathered:
    """Alarms of one receiver, as they are found."""

    alarms: list[Change] = field(default_factory=list)
    wait_s: float = 0.0


@contextmanager
def undone(conn: Connection) -> Iterator[None]:
    """Whatever is done inside is not done in the end."""
    inside = conn.begin_nested()
    try:
        yield
    finally:
        inside.rollback()


def find_effects(
    conn: Connection, scope: Scope, make: Callable[[], object], now: datetime, at: datetime | None = None
) -> Effects:
    """What `make` would do to the alarms in `scope`; `at`: when it begins to hold. Raises what `make` raises."""
    moment = max(now, at or now)
    subscriptions = conn.execute(SUBSCRIPTIONS).all()
    names = {row.id: {"zh": row.name_zh, "en": row.name_en} for row in subscriptions}
    subscribers = read_subscriptions(conn).subscribers
    burning = [as_new(row) for row in conn.execute(_OPEN, scope.params())]
    recent = [as_new(row) for row in conn.execute(_RECENT, {**scope.params(), "since": now - RECENT, "now": now})]
    before = read_around(conn, subscribers, moment)
    with undone(conn):
        make()
        after = read_around(conn, subscribers, moment)
    return {
        "open": compare(burning, before, after, moment, names),
        "recent": compare(recent, before, after, moment, names, (Route(),)),
        "whole": scope.covers(EVERYTHING),
    }


def as_new(row: Any) -> Change:
    """As if it were raised now and nobody knew of it."""
    return change_to_tell(row, "raised", {})


def compare(
    changes: Sequence[Change],
    before: Around,
    after: Around,
    now: datetime,
    names: Mapping[str, Text],
    stages: Sequence[Stage] = STAGES,
) -> Effect:
    """Pure: the ways of these before and after, side by side."""
    lost, gained, later = dict[str, Gathered](), dict[str, Gathered](), dict[str, Gathered]()
    nobody: list[Change] = []
    changed = 0
    for change in changes:
        was, becomes = (waits(change, around, now, stages) for around in (before, after))
        if was == becomes:
            continue
        changed += 1
        if was and not becomes:
            nobody.append(change)
        for to in was.keys() - becomes.keys():
            lost.setdefault(to, Gathered()).alarms.append(change)
        for to in becomes.keys() - was.keys():
            gained.setdefault(to, Gathered()).alarms.append(change)
        for to in was.keys() & becomes.keys():
            if becomes[to] > was[to]:
                one = later.setdefault(to, Gathered())
                one.alarms.append(change)
                one.wait_s = max(one.wait_s, becomes[to] - was[to])
    return {
        "alarms": len(changes),
        "changed": changed,
        "nobody": len(nobody),
        "nobody_level": gravest(nobody),
        "nobody_examples": examples_of(nobody),
        "lost": by_receiver(lost, names),
        "gained": by_receiver(gained, names),
        "later": by_receiver(later, names),
    }


def waits(change: Change, around: Around, now: datetime, stages: Sequence[Stage]) -> dict[str, float]:
    """Who is told, and after how many seconds."""
    legs: Sequence[Leg] = follow(change, around, now, stages).legs
    return {leg.to: leg.wait_s for leg in legs}


def gravest(changes: Sequence[Change]) -> int | None:
    return min((one.level for one in changes if one.level is not None), default=None)


def examples_of(changes: Sequence[Change]) -> list[str]:
    """Ids of some, the gravest first."""
    return [one.subject for one in sorted(changes, key=lambda one: (one.level or 9, one.subject))[:EXAMPLES]]


def by_receiver(found: Mapping[str, Gathered], names: Mapping[str, Text]) -> list[EffectOn]:
    """Those with the gravest and the most alarms first."""
    listed: list[EffectOn] = [
        {
            "id": to,
            "names": names[to],
            "alarms": len(one.alarms),
            "level": gravest(one.alarms) or 4,
            "examples": examples_of(one.alarms),
            "wait_s": one.wait_s,
        }
        for to, one in found.items()
    ]
    return sorted(listed, key=lambda one: (one["level"], -one["alarms"], one["id"]))
