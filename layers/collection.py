"""Rows that are given out: what the map, OGC API, exports, catalogue and within read alike of a layer, ours or the
city's own, is compiled from its columns."""

from __future__ import annotations

from dataclasses import dataclass

from core.vocabulary import Text
from layers.columns import Column, ColumnType

Values = tuple[tuple[Column, str], ...]
# the condition of what is without one
ALL = "true"
# what a row of a layer of the city's own is to cards and search, by the layer and its number
ROW = "row"


@dataclass(frozen=True, slots=True)
class Collection:
    """`source` is what stands behind FROM; `key` the SQL of a feature's id, unique and in a total order, of which
    `key_cast` is the type; `values` the columns with their SQL; `among`: which rows of the source belong to it;
    `sight`: what of these a scope sees (core.scope). `time`: the moment a feature is of, where it has one. `thing`:
    what its features are to cards and search; `names`: the SQL of what they are called in Chinese and English;
    `stands`: of the place by which one is in an area or not. `of_all`: it is shown to whom sees nothing of the city but
    their own too: the ground they stand on, and what is theirs."""

    id: str
    title: Text
    source: str
    key: str
    sight: str
    values: Values
    thing: str
    among: str = ALL
    names: tuple[str, str] = ("name_zh", "name_en")
    stands: str = "geom"
    geom: str = "geom"
    key_cast: str = "text"
    time: str | None = None
    of_all: bool = False
    # whether its rows have a shape at all
    drawn: bool = True
    # SQL of a feature's version, which every change moves on
    version: str | None = None
    # by which methods of HTTP its features are changed (OGC 20-002)
    edits: frozenset[str] = frozenset()
    # what of a row goes out as a file, where that is not its columns
    taken: Values | None = None

    @property
    def seen(self) -> str:
        """The condition of what a scope sees."""
        return " AND ".join(one for one in (self.among, self.sight) if one != ALL) or ALL

    @property
    def counted(self) -> str:
        """What stands behind FROM where all are counted, which a table's statistics estimate best."""
        return self.source if self.among == ALL else f"{self.source} WHERE {self.among}"

    @property
    def features(self) -> str:
        """What a scope sees: id, geom, props."""
        told = ", ".join(f"'{column.name}', {sql}" for column, sql in self.values)
        return f"""
SELECT ({self.key})::text AS id, {self.geom} AS geom, jsonb_build_object({told}) AS props FROM {self.source}
WHERE {self.seen} AND {self.geom} IS NOT NULL
"""

    @property
    def outgoing(self) -> Values:
        """What of a row goes out as a file: its columns, and its id where no column is that."""
        if self.taken is not None:
            return self.taken
        if any(sql == self.key for _, sql in self.values):
            return self.values
        return ((CODE, f"({self.key})::text"), *self.values)

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(column for column, _ in self.values)

    @property
    def geometry(self) -> str:
        """What its place is called among the queryables."""
        name = "geometry"
        while self.sql_of(name) is not None:
            name += "_"
        return name

    def sql_of(self, name: str) -> str | None:
        """The SQL of a column by its name."""
        return next((sql for column, sql in self.values if column.name == name), None)


# as our registers take it in again (layers.imports.registers)
CODE = Column("code", "text", {"zh": "编号", "en": "Code"}, "key")
# name, type, Chinese, English, SQL
Told = tuple[str, ColumnType, str, str, str]


def values_of(*told: Told) -> Values:
    return tuple((Column(name, kind, {"zh": zh, "en": en}), sql) for name, kind, zh, en, sql in told)


NAMES: tuple[Told, ...] = (
    ("name_zh", "text", "名称", "Name", "name_zh"),
    ("name_en", "text", "英文名称", "English name", "name_en"),
)
DISTRICT: Told = ("district", "text", "行政区", "District", "district")
