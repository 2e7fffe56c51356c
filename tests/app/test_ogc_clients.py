"""/ogc as the programs of others read it: OWSLib, GDAL, QGIS."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyogrio
import pytest
from owslib.ogcapi.features import Features
from sqlalchemy import Engine, text

from app.services.net import free_port
from layers.ogc.collections import OURS
from tests.app.qgis_tool import WHERE_THERE, run_qgis
from tests.support import PATIENCE_S, System

PRIMARY = "class = 'primary' AND length_m > 100"


def count(db: Engine, sql: str, **given: Any) -> int:
    with db.connect() as conn:
        return int(conn.scalar(text(sql), given) or 0)


@pytest.fixture(scope="module")
def part(db: Engine) -> tuple[float, float, float, float]:
    """The south-western part of where assets are: west, south, east, north."""
    with db.connect() as conn:
        west, south, east, north = map(
            float,
            conn.execute(
                text(
                    "SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) "
                    "FROM (SELECT ST_Extent(geom) AS e FROM asset) AS x"
                )
            ).one(),
        )
    return west, south, (west + east) / 2, (south + north) / 2


INSIDE = "SELECT count(*) FROM asset WHERE ST_Intersects(geom, ST_MakeEnvelope(:w, :s, :e, :n, 4326))"


# --- OWSLib -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def owslib(served: System, feed_token: str) -> Features:
    return Features(f"{served.http}/ogc", headers={"Authorization": f"Bearer {feed_token}"}, timeout=int(PATIENCE_S))


def test_owslib_finds_what_there_is(owslib: Features) -> None:
    assert {link["rel"] for link in owslib.links} >= {"self", "service-desc", "conformance", "data"}
    assert any(one.endswith("/conf/filter") for one in owslib.conformance()["conformsTo"])
    assert {one.id for one in OURS} <= set(owslib.feature_collections())
    assert owslib.collection("assets")["storageCrs"].endswith("CRS84")
    assert "/collections/{collectionId}/items" in owslib.api()["paths"]


def test_owslib_reads_what_can_be_asked_by_and_asks(owslib: Features, db: Engine) -> None:
    assert owslib.collection_queryables("streets")["properties"]["length_m"]["type"] == "number"
    found = owslib.collection_items("streets", filter=PRIMARY, limit=10_000)
    assert len(found["features"]) == count(db, f"SELECT count(*) FROM street WHERE {PRIMARY}") > 0
    one = found["features"][0]
    assert owslib.collection_item("streets", one["id"])["properties"] == one["properties"]


def test_owslib_asks_by_box(owslib: Features, db: Engine, part: tuple[float, ...]) -> None:
    found = owslib.collection_items("assets", bbox=list(part), limit=10_000)
    assert found["numberReturned"] == count(db, INSIDE, **dict(zip("wsen", part, strict=True))) > 0


# --- GDAL -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def gdal(served: System, feed_token: str) -> str:
    return f"OAPIF:{served.http}/ogc?token={feed_token}"


def test_gdal_lists_the_collections(gdal: str) -> None:
    names = {str(name) for name, _ in pyogrio.list_layers(gdal)}
    assert {one.id for one in OURS} <= names


@pytest.mark.parametrize("name", ["assets", "streets", "districts"])
def test_gdal_reads_all_pages(gdal: str, db: Engine, name: str) -> None:
    table = {"assets": "asset", "streets": "street", "districts": "district"}[name]
    frame = pyogrio.read_dataframe(gdal, layer=name, PAGE_SIZE=200)
    assert len(frame) == count(db, f"SELECT count(*) FROM {table}")
    assert frame.crs == "OGC:CRS84"
    west, south, east, north = frame.total_bounds
    assert 100 < west < east < 130
    assert 20 < south < north < 45


def test_gdal_asks_by_box(gdal: str, db: Engine, part: tuple[float, ...]) -> None:
    wanted = count(db, INSIDE, **dict(zip("wsen", part, strict=True)))
    assert wanted
    assert len(pyogrio.read_dataframe(gdal, layer="assets", bbox=part)) == wanted


@dataclass
class Listener:
    """Passes requests on and keeps what was asked."""

    http: str
    asked: list[str]


@pytest.fixture
def listener(served: System) -> Iterator[Listener]:
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            headers = {name: value for name, value in self.headers.items() if name.lower() in ("accept", "host")}
            answer = httpx.get(f"{served.http}{self.path}", headers=headers, trust_env=False, timeout=PATIENCE_S)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["content-type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", free_port()), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield Listener(f"http://127.0.0.1:{server.server_port}", heard)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ("class = 'primary'", {"class": ["primary"]}),
        (PRIMARY, {"class": ["primary"]}),
        ("oneway = 0 AND class = 'minor'", {"class": ["minor"], "oneway": ["0"]}),
        ("name_zh LIKE '%大道' AND NOT class = 'minor'", {}),
        ("speed_kmh IN (30, 60) OR name_en IS NULL", {}),
        ("length_m BETWEEN 100 AND 200", {}),
    ],
)
def test_gdal_leaves_the_work_to_the_server(
    listener: Listener, feed_token: str, db: Engine, words: str, sent: dict[str, list[str]]
) -> None:
    """What of its attribute filter it can say comes here, and what comes back is what the database finds. (Of CQL it
    knows the draft only, filter-lang=cql-text; it asks by values of the columns that the API document names.)"""
    # in a process of its own: pyogrio lets no other thread run while it waits, the listener's neither
    read = "import sys, pyogrio; print(len(pyogrio.read_dataframe(sys.argv[1], layer='streets', where=sys.argv[2])))"
    command = [sys.executable, "-c", read, f"OAPIF:{listener.http}/ogc?token={feed_token}", words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr[-2000:]
    in_sql = words.replace("oneway = 0", "NOT oneway")
    assert int(done.stdout) == count(db, f"SELECT count(*) FROM street WHERE {in_sql}") > 0
    asked = [parse_qs(urlsplit(path).query) for path in listener.asked if "/items" in path]
    assert sent.items() <= asked[-1].items()


# --- QGIS -------------------------------------------------------------------------------------------------------------


# where Debian's package `python3-qgis` puts it; it belongs to Debian's own Python
@WHERE_THERE
def test_qgis_reads_narrows_and_draws_a_layer(
    served: System, feed_token: str, db: Engine, part: tuple[float, ...], tmp_path: Path
) -> None:
    given = (f"{served.http}/ogc?token={feed_token}", "assets", json.dumps(part), "\"class\" = '01'")
    found, said = run_qgis("qgis_reads.py", *given, str(tmp_path / "assets.png"), home=tmp_path)
    assert found["valid"], said
    assert found["crs"] in ("OGC:CRS84", "EPSG:4326"), "longitude first, whatever it calls that"
    assert {"code", "class", "state"} <= set(found["fields"])
    assert found["count"] == count(db, "SELECT count(*) FROM asset")
    assert found["inside"] == count(db, INSIDE, **dict(zip("wsen", part, strict=True))) > 0
    assert found["filtered"] == count(db, "SELECT count(*) FROM asset WHERE class = '01'") > 0
    assert found["classes"] == sorted({str(one) for one in found["classes"]})
    assert len(found["classes"]) > 1
    assert found["colours"] > len(found["classes"])
