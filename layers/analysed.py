"""Layers as what can be analysed: components, facilities, sensors, cameras, the city's own; and the divisions of the
city by which all is counted: districts, the city's own layers of areas."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import takewhile
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, text

from core.analysis import Area, Dimension, Measure, Place, Placed, Subject, Time
from core.analysis.hexagons import RESOLUTIONS, areas, hexagons, middles
from core.analysis.nouns import Floats
from core.i18n import say
from core.scope import Scope, seen
from core.vocabulary import Text
from layers.columns import CASTS, Column, with_role
from layers.ogc.collections import of_own
from layers.own import OwnLayer, prop, read_layers
from layers.served import LAYERS

LAYER = "layer:"
_KIND = say("analysis.kind")


# --- subjects ---------------------------------------------------------------------------------------------------------


def subclass_words(conn: Connection, keys: Sequence[str]) -> Mapping[str, Text]:
    """GB/T 30428.2 names classes; of a subclass the register has its things' names, which end alike."""
    rows = conn.execute(text("SELECT DISTINCT class || subclass AS code, name_zh, name_en FROM asset"))
    names: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rows:
        names[row.code].append((row.name_zh, row.name_en))
    return {key: subclass_named(key, names[key]) for key in keys}


def subclass_named(key: str, names: Sequence[tuple[str, str]]) -> Text:
    """The end that all names have, in English of whole words."""
    chinese = "".join(shared_end([zh for zh, _ in names])).strip()
    english = " ".join(shared_end([en.split() for _, en in names]))
    return {"zh": f"{key} {chinese}".strip(), "en": f"{key} {english or chinese}".strip()}


def shared_end(parts: Sequence[Sequence[str]]) -> list[str]:
    """What all end with, part by part."""
    shared = takewhile(lambda at: len(set(at)) == 1, zip(*(reversed(one) for one in parts), strict=False))
    return [at[0] for at in shared][::-1]


def of_rows(name: str, **more: Any) -> Subject:
    """The rows of a layer of ours, as far as one sees them, by more than their columns say."""
    rows = LAYERS[name].rows
    assert rows is not None
    return Subject(id=rows.id, title=rows.title, source=rows.source, seen=rows.seen, **more)


ASSETS = of_rows(
    "assets",
    dimensions=(
        Dimension("class", say("analysis.class"), "class", table="asset_classes"),
        Dimension("subclass", say("analysis.subclass"), "class || subclass", words=subclass_words),
        Dimension("state", say("analysis.state"), "state", table="asset_states"),
        Dimension("dept", say("analysis.dept"), "dept"),
        Dimension("owner_dept", say("analysis.owner_dept"), "owner_dept"),
        Dimension("keeper_dept", say("analysis.keeper_dept"), "keeper_dept"),
        Dimension("grid", say("analysis.grid"), "grid"),
    ),
    times=(Time("installed", say("analysis.installed"), "installed", daily=True),),
)
FACILITIES = of_rows(
    "facilities",
    dimensions=(Dimension("kind", _KIND, "kind", table="facility_kinds"),),
    measures=(
        Measure("capacity", say("analysis.capacity"), "capacity"),
        Measure("people_day", say("analysis.people_day"), "people_day"),
        Measure("people_night", say("analysis.people_night"), "people_night"),
    ),
)
SENSORS = of_rows(
    "sensors",
    dimensions=(Dimension("kind", _KIND, "kind", table="sensor_kinds"),),
)
CAMERAS = of_rows(
    "cameras",
)
OURS = (ASSETS, FACILITIES, SENSORS, CAMERAS)


def own_subjects(conn: Connection, scope: Scope) -> list[Subject]:
    return [own_subject(layer) for layer in read_layers(conn, scope)]


def own_subject(layer: OwnLayer) -> Subject:
    """Its texts and ticks group its rows, its numbers are measured, its days and times say when."""
    columns = [one for one in layer.columns if one.role != "key"]
    return Subject(
        id=layer.id,
        title=layer.title,
        source="layer_row",
        seen=of_own(layer).seen,
        dimensions=tuple(map(dimension_of, (one for one in columns if one.type in ("text", "boolean")))),
        times=tuple(
            Time(one.name, one.title, value_of(one), daily=one.type == "date")
            for one in sorted(columns, key=lambda one: one.role != "time")
            if one.type in ("date", "time")
        ),
        measures=tuple(
            Measure(one.name, one.title, value_of(one)) for one in columns if one.type in ("integer", "number")
        ),
        geom=None if layer.geometry == "none" else "geom",
        pointed=layer.geometry == "point",
    )


def value_of(column: Column) -> str:
    return f"CAST({prop(column)} AS {CASTS[column.type]})"


def dimension_of(column: Column) -> Dimension:
    words = truth_words if column.type == "boolean" else None
    return Dimension(column.name, column.title, prop(column), words=words)


def truth_words(conn: Connection, keys: Sequence[str]) -> Mapping[str, Text]:
    return {key: say(f"analysis.is.{key}") for key in keys if key in ("true", "false")}


# --- divisions --------------------------------------------------------------------------------------------------------

_DISTRICTS = f"""
SELECT code AS key, name_zh, name_en, ST_Area(geom::geography) / 1e6 AS km2, ST_AsBinary(geom) AS shape FROM district
WHERE code = ANY(:keys) AND {seen("code")}
"""


def name_districts(conn: Connection, scope: Scope, keys: Sequence[str]) -> Mapping[str, Area]:
    rows = conn.execute(text(_DISTRICTS), {"keys": list(keys), **scope.params()})
    return {row.key: Area({"zh": row.name_zh, "en": row.name_en}, row.km2) for row in rows}


def draw_districts(conn: Connection, scope: Scope, keys: Sequence[str]) -> Mapping[str, bytes]:
    rows = conn.execute(text(_DISTRICTS), {"keys": list(keys), **scope.params()})
    return {row.key: bytes(row.shape) for row in rows}


def district_codes(conn: Connection, scope: Scope) -> list[str]:
    """Those that a scope sees."""
    return list(conn.scalars(text(f"SELECT code FROM district WHERE {seen('code')} ORDER BY code"), scope.params()))


DISTRICT = Place("district", say("analysis.district"), name_districts, draw_districts)


_DISTRICTS_AT = f"""
SELECT at.n, d.name_zh, d.name_en
FROM unnest(CAST(:lons AS float8[]), CAST(:lats AS float8[])) WITH ORDINALITY AS at (lon, lat, n)
CROSS JOIN LATERAL (SELECT * FROM district WHERE ST_Intersects(geom, ST_SetSRID(ST_MakePoint(at.lon, at.lat), 4326))
  AND {seen("code")} ORDER BY code LIMIT 1) AS d
"""


def name_hexagons(conn: Connection, scope: Scope, keys: Sequence[str]) -> Mapping[str, Area]:
    lons, lats = middles(keys)
    rows = conn.execute(text(_DISTRICTS_AT), {"lons": lons, "lats": lats, **scope.params()})
    return areas(keys, {keys[row.n - 1]: {"zh": row.name_zh, "en": row.name_en} for row in rows})


HEXAGONS = tuple(hexagons(one, name_hexagons) for one in RESOLUTIONS)


def own_places(conn: Connection, scope: Scope) -> list[Place]:
    """The city's own layers of areas: cells of a grid (单元网格), sections, zones."""
    found = [layer for layer in read_layers(conn, scope) if layer.geometry == "polygon"]
    return [
        Place(
            f"{LAYER}{layer.id}",
            layer.title,
            partial(name_rows, layer),
            partial(draw_rows, layer),
            partial(locate, layer),
        )
        for layer in found
    ]


def locate(layer: OwnLayer, conn: Connection, scope: Scope, lons: Floats, lats: Floats) -> Placed:
    """Which row of a layer covers each point; where rows overlap or touch, the first by its key."""
    rows = conn.execute(
        text(f"SELECT key, ST_AsBinary(geom) AS shape FROM layer_row WHERE {of_own(layer).seen} ORDER BY key"),
        scope.params(),
    ).all()
    nowhere = len(rows)
    codes = np.full(len(lons), nowhere, dtype=np.int64)
    shapes = shapely.from_wkb([None if row.shape is None else bytes(row.shape) for row in rows])
    if len(lons) and len(rows):
        # by their boxes, then by areas that are prepared once
        point, area = shapely.STRtree(shapes).query(shapely.points(lons, lats))
        shapely.prepare(shapes)
        inside = shapely.intersects_xy(shapes[area], lons[point], lats[point])
        np.minimum.at(codes, point[inside], area[inside])
    codes[codes == nowhere] = -1
    return Placed(codes, [row.key for row in rows])


def name_rows(layer: OwnLayer, conn: Connection, scope: Scope, keys: Sequence[str]) -> Mapping[str, Area]:
    label = with_role(layer.columns, "label")
    called = prop(label) if label else "NULL"
    rows = conn.execute(
        text(f"""
SELECT key, COALESCE({called}, key) AS called, ST_Area(geom::geography) / 1e6 AS km2 FROM layer_row
WHERE {of_own(layer).seen} AND key = ANY(:keys)
"""),
        {"keys": list(keys), **scope.params()},
    )
    return {row.key: Area(dict.fromkeys(("zh", "en"), row.called), row.km2) for row in rows}


def draw_rows(layer: OwnLayer, conn: Connection, scope: Scope, keys: Sequence[str]) -> Mapping[str, bytes]:
    rows = conn.execute(
        text(f"""
SELECT key, ST_AsBinary(geom) AS shape FROM layer_row
WHERE {of_own(layer).seen} AND key = ANY(:keys) AND geom IS NOT NULL
"""),
        {"keys": list(keys), **scope.params()},
    )
    return {row.key: bytes(row.shape) for row in rows}
