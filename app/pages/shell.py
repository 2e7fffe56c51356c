"""What every page has around it: the bar with the way back, who is logged in, language and theme; toasts; the index page."""

from __future__ import annotations

from functools import reduce
from html import escape
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from app.dashboard import texts
from app.dashboard.components import icon_button, notice, wild
from app.pages.ids import Id
from core.viewer import Viewer

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


def page(title: str, viewer: Viewer, links: tuple[tuple[str, str], ...], content: list[Any]) -> list[Any]:
    """A page under its bar. `title` is a catalogue key, `links` are (address, key) of pages near by."""
    return [top_bar(title, viewer, links), html.Main(content, className="page")]


def top_bar(title: str, viewer: Viewer, links: tuple[tuple[str, str], ...]) -> html.Header:
    back = html.A(
        [html.Span(className="emblem", **wild({"aria-hidden": "true"})), html.Span(texts.both("page.back"))],
        href="/",
        className="icon-button words",
    )
    near = [html.A(texts.both(key), href=address, className="link") for address, key in links]
    who = html.Span([viewer.name or viewer.username, " · ", *texts.both(f"role.{viewer.role}")], className="who")
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
    return html.Header(
        [back, html.H1(texts.both(title)), html.Nav(near), away, who, language, theme], id=Id.TOP_BAR.value
    )


def index_string() -> str:
    """Dash's index page: theme and language before the first paint, no inline style."""
    styles = "\n    ".join(f'<link rel="stylesheet" href="/assets/css/{name}.css">' for name in STYLES)
    places = {"%STYLES%": styles, **{mark: _spans(key) for mark, key in _WORDS.items()}}
    return reduce(lambda index, place: index.replace(*place), places.items(), _INDEX)


_WORDS = {"%LOADING%": "lists.loading", "%FAILED%": "app.failed", "%RETRY%": "app.retry"}


def _spans(key: str) -> str:
    words = texts.entry(key)
    return "".join(f'<span lang="{lang}">{escape(words[lang])}</span>' for lang in texts.LANGS)


_INDEX = """<!DOCTYPE html>
<html lang="zh-CN" data-lang="zh" data-theme="dark">
  <head>
    <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
    {%metas%}
    <title>{%title%}</title>
    <link rel="icon" type="image/svg+xml" href="/assets/icons/onemap.svg">
    <script src="/assets/js/boot.js"></script>
    <script type="module" src="/assets/js/pages/main.mjs"></script>
    %STYLES%
    <script defer src="/assets/js/pages/grid.js"></script>
    {%css%}
  </head>
  <body class="pages">
    <div id="cover" role="status">%LOADING%</div>
    <template id="cover-failed">%FAILED%</template>
    <template id="cover-retry">%RETRY%</template>
    {%app_entry%}
    <footer>{%config%}{%scripts%}{%renderer%}</footer>
  </body>
</html>
"""
