"""/field: the page of a unit's phone. Static files that work without a network, and the form that binds a phone."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse

from app.auth import ATTEMPTS, SECURE_COOKIE, cookie_name
from app.dashboard import texts
from app.dashboard.login import language_of
from app.dashboard.texts import HTML_LANG, Lang
from app.deps import Parts, get_parts
from app.failures import place_of
from app.field import phones
from app.index import ASSETS
from app.serving import folder_version
from core.clock import utc_now
from core.errors import TooMany
from core.vocabulary import Text, table

router = APIRouter(include_in_schema=False)
PAGE, WORKER = "/field", "/field/sw.js"
MANIFEST, WORDS = "/field/manifest.webmanifest", "/field/words.json"
HOUR_S, DAY_H = 3600, 24
# what the button says that changes the language
LANGUAGE = "bar.language.short"
# tables whose words the page says
TABLES = ("milestones", "unit_statuses", "incident_kinds", "decline_reasons", "levels")


@cache
def version() -> str:
    return folder_version(ASSETS)


def file(path: str) -> str:
    """Address of one of our files, which changes with it."""
    return f"/assets/~{version()}/{path}"


def modules() -> list[str]:
    return sorted(f"js/field/{path.name}" for path in (ASSETS / "js" / "field").glob("*.mjs"))


def shell_files() -> list[str]:
    """All that the page is made of, itself included: what a phone keeps to open it without a network."""
    styles = ["css/field.css", "icons/onemap.svg"]
    return [PAGE, WORDS, MANIFEST, *(file(path) for path in (*styles, "js/dom.mjs", *modules()))]


@router.get(PAGE)
def get_page() -> HTMLResponse:
    places = {"style": file("css/field.css"), "script": file("js/field/main.mjs"), "icon": file("icons/onemap.svg")}
    return HTMLResponse(_PAGE.format(title=escape(texts.text("field.title", "zh")), manifest=MANIFEST, **places))


@router.get(WORKER)
def get_worker() -> Response:
    """The service worker, which changes with any file of the page."""
    shell = json.dumps({"version": version(), "page": PAGE, "files": shell_files()})
    body = f"self.SHELL = {shell};\n{(ASSETS / 'js' / 'field' / 'sw.js').read_text('utf-8')}"
    return Response(body, media_type="text/javascript", headers={"Service-Worker-Allowed": PAGE})


@router.get(MANIFEST)
def get_manifest() -> JSONResponse:
    name = texts.text("field.title", "zh")
    icon = {"src": file("icons/onemap.svg"), "sizes": "any", "type": "image/svg+xml"}
    manifest = {
        "name": f"{texts.text('app.name', 'zh')} · {name}",
        "short_name": name,
        "start_url": PAGE,
        "scope": PAGE,
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#0b3d74",
        "icons": [icon],
    }
    return JSONResponse(manifest, media_type="application/manifest+json")


@router.get(WORDS)
def get_words() -> JSONResponse:
    """The page's words, and those of the tables it speaks of, in both languages."""
    said = {key: words for key, words in texts.catalogue().items() if key.startswith("field.") or key == LANGUAGE}
    rows = {
        name: {key: {"zh": row["zh"], "en": row["en"]} for key, row in table(name).items() if "zh" in row}
        for name in TABLES
    }
    return JSONResponse({"words": said, "tables": rows})


@router.get("/field/enter")
async def get_enter(request: Request, code: str = "") -> HTMLResponse:
    """Asks once whether this phone shall be the unit's: whatever fetches the address to show what is behind it uses
    nothing up."""
    parts = get_parts(request)
    names = await parts.work(lambda conn: phones.unit_of_code(conn, code, utc_now()))
    return await _refuse(request, parts) if names is None else _enter_page(language_of(request), names=names, code=code)


@router.post("/field/enter")
async def post_enter(request: Request) -> Response:
    parts = get_parts(request)
    code = parse_qs((await request.body()).decode("utf-8", "replace")).get("code", [""])[0]
    hours = parts.settings.phone_session_days * DAY_H
    bound = await parts.work(lambda conn: phones.bind(conn, code, _address(request), hours, utc_now()))
    if bound is None:
        return await _refuse(request, parts)
    answer = RedirectResponse(PAGE, status_code=303)
    name = cookie_name(request.scope, parts.settings.public_url)
    secure = name == SECURE_COOKIE
    life_s = hours * HOUR_S
    answer.set_cookie(name, bound.secret, max_age=life_s, httponly=True, samesite="lax", secure=secure, path="/")
    return answer


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


async def _refuse(request: Request, parts: Parts) -> HTMLResponse:
    """A code that is none counts with the log-ins of its address; beyond their bound none is written down."""
    lang, address = language_of(request), _address(request)
    if parts.attempts.count(place_of(address or "")) > ATTEMPTS:
        return _enter_page(lang, error=TooMany.reason, status=429)
    await parts.work(lambda conn: phones.note_refused(conn, address, utc_now()))
    return _enter_page(lang, error="phone_code", status=404)


def _enter_page(
    lang: str, *, names: Text | None = None, code: str = "", error: str | None = None, status: int = 200
) -> HTMLResponse:
    chosen: Lang = "en" if lang == "en" else "zh"
    if names is None:
        why = escape(texts.why(error or "error", {})[chosen])
        body = f'<p class="error" role="alert">{why}</p>'
    else:
        asked = escape(texts.text("field.enter.ask", chosen, unit=names[chosen]))
        once = escape(texts.text("field.enter.once", chosen))
        body = f"""<p>{asked}</p>
        <input type="hidden" name="code" value="{escape(code, quote=True)}">
        <button type="submit">{escape(texts.text("field.enter.yes", chosen))}</button>
        <p class="note">{once}</p>"""
    page = _ENTER.format(
        html_lang=HTML_LANG[chosen],
        lang=chosen,
        title=escape(texts.text("field.enter.title", chosen)),
        body=body,
    )
    return HTMLResponse(page, status)


_ENTER = """<!DOCTYPE html>
<html lang="{html_lang}" data-lang="{lang}" data-theme="light">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="referrer" content="same-origin">
    <title>{title}</title>
    <link rel="icon" type="image/svg+xml" href="/assets/icons/onemap.svg">
    <link rel="stylesheet" href="/assets/css/tokens.css">
    <link rel="stylesheet" href="/assets/css/base.css">
    <link rel="stylesheet" href="/assets/css/login.css">
  </head>
  <body class="login">
    <main>
      <form method="post" action="/field/enter">
        <span class="emblem" aria-hidden="true"></span>
        <h1>{title}</h1>
        {body}
      </form>
    </main>
  </body>
</html>
"""

_PAGE = """<!DOCTYPE html>
<html lang="zh-CN" data-lang="zh" data-theme="sun">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
    <meta name="theme-color" content="#0b3d74">
    <title>{title}</title>
    <link rel="icon" type="image/svg+xml" href="{icon}">
    <link rel="manifest" href="{manifest}" crossorigin="use-credentials">
    <link rel="stylesheet" href="{style}">
    <script type="module" src="{script}"></script>
  </head>
  <body>
    <header id="strip" role="status" aria-live="polite"></header>
    <main id="page"></main>
    <div id="dialogs"></div>
  </body>
</html>
"""
