"""Senders carry what is to be told. A subscription names one by its key."""

from alerts.senders.base import (
    Delivery,
    Gone,
    Later,
    Message,
    Options,
    Outcome,
    Reads,
    Refused,
    Sender,
    SenderKind,
    Sent,
    Target,
)
from alerts.senders.cap import CAP
from alerts.senders.cot import COT
from alerts.senders.gateway import GATEWAY
from alerts.senders.mail import MAIL
from alerts.senders.mqtt import MQTT
from alerts.senders.robots import DINGTALK, WECOM
from alerts.senders.webhook import WEBHOOK
from core.registry import Registry

SENDERS: Registry[SenderKind] = Registry(
    "onemap.senders", [MQTT, CAP, MAIL, WEBHOOK, WECOM, DINGTALK, GATEWAY, COT], key=lambda kind: kind.key
)

__all__ = [
    "SENDERS",
    "Delivery",
    "Gone",
    "Later",
    "Message",
    "Options",
    "Outcome",
    "Reads",
    "Refused",
    "Sender",
    "SenderKind",
    "Sent",
    "Target",
]
