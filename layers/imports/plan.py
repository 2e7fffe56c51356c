"""How a table becomes a layer: which columns, under which names and types, by which key, in which datum (suggested by
layers.imports.suggest, said by whoever brings it)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from core.faults import unfit
from core.given import Given
from core.scope import Classification
from layers.columns import Column, ColumnType, Role
from layers.own import known_group

LAYER_ID = re.compile(r"[a-z][a-z0-9_-]{0,47}")
MOST_COLUMNS = 200
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]


class ColumnIn(Given):
    """A column of the file under the name that the layer gives it."""

    source: str = Field(min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=63, pattern=r"^[^\s\"'\\%:]+$")
    type: ColumnType
    title_zh: Title
    title_en: Title
    role: Role | None = None


class Plan(Given):
    """What is done with a table. `x` and `y` name the columns of a place (`x` alone: both in one, or a geometry as
    text); `zone` is an IANA zone for times that say none."""

    layer: str = Field(min_length=1, max_length=48)
    title_zh: Title
    title_en: Title
    group: str = Field("own", max_length=64)
    geometry: Literal["point", "line", "polygon", "none"]
    datum: str = Field("WGS84", max_length=4000)
    zone: str | None = Field(None, max_length=64)
    key: str | None = Field(None, max_length=200)
    x: str | None = Field(None, max_length=200)
    y: str | None = Field(None, max_length=200)
    columns: list[ColumnIn] = Field(max_length=MOST_COLUMNS)
    classification: Classification = Classification.OPEN
    departments: list[str] | None = Field(None, max_length=200)
    remove_gone: bool = False
    # rows far from the city are kept
    anywhere: bool = False

    @field_validator("group")
    @classmethod
    def grouped(cls, value: str) -> str:
        return known_group(value)

    @field_validator("layer")
    @classmethod
    def named_plainly(cls, value: str) -> str:
        if not LAYER_ID.fullmatch(value):
            raise unfit("layer_id", "expected a small letter, then up to 47 of a-z 0-9 _ -")
        return value

    @model_validator(mode="after")
    def each_name_once(self) -> Plan:
        names = [column.name for column in self.columns]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise unfit("column_twice", "columns: {name} stands there twice", name=twice)
        if self.key is not None and self.key not in names:
            raise unfit("key_of_columns", "key: expected one of {expected}", expected=", ".join(names))
        return self

    def kept(self) -> tuple[Column, ...]:
        """The layer's columns."""
        return tuple(
            Column(column.name, column.type, {"zh": column.title_zh, "en": column.title_en}, self._role(column))
            for column in self.columns
        )

    def _role(self, column: ColumnIn) -> Role | None:
        return "key" if column.name == self.key else column.role
