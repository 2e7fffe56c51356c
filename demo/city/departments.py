"""What the city's departments keep in layers of their own (`own/` of the package): planning, construction, drainage,
emergency, environment, culture and health. All of it is made up; its words are in `demo/data/departments.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import shapely

from demo.city.blocks import Block
from demo.city.buildings import Building
from demo.city.facilities import Facility
from demo.city.frame import rng_for
from demo.city.names import table
from demo.city.nature import Area
from demo.city.network import HALF_WIDTH_M, Edge, Network

Feature = tuple[str | int, Any, Mapping[str, object]]
DAY = date(2026, 1, 5)
HECTARE = 10_000.0
# along a street one every so many metres (hydrants: GB 50974-2014, 7.2.5), beside its kerb
HYDRANTS_M, BOARDS_M, KERB_M = 120.0, 300.0, 2.5
GREAT = ("ring", "primary", "secondary")
# GB 3096-2008: day and night limits of the classes 0 to 3, dB(A)
NOISE = ((50, 40), (55, 45), (60, 50), (65, 55))
STAGES = ("基础", "主体", "装修", "停工")
CASES = ("立案", "调查", "限期拆除", "已拆除")
BOARDS = ("电子屏", "立柱", "墙面", "灯箱")
GRADES = ("AAAAA", "AAAA", "AAA")


@dataclass(frozen=True, slots=True)
class Ground:
    """What departments draw on; ground metres."""

    seed: int
    blocks: tuple[Block, ...]
    network: Network
    water: tuple[Area, ...]
    buildings: tuple[Building, ...]
    facilities: tuple[Facility, ...]


def hectares(shape: Any) -> float:
    return round(float(shape.area) / HECTARE, 2)


def day(rng: np.random.Generator, span: int) -> str:
    return (DAY - timedelta(days=int(rng.integers(0, span)))).isoformat()


def pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(0, len(words)))]


def use_of(block: Block) -> tuple[str, str]:
    word, code = table("departments")["uses"].get(block.use, ["其他用地", "H9"])
    return word, code


def land_use(ground: Ground) -> Iterator[Feature]:
    for block in ground.blocks:
        word, code = use_of(block)
        named = {"编号": f"YD{block.index:05d}", "名称": f"{word}{block.index}", "类别": word, "代码": code}
        yield block.index, block.lot, {**named, "面积公顷": hectares(block.lot)}


def lines_of(ground: Ground) -> list[tuple[str, str, Any]]:
    """(kind, name, area): river corridors, farmland, woods and parks."""
    blue = [("河道蓝线", area.name_zh or "水域", shapely.buffer(area.shape, 30.0)) for area in ground.water]
    farm = [("永久基本农田", f"农田{b.index}", b.lot) for b in ground.blocks if b.use == "farmland" and b.index % 3]
    eco = [("生态保护红线", f"林地{b.index}", shapely.buffer(b.lot, 25.0)) for b in ground.blocks if b.use == "wood"]
    green = [("城市绿线", f"绿地{b.index}", b.lot) for b in ground.blocks if b.use == "park"]
    return [*blue, *farm, *eco, *green]


def control_lines(ground: Ground) -> Iterator[Feature]:
    for number, (kind, name, shape) in enumerate(lines_of(ground), 1):
        yield number, shape, {"编号": f"KZX{number:04d}", "名称": name, "线型": kind, "面积公顷": hectares(shape)}


def plan_conflicts(ground: Ground) -> Iterator[Feature]:
    """Built-up lots that reach into a control line."""
    lots = [b for b in ground.blocks if b.use not in ("farmland", "wood", "park")]
    tree = shapely.STRtree([b.lot for b in lots])
    number = 0
    for kind, _, shape in lines_of(ground):
        for index in tree.query(shape, predicate="intersects"):
            common = shapely.intersection(shape, lots[index].lot)
            parts = [p for p in shapely.get_parts(common) if p.geom_type == "Polygon" and p.area > 400.0]
            for part in parts:
                number += 1
                word, _ = use_of(lots[index])
                told = {"编号": f"CT{number:04d}", "名称": f"{word}与{kind}", "现状": word, "控制线": kind}
                yield number, part, {**told, "面积公顷": hectares(part)}


def construction_sites(ground: Ground) -> Iterator[Feature]:
    rng = rng_for(ground.seed, "departments", "construction")
    built = [
        b for b in ground.blocks if b.use in ("tower", "high", "office", "commercial", "works") and b.lot.area > 6000
    ]
    for number, index in enumerate(np.sort(rng.permutation(len(built))[:60]), 1):
        block = built[int(index)]
        told = {
            "编号": f"GD{number:03d}",
            "名称": f"{use_of(block)[0][:2]}地块{block.index}工地",
            "阶段": pick(rng, STAGES),
        }
        monitored = {"扬尘在线监测": bool(rng.random() < 0.7), "开工日期": day(rng, 600)}
        yield number, shapely.Point(block.x, block.y), {**told, "面积公顷": hectares(block.lot), **monitored}


def illegal_buildings(ground: Ground) -> Iterator[Feature]:
    rng = rng_for(ground.seed, "departments", "illegal")
    for number, index in enumerate(np.sort(rng.permutation(len(ground.buildings))[:180]), 1):
        place = ground.buildings[int(index)].outline.centroid
        told = {"案号": f"WJ2026{number:04d}", "名称": f"搭建案{number}", "状态": pick(rng, CASES)}
        yield number, place, {**told, "面积平方米": float(rng.integers(12, 240)), "立案日期": day(rng, 400)}


def beside(edge: Edge, at_m: float) -> Any:
    """A place beside the kerb of a street."""
    side = shapely.offset_curve(edge.line, HALF_WIDTH_M[edge.road_class] + KERB_M)
    return shapely.line_interpolate_point(side, min(at_m, side.length))


def along(network: Network, classes: tuple[str, ...], spacing_m: float) -> Iterator[tuple[Edge, Any]]:
    for edge in network.edges:
        if edge.road_class not in classes or edge.bridge or edge.tunnel:
            continue
        for step in range(int(edge.line.length // spacing_m)):
            yield edge, beside(edge, (step + 0.5) * spacing_m)


def outdoor_advertising(ground: Ground) -> Iterator[Feature]:
    rng = rng_for(ground.seed, "departments", "boards")
    for number, (edge, place) in enumerate(along(ground.network, ("ring", "primary"), BOARDS_M), 1):
        told = {"编号": f"GG{number:04d}", "名称": f"{edge.name_zh or ''}{number}号牌", "类型": pick(rng, BOARDS)}
        ends = (DAY + timedelta(days=int(rng.integers(-90, 700)))).isoformat()
        yield number, place, {**told, "面积平方米": float(rng.integers(6, 120)), "许可到期": ends}


def drainage_pipes(ground: Ground) -> Iterator[Feature]:
    """Rain water under every greater street, waste water beside it."""
    number = 0
    for edge in ground.network.edges:
        if edge.bridge or edge.road_class not in GREAT:
            continue
        for kind, offset, diameter in (
            ("雨水", 3.0, {"ring": 1500, "primary": 1200}),
            ("污水", -3.0, {"ring": 800, "primary": 600}),
        ):
            number += 1
            line = shapely.offset_curve(edge.line, offset)
            if line.geom_type != "LineString" or line.is_empty:
                continue
            told = {"编号": f"PS{number:05d}", "名称": f"{edge.name_zh or ''}{kind}管", "类别": kind}
            size = diameter.get(edge.road_class, 400)
            yield number, line, {**told, "管径毫米": size, "长度米": round(float(line.length), 1)}


def hydrants(ground: Ground) -> Iterator[Feature]:
    rng = rng_for(ground.seed, "departments", "hydrants")
    for number, (edge, place) in enumerate(along(ground.network, (*GREAT, "minor"), HYDRANTS_M), 1):
        state = "正常" if rng.random() < 0.94 else pick(rng, ("无水", "损坏", "埋压"))
        told = {"编号": f"XHS{number:05d}", "名称": f"{edge.name_zh or ''}消火栓", "状态": state}
        yield number, place, {**told, "压力兆帕": round(float(rng.uniform(0.12, 0.42)), 2)}


def shelters(ground: Ground) -> Iterator[Feature]:
    number = 0
    for block in ground.blocks:
        if block.use not in ("park", "school"):
            continue
        number += 1
        if block.use == "school" and number % 3:
            continue
        kind = "公园绿地" if block.use == "park" else "学校操场"
        share = 0.6 if block.use == "park" else 0.35
        told = {"编号": f"BN{number:03d}", "名称": f"{kind}避难场所{number}", "类型": kind}
        people = int(block.lot.area * share / 2.0)
        yield number, shapely.Point(block.x, block.y), {**told, "容纳人数": people, "面积公顷": hectares(block.lot)}


def emergency_stocks(ground: Ground) -> Iterator[Feature]:
    rng = rng_for(ground.seed, "departments", "stocks")
    stations = [f for f in ground.facilities if f.kind == "fire_station"]
    for number, station in enumerate(stations, 1):
        told = {"编号": f"WZ{number:02d}", "名称": f"{station.name_zh}物资点"}
        stock = {
            name: int(rng.integers(*span))
            for name, span in {"排水泵": (2, 14), "沙袋": (400, 4000), "救生衣": (40, 300), "帐篷": (0, 160)}.items()
        }
        yield number, shapely.Point(station.x, station.y), {**told, **stock, "盘点日期": day(rng, 120)}


def noise_zones(ground: Ground) -> Iterator[Feature]:
    classes: Mapping[str, int] = table("departments")["noise"]
    for block in ground.blocks:
        level = classes.get(block.use)
        if level is None:
            continue
        by_day, by_night = NOISE[level]
        told = {"编号": f"ZS{block.index:05d}", "名称": f"{level}类区{block.index}", "类别": f"{level}类"}
        yield block.index, block.lot, {**told, "昼间限值": by_day, "夜间限值": by_night}


def tourist_sites(ground: Ground) -> Iterator[Feature]:
    rng = rng_for(ground.seed, "departments", "sights")
    parks = sorted((b for b in ground.blocks if b.use == "park"), key=lambda b: -b.lot.area)[:24]
    for number, block in enumerate(parks, 1):
        told = {"编号": f"JD{number:02d}", "名称": f"景点{number}", "等级": GRADES[min(number // 6, 2)]}
        yield number, shapely.Point(block.x, block.y), {**told, "最大承载": int(rng.integers(20, 400)) * 100}


def health_sites(ground: Ground) -> Iterator[Feature]:
    rng = rng_for(ground.seed, "departments", "health")
    hospitals = [f for f in ground.facilities if f.kind == "hospital"]
    schools = [f for f in ground.facilities if f.kind == "school"][::6]
    places = [(one, "发热门诊") for one in hospitals] + [(one, "接种点") for one in schools]
    for number, (one, kind) in enumerate(places, 1):
        told = {"编号": f"WS{number:03d}", "名称": f"{one.name_zh}{kind}", "类型": kind}
        yield number, shapely.Point(one.x, one.y), {**told, "每日能力": int(rng.integers(4, 60)) * 20}


MAKERS: Mapping[str, Callable[[Ground], Iterator[Feature]]] = {
    maker.__name__: maker
    for maker in (
        land_use,
        control_lines,
        plan_conflicts,
        construction_sites,
        illegal_buildings,
        outdoor_advertising,
        drainage_pipes,
        hydrants,
        shelters,
        emergency_stocks,
        noise_zones,
        tourist_sites,
        health_sites,
    )
}


def described() -> list[dict[str, object]]:
    """The package's `own/layers.json`: of each layer its file and what is said of it."""
    told: list[dict[str, object]] = []
    for one in table("departments")["layers"]:
        columns = [
            {
                "source": name,
                "name": name,
                "type": kind,
                "title_zh": name,
                "title_en": english,
                "role": None if role == "key" else role,
            }
            for name, (kind, english, role) in one["columns"].items()
        ]
        zh, en = one["title"]
        key = next(name for name, (_, _, role) in one["columns"].items() if role == "key")
        given = {"layer": one["id"], "title": zh, "title_en": en, "group": one["group"], "key": key, "columns": columns}
        given["classification"] = one.get("classification", 0)
        told.append(
            {
                "file": f"{one['id']}.geojsonl",
                "given": given,
                "visible": one["visible"],
                "style": one["style"],
                "catalogue": {"provider": one["department"], **one["catalogue"]},
            }
        )
    return told
