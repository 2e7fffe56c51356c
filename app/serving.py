"""How the page's files travel: browser libraries under /vendor, versioned assets, compression, the API's own page."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import anyio.to_thread
import brotli
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

VENDOR_TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".css": "text/css",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".map": "application/json",
}
A_DAY = "private, max-age=86400"
FOR_EVER = "private, max-age=31536000, immutable"
REVALIDATE = "no-cache"
ASK_AGAIN = "private, no-cache"
DOCS = "/api/docs"

# compressed once and remembered; what is smaller gains nothing, what is larger is not ours
COMPRESSED = (
    "text/",
    "application/json",
    "application/geo+json",
    "application/problem+json",
    "application/javascript",
    "application/vnd.mapbox-vector-tile",
    "application/xml",
    "application/atom+xml",
    "image/svg+xml",
)
SMALLEST, LARGEST = 700, 16_000_000
AT_ONCE = 64_000  # up to here compressing is quicker than handing it to a thread
KEPT_BYTES = 48_000_000
GZIP_LEVEL = 6
# of what is packed in a thread, and of what is packed at once
BROTLI_QUALITY, BROTLI_AT_ONCE = 9, 5
# Dash does not say what it answers its callbacks with
DRAWN = "/_dash-update-component"
# large and seldom changed: answered with a tag, so that a browser that has them is told so in a few bytes
TAGGED = ("/tiles/", "/api/layers/", "/api/texts", "/api/vocabulary", "/api/field")


class Files(StaticFiles):
    """A folder with ETag and 304, under one Cache-Control."""

    def __init__(self, folder: Path, cache: str) -> None:
        super().__init__(directory=folder, check_dir=False)
        self._cache = cache

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        if answer.status_code in (200, 304):
            answer.headers["Cache-Control"] = self._cache
        return answer


class Library(Files):
    """Browser libraries as npm installed them: only the kinds of file that a page loads."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        kind = VENDOR_TYPES.get(Path(path).suffix)
        if kind is None:
            raise HTTPException(404, f"there is no browser library file {path!r}")
        answer = await super().get_response(path, scope)
        if answer.status_code == 200:
            answer.headers["Content-Type"] = kind
        return answer


def folder_version(folder: Path) -> str:
    """Changes when any file of the folder does: part of the addresses below which files never change."""
    stats = sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file())
    return blake2b(repr(stats).encode(), digest_size=8).hexdigest()


def add_files(app: FastAPI, folder: Path, assets: Path) -> None:
    """``/vendor/<package>/…``; ``/assets/~<version>/…``, whose addresses change with what is there; ``/assets/…``."""
    app.mount("/vendor", Library(folder, A_DAY), name="vendor")
    app.mount("/assets/~{version}", Files(assets, FOR_EVER), name="assets-versioned")
    app.mount("/assets", Files(assets, REVALIDATE), name="assets-plain")


def add_docs(app: FastAPI) -> None:
    """The API's own page, from our own files and without an inline script."""

    async def docs() -> HTMLResponse:
        return HTMLResponse(_DOCS)

    app.add_api_route(DOCS, docs, include_in_schema=False)


_DOCS = """<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>OneMap API</title>
    <link rel="icon" type="image/svg+xml" href="/assets/icons/onemap.svg">
    <link rel="stylesheet" href="/vendor/swagger-ui-dist/swagger-ui.css">
    <script defer src="/vendor/swagger-ui-dist/swagger-ui-bundle.js"></script>
    <script defer src="/assets/js/docs.js"></script>
  </head>
  <body>
    <div id="swagger-ui" data-openapi="/api/openapi.json"></div>
  </body>
</html>
"""


Coding = Literal["br", "gzip"]


class Packed:
    """Compressed bodies by their digest, the longest unused thrown away first."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._held: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes, self._most = 0, most

    async def pack(self, digest: bytes, body: bytes, coding: Coding) -> bytes:
        key = digest + coding.encode()
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
            return held
        packer = PACKERS[coding]
        packed = await anyio.to_thread.run_sync(packer, body) if len(body) > AT_ONCE else packer(body)
        if key not in self._held:
            self._held[key] = packed
            self._bytes += len(packed)
        while self._bytes > self._most:
            self._bytes -= len(self._held.popitem(last=False)[1])
        return packed


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, GZIP_LEVEL, mtime=0)


def _brotli(body: bytes) -> bytes:
    return bytes(brotli.compress(body, quality=BROTLI_QUALITY if len(body) > AT_ONCE else BROTLI_AT_ONCE))


# the better first; a browser takes brotli over TLS and on this machine (RFC 7932)
PACKERS: Mapping[Coding, Callable[[bytes], bytes]] = {"br": _brotli, "gzip": _gzip}


@lru_cache(maxsize=256)
def coding_of(accepted: str) -> Coding | None:
    """What an answer is packed with for who accepts this (RFC 9110 section 12.5.3); weights other than 0 are not
    compared."""
    wanted = {}
    for one in accepted.split(","):
        name, _, weight = one.partition(";")
        wanted[name.strip().lower()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((coding for coding in PACKERS if wanted.get(coding)), None)


# features that programs edit (app.ogc.editing)
EDITED = "/ogc/"


class Compression:
    """Answers that are text leave compressed, each body packed once; large ones that seldom change carry an ETag.

    Only answers that say how long they are: a stream passes as it comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._packed = app, Packed()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "POST"):
            await self._app(scope, receive, send)
            return
        await self._app(_with_strong_tags(scope), receive, _Answer(scope, send, self._packed).send)


class _Answer:
    """One answer on its way: held until it is whole, then sent as it should be."""

    def __init__(self, scope: Scope, send: Send, packed: Packed) -> None:
        self._request, self._path, self._send, self._packed = Headers(scope=scope), scope["path"], send, packed
        self._start: Message | None = None
        self._parts: list[bytes] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._path.endswith(DRAWN):
                MutableHeaders(scope=message).setdefault("Content-Type", "application/json")
            if not _worth_it(message):
                await self._send(message)
                return
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(self._start, b"".join(self._parts))

    async def _finish(self, start: Message, body: bytes) -> None:
        headers = MutableHeaders(scope=start)
        digest = blake2b(body, digest_size=12).digest()
        if self._path.startswith(TAGGED) and "etag" not in headers:
            headers["ETag"] = f'"{digest.hex()}"'
            headers.setdefault("Cache-Control", ASK_AGAIN)
            if self._known(headers["ETag"]):
                start["status"], body = 304, b""
                del headers["content-type"]
        coding = coding_of(self._request.get("accept-encoding", "")) if body else None
        if coding is not None:
            body = await self._packed.pack(digest, body, coding)
            headers["Content-Encoding"] = coding
            if headers.get("etag", "").startswith('"'):  # the same thing in other bytes
                headers["ETag"] = packed_tag(headers["etag"], coding, strong=self._path.startswith(EDITED))
        headers["Content-Length"] = str(len(body))
        headers.add_vary_header("Accept-Encoding")
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})

    def _known(self, tag: str) -> bool:
        asked = self._request.get("if-none-match", "")
        return tag in [one.strip().removeprefix("W/") for one in asked.split(",")]


def packed_tag(tag: str, coding: str, *, strong: bool) -> str:
    """What is edited in the version that was seen has a strong tag, another for each coding (RFC 9110, section
    8.8.3.3)."""
    return f'{tag[:-1]}-{coding}"' if strong else f"W/{tag}"


def _with_strong_tags(scope: Scope) -> Scope:
    """The request with the tags it was given before they were weakened: not everyone behind us compares weakly."""
    headers = [(k, v.replace(b'W/"', b'"') if k == b"if-none-match" else v) for k, v in scope["headers"]]
    return {**scope, "headers": headers}


def _worth_it(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    length = headers.get("content-length", "0")
    text = headers.get("content-type", "").startswith(COMPRESSED)
    return start["status"] == 200 and text and "content-encoding" not in headers and SMALLEST <= int(length) <= LARGEST
