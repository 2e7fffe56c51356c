"""Only plain paths are let in: what two readers could read in two ways opens nothing."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import problem

# anything encoded twice: somebody behind or before us may decode it once more
_TWICE = re.compile(rb"%25[0-9a-f]{2}", re.IGNORECASE)


def is_plain(raw: bytes, path: str) -> bool:
    """Whether `path` (decoded from `raw`, encoded slashes too) has no empty part but the last, none that consists of
    dots (with a parameter or blanks behind), and no backslash."""
    if not path.startswith("/") or "\\" in path or _TWICE.search(raw):
        return False
    *before, last = path[1:].split("/")
    return all(before) and not any(_is_dots(part) for part in (*before, last))


def _is_dots(part: str) -> bool:
    name = part.partition(";")[0]
    return bool(part) and not name.strip(" .")


class PlainPaths:
    """400 for any other path, before anything is matched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] in ("http", "websocket") and not is_plain(scope.get("raw_path") or b"", scope["path"]):
            app = problem(
                400, "path: expected one without empty parts, dots or backslashes, encoded once", reason="path"
            )
        await app(scope, receive, send)
