"""The city package: `city.json` and one GeoJSON sequence per layer, coordinates rounded to 7 decimals."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely

from demo.city import departments, layout
from demo.city.compose import City
from demo.city.districts import index_at
from demo.city.doors import doors
from demo.city.frame import BOX, LAT0, LON0, to_lonlat, xy
from demo.city.network import SPEED_KMH

Feature = tuple[str | int, Any, Mapping[str, object]]  # id, geometry in ground metres, properties
ALWAYS_UNITS = 2  # of every kind this many are kept at any scale


def kept(identifier: object, scale: float) -> bool:
    """Whether the thing of this id is in a city of `scale`: by its id alone, so a smaller city is part of a larger."""
    return scale >= 1.0 or zlib.crc32(str(identifier).encode()) / 2**32 < scale


def rounded(points: Any) -> Any:
    """Ground metres to lon/lat with 7 decimals (about a centimetre)."""
    return np.round(to_lonlat(points), 7)


def write(city: City, folder: Path, scale: float = 1.0) -> None:
    """Writes the package into `folder` (made if missing); a smaller `scale` thins buildings, assets, sensors, units."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "city.json").write_bytes(orjson.dumps(description(), option=orjson.OPT_INDENT_2) + b"\n")
    for name, features in LAYERS.items():
        with (folder / f"{name}.geojsonl").open("wb") as file:
            file.writelines(lines(features(city, scale)))
    write_departments(city, folder / "own")


def write_departments(city: City, folder: Path) -> None:
    """Layers of the departments, and what is said of each."""
    folder.mkdir(exist_ok=True)
    (folder / "layers.json").write_bytes(orjson.dumps(departments.described(), option=orjson.OPT_INDENT_2) + b"\n")
    for name, make in departments.MAKERS.items():
        with (folder / f"{name}.geojsonl").open("wb") as file:
            file.writelines(lines(make(city.departments)))


def description() -> Mapping[str, object]:
    """The package's `city.json`."""
    west, south, east, north = BOX.bounds
    corners = rounded(np.asarray([[west, south], [east, north]])).tolist()
    return {
        "code": layout.CODE,
        "name_zh": layout.NAME_ZH,
        "name_en": layout.NAME_EN,
        "timezone": "Asia/Shanghai",
        "center": [LON0, LAT0],
        "bbox": [*corners[0], *corners[1]],
        "simulated": True,
        "exercise": True,
    }


def lines(features: Iterable[Feature]) -> Iterator[bytes]:
    """One compact Feature a line."""
    items = list(features)
    if not items:
        return
    shapes = shapely.transform(np.asarray([shape for _, shape, _ in items], dtype=object), rounded)
    shapes = shapely.orient_polygons(shapes)
    for (identifier, _, properties), shape in zip(items, shapes, strict=True):
        geometry = {"type": shape.geom_type, "coordinates": coordinates(shape)}
        feature = {"type": "Feature", "id": identifier, "geometry": geometry, "properties": properties}
        yield orjson.dumps(feature) + b"\n"


def coordinates(shape: Any) -> Any:
    """GeoJSON coordinates of a point, line or (multi)polygon."""
    kind = shape.geom_type
    if kind == "Point":
        return [shape.x, shape.y]
    if kind == "LineString":
        return shapely.get_coordinates(shape).tolist()
    if kind == "Polygon":
        return [shapely.get_coordinates(ring).tolist() for ring in (shape.exterior, *shape.interiors)]
    return [coordinates(part) for part in shape.geoms]


def _districts(city: City, scale: float) -> Iterator[Feature]:
    owner = index_at(city.districts, xy(shapely.point_on_surface([b.outline for b in city.buildings])))
    night = np.bincount(owner, [b.people_night for b in city.buildings], len(city.districts))
    for district, people in zip(city.districts, night, strict=True):
        plan = district.plan
        named = {"name_zh": plan.name_zh, "name_en": plan.name_en, "population": int(people)}
        yield plan.code, district.area, named


def _streets(city: City, scale: float) -> Iterator[Feature]:
    for e in city.network.edges:
        yield (
            e.id,
            e.line,
            {
                "name_zh": e.name_zh,
                "name_en": e.name_en,
                "class": e.road_class,
                "oneway": e.oneway,
                "speed_kmh": SPEED_KMH[e.road_class],
                "bridge": e.bridge,
                "tunnel": e.tunnel,
                "from_node": e.from_node,
                "to_node": e.to_node,
            },
        )


def _areas(field: str) -> Callable[[City, float], Iterator[Feature]]:
    def features(city: City, scale: float) -> Iterator[Feature]:
        for number, area in enumerate(getattr(city, field), start=1):
            yield number, area.shape, {"kind": area.kind, "name_zh": area.name_zh, "name_en": area.name_en}

    return features


def _railways(city: City, scale: float) -> Iterator[Feature]:
    for number, area in enumerate(city.railways, start=1):
        yield number, area.shape, {"name_zh": area.name_zh, "name_en": area.name_en}


def _buildings(city: City, scale: float) -> Iterator[Feature]:
    for b in city.buildings:
        if kept(b.id, scale):
            yield (
                b.id,
                b.outline,
                {
                    "kind": b.kind,
                    "height_m": b.height_m,
                    "people_day": b.people_day,
                    "people_night": b.people_night,
                    "name_zh": b.name_zh,
                    "name_en": b.name_en,
                },
            )


def _addresses(city: City, scale: float) -> Iterator[Feature]:
    for door in doors(city.network.edges, [b for b in city.buildings if b.people_night or b.people_day]):
        if kept(door.building, scale):
            yield (
                f"door-{door.building}",
                shapely.Point(door.x, door.y),
                {"street_zh": door.street_zh, "street_en": door.street_en, "number": str(door.number)},
            )


def _facilities(city: City, scale: float) -> Iterator[Feature]:
    for f in city.facilities:
        yield (
            f.id,
            shapely.Point(f.x, f.y),
            {
                "kind": f.kind,
                "name_zh": f.name_zh,
                "name_en": f.name_en,
                "capacity": f.capacity,
                "people_day": f.people_day,
                "people_night": f.people_night,
                "attributes": f.attributes,
            },
        )


def _assets(city: City, scale: float) -> Iterator[Feature]:
    for a in city.assets:
        if kept(a.id, scale):
            yield (
                a.id,
                shapely.Point(a.x, a.y),
                {
                    "name_zh": a.name_zh,
                    "name_en": a.name_en,
                    "class": a.class_code,
                    "subclass": a.subclass,
                    "state": a.state,
                    "dept": a.dept,
                    "installed": a.installed,
                },
            )


def _sensors(city: City, scale: float) -> Iterator[Feature]:
    for s in city.sensors:
        needed = "spare" in s.attributes or "underpass" in s.attributes
        if needed or kept(s.id, scale):
            yield (
                s.id,
                shapely.Point(s.x, s.y),
                {
                    "kind": s.kind,
                    "name_zh": s.name_zh,
                    "name_en": s.name_en,
                    "interval_s": s.interval_s,
                    "metrics": list(s.metrics),
                    "thresholds": s.thresholds,
                    "attributes": s.attributes,
                },
            )


def _cameras(city: City, scale: float) -> Iterator[Feature]:
    for c in city.cameras:
        yield (
            c.id,
            shapely.Point(c.x, c.y),
            {"name_zh": c.name_zh, "name_en": c.name_en, "heading": c.heading, "fov": c.fov},
        )


def _units(city: City, scale: float) -> Iterator[Feature]:
    for u in city.units:
        if int(u.id.rsplit("-", 1)[1]) <= ALWAYS_UNITS or kept(u.id, scale):
            yield (
                u.id,
                shapely.Point(u.x, u.y),
                {
                    "kind": u.kind,
                    "name_zh": u.name_zh,
                    "name_en": u.name_en,
                    "capabilities": list(u.capabilities),
                    "station": u.station,
                    "plate": u.plate,
                },
            )


def _gas_mains(city: City, scale: float) -> Iterator[Feature]:
    for m in city.gas_mains:
        yield m.id, m.line, {"diameter_mm": m.diameter_mm, "pressure": m.pressure}


LAYERS: dict[str, Callable[[City, float], Iterator[Feature]]] = {
    "districts": _districts,
    "streets": _streets,
    "water": _areas("water"),
    "green": _areas("green"),
    "railways": _railways,
    "buildings": _buildings,
    "addresses": _addresses,
    "facilities": _facilities,
    "assets": _assets,
    "sensors": _sensors,
    "cameras": _cameras,
    "units": _units,
    "gas_mains": _gas_mains,
}
