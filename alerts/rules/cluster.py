"""Kind `cluster`: more events somewhere lately than what is usual there explains (alerts.scan, Kulldorff's space-time
scan statistic, prospective, Poisson model).

Places are H3 cells; what is usual in a cell is what happened there in `usual_days` before, with a little for every cell
so that nowhere is impossible. Only what lasts until now, and is as rare as `p` says, is told of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import h3
import numpy as np
from pydantic import Field
from sqlalchemy import Connection

from alerts import scan
from alerts.rules.base import Finding, RuleKind, RuleParams, RuleRow, Thing
from alerts.rules.events import Events, read_events, said
from alerts.rules.near import nearest
from alerts.rules.standing import Held, Moment
from core.cells import city_cells
from core.i18n import say
from core.pgarray import to_pg_us

# events that a cell may have had though none is known
PRIOR = 0.5
FEWEST = 3
CELLS_AT_MOST = 2_000


class ClusterParams(RuleParams):
    events: Events
    level: int = Field(3, ge=1, le=4)
    step_s: float = Field(86_400, ge=3600, le=7 * 86_400, description="time is counted in steps of this")
    steps: int = Field(7, ge=1, le=30, description="clusters that began in one of so many last steps")
    usual_days: int = Field(90, ge=7, le=730)
    p: float = Field(0.01, gt=0, le=0.1)
    resolution: int = Field(8, ge=5, le=9, description="of the H3 cells that count as places")
    replications: int = Field(999, ge=99, le=9999)


def stands(conn: Connection, rule: RuleRow, moment: Moment, held: Sequence[Held]) -> list[Finding]:
    params: ClusterParams = rule.params
    step = timedelta(seconds=params.step_s)
    begins = moment.now - step * params.steps
    rows = read_events(conn, params.events, rule.id, begins - timedelta(days=params.usual_days), moment.now)
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
        centres,
        cases,
        at_risk,
        lonlat=True,
        max_span=1.0,
        prospective=True,
        replications=params.replications,
        alpha=params.p,
    )
    free = list(held)
    findings = []
    for one in found:
        if one.p > params.p or one.cases < FEWEST:
            continue
        members = {cells[n] for n in one.members}
        inside = [row for row in recent if _cell(row, params) in members]
        lon, lat = float(np.mean([row.lon for row in inside])), float(np.mean([row.lat for row in inside]))
        same = nearest(free, lon, lat, max(one.radius, 1000.0))
        if same is not None:
            free.remove(same)
        first = inside[0]
        names = same.names if same else say("alarm.around", name=said(first.names))
        thing = Thing("place", same.id if same else first.id, names, first.district, lon, lat)
        fields = {
            "count": f"{one.cases:.0f}",
            "expected": f"{one.expected:.1f}",
            "days": f"{(one.last - one.first + 1) * params.step_s / 86_400:.3g}",
            "km": f"{max(one.radius, h3.average_hexagon_edge_length(params.resolution, unit='m')) / 1000:.1f}",
        }
        at = to_pg_us(inside[-1].at)
        findings.append(Finding(rule, thing, params.level, None, one.cases, None, at, None, "alarm.cluster", fields))
    return findings


def _cell(row: Any, params: ClusterParams) -> str:
    cell: str = h3.latlng_to_cell(row.lat, row.lon, params.resolution)
    return cell


CLUSTER = RuleKind("cluster", ClusterParams, lambda rule: (), stands=stands, wakes=(), every_s=600.0)
