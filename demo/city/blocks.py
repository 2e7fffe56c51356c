"""Blocks: the ground between streets, what each is used for, and the lot inside it that may be built on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from demo.city.barriers import Barrier
from demo.city.frame import BOX, BoolArray, FloatArray, noise, rng_for, unwarp_points, warp, xy
from demo.city.network import HALF_WIDTH_M, Network
from demo.city.zones import centrality, zone

SETBACK_M = 3.0
SMALLEST_LOT_M2 = 700.0


@dataclass(frozen=True, slots=True)
class Block:
    """`lot` is the buildable ground (ground metres); `use` a key of `styles.USES`; `index` is stable for a seed."""

    index: int
    lot: Any
    use: str
    zone: str
    x: float
    y: float


# Cumulative shares of ordinary uses by zone: drawn per block after the special sites are taken.
MIX: dict[str, tuple[tuple[str, float], ...]] = {
    "old_town": (("old_town", 0.90), ("courtyard", 0.97), ("commercial", 1.0)),
    "inner": (("slab", 0.50), ("high", 0.66), ("tower", 0.78), ("commercial", 0.90), ("office", 1.0)),
    "middle": (("slab", 0.38), ("high", 0.62), ("tower", 0.88), ("commercial", 0.95), ("office", 1.0)),
    "outer": (("slab", 0.27), ("high", 0.47), ("tower", 0.70), ("village", 0.84), ("works", 0.95), ("park", 1.0)),
    "industry": (("works", 0.86), ("sheds", 0.97), ("office", 1.0)),
    "campus": (("campus", 1.0),),
    "fringe": (("farmland", 0.62), ("village", 0.80), ("wood", 0.88), ("sheds", 0.93), ("slab", 1.0)),
}
# Special sites: use, zones allowed, how many, least distance apart in metres, smallest lot in m2.
SITES: tuple[tuple[str, tuple[str, ...], int, float, float], ...] = (
    ("government", ("inner", "middle"), 14, 900.0, 9_000.0),
    ("hospital", ("inner", "middle", "outer"), 25, 950.0, 11_000.0),
    ("school", ("old_town", "inner", "middle", "outer", "fringe"), 182, 420.0, 7_000.0),
    ("park", ("inner", "middle", "outer"), 66, 560.0, 5_000.0),
)
BUSINESS = 0.34  # from this centrality on, a share of blocks is offices and shops


def faces(network: Network, barriers: Sequence[Barrier]) -> Any:
    """The ground between streets outside every barrier, in order of place."""
    lines = [edge.line for edge in network.edges]
    found = shapely.get_parts(shapely.polygonize([shapely.union_all([*lines, shapely.boundary(BOX)])]))
    closed = warp(shapely.union_all([b.corridor for b in barriers]))
    shapely.prepare(closed)
    found = found[~shapely.intersects(closed, shapely.point_on_surface(found))]
    centre = xy(shapely.centroid(found)).round(0)
    return found[np.lexsort((centre[:, 0], centre[:, 1]))]


def lots(ground: Any, network: Network, barriers: Sequence[Barrier]) -> Any:
    """Each face without its streets, their pavements, and the tracks beside it; the largest part of what is left."""
    lines = np.asarray([edge.line for edge in network.edges])
    widths = np.asarray([HALF_WIDTH_M[edge.road_class] + SETBACK_M for edge in network.edges])
    taken = shapely.buffer(lines, widths, quad_segs=3)
    face, other = shapely.STRtree(taken).query(ground)
    order = np.argsort(face, kind="stable")
    groups = np.split(other[order], np.searchsorted(face[order], np.arange(1, len(ground))))
    left = [shapely.difference(face, shapely.union_all(taken[own])) for face, own in zip(ground, groups, strict=True)]
    return np.asarray([_largest(geometry) for geometry in _outside(np.asarray(left), barriers)])


def _outside(ground: Any, barriers: Sequence[Barrier]) -> Any:
    closed = shapely.get_parts(warp(shapely.union_all([b.corridor for b in barriers])))
    piece, body = shapely.STRtree(closed).query(ground, predicate="intersects")
    for i, j in zip(piece, body, strict=True):
        ground[i] = shapely.difference(ground[i], shapely.buffer(closed[j], 4.0))
    return ground


def _largest(geometry: Any) -> Any:
    parts = [p for p in shapely.get_parts(geometry) if p.geom_type == "Polygon"]
    return max(parts, key=lambda p: float(p.area)) if parts else shapely.Polygon()


def blocks(seed: int, network: Network, barriers: Sequence[Barrier]) -> tuple[Block, ...]:
    """All blocks with a lot worth using. Special sites are spread evenly, the rest follow the zone's mix."""
    ground = lots(faces(network, barriers), network, barriers)
    ground = ground[shapely.area(ground) > SMALLEST_LOT_M2]
    centre = xy(shapely.centroid(ground))
    plan = unwarp_points(centre)
    zones = zone(plan)
    uses = ordinary_uses(seed, plan, zones)
    place_sites(seed, ground, centre, zones, uses)
    return tuple(
        Block(i + 1, lot, uses[i], zones[i], float(centre[i, 0]), float(centre[i, 1])) for i, lot in enumerate(ground)
    )


def ordinary_uses(seed: int, plan: FloatArray, zones: Sequence[str]) -> list[str]:
    """A use for every block from its zone's mix; draws follow smooth noise, so that like lies beside like."""
    rng = rng_for(seed, "uses")
    blend = 0.5 + 0.5 * np.tanh(1.6 * noise(plan, seed + 11, 900.0))
    draw = np.clip(0.55 * blend + 0.45 * rng.random(len(plan)) * 1.25, 0.0, 0.9999)
    business = (centrality(plan) > BUSINESS) & (rng.random(len(plan)) < centrality(plan) + 0.1)
    uses = []
    for i, name in enumerate(zones):
        if business[i] and name not in ("old_town", "campus"):
            uses.append("office" if rng.random() < 0.62 else "commercial")
        else:
            uses.append(next(use for use, upto in MIX[name] if draw[i] < upto))
    return uses


def place_sites(seed: int, ground: Any, centre: FloatArray, zones: Sequence[str], uses: list[str]) -> None:
    """Gives the special sites their blocks, in place: random order, but never two of a kind close together."""
    area = shapely.area(ground)
    free: BoolArray = np.ones(len(uses), dtype=np.bool_)
    for use, allowed, count, apart_m, least_m2 in SITES:
        fits = free & np.isin(zones, allowed) & (area > least_m2) & (np.asarray(uses) != "farmland")
        for i in spread(rng_for(seed, "site", use), centre, np.flatnonzero(fits), count, apart_m):
            uses[i] = use
            free[i] = False


def spread(rng: np.random.Generator, at: FloatArray, candidates: Any, count: int, apart_m: float) -> list[int]:
    """Up to `count` of `candidates` (indices into `at`), random but at least `apart_m` apart, relaxed if they run
    out."""
    order = rng.permutation(candidates)
    chosen: list[int] = []
    while len(chosen) < min(count, len(order)):
        for i in order:
            if len(chosen) < count and int(i) not in chosen:
                gaps = np.hypot(*(at[chosen] - at[i]).T) if chosen else np.asarray([np.inf])
                if gaps.min() >= apart_m:
                    chosen.append(int(i))
        apart_m *= 0.75
    return chosen
