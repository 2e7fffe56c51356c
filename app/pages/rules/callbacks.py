"""Callbacks of the page: open, add, save and try; arm, disarm and take back after asking twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, html

from app.api import rules as api
from app.asking import Asking, Door
from app.dashboard import texts
from app.pages import forms, ids, tables
from app.pages.acts import Act, Acts, Press, Setting, fills
from app.pages.ids import RulesId
from app.pages.parts import done
from app.pages.rules import form, layout, listing
from app.pages.rules.fields import KEY
from app.pages.why import answer_of, asked, asked_of

# the rule whose pane is open, of the one there is or none
HELD = State({"form": KEY, "held": ALL}, "data")


def register(app: Dash, door: Door) -> None:
    tables.register(app, door, listing.TABLE, listing.read_rows)
    forms.register(app, door, form.RuleHandler())
    acts = Acts(app, door)
    acts.cells(listing.TABLE.key, open=open_rule, switch=ask_switch_of_row)
    acts.button(RulesId.ADD, lambda asking, press: shown(form.open_kinds(asking)))
    acts.button(ids.rule_kind(ALL), lambda asking, press: shown(form.open_new(asking, str(press.what["kind"]))))
    acts.asked_twice(
        ids.switch_rule(ALL, ALL), layout.SWITCHING, words_of_switch, switch, *asked_of(layout.SWITCHING), HELD
    )
    acts.asked_twice(ids.take_back(ALL), layout.TAKING, words_of_take_back, take_back, *asked_of(layout.TAKING), HELD)
    acts.closes(KEY, RulesId.PANE)
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="figures", function_name="speak"),
        Output(RulesId.CHART.value, "figure"),
        Input(RulesId.FIGURE.value, "data"),
        Input(RulesId.SEEN.value, "data"),
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="figures", function_name="speak"),
        Output(RulesId.MAP.value, "figure"),
        Input(RulesId.MAP_FIGURE.value, "data"),
        Input(RulesId.SEEN.value, "data"),
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace="figures", function_name="follow"),
        Input(RulesId.MAP.value, "clickData"),
        prevent_initial_call=True,
    )


def shown(pane: html.Div) -> Act:
    return Act([fills(RulesId.PANE, pane)])


def open_rule(asking: Asking, press: Press) -> Act:
    return shown(form.open_rule(asking, str(press.what["id"])))


# --- what is asked twice ----------------------------------------------------------------------------------------------


def words_of_switch(press: Press) -> list[Any]:
    on = press.what["to"] == "on"
    told = texts.both("rules.arm.ask" if on else "rules.disarm.ask")
    return asked(layout.SWITCHING, told, {"id": press.what["id"], "on": on}, required=not on)


def ask_switch_of_row(_: Asking, press: Press) -> Act:
    to = "off" if press.what["on_now"] else "on"
    words = words_of_switch(Press({"id": press.what["id"], "to": to}))
    dialog = layout.SWITCHING
    return Act([(ids.dialog(dialog), {"opened": True}), fills(ids.dialog_part(dialog, "words"), words)])


def words_of_take_back(press: Press) -> list[Any]:
    held = press.given[-1][0]
    told = texts.both("rules.take_back.ask", version=press.what["version"])
    about = {"id": held["id"], "to": press.what["version"], "version": held["version"]}
    return asked(layout.TAKING, told, about, required=True)


def switch(asking: Asking, press: Press) -> Act:
    on = bool(press.given[0][0]["on"])
    about, why = answer_of(press, required=not on)
    act = api.arm_rule if on else api.disarm_rule
    act(asking.conn, asking.viewer, asking.now, str(about["id"]), api.WhyIn(why=why))
    return Act(reopened(asking, press, about), done("rules.armed_now" if on else "rules.disarmed_now"), changed=True)


def take_back(asking: Asking, press: Press) -> Act:
    about, why = answer_of(press, required=True)
    body = api.TakeBackIn(to=int(about["to"]), version=int(about["version"]), why=why)
    api.take_back_rule(asking.conn, asking.viewer, asking.now, str(about["id"]), body)
    return Act(reopened(asking, press, about), done("rules.taken_back", version=about["to"]), changed=True)


def reopened(asking: Asking, press: Press, about: Mapping[str, Any]) -> list[Setting]:
    """The pane drawn anew where it is of the rule that was changed."""
    held = press.given[-1]
    is_open = bool(held) and held[0].get("id") == about["id"]
    return [fills(RulesId.PANE, form.open_rule(asking, str(about["id"])))] if is_open else []
