"""Tiles that are kept leave before the rest of the application is asked: whoever may see them is known from their
session, what they are packed in was packed once. Everything else, and every doubt, goes the usual way (app.api.layers).
"""

from __future__ import annotations

import re
from collections.abc import Hashable

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.layers import CACHE, OWN_CACHE, TILE_TYPE
from app.deps import Parts
from app.serving import AT_ONCE, PACKERS, SMALLEST, Coding, coding_of
from app.tiles import Kept
from core.catalogue.nouns import Kind
from core.viewer import Permission, Viewer
from layers.grids import MERCATOR
from layers.served import COMPOSITE, LAYERS, sight_of_tiles

PATH = re.compile(r"/tiles/([^/]+)/(\d{1,2})/(\d{1,8})/(\d{1,8})\.mvt")
Form = tuple[bytes, list[tuple[bytes, bytes]]]
PLAIN = "identity"


class KeptTiles:
    """In front of what makes tiles, behind the door."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app, self._parts = app, parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope) if scope["type"] == "http" and scope["path"].startswith("/tiles/") else None
        if found is None:
            await self._app(scope, receive, send)
            return
        key, kept, own = found
        headers = Headers(scope=scope)
        if not kept.body:
            await self._send(send, 204, b"", [cache_header(own=own)])
            return
        asked = headers.get("if-none-match", "")
        if asked and f'"{kept.tag}"' in [one.strip().removeprefix("W/") for one in asked.split(",")]:
            told = [(b"etag", f'W/"{kept.tag}"'.encode()), (b"vary", b"Accept-Encoding"), cache_header(own=own)]
            await self._send(send, 304, b"", told)
            return
        coding = coding_of(headers.get("accept-encoding", "")) if len(kept.body) >= SMALLEST else None
        body, told = kept.forms.get(coding or PLAIN) or await self._pack(key, kept, coding, own=own)
        await self._send(send, 200, body, told)

    def _find(self, scope: Scope) -> tuple[Hashable, Kept, bool] | None:
        """The tile that is asked for, where it is kept and may be seen; and whether what it shows differs by who
        asks."""
        if scope["method"] != "GET" or scope["query_string"]:
            return None
        match = PATH.fullmatch(scope["path"])
        viewer: Viewer | None = scope.get("state", {}).get("viewer")
        if match is None or viewer is None:
            return None
        name, *place = match.groups()
        if not self._may(viewer, name):
            return None
        seen = sight_of_tiles(name, viewer.scope)
        key = (name, MERCATOR.id, *map(int, place), seen)
        kept = self._parts.tiles.peek(key)
        if kept is None:
            return None
        if name != COMPOSITE:
            self._parts.uses.look(Kind.LAYER, name, "map", viewer.username)
        return key, kept, seen is not None

    def _may(self, viewer: Viewer, name: str) -> bool:
        if name == COMPOSITE:
            return True
        if name in LAYERS:
            return LAYERS[name].of_all or viewer.may(Permission.CITY_READ)
        return self._parts.own_layers.shows(name, viewer.scope)

    async def _pack(self, key: Hashable, kept: Kept, coding: Coding | None, *, own: bool) -> Form:
        told = [(b"content-type", TILE_TYPE.encode()), (b"vary", b"Accept-Encoding"), cache_header(own=own)]
        body, tag = kept.body, f'"{kept.tag}"'
        if coding is not None:
            packer = PACKERS[coding]
            body = await anyio.to_thread.run_sync(packer, body) if len(body) > AT_ONCE else packer(body)
            told.append((b"content-encoding", coding.encode()))
            tag = f"W/{tag}"
        told += [(b"etag", tag.encode()), (b"content-length", str(len(body)).encode())]
        form = body, told
        self._parts.tiles.add_form(key, kept, coding or PLAIN, form)
        return form

    async def _send(self, send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})


def cache_header(*, own: bool) -> tuple[bytes, bytes]:
    return b"cache-control", (OWN_CACHE if own else CACHE)["Cache-Control"].encode()
