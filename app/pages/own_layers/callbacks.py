"""Callbacks of the page: open, change, remove a layer; a file dropped, looked at, checked, loaded, stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update, set_props
from dash.exceptions import PreventUpdate

from app.api import own_layers as api
from app.asking import Asking, Door
from app.dashboard import texts
from app.files.brought import BroughtFile
from app.files.nouns import MappingIn, Mode
from app.pages import forms, ids, tables
from app.pages.acts import Act, Acts, Press, empties, fills
from app.pages.forms.typed import gather, states_of
from app.pages.forms.wrong import error_of, spread
from app.pages.ids import LayersId
from app.pages.own_layers import brought, detail, layout, listing, mapping, outcome
from app.pages.own_layers.cells_callbacks import Cells
from app.pages.parts import done, error_words
from core.clock import utc_now
from core.errors import Conflict, InputError, OneMapError
from core.viewer import Permission
from layers.imports.registers import REGISTERS
from layers.own_changes import LayerChange

HELD, HELD_FILE = State(ids.held(detail.KEY), "data"), State(ids.held(mapping.KEY), "data")
# what a plan says of one table means nothing of another
OF_THE_TABLE = ("columns", "key", "x", "y", "datum", "encoding")
Errors = dict[str, list[Any]]
# nobody looks at the work any more, which goes on
QUIET = (LayersId.WATCH, {"disabled": True})


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.TABLE, listing.read_rows)
    forms.register(app, door, detail.LayerHandler())
    acts = Acts(app, door)
    acts.cells(listing.TABLE.key, open=lambda asking, press: opened(asking, str(press.what["id"])))
    acts.button(LayersId.ADD, lambda asking, press: to_drop(asking))
    acts.button(LayersId.RENEW, lambda asking, press: to_drop(asking, str(press.given[0]["id"])), HELD)
    acts.button(ids.icon(ALL), lambda asking, press: chosen(str(press.what["icon"])))
    acts.button(LayersId.UP, lambda asking, press: move(asking, press, -1), HELD)
    acts.button(LayersId.DOWN, lambda asking, press: move(asking, press, 1), HELD)
    acts.asked_twice(
        LayersId.REMOVE,
        layout.REMOVING,
        ask_remove,
        remove,
        HELD,
    )
    acts.closes(detail.KEY, LayersId.PANE)
    acts.button(ids.press(mapping.KEY, "close"), lambda asking, press: Act([empties(LayersId.PANE), QUIET]))
    File(app, door).register()
    Cells(app, door).register()


def opened(asking: Asking, name: str) -> Act:
    return Act([fills(LayersId.PANE, detail.open_layer(asking, name)), QUIET])


def to_drop(asking: Asking, layer: str | None = None) -> Act:
    asking.viewer.require(Permission.LAYER_EDIT)
    return Act([fills(LayersId.PANE, brought.drop_pane(layer)), QUIET])


def chosen(icon: str) -> Act:
    return Act([(ids.field(detail.KEY, "style.icon"), {"value": icon})])


def move(asking: Asking, press: Press, step: int) -> Act:
    """The layer stands a step further up or down in its group; what is typed into its form stays."""
    [base] = press.given
    name = str(base["id"])
    among = detail.neighbours(asking, base)
    if (among[0] if step < 0 else among[-1]).id == name:
        return Act()
    change = LayerChange(version=base["version"], above=detail.moved_above(among, name, step))
    after = detail.values_of(api.patch_layer(asking.conn, asking.viewer, asking.now, name, change))
    shown = detail.order_view(detail.neighbours(asking, after), name)
    return Act([fills(LayersId.ORDER, shown), (ids.held(detail.KEY), {"data": after})], changed=True)


def ask_remove(press: Press) -> html.Span:
    [layer] = press.given
    return html.Span(texts.both("own.remove.ask", name=layer["title"]["zh"], n=layer["rows"]))


def remove(asking: Asking, press: Press) -> Act:
    name = str(press.given[0]["id"])
    api.delete_layer(asking.conn, asking.viewer, asking.now, name)
    return Act([empties(LayersId.PANE)], done("own.removed", name=name), changed=True)


class File:
    """The file on its way in. These callbacks read a file in a process of its own: they hold no transaction."""

    def __init__(self, app: Dash, door: Door) -> None:
        self._app, self._door = app, door

    def register(self) -> None:
        self._register_dropped()
        self._register_look()
        self._register_work("check", LayersId.CHECK)
        self._register_work("load", LayersId.LOAD)
        self._register_take_away()
        self._register_watch()
        self._register_ends()

    def _need(self, held: Mapping[str, Any] | None) -> BroughtFile:
        viewer = self._door.viewer()
        viewer.require(Permission.LAYER_EDIT)
        return self._door.parts.files.need(str((held or {}).get("file")), viewer, utc_now())

    def _said(self, clicks: int | None, held: Mapping[str, Any] | None) -> tuple[BroughtFile, MappingIn | None, Errors]:
        """The file of a press, and what stands in its form or what is wrong with it."""
        if not clicks:
            raise PreventUpdate
        file = self._need(held)
        return file, *said_of(ctx.states_list, held)

    def _register_dropped(self) -> None:
        @self._app.callback(Input(LayersId.FILE.value, "data"), prevent_initial_call=True)
        async def dropped(data: Mapping[str, Any] | None) -> None:
            if not data:
                raise PreventUpdate
            file = self._need({"file": data["id"]})
            target = data.get("target")
            layer = data.get("layer") or (target if target in REGISTERS else None)
            try:
                answer = await self._door.parts.files.read(file, MappingIn(layer=layer), "look", self._door.viewer())
            except OneMapError as exc:
                self._door.parts.files.drop(file)
                shown = brought.drop_pane(layer, error_words(exc))
            else:
                shown = brought.mapping_pane(file.told(), answer)
            set_props(LayersId.PANE.value, {"children": shown})

        @self._app.callback(
            Output(LayersId.DROP.value, "data-target"), Input(LayersId.TARGET.value, "value"), prevent_initial_call=True
        )
        async def choose_target(target: str | None) -> str:
            """The script that sends the file takes it from there."""
            return target or ""

    def _register_look(self) -> None:
        @self._app.callback(
            *self._errors(),
            Output(LayersId.PANE.value, "children", allow_duplicate=True),
            Input(LayersId.LOOK.value, "n_clicks"),
            HELD_FILE,
            *states_of(mapping.KEY),
            running=[(Output(LayersId.LOOK.value, "disabled"), True, False)],
            prevent_initial_call=True,
        )
        async def look(clicks: int | None, held: Mapping[str, Any] | None, *_: Any) -> tuple[Any, ...]:
            outputs, states = ctx.outputs_list, ctx.states_list
            file, given, errors = self._said(clicks, held)
            if given is None:
                return (*spread(errors, outputs), no_update)
            try:
                answer = await self._door.parts.files.read(file, given, "look", self._door.viewer())
            except (InputError, Conflict) as exc:
                return (*spread(error_of(form_of(states, held), exc), outputs), no_update)
            return (*spread({}, outputs), brought.mapping_pane(file.told(), answer))

    def _register_work(self, mode: Mode, button: LayersId) -> None:
        @self._app.callback(
            *self._errors(),
            Input(button.value, "n_clicks"),
            HELD_FILE,
            *states_of(mapping.KEY),
            prevent_initial_call=True,
        )
        async def work(clicks: int | None, held: Mapping[str, Any] | None, *_: Any) -> tuple[Any, ...]:
            outputs = ctx.outputs_list
            file, given, errors = self._said(clicks, held)
            if given is None:
                return spread(errors, outputs)
            self._begin(file, given, mode)
            return spread({}, outputs)

    def _register_take_away(self) -> None:
        """What the file has not any more leaves the layer: asked twice, then loaded once more with that said."""
        acts = Acts(self._app, self._door)
        go = ids.dialog_part(layout.TAKING, "go")
        closed = Act([(ids.dialog(layout.TAKING), {"opened": False})])
        words = ids.dialog_part(layout.TAKING, "words")
        ask = Act(
            [(ids.dialog(layout.TAKING), {"opened": True}), fills(words, html.Span(texts.both("bring.take_away.ask")))]
        )
        acts.button(LayersId.TAKE_AWAY, lambda asking, press: ask)
        acts.button(ids.dialog_part(layout.TAKING, "stay"), lambda asking, press: closed)

        @self._app.callback(Input(go, "n_clicks"), HELD_FILE, *states_of(mapping.KEY), prevent_initial_call=True)
        async def pressed(clicks: int | None, held: Mapping[str, Any] | None, *_: Any) -> None:
            if not clicks or not ctx.triggered[0].get("value"):
                raise PreventUpdate
            file = self._need(held)
            given, _errors = said_of(ctx.states_list, held)
            closed.show()
            if given is not None:
                self._begin(file, given.model_copy(update={"remove_gone": True}), "load")

    def _begin(self, file: BroughtFile, given: MappingIn, mode: Mode) -> None:
        self._door.parts.files.start(file, given, mode, self._door.viewer())
        show_state(file, working=True)

    def _register_watch(self) -> None:
        @self._app.callback(Input(LayersId.WATCH.value, "n_intervals"), HELD_FILE, prevent_initial_call=True)
        async def watch(_: int | None, held: Mapping[str, Any] | None) -> None:
            if not held:
                set_props(LayersId.WATCH.value, {"disabled": True})
                raise PreventUpdate
            try:
                file = self._need(held)
            except OneMapError:
                set_props(LayersId.WATCH.value, {"disabled": True})
                raise
            show_state(file, working=file.state == "working")
            if file.state != "working" and file.answer is not None:
                loaded = file.mode == "load"
                shown = outcome.outcome_view(file.answer, file.id, shown=False, loaded=loaded)
                set_props(LayersId.BROUGHT.value, {"children": shown})
                if loaded:
                    set_props(ids.held(mapping.KEY), {"data": {**held, "version": file.answer["version"]}})
                    set_props(ids.Id.CHANGED.value, {"data": utc_now().isoformat()})

    def _register_ends(self) -> None:
        @self._app.callback(Input(LayersId.STOP.value, "n_clicks"), HELD_FILE, prevent_initial_call=True)
        async def stop(clicks: int | None, held: Mapping[str, Any] | None) -> None:
            if not clicks:
                raise PreventUpdate
            self._door.parts.files.stop(self._need(held))

    def _errors(self) -> tuple[Output, Output]:
        return (
            Output(ids.field(mapping.KEY, ALL), "error", allow_duplicate=True),
            Output(ids.said(mapping.KEY, ALL), "children", allow_duplicate=True),
        )


def show_state(file: BroughtFile, *, working: bool) -> None:
    """The bar, and whether the buttons can be pressed."""
    set_props(LayersId.PROGRESS.value, {"children": outcome.progress_view(file.told())})
    set_props(LayersId.WATCH.value, {"disabled": not working})
    for button in (LayersId.LOOK, LayersId.CHECK, LayersId.LOAD):
        set_props(button.value, {"disabled": working})


def form_of(states: Any, held: Mapping[str, Any] | None) -> forms.Form:
    """The form as it stands: its choices do not matter to what is read."""
    typed = gather(mapping.KEY, states)
    layer = str(((held or {}).get("values") or {}).get("layer") or "")
    return mapping.bring_form(("", "") if "table" in typed.values else (), layer=layer)


def said_of(states: Any, held: Mapping[str, Any] | None) -> tuple[MappingIn | None, Errors]:
    """What stands in the form, or what is wrong with it. Where another table is chosen, what was said of the first is
    not said of that."""
    form = form_of(states, held)
    given = mapping.given_of(forms.read(form, gather(mapping.KEY, states)))
    before: Mapping[str, Any] = (held or {}).get("values") or {}
    if before.get("layer") in REGISTERS:
        given["layer"] = before["layer"]
    elif given.get("layer") == before.get("layer"):
        given["version"] = (held or {}).get("version")
    if "table" in given and given["table"] != before.get("table"):
        given = {name: value for name, value in given.items() if name not in OF_THE_TABLE}
    return forms.check(form, MappingIn, given)
