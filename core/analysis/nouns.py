"""What can be analysed, by what it is grouped, and what the answer holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection
from typing_extensions import TypedDict

from core.scope import Scope
from core.types import UNKNOWN_DISTRICT
from core.vocabulary import Text

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Words = Callable[[Connection, Sequence[str]], Mapping[str, Text]]


class Kind(StrEnum):
    PLACE = "place"
    TIME = "time"
    COLUMN = "column"


class Function(StrEnum):
    """What is made of the numbers of a group."""

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Dimension:
    """A column that says what a thing is: `sql` its value, words from a `table` of the vocabulary or from `words`;
    without either the value is its own word. `ordered`: its values are steps, and stand in their order."""

    id: str
    title: Text
    sql: str
    table: str | None = None
    words: Words | None = None
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Time:
    """When it was so: a moment, or where it is `daily` a day, which has no hour and no zone."""

    id: str
    title: Text
    sql: str
    daily: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of each thing, null where it has none."""

    id: str
    title: Text
    sql: str
    functions: tuple[Function, ...] = (Function.SUM, Function.MEAN)


@dataclass(frozen=True, slots=True)
class Subject:
    """What can be analysed. `source` is what stands behind FROM, `seen` what of it a scope sees (core.scope); `geom`
    its shape where it has one, which is a point where it is `pointed`; `district` its six-digit code."""

    id: str
    title: Text
    source: str
    seen: str
    dimensions: tuple[Dimension, ...] = ()
    times: tuple[Time, ...] = ()
    measures: tuple[Measure, ...] = ()
    geom: str | None = "geom"
    pointed: bool = True
    district: str = "district"

    @property
    def place(self) -> str:
        """SQL of the one point at which it is counted: what lies in two areas is counted in one."""
        assert self.geom is not None
        return self.geom if self.pointed else f"ST_PointOnSurface({self.geom})"

    @property
    def known_district(self) -> str:
        return f"NULLIF({self.district}, '{UNKNOWN_DISTRICT}')"


class Area(NamedTuple):
    """What a place is called, and how large it is on the spheroid."""

    words: Text
    km2: float | None


class Placed(NamedTuple):
    """Of many points the number of the area that each is in, -1 for none, and what the areas are called by."""

    codes: Codes
    keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class Place:
    """A division of the city. `locate` says in which area points (lon, lat) are; a division without it is that by
    which the things themselves are told (`Subject.district`). `name` and `draw` (WKB, EPSG:4326) are of those areas
    that are named and seen."""

    id: str
    title: Text
    name: Callable[[Connection, Scope, Sequence[str]], Mapping[str, Area]]
    draw: Callable[[Connection, Scope, Sequence[str]], Mapping[str, bytes]]
    locate: Callable[[Connection, Scope, Floats, Floats], Placed] | None = None


@dataclass(frozen=True, slots=True)
class Grouping:
    """By what things are grouped: a `Place`, a `Step` of time (core.analysis.times), or a `Dimension`."""

    id: str
    title: Text
    kind: Kind
    of: Any

    @property
    def place(self) -> Place | None:
        return self.of if isinstance(self.of, Place) else None


class GroupingObject(TypedDict):
    """`kind`: place, time, column."""

    id: str
    title: Text
    kind: str


class ChoiceObject(TypedDict):
    """A measure, or a time of things, by the name that asks for it."""

    id: str
    title: Text


class SubjectObject(TypedDict):
    """What can be analysed: by what it can be grouped, what can be measured, the columns that it can be narrowed
    by."""

    id: str
    title: Text
    groupings: list[GroupingObject]
    measures: list[ChoiceObject]
    times: list[ChoiceObject]
    columns: list[ChoiceObject]


class KeyObject(TypedDict):
    """Of which value a group is, null where the things have none, and what it is called."""

    key: str | None
    words: Text


class GroupObject(TypedDict):
    """`value` is what was asked for, null where no thing of the group has the number; `share` its part of the whole, 0
    to 1, null of a mean; `km2` of the area the group is in, and `per_km2` of the value."""

    keys: list[KeyObject]
    count: int
    value: float | None
    share: float | None
    km2: float | None
    per_km2: float | None


class TotalObject(TypedDict):
    """Of all groups, those that are cut off too."""

    count: int
    value: float | None


class LeftOutObject(TypedDict):
    """Things in no group: where they are, or when, is not known. `number`: they are counted, but have no number."""

    place: int
    time: int
    number: int


class AnalysisObject(TypedDict):
    """The groups, those of the first grouping in order, in each those of the second; where there are more
    (`groups_in_all`) those of the most things. Days and hours are of `zone`."""

    subject: str
    title: Text
    by: list[GroupingObject]
    measure: ChoiceObject
    groups: list[GroupObject]
    groups_in_all: int
    total: TotalObject
    left_out: LeftOutObject
    zone: str
    at: str
