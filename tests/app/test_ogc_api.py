"""/ogc as programs and people read it: links, filters, tiles, pages, errors, who may."""

from __future__ import annotations

import html
import io
import re
import zipfile
from typing import Any

import httpx
import morecantile
import pytest
from sqlalchemy import Engine, text

from app.accounts import open_session
from app.api import ogc, ogc_qgis, ogc_tiles
from layers.ogc.collections import OURS
from layers.ogc.systems import CRS84, EPSG
from tests.layers.test_served import decode, tile_at
from tests.support import PATIENCE_S, System, now

Json = dict[str, Any]


def links(body: Json) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in body["links"]}


def get(client: httpx.Client, path: str) -> Json:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def test_every_link_of_the_landing_page_leads_somewhere(viewer: httpx.Client) -> None:
    """/req/core/root-success, /req/core/conformance-success, /req/core/api-definition-success"""
    found = links(get(viewer, "/ogc"))
    schemes = "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes"
    assert set(found) == {"self", "alternate", "service-desc", "conformance", "data", schemes}
    for href in found.values():
        assert viewer.get(href).status_code == 200
    conforms = get(viewer, "/ogc/conformance")["conformsTo"]
    for part in ("features-1/1.0/conf/core", "features-1/1.0/conf/geojson", "features-2/1.0/conf/crs"):
        assert any(one.endswith(part) for one in conforms)


def test_collections_are_all_there_with_their_links(viewer: httpx.Client) -> None:
    """/req/core/fc-md-items, /req/core/fc-md-extent, /req/crs/fc-md-crs-list"""
    listed = get(viewer, "/ogc/collections")["collections"]
    assert [one["id"] for one in listed][: len(OURS)] == [one.id for one in OURS]
    for one in listed[:3]:
        alone = get(viewer, f"/ogc/collections/{one['id']}")
        assert alone["storageCrs"] == CRS84
        assert f"{EPSG}4490" in alone["crs"]
        west, south, east, north = alone["extent"]["spatial"]["bbox"][0]
        assert west < east
        assert south < north
        assert get(viewer, links(alone)["items"])["type"] == "FeatureCollection"


def test_queryables_are_its_columns(viewer: httpx.Client) -> None:
    schema = get(viewer, "/ogc/collections/assets/queryables")
    assert schema["properties"]["state"]["type"] == "string"
    assert schema["properties"]["installed"]["format"] == "date"
    assert schema["properties"]["geometry"]["x-ogc-role"] == "primary-geometry"
    one = get(viewer, "/ogc/collections/assets/items?limit=1")["features"][0]
    assert {*one["properties"], "geometry"} == set(schema["properties"])


@pytest.mark.parametrize(("asked", "title"), [("zh-CN,zh;q=0.9", "状态"), ("en-GB", "State"), ("fr", "状态")])
def test_queryables_are_called_in_the_language_asked_for(viewer: httpx.Client, asked: str, title: str) -> None:
    answer = viewer.get("/ogc/collections/assets/queryables", headers={"Accept-Language": asked})
    assert answer.json()["properties"]["state"]["title"] == title
    assert answer.headers["content-language"][:2] == ("en" if asked == "en-GB" else "zh")
    assert "Accept-Language" in answer.headers["vary"]


FILTER = "class = 'primary' AND length_m > 100"
AS_JSON = (
    '{"op":"and","args":[{"op":"=","args":[{"property":"class"},"primary"]},'
    '{"op":">","args":[{"property":"length_m"},100]}]}'
)


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": FILTER},
        {"filter": FILTER, "filter-lang": "cql2-text"},
        {"filter": AS_JSON, "filter-lang": "cql2-json"},
    ],
)
def test_pages_of_a_filter_hold_what_it_says(viewer: httpx.Client, db: Engine, asked: dict[str, str]) -> None:
    with db.connect() as conn:
        count = conn.scalar(text("SELECT count(*) FROM street WHERE class = 'primary' AND length_m > 100"))
    body = viewer.get("/ogc/collections/streets/items", params={**asked, "limit": "9"}).json()
    seen = [one["id"] for one in body["features"]]
    while path := links(body).get("next"):
        body = get(viewer, path)
        seen += [one["id"] for one in body["features"]]
    assert len(seen) == len(set(seen)) == count > 9


@pytest.mark.parametrize(
    ("filter", "told"),
    [
        ("nothing = 1", "expected one of code, class"),
        ("state =", "character 8"),
        ("state = 1", "expected text in single quotes beside state"),
        ("S_INTERSECTS(geometry, POINT(1000 2))", "on earth"),
        ("1 / 0 ^ -1 = 1", "computed"),
    ],
)
def test_a_filter_that_cannot_be_is_a_bad_request_that_says_what_can(
    viewer: httpx.Client, filter: str, told: str
) -> None:
    answer = viewer.get("/ogc/collections/assets/items", params={"filter": filter})
    assert answer.status_code == 400
    assert answer.json()["field"] == "filter"
    assert told in answer.json()["detail"]


def test_pages_keep_what_was_asked_and_end(viewer: httpx.Client) -> None:
    """/req/core/fc-links, /req/core/fc-numberReturned, /req/core/fc-timeStamp"""
    path = "/ogc/collections/streets/items?limit=7&class=primary&crs=" + CRS84
    seen: list[str] = []
    while path:
        answer = viewer.get(path)
        assert answer.headers["content-type"] == "application/geo+json"
        assert answer.headers["content-crs"] == f"<{CRS84}>"
        body = answer.json()
        assert body["numberReturned"] == len(body["features"]) <= 7
        assert {one["properties"]["class"] for one in body["features"]} <= {"primary"}
        seen += [one["id"] for one in body["features"]]
        path = links(body).get("next", "")
        assert not path or "class=primary" in path
    assert len(seen) == len(set(seen)) > 7


def test_one_feature_stands_alone(viewer: httpx.Client) -> None:
    """/req/core/f-success, /req/core/f-links"""
    [first] = get(viewer, "/ogc/collections/assets/items?limit=1")["features"]
    alone = get(viewer, f"/ogc/collections/assets/items/{first['id']}")
    assert alone["properties"] == first["properties"]
    assert get(viewer, links(alone)["self"])["id"] == first["id"]


@pytest.mark.parametrize(
    "path",
    [
        "/ogc?x=1",
        "/ogc/collections?limit=1",
        "/ogc/collections/assets?x=1",
        "/ogc/collections/assets/items?limit=0",
        "/ogc/collections/assets/items?bbox=1,2,3",
        "/ogc/collections/assets/items?bbox=0,160,1,170",
        "/ogc/collections/assets/items?colour=red",
        "/ogc/collections/assets/items?f=gml",
        "/ogc/collections/assets/tiles?f=html",
        "/ogc/collections/assets/items?crs=mars",
        "/ogc/collections/assets/items/1?bbox=1,2,3,4",
        "/ogc/conformance?x=1",
        "/ogc/api?x=1",
    ],
)
def test_what_is_not_known_is_a_bad_request(viewer: httpx.Client, path: str) -> None:
    """/req/core/query-param-unknown, /req/core/query-param-invalid"""
    answer = viewer.get(path)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["field"]


@pytest.mark.parametrize(
    "path", ["/ogc/collections/nothing", "/ogc/collections/nothing/items", "/ogc/collections/assets/items/nothing"]
)
def test_what_is_not_there_is_not_found(viewer: httpx.Client, path: str) -> None:
    assert viewer.get(path).status_code == 404


def test_a_stranger_is_asked_who_they_are(stranger: httpx.Client) -> None:
    for path in ("/ogc", "/ogc/collections", "/ogc/collections/assets/items", "/ogc/api"):
        assert stranger.get(path).status_code == 401


def test_a_token_in_the_address_reads_and_goes_on_in_links(served: System, feed_token: str) -> None:
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        body = get(client, f"/ogc/collections/assets/items?limit=1&token={feed_token}")
        assert get(client, links(body)["next"])["features"]
        assert client.get(f"/api/layers?token={feed_token}").status_code == 401, "it opens nothing else"


def test_the_document_names_every_address_that_is_there(viewer: httpx.Client) -> None:
    document = get(viewer, "/ogc/api")
    assert document["openapi"].startswith("3.0")
    stands_for = {"collectionId": "assets", "featureId": "nothing", "tileMatrixSetId": "WebMercatorQuad"}
    for path in document["paths"]:
        asked = re.sub(r"\{(\w+)\}", lambda name: stands_for.get(name[1], "0"), path)
        assert viewer.get(f"/ogc{asked}").status_code in (200, 204, 404), path
    routers = (ogc.router, ogc_tiles.router, ogc_qgis.router)
    routes = {route.path.removeprefix("/ogc") or "/" for router in routers for route in router.routes}
    own = {path for path in document["paths"] if re.fullmatch(r"/collections/[^{]+/items", path)}
    assert len(own) >= len(OURS)
    assert len(routes - {"/api"}) == len(set(document["paths"]) - own)


# --- tiles ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def center(db: Engine) -> tuple[float, float]:
    """Where an asset is."""
    with db.connect() as conn:
        lon, lat = conn.execute(text("SELECT ST_X(geom), ST_Y(geom) FROM asset ORDER BY id LIMIT 1")).one()
    return float(lon), float(lat)


@pytest.mark.parametrize("grid", ["WebMercatorQuad", "CGCS2000Quad"])
def test_a_grid_is_where_a_tileset_says(viewer: httpx.Client, center: tuple[float, float], grid: str) -> None:
    """Tiles by a client that knows the grid from its definition alone."""
    about = get(viewer, f"/ogc/collections/assets/tiles/{grid}")
    found = links(about)
    told = get(viewer, found["http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"])
    known = morecantile.TileMatrixSet.model_validate(told)
    for limit in about["tileMatrixSetLimits"][-3:]:
        tile = known.tile(*center, int(limit["tileMatrix"]))
        assert limit["minTileRow"] <= tile.y <= limit["maxTileRow"]
        assert limit["minTileCol"] <= tile.x <= limit["maxTileCol"]
        href = found["item"].format(tileMatrix=tile.z, tileRow=tile.y, tileCol=tile.x)
        answer = viewer.get(href)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
        [(layer, (count, names))] = decode(answer.content).items()
        assert layer == about["layers"][0]["id"] == "assets"
        assert count > 0
        assert names <= set(about["layers"][0]["propertiesSchema"]["properties"])
        turned = viewer.get(found["item"].format(tileMatrix=tile.z, tileRow=tile.x, tileCol=tile.y))
        assert turned.status_code in (204, 404), "the row stands first"


def test_a_tile_is_the_maps_own(viewer: httpx.Client, center: tuple[float, float]) -> None:
    x, y = tile_at(*center, 14)
    answer = viewer.get(f"/ogc/collections/assets/tiles/WebMercatorQuad/14/{y}/{x}")
    assert answer.content == viewer.get(f"/tiles/assets/14/{x}/{y}.mvt").content


def test_tilejson_leads_to_tiles_and_tells_their_fields(
    served: System, feed_token: str, center: tuple[float, float]
) -> None:
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        told = get(client, f"/ogc/collections/streets/tiles/WebMercatorQuad/tilejson.json?token={feed_token}")
        assert told["tilejson"] == "3.0.0"
        west, south, east, north = told["bounds"]
        assert west < center[0] < east
        assert south < center[1] < north
        [layer] = told["vector_layers"]
        assert layer["fields"]["name_zh"] == "String"
        assert layer["fields"]["bridge"] == "Boolean"
        x, y = tile_at(*center, told["maxzoom"] - 3)
        url = told["tiles"][0].format(z=told["maxzoom"] - 3, x=x, y=y)
        [(name, (_, fields))] = decode(client.get(url).content).items()
        assert name == layer["id"]
        assert fields <= set(layer["fields"])


@pytest.mark.parametrize(
    "path",
    [
        "/ogc/tileMatrixSets/nothing",
        "/ogc/collections/nothing/tiles",
        "/ogc/collections/units/tiles",
        "/ogc/collections/assets/tiles/nothing",
        "/ogc/collections/assets/tiles/CGCS2000Quad/tilejson.json",
        "/ogc/collections/assets/tiles/WebMercatorQuad/99/0/0",
        "/ogc/collections/assets/tiles/WebMercatorQuad/1/2/0",
        "/ogc/collections/assets/tiles/WebMercatorQuad/1/0/2",
        "/ogc/collections/assets/tiles/CGCS2000Quad/0/1/0",
        "/ogc/collections/assets/tiles/CGCS2000Quad/22/0/0",
        "/ogc/collections/assets/tiles/WebMercatorQuad/a/0/0",
        "/ogc/collections/assets/tiles/WebMercatorQuad/-1/0/0",
    ],
)
def test_a_tile_that_is_not_there_is_not_found(viewer: httpx.Client, path: str) -> None:
    answer = viewer.get(path)
    assert answer.status_code == 404
    assert answer.json()["field"]


def test_tiles_of_a_layer_are_for_whom_the_layer_is(served: System, db: Engine, feed_token: str) -> None:
    body = "编号,经度,纬度\n1,118.99,31.35\n".encode()
    base = "/ogc/collections/hushed"
    paths = ("", "/queryables", "/items", "/tiles", "/tiles/CGCS2000Quad", "/tiles/CGCS2000Quad/1/0/3",
             "/tiles/WebMercatorQuad/tilejson.json", "/tiles/WebMercatorQuad/1/0/1")  # fmt: skip
    with served.api("admin") as admin:
        try:
            admin.post("/api/layers/import?name=x.csv&layer=hushed&classification=2", content=body)
            assert {path: admin.get(base + path).status_code for path in paths} == dict.fromkeys(paths, 200)
            with db.begin() as conn:
                conn.execute(text("UPDATE account SET classification = 1 WHERE username = 'viewer'"))
                low, _ = open_session(conn, "viewer", "feed", now(), 1, name="low")
            with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
                found = {path: client.get(f"{base}{path}?token={low}").status_code for path in paths}
            assert found == dict.fromkeys(paths, 404)
        finally:
            with db.begin() as conn:
                conn.execute(text("UPDATE account SET classification = 2 WHERE username = 'viewer'"))
            admin.delete("/api/layers/hushed")


@pytest.mark.parametrize("grid", ["WebMercatorQuad", "CGCS2000Quad"])
def test_the_open_sea_has_an_empty_tile_and_the_poles_too(viewer: httpx.Client, grid: str) -> None:
    for row in (0, 1):
        assert viewer.get(f"/ogc/collections/streets/tiles/{grid}/1/{row}/0").status_code == 204


# --- pages for people -------------------------------------------------------------------------------------------------

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGES = (
    "",
    "/conformance",
    "/collections",
    "/collections/assets",
    "/collections/assets/queryables",
    "/collections/assets/items",
)


@pytest.mark.parametrize("path", PAGES, ids=[path or "/" for path in PAGES])
def test_a_browser_gets_a_page_and_a_program_json(viewer: httpx.Client, path: str) -> None:
    page = viewer.get(f"/ogc{path}", headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-language"] == "zh-CN"
    assert "Accept" in page.headers["vary"]
    assert "script" not in page.text
    assert "style=" not in page.text
    assert (
        viewer.get(f"/ogc{path}?f=html").text.split("<main>")[1][:200].split("href")[0]
        == (page.text.split("<main>")[1][:200].split("href")[0])
    )
    for accept in ("application/json", "application/geo+json, text/html;q=0.5", "*/*", "text/html;q=0, */*"):
        assert "json" in viewer.get(f"/ogc{path}", headers={"Accept": accept}).headers["content-type"]
    assert "json" in viewer.get(f"/ogc{path}?f=json", headers=BROWSER).headers["content-type"]


@pytest.mark.parametrize("path", [path for path in PAGES if "queryables" not in path])
def test_json_and_pages_lead_to_each_other(viewer: httpx.Client, path: str) -> None:
    page = viewer.get(links(get(viewer, f"/ogc{path}"))["alternate"])
    assert page.headers["content-type"].startswith("text/html")
    marked = re.findall(r'<(?:a|link) [^>]*rel="alternate"[^>]*>', page.text)
    [href] = {found[1] for one in marked if (found := re.search(r'href="([^"]+)"', one))}
    again = viewer.get(html.unescape(href))
    assert "json" in again.headers["content-type"]


def test_rows_are_leafed_through_there_and_back(viewer: httpx.Client) -> None:
    def steps(body: str) -> dict[str, str]:
        return {rel: html.unescape(href) for href, rel in re.findall(r'href="([^"]+)" rel="(first|prev|next)"', body)}

    first = viewer.get("/ogc/collections/streets/items?limit=5&class=primary", headers=BROWSER).text
    assert set(steps(first)) == {"next"}
    second = viewer.get(steps(first)["next"], headers=BROWSER).text
    assert set(steps(second)) == {"first", "prev", "next"}
    for rel in ("first", "prev"):
        assert re.findall(r"<tbody>.*</tbody>", viewer.get(steps(second)[rel], headers=BROWSER).text) == (
            re.findall(r"<tbody>.*</tbody>", first)
        )
    one = re.search(r'<tbody><tr><td><a href="([^"]+)"', first)
    assert one
    alone = viewer.get(html.unescape(one[1]), headers=BROWSER)
    assert "primary" in alone.text
    assert "LineString" in alone.text


def test_a_page_says_it_in_the_language_of_the_account(viewer: httpx.Client) -> None:
    try:
        assert viewer.patch("/api/me", json={"lang": "en"}).status_code == 200
        page = viewer.get("/ogc/collections/assets/items", headers={**BROWSER, "Accept-Language": "zh"})
        assert '<html lang="en" data-lang="en"' in page.text
        assert '<th scope="col">State</th>' in page.text
    finally:
        viewer.patch("/api/me", json={"lang": "zh"})


BAIT = "<script>alert(1)</script>\"'&"


def test_what_stands_in_rows_and_names_is_shown_and_not_run(served: System, db: Engine) -> None:
    body = f"编号,<b>名称\n1,{BAIT.replace(chr(34), chr(39))}\n".encode()
    with served.api("admin") as admin:
        made = admin.post("/api/layers/import?name=x.csv&layer=bait&title=<i>x</i>", content=body)
        assert made.status_code == 200, made.text
        try:
            for path in ("", "/bait", "/bait/items", "/bait/queryables"):
                page = admin.get(f"/ogc/collections{path}", headers=BROWSER)
                assert page.status_code == 200
                for bad in ("<script", "<b>", "<i>"):
                    assert bad not in page.text
            page = admin.get("/ogc/collections/bait/items", headers=BROWSER).text
            assert "&lt;script&gt;" in page
            [href, *_] = re.findall(r'href="([^"]+format=csv)"', page)
            assert admin.get(html.unescape(href)).status_code == 200
            assert admin.get("/ogc/collections/bait/tiles").status_code == 404, "it has no shapes"
        finally:
            admin.delete("/api/layers/bait")


def test_a_page_with_a_token_keeps_it_and_offers_nothing_that_it_does_not_open(served: System, feed_token: str) -> None:
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S, headers=BROWSER) as client:
        page = client.get(f"/ogc/collections?token={feed_token}").text
        inside = [html.unescape(href) for href in re.findall(r'href="(http[^"]+/ogc[^"]*)"', page)]
        assert len(inside) > 10
        assert all(f"token={feed_token}" in href for href in inside)


def test_a_token_of_some_layers_opens_these_and_nothing_else(officer: httpx.Client, served: System) -> None:
    """For a contractor: the streets, and not what else the owner sees."""
    body = {"name": "contractor", "kind": "feed", "layers": ["streets", "districts"]}
    made = officer.post("/api/me/tokens", json=body)
    assert made.status_code == 201, made.text
    [held] = [one for one in officer.get("/api/me/sessions").json()["items"] if one["name"] == "contractor"]
    assert held["layers"] == ["streets", "districts"]
    token = {"Authorization": f"Bearer {made.json()['token']}"}
    with httpx.Client(base_url=served.http, headers=token, trust_env=False, timeout=PATIENCE_S) as contractor:
        listed = get(contractor, "/ogc/collections")["collections"]
        assert sorted(one["id"] for one in listed) == ["districts", "streets"]
        assert get(contractor, "/ogc/collections/streets/items?limit=1")["features"]
        for path in ("", "/items", "/onemap.qlr", "/tiles/WebMercatorQuad/10/0/0"):
            assert contractor.get(f"/ogc/collections/assets{path}").status_code == 404
        project = contractor.get("/ogc/onemap.qgz")
        with zipfile.ZipFile(io.BytesIO(project.content)) as archive:
            [inside] = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".qgs")]
        assert "streets" in inside
        assert "assets" not in inside
        assert contractor.get("/feeds/alerts.atom").json()["reason"] == "token_of_layers"
        assert contractor.get("/api/alarms").status_code == 401


@pytest.mark.parametrize(
    ("more", "status", "reason"),
    [
        ({"kind": "token", "layers": ["streets"]}, 422, "no_feed"),
        ({"kind": "feed", "layers": ["nowhere"]}, 404, "not_found"),
        ({"kind": "feed", "layers": []}, 422, "invalid_input"),
    ],
)
def test_a_token_of_layers_names_layers_there_are(more: Json, status: int, reason: str, officer: httpx.Client) -> None:
    answer = officer.post("/api/me/tokens", json={"name": "wrong", **more})
    assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text
