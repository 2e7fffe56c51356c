"""The page of those held back in a real browser: fifteen thousand names from one account, seen, and let through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from core.clock import rfc3339
from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.support import Mailbox, System, now, wait_for

READY = 'html[data-ready="1"]'
ROW = ".ag-row[row-id='names:source:native']"
NAMES = 3000
KNOWN = "flood-0000"
pytestmark = pytest.mark.timeout(300)


def say(devices: Mailbox, sensor: str, value: float) -> None:
    devices.publish(f"onemap/observation/{sensor}", {"time": rfc3339(now()), "metric": "flow", "value": value})


@pytest.fixture(scope="module")
def flooded(processes: System, devices: Mailbox) -> System:
    """More names than one source may bring in an hour; the first of them was known before."""
    say(devices, KNOWN, 1)
    wait_for(lambda: processes.one("SELECT count(*) FROM sensor WHERE id = %s", KNOWN))
    for n in range(1, NAMES):
        say(devices, f"flood-{n:04}", n)
    held = "SELECT count(*) FROM quarantine WHERE owner = 'source:native' AND held > 0"
    wait_for(lambda: processes.one(held), what="somebody is held back")
    return processes


@pytest.fixture(scope="module")
def desk(browser: Browser, flooded: System) -> Iterator[Desk]:
    with window(browser, flooded, "admin", (1440, 900), lang="en") as desk:
        desk.page.goto(f"{flooded.http}/quarantine")
        desk.page.wait_for_selector(READY, state="attached")
        yield desk


def test_it_is_seen_and_what_is_known_goes_on(desk: Desk, flooded: System, devices: Mailbox) -> None:
    desk.page.wait_for_selector(f"{ROW}:has-text('Too many new names')")
    bound = flooded.one("SELECT count(*) FROM sensor WHERE id LIKE 'flood-%%'")
    assert bound <= flooded.settings.flood_names
    say(devices, KNOWN, 77)
    wait_for(lambda: flooded.one("SELECT value FROM sensor_state WHERE sensor_id = %s", KNOWN) == 77)
    letters = "SELECT count(*) FROM dead_letter WHERE reason = 'quarantined'"
    wait_for(lambda: flooded.one(letters) == 1000, what="the first thousand are kept")
    with flooded.api("dispatcher") as client:
        health = client.get("/api/health").json()
    assert [(one["owner"], one["kind"]) for one in health["quarantine"]] == [("source:native", "names")]


def test_let_through_it_may_name_what_it_likes(desk: Desk, flooded: System, devices: Mailbox) -> None:
    page = desk.page
    page.click(f"{ROW} .ag-selection-checkbox input")
    page.click("[data-key=lift]:enabled")
    page.wait_for_selector(f"{ROW}", state="detached")
    wait_for(lambda: '"quarantined"' in flooded.log("ingest"), what="the ingester has told")

    def is_let_through() -> bool:
        say(devices, "flood-late", 1)
        return bool(flooded.one("SELECT count(*) FROM sensor WHERE id = 'flood-late'"))

    wait_for(is_let_through, what="a new name is let through")
    assert desk.serious_barriers() == []
    assert desk.complaints == []


def test_page_fits_a_phone(browser: Browser, flooded: System) -> None:
    with window(browser, flooded, "dispatcher", PHONE, lang="zh") as desk:
        desk.page.goto(f"{flooded.http}/quarantine")
        desk.page.wait_for_selector(READY, state="attached")
        desk.page.wait_for_selector(".ag-root")
        assert desk.page.evaluate(TOO_WIDE) == []
        assert desk.page.locator("[data-key=lift]").count() == 0
