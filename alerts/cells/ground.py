"""What does not change about the cells of the city, and which districts they touch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import h3
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from alerts.ground import Ground, read_ground
from alerts.risk.terms import SENSITIVE, frail_in, points_of
from core.cells import city_cells
from core.db import notify_change
from core.scope import Classification
from core.vocabulary import table

_TOUCHED = text("""
SELECT c.cell, array_agg(d.code ORDER BY d.code) AS districts
FROM unnest(CAST(:cells AS text[]), CAST(:shapes AS text[])) AS c (cell, shape)
JOIN district d ON ST_Intersects(d.geom, ST_GeomFromText(c.shape, 4326)) GROUP BY c.cell
""")
_PUT_DISTRICTS = text("""
UPDATE risk_cell r SET districts = n.districts
FROM (SELECT c.cell, COALESCE(string_to_array(NULLIF(c.codes, ''), ','), '{}') AS districts
  FROM unnest(CAST(:cells AS text[]), CAST(:codes AS text[])) AS c (cell, codes)) AS n
WHERE r.cell = n.cell AND r.districts <> n.districts
RETURNING r.cell
""")


@dataclass(frozen=True, slots=True)
class CellGround:
    """What does not change about the cells of the city: where they are, who lives and works there, what is sensitive,
    which districts they touch. All in the order of `cells`."""

    cells: tuple[str, ...]
    districts: tuple[list[str], ...]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    people_day: NDArray[np.float64]
    people_night: NDArray[np.float64]
    buildings: NDArray[np.float64]
    # points of sensitive places, and of those that are a danger themselves
    sensitive: NDArray[np.float64]
    domino: NDArray[np.float64]
    # by day and by night: who cannot help themselves, by group
    frail: tuple[tuple[Mapping[str, int], ...], tuple[Mapping[str, int], ...]]
    # kind -> how many, of the sensitive ones that are open to all; and of the dangerous ones
    facilities: tuple[Mapping[str, int], ...]
    dangers: tuple[Mapping[str, int], ...]
    # indices of each cell and its neighbours; the number of the cells where the city ends
    ring: NDArray[np.intp]
    counted: bool
    facilities_known: bool
    index: Mapping[str, int] = field(repr=False)
    # of the whole city, for its single places
    still: Ground = field(repr=False)


def read_cell_ground(conn: Connection, resolution: int, still: Ground | None = None) -> CellGround | None:
    """Cells that cover the city's districts, with their people; None where there is no city yet."""
    cells = city_cells(conn, resolution)
    if not cells:
        return None
    still = still or read_ground(conn)
    index = {cell: i for i, cell in enumerate(cells)}
    size = len(cells)
    at = cells_of(still.lon, still.lat, resolution, index)
    inside = at >= 0
    people = [
        np.bincount(at[inside], weights=np.nan_to_num(count[inside]), minlength=size).astype(float)
        for count in (still.people_day, still.people_night)
    ]
    sensitive, domino = np.zeros(size), np.zeros(size)
    facilities: list[Counter[str]] = [Counter() for _ in cells]
    dangers: list[Counter[str]] = [Counter() for _ in cells]
    frail: tuple[list[Counter[str]], ...] = ([Counter() for _ in cells], [Counter() for _ in cells])
    for one, i in zip(
        still.facilities, cells_of(still.facility_lon, still.facility_lat, resolution, index), strict=True
    ):
        if i < 0:
            continue
        danger = points_of(one.kind, "domino")
        domino[i] += danger
        sensitive[i] += 0 if danger or points_of(one.kind) < SENSITIVE else points_of(one.kind)
        if points_of(one.kind) >= SENSITIVE and one.classification == Classification.OPEN:
            (dangers if danger else facilities)[i][one.kind] += 1
        group = table("facility_kinds").get(one.kind, {}).get("frail")
        if group is not None:
            for night, count in enumerate((one.people_day, one.people_night)):
                frail[night][i][group] += frail_in(one.kind, count, not night)
    centers = np.array([h3.cell_to_latlng(cell) for cell in cells]).reshape(-1, 2)
    touched = touched_districts(conn, cells)
    return CellGround(
        tuple(cells),
        tuple(touched.get(cell, []) for cell in cells),
        centers[:, 1],
        centers[:, 0],
        people[0],
        people[1],
        np.bincount(at[inside], minlength=size).astype(float),
        sensitive,
        domino,
        (tuple(frail[0]), tuple(frail[1])),
        tuple(facilities),
        tuple(dangers),
        np.array([[index.get(near, size) for near in _ring(cell)] for cell in cells], np.intp),
        still.counted,
        still.facilities_known,
        index,
        still,
    )


def _ring(cell: str) -> list[str]:
    """A cell and its six neighbours; a pentagon has five, and a place that is none."""
    near = list(h3.grid_disk(cell, 1))
    return [*near, *[""] * (7 - len(near))]


def cells_of(
    lons: NDArray[np.float64], lats: NDArray[np.float64], resolution: int, index: Mapping[str, int]
) -> NDArray[np.intp]:
    """In which of the cells points lie; -1 in none."""
    found = (
        index.get(h3.latlng_to_cell(lat, lon, resolution), -1)
        for lon, lat in zip(lons.tolist(), lats.tolist(), strict=True)
    )
    return np.fromiter(found, np.intp, len(lons))


def touched_districts(conn: Connection, cells: Sequence[str]) -> dict[str, list[str]]:
    """Cell -> codes of the districts it touches; cells that touch none are left out."""
    rings = ([*corners, corners[0]] for corners in map(h3.cell_to_boundary, cells))
    shapes = [f"POLYGON(({', '.join(f'{lon:.7f} {lat:.7f}' for lat, lon in ring)}))" for ring in rings]
    return {row.cell: row.districts for row in conn.execute(_TOUCHED, {"cells": list(cells), "shapes": shapes})}


def put_districts(conn: Connection, ground: CellGround) -> None:
    """Cells that are scored already learn which districts they touch: the city, or its districts, are new."""
    given = {"cells": list(ground.cells), "codes": [",".join(codes) for codes in ground.districts]}
    notify_change(conn, "risk_cell", conn.scalars(_PUT_DISTRICTS, given).all())
