"""The table kit: a described table becomes an AG Grid whose rows the server pages, sorts and filters, and exports as CSV.

    TABLE = Table("set-aside", "aside", COLUMNS, filters=(Filter("q", "aside.search"),))
    tables.view(TABLE)                       # components
    tables.register(app, door, TABLE, read)  # read(asking, wanted) -> Found

A column's `cell` says what stands in it as values (`words`, `age`, `lamp`, `press` …) that `assets/js/pages/grid.js` draws; what a
`press` or `switch` was used comes back as the grid's `cellRendererData`.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from app.dashboard import texts
from app.dashboard.components import notice, wild
from app.pages import ids
from app.pages.door import Asking, Door, known_error
from app.pages.parts import action, error_words
from core.clock import utc_now
from core.errors import InputError, OneMapError

Row = Mapping[str, Any]
Cell = dict[str, Any]
BLOCK = 100
# Of nothing: a grid that was once told "0" waits for ever after its next answer (dash-ag-grid 35.3), and has no rows to read anew.
UNKNOWN = -1
# columns of a rank beyond are in exports only
RANKS = 3
# what a row is called in the grid, beside its columns
ROW_KEY = "rowKey"
# an export is held in memory on its way
EXPORT_AT_MOST = 50_000
FILTER_CHARS = 200
# a spreadsheet takes what begins so for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
BOM = "\ufeff"


# --- what stands in a cell ------------------------------------------------------------------------------------------------


def words(key: str, **params: object) -> Cell:
    """A text of the catalogue."""
    return {"as": "words", **texts.entry(key, **params)}


def pair(names: Mapping[str, str] | None) -> Cell:
    """A `{zh, en}` object."""
    found = names or {}
    first = found.get("zh") or found.get("en") or ""
    return {"as": "words", **{lang: found.get(lang) or first for lang in texts.LANGS}}


def known(family: str, key: object) -> Cell:
    """The text `family.key`, the bare key where there is none."""
    name = f"{family}.{key}"
    return words(name) if name in texts.catalogue() else plain(key)


def plain(value: object, look: str = "") -> Cell:
    return {"as": "plain", "text": "" if value is None else str(value), "look": look}


def code(value: object) -> Cell:
    return {"as": "plain", "text": str(value), "look": "code"}


def quiet(value: object) -> Cell:
    return plain(value, "quiet")


def age(iso: str | None) -> Cell:
    """How long ago; the browser keeps it current. `never` where it was not."""
    return {"as": "age", "time": iso} if iso else {**words("sources.never"), "look": "quiet"}


def moment(iso: str) -> Cell:
    """A time in the city's zone, as the browser writes it."""
    return {"as": "moment", "time": iso}


def lamp(state: str, key: str) -> Cell:
    return {**words(key), "as": "lamp", "state": state}


def chip(inner: Cell) -> Cell:
    return {**inner, "look": "chip"}


def press(name: str, label: Cell, *, key: str, look: str = "link", **data: Any) -> Cell:
    """A button; the callback is told `{"press": name, **data}`. `key` names it for tests."""
    return {"as": "press", "label": label, "key": key, "look": look, "data": {"press": name, **data}}


def switch(name: str, *, on: bool, label: Cell, key: str, locked: bool, **data: Any) -> Cell:
    return {"as": "switch", "on": on, "label": label, "key": key, "locked": locked, "data": {"press": name, **data}}


def stack(*lines: Sequence[Cell]) -> list[Cell]:
    """Lines one below the other."""
    return [{"as": "line", "parts": list(line)} for line in lines if line]


# --- a table --------------------------------------------------------------------------------------------------------------


def as_it_is(name: str) -> Callable[[Row], list[Cell]]:
    return lambda row: [plain(row.get(name))]


@dataclass(frozen=True, slots=True)
class Column:
    """`rank` 1 is always there, 2 not on narrow screens, 3 on wide ones only, 4 in exports only. `plain` is what an export has of it."""

    name: str
    words: str
    cell: Callable[[Row], list[Cell]] | None = None
    plain: Callable[[Row], Any] | None = None
    sortable: bool = True
    width: int | None = None
    flex: int | None = None
    rank: int = 1

    def cells(self, row: Row) -> list[Cell]:
        return (self.cell or as_it_is(self.name))(row)

    def value(self, row: Row) -> Any:
        return self.plain(row) if self.plain else row.get(self.name)


@dataclass(frozen=True, slots=True)
class Filter:
    """Text to search for, or one of `choices` (value, catalogue key), the first of which is the standard. A hidden one is set by other
    parts of the page."""

    name: str
    words: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`key` is part of ids and of the export's file name; `family` has the texts `{family}.none` and `{family}.nothing`."""

    key: str
    family: str
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = ()
    row_height: int = 44
    row_id: str = "id"
    selects: bool = False

    def draw(self, row: Row) -> dict[str, Any]:
        return {**{column.name: column.cells(row) for column in self.columns}, ROW_KEY: str(row[self.row_id])}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows, in which order: `filters` without the empty ones, `sort` as (column, descending)."""

    start: int = 0
    end: int = BLOCK
    sort: tuple[tuple[str, bool], ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)

    def asks(self, name: str) -> str:
        return self.filters.get(name, "")


@dataclass(frozen=True, slots=True)
class Found:
    """The rows wanted, and how many match in all."""

    rows: Sequence[Row]
    total: int


Read = Callable[[Asking, Wanted], Found]


def parse_wanted(table: Table, request: Mapping[str, Any] | None, filters: Mapping[str, Any]) -> Wanted:
    """What the grid asks for. InputError where it names what the table does not have."""
    asked = request or {}
    start = int(asked.get("startRow") or 0)
    end = min(int(asked.get("endRow") or BLOCK), start + EXPORT_AT_MOST)
    sortable = {column.name for column in table.columns if column.sortable}
    sort = tuple((str(one.get("colId")), one.get("sort") == "desc") for one in asked.get("sortModel") or ())
    for name, _ in sort:
        if name not in sortable:
            raise InputError(f"sort: there is no column {name[:60]!r}", field="sort")
    return Wanted(start, end, sort, clean_filters(table, filters))


def clean_filters(table: Table, given: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in table.filters:
        value = str(given.get(one.name) or "").replace("\x00", "").strip()[:FILTER_CHARS]
        if one.choices and value not in {choice for choice, _ in one.choices}:
            value = one.choices[0][0]
        if value:
            found[one.name] = value
    return found


# --- finding rows ---------------------------------------------------------------------------------------------------------


def choose(
    rows: Iterable[Row], wanted: Wanted, sorts: Mapping[str, Callable[[Row], Any]], searched: Callable[[Row], str]
) -> Found:
    """From rows at hand, for things a city has some hundreds of. The order given stands where none is wanted; None comes last."""
    sought = wanted.asks("q").casefold()
    found = [row for row in rows if sought in searched(row).casefold()]
    for name, descending in reversed(wanted.sort):
        value = sorts[name]
        known_ = [row for row in found if value(row) is not None]
        found = sorted(known_, key=value, reverse=descending) + [row for row in found if value(row) is None]
    return Found(found[wanted.start : wanted.end], len(found))


def select(
    conn: Connection, sql: str, params: Mapping[str, Any], wanted: Wanted, columns: Mapping[str, str], standard: str
) -> tuple[Sequence[Any], int]:
    """From a SELECT: sorted by the columns wanted (`columns`: their SQL), else by `standard`, and how many there are in all."""
    order = [f"{columns[name]} {'DESC' if down else 'ASC'} NULLS LAST" for name, down in wanted.sort if name in columns]
    total = conn.scalar(text(f"SELECT count(*) FROM ({sql}) AS r"), dict(params))
    rows = conn.execute(
        text(f"SELECT * FROM ({sql}) AS r ORDER BY {', '.join([*order, standard])} LIMIT :limit_ OFFSET :offset_"),
        {**params, "limit_": wanted.end - wanted.start, "offset_": wanted.start},
    )
    return rows.all(), int(total or 0)


# --- export ---------------------------------------------------------------------------------------------------------------


def as_csv(table: Table, rows: Iterable[Row]) -> str:
    """RFC 4180 with a byte order mark, by which Excel knows UTF-8; headings in both languages."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([texts.named(column.words) for column in table.columns])
    for row in rows:
        writer.writerow([safe(column.value(row)) for column in table.columns])
    return BOM + out.getvalue()


def safe(value: Any) -> Any:
    """What no spreadsheet takes for a formula. Numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return value
    words_ = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"'{words_}" if words_.startswith(FORMULA) else words_


# --- components -----------------------------------------------------------------------------------------------------------


def view(table: Table, actions: Sequence[Any] = (), given: Mapping[str, str] | None = None) -> html.Div:
    """Filters, actions and the grid. `given` are filters to begin with."""
    start = given or {}
    bar = html.Div(
        [
            *(filter_view(table, one, start.get(one.name, "")) for one in table.filters),
            html.Span(id=ids.part(table.key, "count"), className="quiet count"),
            html.Div([*actions, export_button(table)], className="actions"),
        ],
        className="bar",
    )
    state = html.Div(notice("lists.loading", "loading"), id=ids.part(table.key, "state"), className="table-state")
    return html.Div(
        [bar, html.Div([grid_view(table), state], className="table-body")],
        className="table",
        **wild({"data-testid": f"{table.key}-list"}),
    )


def export_button(table: Table) -> html.Button:
    return action(ids.part(table.key, "export"), "table.export", small=True, data_key=f"export-{table.key}")


def filter_view(table: Table, one: Filter, value: str) -> Any:
    name = ids.narrow(table.key, one.name)
    if one.hidden:
        return dcc.Input(id=name, type="hidden", value=value)
    if one.choices:
        options = [{"value": choice, "label": html.Span(texts.both(key))} for choice, key in one.choices]
        control = dmc.SegmentedControl(id=name, data=options, value=value or one.choices[0][0], size="xs")
        return html.Div(
            control,
            className="filter",
            role="group",
            **wild({"data-filter": one.name, "aria-label": texts.named(one.words)}),
        )
    icon = html.Span(className="icon icon-search")
    return dmc.TextInput(
        id=name,
        value=value,
        label=html.Span(texts.both(one.words)),
        leftSection=icon,
        debounce=250,
        className="filter search",
        **wild({"data-field": one.name}),
    )


def grid_view(table: Table) -> dag.AgGrid:
    options: dict[str, Any] = {
        "theme": {"function": "themeQuartz.withParams({browserColorScheme: 'inherit'})"},
        "rowHeight": table.row_height,
        "headerHeight": 36,
        "cacheBlockSize": BLOCK,
        "maxConcurrentDatasourceRequests": 1,
        "suppressCellFocus": True,
        "animateRows": False,
        "suppressMultiSort": True,
        "enableCellTextSelection": True,
        "suppressColumnVirtualisation": True,
    }
    if table.selects:
        options["rowSelection"] = {"mode": "multiRow", "headerCheckbox": False, "enableClickSelection": False}
    return dag.AgGrid(
        id=ids.grid(table.key),
        className="kit-grid",
        rowModelType="infinite",
        columnDefs=[column_def(column) for column in table.columns],
        defaultColDef={"resizable": True, "suppressMovable": True, "suppressHeaderMenuButton": True},
        getRowId=f"params.data.{ROW_KEY}",
        dashGridOptions=options,
        eventListeners={"gridSizeChanged": ["fitRanks(params)"]},
    )


def column_def(column: Column) -> dict[str, Any]:
    made: dict[str, Any] = {
        "field": column.name,
        "headerName": texts.named(column.words),
        "headerComponentParams": {"innerHeaderComponent": "BothWords", "words": texts.entry(column.words)},
        "cellRenderer": "Parts",
        "cellDataType": False,
        "sortable": column.sortable,
        "context": {"rank": column.rank},
        "hide": column.rank > RANKS,
    }
    size = (
        {"width": column.width}
        if column.width
        else {"flex": column.flex or 1, "minWidth": 70 + 30 * (column.flex or 1)}
    )
    return {**made, **size}


# --- callbacks ------------------------------------------------------------------------------------------------------------


def register(app: Dash, door: Door, table: Table, read: Read) -> None:
    """Bind the table to `read`, which also decides who may see it."""
    grid = ids.grid(table.key)

    @app.callback(
        Output(grid, "getRowsResponse"),
        Output(ids.part(table.key, "state"), "children"),
        Output(ids.part(table.key, "count"), "children"),
        Input(grid, "getRowsRequest"),
        State(ids.narrow(table.key, ALL), "value"),
        prevent_initial_call=True,
    )
    async def read_rows(request: dict[str, Any] | None, _: list[Any]) -> tuple[Any, Any, Any]:
        if not request:
            raise PreventUpdate
        given = given_filters(ctx.states_list)
        try:
            found, wanted = await door.ask(read_wanted, table, read, request, given)
        except (OneMapError, SQLAlchemyError) as exc:  # a grid that is not answered waits for ever
            return {"rowData": [], "rowCount": UNKNOWN}, failed_view(exc), no_update
        return (
            {"rowData": [table.draw(row) for row in found.rows], "rowCount": found.total or UNKNOWN},
            state_view(table, found, wanted),
            texts.both("table.count", n=found.total),
        )

    @app.callback(
        Output(ids.Id.DOWNLOAD.value, "data", allow_duplicate=True),
        Input(ids.part(table.key, "export"), "n_clicks"),
        State(grid, "columnState"),
        State(ids.narrow(table.key, ALL), "value"),
        prevent_initial_call=True,
    )
    async def export(clicks: int | None, columns: list[dict[str, Any]] | None, _: list[Any]) -> dict[str, Any]:
        if not clicks:
            raise PreventUpdate
        sort = [one for one in columns or () if one.get("sort")]
        request = {"startRow": 0, "endRow": EXPORT_AT_MOST, "sortModel": sort}
        found, _wanted = await door.ask(read_wanted, table, read, request, given_filters(ctx.states_list))
        content = base64.b64encode(as_csv(table, found.rows).encode()).decode()
        name = f"onemap-{table.key}-{utc_now():%Y%m%d-%H%M%S}Z.csv"
        return {"content": content, "filename": name, "type": "text/csv;charset=utf-8", "base64": True}

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="tables", function_name="restart"),
        Input(ids.narrow(table.key, ALL), "value"),
        State(grid, "id"),
        prevent_initial_call=True,
    )


def register_refresh(app: Dash) -> None:
    """Tables that are on the page are read anew from time to time, and after every change."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="tables", function_name="refresh"),
        Input(ids.Id.TICK.value, "n_intervals"),
        Input(ids.Id.CHANGED.value, "data"),
        prevent_initial_call=True,
    )


def read_wanted(
    asking: Asking, table: Table, read: Read, request: Mapping[str, Any], filters: Mapping[str, Any]
) -> tuple[Found, Wanted]:
    wanted = parse_wanted(table, request, filters)
    return read(asking, wanted), wanted


def given_filters(states: Any) -> dict[str, Any]:
    """Values of the filters by name, from the states of a callback."""
    flat = [one for part in states for one in (part if isinstance(part, list) else [part])]
    return {one["id"]["filter"]: one.get("value") for one in flat if isinstance(one["id"], dict)}


def state_view(table: Table, found: Found, wanted: Wanted) -> Any:
    """Nothing where there are rows; that there are none, or none that match."""
    if found.total:
        return []
    standard = {one.name: one.choices[0][0] for one in table.filters if one.choices}
    filtered = {name: value for name, value in wanted.filters.items() if standard.get(name) != value}
    return notice(f"{table.family}.{'nothing' if filtered else 'none'}", "empty")


def failed_view(exc: Exception) -> Any:
    told = notice("table.failed", "failed")
    return html.Div([told, html.P(error_words(known_error(exc)), className="detail")])
