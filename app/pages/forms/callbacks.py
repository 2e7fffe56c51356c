"""The buttons of a form bound to its handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import ALL, MATCH, Dash, Input, Output, Patch, State, ctx, no_update
from dash.exceptions import PreventUpdate

from app.asking import Door
from app.pages import ids
from app.pages.forms.drawing import draw_line
from app.pages.forms.handler import PRESSES, Answer, Handler, press_try
from app.pages.forms.model import Form, Values
from app.pages.forms.typed import gather, states_of
from app.pages.forms.wrong import spread
from core.clock import utc_now


def register(app: Dash, door: Door, handler: Handler) -> None:
    """Bind the buttons of a form."""
    for name, work in PRESSES.items():
        register_press(app, door, handler, name, work)
    if handler.trial:
        register_try(app, door, handler, handler.trial)
    for name in handler.lines:
        register_lines(app, handler, name)


def register_press(app: Dash, door: Door, handler: Handler, name: str, work: Callable[..., Answer]) -> None:
    key = handler.key

    @app.callback(
        Output(ids.field(key, ALL), "error", allow_duplicate=True),
        Output(ids.said(key, ALL), "children", allow_duplicate=True),
        Output(handler.pane, "children", allow_duplicate=True),
        Output(ids.Id.TOASTS.value, "children", allow_duplicate=True),
        Output(ids.Id.CHANGED.value, "data", allow_duplicate=True),
        Input(ids.press(key, name), "n_clicks"),
        State(ids.held(key), "data"),
        *states_of(key),
        running=[(Output(ids.press(key, name), "disabled"), True, False)],
        prevent_initial_call=True,
    )
    async def pressed(clicks: int | None, base: Values | None, *_: Any) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        outputs = ctx.outputs_list
        answer = await door.ask(work, handler, base or {}, gather(key, ctx.states_list))
        changed = utc_now().isoformat() if answer.changed else no_update
        return (*spread(answer.errors, outputs), answer.pane, answer.toast, changed)


def register_try(app: Dash, door: Door, handler: Handler, trial: Form) -> None:
    key = handler.key

    @app.callback(
        Output(ids.field(key, ALL), "error", allow_duplicate=True),
        Output(ids.said(key, ALL), "children", allow_duplicate=True),
        Output(ids.field(trial.key, ALL), "error", allow_duplicate=True),
        Output(ids.said(trial.key, ALL), "children", allow_duplicate=True),
        Output(ids.result(key), "children"),
        Input(ids.press(key, "try"), "n_clicks"),
        State(ids.held(key), "data"),
        *states_of(key),
        *states_of(trial.key),
        running=[(Output(ids.press(key, "try"), "disabled"), True, False)],
        prevent_initial_call=True,
    )
    async def pressed(clicks: int | None, base: Values | None, *_: Any) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        outputs, states = ctx.outputs_list, ctx.states_list
        answer = await door.ask(press_try, handler, base or {}, gather(key, states), gather(trial.key, states))
        names = {one.name for one in trial.fields}
        there = {name: words for name, words in answer.errors.items() if name in names}
        here = {name: words for name, words in answer.errors.items() if name not in names}
        return (*spread(here, outputs[:2]), *spread(there, outputs[2:4]), answer.result)


def register_lines(app: Dash, handler: Handler, name: str) -> None:
    key = handler.key

    @app.callback(
        Output(ids.lines(key, name), "children"),
        Input(ids.add_line(key, name), "n_clicks"),
        State(ids.field(key, ALL), "value"),
        prevent_initial_call=True,
    )
    async def add(clicks: int | None, _: Any) -> Patch:
        if not clicks:
            raise PreventUpdate
        form = handler.form(gather(key, ctx.states_list).values)
        more = Patch()
        more.append(draw_line(form, form.field(name), f"new{clicks}", ()))
        return more

    @app.callback(
        Output(ids.line(key, name, MATCH), "children"),
        Input(ids.drop_line(key, name, MATCH), "n_clicks"),
        prevent_initial_call=True,
    )
    async def take_away(clicks: int | None) -> list[Any]:
        if not clicks:
            raise PreventUpdate
        return []
