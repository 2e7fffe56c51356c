"""An OpenStreetMap extract (.osm.pbf) to features, read with osmium. What a tag does not say stays unknown."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import osmium
from sqlalchemy import Engine
from typing_extensions import TypedDict

from core.errors import InputError
from core.types import Box
from layers.imports.load import CityHead, load_layer, save_city
from layers.imports.package import Told, analyse
from layers.imports.schema import Feature

# highway value -> our class and a speed for where none is signed, km/h
ROADS = {
    "motorway": ("motorway", 100),
    "motorway_link": ("motorway", 60),
    "trunk": ("ring", 80),
    "trunk_link": ("ring", 50),
    "primary": ("primary", 50),
    "primary_link": ("primary", 40),
    "secondary": ("secondary", 50),
    "secondary_link": ("secondary", 40),
    "tertiary": ("secondary", 40),
    "tertiary_link": ("secondary", 30),
    "unclassified": ("minor", 40),
    "residential": ("minor", 30),
    "living_street": ("minor", 15),
    "service": ("minor", 20),
    "road": ("minor", 30),
}
FACILITIES = {
    ("amenity", "hospital"): "hospital",
    ("amenity", "school"): "school",
    ("amenity", "kindergarten"): "kindergarten",
    ("amenity", "fire_station"): "fire_station",
    ("amenity", "police"): "police_station",
    ("amenity", "fuel"): "gas_station",
    ("amenity", "townhall"): "government",
    ("amenity", "nursing_home"): "nursing_home",
    ("emergency", "fire_hydrant"): "hydrant",
    ("emergency", "ambulance_station"): "ambulance_station",
    ("railway", "subway_entrance"): "metro_station",
    ("power", "substation"): "substation",
}
AREAS = {
    ("natural", "water"): ("water", "lake"),
    ("waterway", "riverbank"): ("water", "river"),
    ("leisure", "park"): ("green", "park"),
    ("leisure", "garden"): ("green", "park"),
    ("landuse", "forest"): ("green", "wood"),
    ("natural", "wood"): ("green", "wood"),
    ("landuse", "grass"): ("green", "park"),
}
BUILDING_KINDS = {
    "apartments": "residential",
    "residential": "residential",
    "house": "residential",
    "detached": "residential",
    "terrace": "residential",
    "dormitory": "residential",
    "office": "office",
    "commercial": "commercial",
    "retail": "commercial",
    "industrial": "industrial",
    "warehouse": "industrial",
    "school": "school",
    "kindergarten": "school",
    "university": "school",
    "hospital": "hospital",
    "government": "government",
    "public": "public",
    "church": "public",
    "civic": "public",
}
STOREY_M = 3.2
# doors of one street and number that lie nearer to each other are one (degrees)
TOGETHER = 0.002
Tags = Any
Position = list[float]
Layers = dict[str, list[Feature]]


class Point(TypedDict):
    type: Literal["Point"]
    coordinates: Position


class LineString(TypedDict):
    type: Literal["LineString"]
    coordinates: list[Position]


class Polygon(TypedDict):
    type: Literal["Polygon"]
    coordinates: list[list[Position]]


class MultiPolygon(TypedDict):
    type: Literal["MultiPolygon"]
    coordinates: list[list[list[Position]]]


Geometry = Point | Polygon | MultiPolygon


class Street(TypedDict):
    """An edge between two junctions."""

    id: int
    properties: dict[str, str | int | bool | None]
    geometry: LineString


def load_osm(engine: Engine, path: Path, name: str, timezone: str, told: Told) -> None:
    """Import `path` as the city `name`: one district from the extent (an extract carries no whole boundaries)."""
    if not path.exists():
        raise InputError(f"path: {path} is not there", field="path")
    bbox, layers = read_osm(path)
    code = "000000"
    district = polygon(bbox)
    layers["districts"] = [{"id": code, "properties": {"name_zh": name, "name_en": name}, "geometry": district}]
    with engine.begin() as conn:
        save_city(
            conn,
            CityHead(
                code=code,
                name_zh=name,
                name_en=name,
                timezone=timezone,
                bbox=bbox,
                center=((bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2),
            ),
        )
        for layer in ("districts", "streets", "water", "green", "buildings", "addresses", "facilities"):
            told(layer, load_layer(conn, layer, ((f"{layer} {f['id']}", f) for f in layers[layer])))
    analyse(engine)


def polygon(bbox: Box) -> Geometry:
    w, s, e, n = bbox
    return {"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]}


def read_osm(path: Path) -> tuple[Box, Layers]:
    """The extent and the features of each layer."""
    ways = list(read_ways(path))
    streets = list(split_ways(ways))
    layers: Layers = {name: [] for name in ("water", "green", "buildings", "facilities")} | {"streets": [*streets]}
    doors = Doors()
    if not streets:
        raise InputError(f"{path.name}: there is no street in it", field="path")
    factory = osmium.geom.GeoJSONFactory()
    thing: Any
    for thing in osmium.FileProcessor(str(path)).with_locations().with_areas():
        if thing.is_area():
            _take_area(thing, factory, layers, doors)
        elif thing.is_node():
            doors.take(thing, "n", [thing.lon, thing.lat])
            _take_facility(thing, "n", {"type": "Point", "coordinates": [thing.lon, thing.lat]}, layers)
    layers["addresses"] = doors.features({tags["name"]: _names(tags) for tags, _ in ways if "name" in tags})
    points = [point for street in streets for point in street["geometry"]["coordinates"]]
    lons, lats = [p[0] for p in points], [p[1] for p in points]
    return (min(lons), min(lats), max(lons), max(lats)), layers


def read_ways(path: Path) -> Iterator[tuple[dict[str, str], list[tuple[int, float, float]]]]:
    """(tags, [(node, lon, lat)…]) of every way that cars may use."""
    way: Any
    for way in osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY).with_locations():
        if not way.is_way() or way.tags.get("highway") not in ROADS:
            continue
        nodes = [(n.ref, n.lon, n.lat) for n in way.nodes if n.location.valid()]
        if len(nodes) > 1:
            yield {t.k: t.v for t in way.tags}, nodes


def split_ways(ways: list[tuple[dict[str, str], list[tuple[int, float, float]]]]) -> Iterator[Street]:
    """One edge from junction to junction: ways are cut where they share a node."""
    uses = Counter(node for _, nodes in ways for node, _, _ in nodes)
    edge = 0
    for tags, nodes in ways:
        start = 0
        for i in range(1, len(nodes)):
            if i < len(nodes) - 1 and uses[nodes[i][0]] < 2:
                continue
            edge += 1
            yield _street(edge, tags, nodes[start : i + 1])
            start = i


def _street(edge: int, tags: dict[str, str], nodes: list[tuple[int, float, float]]) -> Street:
    klass, speed = ROADS[tags["highway"]]
    if tags.get("oneway") == "-1":
        nodes = nodes[::-1]
    oneway = tags.get("oneway") in ("yes", "1", "true", "-1") or tags.get("junction") == "roundabout"
    signed = tags.get("maxspeed", "")
    return {
        "id": edge,
        "properties": {
            **_names(tags),
            "class": klass,
            "oneway": oneway,
            "speed_kmh": int(signed) if signed.isdigit() and int(signed) > 0 else speed,
            "bridge": tags.get("bridge", "no") != "no",
            "tunnel": tags.get("tunnel", "no") != "no",
            "from_node": nodes[0][0],
            "to_node": nodes[-1][0],
        },
        "geometry": {"type": "LineString", "coordinates": [[lon, lat] for _, lon, lat in nodes]},
    }


def _take_area(area: Any, factory: Any, layers: Layers, doors: Doors) -> None:
    tags = area.tags
    building = tags.get("building")
    kind = next((v for (k, t), v in AREAS.items() if tags.get(k) == t), None)
    if not building and kind is None and _facility_kind(tags) is None:
        return
    try:
        geometry: MultiPolygon = json.loads(factory.create_multipolygon(area))
    except RuntimeError:  # an area cut by the extract's edge has no whole ring
        return
    if building:
        layers["buildings"].append(_building(area, geometry))
    elif kind is not None:
        layers[kind[0]].append({"id": area.id, "properties": {"kind": kind[1], **_names(tags)}, "geometry": geometry})
    ring = geometry["coordinates"][0][0]
    center = [sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring)]
    if building:
        doors.take(area, "a", center)
    _take_facility(area, "a", {"type": "Point", "coordinates": center}, layers)


def _names(tags: Tags) -> dict[str, str | None]:
    name = tags.get("name")
    return {"name_zh": tags.get("name:zh") or name, "name_en": tags.get("name:en") or name}


class Doors:
    """Addresses (addr:street, addr:housenumber) of doors and buildings. A building has that of its door once: of two of
    one street and number that lie together the first is kept."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[tuple[str, Position]]] = {}

    def take(self, thing: Any, letter: str, where: Position) -> None:
        street, numbers = thing.tags.get("addr:street"), thing.tags.get("addr:housenumber")
        if not street or not numbers:
            return
        for number in filter(None, map(str.strip, re.split("[;,]", numbers))):
            same = self._found.setdefault((street, number), [])
            if not any(max(abs(a - b) for a, b in zip(where, there, strict=True)) < TOGETHER for _, there in same):
                same.append((f"osm-{letter}{thing.id}-{number}", where))

    def features(self, streets: Mapping[str, Mapping[str, str | None]]) -> list[Feature]:
        """`streets`: what a street is called in Chinese and English, by its name."""
        return [
            {
                "id": identity,
                "properties": {
                    "street_zh": streets.get(street, {}).get("name_zh") or street,
                    "street_en": streets.get(street, {}).get("name_en") or street,
                    "number": number,
                },
                "geometry": {"type": "Point", "coordinates": where},
            }
            for (street, number), places in self._found.items()
            for identity, where in places
        ]


def _building(area: Any, geometry: Geometry) -> Feature:
    tags = area.tags
    storeys = tags.get("building:levels", "")
    return {
        "id": area.id,
        "properties": {
            "kind": BUILDING_KINDS.get(
                tags.get("building"), "public" if tags.get("amenity") else "commercial" if tags.get("shop") else "other"
            ),
            **_names(tags),
            "height_m": float(storeys) * STOREY_M if storeys.isdigit() else None,
            "people_day": None,
            "people_night": None,
        },
        "geometry": geometry,
    }


def _facility_kind(tags: Tags) -> str | None:
    return next((kind for (k, v), kind in FACILITIES.items() if tags.get(k) == v), None)


def _take_facility(thing: Any, letter: str, geometry: Geometry, layers: Layers) -> None:
    kind = _facility_kind(thing.tags)
    if kind is None:
        return
    name = thing.tags.get("name") or f"{kind.replace('_', ' ')} {thing.id}"
    layers["facilities"].append(
        {
            "id": f"osm-{letter}{thing.id}",
            "properties": {
                "kind": kind,
                "name_zh": thing.tags.get("name:zh") or name,
                "name_en": thing.tags.get("name:en") or name,
                "attributes": {},
            },
            "geometry": geometry,
        }
    )
