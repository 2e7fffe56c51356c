"""The JT/T 808 gateway: vehicle terminals over TCP in, positions and emergency calls on our topics out.

Each connection is read one message at a time: nothing more is read before the broker has acknowledged what the message
published, and only then the terminal gets its answer. Where the broker stays away the connection is closed, so that the
terminal keeps its reports and sends them later as a batch.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from core.clock import utc_now
from core.errors import DecodeError, Unavailable
from core.log import get_log
from ingest.gateways.jt808_frames import FLAG, MAX_FRAME, Assembly, Message, decode, encode
from ingest.gateways.jt808_messages import (
    Emergency,
    Id,
    Location,
    Result,
    answer,
    answer_registration,
    is_code,
    make_code,
    publish_all,
    read_batch,
    read_code,
    read_location,
)
from ingest.gateways.publisher import Publishes
from ingest.gateways.refused import Refused

log = get_log("jt808")
WRITE_S = 10.0
MAX_REMEMBERED = 100_000
TOO_LARGE = "too_large"  # the framing is lost with such a frame, and the connection with it


@dataclass(frozen=True, slots=True)
class TerminalOptions:
    """`secret` None: a private network where nobody authenticates. `allowed` None: any number may register."""

    prefix: str = "onemap"
    secret: bytes | None = None
    allowed: frozenset[str] | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    emergency_kind: str = "rescue"
    idle_s: float = 300.0
    login_s: float = 30.0
    max_connections: int = 5000
    max_bad: int = 5


class Gateway:
    """All connections of one process, and the emergency buttons seen on them."""

    def __init__(self, options: TerminalOptions, publisher: Publishes) -> None:
        self.options = options
        self.publisher = publisher
        self.figures: Counter[str] = Counter()
        self.refused = Refused(publisher, options.prefix, "jt808", self.figures)
        self._emergencies: OrderedDict[str, Emergency] = OrderedDict()
        self._sessions: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._accept, host, port, limit=MAX_FRAME)

    async def close(self, server: asyncio.Server) -> None:
        """Stop listening and end every connection."""
        server.close()
        for task in self._sessions:
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._sessions) >= self.options.max_connections:
            self.figures["refused"] += 1
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        session = Session(self, reader, writer)
        try:
            await session.run()
        except asyncio.CancelledError:
            pass  # we are told to stop: the connection ends like any other
        finally:
            self._sessions.discard(task)
            writer.close()

    def emergency(self, phone: str) -> Emergency:
        return self._emergencies.get(phone, Emergency())

    def remember(self, phone: str, state: Emergency) -> None:
        self._emergencies[phone] = state
        self._emergencies.move_to_end(phone)
        if len(self._emergencies) > MAX_REMEMBERED:
            self._emergencies.popitem(last=False)


class Session:
    """One terminal's connection."""

    def __init__(self, gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._gateway = gateway
        self._options = gateway.options
        self._reader, self._writer = reader, writer
        self._peer = writer.get_extra_info("peername")
        self._phone: str | None = None
        self._serial = -1
        self._bad = 0
        # of the batch that is being taken
        self._faults: list[DecodeError] = []
        self._assembly = Assembly()
        self._heard_at = asyncio.get_running_loop().time()
        self._login_until = self._heard_at + self._options.login_s
        self._handlers: dict[int, Callable[[Message], Awaitable[None]]] = {
            Id.TERMINAL_ANSWER: self._ignore,
            Id.HEARTBEAT: self._done,
            Id.LOGOUT: self._logout,
            Id.LOCATION: self._locate,
            Id.LOCATION_BATCH: self._locate_batch,
        }

    async def run(self) -> None:
        """Until the terminal leaves, is silent too long, talks nonsense or cannot be served."""
        await self._serve()
        await self._tell_lost(math.inf)

    async def _serve(self) -> None:
        while self._bad < self._options.max_bad:
            frame = b""
            try:
                before = self._bad
                frame = await self._read_frame()
                self._heard_at = asyncio.get_running_loop().time()
                await self._handle(decode(frame))
                await self._tell_lost(time.monotonic())
                self._bad = 0 if self._bad == before else self._bad
            except DecodeError as exc:
                self._count_bad(exc)
                # of a frame that does not end the beginning is at hand
                await self._tell(exc, frame or await self._reader.read(MAX_FRAME))
                if exc.reason == TOO_LARGE:
                    return
            except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
                return
            except Unavailable as exc:
                self._count("unserved")
                log.warning("not_published", peer=self._peer, phone=self._phone, error=exc.message)
                return
        log.warning("closed_after_nonsense", peer=self._peer, phone=self._phone)

    async def _read_frame(self) -> bytes:
        """The bytes between two flags. Raises DecodeError where no flag comes within the longest frame. Long messages
        whose rest does not come are told meanwhile."""
        loop = asyncio.get_running_loop()
        while (wait := self._assembly.until - time.monotonic()) < self._silent_until() - loop.time():
            try:
                return await self._read_until(loop.time() + wait)
            except TimeoutError:
                await self._tell_lost(time.monotonic())
        return await self._read_until(self._silent_until())

    async def _read_until(self, moment: float) -> bytes:
        async with asyncio.timeout_at(moment):
            while True:
                try:
                    frame = await self._reader.readuntil(FLAG)
                except asyncio.LimitOverrunError as exc:
                    message = f"frame: expected a flag within {MAX_FRAME} bytes"
                    raise DecodeError(message, reason=TOO_LARGE, field="frame") from exc
                if len(frame) > 1:
                    return frame[:-1]

    async def _tell_lost(self, now: float) -> None:
        for held in self._assembly.take_lost(now):
            self._count("unfinished")
            phone = next(iter(held.parts.values())).phone
            await self._tell(held.as_error(), held.body, phone if self._may_publish else None)

    def _silent_until(self) -> float:
        """How long nothing need come."""
        idle = self._heard_at + self._options.idle_s
        return idle if self._may_publish else min(idle, self._login_until)

    @property
    def _may_publish(self) -> bool:
        return self._options.secret is None or self._phone is not None

    async def _handle(self, message: Message) -> None:
        self._count("messages")
        if message.message_id == Id.REGISTER:
            return await self._register(message)
        if message.message_id == Id.AUTHENTICATE:
            return await self._authenticate(message)
        if self._options.secret is not None and message.phone != self._phone:
            if message.message_id in (Id.LOCATION, Id.LOCATION_BATCH):
                told = f"terminal {message.phone}: it has not shown its code on this connection"
                await self._tell(DecodeError(told, field="terminal"), message.body)
            return await self._answer(message, Result.FAILED)
        handler = self._handlers.get(message.message_id)
        if handler is None or message.encryption:
            self._count("unsupported")
            told = f"message {message.message_id:04x}"
            why = "the gateway does not read it" if handler is None else "it is encrypted, and the gateway has no key"
            await self._tell(DecodeError(f"{told}: {why}", field=told), message.body)
            return await self._answer(message, Result.UNSUPPORTED)
        try:
            await handler(message)
        except DecodeError as exc:
            self._count_bad(exc)
            await self._tell(exc, message.body, message.phone)
            await self._answer(message, Result.MALFORMED)

    async def _register(self, message: Message) -> None:
        """Message 0x0100: who may come in gets a code, which 0x0102 must show."""
        known = self._options.allowed is None or message.phone in self._options.allowed
        if not known:
            self._count("not_allowed")
            log.warning("terminal_not_allowed", peer=self._peer, phone=message.phone)
            await self._tell(DecodeError(f"terminal {message.phone}: it may not register", field="phone"), message.body)
        code = make_code(self._options.secret or b"", message.phone) if known else None
        await self._send(answer_registration(message, code, self._next_serial()))

    async def _authenticate(self, message: Message) -> None:
        allowed = self._options.allowed is None or message.phone in self._options.allowed
        secret = self._options.secret
        if allowed and (secret is None or is_code(read_code(message), secret, message.phone)):
            self._phone = message.phone
            log.info("terminal_authenticated", peer=self._peer, phone=message.phone, version=message.version)
            return await self._answer(message, Result.DONE)
        self._phone = None
        self._count("not_authenticated")
        log.warning("terminal_not_authenticated", peer=self._peer, phone=message.phone)
        told = f"terminal {message.phone}: it may not come in with this code"
        await self._tell(DecodeError(told, field="code"), b"")  # a code is a secret, also one that fits no more
        await self._answer(message, Result.FAILED)

    async def _ignore(self, _: Message) -> None:
        """A terminal's answer to us wants none."""

    async def _done(self, message: Message) -> None:
        await self._answer(message, Result.DONE)

    async def _logout(self, message: Message) -> None:
        await self._answer(message, Result.DONE)
        self._phone = None

    async def _locate(self, message: Message) -> None:
        await self._take(message, lambda body: [read_location(body)])

    async def _locate_batch(self, message: Message) -> None:
        await self._take(message, self._read_batch)

    def _read_batch(self, body: bytes) -> list[Location]:
        """The readable ones of a batch: a terminal would send the whole batch for ever for the sake of one bad report.
        Raises DecodeError where none can be read."""
        found: list[Location] = []
        faults: list[DecodeError] = []
        for item in read_batch(body):
            try:
                found.append(read_location(item))
            except DecodeError as exc:
                faults.append(exc)
        if not faults:
            return found
        if not found:
            raise faults[0]
        self._count("bad_items", len(faults))
        self._faults = faults
        log.warning("bad_items", peer=self._peer, phone=self._phone, number=len(faults), error=faults[0].message)
        return found

    async def _take(self, message: Message, read: Callable[[bytes], list[Location]]) -> None:
        """Publish a message's reports, then answer all its parts (JT/T 808-2013 section 7.12 lets the answers wait)."""
        now = time.monotonic()
        if self._assembly.is_complete(message, now):
            return await self._answer(message, Result.DONE)
        parts = [message] if message.total == 1 else self._assembly.add(message, now)
        if parts is None:
            return
        body = b"".join(part.body for part in parts)
        locations = read(body)
        for exc in self._faults:
            await self._tell(exc, body, message.phone)
        self._faults = []
        before = self._gateway.emergency(message.phone)
        options = self._options
        publications, after = publish_all(
            locations, before, message.phone, options.units, options.prefix, options.emergency_kind, utc_now()
        )
        await self._gateway.publisher.publish(publications)
        self._gateway.remember(message.phone, after)
        self._count("published", len(publications))
        for part in parts:
            await self._answer(part, Result.DONE)

    async def _answer(self, message: Message, result: Result) -> None:
        await self._send(answer(message, result, self._next_serial()))

    async def _send(self, message: Message) -> None:
        self._writer.write(encode(message))
        async with asyncio.timeout(WRITE_S):
            await self._writer.drain()

    def _next_serial(self) -> int:
        self._serial = (self._serial + 1) & 0xFFFF
        return self._serial

    def _count(self, name: str, number: int = 1) -> None:
        self._gateway.figures[name] += number

    async def _tell(self, exc: DecodeError, body: bytes, phone: str | None = None) -> None:
        """It becomes a letter. Whoever has not shown who they are is known by where they come from: a number is easily
        made up."""
        await self._gateway.refused.tell(exc, phone or self._phone or str((self._peer or ("nobody",))[0]), body)

    def _count_bad(self, exc: DecodeError) -> None:
        self._bad += 1
        self._count("bad")
        log.warning("bad_frame", peer=self._peer, phone=self._phone, field=exc.field, error=exc.message)
