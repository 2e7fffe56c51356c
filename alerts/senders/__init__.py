"""Senders carry what is to be told. A subscription names one by its key."""

from alerts.senders.base import Delivery, Later, Message, Outcome, Refused, Sender, SenderKind, Sent
from alerts.senders.cap import CAP
from alerts.senders.mqtt import MQTT
from core.registry import Registry

SENDERS: Registry[SenderKind] = Registry("onemap.senders", [MQTT, CAP], key=lambda kind: kind.key)

__all__ = ["SENDERS", "Delivery", "Later", "Message", "Outcome", "Refused", "Sender", "SenderKind", "Sent"]
