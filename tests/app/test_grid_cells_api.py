"""Grid cells over the API: begun, followed, stopped; by whom it is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from app.accounts import add_account, open_session
from tests.support import PASSWORD, PATIENCE_S, System, now, wait_for

Json = dict[str, Any]
CELLS = "/api/grid-cells"
DISTRICT = "329906"


def begin(client: httpx.Client, **asked: Any) -> Json:
    answer = client.post(CELLS, json={"district": DISTRICT, **asked})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def ended(client: httpx.Client, work: Json) -> Json:
    def read() -> Json | None:
        told = client.get(f"{CELLS}/{work['id']}").json()
        return told if told["state"] != "working" else None

    return wait_for(read, timeout_s=3 * PATIENCE_S, what="the cells are made")


def layers(client: httpx.Client) -> list[str]:
    return [layer["id"] for layer in client.get("/api/layers").json()["items"] if layer["own"]]


@pytest.fixture
def narrow(served: System, db: Engine) -> Iterator[httpx.Client]:
    """A GIS officer of one district."""
    with db.begin() as conn:
        add_account(conn, "narrow", "Narrow", "gis_officer", PASSWORD, now())
        conn.execute(text("UPDATE account SET districts = :codes WHERE username = 'narrow'"), {"codes": [DISTRICT]})
        secret, _ = open_session(conn, "narrow", "token", now(), 1, name="test")
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=served.http, headers=headers, trust_env=False, timeout=PATIENCE_S) as client:
        yield client
    with db.begin() as conn:
        conn.execute(text("DELETE FROM account WHERE username = 'narrow'"))


def test_tried_and_then_made(officer: httpx.Client, gone: None) -> None:
    tried = ended(officer, begin(officer, dry_run=True, size_m2=40_000))
    assert (tried["state"], tried["dry_run"], tried["failure"]) == ("done", True, None)
    assert tried["done"] == tried["whole"] > 200
    assert layers(officer) == [], "nothing is kept"
    made = ended(officer, begin(officer, size_m2=40_000))
    assert made["answer"] == tried["answer"]
    [district] = made["answer"]["districts"]
    assert (district["district"], district["names"]["zh"], district["cut"]) == (DISTRICT, "凤山区", 0)
    assert layers(officer) == ["grid-cells"]
    kept = officer.get("/api/layers/grid-cells").json()
    assert (kept["rows"], kept["lineage"]) == (district["cells"], {"kind": "grid_cells", "size_m2": 40_000})
    rows = officer.get("/api/layers/grid-cells/rows", params={"limit": 1}).json()
    assert rows["items"][0]["key"] == f"{DISTRICT}00000101"
    assert ended(officer, begin(officer, size_m2=40_000))["answer"]["same"] == district["cells"]
    acts = [entry["what"] for entry in officer.get("/api/audit").json()["items"]]
    assert "grid_cells.make" in acts


def test_it_can_be_stopped_and_leaves_nothing(served: System, officer: httpx.Client, gone: None) -> None:
    work = begin(officer, district=None, size_m2=2_500)
    wait_for(lambda: officer.get(f"{CELLS}/{work['id']}").json()["done"] > 0, what="some are made")
    second = officer.post(CELLS, json={})
    assert (second.status_code, second.json()["reason"]) == (409, "cells_running")
    assert officer.post(f"{CELLS}/{work['id']}/stop").status_code == 200
    told = ended(officer, work)
    assert (told["state"], told["answer"], told["failure"]) == ("stopped", None, None)
    at_work = """
SELECT count(*) FROM pg_stat_activity
WHERE starts_with(application_name, 'onemap grid cells') AND datname = current_database()
"""
    wait_for(lambda: served.one(at_work) == 0, what="what the database did for it has ended too")
    assert layers(officer) == []


def test_why_it_failed_is_told(officer: httpx.Client, gone: None) -> None:
    told = ended(officer, begin(officer, district="999999"))
    assert (told["state"], told["failure"]["kind"], told["failure"]["field"]) == ("failed", "NotFound", "district")
    body = b"code,lon,lat\n1,118.99,31.35\n"
    made = officer.post("/api/layers/import", content=body, params={"name": "a.csv", "layer": "grid-cells"})
    assert made.status_code == 200, made.text
    assert ended(officer, begin(officer))["failure"]["reason"] == "layer_not_made"
    assert ended(officer, begin(officer, layer="streets"))["failure"]["kind"] == "Conflict"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"district": "3205"}, "district"),
        ({"size_m2": 10}, "size_m2"),
        ({"layer": "Grid!"}, "layer"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_is_said_by_its_field(officer: httpx.Client, asked: Json, field: str) -> None:
    answer = officer.post(CELLS, json=asked)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


def test_work_of_others_is_nobody_elses(
    served: System, officer: httpx.Client, narrow: httpx.Client, gone: None
) -> None:
    work = begin(officer, size_m2=1_000_000, dry_run=True)
    for answer in (narrow.get(f"{CELLS}/{work['id']}"), narrow.post(f"{CELLS}/{work['id']}/stop")):
        assert (answer.status_code, answer.json()["reason"]) == (404, "work_gone")
    assert ended(officer, work)["state"] == "done"


def test_who_sees_one_district_makes_none(narrow: httpx.Client, officer: httpx.Client, gone: None) -> None:
    told = ended(narrow, begin(narrow))
    assert (told["failure"]["kind"], told["failure"]["reason"]) == ("Forbidden", "layer_beyond_own")
    assert layers(officer) == []


def test_rows_are_seen_by_whom_their_district_is(officer: httpx.Client, narrow: httpx.Client, gone: None) -> None:
    here = ended(officer, begin(officer, size_m2=200_000))["answer"]["districts"][0]["cells"]
    ended(officer, begin(officer, district="329904", size_m2=200_000))
    rows = narrow.get("/api/layers/grid-cells/rows", params={"limit": 500}).json()["items"]
    assert len(rows) == here
    assert {row["district"] for row in rows} == {DISTRICT}


@pytest.mark.parametrize("role", ["viewer", "dispatcher"])
def test_who_may_not_edit_layers_makes_none(served: System, role: str) -> None:
    with served.api(role) as client:
        assert client.post(CELLS, json={}).status_code == 403
        assert client.get(f"{CELLS}/nobody").status_code == 403


def test_a_stranger_may_not(stranger: httpx.Client) -> None:
    assert stranger.post(CELLS, json={}).status_code == 401
