"""From a table to components: what narrows and exports it, and the grid."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import dcc, html

from app.dashboard import texts
from app.dashboard.components import notice, wild
from app.pages import ids
from app.pages.errors import known_error
from app.pages.parts import action, error_words
from app.pages.tables.model import BLOCK, ROW_KEY, Column, Filter, Found, R, Table, Wanted

# columns of a rank beyond are in exports only
RANKS = 3
# so many choices stand side by side
SEGMENTS = 5


def view(table: Table[R], actions: Sequence[Any] = ()) -> html.Div:
    """Filters, actions and the grid."""
    bar = html.Div(
        [
            *(filter_view(table, one) for one in table.filters),
            html.Span(id=ids.part(table.key, "count"), className="quiet count"),
            html.Div([*actions, *([export_button(table)] if table.exports else [])], className="actions"),
        ],
        className="bar",
    )
    state = html.Div(notice("lists.loading", "loading"), id=ids.part(table.key, "state"), className="table-state")
    return html.Div(
        [bar, html.Div([grid_view(table), state], className="table-body")],
        className="table",
        **wild({"data-testid": f"{table.key}-list"}),
    )


def export_button(table: Table[R]) -> html.Button:
    return action(ids.part(table.key, "export"), "table.export", small=True, data_key=f"export-{table.key}")


def filter_view(table: Table[R], one: Filter) -> Any:
    name = ids.narrow(table.key, one.name)
    if one.hidden:
        return dcc.Input(id=name, type="hidden", value="")
    if len(one.choices) > SEGMENTS:
        return choice_view(name, one)
    if one.choices:
        options = [{"value": choice, "label": html.Span(texts.both(key))} for choice, key in one.choices]
        control = dmc.SegmentedControl(id=name, data=options, value=one.choices[0][0], size="xs")
        return html.Div(
            control,
            className="filter",
            role="group",
            **wild({"data-filter": one.name, "aria-label": texts.named(one.words)}),
        )
    icon = html.Span(className="icon icon-search")
    return dmc.TextInput(
        id=name,
        value="",
        label=html.Span(texts.both(one.words)),
        leftSection=icon,
        debounce=250,
        className="filter search",
        **wild({"data-field": one.name}),
    )


def choice_view(name: Any, one: Filter) -> Any:
    """A list to choose from, in the page's language (`assets/js/pages/main.mjs`)."""
    told = [{"value": value, **texts.entry(key)} for value, key in one.choices]
    return dmc.Select(
        id=name,
        data=[{"value": entry["value"], "label": entry["zh"]} for entry in told],
        value=one.choices[0][0],
        label=html.Span(texts.both(one.words)),
        allowDeselect=False,
        checkIconPosition="right",
        comboboxProps={"withinPortal": True},
        className="filter",
        **wild({"data-field": one.name, "data-choices": json.dumps({"id": name, "choices": told}, ensure_ascii=False)}),
    )


def grid_view(table: Table[R]) -> dag.AgGrid:
    options: dict[str, object] = {
        "theme": {"function": "themeQuartz.withParams({browserColorScheme: 'inherit'})"},
        "rowHeight": table.row_height,
        "headerHeight": 36,
        "floatingFiltersHeight": 38,
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


def column_def(column: Column[R]) -> dict[str, object]:
    made: dict[str, object] = {
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
    return {**made, **size, **filter_def(column)}


def filter_def(column: Column[R]) -> dict[str, object]:
    """Under the heading, in the page's language: words to look for, or a choice. The server does what is asked for
    (`clean_narrowed`)."""
    if column.filter is None:
        return {}
    heading = texts.entry(column.words)
    words = {
        "name": {lang: texts.text("table.filter", lang, column=heading[lang]) for lang in texts.LANGS},
        "short": texts.entry("table.filter.short"),
        "all": texts.entry("table.filter.all"),
    }
    choices = [{"value": value, **texts.entry(key)} for value, key in column.filter.choices]
    return {
        "filter": "agTextColumnFilter",
        "filterParams": {"filterOptions": ["contains"], "maxNumConditions": 1},
        "floatingFilter": True,
        "floatingFilterComponent": "Narrow",
        "floatingFilterComponentParams": {"words": words, "choices": choices, "narrows": column.name},
        "suppressFloatingFilterButton": True,
        "suppressHeaderFilterButton": True,
    }


def state_view(table: Table[R], found: Found[R], wanted: Wanted) -> Any:
    """Nothing where there are rows; that there are none, or none that match."""
    if found.total:
        return []
    standard = {one.name: one.choices[0][0] for one in table.filters if one.choices}
    filtered = {name: value for name, value in wanted.filters.items() if standard.get(name) != value}
    return notice(f"{table.family}.{'nothing' if filtered or wanted.narrowed else 'none'}", "empty")


def failed_view(exc: Exception) -> Any:
    told = notice("table.failed", "failed")
    return html.Div([told, html.P(error_words(known_error(exc)), className="detail")])
