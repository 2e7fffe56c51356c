"""How files travel: compressed, remembered by browsers, and nothing but what a page loads."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path
from typing import cast

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse

from app.dashboard.page import build_dashboard
from app.deps import Parts
from app.index import ASSETS
from app.serving import Compression, Packed, add_docs, add_files, coding_of, folder_version

LONG = "window.words = 'the same again and again';\n" * 200


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    package = tmp_path / "node_modules" / "chart"
    package.mkdir(parents=True)
    (package / "chart.mjs").write_text(LONG)
    (package / "chart.woff2").write_bytes(b"wOF2" * 1000)
    (package / "install.sh").write_text("exit 1")
    (tmp_path / "secret.js").write_text("not yours")
    return package.parent


@pytest.fixture
def server(libraries: Path) -> FastAPI:
    app = FastAPI(docs_url=None)
    add_files(app, libraries, ASSETS)
    add_docs(app)

    @app.get("/tiles/{name}")
    async def tile(name: str) -> Response:
        return Response(
            b"tile" * 500,
            media_type="application/vnd.mapbox-vector-tile",
            headers={"Cache-Control": "private, max-age=600"},
        )

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"event: " * 200, b"end"]), media_type="text/event-stream")

    app.add_middleware(Compression)
    return app


def get(app: FastAPI, path: str, **headers: str) -> httpx.Response:
    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://onemap") as client:
            return await client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return asyncio.run(request())


def test_text_is_compressed_and_arrives_whole(server: FastAPI) -> None:
    answer = get(server, "/vendor/chart/chart.mjs", accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(LONG) / 5
    assert answer.text == LONG
    assert "Accept-Encoding" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("BR", "br"),
        ("identity", None),
        ("", None),
    ],
)
def test_the_better_of_what_is_accepted_packs(accepted: str, coding: str | None) -> None:
    assert coding_of(accepted) == coding


def test_brotli_arrives_whole(server: FastAPI) -> None:
    answer = get(server, "/vendor/chart/chart.mjs", accept_encoding="br, gzip")
    assert answer.headers["content-encoding"] == "br"
    assert answer.text == LONG


def test_a_browser_that_cannot_unpack_gets_it_plain(server: FastAPI) -> None:
    answer = get(server, "/vendor/chart/chart.mjs", accept_encoding="identity")
    assert "content-encoding" not in answer.headers
    assert answer.text == LONG


@pytest.mark.parametrize("path", ["/vendor/chart/chart.woff2", "/stream"])
def test_what_is_packed_already_and_what_flows_passes_untouched(server: FastAPI, path: str) -> None:
    answer = get(server, path, accept_encoding="gzip")
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/vendor/chart/chart.mjs", "/assets/js/main.mjs", "/tiles/base"])
def test_what_a_browser_has_is_not_sent_again(server: FastAPI, path: str) -> None:
    first = get(server, path, accept_encoding="gzip")
    again = get(server, path, accept_encoding="gzip", if_none_match=first.headers["etag"])
    assert (first.status_code, again.status_code) == (200, 304)
    assert again.content == b""
    assert again.headers["cache-control"] == first.headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "cache"),
    [
        ("/vendor/chart/chart.mjs", "private, max-age=86400"),
        ("/assets/js/main.mjs", "no-cache"),
        ("/assets/~1234/js/main.mjs", "private, max-age=31536000, immutable"),
    ],
)
def test_each_folder_says_how_long_it_keeps(server: FastAPI, path: str, cache: str) -> None:
    assert get(server, path).headers["cache-control"] == cache


@pytest.mark.parametrize(
    "path",
    [
        "/vendor/chart/install.sh",
        "/vendor/chart/",
        "/vendor/../secret.js",
        "/vendor/%2e%2e/secret.js",
        "/vendor/chart/none.js",
    ],
)
def test_nothing_else_is_served(server: FastAPI, path: str) -> None:
    answer = get(server, path)
    assert answer.status_code == 404
    assert "not yours" not in answer.text


def test_the_docs_page_needs_no_foreign_and_no_inline_script(server: FastAPI) -> None:
    page = get(server, "/api/docs").text
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.S)
    assert len(scripts) == 2
    assert all(re.search(r' src="/(vendor|assets)/', attributes) and not body for attributes, body in scripts)


def test_the_page_names_its_files_by_an_address_that_changes_with_them(tmp_path: Path) -> None:
    app = FastAPI()
    build_dashboard(app, cast(Parts, None))
    page = get(app, "/").text
    assert f"/assets/~{folder_version(ASSETS)}/js/main.mjs" in page
    assert '"/assets/js/' not in page
    (tmp_path / "a.mjs").write_text("1")
    before = folder_version(tmp_path)
    (tmp_path / "b.mjs").write_text("2")
    assert folder_version(tmp_path) != before


def test_packed_bodies_are_bounded() -> None:
    packed = Packed(most=3000)
    bodies = [bytes([n]) * 40 + bytes(range(256)) * 5 for n in range(40)]
    results = [asyncio.run(packed.pack(bytes([n]), body, "gzip")) for n, body in enumerate(bodies)]
    assert all(gzip.decompress(result) == body for result, body in zip(results, bodies, strict=True))
    assert sum(map(len, packed._held.values())) <= 3000
    assert list(packed._held)[-1] == bytes([39]) + b"gzip"
