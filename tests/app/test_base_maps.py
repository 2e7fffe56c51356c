"""Base maps of others: described by an administrator, fetched for browsers, the key kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from app.services.net import free_port
from tests.support import System, wait_for
from tests.tileserver import TileServer, picture, tile_server

KEY = "not-for-everybody"


@pytest.fixture(scope="module")
def tiles() -> Iterator[TileServer]:
    with tile_server() as server:
        yield server


@pytest.fixture
def admin(served: System, tiles: TileServer) -> Iterator[httpx.Client]:
    """Base maps that a test makes go with it."""
    tiles.status, tiles.type, tiles.to = 200, "image/png", ""
    tiles.paths.clear()
    with served.api("admin") as client:
        yield client
        for one in client.get("/api/base-maps").json()["items"]:
            client.delete(f"/api/base-maps/{one['id']}")


def described(tiles: TileServer, **changes: Any) -> dict[str, Any]:
    return {
        "title_zh": "影像",
        "title_en": "Imagery",
        "address": f"{tiles.http}/wmts?TILEMATRIX={{TileMatrix}}&TILEROW={{TileRow}}&TILECOL={{TileCol}}&tk={{key}}",
        "key": KEY,
        "attribution": "© Somebody",
        **changes,
    }


def put(admin: httpx.Client, name: str, given: dict[str, Any]) -> dict[str, Any]:
    answer = admin.put(f"/api/base-maps/{name}", json=given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed(client: httpx.Client) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in client.get("/api/layers").json()["items"] if one["raster"]}


def policy(client: httpx.Client) -> str:
    return str(client.get("/").headers["content-security-policy"])


def test_there_is_none_until_somebody_adds_one(viewer: httpx.Client) -> None:
    assert listed(viewer) == {}
    assert "http" not in policy(viewer)


def test_tiles_come_through_us_and_the_key_stays(
    admin: httpx.Client, viewer: httpx.Client, tiles: TileServer, db: Engine
) -> None:
    shown = put(admin, "imagery", described(tiles))
    assert shown["has_key"] is True
    layer = listed(viewer)["basemap/imagery"]
    assert (layer["group"], layer["visible"], layer["raster"]["attribution"]) == ("basemaps", False, "© Somebody")
    assert layer["raster"]["tiles"] == ["/tiles/basemap/imagery/{z}/{x}/{y}?v=1"]
    answer = wait_for(lambda: tile(viewer, "imagery/5/26/12"))
    assert (answer.content, answer.headers["content-type"]) == (picture(), "image/png")
    assert answer.headers["cache-control"] == "private, max-age=86400"
    assert tiles.paths[-1] == f"/wmts?TILEMATRIX=5&TILEROW=12&TILECOL=26&tk={KEY}"
    assert tiles.agents[-1].startswith("OneMap/")
    for client, path in ((viewer, "/api/layers"), (admin, "/api/layers"), (admin, "/api/base-maps"), (viewer, "/")):
        assert KEY not in client.get(path).text
    assert tiles.http not in policy(viewer)
    with db.connect() as conn:
        assert KEY not in str(conn.execute(text("SELECT * FROM audit")).all())
    put(admin, "imagery", described(tiles, key=None, title_en="Pictures"))
    assert wait_for(lambda: tile(viewer, "imagery/5/26/13")).status_code == 200
    assert tiles.paths[-1].endswith(KEY)


def tile(client: httpx.Client, path: str) -> httpx.Response | None:
    answer = client.get(f"/tiles/basemap/{path}")
    return answer if answer.status_code == 200 else None


def test_levels_rows_and_hosts_are_as_the_service_counts_them(
    admin: httpx.Client, viewer: httpx.Client, tiles: TileServer
) -> None:
    port = tiles.http.rpartition(":")[2]
    given = described(
        tiles, address=f"http://127.0.0.{{s}}:{port}/{{z}}/{{x}}/{{-y}}.png", subdomains=["1"], zoom_offset=1
    )
    put(admin, "counted", {**given, "key": None})
    assert wait_for(lambda: tile(viewer, "counted/3/2/1"))
    assert tiles.paths[-1] == "/4/2/6.png"


def test_where_browsers_ask_themselves_the_page_lets_them_and_no_other(
    admin: httpx.Client, viewer: httpx.Client, tiles: TileServer
) -> None:
    given = described(
        tiles, address="https://t{s}.example.org/{z}/{x}/{-y}?tk={key}", subdomains=["0", "1"], direct=True
    )
    put(admin, "direct", given)
    raster = listed(viewer)["basemap/direct"]["raster"]
    assert raster["tiles"] == [f"https://t{n}.example.org/{{z}}/{{x}}/{{y}}?tk={KEY}" for n in (0, 1)]
    assert raster["from_south"] is True
    said = wait_for(lambda: policy(viewer) if "example.org" in policy(viewer) else None)
    hosts = "https://t0.example.org https://t1.example.org"
    assert f"img-src 'self' data: blob: {hosts};" in said
    assert f"connect-src 'self' {hosts};" in said
    assert said.count("example.org") == 4
    admin.delete("/api/base-maps/direct")
    assert wait_for(lambda: "example.org" not in policy(viewer))


@pytest.mark.parametrize(
    ("status", "kind", "to", "wanted", "reason"),
    [
        (404, "image/png", "", 404, "not_found"),
        (403, "image/png", "", 503, "base_map_unreachable"),
        (200, "text/html", "", 503, "base_map_unreachable"),
        (200, "image/svg+xml", "", 503, "base_map_unreachable"),
        (302, "image/png", "/elsewhere", 503, "base_map_unreachable"),
    ],
)
def test_what_the_service_does_not_give_is_said(
    admin: httpx.Client,
    viewer: httpx.Client,
    tiles: TileServer,
    status: int,
    kind: str,
    to: str,
    wanted: int,
    reason: str,
) -> None:
    put(admin, "failing", described(tiles))
    wait_for(lambda: tile(viewer, "failing/1/0/0"))
    tiles.status, tiles.type, tiles.to = status, kind, to
    answer = viewer.get("/tiles/basemap/failing/1/1/1")
    assert (answer.status_code, answer.json()["reason"]) == (wanted, reason)
    assert KEY not in answer.text
    assert "/elsewhere" not in tiles.paths


def test_a_service_that_is_not_there_is_said(admin: httpx.Client, viewer: httpx.Client, tiles: TileServer) -> None:
    given = described(tiles, address=f"http://127.0.0.1:{free_port()}/{{z}}/{{x}}/{{y}}", key=None)
    put(admin, "away", given)
    wait_for(lambda: viewer.get("/tiles/basemap/away/0/0/0").status_code == 503)


@pytest.mark.parametrize("path", ["imagery/3/8/0", "imagery/3/0/-1", "imagery/20/0/0", "nobody/0/0/0"])
def test_no_tile_is_made_up(admin: httpx.Client, viewer: httpx.Client, tiles: TileServer, path: str) -> None:
    put(admin, "imagery", described(tiles))
    wait_for(lambda: tile(viewer, "imagery/1/0/0"))
    heard = len(tiles.paths)
    assert viewer.get(f"/tiles/basemap/{path}").status_code == 404
    assert len(tiles.paths) == heard


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"address": "ftp://h/{z}/{x}/{y}"}, "address", "http://"),
        ({"address": "file:///etc/{z}{x}{y}"}, "address", "http://"),
        ({"address": "http://h/{z}/{x}"}, "address", "{y}"),
        ({"address": "http://h/{z}/{x}/{y}/{w}"}, "address", "braces"),
        ({"address": "http://{key}/{z}/{x}/{y}"}, "address", "host"),
        ({"address": "https://webrd01.is.autonavi.com/appmaptile?x={x}&y={y}&z={z}"}, "address", "GCJ-02"),
        ({"address": "http://t0.tianditu.gov.cn/img_c/wmts?r={y}&c={x}&m={z}&tk={key}"}, "address", "EPSG:3857"),
        ({"datum": "GCJ-02"}, "datum", "shift"),
        ({"datum": "Mars"}, "datum", "WGS84"),
        ({"subdomains": ["a"]}, None, "subdomains"),
        ({"min_zoom": 9, "max_zoom": 8}, None, "max_zoom"),
        ({"direct": True, "zoom_offset": 1}, None, "zoom_offset"),
        ({"attribution": ""}, "attribution", ""),
        ({"attribution_url": "javascript:alert(1)"}, "attribution_url", ""),
        ({"colour": "red"}, "colour", ""),
    ],
)
def test_what_does_not_fit_is_refused_and_why(
    admin: httpx.Client, tiles: TileServer, changes: dict[str, Any], field: str | None, words: str
) -> None:
    answer = admin.put("/api/base-maps/odd", json=described(tiles, **changes))
    assert answer.status_code == 422, answer.text
    assert words in answer.text
    if field:
        assert field in answer.json()["field"]
    assert admin.get("/api/base-maps").json()["items"] == []


def test_only_who_is_logged_in_sees_tiles(stranger: httpx.Client) -> None:
    assert stranger.get("/tiles/basemap/imagery/0/0/0").status_code == 401


@pytest.mark.parametrize(
    "address",
    [
        "https://地图.example.cn/{z}/{x}/{y}",
        "https://t.example.cn; script-src-elem * 'unsafe-inline'/{z}/{x}/{y}",
        "https://*/{z}/{x}/{y}",
        "https://a,b/{z}/{x}/{y}",
        "https://example.cn/影像/{z}/{x}/{y}",
        "https://example.cn/a b/{z}/{x}/{y}",
    ],
)
def test_an_address_that_no_header_can_carry_is_refused(
    admin: httpx.Client, stranger: httpx.Client, tiles: TileServer, address: str
) -> None:
    given = described(tiles, address=address, key=None, direct=True)
    answer = admin.put("/api/base-maps/odd", json=given)
    assert (answer.status_code, answer.json()["field"]) == (422, "address"), answer.text
    assert stranger.get("/login").status_code == 200


def test_a_key_goes_to_nobody_it_was_not_given_for(
    admin: httpx.Client, viewer: httpx.Client, tiles: TileServer
) -> None:
    put(admin, "imagery", described(tiles))
    address = "https://other.example/{z}/{x}/{y}?k={key}"
    for changed in ({"address": address}, {"direct": True}):
        answer = admin.put("/api/base-maps/imagery", json=described(tiles, key=None, **changed))
        assert (answer.status_code, answer.json()["reason"]) == (422, "key_again"), answer.text
    assert KEY not in viewer.get("/api/layers").text
    again = put(admin, "imagery", described(tiles, key=None, title_zh="卫星影像"))
    assert again["title"]["zh"] == "卫星影像", "what stays where it was needs no key again"
    acts = [one["data"] for one in admin.get("/api/audit").json()["items"] if one["what"] == "base_map.write"]
    assert acts[0]["address"].startswith(tiles.http)
    assert KEY not in str(acts)
