"""Sparkplug B 3.0.0: births tell what aliases mean, data gives values by name or by alias, deaths say who is gone.

The decoder keeps nothing between messages. What DATA leaves to its BIRTH (a metric's name where it gives an alias
alone, its unit) makes it a BornValue, resolved by the writer. DATA should not repeat the data type
(tck-id-payloads-metric-datatype-not-req): an integer without one is read as signed in the width of its field, for a
minus sign is likelier than the upper half of a counter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from core.errors import DecodeError
from ingest.decoders.base import (
    Decoder,
    Incoming,
    check_finite,
    check_optional,
    check_text,
    check_unix,
    invalid,
    spare,
)
from ingest.decoders.freeform import MAX_NAME, check_name
from ingest.decoders.sparkplug_schema import DataType, read_name, read_payload, read_unit
from ingest.records import BirthRow, BornValue, DeathRow, Reading, Record

NAMESPACE = "spBv1.0"
# housekeeping of the protocol, not measurements (sections 6.4.19 and 6.4.20)
CONTROL = ("Node Control/", "Device Control/")
BITS = {
    DataType.INT8: 8,
    DataType.INT16: 16,
    DataType.INT32: 32,
    DataType.INT64: 64,
    DataType.UINT8: 8,
    DataType.UINT16: 16,
    DataType.UINT32: 32,
    DataType.UINT64: 64,
}
SIGNED = frozenset({DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64})
NUMERIC = frozenset(DataType) - {DataType.UNKNOWN}
# bigint in the database
MAX_ALIAS = 2**63 - 1
MAX_UNIT = 32


class Address(NamedTuple):
    """`verb` is the message type; `device` is empty for messages of the edge node itself."""

    verb: str
    node: str
    device: str
    sensor: str


def decode(incoming: Incoming) -> list[Record]:
    address = read_address(incoming.topic)
    address = address._replace(sensor=incoming.own(address.sensor))
    if address.verb in ("NCMD", "DCMD", "STATE"):
        return []
    payload = read_payload(incoming.payload)
    if address.verb == "NDEATH":
        # a will is written when the node connects (section 6.4.25): its timestamp is not when it died
        return [DeathRow(address.node, "", incoming.now)]
    sent = _find_time(payload, incoming.now, incoming.now)
    if address.verb == "DDEATH":
        return [DeathRow(address.node, address.device, sent)]
    if address.verb in ("NBIRTH", "DBIRTH"):
        return _read_birth(address, payload.metrics, sent, incoming)
    found: list[Record] = []
    for metric in payload.metrics:
        try:
            record = _read_datum(address, metric, sent, incoming.now)
        except DecodeError as exc:
            spare(incoming.faults, exc)
            continue
        if record is not None:
            found.append(record)
    return found


def read_address(topic: str) -> Address:
    """`spBv1.0/group/type/edge node[/device]`, section 4.1."""
    parts = topic.split("/")
    if parts[0] == NAMESPACE and len(parts) > 1 and parts[1] == "STATE":
        return Address("STATE", "", "", "")
    if parts[0] != NAMESPACE or not 4 <= len(parts) <= 5 or not all(parts):
        raise _refuse_topic(topic)
    _, group, verb, *names = parts
    if verb not in ("NBIRTH", "NDATA", "NDEATH", "NCMD", "DBIRTH", "DDATA", "DDEATH", "DCMD"):
        raise _refuse_topic(topic)
    if len(names) != (2 if verb.startswith("D") else 1):
        raise _refuse_topic(topic)
    if max(map(len, (group, *names))) > MAX_NAME:
        raise invalid("topic", f"expected names of at most {MAX_NAME} characters")
    check_text(topic, "topic")
    return Address(verb, f"{group}/{names[0]}", "".join(names[1:]), ":".join([group, *names]))


def _refuse_topic(topic: str) -> DecodeError:
    message = f"topic: expected spBv1.0/group/type/edge node[/device], got {topic[:120]!r}"
    return DecodeError(message, reason="topic", field="topic")


def _read_birth(address: Address, metrics: Iterable[Any], sent: int, incoming: Incoming) -> list[Record]:
    """The aliases and units, then the values. A value nobody could keep (never read: no time, not a number) must not
    cost the aliases."""
    aliases: list[tuple[int, str, int]] = []
    units: list[tuple[str, str]] = []
    readings: list[Record] = []
    for metric in metrics:
        name = check_name(read_name(metric))
        kept = name if _is_measured(metric, name) else ""
        if metric.HasField("alias"):
            aliases.append((_read_alias(metric), kept, metric.datatype))
        if not kept:
            continue
        if unit := _read_unit(metric):
            units.append((kept, unit))
        if reading := _read_first(address, metric, kept, sent, incoming.now):
            readings.append(reading)
    return [BirthRow(address.node, address.device, sent, tuple(aliases), tuple(units)), *readings]


def _read_first(address: Address, metric: Any, name: str, sent: int, now: int) -> Reading | None:
    try:
        return _read_reading(address, metric, name, sent, now)
    except DecodeError:
        return None


def _read_datum(address: Address, metric: Any, sent: int, now: int) -> Record | None:
    name = check_name(read_name(metric))
    if not name and not metric.HasField("alias"):
        raise invalid("metrics", "expected a name or an alias in each")
    value = read_value(metric)
    if value is None or (name and not _is_measured(metric, name)):
        return None
    alias = None if name else _read_alias(metric)
    return BornValue(
        node=address.node,
        device=address.device,
        sensor_id=address.sensor,
        alias=alias,
        name=name,
        time=_find_time(metric, sent, now),
        value=check_finite(value, name or f"alias {alias}"),
        bits=_open_bits(metric) if alias is not None else 0,
        unit=_read_unit(metric),
    )


def _read_unit(metric: Any) -> str | None:
    unit = read_unit(metric)
    if unit is not None and len(unit) > MAX_UNIT:
        raise invalid("engUnit", f"expected at most {MAX_UNIT} characters")
    return check_optional(unit, "engUnit")


def _open_bits(metric: Any) -> int:
    return 0 if metric.datatype else {"int_value": 32, "long_value": 64}.get(metric.WhichOneof("value"), 0)


def retype(value: float, bits: int, datatype: int) -> float | None:
    """An integer that DATA sent without its type (`bits` wide, read as signed) as the BIRTH's type has it; None for no
    number."""
    if datatype and datatype not in NUMERIC:
        return None
    if not bits or datatype not in BITS:
        return value
    return float(_read_integer(int(value) & ((1 << bits) - 1), datatype, bits))


def _read_reading(address: Address, metric: Any, name: str, sent: int, now: int) -> Reading | None:
    value = read_value(metric)
    if value is None:
        return None
    at = _find_time(metric, sent, now)
    return Reading(address.sensor, name, at, check_finite(value, name), _read_unit(metric), "good", None, None)


def _read_alias(metric: Any) -> int:
    alias: int = metric.alias
    if alias > MAX_ALIAS:
        raise invalid("alias", "expected at most 63 bits")
    return alias


def _is_measured(metric: Any, name: str) -> bool:
    """Whether the metric is a number or a boolean of the process; a null of a numeric kind is."""
    if not name or name == "bdSeq" or name.startswith(CONTROL):
        return False
    if metric.datatype:
        return metric.datatype in NUMERIC
    return metric.is_null or read_value(metric) is not None


def read_value(metric: Any) -> float | None:
    """The metric's value; None for nulls and for kinds that are no number. Signed integers come as two's complement
    (6.4.17)."""
    field = None if metric.is_null else metric.WhichOneof("value")
    if field is None or (metric.datatype and metric.datatype not in NUMERIC):
        return None
    if field in ("int_value", "long_value"):
        return float(_read_integer(getattr(metric, field), metric.datatype, 32 if field == "int_value" else 64))
    if field in ("float_value", "double_value", "boolean_value"):
        return float(getattr(metric, field))
    return None


def _read_integer(raw: int, datatype: int, field_bits: int) -> int:
    bits = BITS.get(DataType(datatype), field_bits)
    signed = not datatype or datatype in SIGNED
    kept = raw & ((1 << bits) - 1)
    return kept - (1 << bits) if signed and kept >> (bits - 1) else kept


def _find_time(stamped: Any, fallback: int, now: int) -> int:
    """Milliseconds since 1970 (6.4.5, 6.4.6); historical values are told by their time alone."""
    if not stamped.HasField("timestamp"):
        return fallback
    return check_unix(stamped.timestamp / 1000, now, "timestamp")


DECODER = Decoder("sparkplug", {"zh": "Sparkplug B 3.0", "en": "Sparkplug B 3.0"}, (f"{NAMESPACE}/#",), decode)
