"""A layer as a file, ours or the city's own, a piece at a time: GeoPackage, GeoJSON, CSV, XLSX, shapefile, KML. What
goes out is what OGC API Features shows of the same collection: its columns, its scope, its filters."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS, Transformer
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError

from core.clock import rfc3339
from core.crs import Datum, from_wgs84
from core.errors import InputError
from core.faults import expects
from core.scope import EVERYTHING, Scope
from core.types import LonLat
from layers.collection import Collection
from layers.columns import Column, ColumnType
from layers.formats import FORMATS, format_of
from layers.imports.places import Array, Reference, Way, reference_named
from layers.ogc.query import Asked, where
from layers.writers import OPENED, Heads

AT_ONCE = 5000
# a shapefile's names have ten bytes, in UTF-8
NAME_BYTES = 10
SHIFTED = (Datum.GCJ02, Datum.BD09)
# how a piece holds a column, that a piece without a value is no other type than the one before
DTYPES: dict[ColumnType, str] = {"integer": "Int64", "number": "Float64", "boolean": "boolean"}
Shapes = Any


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that follow each other: their values in the order of the columns, and their shapes."""

    values: list[tuple[Any, ...]]
    shapes: Shapes


def export(
    conn: Connection,
    one: Collection,
    path: Path,
    datum: str = "WGS84",
    scope: Scope = EVERYTHING,
    asked: Asked | None = None,
) -> int:
    """Write what a scope sees of a layer, as far as its box and filter say; how many rows that were. GeoJSON and KML
    know WGS 84 alone (RFC 7946 section 4, OGC 12-007r2), and take another datum only where it is asked for by name."""
    ending = format_of(path)
    reference = reference_named(datum)
    way = way_from(reference)
    source = Source(one, *where(one, asked or Asked(), scope))
    pieces = read_pieces(conn, source, way)
    if ending in OPENED:
        return _write_rows(one, path, pieces, ending, source.kinds(conn))
    crs = None if reference.datum in SHIFTED else reference.crs
    if ending == "zip":
        return _write_shapefile(one, path, pieces, crs, source.kinds(conn))
    return _write_frames(one, path, pieces, crs, FORMATS[ending] or "", source.kinds(conn))


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of a collection that are asked for, in the order of their keys."""

    one: Collection
    conditions: list[str]
    given: dict[str, Any]

    @property
    def sql(self) -> str:
        shown = [f"{sql} AS c{number}" for number, (_, sql) in enumerate(self.one.outgoing)]
        shown.append(f"ST_AsBinary({self.one.geom}) AS shape")
        return f"SELECT {', '.join(shown)} FROM {self._from} ORDER BY {self.one.key}"

    @property
    def _from(self) -> str:
        return f"{self.one.source} WHERE {' AND '.join(self.conditions)}"

    def kinds(self, conn: Connection) -> frozenset[str]:
        """Of which kinds the shapes are: a file has to know before the first row."""
        sql = text(f"SELECT DISTINCT GeometryType({self.one.geom}) FROM {self._from}")
        return frozenset(kind for kind in _told(lambda: conn.scalars(sql, self.given).all()) if kind)


def _told(run: Callable[[], Any]) -> Any:
    """A filter that cannot be computed for some row is a fault of who asks."""
    try:
        return run()
    except DataError as exc:
        raise InputError(
            "filter: expected what can be computed for every row", field="filter", about=expects("filter", "computable")
        ) from exc


def read_pieces(conn: Connection, source: Source, way: Way | None) -> Iterator[Piece]:
    """In pieces, from a cursor of the database: never more of a layer than one of them."""
    streamed = {"stream_results": True, "max_row_buffer": AT_ONCE}
    result = conn.execute(text(source.sql), source.given, execution_options=streamed)
    # said here: of what is said beforehand alone it makes one piece
    for rows in result.partitions(AT_ONCE):
        shapes = shapely.from_wkb([None if row.shape is None else bytes(row.shape) for row in rows])
        shapes = shapes if way is None else shapely.transform(shapes, way)
        yield Piece([tuple(map(_plain, row[:-1])) for row in rows], shapes)


def _plain(value: Any) -> Any:
    """What every format can say: days and times as ISO 8601."""
    if isinstance(value, datetime):
        return rfc3339(value)
    return value.isoformat() if isinstance(value, date) else value


def way_from(reference: Reference) -> Way | None:
    """From WGS 84 to what is asked for; None where that is the same."""
    if reference.datum in SHIFTED:
        datum = reference.datum
        return lambda xy: np.array([_shifted(float(x), float(y), datum) for x, y in xy]).reshape(-1, 2)
    wanted = CRS.from_user_input(reference.crs)
    if wanted.to_epsg() in (4326, 4490):
        return None
    there = Transformer.from_crs(CRS.from_epsg(4326), wanted, always_xy=True)

    def project(xy: Array) -> Array:
        return np.column_stack(there.transform(xy[:, 0], xy[:, 1]))

    return project


def _shifted(lon: float, lat: float, datum: Datum) -> tuple[float, float]:
    found = from_wgs84(LonLat(lon, lat), datum)
    return found.lon, found.lat


def _nothing(one: Collection) -> InputError:
    return InputError(
        f"layer: there is nothing in {one.id} that you may see and asked for",
        field="layer",
        about=expects("layer", "nothing_there"),
    )


def _columns(one: Collection) -> tuple[Column, ...]:
    return tuple(column for column, _ in one.outgoing)


def _write_rows(one: Collection, path: Path, pieces: Iterator[Piece], ending: str, kinds: frozenset[str]) -> int:
    place = () if not one.drawn else ("lon", "lat") if kinds == {"POINT"} else ("wkt",) if kinds else ("lon", "lat")
    count = 0
    with OPENED[ending](path, Heads(one.id, _columns(one), place)) as writer:
        for piece in pieces:
            for values, shape in zip(piece.values, piece.shapes, strict=True):
                writer.write(values, shape)
            count += len(piece.values)
    if not count and ending != "csv":
        raise _nothing(one)
    return count


def _frame(one: Collection, piece: Piece, names: Sequence[str], crs: str | None) -> gpd.GeoDataFrame:
    held = zip(*piece.values, strict=True) if piece.values else [() for _ in names]
    data = {
        name: pd.Series(list(values), dtype=DTYPES.get(column.type, "object"))
        for name, column, values in zip(names, _columns(one), held, strict=True)
    }
    return gpd.GeoDataFrame(data, geometry=piece.shapes, crs=crs)


def _kind(kinds: frozenset[str]) -> str:
    """What a file says of its shapes: of those beside their collections the collections."""
    plain = {kind.removeprefix("MULTI") for kind in kinds}
    if len(plain) != 1:
        return "Unknown"
    [found] = plain
    words = {"POINT": "Point", "LINESTRING": "LineString", "POLYGON": "Polygon"}.get(found)
    if words is None:
        return "Unknown"
    return f"Multi{words}" if any(kind.startswith("MULTI") for kind in kinds) else words


def _write_frames(
    one: Collection,
    path: Path,
    pieces: Iterator[Piece],
    crs: str | None,
    driver: str,
    kinds: frozenset[str],
    names: list[str] | None = None,
) -> int:
    """A piece after the other into one file."""
    # a GeoPackage numbers its rows in a column `fid` of its own (QGIS#55896): ours is kept beside it
    used = names or ["fid_" if c.name.lower() in ("fid", "geom") else c.name for c in _columns(one)]
    kind = _kind(kinds)
    options: dict[str, Any] = {"layer": one.id, "driver": driver, "geometry_type": kind}
    if driver == "ESRI Shapefile":
        options = {"driver": driver, "encoding": "utf-8", "geometry_type": kind if kinds else "Point"}
    count = 0
    for piece in pieces:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = _frame(one, piece, used, crs)
            pyogrio.write_dataframe(frame, path, append=count > 0, promote_to_multi=kind.startswith("Multi"), **options)
        count += len(piece.values)
    if not count:
        raise _nothing(one)
    return count


def _write_shapefile(
    one: Collection, path: Path, pieces: Iterator[Piece], crs: str | None, kinds: frozenset[str]
) -> int:
    """In an archive, with what its short names stand for beside it."""
    columns = _columns(one)
    names = short_names([column.name for column in columns])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="onemap-export-")))
        count = _write_frames(one, folder / f"{one.id}.shp", pieces, crs, "ESRI Shapefile", kinds, names)
        (folder / f"{one.id}.names.txt").write_text(
            "\n".join(f"{short},{column.name}" for short, column in zip(names, columns, strict=True)), "utf-8-sig"
        )
        with ZipFile(path, "w", ZIP_DEFLATED) as archive:
            for part in sorted(folder.iterdir()):
                archive.write(part, part.name)
    return count


def short_names(names: list[str]) -> list[str]:
    """Each in ten bytes of UTF-8, cut between characters, none twice."""
    used: set[str] = set()
    out = []
    for name in names:
        short = _fitting(name, NAME_BYTES)
        number = 1
        while short.lower() in used:
            number += 1
            short = _fitting(name, NAME_BYTES - len(str(number))) + str(number)
        used.add(short.lower())
        out.append(short)
    return out


def _fitting(name: str, most: int) -> str:
    return name.encode()[:most].decode("utf-8", "ignore")
