"""City components (部件): lamps, covers, trees … set out along the streets by the table `demo/data/assets.json`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import shapely
from typing_extensions import TypedDict

from demo.city import names
from demo.city.districts import District, index_at
from demo.city.frame import BOX, BoolArray, FloatArray, IntArray, rng_for, unwarp_points, xy
from demo.city.network import HALF_WIDTH_M, Edge, Network
from demo.city.zones import zone

FIRST_DAY, DAYS = date(2009, 3, 1), 6_200
JUNCTION_CLASSES = frozenset({"primary", "ring", "secondary"})
# What stays off bridges and out of tunnels: all but lamps and signs, whose classes these are.
ON_BRIDGES = frozenset({("01", "37"), ("02", "09")})


# a row of assets.json; `class` is a word of Python's own
AssetPlan = TypedDict(
    "AssetPlan",
    {
        "class": str,
        "subclass": str,
        "name_zh": str,
        "name_en": str,
        "dept": str,
        "where": str,
        "spacing_m": dict[str, float],
        "sides": dict[str, int],
        "offset": float,
        "count": int | None,
    },
)


@dataclass(frozen=True, slots=True)
class Asset:
    """`id` is 16 digits: region 6, class 2, subclass 2, serial 6. x, y in ground metres."""

    id: str
    name_zh: str
    name_en: str
    class_code: str
    subclass: str
    state: str
    dept: str
    installed: str
    x: float
    y: float


def assets(seed: int, network: Network, districts: tuple[District, ...]) -> Iterator[Asset]:
    """Exactly the table's total. A row with a count is thinned to it, one with null is kept whole (lamps stay
    regular), and the row whose count is 0 (trees) takes what is left."""
    table = names.table("assets")
    settled = settled_edges(network)
    left = int(table["total"])
    for row in sorted(table["rows"], key=lambda r: r["count"] == 0):
        rng = rng_for(seed, "assets", row["class"], row["subclass"])
        at, edge = _candidates(row, network, settled)
        wanted = {None: len(at), 0: left}.get(row["count"], row["count"])
        keep = np.sort(rng.permutation(len(at))[: min(wanted, left)])
        left -= len(keep)
        yield from _coded(row, at[keep], edge[keep], network, districts, rng)


def settled_edges(network: Network) -> BoolArray:
    """Which edges run through built-up ground: those outside the fringe, and every great road."""
    middle = xy(shapely.line_interpolate_point([e.line for e in network.edges], 0.5, normalized=True))
    zones = zone(unwarp_points(middle))
    return np.asarray(
        [z != "fringe" or e.road_class != "minor" for z, e in zip(zones, network.edges, strict=True)], dtype=np.bool_
    )


def _candidates(row: AssetPlan, network: Network, settled: BoolArray) -> tuple[FloatArray, IntArray]:
    if row["where"] == "junction":
        return _at_junctions(row, network)
    high = (row["class"], row["subclass"]) in ON_BRIDGES
    usable = [
        i
        for i, e in enumerate(network.edges)
        if settled[i] and e.road_class in row["spacing_m"] and (high or not (e.bridge or e.tunnel))
    ]
    return _along(row, [network.edges[i] for i in usable], np.asarray(usable))


def _along(row: AssetPlan, edges: Sequence[Edge], index: IntArray) -> tuple[FloatArray, IntArray]:
    """Places every `spacing_m` along each edge, at `offset` half widths from the middle; a second side is staggered."""
    length = shapely.length([e.line for e in edges])
    spacing = np.asarray([row["spacing_m"][e.road_class] for e in edges], dtype=np.float64)
    sides = np.asarray([row["sides"].get(e.road_class, 1) for e in edges])
    half = np.asarray([HALF_WIDTH_M[e.road_class] for e in edges])
    places, owners = [], []
    for side in (0, 1):
        count = np.where(sides > side, np.maximum(((length - 10) / spacing).astype(int), 0), 0)
        owner = np.repeat(np.arange(len(edges)), count)
        step = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        along = (step + 0.5 + 0.5 * side) * spacing[owner] * 0.98
        offset = row["offset"] * half[owner] * (1 - 2 * side)
        places.append(beside(np.asarray([e.line for e in edges])[owner], along, offset))
        owners.append(owner)
    at, owner = np.concatenate(places), np.concatenate(owners)
    inside = shapely.contains_xy(BOX, at[:, 0], at[:, 1])
    return at[inside], index[owner[inside]]


def beside(lines: Any, along_m: FloatArray, offset_m: FloatArray) -> FloatArray:
    """Points (n, 2) at a distance along each line and to the left of it (right where negative)."""
    here = xy(shapely.line_interpolate_point(lines, along_m))
    behind = xy(shapely.line_interpolate_point(lines, np.maximum(along_m - 1.0, 0.0)))
    ahead = xy(shapely.line_interpolate_point(lines, along_m + 1.0))
    tangent = ahead - behind
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    return here + np.column_stack([-tangent[:, 1], tangent[:, 0]]) * offset_m[:, None]


def _at_junctions(row: AssetPlan, network: Network) -> tuple[FloatArray, IntArray]:
    """A place near the end of every great street's edge, at the kerb."""
    great = [i for i, e in enumerate(network.edges) if e.road_class in JUNCTION_CLASSES and e.line.length > 70]
    index = np.asarray(great)
    lines = np.asarray([network.edges[i].line for i in great])
    half = np.asarray([HALF_WIDTH_M[network.edges[i].road_class] for i in great])
    starts = beside(lines, np.full(len(lines), 18.0), row["offset"] * half)
    stops = beside(lines, shapely.length(lines) - 18.0, -row["offset"] * half)
    at = np.concatenate([starts, stops])
    inside = shapely.contains_xy(BOX, at[:, 0], at[:, 1])
    return at[inside], np.concatenate([index, index])[inside]


def _coded(
    row: AssetPlan,
    at: FloatArray,
    edge: IntArray,
    network: Network,
    districts: tuple[District, ...],
    rng: np.random.Generator,
) -> Iterator[Asset]:
    owner = index_at(districts, at)
    states = names.table("assets")["states"]
    state = rng.choice([s for s, _ in states], len(at), p=[p for _, p in states])
    days = rng.integers(0, DAYS, len(at))
    serials = np.zeros(len(districts), dtype=np.int64)
    for i in range(len(at)):
        district, street = districts[owner[i]].plan, network.edges[edge[i]]
        serials[owner[i]] += 1
        code = f"{district.code}{row['class']}{row['subclass']}{serials[owner[i]]:06d}"
        yield Asset(
            code,
            street.name_zh + row["name_zh"],
            f"{street.name_en} {row['name_en']}",
            row["class"],
            row["subclass"],
            str(state[i]),
            row["dept"],
            (FIRST_DAY + timedelta(days=int(days[i]))).isoformat(),
            float(at[i, 0]),
            float(at[i, 1]),
        )
