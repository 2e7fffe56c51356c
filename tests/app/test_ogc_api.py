"""/ogc as GIS programs read it: links, conformance, errors, who may, and GDAL's own client."""

from __future__ import annotations

from typing import Any

import httpx
import pyogrio
import pytest
from sqlalchemy import Engine, text

from app.accounts import open_session
from layers.ogc.collections import OURS
from layers.ogc.systems import CRS84, EPSG
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
    assert set(found) == {"self", "service-desc", "conformance", "data"}
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
        "/ogc/collections/assets/items?f=html",
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


@pytest.fixture(scope="module")
def feed_token(db: Engine) -> str:
    with db.begin() as conn:
        secret, _ = open_session(conn, "viewer", "feed", now(), 1, name="QGIS")
    return secret


def test_a_token_in_the_address_reads_and_goes_on_in_links(served: System, feed_token: str) -> None:
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        body = get(client, f"/ogc/collections/assets/items?limit=1&token={feed_token}")
        assert get(client, links(body)["next"])["features"]
        assert client.get(f"/api/layers?token={feed_token}").status_code == 401, "it opens nothing else"


def test_the_document_names_every_address_that_is_there(viewer: httpx.Client) -> None:
    document = get(viewer, "/ogc/api")
    assert document["openapi"].startswith("3.0")
    for path in document["paths"]:
        asked = path.replace("{collectionId}", "assets").replace("{featureId}", "nothing")
        assert viewer.get(f"/ogc{asked}").status_code in (200, 404), path


# --- GDAL's client ----------------------------------------------------------------------------------------------------


@pytest.fixture
def gdal(served: System, feed_token: str) -> str:
    return f"OAPIF:{served.http}/ogc?token={feed_token}"


def test_gdal_lists_the_collections(gdal: str) -> None:
    names = {str(name) for name, _ in pyogrio.list_layers(gdal)}
    assert {one.id for one in OURS} <= names


@pytest.mark.parametrize("name", ["assets", "streets", "districts"])
def test_gdal_reads_all_pages(gdal: str, db: Engine, name: str) -> None:
    table = {"assets": "asset", "streets": "street", "districts": "district"}[name]
    with db.connect() as conn:
        count = conn.scalar(text(f"SELECT count(*) FROM {table}"))
    frame = pyogrio.read_dataframe(gdal, layer=name, PAGE_SIZE=200)
    assert len(frame) == count
    assert frame.crs == "OGC:CRS84"
    west, south, east, north = frame.total_bounds
    assert 100 < west < east < 130
    assert 20 < south < north < 45


def test_gdal_asks_by_box(gdal: str, db: Engine) -> None:
    with db.connect() as conn:
        box = conn.execute(
            text(
                "SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT ST_Extent(geom) AS e FROM asset) x"
            )
        ).one()
        west, south, east, north = map(float, box)
        part = (west, south, (west + east) / 2, (south + north) / 2)
        count = conn.scalar(
            text("SELECT count(*) FROM asset WHERE ST_Intersects(geom, ST_MakeEnvelope(:a, :b, :c, :d, 4326))"),
            dict(zip("abcd", part, strict=True)),
        )
    assert count
    assert len(pyogrio.read_dataframe(gdal, layer="assets", bbox=part)) == count
