"""How much a request may bring, decided before any of it is read. (Starlette's own middleware knows one bound for all
and answers in plain text.)"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.dashboard.login import language_of, login_page
from app.problems import problem

# log-in, tokens, and most of what the API takes
SMALL = 64_000
# an area drawn by hand or taken from a register, a source with its mapping, five thousand numbers of letters
MIDDLE = 1_000_000
# a file of accounts, as it is or in a callback (base64), a message to be tried
LARGE = 8_000_000
# a file that becomes a layer (app.files.incoming)
FILE = 1 << 30
BOUNDS = {
    "/api/layers/import": FILE,
    "/api/layers/files": FILE,
    "/api/within": MIDDLE,
    "/api/dead-letters/replay": MIDDLE,
    "/api/dead-letters/discard": MIDDLE,
    "/api/sources": MIDDLE,
    "/api/sources/try": LARGE,
    "/api/devices/import": LARGE,
    "/_dash-update-component": LARGE,
    "/pages/_dash-update-component": LARGE,
}


# a row of a layer, with its shape
ROW = re.compile(r"/api/layers/[^/]+/rows(/[^/]+)?|/ogc/collections/[^/]+/items(/[^/]+)?")


def bound_of(path: str) -> int:
    return BOUNDS.get(path) or (MIDDLE if path.startswith("/api/sources/") or ROW.fullmatch(path) else SMALL)


class Bodies:
    """413 for what is larger than its route takes: at once where the request says its length, else as soon as more has
    come than may."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = bound_of(scope["path"])
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or len(length) > 18 or int(length) > most:
            await refusal(scope, most)(scope, receive, send)
            return
        await _Reading(self._app, scope, most).run(receive, send)


class _Reading:
    """One request whose body is counted as it comes. Whatever the application makes of being cut off, the answer is
    413."""

    def __init__(self, app: ASGIApp, scope: Scope, most: int) -> None:
        self._app, self._scope, self._most = app, scope, most
        self._read = 0
        self._began = False

    @property
    def _over(self) -> bool:
        return self._read > self._most

    async def run(self, receive: Receive, send: Send) -> None:
        async def counted() -> Message:
            message = await receive()
            self._read += len(message.get("body", b""))
            if self._over:
                raise HTTPException(413, f"expected at most {self._most} bytes")
            return message

        async def answer(message: Message) -> None:
            if self._over and not self._began:
                return  # ours follows
            self._began = True
            await send(message)

        try:
            await self._app(self._scope, counted, answer)
        except HTTPException:
            if not self._over:
                raise
        if self._over and not self._began:
            await refusal(self._scope, self._most)(self._scope, receive, send)


def refusal(scope: Scope, most: int) -> Response:
    """In the words of the page where a person sent the form."""
    if scope["path"] == "/login":
        return HTMLResponse(login_page(language_of(HTTPConnection(scope)), "too_large", "/"), 413)
    return problem(413, f"expected at most {most} bytes", reason="too_large")
