"""Values that every part speaks: identifiers, positions, levels."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NewType

from pydantic import JsonValue

from core.errors import InputError
from core.faults import expects, not_as

# JSON of a shape that is another's to say: a column of jsonb, what a device or a city's own file holds
JsonObject = dict[str, JsonValue]
# named values of a statement
Params = Mapping[str, object]

SensorId = NewType("SensorId", str)
UnitId = NewType("UnitId", str)
CameraId = NewType("CameraId", str)
DistrictCode = NewType("DistrictCode", str)
# west, south, east, north in degrees
Box = tuple[float, float, float, float]

UNKNOWN_DISTRICT = DistrictCode("000000")
DEVICE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Level(IntEnum):
    """Grade of an emergency, GB/T 35561: I is the worst."""

    I = 1  # noqa: E741
    II = 2
    III = 3
    IV = 4


@dataclass(frozen=True, slots=True)
class LonLat:
    """A WGS 84 position in degrees, longitude first (EPSG:4326 as GeoJSON orders it, RFC 7946 section 3.1.1)."""

    lon: float
    lat: float

    def __post_init__(self) -> None:
        for name, value, bound in (("lon", self.lon, 180.0), ("lat", self.lat, 90.0)):
            if not math.isfinite(value) or abs(value) > bound:
                raise InputError(
                    f"{name} must be a number of degrees between -{bound:g} and {bound:g}, got {value}",
                    field=name,
                    about=expects(name, "between", least=f"{-bound:g}", most=f"{bound:g}"),
                )

    @property
    def ewkt(self) -> str:
        return f"SRID=4326;POINT({self.lon!r} {self.lat!r})"


def place_of(thing: Mapping[str, Any]) -> LonLat | None:
    """Where an object of the API is; None where nobody has said."""
    lon, lat = thing["lon"], thing["lat"]
    return None if lon is None or lat is None else LonLat(lon, lat)


def check_device_id(value: str, field: str) -> str:
    """`value` if it may name a device (contract: letters, digits, `_ . : -`, 1 to 64 of them)."""
    if not DEVICE_ID.fullmatch(value):
        told = f"must be 1 to 64 of A-Z a-z 0-9 _ . : -, got {value[:80]!r}"
        raise not_as(field, "thing_id", told, name=value[:80])
    return value


def partition_of(sensor_id: str, partitions: int) -> int:
    """The shard of the alert engine that judges this sensor: CRC-32 of its id, modulo the number of shards."""
    return zlib.crc32(sensor_id.encode()) % partitions
