"""What the catalogue lists, what is said of it, and what is measured of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from typing_extensions import TypedDict

from core.scope import Classification
from core.types import JsonObject
from core.vocabulary import Text


class Kind(StrEnum):
    SOURCE = "source"
    LAYER = "layer"


class Name(NamedTuple):
    """Which source or layer."""

    kind: Kind
    id: str


class ColumnSaid(TypedDict):
    """A column of a resource (信息项)."""

    name: str
    title: Text
    type: str


class Overlap(TypedDict):
    """Another that holds the same things: `share` of ours that are there too, 0 to 1."""

    kind: str
    id: str
    share: float


class OverlapObject(Overlap):
    """With its title."""

    title: Text


@dataclass(frozen=True, slots=True)
class Resource:
    """A source or a layer, as its part has it. `provider`: whose it is, as far as the part knows. `updated_at`: when
    anything of it last changed or came. `departments`: to whom it is limited; None is no limit. `openable`: it may
    stand before the public at all."""

    name: Name
    title: Text
    columns: Sequence[ColumnSaid]
    group: str | None = None
    provider: str | None = None
    updated_at: datetime | None = None
    rows: int | None = None
    classification: int = Classification.OPEN
    departments: tuple[str, ...] | None = None
    lineage: Mapping[str, Any] = field(default_factory=dict)
    openable: bool = False
    geometry: str | None = None


class Measured(NamedTuple):
    """What is found by looking through a resource: shares 0 to 1, None where there is nothing to look at."""

    rows: int | None = None
    filled: float | None = None
    refused: float | None = None
    overlaps: tuple[Overlap, ...] = ()


class EntryObject(TypedDict):
    """A line of the catalogue. `version` 0: nobody has said anything of it yet. `lacks` names what it would need
    (`catalogue.lack.…`); `reach`: whether who asks may read the thing itself. `in_cycle`: whether it is as fresh as
    promised, null where nothing is promised or known. `uses` and `users` are of the last 30 days."""

    kind: str
    id: str
    title: Text
    group: str | None
    geometry: str | None
    code: str | None
    category: str | None
    provider: str | None
    department: str | None
    contact: str | None
    summary_zh: str | None
    summary_en: str | None
    cycle: str | None
    sharing: str | None
    terms: str | None
    open: bool
    openable: bool
    classification: int
    departments: list[str] | None
    version: int
    changed_at: str | None
    changed_by: str | None
    columns: list[ColumnSaid]
    lineage: JsonObject
    rows: int | None
    updated_at: str | None
    in_cycle: bool | None
    filled: float | None
    refused: float | None
    measured_at: str | None
    overlaps: list[OverlapObject]
    uses: int
    users: int
    lacks: list[str]
    reach: bool
