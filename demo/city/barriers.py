"""What streets go around: water with its banks, railways, the motorway, hills, parks. In plan metres.

Every barrier has a corridor polygon; a street runs along its edge, and only lines that say so may cross it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import shapely

from demo.city import layout
from demo.city.curves import blob, ribbon, ring, spline
from demo.city.frame import PLAN_BOX, rng_for


@dataclass(frozen=True, slots=True)
class Barrier:
    """`corridor` is closed to blocks; `body` is what lies in it (water, wood …), empty for rails and motorway."""

    kind: str
    corridor: Any
    body: Any
    name_zh: str
    name_en: str
    road_zh: str
    road_en: str
    road_class: str = "minor"
    green_zh: str = ""
    green_en: str = ""


def river() -> Barrier:
    """The river with its island and the embankment park on both banks."""
    centre = spline(layout.RIVER)
    x, y, half = layout.ISLAND
    near = shapely.distance(shapely.points(centre), shapely.Point(x, y))
    widening = 150.0 * (1 - (near / (2.1 * half)).clip(0, 1) ** 2)
    width = layout.RIVER_HALF_WIDTH_M + widening
    corridor = ribbon(centre, width + layout.RIVER_BANK_M)
    body = shapely.difference(ribbon(centre, width), island())
    return Barrier(
        "river",
        corridor,
        body,
        *layout.RIVER_NAME,
        "滨江路",
        "Binjiang Road",
        "secondary",
        "滨江绿带",
        "Riverside Greenway",
    )


def island() -> Any:
    """A lens of land in the middle of the river."""
    x, y, half = layout.ISLAND
    centre = spline(layout.RIVER, 20.0)
    near = shapely.distance(shapely.points(centre), shapely.Point(x, y))
    inside = near < half
    width = 100.0 * (1 - (near[inside] / half) ** 2) ** 0.8 + 1.0
    return ribbon(centre[inside], width)


def stream(
    kind: str, points: Any, half_width_m: float, bank_m: float, name: tuple[str, str], road: tuple[str, str]
) -> Barrier:
    """A small river or canal with narrow green banks."""
    centre = spline(points)
    corridor, body = ribbon(centre, half_width_m + bank_m), ribbon(centre, half_width_m)
    return Barrier(kind, corridor, body, *name, *road, "minor", name[0] + "绿道", name[1] + " Greenway")


def moat() -> Barrier:
    """The old town's moat: water all around, a street inside and outside of it."""
    line = shapely.LinearRing(ring(*layout.MOAT, power=5.5, wobble=0.012))
    half = layout.MOAT_HALF_WIDTH_M
    return Barrier(
        "moat",
        line.buffer(half + 16),
        line.buffer(half),
        *layout.MOAT_NAME,
        "环城路",
        "Huancheng Road",
        "secondary",
        "环城公园",
        "City Wall Park",
    )


def lakes(seed: int) -> Iterable[Barrier]:
    """Lakes in their parks."""
    for plan in layout.LAKES:
        water = blob(plan.x, plan.y, plan.rx, plan.ry, rng_for(seed, "lake", plan.name_en))
        corridor = water.buffer(plan.bank_m).buffer(60).buffer(-60)
        yield Barrier(
            "lake",
            corridor,
            water,
            plan.name_zh,
            plan.name_en,
            f"环{plan.name_zh[:2]}路",
            f"{plan.name_en} Ring Street",
            "secondary",
            plan.park_zh,
            plan.park_en,
        )


def hills(seed: int) -> Iterable[Barrier]:
    """Wooded hills at the edge."""
    for name_zh, name_en, x, y, rx, ry in layout.HILLS:
        body = blob(x, y, rx, ry, rng_for(seed, "hill", name_en), 0.2)
        road = (f"{name_zh[:2]}环山路", f"{name_en} Foot Road")
        yield Barrier("hill", body, body, name_zh, name_en, *road, "minor", name_zh, name_en)


def parks(seed: int) -> Iterable[Barrier]:
    """City parks drawn as soft rectangles."""
    for name_zh, name_en, x, y, rx, ry in layout.CITY_PARKS:
        body = shapely.Polygon(ring(x, y, rx, ry, power=6.0, wobble=0.03))
        road = (f"{name_zh[:2]}公园路", f"{name_en} Street")
        yield Barrier("park", body, body, name_zh, name_en, *road, "minor", name_zh, name_en)


def tracks() -> Iterable[Barrier]:
    """Railways and the motorway: closed bands with service streets along them."""
    for name_zh, name_en, points in layout.RAILWAYS:
        band = ribbon(spline(points), layout.RAIL_CORRIDOR_M)
        road = (f"{name_zh[:2]}铁路街", f"{name_en} Street")
        yield Barrier("rail", band, shapely.Polygon(), name_zh, name_en, *road)
    band = ribbon(spline(layout.MOTORWAY), layout.MOTORWAY_CORRIDOR_M)
    yield Barrier("motorway", band, shapely.Polygon(), *layout.MOTORWAY_NAME, "绕城辅路", "Expressway Service Road")


def barriers(seed: int) -> tuple[Barrier, ...]:
    """All of them, the greatest first: where two overlap the earlier keeps its bank road."""
    streams = (
        stream(
            "tributary",
            layout.TRIBUTARY,
            layout.TRIBUTARY_HALF_WIDTH_M,
            26,
            layout.TRIBUTARY_NAME,
            ("清溪路", "Qingxi Road"),
        ),
        stream("canal", layout.CANAL, layout.CANAL_HALF_WIDTH_M, 18, layout.CANAL_NAME, ("盐河路", "Yanhe Road")),
        stream(
            "canal",
            layout.SOUTH_CANAL,
            layout.CANAL_HALF_WIDTH_M,
            20,
            layout.SOUTH_CANAL_NAME,
            ("新南河路", "Xinnanhe Road"),
        ),
    )
    everything = (river(), *tracks(), *streams, moat(), *lakes(seed), *parks(seed), *hills(seed))
    return tuple(barrier for barrier in everything if barrier.corridor.intersects(PLAN_BOX))
