"""Sparkplug B aliases and units: what a BIRTH said stands in the database, since with shared subscriptions any ingester
may get the DATA.

Sparkplug 3.0.0 sections 6.4.5 to 6.4.7. A value whose alias nobody has explained yet is a dead letter
(`unknown_alias`), one for an alias each day and birth, with the newest value; when its birth comes it can be replayed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from core.errors import DecodeError
from core.pgarray import from_pg_us
from ingest.arrived import Arrived
from ingest.decoders.base import safe_name
from ingest.decoders.sparkplug import retype
from ingest.records import BirthRow, BornValue, DeathRow, Reading
from ingest.rows import Placed

BORN = """
INSERT INTO sparkplug_birth (node, device, time, aliases, units) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (node, device) DO UPDATE SET time = EXCLUDED.time, aliases = EXCLUDED.aliases, units = EXCLUDED.units
  WHERE EXCLUDED.time >= sparkplug_birth.time
"""
KNOWN = "SELECT node, device, aliases, units, time FROM sparkplug_birth WHERE node = ANY(%s)"
DEVICES = "SELECT DISTINCT device FROM sparkplug_birth WHERE node = %s ORDER BY device"
ONLINE = "online"


class Born(NamedTuple):
    """What births have told of the nodes asked for."""

    # (node, alias) -> name of the metric, its data type
    names: dict[tuple[str, int], tuple[str, int]]
    # (node, device) -> name of the metric -> its unit
    units: dict[tuple[str, str], dict[str, str]]
    # (node, device) -> when it was born last
    times: dict[tuple[str, str], datetime]


def resolve(raw: psycopg.Connection[Any], placed: Iterable[Placed], now: int) -> list[Placed]:
    """Births are kept; values by alias and deaths become readings. A message with an unknown alias is marked as
    unreadable."""
    births: list[Placed] = []
    values: list[Placed] = []
    told: list[tuple[Arrived, Reading]] = []
    for item in placed:
        if isinstance(item.record, BirthRow):
            births.append(item)
        elif isinstance(item.record, BornValue):
            values.append(item)
        else:
            told += [(item.message, reading) for reading in death_readings(raw, item.record)]
    for birth in sorted((b.record for b in births), key=lambda b: (b.node, b.device, b.time)):
        # a node whose clock ran ahead must be able to be born again once it is right
        born = from_pg_us(min(birth.time, now))
        aliases = json.dumps({alias: [name, kind] for alias, name, kind in birth.aliases})
        raw.execute(BORN, (birth.node, birth.device, born, aliases, json.dumps(dict(birth.units))))
    told += [(item.message, online(item.record.node, item.record.device, item.record.time, 1.0)) for item in births]
    return finish([*told, *name_values(raw, values)])


def name_values(raw: psycopg.Connection[Any], values: list[Placed]) -> list[tuple[Arrived, Reading]]:
    """Values as readings, by what their births have said. An alias that none has explained yet is told once a message,
    the others are kept."""
    if not values:
        return []
    born = read_births(raw, sorted({v.record.node for v in values}))
    unknown: dict[int, list[Placed]] = {}
    for item in values:
        if item.record.alias is not None and (item.record.node, item.record.alias) not in born.names:
            unknown.setdefault(id(item.message), []).append(item)
    for items in unknown.values():
        message, aliases = items[0].message, sorted({item.record.alias for item in items})
        fault = DecodeError(
            f"alias: {', '.join(map(str, aliases))} of {items[0].record.node} is not known yet: expected its BIRTH "
            "before its DATA",
            reason="unknown_alias",
            field="alias",
            once=f"alias {aliases[0]} of {items[0].record.node}/{items[0].record.device} since "
            f"{born.times.get((items[0].record.node, items[0].record.device))}",
        )
        if len(items) == len(message.records):
            message.refuse(fault)
        else:
            message.faults = [*message.faults, fault]
    named = [(item.message, name_value(item.record, born)) for item in values]
    return [(message, reading) for message, reading in named if reading is not None]


def read_births(raw: psycopg.Connection[Any], nodes: list[str]) -> Born:
    born = Born({}, {}, {})
    for node, device, aliases, units, time in raw.execute(KNOWN, (nodes,)):
        born.names.update({(node, int(alias)): (name, kind) for alias, (name, kind) in aliases.items()})
        born.units[node, device] = units
        born.times[node, device] = time
    return born


def name_value(told: BornValue, born: Born) -> Reading | None:
    """None for what no BIRTH has explained, and for what is no measured number."""
    name, value = told.name, told.value
    if told.alias is not None:
        name, kind = born.names.get((told.node, told.alias), ("", 0))
        retyped = retype(value, told.bits, kind)
        if not name or retyped is None:
            return None
        value = retyped
    unit = told.unit or born.units.get((told.node, told.device), {}).get(name)
    return Reading(told.sensor_id, name, told.time, value, unit, "good", None, None)


def death_readings(raw: psycopg.Connection[Any], death: DeathRow) -> list[Reading]:
    """`online` 0 for the device; for an edge node also for every device it has told of."""
    if death.device:
        return [online(death.node, death.device, death.time, 0.0)]
    devices = {"", *(device for (device,) in raw.execute(DEVICES, (death.node,)))}
    return [online(death.node, device, death.time, 0.0) for device in sorted(devices)]


def online(node: str, device: str, time: int, value: float) -> Reading:
    name = node.replace("/", ":", 1) + (f":{device}" if device else "")
    return Reading(safe_name(name), ONLINE, time, value, None, "good", None, None)


def finish(told: Sequence[tuple[Arrived, Reading]]) -> list[Placed]:
    """The readings in their source's names and units. One that cannot be used is told beside those that are kept; a
    message of which nothing is left is marked as unreadable."""
    groups: dict[int, tuple[Arrived, list[Reading]]] = {}
    for message, reading in told:
        groups.setdefault(id(message), (message, []))[1].append(reading)
    placed: list[Placed] = []
    for message, readings in groups.values():
        faults: list[DecodeError] = []
        done = message.source.finish(readings, faults, message.spelled) if message.source else readings
        message.faults = [*message.faults, *faults]
        if faults and not done and all(type(record) in (BornValue, DeathRow) for record in message.records):
            message.refuse(message.faults[0])
        placed += [Placed(record, message) for record in done]
    return placed
