"""The page's layout: stores, top bar, panels. The map itself stands in the index page and starts before Dash does."""

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from app.dashboard import texts
from app.dashboard.card.layout import card_frame
from app.dashboard.chart.view import chart_template
from app.dashboard.components import icon_button, wild
from app.dashboard.help.layout import key_help
from app.dashboard.ids import Id
from app.dashboard.layertree.layout import left_panel
from app.dashboard.lists.layout import emergency_banner, right_panel
from app.dashboard.topbar.layout import top_bar

STORES = (Id.LAYERS, Id.SELECTION, Id.CARD_DRAWN, Id.CHART_REQUEST)

# shown at the foot of a phone: which one sheet is open
SHEETS = (("map", "lists.map"), ("layers", "lists.layers"), ("lists", "lists.title"))


def page() -> Any:
    """One tree for every visitor: nothing in it depends on who asks, the browser fetches that from the API."""
    return dmc.MantineProvider(
        [
            *(dcc.Store(id=store.value) for store in STORES),
            dcc.Store(id=Id.CHART_TEMPLATE.value, data=chart_template()),
            html.A(texts.both("app.skip"), href=f"#{Id.RIGHT.value}", className="skip"),
            top_bar(),
            html.Div(id=Id.SILENCE.value, role="alert", hidden=True),
            html.Div(id=Id.MAP_LOST.value, role="alert", hidden=True),
            emergency_banner(),
            left_panel(),
            card_frame(),
            right_panel(),
            _map_controls(),
            html.Div(id=Id.TOASTS.value, role="status", **wild({"aria-live": "polite"})),
            _phone_tabs(),
            key_help(),
        ],
        id=Id.THEME_PROVIDER.value,
        forceColorScheme="dark",
        theme={"fontFamily": "var(--words)", "primaryColor": "blue", "cursorType": "pointer"},
    )


def _map_controls() -> html.Div:
    buttons = (
        ("zoom-in", "plus", "map.zoom_in"),
        ("zoom-out", "minus", "map.zoom_out"),
        ("north", "north", "map.north"),
        ("home", "home", "map.home"),
        ("inside", "area", "map.inside"),
        ("link", "link", "map.link"),
    )
    return html.Div(
        [icon_button(f"map-{name}", icon, key) for name, icon, key in buttons],
        id="map-controls",
        role="region",
        **wild({"aria-label": texts.named("map.controls")}),
    )


def _phone_tabs() -> html.Nav:
    tabs = [
        html.Button(
            [html.Span(className=f"icon icon-sheet-{name}"), html.Span(texts.both(key))],
            type="button",
            className="sheet-tab",
            **wild({"data-sheet": name}),
        )
        for name, key in SHEETS
    ]
    return html.Nav(tabs, id=Id.PHONE_TABS.value)
