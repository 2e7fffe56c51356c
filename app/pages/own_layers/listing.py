"""The table of the city's own layers, as far as who asks may see them."""

from __future__ import annotations

from app.asking import Asking
from app.dashboard import texts
from app.pages import tables
from app.pages.tables import TEXT, Cell, Column, ColumnFilter, Filter, Found, Table, Wanted, cells
from core.vocabulary import label
from layers.own import OwnLayerObject, layer_object, read_layers

GEOMETRIES = ("point", "line", "polygon", "none")


def name_cells(row: OwnLayerObject) -> list[Cell]:
    name = cells.press("open", cells.pair(dict(row["title"])), key=f"layer-{row['id']}", id=row["id"])
    return cells.stack([name], [cells.quiet(row["id"])])


def keeper_cells(row: OwnLayerObject) -> list[Cell]:
    classed = cells.pair(dict(label("classifications", str(row["classification"])) or {}))
    return [classed, *(cells.code(one) for one in row["departments"] or ())]


TABLE: Table[OwnLayerObject] = Table(
    "layers",
    "own",
    (
        Column("title", "own.name", name_cells, lambda row: row["title"]["zh"], flex=3, filter=TEXT),
        Column(
            "group",
            "own.field.group",
            lambda row: [cells.pair(dict(label("layer_groups", row["group"]) or {"zh": row["group"]}))],
            flex=2,
            rank=2,
        ),
        Column(
            "geometry",
            "own.geometry",
            lambda row: [cells.words(f"own.geometry.{row['geometry']}")],
            width=100,
            rank=2,
            filter=ColumnFilter(texts.family("own.geometry")),
        ),
        Column("rows", "own.rows", lambda row: [cells.plain(f"{row['rows']:,}", "figure")], width=110),
        Column("seen_by", "own.seen_by", keeper_cells, sortable=False, flex=2, rank=3),
        Column("changed_at", "own.changed", lambda row: [cells.age(row["changed_at"])], width=130, rank=2),
        Column("created_by", "own.created_by", width=130, rank=3, filter=TEXT),
        Column("id", "own.field.layer", rank=4),
        Column("columns", "own.columns", plain=lambda row: " ".join(c["name"] for c in row["columns"]), rank=4),
    ),
    filters=(Filter("q", "own.search"),),
    row_height=54,
)


def read_rows(asking: Asking, wanted: Wanted) -> Found[OwnLayerObject]:
    rows = [layer_object(layer) for layer in read_layers(asking.conn, asking.viewer.scope)]
    return tables.choose(rows, wanted, TABLE, searched)


def searched(row: OwnLayerObject) -> str:
    names = " ".join(column["name"] for column in row["columns"])
    return f"{row['id']} {row['title']['zh']} {row['title']['en']} {names}"
