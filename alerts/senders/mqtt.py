"""Carries messages to the broker, QoS 1, not retained; a batch is sent together and waited for together."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import paho.mqtt.client as mqtt

from alerts.senders.base import Delivery, Later, Message, Outcome, Reads, SenderKind, Sent, Target
from core.mqtt import connect, make_client
from core.outbox import MESSAGE
from core.settings import Settings

WAIT_S = 10.0
QUEUED_AT_MOST = 5000


class MqttSender:
    """Keeps one connection for all."""

    def __init__(self, url: str, client_id: str, prefix: str, ca: Path | None = None) -> None:
        self._url, self._prefix = url, prefix
        self._client = make_client(url, client_id, ca)
        self._client.max_queued_messages_set(QUEUED_AT_MOST)
        self._started = False
        self._starting = threading.Lock()

    def render(self, reads: Reads, delivery: Delivery, to: Target, now: datetime) -> Message | None:
        """A message as it was queued; an alarm as it stands now."""
        if delivery.kind == MESSAGE:
            return Message(f"{self._prefix}/{delivery.topic}", delivery.payload or "")
        alarm = reads.alarm(delivery.subject)
        if alarm is None:
            return None
        return Message(
            f"{self._prefix}/alarm/{alarm['district']}/{alarm['level']}", json.dumps(alarm, ensure_ascii=False)
        )

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        try:
            self._start()
        except OSError as exc:
            return [Later(f"the broker cannot be reached: {exc}")] * len(messages)
        waiting: list[mqtt.MQTTMessageInfo] = [self._client.publish(m.topic, m.payload, qos=1) for m in messages]
        deadline = time.monotonic() + WAIT_S
        return [outcome(info, deadline) for info in waiting]

    def _start(self) -> None:
        with self._starting:
            if not self._started:
                connect(self._client, self._url)
                self._client.loop_start()
                self._started = True

    def close(self) -> None:
        if self._started:
            self._client.disconnect()
            self._client.loop_stop()
            self._started = False


def outcome(info: mqtt.MQTTMessageInfo, deadline: float) -> Outcome:
    """What the broker said of one message until the batch's time was over."""
    try:
        info.wait_for_publish(max(0.0, deadline - time.monotonic()))
    except (RuntimeError, ValueError) as exc:
        return Later(f"the broker did not take it: {exc}")
    return Sent() if info.is_published() else Later(f"the broker did not confirm within {WAIT_S:.0f} s")


def make_mqtt(settings: Settings) -> MqttSender:
    name = f"onemap-alerts-{secrets.token_hex(8)}"
    return MqttSender(settings.need_mqtt(), name, settings.topic_prefix, settings.mqtt_ca)


MQTT = SenderKind("mqtt", make_mqtt, ours=True)
