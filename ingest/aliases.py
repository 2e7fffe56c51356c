"""Sparkplug B aliases: what a BIRTH said stands in the database, since with shared subscriptions any ingester may get
the DATA.

Sparkplug 3.0.0 sections 6.4.5 to 6.4.7. A value whose alias nobody has explained yet is a dead letter
(`unknown_alias`); when its birth comes it can be replayed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import psycopg

from core.errors import DecodeError
from core.pgarray import from_pg_us
from ingest.arrived import Arrived
from ingest.decoders.base import safe_name
from ingest.decoders.sparkplug import retype
from ingest.records import AliasedValue, BirthRow, DeathRow, Reading
from ingest.rows import Placed

BORN = """
INSERT INTO sparkplug_birth (node, device, time, aliases) VALUES (%s, %s, %s, %s)
ON CONFLICT (node, device) DO UPDATE SET time = EXCLUDED.time, aliases = EXCLUDED.aliases
  WHERE EXCLUDED.time >= sparkplug_birth.time
"""
KNOWN = "SELECT node, aliases FROM sparkplug_birth WHERE node = ANY(%s)"
DEVICES = "SELECT DISTINCT device FROM sparkplug_birth WHERE node = %s ORDER BY device"
ONLINE = "online"


def resolve(raw: psycopg.Connection[Any], placed: Iterable[Placed], now: int) -> list[Placed]:
    """Births are kept; values by alias and deaths become readings. A message with an unknown alias is marked as
    unreadable."""
    births: list[Placed] = []
    values: list[Placed] = []
    readings: list[Placed] = []
    for item in placed:
        if isinstance(item.record, BirthRow):
            births.append(item)
        elif isinstance(item.record, AliasedValue):
            values.append(item)
        else:
            readings += finish(item.message, death_readings(raw, item.record))
    for birth in sorted((b.record for b in births), key=lambda b: (b.node, b.device, b.time)):
        # a node whose clock ran ahead must be able to be born again once it is right
        born = from_pg_us(min(birth.time, now))
        told = json.dumps({alias: [name, kind] for alias, name, kind in birth.aliases})
        raw.execute(BORN, (birth.node, birth.device, born, told))
    for item in births:
        readings += finish(item.message, [online(item.record.node, item.record.device, item.record.time, 1.0)])
    return readings + name_values(raw, values)


def name_values(raw: psycopg.Connection[Any], values: list[Placed]) -> list[Placed]:
    """Values by alias as readings. What a BIRTH has not explained yet is told once a message, the others are kept."""
    if not values:
        return []
    names: dict[tuple[str, int], tuple[str, int]] = {}
    for node, aliases in raw.execute(KNOWN, (sorted({v.record.node for v in values}),)):
        names |= {(node, int(alias)): (name, kind) for alias, (name, kind) in aliases.items()}
    unknown: dict[int, list[Placed]] = {}
    for item in values:
        if (item.record.node, item.record.alias) not in names:
            unknown.setdefault(id(item.message), []).append(item)
    for items in unknown.values():
        message, aliases = items[0].message, sorted({item.record.alias for item in items})
        fault = DecodeError(
            f"alias: {', '.join(map(str, aliases))} of {items[0].record.node} is not known yet: expected its BIRTH "
            "before its DATA",
            reason="unknown_alias",
            field="alias",
        )
        if len(items) == len(message.records):
            message.refuse(fault)
        else:
            message.faults = [*message.faults, fault]
    readings: list[Placed] = []
    for item in values:
        if (item.record.node, item.record.alias) not in names:
            continue
        told = item.record
        name, kind = names[told.node, told.alias]
        value = retype(told.value, told.bits, kind)
        if name and value is not None:
            readings += finish(
                item.message, [Reading(told.sensor_id, name, told.time, value, None, "good", None, None)]
            )
    return readings


def death_readings(raw: psycopg.Connection[Any], death: DeathRow) -> list[Reading]:
    """`online` 0 for the device; for an edge node also for every device it has told of."""
    if death.device:
        return [online(death.node, death.device, death.time, 0.0)]
    devices = {"", *(device for (device,) in raw.execute(DEVICES, (death.node,)))}
    return [online(death.node, device, death.time, 0.0) for device in sorted(devices)]


def online(node: str, device: str, time: int, value: float) -> Reading:
    name = node.replace("/", ":", 1) + (f":{device}" if device else "")
    return Reading(safe_name(name), ONLINE, time, value, None, "good", None, None)


def finish(message: Arrived, readings: list[Reading]) -> list[Placed]:
    """The readings in the source's names and units; a message that cannot be used is marked as such."""
    try:
        done = message.source.finish(readings) if message.source else readings
    except DecodeError as exc:
        message.refuse(exc)
        return []
    return [Placed(record, message) for record in done]
