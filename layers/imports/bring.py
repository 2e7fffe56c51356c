"""A table into a layer of one's own, in the caller's transaction: what is new, what has changed, what is gone.

Rows go through a temporary table, a piece of the file at a time; a killed import leaves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import psycopg
import shapely
from sqlalchemy import Connection, text

from core.db import notify_change
from core.errors import Conflict, InputError
from core.exposure import city_box, city_zone
from core.faults import expects
from core.i18n import say
from core.types import Box
from core.vocabulary import Text
from layers.imports.nouns import Refused, Unfit
from layers.imports.places import outside, reference_named, to_places
from layers.imports.plan import Plan
from layers.imports.shapes import Family, Shapes, mend
from layers.imports.suggest import shape_in
from layers.imports.tables import Piece, Table
from layers.imports.values import check_key, value_of
from layers.own import OwnLayer, district_of, read_layer, write_layer
from layers.served import check_free

# refused rows that are kept to be shown; all are counted
REFUSED_KEPT = 10_000
NAMED = 1000
# keys in the order that the tables have them, else no index of theirs serves
STAGE = """
CREATE TEMP TABLE brought (key text COLLATE "C" NOT NULL, props jsonb NOT NULL, geom geometry(Geometry, 4326))
ON COMMIT DROP
"""
Told = Callable[[int, int | None], None]


@dataclass(slots=True)
class Outcome:
    """What became of the rows of a file. `gone`: keys of the layer that the file has not, the first of them."""

    read: int = 0
    added: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0
    gone_keys: list[str] = field(default_factory=list)
    removed: int = 0
    repaired: int = 0
    placeless: int = 0
    refused: int = 0
    refusals: list[Refused] = field(default_factory=list)

    def refuse(self, row: int, column: str, why: Text) -> None:
        self.refused += 1
        if len(self.refusals) < REFUSED_KEPT:
            self.refusals.append({"row": row, "field": column, "why": why})


@dataclass(frozen=True, slots=True)
class Ready:
    """A row as it will be kept."""

    row: int
    key: str
    props: dict[str, Any]
    shape: shapely.Geometry | None


class Reader:
    """Makes rows of a table ready, and counts in `outcome` what cannot be."""

    def __init__(self, plan: Plan, zone: ZoneInfo, city: Box | None, outcome: Outcome) -> None:
        self._plan, self._zone, self._outcome = plan, zone, outcome
        self._city = None if plan.anywhere else city
        self._way = reference_named(plan.datum).way()
        self._place = [name for name in (plan.x, plan.y) if name]
        self._seen: dict[str, int] = {}

    def ready(self, piece: Piece) -> Iterator[Ready]:
        shapes, refused = self._shapes(piece)
        for place, row in enumerate(piece.rows):
            number = piece.first + place
            self._outcome.read += 1
            if why := piece.faults.get(place):
                self._outcome.refuse(number, "", why)
            elif why := refused.get(place):
                self._outcome.refuse(number, "geometry", why)
            elif (made := self._row(number, row, shapes[place])) is not None:
                yield made

    def _shapes(self, piece: Piece) -> tuple[Shapes, dict[int, Text]]:
        """In WGS 84 and mended, and why some cannot be kept."""
        raw, refused = piece.shapes, dict[int, Text]()
        if raw is None:
            raw = np.full(len(piece.rows), None, dtype=object)
            for place, row in enumerate(piece.rows):
                raw[place] = shape_in(row, self._place) if self._place else None
                if raw[place] is None and any(row.get(name) for name in self._place):
                    told = ", ".join(str(row.get(name)) for name in self._place)
                    refused[place] = say("refused.place", got=repr(told[:80]))
        if self._plan.geometry == "none":
            return np.full(len(raw), None, dtype=object), {}
        there = to_places(raw, self._way)
        for place in map(int, np.flatnonzero(outside(there, self._city))):
            x, y = shapely.get_coordinates(there[place])[0]
            refused[place] = say("refused.near", got=f"{x:.6f}, {y:.6f}")
            there[place] = None
        family: Family = self._plan.geometry
        mended = mend(there, family)
        self._outcome.repaired += mended.repaired
        return mended.shapes, refused | mended.refused

    def _row(self, number: int, row: dict[str, Any], shape: shapely.Geometry | None) -> Ready | None:
        props: dict[str, Any] = {}
        for column in self._plan.columns:
            try:
                value = value_of(row.get(column.source), column.type, self._zone)
            except Unfit as exc:
                self._outcome.refuse(number, column.source, exc.text)
                return None
            if value is not None:
                props[column.name] = value
        key = str(props.get(self._plan.key, "")) if self._plan.key else str(number)
        try:
            check_key(key)
        except Unfit as exc:
            self._outcome.refuse(number, self._plan.key or "", exc.text)
            return None
        if (before := self._seen.setdefault(key, number)) != number:
            self._outcome.refuse(number, self._plan.key or "", say("refused.twice", name=repr(key[:80]), row=before))
            return None
        if shape is None and self._plan.geometry != "none":
            self._outcome.placeless += 1
        return Ready(number, key, props, shape)


def preview(conn: Connection, table: Table, plan: Plan, most: int = 20) -> tuple[list[Ready], Outcome]:
    """The first rows as they would be kept."""
    outcome = Outcome()
    reader = Reader(plan, zone_of(conn, plan), city_box(conn), outcome)
    return [row for piece in table.pieces(most) for row in reader.ready(piece)], outcome


def zone_of(conn: Connection, plan: Plan) -> ZoneInfo:
    """That of times that say none: the plan's, else the city's."""
    name = plan.zone or city_zone(conn)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        told = f"zone: expected an IANA time zone such as Asia/Shanghai, got {name[:60]!r}"
        raise InputError(told, field="zone", about=expects("zone", "zone")) from None


def bring(
    conn: Connection,
    table: Table,
    plan: Plan,
    who: str,
    now: datetime,
    told: Told = lambda done, whole: None,
    file: str | None = None,
) -> Outcome:
    """Load all rows of a table, which stands in `file` as people call it. What a layer of the same key had is updated;
    what the file has not any more is counted, and removed where the plan says so. Without a key the file replaces what
    was there."""
    outcome = Outcome()
    reader = Reader(plan, zone_of(conn, plan), city_box(conn), outcome)
    check_free(plan.layer)
    before = read_layer(conn, plan.layer, lock=True)
    if before is not None and before.geometry != plan.geometry:
        expected = f"layer: {plan.layer} is of {before.geometry}s; expected a file of them, got {plan.geometry}"
        raise Conflict(expected, field="layer")
    stage(conn, table, reader.ready, outcome, told)
    write_layer(conn, plan.layer, plan, who, now, lineage_of(table, plan, file))
    _settle(conn, plan, outcome, now)
    if before is not None:
        _check_types(conn, before, plan, outcome)
    notify_change(conn, "layer", [plan.layer])
    return outcome


def _check_types(conn: Connection, before: OwnLayer, plan: Plan, outcome: Outcome) -> None:
    """A column that is of another type now: what was coloured by it is not any more; Conflict where rows stay that the
    file has not, for their values are still of the old one."""
    was = {column.name: column.type for column in before.columns}
    others = [c for c in plan.columns if c.name in was and was[c.name] != c.type]
    if outcome.gone > outcome.removed:
        for column in others:
            if column.type != "text":
                told = f"columns: {column.name} was {was[column.name]} and {outcome.gone - outcome.removed} features"
                raise Conflict(f"{told} that the file has not still have it so; keep the type", field="columns")
    names = {column.name for column in plan.columns} - {column.name for column in others}
    if before.style.get("by") and before.style["by"] not in names:
        kept = {name: value for name, value in before.style.items() if name in ("colour", "size", "icon", "label")}
        sql = "UPDATE layer SET style = CAST(:style AS jsonb) WHERE id = :id"
        conn.execute(text(sql), {"style": json.dumps(kept, ensure_ascii=False), "id": before.id})


def lineage_of(table: Table, plan: Plan, file: str | None) -> dict[str, Any]:
    """Where a layer's rows are from."""
    return {
        "file": file or table.found.path.name,
        "table": table.name,
        "kind": str(table.found.kind),
        "datum": plan.datum,
        "encoding": table.encoding,
    }


def stage(
    conn: Connection, table: Table, ready: Callable[[Piece], Iterator[Ready]], outcome: Outcome, told: Told
) -> None:
    """All rows that are `ready` into the table `brought`, which ends with the transaction; `told` after each piece ends
    the work where it raises. InputError where there are rows and none of them can be kept."""
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    open_stage(raw)
    for piece in table.pieces():
        copy_rows(raw, list(ready(piece)))
        told(outcome.read, table.count)
    if outcome.read and outcome.refused == outcome.read:
        first = outcome.refusals[0]
        where = f"row {first['row']}: {first['field'] + ': ' if first['field'] else ''}"
        raise InputError(
            f"file: no row of {table.name} can be kept; {where}{first['why']['en']}",
            field="file",
            about=expects("file", "no_row", row=str(first["row"]), told=first["why"]),
        )
    finish_stage(raw)


def open_stage(raw: psycopg.Connection[Any]) -> None:
    raw.execute("DROP TABLE IF EXISTS brought")
    raw.execute(STAGE)


def finish_stage(raw: psycopg.Connection[Any]) -> None:
    """Nobody has counted a table that was made just now: without these the planner may walk it once for each row."""
    raw.execute("CREATE UNIQUE INDEX ON brought (key)")
    raw.execute("ANALYZE brought")


def copy_rows(raw: psycopg.Connection[Any], rows: list[Ready]) -> None:
    shapes = shapely.set_srid(np.array([row.shape for row in rows], dtype=object), 4326) if rows else []
    with raw.cursor().copy("COPY brought (key, props, geom) FROM STDIN") as copy:
        hexes = shapely.to_wkb(shapes, hex=True, include_srid=True) if rows else []
        for row, shape in zip(rows, hexes, strict=True):
            copy.write_row((row.key, orjson.dumps(row.props).decode(), shape))


GONE = "FROM layer_row t WHERE t.layer_id = :layer AND NOT EXISTS (SELECT 1 FROM brought b WHERE b.key = t.key)"
SETTLE = text(f"""
WITH written AS (
  INSERT INTO layer_row AS t (layer_id, key, props, geom, district, changed_at)
  SELECT :layer, b.key, b.props, b.geom, {district_of("b.geom")}, :now FROM brought b
  WHERE NOT EXISTS (SELECT 1 FROM layer_row o WHERE o.layer_id = :layer AND o.key = b.key AND o.props = b.props
    AND ST_AsBinary(o.geom) IS NOT DISTINCT FROM ST_AsBinary(b.geom))
  ON CONFLICT (layer_id, key) DO UPDATE SET props = EXCLUDED.props, geom = EXCLUDED.geom, district = EXCLUDED.district,
    changed_at = EXCLUDED.changed_at, version = t.version + 1
  RETURNING (xmax = 0) AS fresh)
SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM written
""")


def _settle(conn: Connection, plan: Plan, outcome: Outcome, now: datetime) -> None:
    given = {"layer": plan.layer, "now": now, "most": NAMED}
    if plan.key is None:
        # rows have no name of their own: those of before cannot be told from these
        outcome.removed = conn.execute(text("DELETE FROM layer_row WHERE layer_id = :layer"), given).rowcount
    outcome.added, outcome.changed = take_rows(conn, plan.layer, now)
    kept = int(conn.scalar(text("SELECT count(*) FROM brought")) or 0)
    outcome.same = kept - outcome.added - outcome.changed
    if plan.key is not None:
        outcome.gone = int(conn.scalar(text(f"SELECT count(*) {GONE}"), given) or 0)
        outcome.gone_keys = list(conn.scalars(text(f"SELECT t.key {GONE} ORDER BY t.key LIMIT :most"), given))
        if plan.remove_gone and outcome.gone:
            outcome.removed = conn.execute(text(f"DELETE {GONE}"), given).rowcount
    count_layer(conn, plan.layer)


def take_rows(conn: Connection, layer: str, now: datetime) -> tuple[int, int]:
    """What was brought becomes rows of a layer; how many are new, and how many others than they were."""
    added, changed = conn.execute(SETTLE, {"layer": layer, "now": now}).one()
    return added, changed


def count_layer(conn: Connection, layer: str) -> None:
    conn.execute(
        text("UPDATE layer SET rows = (SELECT count(*) FROM layer_row WHERE layer_id = :layer) WHERE id = :layer"),
        {"layer": layer},
    )
