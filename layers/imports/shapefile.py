"""In which characters a shapefile's table is written, and a copy of it that can be read strictly."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.errors import InputError
from core.faults import expects
from layers.imports import dbf
from layers.imports.letters import GB, UTF8, encoding_named

# dBASE language driver ids, byte 29 of a .dbf (the ones that ArcGIS and MapGIS write)
LANGUAGES = {
    0x4D: GB,
    0x7A: GB,
    0x4E: "cp949",
    0x79: "cp949",
    0x4F: "cp950",
    0x78: "cp950",
    0x13: "cp932",
    0x7B: "cp932",
}
WESTERN = {0x03: "cp1252", 0x57: "cp1252", 0x01: "cp437", 0x02: "cp850"}
SAMPLE = 20_000
BESIDE = (".shp", ".shx", ".prj", ".SHP", ".SHX", ".PRJ")


def table_of(path: Path) -> Path | None:
    """The .dbf beside a .shp."""
    return next((path.with_suffix(end) for end in (".dbf", ".DBF") if path.with_suffix(end).exists()), None)


def encoding_of_table(table: Path, wanted: str | None = None) -> str:
    """Named by a person, else by the file (`.cpg`), else by the table's language id, else UTF-8 or GB 18030, whichever
    it can be."""
    if wanted:
        chosen = encoding_named(wanted)
        if not dbf.is_text_of(table, chosen):
            told = f"encoding: {table.name} cannot be read as {chosen}; leave it out and it is found"
            raise InputError(told, field="encoding", about=expects("encoding", "encoding_other", name=chosen))
        return chosen
    said = _page_of(table)
    if said and dbf.is_text_of(table, said, SAMPLE):
        return said
    language = dbf.layout_of(table).language
    named = LANGUAGES.get(language)
    if named and dbf.is_text_of(table, named, SAMPLE):
        return named
    for name in (UTF8, GB):
        if dbf.is_text_of(table, name, SAMPLE):
            return name
    # a writer that knows no better says "western" of anything: it is asked last
    if (western := WESTERN.get(language)) and dbf.is_text_of(table, western, SAMPLE):
        return western
    told = f"encoding: {table.name} is neither UTF-8 nor GB 18030; expected that its encoding is named"
    raise InputError(told, field="encoding", about=expects("encoding", "encoding_unknown"))


def _page_of(table: Path) -> str | None:
    page = next((table.with_suffix(end) for end in (".cpg", ".CPG") if table.with_suffix(end).exists()), None)
    try:
        return encoding_named(page.read_text("ascii", "replace").strip()) if page else None
    except InputError:
        return None


def readable(path: Path, encoding: str, folder: Path) -> Path:
    """The shapefile itself, or a copy in `folder` without characters that are cut at the end of names and values, in
    which every name is there once."""
    table = table_of(path)
    if table is None or dbf.is_readable(table, encoding):
        return path
    folder.mkdir(parents=True, exist_ok=True)
    for end in BESIDE:
        if path.with_suffix(end).exists():
            shutil.copyfile(path.with_suffix(end), (folder / path.name).with_suffix(end.lower()))
    dbf.write_whole(table, (folder / path.name).with_suffix(".dbf"), encoding)
    return (folder / path.name).with_suffix(".shp")
