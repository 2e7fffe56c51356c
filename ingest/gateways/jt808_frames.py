"""JT/T 808 frames: flags, escapes, checksum, message header, subpackages. Versions 2013 and 2019; pure.

A frame is 0x7e, the escaped message, 0x7e; a message is header, body and the XOR of both. The 2019 header (bit 14 of
the body properties) has a version byte and a phone number of 10 instead of 6 BCD bytes.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

from core.errors import DecodeError

FLAG = b"\x7e"
ESCAPED = re.compile(rb"\x7d(.?)", re.DOTALL)
ESCAPES = {b"\x01": b"\x7d", b"\x02": b"\x7e"}
MAX_BODY = 0x3FF
MAX_FRAME = 4096  # the longest legal frame, every byte escaped, has 2,090
LENGTH, ENCRYPTION, SUBPACKAGE, VERSIONED = 0x03FF, 0x1C00, 0x2000, 0x4000
PHONE_BYTES = {False: 6, True: 10}
# bounds of reassembly: parts and bytes of a message, open and complete messages of a connection, seconds
MAX_PARTS, MAX_BYTES, MAX_OPEN, MAX_COMPLETE, MAX_AGE_S = 64, 65_536, 4, 16, 60.0


@dataclass(frozen=True, slots=True)
class Message:
    """One message, or one part (`number` of `total`) of a long one. `version` is None for the 2013 header."""

    message_id: int
    phone: str
    serial: int
    body: bytes = b""
    version: int | None = None
    encryption: int = 0
    total: int = 1
    number: int = 1


def encode(message: Message) -> bytes:
    """The frame, with both flags."""
    versioned = message.version is not None
    long = message.total > 1
    properties = len(message.body) | message.encryption << 10 | SUBPACKAGE * long | VERSIONED * versioned
    raw = b"".join(
        (
            struct.pack(">HH", message.message_id, properties),
            bytes([message.version]) if message.version is not None else b"",
            bytes.fromhex(message.phone.zfill(2 * PHONE_BYTES[versioned])),
            struct.pack(">H", message.serial),
            struct.pack(">HH", message.total, message.number) if long else b"",
            message.body,
        )
    )
    raw += bytes([checksum(raw)])
    return FLAG + raw.replace(b"\x7d", b"\x7d\x01").replace(FLAG, b"\x7d\x02") + FLAG


def decode(frame: bytes) -> Message:
    """The message between two flags. Raises DecodeError that names the field at fault."""
    raw = unescape(frame)
    if len(raw) < 2 or checksum(raw[:-1]) != raw[-1]:
        raise DecodeError("checksum: expected the XOR of header and body", reason="checksum", field="checksum")
    return _read_message(raw[:-1])


def checksum(raw: bytes) -> int:
    return reduce(xor, raw, 0)


def unescape(frame: bytes) -> bytes:
    def original(match: re.Match[bytes]) -> bytes:
        if match[1] not in ESCAPES:
            raise DecodeError(f"escape: expected 0x7d01 or 0x7d02, got {match[0].hex()}", field="escape")
        return ESCAPES[match[1]]

    return ESCAPED.sub(original, frame)


def _read_message(raw: bytes) -> Message:
    message_id, properties = unpack(">HH", raw, 0, "header")
    versioned = bool(properties & VERSIONED)
    at = 4
    version = unpack(">B", raw, at, "version")[0] if versioned else None
    at += versioned
    size = PHONE_BYTES[versioned]
    phone = read_phone(raw[at : at + size], size)
    at += size
    (serial,) = unpack(">H", raw, at, "serial")
    at += 2
    total, number = 1, 1
    if properties & SUBPACKAGE:
        total, number = unpack(">HH", raw, at, "subpackage")
        at += 4
    if not 1 <= number <= total:
        raise DecodeError(f"subpackage: expected a part of {total}, got number {number}", field="subpackage")
    if len(raw) - at != properties & LENGTH:
        raise DecodeError(f"length: expected {properties & LENGTH} bytes of body, got {len(raw) - at}", field="length")
    return Message(message_id, phone, serial, raw[at:], version, (properties & ENCRYPTION) >> 10, total, number)


def unpack(form: str, raw: bytes, at: int, name: str) -> tuple[int, ...]:
    """Numbers at `at`; a DecodeError that names the field where the bytes end before."""
    try:
        return struct.unpack_from(form, raw, at)
    except struct.error as exc:
        raise DecodeError(
            f"{name}: expected {struct.calcsize(form)} bytes at {at}, got {len(raw)} in all", field=name
        ) from exc


def read_bcd(raw: bytes, name: str) -> str:
    """The decimal digits of 8421 BCD."""
    digits = raw.hex()
    if not digits.isdecimal():
        raise DecodeError(f"{name}: expected BCD digits, got {digits}", field=name)
    return digits


def read_phone(raw: bytes, size: int) -> str:
    """The phone number without the zeros it is filled up with."""
    phone = read_bcd(raw, "phone").lstrip("0") if len(raw) == size else ""
    if not phone:
        raise DecodeError(f"phone: expected {size} bytes of BCD, not all zero", field="phone")
    return phone


@dataclass(slots=True)
class Open:
    """A long message whose parts are coming in."""

    total: int
    since: float
    parts: dict[int, Message] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(len(part.body) for part in self.parts.values())

    @property
    def body(self) -> bytes:
        """Of the parts that came, in their order."""
        return b"".join(self.parts[number].body for number in sorted(self.parts))

    def as_error(self) -> DecodeError:
        """What is told of it where the rest does not come."""
        came = ", ".join(map(str, sorted(self.parts)))
        kind = next(iter(self.parts.values())).message_id
        return DecodeError(
            f"subpackage: expected {self.total} parts of message {kind:04x}; part {came} came, the rest did not",
            field="subpackage",
        )


class Assembly:
    """Puts the parts of one connection's long messages together, within bounds; beyond them a DecodeError.

    Parts of a message carry consecutive serials and a repeated part is the same as the first (JT/T 808-2013 section
    7.12), so id and serial of part 1 name the message.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], Open] = {}
        self._complete: dict[tuple[int, int], float] = {}
        self._lost: list[Open] = []

    @property
    def until(self) -> float:
        """When the next message that is not whole is given up; infinity where none is open."""
        return min((held.since + MAX_AGE_S for held in self._open.values()), default=math.inf)

    def take_lost(self, now: float) -> list[Open]:
        """Messages given up since the last call: too old at `now` (infinity: all that are open), or more than are held
        at once."""
        self._lost += [held for held in self._open.values() if now - held.since >= MAX_AGE_S]
        self._open = {name: held for name, held in self._open.items() if now - held.since < MAX_AGE_S}
        lost, self._lost = self._lost, []
        return lost

    def is_complete(self, part: Message, now: float) -> bool:
        """Whether this is a part, sent again, of a message that `add` has given whole a moment ago."""
        return part.total > 1 and now - self._complete.get(_name(part), -MAX_AGE_S) < MAX_AGE_S

    def add(self, part: Message, now: float) -> list[Message] | None:
        """All parts in order once the last has come, None before. `now` in monotonic seconds."""
        if part.total > MAX_PARTS:
            raise DecodeError(f"subpackage: expected at most {MAX_PARTS} parts, got {part.total}", field="subpackage")
        key = _name(part)
        self._forget(key, now)
        held = self._open.setdefault(key, Open(part.total, now))
        if part.total != held.total:
            raise DecodeError(f"subpackage: expected {held.total} parts, got {part.total}", field="subpackage")
        held.parts[part.number] = part
        if held.size > MAX_BYTES:
            del self._open[key]
            raise DecodeError(f"subpackage: expected at most {MAX_BYTES} bytes in all parts", field="subpackage")
        if len(held.parts) < held.total:
            return None
        del self._open[key]
        self._complete[key] = now
        return [held.parts[number] for number in range(1, held.total + 1)]

    def _forget(self, key: tuple[int, int], now: float) -> None:
        """Make room for the message `key`: the aged go, and the oldest where too many are open."""
        self._lost = self.take_lost(now)
        if key not in self._open and len(self._open) >= MAX_OPEN:
            self._lost.append(self._open.pop(min(self._open, key=lambda name: self._open[name].since)))
        self._complete = {name: at for name, at in self._complete.items() if now - at < MAX_AGE_S}
        if len(self._complete) >= MAX_COMPLETE:
            del self._complete[min(self._complete, key=self._complete.__getitem__)]


def _name(part: Message) -> tuple[int, int]:
    return part.message_id, (part.serial - part.number + 1) & 0xFFFF
