"""Whether a rule would have been right: its alarms against incidents that people have entered.

An incident of the kind that the rule's alarms speak of is a hit where an alarm stood near it around the time it was
reported. Where the kind is none in particular nobody can say, and nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from alerts.trial.fold import Episode
from core.clock import rfc3339
from core.geodesy import distances_m
from core.pgarray import to_pg_us
from core.vocabulary import Text, reach_of, table

# an incident may be reported so long before its alarm would have begun, and so long after it has ended
AROUND = timedelta(hours=1)
NEAREST_M = 500.0
NO_KIND = "other"
_INCIDENTS = text("""
SELECT id, number, titles, opened_at, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM incident
WHERE kind = :kind AND status <> 'cancelled' AND geom IS NOT NULL AND opened_at >= :start AND opened_at < :end
ORDER BY opened_at, id
""")


class Labelled(TypedDict):
    """An incident that a trial is held against; `lead_s` how long before its report the alarm would have been there,
    null where there was none."""

    id: str
    number: str
    names: Text
    opened_at: str
    lon: float
    lat: float
    lead_s: float | None


class Verdict(TypedDict):
    """`kind` of the incidents, null where there is none to compare with; `unmatched` alarms near no incident."""

    kind: str | None
    hits: list[Labelled]
    misses: list[Labelled]
    unmatched: int


def verdict_of(
    conn: Connection, alarm_kind: str, episodes: Sequence[Episode], start: datetime, end: datetime
) -> Verdict:
    kind = table("alarm_kinds").get(alarm_kind, {}).get("incident_kind", NO_KIND)
    rows = [] if kind == NO_KIND else conn.execute(_INCIDENTS, {"kind": kind, "start": start, "end": end}).all()
    if not rows:
        return {"kind": None if kind == NO_KIND else kind, "hits": [], "misses": [], "unmatched": 0}
    placed = [e for e in episodes if e.first.thing.lon is not None]
    lon = np.array([e.first.thing.lon for e in placed], float)
    lat = np.array([e.first.thing.lat for e in placed], float)
    around = int(AROUND.total_seconds() * 1e6)
    begins = np.array([e.begin for e in placed], np.int64)
    ends = np.array([to_pg_us(end) if e.end is None else e.end for e in placed], np.int64)
    reach = max(reach_of(kind, 1), NEAREST_M)
    hits: list[Labelled] = []
    misses: list[Labelled] = []
    matched: set[int] = set()
    for row in rows:
        opened = to_pg_us(row.opened_at)
        near = distances_m(row.lon, row.lat, lon, lat) <= reach if placed else np.zeros(0, np.bool_)
        found = np.flatnonzero(near & (begins <= opened + around) & (ends >= opened - around))
        matched.update(found.tolist())
        if len(found):
            hits.append(_labelled(row, (opened - int(begins[found].min())) / 1e6))
        else:
            misses.append(_labelled(row, None))
    return {"kind": kind, "hits": hits, "misses": misses, "unmatched": len(episodes) - len(matched)}


def _labelled(row: Any, lead_s: float | None) -> Labelled:
    return {
        "id": str(row.id),
        "number": row.number,
        "names": row.titles,
        "opened_at": rfc3339(row.opened_at),
        "lon": row.lon,
        "lat": row.lat,
        "lead_s": lead_s,
    }
