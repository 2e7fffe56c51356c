"""/api/catalogue: what is said of sources and layers, measured of them, asked for, given; the same for programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from sqlalchemy import Engine, text

from app.accounts import add_account, open_session
from app.catalogue.measuring import measure_all
from app.catalogue.opening import WAITING_AT_MOST, OpenDoor, Turnstile, scope_of
from core.catalogue import dcat
from core.errors import NotFound, TooMany, Unavailable
from layers.own import need_layer
from tests.app.test_import_api import BODY, send
from tests.support import PASSWORD, PATIENCE_S, System, now, wait_for

Json = dict[str, Any]
SAID: Json = {
    "provider": "市园林局",
    "department": "parks-office",
    "contact": "王工 0512-1234",
    "summary_zh": "城市公园与绿地的位置和面积",
    "cycle": "month",
    "sharing": "conditional",
    "terms": "用于城市管理",
}
WAITING = "/api/catalogue/requests/waiting"
PARKS = "/api/catalogue/layer/parks"


@pytest.fixture
def parks(officer: httpx.Client, db: Engine, gone: None) -> Iterator[None]:
    assert send(officer, BODY, layer="parks", title="公园绿地", title_en="Parks").status_code == 200
    yield
    with db.begin() as conn:
        conn.execute(text("DELETE FROM catalogue_entry"))
        conn.execute(text("DELETE FROM access_request"))
        conn.execute(text("DELETE FROM catalogue_day"))
        conn.execute(text("DELETE FROM catalogue_use"))
        conn.execute(text("DELETE FROM open_data"))


@contextmanager
def person(served: System, db: Engine, name: str, role: str, **scope: Any) -> Iterator[httpx.Client]:
    """Somebody who sees so far."""
    with db.begin() as conn:
        add_account(conn, name, name, role, PASSWORD, now())
        for column, value in scope.items():
            conn.execute(
                text(f"UPDATE account SET {column} = :value WHERE username = :name"), {"value": value, "name": name}
            )
        secret, _ = open_session(conn, name, "token", now(), 1, name="test")
    try:
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=served.http, headers=headers, trust_env=False, timeout=PATIENCE_S) as client:
            yield client
    finally:
        with db.begin() as conn:
            conn.execute(text("DELETE FROM account WHERE username = :name"), {"name": name})


def limit(db: Engine, departments: list[str] | None) -> None:
    with db.begin() as conn:
        conn.execute(text("UPDATE layer SET departments = :d WHERE id = 'parks'"), {"d": departments})
        conn.execute(text('SELECT pg_notify(\'onemap_change\', \'{"kind":"layer","ids":["parks"]}\')'))


def names(client: httpx.Client) -> set[tuple[str, str]]:
    return {(one["kind"], one["id"]) for one in client.get("/api/catalogue").json()["items"]}


def test_every_layer_and_source_has_a_line_before_anybody_has_said_anything(officer: httpx.Client, parks: None) -> None:
    listed = {("layer", one["id"]) for one in officer.get("/api/layers").json()["items"]}
    sources = {("source", one["id"]) for one in officer.get("/api/sources").json()["items"] if one["enabled"]}
    assert sources
    assert names(officer) == listed | sources
    told = officer.get(PARKS).json()
    assert (told["version"], told["rows"], told["reach"]) == (0, 3, True)
    assert set(told["lacks"]) == {"provider", "contact", "summary_zh", "cycle", "sharing"}
    assert [item["name"] for item in told["columns"]][:2] == ["编号", "名称"]
    assert told["lineage"]["file"] == "绿地.csv"


def test_what_is_said_is_kept_in_its_version(officer: httpx.Client, parks: None) -> None:
    told = officer.put(PARKS, json={"version": 0, **SAID})
    assert told.status_code == 200, told.text
    assert (told.json()["provider"], told.json()["version"], told.json()["lacks"]) == ("市园林局", 1, [])
    assert told.json()["in_cycle"] is True
    for version in (0, 2):
        stale = officer.put(PARKS, json={"version": version, **SAID})
        assert (stale.status_code, stale.json()["reason"]) == (409, "stale_version")
    again = officer.put(PARKS, json={"version": 1, **SAID, "provider": "  市园林局  城区 "}).json()
    assert again["provider"] == "市园林局 城区", "blanks make no second provider"
    found = officer.get("/api/catalogue", params={"q": "公园", "sharing": "conditional"}).json()["items"]
    assert [one["id"] for one in found] == ["parks"]


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"terms": None}, "terms", "terms_missing"),
        ({"open": True}, "open", "open_with_conditions"),
        ({"cycle": "hourly"}, "cycle", "invalid_input"),
        ({"sharing": "all"}, "sharing", "invalid_input"),
        ({"owner": "x"}, "owner", "invalid_input"),
    ],
)
def test_what_contradicts_itself_is_refused_by_its_field(
    officer: httpx.Client, parks: None, said: Json, field: str, reason: str
) -> None:
    answer = officer.put(PARKS, json={"version": 0, **SAID, **said})
    assert (answer.status_code, answer.json()["reason"]) == (422, reason), answer.text
    assert field in answer.json()["field"]


def test_what_moves_is_never_open(officer: httpx.Client, parks: None) -> None:
    said = {**SAID, "sharing": "unconditional", "open": True, "version": 0}
    answer = officer.put("/api/catalogue/layer/incidents", json=said)
    assert (answer.status_code, answer.json()["reason"]) == (422, "never_open")


def test_a_department_keeps_its_own(served: System, db: Engine, officer: httpx.Client, parks: None) -> None:
    with (
        person(served, db, "gardener", "department_officer", departments=["parks-office"]) as gardener,
        person(served, db, "mason", "department_officer", departments=["works"]) as mason,
    ):
        others = gardener.put(PARKS, json={"version": 0, **SAID, "department": "works"})
        assert (others.status_code, others.json()["reason"]) == (403, "entry_of_another")
        assert gardener.put(PARKS, json={"version": 0, **SAID}).status_code == 200
        stolen = mason.put(PARKS, json={"version": 1, **SAID, "department": "works"})
        assert (stolen.status_code, stolen.json()["reason"]) == (403, "entry_of_another")
    with served.api("dispatcher") as client:
        assert client.get(PARKS).status_code == 200
        assert client.put(PARKS, json={"version": 1, **SAID}).status_code == 403


def test_a_layer_that_is_limited_is_known_of_once_it_is_shared_and_seen_once_it_is_granted(
    served: System, db: Engine, officer: httpx.Client, parks: None
) -> None:
    limit(db, ["parks-office"])
    asked = {"department": "works", "purpose": "道路施工避让"}
    with person(served, db, "mason", "department_officer", departments=["works"]) as mason:
        assert ("layer", "parks") not in names(mason), "what nobody shares is not named"
        assert mason.post(f"{PARKS}/requests", json=asked).status_code == 404
        officer.put(PARKS, json={"version": 0, **SAID})
        told = mason.get(PARKS).json()
        assert (told["reach"], told["title"]["zh"]) == (False, "公园绿地")
        assert mason.get("/api/layers/parks").status_code == 404
        other = mason.post(f"{PARKS}/requests", json={**asked, "department": "water"})
        assert (other.status_code, other.json()["reason"]) == (403, "not_your_department")
        request = mason.post(f"{PARKS}/requests", json=asked)
        assert request.status_code == 201, request.text
        twice = mason.post(f"{PARKS}/requests", json=asked)
        assert (twice.status_code, twice.json()["reason"]) == (409, "already_asked")
        decision = f"/api/catalogue/requests/{request.json()['id']}/decision"
        assert mason.post(decision, json={"grant": True}).status_code == 403, "nobody grants it to themselves"
        assert [one["state"] for one in mason.get("/api/catalogue/requests").json()["items"]] == ["open"]
        assert officer.get(WAITING).json() == {"to_decide": 1, "answered": 0}
        assert mason.get(WAITING).json() == {"to_decide": 0, "answered": 0}
        done = officer.post(decision, json={"grant": True, "answer": "同意"})
        assert (done.status_code, done.json()["state"]) == (200, "granted"), done.text
        late = officer.post(decision, json={"grant": False})
        assert (late.status_code, late.json()["reason"]) == (409, "already_decided")
        assert officer.get(WAITING).json() == {"to_decide": 0, "answered": 0}
        assert mason.get(WAITING).json() == {"to_decide": 0, "answered": 1}
        seen = f"/api/catalogue/requests/{request.json()['id']}/seen"
        assert officer.post(seen).status_code == 204
        assert mason.get(WAITING).json()["answered"] == 1, "another has opened it"
        assert mason.post(seen).status_code == 204
        assert mason.get(WAITING).json()["answered"] == 0
        assert mason.get("/api/layers/parks").status_code == 200
        wait_for(lambda: mason.get("/tiles/parks/14/13607/6688.mvt").status_code in (200, 204), what="its tiles")
        assert mason.get(PARKS).json()["reach"] is True
        nothing = mason.post(f"{PARKS}/requests", json=asked)
        assert (nothing.status_code, nothing.json()["reason"]) == (409, "nothing_to_ask")
    with person(served, db, "nobody", "viewer", departments=["water"]) as nobody:
        assert nobody.get("/api/catalogue/requests").json()["items"] == []
        assert nobody.post(seen).status_code == 404
        assert nobody.get("/api/layers/parks").status_code == 404


def test_what_is_not_shared_stays_unknown(served: System, db: Engine, officer: httpx.Client, parks: None) -> None:
    officer.put(PARKS, json={"version": 0, **SAID, "sharing": "none", "terms": "涉密"})
    limit(db, ["parks-office"])
    with person(served, db, "mason", "department_officer", departments=["works"]) as mason:
        assert ("layer", "parks") not in names(mason)
        assert b"parks" not in mason.get("/api/catalogue/dcat").content
    limit(db, None)
    with db.begin() as conn:
        conn.execute(text("UPDATE layer SET classification = 2 WHERE id = 'parks'"))
    with person(served, db, "mason", "department_officer", classification=1) as mason:
        assert ("layer", "parks") not in names(mason)


def test_it_is_measured_and_scored(served: System, db: Engine, officer: httpx.Client, parks: None) -> None:
    meadow = "/api/catalogue/layer/meadow"
    # of its own: what others read of `parks` is still being written down
    for layer, title in (("meadow", "草地"), ("meadow_again", "草 地")):
        assert send(officer, BODY, layer=layer, title=title, title_en="Meadow").status_code == 200
    officer.put(meadow, json={"version": 0, **SAID})
    assert officer.get("/ogc/collections/meadow/items", params={"limit": 1}).status_code == 200
    assert measure_all(db, now()) == len(names(officer))
    told = officer.get(meadow).json()
    assert told["filled"] == 1.0
    assert {(one["id"], one["share"]) for one in told["overlaps"]} == {("meadow_again", 1.0), ("parks", 1.0)}
    assert "title_twice" in told["lacks"]
    wait_for(lambda: officer.get(meadow).json()["uses"] == 1, what="the use is written down")
    [score] = officer.get("/api/catalogue/scores").json()["items"]
    assert (score["provider"], score["resources"], score["uses"]) == ("市园林局", 1, 1)
    assert score["parts"] == {"described": 20.0, "there": 30.0, "timely": 30.0, "used": 20.0}
    assert score["score"] == 100.0
    with db.begin() as conn:
        conn.execute(
            text("UPDATE layer SET changed_at = :then WHERE id = 'meadow'"), {"then": now() - timedelta(days=60)}
        )
    measure_all(db, now())
    assert officer.get(meadow).json()["in_cycle"] is False
    [score] = officer.get("/api/catalogue/scores").json()["items"]
    assert score["parts"]["timely"] == 0.0
    assert officer.get("/api/catalogue/scores", params={"month": "2001-01"}).json()["items"] == []
    for month in ("2001-13", "20-1"):
        assert officer.get("/api/catalogue/scores", params={"month": month}).status_code == 422


def test_programs_read_it_as_dcat(officer: httpx.Client, parks: None) -> None:
    officer.put(PARKS, json={"version": 0, **SAID})
    answer = officer.get("/api/catalogue/dcat")
    assert answer.headers["content-type"] == "application/ld+json"
    told = answer.json()
    assert told["@type"] == "dcat:Catalog"
    [dataset] = [one for one in told["dcat:dataset"] if one["dct:identifier"] == "layer/parks"]
    assert dataset["dct:accessRights"]["@id"].endswith("/RESTRICTED")
    assert dataset["dct:accrualPeriodicity"]["@id"].endswith("/MONTHLY")
    assert {"@language": "zh-CN", "@value": "公园绿地"} in dataset["dct:title"]
    [items] = [one for one in dataset["dcat:distribution"] if one["dct:title"] == "GeoJSON"]
    address = httpx.URL(items["dcat:accessURL"]["@id"])
    assert officer.get(address.path).status_code == 200


def test_what_is_gone_has_no_line(officer: httpx.Client, parks: None) -> None:
    officer.put(PARKS, json={"version": 0, **SAID})
    assert officer.delete("/api/layers/parks").status_code == 204
    assert officer.get(PARKS).status_code == 404
    assert send(officer, BODY, layer="parks").status_code == 200
    assert officer.get(PARKS).json()["version"] == 0, "another layer of that name is another thing"


OPENED: Json = {**SAID, "sharing": "unconditional", "terms": None, "open": True}


@pytest.fixture
def anybody(served: System) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


def test_the_public_is_shown_nothing_until_an_administrator_says_so(
    served: System, db: Engine, officer: httpx.Client, anybody: httpx.Client, parks: None
) -> None:
    assert officer.put(PARKS, json={"version": 0, **OPENED}).status_code == 200
    for path in ("/open", "/open/catalogue", "/open/layers/parks", "/open/layers/parks/items"):
        answer = anybody.get(path)
        assert (answer.status_code, answer.json()["reason"]) == (404, "open_data_off")
    with person(served, db, "gis", "gis_officer") as gis:
        assert gis.put("/api/catalogue/open-data", json={"enabled": True}).status_code == 403
    assert officer.put("/api/catalogue/open-data", json={"enabled": True}).json()["layers"] == 1
    page = anybody.get("/open", headers={"Accept-Language": "zh-CN"})
    assert page.status_code == 200
    assert "公园绿地" in page.text
    assert "市园林局" in page.text
    assert "演示数据" in page.text, "a simulated city says that it is one"
    assert "parks-office" not in page.text
    told = anybody.get("/open/layers/parks", params={"lang": "en"})
    assert "Parks" in told.text
    first = anybody.get("/open/layers/parks/items", params={"limit": 2}).json()
    assert len(first["features"]) == 2
    [following] = [link["href"] for link in first["links"] if link["rel"] == "next"]
    rest = anybody.get(following).json()
    assert len(rest["features"]) == 1
    assert not {one["id"] for one in rest["features"]} & {one["id"] for one in first["features"]}
    file = anybody.get("/open/layers/parks/export", params={"format": "csv"})
    assert (file.status_code, file.content.count(b"\n")) == (200, 4)
    dcat = anybody.get("/open/catalogue").json()
    assert [one["dct:identifier"] for one in dcat["dcat:dataset"]] == ["layer/parks"]
    for other in ("assets", "incidents", "nobody"):
        assert anybody.get(f"/open/layers/{other}/items").status_code == 404
    officer.put("/api/catalogue/open-data", json={"enabled": False})
    assert anybody.get("/open").status_code == 404


@pytest.mark.parametrize("closed", ["departments = '{works}'", "classification = 1"])
def test_what_is_limited_later_is_closed_at_once(
    db: Engine, officer: httpx.Client, anybody: httpx.Client, parks: None, closed: str
) -> None:
    officer.put(PARKS, json={"version": 0, **OPENED})
    officer.put("/api/catalogue/open-data", json={"enabled": True})
    assert anybody.get("/open/layers/parks/items").status_code == 200
    with db.begin() as conn:
        conn.execute(text(f"UPDATE layer SET {closed} WHERE id = 'parks'"))
    for path in ("items", "export"):
        assert anybody.get(f"/open/layers/parks/{path}").status_code == 404
    assert "公园绿地" not in anybody.get("/open").text


def test_the_public_writes_nothing_and_asks_no_more_than_so_often(
    officer: httpx.Client, anybody: httpx.Client, parks: None
) -> None:
    assert anybody.post("/open/layers/parks/items").status_code in (401, 404, 405)
    assert anybody.get("/openly").status_code in (401, 303)
    limited = Turnstile(most=3)
    for _ in range(3):
        limited.pass_through("192.0.2.1")
    with pytest.raises(TooMany):
        limited.pass_through("192.0.2.1")
    limited.pass_through("192.0.2.2")
    # of IPv6 a subscriber has a network
    for n in range(3):
        limited.pass_through(f"2001:db8::{n}")
    with pytest.raises(TooMany):
        limited.pass_through("2001:db8::ffff")


def test_a_page_that_is_no_number_of_ours_is_said(officer: httpx.Client, anybody: httpx.Client, parks: None) -> None:
    officer.put(PARKS, json={"version": 0, **OPENED})
    officer.put("/api/catalogue/open-data", json={"enabled": True})
    answer = anybody.get("/open/layers/parks/items", params={"after": "１"})
    assert answer.status_code in (400, 422), answer.text


async def wait_in_line(door: OpenDoor, going: anyio.Event, refused: list[str]) -> None:
    try:
        async with door.turn():
            await going.wait()
    except Unavailable as exc:
        refused.append(exc.reason)


def test_files_for_the_public_wait_in_a_line_that_ends() -> None:
    async def many() -> list[str]:
        door, going, refused = OpenDoor(), anyio.Event(), list[str]()
        async with anyio.create_task_group() as group:
            for _ in range(1 + WAITING_AT_MOST + 3):
                group.start_soon(wait_in_line, door, going, refused)
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            going.set()
        return refused

    assert anyio.run(many) == ["busy"] * 3


def test_what_is_limited_while_a_file_waits_is_in_no_file(db: Engine, officer: httpx.Client, parks: None) -> None:
    limit(db, ["works"])
    with db.connect() as conn, pytest.raises(NotFound):
        need_layer(conn, "parks", scope_of("parks"))


def test_who_asked_for_what_is_gone_asked_for_nothing_else(
    served: System, db: Engine, officer: httpx.Client, parks: None
) -> None:
    officer.put(PARKS, json={"version": 0, **SAID})
    limit(db, ["parks-office"])
    asked = officer.post(f"{PARKS}/requests", json={"department": "works", "purpose": "x"}).json()
    officer.delete("/api/layers/parks")
    assert send(officer, BODY, layer="parks").status_code == 200
    answer = officer.post(f"/api/catalogue/requests/{asked['id']}/decision", json={"grant": True})
    assert (answer.status_code, answer.json()["reason"]) == (409, "already_decided")


def test_a_hidden_title_is_told_to_nobody(served: System, db: Engine, officer: httpx.Client, parks: None) -> None:
    assert send(officer, BODY, layer="secret", title="秘密地图", title_en="Secret").status_code == 200
    with db.begin() as conn:
        conn.execute(text("UPDATE layer SET classification = 2 WHERE id = 'secret'"))
        conn.execute(text("UPDATE layer SET title_zh = '秘密地图' WHERE id = 'parks'"))
    measure_all(db, now())
    with person(served, db, "low", "viewer", classification=0) as low:
        assert "title_twice" not in low.get(PARKS).json()["lacks"]
        assert low.get(PARKS).json()["overlaps"] == []
    assert "title_twice" in officer.get(PARKS).json()["lacks"]


def test_layers_have_their_own_ways_in_dcat() -> None:
    one: Any = {
        "kind": "source",
        "id": "sensors",
        "title": {"zh": "甲", "en": "A"},
        "columns": [],
        "code": None,
        **dict.fromkeys(
            ("summary_zh", "summary_en", "provider", "contact", "cycle", "sharing", "terms", "updated_at", "category")
        ),
    }
    told = dcat.document(
        {"zh": "目录", "en": "Catalogue"}, [one], "http://x", {"sensors": [{"@type": "dcat:Distribution"}]}
    )
    assert "dcat:distribution" not in told["dcat:dataset"][0]
