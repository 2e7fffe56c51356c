"""The MQTT edge: a few connections that publish what the world gives and hand it the tasks that come."""

import logging
import os
import queue
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from demo.devices.message import PREFIX, Message

log = logging.getLogger("onemap.demo.devices")

# Which connection carries which topics, by their second level.
CONNECTIONS = {
    "sensors": ("observation",),
    "units": ("position", "unit", "task"),
    "eyes": ("video",),
    "hotlines": ("incident", "warning"),
}
TASKS = f"{PREFIX}/task/+"
TASK_TOPIC = re.compile(rf"{PREFIX}/task/([^/]+)")
# Devices keep what they could not send, up to this many messages per connection.
KEPT_MESSAGES = 5_000
RECONNECT_S = (1, 30)


class AddressError(ValueError):
    """The MQTT address cannot be used; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is, from `mqtt://user:password@host:port` or `mqtts://…`. `ca` is the authority (a PEM file)
    that has signed its certificate, None one that the system knows."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: bool
    ca: str | None = None


def address(url: str, ca: str = "") -> Address:
    """Parses an MQTT URL. Raises AddressError."""
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise AddressError("expected mqtt://user:password@host:port (or mqtts://)")
    try:
        port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    except ValueError as exc:
        raise AddressError("expected a port between 1 and 65535") from exc
    user = unquote(parts.username) if parts.username else None
    secret = unquote(parts.password) if parts.password else None
    return Address(parts.hostname, port, user, secret, parts.scheme == "mqtts", ca or None)


def introduce(client: Client, where: Address) -> None:
    """Gives the client its credentials, and TLS where the address asks for it."""
    client.username_pw_set(where.username, where.password)
    if where.tls:
        client.tls_set_context(ssl.create_default_context(cafile=where.ca))


class Edge:
    """Connections that come back by themselves. `publish` never blocks; `tasks` gives what came since last asked."""

    def __init__(self, where: Address, seed: int) -> None:
        self._tasks: queue.SimpleQueue[tuple[str, Mapping[str, object]]] = queue.SimpleQueue()
        self._clients = {name: self._client(name, where, seed) for name in CONNECTIONS}
        self._by_topic = {word: self._clients[name] for name, words in CONNECTIONS.items() for word in words}
        self._where = where

    def _client(self, name: str, where: Address, seed: int) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"demo-{name}-{seed}-{os.getpid()}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        introduce(client, where)
        client.reconnect_delay_set(*RECONNECT_S)
        client.max_queued_messages_set(KEPT_MESSAGES)
        client.on_connect = self._connected
        client.on_disconnect = _disconnected
        client.on_message = self._received
        return client

    def start(self) -> None:
        """Connects in the background, now and whenever the connection is lost."""
        for client in self._clients.values():
            client.connect_async(self._where.host, self._where.port, keepalive=30)
            client.loop_start()

    def stop(self) -> None:
        """Says goodbye to the broker and ends the threads."""
        for client in self._clients.values():
            client.disconnect()
            client.loop_stop()

    def publish(self, messages: Iterable[Message]) -> int:
        """Hands messages to their connections; the number handed over."""
        count = 0
        for item in messages:
            client = self._by_topic[item.topic.split("/")[1]]
            client.publish(item.topic, item.payload, qos=1, properties=_properties(item))
            count += 1
        return count

    def tasks(self) -> list[tuple[str, Mapping[str, object]]]:
        """(unit, task object) of every task message received since the last call."""
        found = []
        while not self._tasks.empty():
            found.append(self._tasks.get_nowait())
        return found

    def _connected(self, client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            log.warning("connection refused: %s", reason)
        elif client is self._clients["units"]:
            client.subscribe(TASKS, qos=1)

    def _received(self, client: Client, userdata: Any, received: MQTTMessage) -> None:
        match = TASK_TOPIC.fullmatch(received.topic)
        try:
            payload = orjson.loads(received.payload)
        except orjson.JSONDecodeError:
            log.warning("unreadable task on %s", received.topic)
            return
        if match is not None and isinstance(payload, dict):
            self._tasks.put((match.group(1), payload))


def _properties(item: Message) -> Properties | None:
    if item.event is None:
        return None
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    made.UserProperty = ("event", item.event)
    return made


def _disconnected(client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
    if reason.is_failure:
        log.warning("connection lost: %s; trying again", reason)
