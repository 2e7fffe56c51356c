"""Side streets get their names and classes and join the great roads; out comes the street network of the city."""

from collections.abc import Sequence

import numpy as np

from demo.city import names
from demo.city.barriers import Barrier
from demo.city.divide import Junctions, SideStreet, divide
from demo.city.frame import rng_for, xy
from demo.city.network import Network, build, named_bridges, with_oneways
from demo.city.roads import Road, great_roads, superblocks
from demo.city.zones import block_target_m2, zone

THROUGH_M2 = 260_000.0  # a superblock larger than this has secondary streets through it
SUFFIXES = {
    "old_town": ("巷", "街", "里"),
    "industry": ("路", "路"),
    "campus": ("路", "路"),
    "inner": ("街", "巷", "里", "路"),
    "middle": ("街", "路", "巷"),
    "outer": ("路", "街"),
    "fringe": ("路", "巷"),
}
ONEWAY_STREETS = 24


def side_streets(seed: int, roads: Sequence[Road], barriers: Sequence[Barrier]) -> tuple[Road, ...]:
    """Every side street with its name: a superblock's streets share a few words, numbered as cities do."""
    words = names.words(rng_for(seed, "street words"))
    junctions = Junctions()
    found: list[Road] = []
    for index, block in enumerate(superblocks(roads, barriers)):
        rng = rng_for(seed, "divide", index)
        streets = list(divide(block, index, block_target_m2, junctions, rng))
        local = [next(words, "新华") for _ in range(1 + len(streets) // 5)] if streets else []
        where = zone(xy(block.centroid))[0]
        found.extend(_named(streets, local, SUFFIXES[where], block.area > THROUGH_M2 and where != "old_town"))
    return tuple(found)


def _named(streets: Sequence[SideStreet], words: Sequence[str], suffixes: tuple[str, ...], through: bool) -> list[Road]:
    """Roads for a superblock's streets; the longest carry plain names, the rest are numbered per word and suffix."""
    order = np.argsort([-street.line.length for street in streets], kind="stable")
    counts: dict[tuple[str, str], int] = {}
    roads = []
    for place, index in enumerate(order):
        street = streets[int(index)]
        word, plain = words[place % len(words)], place < len(words)
        suffix = suffixes[0] if plain else suffixes[(place // len(words)) % len(suffixes)]
        key = (word, suffix)
        counts[key] = counts.get(key, 0) + 1
        name = names.street(word, suffix, None if plain else counts[key])
        first = through and street.generation == 0
        roads.append(Road(*name, "secondary" if first else "minor", street.line, frozenset(), 20 if first else 30))
    return roads


def network(seed: int, barriers: Sequence[Barrier]) -> Network:
    """The whole street network on the ground; deterministic in `seed`."""
    roads = great_roads(barriers)
    graph = build([*roads, *side_streets(seed, roads, barriers)], barriers)
    graph = named_bridges(graph, barriers[0].body)
    return with_oneways(graph, _oneway_names(seed, graph))


def _oneway_names(seed: int, graph: Network) -> list[str]:
    """Names of narrow streets near the old town that carry traffic one way."""
    near = [
        e.name_zh
        for e in graph.edges
        if e.road_class == "minor"
        and e.line.length > 90
        and abs(e.line.centroid.x + 300) < 1700
        and abs(e.line.centroid.y - 400) < 1500
    ]
    unique = sorted(set(near))
    chosen = rng_for(seed, "oneway").choice(len(unique), min(ONEWAY_STREETS, len(unique)), replace=False)
    return [unique[int(i)] for i in sorted(chosen)]
