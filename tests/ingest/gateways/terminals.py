"""A vehicle terminal to test with: it builds the messages of JT/T 808 and speaks them over TCP."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from core.types import LonLat
from ingest.gateways.jt808_frames import FLAG, Message, decode, encode
from ingest.gateways.jt808_messages import BEIJING, Id
from tests.ingest.gateways.support import SUQIAN

PHONE = "13912344329"


def location_body(
    time: datetime | None,
    position: LonLat | None = SUQIAN,
    *,
    alarm: int = 0,
    speed: int = 360,
    extra: bytes = b"\x01\x04\x00\x00\x00\x64",
) -> bytes:
    """A body of 0x0200; `speed` in 0.1 km/h."""
    at = position or LonLat(0, 0)
    status = (2 if position else 0) | (4 if at.lat < 0 else 0) | (8 if at.lon < 0 else 0)
    digits = f"{time.astimezone(BEIJING):%y%m%d%H%M%S}" if time else "0" * 12
    numbers = (alarm, status, round(abs(at.lat) * 1e6), round(abs(at.lon) * 1e6), 21, speed, 89)
    return struct.pack(">IIIIHHH", *numbers) + bytes.fromhex(digits) + extra


def batch_body(*bodies: bytes) -> bytes:
    items = b"".join(struct.pack(">H", len(body)) + body for body in bodies)
    return struct.pack(">HB", len(bodies), 1) + items


def authentication_body(code: bytes, version: int | None) -> bytes:
    if version is None:
        return code
    return bytes([len(code)]) + code + b"8" * 15 + b"v1".ljust(20, b"\0")


def split_message(message: Message, size: int) -> list[Message]:
    """The message in parts of `size` bytes, with consecutive serials from its own on."""
    pieces = [message.body[at : at + size] for at in range(0, len(message.body), size)]
    return [
        Message(message.message_id, message.phone, message.serial + at, piece, message.version, 0, len(pieces), at + 1)
        for at, piece in enumerate(pieces)
    ]


@dataclass
class Terminal:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    phone: str = PHONE
    version: int | None = 1
    serial: int = -1

    @classmethod
    async def connect(cls, port: int, phone: str = PHONE, version: int | None = 1) -> Terminal:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer, phone, version)

    def message(self, message_id: int, body: bytes = b"", encryption: int = 0) -> Message:
        self.serial += 1
        return Message(message_id, self.phone, self.serial, body, self.version, encryption)

    def send(self, message_id: int, body: bytes = b"", encryption: int = 0) -> Message:
        message = self.message(message_id, body, encryption)
        self.writer.write(encode(message))
        return message

    async def hear(self) -> Message:
        """The next message of the platform; IncompleteReadError where it closes instead."""
        await self.reader.readexactly(1)
        return decode((await self.reader.readuntil(FLAG))[:-1])

    async def result(self) -> tuple[int, int, int]:
        """The next general answer: serial and id of what it answers, result."""
        message = await self.hear()
        assert message.message_id == Id.ANSWER
        serial, message_id, result = struct.unpack(">HHB", message.body)
        return serial, message_id, result

    async def ask(self, message_id: int, body: bytes = b"", encryption: int = 0) -> int:
        """Send it and give the result of the answer, which must be to this very message."""
        sent = self.send(message_id, body, encryption)
        serial, answered, result = await self.result()
        assert (serial, answered) == (sent.serial, message_id)
        return result

    async def register(self) -> tuple[int, bytes]:
        sent = self.send(Id.REGISTER, b"\0" * 40)
        message = await self.hear()
        assert message.message_id == Id.REGISTER_ANSWER
        serial, result = struct.unpack(">HB", message.body[:3])
        assert serial == sent.serial
        return result, message.body[3:]

    async def login(self) -> int:
        _, code = await self.register()
        return await self.ask(Id.AUTHENTICATE, authentication_body(code, self.version))

    async def is_closed(self) -> bool:
        """Waits for the end of the connection; False where something else comes."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    async def ended(self) -> None:
        """Returns when the platform has closed, whatever it says before."""
        with suppress(ConnectionError):
            await self.reader.read()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()
