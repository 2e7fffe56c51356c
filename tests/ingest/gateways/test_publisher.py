"""The connection to a real broker: acknowledged or raised, nothing in between."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import pytest

from app.services.mosquitto import Broker
from app.services.net import free_port
from core.errors import Unavailable
from ingest.gateways.publisher import Publication, Publisher
from tests.ingest.gateways.support import run
from tests.support import mailbox, wait_for


def note(number: int, topic: str = "onemap/position/publisher-1") -> Publication:
    return Publication(topic, {"number": number, "word": "井盖"})


def test_everything_arrives_once_and_in_order(broker: Broker) -> None:
    async def story() -> None:
        async with Publisher(broker.url("gateway"), "test", waiting=7) as publisher:
            await publisher.publish(note(number) for number in range(200))

    with mailbox(broker.url(), "onemap/position/publisher-1") as box:
        run(story())
        wait_for(lambda: len(box.heard) == 200)
        assert [json.loads(body)["number"] for _, body in box.heard] == list(range(200))
        assert json.loads(box.heard[0][1])["word"] == "井盖"


def test_topic_that_the_account_may_not_write_is_not_taken_for_published(broker: Broker) -> None:
    async def story() -> None:
        async with Publisher(broker.url("gateway"), "test") as publisher:
            with pytest.raises(Unavailable) as caught:
                await publisher.publish([note(1, "onemap/alarm/321302/1")])
            assert caught.value.reason == "refused_by_broker"
            await publisher.publish([note(2)])

    run(story())


def test_refused_account_publishes_nothing(broker: Broker) -> None:
    wrong = f"mqtt://gateway:wrong@127.0.0.1:{broker.port}"

    async def story() -> None:
        async with Publisher(wrong, "test", wait_s=1.0) as publisher:
            with pytest.raises(Unavailable, match="did not acknowledge within 1 s"):
                await publisher.publish([note(1)])

    run(story())


def test_topic_with_a_wildcard_is_refused_here(broker: Broker) -> None:
    async def story() -> None:
        async with Publisher(broker.url("gateway"), "test") as publisher:
            with pytest.raises(Unavailable, match="cannot be published"):
                await publisher.publish([note(1, "onemap/position/+")])

    run(story())


def test_stopping_while_the_broker_is_away_takes_no_time() -> None:
    async def story() -> float:
        async with Publisher("mqtt://nobody:x@127.0.0.1:9", "test", wait_s=0.2) as publisher:
            with pytest.raises(Unavailable):
                await publisher.publish([note(1)])
            return time.monotonic()

    left = run(story())
    assert time.monotonic() - left < 5


class Relay:
    """Between publisher and broker: can be closed and opened, and can keep the broker's bytes to itself."""

    def __init__(self, broker: Broker) -> None:
        self._target = broker.port
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self.port = free_port()
        self.deaf = False

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def close(self) -> None:
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self._target)
        for pump in (self._pump(reader, forth, lambda: True), self._pump(back, writer, lambda: not self.deaf)):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, passes: Callable[[], bool]) -> None:
        try:
            while data := await source.read(4096):
                if passes():
                    sink.write(data)
        finally:
            sink.close()


def relayed(broker: Broker, relay: Relay) -> str:
    return f"mqtt://gateway:{broker.passwords['gateway']}@127.0.0.1:{relay.port}"


def test_broker_that_goes_and_comes_back_is_found_again(broker: Broker) -> None:
    async def story() -> None:
        relay = Relay(broker)
        async with Publisher(relayed(broker, relay), "test", wait_s=0.5) as publisher:
            with pytest.raises(Unavailable):
                await publisher.publish([note(1)])
            for number in (2, 3):
                await relay.open()
                await until_published(publisher, number)
                await relay.close()
                with pytest.raises(Unavailable):
                    await publisher.publish([note(9)])

    with mailbox(broker.url(), "onemap/position/publisher-1") as box:
        run(story())
        wait_for(lambda: {json.loads(body)["number"] for _, body in box.heard} >= {2, 3})


async def until_published(publisher: Publisher, number: int) -> None:
    while True:
        try:
            return await publisher.publish([note(number)])
        except Unavailable:
            continue


def test_acknowledgement_that_does_not_come_is_no_acknowledgement(broker: Broker) -> None:
    async def story() -> None:
        relay = Relay(broker)
        await relay.open()
        async with Publisher(relayed(broker, relay), "test", wait_s=1.0) as publisher:
            await publisher.publish([note(1)])
            relay.deaf = True
            with pytest.raises(Unavailable, match="did not acknowledge"):
                await publisher.publish([note(2)])
        await relay.close()

    run(story())
