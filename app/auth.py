"""The door: every route but the few named here needs a session cookie, a bearer token or, for feeds, a feed token.

Writes and WebSockets that come with a cookie must come from our own page (Origin). One ASGI middleware in front of
everything, Dash's own routes and sockets included.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

import anyio.to_thread
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.accounts import Policy, digest, read_session
from app.problems import database_error, from_error, problem
from core.clock import utc_now
from core.settings import Settings
from core.viewer import Viewer

COOKIE = "onemap_session"
# behind TLS; browsers take a name that begins so from this very host over TLS only (RFC 6265bis section 4.1.3)
SECURE_COOKIE = f"__Host-{COOKIE}"
OPEN_PATHS = frozenset({"/login", "/field/enter", "/healthz", "/readyz", "/api/token", "/ca.crt"})
# forms at which a session begins: they come from our own page
ENTRIES = frozenset({"/login", "/field/enter"})
# what the log-in page is drawn with
OPEN_FOLDERS = ("/assets/css/", "/assets/icons/", "/vendor/@fontsource/", "/fonts/")
# what the public is shown once an administrator has turned it on (app.api.open_data)
PUBLIC, PUBLIC_FOLDER = "/open", "/open/"
# what is answered before a password that somebody else has set is changed (for callbacks see app.asking)
OWN_PAGE = "/me"
# the page's texts and clock among it
CHANGING_PATHS = frozenset({OWN_PAGE, "/api/me", "/api/me/password", "/api/city", "/api/texts", "/logout"})
CHANGING_FOLDERS = ("/assets/", "/vendor/", "/fonts/", "/pages/")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CACHE_S, CACHE_SIZE = 10.0, 2000
LOOPBACK = ("127.", "::1", "localhost")
ATTEMPTS, ATTEMPTS_S = 20, 60.0


def policy_of(settings: Settings) -> Policy:
    return Policy(settings.login_failures, settings.login_lock_s, settings.session_hours, settings.idle_minutes)


def is_over_tls(scope: Scope) -> bool:
    """The request itself, or, by the word of a proxy on this machine, what it has passed on."""
    return scope.get("scheme") in ("https", "wss")


def cookie_name(scope: Scope, public_url: str) -> str:
    return SECURE_COOKIE if is_over_tls(scope) or public_url.startswith("https:") else COOKIE


def is_loopback(host: str | None) -> bool:
    return bool(host) and str(host).startswith(LOOPBACK)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request shows, and where it may be used."""

    secret: str
    kinds: tuple[str, ...]
    by_cookie: bool


def is_feed(path: str) -> bool:
    """What programs read that keep no session: feeds, and layers for GIS programs."""
    return path.startswith(("/feeds/", "/ogc/")) or path == "/ogc"


def find_credential(
    headers: Headers, path: str, query: bytes, cookie: str, *, writes: bool = False
) -> Credential | None:
    """A feed token reads and never writes."""
    feed = is_feed(path) and not writes
    header = headers.get("authorization", "")
    if header.lower().startswith("bearer "):
        kinds = ("token", "feed") if feed else ("token",)
        return Credential(header[7:].strip(), kinds, False)
    if feed:
        token = parse_qs(query.decode("latin-1")).get("token")
        if token:
            return Credential(token[0], ("feed",), False)
    secret = read_cookie(headers.get("cookie", ""), cookie)
    return Credential(secret, ("browser", "phone"), True) if secret else None


def read_cookie(header: str, name: str) -> str | None:
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None


class Sessions:
    """Looks sessions up, remembering them for some seconds; `forget` on log-out."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        self._engine, self._policy = engine, policy
        self._held: OrderedDict[tuple[str, tuple[str, ...]], tuple[float, Viewer]] = OrderedDict()

    async def find(self, credential: Credential) -> Viewer | None:
        key = (digest(credential.secret), credential.kinds)
        held = self._held.get(key)
        if held and held[0] > time.monotonic():
            return held[1]
        viewer = await anyio.to_thread.run_sync(self._read, credential)
        if viewer is not None:
            self._held[key] = (time.monotonic() + CACHE_S, viewer)
            while len(self._held) > CACHE_SIZE:
                self._held.popitem(last=False)
        return viewer

    def _read(self, credential: Credential) -> Viewer | None:
        with self._engine.begin() as conn:
            return read_session(conn, credential.secret, credential.kinds, self._policy, utc_now())

    def forget(self, secret: str) -> None:
        for key in [k for k in self._held if k[0] == digest(secret)]:
            del self._held[key]

    def forget_all(self) -> None:
        """After a change of who may what: this process asks anew at once, others within `CACHE_S`."""
        self._held.clear()


class Attempts:
    """How many log-ins (or what else is counted so) an address has tried in the last minute; of so many addresses, the
    latest."""

    def __init__(self, held: int = 10_000, most: int = ATTEMPTS) -> None:
        self._tried: OrderedDict[str, deque[float]] = OrderedDict()
        self._held, self._most = held, most

    def count(self, place: str) -> int:
        """This try among those of the last minute, the first is 1; beyond `most` + 1 none is counted."""
        now = time.monotonic()
        tried = self._tried.setdefault(place, deque(maxlen=self._most + 1))
        self._tried.move_to_end(place)
        while tried and tried[0] < now - ATTEMPTS_S:
            tried.popleft()
        if len(tried) > self._most:
            return self._most + 2
        tried.append(now)
        while len(self._tried) > self._held:
            self._tried.popitem(last=False)
        return len(tried)


class AuthMiddleware:
    """Puts the Viewer into `scope["state"]["viewer"]`, or answers instead of the application."""

    def __init__(self, app: ASGIApp, sessions: Sessions, public_url: str) -> None:
        self._app, self._sessions, self._public_url = app, sessions, public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = await self._check(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await _close(receive, send, 4403 if refusal.status_code == 403 else 4401)
        else:
            await refusal(scope, receive, send)

    async def _check(self, scope: Scope) -> Response | None:
        """None where the request may pass."""
        path: str = scope["path"]
        headers = Headers(scope=scope)
        writes = scope["type"] == "websocket" or scope["method"] not in SAFE
        if path in OPEN_PATHS or path == PUBLIC or path.startswith((*OPEN_FOLDERS, PUBLIC_FOLDER)):
            bad = writes and path in ENTRIES and not self._own_origin(scope, headers)
            return problem(403, "Origin: log in from our own page", reason="origin") if bad else None
        cookie = cookie_name(scope, self._public_url)
        credential = find_credential(headers, path, scope["query_string"], cookie, writes=writes)
        if credential is not None:
            try:
                viewer = await self._sessions.find(credential)
            except SQLAlchemyError as exc:
                return from_error(database_error(exc))
            if viewer is not None:
                if writes and credential.by_cookie and not self._own_origin(scope, headers):
                    return problem(403, "Origin: the request does not come from our own page", reason="origin")
                client = scope.get("client")
                if viewer.scope.layers is not None and path.startswith("/feeds/"):
                    return problem(403, "this token opens layers only", reason="token_of_layers")
                scope.setdefault("state", {})["viewer"] = replace(viewer, address=client[0] if client else None)
                return _changes_first(scope, headers) if viewer.must_change else None
        if wants_page(scope, headers):
            asked = path + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
            return RedirectResponse("/login?next=" + quote(asked, safe=""), status_code=303)
        return problem(401, "log in, or send a bearer token", reason="unauthenticated")

    def _own_origin(self, scope: Scope, headers: Headers) -> bool:
        """What came over TLS comes from a page that did: anybody on the way can answer for http://our-host."""
        origin = headers.get("origin", "")
        if self._public_url and origin == self._public_url.rstrip("/"):
            return True
        parts = urlsplit(origin)
        if is_over_tls(scope) and parts.scheme != "https":
            return False
        return bool(origin) and parts.netloc == headers.get("host", "")


def _changes_first(scope: Scope, headers: Headers) -> Response | None:
    """Whoever came with a password that somebody else has set gets as far as the page where it is changed."""
    path: str = scope["path"]
    if path in CHANGING_PATHS or path.startswith(CHANGING_FOLDERS):
        return None
    if wants_page(scope, headers):
        return RedirectResponse(OWN_PAGE, status_code=303)
    return problem(403, "change your password first: POST /api/me/password", reason="password_change")


def wants_page(scope: Scope, headers: Headers) -> bool:
    return scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", "")


async def _close(receive: Receive, send: Send, code: int) -> None:
    """Accept and close, so that the browser sees the code and not a bare failure."""
    message = await receive()
    if message["type"] == "websocket.connect":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": code})
