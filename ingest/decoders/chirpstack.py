"""ChirpStack v4, JSON events (api/proto/integration/integration.proto): uplinks and device status on
`application/+/device/+/event/+`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from core.errors import DecodeError
from ingest.decoders.base import Decoder, Incoming, Options, check_finite, read
from ingest.decoders.freeform import (
    ForeignObject,
    collect_numbers,
    list_readings,
    require_numbers,
    stated_units,
)
from ingest.decoders.lorawan import RADIO, GatewayIn, best_reception
from ingest.decoders.moments import read_time
from ingest.records import Record

# events that carry no measurement; a resolved location is where the network thinks the device is, without a value
SILENT = frozenset({"join", "ack", "txack", "log", "location", "integration"})


class ChirpStackOptions(Options):
    # also `rssi` and `snr` of uplinks and `margin` of status events
    radio: bool = False


class DeviceIn(Struct, rename="camel"):
    dev_eui: Annotated[str, Meta(min_length=1, max_length=64)]
    device_name: str | None = None


class UplinkIn(Struct, rename="camel"):
    device_info: DeviceIn
    time: str | None = None
    f_port: int | None = None
    object: ForeignObject | None = None
    # the frame itself, base64
    data: str | None = None
    rx_info: list[GatewayIn] = field(default_factory=list)


class StatusIn(Struct, rename="camel"):
    """`margin` in dB, `battery_level` in percent. Zero and false may be left out."""

    device_info: DeviceIn
    time: str | None = None
    margin: float = 0.0
    external_power_source: bool = False
    battery_level_unavailable: bool = False
    battery_level: float | None = None


_UPLINK = msgspec.json.Decoder(UplinkIn)
_STATUS = msgspec.json.Decoder(StatusIn)


def decode(incoming: Incoming) -> list[Record]:
    event = incoming.topic.rpartition("/")[2]
    if event == "up":
        return _decode_uplink(incoming)
    if event == "status":
        return _decode_status(incoming)
    if event in SILENT:
        return []
    message = f"topic: expected application/+/device/+/event/up or status, got {incoming.topic[:120]!r}"
    raise DecodeError(message, reason="topic", field="topic")


def _decode_uplink(incoming: Incoming) -> list[Record]:
    """Port 0 carries MAC commands only, and a frame may be empty; a payload that no codec has read is told."""
    options: ChirpStackOptions = incoming.options
    uplink: UplinkIn = read(_UPLINK, incoming.payload)
    if uplink.f_port == 0 or (uplink.object is None and not uplink.data):
        return []
    if uplink.object is None:
        raise DecodeError(
            "object: there is none: the device profile has no codec that reads this device's payload",
            reason="nothing_usable",
            field="object",
        )
    numbers = collect_numbers(uplink.object, faults=incoming.faults)
    require_numbers(numbers, "does the codec of the device profile return one?")
    if options.radio:
        numbers |= best_reception(uplink.rx_info)
    units = stated_units(uplink.object)
    return [*list_readings(_name_sensor(uplink, incoming), _find_time(uplink, incoming), numbers, units)]


def _decode_status(incoming: Incoming) -> list[Record]:
    options: ChirpStackOptions = incoming.options
    status: StatusIn = read(_STATUS, incoming.payload)
    numbers: dict[str, float] = {}
    powered = status.external_power_source or status.battery_level_unavailable
    if status.battery_level is not None and not powered:
        numbers["battery_level"] = check_finite(status.battery_level, "batteryLevel")
    if options.radio:
        numbers["margin"] = check_finite(status.margin, "margin")
    return [*list_readings(_name_sensor(status, incoming), _find_time(status, incoming), numbers, {})]


def _name_sensor(event: UplinkIn | StatusIn, incoming: Incoming) -> str:
    """By its EUI; people call it what ChirpStack does."""
    return incoming.own(event.device_info.dev_eui, event.device_info.device_name)


def _find_time(event: UplinkIn | StatusIn, incoming: Incoming) -> int:
    if event.time is None:
        return incoming.now
    return read_time(event.time, "time", incoming)


DECODER = Decoder(
    "chirpstack",
    {"zh": "ChirpStack v4(LoRaWAN)", "en": "ChirpStack v4 (LoRaWAN)"},
    ("application/+/device/+/event/up", "application/+/device/+/event/status"),
    decode,
    ChirpStackOptions,
    asked=lambda options: RADIO | {"margin"} if options.radio else frozenset(),
)
