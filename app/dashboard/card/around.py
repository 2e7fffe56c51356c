"""What is around: people, buildings, the nearest units by road, cameras, facilities."""

from typing import Any

from dash import html

from app.dashboard import texts
from app.dashboard.card.words import Vocabulary, distance, duration, figure
from app.dashboard.components import wild
from app.dashboard.models import Around, NearThing, NearUnit

MAX_LINES = 5


def around(near: Around, words: Vocabulary) -> list[Any]:
    """One section with a short list per kind of thing; says so where there is nothing."""
    groups: list[html.Div | None] = [
        _group("card.around.units", [_unit(one, words) for one in near.units[:MAX_LINES]]),
        _group("card.around.facilities", [_thing("facility", one, words) for one in near.facilities[:MAX_LINES]]),
        _group("card.around.cameras", [_thing("camera", one, words) for one in near.cameras[:MAX_LINES]]),
    ]
    body: list[Any] = [part for part in (_numbers(near), *groups) if part is not None]
    if not body:
        body = [html.P(texts.both("card.around.none"), className="quiet")]
    return [html.Section([html.H3(texts.both("card.around")), *body], className="around")]


def _numbers(near: Around) -> html.Div | None:
    pairs = (("card.around.people", near.people), ("card.around.buildings", near.buildings))
    shown = [
        html.Div([html.B(figure(round(value))), html.Span(texts.both(key))], className="number")
        for key, value in pairs
        if value is not None
    ]
    return html.Div(shown, className="numbers") if shown else None


def _group(key: str, lines: list[html.Li]) -> html.Div | None:
    return html.Div([html.H4(texts.both(key)), html.Ul(lines, className="near")]) if lines else None


def _unit(unit: NearUnit, words: Vocabulary) -> html.Li:
    status = html.Span(words.words("unit_statuses", unit.status), className="chip", **wild({"data-state": unit.status}))
    way = html.Span(duration(unit.eta_s) or distance(unit.distance_m), className="way")
    return html.Li([_link("unit", unit.id, unit.names.as_dict()), status, way])


def _thing(kind: str, thing: NearThing, words: Vocabulary) -> html.Li:
    what = html.Span(words.words("facility_kinds", thing.kind), className="quiet") if thing.kind else None
    way = html.Span(distance(thing.distance_m), className="way")
    return html.Li([part for part in (_link(kind, thing.id, thing.names.as_dict()), what, way) if part is not None])


def _link(kind: str, key: str, names: dict[str, str]) -> html.Button:
    target: dict[str, Any] = {"data-select-type": kind, "data-select-id": key}
    return html.Button(texts.pair(names), className="link", type="button", **target)
