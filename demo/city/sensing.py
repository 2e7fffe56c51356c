"""Sensors of ten kinds, each where a city would put it, with the thresholds of its site."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely
from typing_extensions import TypedDict

from demo.city import layout, names
from demo.city.blocks import spread
from demo.city.buildings import Building
from demo.city.curves import spline
from demo.city.facilities import Attributes, Facility
from demo.city.frame import BOX, FloatArray, rng_for, warp_points, xy
from demo.city.network import Edge, Network
from demo.city.pipes import GasMain

Levels = dict[str, dict[str, float]]
# Standing water in an underpass or street, metres: 15 cm warns, at 27 cm traffic stops, 60 cm floats a car.
DEPTH_LEVELS: Levels = {"water_level": {"1": 0.6, "2": 0.4, "3": 0.27, "4": 0.15}}
NEAR_GUARANTEE_M = 0.3
# what hydrologists call the limits of a river, by level
STAGES: Mapping[str, Mapping[str, str]] = {
    "2": {"zh": "保证水位", "en": "guaranteed stage"},
    "4": {"zh": "警戒水位", "en": "warning stage"},
}
SMOKE_KINDS = frozenset({"hospital", "office", "commercial", "public", "school"})


class SensorPlan(TypedDict):
    """How many sensors of a kind there are and what they measure, as in sensors.json."""

    kind: str
    prefix: str
    count: int
    interval_s: int
    metrics: list[str]
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Sensor:
    """x, y in ground metres; `thresholds` per metric and level ("1" the worst) where the site has its own."""

    id: str
    kind: str
    name_zh: str
    name_en: str
    interval_s: int
    metrics: tuple[str, ...]
    thresholds: Levels
    attributes: Attributes
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere a sensor can stand."""

    name_zh: str
    name_en: str
    x: float
    y: float
    thresholds: Levels = field(default_factory=dict)
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ground:
    """What sensors are placed by."""

    seed: int
    network: Network
    built: tuple[Building, ...]
    found: tuple[Facility, ...]
    mains: tuple[GasMain, ...]


def stage_levels(warning_m: float, guarantee_m: float, levee_m: float) -> Levels:
    """River stages: blue at the warning stage, yellow 0.3 m below the guarantee stage, orange at it, red at the
    levee's."""
    near = round(guarantee_m - NEAR_GUARANTEE_M, 2)
    return {"water_level": {"1": round(levee_m, 2), "2": round(guarantee_m, 2), "3": near, "4": round(warning_m, 2)}}


def sensors(ground: Ground) -> Iterator[Sensor]:
    """All sensors; the last of every kind is a spare that no simulated device feeds."""
    plans: list[SensorPlan] = names.table("sensors")["kinds"]
    for row in plans:
        places = list(PLACES[row["kind"]](ground, row["count"] - 1))[: row["count"] - 1]
        for number, place in enumerate(places, start=1):
            yield _sensor(row, f"{row['prefix']}-{number:03d}", place)
        yield _sensor(row, f"{row['prefix']}-spare", spare(row["kind"], places[len(places) // 2]))


def spare(kind: str, beside: Place) -> Place:
    """A second device a few metres from `beside`, with the same thresholds."""
    attributes = {**beside.attributes, "spare": True}
    return Place(
        beside.name_zh + "备用", beside.name_en + " Spare", beside.x + 9, beside.y + 4, beside.thresholds, attributes
    )


def _sensor(row: SensorPlan, name: str, place: Place) -> Sensor:
    return Sensor(
        name,
        row["kind"],
        place.name_zh + row["name_zh"],
        f"{place.name_en} {row['name_en']}".rstrip(),
        row["interval_s"],
        tuple(row["metrics"]),
        place.thresholds,
        place.attributes,
        place.x,
        place.y,
    )


def water_level_places(ground: Ground, count: int) -> Iterator[Place]:
    """Every underpass, then gauges down the river and its tributaries, lakes, and low streets."""
    gauged = [*_underpass_places(ground), *_water_places()]
    yield from gauged
    left = count - len(gauged)
    for place in _street_places(ground, left, "low streets", ("secondary", "primary"), 1_500.0, DEPTH_LEVELS):
        yield replace(place, name_zh=f"{place.name_zh}积水点", name_en=f"{place.name_en} Water Gauge")


def _underpass_places(ground: Ground) -> Iterator[Place]:
    for item in ground.found:
        if item.kind == "underpass":
            name = (f"{item.name_zh}积水", f"{item.name_en} Water Gauge")
            yield Place(*name, item.x, item.y, DEPTH_LEVELS, {"underpass": item.id})


def _water_places() -> Iterator[Place]:
    yield from _gauges(layout.RIVER, layout.RIVER_NAME, 16, (9.4, 10.8, 11.9), 2.6)
    yield from _gauges(layout.TRIBUTARY, layout.TRIBUTARY_NAME, 6, (10.6, 11.6, 12.4), 1.5)
    yield from _gauges(layout.SOUTH_CANAL, layout.SOUTH_CANAL_NAME, 3, (8.4, 9.1, 9.8), 0.3)
    levels = stage_levels(7.2, 7.9, 8.6)
    for lake in layout.LAKES:
        x, y = warp_points(np.asarray([[lake.x + 0.6 * lake.rx, lake.y]]))[0]
        name = (f"{lake.name_zh}水位站", f"{lake.name_en} Station")
        yield Place(*name, float(x), float(y), levels, {"water": lake.name_zh, "stages": STAGES})


def _gauges(
    points: Any, name: tuple[str, str], count: int, upstream_m: tuple[float, float, float], fall_m: float
) -> Iterator[Place]:
    line = warp_points(spline(points, 20.0))
    line = line[shapely.contains_xy(BOX.buffer(-60), line[:, 0], line[:, 1])]
    at = np.linspace(0.02, 0.98, count)
    for number, share in enumerate(at, start=1):
        x, y = line[int(share * (len(line) - 1))]
        warning, guarantee, levee = (stage - fall_m * float(share) for stage in upstream_m)
        yield Place(
            f"{name[0]}{names.numeral(number)}号站",
            f"{name[1]} Station {number}",
            float(x),
            float(y),
            stage_levels(warning, guarantee, levee),
            {"water": name[0], "chainage": round(float(share), 3), "stages": STAGES},
        )


def _street_places(
    ground: Ground, count: int, what: str, classes: Sequence[str], apart_m: float, thresholds: Levels
) -> Iterator[Place]:
    edges = [e for e in ground.network.edges if e.road_class in classes and not e.bridge and not e.tunnel]
    at = xy(shapely.line_interpolate_point([e.line for e in edges], 0.5, normalized=True))
    rng = rng_for(ground.seed, "places", what)
    for i in sorted(spread(rng, at, np.arange(len(edges)), count, apart_m)):
        yield Place(*_on_street(edges[i]), float(at[i, 0]), float(at[i, 1]), thresholds, {"street": edges[i].id})


def _on_street(edge: Edge) -> tuple[str, str]:
    return edge.name_zh, edge.name_en


def _building_places(
    ground: Ground, count: int, what: str, fits: Callable[[Building], bool], apart_m: float
) -> Iterator[Place]:
    fitting = [b for b in ground.built if fits(b)]
    at = xy(shapely.point_on_surface([b.outline for b in fitting]))
    rng = rng_for(ground.seed, "places", what)
    candidates = rng.permutation(len(fitting))[:6000]
    for i in sorted(spread(rng, at, candidates, count, apart_m)):
        b = fitting[i]
        yield Place(
            b.name_zh or "临江", b.name_en or "Linjiang", float(at[i, 0]), float(at[i, 1]), {}, {"building": b.id}
        )


def gas_places(ground: Ground, count: int) -> Iterator[Place]:
    """Along the gas mains, about 120 m apart at the closest."""
    street = {e.id: e for e in ground.network.edges}
    at = xy(shapely.line_interpolate_point([m.line for m in ground.mains], 0.5, normalized=True))
    rng = rng_for(ground.seed, "places", "gas")
    for i in sorted(spread(rng, at, np.arange(len(at)), count, 170.0)):
        main = ground.mains[i]
        name = _on_street(street[main.id])
        yield Place(*name, float(at[i, 0]), float(at[i, 1]), {}, {"gas_main": main.id})


def _over_city(what: str, apart_m: float) -> Callable[[Ground, int], Iterator[Place]]:
    return lambda ground, count: _building_places(
        ground, count, what, lambda b: b.name_zh is not None and b.kind != "industrial", apart_m
    )


def _on_streets(what: str, classes: tuple[str, ...], apart_m: float) -> Callable[[Ground, int], Iterator[Place]]:
    return lambda ground, count: _street_places(ground, count, what, classes, apart_m, {})


def wind_places(ground: Ground, count: int) -> Iterator[Place]:
    """On high roofs."""
    return _building_places(ground, count, "wind", lambda b: b.height_m > 45 and b.name_zh is not None, 950.0)


def smoke_places(ground: Ground, count: int) -> Iterator[Place]:
    """In hospitals, offices, shops, schools, homes for the old."""
    return _building_places(ground, count, "smoke", lambda b: b.kind in SMOKE_KINDS and b.name_zh is not None, 330.0)


PLACES: dict[str, Callable[[Ground, int], Iterator[Place]]] = {
    "water_level": water_level_places,
    "rain": _over_city("rain", 1_150.0),
    "air_quality": _over_city("air", 1_400.0),
    "gas": gas_places,
    "flow": _on_streets("flow", ("primary",), 800.0),
    "temperature": _over_city("temperature", 1_100.0),
    "manhole": _on_streets("manhole", ("secondary", "minor", "primary"), 420.0),
    "noise": _on_streets("noise", ("primary", "ring"), 900.0),
    "wind": wind_places,
    "smoke": smoke_places,
}


def heading_deg(line: Any, at_m: float) -> float:
    """The compass bearing of `line` at a distance along it."""
    ends: FloatArray = xy([line.interpolate(max(at_m - 5.0, 0.0)), line.interpolate(at_m + 5.0)])
    dx, dy = ends[1] - ends[0]
    return round(float(np.degrees(np.arctan2(dx, dy)) % 360.0), 1)
