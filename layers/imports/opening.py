"""A file that somebody brings: what it is by its content, not by its name, and unpacked where nothing can harm.

Whatever cannot be taken is an InputError that says what was expected.
"""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path, PurePosixPath

from core.errors import InputError
from core.faults import expects
from layers.imports.letters import decode_name

# what an archive may become: entries, bytes, bytes for one of the archive
ENTRIES, UNPACKED, RATIO = 10_000, 8 << 30, 250
# below this an archive may be packed however well
ALWAYS = 64 << 20
HEAD = 4096
SHAPE = b"\x00\x00\x27\x0a"
BLOCK = 1 << 20


class Kind(StrEnum):
    """What a file is."""

    GEOPACKAGE = "gpkg"
    SHAPEFILE = "shapefile"
    GEOJSON = "geojson"
    GEOJSON_SEQUENCE = "geojsonseq"
    KML = "kml"
    FILE_GEODATABASE = "filegdb"
    CSV = "csv"
    XLSX = "xlsx"
    OSM = "osm"
    DXF = "dxf"


# a table of a spreadsheet or of text has its place in columns
TEXTUAL = frozenset({Kind.CSV, Kind.XLSX})
WANTED = (
    "expected a GeoPackage, a shapefile (.shp with its .dbf and .shx, or zipped), GeoJSON, KML or KMZ, a zipped file "
    "geodatabase, CSV, XLSX, OpenStreetMap (.osm, .osm.pbf) or DXF"
)
BESIDE = (".gpkg", ".shp", ".geojson", ".json", ".geojsonl", ".kml", ".csv", ".xlsx", ".osm", ".pbf", ".dxf")


@dataclass(frozen=True, slots=True)
class Found:
    """One readable file among what was brought; `name` is what people call it."""

    kind: Kind
    path: Path
    name: str


def open_file(path: Path, folder: Path) -> list[Found]:
    """What can be read of `path`; archives are unpacked into `folder`, which is empty and ours."""
    if not path.exists():
        raise InputError(f"file: {path.name} is not there", field="file", about=expects("file", "file_gone"))
    if path.is_dir():
        found = list(_among(path))
    elif zipfile.is_zipfile(path):
        found = _open_archive(path, folder)
    else:
        found = [Found(kind_of(path), path, path.stem)]
    if not found:
        raise InputError(
            f"file: nothing in {path.name} can be read; {WANTED}", field="file", about=expects("file", "file_kind")
        )
    return found


def _open_archive(path: Path, folder: Path) -> list[Found]:
    with zipfile.ZipFile(path) as archive:
        if "xl/workbook.xml" in archive.namelist():
            _check_archive(archive, path.name)
            return [Found(Kind.XLSX, path, path.stem)]
        unpack(archive, folder, path.name)
    return list(_among(folder))


def _among(folder: Path) -> Iterator[Found]:
    """Readable files of a folder, in order of their names; a geodatabase is one folder."""
    if folder.suffix.lower() == ".gdb":
        yield Found(Kind.FILE_GEODATABASE, folder, folder.stem)
        return
    databases = sorted(one for one in folder.rglob("*") if one.is_dir() and _is_database(one))
    for one in databases:
        yield Found(Kind.FILE_GEODATABASE, one, one.stem)
    for one in sorted(folder.rglob("*")):
        if one.suffix.lower() not in BESIDE or not one.is_file() or any(one.is_relative_to(d) for d in databases):
            continue
        if one.name.startswith("._"):  # left there by macOS
            continue
        yield Found(kind_of(one), one, one.stem)


def _is_database(folder: Path) -> bool:
    return folder.suffix.lower() == ".gdb" or (folder / "a00000001.gdbtable").exists()


def kind_of(path: Path) -> Kind:
    """By its first bytes; by its name only where text could be several things."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(b"SQLite format 3\x00"):
        return Kind.GEOPACKAGE
    if head.startswith(SHAPE):
        return Kind.SHAPEFILE
    if head[:2] == b"PK" and zipfile.is_zipfile(path):
        return Kind.XLSX
    if b"OSMHeader" in head[:64]:
        return Kind.OSM
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n\x1e")
    if text.startswith(b"<"):
        return _kind_of_xml(path, head)
    if text.startswith(b"{"):
        return _kind_of_json(path, head)
    lines = [line.strip() for line in text.splitlines()[:200]]
    if text.startswith(b"AutoCAD Binary DXF") or lines[:2] == [b"0", b"SECTION"] or _is_commented_dxf(lines):
        return Kind.DXF
    if b"\x00" in head.replace(b"\x00\x00\x00", b"") and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(
            f"file: {path.name} cannot be read; {WANTED}", field="file", about=expects("file", "file_kind")
        )
    return Kind.CSV


def _is_commented_dxf(lines: list[bytes]) -> bool:
    return lines[:1] == [b"999"] and (b"0", b"SECTION") in pairwise(lines)


def _kind_of_xml(path: Path, head: bytes) -> Kind:
    refuse_doctype(path)
    if b"<kml" in head:
        return Kind.KML
    if b"<osm" in head:
        return Kind.OSM
    raise InputError(
        f"file: {path.name}: expected KML or OpenStreetMap XML", field="file", about=expects("file", "file_kind")
    )


def refuse_doctype(path: Path) -> None:
    """What declares entities of its own could grow without bound when it is read (a "billion laughs"); no map needs
    it."""
    tail = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            window = tail + block
            if b"<!DOCTYPE" in window or b"<!ENTITY" in window:
                raise InputError(
                    f"file: {path.name} declares a document type (DOCTYPE); expected plain XML",
                    field="file",
                    about=expects("file", "file_doctype"),
                )
            tail = block[-16:]


def _kind_of_json(path: Path, head: bytes) -> Kind:
    if head.lstrip(b"\xef\xbb\xbf").startswith(b"\x1e"):
        return Kind.GEOJSON_SEQUENCE
    first = head.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    try:
        whole = json.loads(first)
    except ValueError:
        return Kind.GEOJSON
    return Kind.GEOJSON_SEQUENCE if isinstance(whole, dict) and whole.get("type") == "Feature" else Kind.GEOJSON


def _check_archive(archive: zipfile.ZipFile, name: str) -> None:
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries) or 1
    if len(entries) > ENTRIES or total > UNPACKED or (total > ALWAYS and total / packed > RATIO):
        told = f"file: {name} would unpack to {len(entries):,} files of {total:,} bytes"
        most = f"expected at most {ENTRIES:,} files of {UNPACKED:,} bytes, packed at most {RATIO} to one"
        raise InputError(f"{told}; {most}", field="file", about=expects("file", "file_unpacks"))


def unpack(archive: zipfile.ZipFile, folder: Path, name: str) -> None:
    """Every file of an archive below `folder`: no link, no path that leads out of it, no more bytes than it says."""
    _check_archive(archive, name)
    for entry in archive.infolist():
        if entry.is_dir() or stat.S_ISLNK(entry.external_attr >> 16):
            continue
        parts = PurePosixPath(decode_name(entry).replace("\\", "/")).parts
        if not parts or any(part in ("..", "/") or ":" in part for part in parts):
            raise InputError(
                f"file: {name} has an entry {'/'.join(parts)!r} that leads out of it",
                field="file",
                about=expects("file", "file_leads_out"),
            )
        target = folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        left = entry.file_size
        with archive.open(entry) as source, target.open("wb") as out:
            while block := source.read(BLOCK):
                left -= len(block)
                if left < 0:
                    raise InputError(
                        f"file: {name}: {'/'.join(parts)} is longer than it says",
                        field="file",
                        about=expects("file", "file_damaged"),
                    )
                out.write(block)
