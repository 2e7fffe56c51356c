"""The surface of expected incidents: cells where they come again, its hit rate by what was known a month ago."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from alerts.expected import FEWEST, HORIZON, expect, surface_of
from core.errors import InputError
from tests.support import now

NOW = now()
# 0.01 degrees apart are some eight hundred metres: other cells
HOT, OTHER = (119.0, 33.0), (119.08, 33.05)


def made(share: float, count: int = 800) -> list[tuple[datetime, float, float]]:
    """Over two years; `share` of them at one corner, the others anywhere in a square of ten kilometres."""
    draw = random.Random(3)
    times = sorted(NOW - timedelta(days=draw.uniform(0, 730)) for _ in range(count))
    out = []
    for at in times:
        if draw.random() < share:
            out.append((at, HOT[0] + draw.uniform(0, 0.0005), HOT[1] + draw.uniform(0, 0.0005)))
        else:
            out.append((at, draw.uniform(118.95, 119.1), draw.uniform(32.95, 33.1)))
    return out


def test_cells_are_where_incidents_come_again_and_the_hit_rate_is_stated() -> None:
    surface = surface_of(made(0.5), NOW)
    first = surface.cells[0]
    assert first.rank == 1
    assert first.west <= HOT[0] + 0.0005
    assert first.east >= HOT[0]
    assert first.south <= HOT[1] + 0.0005
    assert first.north >= HOT[1]
    assert surface.hit_share is not None
    assert surface.pai is not None
    assert surface.hit_share > 0.3, "about half of the last month fell there"
    assert surface.area_share < 0.02
    assert surface.pai == pytest.approx(surface.hit_share / surface.area_share, rel=0.05)
    assert surface.horizon == HORIZON
    assert [cell.rank for cell in surface.cells] == list(range(1, len(surface.cells) + 1))
    assert len({cell.key for cell in surface.cells}) == len(surface.cells)


def test_cells_are_six_hundred_feet() -> None:
    cell = surface_of(made(0.5), NOW).cells[0]
    assert (cell.north - cell.south) * 110_900 == pytest.approx(182.88, rel=0.01)


def test_where_nothing_comes_again_little_is_caught() -> None:
    surface = surface_of(made(0.0), NOW)
    assert surface.hit_share is not None
    assert surface.hit_share < 0.15


def test_too_little_is_known(conn: Connection) -> None:
    with pytest.raises(InputError, match=f"expected {FEWEST}"):
        expect(conn, NOW)


def test_withdrawn_incidents_and_other_kinds_do_not_count(conn: Connection) -> None:
    for n, (at, lon, lat) in enumerate(made(0.5, 400)):
        conn.execute(
            text(
                """
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, opened_at, changed_at, opened_by,
  version, geom)
VALUES (gen_random_uuid(), :number, :kind, 3, :status, '{"zh": "x", "en": "x"}', 'desk', '329906', :at, :at, 'test', 1,
  ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
"""
            ),
            {
                "number": f"e{n}",
                "kind": "fire" if n % 4 else "medical",
                "status": "cancelled" if n % 10 == 1 else "closed",
                "at": at,
                "lon": lon,
                "lat": lat,
            },
        )
    assert expect(conn, NOW).incidents == 360
    assert expect(conn, NOW, ("fire",)).incidents == 260
