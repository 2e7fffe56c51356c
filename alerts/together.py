"""What lies together at an alarm about a place (kinds `near`, `cluster`): which events, how many of which kind, how far
around, since when, and by what rule that is told."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.present import Alarm
from alerts.rules import KINDS
from alerts.rules.administer import stored_row
from core.clock import rfc3339
from core.errors import InputError, NotFound
from core.geodesy import distance_m
from core.vocabulary import Text

MEMBERS_AT_MOST = 500


class Member(TypedDict):
    """An incident or alarm that counts, `distance_m` from the middle."""

    type: str
    id: str
    kind: str
    level: int
    names: Text
    at: str
    lon: float
    lat: float
    distance_m: int


class KindCount(TypedDict):
    type: str
    kind: str
    count: int


class Together(TypedDict):
    """`count` events within `radius_m` metres of the middle, from `since` until `until`, by kind the most first.
    `expected`: so many are usual there, null where its kind does not compare; `p`: how probable that was by chance
    alone when it was judged, null where its kind does not compute it. `members`: the newest first."""

    kind: str
    count: int
    radius_m: int
    since: str
    until: str
    lon: float
    lat: float
    expected: float | None
    p: float | None
    kinds: list[KindCount]
    members: list[Member]


_FACTS = text("""
SELECT 'incident' AS type, i.id::text AS id, i.kind, i.level, i.titles AS names
FROM incident i WHERE i.id = ANY(CAST(:incidents AS uuid[]))
UNION ALL
SELECT 'alarm', a.id::text, a.kind, a.level, a.names FROM alarm a
WHERE a.id = ANY(CAST(:alarms AS uuid[]))
""")

_P = text("SELECT p FROM alarm WHERE id = :id")


def read_together(conn: Connection, alarm: Alarm, now: datetime) -> Together | None:
    """As it is now; of an alarm that is over as it was when it was last judged. None for what is about a thing, whose
    rule is gone, or where nothing lies together any more."""
    if alarm["thing"]["type"] != "place" or alarm["lon"] is None or alarm["lat"] is None:
        return None
    try:
        rule = stored_row(conn, alarm["rule"])
        gathers = KINDS[rule.kind].gathers
    except (NotFound, InputError, KeyError):
        return None
    if gathers is None:
        return None
    seen = alarm["observed_at"]
    at = now if alarm["active"] or seen is None else datetime.fromisoformat(seen)
    found = gathers(conn, rule, at, alarm["lon"], alarm["lat"])
    if found is None:
        return None
    named = [row.id.partition("-") for row in found.rows]
    facts = conn.execute(
        _FACTS,
        {
            "incidents": [UUID(one) for kind, _, one in named if kind == "incident"],
            "alarms": [UUID(one) for kind, _, one in named if kind == "alarm"],
        },
    )
    by_id = {f"{row.type}-{row.id}": row for row in facts}
    members: list[Member] = []
    for row in found.rows:
        fact = by_id.get(row.id)
        if fact is not None:
            members.append(
                {
                    "type": fact.type,
                    "id": fact.id,
                    "kind": fact.kind,
                    "level": fact.level,
                    "names": fact.names,
                    "at": rfc3339(row.at),
                    "lon": row.lon,
                    "lat": row.lat,
                    "distance_m": round(distance_m(found.lon, found.lat, row.lon, row.lat)),
                }
            )
    counts: dict[tuple[str, str], int] = {}
    for one in members:
        counts[one["type"], one["kind"]] = counts.get((one["type"], one["kind"]), 0) + 1
    kinds: list[KindCount] = [{"type": kind, "kind": name, "count": count} for (kind, name), count in counts.items()]
    return {
        "kind": rule.kind,
        "count": len(found.rows),
        "radius_m": round(found.radius_m),
        "since": rfc3339(found.since),
        "until": rfc3339(at),
        "lon": found.lon,
        "lat": found.lat,
        "expected": None if found.expected is None else round(found.expected, 1),
        "p": conn.scalar(_P, {"id": UUID(alarm["id"])}),
        "kinds": sorted(kinds, key=lambda one: (-one["count"], one["type"], one["kind"])),
        "members": sorted(members, key=lambda one: one["at"], reverse=True)[:MEMBERS_AT_MOST],
    }
