"""Water, green and rails as they lie on the ground: what barriers hold, and what open blocks are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from demo.city import layout, names
from demo.city.barriers import Barrier, island
from demo.city.blocks import Block
from demo.city.curves import spline
from demo.city.frame import BOX, rng_for, warp

WATER_KIND = {"river": "river", "tributary": "river", "canal": "canal", "moat": "canal", "lake": "lake"}
GREEN_KIND = {"lake": "scenic", "hill": "wood", "river": "park"}
OPEN_USES = {"park": ("park", "公园", "Park"), "farmland": ("farmland", "", ""), "wood": ("wood", "林", "Wood")}
SMALLEST_M2 = 150.0


@dataclass(frozen=True, slots=True)
class Area:
    """A named body of water, green or rail on the ground (metres); names may be empty."""

    kind: str
    name_zh: str
    name_en: str
    shape: Any


def water(barriers: Sequence[Barrier]) -> tuple[Area, ...]:
    """Rivers, canals and lakes; where two meet the greater keeps the place."""
    found: list[Area] = []
    before: list[Any] = []
    for barrier in barriers:
        if barrier.kind in WATER_KIND:
            body = shapely.difference(barrier.body, shapely.union_all(before))
            before.append(barrier.body)
            kind = WATER_KIND[barrier.kind]
            found.extend(_clipped(Area(kind, barrier.name_zh, barrier.name_en, warp(body))))
    return tuple(found)


def green(seed: int, barriers: Sequence[Barrier], blocks: Sequence[Block]) -> tuple[Area, ...]:
    """Embankments, lake parks, hills, city parks, the island, and the parks, fields and woods among the blocks."""
    wet = shapely.union_all([b.body for b in barriers if b.kind in WATER_KIND])
    found: list[Area] = list(_clipped(Area("scenic", *layout.ISLAND_NAME, warp(island()))))
    before = [shapely.union_all([wet, island(), *(b.corridor for b in barriers if b.kind in ("rail", "motorway"))])]
    for barrier in barriers:
        if barrier.green_zh:
            shape = shapely.difference(barrier.corridor, shapely.union_all(before))
            before.append(barrier.corridor)
            kind = GREEN_KIND.get(barrier.kind, "park")
            found.extend(_clipped(Area(kind, barrier.green_zh, barrier.green_en, warp(shape))))
    parks = [Area("park", b.name_zh, b.name_en, warp(b.body)) for b in barriers if b.kind == "park"]
    return (*found, *(a for park in parks for a in _clipped(park)), *_open_blocks(seed, blocks))


def _open_blocks(seed: int, blocks: Sequence[Block]) -> Iterator[Area]:
    words = names.words(rng_for(seed, "park words"))
    for block in blocks:
        if block.use in OPEN_USES:
            kind, suffix_zh, suffix_en = OPEN_USES[block.use]
            word = next(words) if suffix_zh else ""
            name = (word + suffix_zh, f"{names.pinyin(word)} {suffix_en}") if word else ("", "")
            yield Area(kind, *name, block.lot)


def _clipped(area: Area) -> Iterable[Area]:
    for part in shapely.get_parts(shapely.intersection(shapely.make_valid(area.shape), BOX)):
        if part.geom_type == "Polygon" and part.area > SMALLEST_M2:
            yield Area(area.kind, area.name_zh, area.name_en, part)


def railways() -> tuple[Area, ...]:
    """The tracks as lines."""
    lines = [(zh, en, warp(shapely.LineString(spline(points)))) for zh, en, points in layout.RAILWAYS]
    clipped = [(zh, en, shapely.get_parts(shapely.intersection(line, BOX))) for zh, en, line in lines]
    return tuple(Area("rail", zh, en, part) for zh, en, parts in clipped for part in parts)


def distance_to(areas: Sequence[Area], points: Any) -> Any:
    """Metres from each point geometry to the nearest of `areas`."""
    tree = shapely.STRtree([area.shape for area in areas])
    pairs, metres = tree.query_nearest(points, return_distance=True, all_matches=False)
    result = np.full(len(points), np.inf)
    result[pairs[0]] = metres
    return result
