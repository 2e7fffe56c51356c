"""The protobuf message of Sparkplug B, described in Python: field numbers from Sparkplug 3.0.0 section 6.4.1 (the
schema) and 6.4.16 (data types).

Data sets, templates and extensions (17 to 19) are declared as bytes: they have the same wire type and are skipped
whole. Of a metric's properties (9) only those that are text are declared, so that no set within a set is ever parsed.
Fields that are not declared (metadata 8) are passed over by the parser.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory  # type: ignore[import-untyped]

from core.errors import DecodeError

Kind = descriptor_pb2.FieldDescriptorProto


class DataType(IntEnum):
    """Section 6.4.16: the kinds we read as a number."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11


# (name, number, wire kind); section 6.4.5
PAYLOAD = (("timestamp", 1, Kind.TYPE_UINT64), ("seq", 3, Kind.TYPE_UINT64))
# section 6.4.6; the name is text, taken as bytes since the parser lets what is no UTF-8 pass
METRIC = (
    ("name", 1, Kind.TYPE_BYTES),
    ("alias", 2, Kind.TYPE_UINT64),
    ("timestamp", 3, Kind.TYPE_UINT64),
    ("datatype", 4, Kind.TYPE_UINT32),
    ("is_historical", 5, Kind.TYPE_BOOL),
    ("is_transient", 6, Kind.TYPE_BOOL),
    ("is_null", 7, Kind.TYPE_BOOL),
)
# sections 6.4.11 and 6.4.12
PROPERTY = (("is_null", 2, Kind.TYPE_BOOL), ("string_value", 8, Kind.TYPE_BYTES))
# which properties say the unit: `engUnit` of Ignition and the Cirrus Link modules, and what others make of it
UNIT_KEYS = frozenset({"engunit", "engunits", "engineeringunit", "engineeringunits", "unit", "units"})
VALUES = (
    ("int_value", 10, Kind.TYPE_UINT32),
    ("long_value", 11, Kind.TYPE_UINT64),
    ("float_value", 12, Kind.TYPE_FLOAT),
    ("double_value", 13, Kind.TYPE_DOUBLE),
    ("boolean_value", 14, Kind.TYPE_BOOL),
    ("string_value", 15, Kind.TYPE_BYTES),
    ("bytes_value", 16, Kind.TYPE_BYTES),
    ("dataset_value", 17, Kind.TYPE_BYTES),
    ("template_value", 18, Kind.TYPE_BYTES),
    ("extension_value", 19, Kind.TYPE_BYTES),
)


def _describe() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package="onemap.sparkplug", syntax="proto2")
    payload = file.message_type.add(name="Payload")
    for name, number, kind in PAYLOAD:
        payload.field.add(name=name, number=number, type=kind, label=Kind.LABEL_OPTIONAL)
    payload.field.add(
        name="metrics",
        number=2,
        type=Kind.TYPE_MESSAGE,
        label=Kind.LABEL_REPEATED,
        type_name=".onemap.sparkplug.Metric",
    )
    metric = file.message_type.add(name="Metric")
    metric.oneof_decl.add(name="value")
    for name, number, kind in METRIC:
        metric.field.add(name=name, number=number, type=kind, label=Kind.LABEL_OPTIONAL)
    for name, number, kind in VALUES:
        metric.field.add(name=name, number=number, type=kind, label=Kind.LABEL_OPTIONAL, oneof_index=0)
    metric.field.add(
        name="properties",
        number=9,
        type=Kind.TYPE_MESSAGE,
        label=Kind.LABEL_OPTIONAL,
        type_name=".onemap.sparkplug.Properties",
    )
    properties = file.message_type.add(name="Properties")
    properties.field.add(name="keys", number=1, type=Kind.TYPE_BYTES, label=Kind.LABEL_REPEATED)
    properties.field.add(
        name="values",
        number=2,
        type=Kind.TYPE_MESSAGE,
        label=Kind.LABEL_REPEATED,
        type_name=".onemap.sparkplug.Property",
    )
    value = file.message_type.add(name="Property")
    for name, number, kind in PROPERTY:
        value.field.add(name=name, number=number, type=kind, label=Kind.LABEL_OPTIONAL)
    return file


def _build() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_describe())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("onemap.sparkplug.Payload"))


# messages of this class have the fields above; `Payload(metrics=[{"name": b"a", "int_value": 1}])` makes one
Payload = _build()


def read_payload(body: bytes) -> Any:
    """A Payload; DecodeError where the bytes are none."""
    payload = Payload()
    try:
        payload.ParseFromString(body)
    except message.DecodeError as exc:
        raise DecodeError(f"payload: expected Sparkplug B: {exc}", reason="not_sparkplug", field="payload") from exc
    return payload


def read_name(metric: Any) -> str:
    """The metric's name, empty where it has none."""
    try:
        return cast(bytes, metric.name).decode()
    except UnicodeDecodeError as exc:
        raise DecodeError("name: expected UTF-8", reason="invalid_field", field="name") from exc


def read_unit(metric: Any) -> str | None:
    """The unit that a property of the metric states (section 6.4.10: keys and values go by their places)."""
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        name = re.sub(rb"[ _-]", b"", key).decode("ascii", "replace").lower()
        if name in UNIT_KEYS and not value.is_null and (unit := value.string_value.strip()):
            try:
                return cast(bytes, unit).decode()
            except UnicodeDecodeError as exc:
                raise DecodeError("engUnit: expected UTF-8", reason="invalid_field", field="engUnit") from exc
    return None
