"""Messages as a decoder meets them: recorded payloads, a fixed clock, Sparkplug bytes written by hand."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from core.pgarray import to_pg_us
from ingest.decoders.base import Decoder, Incoming
from ingest.records import Reading, Record

PAYLOADS = Path(__file__).parents[2] / "payloads"
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NOW_US = to_pg_us(NOW)
CITY = ZoneInfo("Asia/Shanghai")


def payload(path: str) -> bytes:
    return (PAYLOADS / path).read_bytes()


def at(text: str) -> int:
    return to_pg_us(datetime.fromisoformat(text))


def run(decoder: Decoder, topic: str, body: bytes, now: int = NOW_US, **options: Any) -> list[Record]:
    return decoder.decode(Incoming(topic, body, {}, now, decoder.options(**options), CITY))


def values(records: list[Record]) -> dict[str, float]:
    return {record.metric: record.value for record in records if isinstance(record, Reading)}


def readings(records: list[Record]) -> list[Reading]:
    assert all(isinstance(record, Reading) for record in records)
    return [record for record in records if isinstance(record, Reading)]


def varint(number: int) -> bytes:
    """Protocol Buffers encoding, base 128 varints; written apart from the schema under test."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def whole(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def block(field: int, body: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(body)) + body


def double(field: int, number: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", number)


def single(field: int, number: float) -> bytes:
    return varint(field << 3 | 5) + struct.pack("<f", number)


def sparkplug(timestamp: int | None, *metrics: bytes, seq: int = 0) -> bytes:
    """A payload: timestamp 1, metrics 2, seq 3 (Sparkplug 3.0.0 section 6.4.1)."""
    head = b"" if timestamp is None else whole(1, timestamp)
    return head + b"".join(block(2, metric) for metric in metrics) + whole(3, seq)


def metric(
    name: str | None = None,
    alias: int | None = None,
    timestamp: int | None = None,
    datatype: int | None = None,
    value: bytes = b"",
) -> bytes:
    """A metric: name 1, alias 2, timestamp 3, datatype 4, then its value."""
    parts = b"" if name is None else block(1, name.encode())
    for field, number in ((2, alias), (3, timestamp), (4, datatype)):
        parts += b"" if number is None else whole(field, number)
    return parts + value


def properties(*stated: tuple[bytes, bytes]) -> bytes:
    """Properties of a metric (9), all of them text: keys 1, values 2 with type 1 and string_value 8 (section
    6.4.10)."""
    keys = b"".join(block(1, key) for key, _ in stated)
    texts = b"".join(block(2, whole(1, 12) + block(8, value)) for _, value in stated)
    return block(9, keys + texts)
