"""Numbers of grid cells: 14 digits, region 6, subdistrict 3, community 3, serial 2 (GB/T 30428.1).

Where subdistricts (街道) and communities (社区) are not known, cells that lie together are one numbered part, whose
number stands in the place of the community: below subdistrict 000, of which there is none, then below 900 to 999.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import shapely

from layers.grid_cells.faces import Indices, Shapes

REGION = re.compile(r"\d{6}")
CODE = re.compile(r"\d{14}")
# serials that there are, and how many of them a part begins with: cells that are divided later find room beside
SERIALS, FILLED = 99, 80
COMMUNITIES = 999
# subdistricts in whose place numbers of parts stand
BELOW = (0, *range(900, 1000))
# of a side: finer than cells lie apart
STEPS = 1 << 16


def part_digits(part: int) -> str:
    """Subdistrict and community that stand for a part, from 1."""
    below, community = divmod(part - 1, COMMUNITIES)
    return f"{BELOW[below]:03}{community + 1:03}"


def part_of(code: str) -> int | None:
    """The part of a code; None where it is of a subdistrict that is known."""
    below, community = int(code[6:9]), int(code[9:12])
    if below not in BELOW or not community:
        return None
    return BELOW.index(below) * COMMUNITIES + community


def along_curve(points: Shapes) -> Indices:
    """The order of points on Hilbert's curve through their box: what follows each other lies together."""
    places = shapely.get_coordinates(points)
    low, high = places.min(axis=0), places.max(axis=0)
    x, y = (np.clip((places - low) / max(float((high - low).max()), 1e-12), 0, 1) * (STEPS - 1)).astype(np.int64).T
    distance = np.zeros(len(places), dtype=np.int64)
    step = STEPS >> 1
    while step:
        right, above = (x & step > 0).astype(np.int64), (y & step > 0).astype(np.int64)
        distance += step * step * ((3 * right) ^ above)
        # the curve in this quarter is turned
        flipped = (above == 0) & (right == 1)
        x, y = np.where(flipped, STEPS - 1 - x, x), np.where(flipped, STEPS - 1 - y, y)
        x, y = np.where(above == 0, y, x), np.where(above == 0, x, y)
        step >>= 1
    return np.argsort(distance, kind="stable")


def kept_codes(cells: Shapes, before: Mapping[str, shapely.Geometry]) -> dict[int, str]:
    """Cells, by their place, that are one of before: more than half of each is the other's."""
    if not before:
        return {}
    codes = list(before)
    shapes = np.array([before[code] for code in codes], dtype=object)
    old, new = shapely.STRtree(cells).query(shapes, predicate="intersects")
    common = shapely.area(shapely.intersection(shapes[old], cells[new]))
    same = common * 2 > np.maximum(shapely.area(shapes[old]), shapely.area(cells[new]))
    return {int(cell): codes[code] for cell, code in zip(new[same], old[same], strict=True)}


def number(region: str, cells: Shapes, before: Mapping[str, shapely.Geometry]) -> list[str]:
    """The codes of a district's cells. What was there keeps its own; no new cell takes one that another had."""
    kept = {cell: code for cell, code in kept_codes(cells, before).items() if CODE.fullmatch(code)}
    last = highest(before)
    taken = max(last, default=0)
    codes = [""] * len(cells)
    part, full = 0, 0
    for cell in along_curve(shapely.point_on_surface(cells)).tolist():
        if cell in kept:
            codes[cell] = kept[cell]
            part, full = part_of(kept[cell]) or part, SERIALS
            continue
        if not part or last.get(part, 0) >= full:
            part, taken, full = taken + 1, taken + 1, FILLED
        last[part] = last.get(part, 0) + 1
        codes[cell] = f"{region}{part_digits(part)}{last[part]:02}"
    return codes


def highest(codes: Iterable[str]) -> dict[int, int]:
    """The last serial of each part."""
    last: dict[int, int] = {}
    for code in codes:
        if CODE.fullmatch(code) and (part := part_of(code)):
            last[part] = max(last.get(part, 0), int(code[12:]))
    return last
