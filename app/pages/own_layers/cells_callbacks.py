"""Callbacks of grid cells: the pane is opened, they are tried, made, stopped. They are made by a process of its own:
what begins and follows that holds no transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, set_props
from dash.exceptions import PreventUpdate

from app.asking import Asking, Door
from app.grid_cells.work import Work
from app.pages import forms, ids
from app.pages.acts import Act, Acts, empties, fills
from app.pages.forms.typed import gather, states_of
from app.pages.forms.wrong import error_of, spread
from app.pages.ids import LayersId
from app.pages.own_layers import cells_made
from core.clock import utc_now
from core.errors import Conflict, OneMapError
from core.viewer import Permission
from layers.grid_cells.nouns import GridCellsIn
from layers.place import read_district_names

HELD = State(ids.held(cells_made.KEY), "data")


def to_cells(asking: Asking) -> Act:
    asking.viewer.require(Permission.LAYER_EDIT)
    work = asking.parts.grid_cells.last(asking.viewer)
    shown = cells_made.pane(read_district_names(asking.conn), None if work is None else work.told())
    return Act([fills(LayersId.PANE, shown), (LayersId.WATCH, {"disabled": True})])


class Cells:
    def __init__(self, app: Dash, door: Door) -> None:
        self._app, self._door = app, door

    def register(self) -> None:
        acts = Acts(self._app, self._door)
        acts.button(LayersId.CELLS, lambda asking, press: to_cells(asking))
        acts.button(ids.press(cells_made.KEY, "close"), lambda asking, press: Act([empties(LayersId.PANE)]))
        self._register_start(LayersId.CELLS_TRY, dry_run=True)
        self._register_start(LayersId.CELLS_MAKE, dry_run=False)
        self._register_watch()
        self._register_stop()

    def _register_start(self, button: LayersId, *, dry_run: bool) -> None:
        @self._app.callback(
            Output(ids.field(cells_made.KEY, ALL), "error", allow_duplicate=True),
            Output(ids.said(cells_made.KEY, ALL), "children", allow_duplicate=True),
            Input(button.value, "n_clicks"),
            *states_of(cells_made.KEY),
            prevent_initial_call=True,
        )
        async def start(clicks: int | None, *_: Any) -> tuple[Any, ...]:
            if not clicks:
                raise PreventUpdate
            outputs, form = ctx.outputs_list, cells_made.cells_form({})
            said = forms.read(form, gather(cells_made.KEY, ctx.states_list))
            given, errors = forms.check(form, GridCellsIn, cells_made.given_of(said))
            if given is None:
                return spread(errors, outputs)
            try:
                work = self._door.parts.grid_cells.start(given, self._door.viewer(), dry_run=dry_run)
            except Conflict as exc:
                return spread(error_of(form, exc), outputs)
            set_props(ids.held(cells_made.KEY), {"data": {"work": work.id}})
            show(work)
            return spread({}, outputs)

    def _register_watch(self) -> None:
        @self._app.callback(Input(LayersId.CELLS_WATCH.value, "n_intervals"), HELD, prevent_initial_call=True)
        async def watch(_: int | None, held: Mapping[str, Any] | None) -> None:
            try:
                work = self._need(held)
            except OneMapError:
                set_props(LayersId.CELLS_WATCH.value, {"disabled": True})
                raise
            show(work)
            if work.state == "done" and not work.dry_run:
                set_props(ids.Id.CHANGED.value, {"data": utc_now().isoformat()})

    def _register_stop(self) -> None:
        @self._app.callback(Input(LayersId.CELLS_STOP.value, "n_clicks"), HELD, prevent_initial_call=True)
        async def stop(clicks: int | None, held: Mapping[str, Any] | None) -> None:
            if not clicks:
                raise PreventUpdate
            self._door.parts.grid_cells.stop(self._need(held))

    def _need(self, held: Mapping[str, Any] | None) -> Work:
        return self._door.parts.grid_cells.need(str((held or {}).get("work")), self._door.viewer())


def show(work: Work) -> None:
    """The bar, whether the buttons can be pressed, what came of it."""
    told, working = work.told(), work.state == "working"
    set_props(LayersId.CELLS_STATE.value, {"children": cells_made.state_view(told)})
    set_props(LayersId.CELLS_MADE.value, {"children": cells_made.outcome_view(told)})
    set_props(LayersId.CELLS_WATCH.value, {"disabled": not working})
    for button in (LayersId.CELLS_TRY, LayersId.CELLS_MAKE):
        set_props(button.value, {"disabled": working})
