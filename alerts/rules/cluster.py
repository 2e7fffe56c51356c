"""Kind `cluster`: more events somewhere lately than what is usual there explains (alerts.scan, Kulldorff's space-time
scan statistic, prospective, Poisson model).

Places are H3 cells; what is usual in a cell is what happened there in `usual_days` before, with a little for every cell
so that nowhere is impossible. Only what lasts until now, and is as rare as `p` says, is told of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import h3
import numpy as np
from pydantic import Field
from sqlalchemy import Connection

from alerts import scan
from alerts.rules.base import Finding, Gathering, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.events import Events, read_events, said
from alerts.rules.near import middle_of, nearest
from alerts.rules.standing import Held, Moment
from core.cells import city_cells
from core.geodesy import distance_m
from core.i18n import say
from core.pgarray import to_pg_us

# events that a cell may have had though none is known
PRIOR = 0.5
FEWEST = 3
CELLS_AT_MOST = 2_000
# a cluster that is found again is within its radius, or this
SAME_M = 1000.0


class ClusterParams(RuleParams):
    events: Events
    level: int = Field(3, ge=1, le=4)
    step_s: float = Field(86_400, ge=3600, le=7 * 86_400, description="time is counted in steps of this")
    steps: int = Field(7, ge=1, le=30, description="clusters that began in one of so many last steps")
    usual_days: int = Field(90, ge=7, le=730)
    p: float = Field(0.01, gt=0, le=0.1)
    resolution: int = Field(8, ge=5, le=9, description="of the H3 cells that count as places")
    replications: int = Field(999, ge=99, le=9999)


@dataclass(frozen=True, slots=True)
class Found:
    """A cluster and the recent events in it, the oldest first."""

    cluster: scan.Cluster
    inside: list[Any]
    lon: float
    lat: float


def find(conn: Connection, params: ClusterParams, rule: str, now: datetime, replications: int, p: float) -> list[Found]:
    """Clusters that last until `now` and are as rare as `p` (1: whatever is the most likely), by likelihood."""
    step = timedelta(seconds=params.step_s)
    begins = now - step * params.steps
    rows = read_events(conn, params.events, rule, begins - timedelta(days=params.usual_days), now)
    cells = sorted({*city_cells(conn, params.resolution), *(_cell(row, params) for row in rows)})
    recent = [row for row in rows if row.at > begins]
    if len(recent) < FEWEST or not 2 <= len(cells) <= CELLS_AT_MOST:
        return []
    place = {cell: n for n, cell in enumerate(cells)}
    usual = Counter(_cell(row, params) for row in rows if row.at <= begins)
    cases = np.zeros((len(cells), params.steps))
    for row in recent:
        number = min(params.steps - 1, int((row.at - begins) / step))
        cases[place[_cell(row, params)], number] += 1
    at_risk = np.array([usual[cell] + PRIOR for cell in cells], float)
    centres = np.array([h3.cell_to_latlng(cell)[::-1] for cell in cells])
    found = scan.scan(
        centres, cases, at_risk, lonlat=True, max_span=1.0, prospective=True, replications=replications, alpha=p
    )
    kept = []
    for one in found:
        if one.p > p or one.cases < FEWEST:
            continue
        members = {cells[n] for n in one.members}
        inside = [row for row in recent if _cell(row, params) in members]
        kept.append(Found(one, inside, *middle_of(inside)))
    return kept


def stands(conn: Connection, rule: RuleRow, moment: Moment, held: Sequence[Held]) -> list[Finding]:
    params: ClusterParams = rule.params
    free = list(held)
    findings = []
    for found in find(conn, params, rule.id, moment.now, params.replications, params.p):
        one, first = found.cluster, found.inside[0]
        same = nearest(free, found.lon, found.lat, max(one.radius, SAME_M))
        if same is not None:
            free.remove(same)
        names = same.names if same else say("alarm.around", name=said(first.names))
        thing = Thing("place", same.id if same else first.id, names, first.district, found.lon, found.lat)
        fields = {
            "count": f"{one.cases:.0f}",
            "expected": f"{one.expected:.1f}",
            "days": f"{(one.last - one.first + 1) * params.step_s / 86_400:.3g}",
            "km": f"{_radius_m(one, params) / 1000:.1f}",
        }
        at, level = to_pg_us(found.inside[-1].at), params.level
        findings.append(Finding(rule, thing, level, None, one.cases, None, at, None, "alarm.cluster", fields, one.p))
    return findings


def gather(conn: Connection, rule: RuleRow, at: datetime, lon: float, lat: float) -> Gathering | None:
    """The cluster at this place. How rare it is was found when it was judged, by random data sets that cost seconds,
    and stands with the alarm."""
    params: ClusterParams = rule.params
    for found in find(conn, params, rule.id, at, 1, 1.0):
        one = found.cluster
        if distance_m(lon, lat, found.lon, found.lat) <= max(one.radius, SAME_M):
            since = at - timedelta(seconds=params.step_s) * (params.steps - one.first)
            inside = [row for row in found.inside if row.at > since]
            radius = _radius_m(one, params)
            return Gathering(inside, found.lon, found.lat, radius, since, one.expected)
    return None


def _radius_m(one: scan.Cluster, params: ClusterParams) -> float:
    return max(one.radius, float(h3.average_hexagon_edge_length(params.resolution, unit="m")))


def _cell(row: Any, params: ClusterParams) -> str:
    cell: str = h3.latlng_to_cell(row.lat, row.lon, params.resolution)
    return cell


CLUSTER = RuleKind("cluster", ClusterParams, lambda rule: (), stands=stands, wakes=(), every_s=600.0, gathers=gather)
