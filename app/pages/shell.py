"""What every page has around it: the bar with the way back, who is logged in, language and theme; toasts; the index
page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from app.dashboard import texts
from app.dashboard.components import icon_button, notice, requests_told, wild
from app.index import Index
from app.pages.ids import Id
from core.viewer import Permission, Viewer

STYLES = ("tokens", "base", "pages")
# what a page shows is read anew so often, while somebody looks at it
EVERY_MS = 5000


def frame() -> Any:
    """One tree for every visitor: the page in it is drawn by a callback that knows who asks."""
    return dmc.MantineProvider(
        [
            dcc.Location(id=Id.PLACE.value, refresh=False),
            dcc.Store(id=Id.CHANGED.value),
            dcc.Interval(id=Id.TICK.value, interval=EVERY_MS),
            dcc.Download(id=Id.DOWNLOAD.value),
            html.Div(notice("lists.loading", "loading"), id=Id.PAGE.value),
            html.Div(id=Id.TOASTS.value, className="toasts", role="status", **wild({"aria-live": "polite"})),
        ],
        id=Id.THEME_PROVIDER.value,
        forceColorScheme="dark",
        theme={"fontFamily": "var(--words)", "primaryColor": "blue", "cursorType": "pointer"},
    )


# what each page is called, and what whoever opens it must be allowed to
PAGES: Mapping[str, tuple[str, Permission]] = {
    "/layers": ("own.title", Permission.CITY_READ),
    "/catalogue": ("catalogue.title", Permission.CITY_READ),
    "/analysis": ("analysis.title", Permission.CITY_READ),
    "/rules": ("rules.title", Permission.METRICS_READ),
    "/routing": ("routing.title", Permission.METRICS_READ),
    "/subscriptions": ("subs.title", Permission.SUBSCRIPTION_OWN),
    "/alarm-load": ("load.title", Permission.METRICS_READ),
    "/base-maps": ("basemaps.title", Permission.SOURCE_MANAGE),
    "/sources": ("sources.title", Permission.SOURCE_READ),
    "/devices": ("accounts.title", Permission.DEVICE_MANAGE),
    "/set-aside": ("aside.title", Permission.ASIDE_READ),
    "/quarantine": ("quarantine.title", Permission.QUARANTINE_READ),
    "/people": ("people.title", Permission.PERSON_MANAGE),
}


def page(title: str, viewer: Viewer, near: Sequence[str], content: list[Any]) -> list[Any]:
    """A page under its bar. `title` is a catalogue key, `near` are addresses of pages near by: those are offered that
    this person may read."""
    links = tuple((address, PAGES[address][0]) for address in near if viewer.may(PAGES[address][1]))
    return [top_bar(title, viewer, links), html.Main(content, className="page")]


def top_bar(title: str, viewer: Viewer, links: tuple[tuple[str, str], ...]) -> html.Header:
    back = html.A(
        [html.Span(className="emblem", **wild({"aria-hidden": "true"})), html.Span(texts.both("page.back"))],
        href="/",
        className="icon-button words",
    )
    near = [html.A(texts.both(key), href=address, className="link") for address, key in links]
    role = texts.pair(dict(viewer.role_names))
    who = html.A([viewer.name or viewer.username, " · ", *role], href="/me", className="who")
    language = html.Button(
        [
            html.Span(texts.both("bar.language.short"), **wild({"aria-hidden": "true"})),
            html.Span(texts.both("bar.language"), className="tip"),
        ],
        id=Id.LANGUAGE.value,
        className="icon-button words",
        type="button",
    )
    theme = icon_button(Id.THEME.value, "theme", "bar.theme")
    away = html.Span(texts.both("page.away"), className="away", role="status")
    told = [requests_told()] if viewer.may(Permission.CITY_READ) and not viewer.must_change else []
    return html.Header(
        [back, html.H1(texts.both(title)), html.Nav(near), away, *told, who, language, theme], id=Id.TOP_BAR.value
    )


def index_string() -> str:
    return Index(
        styles=STYLES,
        loading="lists.loading",
        body=' class="pages"',
        scripts='<script type="module" src="/assets/js/pages/main.mjs"></script>',
        # not deferred: a table that mounts without them shows nothing and never asks again, and what is deferred waits
        # for the module and all that it imports
        renderers="""<script src="/assets/js/pages/grid.js"></script>
    <script src="/assets/js/pages/figures.js"></script>""",
    ).html()
