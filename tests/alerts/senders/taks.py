"""A small TAK endpoint: it takes clients over TCP and hands on to the others what each says, as a TAK server does."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

EVENT = re.compile(rb"<event.*?</event>", re.DOTALL)


@dataclass
class Tak:
    host: str = "127.0.0.1"
    port: int = 0
    heard: list[bytes] = field(default_factory=list)
    came: int = 0
    clients: set[asyncio.StreamWriter] = field(default_factory=set)
    loop: asyncio.AbstractEventLoop | None = None
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"tcp://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        self.clients.add(writer)
        held = b""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while more := await reader.read(65_536):
                held += more
                for event in EVENT.findall(held):
                    self.heard.append(event)
                    for other in self.clients - {writer}:
                        other.write(event)
                held = held[held.rfind(b"</event>") + 8 :] if b"</event>" in held else held
        self.clients.discard(writer)
        writer.close()

    async def drop(self) -> None:
        for client in list(self.clients):
            client.close()

    def drop_all(self) -> None:
        """Close every connection, as a server that restarts does."""
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(self.drop(), self.loop).result(10)


@contextmanager
def tak() -> Iterator[Tak]:
    found = Tak()
    ready, stop = threading.Event(), asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(found.serve, found.host, 0)
        found.loop, found.port = asyncio.get_running_loop(), server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await stop.wait()
            await found.drop()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield found
    finally:
        assert found.loop is not None
        found.loop.call_soon_threadsafe(stop.set)
        thread.join()
