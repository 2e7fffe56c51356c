"""/api/assets: corrected over the API; the map has it at once, and the tiles beside it stay."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine, text

from tests.support import System, wait_for

CODE = "3205080101999999"
URL = f"/api/assets/{CODE}"
TILE = "/tiles/assets/16/54429/26752.mvt"


@pytest.fixture(scope="module")
def asset(db: Engine) -> Iterator[None]:
    with db.begin() as conn:
        conn.execute(
            text("""
INSERT INTO asset (id, class, subclass, name_zh, name_en, state, district, geom)
VALUES (:id, '01', '01', '上水井盖', 'Water cover', 'normal', '320508', ST_SetSRID(ST_MakePoint(118.99, 31.35), 4326))
"""),
            {"id": CODE},
        )
    yield
    with db.begin() as conn:
        conn.execute(text("DELETE FROM asset WHERE id = :id"), {"id": CODE})
        conn.execute(text('SELECT pg_notify(\'onemap_change\', \'{"kind":"layer","ids":["assets"]}\')'))


def test_corrected_and_on_the_map(officer: httpx.Client, asset: None) -> None:
    assert b"normal" in officer.get(TILE).content
    was = officer.get(URL).json()
    answer = officer.patch(URL, json={"version": was["version"], "state": "damaged", "reason": "巡查"})
    assert answer.status_code == 200, answer.text
    wait_for(lambda: b"damaged" in officer.get(TILE).content, what="the tile has the new state")
    stale = officer.patch(URL, json={"version": was["version"], "state": "missing"})
    assert (stale.status_code, stale.json()["reason"]) == (409, "stale_version")
    [event] = officer.get(f"{URL}/history").json()["items"]
    assert event["changes"]["state"] == ["normal", "damaged"]
    card = officer.get(f"/api/cards/asset/{CODE}").json()
    assert [act["name"] for act in card["acts"]] == [
        *("asset_state", "asset_place", "asset_values", "asset_note", "asset_back")
    ]
    assert "完好 → 破损" in card["log"][0]["text"]["zh"]
    back = officer.post(f"{URL}/revert", json={"event": event["id"], "version": 2})
    assert back.json()["state"] == "normal"
    wait_for(lambda: b"normal" in officer.get(TILE).content, what="the tile has the old state again")


def test_what_it_cannot_be_is_said(officer: httpx.Client, asset: None) -> None:
    version = officer.get(URL).json()["version"]
    for said, field in (({"state": "melted"}, "state"), ({"place": "here"}, "place"), ({"colour": 1}, "colour")):
        answer = officer.patch(URL, json={"version": version, **said})
        assert (answer.status_code, field in answer.json()["field"]) == (422, True), answer.text


def test_a_dispatcher_reads_and_is_offered_nothing(served: System, asset: None) -> None:
    with served.api("dispatcher") as client:
        assert client.get(URL).status_code == 200
        assert client.get(f"/api/cards/asset/{CODE}").json()["acts"] == []
        assert client.patch(URL, json={"version": 1, "state": "damaged"}).status_code == 403


def test_its_entry_is_corrected_in_a_form_of_its_fields(officer: httpx.Client, asset: None, db: Engine) -> None:
    with db.begin() as conn:
        held = '{"材质": "铸铁", "深度": 1.5, "带锁": true, "层": ["a"]}'
        conn.execute(
            text("UPDATE asset SET attributes = CAST(:held AS jsonb), dept = '供水处' WHERE id = :id"),
            {"held": held, "id": CODE},
        )
    [form] = [act for act in officer.get(f"/api/cards/asset/{CODE}").json()["acts"] if act["name"] == "asset_values"]
    begun = {field["name"]: field["value"] for field in form["fields"]}
    assert (begun["values.dept"], begun["values.grid"]) == ("供水处", "")
    assert (begun["values.attributes.材质"], begun["values.attributes.深度"]) == ("铸铁", "1.5")
    assert begun["values.attributes.带锁"] == "true"
    assert "values.attributes.层" not in begun, "what is no single value is no field"
    values = {
        "dept": None,
        "keeper_dept": "水务集团",
        "installed": "2020-05-04",
        "attributes.材质": "复合材料",
        "attributes.深度": "2",
        "attributes.带锁": "false",
    }
    version = officer.get(URL).json()["version"]
    done = officer.patch(form["url"], json={**form["body"], "values": values})
    assert done.status_code == 200, done.text
    now_ = done.json()
    assert (now_["dept"], now_["keeper_dept"], now_["installed"]) == (None, "水务集团", "2020-05-04")
    assert now_["attributes"] == {"材质": "复合材料", "深度": 2, "带锁": False, "层": ["a"]}
    assert now_["version"] == version + 1
    gone = officer.patch(URL, json={"version": now_["version"], "values": {"attributes.材质": None}})
    assert "材质" not in gone.json()["attributes"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"state": "damaged"}, "values.state"),
        ({"attributes.": "x"}, "values.attributes."),
        ({"installed": "gestern"}, "values.installed"),
        ({"attributes.深度": "tief"}, "values.attributes.深度"),
        ({"attributes.带锁": "vielleicht"}, "values.attributes.带锁"),
        ({"name_zh": None}, "name_zh"),
        ({"name_zh": ""}, "values.name_zh"),
    ],
)
def test_what_a_form_cannot_say_is_said_at_its_field(
    officer: httpx.Client, asset: None, values: dict[str, str | None], field: str
) -> None:
    was = officer.get(URL).json()
    answer = officer.patch(URL, json={"version": was["version"], "values": values})
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert officer.get(URL).json() == was
