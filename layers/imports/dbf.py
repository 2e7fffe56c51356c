"""The table of a shapefile (dBASE III, the fields that GDAL does not judge): which bytes are text, and a copy in which
no character is cut and no name is twice.

Names of ten bytes and values of fixed width end in the middle of a character where a program counted bytes
(mapshaper#669, pyshp#416); whoever reads strictly then reads nothing. Two names may be one once they are cut
(主管部门名称, 主管部门代码); whoever reads by names then reads the last column for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from layers.imports.letters import reads

HEADER, DESCRIPTOR = 32, 32
NAME_BYTES = 11
TEXT = b"C"
AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Field:
    """`at`: where its value begins in a record."""

    name: bytes
    kind: bytes
    at: int
    width: int


@dataclass(frozen=True, slots=True)
class Layout:
    language: int
    fields: tuple[Field, ...]
    begin: int
    record: int


def layout_of(path: Path) -> Layout:
    with path.open("rb") as file:
        head = file.read(HEADER)
        begin, record = int.from_bytes(head[8:10], "little"), int.from_bytes(head[10:12], "little")
        body = file.read(max(0, begin - HEADER))
    fields: list[Field] = []
    at = 1  # the mark of deletion
    for start in range(0, len(body) - DESCRIPTOR + 1, DESCRIPTOR):
        one = body[start : start + DESCRIPTOR]
        if one[:1] == b"\r":
            break
        fields.append(Field(one[:NAME_BYTES].split(b"\x00")[0], one[11:12], at, one[16]))
        at += one[16]
    return Layout(head[29] if len(head) > 29 else 0, tuple(fields), begin, max(record, 1))


def texts(path: Path, most: int | None = None) -> Iterator[bytes]:
    """Every name and every value that is text, of the first `most` records."""
    layout = layout_of(path)
    yield from (field.name for field in layout.fields)
    columns = [field for field in layout.fields if field.kind == TEXT]
    for record in _records(path, layout, most):
        for field in columns:
            if value := record[field.at : field.at + field.width].rstrip(b" \x00"):
                yield value


def _records(path: Path, layout: Layout, most: int | None = None) -> Iterator[bytes]:
    done = 0
    with path.open("rb") as file:
        file.seek(layout.begin)
        while block := file.read(layout.record * AT_ONCE):
            for start in range(0, len(block) - layout.record + 1, layout.record):
                if most is not None and done >= most:
                    return
                done += 1
                yield block[start : start + layout.record]


def is_text_of(path: Path, encoding: str, most: int | None = None) -> bool:
    """Whether all its text can be of this encoding, the last character of each cut or not."""
    return all(one.isascii() or reads(one, encoding) for one in texts(path, most))


def is_readable(path: Path, encoding: str) -> bool:
    """Whether every name and text ends with a whole character, and no two names are one."""
    names = [field.name for field in layout_of(path).fields]
    if len({name.lower() for name in names}) < len(names):
        return False
    return all(_whole(one, encoding) == one for one in texts(path) if not one.isascii())


def _names(layout: Layout, encoding: str) -> list[bytes]:
    """Without characters that are cut; of those that are one then, all but the first end in a number."""
    taken: set[bytes] = set()
    found: list[bytes] = []
    for field in layout.fields:
        name = whole = _whole(field.name, encoding)
        number = 1
        while name.lower() in taken:
            number += 1
            end = str(number).encode()
            name = _whole(whole[: NAME_BYTES - 1 - len(end)], encoding) + end
        taken.add(name.lower())
        found.append(name)
    return found


def _whole(value: bytes, encoding: str) -> bytes:
    """Without the character that is cut at its end."""
    try:
        value.decode(encoding)
    except UnicodeDecodeError as exc:
        return value[: exc.start] if exc.end >= len(value) else value
    return value


def write_whole(path: Path, target: Path, encoding: str) -> None:
    """A copy of the table without characters that are cut, every name once."""
    layout = layout_of(path)
    with path.open("rb") as source, target.open("wb") as out:
        head = bytearray(source.read(layout.begin))
        for number, name in enumerate(_names(layout, encoding)):
            start = HEADER + number * DESCRIPTOR
            head[start : start + NAME_BYTES] = name.ljust(NAME_BYTES, b"\x00")
        out.write(head)
        columns = [field for field in layout.fields if field.kind == TEXT]
        for record in _records(path, layout):
            kept = bytearray(record)
            for field in columns:
                value = record[field.at : field.at + field.width].rstrip(b" \x00")
                if not value.isascii():
                    kept[field.at : field.at + field.width] = _whole(value, encoding).ljust(field.width)
            out.write(kept)
        out.write(b"\x1a")
