"""Base maps of others (WMTS and XYZ tiles in EPSG:3857), as an administrator has described them: rows of table
`base_map`. None is there until somebody adds it, and none is shown until somebody turns it on.

The key of a service leaves the table for the service alone; only where an operator says `direct`, browsers fetch tiles
themselves and the key stands in their addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator, model_validator
from sqlalchemy import Connection, text
from typing_extensions import TypedDict

from core.clock import rfc3339
from core.crs import Datum
from core.errors import InputError, NotFound
from core.faults import unfit
from core.given import Given
from core.vocabulary import Text
from layers.spec import BASE_MAPS, Layer, RasterTiles

# of a layer of the tree, before the id: no layer of the city's own is called so
PREFIX = "basemap/"
DATUMS = {"WGS84": Datum.WGS84, "CGCS2000": Datum.CGCS2000, "GCJ02": Datum.GCJ02, "BD09": Datum.BD09}
PLACE = re.compile(r"\{([^{}]*)\}")
# what stands in an address; the last three are WMTS's own words (OGC 07-057r7, section 10.2.1)
PLACES = frozenset({"z", "x", "y", "-y", "s", "key", "TileMatrix", "TileCol", "TileRow"})
# services whose maps of China are in GCJ-02 or BD-09, whatever anybody says of them
SHIFTED = ("autonavi.com", "amap.com", "gtimg.com", "map.qq.com", "bdimg.com", "baidu.com", "google.cn")
NOT_BESIDE = (
    "GCJ-02 and BD-09 shift places by 100 to 700 m, tiles cannot be put right, and nothing of ours would lie where it "
    "is; expected a map in WGS84 or CGCS2000"
)
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]


# what stands in a header of every page: nothing in it may end a directive there
HOST = re.compile(r"(?:[A-Za-z0-9-]|\{s\})+(?:\.(?:[A-Za-z0-9-]|\{s\})+)*(?::\d{1,5})?", re.ASCII)


class BaseMapIn(Given):
    """`address` has {z}, {x}, {y} or {-y} (counted from the south), {s} for one of `subdomains` and {key}. `key`: left
    out, the one that is there stays. `direct`: browsers fetch tiles themselves, else we do for them. `zoom_offset` is
    added to the zoom where the service numbers its levels otherwise."""

    title_zh: Title
    title_en: Title
    address: str = Field(min_length=1, max_length=2000)
    subdomains: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,20}$")]] = Field([], max_length=20)
    key: str | None = Field(None, min_length=1, max_length=200)
    direct: bool = False
    attribution: str = Field(min_length=1, max_length=300)
    attribution_url: str | None = Field(None, max_length=500, pattern=r"^https?://")
    min_zoom: int = Field(0, ge=0, le=22)
    max_zoom: int = Field(18, ge=0, le=22)
    tile_size: Literal[256, 512] = 256
    zoom_offset: int = Field(0, ge=-5, le=5)
    datum: str = Field("WGS84", max_length=20)
    position: int = Field(0, ge=0, le=10_000)

    @field_validator("address")
    @classmethod
    def known_places(cls, value: str) -> str:
        found = {_plain(name) for name in PLACE.findall(value)}
        unknown = set(PLACE.findall(value)) - PLACES
        if unknown or "{" in PLACE.sub("", value) or "}" in PLACE.sub("", value):
            raise unfit(
                "map_places", "expected of what stands in braces {expected}", expected=", ".join(sorted(PLACES))
            )
        if not {"z", "x"} <= found or len({"y", "-y"} & found) != 1:
            raise unfit("map_tile", "expected {z}, {x} and one of {y} and {-y}")
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise unfit("map_address", "expected an address that begins with http:// or https:// and a host")
        if not HOST.fullmatch(parts.netloc):
            raise unfit("map_host", "expected a host of Latin letters, digits, points and {s}, with a port if need be")
        if not all("!" <= sign <= "~" for sign in value):
            raise unfit("map_signs", "expected ASCII without blanks: other characters percent-encoded")
        if any(parts.hostname == host or parts.hostname.endswith(f".{host}") for host in SHIFTED):
            raise unfit("map_shifted", NOT_BESIDE)
        if re.search(r"tilematrixset=c\b|_c/wmts", value, re.IGNORECASE):
            raise unfit(
                "map_projection", "expected tiles in EPSG:3857 (of the national map service those of matrix set w)"
            )
        return value

    @field_validator("datum")
    @classmethod
    def fits(cls, value: str) -> str:
        datum = DATUMS.get(re.sub(r"[\s_\-]", "", value).upper())
        if datum is None:
            raise unfit("one_of", "expected {expected}", expected="WGS84, CGCS2000")
        if datum in (Datum.GCJ02, Datum.BD09):
            raise unfit("map_shifted", NOT_BESIDE)
        return str(datum)

    @model_validator(mode="after")
    def whole(self) -> BaseMapIn:
        if ("{s}" in self.address) != bool(self.subdomains):
            raise unfit("map_subdomains", "subdomains: expected where, and only where, the address has {s}")
        if self.key is not None and "{key}" not in self.address:
            raise unfit("map_key", "address: expected {key} where the key stands")
        if self.min_zoom > self.max_zoom:
            raise unfit("map_zooms", "max_zoom: expected no less than min_zoom")
        if self.direct and self.zoom_offset:
            raise unfit("map_offset", "zoom_offset: expected 0 where browsers fetch the tiles themselves (direct)")
        return self


@dataclass(frozen=True, slots=True)
class BaseMap:
    """A base map as its row has it."""

    id: str
    title: Text
    address: str
    subdomains: tuple[str, ...]
    key: str | None
    direct: bool
    attribution: str
    attribution_url: str | None
    min_zoom: int
    max_zoom: int
    tile_size: int
    zoom_offset: int
    datum: str
    position: int
    version: int
    changed_at: datetime

    def tile(self, z: int, x: int, y: int) -> str:
        """The address of a tile, its row counted from the north. NotFound where the map has none."""
        if not self.min_zoom <= z <= self.max_zoom + 1 or not (0 <= x < 2**z and 0 <= y < 2**z):
            raise NotFound(f"tile: there is no tile {z}/{x}/{y} of {self.id}")
        said = {
            "z": str(z + self.zoom_offset),
            "x": str(x),
            "y": str(y),
            "-y": str(2**z - 1 - y),
            "s": self.subdomains[(x + y) % len(self.subdomains)] if self.subdomains else "",
            "key": quote(self.key or "", safe=""),
        }
        return PLACE.sub(lambda name: said[_plain(name[1])], self.address)

    def templates(self) -> list[str]:
        """Where a browser finds the tiles, as MapLibre takes it: of ours, or, where it is `direct`, of the service."""
        if not self.direct:
            return [f"/tiles/basemap/{self.id}/{{z}}/{{x}}/{{y}}?v={self.version}"]
        places = {"z": "{z}", "x": "{x}", "y": "{y}", "-y": "{y}", "key": quote(self.key or "", safe="")}
        return [
            PLACE.sub(lambda name, s=one: {**places, "s": s}[_plain(name[1])], self.address)  # type: ignore[misc]
            for one in self.subdomains or ("",)
        ]

    def hosts(self) -> list[str]:
        """Whom browsers ask: the origins of what is `direct`."""
        if not self.direct:
            return []
        found = [urlsplit(one) for one in self.templates()]
        return [f"{one.scheme}://{one.netloc}" for one in found]

    def as_layer(self) -> Layer:
        """As it stands in the tree."""
        raster: RasterTiles = {
            "tiles": self.templates(),
            "tile_size": self.tile_size,
            "max_zoom": self.max_zoom,
            "from_south": self.direct and "{-y}" in self.address,
            "attribution": self.attribution,
            "attribution_url": self.attribution_url,
        }
        return {
            "id": f"{PREFIX}{self.id}",
            "group": BASE_MAPS,
            "title": self.title,
            "geometry": "raster",
            "delivery": "raster",
            "url": raster["tiles"][0],
            "source_layer": None,
            "count": 0,
            "count_estimated": False,
            "visible": False,
            "min_zoom": self.min_zoom,
            "updated_at": None,
            "legend": [],
            "own": False,
            "style": None,
            "raster": raster,
        }


class BaseMapObject(TypedDict):
    """A base map as who administers it sees it: whether it has a key, and not which."""

    id: str
    title: Text
    address: str
    subdomains: list[str]
    has_key: bool
    direct: bool
    attribution: str
    attribution_url: str | None
    min_zoom: int
    max_zoom: int
    tile_size: int
    zoom_offset: int
    datum: str
    position: int
    version: int
    changed_at: str


def base_map_object(one: BaseMap) -> BaseMapObject:
    return {
        "id": one.id,
        "title": one.title,
        "address": one.address,
        "subdomains": list(one.subdomains),
        "has_key": one.key is not None,
        "direct": one.direct,
        "attribution": one.attribution,
        "attribution_url": one.attribution_url,
        "min_zoom": one.min_zoom,
        "max_zoom": one.max_zoom,
        "tile_size": one.tile_size,
        "zoom_offset": one.zoom_offset,
        "datum": one.datum,
        "position": one.position,
        "version": one.version,
        "changed_at": rfc3339(one.changed_at),
    }


def _plain(name: str) -> str:
    return {"TileMatrix": "z", "TileCol": "x", "TileRow": "y"}.get(name, name)


COLUMNS = """
id, title_zh, title_en, address, subdomains, key, direct, attribution, attribution_url, min_zoom, max_zoom, tile_size,
  zoom_offset, datum, position, version, changed_at
"""
WRITE = text(f"""
INSERT INTO base_map AS b (id, title_zh, title_en, address, subdomains, key, direct, attribution, attribution_url,
  min_zoom, max_zoom, tile_size, zoom_offset, datum, position, changed_at)
VALUES (:id, :title_zh, :title_en, :address, :subdomains, :key, :direct, :attribution, :attribution_url, :min_zoom,
  :max_zoom, :tile_size, :zoom_offset, :datum, :position, :now)
ON CONFLICT (id) DO UPDATE SET title_zh = EXCLUDED.title_zh, title_en = EXCLUDED.title_en, address = EXCLUDED.address,
  subdomains = EXCLUDED.subdomains,
  key = CASE WHEN position('{{key}}' IN EXCLUDED.address) > 0
    THEN COALESCE(EXCLUDED.key, CASE WHEN :same_place THEN b.key END) END,
  direct = EXCLUDED.direct, attribution = EXCLUDED.attribution, attribution_url = EXCLUDED.attribution_url,
  min_zoom = EXCLUDED.min_zoom, max_zoom = EXCLUDED.max_zoom, tile_size = EXCLUDED.tile_size,
  zoom_offset = EXCLUDED.zoom_offset, datum = EXCLUDED.datum, position = EXCLUDED.position,
  changed_at = EXCLUDED.changed_at, version = b.version + 1
RETURNING {COLUMNS}
""")


def write_base_map(conn: Connection, name: str, given: BaseMapIn, now: datetime) -> BaseMap:
    """A new one, or another description of one that is there. A key that is not said again stays only where it goes to
    whom it went before: InputError elsewhere."""
    before = next((one for one in read_base_maps(conn) if one.id == name), None)
    same = before is not None and _goes_to(before) == _goes_to(given)
    if "{key}" in given.address and given.key is None and before is not None and before.key and not same:
        told = "key: expected again where the address is another host's, or browsers fetch the tiles from now on"
        raise InputError(told, field="key", reason="key_again")
    written = {**given.model_dump(), "id": name, "now": now, "same_place": same}
    return _base_map(conn.execute(WRITE, written).one())


def _goes_to(one: BaseMap | BaseMapIn) -> tuple[str, str, bool]:
    """Who is told the key: the service, and whether browsers are."""
    parts = urlsplit(one.address)
    return parts.scheme, parts.netloc, one.direct


def read_base_maps(conn: Connection) -> list[BaseMap]:
    """In the order of the tree."""
    return list(map(_base_map, conn.execute(text(f"SELECT {COLUMNS} FROM base_map ORDER BY position, id"))))


def remove_base_map(conn: Connection, name: str) -> None:
    if not conn.execute(text("DELETE FROM base_map WHERE id = :id"), {"id": name}).rowcount:
        raise NotFound(f"id: there is no base map {name!r}", field="id")


def _base_map(row: Any) -> BaseMap:
    kept: Mapping[str, Any] = row._mapping
    told = {name: kept[name] for name in kept if not name.startswith("title_")}
    return BaseMap(**{**told, "subdomains": tuple(row.subdomains)}, title={"zh": row.title_zh, "en": row.title_en})
