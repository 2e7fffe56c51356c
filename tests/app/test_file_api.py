"""A file over the API, step by step: brought, looked at, checked, loaded, stopped, given up."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from app.accounts import add_account, open_session
from tests.app.test_import_api import BODY
from tests.layers.test_bring import HEAD, ROWS
from tests.support import PASSWORD, PATIENCE_S, System, now, wait_for

Json = dict[str, Any]
FILES = "/api/layers/files"


def brought(client: httpx.Client, body: bytes = BODY, name: str = "绿地.csv") -> Json:
    answer = client.post(FILES, content=body, params={"name": name})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def post(client: httpx.Client, file: Json, act: str, **given: Any) -> httpx.Response:
    return client.post(f"{FILES}/{file['id']}/{act}", json=given)


def done(client: httpx.Client, file: Json) -> Json:
    """How the work on it ended."""

    def ended() -> Json | None:
        told = client.get(f"{FILES}/{file['id']}").json()
        return told if told["state"] != "working" else None

    return wait_for(ended, what="the work on the file has ended")


def layers(client: httpx.Client) -> list[str]:
    return [layer["id"] for layer in client.get("/api/layers").json()["items"] if layer["own"]]


def test_brought_looked_at_mapped_checked_and_loaded(officer: httpx.Client, gone: None) -> None:
    file = brought(officer)
    assert (file["state"], file["name"], file["size"]) == ("here", "绿地.csv", len(BODY))
    shown = post(officer, file, "look", layer="parks").json()
    assert (shown["known"], shown["plan"]["key"], shown["encoding"]) == (False, "编号", "gb18030")
    assert shown["tables"] == [{"name": shown["table"], "rows": None}]
    columns = [
        {**one, "name": "area", "title_zh": "面积（公顷）", "title_en": "Area"} if one["source"] == "面积" else one
        for one in shown["plan"]["columns"]
    ]
    mapped = {"layer": "parks", "title": "绿地", "title_en": "Parks", "columns": columns, "key": "编号"}
    seen = post(officer, file, "look", **mapped).json()
    assert "area" in seen["rows"][0]
    assert post(officer, file, "check", **mapped).status_code == 202
    checked = done(officer, file)
    assert (checked["state"], checked["mode"]) == ("done", "check")
    assert (checked["answer"]["figures"]["added"], checked["answer"]["figures"]["refused"]) == (3, 1)
    assert layers(officer) == [], "a check keeps nothing"
    refused = officer.get(f"{FILES}/{file['id']}/refused")
    assert refused.content.startswith(b"\xef\xbb\xbf")
    [row] = csv.DictReader(refused.content.decode("utf-8-sig").splitlines())
    assert (row["row"], row["field"]) == ("4", "geometry")
    assert post(officer, file, "load", **mapped).status_code == 202
    loaded = done(officer, file)
    assert (loaded["state"], loaded["answer"]["figures"]["added"], loaded["done"]) == ("done", 3, 4)
    assert layers(officer) == ["parks"]
    again = post(officer, file, "look", layer="parks").json()
    assert (again["known"], again["plan"]["title_zh"]) == (True, "绿地")
    assert officer.delete(f"{FILES}/{file['id']}").status_code == 204
    gone_now = officer.get(f"{FILES}/{file['id']}")
    assert (gone_now.status_code, gone_now.json()["reason"]) == (404, "file_gone")


def test_what_is_gone_is_told_before_it_is_taken_away(officer: httpx.Client, gone: None) -> None:
    file = brought(officer)
    post(officer, file, "load", layer="parks")
    done(officer, file)
    fewer = brought(officer, (HEAD + ROWS.splitlines(keepends=True)[0]).encode())
    post(officer, fewer, "check", layer="parks", remove_gone=True)
    told = done(officer, fewer)["answer"]
    assert (told["figures"]["gone"], told["figures"]["removed"], len(told["gone_keys"])) == (2, 2, 2)
    assert [one["count"] for one in officer.get("/api/layers").json()["items"] if one["id"] == "parks"] == [3]
    post(officer, fewer, "load", layer="parks")
    assert done(officer, fewer)["answer"]["figures"]["removed"] == 0, "nothing goes that nobody said"
    post(officer, fewer, "load", layer="parks", remove_gone=True)
    assert done(officer, fewer)["answer"]["figures"]["removed"] == 2


def test_a_load_can_be_stopped_and_leaves_nothing(served: System, officer: httpx.Client, gone: None) -> None:
    lines = "".join(f"{n:06d},园,公园,1,118.99,31.35\n" for n in range(200_000))
    file = brought(officer, (HEAD + lines).encode())
    assert post(officer, file, "load", layer="parks").json()["state"] == "working"
    wait_for(lambda: officer.get(f"{FILES}/{file['id']}").json()["done"] > 0, what="rows have been read")
    assert post(officer, file, "load", layer="parks").status_code == 409, "one at a time"
    assert post(officer, file, "stop").status_code == 200
    told = done(officer, file)
    assert (told["state"], told["answer"], told["failure"]) == ("stopped", None, None)
    assert layers(officer) == []
    at_work = """
SELECT count(*) FROM pg_stat_activity
WHERE starts_with(application_name, 'onemap import') AND datname = current_database()
"""
    wait_for(lambda: served.one(at_work) == 0, what="what the database did for it has ended too")


def test_why_it_failed_is_told_by_its_field(officer: httpx.Client, gone: None) -> None:
    file = brought(officer)
    post(officer, file, "load", layer="parks", datum="Mars")
    told = done(officer, file)
    assert (told["state"], told["failure"]["field"], told["failure"]["kind"]) == ("failed", "datum", "InputError")
    wrong = [{"source": "没有", "name": "a", "type": "text", "title_zh": "甲", "title_en": "A"}]
    answer = post(officer, file, "look", columns=wrong)
    assert (answer.status_code, answer.json()["field"]) == (422, "columns")
    assert post(officer, file, "look", colour="red").status_code == 422
    unreadable = brought(officer, b"\x89PNG\r\n\x1a\n\x00\x01", "a.png")
    answer = post(officer, unreadable, "look")
    assert (answer.status_code, answer.json()["field"]) == (422, "file")


def test_a_file_is_its_owners(served: System, officer: httpx.Client, db: Engine) -> None:
    file = brought(officer)
    with served.api("viewer") as other:
        assert other.get(f"{FILES}/{file['id']}").status_code == 403
    with db.begin() as conn:
        add_account(conn, "another", "Another", "gis_officer", PASSWORD, now())
        secret, _ = open_session(conn, "another", "token", now(), 1, name="test")
    try:
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=served.http, headers=headers, trust_env=False, timeout=PATIENCE_S) as other:
            assert other.get(f"{FILES}/{file['id']}").status_code == 404
            assert post(other, file, "load").status_code == 404
            assert other.delete(f"{FILES}/{file['id']}").status_code == 404
    finally:
        with db.begin() as conn:
            conn.execute(text("DELETE FROM account WHERE username = 'another'"))
    officer.delete(f"{FILES}/{file['id']}")


def test_one_person_fills_no_disk(served: System, officer: httpx.Client) -> None:
    files = [brought(officer) for _ in range(6)]
    there = [officer.get(f"{FILES}/{file['id']}").status_code for file in files]
    assert there == [404, 404, 200, 200, 200, 200], "the oldest make room"
    for file in files[2:]:
        officer.delete(f"{FILES}/{file['id']}")
    assert list((served.logs / "state" / "imports").iterdir()) == []


def test_a_load_is_not_given_up_for_the_next_file(officer: httpx.Client, gone: None) -> None:
    lines = "".join(f"{n:06d},园,公园,1,118.99,31.35\n" for n in range(100_000))
    first = brought(officer, (HEAD + lines).encode())
    post(officer, first, "load", layer="parks")
    later = [brought(officer) for _ in range(5)]
    told = officer.get(f"{FILES}/{first['id']}").json()
    assert told["state"] in ("working", "done")
    assert done(officer, first)["state"] == "done"
    for file in (first, *later):
        officer.delete(f"{FILES}/{file['id']}")


@pytest.mark.parametrize("layer", ["files", "import", "assets_", "base"])
def test_what_is_an_address_is_no_layer(officer: httpx.Client, gone: None, layer: str) -> None:
    file = brought(officer)
    post(officer, file, "load", layer=layer)
    told = done(officer, file)
    if layer == "assets_":
        assert told["state"] == "done", told
    else:
        assert (told["failure"]["kind"], told["failure"]["field"]) == ("Conflict", "layer")


def test_what_was_said_of_an_older_version_is_not_written(officer: httpx.Client, gone: None) -> None:
    file = brought(officer)
    post(officer, file, "load", layer="parks")
    assert done(officer, file)["answer"]["version"] == 1
    shown = post(officer, file, "look", layer="parks").json()
    changed = officer.patch("/api/layers/parks", json={"version": shown["version"], "classification": 2})
    assert changed.status_code == 200, changed.text
    said = {"layer": "parks", "classification": shown["plan"]["classification"], "version": shown["version"]}
    post(officer, file, "load", **said)
    failed = done(officer, file)["failure"]
    assert (failed["kind"], failed["reason"]) == ("Conflict", "stale_version")
    assert officer.get("/api/layers/parks").json()["classification"] == 2


def test_many_at_once_each_come_to_their_end(officer: httpx.Client, gone: None) -> None:
    def one(number: int) -> int:
        query = {"name": "绿地.csv", "layer": f"parks-{number}"}
        return officer.post("/api/layers/import", content=BODY, params=query).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(4))) == [200] * 4
    assert len(layers(officer)) == 4
