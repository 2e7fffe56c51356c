"""The table of base maps."""

from __future__ import annotations

from urllib.parse import urlsplit

from app.asking import Asking
from app.pages import tables
from app.pages.tables import TEXT, Cell, Column, Filter, Found, Table, Wanted, cells
from core.viewer import Permission
from layers.base_maps import BaseMapObject, base_map_object, read_base_maps


def name_cells(row: BaseMapObject) -> list[Cell]:
    name = cells.press("open", cells.pair(dict(row["title"])), key=f"base-map-{row['id']}", id=row["id"])
    return cells.stack([name], [cells.quiet(row["id"])])


def key_cells(row: BaseMapObject) -> list[Cell]:
    if "{key}" not in row["address"]:
        return [cells.words("basemaps.key.none")]
    return [cells.lamp(*(("fresh", "basemaps.key.there") if row["has_key"] else ("dead", "basemaps.key.missing")))]


def way_cells(row: BaseMapObject) -> list[Cell]:
    return [cells.words("basemaps.way.direct" if row["direct"] else "basemaps.way.through")]


TABLE: Table[BaseMapObject] = Table(
    "base_maps",
    "basemaps",
    (
        Column("title", "basemaps.field.title", name_cells, lambda row: row["title"]["zh"], flex=3, filter=TEXT),
        Column("host", "basemaps.host", plain=lambda row: urlsplit(row["address"]).netloc, flex=3, rank=2, filter=TEXT),
        Column("key", "basemaps.field.key", key_cells, sortable=False, width=150),
        Column("way", "basemaps.way", way_cells, sortable=False, flex=2, rank=2),
        Column("zooms", "basemaps.zooms", plain=lambda row: f"{row['min_zoom']}–{row['max_zoom']}", width=110, rank=3),
        Column("changed_at", "own.changed", lambda row: [cells.age(row["changed_at"])], width=130, rank=2),
    ),
    filters=(Filter("q", "basemaps.search"),),
    row_height=54,
)


def read_rows(asking: Asking, wanted: Wanted) -> Found[BaseMapObject]:
    asking.viewer.require(Permission.SOURCE_MANAGE)
    rows = [base_map_object(one) for one in read_base_maps(asking.conn)]
    return tables.choose(rows, wanted, TABLE, searched)


def searched(row: BaseMapObject) -> str:
    return f"{row['id']} {row['title']['zh']} {row['title']['en']} {row['address']}"
