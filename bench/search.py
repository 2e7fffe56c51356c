"""`python -m bench.search [--json] [--names N] [--each N]`: search over 200,000 names, against one row by its key.

A city is written into the tables of a database of its own: streets with their numbers, rows of a layer, buildings,
facilities, devices, units, components, open incidents. Its names are drawn from the syllables that Chinese places are
named of, so that they share characters, beginnings and sounds as names do. Then everything that people type is asked
for in turn, each time from another place, each in a transaction of its own as a request has it; between two of these
one row is read by its primary key the same way, which is the least that any answer takes here.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from pypinyin import lazy_pinyin
from sqlalchemy import Connection, Engine, text

from app.finding import search
from bench.stand import stand
from core.db import make_engine
from core.ids import new_id
from core.scope import EVERYTHING, Scope
from core.types import LonLat

NAMES, EACH = 200_000, 80
P99_MS = 50.0
_PLACES = """
人民 中山 解放 建设 长江 黄河 重庆 银杏 石湖 朝阳 东宁 永安 锦绣 龙昌 凤源 祥和 长乐 新河 大厦 六合 乐山 行知 北庄
信春 武林 江南 太平 和平 文化 科技 青春 柳河 白云 玉泉 西湖 梅园 桃园 竹山 松林 兰亭 春晖 秋实 夏荷 冬青 金桥 银河
铜山 铁岭 水杉 火车 土桥 天台 地安 海棠 湖滨 滨江 临港 港口 码头 仓前 钟楼 鼓楼 城东 城西 城南 城北 花园 公园
"""
PLACES = _PLACES.split()
WAYS = ("路", "街", "大道", "巷", "东路", "西路", "一路", "二路", "三路", "支路")
WAYS_EN = (
    "Road",
    "Street",
    "Avenue",
    "Lane",
    "East Road",
    "West Road",
    "1st Road",
    "2nd Road",
    "3rd Road",
    "Branch Road",
)
SHOPS = ("便利店", "超市", "药店", "小吃店", "饭店", "银行", "书店", "网吧", "茶馆", "理发店")
SHOPS_EN = ("Shop", "Market", "Pharmacy", "Snacks", "Restaurant", "Bank", "Books", "Netcafe", "Teahouse", "Barber")
FACILITIES = ("小学", "中学", "医院", "消防站", "派出所", "加油站", "社区中心", "养老院")
FACILITIES_EN = ("School", "College", "Hospital", "Fire Station", "Police Station", "Fuel Station", "Centre", "Home")
DISTRICTS = ("320118", "320119", "320120", "320121", "320122")
WEST, SOUTH, SIZE = 118.8, 31.2, 0.4
# how much of the names each table has
SHARES = {
    "address": 0.30,
    "layer_row": 0.30,
    "building": 0.15,
    "facility": 0.075,
    "sensor": 0.075,
    "camera": 0.05,
    "street": 0.025,
    "asset": 0.02,
    "unit": 0.005,
}


@dataclass
class City:
    """What was written, to be asked for."""

    dice: random.Random
    streets: list[tuple[str, str]] = field(default_factory=list)
    names: list[tuple[str, str]] = field(default_factory=list)
    # of what has a name in both languages
    english: list[tuple[str, str]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    doors: list[tuple[str, str, str]] = field(default_factory=list)
    plates: list[str] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--names", type=int, default=NAMES, help=f"names in the city (default {NAMES})")
    parser.add_argument("--each", type=int, default=EACH, help=f"questions of each sort (default {EACH})")
    given = parser.parse_args()
    with stand() as here:
        began = time.perf_counter()
        city = fill(here.engine, given.names)
        made_s = time.perf_counter() - began
        engine = make_engine(
            here.settings, pool_size=1, name="onemap bench", statement_s=here.settings.statement_timeout_s
        )
        figures = {**sizes(here.engine), "written_s": round(made_s, 1), **measure(engine, city, given.each)}
        engine.dispose()
    print(json.dumps(figures, indent=2, ensure_ascii=False) if given.json else told(figures))


def told(figures: dict[str, Any]) -> str:
    def line(name: str, one: dict[str, Any]) -> str:
        worked = f"; worked {one['worked_p50_ms']} ms, p99 {one['worked_p99_ms']} ms" if "worked_p50_ms" in one else ""
        return f"{name}: {one['p50_ms']} ms, p99 {one['p99_ms']} ms{worked}"

    lines = [f"{figures['names']:,} names, {figures['asked']} questions of {len(figures['sorts'])} sorts"]
    lines += [line(f"  {sort}", one) for sort, one in figures["sorts"].items()]
    lines.append(line("all", figures["all"]) + f" (wanted: under {P99_MS:g} ms)")
    lines.append(line("one row by its key", figures["by_key"]) + f"; median {figures['ratio']} times that")
    lines.append(f"load {figures['load']} on {figures['processors']} processors")
    return "\n".join(lines)


def sizes(engine: Engine) -> dict[str, int]:
    with engine.connect() as conn:
        one = conn.execute(
            text(
                "SELECT count(*), pg_total_relation_size('search_name'), (SELECT count(*) FROM search_word), "
                "(SELECT datcollate FROM pg_database WHERE datname = current_database()) FROM search_name"
            )
        ).one()
        return {"names": one[0], "bytes": one[1], "words": one[2], "locale": one[3]}


# --- the city ---------------------------------------------------------------------------------------------------------


def fill(engine: Engine, names: int) -> City:
    city = City(random.Random(7))
    with engine.begin() as conn:
        raw = conn.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        raw.execute(
            """
INSERT INTO city (id, code, name_zh, name_en, timezone, extent, center, simulated, imported_at)
VALUES (1, '320118', '城', 'City', 'Asia/Shanghai', ST_MakeEnvelope(118.8, 31.2, 119.2, 31.6, 4326),
  ST_SetSRID(ST_MakePoint(119, 31.4), 4326), true, now());
INSERT INTO district (code, name_zh, name_en, geom)
SELECT (320118 + n)::text, '区' || n, 'District ' || n,
  ST_MakeEnvelope(118.8 + 0.08 * n, 31.2, 118.88 + 0.08 * n, 31.6, 4326)
FROM generate_series(0, 4) AS n;
INSERT INTO layer (id, title_zh, title_en, tree_group, geometry, columns, style, visible, min_zoom, lineage,
  created_by, created_at, changed_at)
VALUES ('shops', '商铺', 'Shops', 'own', 'point',
  '[{"name": "name", "type": "text", "title": {"zh": "名称", "en": "Name"}, "role": "label"}]', '{}', true, 9, '{}',
  'bench', now(), now())
"""
        )
        for table, share in SHARES.items():
            COPIES[table](raw, city, round(names * share))
        fill_incidents(conn, city)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))
    return city


def english(name: str) -> str:
    return "".join(lazy_pinyin(name)).capitalize()


def place(city: City) -> tuple[str, str]:
    """Lon and lat as EWKT, and its district."""
    lon, lat = WEST + SIZE * city.dice.random(), SOUTH + SIZE * city.dice.random()
    return f"SRID=4326;POINT({lon:.6f} {lat:.6f})", DISTRICTS[min(4, int((lon - WEST) / 0.08))]


def street(city: City) -> tuple[str, str]:
    """A street's name; the city has four of ten names twice."""
    if not city.streets:
        for at, way in enumerate(WAYS):
            for one in PLACES:
                for other in ("", *city.dice.sample(PLACES, 6)):
                    city.streets.append((one + other[:1] + way, f"{english(one + other[:1])} {WAYS_EN[at]}"))
        city.dice.shuffle(city.streets)
    return city.dice.choice(city.streets)


def of_street(city: City, words: tuple[str, ...], words_en: tuple[str, ...]) -> tuple[str, str]:
    """What is named after a street, and numbered."""
    (zh, en), at = street(city), city.dice.randrange(len(words))
    number = city.dice.randrange(1, 30)
    return f"{zh}{words[at]}{number}", f"{en} {words_en[at]} {number}"


def copy(raw: psycopg.Connection[Any], table: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    with raw.cursor().copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as out:
        for row in rows:
            out.write_row(row)


def copy_streets(raw: psycopg.Connection[Any], city: City, count: int) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        for n in range(count):
            lon, lat = WEST + SIZE * city.dice.random(), SOUTH + SIZE * city.dice.random()
            zh, en = street(city)
            line = f"SRID=4326;LINESTRING({lon} {lat}, {lon + 0.003} {lat + 0.001})"
            yield n, zh, en, "minor", False, 30, False, False, 2 * n, 2 * n + 1, 300, line

    columns = "id, name_zh, name_en, class, oneway, speed_kmh, bridge, tunnel, from_node, to_node, length_m, geom"
    copy(raw, "street", columns, rows())


def copy_addresses(raw: psycopg.Connection[Any], city: City, count: int) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        for n in range(count):
            (zh, en), (where, district) = street(city), place(city)
            number = str(city.dice.randrange(1, 400))
            if n % 50 == 0:
                city.doors.append((zh, en, number))
            yield f"door-{n}", zh, en, number, district, where

    copy(raw, "address", "id, street_zh, street_en, number, district, geom", rows())


def copy_rows(raw: psycopg.Connection[Any], city: City, count: int) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        for n in range(count):
            (zh, en), (where, district) = of_street(city, SHOPS, SHOPS_EN), place(city)
            if n % 50 == 0:
                city.names.append((zh, en))
            yield "shops", f"s{n}", json.dumps({"name": zh}), where, district, "2026-01-01T00:00:00Z"

    copy(raw, "layer_row", "layer_id, key, props, geom, district, changed_at", rows())


def copy_buildings(raw: psycopg.Connection[Any], city: City, count: int) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        for n in range(count):
            one, other, block = city.dice.choice(PLACES), city.dice.choice(PLACES), city.dice.randrange(1, 40)
            where, _ = place(city)
            yield (
                n,
                "residential",
                f"{one}{other}苑{block}栋",
                f"{english(one + other)} Court Block {block}",
                where,
                where,
            )

    copy(raw, "building", "id, kind, name_zh, name_en, geom, center", rows())


def copy_facilities(raw: psycopg.Connection[Any], city: City, count: int) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        for n in range(count):
            (zh, en), (where, district) = of_street(city, FACILITIES, FACILITIES_EN), place(city)
            if n % 20 == 0:
                city.names.append((zh, en))
                city.english.append((zh, en))
            yield f"facility-{n}", "school", zh, en, district, "{}", where

    copy(raw, "facility", "id, kind, name_zh, name_en, district, attributes, geom", rows())


def copy_devices(
    table: str, words: tuple[str, ...], words_en: tuple[str, ...], columns: str, more: tuple[object, ...]
) -> Any:
    def copied(raw: psycopg.Connection[Any], city: City, count: int) -> None:
        def rows() -> Iterator[tuple[object, ...]]:
            for n in range(count):
                (zh, en), (where, district) = of_street(city, words, words_en), place(city)
                if n % 50 == 0:
                    city.names.append((zh, en))
                    city.codes.append(f"{table[:3]}-{n:05d}")
                yield f"{table[:3]}-{n:05d}", zh, en, district, where, *more

        copy(raw, table, f"id, name_zh, name_en, district, geom{columns}", rows())

    return copied


def copy_units(raw: psycopg.Connection[Any], city: City, count: int) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        for n in range(count):
            (zh, en), (where, _) = (
                of_street(city, ("消防车", "救护车", "巡逻车"), ("Pumper", "Ambulance", "Patrol Car")),
                place(city),
            )
            plate = f"演F·{10_000 + n}"
            city.plates.append(plate)
            yield f"unit-{n}", "fire", zh, en, "{}", "available", "2026-01-01T00:00:00Z", plate, where

    copy(raw, "unit", "id, kind, name_zh, name_en, capabilities, status, status_at, plate, home", rows())


def copy_assets(raw: psycopg.Connection[Any], city: City, count: int) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        for n in range(count):
            where, district = place(city)
            code = f"{district}0101{n:06d}"
            city.assets.append(code)
            yield code, "01", "01", "上水井盖", "Water manhole", "normal", district, where

    copy(raw, "asset", "id, class, subclass, name_zh, name_en, state, district, geom", rows())


SENSOR_COLUMNS = ", kind, status, metrics, thresholds, attributes, first_seen_at"
SENSOR_VALUES = ("water_level", "active", "{}", "{}", "{}", "2026-01-01T00:00:00Z")
SENSORS = (("水位计", "流量计", "燃气监测点"), ("Water Gauge", "Flow Meter", "Gas Detector"))
CAMERAS = (("路口监控", "桥下监控"), ("Crossing Camera", "Underpass Camera"))
COPIES: dict[str, Callable[[psycopg.Connection[Any], City, int], None]] = {
    "street": copy_streets,
    "address": copy_addresses,
    "layer_row": copy_rows,
    "building": copy_buildings,
    "facility": copy_facilities,
    "sensor": copy_devices("sensor", *SENSORS, SENSOR_COLUMNS, SENSOR_VALUES),
    "camera": copy_devices("camera", *CAMERAS, "", ()),
    "unit": copy_units,
    "asset": copy_assets,
}


def fill_incidents(conn: Connection, city: City) -> None:
    rows = []
    for n in range(300):
        zh, en = street(city)
        where, district = place(city)
        city.numbers.append(f"20260504-{n + 1:04d}")
        titles = json.dumps({"zh": f"{zh}积水", "en": f"Water on {en}"})
        rows.append({"id": new_id(), "number": city.numbers[-1], "titles": titles, "district": district, "geom": where})
    conn.execute(
        text("""
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, geom, opened_at, changed_at,
  opened_by, version)
VALUES (:id, :number, 'waterlogging', 3, 'open', CAST(:titles AS jsonb), 'bench', :district,
  ST_GeomFromEWKT(:geom), now(), now(), 'bench', 1)
"""),
        rows,
    )


# --- what is typed ----------------------------------------------------------------------------------------------------


def mistyped(dice: random.Random, words: str) -> str:
    """With one error in its longest word."""
    word = max(words.split(), key=len)
    at = dice.randrange(1, len(word) - 1)
    wrong = dice.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + "x" + word[at + 1 :],
        )
    )
    return words.replace(word, wrong)


def shuffled(dice: random.Random, words: str) -> str:
    return "".join(dice.sample(words, len(words)))


def sorts(city: City) -> dict[str, Callable[[], str]]:
    """What people type, by sort."""
    dice = city.dice

    def name() -> tuple[str, str]:
        return dice.choice(city.names)

    def road() -> tuple[str, str]:
        return dice.choice(city.streets)

    def door() -> tuple[str, str, str]:
        return dice.choice(city.doors)

    def sounds() -> str:
        return "".join(lazy_pinyin(road()[0]))

    return {
        "name": lambda: name()[0],
        "name in English": lambda: dice.choice(city.english)[1],
        "street": lambda: road()[0],
        "beginning": lambda: name()[0][: dice.randrange(2, 5)],
        "one character": lambda: dice.choice(name()[0][:-1]),
        "one letter": lambda: dice.choice("abcdefghjlmnrstwxyz"),
        "any order": lambda: shuffled(dice, road()[0]),
        "part": lambda: name()[0][2:6],
        "pinyin": sounds,
        "pinyin begun": lambda: sounds()[: dice.randrange(3, 9)],
        "initials": lambda: "".join(one[0] for one in lazy_pinyin(road()[0])),
        "initials of many": lambda: "".join(one[0] for one in lazy_pinyin(name()[0].rstrip("0123456789"))),
        "English words": lambda: " ".join(reversed(road()[1].split())),
        "common word": lambda: dice.choice(
            ("road", "school", "路", "店", "小学", "street", "号", "lu", "监控", "station")
        ),
        "mistyped": lambda: mistyped(dice, road()[1]),
        "address": lambda: "{0}{2}号".format(*door()),
        "address in English": lambda: "{2} {1}".format(*door()),
        "number nobody has": lambda: f"{road()[0]}{dice.randrange(900, 999)}号",
        "code": lambda: dice.choice(city.codes),
        "asset": lambda: dice.choice(city.assets)[: dice.choice((10, 12, 16))],
        "plate": lambda: dice.choice(city.plates),
        "incident": lambda: dice.choice(city.numbers)[dice.choice((0, 9)) :],
        "position": lambda: f"{WEST + dice.random() * SIZE:.5f}, {SOUTH + dice.random() * SIZE:.5f}",
        "nothing": lambda: "".join(dice.choice("bcdfgklmpqrtvwxz") for _ in range(12)),
    }


BY_KEY = text("SELECT zh, en, code FROM search_name WHERE kind = 'facility' AND thing = :thing")


@dataclass
class Clock:
    """How long a question takes on the wall, and for how long processors work for it, this process's and the server's,
    where the kernel tells (Linux): others that use the machine lengthen the first much more than the second."""

    engine: Engine
    wall_ms: list[float] = field(default_factory=list)
    worked_ms: list[float] = field(default_factory=list)

    def time(self, read: Callable[[Connection], Any]) -> Any:
        server = server_of(self.engine)
        before, began = worked_ns(server), time.perf_counter_ns()
        with self.engine.connect() as conn:
            found = read(conn)
        self.wall_ms.append((time.perf_counter_ns() - began) / 1e6)
        if before is not None and (after := worked_ns(server)) is not None:
            self.worked_ms.append((after - before) / 1e6)
        return found

    def figures(self) -> dict[str, Any]:
        told = {"p50_ms": at(self.wall_ms, 0.5), "p99_ms": at(self.wall_ms, 0.99), "slowest_ms": at(self.wall_ms, 1)}
        if self.worked_ms:
            told |= {"worked_p50_ms": at(self.worked_ms, 0.5), "worked_p99_ms": at(self.worked_ms, 0.99)}
        return told


def at(took: list[float], share: float) -> float:
    order = sorted(took)
    return round(order[min(len(order) - 1, int(len(order) * share))], 2)


def server_of(engine: Engine) -> int:
    """The server's process behind the one connection."""
    with engine.connect() as conn:
        raw = conn.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        return raw.info.backend_pid


def worked_ns(server: int) -> int | None:
    """Processor time so far of the server's process and of this one."""
    try:
        told = Path(f"/proc/{server}/schedstat").read_text().split()
    except OSError:
        return None
    return int(told[0]) + time.process_time_ns()


def read_by_key(conn: Connection, thing: str) -> object:
    return conn.execute(BY_KEY, {"thing": thing}).all()


def measure(engine: Engine, city: City, each: int) -> dict[str, Any]:
    """Each sort in turn, all with the same chances; one in four who asks sees two districts only."""
    asks = sorts(city)
    clocks = {sort: Clock(engine) for sort in asks}
    by_key = Clock(engine)
    empty = dict.fromkeys(asks, 0)
    for _ in range(20):
        Clock(engine).time(lambda conn: search(conn, "路"))
    for turn in range(each):
        for sort, make in asks.items():
            words = make()
            near = LonLat(WEST + SIZE * city.dice.random(), SOUTH + SIZE * city.dice.random())
            scope = EVERYTHING if turn % 4 else Scope(districts=frozenset(DISTRICTS[:2]))
            found = clocks[sort].time(partial(search, query=words, scope=scope, near=near))
            empty[sort] += scope is EVERYTHING and not found
            thing = f"facility-{city.dice.randrange(1000)}"
            by_key.time(partial(read_by_key, thing=thing))
    whole = Clock(engine)
    for clock in clocks.values():
        whole.wall_ms += clock.wall_ms
        whole.worked_ms += clock.worked_ms
    return {
        "asked": len(whole.wall_ms),
        "sorts": {sort: {**clock.figures(), "nothing_found": empty[sort]} for sort, clock in clocks.items()},
        "all": whole.figures(),
        "by_key": by_key.figures(),
        "ratio": round(statistics.median(whole.wall_ms) / statistics.median(by_key.wall_ms), 1),
        "load": round(os.getloadavg()[0], 1),
        "processors": os.cpu_count(),
        "p99_wanted_ms": P99_MS,
        "holds": at(whole.wall_ms, 0.99) < P99_MS,
    }


if __name__ == "__main__":
    main()
