"""Headers that every answer carries: what the page may load, that nobody else may frame it, that TLS is a must."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# a year, this host only (RFC 6797)
HSTS = "max-age=31536000"


class SecurityHeaders:
    """A strict Content-Security-Policy with the hashes of the inline scripts of our Dash applications.

    `tls_for_good`: a browser that was here once shall never again speak with this host without TLS, whatever anybody
    clicks. Only for certificates that every browser knows: with a local authority it would shut out whoever has not
    installed it yet, and every plain service of the same host.
    """

    def __init__(self, app: ASGIApp, dash_apps: Sequence[Any], tls_for_good: bool) -> None:
        self._app = app
        self._dash_apps = dash_apps
        self._tls_for_good = tls_for_good
        self._policy: str | None = None

    def policy(self) -> str:
        """Hashes are known once the page's callbacks are: asked for on first use."""
        if self._policy is None:
            found = {h.strip("'"): None for app in self._dash_apps for h in app.csp_hashes()}
            hashes = " ".join(f"'{one}'" for one in found)
            self._policy = (
                f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' "
                "data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; "
                "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
            )
        return self._policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers["X-Frame-Options"] = "DENY"
                if self._tls_for_good and scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = HSTS
                if "text/html" in headers.get("content-type", ""):
                    headers["Content-Security-Policy"] = self.policy()
            await send(message)

        await self._app(scope, receive, send_with_headers)
