"""Places by name: the street address of a point, the camera that sees it, and where a storm's steps happen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from demo.devices.chance import share
from demo.devices.package import Package, Street, Thing
from demo.devices.script import StormScript

NAMED = frozenset({"primary", "secondary", "minor", "ring"})
DOOR_M = 9.0  # one house number


@dataclass(frozen=True, slots=True)
class Place:
    """A point with its street and address; x, y in metres."""

    x: float
    y: float
    street: str
    address: str


class Gazetteer:
    """Finds addresses and cameras in one city."""

    def __init__(self, package: Package) -> None:
        self._streets = [s for s in package.streets if s.road_class in NAMED]
        self._tree = cKDTree([s.line[len(s.line) // 2] for s in self._streets])
        self._cameras = package.cameras
        self._camera_tree = cKDTree([(c.x, c.y) for c in package.cameras])

    def place(self, x: float, y: float) -> Place:
        """The place at a point, named after the street nearest to it."""
        street = self._streets[int(self._tree.query((x, y))[1])]
        return self._on(street, x, y)

    def anywhere(self, rng: np.random.Generator) -> Place:
        """A random address: on a street, a house front away from its middle line."""
        street = self._streets[int(rng.integers(len(self._streets)))]
        x, y = street.line[len(street.line) // 2] + rng.uniform(-12.0, 12.0, 2)
        return self._on(street, float(x), float(y))

    def _on(self, street: Street, x: float, y: float) -> Place:
        along = float(np.hypot(x - street.line[0, 0], y - street.line[0, 1]))
        number = 1 + int(share(street.name_zh, "door") * 60) + 2 * int(along / DOOR_M) + street.id % 40
        return Place(x, y, street.name_zh, f"{street.name_zh}{number}号")

    def camera(self, place: Place) -> Thing:
        """The camera nearest to a place."""
        return self._cameras[int(self._camera_tree.query((place.x, place.y))[1])]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where one storm happens: the underpass that floods, and every named place of the script."""

    underpass: str
    places: dict[str, Place]


def scene(package: Package, gazetteer: Gazetteer, script: StormScript, turn: int) -> Scene:
    """The places of storm number `turn` (from 0); another underpass, main and works each time."""
    underpasses = _ordered([f for f in package.facilities if f.kind == "underpass"], script.first_underpass)
    target = underpasses[turn % len(underpasses)]
    fed = [s for s in package.sensors if not s.spare]
    lows = nearest([s for s in fed if s.kind == "water_level" and _on_street(s)], target, 40)
    leaks = nearest([s for s in fed if s.kind == "gas"], target, 40)
    works = _measured([f for f in package.facilities if f.kind == "hazardous_site"], fed)
    chosen = {
        "target": target,
        "break": leaks[min(3 + 5 * turn, len(leaks) - 1)],
        "blaze": works[turn % len(works)],
        **{name: lows[i % len(lows)] for i, name in enumerate(("low", "low2", "low3", "low4"))},
    }
    places = {name: gazetteer.place(thing.x, thing.y) for name, thing in chosen.items()}
    places["target"] = _at_underpass(target)
    return Scene(target.id, places)


def _at_underpass(thing: Thing) -> Place:
    name = str(thing.properties["name_zh"])
    return Place(thing.x, thing.y, name.removesuffix("下穿通道"), name)


def _on_street(site: Thing) -> bool:
    return "street" in site.properties["attributes"]


def _ordered(underpasses: list[Thing], first: str) -> list[Thing]:
    return sorted(underpasses, key=lambda u: (not str(u.properties["name_zh"]).startswith(first), u.id))


def _measured(works: list[Thing], fed: Sequence[Thing]) -> list[Thing]:
    """Works ordered by how near an air station and a smoke detector stand, so that a fire there is measured."""
    trees = [cKDTree([(s.x, s.y) for s in fed if s.kind == kind]) for kind in ("air_quality", "smoke")]
    return sorted(works, key=lambda w: (sum(float(tree.query((w.x, w.y))[0]) for tree in trees), w.id))


def nearest(things: Sequence[Thing], to: Thing, count: int) -> list[Thing]:
    """Up to `count` things by distance."""
    return sorted(things, key=lambda t: (np.hypot(t.x - to.x, t.y - to.y), t.id))[:count]
