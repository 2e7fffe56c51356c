"""In which characters a file is written: by what it says, then by what it can be read as, never by hope.

The order: a shapefile's `.cpg`, the language id of its table, strict UTF-8, GB 18030 (which holds GBK and GB 2312).
Whoever brings a file may say otherwise; where it then cannot be read so, that is an error and not a guess.
"""

from __future__ import annotations

import codecs
import zipfile
from pathlib import Path

from core.errors import InputError

GB = "gb18030"
UTF8 = "utf-8"
# dBASE language driver ids, byte 29 of a .dbf (dBASE 7 header; the ones that ArcGIS and MapGIS write)
LANGUAGES = {0x4D: GB, 0x7A: GB, 0x4E: "cp949", 0x79: "cp949", 0x4F: "cp950", 0x78: "cp950", 0x13: "cp932", 0x7B: "cp932"}
WESTERN = {0x03: "cp1252", 0x57: "cp1252", 0x01: "cp437", 0x02: "cp850"}
# names that files give to encodings and Python does not know by them
SPELLED = {"936": GB, "cp936": GB, "gbk": GB, "gb2312": GB, "ansi 936": GB, "oem 936": GB, "65001": UTF8, "utf8": UTF8}
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
SAMPLE = 4 << 20


def encoding_named(name: str) -> str:
    """The encoding that people call so. InputError where there is none."""
    wanted = SPELLED.get(name.strip().lower().replace("_", " "), name.strip())
    try:
        return codecs.lookup(wanted).name
    except LookupError:
        raise InputError(f"encoding: expected utf-8, gbk, gb18030 …, got {name[:40]!r}", field="encoding") from None


def encoding_of(body: bytes) -> str:
    """Of text without a word about itself: a byte-order mark, UTF-8 if it is, else GB 18030 if it is. `body` may end
    within a character."""
    for mark, name in BOMS:
        if body.startswith(mark):
            return name
    for name in (UTF8, GB):
        if reads(body, name):
            return name
    raise InputError("encoding: this is neither UTF-8 nor GB 18030 text; expected that its encoding is named", field="encoding")


def reads(body: bytes, encoding: str) -> bool:
    """Whether it can be text of this encoding, the last character cut or not."""
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(body, final=False)
    except UnicodeDecodeError:
        return False
    return True


def check_text(body: bytes, encoding: str, name: str) -> None:
    """InputError where what somebody named cannot be it."""
    if not reads(body, encoding):
        raise InputError(f"encoding: {name} cannot be read as {encoding}; leave it out and it is found", field="encoding")


def encoding_of_table(table: Path, wanted: str | None = None) -> str:
    """Of a shapefile's .dbf: named by a person, else in the order above."""
    with table.open("rb") as file:
        header = file.read(32)
        body = file.read(SAMPLE)
    text = bytes(byte for byte in body if byte)
    if wanted:
        chosen = encoding_named(wanted)
        check_text(text, chosen, table.name)
        return chosen
    page = table.with_suffix(".cpg") if table.with_suffix(".cpg").exists() else table.with_suffix(".CPG")
    if page.exists():
        said = page.read_text("ascii", "replace").strip()
        try:
            told = encoding_named(said)
        except InputError:
            told = ""
        if told and reads(text, told):
            return told
    language = header[29] if len(header) > 29 else 0
    for known in (LANGUAGES, WESTERN):
        # a writer that knows no better says "western" of anything: of what is more than ASCII the bytes decide
        if (named := known.get(language)) and reads(text, named) and (known is LANGUAGES or not reads(text, UTF8)):
            return GB if known is WESTERN and reads(text, GB) and not text.isascii() else named
    return encoding_of(text)


def decode_name(entry: zipfile.ZipInfo) -> str:
    """The name of an archive's entry: what does not say that it is UTF-8 (flag bit 11, APPNOTE 4.4.4) was read as code
    page 437 and is mostly UTF-8 or GBK."""
    if entry.flag_bits & 0x800:
        return entry.filename
    raw = entry.filename.encode("cp437", "replace")
    for name in (UTF8, GB):
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
    return entry.filename
