"""What a layer is: one frozen description that the map, the API, the tiles and (later) OGC clients read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import TypedDict

from core.vocabulary import Text
from layers.collection import ALL, Collection

Geometry = Literal["point", "line", "polygon", "hex", "raster"]
Delivery = Literal["tiles", "features", "live", "raster"]
# the group of the tree in which the maps of others stand, and nothing else (layers/base_maps.py)
BASE_MAPS = "basemaps"


class LegendEntry(TypedDict):
    key: str
    label: Text
    token: str


class LayerStyle(TypedDict):
    """Of points and lines their size in pixels at zoom 18, null for the usual; of points the pictogram that stands for
    one, null for a dot; whether names are written."""

    size: float | None
    icon: str | None
    label: bool


class RasterTiles(TypedDict):
    """Pictures of the ground: addresses with {z}, {x} and {y}; `from_south`: rows are counted from the south."""

    tiles: list[str]
    tile_size: int
    max_zoom: int
    from_south: bool
    attribution: str
    attribution_url: str | None


class Layer(TypedDict):
    """A layer of the map: where its data is (`url`), how many things it has and since when they are so; `legend` by its
    classes."""

    id: str
    group: str
    title: Text
    geometry: Geometry
    delivery: Delivery
    url: str
    source_layer: str | None
    count: int
    count_estimated: bool
    visible: bool
    min_zoom: int
    updated_at: str | None
    legend: list[LegendEntry]
    # one of the city's own (layers/own.py), with how it is drawn
    own: bool
    style: LayerStyle | None
    # a base map of others
    raster: RasterTiles | None


@dataclass(frozen=True, slots=True)
class LegendItem:
    """`token` names the CSS variable that colours it, so that map and page share one colour."""

    key: str
    label: Text
    token: str


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """`counted` is what stands behind FROM where its things are counted; `features`, for that delivery, and `tile` are
    SQL; `tile` is the SELECT of one vector tile layer, with `:z`, the grid's system as `:srid` and its world's width
    in units of that as `:width`, the tile's bounds as `bounds.tile` (in that system) and `bounds.box` (EPSG:4326),
    giving a column `mvt` and its properties. `scoped`: it shows of what a department keeps in
    a district as much as a scope sees (core.scope). `counted_seen` and `updated_seen` are `counted` and `updated`
    of what a scope sees, where that is not the same for all. `rows` are its features, where it has any that go out."""

    id: str
    group: str
    title: Text
    geometry: Geometry
    delivery: Delivery
    counted: str
    visible: bool = True
    legend: tuple[LegendItem, ...] = ()
    tile: str | None = None
    scoped: bool = False
    of_all: bool = False
    min_zoom: int = 9
    features: str | None = None
    updated: str | None = None
    counted_seen: str | None = None
    updated_seen: str | None = None
    own: bool = False
    style: LayerStyle | None = None
    rows: Collection | None = None

    @classmethod
    def of(cls, rows: Collection, **more: Any) -> LayerSpec:
        """The layer of these rows: what it is called, how it is counted, and, where no tiles are made of it, its
        features are theirs."""
        if more["delivery"] != "tiles":
            more["features"] = rows.features
        seen = f"{rows.source} WHERE {rows.seen}" if rows.sight != ALL else None
        return cls(
            id=rows.id, title=rows.title, of_all=rows.of_all, counted=rows.counted, counted_seen=seen, rows=rows, **more
        )

    def describe(self, count: int, updated_at: str | None, *, estimated: bool = False) -> Layer:
        """The layer as `GET /api/layers` shows it."""
        urls: dict[str, str] = {
            "tiles": f"/tiles/{self.id}/{{z}}/{{x}}/{{y}}.mvt",
            "features": f"/api/layers/{self.id}/features",
            "live": "/push",
        }
        return {
            "id": self.id,
            "group": self.group,
            "title": self.title,
            "geometry": self.geometry,
            "delivery": self.delivery,
            "url": urls[self.delivery],
            "source_layer": self.id if self.delivery == "tiles" else None,
            "count": count,
            "count_estimated": estimated,
            "visible": self.visible,
            "min_zoom": self.min_zoom,
            "updated_at": updated_at,
            "legend": [{"key": item.key, "label": item.label, "token": item.token} for item in self.legend],
            "own": self.own,
            "style": self.style,
            "raster": None,
        }
