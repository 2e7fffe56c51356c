"""The JT/T 808 gateway over real sockets: who may speak, what is answered when, and that one terminal harms no
other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from ingest.gateways import jt808_frames
from ingest.gateways.jt808 import Gateway, TerminalOptions
from ingest.gateways.jt808_frames import MAX_FRAME, Message, encode
from ingest.gateways.jt808_messages import Id, Result
from ingest.gateways.refused import as_text
from tests.ingest.gateways.support import HeldBroker, run
from tests.ingest.gateways.terminals import (
    PHONE,
    Terminal,
    authentication_body,
    batch_body,
    location_body,
    split_message,
)
from tests.support import now

POSITION = f"onemap/position/{PHONE}"
TOLD = "onemap/gateway/jt808/refused"
SECRET = b"a secret of this test"


@asynccontextmanager
async def serving(broker: HeldBroker, **options: Any) -> AsyncIterator[tuple[Gateway, int]]:
    gateway = Gateway(TerminalOptions(**{"secret": SECRET, **options}), broker)
    server = await gateway.listen("127.0.0.1", 0)
    try:
        yield gateway, server.sockets[0].getsockname()[1]
    finally:
        await gateway.close(server)


@pytest.mark.parametrize("version", [None, 1])
def test_terminal_registers_authenticates_and_is_heard(version: int | None) -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker) as (_, port):
            terminal = await Terminal.connect(port, version=version)
            assert await terminal.login() == Result.DONE
            assert await terminal.ask(Id.HEARTBEAT) == Result.DONE
            assert await terminal.ask(Id.LOCATION, location_body(now())) == Result.DONE
            assert len(broker.on(POSITION)) == 1
            await terminal.close()

    run(story())


def test_terminal_is_answered_only_after_the_broker_has_acknowledged() -> None:
    async def story() -> None:
        broker = HeldBroker(held=True)
        async with serving(broker, secret=None) as (_, port):
            terminal = await Terminal.connect(port)
            sent = terminal.send(Id.LOCATION, location_body(now()))
            await broker.asked.wait()
            heard = asyncio.create_task(terminal.result())
            done, _ = await asyncio.wait([heard], timeout=0.3)
            assert not done
            broker.open.set()
            assert await heard == (sent.serial, Id.LOCATION, Result.DONE)
            await terminal.close()

    run(story())


def test_nothing_more_is_read_while_the_broker_is_waited_for() -> None:
    async def story() -> None:
        broker = HeldBroker(held=True)
        async with serving(broker, secret=None) as (gateway, port):
            terminal = await Terminal.connect(port)
            for minute in range(3):
                terminal.send(Id.LOCATION, location_body(now() - timedelta(minutes=minute)))
            await broker.asked.wait()
            await asyncio.sleep(0)
            assert gateway.figures["messages"] == 1
            broker.open.set()
            assert [(await terminal.result())[2] for _ in range(3)] == [Result.DONE] * 3
            assert gateway.figures["messages"] == 3
            await terminal.close()

    run(story())


def test_terminal_that_cannot_be_served_is_closed_without_an_answer_and_may_come_again() -> None:
    async def story() -> None:
        broker = HeldBroker()
        broker.away = True
        async with serving(broker, secret=None) as (gateway, port):
            terminal = await Terminal.connect(port)
            body = location_body(now(), alarm=1)
            terminal.send(Id.LOCATION, body)
            assert await terminal.is_closed()
            assert gateway.figures["unserved"] == 1
            broker.away = False
            again = await Terminal.connect(port)
            assert await again.ask(Id.LOCATION, body) == Result.DONE
            assert len(broker.on(POSITION)) == len(broker.on("onemap/incident")) == 1, "the press was not lost either"
            await terminal.close()
            await again.close()

    run(story())


@pytest.mark.parametrize("end", ["age", "leaves"])
def test_long_message_whose_rest_never_comes_is_told(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is too old, whether the terminal says anything more or not; else when the connection ends."""
    if end == "age":
        monkeypatch.setattr(jt808_frames, "MAX_AGE_S", 0.05)

    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker, secret=None) as (gateway, port):
            terminal = await Terminal.connect(port)
            bodies = [location_body(now()) for _ in range(40)]
            parts = split_message(Message(Id.LOCATION_BATCH, PHONE, 7, batch_body(*bodies), 1), 500)
            terminal.writer.write(encode(parts[0]) + encode(parts[2]))
            if end == "leaves":
                assert await terminal.ask(Id.HEARTBEAT) == Result.DONE
                assert broker.on(TOLD) == []
                await terminal.close()
            await broker.asked.wait()
            [letter] = broker.on(TOLD)
            assert (letter["sender"], letter["field"]) == (PHONE, "subpackage")
            assert letter["detail"].endswith(f"{len(parts)} parts of message 0704; part 1, 3 came, the rest did not")
            assert letter["body"] == as_text(parts[0].body + parts[2].body)
            assert gateway.figures["unfinished"] == 1
            if end == "age":
                assert await terminal.ask(Id.HEARTBEAT) == Result.DONE, "the connection goes on"
                assert len(broker.on(TOLD)) == 1
                await terminal.close()

    run(story())


def test_wrong_code_is_refused_and_nothing_is_published() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker) as (_, port):
            terminal = await Terminal.connect(port)
            _, code = await terminal.register()
            wrong = authentication_body(code[:-1] + b"x", terminal.version)
            assert await terminal.ask(Id.AUTHENTICATE, wrong) == Result.FAILED
            assert await terminal.ask(Id.LOCATION, location_body(now())) == Result.FAILED
            assert await terminal.ask(Id.HEARTBEAT) == Result.FAILED
            assert {(one.topic, one.body["field"]) for one in broker.taken} == {(TOLD, "code"), (TOLD, "terminal")}
            await terminal.close()

    run(story())


def test_authenticated_terminal_cannot_speak_for_another() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker) as (_, port):
            terminal = await Terminal.connect(port)
            await terminal.login()
            terminal.phone = "13800000000"
            assert await terminal.ask(Id.LOCATION, location_body(now())) == Result.FAILED
            assert {one.topic for one in broker.taken} == {TOLD}
            await terminal.close()

    run(story())


def test_phone_that_is_not_allowed_gets_no_code() -> None:
    async def story() -> None:
        async with serving(HeldBroker(), allowed=frozenset({"13800000000"})) as (_, port):
            stranger = await Terminal.connect(port)
            assert await stranger.register() == (4, b"")
            known = await Terminal.connect(port, phone="13800000000")
            assert await known.login() == Result.DONE
            await stranger.close()
            await known.close()

    run(story())


def test_after_logging_out_a_terminal_is_nobody() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker) as (_, port):
            terminal = await Terminal.connect(port)
            await terminal.login()
            assert await terminal.ask(Id.LOGOUT) == Result.DONE
            assert await terminal.ask(Id.LOCATION, location_body(now())) == Result.FAILED
            assert {one.topic for one in broker.taken} == {TOLD}
            await terminal.close()

    run(story())


def test_what_the_gateway_does_not_speak_is_called_unsupported_and_terminal_answers_get_none() -> None:
    async def story() -> None:
        async with serving(HeldBroker(), secret=None) as (_, port):
            terminal = await Terminal.connect(port)
            terminal.send(Id.TERMINAL_ANSWER, bytes(5))
            assert await terminal.ask(0x0900, b"anything") == Result.UNSUPPORTED
            assert await terminal.ask(Id.LOCATION, location_body(now()), encryption=1) == Result.UNSUPPORTED
            await terminal.close()

    run(story())


def test_malformed_location_is_answered_so() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker, secret=None) as (_, port):
            terminal = await Terminal.connect(port)
            assert await terminal.ask(Id.LOCATION, b"short") == Result.MALFORMED
            assert len(broker.on("onemap/gateway/jt808/refused")) == 1
            assert await terminal.ask(Id.LOCATION, location_body(now())) == Result.DONE
            await terminal.close()

    run(story())


def test_batch_publishes_what_can_be_read_of_it() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker, secret=None) as (gateway, port):
            terminal = await Terminal.connect(port)
            bodies = [location_body(now() - timedelta(minutes=9)), b"short", location_body(now())]
            assert await terminal.ask(Id.LOCATION_BATCH, batch_body(*bodies)) == Result.DONE
            assert len(broker.on(POSITION)) == 2
            assert gateway.figures["bad_items"] == 1
            [told] = broker.on("onemap/gateway/jt808/refused")
            assert terminal.phone in told["sender"]
            await terminal.close()

    run(story())


def test_batch_of_which_nothing_can_be_read_is_answered_so() -> None:
    async def story() -> None:
        async with serving(HeldBroker(), secret=None) as (_, port):
            terminal = await Terminal.connect(port)
            assert await terminal.ask(Id.LOCATION_BATCH, batch_body(b"short", b"")) == Result.MALFORMED
            assert await terminal.ask(Id.LOCATION_BATCH, batch_body()) == Result.DONE
            await terminal.close()

    run(story())


def test_long_batch_in_parts_is_answered_part_by_part_once_it_is_published() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker, secret=None) as (_, port):
            terminal = await Terminal.connect(port)
            bodies = [location_body(now() - timedelta(minutes=minute)) for minute in range(40)]
            parts = split_message(Message(Id.LOCATION_BATCH, PHONE, 7, batch_body(*bodies), 1), 500)
            for part in reversed(parts[1:]):
                terminal.writer.write(encode(part))
            assert await terminal.ask(Id.HEARTBEAT) == Result.DONE, "the parts so far have no answer"
            terminal.writer.write(encode(parts[0]))
            answers = [await terminal.result() for _ in parts]
            assert answers == [(part.serial, Id.LOCATION_BATCH, Result.DONE) for part in parts]
            assert len(broker.on(POSITION)) == 40
            terminal.writer.write(encode(parts[1]))
            assert await terminal.result() == (parts[1].serial, Id.LOCATION_BATCH, Result.DONE)
            assert len(broker.on(POSITION)) == 40, "a part whose answer was lost publishes nothing"
            await terminal.close()

    run(story())


def test_pressed_button_is_one_report_over_reconnects_too() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker, secret=None) as (_, port):
            for minute in range(3):
                terminal = await Terminal.connect(port)
                body = location_body(now() + timedelta(minutes=minute), alarm=1)
                assert await terminal.ask(Id.LOCATION, body) == Result.DONE
                await terminal.close()
            assert len(broker.on("onemap/incident")) == 1
            assert len(broker.on(POSITION)) == 3

    run(story())


def test_messages_may_be_split_anywhere_on_their_way() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker, secret=None) as (_, port):
            terminal = await Terminal.connect(port)
            location = terminal.message(Id.LOCATION, location_body(now(), extra=b"\xe0\x02\x7e\x7d"))
            stream = encode(location) + encode(terminal.message(Id.HEARTBEAT))
            for cut in range(1, len(stream)):
                terminal.writer.write(stream[:cut])
                await terminal.writer.drain()
                await asyncio.sleep(0.002)  # so that the two pieces are two reads
                terminal.writer.write(stream[cut:])
                assert [(await terminal.result())[1:] for _ in range(2)] == [(Id.LOCATION, 0), (Id.HEARTBEAT, 0)]
            assert len(broker.on(POSITION)) == len(stream) - 1
            await terminal.close()

    run(story())


NONSENSE = [
    ("frames with a wrong checksum", 5, b"\x7e\x01\x02\x03\x04\x7e" * 5),
    ("bytes without an end", 1, b"\x00" * (MAX_FRAME * 8)),
    (
        "malformed bodies in sound frames",
        5,
        b"".join(encode(Message(Id.LOCATION, PHONE, n, b"short", 1)) for n in range(5)),
    ),
]


@pytest.mark.parametrize(("times", "noise"), [n[1:] for n in NONSENSE], ids=[n[0] for n in NONSENSE])
def test_terminal_that_talks_nonsense_is_closed_and_harms_no_other(times: int, noise: bytes) -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker, secret=None) as (gateway, port):
            good, bad = await Terminal.connect(port, phone="138"), await Terminal.connect(port)
            assert await good.ask(Id.LOCATION, location_body(now())) == Result.DONE
            bad.writer.write(noise)
            await bad.ended()
            assert gateway.figures["bad"] == times
            told = broker.on(TOLD)
            assert len(told) == times
            body = told[0]["body"]
            assert body == "short" or bytes.fromhex(body)[:3] in noise
            assert told[0]["sender"] in ("127.0.0.1", PHONE)
            assert await good.ask(Id.LOCATION, location_body(now())) == Result.DONE
            assert len(broker.on("onemap/position/138")) == 2
            await bad.close()
            await good.close()

    run(story())


def test_who_may_not_come_in_and_what_is_not_spoken_is_told() -> None:
    """They stood in the log alone."""

    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker, allowed=frozenset({PHONE})) as (_, port):
            stranger = await Terminal.connect(port, phone="139")
            await stranger.register()
            wrong = authentication_body(b"wrong", stranger.version)
            assert await stranger.ask(Id.AUTHENTICATE, wrong) == Result.FAILED
            known = await Terminal.connect(port)
            assert await known.login() == Result.DONE
            assert await known.ask(0x0900, b"\x01\x02") == Result.UNSUPPORTED
            assert await known.ask(Id.LOCATION, b"\x03\x04", encryption=1) == Result.UNSUPPORTED
            await stranger.close()
            await known.close()
        told = {(one["field"], one["sender"]): one["body"] for one in broker.on(TOLD)}
        unread = {("message 0900", PHONE), ("message 0200", PHONE)}
        assert set(told) == {("phone", "127.0.0.1"), ("code", "127.0.0.1"), *unread}
        assert [told[one] for one in sorted(unread)] == ["03 04", "01 02"]

    run(story())


def test_good_frames_between_bad_ones_keep_a_connection() -> None:
    async def story() -> None:
        async with serving(HeldBroker(), secret=None) as (gateway, port):
            terminal = await Terminal.connect(port)
            for _ in range(9):
                terminal.writer.write(b"\x7e\x01\x02\x7e")
                assert await terminal.ask(Id.HEARTBEAT) == Result.DONE
            assert gateway.figures["bad"] == 9
            await terminal.close()

    run(story())


@pytest.mark.parametrize("limit", [{"idle_s": 0.2, "secret": None}, {"login_s": 0.2}])
def test_connection_that_is_silent_or_never_authenticates_ends(limit: dict[str, Any]) -> None:
    async def story() -> None:
        async with serving(HeldBroker(), **limit) as (_, port):
            terminal = await Terminal.connect(port)
            assert await terminal.is_closed()
            await terminal.close()

    run(story())


def test_connections_beyond_the_limit_are_closed_at_once() -> None:
    async def story() -> None:
        async with serving(HeldBroker(), secret=None, max_connections=1) as (gateway, port):
            first = await Terminal.connect(port)
            assert await first.ask(Id.HEARTBEAT) == Result.DONE
            second = await Terminal.connect(port)
            assert await second.is_closed()
            assert gateway.figures["refused"] == 1
            assert await first.ask(Id.HEARTBEAT) == Result.DONE
            await first.close()
            await second.close()

    run(story())


def test_stopping_ends_every_connection() -> None:
    async def story() -> None:
        async with serving(HeldBroker(held=True), secret=None) as (_, port):
            terminal = await Terminal.connect(port)
            terminal.send(Id.LOCATION, location_body(now()))
        assert await terminal.is_closed()
        await terminal.close()

    run(story())
