"""The pages' callbacks over HTTP: who may come in, what the server refuses whatever the browser sends, and that it is
written down."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from core import set_aside
from tests.support import PASSWORD, System, now

URL = "/pages/_dash-update-component"
Json = dict[str, Any]


def output(name: Any, prop: str = "children") -> Json:
    return {"id": name, "property": prop}


def rows_request(table: str) -> Json:
    """What the grid of a table sends."""
    grid = f"grid-{table}"
    part = {"table": table}
    outputs = [output(grid, "getRowsResponse"), output({"part": "state", **part}), output({"part": "count", **part})]
    return {
        "output": f'..{grid}.getRowsResponse...{{"part":"state","table":"{table}"}}.children'
        f'...{{"part":"count","table":"{table}"}}.children..',
        "outputs": outputs,
        "inputs": [{"id": grid, "property": "getRowsRequest", "value": {"startRow": 0, "endRow": 100}}],
        "state": [[]],
        "changedPropIds": [f"{grid}.getRowsRequest"],
    }


def name_of(api: httpx.Client, button: Any) -> str:
    """The name Dash has for the callback of a button."""
    for one in api.get("/pages/_dash-dependencies").json():
        if any(given["id"] == stringified(button) for given in one["inputs"]):
            return str(one["output"])
    raise AssertionError(button)


def stringified(button: Any) -> str:
    return button if isinstance(button, str) else json.dumps(button, sort_keys=True, separators=(",", ":"))


@pytest.fixture
def aside(db: Engine) -> None:
    with db.begin() as conn:
        conn.execute(text("DELETE FROM set_aside"))
        for _ in range(set_aside.TRIES):
            set_aside.note(conn, "picture", "cam/1", ValueError("no"), now())


def press(api: httpx.Client, button: Any, rows: list[Json]) -> httpx.Response:
    """A press of `retry`, or of the button that drops, on /set-aside with these rows selected."""
    return api.post(
        URL,
        json={
            "output": name_of(api, button),
            "outputs": [],
            "inputs": [{"id": button, "property": "n_clicks", "value": 1}],
            "state": [{"id": "grid-set-aside", "property": "selectedRows", "value": rows}],
            "changedPropIds": [f"{stringified(button)}.n_clicks"],
        },
    )


def test_callbacks_need_a_session_and_our_own_origin(served: System, stranger: httpx.Client) -> None:
    assert stranger.post(URL, json=rows_request("set-aside")).status_code == 401
    assert stranger.get("/pages/_dash-layout").status_code == 401
    form = {"username": "admin", "password": PASSWORD, "next": "/"}
    with httpx.Client(base_url=served.http, trust_env=False) as browser:
        answer = browser.post("/login", data=form, headers={"Origin": served.http})
        assert answer.status_code == 303
        elsewhere = browser.post(URL, json=rows_request("sources"), headers={"Origin": "https://elsewhere.example"})
        assert (elsewhere.status_code, elsewhere.json()["reason"]) == (403, "origin")
        assert browser.post(URL, json=rows_request("sources")).status_code == 403
        assert browser.post(URL, json=rows_request("sources"), headers={"Origin": served.http}).status_code == 200


@pytest.mark.parametrize("table", ["set-aside", "letters"])
def test_viewer_is_given_no_rows_and_told_why(
    aside: None, viewer: httpx.Client, dispatcher: httpx.Client, table: str
) -> None:
    refused = viewer.post(URL, json=rows_request(table))
    assert refused.status_code == 200
    body = refused.json()["response"]
    assert body[f"grid-{table}"]["getRowsResponse"] == {"rowData": [], "rowCount": -1}
    assert "you are viewer" in json.dumps(body)
    seen = dispatcher.post(URL, json=rows_request(table)).json()["response"]
    assert seen[f"grid-{table}"]["getRowsResponse"]["rowCount"] == (1 if table == "set-aside" else -1)


@pytest.mark.parametrize("button", ["aside-retry", {"dialog": "drop", "part": "go"}])
def test_only_administrators_decide_and_a_refusal_is_written_down(
    aside: None, served: System, dispatcher: httpx.Client, button: Any
) -> None:
    before = served.one("SELECT count(*) FROM audit WHERE what = 'refused'")
    told = press(dispatcher, button, [{"rowKey": "picture:cam/1"}])
    assert told.status_code == 200
    assert "This needs administrator; you are dispatcher" in told.text
    assert served.one("SELECT count(*) FROM set_aside WHERE dropped_at IS NULL AND due_at = 'infinity'") == 1
    assert served.one("SELECT count(*) FROM audit WHERE what = 'refused'") == before + 1
    with served.api("admin") as admin:
        press(admin, button, [{"rowKey": "picture:cam/1"}, {"rowKey": "picture:not/there"}])
    assert served.one("SELECT count(*) FROM set_aside WHERE handled_by = 'admin'") == 1


def test_form_is_saved_by_administrators_only(viewer: httpx.Client, served: System) -> None:
    """Whatever a browser sends: the buttons that are not drawn are not what keeps people out."""
    button = {"form": "source", "press": "save"}
    [name] = {
        one["output"]
        for one in viewer.get("/pages/_dash-dependencies").json()
        if any(json.loads(i["id"]) == button for i in one["inputs"] if i["id"].startswith("{"))
    }
    owner = {"form": "source", "field": "owner"}
    base = {"id": "native", "version": 1, "decoder": "native"}
    body = {
        "output": name,
        "outputs": [
            [{**output(owner, "error")}],
            [output({"form": "source", "said": ""})],
            output("source-detail"),
            output("toasts"),
            output("changed", "data"),
        ],
        "inputs": [{"id": button, "property": "n_clicks", "value": 1}],
        "state": [
            {"id": {"form": "source", "held": "base"}, "property": "data", "value": base},
            [{"id": owner, "property": "value", "value": "nobody"}],
            [],
            [],
        ],
        "changedPropIds": ['{"form":"source","press":"save"}.n_clicks'],
    }
    told = viewer.post(URL, json=body)
    assert told.status_code == 200
    assert "This needs administrator; you are viewer" in told.text
    assert served.one("SELECT owner IS DISTINCT FROM 'nobody' FROM source WHERE id = 'native'")
    with served.api("admin") as admin:
        assert "The source has changed" not in admin.post(URL, json=body).text


def test_grid_that_asks_for_a_column_there_is_not_is_told_so(aside: None, dispatcher: httpx.Client) -> None:
    asked = rows_request("set-aside")
    asked["inputs"][0]["value"]["sortModel"] = [{"colId": "id; DROP TABLE set_aside", "sort": "asc"}]
    answer = dispatcher.post(URL, json=asked)
    assert answer.json()["response"]["grid-set-aside"]["getRowsResponse"]["rowCount"] == -1
    assert "sort: there is no such thing: id; DROP TABLE" in answer.text


@pytest.mark.parametrize("address", ["/sources", "/set-aside", "/sources/"])
def test_addresses_people_see_lead_to_the_pages(dispatcher: httpx.Client, address: str) -> None:
    answer = dispatcher.get(address)
    assert answer.status_code == 200
    assert 'class="pages"' in answer.text
    assert "/js/main.mjs" not in answer.text
    assert "style=" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self' 'sha256-" in policy
    assert "unsafe-eval" not in policy


def test_what_is_not_there_below_the_pages_is_said(dispatcher: httpx.Client) -> None:
    assert dispatcher.get("/pages/nothing").status_code == 404


def test_the_one_map_page_loads_nothing_of_the_pages(dispatcher: httpx.Client) -> None:
    assert "js/pages" not in dispatcher.get("/").text
    assert "grid-set-aside" not in dispatcher.get("/_dash-dependencies").text
