"""The page of sources in a real browser: a pending device is accepted, a source mended and its dead letter replayed, by
clicking."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from core.clock import rfc3339
from core.vocabulary import table
from tests.browser.desk import LONG_MS, PHONE, TOO_WIDE, Desk, path_of, window
from tests.support import PATIENCE_S, Mailbox, System, now, wait_for

CHINESE = re.compile(r"[\u4e00-\u9fff]")
READY = 'html[data-ready="1"]'
COUNT = "() => document.querySelector('[data-tab=letters] .tab-count').textContent"
MANY = "() => { for (const node of document.querySelectorAll('.tab-count')) node.textContent = '1204'; }"
# tabs whose words do not lie within them, or that do not lie within the window
CUT_LABELS = """() => [...document.querySelectorAll('[role=tab]')].filter(tab => {
  const box = tab.getBoundingClientRect(), words = document.createRange();
  words.selectNodeContents(tab);
  return box.width && [...words.getClientRects()].some(({ left, right, top, bottom }) => right > left
    && (left < box.left - 1 || right > box.right + 1 || top < box.top - 1 || bottom > box.bottom + 1
      || right > innerWidth));
}).map(tab => tab.innerText)"""
TOAST = "() => document.querySelector('#toasts').innerText"
FIELD_ERROR = ".mantine-InputWrapper-error"
LETTER = "[data-testid=letters-list] .ag-row [data-key^=letter-]"
GAS = table("sensor_kinds")["gas"]["en"]
pytestmark = pytest.mark.timeout(300)
Json = dict[str, Any]
PUMPS: Json = {
    "id": "pumps",
    "name_zh": "泵站",
    "name_en": "Pumps",
    "topic_filters": ["pumps/+"],
    "decoder": "senml",
    "enabled": True,
    "metrics": {"L": "water_level"},
    "owner": "水务局",
}


@pytest.fixture(scope="module")
def letter(admin: httpx.Client, processes: System, devices: Mailbox) -> Json:
    """A new source whose device names a unit that no water level has, and another device that can be read."""
    before = len(processes.subscriptions())
    assert admin.post("/api/sources", json=PUMPS).status_code == 201
    wait_for(lambda: processes.has_taken_up(before))
    devices.publish("pumps/p1", [{"bn": "p1/", "n": "L", "v": 120, "u": "kg"}])
    place = [{"n": "lon", "u": "lon", "v": 118.99}, {"n": "lat", "u": "lat", "v": 31.35}]
    devices.publish("pumps/g1", [{"bn": "g1/", "n": "gas", "v": 3, "u": "%LEL"}, *place])
    [found] = wait_for(lambda: admin.get("/api/dead-letters").json()["items"])
    wait_for(lambda: admin.get("/api/sensors?status=pending").json()["items"])
    return dict(found)


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System, letter: Json) -> Iterator[Desk]:
    """An administrator at the page, in English."""
    with window(browser, processes, "admin", (1440, 900), lang="en") as desk:
        yield open_page(desk, processes)


def open_page(desk: Desk, processes: System, place: str = "") -> Desk:
    desk.page.goto(f"{processes.http}/sources{place}")
    desk.page.wait_for_selector(READY, state="attached")
    return desk


def row_of(table: str, identity: str) -> str:
    return f"[data-testid={table}-list] .ag-row[row-id={identity}]"


def choose(desk: Desk, field: str, words: str) -> None:
    """An entry of a list, by what a person reads."""
    desk.page.click(f"[data-field='{field}']")
    desk.page.click(f"[role=option]:visible:has-text('{words}')")


def shown(desk: Desk) -> str:
    return "\n".join(words for _, words in desk.text())


def test_sources_are_listed_with_what_comes_through_them(desk: Desk) -> None:
    row = desk.page.locator(row_of("sources", "pumps"))
    assert "Pumps" in row.inner_text()
    assert "Rejected messages" in row.inner_text()
    assert "1 pending" in row.inner_text()
    desk.until(COUNT, lambda count: count == "1")
    assert "Off" in desk.page.locator(row_of("sources", "chirpstack")).inner_text()


def test_message_is_tried_with_settings_that_are_not_saved(desk: Desk, letter: Json, admin: httpx.Client) -> None:
    page = desk.page
    page.click("[data-tab=letters]")
    page.click(f"[data-key=letter-{letter['id']}]")
    page.wait_for_selector("[data-key=mend]")
    assert '"kg"' in page.inner_text("[data-testid=letter-payload]")
    page.click("[data-as=hex]")
    page.wait_for_selector("pre.hex")
    assert page.inner_text("[data-testid=letter-payload]").startswith("0000  5b 7b 22")
    page.click("[data-key=mend]")
    page.wait_for_selector("[data-testid=source-form]")
    page.click("[data-key=try]")
    page.wait_for_selector("[data-testid=try-result] .error")
    assert "Unit does not fit" in page.inner_text("[data-testid=try-result]")
    page.click("[data-key=add-units]")
    page.fill("[data-field=units] [data-column=metric]", "water_level")
    page.fill("[data-field=units] [data-column=unit]", "cm")
    page.click("[data-key=try]")
    page.wait_for_selector("[data-testid=try-result] table")
    assert "1.2 m" in page.inner_text("[data-testid=try-result]")
    assert admin.get("/api/sources/pumps").json()["units"] == {}


def test_field_at_fault_is_named_beside_it(desk: Desk) -> None:
    page = desk.page
    page.fill("[data-field=units] [data-column=unit]", "K")
    page.click("[data-key=save-source]")
    page.wait_for_selector("[data-testid=source-form] [data-field=units] .error")
    assert "water_level" in page.inner_text("[data-field=units] .error")
    page.fill("[data-field=units] [data-column=unit]", "cm")


def test_mended_source_is_saved_and_its_letter_replayed(desk: Desk, letter: Json, admin: httpx.Client) -> None:
    page = desk.page
    page.click("[data-key=save-source]")
    page.wait_for_selector(".toast.done")
    assert admin.get("/api/sources/pumps").json()["units"] == {"water_level": "cm"}
    page.click("[data-tab=letters]")
    page.click(f"[data-key=letter-{letter['id']}]")
    page.click("[data-key=replay]")
    desk.until(TOAST, lambda words: "1 processed again" in words)
    page.wait_for_selector("[data-testid=letters-list] .notice-empty")
    assert admin.get(f"/api/dead-letters/{letter['id']}").json()["state"] == "replayed"
    assert admin.get("/api/sensors/p1").json()["values"]["water_level"]["value"] == pytest.approx(1.2)
    desk.until(COUNT, lambda count: count == "")


def test_pending_device_is_accepted_where_it_says_it_is(desk: Desk, admin: httpx.Client) -> None:
    page = desk.page
    page.click("[data-tab=devices]")
    page.click("[data-key=device-g1]")
    page.wait_for_selector("[data-testid=device-form]")
    assert '"%LEL"' in page.inner_text("pre.payload")
    assert page.input_value("[data-field=kind]") == GAS
    page.click("[data-key=accept]")
    page.wait_for_selector(f"[data-testid=device-form] {FIELD_ERROR}")
    page.click("[data-key=copy-position]")
    page.fill("[data-testid=device-form] [data-field=name_zh]", "一号气站")
    desk.until("() => document.querySelector('[data-field=lon]').value", lambda lon: lon == "118.99")
    page.click("[data-key=accept]")
    page.wait_for_selector(row_of("devices", "g1"), state="detached")
    sensor = admin.get("/api/sensors/g1").json()
    assert (sensor["status"], sensor["kind"], sensor["lon"], sensor["lat"]) == ("active", "gas", 118.99, 31.35)


def test_unit_nobody_registered_is_seen_accepted_and_on_the_map(
    desk: Desk, admin: httpx.Client, processes: System, devices: Mailbox
) -> None:
    place = {"time": rfc3339(now()), "lon": 118.3, "lat": 33.95}
    devices.publish("onemap/position/van-9", place)
    event = {"id": "e1", "time": rfc3339(now()), "kind": "smoke"}
    devices.publish("onemap/video/gate-9/event", event)
    wait_for(lambda: len(admin.get("/api/pending?type=camera").json()["items"]) == 1)
    page = desk.page
    page.click("[data-tab=strangers]")
    desk.until("() => document.getElementById('count-strangers').textContent", lambda count: count == "2")
    page.click("[data-key='stranger-unit/van-9']")
    page.wait_for_selector("[data-testid=unit-form]")
    assert '"lon": 118.3' in page.inner_text("pre.payload")
    page.click("[data-key=accept]")
    page.wait_for_selector(f"[data-testid=unit-form] {FIELD_ERROR}")
    choose(desk, "kind", "Rescue")
    page.fill("[data-testid=unit-form] [data-field=name_zh]", "九号车")
    page.fill("[data-testid=unit-form] [data-field=name_en]", "Van 9")
    page.click("[data-key=accept]")
    page.wait_for_selector("[data-key='stranger-unit/van-9']", state="detached")
    [unit] = [one for one in admin.get("/api/units").json()["items"] if one["id"] == "van-9"]
    assert (unit["names"]["en"], unit["lon"], unit["lat"]) == ("Van 9", 118.3, 33.95)
    page.click("[data-key='stranger-camera/gate-9']")
    page.wait_for_selector("[data-testid=camera-form]")
    page.click("[data-key=retire]")
    page.wait_for_selector("[data-key='stranger-camera/gate-9']", state="detached")
    assert [one["name"] for one in admin.get("/api/pending?status=retired&type=camera").json()["items"]] == ["gate-9"]
    page.click("[data-tab=sources]")


def test_source_is_switched_off_and_on_by_its_switch(desk: Desk, admin: httpx.Client, processes: System) -> None:
    page = desk.page

    def enabled() -> bool:
        return bool(admin.get("/api/sources/pumps").json()["enabled"])

    page.click("[data-tab=sources]")
    page.click("[data-key=switch-pumps]")
    wait_for(lambda: not enabled())
    desk.until(
        f"""() => document.querySelector('{row_of("sources", "pumps")}').innerText""", lambda words: "Off" in words
    )
    for _ in range(5):  # a list that is drawn anew between key down and key up loses the key
        page.press("[data-key=switch-pumps]", "Space")
        with suppress(AssertionError):
            wait_for(enabled, 10)
            break
    assert enabled()
    wait_for(lambda: processes.has_taken_up(0), what="what is sent from here on is read")


def test_new_source_is_made_by_the_form(desk: Desk, admin: httpx.Client) -> None:
    page = desk.page
    page.click("[data-key=add-source]")
    page.fill("[data-field=id]", "lora")
    page.fill("[data-field=name_zh]", "路灯")
    page.fill("[data-field=name_en]", "Street lamps")
    choose(desk, "decoder", "The Things Stack")
    desk.until(
        "() => document.querySelector('[data-field=topic_filters]').value",
        lambda filters: filters == "v3/+/devices/+/up",
    )
    page.fill("[data-field=topic_filters]", "lamps/+/up")
    page.click("summary:has-text('Options')")
    choose(desk, "options.sensor", "dev_eui")
    page.click("[data-key=save-source]")
    page.wait_for_selector(row_of("sources", "lora"))
    made = admin.get("/api/sources/lora").json()
    assert (made["options"], made["enabled"], made["topic_filters"]) == ({"sensor": "dev_eui"}, False, ["lamps/+/up"])


def test_format_nobody_has_heard_of_takes_the_page(desk: Desk, admin: httpx.Client) -> None:
    """A message that came is the example, expressions say what it means, the rows are seen before it is saved."""
    page = desk.page
    page.click("[data-key=add-source]")
    page.fill("[data-field=id]", "odd")
    page.fill("[data-field=name_zh]", "自定义")
    page.fill("[data-field=name_en]", "Odd")
    choose(desk, "decoder", "Any JSON")
    desk.until("() => document.querySelector('[data-field=topic_filters]').value", lambda words: words == "devices/+")
    page.fill("[data-field=topic_filters]", "pumps/+")
    page.click("summary:has-text('Options')")
    page.fill("[data-field='options.records']", "@")
    page.fill("[data-field='options.device']", "bn")
    for name, metric, expression in (("values", "water_level", "v"), ("units", "water_level", "'cm'")):
        page.click(f"[data-key='add-options.{name}']")
        page.fill(f"[data-field='options.{name}'] [data-column=key]", metric)
        page.fill(f"[data-field='options.{name}'] [data-column=value]", expression)
    page.click("[data-key=example]")
    desk.until("() => document.querySelector('[data-field=payload]').value", lambda words: '"p1/"' in words)
    page.click("[data-key=try]")
    page.wait_for_selector("[data-testid=try-result] table")
    assert "1.2 m" in page.inner_text("[data-testid=try-result]")
    page.fill("[data-field='options.values'] [data-column=value]", "v[")
    page.click("[data-key=save-source]")
    page.wait_for_selector("[data-field='options.values'] .error:has-text('no JMESPath')")
    page.fill("[data-field='options.values'] [data-column=value]", "v")
    page.click("[data-key=save-source]")
    page.wait_for_selector(row_of("sources", "odd"))
    assert admin.get("/api/sources/odd").json()["options"] == {
        "records": "@", "device": "bn", "values": {"water_level": "v"}, "units": {"water_level": "'cm'"}
    }  # fmt: skip


def fill_in(page: Page, section: str, field: str, value: str) -> None:
    """Type into a field of a folded section so that it stays: on a slow machine the form may be drawn anew after the
    first press."""
    place = f"[data-field={field}]"

    def stays() -> bool:
        with suppress(PlaywrightTimeout):
            if not page.is_visible(place):
                page.click(f"summary:has-text('{section}')", timeout=2000)
            page.fill(place, value, timeout=2000)
            page.wait_for_timeout(500)
            return page.is_visible(place) and page.input_value(place, timeout=2000) == value
        return False

    wait_for(stays, what=f"{field} is filled in")


def test_list_keeps_itself_current_and_the_form_keeps_what_is_typed(
    desk: Desk, admin: httpx.Client, devices: Mailbox
) -> None:
    page = desk.page
    page.click("[data-key=source-pumps]")
    desk.until("() => document.querySelector('[data-field=name_en]')?.value", lambda name: name == "Pumps")
    fill_in(page, "ownership", "owner", "typed and not saved")
    sent = admin.get("/api/sources/pumps").json()["state"]["dead_letters"]["waiting"]
    devices.publish("pumps/p9", b"nonsense")
    page.wait_for_selector("[data-key=letters-pumps]", timeout=LONG_MS)
    assert sent == 0
    assert page.input_value("[data-field=owner]") == "typed and not saved"


def test_two_who_change_one_source_lose_nothing(desk: Desk, admin: httpx.Client) -> None:
    page = desk.page
    version = admin.get("/api/sources/pumps").json()["version"]
    theirs = {"version": version, "name_zh": "水泵", "interval_s": 60}
    assert admin.patch("/api/sources/pumps", json=theirs).status_code == 200
    page.fill("[data-field=name_en]", "Pumping stations")
    page.click("[data-key=save-source]")
    page.wait_for_selector("[data-testid=conflict]:has-text('60')")
    assert page.input_value("[data-field=owner]") == "typed and not saved"
    page.click("[data-key=keep-mine]")
    desk.until("() => document.querySelector('[data-field=name_zh]').value", lambda name: name == "水泵")
    assert page.input_value("[data-field=name_en]") == "Pumping stations"
    page.click("[data-key=save-source]")
    wait_for(lambda: admin.get("/api/sources/pumps").json()["owner"] == "typed and not saved", 10)
    saved = admin.get("/api/sources/pumps").json()
    assert (saved["name_zh"], saved["name_en"], saved["interval_s"]) == ("水泵", "Pumping stations", 60)
    now = {"version": saved["version"], "name_zh": "泵站", "name_en": "Pumps"}
    assert admin.patch("/api/sources/pumps", json=now).status_code == 200
    fill_in(page, "ownership", "owner", "given up")
    page.press("[data-field=owner]", "Enter")
    page.click("[data-key=take-newer]")
    desk.until("() => document.querySelector('[data-field=name_en]').value", lambda name: name == "Pumps")
    assert page.input_value("[data-field=owner]") == "typed and not saved"
    page.press("[data-field=name_en]", "Escape")
    page.wait_for_selector("[data-testid=source-form]", state="detached")


def test_letter_that_is_worth_nothing_is_replayed_in_vain_and_discarded(desk: Desk, admin: httpx.Client) -> None:
    page = desk.page
    page.click("[data-tab=letters]")
    page.click("[data-key=replay-not_json-pumps]")
    desk.until(
        TOAST,
        lambda words: "0 processed again, 1 still cannot be read" in words,
    )
    page.fill("[data-testid=letters-list] [data-field=q]", "nothing like it")
    page.wait_for_selector("[data-testid=letters-list] .notice-empty")
    page.fill("[data-testid=letters-list] [data-field=q]", "NONSENSE")
    page.click(LETTER)
    page.click("summary:has-text('Discard this message')")
    page.fill("[data-field=why]", "a test device")
    page.click("[data-key=discard]")
    page.wait_for_selector("[data-testid=letters-list] .notice-empty")
    page.click("[data-testid=letters-list] [data-filter=state] label:has-text('Discarded')")
    page.wait_for_selector(LETTER)
    [gone] = admin.get("/api/dead-letters?state=discarded").json()["items"]
    assert (gone["topic"], gone["handled_by"]) == ("pumps/p9", "admin")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("tab", ["sources", "devices", "strangers", "letters"])
def test_everybody_can_use_it(tab: str, theme: str, desk: Desk) -> None:
    if desk.ask("() => document.documentElement.dataset.theme") != theme:
        desk.page.click("#theme-switch")
    desk.page.click(f"[data-tab={tab}]")
    desk.page.wait_for_selector(f"[data-panel={tab}] .bar", state="attached")
    assert desk.serious_barriers() == []


def test_tabs_are_walked_with_the_arrow_keys(desk: Desk) -> None:
    desk.page.focus("[data-tab=letters]")
    desk.page.keyboard.press("ArrowRight")
    assert desk.ask("() => document.activeElement.dataset.tab") == "sources"
    assert desk.page.is_visible("[data-panel=sources]")
    desk.page.keyboard.press("ArrowLeft")
    assert desk.page.is_visible("[data-panel=letters]")


def test_nothing_was_complained_of(desk: Desk) -> None:
    refused = "Failed to load resource: the server responded with a status of 422"
    assert [c for c in desk.complaints if not c.startswith(refused)] == []


def test_english_page_speaks_no_chinese_and_the_chinese_one_does(
    browser: Browser, processes: System, letter: Json
) -> None:
    own = re.compile("泵站|路灯|水务局|中文|一号气站|中")
    with window(browser, processes, "admin", lang="en") as english:
        for tab in ("sources", "devices", "letters"):
            open_page(english, processes, f"#{tab}")
            english.page.wait_for_selector(f"[data-panel={tab}] :is(.ag-row, .notice-empty):visible")
            assert not CHINESE.search(own.sub("", shown(english))), shown(english)
    with window(browser, processes, "admin") as chinese:
        open_page(chinese, processes)
        assert "数据源" in shown(chinese)
        chinese.page.click("#language-switch")
        chinese.page.wait_for_selector('html[data-lang="en"][data-ready="1"]', state="attached")
        assert "Sources" in shown(chinese)


def test_dispatcher_reads_and_changes_nothing(browser: Browser, processes: System, letter: Json) -> None:
    with window(browser, processes, "dispatcher", lang="en") as visitor:
        open_page(visitor, processes)
        page = visitor.page
        assert page.locator("[data-key=add-source]").count() == 0
        assert page.is_disabled("[data-key=switch-pumps]")
        page.click("[data-key=source-pumps]")
        assert page.is_disabled("[data-field=owner]")
        assert page.locator("[data-key=save-source]").count() == 0
        page.click("[data-tab=letters]")
        page.wait_for_selector("[data-testid=letters-list]:visible")
        assert page.locator("[data-key^=replay-]").count() == 0
        assert visitor.complaints == []


def test_viewer_is_told_whose_page_it_is_and_led_to_it_by_nothing(browser: Browser, processes: System) -> None:
    with window(browser, processes, "viewer", lang="en") as visitor:
        page = visitor.page
        open_page(visitor, processes)
        assert "for dispatchers" in page.inner_text("main")
        assert page.locator("[role=tab]").count() == 0
        assert visitor.complaints == []
        visitor.open(f"{processes.http}/")
        assert page.is_visible("#box-health")
        assert page.get_attribute("#box-health", "href") is None
        page.click(".user-menu summary")
        assert page.is_visible(".user-menu [href='/me']")
        assert not page.is_visible(".user-menu [href='/sources']")
        assert visitor.serious_barriers() == []
        assert visitor.complaints == []


def test_it_fits_a_phone(
    browser: Browser, processes: System, letter: Json, admin: httpx.Client, devices: Mailbox
) -> None:
    devices.publish("pumps/a-long-name-of-a-topic-that-hardly-fits", b"no json in here" * 40)
    wait_for(lambda: admin.get("/api/dead-letters").json()["items"])
    tabs = {"sources": "[data-key=source-pumps]", "devices": "[data-key^=device-]", "letters": "[data-key^=letter-]"}
    with window(browser, processes, "admin", PHONE) as phone:
        for tab, opened in tabs.items():
            open_page(phone, processes, f"#{tab}")
            phone.page.wait_for_selector(f"[data-panel={tab}] {opened}")
            assert phone.ask(TOO_WIDE) == [], tab
            phone.page.locator(opened).first.click()
            phone.page.wait_for_selector("aside.detail:visible h2")
            assert phone.ask(TOO_WIDE) == [], tab


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_labels_of_the_tabs_are_whole_on_a_phone(browser: Browser, processes: System, letter: Json, lang: str) -> None:
    """With counts of four digits too."""
    with window(browser, processes, "admin", PHONE, lang=lang) as phone:
        open_page(phone, processes, "#letters")
        phone.page.locator(LETTER).first.wait_for()
        phone.ask(MANY)
        assert phone.ask(CUT_LABELS) == []
        assert phone.ask(TOO_WIDE) == []
        phone.page.locator(LETTER).first.click()
        phone.page.wait_for_selector("aside.detail:visible h2")
        assert phone.ask(CUT_LABELS) == []


def test_map_leads_to_the_sources_and_back(browser: Browser, processes: System) -> None:
    with window(browser, processes, "dispatcher") as desk:
        desk.open(f"{processes.http}/")
        desk.page.click("#box-health")
        desk.page.wait_for_selector(READY, state="attached")
        assert path_of(desk.page) == "/sources"
        desk.page.click("header a[href='/']")
        desk.page.wait_for_url(f"{processes.http}/")


def test_server_that_is_away_is_said_and_the_list_stays(browser: Browser, processes: System, letter: Json) -> None:
    with window(browser, processes, "admin", lang="en") as desk:
        open_page(desk, processes).page.wait_for_selector(row_of("sources", "pumps"))
        desk.page.route("**/{api,pages}/**", lambda route: route.abort())
        desk.page.wait_for_selector("html[data-away]", state="attached", timeout=LONG_MS)
        assert "Pumps" in shown(desk)
        desk.page.unroute("**/{api,pages}/**")
        desk.page.wait_for_selector("html:not([data-away])", state="attached", timeout=LONG_MS)


def test_rows_whose_answer_was_lost_are_asked_for_again(browser: Browser, processes: System, letter: Json) -> None:
    """A grid asks for one block at a time: an answer that is lost with its connection held it up for ever."""
    lost: list[str] = []

    def lose(route: Route) -> None:
        if "grid-sources.getRowsResponse" in (route.request.post_data or "") and not lost:
            lost.append(route.request.url)
            route.abort()
        else:
            route.fallback()

    with window(browser, processes, "admin", lang="en") as desk:
        desk.page.route("**/_dash-update-component**", lose)
        open_page(desk, processes).page.wait_for_selector(row_of("sources", "pumps"), timeout=LONG_MS)
        assert lost, "nothing was lost: the test would say nothing"


def test_page_needs_a_session(processes: System) -> None:
    with httpx.Client(base_url=processes.http, trust_env=False, timeout=PATIENCE_S) as stranger:
        answer = stranger.get("/sources", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fsources")
    assert (
        json.loads(httpx.get(f"{processes.http}/api/sources", trust_env=False, timeout=PATIENCE_S).text)["status"]
        == 401
    )
