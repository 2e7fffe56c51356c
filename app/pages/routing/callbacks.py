"""Callbacks of the page: the way of an alarm; routes, inhibitions and silences opened, added, changed, turned off,
taken away and taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from dash import ALL, MATCH, Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from alerts.present import read_alarms
from alerts.routing import InhibitionChange, RouteChange
from app.api import routing as api
from app.asking import Asking, Door
from app.dashboard import texts
from app.pages import forms, ids, tables
from app.pages.acts import Act, Acts, Press, Setting, empties, fills
from app.pages.ids import RoutingId
from app.pages.parts import done
from app.pages.routing import form, layout, listing, matching, view
from app.pages.routing.nouns import INHIBITION, ROUTE, SILENCE
from app.pages.why import answer_of, asked, asked_of
from app.seeing import need_seen

ADDS = {ROUTE: RoutingId.ADD_ROUTE, INHIBITION: RoutingId.ADD_INHIBITION, SILENCE: RoutingId.ADD_SILENCE}
# what is open in a pane, of the one there is or none
HELD = {noun: State({"form": noun, "held": ALL}, "data") for noun in (ROUTE, INHIBITION)}


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.ALARMS, listing.read_alarms)
    tables.register(app, door, listing.SILENCES, listing.read_silences)
    tables.register(app, door, listing.INHIBITIONS, listing.read_inhibitions)
    tables.register(app, door, listing.ROUTES, listing.read_routes)
    acts = Acts(app, door)
    acts.cells(listing.ALARMS.key, way=show_way)
    acts.cells(listing.SILENCES.key, open=partial(open_one, SILENCE), end=end_silence)
    acts.cells(
        listing.INHIBITIONS.key, open=partial(open_one, INHIBITION), switch=partial(ask_switch_of_row, INHIBITION)
    )
    acts.cells(listing.ROUTES.key, open=partial(open_one, ROUTE), switch=partial(ask_switch_of_row, ROUTE))
    for noun, button in ADDS.items():
        forms.register(app, door, form.RoutedHandler(noun))
        for name in form.LINES[noun]:
            register_values(app, door, noun, name)
        acts.button(button, partial(open_new, noun))
        acts.closes(noun, form.PANES[noun])
    for noun, held in HELD.items():
        switching, taking = layout.SWITCHING[noun], layout.TAKING[noun]
        acts.asked_twice(
            ids.switch_routed(noun, ALL, ALL),
            switching,
            partial(words_of_switch, noun),
            partial(switch, noun),
            *asked_of(switching),
            held,
        )
        acts.asked_twice(
            ids.take_back_routed(noun, ALL),
            taking,
            partial(words_of_take_back, noun),
            partial(take_back, noun),
            *asked_of(taking),
            held,
        )
    acts.asked_twice(
        ids.remove_routed(ROUTE, ALL), layout.REMOVING, words_of_remove, remove, *asked_of(layout.REMOVING), HELD[ROUTE]
    )
    acts.closes(view.KEY, RoutingId.WAY)


def register_values(app: Dash, door: Door, noun: str, name: str) -> None:
    """The values of a line follow its label and way."""

    @app.callback(
        Output(ids.values_of(noun, name, MATCH), "children"),
        Input(ids.cell(noun, name, MATCH, "label"), "value"),
        Input(ids.cell(noun, name, MATCH, "how"), "value"),
        State(ids.cell(noun, name, MATCH, "values"), "value"),
        prevent_initial_call=True,
    )
    async def follow(label: str | None, how: str | None, values: list[str] | None) -> Any:
        row = next((one["id"]["row"] for one in ctx.inputs_list if isinstance(one.get("id"), dict)), None)
        if not label or row is None:
            raise PreventUpdate
        return await door.ask(offer, noun, name, str(row), label, how or matching.HOWS[0], values or [])


def offer(asking: Asking, noun: str, name: str, row: str, label: str, how: str, values: list[str]) -> Any:
    known = matching.read_known(asking)
    kept = matching.kept_values(label, how, values, known)
    return matching.values_input(noun, name, row, [label, how, kept], known)


def show_way(asking: Asking, press: Press) -> Act:
    alarm_id = UUID(str(press.what["id"]))
    alarm = need_seen(asking.viewer, "alarm", read_alarms(asking.conn, [alarm_id]), alarm_id)
    way = api.get_way(asking.conn, asking.viewer, asking.now, alarm_id)
    return Act([fills(RoutingId.WAY, view.way_view(alarm, way))])


def open_one(noun: str, asking: Asking, press: Press) -> Act:
    return Act([fills(form.PANES[noun], form.open_one(asking, noun, str(press.what["id"])))])


def open_new(noun: str, asking: Asking, _: Press) -> Act:
    return Act([fills(form.PANES[noun], form.open_new(asking, noun))])


def end_silence(asking: Asking, press: Press) -> Act:
    api.end_silence(asking.conn, asking.viewer, asking.now, str(press.what["id"]))
    return Act([empties(RoutingId.SILENCE)], done("routing.silences.ended"), changed=True)


# --- what is asked twice ----------------------------------------------------------------------------------------------


def ask_switch_of_row(noun: str, asking: Asking, press: Press) -> Act:
    """Turning it off may let alarms through or leave nobody told: it is asked with what would change."""
    to = "off" if press.what["on_now"] else "on"
    about = {"id": press.what["id"], "on": to == "on", "version": int(press.what["version"])}
    given = {"version": about["version"], "enabled": about["on"]}
    found = api.get_effect(
        asking.conn, asking.viewer, asking.now, form.effect_asked(noun, {**about, "version": 1}, given)
    )
    words = [*asked(layout.SWITCHING[noun], texts.both(f"routing.{noun}.{to}.ask"), about, required=to == "off")]
    words.insert(1, form.effects_of(asking, found))
    dialog = layout.SWITCHING[noun]
    return Act([(ids.dialog(dialog), {"opened": True}), fills(ids.dialog_part(dialog, "words"), words)])


def held_of(press: Press) -> Mapping[str, Any]:
    found: Mapping[str, Any] = press.given[-1][0]
    return found


def words_of_switch(noun: str, press: Press) -> list[Any]:
    to = press.what["to"]
    about = {"id": press.what["switch"], "on": to == "on", "version": held_of(press)["version"]}
    return asked(layout.SWITCHING[noun], texts.both(f"routing.{noun}.{to}.ask"), about, required=to == "off")


def switch(noun: str, asking: Asking, press: Press) -> Act:
    on = bool(press.given[0][0]["on"])
    about, why = answer_of(press, required=not on)
    identity, version = str(about["id"]), int(about["version"])
    ask = (asking.conn, asking.viewer, asking.now, identity)
    if noun == ROUTE:
        api.patch_route(*ask, RouteChange(version=version, enabled=on, why=why))
    else:
        api.patch_inhibition(*ask, InhibitionChange(version=version, enabled=on, why=why))
    told = done(f"routing.{noun}.on" if on else f"routing.{noun}.off")
    return Act(reopened(noun, asking, press, identity), told, changed=True)


def words_of_take_back(noun: str, press: Press) -> list[Any]:
    held = held_of(press)
    about = {"id": held["id"], "to": press.what["version"], "version": held["version"]}
    told = texts.both("routing.take_back.ask", version=press.what["version"])
    return asked(layout.TAKING[noun], told, about, required=True)


def take_back(noun: str, asking: Asking, press: Press) -> Act:
    about, why = answer_of(press, required=True)
    body = api.TakeBackIn(to=int(about["to"]), version=int(about["version"]), why=why)
    act: Callable[..., object] = api.take_back_route if noun == ROUTE else api.take_back_inhibition
    act(asking.conn, asking.viewer, asking.now, str(about["id"]), body)
    told = done("rules.taken_back", version=about["to"])
    return Act(reopened(noun, asking, press, str(about["id"])), told, changed=True)


def words_of_remove(press: Press) -> list[Any]:
    held = held_of(press)
    about = {"id": held["id"], "version": held["version"]}
    return asked(layout.REMOVING, texts.both("routing.route.remove.ask"), about, required=True)


def remove(asking: Asking, press: Press) -> Act:
    about, why = answer_of(press, required=True)
    identity, version = str(about["id"]), int(about["version"])
    api.delete_route(asking.conn, asking.viewer, asking.now, identity, why, version)
    return Act([empties(RoutingId.ROUTE)], done("routing.route.removed"), changed=True)


def reopened(noun: str, asking: Asking, press: Press, identity: str) -> list[Setting]:
    """The pane drawn anew where it is of what was changed."""
    held = press.given[-1]
    is_open = bool(held) and held[0].get("id") == identity
    return [fills(form.PANES[noun], form.open_one(asking, noun, identity))] if is_open else []
