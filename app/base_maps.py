"""Base maps of others as a process knows them between two changes, and their tiles fetched for browsers that shall ask
nobody but us."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from threading import Lock
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import anyio
import anyio.to_thread
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from core.errors import NotFound, Unavailable
from core.log import get_log
from layers.base_maps import BaseMap, read_base_maps

log = get_log("base_maps")
# at once, of all base maps
FETCHES = 16
PATIENCE_S = 10.0
# of a picture of 512 pixels a side
LARGEST = 4 << 20
AGENT = "OneMap/0.1 (city map; tiles fetched for its users)"


@dataclass(frozen=True, slots=True)
class Tile:
    body: bytes
    type: str


class _Stay(HTTPRedirectHandler):
    """Where a service leads on to nobody follows: a map is fetched from the host that an administrator has named."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        return None


class BaseMaps:
    """Kept from one change to the next: neither a page nor a tile takes a connection to know them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, BaseMap] | None = None
        self._lock = Lock()
        self._generation = 0
        self._turns = anyio.CapacityLimiter(FETCHES)
        self._opener = build_opener(_Stay)

    def clear(self) -> None:
        self._generation += 1
        self._known = None

    def _all(self) -> dict[str, BaseMap]:
        known = self._known
        if known is None:
            generation = self._generation
            with self._lock, self._engine.connect() as conn:
                known = {one.id: one for one in read_base_maps(conn)}
            if generation == self._generation:  # else something has changed since it was read
                self._known = known
        return known

    async def hosts(self) -> list[str]:
        """Whom a page may ask besides us; nobody where the database does not answer."""
        try:
            known = self._known if self._known is not None else await anyio.to_thread.run_sync(self._all)
        except SQLAlchemyError:
            return []
        return list(dict.fromkeys(host for one in known.values() for host in one.hosts()))

    async def fetch(self, name: str, z: int, x: int, y: int) -> Tile:
        """NotFound where there is no such map or tile; Unavailable where the service does not give it."""
        known = self._known if self._known is not None else await anyio.to_thread.run_sync(self._all)
        one = known.get(name)
        if one is None:
            raise NotFound(f"id: there is no base map {name!r}", field="id")
        return await anyio.to_thread.run_sync(self._fetch, one, one.tile(z, x, y), limiter=self._turns)

    def _fetch(self, one: BaseMap, address: str) -> Tile:
        # http or https: layers.base_maps takes no other
        request = Request(address, headers={"User-Agent": AGENT, "Accept": "image/*"})  # noqa: S310
        try:
            with self._opener.open(request, timeout=PATIENCE_S) as answer:
                kind, body = answer.headers.get_content_type(), answer.read(LARGEST + 1)
        except HTTPError as exc:
            with exc:
                if exc.code == 404:
                    raise NotFound(f"tile: {one.id} has none there") from exc
                raise self._failed(one, f"status {exc.code}") from exc
        except (URLError, HTTPException, OSError, ValueError) as exc:
            raise self._failed(one, type(getattr(exc, "reason", exc)).__name__) from exc
        # SVG is a program, and comes from us once it has come through here
        if not kind.startswith("image/") or "svg" in kind or len(body) > LARGEST:
            raise self._failed(one, "no picture")
        return Tile(body, kind)

    def _failed(self, one: BaseMap, why: str) -> Unavailable:
        # never the address: the key stands in it
        log.warning("base_map_failed", id=one.id, why=why)
        return Unavailable(f"the base map {one.id} cannot be reached: {why}", reason="base_map_unreachable")
