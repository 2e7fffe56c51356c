"""What the hand does at the desk: keys on what was chosen, taking back, silence that is said, what lies where,
sizes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.desk import DRAWN_AT, LONG_MS, MAP, Desk, sign_in, window
from tests.browser.detectors import LEVEL_I, LEVEL_II, WELL, Detectors
from tests.support import System, now, wait_for

Json = dict[str, Any]
DESKTOP = (1440, 900)


@pytest.fixture(scope="module")
def alarms(detectors: Detectors) -> dict[str, Json]:
    """Three alarms of level II, far from each other."""
    return {name: detectors.make(name, LEVEL_II, shift) for name, shift in (("ga", -0.03), ("gb", 0.0), ("gc", 0.03))}


def row(alarm: Json) -> str:
    return f'#grid-alarms [data-alarm-id="{alarm["id"]}"]'


def state(admin: httpx.Client, alarm: Json) -> str:
    return str(admin.get(f"/api/alarms/{alarm['id']}").json()["state"])


def focus_row(page: Page, alarm: Json) -> None:
    """The keyboard on a row, as arrows bring it there."""
    page.evaluate(
        """async id => {
          const api = await window.dash_ag_grid.getApiAsync('grid-alarms');
          const node = api.getRowNode(id);
          api.ensureIndexVisible(node.rowIndex);
          api.setFocusedCell(node.rowIndex, 'row');
        }""",
        alarm["id"],
    )


# --- the key acts on what was chosen ----------------------------------------------------------------------------------


def test_the_key_acts_on_the_row_it_was_put_on_wherever_that_has_gone(
    browser: Browser, processes: System, detectors: Detectors, admin: httpx.Client, alarms: dict[str, Json]
) -> None:
    chosen = alarms["gb"]
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        desk.tab("alarms")
        page.wait_for_selector(row(chosen))
        focus_row(page, chosen)
        # the hand rests until the list is free to move, then something graver comes above the row
        page.evaluate(
            """async () => {
              const real = performance.now.bind(performance);
              performance.now = () => real() + 120000;
            }"""
        )
        grave = detectors.make("gd", LEVEL_I, 0.05)
        page.wait_for_selector(row(grave))
        page.keyboard.press("a")
        wait_for(lambda: state(admin, chosen) == "acknowledged", what="the chosen one is acknowledged")
        for other in (grave, alarms["ga"], alarms["gc"]):
            assert state(admin, other) == "unacknowledged"
        assert desk.complaints == []


def test_after_a_key_the_next_that_waits_is_chosen_and_undo_takes_it_back(
    browser: Browser, processes: System, admin: httpx.Client, alarms: dict[str, Json]
) -> None:
    first = alarms["ga"]
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        desk.tab("alarms")
        page.click(row(first))
        page.wait_for_selector("#card #card-title")
        page.keyboard.press("a")
        undo = page.wait_for_selector("[data-testid=undo]")
        wait_for(lambda: state(admin, first) == "acknowledged", what="it is acknowledged")
        # the card has gone on to another that waits
        chosen = page.wait_for_selector("#grid-alarms .ag-row-selected [data-alarm-id]")
        assert chosen is not None
        assert chosen.get_attribute("data-alarm-id") != first["id"]
        assert undo is not None
        page.keyboard.press("u")
        wait_for(lambda: state(admin, first) == "unacknowledged", what="it is taken back")
        assert page.locator("[data-testid=undo]").count() == 0
        assert desk.complaints == []


def test_all_that_have_returned_are_acknowledged_by_one_press_and_taken_back_by_one(
    browser: Browser, processes: System, detectors: Detectors, admin: httpx.Client
) -> None:
    """Gas is back to normal once it has been below the limit for a moment."""
    over = [detectors.make(name, LEVEL_II, shift) for name, shift in (("gr", -0.02), ("gs", 0.02))]

    def returned() -> bool:
        for name in ("gr", "gs"):
            detectors.say(name, WELL)
        return all(state(admin, one) == "returned_unacknowledged" for one in over)

    wait_for(returned, what="both are back to normal")
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        desk.tab("alarms")
        page.click("#acknowledge-returned")
        wait_for(lambda: all(state(admin, one) == "normal" for one in over), what="one press acknowledges both")
        undo = page.wait_for_selector("[data-testid=undo]")
        assert undo is not None
        assert "已确认 2 条" in page.inner_text("#toasts")
        page.keyboard.press("u")
        wait_for(lambda: all(state(admin, one) == "returned_unacknowledged" for one in over), what="both wait again")
        for one in over:
            page.wait_for_selector(row(one))
        again = admin.post("/api/alarms/unacknowledge", json={"ids": [one["id"] for one in over]})
        assert again.json() == {"ids": []}, "they wait already"
        assert desk.complaints == []


def test_a_shelf_asks_why_has_a_list_and_a_way_back(
    browser: Browser, processes: System, admin: httpx.Client, alarms: dict[str, Json]
) -> None:
    alarm = alarms["gc"]
    with window(browser, processes, "commander", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        desk.tab("alarms")
        page.click(row(alarm))
        page.click("#card [data-act=shelve]")
        page.click("#ask [data-testid=ask-send]")
        assert page.is_visible("#ask"), "without a reason nothing is sent"
        page.fill("#ask textarea", "正在检修")
        page.click("#ask [data-testid=ask-send]")
        page.wait_for_selector("#ask", state="detached")
        page.wait_for_selector(row(alarm), state="detached")
        page.click("#switch-shelved")
        shelved = page.wait_for_selector(f'#grid-shelved [data-alarm-id="{alarm["id"]}"]')
        assert shelved is not None
        assert "正在检修" in shelved.inner_text()
        page.click(f'#grid-shelved [data-alarm-id="{alarm["id"]}"] [data-testid=unshelve]')
        wait_for(lambda: state(admin, alarm) == "unacknowledged", what="it is off the shelf")
        # what is often said is read in the language of the reader
        page.click("#switch-shelved")
        page.click(row(alarm))
        page.click("#card [data-act=shelve]")
        page.click("#ask [data-field=reason] .pick >> text=设备检修")
        page.click("#ask [data-testid=ask-send]")
        wait_for(lambda: state(admin, alarm) == "shelved", what="it is on the shelf")
        assert admin.get(f"/api/alarms/{alarm['id']}").json()["shelved_reason"] == "repair"
        page.click("#language-switch")
        page.click("#switch-shelved")
        shelved = page.wait_for_selector(f'#grid-shelved [data-alarm-id="{alarm["id"]}"]')
        assert shelved is not None
        assert "Under repair" in shelved.inner_text()
        desk.until("() => document.querySelector('#card .facts').innerText", lambda words: "Under repair" in words)
        page.click(f'#grid-shelved [data-alarm-id="{alarm["id"]}"] [data-testid=unshelve]')
        wait_for(lambda: state(admin, alarm) == "unacknowledged", what="it is off the shelf")
        assert desk.complaints == []


def test_a_new_incident_is_there_with_two_choices(browser: Browser, processes: System, admin: httpx.Client) -> None:
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        page.keyboard.press("n")
        page.select_option("#ask select", "fallen_tree")
        page.fill("#ask [data-field=address] textarea", "迎宾路口")
        page.click("#ask [data-testid=ask-send]")
        page.wait_for_selector("#ask .fault:not([hidden])")  # no door is called so
        desk.complaints.clear()  # of the console, about that refusal
        page.check("#ask [data-field=place] input[value=point]")
        page.click("#ask [data-testid=ask-send]")
        page.wait_for_selector("#card #card-title")
        assert "迎宾路口" in page.inner_text("#card-title")
        [made] = [i for i in admin.get("/api/incidents").json()["items"] if "迎宾路口" in i["title"]]
        assert (made["kind"], made["level"], made["channel"]) == ("fallen_tree", 4, "desk")
        page.click("#card [data-act=withdraw]")
        page.click("#ask .picks .pick >> nth=0")
        page.click("#ask [data-testid=ask-send]")
        wait_for(
            lambda: admin.get(f"/api/incidents/{made['id']}").json()["status"] == "cancelled", what="it is withdrawn"
        )
        assert desk.complaints == []


def test_an_address_places_a_new_incident_wherever_the_map_looks(
    browser: Browser, processes: System, admin: httpx.Client
) -> None:
    [door] = processes.rows("""
SELECT min(street_zh) || min(number) || '号' AS said, ST_X(min(geom::text)::geometry) AS lon,
  ST_Y(min(geom::text)::geometry) AS lat
FROM address GROUP BY street_zh, number HAVING count(*) = 1 ORDER BY 1 LIMIT 1
""")
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        page.keyboard.press("n")
        page.select_option("#ask select", "fallen_tree")
        page.fill("#ask [data-field=address] textarea", door["said"])
        page.click("#ask [data-testid=ask-send]")
        page.wait_for_selector("#card #card-title")
        [made] = [i for i in admin.get("/api/incidents").json()["items"] if door["said"] in i["title"]]
        assert (made["lon"], made["lat"]) == pytest.approx((door["lon"], door["lat"]), abs=1e-6)
        closing = {"status": "cancelled", "version": made["version"], "reason": "test"}
        assert admin.post(f"/api/incidents/{made['id']}/status", json=closing).status_code == 200
        assert desk.complaints == []


def test_who_may_not_act_is_shown_no_button_and_no_key_acts(
    browser: Browser, processes: System, admin: httpx.Client, alarms: dict[str, Json]
) -> None:
    alarm = alarms["ga"]
    with window(browser, processes, "viewer", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        desk.tab("alarms")
        page.click(row(alarm))
        page.wait_for_selector("#card #card-title")
        assert page.locator("#card [data-act], #card [data-url], #incident-new:visible").count() == 0
        for key in "and":
            page.keyboard.press(key)
        assert page.locator("#ask").count() == 0
        assert state(admin, alarm) == "unacknowledged"
        assert desk.complaints == []


# --- old never looks new ----------------------------------------------------------------------------------------------


def test_silence_is_said_within_seconds_and_everything_is_right_after_it(browser: Browser, processes: System) -> None:
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        sockets: list[Any] = []

        def carry(socket: Any) -> None:
            server = socket.connect_to_server()
            held = {"on": False}
            server.on_message(lambda message: None if held["on"] else socket.send(message))
            socket.on_message(server.send)
            sockets.append(held)

        desk.page.route_web_socket("**/push", carry)
        page = desk.open(f"{processes.http}/?test=1").page
        assert page.is_hidden("#silence")
        for held in sockets:
            held["on"] = True  # the line stands and says nothing
        page.wait_for_selector("html[data-live=off]", state="attached")
        page.wait_for_selector("#silence", state="visible")
        assert any(c.isdigit() for c in page.inner_text("#silence")), "since when"
        page.wait_for_selector("#box-health[data-state=dead]")
        filters = page.evaluate("() => getComputedStyle(document.querySelector('.list')).filter")
        assert filters != "none", "what is live is dimmed"
        # the page dials anew by itself: the next line speaks
        page.wait_for_selector("html[data-live=on]", state="attached", timeout=LONG_MS)
        page.wait_for_selector("#silence", state="hidden")


def test_a_layer_that_could_not_be_read_is_read_when_the_server_answers_again(
    browser: Browser, processes: System
) -> None:
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        desk.page.route("**/api/layers/facilities/features", lambda route: route.abort())
        page = desk.open(f"{processes.http}/?test=1").page
        page.wait_for_selector("[data-layer=facilities][data-failed]", state="attached")
        desk.page.unroute("**/api/layers/facilities/features")
        page.context.set_offline(True)
        page.wait_for_selector("html[data-live=off]", state="attached")
        page.context.set_offline(False)
        page.wait_for_selector("html[data-live=on]", state="attached", timeout=LONG_MS)
        page.wait_for_selector("[data-layer=facilities]:not([data-failed])", state="attached")
        page.evaluate(f"async () => {MAP}.jumpTo({{ zoom: 14 }})")
        desk.until(f"async () => {MAP}.querySourceFeatures('facilities').length", what="facilities are there")


def test_an_alarms_row_and_card_follow_the_reading_and_not_the_last_change(
    browser: Browser, processes: System, detectors: Detectors, alarms: dict[str, Json]
) -> None:
    alarm = alarms["ga"]
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        desk.tab("alarms")
        page.click(row(alarm))
        page.wait_for_selector("#card [data-judged]")
        detectors.say("ga", LEVEL_II + 7.5)
        desk.until(
            "s => document.querySelector(s)?.innerText ?? ''",
            lambda words: "37.5" in words,
            f"{row(alarm)} .reading",
            what="the row says the value of now",
        )
        desk.until(
            "s => document.querySelector(s)?.innerText ?? ''",
            lambda words: "37.5" in words,
            "#card [data-judged] b",
            what="the card too",
        )


# --- the worst is on top ----------------------------------------------------------------------------------------------


def test_what_stands_together_is_one_ring_with_the_worst_and_a_press_lists_it(
    browser: Browser, processes: System, detectors: Detectors, admin: httpx.Client
) -> None:
    grave = detectors.make("ge", LEVEL_I, 0.01)
    lon, lat = grave["lon"], grave["lat"]
    body = {"kind": "noise", "level": 4, "title": "同一处的小事", "lon": lon, "lat": lat}
    incident = admin.post("/api/incidents", json=body).json()
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        page.evaluate(f"async at => {MAP}.jumpTo({{ center: at, zoom: 17 }})", [lon, lat])
        rings = f"""async () => {MAP}.queryRenderedFeatures({{ layers: ['matter-mark'] }})
          .map(one => one.properties).filter(one => one.cluster).map(one => [one.point_count, one.level])"""
        desk.until(rings, lambda found: [2, 1] in found, what="both are one ring of the worst level")
        x, y = page.evaluate(f"async at => {{ const p = {MAP}.project(at); return [p.x, p.y]; }}", [lon, lat])
        page.mouse.click(x, y)
        page.wait_for_selector("#here")
        listed = page.locator("#here [data-here]").evaluate_all("rows => rows.map(row => row.dataset.here)")
        assert listed == [f"alarm/{grave['id']}", f"incident/{incident['id']}"], "the worst first"
        page.click(f"#here [data-here='incident/{incident['id']}']")
        page.wait_for_selector("#card #card-title")
        assert "同一处的小事" in page.inner_text("#card-title")
        # what a person has switched off is not in the ring either
        page.keyboard.press("Escape")
        page.locator("#layer-tree [data-layer=incidents] input[type=checkbox]").click(force=True)
        assert desk.until(DRAWN_AT, value=["matter-mark", grave["id"]], what="the alarm stands alone")
        assert desk.complaints == []


ASSETS_DRAWN = f"""async zoom => {{
  const map = {MAP};
  map.setZoom(zoom);
  await new Promise(done => map.once('idle', done));
  return map.queryRenderedFeatures({{ layers: ['asset-heap', 'asset-dot'].filter(id => map.getLayer(id)) }}).length;
}}"""


def test_assets_are_drawn_at_every_zoom(browser: Browser, processes: System) -> None:
    [place] = processes.rows("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, id FROM asset ORDER BY id LIMIT 1")
    with window(browser, processes, "dispatcher", DESKTOP, layers={"assets": {"visible": True}}) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        page.evaluate(f"async at => {MAP}.jumpTo({{ center: at }})", [float(place["lon"]), float(place["lat"])])
        for zoom in (10, 12, 13, 13.9, 14, 15, 16, 17, 18):
            assert desk.until(ASSETS_DRAWN, value=zoom, what=f"assets at zoom {zoom}") > 0
        desk.select("asset", str(place["id"]))
        facts = page.inner_text("#card .facts")
        assert "完好" in facts or "破损" in facts or "缺失" in facts
        assert "normal" not in facts
        # the whole city again, after any selection
        page.click("#map-home")
        desk.until(f"async () => {MAP}.getZoom()", lambda zoom: zoom < 13, what="the whole city is in sight")


# --- what one has chosen ----------------------------------------------------------------------------------------------

SEEN = """() => ({
  theme: document.documentElement.dataset.theme, lang: document.documentElement.dataset.lang,
  left: document.body.dataset.left,
  assets: document.querySelector('#layer-tree [data-layer=assets] input[type=checkbox]').checked,
  width: Math.round(document.getElementById('right-panel').getBoundingClientRect().width),
})"""


def test_what_is_chosen_goes_from_one_browser_to_the_next_and_to_nobody_else(
    browser: Browser, processes: System, admin: httpx.Client
) -> None:
    with window(browser, processes, "admin", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        before = desk.ask(SEEN)
        assert before["lang"] == "zh"
        page.click("#theme-switch")
        page.click("[data-testid=language-switch]")
        page.locator("#layer-tree [data-layer=assets] input[type=checkbox]").click(force=True)
        page.focus("#right-panel .edge")
        page.keyboard.press("ArrowLeft")
        page.click("#left-fold")
        chosen = desk.ask(SEEN)
        assert all(chosen[name] != before[name] for name in before)
        wait_for(lambda: admin.get("/api/me").json()["settings"].get("left"), what="the account has them")
        # somebody else at the same computer
        sign_in(page.context, processes.http, "viewer")
        assert desk.open(f"{processes.http}/?test=1").ask(SEEN) == before
        # and another computer
        with browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, locale="zh-CN") as context:
            sign_in(context, processes.http, "admin")
            other = Desk(context.new_page()).open(f"{processes.http}/?test=1")
            assert other.ask(SEEN) == chosen
            other.page.goto(f"{processes.http}/sources")
            other.page.wait_for_selector("html[data-ready='1'][data-lang=en][data-theme=light]", state="attached")
    with window(browser, processes, "admin"):
        pass  # the next test's administrator has chosen nothing


# --- sizes ------------------------------------------------------------------------------------------------------------

SIZES = [(1280, 800), (1366, 768), (1920, 1080), (3840, 1080), (390, 844)]
# boxes of what must not lie over each other, by name; what is not shown has none
BOXES = """() => {
  const parts = {
    brand: '.brand', figures: '.figures', session: '.session', banner: '#banner', card: '#card', lists: '#right-panel',
    exercise: '#exercise', layers: '#left-panel', clock: '.clock',
  };
  const found = {};
  for (const [name, selector] of Object.entries(parts)) {
    const node = document.querySelector(selector);
    if (!node?.checkVisibility({ visibilityProperty: true })) continue;
    const { left, right, top, bottom } = node.getBoundingClientRect();
    if (right > left && bottom > top) found[name] = [left, top, right, bottom];
  }
  return found;
}"""
APART = [
    ("brand", "figures"), ("figures", "session"), ("brand", "session"), ("banner", "card"), ("banner", "lists"),
    ("banner", "layers"), ("banner", "figures"), ("card", "lists"), ("card", "layers"), ("figures", "clock"),
    ("exercise", "figures"),
]  # fmt: skip
Box = list[float]


def overlap(one: Box, other: Box) -> bool:
    return min(one[2], other[2]) - max(one[0], other[0]) > 1 and min(one[3], other[3]) - max(one[1], other[1]) > 1


@pytest.mark.parametrize("size", SIZES, ids=[f"{w}x{h}" for w, h in SIZES])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_lies_over_anything_and_the_drill_is_said(
    browser: Browser, processes: System, detectors: Detectors, size: tuple[int, int], lang: str
) -> None:
    grave = detectors.alarm("ge") or detectors.make("ge", LEVEL_I, 0.01)
    with window(browser, processes, "commander", size, lang=lang) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        page.wait_for_selector("#banner", state="visible")
        for opened in (False, True):
            if opened:
                desk.select("alarm", grave["id"])
                page.wait_for_selector("#card-foot .next, #card-foot .rise", state="visible")
            boxes: dict[str, Box] = page.evaluate(BOXES)
            over = [pair for pair in APART if {*pair} <= boxes.keys() and overlap(boxes[pair[0]], boxes[pair[1]])]
            assert over == [], boxes
            assert "exercise" in boxes, "a drill is said at every size"
            left, top, right, bottom = boxes["exercise"]
            assert left >= 0
            assert top >= 0
            assert right <= size[0]
            assert bottom <= size[1]
        foot = page.locator("#card-foot").bounding_box()
        assert foot is not None
        assert foot["y"] + foot["height"] <= size[1] + 1, "what to do next is in sight"
        assert page.evaluate("() => document.scrollingElement.scrollWidth") == size[0]


def test_a_link_brings_thing_place_layers_and_language(
    browser: Browser, processes: System, alarms: dict[str, Json]
) -> None:
    alarm = alarms["ga"]
    link = f"/?test=1&open=alarm/{alarm['id']}&at={alarm['lon']},{alarm['lat']},15.5&layers=alarms,units&lang=en"
    with window(browser, processes, "viewer", DESKTOP) as desk:
        page = desk.open(f"{processes.http}{link}").page
        page.wait_for_selector("#card #card-title")
        assert desk.ask("() => document.documentElement.lang") == "en"
        lon, lat, zoom = desk.ask(f"async () => [...{MAP}.getCenter().toArray(), {MAP}.getZoom()]")
        assert (lon, lat, zoom) == pytest.approx((alarm["lon"], alarm["lat"], 15.5), abs=1e-3)
        assert desk.ask(f"async () => {MAP}.getLayoutProperty('sensor-mark', 'visibility')") == "none"
        assert desk.ask(f"async () => {MAP}.getLayoutProperty('unit-mark', 'visibility')") == "visible"
        assert desk.complaints == []


def test_a_first_visitor_is_shown_round_once_and_again_when_they_ask(browser: Browser, processes: System) -> None:
    with window(browser, processes, "viewer", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/").page
        page.wait_for_selector("#tour")
        steps = 1
        while page.locator("[data-testid=tour-skip]").count():
            page.click("[data-testid=tour-next]")
            steps += 1
        page.click("[data-testid=tour-next]")
        assert page.locator("#tour").count() == 0
        assert steps >= 4
        page.reload()
        page.wait_for_selector("html[data-ready='1']", state="attached")
        assert page.locator("#tour").count() == 0, "once is enough"
        page.keyboard.press("?")
        page.click("#tour-open")
        page.wait_for_selector("#tour")
        assert desk.serious_barriers() == []
        page.click("[data-testid=tour-skip]")
        assert page.locator("#tour").count() == 0
        assert desk.complaints == []


def test_times_are_never_blank(browser: Browser, processes: System, alarms: dict[str, Json]) -> None:
    blank = """() => [...document.querySelectorAll('time')].filter(node => node.checkVisibility()
      && (node.dataset.age || node.dataset.time) && !node.textContent.trim()).map(node => node.outerHTML)"""
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        desk.tab("alarms")
        desk.select("alarm", alarms["ga"]["id"])
        page.wait_for_selector("#card .facts time")
        until = now() + timedelta(seconds=3)
        worst = 0
        while now() < until:
            held = len(page.evaluate(blank))
            worst = max(worst, held)
            page.wait_for_timeout(100)
        assert len(page.evaluate(blank)) == 0
