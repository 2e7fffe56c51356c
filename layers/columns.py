"""A layer's columns: what its rows have beside their place. Everything that shows, asks or gives away a layer is
compiled from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from typing_extensions import TypedDict

from core.vocabulary import Text

ColumnType = Literal["text", "integer", "number", "boolean", "date", "time"]
# key: names the row; label: what people call it; class, state: what colours and counts it; time: when it was so
Role = Literal["key", "label", "class", "state", "time"]
# JSON Schema of a value (OGC API Features Part 3 section 7.2, queryables)
SCHEMAS: Mapping[ColumnType, Mapping[str, str]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "date-time"},
}
CASTS: Mapping[ColumnType, str] = {
    "text": "text",
    "integer": "bigint",
    "number": "float8",
    "boolean": "boolean",
    "date": "date",
    "time": "timestamptz",
}


class ColumnObject(TypedDict):
    """A column as the API shows it."""

    name: str
    type: ColumnType
    title: Text
    role: Role | None


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: ColumnType
    title: Text
    role: Role | None = None

    def as_json(self) -> ColumnObject:
        return {"name": self.name, "type": self.type, "title": self.title, "role": self.role}


def columns_of(told: Iterable[Mapping[str, Any]]) -> tuple[Column, ...]:
    """From what a row of table `layer` keeps."""
    return tuple(Column(one["name"], one["type"], one["title"], one["role"]) for one in told)


def with_role(columns: Iterable[Column], role: Role) -> Column | None:
    return next((column for column in columns if column.role == role), None)
