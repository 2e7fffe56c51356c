"""What a table is made of, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from typing_extensions import TypedDict

from app.asking import Asking
from app.pages.tables.cells import Cell, plain
from core.errors import InputError
from core.faults import expects

Row = Mapping[str, object]
# the noun whose rows a table shows
R = TypeVar("R", bound=Row)
Shown = TypeVar("Shown", bound=Row, contravariant=True)
Got = TypeVar("Got", bound=Row, covariant=True)
BLOCK = 100
# what a row is called in the grid, beside its columns
ROW_KEY = "rowKey"
# an export is held in memory on its way
EXPORT_AT_MOST = 50_000
FILTER_CHARS = 200
# what other parts of the page set
HIDDEN_CHARS = 2000


def as_it_is(name: str) -> Callable[[Row], list[Cell]]:
    return lambda row: [plain(row.get(name))]


@dataclass(frozen=True, slots=True)
class ColumnFilter(Generic[Shown]):
    """Under the heading of its column: words that stand in it, or one of `choices` (value, catalogue key). `of` is what
    is looked at in rows at hand, what an export has where it is left out; SELECTs have the column's SQL."""

    choices: tuple[tuple[str, str], ...] = ()
    of: Callable[[Shown], object] | None = None


TEXT: ColumnFilter[Row] = ColumnFilter()


@dataclass(frozen=True, slots=True)
class Column(Generic[Shown]):
    """`rank` 1 is always there, 2 not on narrow screens, 3 on wide ones only, 4 in exports only. `plain` is what an
    export has of it."""

    name: str
    words: str
    cell: Callable[[Shown], list[Cell]] | None = None
    plain: Callable[[Shown], Any] | None = None
    sortable: bool = True
    width: int | None = None
    flex: int | None = None
    rank: int = 1
    filter: ColumnFilter[Shown] | None = None

    def cells(self, row: Shown) -> list[Cell]:
        return (self.cell or as_it_is(self.name))(row)

    def value(self, row: Shown) -> Any:
        return self.plain(row) if self.plain else row.get(self.name)

    def fits(self, row: Shown, wanted: str) -> bool:
        """Whether a row at hand is one of those that the column is narrowed to."""
        of = (self.filter and self.filter.of) or self.value
        return wanted == str(of(row)) if self.has_choices else wanted.casefold() in str(of(row) or "").casefold()

    @property
    def has_choices(self) -> bool:
        return self.filter is not None and bool(self.filter.choices)


@dataclass(frozen=True, slots=True)
class Filter:
    """Text to search for, or one of `choices` (value, catalogue key), the first of which is the standard. A hidden one
    is set by other parts of the page."""

    name: str
    words: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Table(Generic[Shown]):
    """`key` is part of ids and of the export's file name; `family` has the texts `{family}.none` and
    `{family}.nothing`."""

    key: str
    family: str
    columns: tuple[Column[Shown], ...]
    filters: tuple[Filter, ...] = ()
    row_height: int = 44
    row_id: str = "id"
    selects: bool = False
    # whether the kit offers its rows as CSV
    exports: bool = True
    # SQL by which rows of a SELECT are in order in the end; with it no two are equal
    order: str = "id"

    def draw(self, row: Shown) -> Mapping[str, list[Cell] | str]:
        return {**{column.name: column.cells(row) for column in self.columns}, ROW_KEY: str(row[self.row_id])}

    def column(self, name: str) -> Column[Shown] | None:
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows, in which order: `filters` and `narrowed` columns without the empty ones, `sort` as (column,
    descending)."""

    start: int = 0
    end: int = BLOCK
    sort: tuple[tuple[str, bool], ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
    narrowed: Mapping[str, str] = field(default_factory=dict)

    def asks(self, name: str) -> str:
        return self.filters.get(name, "")


@dataclass(frozen=True, slots=True)
class Found(Generic[Got]):
    """The rows wanted, and how many match in all."""

    rows: Sequence[Got]
    total: int


Read = Callable[[Asking, Wanted], Found[R]]


class SortBy(TypedDict):
    colId: str
    sort: Literal["asc", "desc"]


class ColumnWords(TypedDict):
    filter: str


class GridRequest(TypedDict, total=False):
    """AG Grid's IGetRowsParams as the component gives them: rows from `startRow` up to, not with, `endRow`."""

    startRow: int
    endRow: int
    sortModel: list[SortBy]
    filterModel: dict[str, ColumnWords]


def parse_wanted(table: Table[R], request: GridRequest | None, filters: Mapping[str, object]) -> Wanted:
    """What the grid asks for. InputError where it names what the table does not have."""
    asked: GridRequest = request or {}
    start = int(asked.get("startRow") or 0)
    end = min(int(asked.get("endRow") or BLOCK), start + EXPORT_AT_MOST)
    sort = tuple((str(one.get("colId")), one.get("sort") == "desc") for one in asked.get("sortModel") or ())
    for name, _ in sort:
        column = table.column(name)
        if column is None or not column.sortable:
            raise InputError(
                f"sort: there is no column {name[:60]!r}",
                field="sort",
                about=expects("sort", "none_such", name=name[:60]),
            )
    return Wanted(
        start, end, sort, clean_filters(table, filters), clean_narrowed(table, asked.get("filterModel") or {})
    )


def clean(value: object, most: int = FILTER_CHARS) -> str:
    return str(value or "").replace("\x00", "").strip()[:most]


def clean_narrowed(table: Table[R], model: Mapping[str, ColumnWords]) -> dict[str, str]:
    """AG Grid's filter model: `{column: {"filter": words}}`."""
    found: dict[str, str] = {}
    for name, one in model.items():
        column, value = table.column(name), clean(one.get("filter"))
        if column is None or column.filter is None:
            raise InputError(
                f"filter: there is no column {name[:60]!r} to filter by",
                field="filter",
                about=expects("filter", "none_such", name=name[:60]),
            )
        if column.has_choices and value not in {choice for choice, _ in column.filter.choices}:
            raise InputError(
                f"filter: {name} is never {value[:60]!r}",
                field="filter",
                about=expects("filter", "none_such", name=value[:60]),
            )
        if value:
            found[name] = value
    return found


def clean_filters(table: Table[R], given: Mapping[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in table.filters:
        value = clean(given.get(one.name), HIDDEN_CHARS if one.hidden else FILTER_CHARS)
        if one.choices and value not in {choice for choice, _ in one.choices}:
            value = one.choices[0][0]
        if value:
            found[one.name] = value
    return found
