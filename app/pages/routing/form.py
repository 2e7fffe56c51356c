"""The form of a silence: what is not told of, until when and why. It says in a few choices what the API says in
matchers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dash import html
from pydantic import Field

from alerts.labels import Matcher
from alerts.routing import SilenceIn
from app.api import routing as api
from app.asking import Asking
from app.dashboard import texts
from app.pages import forms, ids
from app.pages.forms import Answer, Form, Kind, Section, Values
from app.pages.ids import RoutingId
from app.pages.parts import done, pane_head
from core.errors import InputError
from core.given import Given
from core.vocabulary import Text, table
from layers.analysed import district_codes, name_districts

KEY = "silence"
FAMILY = "routing.field"
LOWER = ["2", "3", "4"]


class SilenceForm(Given):
    """At least one of what narrows it is given."""

    kind: str | None = None
    district: str | None = None
    thing: str | None = Field(None, max_length=200)
    grave: bool = False
    hours: float = Field(2, gt=0, le=720)
    why: str = Field(min_length=1, max_length=500, pattern=r"\S")


def silence_form(districts: Mapping[str, Text] | None = None) -> Form:
    kinds = tuple((key, texts.pair({"zh": row["zh"], "en": row["en"]})) for key, row in table("alarm_kinds").items())
    places = tuple((code, texts.pair(names)) for code, names in (districts or {}).items())
    return forms.form_of(
        SilenceForm,
        KEY,
        FAMILY,
        (Section(("kind", "district", "thing", "grave", "hours", "why")),),
        kind={"kind": Kind.CHOICE, "choices": kinds},
        district={"kind": Kind.CHOICE, "choices": places},
        hours={"unit": "unit.word.h"},
        why={"kind": Kind.LONG},
    )


def empty() -> dict[str, Any]:
    return {"kind": None, "district": None, "thing": None, "grave": False, "hours": 2, "why": None}


def read_districts(asking: Asking) -> dict[str, Text]:
    """Those that who asks sees."""
    scope = asking.viewer.scope
    found = name_districts(asking.conn, scope, district_codes(asking.conn, scope))
    return {code: area.words for code, area in found.items()}


def pane(values: Values, districts: Mapping[str, Text]) -> html.Div:
    form = silence_form(districts)
    return html.Div(
        [
            pane_head(texts.both("routing.silences.add"), ids.press(KEY, "close")),
            html.P(texts.both("routing.silences.explain"), className="quiet"),
            forms.draw(form, values, base=values),
            forms.save_button(form),
        ],
        className="account",
    )


def matchers_of(given: SilenceForm) -> list[Matcher]:
    """InputError where nothing narrows it: that would be everything."""
    named = {"kind": given.kind, "district": given.district, "thing": given.thing}
    found = [Matcher.model_validate({"label": name, "is": [value]}) for name, value in named.items() if value]
    if not found:
        raise InputError("kind: expected a kind, a district or a thing", field="kind", reason="silence_everything")
    levels = ["1", *LOWER] if given.grave else LOWER
    return [*found, Matcher.model_validate({"label": "level", "is": levels})]


class SilenceHandler:
    """Adding a silence, by the function behind the API."""

    key = KEY
    pane = RoutingId.PANE.value
    lines: tuple[str, ...] = ()
    trial: Form | None = None

    def form(self, values: Mapping[str, Any]) -> Form:
        return silence_form()

    def save(self, asking: Asking, base: Values, values: dict[str, Any]) -> Answer:
        api.need_silencing(asking.viewer)
        given, errors = forms.check(silence_form(), SilenceForm, {**values, "grave": bool(values.get("grave"))})
        if given is None:
            return Answer(errors)
        said = SilenceIn(matchers=matchers_of(given), ends_at=asking.now + timedelta(hours=given.hours), why=given.why)
        api.post_silence(asking.conn, asking.viewer, asking.now, said)
        return Answer(pane=[], toast=done("routing.silences.added"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return base

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return pane(values, read_districts(asking))

    def dry_run(self, asking: Asking, base: Values, values: dict[str, Any], trial: dict[str, Any]) -> Answer:
        raise NotImplementedError


def open_new(asking: Asking) -> html.Div:
    api.need_silencing(asking.viewer)
    return pane(empty(), read_districts(asking))
