"""Files that are written here a row at a time, so that a layer of any size takes no more memory than a piece of it:
CSV, GeoJSON (RFC 7946), KML 2.3 (OGC 12-007r2) and XLSX (by XlsxWriter). The rest is GDAL's (layers.exports)."""

from __future__ import annotations

import csv
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

import orjson
import shapely
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from core.errors import InputError
from core.faults import expects
from layers.columns import Column, ColumnType

# of a sheet; of a cell, in characters (Excel's own limits)
SHEET_ROWS, CELL = 1_048_576, 32_767
# what XML 1.0 cannot say
UNSAYABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Heads:
    """What a file is called, the columns of its rows, and whether their places are points, of which a table has two
    columns, else shapes, of which it has one, or nothing."""

    name: str
    columns: tuple[Column, ...]
    place: tuple[str, ...]


class Writer(ABC):
    """One row after the other."""

    @abstractmethod
    def write(self, values: Sequence[Any], shape: shapely.Geometry | None) -> None: ...


Opened = Callable[[Path, Heads], Any]


def located(heads: Heads, shape: shapely.Geometry | None) -> list[Any]:
    """A place in the cells of a table, to the last digit: what comes in again is what went out."""
    if shape is None or not heads.place:
        return [None] * len(heads.place)
    if len(heads.place) == 2:
        return [shape.x, shape.y] if shape.geom_type == "Point" else [shape.centroid.x, shape.centroid.y]
    return [shapely.to_wkt(shape, rounding_precision=-1)]


# --- CSV --------------------------------------------------------------------------------------------------------------


class _Csv(Writer):
    def __init__(self, file: IO[str], heads: Heads) -> None:
        self._heads = heads
        self._out = csv.writer(file)
        self._out.writerow([*(column.name for column in heads.columns), *heads.place])

    def write(self, values: Sequence[Any], shape: shapely.Geometry | None) -> None:
        self._out.writerow(["" if v is None else v for v in chain(values, located(self._heads, shape))])


@contextmanager
def csv_file(path: Path, heads: Heads) -> Iterator[Writer]:
    """With a byte-order mark, without which Excel takes UTF-8 for something else."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        yield _Csv(file, heads)


# --- GeoJSON ----------------------------------------------------------------------------------------------------------


class _GeoJson(Writer):
    def __init__(self, file: IO[bytes], heads: Heads) -> None:
        self._file = file
        self._names = [column.name for column in heads.columns]
        self._between = b""

    def write(self, values: Sequence[Any], shape: shapely.Geometry | None) -> None:
        geometry = None if shape is None else orjson.Fragment(shapely.to_geojson(shape))
        feature = {
            "type": "Feature",
            "properties": dict(zip(self._names, values, strict=True)),
            "geometry": geometry,
        }
        self._file.write(self._between + orjson.dumps(feature))
        self._between = b",\n"


@contextmanager
def geojson_file(path: Path, heads: Heads) -> Iterator[Writer]:
    with path.open("wb") as file:
        file.write(b'{"type":"FeatureCollection","name":' + orjson.dumps(heads.name) + b',"features":[\n')
        yield _GeoJson(file, heads)
        file.write(b"\n]}\n")


# --- KML --------------------------------------------------------------------------------------------------------------

KML_TYPES: Mapping[ColumnType, str] = {"integer": "int64", "number": "double", "boolean": "bool"}
KML_KINDS = {"Point": "Point", "LineString": "LineString", "LinearRing": "LineString"}


class _Kml(Writer):
    def __init__(self, file: IO[str], heads: Heads) -> None:
        self._file = file
        self._names = [attribute(column.name) for column in heads.columns]
        label = next((n for n, c in enumerate(heads.columns) if c.role == "label"), None)
        self._label = next((n for n, c in enumerate(heads.columns) if c.name == "name_zh"), label)

    def write(self, values: Sequence[Any], shape: shapely.Geometry | None) -> None:
        said = "".join(
            f"<SimpleData name={name}>{cell(value)}</SimpleData>"
            for name, value in zip(self._names, values, strict=True)
            if value is not None
        )
        name = None if self._label is None else values[self._label]
        called = "" if name is None else f"<name>{cell(name)}</name>"
        drawn = "" if shape is None else kml_of(shape)
        self._file.write(
            f'<Placemark>{called}<ExtendedData><SchemaData schemaUrl="#rows">{said}</SchemaData></ExtendedData>{drawn}'
            "</Placemark>\n"
        )


@contextmanager
def kml_file(path: Path, heads: Heads) -> Iterator[Writer]:
    with path.open("w", encoding="utf-8") as file:
        fields = "".join(
            f'<SimpleField type="{KML_TYPES.get(column.type, "string")}" name={attribute(column.name)}/>'
            for column in heads.columns
        )
        file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n'
            f'<Schema name="rows" id="rows">{fields}</Schema>\n<Folder><name>{cell(heads.name)}</name>\n'
        )
        yield _Kml(file, heads)
        file.write("</Folder>\n</Document></kml>\n")


def kml_of(shape: shapely.Geometry) -> str:
    """A geometry (12-007r2, section 10)."""
    if shape.geom_type in KML_KINDS:
        kind = KML_KINDS[shape.geom_type]
        return f"<{kind}>{_coordinates(shape)}</{kind}>"
    if shape.geom_type == "Polygon":
        inner = "".join(
            f"<innerBoundaryIs><LinearRing>{_coordinates(ring)}</LinearRing></innerBoundaryIs>"
            for ring in shape.interiors
        )
        outer = _coordinates(shape.exterior)
        return f"<Polygon><outerBoundaryIs><LinearRing>{outer}</LinearRing></outerBoundaryIs>{inner}</Polygon>"
    return f"<MultiGeometry>{''.join(map(kml_of, shape.geoms))}</MultiGeometry>"


def _coordinates(shape: shapely.Geometry) -> str:
    return f"<coordinates>{' '.join(f'{x!r},{y!r}' for x, y in shapely.get_coordinates(shape).tolist())}</coordinates>"


def sayable(value: object) -> str:
    """Text of XML."""
    return UNSAYABLE.sub("", "true" if value is True else "false" if value is False else str(value))


def cell(value: object) -> str:
    return escape(sayable(value))


def attribute(value: object) -> str:
    """With its quotes."""
    return quoteattr(sayable(value))


# --- XLSX -------------------------------------------------------------------------------------------------------------


class _Xlsx(Writer):
    def __init__(self, sheet: Worksheet, heads: Heads) -> None:
        self._sheet, self._heads, self._row = sheet, heads, 0
        self._names = [*(column.name for column in heads.columns), *heads.place]
        self._line(self._names)

    def write(self, values: Sequence[Any], shape: shapely.Geometry | None) -> None:
        self._line([*values, *located(self._heads, shape)])

    def _line(self, values: Sequence[Any]) -> None:
        self._row += 1
        if self._row > SHEET_ROWS:
            told = f"format: a sheet has at most {SHEET_ROWS - 1:,} rows; expected csv, gpkg or a filter"
            raise InputError(told, field="format", about=expects("format", "sheet_rows", most=f"{SHEET_ROWS - 1:,}"))
        for number, value in enumerate(values):
            if value is not None:
                self._cell(number, value)

    def _cell(self, number: int, value: object) -> None:
        at = (self._row - 1, number)
        if isinstance(value, bool):
            self._sheet.write_boolean(*at, value)
        elif isinstance(value, (int, float)):
            self._sheet.write_number(*at, value)
        else:
            words = sayable(value)
            if len(words) > CELL:
                told = f"format: a cell of a sheet has at most {CELL:,} characters, and {self._names[number]} of row "
                told += f"{self._row - 1} has {len(words):,}; expected gpkg, geojson, zip, kml or csv"
                raise InputError(
                    told,
                    field="format",
                    about=expects("format", "sheet_cell", most=f"{CELL:,}", row=str(self._row - 1)),
                )
            # never a formula or a link, whatever it begins with
            self._sheet.write_string(*at, words)


@contextmanager
def xlsx_file(path: Path, heads: Heads) -> Iterator[Writer]:
    """One sheet, a row at a time."""
    with Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)}) as book:
        yield _Xlsx(book.add_worksheet(re.sub(r"[\[\]:*?/\\]", "_", heads.name)[:31]), heads)


OPENED: Mapping[str, Opened] = {
    "csv": csv_file,
    "geojson": geojson_file,
    "kml": kml_file,
    "xlsx": xlsx_file,
}
