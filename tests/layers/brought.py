"""Files as people bring them, made on the spot."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from layers.imports.opening import open_file
from layers.imports.tables import Table, tables_of

# a place in the demo city
LON, LAT = 118.99, 31.35


def square(x: float = LON, y: float = LAT, size: float = 0.001) -> shapely.Polygon:
    return shapely.box(x, y, x + size, y + size)


def frame(shapes: list[Any], crs: str | None = "EPSG:4326", **columns: list[Any]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=np.array(shapes, dtype=object), crs=crs)


def shapefile(folder: Path, name: str, data: gpd.GeoDataFrame, encoding: str = "gbk", page: bool = True) -> Path:
    """A shapefile whose table says in which characters it is written, or not."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.shp"
    with warnings.catch_warnings():
        # names of ten bytes and what they are cut to
        warnings.simplefilter("ignore", RuntimeWarning)
        data.to_file(path, encoding=encoding, engine="pyogrio")
    if not page:
        path.with_suffix(".cpg").unlink()
    return path


def zipped(path: Path, files: dict[str, bytes], names: str | None = None) -> Path:
    """An archive; `names`: its entries' names are written in this encoding, and nothing says so."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    if names is None:
        return path
    body = path.read_bytes()
    for name in files:
        raw, said = name.encode(), name.encode(names)
        # names of one length keep the archive's offsets
        assert len(said) <= len(raw)
        body = body.replace(raw, said.rjust(len(raw), b"_"))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = body.find(mark)
        while at >= 0:
            flags = int.from_bytes(body[at + place : at + place + 2], "little") & ~0x800
            body = body[: at + place] + flags.to_bytes(2, "little") + body[at + place + 2 :]
            at = body.find(mark, at + 4)
    path.write_bytes(body)
    return path


def tables(path: Path, folder: Path, encoding: str | None = None) -> list[Table]:
    folder.mkdir(exist_ok=True)
    return tables_of(open_file(path, folder), folder, encoding)


def rows(table: Table) -> list[dict[str, Any]]:
    return [row for piece in table.pieces() for row in piece.rows]
