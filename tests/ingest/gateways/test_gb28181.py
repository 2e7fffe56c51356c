"""The GB/T 28181 gateway over real sockets: registration, what is answered when, repeats, and that nonsense harms
nobody."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lxml import etree

from core.errors import DecodeError
from ingest.gateways import gb28181_sip as sip
from ingest.gateways.gb28181 import Gateway, Peer, PlatformOptions
from ingest.gateways.gb28181_sockets import Sockets, read_message
from ingest.gateways.refused import A_MINUTE, OF_ONE, Refused
from tests.ingest.gateways.cameras import DEVICE, PASSWORD, REALM, SERVER, Camera, authorization, code, request
from tests.ingest.gateways.support import PAYLOADS, HeldBroker, read_natively, run, until

VIDEO = (PAYLOADS / "gb28181" / "alarm_video.xml").read_bytes()
BOX = (PAYLOADS / "gb28181" / "alarm_device_gb2312.xml").read_bytes()
POSITION = (PAYLOADS / "gb28181" / "mobile_position.xml").read_bytes()
KEEPALIVE = (PAYLOADS / "gb28181" / "keepalive.xml").read_bytes()
CATALOG = b"<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>32130200001320000017</DeviceID></Response>"
EVENT = f"onemap/video/{DEVICE}/event"
TOLD = "onemap/gateway/gb28181/refused"


@asynccontextmanager
async def serving(broker: HeldBroker, **options: Any) -> AsyncIterator[tuple[Gateway, int]]:
    gateway = Gateway(PlatformOptions(**{"server": SERVER, "realm": REALM, "password": PASSWORD, **options}), broker)
    sockets = Sockets(gateway)
    port = await sockets.open("127.0.0.1", 0)
    try:
        yield gateway, port
    finally:
        await sockets.close()


@asynccontextmanager
async def registered(broker: HeldBroker, **options: Any) -> AsyncIterator[tuple[Gateway, Camera]]:
    async with serving(broker, **options) as (gateway, port):
        camera = await Camera.connect(port)
        try:
            if options.get("authenticate", True):
                assert await camera.register() == 200
            yield gateway, camera
        finally:
            camera.close()


@pytest.mark.parametrize("qop", [False, True])
def test_device_registers_and_its_keepalive_is_taken(qop: bool) -> None:
    async def story() -> None:
        async with serving(HeldBroker()) as (gateway, port):
            camera = await Camera.connect(port)
            assert code(await camera.ask(request("MESSAGE", KEEPALIVE))) == 403
            assert await camera.register(qop=qop) == 200
            assert code(await camera.ask(request("MESSAGE", KEEPALIVE))) == 200
            assert gateway.figures["Notify/Keepalive"] == 1
            camera.close()

    run(story())


def test_registration_tells_the_time_and_how_long_it_lasts() -> None:
    async def story() -> None:
        async with serving(HeldBroker(), authenticate=False) as (_, port):
            camera = await Camera.connect(port)
            more = (("Contact", f"<sip:{DEVICE}@127.0.0.1>"), ("Expires", "999999"))
            response = await camera.ask(request("REGISTER", more=more))
            assert (code(response), response.first("expires"), response.first("contact")) == (200, "86400", more[0][1])
            assert len(response.first("date")) == len("2026-05-04T08:00:00.000")
            camera.close()

    run(story())


@pytest.mark.parametrize("given", [{"password": "wrong"}, {"device": "32130200001320000018"}])
def test_wrong_password_or_name_is_forbidden(given: dict[str, str]) -> None:
    async def story() -> None:
        async with serving(HeldBroker()) as (_, port):
            camera = await Camera.connect(port)
            challenge = await camera.ask(request("REGISTER"))
            answer = authorization(challenge.first("www-authenticate"), **given)
            assert code(await camera.ask(request("REGISTER", more=(answer,)))) == 403
            assert code(await camera.ask(request("MESSAGE", KEEPALIVE))) == 403
            camera.close()

    run(story())


def test_device_with_a_password_of_its_own_needs_that_one() -> None:
    async def story() -> None:
        async with serving(HeldBroker(), passwords={DEVICE: "Own-Word-9"}) as (_, port):
            camera = await Camera.connect(port)
            assert await camera.register(password=PASSWORD) == 403
            assert await camera.register(password="Own-Word-9") == 200
            camera.close()

    run(story())


def test_device_without_any_password_cannot_register() -> None:
    async def story() -> None:
        async with serving(HeldBroker(), password=None, passwords={"32130200001320000018": "x"}) as (_, port):
            camera = await Camera.connect(port)
            assert await camera.register(password="") == 403
            camera.close()

    run(story())


def test_recorded_registration_cannot_be_used_again() -> None:
    async def story() -> None:
        async with serving(HeldBroker()) as (_, port):
            camera = await Camera.connect(port)
            challenge = await camera.ask(request("REGISTER"))
            answer = authorization(challenge.first("www-authenticate"))
            assert code(await camera.ask(request("REGISTER", more=(answer,)))) == 200
            again = await camera.ask(request("REGISTER", more=(answer,)))
            assert code(again) == 401
            assert again.first("www-authenticate").endswith("stale=true")
            camera.close()

    run(story())


def test_device_that_leaves_is_heard_no_more() -> None:
    async def story() -> None:
        async with registered(HeldBroker()) as (_, camera):
            assert await camera.register(expires=0) == 200
            assert code(await camera.ask(request("MESSAGE", KEEPALIVE))) == 403

    run(story())


@pytest.mark.parametrize("expires", ["soon", "-1", "1e3"])
def test_expiry_that_is_no_number_is_refused(expires: str) -> None:
    async def story() -> None:
        async with serving(HeldBroker(), authenticate=False) as (_, port):
            camera = await Camera.connect(port)
            assert code(await camera.ask(request("REGISTER", more=(("Expires", expires),)))) == 400
            camera.close()

    run(story())


def test_alarm_is_published_answered_and_confirmed_by_a_message_of_ours() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with registered(broker) as (gateway, camera):
            assert code(await camera.ask(request("MESSAGE", VIDEO))) == 200
            assert [event["kind"] for event in broker.on(EVENT)] == ["intrusion"]
            ours = await camera.heard.get()
            camera.answer(ours)
            assert (ours.method, ours.device, ours.first("content-type")) == (
                "MESSAGE",
                SERVER,
                "Application/MANSCDP+xml",
            )
            document = etree.fromstring(ours.body)
            assert [document.findtext(name) for name in ("CmdType", "SN", "Result")] == ["Alarm", "2", "OK"]
            await until(lambda: not gateway._unanswered)
            assert gateway.figures["responses_unanswered"] == 0
            assert camera.heard.empty()

    run(story())


def test_message_of_ours_is_sent_again_until_it_is_answered() -> None:
    async def story() -> None:
        async with registered(HeldBroker()) as (_, camera):
            await camera.ask(request("MESSAGE", VIDEO))
            first, second = await camera.heard.get(), await camera.heard.get()
            assert first == second

    run(story())


def test_alarm_in_a_notify_of_a_subscription_is_published_and_only_answered() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with registered(broker) as (_, camera):
            assert code(await camera.ask(request("NOTIFY", BOX))) == 200
            assert [report["channel"] for report in broker.on("onemap/incident")] == ["gb28181"]
            assert code(await camera.ask(request("OPTIONS"))) == 200, "nothing came between"

    run(story())


def test_mobile_position_is_published() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with registered(broker) as (_, camera):
            assert code(await camera.ask(request("NOTIFY", POSITION))) == 200
            assert len(broker.on("onemap/position/32130200001320000099")) == 1

    run(story())


def test_what_does_not_concern_us_is_taken_and_counted() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with registered(broker) as (gateway, camera):
            assert code(await camera.ask(request("MESSAGE", CATALOG))) == 200
            assert code(await camera.ask(request("MESSAGE", CATALOG.replace(b"Catalog", b"Weather")))) == 200
            assert (gateway.figures["Response/Catalog"], gateway.figures["other_commands"]) == (1, 1)
            assert not broker.taken

    run(story())


def test_empty_notification_says_nothing_and_is_no_fault() -> None:
    """It was answered 400 and counted as bad."""

    async def story() -> None:
        broker = HeldBroker()
        async with registered(broker) as (gateway, camera):
            assert code(await camera.ask(request("MESSAGE"))) == 200
            assert (gateway.figures["empty"], gateway.figures["bad"]) == (1, 0)
            assert not broker.taken

    run(story())


def test_request_is_answered_only_after_the_broker_has_acknowledged() -> None:
    async def story() -> None:
        broker = HeldBroker(held=True)
        async with registered(broker) as (gateway, camera):
            alarm = request("MESSAGE", VIDEO)
            camera.transport.sendto(alarm)
            await broker.asked.wait()
            camera.transport.sendto(alarm)
            await until(lambda: gateway.figures["repeats"])
            assert code(await camera.ask(request("OPTIONS"))) == 200
            assert camera.heard.empty(), "neither the alarm nor its repeat has an answer"
            broker.open.set()
            assert code(await camera.heard.get()) == 200
            assert len(broker.on(EVENT)) == 1

    run(story())


def test_repeat_of_an_answered_request_gets_the_same_answer_and_publishes_nothing() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with registered(broker) as (_, camera):
            report = request("NOTIFY", BOX)
            assert await camera.ask(report) == await camera.ask(report)
            assert len(broker.taken) == 1

    run(story())


def test_while_the_broker_is_away_the_service_is_unavailable_and_the_same_request_may_come_again() -> None:
    async def story() -> None:
        broker = HeldBroker()
        broker.away = True
        async with registered(broker) as (_, camera):
            report = request("NOTIFY", BOX)
            response = await camera.ask(report)
            assert (code(response), response.first("retry-after")) == (503, "5")
            broker.away = False
            assert code(await camera.ask(report)) == 200
            assert len(broker.taken) == 1

    run(story())


REFUSED = [
    ("alarm that cannot be read", 400, request("MESSAGE", VIDEO.replace(b"<AlarmMethod>5", b"<AlarmMethod>9"))),
    ("document with entities", 400, request("MESSAGE", b"<!DOCTYPE x><Notify/>")),
    ("another kind of body", 415, request("MESSAGE", VIDEO).replace(b"Application/MANSCDP+xml", b"text/plain")),
    ("call", 405, request("INVITE")),
    ("sender without twenty digits", 400, request("MESSAGE", VIDEO, device="camera")),
]


@pytest.mark.parametrize(("expected", "data"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_cannot_be_served_is_refused_clearly(expected: int, data: bytes) -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with registered(broker, authenticate=False) as (_, camera):
            assert code(await camera.ask(data)) == expected
            assert {one.topic for one in broker.taken} == ({TOLD} if expected in (400, 415) else set())

    run(story())


def test_nonsense_in_datagrams_is_counted_and_harms_nobody() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with registered(broker) as (gateway, camera):
            for noise in (b"hello", b"\0" * 4, b"\r\n\r\n", b"MESSAGE sip:x SIP/2.0\r\n\r\n", bytes(range(256)) * 200):
                camera.transport.sendto(noise)
            assert code(await camera.ask(request("NOTIFY", BOX))) == 200
            assert gateway.figures["bad"] == 3
        assert [told["body"] for told in broker.on(TOLD)][:1] == ["hello"]
        assert len(broker.on(TOLD)) == 3

    run(story())


def test_requests_beyond_the_limit_are_dropped_and_served_when_they_come_again() -> None:
    async def story() -> None:
        broker = HeldBroker(held=True)
        async with registered(broker, authenticate=False, max_pending=1) as (gateway, camera):
            camera.transport.sendto(request("NOTIFY", BOX))
            await broker.asked.wait()
            options = request("OPTIONS")
            camera.transport.sendto(options)
            await until(lambda: gateway.figures["dropped"])
            broker.open.set()
            assert code(await camera.heard.get()) == 200
            assert (await camera.ask(options)).first("cseq").endswith("OPTIONS")

    run(story())


def test_registration_holds_for_the_address_it_came_from_only() -> None:
    async def story() -> None:
        async with registered(HeldBroker()) as (gateway, _):
            peer = Peer("UDP", ("10.0.0.9", 5060), ("127.0.0.1", 5060), lambda _: None, lambda _, __: None)
            assert await gateway.take(sip.parse(request("MESSAGE", KEEPALIVE)), peer) == 403
            peer = peer._replace(source=("127.0.0.1", 5061))
            assert await gateway.take(sip.parse(request("MESSAGE", KEEPALIVE)), peer) == 200

    run(story())


# --- TCP ----------------------------------------------------------------------------------------------------------


def test_over_tcp_messages_may_be_split_anywhere() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker, authenticate=False) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for cut in range(1, len(request("NOTIFY", BOX, transport="TCP")), 3):
                data = request("NOTIFY", BOX, transport="TCP")
                writer.write(b"\r\n\r\n" + data[:cut])
                await writer.drain()
                await asyncio.sleep(0.001)  # so that the two pieces are two reads
                writer.write(data[cut:])
                assert code(await read_message(reader)) == 200
            writer.close()
            await writer.wait_closed()

    run(story())


def test_over_tcp_our_message_comes_on_the_same_connection() -> None:
    async def story() -> None:
        async with serving(HeldBroker(), authenticate=False) as (gateway, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request("MESSAGE", VIDEO, transport="TCP"))
            assert code(await read_message(reader)) == 200
            ours = await read_message(reader)
            assert ours.first("via").startswith("SIP/2.0/TCP ")
            writer.write(sip.respond(ours, 200, "t", ("127.0.0.1", port)))
            await until(lambda: not gateway._unanswered)
            writer.close()
            await writer.wait_closed()

    run(story())


BREAKS = [
    ("no length", request("OPTIONS").replace(b"Content-Length: 0", b"X: 0")),
    ("no head", b"\0" * 50_000),
    ("no SIP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("one bad document after the other", b"".join(request("MESSAGE", b"<") for _ in range(5))),
]


@pytest.mark.parametrize("data", [b[1] for b in BREAKS], ids=[b[0] for b in BREAKS])
def test_connection_that_talks_nonsense_is_closed_and_harms_no_other(data: bytes) -> None:
    async def story() -> None:
        async with serving(HeldBroker(), authenticate=False) as (gateway, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            noisy, noise = await asyncio.open_connection("127.0.0.1", port)
            noise.write(data)
            while await drained(noisy):
                pass
            writer.write(request("OPTIONS", transport="TCP"))
            assert code(await read_message(reader)) == 200
            assert gateway.figures["bad"] >= 1
            writer.close()
            noise.close()

    run(story())


async def drained(reader: asyncio.StreamReader) -> bool:
    """Whether more came; False at the end of the connection."""
    try:
        return await reader.read(4096) != b""
    except ConnectionError:
        return False


def test_silent_connection_ends_and_one_too_many_is_closed_at_once() -> None:
    async def story() -> None:
        async with serving(HeldBroker(), authenticate=False, idle_s=0.3, max_connections=1) as (gateway, port):
            silent, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request("OPTIONS", transport="TCP"))
            assert code(await read_message(silent)) == 200
            other, other_writer = await asyncio.open_connection("127.0.0.1", port)
            assert not await drained(other)
            assert gateway.figures["refused"] == 1
            assert not await drained(silent)
            writer.close()
            other_writer.close()

    run(story())


def test_alarm_that_cannot_be_read_is_told_with_what_is_wrong_and_who_sent_it() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with registered(broker) as (_, camera):
            body = VIDEO.replace(b"<AlarmMethod>5<", b"<AlarmMethod>9<")
            assert code(await camera.ask(request("MESSAGE", body))) == 400
        [told] = broker.on(TOLD)
        assert told["field"] == "AlarmMethod"
        assert DEVICE in told["sender"]
        assert "<AlarmMethod>9<" in told["body"]
        with pytest.raises(DecodeError) as caught:
            read_natively(broker.taken[-1])
        assert (caught.value.reason, caught.value.field) == ("gateway_refused", "AlarmMethod")

    run(story())


def test_stream_that_cannot_be_taken_apart_is_told_with_its_bytes() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker, authenticate=False) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HELLO you\r\n\r\nmore of it")
            assert not await drained(reader)
            writer.close()
        [told] = broker.on(TOLD)
        assert (told["field"], told["sender"]) == ("start", "127.0.0.1")
        assert "HELLO you" in told["body"]

    run(story())


def test_alarm_of_a_device_that_has_not_registered_is_told() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker) as (_, port):
            camera = await Camera.connect(port)
            assert code(await camera.ask(request("MESSAGE", KEEPALIVE))) == 403
            assert code(await camera.ask(request("MESSAGE", VIDEO))) == 403
            camera.close()
        [told] = broker.on(TOLD)
        assert told["field"] == "device"
        assert "<AlarmMethod>" in told["body"]

    run(story())


def test_device_whose_id_has_no_twenty_digits_is_told_too() -> None:
    async def story() -> None:
        broker = HeldBroker()
        async with serving(broker) as (_, port):
            camera = await Camera.connect(port)
            message = request("REGISTER").replace(DEVICE.encode(), b"34020000001320")
            assert code(await camera.ask(message)) == 400
            camera.close()
        [told] = broker.on(TOLD)
        assert "20 digits" in told["detail"]
        assert "34020000001320" in told["sender"]

    run(story())


def test_nonsense_is_told_so_often_in_a_minute_and_then_counted() -> None:
    async def story() -> None:
        broker, figures = HeldBroker(), Counter[str]()
        refused = Refused(broker, "onemap", "gb28181", figures)
        for _ in range(100):
            await refused.tell(DecodeError("from: expected more", field="from"), "127.0.0.1", b"\x00\xff")
        assert len(broker.taken) == figures["refused_told"]
        assert OF_ONE <= len(broker.taken) <= 2 * OF_ONE, "one who talks nonsense leaves room for others"
        for n in range(100):
            await refused.tell(DecodeError("x", field="x"), f"10.0.0.{n}", b"")
        assert A_MINUTE <= len(broker.taken) <= 2 * A_MINUTE
        assert figures["refused_told"] + figures["refused_untold"] == 200
        assert broker.taken[0].body["body"] == "00 ff"
        broker.away = True
        refused = Refused(broker, "onemap", "gb28181", figures)
        await refused.tell(DecodeError("x", field="x"), "127.0.0.1", b"")

    run(story())
