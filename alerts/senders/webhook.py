"""Webhooks by the Standard Webhooks specification, version 1.0.0: JSON that the receiver can verify.

`webhook-id` is the same in every attempt, so that a repeat can be told; time and signature are fresh in each, so that a
late one verifies too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from alerts.senders.base import Delivery, Message, Options, Outcome, Reads, SenderKind, Target
from alerts.senders.http import Address, Allowed, Line, Lines, in_order, outcome_of, parse_allowed
from alerts.senders.words import TEST, alarm_for
from core.clock import rfc3339, utc_now
from core.faults import unfit
from core.settings import Settings

PREFIX = "whsec_"
KEY_BYTES = (24, 64)


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The key in a secret. ValueError where it is none."""
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


def check_secret(value: str) -> str:
    try:
        length = len(key_of(value))
    except (binascii.Error, ValueError):
        length = 0
    if not value.startswith(PREFIX) or not KEY_BYTES[0] <= length <= KEY_BYTES[1]:
        raise unfit("webhook_secret", "expected whsec_ and 24 to 64 bytes in base64")
    return value


class WebhookOptions(Options):
    address: Address = Field(description="where it is posted to")
    secret: Annotated[str, AfterValidator(check_secret)] | None = Field(
        None, description="the key that signs; one is made where none is given", json_schema_extra={"secret": True}
    )


def sign(secret: str, identity: str, moment: datetime, body: bytes) -> dict[str, str]:
    """The three headers of an attempt at `moment`."""
    stamp = str(int(moment.timestamp()))
    signed = hmac.new(key_of(secret), f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


class WebhookSender:
    """`clock` tells the time of an attempt."""

    def __init__(self, allowed: Allowed, clock: Callable[[], datetime] = utc_now) -> None:
        self._lines, self._clock = Lines(allowed), clock

    def render(self, reads: Reads, delivery: Delivery, to: Target, now: datetime) -> Message | None:
        data: Mapping[str, object] | None
        if delivery.kind == TEST:
            data = {"city": reads.city.names}
        elif delivery.kind == "alarm":
            data = alarm_for(reads, delivery.subject, to.scope)
        else:
            data = None
        if data is None:
            return None
        kind = delivery.kind if delivery.kind == TEST else f"{delivery.kind}.{delivery.what}"
        body = {
            "type": kind,
            "timestamp": rfc3339(delivery.created_at),
            "simulated": reads.city.simulated,
            "data": data,
        }
        name = f"msg_{reads.home}_{delivery.id}"
        return Message(kind, json.dumps(body, ensure_ascii=False), name)

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        with self._lines.to(to.id, str(to.options["address"])) as line:
            return in_order(messages, lambda one: self._post(line, to, one))

    def _post(self, line: Line, to: Target, message: Message) -> Outcome:
        body = message.payload.encode()
        signed = sign(to.secrets["secret"], message.id, self._clock(), body)
        return outcome_of(line.ask("POST", body, {"Content-Type": "application/json", **signed}))

    def close(self) -> None:
        self._lines.close()


def make_webhook(settings: Settings) -> WebhookSender:
    return WebhookSender(parse_allowed(settings.send_hosts))


WEBHOOK = SenderKind("webhook", make_webhook, WebhookOptions, at_once=50)
