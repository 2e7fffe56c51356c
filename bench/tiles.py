"""`python -m bench.tiles [--json] [--points N] [--polygons N] [--seconds S]`: vector tiles of a million points and two
hundred thousand polygons, ours and tipg's, from the same table in the same run.

tipg (MIT) is the server that serves PostGIS tables as OGC API Tiles without further ado; it is installed into an
environment of its own (`requirements/peers.txt`). Each is asked for the same tiles of zoom 10 to 16: cold, one after
the other and in turn, then warm, by one client and by ten. tipg keeps none, so its warm is PostgreSQL's. Both pack
their answers with gzip, and every answer is read whole.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, text

from app.accounts import add_account, open_session
from app.services.net import free_port
from app.warming import TO_ZOOM, squares
from bench.stand import ROOT, STATE, Stand, stand, wait_for
from core.clock import utc_now

POINTS, POLYGONS, SECONDS = 1_000_000, 200_000, 10.0
BOX = (118.8, 31.2, 119.2, 31.6)
ZOOMS, EACH, CLIENTS = range(10, 17), 40, (1, 10)
LAYERS = ("points", "polygons")
# wanted of the warm: so many times tipg's rate, so many tiles a second with ten clients, no tile larger than this
TIMES, RATE, LARGEST = 20, 2000, 500_000
WARM_S = 60.0
Place = tuple[str, int, int, int]
PACKED = "gzip"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tiles", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--polygons", type=int, default=POLYGONS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each warm measurement")
    given = parser.parse_args()
    peer = peer_python()
    with stand() as here:
        fill(here.engine, given.points, given.polygons)
        figures = measure(here, peer, given.seconds)
    figures |= {"points": given.points, "polygons": given.polygons, "load": round(os.getloadavg()[0], 1)}
    figures["processors"] = os.cpu_count()
    print(json.dumps(figures, indent=2) if given.json else told(figures))


def told(figures: Mapping[str, Any]) -> str:
    lines = [f"{figures['points']:,} points, {figures['polygons']:,} polygons, {figures['tiles']} tiles"]
    for name in ("ours", "tipg"):
        one = figures[name]
        lines.append(f"{name}: cold p50 {one['cold']['p50_ms']} ms, p99 {one['cold']['p99_ms']} ms")
        lines += [
            f"  warm, {clients} clients: {warm['rate']:,.0f} tiles/s, p50 {warm['p50_ms']} ms, p99 {warm['p99_ms']} ms"
            for clients, warm in one["warm"].items()
        ]
        lines.append(f"  bytes: half below {one['bytes']['p50']:,}, largest {one['bytes']['largest']:,}")
    lines.append(f"warm, ten clients: {figures['times']} times tipg (wanted {TIMES}); cold: {figures['cold_ratio']}")
    after = figures["after_start"]
    lines.append(f"a minute after start, first asked: p50 {after['p50_ms']} ms, p99 {after['p99_ms']} ms")
    return "\n".join(lines)


# --- what is served ---------------------------------------------------------------------------------------------------

FILL = """
INSERT INTO city (id, code, name_zh, name_en, timezone, extent, center, simulated, imported_at)
VALUES (1, '320118', '城', 'City', 'Asia/Shanghai', ST_MakeEnvelope({0}, {1}, {2}, {3}, 4326),
  ST_SetSRID(ST_MakePoint(119, 31.4), 4326), true, now());
ALTER TABLE layer_row DISABLE TRIGGER USER;
SELECT setseed(0.5);
"""
LAYER = """
INSERT INTO layer (id, title_zh, title_en, tree_group, geometry, columns, style, visible, min_zoom, lineage,
  created_by, created_at, changed_at, rows)
VALUES (:id, :id, :id, 'own', :geometry,
  '[{"name": "name", "type": "text", "title": {"zh": "名称", "en": "Name"}, "role": "label"}]', '{}', true, 9, '{}',
  'bench', now(), now(), :rows)
"""
ROWS = """
INSERT INTO layer_row (layer_id, key, props, geom, district, changed_at)
SELECT :id, n::text, jsonb_build_object('name', 'No. ' || n), {shape}, '320118', now()
FROM generate_series(1, :rows) AS n
"""
POINT = "ST_SetSRID(ST_MakePoint(118.8 + 0.4 * random(), 31.2 + 0.4 * random()), 4326)"
# squares of about 50 m on a lattice
SQUARE = """
ST_MakeEnvelope(118.8 + 0.4 * (n % 450) / 450, 31.2 + 0.4 * (n / 450) / 450,
  118.8 + 0.4 * (n % 450) / 450 + 0.0006, 31.2 + 0.4 * (n / 450) / 450 + 0.0005, 4326)
"""
# the same rows as tipg finds tables: with an id, a shape and the one column
VIEW = """
CREATE VIEW bench.{0} AS SELECT id, geom, props->>'name' AS name FROM public.layer_row WHERE layer_id = '{0}'
"""


def fill(engine: Engine, points: int, polygons: int) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql(FILL.format(*BOX))
        for name, shape, geometry, rows in (
            ("points", POINT, "point", points),
            ("polygons", SQUARE, "polygon", polygons),
        ):
            conn.execute(text(LAYER), {"id": name, "geometry": geometry, "rows": rows})
            conn.execute(text(ROWS.format(shape=shape)), {"id": name, "rows": rows})
        conn.exec_driver_sql("ALTER TABLE layer_row ENABLE TRIGGER USER")
        conn.exec_driver_sql("DROP SCHEMA IF EXISTS bench CASCADE")
        conn.exec_driver_sql("CREATE SCHEMA bench")
        for name in LAYERS:
            conn.exec_driver_sql(VIEW.format(name))
        add_account(conn, "bench", "Bench", "viewer", "tiles-of-a-city-1", utc_now())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))


def places() -> list[Place]:
    """The same in every run: of each layer and zoom so many, or all there are."""
    dice = random.Random(3)
    found: list[Place] = []
    for zoom in ZOOMS:
        inside = list(squares(BOX, zoom))
        for name in LAYERS:
            found += [(name, zoom, x, y) for x, y in dice.sample(inside, min(EACH, len(inside)))]
    return found


# --- who serves it ----------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """`path` of a tile; `headers` of each request."""

    port: int
    path: Callable[[Place], str]
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, place: Place) -> bytes:
        lines = [f"GET {self.path(place)} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Accept-Encoding: {PACKED}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def peer_python() -> Path:
    """tipg's environment, made where it is missing."""
    folder = STATE / "peers"
    python = folder / "bin" / "python"
    listed = ROOT / "requirements" / "peers.txt"
    if not (folder / "made").exists():
        STATE.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", str(listed)]
        subprocess.run(install, check=True)
        (folder / "made").touch()
    return python


# it leaves away what is beyond 10,000 in a tile otherwise: the same features on both sides
ALL_OF_THEM = {"TIPG_MAX_FEATURES_PER_TILE": "10000000"}


@contextmanager
def tipg(here: Stand, python: Path) -> Iterator[Server]:
    port = free_port()
    url = str(here.settings.migrate_database_url).replace("postgresql+psycopg://", "postgresql://")
    environment = {**os.environ, "DATABASE_URL": url, "TIPG_DB_SCHEMAS": '["bench"]', **ALL_OF_THEM}
    command = [str(python), "-m", "uvicorn", "tipg.main:app", "--port", str(port), "--log-level", "warning"]
    with (STATE / "tipg.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=STATE, env=environment, stdout=log, stderr=log)
    try:
        server = Server(port, lambda p: f"/collections/bench.{p[0]}/tiles/WebMercatorQuad/{p[1]}/{p[2]}/{p[3]}")
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 60, "tipg")
        yield server
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def ours(here: Stand, *, warming: bool) -> Iterator[Server]:
    os.environ["ONEMAP_WARM_TILES"] = "true" if warming else "false"
    here.start("serve")
    try:
        port = here.settings.http_port
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60, "serve")
        with here.engine.begin() as conn:
            token, _ = open_session(conn, "bench", "token", utc_now(), 1)
        yield Server(port, lambda p: f"/tiles/{p[0]}/{p[1]}/{p[2]}/{p[3]}.mvt", {"Authorization": f"Bearer {token}"})
    finally:
        here.end()


def answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


# --- how it is measured -----------------------------------------------------------------------------------------------


class Client:
    """One connection, one request at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, place: Place) -> int:
        """How many bytes the tile has; 0 where it is empty."""
        # a server closes what is quiet for some seconds
        if self._pair is None or self._pair[0].at_eof():
            self._pair = await asyncio.open_connection("127.0.0.1", self._server.port)
        reader, writer = self._pair
        writer.write(self._server.request(place))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        if status not in (200, 204):
            raise SystemExit(f"{place}: answered with {status}")
        told = [line for line in head.split("\r\n") if line.startswith("content-length:")]
        size = int(told[0].partition(":")[2]) if told else 0
        if size:
            await reader.readexactly(size)
        return size

    def close(self) -> None:
        if self._pair is not None:
            self._pair[1].close()


async def cold(servers: Mapping[str, Server], asked: list[Place]) -> dict[str, tuple[list[float], list[int]]]:
    """Each tile once from each, in turn."""
    clients = {name: Client(server) for name, server in servers.items()}
    found: dict[str, tuple[list[float], list[int]]] = {name: ([], []) for name in servers}
    for place in asked:
        for name, client in clients.items():
            began = time.perf_counter()
            size = await client.get(place)
            found[name][0].append((time.perf_counter() - began) * 1000)
            found[name][1].append(size)
    for client in clients.values():
        client.close()
    return found


async def warm(server: Server, asked: list[Place], clients: int, seconds: float) -> dict[str, float]:
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def go_on(start: int) -> None:
        client, at = Client(server), start
        while time.perf_counter() < until:
            began = time.perf_counter()
            await client.get(asked[at % len(asked)])
            took.append((time.perf_counter() - began) * 1000)
            at += 7
        client.close()

    began = time.perf_counter()
    await asyncio.gather(*(go_on(n * 31) for n in range(clients)))
    return {"rate": round(len(took) / (time.perf_counter() - began), 1), **spread(took)}


def spread(took: list[float]) -> dict[str, float]:
    order = sorted(took)
    return {"p50_ms": round(order[len(order) // 2], 2), "p99_ms": round(order[int(len(order) * 0.99)], 2)}


def measure(here: Stand, peer: Path, seconds: float) -> dict[str, Any]:
    asked = places()
    figures: dict[str, Any] = {"tiles": len(asked)}
    with ExitStack() as stack:
        servers = {
            "ours": stack.enter_context(ours(here, warming=False)),
            "tipg": stack.enter_context(tipg(here, peer)),
        }
        first = asyncio.run(cold(servers, asked))
        for name, server in servers.items():
            took, sizes = first[name]
            figures[name] = {
                "cold": spread(took),
                "warm": {n: asyncio.run(warm(server, asked, n, seconds)) for n in CLIENTS},
                "bytes": {"p50": sorted(sizes)[len(sizes) // 2], "largest": max(sizes)},
            }
    figures["cold_ratio"] = round(figures["ours"]["cold"]["p50_ms"] / figures["tipg"]["cold"]["p50_ms"], 2)
    figures["times"] = round(figures["ours"]["warm"][10]["rate"] / figures["tipg"]["warm"][10]["rate"], 1)
    with ours(here, warming=True) as server:
        time.sleep(WARM_S)
        took, _ = asyncio.run(cold({"ours": server}, [place for place in asked if place[1] <= TO_ZOOM]))["ours"]
        figures["after_start"] = spread(took)
    best = figures["ours"]
    figures["holds"] = {
        "times": figures["times"] >= TIMES,
        "rate": best["warm"][10]["rate"] >= RATE,
        "cold": figures["cold_ratio"] <= 1,
        "bytes": best["bytes"]["largest"] <= LARGEST,
    }
    return figures


if __name__ == "__main__":
    main()
