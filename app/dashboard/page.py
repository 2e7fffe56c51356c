"""The Dash application of the One Map page on the FastAPI server it is given."""

from dash import Dash
from fastapi import FastAPI

from app.asking import Door
from app.dashboard.card import callbacks as card_callbacks
from app.dashboard.chart import callbacks as chart_callbacks
from app.dashboard.layertree import callbacks as layer_callbacks
from app.dashboard.layout import page
from app.deps import Parts
from app.index import ASSETS, Index, make_application, spans

STYLES = ("tokens", "base", "topbar", "panels", "lists", "card", "map", "phone")
MAP_LIBRARY = "/vendor/maplibre-gl/dist/maplibre-gl.mjs"


def build_dashboard(server: FastAPI, parts: Parts) -> Dash:
    """Put the page at ``/`` of ``server``. Call it after every other route is there: Dash answers all unknown paths."""
    app = make_application("app.dashboard", server, index_string())
    app.layout = page()
    door = Door(parts)
    door.open(app)
    layer_callbacks.register(app)
    card_callbacks.register(app, door)
    chart_callbacks.register(app)
    return app


def index_string() -> str:
    """The map stands there before Dash does.

    The rows' renderers come before Dash's scripts, not deferred: a grid that mounts without them never asks again.
    """
    modules = sorted(path.relative_to(ASSETS).as_posix() for path in ASSETS.glob("js/**/*.mjs"))
    modules = [name for name in modules if not name.startswith("js/pages/")]  # of the pages beside it
    preloaded = (MAP_LIBRARY, *(f"/assets/{name}" for name in modules))
    preloads = "\n    ".join(f'<link rel="modulepreload" href="{path}">' for path in preloaded)
    return Index(
        styles=STYLES,
        loading="app.loading",
        root=' data-live="wait"',
        scripts=_SCRIPTS,
        links=_LINKS.replace("%PRELOADS%", preloads),
        before=_MAP.replace("%MAP%", spans("app.map")),
        renderers='<script src="/assets/js/cells.js"></script>',
    ).html()


_SCRIPTS = """
    <script type="module" async src="/assets/js/early.mjs"></script>
    <script type="module" async src="/assets/js/main.mjs"></script>
"""
_LINKS = """
    %PRELOADS%
    <link rel="stylesheet" href="/vendor/maplibre-gl/dist/maplibre-gl.css">
"""
_MAP = """<main>
      <div id="map" role="application" aria-labelledby="map-name"></div>
      <span id="map-name" class="spoken">%MAP%</span>
    </main>"""
