"""Payloads whose keys nobody fixed: every number in them, under the path that leads to it (`DS18B20.Temperature`,
`Power.0`)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

import msgspec

from core.errors import DecodeError
from core.units import is_unit
from ingest.decoders.base import check_finite, check_text, invalid, read, spare
from ingest.records import Reading

# deeper than any device nests; what lies below is left aside
MAX_DEPTH = 8
# a message with more is no message of a device: every metric is kept by name
MAX_METRICS = 512
MAX_NAME = 128
# decimals as codecs write them with toFixed(); leading zeros mark a serial number or a telephone number, not a
# measurement. A comma stands for the point where it cannot part thousands
DECIMAL = re.compile(
    r"[+-]?(?:(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?|0,[0-9]{1,15}|[1-9][0-9]{0,14},(?:[0-9]{1,2}|[0-9]{4,15}))"
)
SWITCHED: Mapping[str, float] = {"ON": 1.0, "OFF": 0.0}

# keys that say the unit of the numbers beside them, and what makes such a key of the name of one of them
UNIT_KEYS = ("unit", "units", "uom", "unitOfMeasurement", "unit_of_measurement", "单位")
UNIT_ENDINGS = ("_unit", "_units", "_uom", "Unit", "Units", "单位")
MAX_UNIT = 32

# JSON of a shape that is the device's to say: each value is looked at before it is used
ForeignObject = dict[str, object]
_OBJECT = msgspec.json.Decoder(ForeignObject)


def read_object(payload: bytes) -> ForeignObject:
    return read(_OBJECT, payload)


def read_number(value: object) -> float | None:
    """A number, a boolean (1 and 0) or decimal text as a number, infinite where a float cannot hold it; None for all
    else."""
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if isinstance(value, str) and DECIMAL.fullmatch(text := value.strip()):
        return float(text.replace(",", "."))
    return None


def collect_numbers(
    body: Mapping[str, object],
    words: Mapping[str, float] | None = None,
    depth: int = MAX_DEPTH,
    faults: list[DecodeError] | None = None,
) -> dict[str, float]:
    """The numbers of `body` by path; `words` are texts that stand for one. One that no float can hold goes to `faults`;
    DecodeError where none are given, and for too many."""
    found: dict[str, float] = {}
    for path, value in _leaves(body, "", depth):
        number = (words or {}).get(value) if isinstance(value, str) else None
        number = read_number(value) if number is None else number
        if number is None or not path:
            continue
        try:
            found[check_name(path)] = check_finite(number, path[:MAX_NAME])
        except DecodeError as exc:
            spare(faults, exc)
        if len(found) > MAX_METRICS:
            raise DecodeError(
                f"payload: expected at most {MAX_METRICS} numbers", reason="too_many_metrics", field="payload"
            )
    return found


def _leaves(node: object, path: str, depth: int) -> Iterator[tuple[str, object]]:
    if not isinstance(node, dict | list):
        yield path, node
    elif depth:
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in pairs:
            yield from _leaves(value, f"{path}.{key}" if path else str(key), depth - 1)


def stated_units(body: ForeignObject, depth: int = MAX_DEPTH) -> dict[str, str]:
    """The units that `body` states, by the paths of their numbers: `temperature_unit` for `temperature`; `unit` for the
    one number beside it, and for several where it is a unit we know; `units` with a name for each."""
    found: dict[str, str] = {}
    for path, node in _objects(body, "", depth):
        shared = next((node[key] for key in UNIT_KEYS if key in node), None)
        numbered = [key for key, value in node.items() if _holds_number(value)]
        for key in numbered:
            own = next((node[key + ending] for ending in UNIT_ENDINGS if key + ending in node), None)
            if own is None and isinstance(shared, dict):
                own = shared.get(key)
            if own is None and isinstance(shared, str) and (len(numbered) == 1 or is_unit(shared.strip())):
                own = shared
            if isinstance(own, str) and 0 < len(unit := own.strip()) <= MAX_UNIT and unit.isprintable():
                found[f"{path}.{key}" if path else key] = unit
    return found


def _objects(node: object, path: str, depth: int) -> Iterator[tuple[str, ForeignObject]]:
    if isinstance(node, dict):
        yield path, node
    if isinstance(node, dict | list) and depth > 1:
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in pairs:
            yield from _objects(value, f"{path}.{key}" if path else str(key), depth - 1)


def _holds_number(value: object) -> bool:
    """A number, or a list of some (a phase each)."""
    several = value if isinstance(value, list) else [value]
    return any(not isinstance(one, bool) and read_number(one) is not None for one in several)


def check_name(metric: str) -> str:
    if len(metric) > MAX_NAME:
        raise invalid(metric[:40], f"expected a name of at most {MAX_NAME} characters")
    return check_text(metric, "metric")


def require_numbers(numbers: Mapping[str, float], hint: str) -> None:
    """DecodeError `nothing_usable` where there are none; `hint` says what would help."""
    if not numbers:
        raise DecodeError(f"payload: expected at least one number; {hint}", reason="nothing_usable", field="payload")


def list_readings(
    sensor: str,
    at: int,
    numbers: Mapping[str, float],
    units: Mapping[str, str],
    lon: float | None = None,
    lat: float | None = None,
) -> list[Reading]:
    """One reading per number, in the unit that was stated for it."""
    return [
        Reading(sensor, metric, at, value, unit_of(metric, units), "good", lon, lat)
        for metric, value in numbers.items()
    ]


def unit_of(metric: str, units: Mapping[str, str]) -> str | None:
    """The unit of a number by its path; a phase's is that of all phases."""
    head, _, last = metric.rpartition(".")
    return units.get(metric) or (units.get(head) if last.isdigit() else None)
