"""JT/T 808 frames there and back, published samples, broken ones, and long messages in parts."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DecodeError
from ingest.gateways.jt808_frames import (
    FLAG,
    MAX_AGE_S,
    MAX_BODY,
    MAX_COMPLETE,
    MAX_OPEN,
    MAX_PARTS,
    Assembly,
    Message,
    checksum,
    decode,
    encode,
)
from ingest.gateways.jt808_messages import Result, answer
from tests.ingest.gateways.support import PAYLOADS
from tests.ingest.gateways.terminals import split_message

PHONES_2013 = st.from_regex("[1-9][0-9]{0,11}", fullmatch=True)
PHONES_2019 = st.from_regex("[1-9][0-9]{0,19}", fullmatch=True)
WORD = st.integers(0, 0xFFFF)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    version = draw(st.none() | st.integers(0, 255))
    total = draw(st.integers(1, 0xFFFF))
    return Message(
        draw(WORD),
        draw(PHONES_2013 if version is None else PHONES_2019),
        draw(WORD),
        draw(st.binary(max_size=MAX_BODY)),
        version,
        draw(st.integers(0, 7)),
        total,
        draw(st.integers(1, total)),
    )


def sample(name: str) -> bytes:
    return bytes.fromhex((PAYLOADS / "jt808" / f"{name}.hex").read_text().strip())


@given(messages())
def test_message_comes_back_as_it_was(message: Message) -> None:
    frame = encode(message)
    assert frame[:1] == frame[-1:] == FLAG
    assert FLAG not in frame[1:-1]
    assert decode(frame[1:-1]) == message


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_decode_error(noise: bytes) -> None:
    for raw in (noise, noise + bytes([checksum(noise)])):
        with suppress(DecodeError):
            decode(raw)


@given(messages(), st.data())
def test_no_cut_frame_is_taken_for_a_whole_one(message: Message, data: st.DataObject) -> None:
    frame = encode(message)[1:-1]
    cut = frame[: data.draw(st.integers(0, len(frame) - 1))]
    with pytest.raises(DecodeError):
        decode(cut)


@pytest.mark.parametrize("name", ["location_2019", "batch_2019", "answer_2019"])
def test_published_sample_is_read_and_written_alike(name: str) -> None:
    frame = sample(name)
    message = decode(frame[1:-1])
    assert (message.phone, message.version, message.serial) == ("13912344329", 1, 0)
    assert encode(message) == frame


def test_general_answer_is_the_published_sample() -> None:
    asked = Message(0x0200, "13912344329", 111, b"anything", version=1)
    assert encode(answer(asked, Result.DONE, 0)) == sample("answer_2019")


def test_answer_to_an_old_terminal_has_the_old_header() -> None:
    asked = Message(0x0200, "13912344329", 7, total=3, number=2, encryption=1)
    told = decode(encode(answer(asked, Result.UNSUPPORTED, 9))[1:-1])
    assert told == Message(0x8001, "13912344329", 9, bytes([0, 7, 2, 0, 3]))


BROKEN = [
    (b"", "checksum"),
    (b"\x00", "checksum"),
    (b"\x02\x00\x00\x00\x01", "checksum"),
    (b"\x7d\x03", "escape"),
    (b"\x02\x7d", "escape"),
    (b"\x02\x00", "header"),
    (b"\x02\x00\x40\x00", "version"),
    (b"\x02\x00\x00\x00\x01\x39", "phone"),
    (b"\x02\x00\x00\x00" + bytes(6) + b"\x00\x01", "phone"),
    (b"\x02\x00\x00\x00\x01\x39\x1a\x34\x43\x29\x00\x01", "phone"),
    (b"\x02\x00\x00\x00\x01\x39\x12\x34\x43\x29\x00", "serial"),
    (b"\x02\x00\x20\x00\x01\x39\x12\x34\x43\x29\x00\x01\x00", "subpackage"),
    (b"\x02\x00\x20\x00\x01\x39\x12\x34\x43\x29\x00\x01\x00\x02\x00\x03", "subpackage"),
    (b"\x02\x00\x20\x00\x01\x39\x12\x34\x43\x29\x00\x01\x00\x02\x00\x00", "subpackage"),
    (b"\x02\x00\x00\x02\x01\x39\x12\x34\x43\x29\x00\x01\xaa", "length"),
    (b"\x02\x00\x00\x00\x01\x39\x12\x34\x43\x29\x00\x01\xaa", "length"),
]


@pytest.mark.parametrize(("raw", "field"), BROKEN, ids=[field for _, field in BROKEN])
def test_broken_frame_names_the_field(raw: bytes, field: str) -> None:
    frame = raw if field in ("checksum", "escape") else raw + bytes([checksum(raw)])
    with pytest.raises(DecodeError) as caught:
        decode(frame)
    assert caught.value.field == field


LONG = Message(0x0704, "13912344329", 0xFFFE, bytes(range(250)), version=1)
PARTS = [
    Message(p.message_id, p.phone, p.serial & 0xFFFF, p.body, 1, 0, p.total, p.number) for p in split_message(LONG, 60)
]


@given(st.permutations(PARTS))
def test_parts_are_put_together_in_whatever_order_they_come(parts: list[Message]) -> None:
    assembly = Assembly()
    found = [assembly.add(part, 0) for part in parts]
    assert found[:-1] == [None] * (len(parts) - 1)
    assert b"".join(part.body for part in found[-1] or []) == LONG.body


def test_part_sent_again_counts_once() -> None:
    assembly = Assembly()
    assert [assembly.add(part, 0) for part in [*PARTS[:-1], *PARTS[:-1]]] == [None] * 8
    assert assembly.add(PARTS[-1], 1) == PARTS


def test_part_sent_again_after_the_whole_is_known_for_a_while() -> None:
    assembly = Assembly()
    assert not assembly.is_complete(PARTS[0], 0)
    for part in PARTS:
        assembly.add(part, 0)
    assert assembly.is_complete(PARTS[2], MAX_AGE_S - 1)
    assert not assembly.is_complete(PARTS[2], MAX_AGE_S)


def test_parts_that_are_too_old_are_forgotten() -> None:
    assembly = Assembly()
    for part in PARTS[:-1]:
        assembly.add(part, 0)
    assert assembly.until == MAX_AGE_S
    assert assembly.take_lost(MAX_AGE_S - 1) == []
    assert assembly.add(PARTS[-1], MAX_AGE_S) is None
    [lost] = assembly.take_lost(MAX_AGE_S)
    assert lost.body == b"".join(part.body for part in PARTS[:-1])
    assert assembly.take_lost(MAX_AGE_S) == [], "told once"
    assert [held.total for held in assembly.take_lost(math.inf)] == [len(PARTS)], "the connection ends"


def test_terminal_cannot_keep_more_than_a_few_long_messages_open() -> None:
    assembly = Assembly()
    for number in range(MAX_OPEN + 1):
        assembly.add(Message(0x0704, "1", 100 * number, b"a", total=2, number=1), number)
    [gone] = assembly.take_lost(0)
    assert "expected 2 parts of message 0704; part 1 came" in gone.as_error().message
    assert assembly.add(Message(0x0704, "1", 1, b"b", total=2, number=2), 9) is None, "the oldest had to go"
    last = assembly.add(Message(0x0704, "1", 100 * MAX_OPEN + 1, b"b", total=2, number=2), 9)
    assert [part.body for part in last or []] == [b"a", b"b"]


def test_only_a_few_complete_messages_are_remembered() -> None:
    assembly = Assembly()
    first = [
        Message(0x0704, "1", n * 10 + at, b"x", total=2, number=at + 1)
        for n in range(MAX_COMPLETE + 1)
        for at in (0, 1)
    ]
    for part in first:
        assembly.add(part, 0)
    assert not assembly.is_complete(first[0], 1)
    assert assembly.is_complete(first[-1], 1)


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(DecodeError, match="at most 64 parts"):
        Assembly().add(Message(0x0704, "1", 0, b"", total=MAX_PARTS + 1, number=1), 0)


def test_too_many_bytes_in_all_parts_are_refused() -> None:
    assembly = Assembly()
    parts = [Message(0x0704, "1", number, bytes(2000), total=MAX_PARTS, number=number) for number in range(1, 34)]
    for part in parts[:-1]:
        assembly.add(part, 0)
    with pytest.raises(DecodeError, match="at most 65536 bytes"):
        assembly.add(parts[-1], 0)


def test_parts_that_disagree_on_their_number_are_refused() -> None:
    assembly = Assembly()
    assembly.add(Message(0x0704, "1", 0, b"", total=2, number=1), 0)
    with pytest.raises(DecodeError, match="expected 2 parts, got 3"):
        assembly.add(Message(0x0704, "1", 1, b"", total=3, number=2), 0)
