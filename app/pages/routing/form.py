"""The pane of one route, inhibition or silence: its form, what would come of it before it is saved, its versions.

Saving takes two presses: the first shows what would change (`effects`), the second saves just that. What is typed in
between is shown anew first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from dash import html

from alerts.effect import Effects
from alerts.present import read_alarms
from alerts.routing import ROOT_ID
from alerts.routing.versions import KEPT, RoutedVersion
from app.api import routing as api
from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import clock_time
from app.pages import forms, ids
from app.pages.forms import Answer, Form, Values
from app.pages.history import History, versions_view, who_words
from app.pages.ids import RoutingId
from app.pages.parts import action, done, facts, lamp, pane_head
from app.pages.routing import nouns
from app.pages.routing.effects import effects_view
from app.pages.routing.nouns import FAMILY, INHIBITION, ROUTE, SILENCE, Offered
from app.pages.why import asked
from app.seeing import only_seen
from core.types import JsonObject

PANES = {ROUTE: RoutingId.ROUTE, INHIBITION: RoutingId.INHIBITION, SILENCE: RoutingId.SILENCE}
# fields that are lists of conditions
LINES = {ROUTE: ("matchers",), INHIBITION: ("source", "target"), SILENCE: ("matchers",)}
VERSIONS = 1000
# in what the form was opened with: what was typed when its effects were shown
SHOWN = "shown"


def pane(
    noun: str,
    base: Values,
    values: Values,
    offered: Offered,
    *,
    one: Any = None,
    versions: Sequence[RoutedVersion] = (),
    may: bool = True,
    told: Sequence[Any] = (),
) -> html.Div:
    """The pane of a thing, or of a new one (`one` None); `told`: what would come of what is typed."""
    form = nouns.form_of(noun, values, offered)
    is_over = noun == SILENCE and one is not None and one["state"] == "over"
    title = texts.both(f"routing.{noun}.add") if one is None else title_of(noun, one)
    can = may and not is_over
    return html.Div(
        [
            pane_head(title, ids.press(noun, "close")),
            *(
                [html.P(texts.both(f"routing.{noun}.help"), className="quiet")]
                if one is None
                else [state_view(noun, one, can=can)]
            ),
            *([] if may else [html.P(texts.both("routing.read_only"), className="quiet")]),
            forms.draw(form, values, locked=not can, base=base),
            *([foot(noun, told)] if can else []),
            *([versions_view(history(noun), versions, may_change=may)] if versions else []),
        ],
        className="rule routed",
    )


def title_of(noun: str, one: Any) -> list[Any]:
    return texts.both("routing.silence") if noun == SILENCE else texts.pair(one["names"])


def foot(noun: str, told: Sequence[Any]) -> html.Div:
    """What would come of it, and the button: it shows first and then saves."""
    words = "routing.save" if told else "routing.check"
    button = action(ids.press(noun, "save"), words, primary=True, data_key=f"save-{noun}", data_submit="1")
    hint = [] if told else [html.P(texts.both("routing.check.hint"), className="hint")]
    return html.Div([*told, html.Div([button, *hint], className="actions")], className="foot")


def state_view(noun: str, one: Any, *, can: bool) -> html.Div:
    if noun == SILENCE:
        states = {"active": "old", "coming": "fresh", "over": "dead"}
        return html.Div(
            facts(
                [
                    ("routing.state", lamp(states[one["state"]], f"routing.state.{one['state']}")),
                    ("routing.until", html.Span([clock_time(one["ended_at"] or one["ends_at"])])),
                    ("routing.who", html.Span([*who_words(one["created_by"]), " · ", clock_time(one["created_at"])])),
                ]
            )
        )
    on, is_root = one["enabled"], one["id"] == ROOT_ID
    acts = []
    if can and not is_root:
        to = "off" if on else "on"
        acts.append(action(ids.switch_routed(noun, one["id"], to), f"routing.turn.{to}", small=True, data_key="switch"))
    if can and not is_root and noun == ROUTE:
        acts.append(action(ids.remove_routed(noun, one["id"]), "routing.remove", small=True, data_key="remove-route"))
    changed = html.Span([clock_time(one["changed_at"]), " · ", *who_words(one["changed_by"])])
    state = lamp("fresh", "routing.is_on") if on else lamp("off", "routing.is_off")
    return html.Div(
        [
            facts([("routing.on", state), ("rules.changed", changed)]),
            html.Div(acts, className="actions"),
        ]
    )


def history(noun: str) -> History:
    names = (*KEPT[noun], "enabled")  # type: ignore[index]

    def changed(one: RoutedVersion, before: RoutedVersion) -> list[str]:
        return [name for name in names if one["after"][name] != before["after"][name]]

    def differs(one: RoutedVersion, now: RoutedVersion) -> bool:
        return any(name != "enabled" for name in changed(one, now))

    return History(FAMILY, changed, differs, lambda version: ids.take_back_routed(noun, version))


# --- opened -----------------------------------------------------------------------------------------------------------


def open_one(asking: Asking, noun: str, identity: str, values: Values | None = None) -> html.Div:
    """With what was typed where it is given."""
    one = nouns.read_one(asking, noun, identity)
    held = nouns.values_of(noun, one)
    return drawn(asking, noun, held, values or held)


def open_new(asking: Asking, noun: str) -> html.Div:
    nouns.need_changing(asking, noun)
    values = nouns.empty(noun)
    return pane(noun, values, values, nouns.read_offered(asking))


def drawn(asking: Asking, noun: str, base: Values, values: Values, told: Sequence[Any] = ()) -> html.Div:
    whole = {**base, **values}
    offered = nouns.read_offered(asking)
    if base.get("version") is None:
        return pane(noun, base, whole, offered, told=told)
    identity = str(base["id"])
    one = nouns.read_one(asking, noun, identity)
    versions = read_versions(asking, noun, identity)
    may = nouns.may_change(asking, noun)
    return pane(noun, base, whole, offered, one=one, versions=versions, may=may, told=told)


def read_versions(asking: Asking, noun: str, identity: str) -> Sequence[RoutedVersion]:
    if noun == SILENCE:
        return ()
    read = api.get_route_versions if noun == ROUTE else api.get_inhibition_versions
    return read(asking.conn, asking.viewer, identity, None, VERSIONS)["items"]


# --- saved ------------------------------------------------------------------------------------------------------------


class RoutedHandler:
    """Showing what would change, and saving, by the functions behind the API."""

    trial: Form | None = None

    def __init__(self, noun: str) -> None:
        self.key = noun
        self.pane = PANES[noun].value
        self.lines = LINES[noun]

    def form(self, values: Values) -> Form:
        return nouns.form_of(self.key, values)

    def save(self, asking: Asking, base: Values, values: JsonObject) -> Answer:
        nouns.need_changing(asking, self.key)
        held = {name: value for name, value in base.items() if name != SHOWN}
        drawn_form = nouns.form_of(self.key, held)
        there = {one.name for one in drawn_form.shown()}
        values = {name: value for name, value in values.items() if name in there}
        given, errors = nouns.given_of(self.key, drawn_form, held, values, asking)
        if errors:
            return Answer(errors)
        if held.get("version") is not None and set(given) <= {"version", "why"} and self.key != SILENCE:
            return Answer(pane=open_one(asking, self.key, str(held["id"])), toast=done("routing.unchanged"))
        typed = json.dumps(values, sort_keys=True)
        if base.get(SHOWN) != typed:
            found = api.get_effect(asking.conn, asking.viewer, asking.now, effect_asked(self.key, held, given))
            told = [effects_of(asking, found)]
            return Answer(pane=drawn(asking, self.key, {**held, SHOWN: typed}, values, told))
        saved = keep(asking, self.key, held, given)
        return Answer(pane=open_one(asking, self.key, saved["id"]), toast=done("routing.saved"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return nouns.values_of(self.key, nouns.read_one(asking, self.key, str(base["id"])))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return drawn(asking, self.key, base, values)

    def dry_run(self, asking: Asking, base: Values, values: JsonObject, trial: JsonObject) -> Answer:
        raise NotImplementedError


def asked_with(
    asking: Asking, dialog: str, told: Sequence[Any], about: Mapping[str, Any], *, required: bool, **effect: Any
) -> list[Any]:
    """What a dialog says: what is about to happen, which alarms would take another way, and a field for why. `effect`
    as `EffectIn`, but for the id."""
    body = api.EffectIn.model_validate({**effect, "id": about["id"]})
    found = api.get_effect(asking.conn, asking.viewer, asking.now, body)
    first, *rest = asked(dialog, told, about, required=required)
    return [first, effects_of(asking, found), *rest]


def effect_asked(noun: str, base: Values, given: Mapping[str, Any]) -> api.EffectIn:
    identity = base.get("id") if base.get("version") is not None else None
    return api.EffectIn.model_validate({"what": noun, "id": identity, "given": given})


def effects_of(asking: Asking, found: Effects) -> html.Div:
    """In words, with the names of those alarms that who asks sees."""
    named = {
        one
        for effect in (found["open"], found["recent"])
        for listed in (
            effect["nobody_examples"],
            *(on["examples"] for on in (*effect["lost"], *effect["later"], *effect["gained"])),
        )
        for one in listed
    }
    alarms = read_alarms(asking.conn, [UUID(one) for one in sorted(named)])
    return effects_view(found, {one["id"]: one for one in only_seen(asking.viewer, "alarm", alarms)})


ADDS: Mapping[str, Callable[..., Any]] = {
    ROUTE: api.post_route,
    INHIBITION: api.post_inhibition,
    SILENCE: api.post_silence,
}
CHANGES: Mapping[str, Callable[..., Any]] = {
    ROUTE: api.patch_route,
    INHIBITION: api.patch_inhibition,
    SILENCE: api.patch_silence,
}


def keep(asking: Asking, noun: str, base: Values, given: JsonObject) -> Any:
    """Saved by the function behind the API, as a new thing or as a change of one that is there."""
    body = api.given_of(effect_asked(noun, base, given))
    ask = (asking.conn, asking.viewer, asking.now)
    if base.get("version") is None:
        return ADDS[noun](*ask, body)
    return CHANGES[noun](*ask, str(base["id"]), body)
