"""Grid cells as a layer of the city's own, in the caller's transaction: made district by district from what the
registers have, numbered, measured; a layer that is there is replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import psycopg
import shapely
from sqlalchemy import Connection, text

from core.db import gather_statistics, notify_change
from core.errors import Conflict, InputError, NotFound
from core.faults import expects
from core.history import kept
from core.scope import EVERYTHING, Scope
from core.vocabulary import Text
from layers.grid_cells.codes import REGION, number
from layers.grid_cells.division import Ground, divide
from layers.grid_cells.faces import Metres, Shapes, sound
from layers.grid_cells.nouns import DistrictCells, GridCellsIn, GridCellsMade
from layers.imports.bring import Ready, copy_rows, count_layer, finish_stage, open_stage, take_rows
from layers.imports.plan import ColumnIn, Plan
from layers.own import (
    OwnLayer,
    lock_layer,
    need_everything,
    need_sight,
    need_whole,
    read_layer,
    write_layer,
)
from layers.served import check_free

Told = Callable[[int, int | None], None]
# what says of a layer that its rows are from here
KIND = "grid_cells"
TITLE: Text = {"zh": "单元网格", "en": "Grid cells"}
GROUP = "base"
# cells are drawn from here on
MIN_ZOOM = 13
# streets that part blocks, and railways; waters of at least so many cells do
PARTING = ("motorway", "ring", "primary", "secondary", "minor", "rail")
# what of a building may lie beyond an edge before it is cut, m²
HAIR_M2 = 0.01
ASSETS_AT_ONCE = 5_000
COLUMNS = (
    ("code", "text", "网格编码", "Code"),
    ("district", "text", "行政区划代码", "District"),
    ("area_m2", "integer", "面积（平方米）", "Area (m²)"),
    ("buildings", "integer", "建筑（栋）", "Buildings"),
    ("people_night", "integer", "夜间人口", "People by night"),
)


@dataclass(frozen=True, slots=True)
class District:
    """One of the register; `extent` is how many cells it will have, about."""

    code: str
    names: Text
    outline: shapely.Geometry
    extent: int


@dataclass(frozen=True, slots=True)
class Buildings:
    shapes: Shapes
    centers: Shapes
    # by night; NaN where nobody has counted
    people: np.ndarray[Any, np.dtype[np.float64]]


class Progress:
    """About how many cells are done, of all districts; told in hundredths, and whenever the work may be ended."""

    def __init__(self, told: Told, whole: int) -> None:
        self._told, self._whole = told, whole
        self._before, self._last = 0, -1

    def share(self, extent: int, share: float) -> None:
        """Of a district of this extent."""
        hundredth = round(100 * (self._before + share * extent) / max(self._whole, 1))
        if hundredth > self._last:
            self._last = hundredth
            self.tell(round(share * extent))

    def done(self, extent: int) -> None:
        self._before += extent
        self.tell()

    def tell(self, more: int = 0) -> None:
        self._told(self._before + more, self._whole)


def make_grid_cells(
    conn: Connection,
    given: GridCellsIn,
    who: str,
    now: datetime,
    scope: Scope = EVERYTHING,
    told: Told = lambda done, whole: None,
) -> GridCellsMade:
    """NotFound for a district there is none of; InputError for one without a code of six digits; Conflict where a
    layer of that name is from a file; Forbidden where it reaches beyond the scope. `told` hears about how many cells
    are done, of how many."""
    check_free(given.layer)
    lock_layer(conn, given.layer)
    before = read_layer(conn, given.layer, lock=True)
    if before is not None:
        need_whole(before, scope)
        if before.lineage.get("kind") != KIND:
            words = f"layer: {given.layer} has rows of a file; give the cells a layer of their own"
            raise Conflict(words, field="layer", reason="layer_not_made")
    plan = plan_of(given, before)
    need_sight(plan, scope)
    if given.assets:
        need_everything(scope)
    districts = read_districts(conn, given)
    progress = Progress(told, sum(district.extent for district in districts))
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    open_stage(raw)
    measured = [_make_one(conn, raw, district, given, progress) for district in districts]
    finish_stage(raw)
    conn.execute(AREAS)
    _note_codes(conn, given.layer)
    write_layer(conn, given.layer, plan, who, now, {"kind": KIND, "size_m2": given.size_m2})
    if before is None:
        conn.execute(FIRST, {"layer": given.layer, "min_zoom": MIN_ZOOM})
    added, changed = take_rows(conn, given.layer, now)
    removed = _remove_gone(conn, given)
    count_layer(conn, given.layer)
    notify_change(conn, "layer", [given.layer])
    assets = _fill_assets(conn, given.layer, who, now, progress.tell) if given.assets else 0
    cells = sum(one["cells"] for one in measured)
    return {
        "layer": given.layer,
        "added": added,
        "changed": changed,
        "same": cells - added - changed,
        "removed": removed,
        "assets": assets,
        "districts": measured,
    }


def plan_of(given: GridCellsIn, before: OwnLayer | None) -> Plan:
    """What the layer is called and has; one that is there keeps its names and who sees it."""
    columns = [
        ColumnIn.model_validate({"source": name, "name": name, "type": kind, "title_zh": zh, "title_en": en})
        for name, kind, zh, en in COLUMNS
    ]
    title, group = (TITLE, GROUP) if before is None else (before.title, before.group)
    plan = Plan(
        layer=given.layer,
        title_zh=title["zh"],
        title_en=title["en"],
        group=group,
        geometry="polygon",
        key="code",
        columns=columns,
    )
    if before is None:
        return plan
    departments = None if before.departments is None else list(before.departments)
    return plan.model_copy(update={"classification": before.classification, "departments": departments})


# --- what the registers have ------------------------------------------------------------------------------------------

_DISTRICTS = text("""
SELECT code, name_zh, name_en, ST_AsBinary(geom) AS shape, ST_Area(geom::geography) AS area FROM district
WHERE CAST(:code AS text) IS NULL OR code = :code ORDER BY code
""")


def read_districts(conn: Connection, given: GridCellsIn) -> list[District]:
    found = [
        District(
            row.code,
            {"zh": row.name_zh, "en": row.name_en},
            sound(shape_of(row.shape)),
            round(row.area / given.size_m2),
        )
        for row in conn.execute(_DISTRICTS, {"code": given.district})
    ]
    if not found:
        what = "there are no districts" if given.district is None else f"there is no district {given.district}"
        raise NotFound(f"district: {what}", field="district")
    for district in found:
        if not REGION.fullmatch(district.code):
            raise InputError(
                f"district: expected codes of six digits, got {district.code[:40]!r}",
                field="district",
                about=expects("district", "district_codes"),
            )
    return found


_HERE = "FROM {table} t JOIN district d ON d.code = :code AND t.geom && d.geom AND ST_Intersects(t.geom, d.geom)"
_LINES = text(f"""
SELECT ST_AsBinary(t.geom) {_HERE.format(table="street")} WHERE t.class = ANY(:classes) AND NOT t.tunnel ORDER BY t.id
""")
_WATERS = text(f"""
SELECT ST_AsBinary(t.geom) {_HERE.format(table="area")}
WHERE t.layer = 'water' AND ST_Area(t.geom::geography) >= :least ORDER BY t.id
""")
_BUILDINGS = text(f"""
SELECT ST_AsBinary(t.geom) AS shape, ST_AsBinary(t.center) AS center, t.people_night AS people
{_HERE.format(table="building")} ORDER BY t.id
""")


def shape_of(stored: Any) -> shapely.Geometry:
    return shapely.force_2d(shapely.from_wkb(bytes(stored)))


def shapes_of(stored: Any) -> Shapes:
    return np.array([shape_of(one) for one in stored], dtype=object)


def read_lines(conn: Connection, district: District, size_m2: float) -> Shapes:
    """Streets and railways that are not in a tunnel, shores."""
    streets = conn.scalars(_LINES, {"code": district.code, "classes": list(PARTING)}).all()
    waters = shapes_of(conn.scalars(_WATERS, {"code": district.code, "least": size_m2}).all())
    shores = [shapely.boundary(sound(water)) for water in waters]
    return np.array([*shapes_of(streets), *shores], dtype=object)


def read_buildings(conn: Connection, district: District) -> Buildings:
    rows = conn.execute(_BUILDINGS, {"code": district.code}).all()
    return Buildings(
        shapes_of(row.shape for row in rows),
        shapes_of(row.center for row in rows),
        np.array([np.nan if row.people is None else row.people for row in rows], dtype=np.float64),
    )


# --- one district -----------------------------------------------------------------------------------------------------

AREAS = text("UPDATE brought SET props = props || jsonb_build_object('area_m2', round(ST_Area(geom::geography)))")
FIRST = text("UPDATE layer SET visible = false, min_zoom = :min_zoom WHERE id = :layer")
_BEFORE = text("""
SELECT key, ST_AsBinary(geom) AS shape FROM layer_row
WHERE layer_id = :layer AND left(key, 6) = :code AND geom IS NOT NULL ORDER BY key
""")


def _make_one(
    conn: Connection, raw: psycopg.Connection[Any], district: District, given: GridCellsIn, progress: Progress
) -> DistrictCells:
    buildings = read_buildings(conn, district)
    ground = Ground(district.outline, read_lines(conn, district, given.size_m2), buildings.shapes)
    told = partial(progress.share, district.extent)
    cells = shapely.normalize(divide(ground, given.size_m2, told))
    progress.done(district.extent)
    rows = conn.execute(_BEFORE, {"layer": given.layer, "code": district.code})
    before = {row.key: shape_of(row.shape) for row in rows}
    codes = number(district.code, cells, before)
    counts, people = counted(cells, buildings)
    copy_rows(
        raw,
        [
            Ready(
                n,
                code,
                {"code": code, "district": district.code, "buildings": counts[n]}
                | ({} if people is None else {"people_night": people[n]}),
                cells[n],
            )
            for n, code in enumerate(codes)
        ],
    )
    return measure(district, cells, buildings.shapes)


def counted(cells: Shapes, buildings: Buildings) -> tuple[list[int], list[int] | None]:
    """Buildings in each cell, and who sleeps there; None where nobody has counted any."""
    counts, people = np.zeros(len(cells), np.int64), np.zeros(len(cells))
    if len(buildings.centers):
        building, cell = shapely.STRtree(cells).query(buildings.centers, predicate="within")
        np.add.at(counts, cell, 1)
        np.add.at(people, cell, np.nan_to_num(buildings.people[building]))
    known = not np.isnan(buildings.people).all() if len(buildings.people) else False
    return counts.tolist(), people.round().astype(np.int64).tolist() if known else None


def measure(district: District, cells: Shapes, buildings: Shapes) -> DistrictCells:
    """What can be said of cells by looking at them alone, however they were made."""
    metres = Metres.at(district.outline)
    p5, median, p95 = np.percentile(metres.areas(cells), (5, 50, 95))
    one, other = shapely.STRtree(cells).query(cells, predicate="intersects")
    ahead = one < other
    twice = metres.areas(shapely.intersection(cells[one[ahead]], cells[other[ahead]])).sum()
    left = metres.area(shapely.difference(district.outline, shapely.union_all(cells)))
    solid = np.array([sound(one) for one in buildings], dtype=object)
    which, cell = shapely.STRtree(cells).query(solid, predicate="intersects")
    held = metres.areas(shapely.intersection(solid[which], cells[cell])) > HAIR_M2
    beyond = metres.areas(shapely.difference(solid, district.outline)) > HAIR_M2 if len(solid) else np.zeros(0)
    return {
        "district": district.code,
        "names": district.names,
        "cells": len(cells),
        "p5_m2": round(float(p5), 1),
        "median_m2": round(float(median), 1),
        "p95_m2": round(float(p95), 1),
        "uncovered_m2": round(left, 3),
        "overlapping_m2": round(float(twice), 3),
        "buildings": len(solid),
        "cut": int((np.bincount(which[held]) > 1).sum()),
        "at_border": int(beyond.sum()),
    }


# --- what was there ---------------------------------------------------------------------------------------------------


def _note_codes(conn: Connection, layer: str) -> None:
    """All codes that the layer had and has, into `own_code`: a component that has one was given it here."""
    conn.execute(text("DROP TABLE IF EXISTS own_code"))
    sql = """
CREATE TEMP TABLE own_code ON COMMIT DROP AS
SELECT key FROM layer_row WHERE layer_id = :layer UNION SELECT key FROM brought
"""
    conn.execute(text(sql), {"layer": layer})


def _remove_gone(conn: Connection, given: GridCellsIn) -> int:
    """Cells that there are no more, of the district or of all."""
    sql = """
DELETE FROM layer_row t WHERE t.layer_id = :layer AND (CAST(:code AS text) IS NULL OR left(t.key, 6) = :code)
  AND NOT EXISTS (SELECT 1 FROM brought b WHERE b.key = t.key)
"""
    return conn.execute(text(sql), {"layer": given.layer, "code": given.district}).rowcount


_PLACED = text("""
CREATE TEMP TABLE placed ON COMMIT DROP AS
SELECT DISTINCT ON (a.id) a.id, b.key AS cell FROM brought b
JOIN asset a ON a.geom && b.geom AND ST_Intersects(a.geom, b.geom)
WHERE a.grid IS NULL OR a.grid IN (SELECT key FROM own_code) ORDER BY a.id, b.key
""")
# in the order in which everybody takes them (docs/decisions/0016)
_LOCK = text("""
SELECT a.id FROM asset a WHERE a.id IN (SELECT id FROM placed ORDER BY id LIMIT :most) ORDER BY a.id FOR UPDATE
""")
_FILL = text(f"""
WITH part AS (DELETE FROM placed WHERE id IN (SELECT id FROM placed ORDER BY id LIMIT :most) RETURNING id, cell),
was AS (SELECT a.id, {kept("a")} AS row FROM asset a JOIN part USING (id)),
done AS (UPDATE asset t SET grid = part.cell, version = t.version + 1, changed_at = :now FROM part
  WHERE t.id = part.id AND t.grid IS DISTINCT FROM part.cell RETURNING t.id, {kept("t")} AS row),
told AS (INSERT INTO asset_event (type, thing_id, time, what, who, source, before, after)
  SELECT 'asset', done.id, :now, 'changed', :who, :source, was.row, done.row FROM done JOIN was USING (id))
SELECT count(*) FROM done
""")


def _fill_assets(conn: Connection, layer: str, who: str, now: datetime, told: Callable[[], None]) -> int:
    """Components without a cell, or with one of this layer, are given that in which they stand; what each was is kept
    (asset_event)."""
    conn.execute(text("DROP TABLE IF EXISTS placed"))
    conn.execute(_PLACED)
    conn.execute(text("DELETE FROM placed USING asset a WHERE a.id = placed.id AND a.grid = placed.cell"))
    conn.execute(text("CREATE INDEX ON placed (id)"))
    conn.execute(text("ANALYZE placed"))
    given = {"most": ASSETS_AT_ONCE, "now": now, "who": who, "source": layer}
    changed = 0
    while conn.execute(_LOCK, given).all():
        changed += int(conn.scalar(_FILL, given) or 0)
        told()
    if changed:
        gather_statistics(conn, "asset", changed)
        notify_change(conn, "layer", ["assets"])
    return changed
