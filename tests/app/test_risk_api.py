"""What /api/risk tells and to whom, who is in danger, and work in the order of its risk."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import h3
import httpx
import pytest
from sqlalchemy import Connection, Engine, text

from alerts.cells import read_cell_ground, score_cells
from alerts.scoring import score_alarms, score_incidents
from app.api import risk as api
from app.cards import read_card
from core.errors import InputError, NotFound
from core.viewer import Role, Viewer
from dispatch.routing import load_graph
from tests.alerts.helpers import change
from tests.app.asking import ask_as
from tests.people import person
from tests.support import System, now

RESOLUTION = 8

# tests that run side by side must be called the same everywhere
NO_ID = UUID(int=5)


@pytest.fixture
def alarm(conn: Connection) -> str:
    """An alarm of level I, scored with the cells around it."""
    made = change(conn, 1, now())
    score_alarms(conn, now(), RESOLUTION)
    ground = read_cell_ground(conn, RESOLUTION)
    assert ground is not None
    score_cells(conn, ground, now())
    return str(made)


def explained(conn: Connection, who: Viewer, **asked: Any) -> Any:
    parts: Any = SimpleNamespace(road_graph=load_graph, settings=SimpleNamespace(h3_resolution=RESOLUTION))
    return api.explain(conn, who, now(), parts, **asked)


def where(conn: Connection) -> Any:
    return conn.execute(text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, district FROM alarm")).one()


def test_an_alarm_is_explained_with_what_its_card_says(conn: Connection, alarm: str) -> None:
    who = person(Role.VIEWER)
    found = explained(conn, who, kind="alarm", identity=alarm)
    card: Any = read_card(ask_as(conn, who), "alarm", alarm)
    assert {name: found[name] for name in ("score", "terms", "words", "band", "q", "confidence")} == card["risk"]
    assert found["band"] == {"level": 1, "low": 7.0, "high": 10.0}
    assert found["level"] == 1
    assert f"{found['score']:.1f}" in found["words"]["en"]
    assert "一级告警（紧急）：7 至 10 分" in found["words"]["zh"]


def test_a_place_is_explained_as_its_cell(conn: Connection, alarm: str) -> None:
    at = where(conn)
    who = person(Role.VIEWER)
    found = explained(conn, who, lon=at.lon, lat=at.lat)
    cell = h3.latlng_to_cell(at.lat, at.lon, RESOLUTION)
    assert found == explained(conn, who, kind="cell", identity=cell)
    assert (found["type"], found["id"], found["level"]) == ("cell", cell, 1)
    assert found["band"]["level"] == 1
    assert found["faded"] == 1.0
    low, high = found["band"]["low"], found["band"]["high"]
    assert found["score"] == pytest.approx(low + found["q"] * (high - low), abs=0.01)
    name = conn.scalar(text("SELECT names->>'zh' FROM alarm"))
    assert name in found["words"]["zh"]
    far = conn.execute(text("SELECT cell FROM risk_cell WHERE score = 0 LIMIT 1")).scalar_one()
    none = explained(conn, who, kind="cell", identity=far)
    assert (none["score"], none["band"], none["terms"]) == (0, None, [])
    assert none["words"]["en"] == "Risk 0: no alarm or incident reaches here."


def test_nobody_is_explained_what_they_may_not_see(conn: Connection, alarm: str) -> None:
    at = where(conn)
    elsewhere = person(Role.VIEWER, districts=frozenset({"999999"}))
    phone = person(Role.UNIT, units=frozenset({"fire-01"}))
    for who in (elsewhere, phone):
        with pytest.raises(NotFound):
            explained(conn, who, kind="alarm", identity=alarm)
        with pytest.raises(NotFound):
            explained(conn, who, lon=at.lon, lat=at.lat)
    conn.execute(text("UPDATE sensor SET classification = 2 WHERE id = (SELECT thing_id FROM alarm)"))
    with pytest.raises(NotFound):
        explained(conn, person(Role.VIEWER, classification=1), kind="alarm", identity=alarm)


def test_who_sees_one_district_is_told_no_name_of_another(conn: Connection, alarm: str) -> None:
    at = where(conn)
    mine = person(Role.VIEWER, districts=frozenset({at.district}))
    name = conn.scalar(text("SELECT names->>'zh' FROM alarm"))
    cell = explained(conn, mine, lon=at.lon, lat=at.lat)
    assert name not in str(cell)
    assert "附近有告警或事件" in cell["words"]["zh"]
    assert explained(conn, mine, kind="alarm", identity=alarm)["terms"]


HALF: list[tuple[dict[str, Any], str]] = [
    ({}, "type"),
    ({"lon": 1.0}, "type"),
    ({"kind": "alarm"}, "id"),
    ({"kind": "cell", "identity": "x", "lon": 1.0}, "id"),
]


@pytest.mark.parametrize(("asked", "field"), HALF, ids=str)
def test_half_a_question_is_refused(conn: Connection, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refused:
        explained(conn, person(Role.VIEWER), **asked)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "asked", [{"lon": 0, "lat": 0}, {"type": "cell", "id": "nobody"}, {"type": "alarm", "id": "x"}], ids=str
)
def test_what_is_not_there_is_not_found(viewer: httpx.Client, asked: dict[str, Any]) -> None:
    assert viewer.get("/api/risk/explain", params=asked).status_code == 404


def test_question_is_typed(viewer: httpx.Client) -> None:
    assert viewer.get("/api/risk/explain", params={"type": "dragon", "id": "1"}).status_code == 422
    assert viewer.get("/api/risk/explain", params={"lon": 200, "lat": 1}).status_code == 422
    described = viewer.get("/api/openapi.json").json()["paths"]["/api/risk/explain"]["get"]
    assert {one["name"] for one in described["parameters"]} == {"type", "id", "lon", "lat"}


# --- who is in danger; work in its order ------------------------------------------------------------------------------


@pytest.fixture
def made(served: System, dispatcher: httpx.Client, db: Engine) -> Iterator[list[dict[str, Any]]]:
    """Incidents of all levels at one place, one of them with people in danger, scored."""
    [door] = served.rows("SELECT ST_X(center) AS lon, ST_Y(center) AS lat FROM building ORDER BY id LIMIT 1")
    bodies = [
        {"kind": "waterlogging", "level": 4, "title": "积水"},
        {"kind": "water_rescue", "level": 1, "title": "下穿通道困人", "in_danger": 2},
        {"kind": "fire", "level": 3, "title": "火情"},
        {"kind": "fire", "level": 3, "title": "火情，有人", "in_danger": 1},
        {"kind": "gas_leak", "level": 2, "title": "燃气"},
    ]
    found = [dispatcher.post("/api/incidents", json={**body, **door}).json() for body in bodies]
    with db.begin() as conn:
        score_incidents(conn, now(), RESOLUTION)
    yield found
    for one in found:
        version = dispatcher.get(f"/api/incidents/{one['id']}").json()["version"]
        body = {"status": "cancelled", "version": version, "reason": "test"}
        dispatcher.post(f"/api/incidents/{one['id']}/status", json=body)


def walk(client: httpx.Client, path: str, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.get(path, params={**asked, "limit": 2, **({"cursor": cursor} if cursor else {})})
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["next"]
        if cursor is None:
            return found


def test_incidents_come_in_the_order_of_their_risk_page_by_page(
    made: list[dict[str, Any]], dispatcher: httpx.Client
) -> None:
    ids = [one["id"] for one in made]
    whole = dispatcher.get("/api/incidents").json()["items"]
    mine = [one for one in whole if one["id"] in ids]
    assert [one["title"] for one in mine] == ["下穿通道困人", "燃气", "火情，有人", "火情", "积水"]
    scores = [one["risk"]["score"] for one in whole if one["risk"]]
    assert scores == sorted(scores, reverse=True)
    for order in ("score", "level", "time"):
        walked = walk(dispatcher, "/api/incidents", order=order)
        assert sorted(one["id"] for one in walked) == sorted(one["id"] for one in whole)
        assert len({one["id"] for one in walked}) == len(walked)
    assert [one["id"] for one in walked] == sorted((one["id"] for one in whole), reverse=True), "the newest first"
    levels = [one["level"] for one in walk(dispatcher, "/api/incidents", order="level")]
    assert levels == sorted(levels)
    walk(dispatcher, "/api/alarms")


def test_what_has_changed_since_comes_by_time(made: list[dict[str, Any]], dispatcher: httpx.Client) -> None:
    since = min(one["opened_at"] for one in made)
    found = [one["id"] for one in dispatcher.get("/api/incidents", params={"since": since}).json()["items"]]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(
    "asked",
    [
        {"order": "size"},
        {"cursor": str(NO_ID)},
        {"cursor": f"nan~{NO_ID}"},
        {"cursor": "8.1~x"},
        {"order": "time", "cursor": f"8.1~{NO_ID}"},
    ],
    ids=str,
)
def test_an_order_or_cursor_that_is_none_is_refused(dispatcher: httpx.Client, asked: dict[str, str]) -> None:
    answer = dispatcher.get("/api/alarms", params=asked)
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor" if "cursor" in asked else "order")


def test_a_dispatcher_says_who_is_in_danger_and_the_log_keeps_it(
    made: list[dict[str, Any]], dispatcher: httpx.Client, viewer: httpx.Client
) -> None:
    one = next(incident for incident in made if incident["title"] == "火情")
    path = f"/api/incidents/{one['id']}"
    assert one["in_danger"] is None
    body = {"in_danger": 3, "version": one["version"]}
    assert viewer.patch(path, json=body).status_code == 403
    told = dispatcher.patch(path, json=body)
    assert (told.status_code, told.json()["in_danger"], told.json()["risk"]) == (200, 3, None)
    assert dispatcher.patch(path, json=body).json()["reason"] == "stale_version"
    assert dispatcher.patch(path, json={"version": 1}).status_code == 422
    assert dispatcher.patch(path, json={"in_danger": -1, "version": 1}).status_code == 422
    assert dispatcher.patch(path, json={**body, "classification": 1}).status_code == 403, "that is a commander's"
    log = dispatcher.get(f"{path}/log").json()["items"]
    assert log[-1]["text"] == {"zh": "遇险人数：3 人", "en": "People in danger: 3"}
    again = dispatcher.patch(path, json={"in_danger": None, "version": told.json()["version"]})
    assert again.json()["in_danger"] is None


def test_two_reports_of_one_thing_tell_of_the_same_people(made: list[dict[str, Any]], dispatcher: httpx.Client) -> None:
    few, more = (one for one in made if one["in_danger"])
    body = {"in_danger": 5, "version": dispatcher.get(f"/api/incidents/{more['id']}").json()["version"]}
    dispatcher.patch(f"/api/incidents/{more['id']}", json=body)
    joined = dispatcher.post(f"/api/incidents/{more['id']}/join", json={"into": few["id"]}).json()
    assert (joined["id"], joined["in_danger"], joined["risk"]) == (few["id"], 5, None)


def test_who_opens_an_incident_from_an_alarm_may_say_who_is_in_danger(dispatcher: httpx.Client, db: Engine) -> None:
    with db.begin() as conn:
        alarm = change(conn, 2, now())
    made = dispatcher.post("/api/incidents", json={"alarm": str(alarm), "in_danger": 4}).json()
    assert made["in_danger"] == 4
    again = dispatcher.post("/api/incidents", json={"alarm": str(alarm), "in_danger": 9})
    assert (again.status_code, again.json()["in_danger"]) == (200, 4), "the first who asks opens it"
    body = {"status": "cancelled", "version": made["version"], "reason": "test"}
    dispatcher.post(f"/api/incidents/{made['id']}/status", json=body)
    with db.begin() as conn:
        change(conn, None, now())
