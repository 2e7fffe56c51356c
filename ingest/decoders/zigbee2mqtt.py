"""Zigbee2MQTT: the state of devices on `zigbee2mqtt/<friendly name>`, whether they are there on `.../availability`."""

from __future__ import annotations

from pydantic import Field

from core.errors import DecodeError
from ingest.decoders.base import Decoder, Incoming, Options, invalid
from ingest.decoders.freeform import (
    SWITCHED,
    collect_numbers,
    list_readings,
    read_object,
    require_numbers,
    stated_units,
)
from ingest.decoders.moments import read_time
from ingest.records import Reading, Record

PRESENCE = {"online": 1.0, "offline": 0.0}
# about the device and its firmware, not measured; last_seen is the time
DESCRIPTIVE = frozenset({"device", "update", "update_available", "last_seen", "elapsed"})
# nested values are one level deep: color.x, color.hue
DEPTH = 2


class Zigbee2MqttOptions(Options):
    base_topic: str = Field("zigbee2mqtt", min_length=1, max_length=200)


def decode(incoming: Incoming) -> list[Record]:
    """Commands (`set`, `get`) and the bridge's own messages are no data; an empty payload clears what a removed device
    retained."""
    options: Zigbee2MqttOptions = incoming.options
    base = options.base_topic.rstrip("/") + "/"
    name = incoming.topic.removeprefix(base)
    if not name or name == incoming.topic:
        raise DecodeError(
            f"topic: expected it under {base}, got {incoming.topic[:120]!r}", reason="topic", field="topic"
        )
    parts = name.split("/")
    if parts[0] == "bridge" or {"set", "get"} & set(parts[1:][-2:]) or not incoming.payload:
        return []
    if parts[-1] == "availability" and len(parts) > 1:
        return [_read_presence(incoming.own("/".join(parts[:-1])), incoming)]
    return _read_state(incoming.own(name), incoming)


def _read_presence(sensor: str, incoming: Incoming) -> Reading:
    """`{"state": "online"}`; plain text before version 2 of Zigbee2MQTT."""
    legacy = incoming.payload.strip() in (b"online", b"offline")
    state = incoming.payload.strip().decode() if legacy else read_object(incoming.payload).get("state")
    if not isinstance(state, str) or state not in PRESENCE:
        raise invalid("state", "expected online or offline")
    return Reading(sensor, "online", incoming.now, PRESENCE[state], None, "good", None, None)


def _read_state(sensor: str, incoming: Incoming) -> list[Record]:
    body = read_object(incoming.payload)
    at = _find_time(body.get("last_seen"), incoming)
    switches = {
        key: SWITCHED[value] for key, value in body.items() if isinstance(value, str) and _is_switched(key, value)
    }
    measured = {key: value for key, value in body.items() if key not in DESCRIPTIVE}
    numbers = collect_numbers(measured | switches, depth=DEPTH, faults=incoming.faults)
    require_numbers(numbers, "the device tells of nothing measured")
    units = stated_units(measured, DEPTH)
    if "battery" in body:
        units.setdefault("voltage", "mV")  # of the battery; mains are in volts
    return [*list_readings(sensor, at, numbers, units)]


def _is_switched(key: str, value: str) -> bool:
    """`state`, and `state_left`, `state_l1` of devices with several switches."""
    return (key == "state" or key.startswith("state_")) and value in SWITCHED


def _find_time(seen: object, incoming: Incoming) -> int:
    """`last_seen` is ISO 8601 or milliseconds since 1970, as configured; off by default."""
    if seen is None:
        return incoming.now
    return read_time(seen, "last_seen", incoming)


DECODER = Decoder(
    "zigbee2mqtt",
    {"zh": "Zigbee2MQTT", "en": "Zigbee2MQTT"},
    ("zigbee2mqtt/#",),
    decode,
    Zigbee2MqttOptions,
    coarse=True,
)
