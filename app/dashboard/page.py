"""The Dash application of the One Map page on the FastAPI server it is given."""

from functools import reduce
from pathlib import Path
from typing import Any, cast

from dash import Dash
from fastapi import FastAPI

from app.asking import Door
from app.dashboard import texts
from app.dashboard.card import callbacks as card_callbacks
from app.dashboard.chart import callbacks as chart_callbacks
from app.dashboard.layertree import callbacks as layer_callbacks
from app.dashboard.layout import page
from app.deps import Parts
from app.serving import folder_version

ASSETS = Path(__file__).resolve().parents[2] / "assets"
STYLES = ("tokens", "base", "topbar", "panels", "lists", "card", "map", "phone")
MAP_LIBRARY = "/vendor/maplibre-gl/dist/maplibre-gl.mjs"
TEXT_FONT = "/vendor/@fontsource/noto-sans-sc/files/noto-sans-sc-chinese-simplified-400-normal.woff2"


class Page(Dash):
    """Dash whose index page names each of our files by an address that changes with it, so that browsers keep them."""

    def interpolate_index(self, *args: Any, **places: Any) -> str:
        index: str = super().interpolate_index(*args, **places)  # type: ignore[no-untyped-call]
        return index.replace('"/assets/', f'"/assets/~{folder_version(ASSETS)}/')


def build_dashboard(server: FastAPI, parts: Parts) -> Dash:
    """Put the page at ``/`` of ``server``. Call it after every other route is there: Dash answers all unknown paths."""
    app = Page(
        "app.dashboard",
        server=cast(Any, server),  # Dash types this as bool; it finds the backend by the object
        assets_folder=str(ASSETS),
        include_assets_files=False,
        index_string=index_string(),
        title=texts.named("app.name"),
        update_title="",
        external_stylesheets=[],
        suppress_callback_exceptions=True,
        websocket_callbacks=False,
        add_log_handler=False,
    )
    app.layout = page()
    door = Door(parts)
    door.open(app)
    layer_callbacks.register(app)
    card_callbacks.register(app, door)
    chart_callbacks.register(app)
    return app


def index_string() -> str:
    """Dash's index page: theme and language before the first paint, the map before Dash, no inline style.

    The rows' renderers come before Dash's scripts, not deferred: a grid that mounts without them never asks again.
    """
    styles = "\n    ".join(f'<link rel="stylesheet" href="/assets/css/{name}.css">' for name in STYLES)
    modules = sorted(path.relative_to(ASSETS).as_posix() for path in ASSETS.glob("js/**/*.mjs"))
    modules = [name for name in modules if not name.startswith("js/pages/")]  # of the pages beside it
    preloaded = (MAP_LIBRARY, *(f"/assets/{name}" for name in modules))
    preloads = "\n    ".join(f'<link rel="modulepreload" href="{path}">' for path in preloaded)
    places = {
        "%STYLES%": styles,
        "%PRELOADS%": preloads,
        "%TEXT_FONT%": TEXT_FONT,
        **{mark: _spans(key) for mark, key in _WORDS.items()},
    }
    return reduce(lambda index, place: index.replace(*place), places.items(), _INDEX)


_WORDS = {"%MAP%": "app.map", "%LOADING%": "app.loading", "%FAILED%": "app.failed", "%RETRY%": "app.retry"}


def _spans(key: str) -> str:
    words: dict[str, Any] = texts.entry(key)
    return "".join(f'<span lang="{lang}">{words[lang]}</span>' for lang in texts.LANGS)


_INDEX = """<!DOCTYPE html>
<html lang="zh-CN" data-lang="zh" data-theme="dark" data-live="off">
  <head>
    <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
    {%metas%}
    <title>{%title%}</title>
    <link rel="icon" type="image/svg+xml" href="/assets/icons/onemap.svg">
    <script src="/assets/js/boot.js"></script>
    <script type="module" async src="/assets/js/early.mjs"></script>
    <script type="module" async src="/assets/js/main.mjs"></script>
    %PRELOADS%
    <link rel="preload" as="font" type="font/woff2" crossorigin href="%TEXT_FONT%">
    <link rel="stylesheet" href="/vendor/maplibre-gl/dist/maplibre-gl.css">
    %STYLES%
    {%css%}
  </head>
  <body>
    <main>
      <div id="map" role="application" aria-labelledby="map-name"></div>
      <span id="map-name" class="spoken">%MAP%</span>
    </main>
    <div id="cover" role="status">%LOADING%</div>
    <template id="cover-failed">%FAILED%</template>
    <template id="cover-retry">%RETRY%</template>
    {%app_entry%}
    <footer>{%config%}<script src="/assets/js/cells.js"></script>{%scripts%}{%renderer%}</footer>
  </body>
</html>
"""
