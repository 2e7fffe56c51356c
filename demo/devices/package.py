"""The city package as devices need it: sites, streets and units, in lon/lat and in metres around the city's centre."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
from typing_extensions import TypedDict

FloatArray = npt.NDArray[np.float64]
METRES_PER_DEGREE = 111_195.0


@dataclass(frozen=True, slots=True)
class Plane:
    """A flat map around (lon0, lat0), good to a metre over a city."""

    lon0: float
    lat0: float

    def metres(self, lonlat: FloatArray) -> FloatArray:
        """lon, lat (…, 2) to x east, y north in metres."""
        scale = np.asarray([np.cos(np.radians(self.lat0)), 1.0]) * METRES_PER_DEGREE
        return np.asarray((lonlat - np.asarray([self.lon0, self.lat0])) * scale)

    def lonlat(self, metres: FloatArray) -> FloatArray:
        """The way back."""
        scale = np.asarray([np.cos(np.radians(self.lat0)), 1.0]) * METRES_PER_DEGREE
        return np.asarray(metres / scale + np.asarray([self.lon0, self.lat0]))


class Attributes(TypedDict, total=False):
    """What else is known of a thing, as far as devices ask: the underpass or water it measures, the street it stands on
    (its id)."""

    underpass: str
    water: str
    street: int
    spare: bool


class Properties(TypedDict, total=False):
    """What the package says of a thing; each layer has its own part of it."""

    kind: str
    name_zh: str
    name_en: str
    interval_s: float
    metrics: list[str]
    thresholds: dict[str, dict[str, float]]
    attributes: Attributes


class Geometry(TypedDict):
    type: str
    coordinates: list[float] | list[list[float]]


class ThingFeature(TypedDict):
    id: str
    properties: Properties
    geometry: Geometry


# `class` is a word of Python's own
StreetProperties = TypedDict(
    "StreetProperties",
    {"name_zh": str, "class": str, "from_node": int, "to_node": int, "oneway": bool, "speed_kmh": float},
)


class StreetFeature(TypedDict):
    id: int
    properties: StreetProperties
    geometry: Geometry


@dataclass(frozen=True, slots=True)
class Thing:
    """A feature at a point: x, y in metres, `properties` as in the package."""

    id: str
    x: float
    y: float
    properties: Properties

    @property
    def kind(self) -> str:
        """The feature's kind, empty where its layer has none."""
        return str(self.properties.get("kind", ""))

    @property
    def spare(self) -> bool:
        """Whether the thing is left for others to speak for."""
        return bool(self.properties.get("attributes", {}).get("spare", False))


@dataclass(frozen=True, slots=True)
class Street:
    """One stretch between two junctions; `line` (n, 2) in metres."""

    id: int
    name_zh: str
    road_class: str
    from_node: int
    to_node: int
    oneway: bool
    speed_mps: float
    line: FloatArray


@dataclass(frozen=True, slots=True)
class Package:
    """What the simulated devices know of their city."""

    plane: Plane
    sensors: tuple[Thing, ...]
    cameras: tuple[Thing, ...]
    units: tuple[Thing, ...]
    facilities: tuple[Thing, ...]
    streets: tuple[Street, ...]


class PackageError(ValueError):
    """The folder is not a readable city package; the text says which file and what was expected."""


def read(folder: Path) -> Package:
    """Reads the package in `folder`. Raises PackageError."""
    try:
        city = orjson.loads((folder / "city.json").read_bytes())
        plane = Plane(*(float(value) for value in city["center"]))
        things = {name: tuple(_things(folder, name, plane)) for name in ("sensors", "cameras", "units", "facilities")}
        return Package(plane, **things, streets=tuple(_streets(folder, plane)))
    except OSError as exc:
        raise PackageError(f"{exc.filename}: a city package has this file ({exc.strerror})") from exc
    except (KeyError, TypeError, ValueError) as exc:
        raise PackageError(f"{folder}: expected a city package as `python -m demo.city` writes it: {exc!r}") from exc


def _lines(folder: Path, name: str) -> Iterator[bytes]:
    with (folder / f"{name}.geojsonl").open("rb") as file:
        yield from file


def _things(folder: Path, name: str, plane: Plane) -> Iterator[Thing]:
    for line in _lines(folder, name):
        feature: ThingFeature = orjson.loads(line)
        x, y = plane.metres(np.asarray(feature["geometry"]["coordinates"], dtype=np.float64))
        yield Thing(str(feature["id"]), float(x), float(y), feature["properties"])


def _streets(folder: Path, plane: Plane) -> Iterator[Street]:
    for row in _lines(folder, "streets"):
        feature: StreetFeature = orjson.loads(row)
        own = feature["properties"]
        line = plane.metres(np.asarray(feature["geometry"]["coordinates"], dtype=np.float64))
        yield Street(
            int(feature["id"]),
            str(own["name_zh"]),
            str(own["class"]),
            int(own["from_node"]),
            int(own["to_node"]),
            bool(own["oneway"]),
            float(own["speed_kmh"]) / 3.6,
            line,
        )
