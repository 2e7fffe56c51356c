"""Any JSON, as a person describes it: JMESPath expressions (jmespath.org) say where device, time, values, units and
position stand.

An expression is read in each record (`records` names the list of them, the whole message is one record without it), and
where it finds nothing there, in the whole message: what stands once for all records need not be repeated. A text in
quotes of JMESPath is itself (`'F'` for a unit). Without expressions for values every number of a record is one, under
the path that leads to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec
from pydantic import AfterValidator, Field, StringConstraints

from core.errors import DecodeError
from core.types import LonLat
from ingest.decoders.base import Decoder, Incoming, Options, check_place, check_time, invalid, read, spare
from ingest.decoders.expressions import compile_expression, search
from ingest.decoders.freeform import (
    MAX_NAME,
    MAX_UNIT,
    SWITCHED,
    ForeignObject,
    check_name,
    collect_numbers,
    list_readings,
    read_number,
    require_numbers,
    stated_units,
)
from ingest.decoders.moments import read_time, settle
from ingest.records import Reading, Record

MAX_RECORDS = 1000
MAX_VALUES = 64
SHOWN_CHARS = 60
PRESENCE: Mapping[str, float] = {**SWITCHED, "online": 1.0, "offline": 0.0, "on": 1.0, "off": 0.0}


def check_expression(expression: str) -> str:
    """A ValueError says what is wrong with it."""
    compile_expression(expression)
    return expression


Expression = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(check_expression)]
Named = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]


class JsonOptions(Options):
    """`device_level` is that of the topic whose part names the device, from 1, or from -1 at its end, where no
    expression does; `time_format` is strftime's, where the time is text that no standard has."""

    records: Expression | None = None
    device: Expression | None = None
    device_level: int = Field(-1, ge=-20, le=20)
    time: Expression | None = None
    time_format: str | None = Field(None, max_length=60)
    values: dict[Named, Expression] = Field({}, max_length=MAX_VALUES)
    units: dict[Named, Expression] = Field({}, max_length=MAX_VALUES)
    lon: Expression | None = None
    lat: Expression | None = None
    # whether the device is there
    status: Expression | None = None


class Place(NamedTuple):
    """A record and the message it stands in."""

    record: object
    whole: object
    options: JsonOptions
    # where it stands in the list, for what is said of it
    path: str
    # what expressions lead to in the whole message: read once for all its records
    shared: dict[str, object]

    def find(self, expression: str) -> object:
        found = search(expression, self.record)
        if found is not None or self.record is self.whole:
            return found
        if expression not in self.shared:
            self.shared[expression] = search(expression, self.whole)
        return self.shared[expression]


_ANY: msgspec.json.Decoder[object] = msgspec.json.Decoder(object)


def decode(incoming: Incoming) -> list[Record]:
    options: JsonOptions = incoming.options
    whole: object = read(_ANY, incoming.payload)
    found: list[Record] = []
    shared: dict[str, object] = {}
    for path, record in list_records(whole, options.records):
        try:
            found += _read_record(Place(record, whole, options, path, shared), incoming)
        except DecodeError as exc:
            spare(incoming.faults, exc)
    return found


def list_records(whole: object, expression: str | None) -> list[tuple[str, object]]:
    """The records with what names them in a sentence."""
    if expression is None:
        return [("", whole)]
    records = search(expression, whole)
    if not isinstance(records, list):
        raise wrong("records", expression, "expected a list", records)
    if not records:
        raise wrong("records", expression, "expected at least one record", records)
    if len(records) > MAX_RECORDS:
        raise invalid("records", f"`{expression}` expected at most {MAX_RECORDS} records, found {len(records)}")
    return [(f"records.{n}.", record) for n, record in enumerate(records)]


def _read_record(place: Place, incoming: Incoming) -> list[Record]:
    """A value that is none costs itself; a record without any, or without a device or time, is refused."""
    options = place.options
    sensor, at = _find_device(place, incoming), _find_time(place, incoming)
    fix = _find_position(place)
    lon, lat = (fix.lon, fix.lat) if fix else (None, None)
    if not options.values:
        return _read_all(place, sensor, at, fix, incoming)
    told = len(incoming.faults or ())
    found: list[Record] = []
    for name, expression in options.values.items():
        try:
            if (value := _find_value(place, name, expression)) is not None:
                found.append(Reading(sensor, check_name(name), at, value, _find_unit(place, name), "good", lon, lat))
        except DecodeError as exc:
            spare(incoming.faults, exc)
    if options.status is not None and (presence := _find_presence(place, options.status)) is not None:
        found.append(Reading(sensor, "online", at, presence, None, "good", lon, lat))
    if not found and len(incoming.faults or ()) == told:
        names = ", ".join(map(str, place.record)) if isinstance(place.record, dict) else shown(place.record)
        message = f"{place.path}values: none of the expressions found anything in {names[:200]}"
        raise DecodeError(message, reason="nothing_usable", field=f"{place.path}values")
    return found


def _read_all(place: Place, sensor: str, at: int, fix: LonLat | None, incoming: Incoming) -> list[Record]:
    body: ForeignObject = place.record if isinstance(place.record, dict) else {"value": place.record}
    numbers = collect_numbers(body, SWITCHED, faults=incoming.faults)
    require_numbers(numbers, "which expressions lead to one?")
    lon, lat = (fix.lon, fix.lat) if fix else (None, None)
    return [*list_readings(sensor, at, numbers, stated_units(body), lon, lat)]


def _find_device(place: Place, incoming: Incoming) -> str:
    options = place.options
    if options.device is None:
        levels = incoming.topic.split("/")
        at = options.device_level - 1 if options.device_level > 0 else options.device_level
        if not -len(levels) <= at < len(levels) or options.device_level == 0:
            raise invalid("device_level", f"expected a level of the topic {incoming.topic[:120]!r}")
        return incoming.own(levels[at])
    name = place.find(options.device)
    if isinstance(name, int | float) and not isinstance(name, bool):
        name = f"{name:.15g}" if isinstance(name, float) else str(name)
    if not isinstance(name, str) or not name.strip():
        raise wrong(f"{place.path}device", options.device, "expected a name", name)
    return incoming.own(name.strip())


def _find_time(place: Place, incoming: Incoming) -> int:
    expression = place.options.time
    if expression is None:
        return incoming.now
    field, value = f"{place.path}time", place.find(expression)
    if place.options.time_format is None:
        try:
            return read_time(value, field, incoming)
        except DecodeError as exc:
            if exc.reason != "invalid_field":
                raise
            raise wrong(field, expression, "expected a time", value) from exc
    try:
        moment = datetime.strptime(str(value), place.options.time_format)  # noqa: DTZ007 - settled below
    except ValueError as exc:
        raise wrong(field, expression, f"expected a time as {place.options.time_format}", value) from exc
    return check_time(moment if moment.tzinfo else settle(moment, incoming.zone, incoming.now), incoming.now, field)


def _find_value(place: Place, name: str, expression: str) -> float | None:
    value = place.find(expression)
    if value is None:
        return None
    number = SWITCHED.get(value) if isinstance(value, str) else None
    number = read_number(value) if number is None else number
    if number is None or number in (float("inf"), float("-inf")):
        raise wrong(f"{place.path}values.{name}", expression, "expected a number", value)
    return number


def _find_unit(place: Place, name: str) -> str | None:
    expression = place.options.units.get(name)
    unit = None if expression is None else place.find(expression)
    if unit is None:
        return None
    assert expression is not None
    if not isinstance(unit, str) or len(unit) > MAX_UNIT or not unit.isprintable():
        raise wrong(f"{place.path}units.{name}", expression, f"expected a unit of at most {MAX_UNIT} characters", unit)
    return unit.strip() or None


def _find_presence(place: Place, expression: str) -> float | None:
    value = place.find(expression)
    if value is None:
        return None
    number = PRESENCE.get(value.strip()) if isinstance(value, str) else read_number(value)
    if number not in (0, 1):
        raise wrong(f"{place.path}status", expression, "expected true or false, online or offline", value)
    return number


def _find_position(place: Place) -> LonLat | None:
    """None where the message says none; 0, 0 is how devices say so."""
    options = place.options
    if options.lon is None or options.lat is None:
        return None
    lon, lat = place.find(options.lon), place.find(options.lat)
    if lon is None and lat is None:
        return None
    numbers = read_number(lon), read_number(lat)
    for field, expression, value, number in zip(
        ("lon", "lat"), (options.lon, options.lat), (lon, lat), numbers, strict=True
    ):
        if number is None:
            raise wrong(f"{place.path}{field}", expression, "expected degrees", value)
    return check_place(*numbers)


def wrong(field: str, expression: str, expected: str, found: object) -> DecodeError:
    """The expression is named, and what stands where it leads."""
    return invalid(field, f"`{expression}` {expected}, found {shown(found)}")


def shown(found: object) -> str:
    if found is None:
        return "nothing"
    words = json.dumps(found, ensure_ascii=False) if not isinstance(found, dict | list) else type(found).__name__
    if isinstance(found, dict):
        words = "an object"
    elif isinstance(found, list):
        words = f"a list of {len(found)}"
    return words if len(words) <= SHOWN_CHARS else words[: SHOWN_CHARS - 1] + "…"


DECODER = Decoder(
    "json",
    {"zh": "任意 JSON(JMESPath 描述)", "en": "Any JSON (described by JMESPath)"},
    ("devices/+",),
    decode,
    JsonOptions,
    coarse=True,
)
