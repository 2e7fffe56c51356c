"""Tasmota telemetry: `tele/<topic>/SENSOR` and `tele/<topic>/LWT`, as its MQTT documentation has them."""

from __future__ import annotations

from core.errors import DecodeError
from ingest.decoders.base import Decoder, Incoming, check_text, check_time, invalid
from ingest.decoders.freeform import (
    SWITCHED,
    ForeignObject,
    collect_numbers,
    read_object,
    require_numbers,
    stated_units,
    unit_of,
)
from ingest.decoders.moments import read_moment
from ingest.records import Reading, Record

PREFIX = "tele"
PRESENCE = {b"Online": 1.0, b"Offline": 0.0}
# which names the units at the top of a message are for
UNITS = {
    "Temperature": "TempUnit",
    "DewPoint": "TempUnit",
    "HeatIndex": "TempUnit",
    "Pressure": "PressureUnit",
    "SeaPressure": "PressureUnit",
}
CLOCK = frozenset({"Time", "Epoch"})
# what a clock shows that no time server has set yet
UNSET_YEAR = 1970


def decode(incoming: Incoming) -> list[Record]:
    sensor, kind = read_address(incoming)
    if kind == "LWT":
        return [Reading(sensor, "online", incoming.now, _read_presence(incoming.payload), None, "good", None, None)]
    return _read_sensors(sensor, incoming) if kind == "SENSOR" else []


def read_address(incoming: Incoming) -> tuple[str, str]:
    """(sensor, kind of message). The full topic is the owner's to choose: all but `tele` and the last part names the
    device."""
    topic = incoming.topic
    *parts, kind = topic.split("/")
    if PREFIX not in parts or len(parts) < 2:
        raise DecodeError(f"topic: expected tele/+/SENSOR, got {topic[:120]!r}", reason="topic", field="topic")
    parts.remove(PREFIX)
    return incoming.own("/".join(parts)), kind


def _read_presence(payload: bytes) -> float:
    if payload not in PRESENCE:
        raise invalid("payload", "expected Online or Offline")
    return PRESENCE[payload]


def _read_sensors(sensor: str, incoming: Incoming) -> list[Record]:
    body = read_object(incoming.payload)
    told = {key: value for key, value in body.items() if key not in CLOCK}
    numbers = collect_numbers(told, SWITCHED, faults=incoming.faults)
    require_numbers(numbers, "is a sensor connected?")
    at, units = _find_time(body, incoming), stated_units(body)
    return [
        Reading(sensor, name, at, value, _find_unit(name, body) or unit_of(name, units), "good", None, None)
        for name, value in numbers.items()
    ]


def _find_time(body: ForeignObject, incoming: Incoming) -> int:
    """As the command `Time` has it: local text (1, with milliseconds 4; with an offset by SetOption52), local text and
    `Epoch` (2), seconds since 1970 (3). Telemetry is sent as it is measured: without a set clock it is from now."""
    field = "Epoch" if isinstance(body.get("Epoch"), int) else "Time"
    if field not in body:
        return incoming.now
    moment = read_moment(body[field], field, incoming.zone, incoming.now)
    return incoming.now if moment.year == UNSET_YEAR else check_time(moment, incoming.now, field)


def _find_unit(name: str, body: ForeignObject) -> str | None:
    leaf = next((part for part in reversed(name.split(".")) if not part.isdigit()), "")
    stated_by = UNITS.get(leaf)
    unit = body.get(stated_by) if stated_by else None
    return check_text(unit, stated_by or "") if isinstance(unit, str) else None


DECODER = Decoder("tasmota", {"zh": "Tasmota", "en": "Tasmota"}, ("tele/+/SENSOR", "tele/+/LWT"), decode, coarse=True)
