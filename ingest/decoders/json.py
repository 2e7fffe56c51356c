"""Any JSON, as a person describes it: JMESPath expressions (jmespath.org) say where device, time, values, units and
position stand.

An expression is read in each record (`records` names the list of them, the whole message is one record without it), and
where it finds nothing there, in the whole message: what stands once for all records need not be repeated. A text in
quotes of JMESPath is itself (`'F'` for a unit). Without expressions for values every number of a record is one, under
the path that leads to it. Where record and message must be joined in one expression, `message_as` is the name by which
the record reaches the message. Where the message itself says what its values are called, `name` and `value` lead to
both: one of each in a record, or two lists of one length. With `moves` the device is a unit, and where it is its
position.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

import msgspec
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from core.errors import DecodeError, InputError
from core.faults import unfit
from core.types import LonLat
from ingest.decoders.base import Decoder, Incoming, Options, check_place, check_time, invalid, read, spare
from ingest.decoders.expressions import compile_expression, named_in, search
from ingest.decoders.freeform import (
    MAX_METRICS,
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
from ingest.records import PositionRow, Reading, Record

MAX_RECORDS = 1000
MAX_VALUES = 64
SHOWN_CHARS = 60
# of strftime: what stands for a part of a time
DIRECTIVE = re.compile(r"%-?[A-Za-z]")
# of a message, read anew for each record that is joined with it
JOINED_BYTES = 20_000_000
# metres a second, the most that the contract takes; and what a device's speed is of them
MAX_SPEED = 300.0
SPEEDS: Mapping[str, float] = {"m/s": 1.0, "km/h": 1 / 3.6, "kn": 1852 / 3600}
PRESENCE: Mapping[str, float] = {**SWITCHED, "online": 1.0, "offline": 0.0, "on": 1.0, "off": 0.0}


def check_expression(expression: str) -> str:
    """A ValueError says what is wrong with it."""
    compile_expression(expression)
    return expression


def check_pattern(pattern: str) -> str:
    """One without a directive reads no time at all."""
    if not DIRECTIVE.search(pattern):
        raise unfit("time_pattern", "expected a pattern as strftime has it")
    return pattern


Expression = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(check_expression)]
Named = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]


class JsonOptions(Options):
    """`device_level` is that of the topic whose part names the device, from 1, or from -1 at its end, where no
    expression does; `time_format` is strftime's, where the time is text that no standard has."""

    records: Expression | None = None
    device: Expression | None = None
    device_level: int = Field(-1, ge=-20, le=20)
    time: Expression | None = None
    time_format: Annotated[str, StringConstraints(max_length=60), AfterValidator(check_pattern)] | None = None
    values: dict[Named, Expression] = Field({}, max_length=MAX_VALUES)
    units: dict[Named, Expression] = Field({}, max_length=MAX_VALUES)
    # instead of `values`: what each value is called, the value, its unit; one each, or a list of as many
    name: Expression | None = None
    value: Expression | None = None
    value_unit: Expression | None = None
    lon: Expression | None = None
    lat: Expression | None = None
    # whether the device is there
    status: Expression | None = None
    # under this name the whole message stands in each record
    message_as: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,31}$")] | None = None
    # the device is a unit: what it sends is its position, and `values` where there are some
    moves: bool = False
    speed: Expression | None = None
    speed_unit: Literal["m/s", "km/h", "kn"] = "m/s"
    heading: Expression | None = None
    accuracy: Expression | None = None
    battery: Expression | None = None

    @model_validator(mode="after")
    def named_or_listed(self) -> JsonOptions:
        """`name` and `value` go together, and in the place of what would name values otherwise."""
        if (self.name is None) != (self.value is None):
            missing = "value" if self.value is None else "name"
            raise InputError(f"{missing}: expected both name and value, or neither", field=f"options.{missing}")
        if self.name is not None and (self.values or self.status is not None or self.moves):
            raise InputError("name: expected without values, status and moves", field="options.name")
        if self.name is None and self.value_unit is not None:
            raise InputError("value_unit: expected with name and value", field="options.value_unit")
        return self


class Joined:
    """The records of one message with the message in them: as often as its size allows, for an expression may read all
    of it each time."""

    def __init__(self, whole: object, name: str | None, size: int) -> None:
        self._whole, self._name, self._size = whole, name, size
        self._left = JOINED_BYTES
        # the record joined last
        self._last: tuple[object, object] | None = None

    def of(self, record: object, expression: str) -> object:
        if self._name is None or record is self._whole or not isinstance(record, dict):
            return record
        if self._name not in named_in(expression):
            return record
        self._left -= self._size
        if self._left < 0:
            raise DecodeError(f"`{expression[:60]}` leads through too much", reason="expression")
        if self._last is None or self._last[0] is not record:
            self._last = (record, {**record, self._name: self._whole})
        return self._last[1]


class Place(NamedTuple):
    """A record and the message it stands in."""

    record: object
    whole: object
    options: JsonOptions
    # where it stands in the list, for what is said of it
    path: str
    # what expressions lead to in the whole message: read once for all its records
    shared: dict[str, object]
    # the record with the message in it, where an expression names that
    joined: Joined

    def find(self, expression: str) -> object:
        found = search(expression, self.joined.of(self.record, expression))
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
    joined = Joined(whole, options.message_as, len(incoming.payload))
    for path, record in list_records(whole, options.records):
        try:
            found += _read_record(Place(record, whole, options, path, shared, joined), incoming)
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
    if options.name is not None:
        return _read_named(place, sensor, at, fix, incoming)
    if not options.values and not options.moves:
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
    if options.moves and fix:
        try:
            found.append(_read_position(place, sensor, at, fix))
        except DecodeError as exc:
            spare(incoming.faults, exc)
    clean = len(incoming.faults or ()) == told
    if not found and clean and options.moves and not options.values:
        message = f"{place.path}lon: expected a position of the unit"
        raise DecodeError(message, reason="nothing_usable", field=f"{place.path}lon")
    if not found and clean:
        names = ", ".join(map(str, place.record)) if isinstance(place.record, dict) else shown(place.record)
        message = f"{place.path}values: none of the expressions found anything in {names[:200]}"
        raise DecodeError(message, reason="nothing_usable", field=f"{place.path}values")
    return found


def _read_named(place: Place, sensor: str, at: int, fix: LonLat | None, incoming: Incoming) -> list[Record]:
    """Values that the message names itself. One that cannot be read costs itself."""
    lon, lat = (fix.lon, fix.lat) if fix else (None, None)
    found: list[Record] = []
    for name, value, unit in _side_by_side(place):
        try:
            number = _number(f"{place.path}value", place.options.value or "", value)
            if number is None:
                raise wrong(
                    f"{place.path}value", place.options.value or "", f"expected a number of {shown(name)}", None
                )
            known = None if unit is None else _unit(f"{place.path}value_unit", place.options.value_unit or "", unit)
            found.append(Reading(sensor, _metric(place, name), at, number, known, "good", lon, lat))
        except DecodeError as exc:
            spare(incoming.faults, exc)
    return found


def _side_by_side(place: Place) -> list[tuple[object, object, object]]:
    """Names, values and units, those that belong to each other together; a unit may be that of all."""
    options = place.options
    names, values = place.find(options.name or ""), place.find(options.value or "")
    unit = None if options.value_unit is None else place.find(options.value_unit)
    if not isinstance(names, list):
        return [(names, values, unit)]
    if len(names) > MAX_METRICS:
        raise wrong(f"{place.path}name", options.name or "", f"expected at most {MAX_METRICS} names", names)
    units = unit if isinstance(unit, list) else [unit] * len(names)
    for part, expression, beside in (("value", options.value, values), ("value_unit", options.value_unit, units)):
        if not isinstance(beside, list) or len(beside) != len(names):
            told = f"expected a list as long as that of the names ({len(names)})"
            raise wrong(f"{place.path}{part}", expression or "", told, beside)
    assert isinstance(values, list)
    return list(zip(names, values, units, strict=True))


def _metric(place: Place, name: object) -> str:
    """Makers name values by number too."""
    assert place.options.name is not None
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name.strip():
        raise wrong(f"{place.path}name", place.options.name, "expected a name", name)
    return check_name(name.strip())


def _read_all(place: Place, sensor: str, at: int, fix: LonLat | None, incoming: Incoming) -> list[Record]:
    body: ForeignObject = place.record if isinstance(place.record, dict) else {"value": place.record}
    numbers = collect_numbers(body, SWITCHED, faults=incoming.faults)
    require_numbers(numbers, "which expressions lead to one?")
    lon, lat = (fix.lon, fix.lat) if fix else (None, None)
    return [*list_readings(sensor, at, numbers, stated_units(body), lon, lat)]


def _read_position(place: Place, unit: str, at: int, fix: LonLat) -> PositionRow:
    options = place.options
    speed = _find_known(place, "speed", options.speed, MAX_SPEED / SPEEDS[options.speed_unit])
    battery = _find_known(place, "battery", options.battery, 100)
    return PositionRow(
        unit_id=unit,
        time=at,
        lon=fix.lon,
        lat=fix.lat,
        speed=None if speed is None else speed * SPEEDS[options.speed_unit],
        heading=_find_known(place, "heading", options.heading, 360),
        accuracy=_find_known(place, "accuracy", options.accuracy, float("inf")),
        battery=battery / 100 if battery is not None and battery > 1 else battery,
    )


def _find_known(place: Place, name: str, expression: str | None, most: float) -> float | None:
    """Less than nought is how devices say that they do not know."""
    value = None if expression is None else place.find(expression)
    if value is None or expression is None:
        return None
    number = read_number(value)
    if number is None or number != number or number == float("inf") or number > most:
        raise wrong(f"{place.path}{name}", expression, f"expected a number of at most {most:g}", value)
    return None if number < 0 else number


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
    return _number(f"{place.path}values.{name}", expression, place.find(expression))


def _number(field: str, expression: str, value: object) -> float | None:
    if value is None:
        return None
    number = SWITCHED.get(value) if isinstance(value, str) else None
    number = read_number(value) if number is None else number
    if number is None or number in (float("inf"), float("-inf")):
        raise wrong(field, expression, "expected a number", value)
    return number


def _find_unit(place: Place, name: str) -> str | None:
    expression = place.options.units.get(name)
    unit = None if expression is None else place.find(expression)
    if unit is None:
        return None
    assert expression is not None
    return _unit(f"{place.path}units.{name}", expression, unit)


def _unit(field: str, expression: str, unit: object) -> str | None:
    if not isinstance(unit, str) or len(unit) > MAX_UNIT or not unit.isprintable():
        raise wrong(field, expression, f"expected a unit of at most {MAX_UNIT} characters", unit)
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
