"""Where GB/T 28181 devices knock: UDP and TCP on one port, for one gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

from core.errors import DecodeError
from ingest.gateways import gb28181_sip as sip
from ingest.gateways.gb28181 import Gateway, Peer
from ingest.gateways.gb28181_sip import SipMessage

WRITE_S = 10.0


class Sockets:
    """UDP and TCP on one port, for one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._options = gateway.options
        self._sessions: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self._udp: asyncio.DatagramTransport

    async def open(self, host: str, port: int) -> int:
        """Listen; returns the port, which is a free one for 0. OSError where it is taken."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=sip.MAX_HEAD)
        number = int(self._server.sockets[0].getsockname()[1])
        try:
            self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: Datagrams(self._gateway), local_addr=(host, number)
            )
        except OSError:
            self._server.close()
            raise
        return number

    async def close(self) -> None:
        self._udp.close()
        self._server.close()
        for task in self._sessions:
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._gateway.close()
        await self._server.wait_closed()
        await asyncio.sleep(0)  # the datagram socket is closed in the loop's next turn

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._sessions) >= self._options.max_connections:
            self._gateway.figures["refused"] += 1
            writer.close()
            return
        self._sessions.add(task)
        try:
            await self._read_all(reader, writer)
        except asyncio.CancelledError:
            pass  # we are told to stop: the connection ends like any other
        finally:
            self._sessions.discard(task)
            writer.close()

    async def _read_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One message at a time, and nothing more is read while it is served. What breaks the framing ends the
        connection."""
        peer = stream_peer(writer)
        bad = 0
        while bad < self._options.max_bad:
            head = bytearray()
            try:
                async with asyncio.timeout(self._options.idle_s):
                    message = await read_message(reader, head)
                bad = bad + 1 if await self._gateway.take(message, peer) == 400 else 0
                async with asyncio.timeout(WRITE_S):
                    await writer.drain()
            except DecodeError as exc:
                return await self._gateway.refuse(peer.source, exc, bytes(head) + await rest_of(reader))
            except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
                return


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What is at hand of a message that cannot be taken apart."""
    try:
        async with asyncio.timeout(0.01):
            return await reader.read(sip.MAX_HEAD)
    except (TimeoutError, ConnectionError):
        return b""


async def read_message(reader: asyncio.StreamReader, seen: bytearray | None = None) -> SipMessage:
    """The next message of a stream, whose length Content-Length must tell (RFC 3261 section 18.3). Empty lines between
    messages keep connections alive. `seen` gets what was taken from the stream."""
    head = b""
    while not head:
        try:
            head = (await reader.readuntil(sip.END)).lstrip(b"\r\n")
            if seen is not None:
                seen += head
        except asyncio.LimitOverrunError as exc:
            raise DecodeError(f"head: expected an empty line within {sip.MAX_HEAD} bytes", field="head") from exc
    message = sip.parse_head(head.removesuffix(sip.END))
    size = sip.content_length(message)
    if size is None:
        raise DecodeError("content-length: expected it in every message over TCP", field="content-length")
    return SipMessage(message.start, message.headers, await reader.readexactly(size))


def stream_peer(writer: asyncio.StreamWriter) -> Peer:
    return Peer(
        "TCP",
        writer.get_extra_info("peername")[:2],
        writer.get_extra_info("sockname")[:2],
        writer.write,
        lambda _, data: writer.write(data),
    )


class Datagrams(asyncio.DatagramProtocol):
    """SIP over UDP: a task a request, as many as `max_pending`; what comes beyond is dropped and sent again by the
    device."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._pending: set[asyncio.Task[int | None]] = set()
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # no subclass of it in Python 3.11

    def connection_lost(self, _: Exception | None) -> None:
        for task in self._pending:
            task.cancel()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if not data.strip(b"\r\n\0"):
            return  # keeps a door open in a NAT
        if len(self._pending) >= self._gateway.options.max_pending:
            self._gateway.figures["dropped"] += 1
            return
        source = (str(address[0]), int(address[1]))
        try:
            message = sip.parse(data)
        except DecodeError as exc:
            self._do(self._gateway.refuse(source, exc, data))
            return
        self._do(self._gateway.take(message, self._peer(source)))

    def _do(self, work: Coroutine[Any, Any, int | None]) -> None:
        task = asyncio.create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    def _peer(self, source: tuple[str, int]) -> Peer:
        return Peer(
            "UDP",
            source,
            self._transport.get_extra_info("sockname")[:2],
            lambda data: self._transport.sendto(data, source),
            lambda message, data: self._transport.sendto(data, sip.answer_address(message.first("via"), source)),
        )
