"""The page's frame: a tab for entries, one for requests, one for scores; a table each, a pane beside the first two."""

from __future__ import annotations

from typing import Any

from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import notice
from app.pages import shell, tables
from app.pages.catalogue import listing
from app.pages.ids import CatalogueId
from app.pages.parts import action, dialog, lamp, tabs
from core.catalogue.opened import read_switch
from core.viewer import Permission

SWITCHING = "switch-open-data"


def draw(asking: Asking, wanted: str) -> list[Any]:
    """The page for who asks; `wanted` is the tab to begin with."""
    near = ("/layers", "/analysis", "/sources")
    if not asking.viewer.may(Permission.CITY_READ):
        return shell.page("catalogue.title", asking.viewer, near, [notice("own.forbidden", "empty")])
    panels = {
        "entries": panel(listing.ENTRIES, "catalogue.explain", CatalogueId.PANE, open_view(asking)),
        "requests": panel(listing.REQUESTS, "catalogue.requests.explain", CatalogueId.REQUEST_PANE),
        "scores": panel(listing.SCORES, "catalogue.scores.explain"),
    }
    told = [(name, tab_words(name, asking), inner) for name, inner in panels.items()]
    content = tabs(CatalogueId.TABS.value, told, wanted)
    asked = dialog(SWITCHING, "open.title", "open.change")
    return shell.page("catalogue.title", asking.viewer, near, [content, asked])


def tab_words(name: str, asking: Asking) -> list[Any]:
    """What a tab is called; that of requests says how many wait for who asks."""
    count = listing.waiting(asking) if name == "requests" else 0
    return texts.both("catalogue.tab.requests.waiting", n=count) if count else texts.both(f"catalogue.tab.{name}")


def panel(
    table: tables.Table[Any], explain: str, pane: CatalogueId | None = None, more: list[Any] | None = None
) -> html.Div:
    told = html.Div([html.P(texts.both(explain), className="quiet"), *(more or [])], className="above")
    beside = [html.Aside(id=pane.value, className="detail scroll")] if pane else []
    return html.Div([html.Div([told, tables.view(table, [])], className="list"), *beside], className="beside")


def open_view(asking: Asking) -> list[Any]:
    """Whether the public is served; who may change it has a button."""
    inner = html.Div(open_state(asking), id=CatalogueId.OPEN_STATE.value, className="actions")
    if not asking.viewer.may(Permission.CATALOGUE_OPEN):
        return [html.Div([inner], className="actions")]
    button = action(CatalogueId.OPEN.value, "open.change", small=True, data_key="open-data")
    return [html.Div([inner, button], className="actions")]


def open_state(asking: Asking) -> list[Any]:
    switch = read_switch(asking.conn)
    on = switch["enabled"]
    told = lamp("fresh" if on else "off", "open.on" if on else "open.off")
    address = [html.A("/open", href="/open", className="link")] if on else []
    return [told, html.Span(texts.both("open.marked", n=switch["layers"]), className="quiet"), *address]
