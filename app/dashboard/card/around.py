"""What is around: people, buildings, the nearest units by road, cameras, facilities."""

from typing import Any

from dash import html

from app.cards.nouns import Around, NearFacility, NearUnit
from app.dashboard import texts
from app.dashboard.card.words import distance, figure, road_time, way_to, worded
from app.dashboard.components import wild
from core.readings import estimate
from core.vocabulary import Text
from layers.registers import NearCamera

MAX_LINES = 5


def around(near: Around) -> list[Any]:
    """One section with a short list per kind of thing; says so where there is nothing. People, buildings and facilities
    are those within its radius, units and cameras the nearest."""
    groups = [
        _group("card.around.facilities", [_facility(one) for one in near["facilities"][:MAX_LINES]]),
        _group("card.around.units", [_unit(one) for one in near["units"][:MAX_LINES]]),
        _group("card.around.cameras", [_camera(one) for one in near["cameras"][:MAX_LINES]]),
    ]
    cut = html.P(texts.both("card.around.cut"), className="quiet") if near["cut_to"] is not None else None
    body: list[Any] = [part for part in (_numbers(near), cut, *groups) if part is not None]
    if not body:
        body = [html.P(texts.both("card.around.none"), className="quiet")]
    title = html.H3(texts.both("card.around.within", n=round(near["radius_m"])))
    return [html.Section([title, *body], className="around")]


def _numbers(near: Around) -> html.Div | None:
    people = None if near["people"] is None else estimate(near["people"])
    pairs = (("card.around.people", people), ("card.around.buildings", figure(near["buildings"])))
    shown = [html.Span(counted(key, value), className="number") for key, value in pairs if value is not None]
    return html.Div(shown, className="numbers") if shown else None


def counted(key: str, value: Text | str) -> list[Any]:
    n = value if isinstance(value, dict) else {"zh": value, "en": value}
    return texts.pair({lang: texts.text(key, lang, n=n[lang]) for lang in texts.LANGS})


def _group(key: str, lines: list[html.Li]) -> html.Div | None:
    return html.Div([html.H4(texts.both(key)), html.Ul(lines, className="near")]) if lines else None


def _unit(unit: NearUnit) -> html.Li:
    state = wild({"data-state": unit["status"]})
    status = html.Span(worded("unit_statuses", unit["status"]), className="chip", **state)
    way = html.Span(road_time(unit["eta_s"]), className="way")
    return html.Li([way_to("unit", unit["id"], unit["names"]), status, way])


def _facility(one: NearFacility) -> html.Li:
    kind = html.Span(worded("facility_kinds", one["kind"]), className="quiet")
    return html.Li([way_to("facility", one["id"], one["names"]), kind, _way(one["distance_m"])])


def _camera(one: NearCamera) -> html.Li:
    return html.Li([way_to("camera", one["id"], one["names"]), _way(one["distance_m"])])


def _way(metres: float) -> html.Span:
    return html.Span(distance(metres), className="way")
