"""Callbacks of the page: retry and drop what is selected, keep the counts current."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from app.pages import ids, tables
from app.pages.door import Asking, Door
from app.pages.ids import AsideId, Id
from app.pages.parts import done
from app.pages.set_aside import view
from core import audit, set_aside
from core.clock import utc_now
from core.errors import NotFound
from core.viewer import Role

ACTS = {"retry": set_aside.retry, "drop": set_aside.drop}
GRID = ids.grid(view.TABLE.key)


def decide(asking: Asking, act: str, keys: Sequence[str]) -> int:
    """Retry or drop rows by their keys (`what:id`); returns how many there still were."""
    asking.viewer.require(Role.ADMIN)
    count = 0
    for key in keys:
        what, _, identity = key.partition(":")
        try:
            ACTS[act](asking.conn, what, identity, asking.viewer.username, asking.now)
        except NotFound:  # worked through, or decided on by somebody else meanwhile
            continue
        audit.write(asking.conn, asking.viewer, f"set_aside.{act}", asking.now, {"what": what, "id": identity})
        count += 1
    return count


def count_up(asking: Asking) -> list[Any]:
    asking.viewer.require(Role.DISPATCHER)
    return view.count_views(set_aside.count_asides(asking.conn))


def keys_of(rows: list[dict[str, Any]] | None) -> list[str]:
    return [str(row[tables.ROW_KEY]) for row in rows or ()]


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, view.TABLE, view.read_rows)

    @app.callback(Output(AsideId.COUNTS.value, "children"), Input(GRID, "getRowsRequest"), prevent_initial_call=True)
    async def count(_: dict[str, Any] | None) -> list[Any]:
        return await door.ask(count_up)

    @app.callback(
        Output(AsideId.RETRY.value, "disabled"),
        Output(AsideId.DROP.value, "disabled"),
        Input(GRID, "selectedRows"),
        prevent_initial_call=True,
    )
    async def select(rows: list[dict[str, Any]] | None) -> tuple[bool, bool]:
        return not rows, not rows

    @app.callback(
        Output(Id.TOASTS.value, "children", allow_duplicate=True),
        Output(Id.CHANGED.value, "data", allow_duplicate=True),
        Output(GRID, "selectedRows", allow_duplicate=True),
        Input(AsideId.RETRY.value, "n_clicks"),
        State(GRID, "selectedRows"),
        prevent_initial_call=True,
    )
    async def retry(clicks: int | None, rows: list[dict[str, Any]] | None) -> tuple[Any, str, list[Any]]:
        if not clicks or not rows:
            raise PreventUpdate
        count = await door.ask(decide, "retry", keys_of(rows))
        return done("aside.retried", n=count), utc_now().isoformat(), []

    @app.callback(
        Output(AsideId.ASK.value, "opened"),
        Output(AsideId.ASK_WORDS.value, "children"),
        Input(AsideId.DROP.value, "n_clicks"),
        State(GRID, "selectedRows"),
        prevent_initial_call=True,
    )
    async def ask(clicks: int | None, rows: list[dict[str, Any]] | None) -> tuple[bool, list[Any]]:
        if not clicks or not rows:
            raise PreventUpdate
        return True, view.ask_words(keys_of(rows))

    @app.callback(
        Output(AsideId.ASK.value, "opened", allow_duplicate=True),
        Input(AsideId.STAY.value, "n_clicks"),
        prevent_initial_call=True,
    )
    async def stay(clicks: int | None) -> bool:
        if not clicks:
            raise PreventUpdate
        return False

    @app.callback(
        Output(AsideId.ASK.value, "opened", allow_duplicate=True),
        Output(Id.TOASTS.value, "children", allow_duplicate=True),
        Output(Id.CHANGED.value, "data", allow_duplicate=True),
        Output(GRID, "selectedRows", allow_duplicate=True),
        Input(AsideId.SURE.value, "n_clicks"),
        State(GRID, "selectedRows"),
        prevent_initial_call=True,
    )
    async def drop(clicks: int | None, rows: list[dict[str, Any]] | None) -> tuple[bool, Any, str, list[Any]]:
        if not clicks or not rows:
            raise PreventUpdate
        count = await door.ask(decide, "drop", keys_of(rows))
        return False, done("aside.dropped", n=count), utc_now().isoformat(), []
