"""Cameras at underpasses, bridges and great junctions, looking along the street."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely

from demo.city.blocks import spread
from demo.city.facilities import tunnels
from demo.city.frame import rng_for, xy
from demo.city.network import Edge, Network
from demo.city.sensing import heading_deg

COUNT = 300
LONG_BRIDGE_M = 120.0
APART_M = 430.0


@dataclass(frozen=True, slots=True)
class Camera:
    """`heading` and `fov` in degrees; x, y in ground metres."""

    id: str
    name_zh: str
    name_en: str
    heading: float
    fov: float
    x: float
    y: float


def cameras(seed: int, network: Network) -> Iterator[Camera]:
    """Exactly COUNT of them: underpasses and long bridges first, then great junctions spread over the city."""
    rng = rng_for(seed, "cameras")
    bridges = [e for e in network.edges if e.bridge and e.line.length > LONG_BRIDGE_M and e.road_class != "minor"]
    special = [(e, 0.5, "", "") for e in (*tunnels(network), *bridges)]
    junctions = _junctions(seed, network, COUNT - len(special))
    for number, (edge, share, zh, en) in enumerate([*special, *junctions], start=1):
        at = edge.line.interpolate(share, normalized=True)
        yield Camera(
            f"cam-{number:03d}",
            f"{edge.name_zh}{zh}监控",
            f"{edge.name_en}{en} Camera",
            heading_deg(edge.line, share * edge.line.length),
            float(rng.choice([58, 70, 84, 100])),
            float(at.x),
            float(at.y),
        )


def _junctions(seed: int, network: Network, count: int) -> list[tuple[Edge, float, str, str]]:
    great = [e for e in network.edges if e.road_class in ("primary", "ring") and not e.bridge and not e.tunnel]
    at = xy(shapely.get_point([e.line for e in great], 0))
    chosen = sorted(spread(rng_for(seed, "camera sites"), at, np.arange(len(great)), count, APART_M))
    cross = {i: _other(network, great[i]) for i in chosen}
    return [(great[i], min(0.5, 12.0 / great[i].line.length), cross[i][0], cross[i][1]) for i in chosen]


def _other(network: Network, edge: Edge) -> tuple[str, str]:
    for other in network.edges:
        if edge.from_node in (other.from_node, other.to_node) and other.name_zh != edge.name_zh:
            return "与" + other.name_zh + "路口", " at " + other.name_en
    return "", ""
