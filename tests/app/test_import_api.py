"""A file over the API becomes a layer: read by a process of its own, by whom it is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from app.accounts import add_account, open_session
from layers.own import need_layer
from tests.layers.brought import frame, shapefile, square, zipped
from tests.layers.test_bring import HEAD, ROWS
from tests.support import PASSWORD, PATIENCE_S, System, now

Json = dict[str, Any]
BODY = (HEAD + ROWS + "010199,错,公园,1,31.35,118.99\n").encode("gbk")


def send(client: httpx.Client, body: bytes, **query: Any) -> httpx.Response:
    return client.post("/api/layers/import", content=body, params={"name": "绿地.csv", **query})


def test_a_file_is_shown_and_then_kept(officer: httpx.Client, gone: None) -> None:
    shown = send(officer, BODY, layer="parks", dry_run=True)
    assert shown.status_code == 200, shown.text
    told = shown.json()
    assert (told["encoding"], told["plan"]["key"], told["plan"]["geometry"]) == ("gb18030", "编号", "point")
    assert told["rows"][0]["名称"] == "甲"
    assert "parks" not in [layer["id"] for layer in officer.get("/api/layers").json()["items"]]
    written = [entry["what"] for entry in officer.get("/api/audit").json()["items"]].count("layer.import")
    kept = send(officer, BODY, layer="parks", title="绿地", title_en="Parks").json()
    assert (kept["figures"]["added"], kept["figures"]["refused"]) == (3, 1)
    [refused] = kept["refused"]
    assert (refused["row"], refused["field"]) == (4, "geometry")
    [layer] = [one for one in officer.get("/api/layers").json()["items"] if one["id"] == "parks"]
    assert (layer["title"], layer["count"]) == ({"zh": "绿地", "en": "Parks"}, 3)
    again = send(officer, BODY, layer="parks").json()
    assert again["figures"]["same"] == 3
    acts = [entry["what"] for entry in officer.get("/api/audit").json()["items"]]
    assert acts.count("layer.import") == written + 2
    assert officer.delete("/api/layers/parks").status_code == 204
    assert officer.delete("/api/layers/parks").status_code == 404


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_zipped_shapefile_in_gbk(officer: httpx.Client, gone: None, tmp_path: Path) -> None:
    made = shapefile(tmp_path / "s", "网格", frame([square()], 网格编号=["010101"], 名称=["甲"]), page=False)
    files = {f"数据/{one.name}": one.read_bytes() for one in made.parent.iterdir()}
    body = zipped(tmp_path / "z.zip", files).read_bytes()
    done = send(officer, body, name="网格.zip", layer="grid")
    assert done.status_code == 200, done.text
    assert done.json()["rows"][0]["名称"] == "甲"


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"datum": "Mars"}, 422, "datum"),
        ({"encoding": "utf-8"}, 422, "encoding"),
        ({"layer": "Parks!"}, 422, "layer"),
        ({"layer": "water"}, 409, "layer"),
        ({"key": "nothing"}, 422, "key"),
        ({"table": "nothing"}, 422, "table"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
def test_what_cannot_be_is_said_by_its_field(
    officer: httpx.Client, gone: None, query: Json, status: int, field: str
) -> None:
    answer = send(officer, BODY, **query)
    assert answer.status_code == status, answer.text
    assert field in answer.json()["field"]


@pytest.mark.parametrize("body", [b"", b"\x89PNG\r\n\x1a\n\x00\x01", b"<kml><!DOCTYPE x></kml>"])
def test_what_is_no_file_of_ours_is_refused(officer: httpx.Client, body: bytes) -> None:
    answer = send(officer, body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == "file"


@pytest.mark.parametrize("role", ["viewer", "dispatcher"])
def test_who_may_not_edit_layers_may_not_bring_any(served: System, role: str) -> None:
    with served.api(role) as client:
        assert send(client, BODY, layer="parks").status_code == 403
        assert client.delete("/api/layers/parks").status_code == 403


def test_a_stranger_may_not(stranger: httpx.Client) -> None:
    assert send(stranger, BODY).status_code == 401


def test_what_is_not_said_of_a_layer_that_is_there_stays_as_it_is(
    officer: httpx.Client, db: Engine, gone: None
) -> None:
    send(officer, BODY, layer="parks", title="绿地", title_en="Parks", classification=2)
    with db.begin() as conn:
        conn.execute(text("UPDATE layer SET tree_group = 'assets', departments = '{parks-office}' WHERE id = 'parks'"))
    again = send(officer, BODY, layer="parks")
    assert again.status_code == 200, again.text
    assert again.json()["figures"]["same"] == 3
    with db.connect() as conn:
        layer = need_layer(conn, "parks")
    assert (layer.title, layer.group, layer.key) == ({"zh": "绿地", "en": "Parks"}, "assets", "编号")
    assert (layer.classification, layer.departments) == (2, ("parks-office",)), "nobody makes it public by an update"
    other = send(officer, BODY.replace("编号".encode("gbk"), "序号".encode("gbk")), layer="parks")
    assert (other.status_code, "key" in other.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    "limit",
    ["classification = 0", "districts = '{999999}'", "departments = '{another}'"],
    ids=["class", "districts", "departments"],
)
def test_nobody_replaces_or_removes_more_than_they_see(
    served: System, officer: httpx.Client, db: Engine, gone: None, limit: str
) -> None:
    send(officer, BODY, layer="parks", classification=1)
    with db.begin() as conn:
        conn.execute(text("UPDATE layer SET departments = '{parks-office}' WHERE id = 'parks'"))
        add_account(conn, "narrow", "Narrow", "gis_officer", PASSWORD, now())
        conn.execute(text(f"UPDATE account SET {limit} WHERE username = 'narrow'"))
        secret, _ = open_session(conn, "narrow", "token", now(), 1, name="test")
    try:
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=served.http, headers=headers, trust_env=False, timeout=PATIENCE_S) as narrow:
            refused = send(narrow, BODY, layer="parks", remove_gone=True)
            assert (refused.status_code, refused.json()["reason"]) == (403, "layer_beyond_own"), refused.text
            assert narrow.delete("/api/layers/parks").status_code in (403, 404)
    finally:
        with db.begin() as conn:
            conn.execute(text("DELETE FROM account WHERE username = 'narrow'"))
    with db.connect() as conn:
        assert need_layer(conn, "parks").rows == 3


def test_nobody_gives_a_class_above_their_own(served: System, db: Engine, gone: None) -> None:
    with db.begin() as conn:
        add_account(conn, "narrow", "Narrow", "gis_officer", PASSWORD, now())
        conn.execute(text("UPDATE account SET classification = 0 WHERE username = 'narrow'"))
        secret, _ = open_session(conn, "narrow", "token", now(), 1, name="test")
    try:
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=served.http, headers=headers, trust_env=False, timeout=PATIENCE_S) as narrow:
            assert send(narrow, BODY, layer="parks", classification=1).status_code == 403
    finally:
        with db.begin() as conn:
            conn.execute(text("DELETE FROM account WHERE username = 'narrow'"))


def test_nothing_is_left_on_disk(served: System, officer: httpx.Client, gone: None) -> None:
    send(officer, BODY, layer="parks", dry_run=True)
    folder = served.logs / "state" / "imports"
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
