"""JT/T 808 message bodies and what becomes of them on our topics. Pure.

Read here: registration, authentication, location reports and their batches. Numbers are big-endian, times are Beijing
time without an offset, positions are in 1e-6 degrees with their hemispheres in the status word.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum

from core.clock import rfc3339
from core.errors import DecodeError, InputError
from core.types import LonLat
from ingest.gateways.jt808_frames import Message, read_bcd, unpack
from ingest.gateways.publisher import Publication

BEIJING = timezone(timedelta(hours=8))
CHANNEL = "jt808"
LOCATION = ">IIIIHHH"
LOCATION_BYTES = struct.calcsize(LOCATION) + 6
EMERGENCY = 1  # bit 0 of the alarm word: the driver's or passenger's emergency button
LOCATED, SOUTH, WEST = 1 << 1, 1 << 2, 1 << 3  # of the status word
MAX_SPEED = 300.0  # metres a second, the most that the contract takes


class Id(IntEnum):
    """Message ids that the gateway speaks."""

    TERMINAL_ANSWER = 0x0001
    HEARTBEAT = 0x0002
    LOGOUT = 0x0003
    REGISTER = 0x0100
    AUTHENTICATE = 0x0102
    LOCATION = 0x0200
    LOCATION_BATCH = 0x0704
    ANSWER = 0x8001
    REGISTER_ANSWER = 0x8100


class Result(IntEnum):
    """Results of the platform's general answer 0x8001."""

    DONE = 0
    FAILED = 1
    MALFORMED = 2
    UNSUPPORTED = 3


class Registration(IntEnum):
    """Results of the answer to a registration 0x8100."""

    DONE = 0
    NO_SUCH_TERMINAL = 4


@dataclass(frozen=True, slots=True)
class Location:
    """The basic part of a location report. `position` is None without a fix, `time` where the digits are no date;
    `speed` in m/s, `heading` in degrees from north."""

    emergency: bool
    position: LonLat | None
    speed: float
    heading: int
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Emergency:
    """What is known of one terminal's emergency button: `newest` is the newest report's time."""

    raised: bool = False
    newest: datetime | None = None


def read_location(body: bytes) -> Location:
    """Message 0x0200. Additional items after the basic 28 bytes are skipped. Raises DecodeError that names the
    field."""
    alarm, status, lat, lon, _altitude, speed, heading = unpack(LOCATION, body, 0, "location")
    digits = read_bcd(body[LOCATION_BYTES - 6 : LOCATION_BYTES], "time")
    if len(digits) != 12:
        raise DecodeError("time: expected 6 bytes of BCD", field="time")
    position = _position(lon, lat, status) if status & LOCATED else None
    time = _time(digits)
    if position is not None and time is None:
        raise DecodeError(f"time: expected YYMMDDhhmmss, got {digits}", field="time")
    return Location(bool(alarm & EMERGENCY), position, round(speed / 36, 2), heading, time)


def _position(lon: int, lat: int, status: int) -> LonLat:
    try:
        return LonLat(
            round(lon / 1e6 * (-1 if status & WEST else 1), 6), round(lat / 1e6 * (-1 if status & SOUTH else 1), 6)
        )
    except InputError as exc:
        raise DecodeError(exc.message, field=exc.field) from exc


def _time(digits: str) -> datetime | None:
    """YYMMDDhhmmss in Beijing time as UTC; None where that is no moment (terminals without a clock send zeros)."""
    year, month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(0, 12, 2))
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=BEIJING).astimezone(UTC)
    except ValueError:
        return None


def read_batch(body: bytes) -> list[bytes]:
    """The location bodies of a batch 0x0704: those kept while the terminal was out of reach, or simply gathered."""
    count, _kind = unpack(">HB", body, 0, "batch")
    items, at = [], 3
    for number in range(1, count + 1):
        (size,) = unpack(">H", body, at, f"batch.{number}")
        item = body[at + 2 : at + 2 + size]
        if len(item) != size:
            raise DecodeError(f"batch.{number}: expected {size} bytes, got {len(item)}", field=f"batch.{number}")
        items.append(item)
        at += 2 + size
    return items


def read_code(message: Message) -> bytes:
    """The authentication code of 0x0102: the whole body in 2013; with a length before and IMEI and software after in
    2019."""
    if message.version is None:
        return message.body.rstrip(b"\x00")
    (size,) = unpack(">B", message.body, 0, "code")
    return message.body[1 : 1 + size].rstrip(b"\x00")


def make_code(secret: bytes, phone: str) -> bytes:
    """The code that a terminal is given at its registration, always the same: HMAC-SHA-256 of its number, 32 digits."""
    return hmac.new(secret, phone.encode(), "sha256").hexdigest()[:32].encode()


def is_code(given: bytes, secret: bytes, phone: str) -> bool:
    return hmac.compare_digest(given, make_code(secret, phone))


def answer(message: Message, result: Result, serial: int) -> Message:
    """The general answer 0x8001 in the asker's own version."""
    body = struct.pack(">HHB", message.serial, message.message_id, result)
    return _to(message, Id.ANSWER, body, serial)


def answer_registration(message: Message, code: bytes | None, serial: int) -> Message:
    """The answer 0x8100; the code follows only where the terminal is known."""
    result = Registration.NO_SUCH_TERMINAL if code is None else Registration.DONE
    return _to(message, Id.REGISTER_ANSWER, struct.pack(">HB", message.serial, result) + (code or b""), serial)


def _to(message: Message, message_id: Id, body: bytes, serial: int) -> Message:
    return replace(message, message_id=message_id, body=body, serial=serial, encryption=0, total=1, number=1)


def fold_emergency(state: Emergency, location: Location) -> tuple[Emergency, bool]:
    """What one report does to the button's state, and whether it is a rising edge. An older report that comes late can
    raise it but not take it back."""
    late = location.time is not None and state.newest is not None and location.time < state.newest
    newest = state.newest if late or location.time is None else location.time
    raised = location.emergency or (late and state.raised)
    return Emergency(raised, newest), location.emergency and not state.raised


def publish_position(location: Location, unit: str, prefix: str) -> Publication | None:
    """None without a fix. A speed that no vehicle has, or a heading beyond the circle, is left out."""
    if location.position is None or location.time is None:
        return None
    body: dict[str, object] = {
        "time": rfc3339(location.time),
        "lon": location.position.lon,
        "lat": location.position.lat,
    }
    if location.speed <= MAX_SPEED:
        body["speed"] = location.speed
    if location.heading <= 360:
        body["heading"] = location.heading
    return Publication(f"{prefix}/position/{unit}", body)


def publish_emergency(location: Location, phone: str, unit: str, prefix: str, kind: str, now: datetime) -> Publication:
    """The report of a pressed emergency button; its id is the same however often the terminal sends it."""
    time = location.time or now
    body: dict[str, object] = {
        "id": f"{phone}-{time:%Y%m%d%H%M%S}",
        "time": rfc3339(time),
        "kind": kind,
        "channel": CHANNEL,
        "title": f"车辆紧急报警 {unit}",
        "text": f"终端 {phone} 触发紧急报警按钮",
        "reporter": unit,
    }
    if location.position is not None:
        body |= {"lon": location.position.lon, "lat": location.position.lat}
    return Publication(f"{prefix}/incident", body)


def publish_all(
    locations: Iterable[Location],
    state: Emergency,
    phone: str,
    units: Mapping[str, str],
    prefix: str,
    kind: str,
    now: datetime,
) -> tuple[list[Publication], Emergency]:
    """Everything that these reports of one terminal publish, in order, and the button's state after them."""
    unit = units.get(phone, phone)
    found: list[Publication] = []
    for location in locations:
        state, rising = fold_emergency(state, location)
        position = publish_position(location, unit, prefix)
        if position is not None:
            found.append(position)
        if rising:
            found.append(publish_emergency(location, phone, unit, prefix, kind, now))
    return found, state
