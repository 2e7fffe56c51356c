"""Callbacks of the page: parse what was pressed, call one function, hand back what to draw."""

from __future__ import annotations

from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from app.dashboard import texts
from app.pages import forms, ids, tables
from app.pages.door import Asking, Door
from app.pages.ids import Id, SourcesId
from app.pages.parts import done
from app.pages.sources import devices, form, letters, listing
from core.clock import utc_now
from core.viewer import Role

Pressed = dict[str, Any] | None
GROUP = ids.narrow(letters.TABLE.key, "group")
SEARCH_DEVICES = ids.narrow(devices.TABLE.key, "q")


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.TABLE, listing.read_rows)
    tables.register(app, door, devices.TABLE, devices.read_rows)
    tables.register(app, door, letters.TABLE, letters.read_rows)
    forms.register(app, door, form.SourceHandler())
    forms.register(app, door, devices.DeviceHandler())
    register_page(app, door)
    register_sources(app, door)
    register_devices(app, door)
    register_letters(app, door)


def told(data: Pressed, name: str) -> dict[str, Any]:
    """What the press `name` in a cell says; PreventUpdate where another one was used."""
    value: dict[str, Any] = (data or {}).get("value") or {}
    if value.get("press") != name:
        raise PreventUpdate
    return value


def pressed() -> dict[str, Any]:
    """The id of the button that was pressed; PreventUpdate where one has only just been drawn."""
    found = ctx.triggered_id
    if not isinstance(found, dict) or not ctx.triggered[0].get("value"):
        raise PreventUpdate
    return found


def moment() -> str:
    return utc_now().isoformat()


def count_all(asking: Asking) -> tuple[str, str, str]:
    """The figures on the tabs, nothing for nought."""
    waiting = letters.count_waiting(asking) if asking.may(Role.DISPATCHER) else 0
    counts = (listing.count_troubled(asking), devices.count_pending(asking), waiting)
    first, second, third = (str(n) if n else "" for n in counts)
    return first, second, third


def register_page(app: Dash, door: Door) -> None:
    @app.callback(
        Output(SourcesId.COUNT_SOURCES.value, "children"),
        Output(SourcesId.COUNT_DEVICES.value, "children"),
        Output(SourcesId.COUNT_LETTERS.value, "children"),
        # whenever the list is read anew
        Input(ids.grid(listing.TABLE.key), "getRowsRequest"),
        prevent_initial_call=True,
    )
    async def count(_: Pressed) -> tuple[str, str, str]:
        return await door.ask(count_all)

    @app.callback(Output(Id.PLACE.value, "hash"), Input(SourcesId.TABS.value, "value"), prevent_initial_call=True)
    async def remember_tab(tab: str | None) -> str:
        if not tab:
            raise PreventUpdate
        return f"#{tab}"


def register_sources(app: Dash, door: Door) -> None:
    grid = ids.grid(listing.TABLE.key)
    pane = Output(SourcesId.DETAIL.value, "children", allow_duplicate=True)

    @app.callback(pane, Input(grid, "cellRendererData"), prevent_initial_call=True)
    async def open_source(data: Pressed) -> Any:
        return await door.ask(form.open_source, str(told(data, "open")["id"]))

    @app.callback(pane, Input(SourcesId.ADD.value, "n_clicks"), prevent_initial_call=True)
    async def add(clicks: int | None) -> Any:
        if not clicks:
            raise PreventUpdate
        return await door.ask(form.open_new)

    @app.callback(pane, Input(ids.press(form.KEY, "close"), "n_clicks"), prevent_initial_call=True)
    async def close(clicks: int | None) -> list[Any]:
        if not clicks:
            raise PreventUpdate
        return []

    @app.callback(
        Output(Id.TOASTS.value, "children", allow_duplicate=True),
        Output(Id.CHANGED.value, "data", allow_duplicate=True),
        Input(grid, "cellRendererData"),
        prevent_initial_call=True,
    )
    async def switch(data: Pressed) -> tuple[Any, str]:
        is_on = await door.ask(listing.set_enabled, told(data, "switch"))
        return done("sources.switched_on" if is_on else "sources.switched_off"), moment()

    @app.callback(
        Output(SourcesId.TABS.value, "value", allow_duplicate=True),
        Output(SEARCH_DEVICES, "value"),
        Input(grid, "cellRendererData"),
        prevent_initial_call=True,
    )
    async def show_devices(data: Pressed) -> tuple[str, str]:
        return "devices", str(told(data, "devices")["id"])

    @app.callback(
        Output(SourcesId.TABS.value, "value", allow_duplicate=True),
        Output(GROUP, "value", allow_duplicate=True),
        Input(grid, "cellRendererData"),
        prevent_initial_call=True,
    )
    async def show_letters(data: Pressed) -> tuple[str, str]:
        return "letters", letters.group_of(None, str(told(data, "letters")["id"]))

    @app.callback(
        Output(ids.group(form.KEY, "options"), "children"),
        Output(ids.field(form.KEY, "topic_filters"), "value"),
        Input(ids.field(form.KEY, "decoder"), "value"),
        State(ids.field(form.KEY, "topic_filters"), "value"),
        State(ids.held(form.KEY), "data"),
        prevent_initial_call=True,
    )
    async def choose_decoder(decoder: str | None, filters: str | None, base: dict[str, Any] | None) -> tuple[Any, Any]:
        if not decoder:
            raise PreventUpdate
        kept = no_update if (filters or "").strip() else form.filters_of(decoder)
        return form.options_view(decoder, base or {}), kept


def register_devices(app: Dash, door: Door) -> None:
    pane = Output(SourcesId.DEVICE.value, "children", allow_duplicate=True)

    @app.callback(pane, Input(ids.grid(devices.TABLE.key), "cellRendererData"), prevent_initial_call=True)
    async def open_device(data: Pressed) -> Any:
        return await door.ask(devices.open_device, str(told(data, "open")["id"]))

    @app.callback(pane, Input(ids.press(devices.KEY, "close"), "n_clicks"), prevent_initial_call=True)
    async def close(clicks: int | None) -> list[Any]:
        if not clicks:
            raise PreventUpdate
        return []

    @app.callback(
        Output(ids.field(devices.KEY, "lon"), "value"),
        Output(ids.field(devices.KEY, "lat"), "value"),
        Output(ids.field(devices.KEY, "datum"), "value"),
        Input(ids.press(devices.KEY, "place"), "n_clicks"),
        State(ids.held(devices.KEY), "data"),
        prevent_initial_call=True,
    )
    async def take_place(clicks: int | None, base: dict[str, Any]) -> tuple[Any, Any, str]:
        if not clicks:
            raise PreventUpdate
        return base["sent_lon"], base["sent_lat"], "WGS84"

    @app.callback(
        pane,
        Output(Id.TOASTS.value, "children", allow_duplicate=True),
        Output(Id.CHANGED.value, "data", allow_duplicate=True),
        Input(ids.press(devices.KEY, "retire"), "n_clicks"),
        State(ids.held(devices.KEY), "data"),
        prevent_initial_call=True,
    )
    async def retire(clicks: int | None, base: dict[str, Any]) -> tuple[Any, Any, str]:
        if not clicks:
            raise PreventUpdate
        await door.ask(devices.retire, str(base["id"]))
        return [], done("devices.retired", id=base["id"]), moment()


def register_letters(app: Dash, door: Door) -> None:
    pane = Output(SourcesId.LETTER.value, "children", allow_duplicate=True)
    toast = Output(Id.TOASTS.value, "children", allow_duplicate=True)
    changed = Output(Id.CHANGED.value, "data", allow_duplicate=True)

    @app.callback(pane, Input(ids.grid(letters.TABLE.key), "cellRendererData"), prevent_initial_call=True)
    async def open_letter(data: Pressed) -> Any:
        return await door.ask(letters.open_letter, int(told(data, "open")["id"]))

    @app.callback(pane, Input(ids.press(letters.KEY, "close"), "n_clicks"), prevent_initial_call=True)
    async def close(clicks: int | None) -> list[Any]:
        if not clicks:
            raise PreventUpdate
        return []

    @app.callback(
        Output(SourcesId.GROUPS.value, "children"),
        Input(ids.grid(letters.TABLE.key), "getRowsRequest"),
        Input(GROUP, "value"),
        prevent_initial_call=True,
    )
    async def draw_groups(_: Pressed, chosen: str | None) -> list[Any]:
        return await door.ask(letters.draw_groups, chosen or "")

    @app.callback(
        Output(GROUP, "value", allow_duplicate=True),
        Input({"letters": "pick", "group": ALL}, "n_clicks"),
        State(GROUP, "value"),
        prevent_initial_call=True,
    )
    async def pick(_: list[int], chosen: str | None) -> str:
        group = str(pressed()["group"])
        return "" if group == chosen else group

    @app.callback(
        Output(GROUP, "value", allow_duplicate=True),
        Input(ids.part(letters.TABLE.key, "all"), "n_clicks"),
        prevent_initial_call=True,
    )
    async def show_all(clicks: int | None) -> str:
        if not clicks:
            raise PreventUpdate
        return ""

    @app.callback(toast, changed, Input({"letters": "replay", "group": ALL}, "n_clicks"), prevent_initial_call=True)
    async def replay_group(_: list[int]) -> tuple[Any, str]:
        key, figures = letters.told_of(await door.ask(letters.replay_group, str(pressed()["group"])))
        return done(key, **figures), moment()

    @app.callback(
        pane, toast, changed, Input({"letters": "again", "letter": ALL}, "n_clicks"), prevent_initial_call=True
    )
    async def replay(_: list[int]) -> tuple[Any, Any, str]:
        key, figures = letters.told_of(await door.ask(letters.replay, {"ids": [pressed()["letter"]]}))
        return [], done(key, **figures), moment()

    @app.callback(
        pane,
        toast,
        changed,
        Output(ids.field(letters.KEY, ALL), "error"),
        Input({"letters": "discard", "letter": ALL}, "n_clicks"),
        State(ids.field(letters.KEY, ALL), "value"),
        prevent_initial_call=True,
    )
    async def discard(_: list[int], why: list[str | None]) -> tuple[Any, Any, Any, list[Any]]:
        letter, reason = int(pressed()["letter"]), (why[0] if why else "") or ""
        if not reason.strip():
            return no_update, no_update, no_update, [texts.both("form.error.missing") for _ in why]
        await door.ask(letters.discard, letter, reason.strip())
        return [], done("letters.discarded"), moment(), [None for _ in why]

    @app.callback(
        Output(SourcesId.DETAIL.value, "children", allow_duplicate=True),
        Output(SourcesId.TABS.value, "value", allow_duplicate=True),
        Input({"letters": "mend", "letter": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    async def mend(_: list[int]) -> tuple[Any, str]:
        return await door.ask(open_to_mend, int(pressed()["letter"])), "sources"


def open_to_mend(asking: Asking, letter_id: int) -> Any:
    """The source of a letter, with its message ready to be tried."""
    source, message = letters.message_of(asking, letter_id)
    return form.open_source(asking, source, message)
