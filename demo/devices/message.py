"""What goes over the wire: a topic and its bytes, JSON but for pictures, on the native topics of the MQTT contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson

PREFIX = "onemap"


@dataclass(frozen=True, slots=True)
class Message:
    """One publish, QoS 1, not retained."""

    topic: str
    payload: bytes
    # the video event that a picture belongs to, sent as the MQTT user property `event`
    event: str | None = None


def message(topic: str, now: datetime, body: Mapping[str, object]) -> Message:
    """A message under the prefix whose body carries `now` as its `time` (RFC 3339, milliseconds)."""
    return Message(f"{PREFIX}/{topic}", orjson.dumps({**body, "time": stamp(now)}))


def stamp(now: datetime) -> str:
    """RFC 3339 with offset and milliseconds."""
    return now.isoformat(timespec="milliseconds")
