"""What the catalogue lists of layers, and what is measured of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from core.catalogue.nouns import ColumnSaid, Kind, Measured, Name, Overlap, Resource
from core.scope import EVERYTHING
from layers.collection import Collection
from layers.columns import Column
from layers.ogc.collections import OURS, of_own
from layers.own import OwnLayer, read_layer, read_layers
from layers.served import LAYERS
from layers.spec import LayerSpec

# what stands still and endangers nobody by being known
OPENABLE = frozenset({"districts", "streets", "buildings", "water", "green", "assets", "facilities", "sensors"})
# layers of things that are compared with each other; the rest moves, or is made by us
COMPARED = frozenset({"buildings", "assets", "facilities", "cameras", "sensors"})
# so many things of one are looked for in another, and count as the same within about so much: degrees, 1 and 2 m
SAMPLE, SAME_POINT, SAME_SHAPE = 200, 1e-5, 2e-5
OVERLAP_FROM = 0.5


def read_resources(conn: Connection, layer: str | None = None) -> list[Resource]:
    """All layers, the city's own last; or the one that is named."""
    if layer is not None and layer not in LAYERS:
        own = read_layer(conn, layer)
        return [] if own is None else [_own(own)]
    imported = conn.scalar(text("SELECT imported_at FROM city"))
    ours = [_ours(conn, spec, imported) for spec in LAYERS if layer in (None, spec.id)]
    return ours if layer else [*ours, *map(_own, read_layers(conn))]


def _ours(conn: Connection, spec: LayerSpec, imported: Any) -> Resource:
    found = next((one for one in OURS if one.id == spec.id), None)
    return Resource(
        Name(Kind.LAYER, spec.id),
        spec.title,
        columns_said(found.columns) if found else (),
        group=spec.group,
        geometry=spec.geometry,
        updated_at=conn.scalar(text(spec.updated), EVERYTHING.params()) if spec.updated else imported,
        openable=spec.id in OPENABLE,
    )


def _own(layer: OwnLayer) -> Resource:
    return Resource(
        Name(Kind.LAYER, layer.id),
        layer.title,
        columns_said(layer.columns),
        group=layer.group,
        geometry=layer.geometry,
        updated_at=layer.changed_at,
        rows=layer.rows,
        classification=layer.classification,
        departments=layer.departments,
        lineage=layer.lineage,
        openable=True,
    )


def columns_said(columns: Sequence[Column]) -> list[ColumnSaid]:
    return [{"name": one.name, "title": one.title, "type": one.type} for one in columns]


def measure(conn: Connection, resource: Resource) -> Measured:
    """How many rows, how much of their values is there, and which other layers hold the same things."""
    found = collection_of(conn, resource.name.id)
    if found is None:
        spec = LAYERS[resource.name.id]
        return Measured(int(conn.scalar(text(f"SELECT count(*) FROM {spec.counted}"), EVERYTHING.params()) or 0))
    rows, filled = count_filled(conn, found)
    return Measured(rows, filled, None, tuple(find_overlaps(conn, found)) if rows else ())


def collection_of(conn: Connection, layer: str) -> Collection | None:
    if layer in LAYERS:
        return next((one for one in OURS if one.id == layer), None)
    own = read_layer(conn, layer)
    return of_own(own) if own else None


def count_filled(conn: Connection, one: Collection) -> tuple[int, float | None]:
    """How many rows there are, and the share of their values that are not empty."""
    counted = [f"count(NULLIF(CAST({sql} AS text), ''))" for _, sql in one.values]
    values = " + ".join(counted) or "0"
    row = conn.execute(
        text(f"SELECT count(*) AS rows, {values} AS there FROM {one.source} WHERE {one.seen}"), EVERYTHING.params()
    ).one()
    wanted = row.rows * len(counted)
    return int(row.rows), round(row.there / wanted, 4) if wanted else None


def find_overlaps(conn: Connection, one: Collection) -> list[Overlap]:
    """Layers in which at least half of its things stand too: one datum should have one source."""
    shape = geometry_of(conn, one.id)
    if shape == "none" or not is_compared(one.id):
        return []
    others = [
        other
        for other in [*(c for c in OURS if c.id in COMPARED), *map(of_own, read_layers(conn))]
        if other.id != one.id and geometry_of(conn, other.id) == shape
    ]
    shares = [(other.id, share_in(conn, one, other, points=shape == "point")) for other in others]
    return [
        {"kind": Kind.LAYER.value, "id": name, "share": round(share, 3)}
        for name, share in shares
        if share is not None and share >= OVERLAP_FROM
    ]


def is_compared(layer: str) -> bool:
    return layer not in LAYERS or layer in COMPARED


def geometry_of(conn: Connection, layer: str) -> str:
    if layer in LAYERS:
        return LAYERS[layer].geometry
    own = read_layer(conn, layer)
    return own.geometry if own else "none"


def share_in(conn: Connection, one: Collection, other: Collection, *, points: bool) -> float | None:
    """Of a sample of one, the share of which another has the same; None where it has nothing with a place."""
    same = f"ST_HausdorffDistance(o.geom, s.geom) < {SAME_SHAPE}"
    if points:
        same = f"ST_DWithin(o.geom, s.geom, {SAME_POINT})"
    found = conn.scalar(
        text(f"""
WITH s AS MATERIALIZED (
  SELECT {one.geom} AS geom FROM {one.source} WHERE {one.seen} AND {one.geom} IS NOT NULL
  ORDER BY hashtext(CAST({one.key} AS text)) LIMIT {SAMPLE})
SELECT avg(CAST(EXISTS (SELECT 1 FROM (SELECT {other.geom} AS geom FROM {other.source} WHERE {other.seen}) AS o
  WHERE o.geom && ST_Expand(s.geom, {SAME_SHAPE}) AND {same}) AS int)) FROM s
"""),
        EVERYTHING.params(),
    )
    return None if found is None else float(found)
