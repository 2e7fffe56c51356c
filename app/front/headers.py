"""Headers of answers: what a page may load, that nobody else may frame or embed it, what may be kept where."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.settings import Settings

# a year, this host only (RFC 6797)
HSTS = "max-age=31536000"
NOTHING = ("accelerometer", "camera", "display-capture", "gyroscope", "magnetometer", "microphone", "midi", "payment")
FEATURES = ", ".join(
    [*(f"{name}=()" for name in (*NOTHING, "serial", "usb")), "fullscreen=(self)", "geolocation=(self)"]
)
ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Permissions-Policy", FEATURES),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
NOT_KEPT = "no-store"
# of the answer that is being made; boot.js gives it to the styles that components make
style_nonce: ContextVar[str] = ContextVar("style_nonce", default="")


def standing_headers(settings: Settings) -> list[tuple[str, str]]:
    """For the server itself: also on answers that never reach the application.

    Over a certificate that every browser knows, one that was here once shall never again speak with this host without
    TLS, whatever anybody clicks. With a local authority that would shut out whoever has not installed it yet, and
    every plain service of the same host.
    """
    tls_for_good = settings.tls_files() is not None and settings.tls_authority is None
    return [*ALWAYS, *([("Strict-Transport-Security", HSTS)] if tls_for_good else [])]


class SecurityHeaders:
    """A strict Content-Security-Policy with the hashes of the inline scripts of our Dash applications and a nonce for
    the styles that their components make; and nothing is kept, by browsers or proxies, that did not say for how long
    and for whom."""

    def __init__(self, app: ASGIApp, dash_apps: Sequence[Any], others: Callable[[], Awaitable[list[str]]]) -> None:
        """`others`: origins of base maps that browsers fetch themselves; there are none unless an operator says so."""
        self._app = app
        self._others = others
        self._dash_apps = dash_apps
        self._hashes: str | None = None

    def policy(self, nonce: str, others: Sequence[str] = ()) -> str:
        """Hashes are known once the page's callbacks are: asked for on first use."""
        if self._hashes is None:
            found = {h.strip("'"): None for app in self._dash_apps for h in app.csp_hashes()}
            self._hashes = " ".join(f"'{one}'" for one in found)
        maps = "".join(f" {host}" for host in others)
        return (
            f"default-src 'self'; script-src 'self' {self._hashes}; style-src 'self' 'nonce-{nonce}'; img-src 'self' "
            f"data: blob:{maps}; font-src 'self' data:; connect-src 'self'{maps}; worker-src 'self' blob:; "
            "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        style_nonce.set(nonce)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                kept = headers.get("cache-control", NOT_KEPT)
                headers["Cache-Control"] = kept.replace("public", "private")
                if "text/html" in headers.get("content-type", ""):
                    headers["Content-Security-Policy"] = self.policy(nonce, await self._others())
            await send(message)

        await self._app(scope, receive, send_with_headers)
