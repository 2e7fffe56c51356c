"""What is inside an area that is drawn on the map: a circle, a polygon, a band along a line."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.desk import MAP, PHONE, TOO_WIDE, Desk, window
from tests.support import System

FACTS = "[data-testid=inside-facts]"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "dispatcher", (1280, 800)) as desk:
        desk.open(f"{processes.http}/?test=1")
        desk.page.click("#map-inside")
        desk.page.wait_for_selector("#inside")
        yield desk


def press(desk: Desk, dx: int, dy: int, clicks: int = 1) -> None:
    """Beside the middle of the map."""
    box = desk.page.locator("#map canvas").bounding_box()
    assert box is not None
    desk.page.mouse.click(box["x"] + box["width"] / 2 + dx, box["y"] + box["height"] / 2 + dy, click_count=clicks)


def told(desk: Desk) -> str:
    desk.page.wait_for_selector(FACTS)
    return desk.page.inner_text(FACTS)


def shapes(desk: Desk) -> list[str]:
    script = f"async () => (await {MAP}.getSource('sketch').getData()).features.map(one => one.geometry.type)"
    return list(desk.ask(script))


def test_a_press_tells_what_is_around(desk: Desk) -> None:
    press(desk, -40, 0)
    assert "78.4" in told(desk), "a circle of 500 m"
    assert "人口" in desk.page.inner_text("#inside")
    assert "Polygon" in shapes(desk)
    assert desk.page.locator("#card #card-title").count() == 0, "nothing is chosen meanwhile"
    assert desk.serious_barriers() == []


def test_another_radius_is_asked_for_at_once(desk: Desk) -> None:
    desk.page.select_option("[data-testid=inside-radius]", "1000")
    desk.page.wait_for_selector(f"{FACTS} :text('3.14 km²'), {FACTS} :text('3.13 km²')")


def test_the_district_at_a_place_is_told_by_its_name(desk: Desk, processes: System) -> None:
    desk.page.click("[data-mode=area]")
    press(desk, -40, 0)
    names = [row["name_zh"] for row in processes.rows("SELECT name_zh FROM district")]
    assert any(name in told(desk) for name in names)
    assert set(shapes(desk)) & {"Polygon", "MultiPolygon"}
    assert desk.serious_barriers() == []


def test_a_polygon_ends_with_a_double_press(desk: Desk) -> None:
    desk.page.click("[data-mode=polygon]")
    assert desk.page.locator(FACTS).count() == 0
    press(desk, -60, -60)
    press(desk, 20, -60)
    press(desk, 20, 40, clicks=2)
    assert "面积" in told(desk)
    assert shapes(desk).count("Point") == 3


def test_a_line_ends_with_enter_and_tells_its_length(desk: Desk) -> None:
    desk.page.click("[data-mode=line]")
    press(desk, -60, 10)
    press(desk, 40, 10)
    desk.page.keyboard.press("Enter")
    assert "长度" in told(desk)


def test_it_is_taken_along(desk: Desk) -> None:
    with desk.page.expect_download() as waiting:
        desk.page.click("[data-testid=inside-take]")
    assert waiting.value.suggested_filename == "area.csv"
    assert "面积" in waiting.value.path().read_text("utf-8-sig")


def test_its_features_are_taken_along_too(desk: Desk) -> None:
    desk.page.click("[data-mode=circle]")
    press(desk, -40, 0)
    told(desk)
    desk.page.select_option("[data-testid=inside-layer]", "assets")
    desk.page.select_option("[data-testid=inside-format]", "geojson")
    with desk.page.expect_download() as waiting:
        desk.page.click("[data-testid=inside-rows]")
    assert waiting.value.suggested_filename == "assets.geojson"
    found = json.loads(waiting.value.path().read_text())["features"]
    listed = "async () => (await (await fetch('/api/layers')).json()).items"
    with_all = next(one["count"] for one in desk.ask(listed) if one["id"] == "assets")
    assert 0 < len(found) < with_all


def test_a_figure_leads_to_a_list_and_the_list_to_a_card(desk: Desk) -> None:
    desk.page.click(f"{FACTS} [data-list=assets]")
    desk.page.wait_for_selector("[data-testid=inside-list] li")
    many = desk.page.locator("[data-testid=inside-list] li").count()
    if desk.page.locator("[data-testid=inside-more]").count():
        desk.page.click("[data-testid=inside-more]")
        desk.page.wait_for_function(f"() => document.querySelectorAll('[data-testid=inside-list] li').length > {many}")
    assert desk.serious_barriers() == []
    code = desk.page.locator("[data-testid=inside-list] li .figures").first.inner_text()
    desk.page.locator("[data-testid=inside-list] button").first.click()
    desk.page.wait_for_selector(f"#card :text('{code}')")
    desk.page.click("[data-testid=inside-back]")
    told(desk)


def test_escape_ends_it_and_presses_choose_again(desk: Desk) -> None:
    desk.page.keyboard.press("Escape")
    desk.page.wait_for_selector("#inside", state="detached")
    assert shapes(desk) == []
    assert desk.ask(f"async () => {MAP}.getContainer().dataset.sketching === undefined")
    assert desk.complaints == []


def test_on_a_phone_it_fits(browser: Browser, processes: System) -> None:
    with window(browser, processes, "dispatcher", PHONE) as desk:
        desk.open(f"{processes.http}/?test=1")
        desk.page.click("#map-inside")
        desk.page.wait_for_selector("#inside")
        desk.page.mouse.click(150, 250)
        assert "km²" in told(desk) or "ha" in told(desk)
        assert desk.ask(TOO_WIDE) == []
