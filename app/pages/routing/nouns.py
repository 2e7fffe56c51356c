"""Routes, inhibitions and silences as forms: what stands in each, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field

from alerts.labels import LABELS, Matcher
from alerts.routing import (
    ROOT_ID,
    Inhibition,
    InhibitionIn,
    Route,
    RouteIn,
    Silence,
    Why,
    list_receivers,
    list_routes,
    read_inhibition,
    read_route,
    read_silence,
)
from alerts.stages.base import EVERYBODY
from app.asking import Asking
from app.dashboard import texts
from app.pages import forms
from app.pages.forms import Form, Kind, Section, Values
from app.pages.routing import matching
from core.errors import InputError
from core.given import Given
from core.types import JsonObject
from core.viewer import Permission
from core.vocabulary import Text

ROUTE, INHIBITION, SILENCE = "route", "inhibition", "silence"
FAMILY = "routing.field"
LEVELS = ("level", "peak_level")


class SilenceForm(Given):
    """`hours` from now on; what is left out of a silence that holds stays as it is."""

    matchers: list[Matcher] = Field(min_length=1, max_length=20)
    hours: float | None = Field(None, gt=0, le=720)
    why: Why


@dataclass(frozen=True, slots=True)
class Offered:
    """What the forms offer: values of conditions, routes and subscriptions by id."""

    known: matching.Known = matching.NOTHING
    routes: tuple[Route, ...] = ()
    receivers: Mapping[str, Text] = field(default_factory=dict)


NOTHING = Offered()


def read_offered(asking: Asking) -> Offered:
    return Offered(matching.read_known(asking), tuple(list_routes(asking.conn)), list_receivers(asking.conn))


# --- forms ------------------------------------------------------------------------------------------------------------


def form_of(noun: str, values: Values, offered: Offered = NOTHING) -> Form:
    match noun:
        case "route":
            return route_form(values, offered)
        case "inhibition":
            return inhibition_form(offered)
    return silence_form(offered)


def conditions(noun: str, name: str, offered: Offered) -> dict[str, Any]:
    return {"kind": Kind.LINES, "lines": matching.lines(noun, name, offered.known)}


def label_choices() -> dict[str, Any]:
    return {"kind": Kind.CHOICES, "choices": tuple((name, texts.both(f"routing.label.{name}")) for name in LABELS)}


def route_form(values: Values, offered: Offered) -> Form:
    """The root takes everything, below nothing. What is typed into the form of one that is there has no id."""
    is_new, is_root = "id" in values and values.get("version") is None, values.get("id") == ROOT_ID
    parents = tuple((one["id"], texts.pair(one["names"])) for one in above(offered.routes, values.get("id")))
    receivers = (
        (EVERYBODY, texts.both("routing.rest")),
        *((key, texts.pair(words)) for key, words in offered.receivers.items()),
    )
    waits = any(values.get(name) for name in ("group_wait_s", "group_interval_s", "repeat_interval_s"))
    head: tuple[str | tuple[str, ...], ...] = (*(("id",) if is_new else ()), ("name_zh", "name_en"))
    placed: tuple[str | tuple[str, ...], ...] = () if is_root else (("parent", "position"),)
    sections = (
        Section((*head, *placed)),
        *(() if is_root else (Section(("matchers", "goes_on"), "routing.matchers"),)),
        Section(("receivers",), "routing.receivers"),
        Section(
            ("group_by", ("group_wait_s", "group_interval_s"), "repeat_interval_s"), "routing.grouping", is_open=waits
        ),
        Section(("why",)),
    )
    second = {"unit": "unit.word.s"}
    return forms.form_of(
        RouteIn,
        ROUTE,
        FAMILY,
        sections,
        parent={"kind": Kind.CHOICE, "choices": parents, "required": True},
        matchers=conditions(ROUTE, "matchers", offered),
        group_by=label_choices(),
        group_wait_s=second,
        group_interval_s=second,
        repeat_interval_s=second,
        receivers={"kind": Kind.CHOICES, "choices": receivers, "required": True},
        why={"kind": Kind.LONG},
    )


def above(routes: tuple[Route, ...], identity: object) -> list[Route]:
    """Routes that this one can stand below: neither itself nor those below it."""
    under = {identity}
    for one in routes:  # from the root down
        if one["parent"] in under:
            under.add(one["id"])
    return [one for one in routes if one["id"] not in under]


def inhibition_form(offered: Offered) -> Form:
    return forms.form_of(
        InhibitionIn,
        INHIBITION,
        FAMILY,
        (
            Section((("name_zh", "name_en"),)),
            Section(("source",), "routing.field.source"),
            Section(("target",), "routing.field.target"),
            Section(("equal", "why")),
        ),
        source=conditions(INHIBITION, "source", offered),
        target=conditions(INHIBITION, "target", offered),
        equal=label_choices(),
        why={"kind": Kind.LONG},
    )


def silence_form(offered: Offered) -> Form:
    return forms.form_of(
        SilenceForm,
        SILENCE,
        FAMILY,
        (Section(("matchers",), "routing.field.matchers"), Section(("hours", "why"))),
        matchers=conditions(SILENCE, "matchers", offered),
        hours={"unit": "unit.word.h"},
        why={"kind": Kind.LONG, "required": True},
    )


# --- values -----------------------------------------------------------------------------------------------------------


def empty(noun: str) -> dict[str, Any]:
    names = {"name_zh": "", "name_en": "", "why": None}
    if noun == ROUTE:
        given = RouteIn.model_construct(id="", name_zh="", name_en="")
        return {**given.model_dump(exclude={"enabled"}), **names, "matchers": [{"label": None, "is": []}]}
    if noun == INHIBITION:
        line: list[dict[str, Any]] = [{"label": None, "is": []}]
        return {**names, "source": line, "target": line, "equal": []}
    return {"matchers": [{"label": None, "is": []}], "hours": 2, "why": None}


def values_of(noun: str, one: Any) -> dict[str, Any]:
    """What the form holds of a thing as the API shows it."""
    if noun == SILENCE:
        return {name: one[name] for name in ("id", "matchers", "why", "version")} | {"hours": None}
    model = RouteIn if noun == ROUTE else InhibitionIn
    named = {"name_zh": one["names"]["zh"], "name_en": one["names"]["en"], "why": None}
    kept = {name: one[name] for name in model.model_fields if name in one and name != "enabled"}
    return {**kept, **named, "version": one["version"]}


def read_one(asking: Asking, noun: str, identity: str) -> Route | Inhibition | Silence:
    asking.viewer.require(Permission.METRICS_READ)
    if noun == ROUTE:
        return read_route(asking.conn, identity)
    if noun == INHIBITION:
        return read_inhibition(asking.conn, identity)
    return read_silence(asking.conn, identity, asking.now)


def may_change(asking: Asking, noun: str) -> bool:
    return asking.viewer.may(Permission.ALARM_SHELVE if noun == SILENCE else Permission.RULE_MANAGE)


def need_changing(asking: Asking, noun: str) -> None:
    asking.viewer.require(Permission.ALARM_SHELVE if noun == SILENCE else Permission.RULE_MANAGE)


MODELS: Mapping[str, type[BaseModel]] = {ROUTE: RouteIn, INHIBITION: InhibitionIn, SILENCE: SilenceForm}


def given_of(noun: str, form: Form, base: Values, values: JsonObject, asking: Asking) -> tuple[JsonObject, Any]:
    """What is asked of the API (of a thing that is there, what differs), and what is wrong with which field."""
    is_new = base.get("version") is None
    model = MODELS[noun]
    # the root stands below nothing
    held = {name: value for name, value in base.items() if not (name == "parent" and value is None)}
    whole = {name: held[name] for name in model.model_fields if name in held} | values
    if noun == INHIBITION and is_new:
        whole.pop("id", None)
    given, errors = forms.check(form, model, whole)
    if given is None:
        return {}, errors
    if isinstance(given, SilenceForm):
        return silence_given(given, base, values, asking), {}
    said = given.model_dump(mode="json", by_alias=True, exclude_none=True)
    if is_new:
        return said, {}
    asked = {name: value for name, value in said.items() if name in values and values[name] != base.get(name)}
    return {**asked, "version": int(base["version"])}, {}


def silence_given(given: SilenceForm, base: Values, values: JsonObject, asking: Asking) -> JsonObject:
    """InputError where nothing but levels narrows it: that would be everything."""
    if all(one.label in LEVELS for one in given.matchers):
        raise InputError(
            "matchers: expected a condition beside the level", field="matchers", reason="silence_everything"
        )
    ends = {} if given.hours is None else {"ends_at": (asking.now + timedelta(hours=given.hours)).isoformat()}
    whole: JsonObject = {"matchers": [one.as_json() for one in given.matchers], "why": given.why, **ends}
    if base.get("version") is None:
        if not ends:
            raise InputError("hours: expected how long it holds", field="hours", reason="silence_hours")
        return whole
    asked: JsonObject = {name: whole[name] for name in ("matchers", "why") if values.get(name) != base.get(name)}
    return {**asked, **ends, "version": int(base["version"])}
