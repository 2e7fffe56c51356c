"""In which characters a file is written: by what it says, then by what it can be read as, never by hope.

The order: a shapefile's `.cpg`, the language id of its table (layers.imports.shapefile), strict UTF-8, GB 18030 (which
holds GBK and GB 2312). Whoever brings a file may say otherwise; where it then cannot be read so, that is an error and
not a guess.
"""

from __future__ import annotations

import codecs
import zipfile

from core.errors import InputError
from core.faults import expects

GB = "gb18030"
UTF8 = "utf-8"
# names that files give to encodings and Python does not know by them
SPELLED = {"936": GB, "cp936": GB, "gbk": GB, "gb2312": GB, "ansi 936": GB, "oem 936": GB, "65001": UTF8, "utf8": UTF8}
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_named(name: str) -> str:
    """The encoding that people call so. InputError where there is none."""
    wanted = SPELLED.get(name.strip().lower().replace("_", " "), name.strip())
    try:
        return codecs.lookup(wanted).name
    except LookupError:
        raise InputError(
            f"encoding: expected utf-8, gbk, gb18030 …, got {name[:40]!r}",
            field="encoding",
            about=expects("encoding", "encoding_name"),
        ) from None


def encoding_of(body: bytes) -> str:
    """Of text without a word about itself: a byte-order mark, UTF-8 if it is, else GB 18030 if it is. `body` may end
    within a character."""
    for mark, name in BOMS:
        if body.startswith(mark):
            return name
    for name in (UTF8, GB):
        if reads(body, name):
            return name
    raise InputError(
        "encoding: this is neither UTF-8 nor GB 18030 text; expected that its encoding is named",
        field="encoding",
        about=expects("encoding", "encoding_unknown"),
    )


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
        raise InputError(
            f"encoding: {name} cannot be read as {encoding}; leave it out and it is found",
            field="encoding",
            about=expects("encoding", "encoding_other", name=encoding),
        )


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
