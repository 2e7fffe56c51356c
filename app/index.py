"""What both Dash applications (the One Map page, the pages beside it) share: how they stand on the server, and their
index page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from html import escape
from pathlib import Path
from typing import Any, cast

from dash import Dash
from fastapi import FastAPI

from app.dashboard import texts
from app.front.headers import style_nonce
from app.serving import folder_version

NONCE = "%NONCE%"
ASSETS = Path(__file__).resolve().parents[1] / "assets"


class Application(Dash):
    """Dash whose index page names each of our files by an address that changes with it, so that browsers keep them,
    and carries the nonce of this answer."""

    def interpolate_index(self, *args: Any, **places: Any) -> str:
        index: str = super().interpolate_index(*args, **places)  # type: ignore[no-untyped-call]
        index = index.replace('"/assets/', f'"/assets/~{folder_version(ASSETS)}/')
        return index.replace(NONCE, style_nonce.get())


def make_application(
    name: str,
    server: FastAPI,
    index: str,
    *,
    prefix: str | None = None,
    on_error: Callable[[Exception], Any] | None = None,
) -> Application:
    """On `server` under `prefix`, where nothing is given at `/`; there Dash answers all unknown paths."""
    return Application(
        name,
        server=cast(Any, server),  # Dash types this as bool; it finds the backend by the object
        requests_pathname_prefix=prefix,
        routes_pathname_prefix=prefix,
        assets_folder=str(ASSETS),
        include_assets_files=False,
        index_string=index,
        title=texts.named("app.name"),
        update_title="",
        external_stylesheets=[],
        suppress_callback_exceptions=True,
        websocket_callbacks=False,
        add_log_handler=False,
        on_error=on_error,
    )


FONT_FAMILY, FONT_WEIGHTS = "Noto Sans SC", (400, 600)
# what this city writes with is in one file a weight (app/fonts.py); what else a page writes with comes in parts by
# ranges of characters, which boot.js asks for once that is there: a browser would fetch both for a text that waits
CITY_FONTS = "/fonts/page.css"
FONT_PARTS = tuple(f"/vendor/@fontsource/noto-sans-sc/{weight}.css" for weight in FONT_WEIGHTS)


@dataclass(frozen=True, slots=True)
class Index:
    """What an index page has of its own: attributes of its root and body, scripts and links of its head, what stands
    before Dash's tree and before Dash's scripts. `loading` is what the cover says until the page stands."""

    styles: Iterable[str]
    loading: str
    scripts: str
    links: str = ""
    root: str = ""
    body: str = ""
    before: str = ""
    renderers: str = ""

    def html(self) -> str:
        """Theme and language before the first paint, no inline style."""
        places = {
            "%ROOT%": self.root,
            "%BODY%": self.body,
            "%SCRIPTS%": self.scripts.strip(),
            "%LINKS%": self.links.strip(),
            "%STYLES%": "\n    ".join(
                f'<link rel="stylesheet" href="{path}">'
                for path in (CITY_FONTS, *(f"/assets/css/{name}.css" for name in self.styles))
            ),
            "%BEFORE%": self.before,
            "%RENDERERS%": self.renderers,
            "%FONTS%": " ".join(FONT_PARTS),
            "%LOADING%": spans(self.loading),
            "%FAILED%": spans("app.failed"),
            "%RETRY%": spans("app.retry"),
        }
        return reduce(lambda index, place: index.replace(*place), places.items(), _INDEX)


def spans(key: str) -> str:
    """A text in both languages, as HTML."""
    words = texts.entry(key)
    return "".join(f'<span lang="{lang}">{escape(words[lang])}</span>' for lang in texts.LANGS)


_INDEX = """<!DOCTYPE html>
<html lang="zh-CN" data-lang="zh" data-theme="dark" data-fonts="%FONTS%"%ROOT%>
  <head>
    <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
    {%metas%}
    <title>{%title%}</title>
    <link rel="icon" type="image/svg+xml" href="/assets/icons/onemap.svg">
    <script src="/assets/js/boot.js" nonce="%NONCE%"></script>
    %SCRIPTS%
    %LINKS%
    %STYLES%
    {%css%}
  </head>
  <body%BODY%>
    %BEFORE%
    <div id="cover" role="status">%LOADING%</div>
    <template id="cover-failed">%FAILED%</template>
    <template id="cover-retry">%RETRY%</template>
    {%app_entry%}
    <footer>{%config%}%RENDERERS%{%scripts%}{%renderer%}</footer>
  </body>
</html>
"""
