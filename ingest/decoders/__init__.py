"""Decoders: bytes of one message to records. They raise DecodeError and nothing else."""

from __future__ import annotations

from core.registry import Registry
from ingest.decoders import (
    cap,
    chirpstack,
    frigate,
    json,
    native,
    owntracks,
    senml,
    sensorthings,
    sparkplug,
    tasmota,
    ttn,
    zigbee2mqtt,
)
from ingest.decoders.base import Decoder

MODULES = (native, senml, sensorthings, chirpstack, ttn, sparkplug, tasmota, zigbee2mqtt, frigate, owntracks, cap, json)
DECODERS: Registry[Decoder] = Registry("onemap.decoders", [module.DECODER for module in MODULES], key=lambda d: d.key)
