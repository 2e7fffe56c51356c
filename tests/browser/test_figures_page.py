"""What a dispatcher reads on the page agrees: who waits, who is on the way and where, what a chart is drawn against,
what is found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from core.clock import rfc3339
from tests.browser.desk import MAP, Desk
from tests.support import Mailbox, System, now, wait_for

Json = dict[str, Any]
ROUTES = f"async () => (await {MAP}.getSource('routes').getData()).features.length"
LIMITS = "() => [...document.querySelectorAll('#chart .annotation text')].map(node => node.textContent)"
TEXT = "where => document.querySelector(where)?.textContent"
SAME = """places => new Set(places.map(where => document.querySelector(where)?.textContent || where)).size === 1"""
HITS = """() => [...document.querySelectorAll('#search-results [role=option]')].map(
  hit => [...hit.querySelectorAll('[lang=zh]')].map(part => part.textContent).join('|'))"""


@pytest.fixture(scope="module")
def incident(api: httpx.Client) -> Json:
    """People in the water, and nobody sent."""
    street = api.get("/api/units").json()["items"][0]
    body = {"kind": "flooding", "level": 1, "title": "车辆被淹", "lon": street["lon"] + 0.01, "lat": street["lat"]}
    return dict(api.post("/api/incidents", json=body).json())


def test_an_urgent_incident_says_how_long_nobody_was_sent(desk: Desk, incident: Json) -> None:
    row = f'[data-incident-id="{incident["id"]}"]'
    desk.until(TEXT, lambda said: (said or "").startswith("已等"), value=f"{row} .waited", what="the row counts up")
    desk.select("incident", incident["id"])
    desk.page.wait_for_selector("#card-main .waited")
    assert "需要：" in desk.page.inner_text("#card .needs")


def test_who_was_sent_counts_down_and_its_way_is_on_the_map(desk: Desk, incident: Json, api: httpx.Client) -> None:
    boat = api.get(f"/api/incidents/{incident['id']}/recommendations").json()["items"][0]
    assert "water_rescue" in boat["capabilities"]
    api.post(f"/api/incidents/{incident['id']}/assignments", json={"unit": boat["unit"]})
    desk.select("incident", incident["id"])
    desk.until(TEXT, value="#card-main .arrival", what="the card counts down")
    assert "还缺：" in desk.page.inner_text("#card .needs")
    desk.until(ROUTES, lambda count: count == 1, what="the way of the boat is drawn")
    assert not desk.page.is_visible("#card-main .waited")
    desk.tab("units")
    row = f'[data-unit-id="{boat["unit"]}"] .arrival'
    desk.until(SAME, value=[row, "#card-main .arrival"], what="the unit's row says what the card says")
    desk.select("unit", boat["unit"])
    desk.until(ROUTES, lambda count: count == 1, what="the unit's own way is drawn")
    desk.select("sensor", "wl-spare")
    desk.until(ROUTES, lambda count: count == 0, what="what is not selected has no way drawn")
    desk.tab("incidents")


def test_rain_is_drawn_as_the_sum_that_is_judged(desk: Desk, api: httpx.Client, devices: Mailbox) -> None:
    gauges = [s for s in api.get("/api/sensors?kind=rain").json()["items"] if s["status"] == "active"]
    gauge = gauges[-1]["id"]
    for minutes in range(30, -1, -1):
        reading = {"time": rfc3339(now() - timedelta(minutes=minutes)), "metric": "rain", "value": 2.0, "unit": "mm"}
        devices.publish(f"onemap/observation/{gauge}", reading)
    wait_for(lambda: api.get(f"/api/sensors/{gauge}").json()["values"], what="the rain has come")
    desk.select("sensor", gauge)
    desk.page.wait_for_selector("#chart .scatterlayer .js-line", state="attached")
    pressed = desk.page.locator("#chart-slot .metric")
    offered = [one.split("\n")[0] for one in pressed.all_inner_texts()]
    assert offered == ["3 小时累计", "6 小时累计", "12 小时累计", "读数"]
    assert desk.ask(LIMITS) in (["I", "II"], ["II", "I"], ["II"])
    pressed.nth(1).click()
    desk.until(LIMITS, lambda labels: labels == ["III"], what="six hours have the limit of their window")


def test_air_is_drawn_as_the_index_that_is_judged(desk: Desk, api: httpx.Client, devices: Mailbox) -> None:
    """The card is open before anything is heard: what has nothing to show is drawn once there is something."""
    stations = [s for s in api.get("/api/sensors?kind=air_quality").json()["items"] if s["status"] == "active"]
    station = stations[-1]["id"]
    desk.select("sensor", station)
    desk.page.wait_for_selector("#chart-slot .quiet")
    for minutes in range(120, -1, -5):
        reading = {"time": rfc3339(now() - timedelta(minutes=minutes)), "metric": "pm25", "value": 115, "unit": "µg/m³"}
        devices.publish(f"onemap/observation/{station}", reading)
    wait_for(lambda: api.get(f"/api/sensors/{station}").json()["values"], what="the air has come")
    desk.page.click("#chart-slot .metric >> text=空气质量指数")
    desk.until(
        "() => document.querySelector('#chart-slot h3')?.innerText ?? ''",
        lambda said: "空气质量指数" in said and "由各污染物均值计算" in said,
        what="it says what is drawn",
    )
    desk.until(LIMITS, lambda labels: labels == ["IV"], what="the limit that comes next")
    assert desk.until("() => document.querySelector('#chart .js-plotly-plot')?.data.at(-1).y.at(-1)") == 150


def test_the_street_is_found_first_and_a_place_in_every_datum(desk: Desk, processes: System) -> None:
    street = processes.one(
        "SELECT s.name_zh FROM street s WHERE EXISTS (SELECT 1 FROM sensor n WHERE n.name_zh LIKE s.name_zh || '_%%') "
        "ORDER BY s.id LIMIT 1"
    )
    desk.page.fill("#search", street)
    desk.until(HITS, lambda hits: hits and hits[0].startswith(f"{street}|道路"), what="the street stands first")
    desk.page.fill("#search", "31.38, 118.99")
    hits = desk.until(HITS, lambda hits: len(hits) == 3, what="a position is read in three datums")
    assert [hit.split("按 ")[1].split(" 读")[0] for hit in hits] == ["WGS 84", "GCJ-02", "BD-09"]
    assert hits[0].startswith("118.99, 31.38")
    desk.page.fill("#search", "")
    assert desk.complaints == []


# the bar once more, begun when what it shows has come already
BAR = """async () => {
  const main = document.querySelector('script[src$="/main.mjs"]').src;
  const { live } = await (await import(main)).page;
  const { startTopBar } = await import(new URL('./topbar.mjs', main));
  const none = () => '';
  const words = { duration: age => `${age}`, clock: none, zoneNames: none, day: none, plain: none, both: () => [], texts: none, say: none };
  const me = { permissions: ['source.read'], name: 'x', username: 'x', role_names: { zh: 'x', en: 'x' } };
  if (!live.health.get('health')) return 'nothing has come';
  startTopBar({ city: { name: { zh: 'x', en: 'x' }, simulated: true }, me, live, sets: {}, words, channel: { stands: true } });
  return document.getElementById('figure-health').textContent;
}"""  # noqa: E501


def test_the_age_of_data_is_no_age_of_the_world(desk: Desk) -> None:
    """It was that of 1970 for as long as the first report of health was there before the bar."""
    desk.until(BAR, lambda said: said != "nothing has come", what="a report of health")
    assert float(desk.ask(BAR)) < 3600
