"""The page of rules in a real browser: a rule is made, tried, armed, changed, and taken back to what it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.browser.detectors import LEVEL_II, Detectors
from tests.support import System, now, wait_for

READY = 'html[data-ready="1"]'
PANE = "#rule-pane"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "admin", (1280, 800), lang="en") as desk:
        desk.page.goto(f"{processes.http}/rules")
        desk.page.wait_for_selector(READY, state="attached")
        yield desk


def choose(page: Page, field: str, words: str, where: str = PANE) -> None:
    page.click(f"{where} [data-field='{field}']:visible")
    page.click(f"[role=option]:visible:has-text('{words}')")


def choose_cell(page: Page, column: str, words: str) -> None:
    page.click(f"{PANE} .lines [data-column={column}] >> nth=0")
    page.click(f"[role=option]:visible:has-text('{words}')")


def sure(page: Page, why: str) -> None:
    page.fill(".mantine-Modal-content [data-field=why]", why)
    page.click(".mantine-Modal-content [data-key=sure]")


def test_new_rule_is_made_with_what_is_wrong_said_at_its_field(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key=add-rule]")
    page.click(f"{PANE} [data-key=kind-threshold]")
    page.fill(f"{PANE} [data-field=id]", "soft-gas")
    choose(page, "alarm_kind", "Gas")
    page.fill(f"{PANE} [data-field=name_zh]", "试验燃气")
    page.fill(f"{PANE} [data-field=name_en]", "Gas on trial")
    choose(page, "params.metric", "Methane")
    page.click(f"{PANE} [data-key='add-params.steps']")
    page.wait_for_selector(f"{PANE} .lines [data-column=on]")
    choose_cell(page, "level", "Level III")
    page.fill(f"{PANE} .lines [data-column=on]", "much")
    page.click(f"{PANE} [data-key=save-rule]")
    page.wait_for_selector(f"{PANE} .error:has-text('Line 1')")
    page.fill(f"{PANE} .lines [data-column=on]", "4")
    choose(page, "watches.sensor_kinds", "Gas")
    page.keyboard.press("Escape")
    page.click(f"{PANE} [data-key=save-rule]")
    page.wait_for_selector(f"{PANE} h2:has-text('Gas on trial')")
    kept = processes.one("SELECT params FROM rule WHERE id = 'soft-gas'")
    assert kept == {"metric": "gas", "steps": [{"level": 3, "on": 4.0}]}
    assert processes.one("SELECT watches FROM rule WHERE id = 'soft-gas'") == {"sensor_kinds": ["gas"]}
    assert processes.one("SELECT enabled FROM rule WHERE id = 'soft-gas'") is False


def test_what_is_typed_is_tried_beside_what_is_kept_and_nothing_is_written(desk: Desk, processes: System) -> None:
    page = desk.page
    versions = processes.one("SELECT count(*) FROM rule_version")
    page.fill(f"{PANE} .lines [data-column=on]", "2")
    choose(page, "days", "Last day")
    page.click(f"{PANE} [data-key=try]")
    page.wait_for_selector(f"{PANE} [data-testid=tried]:has-text('As typed'):has-text('As saved')")
    page.wait_for_selector(f"{PANE} .in-time .js-plotly-plot")
    choose(page, "days", "From")
    page.fill(f"{PANE} [data-field=begin]", "yesterday")
    page.click(f"{PANE} [data-key=try]")
    page.wait_for_selector(f"{PANE} .try .mantine-InputWrapper-error")
    assert processes.one("SELECT count(*) FROM rule_version") == versions
    assert processes.one("SELECT count(*) FROM alarm WHERE rule_id = 'soft-gas'") == 0
    assert desk.serious_barriers() == []


def test_rule_is_armed_changed_and_taken_back_with_reasons(desk: Desk, processes: System) -> None:
    page = desk.page
    page.fill(f"{PANE} [data-field=why]", "quicker")
    page.click(f"{PANE} [data-key=save-rule]")
    page.wait_for_selector(f"{PANE} .versions:has-text('2')")
    page.click(f"{PANE} [data-key=switch-rule]")
    sure(page, "tried for a day")
    page.wait_for_selector(f"{PANE} [data-key=switch-rule]:has-text('Disarm')")
    assert processes.one("SELECT enabled FROM rule WHERE id = 'soft-gas'") is True
    # nobody disarms without a reason
    page.click(f"{PANE} [data-key=switch-rule]")
    page.click(".mantine-Modal-content [data-key=sure]")
    page.wait_for_selector(".toast.failed")
    assert processes.one("SELECT enabled FROM rule WHERE id = 'soft-gas'") is True
    sure(page, "too loud")
    wait_for(lambda: processes.one("SELECT enabled FROM rule WHERE id = 'soft-gas'") is False, what="disarmed")
    page.wait_for_selector(f"{PANE} [data-key=switch-rule]:has-text('Arm')")
    page.click(f"{PANE} .versions summary")
    page.click(f"{PANE} [data-key=take-back-1]")
    sure(page, "the first was right")
    wait_for(lambda: processes.one("SELECT version FROM rule WHERE id = 'soft-gas'") == 5, what="taken back")
    kept = processes.one("SELECT params FROM rule WHERE id = 'soft-gas'")
    assert kept["steps"] == [{"level": 3, "on": 4.0}]
    told = processes.one("SELECT array_agg(why ORDER BY version) FROM rule_version WHERE rule_id = 'soft-gas'")
    assert told == [None, "quicker", "tried for a day", "too loud", "the first was right"]
    page.wait_for_selector("#dialog-rule-take-back-title", state="hidden")
    assert desk.serious_barriers() == []


def test_what_another_changed_meanwhile_is_said_and_ones_own_entries_stay(desk: Desk, processes: System) -> None:
    page = desk.page
    page.wait_for_selector(f"{PANE} .versions:has-text('5')")
    with processes.api("admin") as other:
        seen = other.get("/api/rules/soft-gas").json()
        other.patch("/api/rules/soft-gas", json={"version": seen["version"], "name_en": "Gas of another"})
    page.fill(f"{PANE} .lines [data-column=on]", "6")
    page.click(f"{PANE} [data-key=save-rule]")
    page.wait_for_selector(f"{PANE} [data-testid=conflict]:has-text('Gas of another')")
    page.click(f"{PANE} [data-key=keep-mine]")
    page.wait_for_selector(f"{PANE} h2:has-text('Gas of another')")
    page.click(f"{PANE} [data-key=save-rule]")
    saved = "SELECT params->'steps'->0->>'on' FROM rule WHERE id = 'soft-gas'"
    wait_for(lambda: float(processes.one(saved)) == 6, what="saved")
    assert processes.one("SELECT name_en FROM rule WHERE id = 'soft-gas'") == "Gas of another"
    assert desk.complaints == []


def test_switch_in_the_table_asks_first(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click(f"{PANE} header button")
    page.click("[data-key=arm-soft-gas]")
    page.wait_for_selector(".mantine-Modal-content:has-text('judges at once')")
    page.click(".mantine-Modal-content button:has-text('Cancel')")
    page.wait_for_selector(".mantine-Modal-content", state="detached")
    assert processes.one("SELECT enabled FROM rule WHERE id = 'soft-gas'") is False
    page.click("[data-key=arm-soft-gas]")
    sure(page, "")
    wait_for(lambda: processes.one("SELECT enabled FROM rule WHERE id = 'soft-gas'") is True, what="armed")


def test_trial_is_on_a_map_and_a_point_leads_to_its_thing(desk: Desk, processes: System, detectors: Detectors) -> None:
    alarms = [detectors.make(f"tried-{n}", LEVEL_II, 0.004 * (n + 1)) for n in range(2)]
    page = desk.page
    page.click("[data-key=rule-gas]")
    page.wait_for_selector(f"{PANE} h2:has-text('Gas concentration')")
    # until after now: what a trial of the last day takes ends with the last whole minute
    zone = ZoneInfo(processes.one("SELECT timezone FROM city"))
    choose(page, "days", "From")
    for name, at in (("begin", now() - timedelta(hours=1)), ("until", now() + timedelta(minutes=2))):
        page.fill(f"{PANE} [data-field={name}]", f"{at.astimezone(zone):%Y-%m-%d %H:%M}")
    page.click(f"{PANE} [data-key=try]")
    points = page.locator(f"{PANE} [data-testid=tried-map] .scattergeo .point")
    points.first.wait_for()
    placed = {one["thing"]["id"] for one in alarms}
    # what other tests have raised may stand there too
    assert points.count() >= len(placed)
    points.first.scroll_into_view_if_needed()
    told = points.first.bounding_box()
    assert told is not None
    with page.expect_popup() as opened:
        page.mouse.click(told["x"] + told["width"] / 2, told["y"] + told["height"] / 2)
    thing = opened.value
    thing.wait_for_url("**/?*open=sensor/*")
    led_to = unquote(thing.url).split("open=sensor/")[1].split("&")[0]
    names = processes.one("SELECT name_en FROM sensor WHERE id = %s", led_to)
    thing.wait_for_selector(f"#card #card-title:has-text('{names}')")
    thing.close()
    assert desk.complaints == []


CORNERS = ((0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7))
CROSSED = ((0.3, 0.3), (0.7, 0.7), (0.7, 0.3), (0.3, 0.7))


def draw(page: Page, corners: tuple[tuple[float, float], ...]) -> None:
    """Press these places of the map, in parts of its width and height, and Enter."""
    frame = f"{PANE} .fence-map"
    page.wait_for_selector(f"{frame}[data-drawn]")
    page.locator(frame).scroll_into_view_if_needed()
    box = page.locator(frame).bounding_box()
    assert box is not None
    for x, y in corners:
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.keyboard.press("Enter")


def test_area_of_a_fence_is_drawn_by_hand_and_one_that_crosses_itself_is_refused(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key=add-rule]")
    page.click(f"{PANE} [data-key=kind-geofence]")
    page.fill(f"{PANE} [data-field=id]", "by-hand")
    choose(page, "alarm_kind", "Geofence")
    page.fill(f"{PANE} [data-field=name_zh]", "手绘围栏")
    page.fill(f"{PANE} [data-field=name_en]", "Fence by hand")
    page.click(f"{PANE} [data-key=draw-area]")
    draw(page, CROSSED)
    field = f"{PANE} [data-field='params.polygon']"
    wait_for(lambda: page.input_value(field) == "Drawn by hand (4 corners)", what="chosen")
    page.click(f"{PANE} [data-key=save-rule]")
    page.wait_for_selector(f"{PANE} .form :text('The lines of the area cross')")
    assert processes.one("SELECT count(*) FROM rule WHERE id = 'by-hand'") == 0
    draw(page, CORNERS)
    page.click(f"{PANE} [data-key=save-rule]")
    page.wait_for_selector(f"{PANE} h2:has-text('Fence by hand')")
    kept = processes.one("SELECT params->'polygon' FROM rule WHERE id = 'by-hand'")
    [ring] = kept["coordinates"]
    (west, north), (east, _), (_, south), *_ = ring[:4]
    assert (kept["type"], len(ring), ring[0]) == ("Polygon", 5, ring[4])
    assert west < east
    assert south < north
    assert page.input_value(field) == "The area that it has (4 corners)"
    assert desk.serious_barriers() == []
    assert desk.complaints == []


def test_viewer_reads_rules_on_a_phone_and_changes_none(browser: Browser, processes: System) -> None:
    with window(browser, processes, "viewer", PHONE, lang="zh") as desk:
        page = desk.page
        page.goto(f"{processes.http}/rules")
        page.wait_for_selector(READY, state="attached")
        page.wait_for_selector("[data-key=arm-gas]:disabled")
        assert page.query_selector("[data-key=add-rule]") is None
        page.click("[data-key=rule-rain]")
        page.wait_for_selector(f"{PANE} h2:has-text('雨量')")
        assert page.query_selector(f"{PANE} [data-submit]") is None
        assert page.is_disabled(f"{PANE} [data-field=name_zh]")
        assert desk.ask(TOO_WIDE) == []
        assert desk.serious_barriers() == []
        assert desk.complaints == []
