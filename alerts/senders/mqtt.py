"""Carries messages to the broker, QoS 1, not retained; a batch is sent together and waited for together."""

from __future__ import annotations

from dataclasses import dataclass

import paho.mqtt.client as mqtt

from core.errors import Unavailable
from core.mqtt import connect, make_client

WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: str


class MqttSender:
    """Keeps one connection; `send` raises Unavailable where the broker did not confirm in time."""

    def __init__(self, url: str, client_id: str) -> None:
        self._url = url
        self._client = make_client(url, client_id)
        self._client.max_queued_messages_set(5000)
        self._started = False

    def send(self, messages: list[Message]) -> None:
        self._start()
        waiting: list[mqtt.MQTTMessageInfo] = [self._client.publish(m.topic, m.payload, qos=1) for m in messages]
        for info in waiting:
            try:
                info.wait_for_publish(WAIT_S)
            except (RuntimeError, ValueError) as exc:
                raise Unavailable(f"the broker did not take a message: {exc}") from exc
            if not info.is_published():
                raise Unavailable(f"the broker did not confirm within {WAIT_S:.0f} s")

    def _start(self) -> None:
        if self._started:
            return
        try:
            connect(self._client, self._url)
        except OSError as exc:
            raise Unavailable(f"the broker cannot be reached: {exc}") from exc
        self._client.loop_start()
        self._started = True

    def close(self) -> None:
        if self._started:
            self._client.disconnect()
            self._client.loop_stop()
            self._started = False
