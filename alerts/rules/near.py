"""Kind `near`: several events near each other in space and time: so many within so many metres of one of them, in so
many minutes.

Events are grouped by density (DBSCAN, Ester et al. 1996): each that has the least number around it joins those around
it. The alarm stays where it began, as long as there is a group within `radius_m` of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from pydantic import Field
from sqlalchemy import Connection, text

from alerts.rules.base import Finding, Gathering, Params, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.events import EVENTS, Events, given, said
from alerts.rules.standing import Held, Moment
from core.geodesy import distance_m, distances_m, metres_per_degree
from core.pgarray import to_pg_us


class CountStep(Params):
    level: int = Field(ge=1, le=4)
    count: int = Field(ge=2, le=10_000)


class NearParams(RuleParams):
    events: Events
    radius_m: float = Field(500, gt=0, le=20_000)
    within_s: float = Field(1800, gt=0, le=7 * 86_400)
    steps: tuple[CountStep, ...] = Field((CountStep(level=3, count=5),), min_length=1)


_GROUPS = f"""
WITH events AS ({EVENTS}), grouped AS (
  SELECT *, ST_ClusterDBSCAN(ST_MakePoint(lon * :east, lat * :north), :radius, :least) OVER () AS number FROM events
)
SELECT count(*) AS events, avg(lon) AS lon, avg(lat) AS lat, max(at) AS newest,
  (array_agg(names ORDER BY at, id))[1] AS names, (array_agg(id ORDER BY at, id))[1] AS anchor,
  (array_agg(district ORDER BY at, id))[1] AS district
FROM grouped WHERE number IS NOT NULL GROUP BY number ORDER BY events DESC, anchor
"""
_MIDDLE = text("SELECT ST_Y(ST_Centroid(extent)) FROM city")


def stands(conn: Connection, rule: RuleRow, moment: Moment, held: Sequence[Held]) -> list[Finding]:
    params: NearParams = rule.params
    east, north = metres_per_degree(float(conn.scalar(_MIDDLE) or 0.0))
    since = moment.now - timedelta(seconds=params.within_s)
    asked = given(params.events, rule.id, since, moment.now) | {
        "east": east,
        "north": north,
        "radius": params.radius_m,
        "least": min(step.count for step in params.steps),
    }
    free = list(held)
    findings = []
    for row in conn.execute(text(_GROUPS), asked):
        same = nearest(free, row.lon, row.lat, params.radius_m)
        if same is not None:
            free.remove(same)
        level = min((step.level for step in params.steps if row.events >= step.count), default=None)
        if level is None:
            continue
        identity, names = (same.id, same.names) if same else (row.anchor, said(row.names))
        thing = Thing("place", identity, names, row.district, row.lon, row.lat)
        fields = {"count": row.events, "radius": f"{params.radius_m:g}", "minutes": f"{params.within_s / 60:g}"}
        at = to_pg_us(row.newest)
        findings.append(Finding(rule, thing, level, None, float(row.events), None, at, None, "alarm.near", fields))
    return findings


_MEMBERS = f"""
WITH events AS ({EVENTS}), grouped AS (
  SELECT *, ST_ClusterDBSCAN(ST_MakePoint(lon * :east, lat * :north), :radius, :least) OVER () AS number FROM events
)
SELECT id, at, names, district, lon, lat, number FROM grouped WHERE number IS NOT NULL ORDER BY at, id
"""


def gather(conn: Connection, rule: RuleRow, at: datetime, lon: float, lat: float) -> Gathering | None:
    """The group in the middle of which the place lies, as `stands` finds it again."""
    params: NearParams = rule.params
    east, north = metres_per_degree(float(conn.scalar(_MIDDLE) or 0.0))
    since = at - timedelta(seconds=params.within_s)
    asked = given(params.events, rule.id, since, at) | {
        "east": east,
        "north": north,
        "radius": params.radius_m,
        "least": min(step.count for step in params.steps),
    }
    groups: dict[int, list[Any]] = {}
    for row in conn.execute(text(_MEMBERS), asked):
        groups.setdefault(row.number, []).append(row)
    middles = {number: middle_of(rows) for number, rows in groups.items()}
    apart = {number: distance_m(lon, lat, *middle) for number, middle in middles.items()}
    best = min(apart, key=lambda number: apart[number], default=None)
    if best is None or apart[best] > params.radius_m:
        return None
    return Gathering(groups[best], *middles[best], params.radius_m, since)


def middle_of(rows: Sequence[Any]) -> tuple[float, float]:
    return float(np.mean([row.lon for row in rows])), float(np.mean([row.lat for row in rows]))


def nearest(held: Sequence[Held], lon: float, lat: float, radius_m: float) -> Held | None:
    """The alarm of before that is nearest, within the radius."""
    placed = [one for one in held if one.lon is not None and one.lat is not None]
    if not placed:
        return None
    apart = distances_m(lon, lat, np.array([one.lon for one in placed]), np.array([one.lat for one in placed]))
    best = int(apart.argmin())
    return placed[best] if apart[best] <= radius_m else None


NEAR = RuleKind(
    "near",
    NearParams,
    lambda rule: (),
    stands=stands,
    wakes=("alarm", "incident"),
    every_s=10.0,
    gathers=gather,
)
