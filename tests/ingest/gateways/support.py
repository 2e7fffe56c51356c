"""What the gateways' tests share: a broker that answers when told, the proof that ingest reads what was published."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from core.errors import Unavailable
from core.pgarray import to_pg_us
from core.types import LonLat
from ingest.decoders import native
from ingest.decoders.base import Incoming
from ingest.gateways.publisher import Publication
from ingest.records import Record
from ingest.topics import read_topic
from tests.support import PATIENCE_S, ROOT, now

PAYLOADS = ROOT / "tests" / "payloads"
SUQIAN = LonLat(118.2751, 33.9632)
T = TypeVar("T")


class HeldBroker:
    """Stands for the connection to the broker: takes everything, acknowledges while `open` is set, is away while
    `away`."""

    def __init__(self, *, held: bool = False) -> None:
        self.taken: list[Publication] = []
        self.asked = asyncio.Event()
        self.open = asyncio.Event()
        self.away = False
        if not held:
            self.open.set()

    async def publish(self, publications: Iterable[Publication]) -> None:
        found = list(publications)
        self.asked.set()
        await self.open.wait()
        if self.away and found:
            raise Unavailable("the broker is away")
        self.taken += found

    def on(self, topic: str) -> list[dict[str, Any]]:
        return [dict(taken.body) for taken in self.taken if taken.topic == topic]


def run(work: Coroutine[Any, Any, T]) -> T:
    """`work` in an event loop of its own, with a limit to its time."""

    async def limited() -> T:
        async with asyncio.timeout(PATIENCE_S):
            result = await work
            for _ in range(3):
                await asyncio.sleep(0)  # closed transports say goodbye in the loop's next turns
            return result

    return asyncio.run(limited())


async def until(condition: Callable[[], object]) -> None:
    """Returns once `condition()`; the limit is that of `run`."""
    while not condition():  # noqa: ASYNC110 - figures and queues have no event to wait for
        await asyncio.sleep(0.001)


def read_natively(publication: Publication, prefix: str = "onemap") -> Record:
    """What ingest makes of a publication; DecodeError where it would be a dead letter."""
    address = read_topic(publication.topic, prefix)
    payload = json.dumps(publication.body, ensure_ascii=False).encode()
    incoming = Incoming(publication.topic, payload, {}, to_pg_us(now()), None)
    [record] = native.KINDS[address.kind](incoming, address.ids)
    return record
