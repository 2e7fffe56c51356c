"""Callbacks of the page: parse what was pressed, call one function, say what to draw."""

from __future__ import annotations

from functools import partial
from typing import Any

from dash import ALL, Dash, Input, Output, State, html, no_update
from dash.exceptions import PreventUpdate

from app.asking import Asking, Door
from app.dashboard import texts
from app.pages import forms, ids, tables
from app.pages.acts import Act, Acts, Press, Setting, empties, fills
from app.pages.forms import Values
from app.pages.ids import Id, SourcesId
from app.pages.parts import done
from app.pages.sources import devices, form, letters, listing, strangers
from core.viewer import Permission

GROUP = ids.narrow(letters.TABLE.key, "group")
SEARCH_DEVICES = ids.narrow(devices.TABLE.key, "q")


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.TABLE, listing.read_rows)
    tables.register(app, door, devices.TABLE, devices.read_rows)
    tables.register(app, door, strangers.TABLE, strangers.read_rows)
    tables.register(app, door, letters.TABLE, letters.read_rows)
    forms.register(app, door, form.SourceHandler())
    forms.register(app, door, devices.DeviceHandler())
    for kind in strangers.FORMS:
        forms.register(app, door, strangers.StrangerHandler(kind))
    acts = Acts(app, door)
    register_sources(acts)
    register_devices(acts)
    register_strangers(acts)
    register_letters(acts)
    register_tabs(app)
    register_decoder(app)
    register_kind(app, door)


def register_sources(acts: Acts) -> None:
    key = listing.TABLE.key
    acts.follows(key, count_all)
    acts.cells(key, open=open_source, switch=switch, devices=show_devices, letters=show_letters)
    acts.button(SourcesId.ADD, add_source)
    acts.button(ids.press(form.KEY, "example"), take_example, State(ids.field(form.KEY, "topic_filters"), "value"))
    acts.closes(form.KEY, SourcesId.DETAIL)


def register_devices(acts: Acts) -> None:
    held = State(ids.held(devices.KEY), "data")
    acts.cells(devices.TABLE.key, open=open_device)
    acts.button(ids.press(devices.KEY, "place"), take_place, held)
    acts.button(ids.press(devices.KEY, "retire"), retire, held)
    acts.closes(devices.KEY, SourcesId.DEVICE)


def register_strangers(acts: Acts) -> None:
    acts.cells(strangers.TABLE.key, open=open_stranger)
    for kind in strangers.FORMS:
        held = State(ids.held(kind), "data")
        acts.button(ids.press(kind, "place"), partial(take_place_of, kind), held)
        acts.button(ids.press(kind, "retire"), partial(retire_stranger, kind), held)
        acts.closes(kind, SourcesId.STRANGER)


def register_letters(acts: Acts) -> None:
    key = letters.TABLE.key
    acts.follows(key, draw_groups, "group")
    acts.cells(key, open=open_letter)
    acts.button({"letters": "pick", "group": ALL}, pick, State(GROUP, "value"))
    acts.button(ids.part(key, "all"), lambda asking, press: Act([choose_group("")]))
    acts.button({"letters": "replay", "group": ALL}, replay_group)
    acts.button({"letters": "again", "letter": ALL}, replay)
    acts.button({"letters": "discard", "letter": ALL}, discard, State(ids.field(letters.KEY, "why"), "value"))
    acts.button({"letters": "mend", "letter": ALL}, mend)
    acts.closes(letters.KEY, SourcesId.LETTER)


def opens_tab(name: str) -> Setting:
    return SourcesId.TABS, {"value": name}


# --- sources ----------------------------------------------------------------------------------------------------------


def count_all(asking: Asking, _: Press) -> Act:
    """The figures on the tabs, nothing for nought."""
    figures = {
        SourcesId.COUNT_SOURCES: listing.count_troubled(asking),
        SourcesId.COUNT_DEVICES: devices.count_pending(asking),
        SourcesId.COUNT_STRANGERS: strangers.count_pending(asking),
        SourcesId.COUNT_LETTERS: letters.count_waiting(asking) if asking.viewer.may(Permission.LETTER_READ) else 0,
    }
    return Act([fills(target, str(n) if n else "") for target, n in figures.items()])


def open_source(asking: Asking, press: Press) -> Act:
    return Act([fills(SourcesId.DETAIL, form.open_source(asking, str(press.what["id"])))])


def add_source(asking: Asking, _: Press) -> Act:
    return Act([fills(SourcesId.DETAIL, form.open_new(asking))])


def take_example(asking: Asking, press: Press) -> Act:
    message = form.take_example(asking, str(press.given[0] or ""))
    if message is None:
        return Act(toast=done("sources.try.no_example"))
    trial = form.TRIAL.key
    return Act([(ids.field(trial, name), {"value": message[name]}) for name in ("topic", "payload")])


def switch(asking: Asking, press: Press) -> Act:
    is_on = listing.set_enabled(asking, press.what)
    return Act(toast=done("sources.switched_on" if is_on else "sources.switched_off"), changed=True)


def show_devices(_: Asking, press: Press) -> Act:
    return Act([opens_tab("devices"), (SEARCH_DEVICES, {"value": str(press.what["id"])})])


def show_letters(_: Asking, press: Press) -> Act:
    return Act([opens_tab("letters"), choose_group(letters.group_of(None, str(press.what["id"])))])


# --- devices ----------------------------------------------------------------------------------------------------------


def open_device(asking: Asking, press: Press) -> Act:
    return Act([fills(SourcesId.DEVICE, devices.open_device(asking, str(press.what["id"])))])


def take_place(asking: Asking, press: Press) -> Act:
    return take_place_of(devices.KEY, asking, press)


def take_place_of(form_key: str, _: Asking, press: Press) -> Act:
    [base] = press.given
    values = {"lon": base["sent_lon"], "lat": base["sent_lat"], "datum": "WGS84"}
    return Act([(ids.field(form_key, name), {"value": value}) for name, value in values.items()])


def retire(asking: Asking, press: Press) -> Act:
    [base] = press.given
    devices.retire(asking, str(base["id"]))
    return Act([empties(SourcesId.DEVICE)], done("devices.retired", id=base["id"]), changed=True)


# --- units and cameras ------------------------------------------------------------------------------------------------


def open_stranger(asking: Asking, press: Press) -> Act:
    return Act([fills(SourcesId.STRANGER, strangers.open_thing(asking, str(press.what["id"])))])


def retire_stranger(kind: str, asking: Asking, press: Press) -> Act:
    [base] = press.given
    strangers.retire(asking, kind, str(base["id"]))
    return Act([empties(SourcesId.STRANGER)], done("devices.retired", id=base["id"]), changed=True)


# --- letters ----------------------------------------------------------------------------------------------------------


def choose_group(group: str) -> Setting:
    return GROUP, {"value": group}


def draw_groups(asking: Asking, press: Press) -> Act:
    return Act([fills(SourcesId.GROUPS, letters.draw_groups(asking, press.given[0] or ""))])


def pick(_: Asking, press: Press) -> Act:
    """The letters of a group only; all of them where it was chosen already."""
    group = str(press.what["group"])
    return Act([choose_group("" if group == press.given[0] else group)])


def open_letter(asking: Asking, press: Press) -> Act:
    return Act([fills(SourcesId.LETTER, letters.open_letter(asking, int(press.what["id"])))])


def replay_group(asking: Asking, press: Press) -> Act:
    return Act(toast=letters.replayed(letters.replay_group(asking, str(press.what["group"]))), changed=True)


def replay(asking: Asking, press: Press) -> Act:
    told = letters.replayed(letters.replay(asking, {"ids": [press.what["letter"]]}))
    return Act([empties(SourcesId.LETTER)], told, changed=True)


def discard(asking: Asking, press: Press) -> Act:
    why = (press.given[0] or "").strip()
    if not why:
        return Act([(ids.field(letters.KEY, "why"), {"error": html.Span(texts.both("form.error.missing"))})])
    letters.discard(asking, int(press.what["letter"]), why)
    return Act([empties(SourcesId.LETTER)], done("letters.discarded"), changed=True)


def mend(asking: Asking, press: Press) -> Act:
    """The source of a letter, with its message ready to be tried."""
    source, message = letters.message_of(asking, int(press.what["letter"]))
    return Act([fills(SourcesId.DETAIL, form.open_source(asking, source, message)), opens_tab("sources")])


# --- what follows a choice rather than a press ------------------------------------------------------------------------


def register_tabs(app: Dash) -> None:
    @app.callback(Output(Id.PLACE.value, "hash"), Input(SourcesId.TABS.value, "value"), prevent_initial_call=True)
    async def remember_tab(tab: str | None) -> str:
        if not tab:
            raise PreventUpdate
        return f"#{tab}"


def register_decoder(app: Dash) -> None:
    @app.callback(
        Output(ids.group(form.KEY, "options"), "children"),
        Output(ids.field(form.KEY, "topic_filters"), "value"),
        Input(ids.field(form.KEY, "decoder"), "value"),
        State(ids.field(form.KEY, "topic_filters"), "value"),
        State(ids.held(form.KEY), "data"),
        prevent_initial_call=True,
    )
    async def choose_decoder(decoder: str | None, filters: str | None, base: Values | None) -> tuple[Any, Any]:
        if not decoder:
            raise PreventUpdate
        kept = no_update if (filters or "").strip() else form.filters_of(decoder)
        return form.options_view(decoder, base or {}), kept


def register_kind(app: Dash, door: Door) -> None:
    @app.callback(
        Output(ids.group(devices.KEY, "rules"), "children"),
        Input(ids.field(devices.KEY, "kind"), "value"),
        State(ids.held(devices.KEY), "data"),
        prevent_initial_call=True,
    )
    async def choose_kind(kind: str | None, base: Values | None) -> Any:
        if not kind or not base:
            raise PreventUpdate
        return await door.ask(devices.draw_rules, str(base["id"]), kind)
