"""What an answer looks like: what was asked in words, legend, downloads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from dash import html

from app.analysis.figures import Class
from app.dashboard import texts
from app.dashboard.components import clock_time, icon_button, notice, wild
from app.pages import ids
from app.pages.analysis.controls import KEY
from app.pages.analysis.state import params_of
from app.pages.ids import AnalysisId
from core.analysis import AnalysisObject, Asked
from core.analysis.nouns import GroupingObject
from core.vocabulary import Text
from layers.styles import figure


def heading(found: AnalysisObject) -> list[Any]:
    """What is shown: the subject, by what, which number."""
    by = joined([one["title"] for one in found["by"]], " × ")
    title = joined([found["title"], by, found["measure"]["title"]], " · ")
    return [html.H2(texts.pair(title)), html.P(told_of(found), className="quiet")]


def joined(parts: Sequence[Text], between: str) -> Text:
    return {lang: between.join(part[lang] for part in parts) for lang in texts.LANGS}


def told_of(found: AnalysisObject) -> list[Any]:
    """How many things, what is left out, whether groups are cut off, since when it is so."""
    total, left = found["total"], found["left_out"]
    said = [texts.both("analysis.total", n=f"{total['count']:,}", groups=f"{found['groups_in_all']:,}")]
    if found["measure"]["id"] != "count" and total["value"] is not None:
        value: Text = {lang: f"{found['measure']['title'][lang]} {figure(total['value'])}" for lang in texts.LANGS}
        said.append(texts.pair(value))
    said += [
        texts.both(f"analysis.left_out.{name}", n=f"{n:,}")
        for name, n in (("place", left["place"]), ("time", left["time"]), ("number", left["number"]))
        if n
    ]
    if found["groups_in_all"] > len(found["groups"]):
        said.append(texts.both("analysis.cut", n=f"{len(found['groups']):,}"))
    parts: list[Any] = []
    for one in said:
        parts += [*one, " · "]
    return [*parts, *texts.both("analysis.at"), " ", clock_time(found["at"])]


def legend_view(classes: Sequence[Class], found: AnalysisObject | None) -> list[Any]:
    """The classes of the map with their unit, lowest first."""
    if not classes or found is None:
        return []
    told = joined([found["by"][0]["title"], found["measure"]["title"]], " · ")
    title = html.Span(texts.pair(told), className="quiet")
    items = [
        html.Li([html.Span(className="swatch", **wild({"data-token": one.token})), *texts.pair(one.words)])
        for one in classes
    ]
    return [title, html.Ul(items), html.Span(texts.both("analysis.quantiles"), className="quiet")]


def note(words: Text | None) -> list[Any]:
    return [html.Span(texts.pair(words), className="quiet")] if words else []


def wrong(words: list[Any]) -> html.P:
    """A question that cannot be asked."""
    return html.P(words, className="error", role="alert")


def nothing(key: str, kind: str = "empty") -> Any:
    """In place of a figure."""
    return notice(key, kind)


def links(subject: str, asked: Asked, mapped: GroupingObject | None) -> dict[str, list[Any]]:
    """What can be taken along, by the id of where it stands. A map is of the place it shows."""
    of_map = asked if mapped is None or mapped["id"] in (asked.by, asked.then) else alone(asked, mapped["id"])
    return {
        AnalysisId.TABLE_OUT.value: [link(subject, asked, kind) for kind in ("xlsx", "csv")],
        AnalysisId.MAP_OUT.value: [link(subject, of_map, kind) for kind in ("gpkg", "geojson")] if mapped else [],
        AnalysisId.CHART_OUT.value: [picture("png"), picture("svg"), link(subject, asked, "html")],
    }


def alone(asked: Asked, by: str) -> Asked:
    given = {name: getattr(asked, name) for name in Asked.__dataclass_fields__}
    return Asked(**{**given, "by": by, "then": None})


NAMES = {"xlsx": "XLSX", "csv": "CSV", "gpkg": "GeoPackage", "geojson": "GeoJSON", "html": "HTML"}


def link(subject: str, asked: Asked, kind: str) -> html.A:
    """In the language that the page has when it is pressed (`assets/js/pages/figures.js`)."""
    asks = urlencode({**params_of(asked), "format": kind})
    return html.A(
        NAMES[kind],
        href=f"/api/analysis/{quote(subject, safe='')}/export?{asks}",
        className="action small",
        download="",
        **wild({"data-key": f"export-{kind}", "data-speaks": "lang"}),
    )


def picture(kind: str) -> html.Button:
    """Made in the browser, of the chart as it stands there."""
    return html.Button(
        kind.upper(),
        type="button",
        className="action small",
        **wild({"data-picture": kind, "data-of": AnalysisId.CHART.value}),
    )


def zoom_buttons() -> html.Div:
    buttons = [
        icon_button(ids.press(KEY, name), icon, f"analysis.zoom.{name}", **wild({"data-zoom": name}))
        for name, icon in (("in", "plus"), ("out", "minus"), ("whole", "home"))
    ]
    return html.Div(buttons, className="zoom")
