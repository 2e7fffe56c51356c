"""The log-in page: plain HTML, no script needed, in the language asked for."""

from html import escape
from urllib.parse import urlencode

from starlette.requests import HTTPConnection

from app.dashboard import texts
from app.dashboard.texts import HTML_LANG, LANGS, Lang


def login_page(lang: str, error: str | None, next_path: str) -> str:
    """Full HTML. ``lang`` is zh or en (zh for anything else); ``error`` is a reason of the catalogue
    (``login.error.…``), anything else is shown as it is, escaped; ``next_path``
    is where a successful log-in leads (a path of this site, else ``/``)."""
    chosen: Lang = "en" if lang == "en" else "zh"
    target = local_path(next_path)
    words = {key: escape(texts.text(key, chosen)) for key in _KEYS}
    return _PAGE.format(
        html_lang=HTML_LANG[chosen],
        lang=chosen,
        name=words["app.name"],
        subtitle=words["app.subtitle"],
        title=words["login.title"],
        username=words["login.username"],
        password=words["login.password"],
        submit=words["login.submit"],
        note=words["login.note"],
        error=f'<p class="error" role="alert">{escape(_said(error, chosen))}</p>' if error else "",
        next=escape(target, quote=True),
        other=words["login.other"],
        other_lang=HTML_LANG[_other(chosen)],
        other_url=escape("/login?" + urlencode({"lang": _other(chosen), "next": target}), quote=True),
    )


def language_of(request: HTTPConnection) -> str:
    """The language of one we do not know yet."""
    chosen = request.query_params.get("lang") or request.headers.get("accept-language", "zh")
    return "en" if chosen.lower().startswith("en") else "zh"


def _said(error: str, lang: Lang) -> str:
    key = f"login.error.{error}"
    return texts.text(key, lang) if key in texts.catalogue() else error


def local_path(path: str) -> str:
    """``path`` where it is a path of this site, else ``/``: a log-in never sends anyone elsewhere."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else "/"


def _other(lang: Lang) -> Lang:
    return next(one for one in LANGS if one != lang)


_KEYS = (
    "app.name",
    "app.subtitle",
    "login.title",
    "login.username",
    "login.password",
    "login.submit",
    "login.note",
    "login.other",
)

_PAGE = """<!DOCTYPE html>
<html lang="{html_lang}" data-lang="{lang}" data-theme="dark">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title} · {name}</title>
    <link rel="icon" type="image/svg+xml" href="/assets/icons/onemap.svg">
    <link rel="stylesheet" href="/vendor/@fontsource/noto-sans-sc/400.css">
    <link rel="stylesheet" href="/vendor/@fontsource/noto-sans-sc/600.css">
    <link rel="stylesheet" href="/fonts/page.css">
    <link rel="stylesheet" href="/assets/css/tokens.css">
    <link rel="stylesheet" href="/assets/css/base.css">
    <link rel="stylesheet" href="/assets/css/login.css">
  </head>
  <body class="login">
    <main>
      <form method="post" action="/login">
        <span class="emblem" aria-hidden="true"></span>
        <h1>{name}</h1>
        <p class="subtitle">{subtitle}</p>
        {error}
        <label for="username">{username}</label>
        <input id="username" name="username" autocomplete="username" autocapitalize="none" maxlength="64"
          required autofocus>
        <label for="password">{password}</label>
        <input id="password" name="password" type="password" autocomplete="current-password" maxlength="256" required>
        <input type="hidden" name="next" value="{next}">
        <button type="submit">{submit}</button>
        <p class="note">{note}</p>
        <a class="language" href="{other_url}" lang="{other_lang}">{other}</a>
      </form>
    </main>
  </body>
</html>
"""
