"""Where `/ogc` is served, in which format and language it is asked for, and how it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from fastapi import Request, Response

from app.api.feeds import base_of
from app.dashboard import texts
from app.dashboard.texts import Lang
from core.errors import InputError
from core.texts import check_text
from core.viewer import Viewer
from layers.ogc.errors import BadRequest

JSON, SCHEMA, HTML = "application/json", "application/schema+json", "text/html"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
RELATION = "http://www.opengis.net/def/rel/ogc/1.0/"
# the token is read by the middleware (app.auth)
ANYWHERE = frozenset({"f", "token"})
FORMATS = ("json", "geojson", "html")
ACCEPTED = re.compile(r"\s*([^;,\s]+)[^,]*?(?:;\s*q=([\d.]+))?\s*(?:,|$)")
Json = dict[str, Any]


class Place:
    """For links. A token in the address goes on in them, and so does `f=html`, but not `f=json`: whoever follows a link
    says anew what they want."""

    def __init__(self, request: Request, public_url: str) -> None:
        self.host = base_of(request, public_url)
        self.base = f"{self.host}/ogc"
        kept = {name: request.query_params.get(name) for name in ("token", "f")}
        self._kept = {name: value for name, value in kept.items() if value and (name == "token" or value == "html")}
        self.path = quote(request.url.path.removeprefix("/ogc").rstrip("/"))
        self._asked = [pair for pair in request.query_params.multi_items() if pair[0] not in ANYWHERE]

    @property
    def with_token(self) -> bool:
        return "token" in self._kept

    def url(self, path: str, query: Mapping[str, Any] | None = None, *, html: bool = True) -> str:
        """`path` is quoted already; `html`: a page leads to pages."""
        kept = {name: value for name, value in self._kept.items() if html or name == "token"}
        asked = urlencode({**kept, **(query or {})})
        return f"{self.base}{path}{'?' + asked if asked else ''}"

    def link(self, path: str, rel: str, kind: str, title: str, query: Mapping[str, Any] | None = None) -> Json:
        """For programs."""
        asked = urlencode({**(query or {}), **{k: v for k, v in self._kept.items() if k == "token"}})
        href = f"{self.base}{path}{'?' + asked if asked else ''}"
        return {"href": href, "rel": rel, "type": kind, "title": title}

    def template(self, path: str, rel: str, kind: str, title: str) -> Json:
        return {**self.link(path, rel, kind, title), "templated": True}

    def other(self, kind: str, form: str, path: str | None = None) -> Json:
        """The same, in another format."""
        return self.link(
            self.path if path is None else path, "alternate", kind, form.upper(), {**dict(self._asked), "f": form}
        )


def check(request: Request, known: frozenset[str] = ANYWHERE, formats: tuple[str, ...] = FORMATS) -> None:
    """BadRequest for a parameter that is not known, text that cannot be, or a format that there is not."""
    for name, value in request.query_params.multi_items():
        try:
            check_text(value, name)
        except InputError as exc:
            raise BadRequest(exc.message, field=exc.field) from exc
        if name not in known:
            shown = name.encode("unicode_escape").decode()[:60]
            raise BadRequest(
                f"{shown}: there is no such parameter; expected one of {', '.join(sorted(known))}", field=shown
            )
        if name == "f" and value not in formats:
            raise BadRequest(f"f: expected {' or '.join(formats)}, got {value[:40]!r}", field="f")


def wants_html(request: Request) -> bool:
    """By `f`, else by what is accepted most gladly (RFC 9110, section 12.5.1), of two alike what is named first."""
    if form := request.query_params.get("f"):
        return form == "html"
    best, found = 0.0, False
    for name, weight in ACCEPTED.findall(request.headers.get("accept", "")):
        if (weigh := _weight(weight)) > best:
            best, found = weigh, name == HTML
    return found


def _weight(words: str) -> float:
    try:
        return float(words or 1)
    except ValueError:
        return 0.0


def language(request: Request, who: Viewer) -> Lang:
    """The one asked for (Accept-Language), else the account's."""
    asked = request.headers.get("accept-language", "").lower()[:2]
    return own_language(who) if asked not in texts.LANGS else "en" if asked == "en" else "zh"


def own_language(who: Viewer) -> Lang:
    return "en" if who.lang == "en" else "zh"


def answer(body: Any, kind: str = JSON, headers: Mapping[str, str] | None = None) -> Response:
    """JSON."""
    said = dict(headers or {})
    vary = ", ".join(["Accept", *([said.pop("Vary")] if "Vary" in said else [])])
    return Response(orjson.dumps(body), media_type=kind, headers={**said, "Vary": vary})
