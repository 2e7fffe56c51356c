"""Scores follow the world while the processes run: what people say, units that leave, registers, warnings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from alerts.risk.arithmetic import weigh
from core.clock import rfc3339
from tests.alerts.test_scores import CAP
from tests.support import System, mailbox, now, wait_for

Json = dict[str, Any]


@pytest.fixture(scope="module")
def api(processes: System) -> Iterator[httpx.Client]:
    with processes.api("dispatcher") as client:
        yield client


@pytest.fixture(scope="module")
def incident(api: httpx.Client, processes: System) -> Json:
    """A fire in the middle of the city, told over MQTT with two people inside."""
    [at] = processes.rows("SELECT ST_X(ST_Centroid(extent)) AS lon, ST_Y(ST_Centroid(extent)) AS lat FROM city")
    wait_for(lambda: processes.one("SELECT count(*) FROM coverage"), what="coverage has been computed")
    body = {"id": "follow-1", "time": rfc3339(now()), "kind": "fire", "level": 2, "title": "火情", "channel": "119"}
    with mailbox(processes.gateway_url) as box:
        box.publish("onemap/incident", {**body, **at, "in_danger": 2})
    [made] = wait_for(lambda: [one for one in incidents(api) if one["title"] == "火情" and one["risk"]])
    return dict(made)


def incidents(api: httpx.Client) -> list[Json]:
    return list(api.get("/api/incidents").json()["items"])


def score(api: httpx.Client, incident: Json) -> float:
    risk = api.get(f"/api/incidents/{incident['id']}").json()["risk"]
    return float(risk["score"]) if risk else -1.0


def cell(api: httpx.Client, incident: Json) -> Json:
    asked = {"lon": incident["lon"], "lat": incident["lat"]}
    return dict(api.get("/api/risk/explain", params=asked).json())


def term(api: httpx.Client, incident: Json, name: str) -> Json:
    risk = api.get("/api/risk/explain", params={"type": "incident", "id": incident["id"]}).json()
    return next(dict(one) for one in risk["terms"] if one["name"] == name)


def test_who_is_in_danger_is_told_with_the_report(incident: Json) -> None:
    assert incident["in_danger"] == 2
    assert incident["risk"]["q"] >= 0.6
    assert "2 人遇险" in incident["risk"]["words"]["zh"]


def test_its_cell_is_of_the_same_level(api: httpx.Client, incident: Json) -> None:
    found = wait_for(lambda: (here := cell(api, incident)).get("band") and here, what="the cell is scored")
    assert found["band"]["level"] == 2
    assert found["score"] >= 5


def test_more_people_in_danger_raise_it(api: httpx.Client, incident: Json) -> None:
    before = score(api, incident)
    version = api.get(f"/api/incidents/{incident['id']}").json()["version"]
    assert api.patch(f"/api/incidents/{incident['id']}", json={"in_danger": 40, "version": version}).status_code == 200
    wait_for(lambda: score(api, incident) > before, what="the score has followed")


def test_units_that_leave_raise_it(api: httpx.Client, processes: System, incident: Json) -> None:
    before = score(api, incident)
    gone = processes.rows(
        "SELECT id FROM unit WHERE 'fire_suppression' = ANY(capabilities) AND status = 'available' ORDER BY id"
    )
    for unit in gone:
        api.post(f"/api/units/{unit['id']}/status", json={"status": "out_of_service"})
    wait_for(lambda: score(api, incident) > before, what="the score has followed")
    for unit in gone:
        api.post(f"/api/units/{unit['id']}/status", json={"status": "available"})
    wait_for(lambda: score(api, incident) == pytest.approx(before, abs=0.1), what="and back")


def test_a_register_that_has_changed_is_counted(api: httpx.Client, processes: System, incident: Json) -> None:
    before = term(api, incident, "who")["value"]
    insert = """
INSERT INTO facility (id, kind, name_zh, name_en, people_day, people_night, geom, district, attributes)
SELECT 'follow-home', 'nursing_home', '养老院', 'Home', 900, 900, geom, district, '{}' FROM incident WHERE id = %s
RETURNING pg_notify('onemap_change', '{"kind": "layer", "ids": ["facilities"]}')
"""
    processes.rows(insert, incident["id"])
    wait_for(lambda: term(api, incident, "who")["value"] > before, what="the home is counted")
    delete = (
        "DELETE FROM facility WHERE id = 'follow-home' "
        'RETURNING pg_notify(\'onemap_change\', \'{"kind": "layer", "ids": ["facilities"]}\')'
    )
    processes.rows(delete)
    wait_for(lambda: term(api, incident, "who")["value"] == before, what="and is no longer")


def test_a_warning_that_begins_over_it_raises_it(api: httpx.Client, processes: System, incident: Json) -> None:
    """It ends by the clock in the tests of scoring."""
    sent = now().replace(microsecond=0)
    body = CAP.format(
        id="follow",
        sent=sent.isoformat().replace("+00:00", "-00:00"),
        status="Actual",
        lat=incident["lat"],
        lon=incident["lon"],
        km=4,
    )
    insert = """
INSERT INTO warning (sender, identifier, sent, msg_type, status, headline, severity, expires, body, received_at)
VALUES ('met', 'follow', %s, 'Alert', 'Actual', 'x', 'Extreme', %s, %s, now()) RETURNING 1
"""
    processes.rows(insert, sent, sent + timedelta(hours=1), body)
    explain = {"type": "incident", "id": incident["id"]}

    def warned() -> Json | None:
        risk = dict(api.get("/api/risk/explain", params=explain).json())
        weather = next(one for one in risk["terms"] if one["name"] == "weather")
        return risk if "暴雨红色预警" in weather["text"]["zh"] else None

    risk = wait_for(warned, what="the score has followed")
    # by the score's own terms, for units on their way home move it meanwhile as much as a warning does
    values = {one["name"]: math.nan if one["value"] is None else one["value"] for one in risk["terms"]}
    level, certain = incident["level"], values["certainty"] / 10
    calm, now_told = (weigh(found, level, certain, life=True).score for found in ({**values, "weather": 0.0}, values))
    assert now_told > calm
    assert risk["score"] == pytest.approx(now_told, abs=0.01)
