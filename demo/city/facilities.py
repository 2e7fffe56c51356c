"""Facilities: hospitals, schools, stations, hazardous sites … each at a building, a junction or an underpass."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely

from demo.city import names
from demo.city.blocks import Block, spread
from demo.city.buildings import Building
from demo.city.districts import District, index_at
from demo.city.frame import FloatArray, rng_for, xy
from demo.city.network import Edge, Network

METRO_LINES = (("人民大道", "人民大桥"), ("中山路",), ("二环路", "二环大桥"))
METRO_APART_M = 900.0


# what else is known of a thing
Attributes = Mapping[str, str | float | bool | Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Facility:
    """`id` is `<kind>-<number>`; x, y in ground metres; `building` the id of the building it occupies, if any."""

    id: str
    kind: str
    name_zh: str
    name_en: str
    x: float
    y: float
    capacity: int | None = None
    people_day: int = 0
    people_night: int = 0
    attributes: Attributes = field(default_factory=dict)
    building: int | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """How one kind is placed: how many, in blocks of which uses, how far apart, how large, called what.

    `day` and `night` are people per unit of capacity. `titles` name the first ones, `pattern` the rest: `{word}` is a
    place word, `{district}` the district, `{n}` a number. `becomes` is the kind its building takes.
    """

    kind: str
    prefix: str
    count: int
    uses: tuple[str, ...]
    apart_m: float
    capacity: tuple[int, int] | None
    day: float
    night: float
    pattern_zh: str
    pattern_en: str
    becomes: str | None = None
    titles: tuple[tuple[str, str], ...] = ()
    largest: bool = False
    low: bool = True


def specs() -> tuple[Spec, ...]:
    """The table `demo/data/facilities.json` as specs."""
    return tuple(
        Spec(**{key: _frozen(value) for key, value in row.items()}) for row in names.table("facilities")["kinds"]
    )


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def facilities(
    seed: int, blocks: Sequence[Block], built: Sequence[Building], network: Network, districts: tuple[District, ...]
) -> tuple[Facility, ...]:
    """All facilities; deterministic in `seed`. No building holds two."""
    words = names.words(rng_for(seed, "facility words"))
    taken: set[int] = set()
    found: list[Facility] = []
    for spec in specs():
        found.extend(_of_kind(seed, spec, blocks, built, districts, words, taken))
    found.extend(underpasses(network))
    found.extend(metro_stations(network))
    return tuple(found)


def _of_kind(
    seed: int,
    spec: Spec,
    blocks: Sequence[Block],
    built: Sequence[Building],
    districts: tuple[District, ...],
    words: Iterator[str],
    taken: set[int],
) -> Iterator[Facility]:
    rng = rng_for(seed, "facility", spec.prefix)
    sites = _sites(spec, blocks, built, taken)
    at = np.asarray([xy(shapely.point_on_surface(b.outline))[0] for b in sites])
    chosen = sorted(spread(rng, at, np.arange(len(sites)), spec.count, spec.apart_m))
    owner = index_at(districts, at[chosen])
    for number, (place, district) in enumerate(zip(chosen, owner, strict=True), start=1):
        building = sites[place]
        taken.add(building.id)
        name = _name(spec, number, districts[int(district)], next(words))
        yield _facility(spec, number, name, building, at[place], rng)


def _sites(spec: Spec, blocks: Sequence[Block], built: Sequence[Building], taken: set[int]) -> list[Building]:
    """One candidate building per block: the largest, or the lowest where the kind wants a small house."""
    use = {block.index: block.use for block in blocks}
    best: dict[int, Building] = {}
    for building in built:
        if building.use not in spec.uses or use[building.block] not in spec.uses or building.id in taken:
            continue
        held = best.get(building.block)
        if held is None or _preference(spec, building) > _preference(spec, held):
            best[building.block] = building
    return list(best.values())


def _preference(spec: Spec, building: Building) -> float:
    if spec.largest:
        return float(building.outline.area) * building.height_m
    return -building.height_m if spec.low else float(building.outline.area)


def _name(spec: Spec, number: int, district: District, word: str) -> tuple[str, str]:
    if number <= len(spec.titles):
        return spec.titles[number - 1]
    rest = number - len(spec.titles)
    zh = spec.pattern_zh.format(
        word=word, district=district.plan.name_zh, n=names.numeral(rest) if rest < 100 else rest
    )
    en = spec.pattern_en.format(word=names.pinyin(word), district=district.plan.name_en, n=rest)
    return zh, en


def _facility(
    spec: Spec, number: int, name: tuple[str, str], building: Building, at: FloatArray, rng: np.random.Generator
) -> Facility:
    capacity = int(round(rng.uniform(*spec.capacity), -1)) if spec.capacity else None
    size = capacity or 1
    return Facility(
        f"{spec.prefix}-{number:02d}",
        spec.kind,
        *name,
        float(at[0]),
        float(at[1]),
        capacity,
        round(size * spec.day),
        round(size * spec.night),
        _attributes(spec, rng),
        building.id,
    )


def _attributes(spec: Spec, rng: np.random.Generator) -> Attributes:
    if spec.kind == "hazardous_site":
        kinds = names.table("facilities")["substances"]
        chosen = kinds[int(rng.integers(len(kinds)))]
        return {**chosen, "tonnes": int(rng.integers(5, 400))}
    if spec.kind == "pump_station":
        return {"flow_m3s": round(float(rng.uniform(1.5, 12.0)), 1)}
    return {}


def tunnels(network: Network) -> list[Edge]:
    """One tunnel edge per underpass: those of the same road within 200 m are one."""
    kept: list[Edge] = []
    for edge in network.edges:
        near = any(k.name_zh == edge.name_zh and k.line.distance(edge.line) < 200 for k in kept)
        if edge.tunnel and edge.road_class in ("primary", "ring") and not near:
            kept.append(edge)
    return kept


def underpasses(network: Network) -> Iterator[Facility]:
    """Where a great road goes under the railway."""
    for number, edge in enumerate(tunnels(network), start=1):
        middle = edge.line.interpolate(0.5, normalized=True)
        names_of = (edge.name_zh + "下穿通道", edge.name_en + " Underpass")
        attributes = {"street": edge.id, "clearance_m": 4.5}
        yield Facility(
            f"underpass-{number:02d}", "underpass", *names_of, float(middle.x), float(middle.y), attributes=attributes
        )


def metro_stations(network: Network) -> Iterator[Facility]:
    """Stations along the metro lines, at junctions about a kilometre apart, named after the crossing street."""
    placed: list[tuple[float, float]] = []
    number = 0
    for line_number, streets in enumerate(METRO_LINES, start=1):
        for node in _junctions_of(network, streets):
            x, y = (float(v) for v in network.nodes[node - 1])
            if any(np.hypot(x - px, y - py) < METRO_APART_M for px, py in placed):
                continue
            cross = _crossing(network, node, streets)
            if cross is None:
                continue
            placed.append((x, y))
            number += 1
            yield Facility(
                f"metro-{number:02d}",
                "metro_station",
                cross.name_zh + "站",
                cross.name_en + " Station",
                x,
                y,
                2500,
                900,
                60,
                {"line": line_number},
            )


def _junctions_of(network: Network, streets: tuple[str, ...]) -> list[int]:
    on_line = {n for e in network.edges if e.name_zh in streets for n in (e.from_node, e.to_node)}
    return sorted(on_line)


def _crossing(network: Network, node: int, streets: tuple[str, ...]) -> Edge | None:
    great = [
        e
        for e in network.edges
        if node in (e.from_node, e.to_node)
        and e.name_zh not in streets
        and e.road_class in ("primary", "ring", "secondary")
    ]
    return great[0] if great else None


def adopted(built: Sequence[Building], found: Sequence[Facility]) -> tuple[Building, ...]:
    """The buildings with the kinds and names of the facilities that moved into them."""
    becomes = {spec.kind: spec.becomes for spec in specs()}
    tenant = {f.building: f for f in found if f.building is not None}
    return tuple(
        replace(b, kind=becomes[t.kind] or b.kind, name_zh=t.name_zh, name_en=t.name_en)
        if (t := tenant.get(b.id)) is not None
        else b
        for b in built
    )
