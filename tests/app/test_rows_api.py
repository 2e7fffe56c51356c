"""Rows of the city's own layers over our API and over /ogc: two people at one row, what an import changes meanwhile,
who may, what is said of what cannot be; the map has it at once, and the tiles beside it stay."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from owslib.ogcapi.features import Features
from sqlalchemy import Engine, text

from app.accounts import add_account, open_session
from layers.imports.bring import bring as bring_table
from tests.app.test_document import walk
from tests.layers.test_bring import plan_of, text_table
from tests.layers.test_served import tile_at
from tests.support import PASSWORD, PATIENCE_S, System, now, wait_for

Json = dict[str, Any]
ROWS = "/api/layers/spots/rows"
ITEMS = "/ogc/collections/spots/items"
GEOJSON, PATCH = "application/geo+json", "application/merge-patch+json"
FILE = "编号,名称,深度,经度,纬度\ns-1,甲,1.5,118.99,31.35\ns-2,乙,2.5,118.991,31.351\ns-3,丙,3.5,118.992,31.352\n"
POINT = {"type": "Point", "coordinates": [118.995, 31.355]}


def bring(client: httpx.Client, body: str = FILE, **query: Any) -> None:
    answer = client.post(
        "/api/layers/import", content=body.encode(), params={"name": "点.csv", "layer": "spots", **query}
    )
    assert answer.status_code == 200, answer.text


@pytest.fixture
def rows(officer: httpx.Client, gone: None, db: Engine, tmp_path: Path) -> dict[str, Json]:
    """By their keys; brought as the API brings a file, without a process for each test."""
    table = text_table(tmp_path / "brought", FILE, "点")
    with db.begin() as conn:
        bring_table(conn, table, plan_of(table, "spots"), "admin", now())
    return {row["key"]: row for row in officer.get(ROWS).json()["items"]}


def feature(**properties: Any) -> Json:
    return {"type": "Feature", "geometry": POINT, "properties": properties}


def test_a_row_is_made_changed_removed_and_brought_back(officer: httpx.Client, rows: dict[str, Json]) -> None:
    made = officer.post(ROWS, json={"values": {"编号": "s-4", "深度": "4.5"}, "place": "118.995, 31.355"})
    assert made.status_code == 201, made.text
    row = made.json()
    url = made.headers["location"]
    assert (row["key"], row["values"], row["geometry"]) == ("s-4", {"编号": "s-4", "深度": 4.5}, POINT)
    assert officer.get(url).json() == row
    after = officer.patch(url, json={"version": 1, "values": {"名称": "丁"}, "reason": "巡查"}).json()
    assert (after["version"], after["values"]["名称"], after["values"]["深度"]) == (2, "丁", 4.5)
    whole = officer.put(url, json={"version": 2, "values": {"编号": "s-4", "名称": "丁"}, "geometry": POINT}).json()
    assert (whole["version"], whole["values"]) == (3, {"编号": "s-4", "名称": "丁"})
    assert officer.get("/api/layers/spots").json()["rows"] == 4
    assert officer.delete(url, params={"version": 2}).status_code == 409
    assert officer.delete(url, params={"version": 3, "reason": "填埋"}).status_code == 204
    assert officer.get(url).status_code == 404
    assert officer.get("/api/layers/spots").json()["rows"] == 3
    history = walk(officer, f"{url}/history", 1)
    assert [(event["what"], event["reason"]) for event in history] == [
        ("delete", "填埋"),
        ("replace", None),
        ("update", "巡查"),
        ("create", None),
    ]
    back = officer.post(f"{url}/revert", json={"event": history[0]["id"], "version": 3})
    assert back.status_code == 200, back.text
    assert back.json()["values"] == whole["values"]
    assert officer.get("/api/layers/spots").json()["rows"] == 4
    acts = [entry["what"] for entry in officer.get("/api/audit").json()["items"][:5]]
    assert acts == ["row.revert", "row.delete", "row.replace", "row.update", "row.create"]


def test_two_people_edit_one_row_and_the_slower_is_told(officer: httpx.Client, rows: dict[str, Json]) -> None:
    url, version = f"{ROWS}/{rows['s-1']['id']}", rows["s-1"]["version"]
    assert officer.patch(url, json={"version": version, "values": {"深度": 9}}).status_code == 200
    slower = officer.patch(url, json={"version": version, "values": {"深度": 8}}, headers={"Accept-Language": "zh"})
    assert (slower.status_code, slower.json()["reason"]) == (409, "stale_version")
    assert "新变化" in slower.json()["message"]
    item = f"{ITEMS}/{rows['s-1']['id']}"
    by_program = officer.patch(
        item, json={"properties": {"深度": 7}}, headers={"Content-Type": PATCH, "If-Match": f'"{version}"'}
    )
    assert (by_program.status_code, by_program.json()["field"]) == (412, "If-Match")
    assert officer.get(url).json()["values"]["深度"] == 9


def test_of_edits_at_one_moment_one_is_done(officer: httpx.Client, rows: dict[str, Json]) -> None:
    url = f"{ROWS}/{rows['s-1']['id']}"

    def patch(n: int) -> int:
        return officer.patch(url, json={"version": 1, "values": {"深度": n}}).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(patch, range(10, 16))) == [200, 409, 409, 409, 409, 409]
    assert officer.get(url).json()["version"] == 2
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: officer.post(ROWS, json={"values": {"编号": "s-9"}}).status_code, range(6)))
    assert sorted(made) == [201, 409, 409, 409, 409, 409]
    assert officer.get("/api/layers/spots").json()["rows"] == 4


def test_an_import_makes_what_was_seen_before_it_old(officer: httpx.Client, rows: dict[str, Json]) -> None:
    tag = officer.get(f"{ITEMS}/{rows['s-1']['id']}").headers["etag"]
    bring(officer, FILE.replace("甲,1.5", "甲,6.5"))
    url = f"{ROWS}/{rows['s-1']['id']}"
    assert officer.patch(url, json={"version": rows["s-1"]["version"], "values": {"深度": 1}}).status_code == 409
    answer = officer.delete(f"{ITEMS}/{rows['s-1']['id']}", headers={"If-Match": tag})
    assert answer.status_code == 412
    untouched = f"{ROWS}/{rows['s-2']['id']}"
    assert officer.patch(untouched, json={"version": 1, "values": {"深度": 1}}).status_code == 200
    assert officer.get("/api/layers/spots").json()["lineage"]["file"] == "点.csv", "it says what the import was"


def test_the_map_has_it_within_two_seconds_and_the_tiles_beside_it_stay(
    officer: httpx.Client, rows: dict[str, Json]
) -> None:
    def tile(lon: float, lat: float) -> httpx.Response:
        x, y = tile_at(lon, lat, 17)
        return officer.get(f"/tiles/spots/17/{x}/{y}.mvt")

    here, there = (118.99, 31.35), (118.995, 31.355)
    assert "甲".encode() in tile(*here).content
    assert tile(*there).status_code == 204
    url = f"{ROWS}/{rows['s-1']['id']}"
    began = now()
    assert officer.patch(url, json={"version": 1, "values": {"名称": "新名"}, "geometry": POINT}).status_code == 200
    wait_for(lambda: "新名".encode() in tile(*there).content, what="it is where it was moved to")
    wait_for(lambda: tile(*here).status_code == 204, what="and not where it was")
    assert (now() - began).total_seconds() < PATIENCE_S
    layer = next(one for one in officer.get("/api/layers").json()["items"] if one["id"] == "spots")
    assert layer["count"] == 3


def test_rows_walked_in_small_pages_are_all_rows(officer: httpx.Client, rows: dict[str, Json]) -> None:
    whole = walk(officer, ROWS, 1000)
    assert sorted(row["key"] for row in whole) == ["s-1", "s-2", "s-3"]
    assert [int(row["id"]) for row in whole] == sorted(int(row["id"]) for row in whole)
    assert walk(officer, ROWS, 1) == whole
    assert sorted(row["key"] for row in walk(officer, ROWS, 1, filter="深度 > 2")) == ["s-2", "s-3"]
    as_json = json.dumps({"op": "=", "args": [{"property": "名称"}, "乙"]})
    found = officer.get(ROWS, params={"filter": as_json, "filter-lang": "cql2-json"}).json()["items"]
    assert [row["key"] for row in found] == ["s-2"]
    for asked, field in (({"filter": "深度 >"}, "filter"), ({"cursor": "-1"}, "cursor"), ({"colour": "red"}, "colour")):
        answer = officer.get(ROWS, params=asked)
        assert (answer.status_code, answer.json()["field"]) == (422, field)


BOW = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}


@pytest.mark.parametrize(
    ("said", "status", "field", "zh"),
    [
        ({"values": {"深度": "深"}}, 422, "深度", "深度：应为数值，实为 '深'"),
        ({"values": {"颜色": "红"}}, 422, "颜色", "图层没有“颜色”这一列"),
        ({"values": {"编号": "s-2"}}, 409, "编号", "已被使用"),
        ({"values": {"编号": ""}}, 422, "编号", "编号：缺少主键"),
        ({"geometry": BOW}, 422, "geometry", "位置：应为 Point, MultiPoint 之一"),
        ({"place": "哪里"}, 422, "place", "位置：应为位置，实为 '哪里'"),
        ({"values": {"名称": "\u0000"}}, 422, "values", None),
        ({"colour": 1}, 422, "colour", None),
    ],
)
def test_what_cannot_be_is_said_by_its_field_in_both_languages(
    officer: httpx.Client, rows: dict[str, Json], said: Json, status: int, field: str, zh: str | None
) -> None:
    url = f"{ROWS}/{rows['s-1']['id']}"
    answer = officer.patch(url, json={"version": 1, **said}, headers={"Accept-Language": "zh"})
    assert (answer.status_code, field in answer.json()["field"]) == (status, True), answer.text
    assert zh is None or zh in answer.json()["message"]
    english = officer.patch(url, json={"version": 1, **said}, headers={"Accept-Language": "en"})
    assert zh is None or english.json()["message"] != answer.json()["message"]
    assert officer.get(url).json() == rows["s-1"]


def test_a_shape_may_be_larger_than_most_bodies(officer: httpx.Client, gone: None) -> None:
    square = '{"type":"Polygon","coordinates":[[[118.9,31.3],[118.91,31.3],[118.91,31.31],[118.9,31.3]]]}'
    body = (
        f'{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{{"n":1}},"geometry":{square}}}]}}'
    )
    answer = officer.post("/api/layers/import", content=body.encode(), params={"name": "a.geojson", "layer": "spots"})
    assert answer.status_code == 200, answer.text
    edge = [[118.9 + n * 1e-6, 31.3] for n in range(4000)]
    ring = [*edge, [118.904, 31.31], [118.9, 31.3]]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    assert len(json.dumps(polygon)) > 64_000
    assert officer.post(ROWS, json={"values": {"n": 2}, "geometry": polygon}).status_code == 201
    said = {"type": "Feature", "geometry": polygon, "properties": {"n": 3}}
    assert officer.post(ITEMS, json=said, headers={"Content-Type": GEOJSON}).status_code == 201
    bow = [[[118.9, 31.3], [118.91, 31.31], [118.91, 31.3], [118.9, 31.31], [118.9, 31.3]]]
    crossed = {**said, "geometry": {"type": "Polygon", "coordinates": bow}}
    refused = officer.post(ITEMS, json=crossed, headers={"Content-Type": GEOJSON, "Accept-Language": "en"})
    assert refused.status_code == 422
    assert "it crosses itself at 118.905000, 31.305000" in refused.json()["message"]


# --- who may ----------------------------------------------------------------------------------------------------------


def edits(client: httpx.Client, row: Json) -> list[int]:
    """The status of every edit, none of which would change what is there."""
    url, item = f"{ROWS}/{row['id']}", f"{ITEMS}/{row['id']}"
    merge = {"Content-Type": PATCH}
    stale = {"If-Match": '"0"'}
    return [
        client.post(ROWS, json={"values": {"编号": row["key"]}}).status_code,
        client.patch(url, json={"version": 99}).status_code,
        client.put(url, json={"version": 99, "values": row["values"]}).status_code,
        client.delete(url, params={"version": 99}).status_code,
        client.post(f"{url}/revert", json={"version": 99, "event": 1}).status_code,
        client.post(ITEMS, json=feature(编号=row["key"]), headers={"Content-Type": GEOJSON}).status_code,
        client.put(item, json=feature(**row["values"]), headers={"Content-Type": GEOJSON, **stale}).status_code,
        client.patch(item, json={"properties": {}}, headers={**merge, **stale}).status_code,
        client.delete(item, headers=stale).status_code,
    ]


def test_who_may_edit_is_refused_for_what_they_say_and_nobody_else(
    officer: httpx.Client, dispatcher: httpx.Client, stranger: httpx.Client, rows: dict[str, Json]
) -> None:
    assert set(edits(officer, rows["s-1"])) == {404, 409, 412}
    assert set(edits(dispatcher, rows["s-1"])) == {403}
    assert set(edits(stranger, rows["s-1"])) == {401}
    assert dispatcher.get(ROWS).json()["items"] == list(rows.values()), "who sees the city reads"


@pytest.mark.parametrize(
    ("layer", "scope", "status", "reads"),
    [
        ({"classification": 2}, {"classification": 0}, 404, 404),
        ({"departments": ["water"]}, {"departments": ["parks"]}, 404, 404),
        ({}, {"districts": []}, 403, 200),
    ],
    ids=["above one's class", "of another department", "not seen whole"],
)
def test_what_one_does_not_see_is_not_there_and_what_one_does_not_see_whole_is_not_edited(
    officer: httpx.Client,
    served: System,
    db: Engine,
    rows: dict[str, Json],
    layer: Json,
    scope: Json,
    status: int,
    reads: int,
) -> None:
    if "districts" in scope:
        scope = {"districts": [rows["s-1"]["district"]]}
    with db.begin() as conn:
        name = f"keeper-{next(iter(scope))}"
        add_account(conn, name, "Keeper", "gis_officer", PASSWORD, now())
        sets = ", ".join(f"{one} = :{one}" for one in scope)
        conn.execute(text(f"UPDATE account SET {sets} WHERE username = :name"), {**scope, "name": name})
    if layer:
        assert officer.patch("/api/layers/spots", json={"version": 1, **layer}).status_code == 200
    with served.api(name) as client:
        assert set(edits(client, rows["s-1"])) == {status}
        url = f"{ROWS}/{rows['s-1']['id']}"
        assert {client.get(one).status_code for one in (ROWS, url, ITEMS)} == {reads}
        allowed = client.options(ITEMS)
        assert allowed.status_code == reads
        assert reads == 404 or allowed.headers["allow"] == "GET, OPTIONS"


def test_a_feed_token_reads_and_never_writes(
    served: System, db: Engine, officer: httpx.Client, rows: dict[str, Json]
) -> None:
    """Whoever it is of."""
    with db.begin() as conn:
        secret, _ = open_session(conn, "admin", "feed", now(), 1, name="QGIS")
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        item = f"{ITEMS}/{rows['s-1']['id']}"
        for headers, query in (({"Authorization": f"Bearer {secret}"}, {}), ({}, {"token": secret})):
            assert client.get(item, headers=headers, params=query).status_code == 200
            assert client.options(item, headers=headers, params=query).headers["allow"] == "GET, OPTIONS"
            assert client.delete(item, headers=headers, params=query).status_code == 401
            made = client.post(
                ITEMS, json=feature(编号="x"), headers={**headers, "Content-Type": GEOJSON}, params=query
            )
            assert made.status_code == 401
    assert len(officer.get(ROWS).json()["items"]) == 3


def test_a_session_writes_from_our_own_page_alone(served: System, db: Engine, rows: dict[str, Json]) -> None:
    with db.begin() as conn:
        secret, _ = open_session(conn, "admin", "browser", now(), 1)
    body, headers = feature(编号="s-9"), {"Content-Type": GEOJSON, "Cookie": f"onemap_session={secret}"}
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        foreign = client.post(ITEMS, json=body, headers={**headers, "Origin": "https://elsewhere.example"})
        assert (foreign.status_code, foreign.json()["reason"]) == (403, "origin")
        assert client.post(ITEMS, json=body, headers={**headers, "Origin": served.http}).status_code == 201


# --- /ogc beside what its conformance tests say -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["streets", "districts", "incidents", "assets"])
def test_what_is_not_edited_so_says_what_it_allows(officer: httpx.Client, name: str) -> None:
    body = feature()
    kind = {"Content-Type": GEOJSON}
    [one] = officer.get(f"/ogc/collections/{name}/items?limit=1").json()["features"] or [{"id": "1"}]
    item = f"/ogc/collections/{name}/items/{quote(one['id'], safe='')}"
    made = officer.post(f"/ogc/collections/{name}/items", json=body, headers=kind)
    assert (made.status_code, made.headers["allow"]) == (405, "GET, OPTIONS")
    allowed = "GET, OPTIONS, PATCH" if name == "assets" else "GET, OPTIONS"
    for answer in (officer.put(item, json=body, headers=kind), officer.delete(item)):
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.json()["reason"] == "method_not_allowed"


def test_a_component_is_corrected_by_a_program(officer: httpx.Client) -> None:
    url = "/ogc/collections/assets/items"
    [before] = officer.get(f"{url}?limit=1").json()["features"]
    item = f"{url}/{before['id']}"
    packed = officer.get(item, headers={"Accept-Encoding": "br"})
    assert packed.headers["content-encoding"] == "br"
    tag = packed.headers["etag"]
    assert re.fullmatch(r'"\d+-br"', tag), "strong, or nobody could ask with it"
    lon, lat = before["geometry"]["coordinates"]
    said = {
        "properties": {"state": "damaged", "note": "井盖松动", "code": before["id"]},
        "geometry": {"type": "Point", "coordinates": [lon + 1e-4, lat]},
    }

    def patch(body: Json, **headers: str) -> httpx.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return officer.patch(item, json=body, headers={"Content-Type": PATCH, **given})

    done = patch(said, If_Match=tag)
    assert done.status_code == 204, done.text
    after = officer.get(item).json()
    assert (after["properties"]["state"], after["properties"]["note"]) == ("damaged", "井盖松动")
    assert after["geometry"]["coordinates"][0] == pytest.approx(lon + 1e-4)
    plain = officer.get(item, headers={"Accept-Encoding": "identity"})
    assert plain.headers["etag"] == done.headers["etag"] == f'"{int(tag.strip(chr(34)).partition("-")[0]) + 1}"'
    assert officer.get(f"/api/assets/{before['id']}/history").json()["items"][0]["changes"]["state"][1] == "damaged"
    for wrong, field in (
        ({"properties": {"class": "99"}}, "class"),
        ({"properties": {"state": "melted"}}, "state"),
        ({"properties": {"colour": "red"}}, "colour"),
        ({"geometry": {"type": "Point", "coordinates": [0, 0]}}, "lon"),
        ({"geometry": None}, "geometry"),
    ):
        answer = patch(wrong)
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert patch(said, If_Match=tag).status_code == 412
    was = {"state": before["properties"]["state"], "note": before["properties"]["note"]}
    assert patch({"properties": was, "geometry": before["geometry"]}).status_code == 204


@pytest.mark.parametrize(
    ("kind", "body", "status", "field"),
    [
        (None, b"{}", 400, "Content-Type"),
        ("text/csv", b"{}", 415, "Content-Type"),
        (GEOJSON, b"{", 400, "body"),
        (GEOJSON, b"[]", 400, "body"),
        (GEOJSON, b'{"type": "FeatureCollection", "features": []}', 422, "type"),
        (GEOJSON, b'{"type": "Feature", "properties": {}}', 422, "geometry"),
        (GEOJSON, b'{"type": "Feature", "geometry": null}', 422, "properties"),
        (GEOJSON, b'{"type": "Feature", "geometry": null, "properties": 1}', 422, "properties"),
        (GEOJSON, b'{"type": "Feature", "geometry": null, "properties": {"x": 1}}', 422, "x"),
        (GEOJSON, b'{"type": "Feature", "geometry": null, "properties": {"key": "z"}}', 422, "key"),
        (GEOJSON, b'{"type": "Feature", "geometry": null, "properties": {"\\u0000": 1}}', 422, "properties"),
    ],
)
def test_a_feature_that_cannot_be_is_said_by_its_member(
    officer: httpx.Client, rows: dict[str, Json], kind: str | None, body: bytes, status: int, field: str
) -> None:
    answer = officer.post(ITEMS, content=body, headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert officer.post(f"{ITEMS}?colour=red", content=body, headers={"Content-Type": GEOJSON}).status_code == 400


def test_a_merge_patch_changes_nothing_but_the_feature(officer: httpx.Client, rows: dict[str, Json]) -> None:
    item = f"{ITEMS}/{rows['s-1']['id']}"
    for wrong, field in (
        ({"links": []}, "links"),
        ({"type": None}, "type"),
        ({"id": None}, "id"),
        ({"properties": None}, "properties"),
        ({"properties": {"编号": None}}, "编号"),
    ):
        answer = officer.patch(item, json=wrong, headers={"Content-Type": PATCH})
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    gone_from = officer.patch(item, json={"geometry": None}, headers={"Content-Type": PATCH})
    assert gone_from.status_code == 204
    assert officer.get(item).json()["geometry"] is None


def test_owslib_makes_changes_and_removes(served: System, officer: httpx.Client, rows: dict[str, Json]) -> None:
    headers = {"Authorization": f"Bearer {served.token('admin')}", "Content-Type": GEOJSON}
    features = Features(f"{served.http}/ogc", headers=headers, timeout=int(PATIENCE_S))
    assert features.collection_item_create("spots", json.dumps(feature(编号="s-4", 深度=4)))
    identity = features.response_headers["Location"].rpartition("/")[2]
    assert features.collection_item("spots", identity)["properties"]["深度"] == 4
    assert features.collection_item_update("spots", identity, json.dumps(feature(编号="s-4", 深度=5)))
    assert features.collection_item("spots", identity)["properties"]["深度"] == 5
    assert features.collection_item_delete("spots", identity)
    assert officer.get(f"{ITEMS}/{identity}").status_code == 404
    assert [event["source"] for event in officer.get(f"{ROWS}/{identity}/history").json()["items"]] == ["ogc"] * 3
