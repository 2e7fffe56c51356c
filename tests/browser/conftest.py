"""The system's Chromium, started once for all browser tests."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from app.services.packages import find_chromium
from tests.browser.desk import Desk, window
from tests.browser.detectors import Detectors
from tests.support import System, mailbox

FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ended with its last test: Playwright keeps an event loop in this thread, and other tests run loops of their
    own."""
    path = find_chromium()
    assert path, "no Chromium: install it, or name one with ONEMAP_CHROMIUM"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--headless=new", *FLAGS])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def api(processes: System) -> Iterator[httpx.Client]:
    with processes.api("dispatcher") as client:
        yield client


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System) -> Iterator[Desk]:
    """A dispatcher's desk, open from the module's first test that asks for it until its last."""
    with window(browser, processes, "dispatcher") as desk:
        yield desk.open(f"{processes.http}/?test=1")


@pytest.fixture(scope="module")
def detectors(processes: System, admin: httpx.Client) -> Iterator[Detectors]:
    row = processes.rows("SELECT ST_X(c) AS lon, ST_Y(c) AS lat FROM (SELECT ST_Centroid(extent) AS c FROM city) x")[0]
    with mailbox(processes.gateway_url) as box:
        yield Detectors(admin, box, (float(row["lon"]), float(row["lat"])))
