"""The tables of a file, read in pieces: rows as the file has them, shapes as it has them.

GDAL reads what has geometry and spreadsheets (pyogrio); text with separators is read here, for GDAL would guess its
encoding, its separator and its types before anybody has seen them.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
from numpy.typing import NDArray
from pyogrio.errors import DataSourceError, FeatureError, FieldError, GeometryError

from core.errors import InputError
from core.faults import expects
from core.i18n import say
from core.vocabulary import Text
from layers.imports.guess import ColumnType, type_of
from layers.imports.letters import check_text, encoding_named, encoding_of
from layers.imports.opening import TEXTUAL, Found, Kind
from layers.imports.shapefile import encoding_of_table, readable, table_of

AT_ONCE = 20_000
# drivers that begin anew with each piece read a large part at a time
AT_ONCE_FROM_START = 250_000
SAMPLE = 2000
SEPARATORS = ",;\t|"
WIDEST = 500
FAULTS = (DataSourceError, FeatureError, FieldError, GeometryError, UnicodeDecodeError, ValueError, RuntimeError)
# what GDAL makes of every KML file, whatever is in it
OF_KML = frozenset(
    {"id", "timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude", "visibility", "drawOrder", "icon"}
)
# how files of a kind are called; by the first one that is called otherwise
ENDINGS: dict[Kind, tuple[str, ...]] = {
    Kind.GEOPACKAGE: (".gpkg",),
    Kind.GEOJSON: (".geojson", ".json"),
    Kind.GEOJSON_SEQUENCE: (".geojsonl", ".geojsons"),
    Kind.KML: (".kml",),
    Kind.XLSX: (".xlsx",),
    Kind.OSM: (".osm", ".pbf"),
    Kind.DXF: (".dxf",),
}
SPREADSHEET = {"HEADERS": "FORCE", "FIELD_TYPES": "STRING"}
TYPES: dict[str, ColumnType] = {
    "OFTInteger": "integer",
    "OFTInteger64": "integer",
    "OFTReal": "number",
    "OFTDate": "date",
    "OFTDateTime": "time",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A column as the file has it, and what it seems to be."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that follow each other; `first` is the number of the first, from 1. `shapes` are None where text holds the
    place; `faults`: why a row cannot be read, by its place in the piece."""

    first: int
    rows: list[dict[str, Any]]
    shapes: NDArray[np.object_] | None
    faults: dict[int, Text]


@dataclass(frozen=True, slots=True)
class Table:
    """`count` is None where only reading tells; `crs` what the file says of its coordinates."""

    found: Found
    layer: str | None
    name: str
    count: int | None
    fields: tuple[Field, ...]
    crs: str | None
    encoding: str | None
    separator: str = ","
    random_access: bool = True

    @property
    def textual(self) -> bool:
        return self.found.kind in TEXTUAL

    def pieces(self, most: int | None = None) -> Iterator[Piece]:
        """All rows, or the first `most`."""
        if self.found.kind is Kind.CSV:
            yield from self._pieces_of_text(most)
            return
        at_once = AT_ONCE if self.random_access else AT_ONCE_FROM_START
        done = 0
        while most is None or done < most:
            wanted = at_once if most is None else min(at_once, most - done)
            piece = self._read(done, wanted)
            if piece.rows:
                yield piece
            done += len(piece.rows)
            if len(piece.rows) < wanted:
                return

    def _read(self, skip: int, wanted: int) -> Piece:
        try:
            frame = pyogrio.read_dataframe(
                self.found.path,
                layer=self.layer,
                encoding=self.encoding if self.found.kind is Kind.SHAPEFILE else None,
                skip_features=skip,
                max_features=wanted,
                read_geometry=not self.textual,
                datetime_as_string=True,
                on_invalid="fix",
                **(SPREADSHEET if self.found.kind is Kind.XLSX else {}),
            )
        except FAULTS as exc:
            raise InputError(
                f"file: {self.name}: {_first_line(exc, self.found.path)}",
                field="file",
                about=expects("file", "file_damaged"),
            ) from exc
        shapes = None
        if not self.textual:
            shapes = (
                np.asarray(frame["geometry"].values, dtype=object) if "geometry" in frame else np.full(len(frame), None)
            )
        frame = pd.DataFrame(frame).set_axis(unique(list(frame.columns)), axis=1)
        columns = [field.name for field in self.fields]
        values = [_plain(frame[name], field.type) for name, field in zip(columns, self.fields, strict=True)]
        rows = (
            [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
            if columns
            else [{}] * len(frame)
        )
        return Piece(skip + 1, rows, shapes, {})

    def _pieces_of_text(self, most: int | None) -> Iterator[Piece]:
        names = [field.name for field in self.fields]
        with _open_text(self.found.path, self.encoding or "utf-8") as lines:
            reader = csv.reader(lines, delimiter=self.separator)
            next(reader, None)
            number, rows, faults = 1, list[dict[str, Any]](), dict[int, Text]()
            try:
                for values in reader:
                    if not any(value.strip() for value in values):
                        continue
                    if len(values) > len(names) and any(value.strip() for value in values[len(names) :]):
                        faults[len(rows)] = say("refused.fields", n=len(names), got=len(values))
                    filled = [value.strip() or None for value in values] + [None] * (len(names) - len(values))
                    rows.append(dict(zip(names, filled, strict=False)))
                    if len(rows) == AT_ONCE or (most is not None and number + len(rows) > most):
                        yield Piece(number, rows, None, faults)
                        number, rows, faults = number + len(rows), [], {}
                        if most is not None and number > most:
                            return
            except (csv.Error, UnicodeDecodeError) as exc:
                raise InputError(
                    f"file: {self.name}: row {number + len(rows)}: {exc}",
                    field="file",
                    about=expects("file", "file_row", row=str(number + len(rows))),
                ) from exc
            if rows:
                yield Piece(number, rows, None, faults)


def _first_line(exc: Exception, path: Path) -> str:
    """What a reader complains of, without where the file lies here."""
    said = str(exc).replace(str(path), path.name).replace(str(path.parent), "")
    return (said.splitlines() or [type(exc).__name__])[0][:300]


def _plain(column: pd.Series, kind: ColumnType) -> list[Any]:
    """Values of JSON; None where there is none."""
    missing = column.isna().to_numpy()
    values = column.tolist()
    if kind == "integer":
        return [None if gone else int(value) for value, gone in zip(values, missing, strict=True)]
    if kind == "text":
        return [None if gone else str(value).strip() or None for value, gone in zip(values, missing, strict=True)]
    if kind in ("date", "time"):
        return [None if gone else str(value) for value, gone in zip(values, missing, strict=True)]
    if kind == "boolean":  # with gaps among them they come as 1.0 and 0.0
        return [None if gone else bool(value) for value, gone in zip(values, missing, strict=True)]
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def tables_of(found: Sequence[Found], folder: Path, encoding: str | None = None) -> list[Table]:
    """All tables that can be read, those with rows first; copies that have to be made lie in `folder`. InputError where
    there is none."""
    tables = [table for one in found for table in _tables_of(one, folder, encoding)]
    if not tables:
        raise InputError("file: there is no table in it", field="file", about=expects("file", "file_no_table"))
    return sorted(tables, key=lambda table: table.count == 0)


def _tables_of(found: Found, folder: Path, encoding: str | None) -> Iterator[Table]:
    if found.kind is Kind.CSV:
        yield _text_table(found, encoding)
        return
    used = None
    if found.kind is Kind.SHAPEFILE and (table := table_of(found.path)):
        used = encoding_of_table(table, encoding)
        found = replace(found, path=readable(found.path, used, folder / "whole"))
    found = replace(found, path=_named(found, folder / "named"))
    try:
        layers = pyogrio.list_layers(found.path)
        for name, geometry in layers:
            if geometry is None and found.kind not in TEXTUAL and len(layers) > 1 and found.kind is not Kind.GEOPACKAGE:
                continue  # tables of attributes beside the layers
            yield _table(found, str(name), len(layers), used)
    except FAULTS as exc:
        raise InputError(
            f"file: {found.name}: {_first_line(exc, found.path)}", field="file", about=expects("file", "file_damaged")
        ) from exc


def _named(found: Found, folder: Path) -> Path:
    """The file under a name by which GDAL takes it for what it is: it goes by names where text could be several
    things."""
    if found.path.is_dir() or not (endings := ENDINGS.get(found.kind)) or found.path.name.lower().endswith(endings):
        return found.path
    folder.mkdir(exist_ok=True)
    path = folder / f"{found.path.stem}{endings[0]}"
    try:
        path.hardlink_to(found.path)
    except OSError:  # on another disk
        shutil.copyfile(found.path, path)
    return path


def _table(found: Found, layer: str, layers: int, encoding: str | None) -> Table:
    options = SPREADSHEET if found.kind is Kind.XLSX else {}
    # an extract of OpenStreetMap is read to its end to be counted
    told = pyogrio.read_info(
        found.path, layer=layer, encoding=encoding, force_feature_count=found.kind is not Kind.OSM, **options
    )
    names = unique([str(name) for name in told["fields"]])
    kinds = zip(names, told["ogr_types"], told["ogr_subtypes"], strict=True)
    fields = [
        Field(name, "boolean" if sub == "OFSTBoolean" else TYPES.get(kind, "text"))
        for name, kind, sub in kinds
        if found.kind is not Kind.KML or name not in OF_KML
    ]
    count = int(told["features"])
    table = Table(
        found,
        layer,
        found.name if layers == 1 else layer,
        count if count >= 0 else None,
        tuple(fields),
        told["crs"],
        encoding,
        random_access=bool(told["capabilities"]["fast_set_next_by_index"]),
    )
    return _with_types(table) if found.kind is Kind.XLSX else table


def _text_table(found: Found, encoding: str | None) -> Table:
    with found.path.open("rb") as file:
        head = file.read(4 << 20)
    if encoding:
        used = encoding_named(encoding)
        check_text(head, used, found.path.name)
    else:
        used = encoding_of(head)
    try:
        with _open_text(found.path, used) as lines:
            first = next((line for line in lines if line.strip()), "")
    except UnicodeDecodeError as exc:
        raise InputError(
            f"encoding: {found.path.name}: {exc}", field="encoding", about=expects("encoding", "encoding_unknown")
        ) from exc
    separator = max(SEPARATORS, key=first.count)
    names = unique([name.strip() for name in next(csv.reader(io.StringIO(first), delimiter=separator), [])])
    if not names or len(names) > WIDEST:
        raise InputError(
            f"file: {found.path.name}: expected a first line with the names of 1 to {WIDEST} columns",
            field="file",
            about=expects("file", "file_heading", most=str(WIDEST)),
        )
    table = Table(found, None, found.name, None, tuple(Field(name, "text") for name in names), None, used, separator)
    return _with_types(table)


def unique(names: Sequence[str]) -> list[str]:
    """Every name once, none empty."""
    seen: dict[str, int] = {}
    out = []
    for place, name in enumerate(names, 1):
        said = name or f"column_{place}"
        seen[said] = seen.get(said, 0) + 1
        out.append(said if seen[said] == 1 else f"{said}_{seen[said]}")
    return out


def _with_types(table: Table) -> Table:
    """Types of columns of text by their first values."""
    rows = [row for piece in table.pieces(SAMPLE) for row in piece.rows]
    fields = tuple(Field(f.name, type_of(f.name, [row[f.name] for row in rows])) for f in table.fields)
    return Table(
        table.found,
        table.layer,
        table.name,
        table.count,
        fields,
        table.crs,
        table.encoding,
        table.separator,
        table.random_access,
    )


def _open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    return path.open("r", encoding=encoding, newline="")
