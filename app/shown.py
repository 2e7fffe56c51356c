"""The certificate that the page shows, taken up anew when its files change: nobody's connection ends for it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from uvicorn import Config

from core.errors import SetupError
from core.log import get_log
from core.tls import check_pair

log = get_log("tls")
LOOK_S = 10


class Shown:
    """A certificate with its key, as files that others may renew."""

    def __init__(self, cert: Path, key: Path) -> None:
        check_pair(cert, key)
        self._cert, self._key = cert, key
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._seen = self._stamp()
        self._context.load_cert_chain(cert, key)
        self._complained = False

    def make_context(self, _: Config, __: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """For uvicorn's `ssl_context_factory`. TLS 1.2 and newer, as Python's own defaults have it."""
        return self._context

    async def look(self) -> None:
        """For uvicorn's `callback_notify`: on its event loop, where no handshake is under way meanwhile."""
        try:
            stamp = self._stamp()
            if stamp == self._seen:
                return
            check_pair(self._cert, self._key)
            self._context.load_cert_chain(self._cert, self._key)
        except (OSError, SetupError) as exc:
            if not self._complained:
                log.error("certificate_unusable", error=str(exc))
            self._complained = True
            return
        self._seen, self._complained = stamp, False
        log.info("certificate_renewed", file=str(self._cert))

    def _stamp(self) -> tuple[float, ...]:
        """Changes when either file does; what a link points to counts (certbot's are links)."""
        return tuple(value for path in (self._cert, self._key) for value in _mark(path))


def _mark(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size
