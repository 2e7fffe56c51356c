"""Subscriptions in a real browser: made and tried, what is wrong stands at its field, a card says who was told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.alerts.senders.receivers import Web, web
from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.browser.detectors import LEVEL_II, Detectors
from tests.support import System, wait_for

READY = 'html[data-ready="1"]'
PANE = "#subscription-pane"
CORNERS = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Web]:
    with web() as found:
        yield found


@pytest.fixture(scope="module")
def page_of(browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "admin", (1280, 800), lang="en") as desk:
        desk.page.goto(f"{processes.http}/subscriptions")
        desk.page.wait_for_selector(READY, state="attached")
        yield desk


def choose(page: Page, field: str, words: str) -> None:
    page.click(f"{PANE} [data-field='{field}']:visible")
    page.click(f"[role=option]:visible:has-text('{words}')")


def begin(page: Page, sender: str) -> None:
    page.click("[data-key=add-subscription]")
    page.click(f"{PANE} [data-key=sender-{sender}]")
    page.wait_for_selector(f"{PANE} [data-field=name_zh]")


def test_what_is_wrong_stands_at_its_field_and_what_is_right_is_kept(page_of: Desk, processes: System) -> None:
    page = page_of.page
    begin(page, "mail")
    page.fill(f"{PANE} [data-field=name_zh]", "值班邮箱")
    page.fill(f"{PANE} [data-field=name_en]", "Duty mail")
    page.fill(f"{PANE} [data-field=to]", "nobody")
    page.fill(f"{PANE} [data-field=quiet_begins]", "22:00")
    page.fill(f"{PANE} [data-field=quiet_ends]", "25:00")
    page.click(f"{PANE} [data-submit]:has-text('Save')")
    page.wait_for_selector(f"{PANE} :text('this must be a mail address')")
    page.fill(f"{PANE} [data-field=to]", "duty@example.org")
    page.click(f"{PANE} [data-submit]:has-text('Save')")
    page.wait_for_selector(f"{PANE} :text('this must be a time of day')")
    page.fill(f"{PANE} [data-field=quiet_ends]", "07:00")
    choose(page, "level", "Level II")
    page.click(f"{PANE} [data-key=try]")
    page.wait_for_selector(f"{PANE} [data-testid=try-result] :text('In the last 30 days')")
    page.click(f"{PANE} [data-submit]:has-text('Save')")
    page.wait_for_selector(f"{PANE} h2:has-text('Duty mail')")
    kept = processes.rows("SELECT owner, filter, options, quiet FROM subscription WHERE name_en = 'Duty mail'")
    assert kept == [
        {
            "owner": "admin",
            "filter": {"kinds": ["alarm"], "level": 2},
            "options": {"to": ["duty@example.org"]},
            "quiet": {"begins": "22:00", "ends": "07:00"},
        }
    ]
    assert page_of.serious_barriers() == []
    page.click(f"{PANE} [data-key=remove-subscription]")
    page.click("[data-key=sure]:visible")
    wait_for(lambda: processes.one("SELECT count(*) FROM subscription WHERE name_en = 'Duty mail'") == 0)
    assert page_of.complaints == []


def test_area_is_drawn_on_the_map(page_of: Desk, processes: System) -> None:
    page = page_of.page
    begin(page, "mail")
    page.fill(f"{PANE} [data-field=name_zh]", "片区")
    page.fill(f"{PANE} [data-field=name_en]", "One area")
    page.fill(f"{PANE} [data-field=to]", "area@example.org")
    page.click(f"{PANE} summary:has-text('Area')")
    page.click(f"{PANE} [data-key=draw-area]")
    frame = f"{PANE} .fence-map"
    page.wait_for_selector(f"{frame}[data-drawn]")
    page.locator(frame).scroll_into_view_if_needed()
    box = page.locator(frame).bounding_box()
    assert box is not None
    for x, y in CORNERS:
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.keyboard.press("Enter")
    wait_for(lambda: page.input_value(f"{PANE} [data-field=area]") == "Drawn by hand (4 corners)", what="chosen")
    page.click(f"{PANE} [data-submit]:has-text('Save')")
    page.wait_for_selector(f"{PANE} h2:has-text('One area')")
    kept = processes.one("SELECT filter->'area' FROM subscription WHERE name_en = 'One area'")
    assert kept["type"] == "Polygon"
    assert len(kept["coordinates"][0]) == 5
    # saved again as it stands it stays what it is
    page.click(f"{PANE} [data-submit]:has-text('Save')")
    wait_for(lambda: processes.one("SELECT version FROM subscription WHERE name_en = 'One area'") == 2)
    assert processes.one("SELECT filter->'area' FROM subscription WHERE name_en = 'One area'") == kept


def test_program_is_told_and_the_card_of_the_alarm_says_so(
    page_of: Desk, processes: System, detectors: Detectors, receiver: Web
) -> None:
    page = page_of.page
    begin(page, "webhook")
    page.fill(f"{PANE} [data-field=name_zh]", "平台")
    page.fill(f"{PANE} [data-field=name_en]", "Platform")
    page.fill(f"{PANE} [data-field=address]", f"{receiver.url}/hook")
    page.click(f"{PANE} [data-submit]:has-text('Save')")
    page.wait_for_selector(f"{PANE} code.once:has-text('whsec_')")
    page.click(f"{PANE} [data-key=test-subscription]")
    wait_for(lambda: bool(receiver.heard), what="the test message")
    alarm = detectors.make("told-of", LEVEL_II, 0.004)
    wait_for(lambda: any(alarm["id"].encode() in one.body for one in receiver.heard), what="the alarm")
    page.goto(f"{processes.http}/?open=alarm/{alarm['id']}")
    page.wait_for_selector("#card [data-testid=told] :text('Platform')")
    assert "Delivered" in page.inner_text("#card [data-testid=told]")
    page.goto(f"{processes.http}/subscriptions#deliveries")
    page.wait_for_selector("[data-panel=deliveries] :text('Platform')")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert page_of.ask(TOO_WIDE) == []
    assert page_of.complaints == []
