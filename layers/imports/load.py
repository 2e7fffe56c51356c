"""Features to rows, one layer at a time, on the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import psycopg
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, text

from core.db import notify_change
from core.errors import InputError
from core.faults import expects, listed
from core.given import as_input_error
from core.history import THINGS, kept
from core.types import Box, JsonObject
from layers.imports.schema import BY_LAYER, Feature

WRITE_UNITS = f"""
INSERT INTO unit_event (unit_id, time, what, who, status, incident_id, assignment_id, after)
SELECT u.id, now(), 'imported', 'import', u.status, s.incident_id, s.id,
  {kept("u", "home")} || jsonb_build_object('incident_id', s.incident_id)
FROM staged g JOIN unit u ON u.id = g.id LEFT JOIN assignment s ON s.unit_id = u.id AND s.ended_at IS NULL
"""


def load_layer(conn: Connection, layer: str, features: Iterable[tuple[str, Feature]]) -> int:
    """Load (where, feature) pairs into `layer`; `where` names the place in messages. Returns how many there were."""
    spec = BY_LAYER.get(layer)
    if spec is None:
        raise InputError(
            f"layer: expected one of {', '.join(BY_LAYER)}; got {layer!r}",
            field="layer",
            about=expects("layer", "one_of", expected=listed(list(BY_LAYER))),
        )
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    raw.execute(
        "CREATE TEMP TABLE staged (id text, props jsonb, shape text, geom geometry(Geometry, 4326)) ON COMMIT DROP"
    )
    count = 0
    with raw.cursor().copy("COPY staged (id, props, shape) FROM STDIN") as copy:
        for where, feature in features:
            spec.check(feature, where)
            count += 1
            copy.write_row(
                (
                    str(feature["id"]),
                    orjson.dumps(feature.get("properties") or {}).decode(),
                    orjson.dumps(feature["geometry"]).decode(),
                )
            )
    raw.execute("UPDATE staged SET geom = ST_SetSRID(ST_GeomFromGeoJSON(shape), 4326)")
    doubled = raw.execute("SELECT id FROM staged GROUP BY id HAVING count(*) > 1 LIMIT 1").fetchone()
    if doubled:
        raise InputError(
            f"{layer}: id: {doubled[0]!r} stands there twice",
            field="id",
            about=expects("id", "twice", name=str(doubled[0])),
        )
    if spec.history in THINGS:
        raw.execute(
            f"CREATE TEMP TABLE was ON COMMIT DROP AS SELECT t.id, {kept('t')} AS row FROM {spec.history} t".encode()
        )
    raw.execute(spec.clear.encode())
    raw.execute(spec.insert.encode())
    if spec.history in THINGS:
        write_changes(raw, spec.history)
    elif spec.history == "unit":
        raw.execute(WRITE_UNITS.encode())
    raw.execute("DROP TABLE staged")
    notify_change(conn, "layer", [layer])
    return count


def write_changes(raw: psycopg.Connection[Any], table: str) -> None:
    """Keep what the import has changed of things that were there (`was`). The first import of all changes nothing that
    anybody saw."""
    if raw.execute("SELECT 1 FROM was LIMIT 1").fetchone():
        raw.execute(
            (
                f"""
INSERT INTO asset_event (type, thing_id, time, what, who, before, after)
SELECT '{table}', id, now(), CASE WHEN n.row IS NULL THEN 'gone' ELSE 'imported' END, 'import', w.row, n.row
FROM was w FULL JOIN (SELECT t.id, {kept("t")} AS row FROM {table} t) n USING (id)
WHERE w.row IS DISTINCT FROM n.row
"""
            ).encode()
        )
    raw.execute("DROP TABLE was")


class CityHead(BaseModel):
    """Which city a package is of, its city.json; `center` lon and lat, `bbox` west, south, east, north."""

    code: str
    name_zh: str
    name_en: str
    timezone: str
    center: tuple[float, float]
    bbox: Box
    simulated: bool = False


def read_head(given: JsonObject) -> CityHead:
    """InputError names the first field at fault."""
    try:
        return CityHead.model_validate(given)
    except ValidationError as exc:
        told = as_input_error(exc)
        raise InputError(f"city.json: {told.message}", field=told.field, about=told.about) from exc


def save_city(conn: Connection, city: CityHead) -> None:
    """The one row that says which city this is."""
    west, south, east, north = city.bbox
    conn.execute(
        text(
            """
INSERT INTO city (id, code, name_zh, name_en, timezone, extent, center, simulated, imported_at)
VALUES (1, :code, :name_zh, :name_en, :timezone, ST_MakeEnvelope(:w, :s, :e, :n, 4326),
  ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), :simulated, now())
ON CONFLICT (id) DO UPDATE SET code = EXCLUDED.code, name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en,
  timezone = EXCLUDED.timezone, extent = EXCLUDED.extent, center = EXCLUDED.center, simulated = EXCLUDED.simulated,
  imported_at = EXCLUDED.imported_at
"""
        ),
        {
            **city.model_dump(include={"code", "name_zh", "name_en", "timezone"}),
            "w": west,
            "s": south,
            "e": east,
            "n": north,
            "lon": city.center[0],
            "lat": city.center[1],
            "simulated": city.simulated,
        },
    )
