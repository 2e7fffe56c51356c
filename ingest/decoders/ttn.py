"""The Things Stack v3, JSON uplinks: ApplicationUp as its data formats page documents it. Empty fields (0, "", false)
are left out."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct, field

from core.errors import DecodeError
from core.types import LonLat
from ingest.decoders.base import Decoder, Incoming, Options, check_place, invalid, read
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


class TtnOptions(Options):
    # what names the sensor
    sensor: Literal["device_id", "dev_eui"] = "device_id"
    # also `rssi` and `snr`
    radio: bool = False


class IdsIn(Struct):
    device_id: str | None = None
    dev_eui: str | None = None


class LocationIn(Struct):
    latitude: float = 0.0
    longitude: float = 0.0


class UplinkIn(Struct):
    received_at: str | None = None
    f_port: int = 0
    frm_payload: str = ""
    decoded_payload: ForeignObject | None = None
    rx_metadata: list[GatewayIn] = field(default_factory=list)
    locations: dict[str, LocationIn] = field(default_factory=dict)


class MessageIn(Struct):
    end_device_ids: IdsIn
    received_at: str | None = None
    uplink_message: UplinkIn | None = None
    # made by hand in the console
    simulated: bool = False


_MESSAGE = msgspec.json.Decoder(MessageIn)


def decode(incoming: Incoming) -> list[Record]:
    """Joins and downlink events have no uplink; port 0 and empty frames carry no measurement; simulated ones never
    happened."""
    options: TtnOptions = incoming.options
    message: MessageIn = read(_MESSAGE, incoming.payload)
    uplink = message.uplink_message
    if uplink is None or message.simulated:
        return []
    if uplink.decoded_payload is None:
        return _check_silent(uplink)
    numbers = collect_numbers(uplink.decoded_payload, faults=incoming.faults)
    require_numbers(numbers, "does the payload formatter return one?")
    if options.radio:
        numbers |= best_reception(uplink.rx_metadata)
    fix = _find_position(uplink.locations)
    at = _find_time(message, uplink, incoming)
    lon, lat = (fix.lon, fix.lat) if fix else (None, None)
    units = stated_units(uplink.decoded_payload)
    return [*list_readings(_name_sensor(message.end_device_ids, incoming), at, numbers, units, lon, lat)]


def _check_silent(uplink: UplinkIn) -> list[Record]:
    if uplink.f_port == 0 or not uplink.frm_payload:
        return []
    raise DecodeError(
        "uplink_message.decoded_payload: there is none: the application has no payload formatter for this device",
        reason="nothing_usable",
        field="uplink_message.decoded_payload",
    )


def _name_sensor(ids: IdsIn, incoming: Incoming) -> str:
    options: TtnOptions = incoming.options
    name = ids.device_id if options.sensor == "device_id" else ids.dev_eui
    if not name:
        raise invalid(f"end_device_ids.{options.sensor}", "expected a value, it is missing")
    return incoming.own(name)


def _find_time(message: MessageIn, uplink: UplinkIn, incoming: Incoming) -> int:
    """When the network server had it; the application server's time is later."""
    given = uplink.received_at or message.received_at
    if not given:
        return incoming.now
    return read_time(given, "received_at", incoming)


def _find_position(locations: dict[str, LocationIn]) -> LonLat | None:
    """Where the device's own GPS puts it (`frm-payload`), else where its owner registered it (`user`,
    SOURCE_REGISTRY)."""
    place = locations.get("frm-payload") or locations.get("user")
    return check_place(place.longitude, place.latitude) if place else None


DECODER = Decoder(
    "ttn",
    {"zh": "The Things Stack v3(LoRaWAN)", "en": "The Things Stack v3 (LoRaWAN)"},
    # application@tenant is one level of the topic
    ("v3/+/devices/+/up",),
    decode,
    TtnOptions,
    asked=lambda options: RADIO if options.radio else frozenset(),
)
