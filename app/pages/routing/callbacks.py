"""Callbacks of the page: the way of an alarm; routes, inhibitions and silences opened, added, changed, turned off,
taken away and taken back. Whatever turns alarms to other ways is asked twice, with what would change."""

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
from app.pages.acts import Act, Acts, Press, Setting, empties, fills, opens
from app.pages.ids import RoutingId
from app.pages.parts import done
from app.pages.routing import form, layout, listing, matching, removed, view
from app.pages.routing.nouns import INHIBITION, ROUTE, SILENCE
from app.pages.why import answer_of, asked_of
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
        acts.asked_with_effect(
            ids.switch_routed(noun, ALL, ALL),
            switching,
            partial(words_of_switch, noun),
            partial(switch, noun),
            *asked_of(switching),
            held,
        )
        acts.asked_with_effect(
            ids.take_back_routed(noun, ALL),
            taking,
            partial(words_of_take_back, noun),
            partial(take_back, noun),
            *asked_of(taking),
            held,
        )
    removing, putting = layout.REMOVING, layout.PUTTING_BACK
    acts.asked_with_effect(
        ids.remove_routed(ROUTE, ALL), removing, words_of_remove, remove, *asked_of(removing), HELD[ROUTE]
    )
    acts.button(RoutingId.REMOVED, open_removed)
    acts.closes(removed.KEY, RoutingId.ROUTE)
    acts.asked_with_effect(ids.put_back(ALL, ALL), putting, words_of_put_back, put_back, *asked_of(putting))
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
    """Turning it off may let alarms through or leave nobody told."""
    identity, version = str(press.what["id"]), int(press.what["version"])
    return opens(layout.SWITCHING[noun], words_of_switching(noun, asking, identity, version, not press.what["on_now"]))


def words_of_switching(noun: str, asking: Asking, identity: str, version: int, on: bool) -> list[Any]:
    about = {"id": identity, "on": on, "version": version}
    told = texts.both(f"routing.{noun}.on.ask" if on else f"routing.{noun}.off.ask")
    given = {"version": version, "enabled": on}
    return form.asked_with(asking, layout.SWITCHING[noun], told, about, required=not on, what=noun, given=given)


def held_of(press: Press) -> Mapping[str, Any]:
    found: Mapping[str, Any] = press.given[-1][0]
    return found


def words_of_switch(noun: str, asking: Asking, press: Press) -> list[Any]:
    on = press.what["to"] == "on"
    return words_of_switching(noun, asking, str(press.what["switch"]), int(held_of(press)["version"]), on)


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


def words_of_take_back(noun: str, asking: Asking, press: Press) -> list[Any]:
    held, to = held_of(press), int(press.what["version"])
    about = {"id": held["id"], "to": to, "version": held["version"]}
    told = texts.both("routing.take_back.ask", version=to)
    given = {"to": to, "version": held["version"]}
    dialog = layout.TAKING[noun]
    return form.asked_with(asking, dialog, told, about, required=True, what=noun, given=given, taken_back=True)


def take_back(noun: str, asking: Asking, press: Press) -> Act:
    about, why = answer_of(press, required=True)
    body = api.TakeBackIn(to=int(about["to"]), version=int(about["version"]), why=why)
    act: Callable[..., object] = api.take_back_route if noun == ROUTE else api.take_back_inhibition
    act(asking.conn, asking.viewer, asking.now, str(about["id"]), body)
    told = done("rules.taken_back", version=about["to"])
    return Act(reopened(noun, asking, press, str(about["id"])), told, changed=True)


def words_of_remove(asking: Asking, press: Press) -> list[Any]:
    held = held_of(press)
    about = {"id": held["id"], "version": held["version"]}
    told = texts.both("routing.route.remove.ask")
    return form.asked_with(asking, layout.REMOVING, told, about, required=True, what=ROUTE, removed=True)


def remove(asking: Asking, press: Press) -> Act:
    about, why = answer_of(press, required=True)
    identity, version = str(about["id"]), int(about["version"])
    api.delete_route(asking.conn, asking.viewer, asking.now, identity, why, version)
    return Act([empties(RoutingId.ROUTE)], done("routing.route.removed"), changed=True)


def open_removed(asking: Asking, _: Press) -> Act:
    return Act([fills(RoutingId.ROUTE, removed.open_removed(asking))])


def words_of_put_back(asking: Asking, press: Press) -> list[Any]:
    identity, version = str(press.what["put-back"]), int(press.what["version"])
    about = {"id": identity, "version": version}
    told = texts.both("routing.route.put_back.ask")
    given = {"to": version, "version": version}
    return form.asked_with(
        asking, layout.PUTTING_BACK, told, about, required=True, what=ROUTE, given=given, taken_back=True
    )


def put_back(asking: Asking, press: Press) -> Act:
    about, why = answer_of(press, required=True)
    identity, version = str(about["id"]), int(about["version"])
    body = api.TakeBackIn(to=version, version=version, why=why)
    api.take_back_route(asking.conn, asking.viewer, asking.now, identity, body)
    pane = fills(RoutingId.ROUTE, form.open_one(asking, ROUTE, identity))
    return Act([pane], done("routing.route.put_back"), changed=True)


def reopened(noun: str, asking: Asking, press: Press, identity: str) -> list[Setting]:
    """The pane drawn anew where it is of what was changed."""
    held = press.given[-1]
    is_open = bool(held) and held[0].get("id") == identity
    return [fills(form.PANES[noun], form.open_one(asking, noun, identity))] if is_open else []
