"""An alarm about a place in a real browser: its card says what lies together there and leads to each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser.desk import MAP, window
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
# marks that are drawn at a place
MARKS_AT = f"""async at => {{
  const {{ x, y }} = {MAP}.project(at);
  return {MAP}.queryRenderedFeatures([[x - 4, y - 4], [x + 4, y + 4]], {{ layers: ['matter-mark'] }}).length;
}}"""


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


def test_alarm_of_a_place_pressed_on_the_map_opens_its_card(
    browser: Browser, processes: System, gathered: Json
) -> None:
    """It stands in the middle of what it counts, of which one may lie just there: then it is chosen from what is
    listed."""
    alarm = gathered["alarm"]
    place = [alarm["lon"], alarm["lat"]]
    with window(browser, processes, "dispatcher", (1440, 900), lang="en") as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        page.evaluate(f"async at => {MAP}.jumpTo({{ center: at, zoom: 17 }})", place)
        desk.until(MARKS_AT, bool, place, what="it is drawn")
        x, y = page.evaluate(f"async at => {{ const p = {MAP}.project(at); return [p.x, p.y]; }}", place)
        page.mouse.click(x, y)
        page.wait_for_selector("#here, #card [data-testid=together]")
        if page.query_selector("#here"):
            page.click(f"#here [data-here='alarm/{alarm['id']}']")
        page.wait_for_selector("#card [data-testid=together]:has-text('3 lie together')")
        assert desk.complaints == []


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
