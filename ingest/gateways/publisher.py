"""Carries native messages to the broker for a gateway: QoS 1, bounded, and honest about what the broker has taken."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.errors import Unavailable
from core.log import get_log
from core.mqtt import KEEPALIVE_S, connect_properties, make_client, parse_mqtt_url

log = get_log("gateway")
WAIT_S = 20.0
WAITING = 1000
RECONNECT_S = (1, 30)
SENT = (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN)


class Publication(NamedTuple):
    """One message of the contract "MQTT in" (docs/integrators.md)."""

    topic: str
    body: Mapping[str, object]


class Publishes(Protocol):
    """What a gateway needs: returns once the broker has acknowledged everything, raises Unavailable otherwise."""

    async def publish(self, publications: Iterable[Publication]) -> None: ...


class Publisher:
    """One connection to the broker. Use as an async context manager, in one event loop.

    At most `waiting` messages wait for their acknowledgement; who wants to send more waits for a place, so that a
    gateway that awaits `publish` before it reads on passes the pressure to its terminals. A lost connection is opened
    anew with a backoff; a message that waited longer than `wait_s` is given up, which its terminal notices.
    """

    def __init__(
        self, url: str, name: str, ca: Path | None = None, *, waiting: int = WAITING, wait_s: float = WAIT_S
    ) -> None:
        self._address = parse_mqtt_url(url)
        self._client = make_client(url, f"onemap-gateway-{name}-{secrets.token_hex(6)}", ca)
        self._client.max_queued_messages_set(waiting)
        self._client.reconnect_delay_set(*RECONNECT_S)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._wait_s = wait_s
        self._places = asyncio.Semaphore(waiting)
        self._connected = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[ReasonCode]] = {}
        self._loop: asyncio.AbstractEventLoop

    async def __aenter__(self) -> Publisher:
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(
            self._address.host, self._address.port, KEEPALIVE_S, clean_start=True, properties=connect_properties(0)
        )
        self._client.loop_start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def publish(self, publications: Iterable[Publication]) -> None:
        """All of them in order, acknowledged (MQTT 5 section 4.3.2). Raises Unavailable where the broker is away, does
        not answer in time or refuses one; some may have been taken then, and a repeat does no harm."""
        results = await asyncio.gather(*map(self._publish_one, publications), return_exceptions=True)
        failed = next((result for result in results if result is not None), None)
        if failed is not None:
            raise failed

    async def _publish_one(self, publication: Publication) -> None:
        try:
            async with asyncio.timeout(self._wait_s), self._places:
                await self._connected.wait()
                reason = await self._acknowledgement(publication)
        except TimeoutError as exc:
            raise Unavailable(f"the broker did not acknowledge within {self._wait_s:g} s") from exc
        if reason.is_failure:
            raise Unavailable(f"the broker refused {publication.topic[:120]!r}: {reason}", reason="refused_by_broker")

    async def _acknowledgement(self, publication: Publication) -> ReasonCode:
        payload = json.dumps(publication.body, ensure_ascii=False, separators=(",", ":"))
        try:
            sent = self._client.publish(publication.topic, payload.encode(), qos=1)
        except ValueError as exc:
            raise Unavailable(f"{publication.topic[:120]!r} cannot be published: {exc}") from exc
        if sent.rc not in SENT:
            raise Unavailable(f"the message cannot be queued: {sent.rc.name}", reason="queue_full")
        # the network thread hands its answer over through this loop, so it cannot come before the future is there
        answer: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._waiting[sent.mid] = answer
        try:
            return await answer
        finally:
            self._waiting.pop(sent.mid, None)

    # --- called by paho's network thread ------------------------------------------------------------------------------

    def _on_connect(
        self, _: Client, __: object, ___: ConnectFlags, reason: ReasonCode, ____: Properties | None
    ) -> None:
        if reason.is_failure:
            log.error("broker_refused", reason=str(reason))
            return
        log.info("broker_connected")
        self._loop.call_soon_threadsafe(self._connected.set)

    def _on_disconnect(
        self, _: Client, __: object, ___: DisconnectFlags, reason: ReasonCode, ____: Properties | None
    ) -> None:
        if reason.is_failure:
            log.warning("broker_lost", reason=str(reason))
        self._loop.call_soon_threadsafe(self._connected.clear)

    def _on_publish(self, _: Client, __: object, mid: int, reason: ReasonCode, ____: Properties | None) -> None:
        self._loop.call_soon_threadsafe(self._settle, mid, reason)

    def _settle(self, mid: int, reason: ReasonCode) -> None:
        answer = self._waiting.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(reason)
