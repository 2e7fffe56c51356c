"""The grid asks for rows, the button for an export."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import TypedDict

from app.asking import Asking, Door
from app.dashboard import texts
from app.pages import ids
from app.pages.parts import toast
from app.pages.tables.drawing import failed_view, state_view
from app.pages.tables.export import as_csv
from app.pages.tables.model import EXPORT_AT_MOST, Found, GridRequest, R, Read, Row, Table, Wanted, parse_wanted
from core.clock import utc_now
from core.db import within
from core.errors import OneMapError

# Of nothing: a grid that was once told "0" waits for ever after its next answer (dash-ag-grid 35.3), and has no rows to
# read anew.
UNKNOWN = -1
# a whole table takes longer than a page of it
EXPORT_S = 120.0


def register(app: Dash, door: Door, table: Table[R], read: Read[R]) -> None:
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
    async def read_rows(request: GridRequest | None, _: list[Any]) -> tuple[Any, Any, Any]:
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
        Output(ids.Id.TOASTS.value, "children", allow_duplicate=True),
        Input(ids.part(table.key, "export"), "n_clicks"),
        # what the grid last asked for says how it is sorted and narrowed
        State(grid, "getRowsRequest"),
        State(ids.narrow(table.key, ALL), "value"),
        prevent_initial_call=True,
    )
    async def export(clicks: int | None, asked: GridRequest | None, _: list[Any]) -> tuple[Download, Any]:
        if not clicks:
            raise PreventUpdate
        whole: GridRequest = {"startRow": 0, "endRow": EXPORT_AT_MOST}
        request: GridRequest = {**asked, **whole} if asked else whole
        found = await door.ask(read_all, table, read, request, given_filters(ctx.states_list))
        return file_of(table, found), said_of(found)

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="tables", function_name="restart"),
        Input(ids.narrow(table.key, ALL), "value"),
        State(grid, "id"),
        prevent_initial_call=True,
    )


class Download(TypedDict):
    """What `dcc.Download` saves as a file."""

    content: str
    filename: str
    type: str
    base64: bool


def file_of(table: Table[R], found: Found[R]) -> Download:
    """The rows as a download; the file's name says where there are more."""
    content = base64.b64encode(as_csv(table, found.rows).encode()).decode()
    part = f"-first-{len(found.rows)}-of-{found.total}" if len(found.rows) < found.total else ""
    name = f"onemap-{table.key}-{utc_now():%Y%m%d-%H%M%S}Z{part}.csv"
    return {"content": content, "filename": name, "type": "text/csv;charset=utf-8", "base64": True}


def said_of(found: Found[Row]) -> Any:
    """That an export has not all, where it has not."""
    if len(found.rows) == found.total:
        return no_update
    return toast("failed", texts.both("table.export.part", n=len(found.rows), total=found.total))


def register_refresh(app: Dash) -> None:
    """Tables that are on the page are read anew from time to time, and after every change."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="tables", function_name="refresh"),
        Input(ids.Id.TICK.value, "n_intervals"),
        Input(ids.Id.CHANGED.value, "data"),
        prevent_initial_call=True,
    )


def read_wanted(
    asking: Asking, table: Table[R], read: Read[R], request: GridRequest, filters: Mapping[str, object]
) -> tuple[Found[R], Wanted]:
    wanted = parse_wanted(table, request, filters)
    return read(asking, wanted), wanted


def read_all(
    asking: Asking, table: Table[R], read: Read[R], request: GridRequest, filters: Mapping[str, object]
) -> Found[R]:
    within(asking.conn, EXPORT_S)
    return read_wanted(asking, table, read, request, filters)[0]


def given_filters(states: Any) -> Mapping[str, object]:
    """Values of the filters by name, from the states of a callback."""
    flat = [one for part in states for one in (part if isinstance(part, list) else [part])]
    return {one["id"]["filter"]: one.get("value") for one in flat if isinstance(one["id"], dict)}
