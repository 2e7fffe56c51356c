"""A layer of the city's own as a file, a piece at a time: GeoPackage, GeoJSON, CSV, XLSX, shapefile, KML."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from pyproj import CRS, Transformer
from sqlalchemy import Connection, text

from core.crs import Datum, from_wgs84
from core.errors import InputError
from core.scope import EVERYTHING, Scope, seen
from core.types import LonLat
from layers.columns import Column
from layers.formats import FORMATS, format_of
from layers.imports.places import Array, Reference, Way, reference_named
from layers.own import OwnLayer

AT_ONCE = 5000
# a shapefile's names have ten bytes, in UTF-8
NAME_BYTES = 10
PLACES = 7
ROWS = text(f"""
SELECT key, props, ST_AsBinary(geom) AS geom FROM layer_row
WHERE layer_id = :layer AND {seen("district", ":classification")} ORDER BY id
""")


def export(conn: Connection, layer: OwnLayer, path: Path, datum: str = "WGS84", scope: Scope = EVERYTHING) -> int:
    """Write what a scope sees of a layer; how many rows that were. GeoJSON and KML know WGS 84 alone (RFC 7946 section
    4, OGC 12-007r2), and take another datum only where it is asked for by name."""
    ending = format_of(path)
    reference = reference_named(datum)
    rows = read_rows(conn, layer, scope)
    if ending == "csv":
        return _write_text(layer, path, rows, reference)
    if ending == "zip":
        return _write_shapefile(layer, path, rows, reference)
    return _write_frames(layer, path, rows, reference, FORMATS[ending] or "", layer.columns)


def read_rows(conn: Connection, layer: OwnLayer, scope: Scope) -> Iterator[list[Any]]:
    """In pieces, in the order of their numbers."""
    given = {"layer": layer.id, "classification": layer.classification, **scope.params()}
    streamed = {"stream_results": True, "yield_per": AT_ONCE}
    result = conn.execute(ROWS, given, execution_options=streamed)
    yield from map(list, result.partitions())


def way_from(reference: Reference) -> Way:
    """From WGS 84 to what is asked for."""
    if reference.datum in (Datum.GCJ02, Datum.BD09):
        datum = reference.datum
        return lambda xy: np.array([_shifted(float(x), float(y), datum) for x, y in xy]).reshape(-1, 2)
    there = Transformer.from_crs(CRS.from_epsg(4326), CRS.from_user_input(reference.crs), always_xy=True)

    def project(xy: Array) -> Array:
        return np.column_stack(there.transform(xy[:, 0], xy[:, 1]))

    return project


def _shifted(lon: float, lat: float, datum: Datum) -> tuple[float, float]:
    found = from_wgs84(LonLat(lon, lat), datum)
    return found.lon, found.lat


def _shapes(rows: list[Any], reference: Reference) -> Any:
    shapes = shapely.from_wkb([None if row.geom is None else bytes(row.geom) for row in rows])
    plain = reference.crs is not None and CRS.from_user_input(reference.crs).to_epsg() in (4326, 4490)
    if plain and reference.datum not in (Datum.GCJ02, Datum.BD09):
        return shapes
    return shapely.transform(shapes, way_from(reference))


def _value(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _write_text(layer: OwnLayer, path: Path, rows: Iterator[list[Any]], reference: Reference) -> int:
    """With a byte-order mark, without which Excel takes UTF-8 for something else."""
    names = [column.name for column in layer.columns]
    place = ["lon", "lat"] if layer.geometry == "point" else ["wkt"] if layer.geometry != "none" else []
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, *place])
        for piece in rows:
            for row, shape in zip(piece, _shapes(piece, reference), strict=True):
                where: list[Any] = [""] * len(place)
                if shape is not None:
                    where = [round(shape.x, PLACES), round(shape.y, PLACES)] if place[0] == "lon" else [shape.wkt]
                values = [row.props.get(name) for name in names]
                writer.writerow(["" if value is None else _value(value) for value in values] + where)
                count += 1
    return count


def _frame(
    layer: OwnLayer, rows: list[Any], reference: Reference, columns: tuple[Column, ...], names: list[str]
) -> gpd.GeoDataFrame:
    data = {
        name: [_value(row.props.get(column.name)) for row in rows] for name, column in zip(names, columns, strict=True)
    }
    crs = None if reference.datum in (Datum.GCJ02, Datum.BD09) else reference.crs
    return gpd.GeoDataFrame(data, geometry=_shapes(rows, reference), crs=crs)


def _write_frames(
    layer: OwnLayer,
    path: Path,
    rows: Iterator[list[Any]],
    reference: Reference,
    driver: str,
    columns: tuple[Column, ...],
    names: list[str] | None = None,
) -> int:
    """A piece after the other into one file."""
    # a GeoPackage numbers its rows in a column `fid` of its own (QGIS#55896): ours is kept beside it
    used = names or ["fid_" if driver == "GPKG" and c.name.lower() in ("fid", "geom") else c.name for c in columns]
    count = 0
    for piece in rows:
        frame = _frame(layer, piece, reference, columns, used)
        data: Any = frame if driver != "XLSX" else _flat(frame, layer)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options = {"layer": layer.id, "driver": driver, "append": count > 0}
            if driver == "ESRI Shapefile":
                options = {"driver": driver, "append": count > 0, "encoding": "utf-8"}
            pyogrio.write_dataframe(data, path, **options)
        count += len(piece)
    if not count:
        raise InputError(f"layer: there is nothing in {layer.id} that you may see", field="layer")
    return count


def _flat(frame: gpd.GeoDataFrame, layer: OwnLayer) -> Any:
    """A spreadsheet has no shapes: a place in two columns, else as text."""
    flat = frame.drop(columns="geometry")
    if layer.geometry == "point":
        flat["lon"], flat["lat"] = frame.geometry.x, frame.geometry.y
    elif layer.geometry != "none":
        flat["wkt"] = frame.geometry.to_wkt()
    return flat


def _write_shapefile(layer: OwnLayer, path: Path, rows: Iterator[list[Any]], reference: Reference) -> int:
    """In an archive, with what its short names stand for beside it."""
    names = short_names([column.name for column in layer.columns])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="onemap-export-")))
        count = _write_frames(
            layer, folder / f"{layer.id}.shp", rows, reference, "ESRI Shapefile", layer.columns, names
        )
        (folder / f"{layer.id}.names.txt").write_text(
            "\n".join(f"{short},{column.name}" for short, column in zip(names, layer.columns, strict=True)), "utf-8-sig"
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
