"""/api/rules: rules made, changed, tried, armed and taken back, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from core.clock import rfc3339
from tests.alerts.helpers import change
from tests.support import System, now

RULE = {
    "id": "test-rise",
    "kind": "change",
    "alarm_kind": "rise",
    "name_zh": "试验涨水",
    "name_en": "Test rise",
    "watches": {"sensor_kinds": ["water_level"]},
    "params": {"metric": "water_level", "over_s": 1800, "steps": [{"level": 3, "on": 0.5}]},
    "why": "tried in a test",
}


@pytest.fixture
def api(served: System) -> Iterator[httpx.Client]:
    with served.api("admin") as client:
        yield client


def period(hours: float = 1) -> dict[str, str]:
    end = now()
    return {"from": rfc3339(end - timedelta(hours=hours)), "to": rfc3339(end)}


def test_rule_from_its_making_to_its_taking_back(api: httpx.Client) -> None:
    made = api.post("/api/rules", json=RULE)
    assert made.status_code == 201, made.text
    rule = made.json()
    assert (rule["enabled"], rule["version"], rule["params"]) == (False, 1, RULE["params"])
    assert api.post("/api/rules", json=RULE).json()["reason"] == "rule_exists"

    changed = {**RULE["params"], "over_s": 900}  # type: ignore[dict-item]
    after = api.patch("/api/rules/test-rise", json={"version": 1, "params": changed, "why": "quicker"}).json()
    assert (after["version"], after["params"]["over_s"]) == (2, 900)
    stale = api.patch("/api/rules/test-rise", json={"version": 1, "name_en": "x"})
    assert (stale.status_code, stale.json()["reason"]) == (409, "stale_version")

    armed = api.post("/api/rules/test-rise/arm", json={"why": "tried"}).json()
    assert (armed["enabled"], armed["version"]) == (True, 3)
    assert api.post("/api/rules/test-rise/disarm").json()["enabled"] is False

    back = api.post("/api/rules/test-rise/take-back", json={"to": 1, "why": "the quick one was too loud"}).json()
    assert (back["params"], back["version"]) == (RULE["params"], 5)
    versions = api.get("/api/rules/test-rise/versions").json()["items"]
    assert [(v["what"], v["why"]) for v in versions] == [
        ("taken_back", "the quick one was too loud"),
        ("disarmed", None),
        ("armed", "tried"),
        ("changed", "quicker"),
        ("added", "tried in a test"),
    ]
    assert api.post("/api/rules/test-rise/take-back", json={"to": 99}).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "magic"}, "kind"),
        ({"alarm_kind": "magic"}, "alarm_kind"),
        ({"params": {"metric": "water_level", "steps": []}}, "params.steps"),
        ({"watches": {"sensor_kind": ["x"]}}, "watches.sensor_kind"),
        ({"id": "Not An Id"}, "id"),
        ({"name_zh": " "}, "name_zh"),
    ],
)
def test_what_is_wrong_with_a_rule_is_named(api: httpx.Client, change: dict[str, Any], field: str) -> None:
    answer = api.post("/api/rules", json={**RULE, "id": "test-wrong", **change})
    assert answer.status_code == 422
    assert field in answer.text


def test_list_tells_what_each_rule_has_made(api: httpx.Client) -> None:
    page = api.get("/api/rules", params={"limit": 3}).json()
    assert len(page["items"]) == 3
    assert page["next"]
    assert set(page["items"][0]["load"]) == {"alarms", "annunciations", "per_day", "not_useful", "active"}
    kinds = {one["kind"]: one["params"] for one in api.get("/api/rule-kinds").json()["items"]}
    assert {"threshold", "aggregate", "change", "geofence", "cluster"} <= set(kinds)
    assert "over_s" in kinds["change"]["properties"]


def test_rule_is_tried_by_its_id_as_it_was_and_as_it_is_given(api: httpx.Client) -> None:
    for rule in ("water-stage", {"id": "water-stage", "version": 1}, {**RULE, "id": "not-kept"}):
        answer = api.post("/api/rules/try", json={"rule": rule, **period()})
        assert answer.status_code == 200, answer.text
        trial = answer.json()
        assert {"alarms", "load", "hits", "misses", "took_s"} <= set(trial)
        assert trial["against"] is None
    assert api.get("/api/rules/not-kept").status_code == 404
    both = api.post("/api/rules/try", json={"rule": "water-stage", "against": {**RULE, "id": "x"}, **period()}).json()
    assert both["against"]["rule"] == "x"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rule": "nobody", **period()}, "rule"),
        ({"rule": "water-stage", "from": "2026-01-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}, "to"),
        ({"rule": "water-stage", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "to"),
    ],
)
def test_trial_that_cannot_be_is_refused(api: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = api.post("/api/rules/try", json=body)
    assert answer.status_code in (404, 422)
    assert field in answer.text


def test_operator_says_that_an_alarm_was_not_useful(api: httpx.Client, db: Engine) -> None:
    with db.begin() as conn:
        alarm = change(conn, 3, now())
    before = api.get("/api/rules/water-stage").json()["load"]
    marked = api.post(f"/api/alarms/{alarm}/useful", json={"useful": False}).json()
    assert marked["useful"] is False
    again = api.post(f"/api/alarms/{alarm}/useful", json={"useful": False}).json()
    assert again["version"] == marked["version"], "a repeat changes nothing"
    after = api.get("/api/rules/water-stage").json()["load"]
    assert (after["not_useful"], after["active"]) == (before["not_useful"] + 1, before["active"])
    api.post(f"/api/alarms/{alarm}/useful", json={"useful": True})
    assert api.get("/api/rules/water-stage").json()["load"]["not_useful"] == before["not_useful"]
    with db.begin() as conn:
        change(conn, None, now())
