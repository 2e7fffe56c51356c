"""Buildings: every block filled in its style, with heights that rise towards the centres and the people inside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from demo.city import names
from demo.city.blocks import Block
from demo.city.fill import along_edges, rows, split_off
from demo.city.frame import rng_for, unwarp_points
from demo.city.styles import PEOPLE_PER_M2, SHOP, USES, Style
from demo.city.zones import tower_height_m

SITE_M2 = {"school": 17_000.0, "hospital": 24_000.0, "government": 26_000.0}
REST_USE = "slab"  # what stands beside a school or hospital in the same block
MOST_PER_BLOCK = 1_000


# outline, style, height m, use, names
Draft = tuple[Any, Style, float, str, tuple[str, str] | None]


@dataclass(frozen=True, slots=True)
class Building:
    """`outline` in ground metres; `block` the block's index; people by day and by night."""

    id: int
    kind: str
    outline: Any
    height_m: float
    people_day: int
    people_night: int
    block: int
    use: str
    name_zh: str | None = None
    name_en: str | None = None


def buildings(seed: int, blocks: Sequence[Block]) -> tuple[Building, ...]:
    """All buildings of the city. A building's id is its block's index and its number there: stable for a seed."""
    words = names.words(rng_for(seed, "building words"))
    built: list[Building] = []
    for block in blocks:
        rng = rng_for(seed, "buildings", block.index)
        word = next(words, "临江")
        found = apart(list(_in_block(block, word, rng)))[: MOST_PER_BLOCK - 1]
        built.extend(_numbered(block, found))
    return tuple(built)


def apart(drafts: list[Draft]) -> list[Draft]:
    """Only drafts that touch none kept before them (shops meet at sharp corners)."""
    if not drafts:
        return drafts
    outlines = [draft[0] for draft in drafts]
    earlier, later = shapely.STRtree(outlines).query(outlines, predicate="intersects")[::-1]
    dropped: set[int] = set()
    for first, second in sorted(zip(earlier.tolist(), later.tolist(), strict=True)):
        if first < second and first not in dropped:
            dropped.add(second)
    return [draft for i, draft in enumerate(drafts) if i not in dropped]


def _in_block(block: Block, word: str, rng: np.random.Generator) -> Iterator[Draft]:
    style = USES[block.use]
    if style is None:
        return
    site, rest = block.lot, shapely.Polygon()
    if block.use in SITE_M2:
        site, rest = split_off(block.lot, SITE_M2[block.use])
    yield from _styled(site, style, block, block.use, word, rng)
    other = USES["old_town" if block.zone == "old_town" else REST_USE]
    if not rest.is_empty and other is not None:
        yield from _styled(rest, other, block, REST_USE, word, rng)


def _styled(lot: Any, style: Style, block: Block, use: str, word: str, rng: np.random.Generator) -> Iterator[Draft]:
    floors, top_m = rng.uniform(*style.floors), skyline_m(block) if style.reach else 0.0
    title = _title(style, word, rng)
    for number, outline in enumerate(rows(lot, style, rng), start=1):
        height = _height(style, floors, top_m, rng)
        yield outline, style, height, use, _numbered_name(title, number, style)
    if style.shops:
        for outline in along_edges(lot, SHOP, rng):
            yield outline, SHOP, _height(SHOP, rng.uniform(*SHOP.floors), 0.0, rng), use, None


def skyline_m(block: Block) -> float:
    """The height that the tallest buildings reach in this block."""
    return float(tower_height_m(unwarp_points(np.asarray([[block.x, block.y]])))[0])


def _height(style: Style, floors: float, top_m: float, rng: np.random.Generator) -> float:
    count = max(1, round(floors + rng.uniform(-0.6, 0.6)))
    if style.reach:
        count = max(count, round(style.reach * top_m * rng.uniform(0.25, 1.0) ** 1.3 / style.storey_m))
    return round(count * style.storey_m + rng.uniform(0.2, 0.8), 1)


def _title(style: Style, word: str, rng: np.random.Generator) -> tuple[str, str] | None:
    if style.names is None:
        return None
    suffixes: dict[str, str] = names.table("names")[style.names]
    chosen = list(suffixes)[int(rng.integers(len(suffixes)))]
    return word + chosen, f"{names.pinyin(word)} {suffixes[chosen]}"


def _numbered_name(title: tuple[str, str] | None, number: int, style: Style) -> tuple[str, str] | None:
    if title is None:
        return None
    unit_zh, unit_en = ("栋", "Block") if style.kind == "residential" else ("号楼", "Building")
    return f"{title[0]}{number}{unit_zh}", f"{title[1]} {unit_en} {number}"


def _numbered(block: Block, drafts: Sequence[Draft]) -> Iterator[Building]:
    for number, (outline, style, height, use, name) in enumerate(drafts, start=1):
        floor_m2 = outline.area * max(1, round(height / style.storey_m))
        day, night = PEOPLE_PER_M2[style.kind]
        name_zh, name_en = name or (None, None)
        yield Building(
            block.index * MOST_PER_BLOCK + number,
            style.kind,
            outline,
            height,
            round(floor_m2 * day),
            round(floor_m2 * night),
            block.index,
            use,
            name_zh,
            name_en,
        )
