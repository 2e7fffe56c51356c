"""The One Map page in a real browser, on real processes: one story at one desk, and visitors beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from core.cap import Alert, Area, Info, build
from core.clock import cap_time, rfc3339
from tests.browser.desk import CENTRE, DRAWN_AT, IN_SIGHT, MAP, MAP_COLOURS, PHONE, TOO_WIDE, Desk, path_of, window
from tests.support import PASSWORD, ROOT, Mailbox, System, now, wait_for

SENSOR = "wl-spare"  # no simulated device feeds it
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# the fields of the first thing of each kind, null where there is none, as a new connection gets them
SNAPSHOTS = """() => new Promise(resolve => {
  const kinds = {}, socket = new WebSocket(`ws://${location.host}/push`);
  socket.onmessage = ({ data }) => {
    const { kind, op, items } = JSON.parse(data);
    if (op === 'snapshot') kinds[kind] = items.length ? Object.keys(items[0]).sort() : null;
    if (Object.keys(kinds).length < 10) return;
    socket.close();
    resolve(kinds);
  };
})"""
Json = dict[str, Any]


@pytest.fixture(scope="module")
def alarm(desk: Desk, api: httpx.Client, devices: Mailbox) -> Json:
    """A red water level, sent as a gauge would while the desk is watching: it rises over ten minutes."""
    limit = api.get(f"/api/sensors/{SENSOR}").json()["thresholds"]["water_level"]["1"]
    for minutes in range(10, -1, -1):
        reading = {
            "time": rfc3339(now() - timedelta(minutes=minutes)),
            "value": round(limit + 0.4 - minutes**2 / 80, 3),
        }
        devices.publish(f"onemap/observation/{SENSOR}", {**reading, "metric": "water_level", "unit": "m"})

    def of_level_one() -> list[Json]:
        items = api.get("/api/alarms").json()["items"]
        return [a for a in items if a["thing"]["id"] == SENSOR and a["risk"] and a["level"] == 1]

    return dict(wait_for(of_level_one, what="the alarm of level I is scored")[0])


@pytest.fixture(scope="module")
def warning(processes: System, desk: Desk, devices: Mailbox) -> Alert:
    """An orange signal of the weather bureau for the middle of the city, in force."""
    row = processes.rows("SELECT ST_X(c) AS lon, ST_Y(c) AS lat FROM (SELECT ST_Centroid(extent) AS c FROM city) x")[0]
    lon, lat = float(row["lon"]), float(row["lat"])
    ring = tuple((lon + dx, lat + dy) for dx, dy in ((-0.05, -0.05), (0.05, -0.05), (0.05, 0.05), (-0.05, 0.05)))
    info = Info(
        "Met", "暴雨", "Expected", "Severe", "Likely", sender_name="市气象台", headline="气象台发布暴雨橙色预警",
        expires=now() + timedelta(hours=6), areas=(Area("宿城区", ((*ring, ring[0]),)),),
    )  # fmt: skip
    alert = Alert("w-1", "weather@example.org", now(), "Actual", "Alert", "Public", info=(info,))
    devices.publish("onemap/warning", build(alert))
    return alert


# by which Dash asks the server: what is aborted there never leaves the browser, whatever the machine has to do
CALLBACKS = re.compile("/_dash-update-component")


def typed_fields(name: str) -> list[str]:
    """Fields of an interface in shapes.d.ts."""
    shapes = (ROOT / "assets" / "js" / "shapes.d.ts").read_text("utf-8")
    [(located, body)] = re.findall(
        rf"^interface {name}( extends Located)? {{\n(.*?)^}}", shapes, re.DOTALL | re.MULTILINE
    )
    return re.findall(r"^  (\w+)\??:", body, re.MULTILINE) + (["lon", "lat"] if located else [])


def without(text: str, names: list[str]) -> str:
    """`text` less the proper names of things."""
    return re.sub("|".join(map(re.escape, names)), "", text)


def row(alarm: Json) -> str:
    return f'[data-alarm-id="{alarm["id"]}"]'


def test_a_wrong_password_is_refused_in_words_and_the_right_one_leads_on(browser: Browser, processes: System) -> None:
    with window(browser, processes, None) as visitor:
        page = visitor.page
        page.goto(f"{processes.http}/api/docs?from=log-in")
        assert path_of(page) == "/login"
        assert visitor.serious_barriers() == []
        page.fill("#username", "dispatcher")
        page.fill("#password", PASSWORD + "x")
        page.click("button[type=submit]")
        error = page.inner_text("[role=alert]")
        assert CHINESE.search(error), error
        assert "_" not in error
        assert "Traceback" not in page.content()
        page.fill("#username", "dispatcher")
        page.fill("#password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url("**/api/docs?from=log-in")
        page.wait_for_selector(".swagger-ui .opblock")


@pytest.fixture
def card(desk: Desk, alarm: Json) -> Json:
    """The alarm, its row chosen in the list and its card open."""
    desk.tab("alarms")
    desk.page.click(row(alarm))
    desk.page.wait_for_selector("#card .terms")
    return alarm


def test_the_map_draws(desk: Desk) -> None:
    seen = desk.until(MAP_COLOURS, lambda found: found["colours"] > 60, what="the map has colours")
    assert seen["most"] < 0.9


def test_a_unit_moves_on_the_map(desk: Desk, api: httpx.Client, devices: Mailbox) -> None:
    unit = api.get("/api/units").json()["items"][0]
    before = desk.until(DRAWN_AT, value=["unit-mark", unit["id"]], what="the unit is drawn")
    goal = [unit["lon"] + 0.01, unit["lat"] + 0.004]
    place = {"time": rfc3339(now()), "lon": goal[0], "lat": goal[1], "speed": 12.0, "heading": 68.0, "accuracy": 5.0}
    devices.publish(f"onemap/position/{unit['id']}", {**place, "battery": 0.9})
    assert before == pytest.approx([unit["lon"], unit["lat"]], abs=2e-3)
    view = desk.ask(CENTRE)
    desk.until(
        DRAWN_AT,
        lambda at: at == pytest.approx(goal, abs=2e-4),
        ["unit-mark", unit["id"]],
        "the unit is drawn where it is",
    )
    assert desk.ask(CENTRE) == view, "the view stays under the person's hand"


def test_a_short_way_is_glided_and_not_jumped(desk: Desk, api: httpx.Client, devices: Mailbox) -> None:
    unit = api.get("/api/units").json()["items"][1]
    west, east = unit["lon"], unit["lon"] + 0.003

    def drawn() -> float | None:
        at = desk.ask(DRAWN_AT, ["unit-mark", unit["id"]])
        return None if at is None else float(at[0])

    def seen_between(goal: float) -> bool:
        """Whether the mark was drawn on the way to `goal` before it was drawn there."""
        place = {"time": rfc3339(now()), "lon": goal, "lat": unit["lat"], "speed": 12.0, "heading": 90.0}
        devices.publish(f"onemap/position/{unit['id']}", place)
        places: list[float] = []

        def arrived() -> bool:
            places.append(drawn() or 0.0)
            return abs(places[-1] - goal) < 5e-5

        wait_for(arrived, what="it arrives")
        return any(west + 3e-4 < at < east - 3e-4 for at in places)

    # a machine that is busy for a whole second shows no step of one way; of ten it shows some
    goals = iter([east, west] * 5)
    assert any(seen_between(goal) for goal in goals)


def test_an_alarm_arrives_live_and_announces_itself(desk: Desk, alarm: Json) -> None:
    desk.tab("alarms")
    desk.page.wait_for_selector(f'{row(alarm)}[data-state="unacknowledged"] .level-1')
    banner = desk.page.wait_for_selector("#banner:not([hidden]) .level-1")
    assert banner is not None
    assert alarm["message"]["zh"] in desk.page.inner_text("#banner")
    assert desk.until(DRAWN_AT, value=["matter-mark", alarm["id"]], what="the alarm is drawn on the map")


def test_its_card_says_how_bad_and_why_and_what_to_do_next(desk: Desk, card: Json) -> None:
    desk.page.wait_for_selector("#card .next")
    text = desk.page.inner_text("#card")
    assert desk.page.inner_text("#card-head .score b") == f"{card['risk']['score']:.1f}"
    terms = desk.page.locator("#card .terms li")
    assert terms.count() == len(card["risk"]["terms"]) >= 4
    for term in card["risk"]["terms"]:
        # who is nearest is told by the search that makes the list
        assert term["text"]["zh"] in text or term["name"] == "nearest_unit"
    assert desk.page.locator("#card .next .reason").inner_text().strip()
    assert desk.page.locator("#card .next button[data-url]").count() == 1


def test_what_is_selected_lies_where_no_panel_covers_it(desk: Desk, card: Json) -> None:
    desk.until(IN_SIGHT, value=[card["lon"], card["lat"]], what="the map has flown there")


def test_its_chart_draws_the_series_and_the_steps(desk: Desk, card: Json) -> None:
    line = desk.page.wait_for_selector("#chart .scatterlayer .js-line", state="attached")
    assert line is not None
    assert len((line.get_attribute("d") or "").split("L")) >= 8
    assert desk.page.locator("#chart .shapelayer path").count() == 4


def test_english_is_whole_and_chinese_comes_back(desk: Desk, card: Json, api: httpx.Client) -> None:
    names = [unit["names"]["zh"] for unit in api.get("/api/units").json()["items"]]
    desk.switch_language("en")
    assert desk.ask("() => document.documentElement.lang") == "en"
    left = [said for said in desk.text() if CHINESE.search(without(said[1], names)) and said[0] != "language-switch"]
    assert left == [], "only the switch back names its own language"
    english = desk.page.inner_text("#card")
    assert card["risk"]["terms"][0]["text"]["en"] in english
    assert "Recommended next step" in english
    desk.switch_language("zh")
    assert desk.ask("() => document.documentElement.lang") == "zh-CN"
    assert "建议下一步" in desk.page.inner_text("#card")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out(desk: Desk, card: Json, theme: str) -> None:
    desk.set_theme(theme)
    assert desk.page.is_visible("#card .next")
    assert desk.serious_barriers() == []


def test_the_button_acknowledges(desk: Desk, card: Json, api: httpx.Client) -> None:
    desk.page.click(f"{row(card)} [data-testid=acknowledge]")
    desk.page.wait_for_selector(f'{row(card)}[data-state="acknowledged"]')
    assert desk.page.is_hidden("#banner")
    after = api.get(f"/api/alarms/{card['id']}").json()
    assert (after["state"], after["acknowledged_by"]) == ("acknowledged", "dispatcher")


def test_the_next_step_opens_an_incident_and_sends_the_recommended_unit(
    desk: Desk, card: Json, api: httpx.Client
) -> None:
    desk.page.click("#card [data-next=create_incident]")
    send = desk.page.locator("#card [data-next=assign]")
    send.wait_for()
    incident = api.get(f"/api/alarms/{card['id']}").json()["incident"]
    send.click()
    desk.page.wait_for_selector("#card [data-next=assign][data-asked]")
    assert api.get(f"/api/incidents/{incident}").json()["assignments"] == [], "one press only asks"
    send.click()
    desk.page.wait_for_selector("#card .assignments li")
    [sent] = api.get(f"/api/incidents/{incident}").json()["assignments"]
    assert sent["unit_names"]["zh"] in desk.page.inner_text("#card .assignments")


def test_warning_of_others_stands_in_its_list_on_the_map_and_on_a_card(desk: Desk, warning: Alert) -> None:
    desk.tab("warnings")
    listed = desk.page.locator("[data-warning-id]")
    listed.wait_for()
    assert "气象台发布暴雨橙色预警" in listed.inner_text()
    assert listed.locator(".level-2").count() == 1
    listed.click()
    desk.page.wait_for_selector("#card .chip[data-state=in_force]")
    assert "宿城区" in desk.page.inner_text("#card .facts")
    assert "市气象台" in desk.page.inner_text("#card .facts")
    features = f"async () => {MAP}.querySourceFeatures('warnings').map(({{ properties }}) => properties.level)"
    desk.until(features, lambda levels: set(levels) == {2})
    assert desk.serious_barriers() == []


def test_types_of_the_page_name_what_the_channel_carries(desk: Desk, alarm: Json, warning: Alert) -> None:
    carried = desk.ask(SNAPSHOTS)
    interfaces = {kind: "".join(map(str.capitalize, kind.split("_"))) for kind in carried}
    assert {"alarm", "incident", "unit", "sensor", "warning", "health"} <= {
        kind for kind, names in carried.items() if names
    }
    for kind, names in carried.items():
        assert names is None or sorted(typed_fields(interfaces[kind])) == names


def test_warning_that_is_cancelled_leaves_the_list_and_the_map(
    desk: Desk, warning: Alert, devices: Mailbox, api: httpx.Client
) -> None:
    named = f"{warning.sender},{warning.identifier},{cap_time(warning.sent, 'UTC')}"
    over = replace(warning, identifier=f"{warning.identifier}-c", sent=now(), msg_type="Cancel", references=named)
    devices.publish("onemap/warning", build(over))
    desk.page.wait_for_selector("[data-warning-id]", state="detached")
    desk.until(f"async () => {MAP}.querySourceFeatures('warnings').length", lambda count: count == 0)
    [ended] = api.get("/api/warnings?state=cancelled").json()["items"]
    assert ended["identifier"] == warning.identifier
    desk.tab("alarms")


def test_a_layer_leaves_the_map_and_comes_back_with_its_switch(desk: Desk) -> None:
    desk.page.keyboard.press("Escape")  # on a narrow desk the layers give way to a card
    switch = desk.page.locator("#layer-tree [data-layer=units] input[type=checkbox]")
    for visibility in ("none", "visible"):
        switch.click(force=True)
        desk.until(f"async () => {MAP}.getLayoutProperty('unit-mark', 'visibility')", visibility.__eq__)


def test_a_dragged_panel_keeps_its_width(desk: Desk) -> None:
    before = desk.ask("() => document.getElementById('right-panel').getBoundingClientRect().width")
    edge = desk.page.locator("#right-panel .edge").bounding_box()
    assert edge is not None
    x, y = edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2
    desk.page.mouse.move(x, y)
    desk.page.mouse.down()
    desk.page.mouse.move(x - 40, y, steps=3)
    desk.page.mouse.up()
    after = desk.ask("() => document.getElementById('right-panel').getBoundingClientRect().width")
    assert after == pytest.approx(before + 40, abs=2)
    assert desk.ask("() => JSON.parse(localStorage.getItem('onemap.widths')).right") == pytest.approx(after, abs=2)


def test_work_lists_are_ordered_by_risk_until_a_person_wants_another_order(desk: Desk, alarm: Json) -> None:
    pressed = "[data-list='alarms'] [data-order][aria-pressed='true']"
    desk.tab("alarms")
    assert desk.page.get_attribute(pressed, "data-order") == "risk"
    shown = desk.page.inner_text(f"{row(alarm)} .row-score")
    assert re.search(r"\b\d\.\d$", shown)
    desk.page.click("[data-list='alarms'] [data-order='time']")
    desk.page.wait_for_selector("[data-list='alarms'] [data-order='time'][aria-pressed='true']")
    assert desk.ask("() => localStorage.getItem('onemap.order')") == "time"
    assert desk.page.locator("[data-list='alarms'][data-behind]").count() == 0
    desk.page.wait_for_selector(row(alarm))
    desk.page.click("[data-list='alarms'] [data-order='risk']")
    desk.page.wait_for_selector("[data-list='alarms'] [data-order='risk'][aria-pressed='true']")


def test_the_desk_saw_no_error_and_no_policy_violation(desk: Desk, alarm: Json) -> None:
    assert desk.complaints == []


def test_a_viewer_reads_everything_and_finds_no_button_that_acts(
    browser: Browser, processes: System, alarm: Json
) -> None:
    with window(browser, processes, "viewer", theme="light", lang="en") as visitor:
        visitor.open(f"{processes.http}/?test=1")
        visitor.tab("alarms")
        visitor.page.wait_for_selector(row(alarm))
        visitor.select("alarm", alarm["id"])
        assert visitor.page.locator("#card .terms li").count() == len(alarm["risk"]["terms"])
        assert visitor.page.locator("[data-url]:visible").count() == 0
        assert visitor.complaints == []


def test_a_card_that_does_not_come_says_so_and_comes_when_it_is_asked_for_again(
    browser: Browser, processes: System, alarm: Json
) -> None:
    with window(browser, processes, "viewer") as visitor:
        page = visitor.open(f"{processes.http}/?test=1").page
        visitor.tab("alarms")
        page.route(CALLBACKS, lambda route: route.abort())
        page.click(row(alarm))
        page.wait_for_selector("#card .card-state.failed .notice", state="visible")
        assert page.is_hidden("#card-title")
        page.unroute(CALLBACKS)
        page.click("#card-retry")
        page.wait_for_selector("#card #card-title")
        assert page.is_hidden("#card .card-state.failed")
        # what is shown stays readable where it cannot be read again
        page.route(CALLBACKS, lambda route: route.abort())
        page.click(row(alarm))
        page.wait_for_selector("#card .card-state.failed .notice", state="visible")
        assert page.is_visible("#card-title")


def test_where_the_session_has_ended_the_page_leads_to_the_log_in(
    browser: Browser, processes: System, alarm: Json
) -> None:
    with window(browser, processes, "commander") as visitor:
        visitor.open(f"{processes.http}/?test=1")
        left = visitor.page.context.request.post(
            f"{processes.http}/logout", headers={"Origin": processes.http}, max_redirects=0
        )
        assert left.status == 303
        # nobody touches the page: the live channel tells it
        visitor.page.wait_for_url("**/login?next=*")
        assert visitor.page.is_visible("#password")
        assert "登录已结束" in visitor.page.inner_text("[role=alert]")
        assert visitor.page.input_value("[name=next]") == "/?test=1", "and then back to where they were"


def test_on_a_phone_nothing_is_cut_off_and_every_tab_opens_its_sheet(
    browser: Browser, processes: System, alarm: Json
) -> None:
    with window(browser, processes, "dispatcher", PHONE) as phone:
        phone.open(f"{processes.http}/?test=1")
        for sheet, panel in (("layers", "#left-panel"), ("lists", "#right-panel")):
            phone.page.click(f"button[data-sheet={sheet}]")
            phone.page.wait_for_selector(panel, state="visible")
            assert phone.ask(TOO_WIDE) == []
        phone.tab("alarms")
        phone.page.click(row(alarm))
        phone.page.wait_for_selector("#card #card-title")
        phone.until(IN_SIGHT, value=[alarm["lon"], alarm["lat"]], what="the alarm is above the sheet")
        assert phone.ask(TOO_WIDE) == []
        assert phone.ask("() => document.scrollingElement.scrollWidth") == PHONE[0]
        phone.page.click("button[data-sheet=map]")
        assert phone.page.is_hidden("#card")
        assert phone.page.is_hidden("#right-panel")
        assert phone.complaints == []
