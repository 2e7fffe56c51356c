"""Other installations on the same broker under the same prefix: each tells of itself in a retained message that
expires, and looks who else does. They would take each other's readings for their own."""

from __future__ import annotations

import secrets
import threading
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.installation import Installation
from core.log import get_log
from core.mqtt import connect, make_client
from core.settings import Settings

log = get_log("neighbours")
EVERY_S = 600.0
# who has not told of itself for so long is gone
EXPIRES_S = 3 * 600
LISTEN_S = 2.0
NAMED_AT_MOST = 5


def topic_of(prefix: str, who: str) -> str:
    return f"{prefix}/installation/{who}"


def meet(settings: Settings, installation: Installation) -> list[str]:
    """The public ids of the others; ours is told, with the place of our database: who told of themselves from there
    are we, before a restore. OSError where the broker is away."""
    url = settings.need_mqtt()
    own = topic_of(settings.topic_prefix, installation.public_id)
    place = f"onemap {installation.place}".encode()
    found: set[str] = set()
    told = threading.Event()
    name = f"{installation.client_id(settings.topic_prefix, 'meet')}-{secrets.token_hex(4)}"
    client = make_client(url, name, settings.mqtt_ca)

    def ask(*_: object) -> None:
        client.subscribe(topic_of(settings.topic_prefix, "+"), qos=1)

    def tell(*_: object) -> None:
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = EXPIRES_S
        client.publish(own, place, qos=1, retain=True, properties=properties)

    def hear(_: Client, __: object, message: MQTTMessage) -> None:
        # ours comes last: what was retained came with the subscription
        if message.topic == own and not message.retain:
            told.set()
        elif message.payload not in (b"", place) and message.topic != own:
            found.add(message.topic.rpartition("/")[2][:64])

    client.on_connect, client.on_subscribe, client.on_message = ask, tell, hear
    connect(client, url)
    client.loop_start()
    try:
        told.wait(LISTEN_S)
    finally:
        client.disconnect()
        client.loop_stop()
    return sorted(found)[:NAMED_AT_MOST]
