"""The pages of /ogc in a browser: from the landing page to a row and back by links alone, in both themes and languages,
at a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.desk import Desk, window
from tests.support import System

PATHS = ("", "/conformance", "/collections", "/collections/assets", "/collections/assets/queryables",
         "/collections/assets/items?limit=20")  # fmt: skip


@pytest.fixture(scope="module", params=[(1280, 800), (390, 844)], ids=["desk", "phone"])
def desk(request: pytest.FixtureRequest, browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "dispatcher", request.param) as desk:
        yield desk


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_stands_in_the_way(desk: Desk, processes: System, theme: str, lang: str) -> None:
    with processes.api("dispatcher") as client:
        client.patch("/api/me", json={"lang": lang, "settings": {"theme": theme}})
    for path in PATHS:
        desk.page.goto(f"{processes.http}/ogc{path}")
        assert desk.ask("() => document.documentElement.dataset.theme") == theme
        assert desk.ask("() => document.documentElement.dataset.lang") == lang
        wide = desk.ask("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
        assert desk.serious_barriers() == [], path
    assert desk.complaints == []


def test_links_lead_to_a_row_and_back(desk: Desk, processes: System) -> None:
    desk.page.goto(f"{processes.http}/ogc")
    desk.page.click("a[href$='/ogc/collections']")
    desk.page.click("a[href$='/ogc/collections/streets']")
    desk.page.click("main a[href$='/ogc/collections/streets/items']")
    first = desk.page.inner_text("tbody tr td")
    desk.page.click("a[rel=next]")
    assert desk.page.inner_text("tbody tr td") != first
    desk.page.click("a[rel=prev]")
    assert desk.page.inner_text("tbody tr td") == first
    desk.page.click("tbody tr td a")
    assert desk.page.inner_text("h1") == first
    assert "LineString" in desk.page.inner_text("main")
    desk.page.click("footer a")
    assert '"type":"Feature"' in desk.page.content().replace(" ", "")
