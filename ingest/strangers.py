"""Units and cameras that nobody has registered: what they send is stored, and what each sent last is kept to be shown,
so that a person can register them. As many new names are let in as of sensors (ingest.flood)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import psycopg

from ingest.arrived import Arrived, beginning
from ingest.flood import Flood
from ingest.records import (
    PositionRow,
    SnapshotRow,
    TaskReplyRow,
    TrackedEventRow,
    UnitReportRow,
    VideoEventRow,
)
from ingest.rows import Placed, has_fix

Kind = Literal["unit", "camera"]
KINDS: Mapping[type, Kind] = {
    PositionRow: "unit",
    UnitReportRow: "unit",
    TaskReplyRow: "unit",
    VideoEventRow: "camera",
    TrackedEventRow: "camera",
    SnapshotRow: "camera",
}
KNOWN_AT_MOST = 1_000_000
REGISTERED: Mapping[Kind, str] = {
    "unit": "SELECT id FROM unit WHERE id = ANY(%s)",
    "camera": "SELECT id FROM camera WHERE id = ANY(%s)",
}
HEARD_BEFORE = "SELECT id FROM pending_thing WHERE kind = %s AND id = ANY(%s)"
# what came last, and the last place that it told
KEEP = """
INSERT INTO pending_thing AS p (kind, id, status, first_seen_at, heard_at, messages, source_id, topic, sent, lon, lat)
SELECT u.kind, u.id, 'pending', %(now)s, %(now)s, u.messages, u.source, u.topic, u.sent, u.lon, u.lat
FROM unnest(%(kinds)s::text[], %(ids)s::text[], %(messages)s::bigint[], %(sources)s::text[], %(topics)s::text[],
  %(sents)s::text[], %(lons)s::float8[], %(lats)s::float8[]) AS u (kind, id, messages, source, topic, sent, lon, lat)
ON CONFLICT (kind, id) DO UPDATE SET heard_at = EXCLUDED.heard_at, messages = p.messages + EXCLUDED.messages,
  source_id = EXCLUDED.source_id, topic = EXCLUDED.topic, sent = EXCLUDED.sent,
  lon = COALESCE(EXCLUDED.lon, p.lon), lat = COALESCE(EXCLUDED.lat, p.lat)
"""
Groups = dict[type, list[Placed]]
Thing = tuple[Kind, str]


class Strangers:
    """Remembers who is registered; `forget` after a transaction that failed."""

    def __init__(self, flood: Flood | None = None) -> None:
        self._flood = flood
        self._registered: set[Thing] = set()

    def forget(self) -> None:
        self._registered.clear()

    def admit(self, raw: psycopg.Connection[Any], groups: Groups, now: datetime) -> dict[Thing, list[Placed]]:
        """What strangers have said. What speaks of new names beyond the bound is taken out of `groups`."""
        if len(self._registered) > KNOWN_AT_MOST:
            self.forget()
        said: dict[Thing, list[Placed]] = {}
        for record_type, kind in KINDS.items():
            for placed in groups.get(record_type, ()):
                thing = (kind, str(placed.record[0]))
                if thing not in self._registered:
                    said.setdefault(thing, []).append(placed)
        for one in ("unit", "camera") if said else ():
            self._sort_out(raw, one, said, groups, now)
        return said

    def _sort_out(
        self,
        raw: psycopg.Connection[Any],
        kind: Kind,
        said: dict[Thing, list[Placed]],
        groups: Groups,
        now: datetime,
    ) -> None:
        names = sorted(name for one, name in said if one == kind)
        if not names:
            return
        known = {name for (name,) in raw.execute(REGISTERED[kind].encode(), (names,))}
        for name in known:
            self._registered.add((kind, name))
            del said[kind, name]
        names = [name for name in names if name not in known]
        if not names or self._flood is None:
            return
        before = {name for (name,) in raw.execute(HEARD_BEFORE, (kind, names))}
        new: dict[str, Arrived] = {name: said[kind, name][0].message for name in names if name not in before}
        held = set(new) - self._flood.admit(new, now, kind)
        for name in held:
            del said[kind, name]
        if held:
            for record_type in [one for one, of in KINDS.items() if of == kind and one in groups]:
                groups[record_type] = [one for one in groups[record_type] if one.record[0] not in held]


def keep(
    raw: psycopg.Connection[Any], said: Mapping[Thing, Sequence[Placed]], messages: Sequence[Arrived], now: datetime
) -> None:
    """What each sent last, in the order of their names, so that two writers never wait for each other."""
    if not said:
        return
    things = sorted(said)
    order = {id(message): n for n, message in enumerate(messages)}
    told = [sorted(said[thing], key=lambda one: order[id(one.message)]) for thing in things]
    last = [one[-1].message for one in told]
    places = [place_of(one) for one in told]
    given = {
        "now": now,
        "kinds": [kind for kind, _ in things],
        "ids": [name for _, name in things],
        "messages": [len({id(one.message) for one in said[thing]}) for thing in things],
        "sources": [message.source_id for message in last],
        "topics": [message.topic.replace("\x00", "") for message in last],
        "sents": [beginning(message.payload) for message in last],
        "lons": [lon for lon, _ in places],
        "lats": [lat for _, lat in places],
    }
    raw.execute(KEEP, given)


def place_of(said: Sequence[Placed]) -> tuple[float | None, float | None]:
    """The last place that is one: receivers without a fix report 0, 0."""
    for placed in reversed(said):
        if has_fix(placed.record):
            return placed.record.lon, placed.record.lat
    return None, None
