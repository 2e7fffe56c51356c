"""Connections below HTTP: how many there may be, how long a request may take to arrive, how much may come without
getting anywhere. uvicorn has bounds of its own for none of these but idle ones."""

from __future__ import annotations

import asyncio
import resource
from asyncio import TimerHandle
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Any

import uvloop
from typing_extensions import override
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.failures import place_of
from core.errors import SetupError
from core.log import get_log
from core.settings import Settings

log = get_log("serve")
# bytes of a head, of trailers, of chunks' decorations: without a body's byte among them no more may come
HEAD_AT_MOST = 65_536
# whoever was answered before all of the body was read may go on sending it for so long
LINGER_S = 5.0
HANDSHAKE_S = 10.0
TELL_EVERY_S = 10.0
# open files beside connections
BESIDE = 400


class Proxies:
    """Addresses and networks whose word about the client's address is believed; `*` is everybody."""

    def __init__(self, listed: str) -> None:
        self.listed = [one.strip() for one in listed.split(",") if one.strip()]
        try:
            self._networks = [ip_network(one, strict=False) for one in self.listed if one != "*"]
        except ValueError as exc:
            raise SetupError(f"ONEMAP_PROXIES: expected addresses and networks; {exc}", field="ONEMAP_PROXIES") from exc

    def __contains__(self, address: str) -> bool:
        if "*" in self.listed:
            return True
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)


@dataclass(frozen=True, slots=True)
class Bounds:
    """`per_address` holds for no proxy: behind it are many people."""

    header_s: float
    body_s: float
    connections: int
    per_address: int
    proxies: Proxies


def bounds_of(settings: Settings) -> Bounds:
    return Bounds(
        settings.header_timeout_s,
        settings.body_timeout_s,
        settings.connections,
        settings.connections_per_address,
        Proxies(settings.proxies),
    )


class Loop(uvloop.Loop):
    """uvicorn leaves a TLS handshake a minute, and nobody counts connections that are still in it."""

    # uvloop's types and asyncio's contradict each other in what it gives
    @override
    async def create_server(self, *given: Any, **named: Any) -> Any:
        if named.get("ssl") is not None:
            named["ssl_handshake_timeout"] = HANDSHAKE_S
        return await super().create_server(*given, **named)


def make_room(connections: int) -> None:
    """So many connections must be open files too, beside those of the database and the page's own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + BESIDE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        log.warning("open_files_too_few", allowed=most, wanted=wanted)


class Guarded(HttpToolsProtocol):
    """uvicorn's protocol with one timer, which runs while something is awaited: the whole head of a request, then its
    whole body, then the rest of a body that nobody reads any more; and one for an answer that nobody takes."""

    bounds: Bounds
    told_at = 0.0
    _timer: TimerHandle | None = None
    _stuck: TimerHandle | None = None
    _running: RequestResponseCycle | None = None
    # between the head of a request and its last byte
    _in_body = False
    # bytes that came since the last that got us further
    _idle_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._is_one_too_many():
            self._give_up(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.")
        else:
            self._await(self.bounds.header_s)

    def _is_one_too_many(self) -> bool:
        if len(self.connections) > self.bounds.connections:
            self._tell()
            return True
        address = self.client[0] if self.client else ""
        if address in self.bounds.proxies:
            return False
        place = place_of(address)
        clients = (getattr(one, "client", None) for one in self.connections)
        return sum(bool(client and place_of(client[0]) == place) for client in clients) > self.bounds.per_address

    def _tell(self) -> None:
        """In the log, now and then: a flood shall not fill it too."""
        kind = type(self)
        if self.loop.time() > kind.told_at + TELL_EVERY_S:
            kind.told_at = self.loop.time()
            log.warning("too_many_connections", bound=self.bounds.connections)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._idle_bytes += len(data)
        if self._timer is None:
            self._await(self.bounds.header_s)
        super().data_received(data)
        if self._idle_bytes > HEAD_AT_MOST and not self.transport.is_closing():
            self._give_up(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Too large a head.")

    def on_headers_complete(self) -> None:
        self._idle_bytes = 0
        self._in_body = True
        self._await(self.bounds.body_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._idle_bytes = 0
        self._in_body = False
        self._rest()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_body:
            self._await(LINGER_S)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(self.bounds.body_s, self._abandon)

    def resume_writing(self) -> None:
        self._release()
        super().resume_writing()

    def _abandon(self) -> None:
        self._forsake()
        self.transport.abort()

    def _forsake(self) -> None:
        """What is still being written goes nowhere. (uvicorn tells the last request that came, not the one at work.)"""
        if self._running is not None:
            self._running.disconnected = True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _release(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def handle_websocket_upgrade(self) -> None:
        self._rest()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        self._release()
        self._forsake()
        super().connection_lost(exc)

    def _await(self, seconds: float) -> None:
        self._rest()
        self._timer = self.loop.call_later(seconds, self._expire)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._in_body or self.cycle is None or self.cycle.response_complete:
            self._give_up(HTTPStatus.REQUEST_TIMEOUT, "The request took too long.")
        else:  # a further request has begun to come while the last one is still being answered
            self._await(self.bounds.header_s)

    def _give_up(self, status: HTTPStatus, words: str) -> None:
        """Say so where nothing else was said, and go."""
        self._rest()
        last = self.cycle
        if last is None or not last.response_started or (last.response_complete and not self._in_body):
            head = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
            head += [name + b": " + value for name, value in self.server_state.default_headers]
            head += [b"content-type: text/plain; charset=utf-8", b"cache-control: no-store", b"connection: close"]
            head += [b"content-length: %d" % len(words)]
            if status is HTTPStatus.SERVICE_UNAVAILABLE:
                head += [b"retry-after: 5"]
            self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + words.encode())
        self.transport.close()


def guarded(bounds: Bounds) -> type[Guarded]:
    """The protocol as uvicorn wants it: a class."""
    return type("BoundGuarded", (Guarded,), {"bounds": bounds})
