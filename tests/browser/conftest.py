"""The system's Chromium, started once for all browser tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from app.services.packages import find_chromium

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
