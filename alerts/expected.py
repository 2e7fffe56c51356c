"""The surface of expected incidents: what alerts.hotspots forecasts of the city's own incidents, as cells with their
rank, and how well the same forecast would have done lately. Pure but for one reading.

Reported incidents are not all that happened, and where more is looked more is found (docs/judgement.md, "Feedback"):
the surface is for cover and prevention, never about persons.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection, text

from alerts.hotspots import CELL_FT, Array, Forecast, Grid, allowed, choose_area, forecast, pai, region
from core.errors import InputError
from core.geodesy import metres_per_degree

FT_M = 0.3048
# fewer, or over a shorter time, say nothing of where the next ones will be
FEWEST, SHORTEST = 200, timedelta(days=365)
BACK = timedelta(days=5 * 365)
HORIZON = timedelta(days=30)
_INCIDENTS = text("""
SELECT opened_at, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM incident
WHERE geom IS NOT NULL AND status <> 'cancelled' AND opened_at > :since AND opened_at <= :now
  AND (CAST(:kinds AS text[]) = '{}' OR kind = ANY(:kinds))
ORDER BY opened_at
""")


@dataclass(frozen=True, slots=True)
class Cell:
    """A square of 600 ft by its corners in degrees; `expected` incidents over the horizon, `rank` from 1."""

    rank: int
    west: float
    south: float
    east: float
    north: float
    expected: float

    @property
    def key(self) -> str:
        return f"{self.west:.5f},{self.south:.5f}"


@dataclass(frozen=True, slots=True)
class Surface:
    """The cells that are worth cover, made at `made_at` of `incidents` since `since` for `horizon`. Of the last
    horizon, forecast from what was known before it: `hit_share` of its incidents fell into as many cells, which are
    `area_share` of the region; `pai` is the one over the other. None where there was none to compare with."""

    cells: tuple[Cell, ...]
    made_at: datetime
    since: datetime
    incidents: int
    horizon: timedelta
    hit_share: float | None
    area_share: float
    pai: float | None


_KNOWN = text("""
SELECT count(*) AS many, min(opened_at) AS first FROM incident
WHERE geom IS NOT NULL AND status <> 'cancelled' AND opened_at > :since AND opened_at <= :now
""")


def are_enough(conn: Connection, now: datetime) -> bool:
    """Whether anything can be said of where incidents are to be expected."""
    row = conn.execute(_KNOWN, {"since": now - BACK, "now": now}).one()
    return bool(row.many >= FEWEST and now - row.first >= SHORTEST)


def expect(conn: Connection, now: datetime, kinds: tuple[str, ...] = ()) -> Surface:
    """Raises InputError where too few incidents are known, or over too short a time."""
    rows = conn.execute(_INCIDENTS, {"since": now - BACK, "now": now, "kinds": list(kinds)}).all()
    if len(rows) < FEWEST or now - rows[0].opened_at < SHORTEST:
        known = 0 if not rows else (now - rows[0].opened_at).days
        told = f"incidents: expected {FEWEST} at least over {SHORTEST.days} days; there are {len(rows)} over {known}"
        raise InputError(told, field="incidents")
    return surface_of([(row.opened_at, row.lon, row.lat) for row in rows], now)


def surface_of(incidents: list[tuple[datetime, float, float]], now: datetime) -> Surface:
    """Pure: of (when, lon, lat), the oldest first."""
    places = np.array([(lon, lat) for _, lon, lat in incidents])
    days = np.array([(at - now) / timedelta(days=1) for at, _, _ in incidents])
    middle = places.mean(axis=0)
    feet = np.array(metres_per_degree(float(middle[1]))) / FT_M
    points = (places - middle) * feet
    grid = region(points, CELL_FT)
    horizon = HORIZON / timedelta(days=1)
    made = forecast(points, days, 0.0, horizon, grid)
    many = min(choose_area([made], allowed()), grid.cells)
    order = np.argsort(-made.rates, kind="stable")[:many]
    cells = tuple(_cell(rank, int(number), made, grid, middle, feet) for rank, number in enumerate(order.tolist(), 1))
    hit_share, area_pai = _looked_back(points, days, horizon, grid, many)
    return Surface(cells, now, incidents[0][0], len(incidents), HORIZON, hit_share, many / grid.cells, area_pai)


def _cell(rank: int, number: int, made: Forecast, grid: Grid, middle: Array, feet: Array) -> Cell:
    rows, columns = np.nonzero(grid.inside)
    west = (grid.west + columns[number] * grid.size) / feet[0] + middle[0]
    south = (grid.south + rows[number] * grid.size) / feet[1] + middle[1]
    width, height = grid.size / feet
    expected = float(made.rates[number])
    return Cell(rank, float(west), float(south), float(west + width), float(south + height), expected)


def _looked_back(
    points: Array, days: Array, horizon: float, grid: Grid, many: int
) -> tuple[float | None, float | None]:
    """How the same forecast, made a horizon ago from what was known then, has done."""
    known = days <= -horizon
    came = points[~known]
    if not len(came) or not known.any():
        return None, None
    then = forecast(points[known], days[known] + horizon, 0.0, horizon, grid)
    counts = grid.count(came)
    best = np.argsort(-then.rates, kind="stable")[:many]
    return float(counts[best].sum() / len(came)), pai(then.rates, counts, many, float(len(came)))
