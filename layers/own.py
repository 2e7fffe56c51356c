"""Layers of a city's own: a row of table `layer` each, with columns; their rows in `layer_row`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.catalogue.entries import forget
from core.catalogue.nouns import Kind, Name
from core.clock import rfc3339
from core.errors import Forbidden, NotFound
from core.faults import unfit
from core.scope import EVERYTHING, Scope, seen
from core.types import UNKNOWN_DISTRICT, JsonObject
from core.vocabulary import Text, table
from layers.columns import Column, ColumnObject, columns_of, with_role
from layers.sets.base import MIDDLE, SQUARE_OF_TILE
from layers.spec import BASE_MAPS, LayerSpec, LegendItem
from layers.styles import PALETTE, legend_of, tone

# a row's number: what a bigint holds
NUMBER = re.compile(r"[1-9][0-9]{0,17}")
Geometry = Literal["point", "line", "polygon", "none"]
# from here on points are drawn one by one
GATHERED_BELOW = 13
COLUMNS = """
id, title_zh, title_en, tree_group, geometry, columns, key, style, visible, min_zoom, classification, departments,
  lineage, rows, version, created_by, created_at, changed_at
"""


class NewLayer(Protocol):
    """What is said of a layer when it is made (layers.imports.plan.Plan)."""

    title_zh: str
    title_en: str
    group: str
    key: str | None
    departments: list[str] | None

    @property
    def geometry(self) -> Geometry: ...
    @property
    def classification(self) -> int: ...
    def kept(self) -> tuple[Column, ...]: ...


@dataclass(frozen=True, slots=True)
class OwnLayer:
    """A layer as its row has it."""

    id: str
    title: Text
    group: str
    geometry: Geometry
    columns: tuple[Column, ...]
    key: str | None
    style: Mapping[str, Any]
    visible: bool
    min_zoom: int
    classification: int
    departments: tuple[str, ...] | None
    lineage: Mapping[str, Any]
    rows: int
    version: int
    created_by: str
    changed_at: datetime

    def may_see(self, scope: Scope) -> bool:
        """Whether anything of it is shown to who sees this much."""
        return scope.shows_layer(self.id) and may_see(self.classification, self.departments, scope)


# of one group; what nobody has put in order: points above lines above areas, as one draws them
IN_ORDER = "position, array_position(ARRAY['point', 'line', 'polygon'], geometry), id"


def read_layers(conn: Connection, scope: Scope = EVERYTHING) -> list[OwnLayer]:
    """As they stand in the tree: group by group, in each as somebody has put them."""
    rows = conn.execute(text(f"SELECT {COLUMNS} FROM layer ORDER BY {IN_ORDER}"))
    place = {group: n for n, group in enumerate(table("layer_groups"))}
    found = [layer for layer in map(_layer, rows) if layer.may_see(scope)]
    return sorted(found, key=lambda layer: place.get(layer.group, len(place)))


def read_group(conn: Connection, group: str, *, lock: bool = False) -> list[OwnLayer]:
    """The city's own layers of a group, in order."""
    given = {"group": group}
    if lock:
        conn.execute(text("SELECT id FROM layer WHERE tree_group = :group ORDER BY id FOR UPDATE"), given)
    return list(
        map(
            _layer,
            conn.execute(text(f"SELECT {COLUMNS} FROM layer WHERE tree_group = :group ORDER BY {IN_ORDER}"), given),
        )
    )


def write_order(conn: Connection, layers: Sequence[str]) -> None:
    """The layers of a group, the first on top."""
    sql = """
UPDATE layer SET position = o.n - 1 FROM unnest(CAST(:layers AS text[])) WITH ORDINALITY AS o (id, n)
WHERE layer.id = o.id AND position <> o.n - 1
"""
    conn.execute(text(sql), {"layers": list(layers)})


def read_layer(conn: Connection, layer_id: str, *, lock: bool = False) -> OwnLayer | None:
    lines = " FOR UPDATE" if lock else ""
    row = conn.execute(text(f"SELECT {COLUMNS} FROM layer WHERE id = :id{lines}"), {"id": layer_id}).one_or_none()
    return None if row is None else _layer(row)


def need_layer(conn: Connection, layer_id: str, scope: Scope = EVERYTHING) -> OwnLayer:
    """NotFound where there is none, or none that this scope may see: nobody is told which."""
    layer = read_layer(conn, layer_id)
    if layer is None or not layer.may_see(scope):
        raise NotFound(f"layer: there is no layer {layer_id!r}", field="layer")
    return layer


def _layer(row: Any) -> OwnLayer:
    return OwnLayer(
        id=row.id,
        title={"zh": row.title_zh, "en": row.title_en},
        group=row.tree_group,
        geometry=row.geometry,
        columns=columns_of(row.columns),
        key=row.key,
        style=row.style,
        visible=row.visible,
        min_zoom=row.min_zoom,
        classification=row.classification,
        departments=None if row.departments is None else tuple(row.departments),
        lineage=row.lineage,
        rows=row.rows,
        version=row.version,
        created_by=row.created_by,
        changed_at=row.changed_at,
    )


WRITE = text("""
INSERT INTO layer (id, title_zh, title_en, tree_group, geometry, columns, key, style, visible, min_zoom, position,
  classification, departments, lineage, created_by, created_at, changed_at)
VALUES (:id, :title_zh, :title_en, :group, :geometry, CAST(:columns AS jsonb), :key, '{}', true, :min_zoom,
  (SELECT COALESCE(max(position), 0) FROM layer WHERE tree_group = :group), :classification, :departments,
  CAST(:lineage AS jsonb), :who, :now, :now)
ON CONFLICT (id) DO UPDATE SET title_zh = EXCLUDED.title_zh, title_en = EXCLUDED.title_en,
  tree_group = EXCLUDED.tree_group, columns = EXCLUDED.columns, key = EXCLUDED.key,
  classification = EXCLUDED.classification, departments = EXCLUDED.departments, lineage = EXCLUDED.lineage,
  changed_at = EXCLUDED.changed_at, version = layer.version + 1
""")


def write_layer(
    conn: Connection, layer_id: str, given: NewLayer, who: str, now: datetime, lineage: Mapping[str, Any]
) -> None:
    """A new layer, or new titles and columns of one that is there."""
    conn.execute(
        WRITE,
        {
            "id": layer_id,
            "title_zh": given.title_zh,
            "title_en": given.title_en,
            "group": given.group,
            "geometry": given.geometry,
            "columns": json.dumps([column.as_json() for column in given.kept()], ensure_ascii=False),
            "key": given.key,
            "min_zoom": 9,
            "classification": int(given.classification),
            "departments": given.departments,
            "lineage": json.dumps(dict(lineage), ensure_ascii=False),
            "who": who,
            "now": now,
        },
    )


class OwnLayerObject(TypedDict):
    """A layer of the city's own as whoever keeps it sees it; `lineage`: the file its rows are from."""

    id: str
    title: Text
    group: str
    geometry: Geometry
    columns: list[ColumnObject]
    key: str | None
    visible: bool
    min_zoom: int
    classification: int
    departments: list[str] | None
    style: JsonObject
    lineage: JsonObject
    rows: int
    version: int
    created_by: str
    changed_at: str


def layer_object(layer: OwnLayer) -> OwnLayerObject:
    return {
        "id": layer.id,
        "title": layer.title,
        "group": layer.group,
        "geometry": layer.geometry,
        "columns": [column.as_json() for column in layer.columns],
        "key": layer.key,
        "visible": layer.visible,
        "min_zoom": layer.min_zoom,
        "classification": layer.classification,
        "departments": None if layer.departments is None else list(layer.departments),
        "style": dict(layer.style),
        "lineage": dict(layer.lineage),
        "rows": layer.rows,
        "version": layer.version,
        "created_by": layer.created_by,
        "changed_at": rfc3339(layer.changed_at),
    }


def own_groups() -> dict[str, Text]:
    """Groups of the tree in which layers of the city's own may stand."""
    rows = table("layer_groups").items()
    return {key: {"zh": str(row["zh"]), "en": str(row["en"])} for key, row in rows if key != BASE_MAPS}


def known_group(value: str) -> str:
    """ValueError where the tree has no such group."""
    groups = own_groups()
    if value not in groups:
        raise unfit("one_of", "expected one of {expected}", expected=", ".join(groups))
    return value


def need_whole(layer: OwnLayer, scope: Scope) -> None:
    """Forbidden where there may be more in a layer than a scope sees: whoever replaces or removes it would do so to
    what they do not know."""
    if not layer.may_see(scope) or scope.districts is not None:
        raise Forbidden("layer: it reaches beyond what you may see", field="layer", reason="layer_beyond_own")


def may_see(classification: int, departments: Collection[str] | None, scope: Scope) -> bool:
    """Whether anything of a layer is shown to who sees this much."""
    kept = departments is None or scope.departments is None or not scope.departments.isdisjoint(departments)
    return scope.city and kept and classification <= scope.classification


def need_sight(given: NewLayer, scope: Scope) -> None:
    """Forbidden where whoever makes a layer would not see it, or not the whole of it."""
    if not may_see(int(given.classification), given.departments, scope) or scope.districts is not None:
        raise Forbidden("layer: it would reach beyond what you may see", field="layer", reason="layer_beyond_own")


def district_of(shape: str) -> str:
    """SQL of the district in which a row of this shape lies."""
    return f"""
COALESCE((SELECT d.code FROM district d WHERE ST_Covers(d.geom, ST_PointOnSurface({shape})) LIMIT 1),
  '{UNKNOWN_DISTRICT}')
"""


def lock_layer(conn: Connection, layer_id: str) -> None:
    """Until the transaction ends nobody else makes or renews a layer of this id."""
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('layer'), hashtext(:id))"), {"id": layer_id})


def need_everything(scope: Scope) -> None:
    """Forbidden for who does not see the whole of our registers."""
    if not scope.covers(EVERYTHING):
        raise Forbidden("layer: it reaches beyond what you may see", field="layer", reason="layer_beyond_own")


def remove_layer(conn: Connection, layer_id: str) -> None:
    """With all its rows, and what the catalogue says of it."""
    if not conn.execute(text("DELETE FROM layer WHERE id = :id"), {"id": layer_id}).rowcount:
        raise NotFound(f"layer: there is no layer {layer_id!r}", field="layer")
    forget(conn, Name(Kind.LAYER, layer_id))


def quoted(words: str) -> str:
    """A literal of SQL: ids and names of columns are checked when they come in, and quoted all the same. No colon
    stands in one, which a statement would take for a parameter."""
    return "'" + words.replace("'", "''") + "'"


def prop(column: Column, row: str = "layer_row") -> str:
    """The text of a column's value in SQL."""
    return f"{row}.props->>{quoted(column.name)}"


def spec_of(layer: OwnLayer) -> LayerSpec:
    """As the map and the API read a layer."""
    here = f"layer_id = {quoted(layer.id)}"
    return LayerSpec(
        id=layer.id,
        group=layer.group,
        title=layer.title,
        geometry=layer.geometry if layer.geometry != "none" else "point",
        delivery="tiles",
        counted=f"layer_row WHERE {here}",
        visible=layer.visible,
        tile=tile_of(layer),
        scoped=True,
        min_zoom=layer.min_zoom,
        legend=legend(layer),
        own=True,
        style={
            "size": layer.style.get("size"),
            "icon": layer.style.get("icon"),
            "label": bool(layer.style.get("label", True)),
        },
    )


def legend(layer: OwnLayer) -> tuple[LegendItem, ...]:
    """A line for each class, else the layer's own."""
    classes = legend_of(layer.style)
    if not classes:
        return (LegendItem(layer.id, layer.title, colour_of(layer)),)
    return tuple(LegendItem(key, words, token) for key, words, token in classes)


def colour_of(layer: OwnLayer) -> str:
    """The token of its colour: said in its style, else one by its id."""
    said = layer.style.get("colour")
    return said if said in PALETTE else PALETTE[sum(map(ord, layer.id)) % len(PALETTE)]


# of lines and areas, names are in tiles from here on
NAMED_FROM = 13
# of lines and areas in one tile the largest: nobody tells more of them apart, and a tile stays below 500 kB
DRAWN_AT_MOST = 15_000
# lines shorter than half a pixel and areas smaller than one are left out, edges are thinned to half of one; a tile has
# 512 pixels a side. What is small is told by degrees, and what has few corners is left as it is: both save most of the
# time that a tile of many takes
PIXEL, PIXEL_DEG2, FEW_CORNERS = ":width / (512 * 2.0 ^ :z)", "ST_Area(bounds.box) / (512 * 512)", 12
ONE = "ST_AsMVTGeom({shape}, bounds.tile, 4096, 64, true) AS mvt"


def tile_of(layer: OwnLayer) -> str:
    """The SELECT of its part of a vector tile (`LayerSpec.tile`)."""
    here = (
        f"layer_id = {quoted(layer.id)} AND geom && bounds.box AND {seen('district', str(int(layer.classification)))}"
    )
    told = [f"{prop(column)} AS {name}" for name, column in _shown(layer)]
    told += [f"NULL AS {name}" for name in ("label", "class", "state") if name not in dict(_shown(layer))]
    words = ", ".join([*told, f"{tone(layer.style)} AS tone"])
    shape = "ST_Transform(geom, :srid)"
    if layer.geometry == "point":
        return f"""
SELECT {ONE.format(shape=shape)}, id, key, {words}, 1 AS count FROM layer_row, bounds WHERE {here}
  AND :z >= {GATHERED_BELOW} UNION ALL
SELECT {MIDDLE}, NULL, NULL, NULL, NULL, NULL, NULL, count(*)::int
FROM layer_row, bounds WHERE {here} AND :z < {GATHERED_BELOW}
GROUP BY bounds.tile, {SQUARE_OF_TILE}
"""
    thinned = ONE.format(
        shape=f"CASE WHEN ST_NPoints(geom) > {FEW_CORNERS} THEN ST_SimplifyPreserveTopology({shape}, {PIXEL} / 2) "
        f"ELSE {shape} END"
    )
    large = {
        "line": f"ST_Length(geom) >= sqrt({PIXEL_DEG2}) / 2",
        "polygon": f"ST_Area(geom) >= {PIXEL_DEG2}",
        "none": "false",
    }[layer.geometry]
    size = "ST_Length(geom)" if layer.geometry == "line" else "ST_Area(geom)"
    # names cost more than thin shapes, and nobody reads them from afar
    near = f":z >= {NAMED_FROM}"
    told = [f"CASE WHEN {near} THEN {one.replace(' AS ', ' END AS ')}" if "->>" in one else one for one in told]
    return f"""
SELECT {thinned}, id, CASE WHEN {near} THEN key END AS key, {", ".join(told)}, {tone(layer.style)} AS tone,
  NULL::int AS count
FROM (SELECT * FROM layer_row, bounds WHERE {here} AND {large} ORDER BY {size} DESC LIMIT {DRAWN_AT_MOST}) AS layer_row,
  bounds
"""


def _shown(layer: OwnLayer) -> list[tuple[str, Column]]:
    """What of a row a tile carries, by its role."""
    found = [(role, with_role(layer.columns, role)) for role in ("label", "class", "state")]
    return [(role, column) for role, column in found if column is not None]


def count_rows(conn: Connection, layer: OwnLayer, scope: Scope) -> int:
    """How many rows of a layer a scope sees."""
    if scope.districts is None:
        return layer.rows
    given = {"layer": layer.id, **scope.params()}
    return int(
        conn.scalar(text(f"SELECT count(*) FROM layer_row WHERE layer_id = :layer AND {seen('district')}"), given) or 0
    )


class RowObject(TypedDict):
    """A row of a layer of the city's own: its values by the names of its columns; `id` is `layer/number`; `geometry` is
    what its layer has, `lon` and `lat` are a point on it. `removed`: it is gone since `changed_at`, and was so."""

    id: str
    layer: str
    layer_title: Text
    names: Text
    geometry: Geometry
    columns: list[ColumnObject]
    values: JsonObject
    district: str
    classification: int
    lon: float | None
    lat: float | None
    version: int
    changed_at: str
    removed: bool


_ROW = text(f"""
SELECT id, key, props, district, version, changed_at, ST_X(ST_PointOnSurface(geom)) AS lon,
  ST_Y(ST_PointOnSurface(geom)) AS lat
FROM layer_row WHERE layer_id = :layer AND id = :id AND {seen("district", ":classification")}
""")


def read_row(conn: Connection, identity: str, scope: Scope = EVERYTHING) -> RowObject:
    """By `layer/number`. NotFound where there is none that this scope may see."""
    layer_id, _, number = identity.rpartition("/")
    layer = need_layer(conn, layer_id, scope)
    given = {"layer": layer.id, "id": number, "classification": layer.classification, **scope.params()}
    row = conn.execute(_ROW, given).one_or_none() if NUMBER.fullmatch(number) else None
    if row is None:
        raise NotFound(f"there is no row {identity!r}")
    return object_of_row(
        layer,
        number=number,
        key=row.key,
        props=row.props,
        district=row.district,
        version=row.version,
        changed_at=row.changed_at,
        lon=row.lon,
        lat=row.lat,
    )


def object_of_row(
    layer: OwnLayer,
    *,
    number: str,
    key: str,
    props: JsonObject,
    district: str,
    version: int,
    changed_at: datetime,
    lon: float | None,
    lat: float | None,
    removed: bool = False,
) -> RowObject:
    label = with_role(layer.columns, "label")
    name = str((props.get(label.name) if label else None) or key)
    return {
        "id": f"{layer.id}/{number}",
        "layer": layer.id,
        "layer_title": layer.title,
        "names": {"zh": name, "en": name},
        "geometry": layer.geometry,
        "columns": [column.as_json() for column in layer.columns],
        "values": props,
        "district": district,
        "classification": layer.classification,
        "lon": lon,
        "lat": lat,
        "version": version,
        "changed_at": rfc3339(changed_at),
        "removed": removed,
    }
