"""An alarm about a place in a real browser: its card says what lies together there and leads to each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser.desk import window
from tests.support import System, wait_for

Json = dict[str, Any]
RULE = "gathered-trial"
GIVEN: Json = {
    "id": RULE,
    "kind": "near",
    "alarm_kind": "near",
    "name_zh": "试验聚集",
    "name_en": "Gathered on trial",
    "params": {
        "events": {"incident_kinds": ["manhole"]},
        "radius_m": 400,
        "steps": [{"level": 2, "count": 3}],
    },
}


@pytest.fixture(scope="module")
def gathered(processes: System, admin: httpx.Client) -> Iterator[Json]:
    """The alarm, and the incidents that it counts; withdrawn afterwards."""
    lon, lat = admin.get("/api/city").json()["center"]
    assert admin.post("/api/rules", json=GIVEN).status_code == 201
    assert admin.post(f"/api/rules/{RULE}/arm", json={"why": "a trial"}).status_code == 200
    made = []
    for n in range(3):
        body = {"kind": "manhole", "level": 3, "title": f"井盖{n}", "lon": lon + 0.0004 * n, "lat": lat + 0.01}
        answer = admin.post("/api/incidents", json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json())

    def raised() -> Json | None:
        items = admin.get("/api/alarms", params={"limit": 200}).json()["items"]
        return next((one for one in items if one["rule"] == RULE), None)

    yield {"alarm": wait_for(raised, what="they are an alarm"), "incidents": made}
    for one in made:
        seen = admin.get(f"/api/incidents/{one['id']}").json()
        body = {"status": "cancelled", "version": seen["version"], "reason": "a trial"}
        admin.post(f"/api/incidents/{one['id']}/status", json=body)
    admin.post(f"/api/rules/{RULE}/disarm", json={"why": "done"})
    wait_for(lambda: raised() is None or not (raised() or {})["active"], what="the alarm is over")


def test_alarm_of_a_place_opens_what_lies_together(browser: Browser, processes: System, gathered: Json) -> None:
    alarm, incidents = gathered["alarm"], gathered["incidents"]
    with window(browser, processes, "dispatcher", (1440, 900), lang="en") as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        page.click("[data-testid=tab-alarms]")
        desk.select("alarm", alarm["id"])
        page.wait_for_selector("#card [data-testid=together]:has-text('3 lie together')")
        page.wait_for_selector("#card [data-testid=together]:has-text('400 m')")
        for one in incidents:
            page.wait_for_selector(f"#card [data-testid=together] [data-select-id='{one['id']}']")
        # the usual acts stand there too
        page.wait_for_selector("#card button:has-text('Acknowledge'), #card button:has-text('Open an incident')")
        assert desk.serious_barriers() == []
        page.click(f"#card [data-testid=together] [data-select-id='{incidents[1]['id']}']")
        page.wait_for_selector("#card #card-title:has-text('井盖1')")
        assert desk.complaints == []
