"""Lines of the work list: several alarms under one, opened by hand and by key, none acknowledged unseen; and the pages
that say how alarms go and how they load."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser.desk import window
from tests.browser.detectors import LEVEL_I, LEVEL_II, Detectors
from tests.support import System, wait_for

Json = dict[str, Any]
DESKTOP = (1440, 900)
LINE = '#grid-alarms [data-line="gas:gas.{district}"]'


@pytest.fixture(scope="module")
def alarms(detectors: Detectors) -> list[Json]:
    """Three alarms of level II in one district, and one of level I."""
    found = [detectors.make(f"line-{n}", LEVEL_II, 0.001 * n) for n in range(3)]
    return [*found, detectors.make("line-i", LEVEL_I, 0.004)]


def state(admin: httpx.Client, alarm: Json) -> str:
    return str(admin.get(f"/api/alarms/{alarm['id']}").json()["state"])


def row(alarm: Json) -> str:
    return f'#grid-alarms [data-alarm-id="{alarm["id"]}"]'


def test_line_opens_by_hand_and_key_and_acknowledges_nothing_that_is_not_seen(
    browser: Browser, processes: System, admin: httpx.Client, alarms: list[Json]
) -> None:
    *lower, grave = alarms
    line = LINE.format(district=lower[0]["district"])
    with window(browser, processes, "dispatcher", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        page.click("[data-testid=tab-alarms]")
        closed = page.wait_for_selector(line)
        assert closed is not None
        assert closed.get_attribute("data-count") == "3"
        assert "3" in closed.inner_text()
        page.wait_for_selector(row(grave))  # level I stands for itself, above
        assert page.locator(row(lower[0])).count() == 0
        page.evaluate(
            """async id => {
              const api = await window.dash_ag_grid.getApiAsync('grid-alarms');
              api.setFocusedCell(api.getRowNode(id).rowIndex, 'row');
            }""",
            f"line:gas:gas.{lower[0]['district']}",
        )
        page.keyboard.press("a")
        page.wait_for_selector(row(lower[0]))
        assert {state(admin, one) for one in alarms} == {"unacknowledged"}, "the key has only opened it"
        page.keyboard.press("a")
        wait_for(lambda: [state(admin, one) for one in lower].count("acknowledged") == 1, what="the one it came to")
        button = f"{line} [data-testid=acknowledge-line]"

        def pressed() -> bool:
            """Pressed twice; a press while rows move, or of what has become another call, is none and asks anew."""
            # rows are drawn anew while scores move: the press goes to the button that stands there now
            page.evaluate("where => document.querySelector(where)?.click()", button)
            return {state(admin, one) for one in lower} == {"acknowledged"}

        wait_for(pressed, what="all that were shown")
        assert state(admin, grave) == "unacknowledged"
        page.wait_for_selector("[data-testid=undo]")
        page.click(f"{line} .row-title")
        page.wait_for_selector(row(lower[0]), state="detached")
        assert desk.serious_barriers() == []
        assert desk.complaints == []


def test_alarm_that_is_chosen_elsewhere_is_shown_in_its_line(
    browser: Browser, processes: System, alarms: list[Json]
) -> None:
    with window(browser, processes, "viewer", DESKTOP) as desk:
        page = desk.open(f"{processes.http}/?test=1").page
        page.wait_for_selector("#grid-incidents")
        desk.select("alarm", alarms[1]["id"])
        page.wait_for_selector(row(alarms[1]))
        page.wait_for_selector(f"#grid-alarms .ag-row-selected {row(alarms[1]).removeprefix('#grid-alarms ')}")
        assert desk.complaints == []


def test_pages_say_which_way_an_alarm_goes_and_how_alarms_load(
    browser: Browser, processes: System, admin: httpx.Client, alarms: list[Json]
) -> None:
    with window(browser, processes, "admin", (1280, 800)) as desk:
        page = desk.page
        page.goto(f"{processes.http}/routing")
        page.wait_for_selector('html[data-ready="1"]', state="attached")
        page.click(f'[data-key="way-{alarms[0]["id"]}"]')
        page.wait_for_selector(".stages li:nth-child(4)")
        page.click("[data-tab=silences]")
        page.click("[data-key=add-silence]")
        page.click("#silence-pane .lines [data-column=label]")
        page.click("[role=option]:visible:has-text('设备') >> nth=0")
        page.fill("#silence-pane .values input:not([disabled]):visible", "line-0")
        page.keyboard.press("Enter")
        page.fill("#silence-pane [data-field=why]", "检修")
        page.click("#silence-pane [data-submit]")
        page.wait_for_selector("#silence-pane [data-testid=effects]")
        assert admin.get("/api/silences").json()["items"] == [], "it was only shown"
        page.click("#silence-pane [data-submit]")
        wait_for(lambda: [s["why"] for s in admin.get("/api/silences").json()["items"]] == ["检修"], what="it is kept")
        page.click('[data-key^="end-"]')
        wait_for(lambda: admin.get("/api/silences").json()["items"] == [], what="it is ended")
        assert desk.serious_barriers() == []
        page.goto(f"{processes.http}/alarm-load")
        page.wait_for_selector(".load-table table")
        assert desk.serious_barriers() == []
        assert desk.complaints == []
