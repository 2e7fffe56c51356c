"""What breaks pages like ours: more updates than the map can draw, bursts, tabs in the background, a map that loses its
picture, old pictures that look live, viewers in another zone, holes in a series, hands that have only a keyboard, walls
over night. (A plume is drawn nowhere yet.)"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, CDPSession, Page, Route

from core.clock import rfc3339
from tests.browser.desk import DRAWN, DRAWN_AT, LONG_MS, MAP, MAP_COLOURS, Desk, Line, window
from tests.browser.detectors import LEVEL_II, Detectors
from tests.support import Mailbox, System, now, wait_for

Json = dict[str, Any]
Opened = Callable[..., AbstractContextManager[tuple[Desk, Line]]]
DESKTOP = (1440, 900)
GAUGE = "wl-spare"  # no simulated device feeds it
CARDS = re.compile("/_dash-update-component")
ON_SOURCE = f"async name => (await {MAP}.getSource(name).getData()).features.map(one => one.properties.id)"


@pytest.fixture(scope="module")
def opened(browser: Browser, processes: System) -> Opened:
    """`with opened(role) as (desk, line)`: a window whose channel a test can speak on."""

    @contextmanager
    def open_window(role: str = "dispatcher", script: str = "", **choices: str) -> Iterator[tuple[Desk, Line]]:
        with window(browser, processes, role, DESKTOP, **choices) as desk:
            if script:
                desk.page.add_init_script(script)
            line = Line(desk.page)
            yield desk.open(f"{processes.http}/?test=1"), line

    return open_window


@pytest.fixture(scope="module")
def unit(api: httpx.Client) -> Json:
    return dict(api.get("/api/units").json()["items"][0])


def copies(api: httpx.Client, noun: str, number: int, beside: tuple[float, float]) -> list[Json]:
    """As many things as the API's first of them, each with an id and a place of its own."""
    first = api.get(f"/api/{noun}").json()["items"][0]
    lon, lat = beside
    return [
        {**first, "id": f"storm-{n}", "lon": lon + 0.0004 * (n % 40 - 20), "lat": lat + 0.0004 * (n // 40 - 12)}
        for n in range(number)
    ]


# --- more updates than the map can draw -------------------------------------------------------------------------------

# Every update of a source takes its time, as on a machine that is slow: what is under way and what waits is counted.
SLOW_SOURCES = f"""async names => {{
  const map = {MAP}, none = {{ underWay: 0, most: 0, sent: 0, waiting: 0 }};
  const told = Object.fromEntries(names.map(name => [name, {{ ...none }}]));
  const actors = new Set(await Promise.all(names.map(name => map.getSource(name).actorPromise)));
  for (const actor of actors) {{
    const send = actor.sendAsync.bind(actor);
    actor.sendAsync = async (message, ...more) => {{
      const asked = message.data ?? {{}};
      const one = 'dataDiff' in asked || 'data' in asked ? told[asked.source] : null;
      if (!one) return send(message, ...more);
      one.sent += 1;
      one.underWay += 1;
      one.most = Math.max(one.most, one.underWay);
      await new Promise(done => setTimeout(done, 1500));
      try {{ return await send(message, ...more); }} finally {{ one.underWay -= 1; }}
    }};
  }}
  const sizeOf = part => part?.size ?? part?.length ?? 0;
  setInterval(() => {{
    for (const name of names) {{
      const waiting = map.getSource(name)._workerUpdates._waiting.reduce((sum, {{ diff, data }}) =>
        sum + sizeOf(diff?.add) + sizeOf(diff?.update) + sizeOf(diff?.remove) + sizeOf(data?.features), 0);
      told[name].waiting = Math.max(told[name].waiting, waiting);
    }}
  }}, 50);
  document.told = told;
}}"""
GROWTH = 1.2


def heap_of(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"])


def test_heap_is_flat_where_updates_outrun_the_map(opened: Opened, api: httpx.Client, detectors: Detectors) -> None:
    """100 ms between two rounds of 1,200 things: some ten thousand updates a second as far as the machine can."""
    units, sensors = copies(api, "units", 200, detectors.where), copies(api, "sensors", 1000, detectors.where)
    with opened("viewer") as (desk, line):
        desk.ask(SLOW_SOURCES, ["units", "sensors"])
        session = desk.page.context.new_cdp_session(desk.page)
        session.send("HeapProfiler.enable")
        step = count()

        def storm(rounds: int) -> None:
            for _ in range(rounds):
                shift = 1e-5 * (next(step) % 50)
                line.say("unit", [{**one, "lon": one["lon"] + shift} for one in units])
                line.say("sensor", [{**one, "lon": one["lon"] + shift} for one in sensors])
                desk.page.wait_for_timeout(100)

        storm(20)
        before = heap_of(session)
        storm(80)
        after = heap_of(session)
        told = desk.ask("() => document.told")
        for name, ids in (("units", units), ("sensors", sensors)):
            assert told[name]["sent"] > 0, told
            assert told[name]["most"] == 1, "one update is under way, and no second"
            # an id waits as one that is added and as one that moves, however often it was heard
            held = len(desk.ask(ON_SOURCE, name))
            assert 0 < told[name]["waiting"] <= 2 * max(held, len(ids)), told
        assert after < GROWTH * before, f"{before / 1e6:.1f} MB, then {after / 1e6:.1f} MB"
        # the last place is the one that is drawn
        last = sensors[0]["lon"] + 1e-5 * ((next(step) - 1) % 50)
        place = f"""async id => (await {MAP}.getSource('sensors').getData()).features
          .find(one => one.properties.id === id)?.geometry.coordinates[0]"""
        desk.until(place, lambda lon: lon == pytest.approx(last, abs=1e-7), sensors[0]["id"], "the last is drawn")


def test_burst_that_names_one_thing_again_and_again_loses_none(
    opened: Opened, api: httpx.Client, detectors: Detectors
) -> None:
    burst = copies(api, "sensors", 1000, detectors.where)
    with opened("viewer") as (desk, line):
        before = set(desk.until(ON_SOURCE, value="sensors", what="the sensors of the city"))
        desk.ask(f"async at => {MAP}.jumpTo({{ center: at, zoom: 13 }})", list(detectors.where))
        again = [{**burst[0], "lon": burst[0]["lon"] + 1e-6 * n} for n in range(200)]
        line.say("sensor", burst[:500] + again + burst[500:] + again)
        wanted = before | {one["id"] for one in burst}
        desk.until(ON_SOURCE, lambda ids: len(ids) == len(wanted) and set(ids) == wanted, "sensors", "all, each once")
        drawn = f"""async () => [...new Set({MAP}.queryRenderedFeatures({{ layers: ['sensor-dot', 'sensor-mark'] }})
          .map(one => one.properties.id).filter(id => id.startsWith('storm-')))].length"""
        desk.until(drawn, lambda number: number == len(burst), what="all of the burst are drawn")
        counted = "() => document.querySelector('[data-count-of=sensors]')?.textContent"
        desk.until(counted, lambda text: text == f"{len(wanted):,}", what="the list of layers counts them")
        assert desk.complaints == []


# --- a tab that nobody looks at ---------------------------------------------------------------------------------------

# the clock by which a card is read anew stands still: on a slow machine its turn could come meanwhile
AWAY = """
  const every = window.setInterval;
  window.setInterval = (act, ms, ...rest) => every(ms >= 10_000 ? () => {} : act, ms, ...rest);
  document.away = false;
  Object.defineProperty(Document.prototype, 'hidden', { get() { return this.away; } });
  Object.defineProperty(Document.prototype, 'visibilityState', { get() { return this.away ? 'hidden' : 'visible'; } });
"""
MAIN = "document.querySelector('script[src$=\"/main.mjs\"]').src"
LEAVE = "away => { document.away = away; document.dispatchEvent(new Event('visibilitychange')); }"


def cards_asked(page: Page) -> list[str]:
    """Requests of cards from now on."""
    asked: list[str] = []

    def note(request: Any) -> None:
        if "_dash-update-component" in request.url and "card-main" in (request.post_data or ""):
            asked.append(request.url)

    page.on("request", note)
    return asked


def test_after_a_long_time_in_the_background_there_is_one_refresh_and_no_backlog(opened: Opened, unit: Json) -> None:
    row = f"#grid-units [data-unit-id='{unit['id']}']"
    with opened(script=AWAY) as (desk, line):
        page = desk.page
        desk.tab("units")
        desk.select("unit", unit["id"])
        page.wait_for_selector(row)
        drawn = page.evaluate("s => document.querySelector(s).dataset.state", row)
        desk.ask(LEAVE, True)
        asked = cards_asked(page)
        for n in range(40):
            line.say("unit", [{**unit, "status": ("en_route", "on_scene")[n % 2], "version": 100 + n}])
            page.wait_for_timeout(100)
        # a slow browser may still be at the first of them
        heard = f"async id => (await (await import({MAIN})).page).live.unit.get(id)?.version"
        desk.until(heard, lambda version: version == 139, unit["id"], "all was heard before anybody looks again")
        page.wait_for_timeout(1600)  # longer than a card rests between two requests
        assert asked == [], "nobody looks: nothing is asked for"
        assert page.evaluate("s => document.querySelector(s).dataset.state", row) == drawn
        desk.ask(LEAVE, False)
        page.wait_for_selector(f"{row}[data-state=on_scene]")
        page.wait_for_timeout(3500)
        assert len(asked) == 1, "one refresh on return"
        icon = f"""async id => (await {MAP}.getSource('units').getData()).features
          .find(one => one.properties.id === id)?.properties.icon"""
        assert desk.until(icon, lambda name: name.endswith("-on_scene"), unit["id"], "the map shows the last")
        assert desk.complaints == []


def test_frozen_tab_is_right_again_when_it_thaws(opened: Opened, admin: httpx.Client, detectors: Detectors) -> None:
    with opened("viewer") as (desk, _):
        page = desk.page
        desk.tab("incidents")
        session = page.context.new_cdp_session(page)
        session.send("Page.setWebLifecycleState", {"state": "frozen"})
        lon, lat = detectors.where
        body = {"kind": "noise", "level": 4, "title": "冻结时来的", "lon": lon, "lat": lat}
        made = admin.post("/api/incidents", json=body).json()
        session.send("Page.setWebLifecycleState", {"state": "active"})
        page.wait_for_selector(f"#grid-incidents [data-incident-id='{made['id']}']")
        page.wait_for_selector("html[data-live=on]", state="attached", timeout=LONG_MS)
        assert page.is_hidden("#silence")
        assert desk.complaints == []


def test_answer_that_takes_longer_than_the_next_change_is_painted_and_the_last_wins(
    opened: Opened, admin: httpx.Client, detectors: Detectors
) -> None:
    lon, lat = detectors.where
    body = {"kind": "noise", "level": 4, "title": "慢", "lon": lon, "lat": lat}
    made = admin.post("/api/incidents", json=body).json()
    with opened("viewer") as (desk, _):
        page = desk.page
        desk.select("incident", made["id"])
        held: list[Route] = []
        holding = True

        def hold(route: Route) -> None:
            if holding and "card-main" in (route.request.post_data or ""):
                held.append(route)
            else:
                route.continue_()

        def change(level: int) -> None:
            version = admin.get(f"/api/incidents/{made['id']}").json()["version"]
            changed = admin.post(f"/api/incidents/{made['id']}/level", json={"level": level, "version": version})
            assert changed.status_code == 200, changed.text

        page.route(CARDS, hold)
        change(3)
        desk.until("() => 1", lambda _: len(held) > 0, what="the card is asked for")
        change(2)
        change(1)
        page.wait_for_timeout(1600)  # longer than a card rests between two requests
        assert len(held) == 1, "one request is under way, however often the thing has changed"
        holding = False
        held[0].continue_()
        page.wait_for_selector("#card-head .level-1")
        assert desk.complaints == []


# --- a map that has lost its picture ----------------------------------------------------------------------------------

LOSE = f"""async () => {{
  const canvas = {MAP}.getCanvas();
  document.graphics = (canvas.getContext('webgl2') ?? canvas.getContext('webgl')).getExtension('WEBGL_lose_context');
  document.graphics.loseContext();
}}"""
RESTORE = "() => document.graphics.restoreContext()"


def test_layers_return_after_the_graphics_were_lost(opened: Opened, unit: Json, api: httpx.Client) -> None:
    with opened(lang="zh") as (desk, line):
        page = desk.page
        other = api.get("/api/units").json()["items"][1]
        layers = f"async () => {MAP}.getStyle().layers.map(one => one.id)"
        before = desk.ask(layers)
        desk.ask(f"async at => {MAP}.jumpTo({{ center: at, zoom: 15 }})", [unit["lon"], unit["lat"]])
        desk.until(DRAWN_AT, value=["unit-mark", unit["id"]], what="the unit is drawn")
        desk.ask(LOSE)
        page.wait_for_selector("#map-lost", state="visible")
        assert "地图画面中断" in page.inner_text("#map-lost")
        # all else goes on, and what happens meanwhile is on the map afterwards
        line.say("unit", [{**unit, "lon": unit["lon"] + 0.001}])
        page.locator("#layer-tree [data-layer=sensors] input[type=checkbox]").click(force=True)
        desk.select("unit", other["id"])
        page.click("#language-switch")
        page.click("#theme-switch")
        desk.ask(RESTORE)
        page.wait_for_selector("#map-lost", state="hidden")
        desk.ask(f"async at => {MAP}.jumpTo({{ center: at, zoom: 15 }})", [unit["lon"], unit["lat"]])
        moved = pytest.approx([unit["lon"] + 0.001, unit["lat"]], abs=2e-4)
        desk.until(DRAWN_AT, lambda at: at == moved, ["unit-mark", unit["id"]], "the unit is where it has gone")
        assert desk.ask(layers) == before
        assert desk.ask(f"async () => {MAP}.getLayoutProperty('sensor-mark', 'visibility')") == "none"
        assert desk.ask(f"async () => {MAP}.getGlobalState().lang") == "en"
        ringed = f"async () => (await {MAP}.getSource('select').getData()).features[0]?.geometry.coordinates"
        assert desk.until(ringed) == pytest.approx([other["lon"], other["lat"]], abs=1e-4)
        desk.until(MAP_COLOURS, lambda found: found["colours"] > 60, what="the map has colours")
        line.say("unit", [{**unit, "lon": unit["lon"] + 0.002}])
        moved = pytest.approx([unit["lon"] + 0.002, unit["lat"]], abs=2e-4)
        desk.until(DRAWN_AT, lambda at: at == moved, ["unit-mark", unit["id"]], "the map follows again")
        assert desk.complaints == []


def test_map_that_stays_lost_is_rebuilt_where_it_stood_and_then_left_to_a_person(opened: Opened, unit: Json) -> None:
    with opened("viewer") as (desk, _):
        page = desk.page
        desk.select("unit", unit["id"])
        desk.ask(f"async at => {MAP}.jumpTo({{ center: at, zoom: 15.5 }})", [unit["lon"], unit["lat"]])
        desk.ask(LOSE)
        page.wait_for_url(re.compile("open=unit"), timeout=LONG_MS)
        page.wait_for_selector(DRAWN, state="attached", timeout=LONG_MS)
        page.wait_for_selector("#card #card-title")
        assert desk.ask(f"async () => {MAP}.getZoom()") == pytest.approx(15.5, abs=0.01)
        # once; a page that opens itself anew for ever would be of no use
        desk.ask(LOSE)
        page.wait_for_selector("#map-lost button", timeout=LONG_MS)
        assert page.is_visible("#card-title")
        page.click("#map-lost button")
        page.wait_for_selector(DRAWN, state="attached", timeout=LONG_MS)
        assert page.is_hidden("#map-lost")


# --- the city's time --------------------------------------------------------------------------------------------------

CITY_ZONE = ZoneInfo("Asia/Shanghai")
LINES = "() => document.querySelectorAll('#chart .scatterlayer .trace:last-child .js-line').length"
LAST_X = "() => document.querySelector('#chart .js-plotly-plot').data.at(-1).x.at(-1)"


@pytest.fixture(scope="module")
def holed(devices: Mailbox, processes: System) -> None:
    """A gauge that was read every five minutes for four hours, but for two in the middle."""
    moment = now()
    minutes = [m for m in range(240, -1, -5) if not 60 < m < 180]
    for m in minutes:
        time = rfc3339(moment - timedelta(minutes=m))
        devices.publish(
            f"onemap/observation/{GAUGE}", {"time": time, "metric": "water_level", "unit": "m", "value": 5 + m / 1000}
        )
    wait_for(
        lambda: processes.one("SELECT count(*) FROM observation WHERE sensor_id = %s", GAUGE) >= len(minutes),
        what="the readings are stored",
    )


@pytest.mark.usefixtures("holed")
def test_times_are_the_citys_and_a_hole_in_a_series_stays_one(opened: Opened) -> None:
    with opened("viewer", zone="America/Los_Angeles", lang="en") as (desk, _):
        page = desk.page
        desk.select("sensor", GAUGE)
        page.wait_for_selector("#chart .js-line", state="attached")
        assert desk.until(LINES) == 2, "the line ends at the hole and begins again after it"
        in_city = now().astimezone(CITY_ZONE)
        assert desk.ask(LAST_X)[:13] in {f"{t:%Y-%m-%d %H}" for t in (in_city, in_city - timedelta(minutes=10))}
        assert "China Standard Time" in page.inner_text("#chart-slot h3")
        assert "China Standard Time" in page.inner_text("#clock-date")
        hour = page.inner_text("#clock")[:2]
        assert hour in {f"{t:%H}" for t in (in_city, now().astimezone(CITY_ZONE))}
        assert desk.complaints == []


@pytest.mark.usefixtures("holed")
def test_who_is_in_the_citys_zone_is_not_told_of_it(opened: Opened) -> None:
    with opened("viewer", zone="Asia/Shanghai", lang="en") as (desk, _):
        desk.select("sensor", GAUGE)
        desk.page.wait_for_selector("#chart .js-line", state="attached")
        assert "China Standard Time" not in desk.page.inner_text("body")


# --- hands that have only a keyboard ----------------------------------------------------------------------------------

NAMELESS = """() => [...document.querySelectorAll('button, a[href], input, [role=slider], [tabindex="0"], canvas')]
  .filter(node => node.checkVisibility({ visibilityProperty: true }) && !node.closest('.ag-root, [role=presentation]'))
  .filter(node => {
    const labels = [...(node.labels ?? [])].map(one => one.textContent).join('');
    const ids = (node.getAttribute('aria-labelledby') ?? '').split(' ');
    const by = ids.map(id => document.getElementById(id)?.textContent ?? '').join('');
    return !(node.getAttribute('aria-label') || by || labels || node.textContent || node.title || '').trim();
  }).map(node => node.outerHTML.slice(0, 160))"""


def by_search(desk: Desk, words: str) -> None:
    """Opens the first hit, by keys alone."""
    desk.page.keyboard.press("/")
    desk.page.keyboard.type(words)
    desk.page.wait_for_selector("#search-results [role=option]")
    desk.page.keyboard.press("Enter")


def by_list(desk: Desk, key: str, grid: str, attribute: str) -> str:
    """Opens the first row of a list, by keys alone; what was opened."""
    page = desk.page
    page.keyboard.press(key)
    page.wait_for_selector(f"#{grid} [{attribute}]")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(f"#{grid} .ag-cell-focus")
    page.keyboard.press("Enter")
    chosen = page.wait_for_selector(f"#{grid} .ag-row-selected [{attribute}]")
    assert chosen is not None
    return str(chosen.get_attribute(attribute))


def test_what_the_map_shows_is_reached_by_keys_alone(
    opened: Opened, processes: System, admin: httpx.Client, detectors: Detectors
) -> None:
    detectors.make("keys", LEVEL_II, 0.01)
    lon, lat = detectors.where
    admin.post("/api/incidents", json={"kind": "noise", "level": 4, "title": "键盘", "lon": lon, "lat": lat})
    with opened(lang="zh") as (desk, _):
        page = desk.page
        assert desk.ask(NAMELESS) == [], "every control has a name"
        for key, grid, attribute in (
            ("1", "grid-incidents", "data-incident-id"),
            ("2", "grid-alarms", "data-alarm-id"),
            ("3", "grid-units", "data-unit-id"),
        ):
            identity = by_list(desk, key, grid, attribute)
            page.wait_for_selector("#card #card-title")
            assert identity
            page.keyboard.press("Escape")
            page.wait_for_selector("body[data-card=closed]", state="attached")
        for table in ("sensor", "facility", "camera", "asset"):
            [thing] = processes.rows(f"SELECT id FROM {table} WHERE geom IS NOT NULL ORDER BY id LIMIT 1")
            by_search(desk, str(thing["id"]))
            page.wait_for_selector("#card #card-title")
            page.keyboard.press("Escape")
            page.wait_for_selector("body[data-card=closed]", state="attached")
        assert page.get_attribute("#map canvas", "aria-label") == "地图"
        # the map itself goes with the arrows
        page.focus("#map canvas")
        at = desk.ask(f"async () => {MAP}.getCenter().lng")
        page.keyboard.press("ArrowRight")
        desk.until(f"async () => {MAP}.getCenter().lng", lambda lng: lng > at, what="the map has moved")
        assert desk.complaints == []


# --- a wall over night ------------------------------------------------------------------------------------------------


def test_wall_recovers_from_a_restart_and_says_why_it_must_log_in(
    opened: Opened, processes: System, detectors: Detectors
) -> None:
    with opened("viewer") as (desk, _):
        page = desk.page
        page.evaluate("() => { document.first = true; }")
        desk.tab("alarms")
        processes.kill("serve")
        page.wait_for_selector("#silence", state="visible")
        assert any(c.isdigit() for c in page.inner_text("#silence")), "it says since when"
        processes.start("serve")
        page.wait_for_selector("html[data-live=on]", state="attached", timeout=LONG_MS)
        page.wait_for_selector("#silence", state="hidden")
        alarm = detectors.make("night", LEVEL_II, 0.02)
        page.wait_for_selector(f"#grid-alarms [data-alarm-id='{alarm['id']}']")
        assert page.evaluate("() => document.first"), "the same page, not one opened anew"
        # the session runs out while the server is away
        processes.kill("serve")
        page.wait_for_selector("#silence", state="visible")
        ended = "UPDATE session SET expires_at = now() - interval '1 second' WHERE kind = 'browser' RETURNING id"
        assert processes.rows(ended)
        processes.start("serve")
        page.wait_for_url("**/login?next=*", timeout=LONG_MS)
        assert "登录已结束" in page.inner_text("[role=alert]")
        assert page.input_value("[name=next]") == "/?test=1", "and then back to where it was"
