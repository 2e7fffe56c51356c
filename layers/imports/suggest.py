"""A plan for a table that nobody has looked at: suggested from what is there."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import shapely
from pypinyin import lazy_pinyin

from core.errors import InputError
from core.faults import expects, listed
from layers.imports.guess import CODES, degrees, key_among, pair, place_columns
from layers.imports.places import Array, Reference, reference_named, reference_of
from layers.imports.plan import MOST_COLUMNS, ColumnIn, Plan
from layers.imports.shapes import Family, families
from layers.imports.tables import Field as TableField
from layers.imports.tables import Piece, Table

LABELS = re.compile(r"(名称|name|标题|title|路名|简称)", re.I)
STATES = re.compile(r"(状态|state|status)", re.I)
CLASSES = re.compile(r"(类型|类别|种类|分类|type|class|kind|category|用地)", re.I)
SAMPLE = 2000
# of a column in a file
LONGEST = 200


def suggest(
    table: Table, name: str, datum: str | None = None, key: str | None = None, place: Sequence[str] | None = None
) -> tuple[Plan, Reference]:
    """A plan for a table that nobody has looked at, and how its coordinates are read; `place` are the columns of it
    where somebody has named them."""
    pieces = list(table.pieces(SAMPLE))
    rows = [row for piece in pieces for row in piece.rows]
    if table.textual and not place:
        place = place_columns([field.name for field in table.fields])
    sample, found = _look(pieces, place)
    reference = reference_named(datum) if datum else reference_of(table.crs, sample)
    used = set(place or ())
    columns = _columns([field for field in table.fields if field.name not in used][:MOST_COLUMNS])
    _give_roles(columns)
    if key is not None and key not in [column.name for column in columns]:
        told = f"key: expected one of {', '.join(column.name for column in columns)}; got {key!r}"
        raise InputError(
            told, field="key", about=expects("key", "one_of", expected=listed([column.name for column in columns]))
        )
    named = key or key_among([(c.name, [row[c.source] for row in rows]) for c in columns])
    title = name.strip()[:200] or "layer"
    plan = Plan(
        layer=layer_id(name),
        title_zh=title,
        title_en=title,
        geometry=next(iter(found), "none"),
        datum=datum or reference.crs or reference.name,
        key=named,
        x=place[0] if place else None,
        y=place[1] if place and len(place) == 2 else None,
        columns=columns,
    )
    return plan, reference


def layer_id(name: str) -> str:
    """A usable id: what is left of a name, else how it sounds, else one by its characters."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if plain and plain[0].isalpha():
        return plain[:48]
    spoken = "_".join("".join(lazy_pinyin(name, errors="ignore")).lower().split())
    sounds = re.sub(r"[^a-z0-9]+", "_", spoken).strip("_")
    if sounds and sounds[0].isalpha():
        return sounds[:48]
    digits = "".join(f"{ord(c):x}" for c in name)[:40]
    return f"layer_{plain or digits}"[:48]


def _look(pieces: Sequence[Piece], place: Sequence[str] | None) -> tuple[Array, dict[Family, int]]:
    """Some coordinates as they stand, and which kinds of geometry there are."""
    shapes = np.array([shape for piece in pieces if piece.shapes is not None for shape in piece.shapes], dtype=object)
    if not len(shapes) and place:
        rows = [row for piece in pieces for row in piece.rows]
        shapes = np.array([shape_in(row, place) for row in rows], dtype=object)
    there = shapes[[shape is not None and not shape.is_empty for shape in shapes]] if len(shapes) else shapes
    coordinates = shapely.get_coordinates(there[:200]) if len(there) else np.empty((0, 2))
    return coordinates, families(there)


def shape_in(row: dict[str, str | None], place: Sequence[str]) -> shapely.Geometry | None:
    """The place that text holds, as it stands; None where it holds none that can be read."""
    said = [row.get(name) for name in place]
    if len(said) == 2:
        x, y = (degrees(value) if value else None for value in said)
        return None if x is None or y is None else shapely.Point(x, y)
    if not said[0]:
        return None
    both = pair(said[0])
    if both is not None:
        first, second = both
        # 31.3, 118.9: what cannot be a latitude is the longitude
        swapped = abs(first) <= 90 < abs(second) <= 180
        return shapely.Point(second, first) if swapped else shapely.Point(first, second)
    try:
        return shapely.from_wkt(said[0])
    except shapely.errors.ShapelyError:
        return None


def _columns(fields: Sequence[TableField]) -> list[ColumnIn]:
    """Under names that a layer can have, each once. What is called longer than a name may be is left out."""
    taken: set[str] = set()
    found = []
    for field in fields:
        if len(field.name) > LONGEST:
            continue
        plain = re.sub(r"[\s\"'\\%:]+", "_", field.name).strip("_")[:60] or "column"
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name)
        title = field.name.strip()[:200] or name
        found.append(ColumnIn(source=field.name, name=name, type=field.type, title_zh=title, title_en=title))
    return found


def _give_roles(columns: list[ColumnIn]) -> None:
    """The first that is called like a name labels the rows (else the first of text), like a state or a class tells how
    they stand."""
    for role, words in (("label", LABELS), ("state", STATES), ("class", CLASSES)):
        for column in columns:
            if column.role is None and column.type == "text" and words.search(column.name):
                column.role = role  # type: ignore[assignment]
                break
    if not any(column.role == "label" for column in columns):
        first = next((c for c in columns if c.role is None and c.type == "text" and not CODES.search(c.name)), None)
        if first:
            first.role = "label"
