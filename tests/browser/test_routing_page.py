"""The page of ways in a real browser: a route is made with what it changes shown first, turned off, taken back,
removed and put back; an inhibition is changed; a viewer changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.browser.detectors import LEVEL_II, Detectors
from tests.support import System, wait_for

READY = 'html[data-ready="1"]'
PANE = "#route-pane"
SAVE = f"{PANE} [data-key=save-route]"
VERSION = "SELECT version FROM route WHERE id = 'gas-way'"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def alarm(detectors: Detectors) -> dict[str, Any]:
    return detectors.make("way-0", LEVEL_II, 0.002)


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System, alarm: dict[str, Any]) -> Iterator[Desk]:
    with window(browser, processes, "admin", (1280, 800), lang="en") as desk:
        desk.page.goto(f"{processes.http}/routing#routes")
        desk.page.wait_for_selector(READY, state="attached")
        yield desk
    with processes.api("admin") as admin:
        admin.delete("/api/routes/gas-way")


def choose(page: Page, where: str, words: str) -> None:
    page.click(where, force=True)
    page.click(f"[role=option]:visible:has(span:text-is('{words}'))")


def sure(page: Page, why: str) -> None:
    page.fill(".mantine-Modal-content:visible [data-field=why]", why)
    page.click(".mantine-Modal-content:visible [data-key=sure]")


def test_route_says_what_it_would_change_before_it_is_made(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key=add-route]")
    page.fill(f"{PANE} [data-field=id]", "gas-way")
    page.fill(f"{PANE} [data-field=name_zh]", "燃气")
    page.fill(f"{PANE} [data-field=name_en]", "Gas way")
    # a line that says no value is named
    choose(page, f"{PANE} .lines [data-column=label]", "Thing")
    page.wait_for_selector(f"{PANE} .values input:not([disabled]):visible")
    page.click(SAVE)
    page.wait_for_selector(f"{PANE} .error:has-text('Line 1')")
    choose(page, f"{PANE} .lines [data-column=how]", "is like")
    page.wait_for_selector(f"{PANE} .values:has-text('Patterns')")
    page.fill(f"{PANE} .values input:visible", "way-*")
    page.keyboard.press("Enter")
    page.click(f"{PANE} summary:has-text('Groups')")
    page.fill(f"{PANE} [data-field=group_wait_s]", "45")
    page.click(SAVE)
    page.wait_for_selector(f"{PANE} [data-testid=effects]:has-text('up to 45 s later')")
    assert processes.one("SELECT count(*) FROM route WHERE id = 'gas-way'") == 0
    assert desk.serious_barriers() == []
    # what is typed in between is shown anew
    page.fill(f"{PANE} [data-field=group_wait_s]", "50")
    page.click(SAVE)
    page.wait_for_selector(f"{PANE} [data-testid=effects]:has-text('up to 50 s later')")
    page.click(SAVE)
    page.wait_for_selector(f"{PANE} [data-key=remove-route]")
    kept = processes.one("SELECT matchers FROM route WHERE id = 'gas-way'")
    assert kept == [{"label": "thing", "like": ["way-*"]}]
    assert processes.one("SELECT group_wait_s FROM route WHERE id = 'gas-way'") == 50


def test_what_another_changed_is_said_and_ones_own_entries_stay(desk: Desk, processes: System) -> None:
    page = desk.page
    with processes.api("admin") as other:
        body = {"version": processes.one(VERSION), "name_en": "Way of another"}
        assert other.patch("/api/routes/gas-way", json=body).status_code == 200
    page.fill(f"{PANE} [data-field=why]", "less wait")
    page.fill(f"{PANE} [data-field=group_wait_s]", "5")
    page.click(SAVE)
    page.wait_for_selector(f"{PANE} [data-testid=conflict]:has-text('Way of another')")
    page.click(f"{PANE} [data-key=keep-mine]")
    page.wait_for_selector(f"{PANE} h2:has-text('Way of another')")
    page.click(SAVE)
    page.wait_for_selector(f"{PANE} [data-testid=effects]")
    page.click(SAVE)
    wait_for(lambda: processes.one("SELECT group_wait_s FROM route WHERE id = 'gas-way'") == 5, what="saved")
    assert processes.one("SELECT name_en FROM route WHERE id = 'gas-way'") == "Way of another"
    assert processes.one("SELECT why FROM route_version WHERE route_id = 'gas-way' ORDER BY version DESC LIMIT 1") == (
        "less wait"
    )


def test_route_is_turned_off_taken_back_and_removed_with_reasons(desk: Desk, processes: System) -> None:
    page = desk.page
    page.wait_for_selector(f"{PANE} .versions")
    # the table has been drawn anew: what is pressed in a row that is just going is lost
    page.wait_for_selector(".ag-row:has([data-key=route-gas-way]):has-text('Way of another')")
    page.click("[data-key=route-gas-way]")
    page.wait_for_selector(".mantine-Modal-content [data-testid=effects]")
    page.click(".mantine-Modal-content:visible [data-key=sure]")  # nobody turns it off without a reason
    page.wait_for_selector(".toast.failed")
    assert processes.one("SELECT enabled FROM route WHERE id = 'gas-way'") is True
    sure(page, "a try")
    page.wait_for_selector(f"{PANE} [data-key=switch]:has-text('Turn on')")
    assert processes.one("SELECT enabled FROM route WHERE id = 'gas-way'") is False
    page.wait_for_selector(".mantine-Modal-content:visible", state="detached")
    page.click(f"{PANE} .versions summary")
    page.click(f"{PANE} [data-key=take-back-1]")
    page.wait_for_selector(".mantine-Modal-content:visible [data-testid=effects]:has-text('What would change')")
    sure(page, "the first was right")
    wait_for(lambda: processes.one("SELECT group_wait_s FROM route WHERE id = 'gas-way'") == 50, what="taken back")
    page.wait_for_selector(".mantine-Modal-content:visible", state="detached")
    page.wait_for_selector(f"{PANE} h2:has-text('Gas way')")
    assert desk.serious_barriers() == []
    page.click(f"{PANE} [data-key=remove-route]")
    page.wait_for_selector(".mantine-Modal-content:visible [data-testid=effects]:has-text('What would change')")
    sure(page, "done with")
    wait_for(lambda: processes.one("SELECT count(*) FROM route WHERE id = 'gas-way'") == 0, what="removed")
    page.wait_for_selector(f"{PANE} h2", state="detached")
    assert desk.complaints == []


def test_route_that_was_removed_is_put_back_with_what_that_changes(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key=removed-routes]")
    page.wait_for_selector(f"{PANE} li:has-text('Gas way'):has-text('Thing: like way-*'):has-text('done with')")
    assert desk.serious_barriers() == []
    page.click(f"{PANE} [data-key=put-back-gas-way]")
    page.wait_for_selector(".mantine-Modal-content:visible [data-testid=effects]:has-text('What would change')")
    sure(page, "needed after all")
    page.wait_for_selector(f"{PANE} [data-key=remove-route]")
    kept = processes.rows("SELECT group_wait_s, enabled, matchers FROM route WHERE id = 'gas-way'")
    # as it was when it was removed: turned off
    assert kept == [{"group_wait_s": 50, "enabled": False, "matchers": [{"label": "thing", "like": ["way-*"]}]}]
    page.wait_for_selector(".ag-row:has([data-key=route-gas-way])")
    assert desk.complaints == []


def test_root_is_changed_and_put_back(desk: Desk, processes: System) -> None:
    page = desk.page
    seen = processes.one("SELECT version FROM route WHERE id = 'root'")
    page.click("[data-key=open-root]")
    page.wait_for_selector(f"{PANE} h2:has-text('All alarms')")
    assert page.query_selector(f"{PANE} [data-key=remove-route]") is None
    page.click(f"{PANE} summary:has-text('Groups')")
    page.fill(f"{PANE} [data-field=repeat_interval_s]", "3600")
    page.click(SAVE)
    page.wait_for_selector(f"{PANE} [data-testid=effects]")
    page.click(SAVE)
    wait_for(lambda: processes.one("SELECT version FROM route WHERE id = 'root'") == seen + 1, what="saved")
    assert processes.one("SELECT repeat_interval_s FROM route WHERE id = 'root'") == 3600
    with processes.api("admin") as admin:
        body = {"version": seen + 1, "repeat_interval_s": 0}
        assert admin.patch("/api/routes/root", json=body).status_code == 200
    assert desk.complaints == []


def test_viewer_reads_on_a_phone_and_changes_nothing(browser: Browser, processes: System) -> None:
    with window(browser, processes, "viewer", PHONE, lang="zh") as desk:
        page = desk.page
        page.goto(f"{processes.http}/routing#inhibitions")
        page.wait_for_selector(READY, state="attached")
        page.wait_for_selector("[data-key=inhibition-rain-flow]:disabled")
        for name in ("add-inhibition", "add-route", "add-silence"):
            assert page.query_selector(f"[data-key={name}]") is None
        page.click("[data-key=open-rain-flow]")
        page.wait_for_selector("#inhibition-pane h2")
        assert page.query_selector("#inhibition-pane [data-submit]") is None
        assert page.query_selector("#inhibition-pane [data-key=switch]") is None
        assert page.is_disabled("#inhibition-pane [data-field=name_zh]")
        assert desk.ask(TOO_WIDE) == []
        assert desk.serious_barriers() == []
        assert desk.complaints == []
