"""The page of analyses in a real browser: what is chosen becomes a map, a chart and a table; all three are taken along;
an address brings the same view back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.support import System, wait_for

READY = 'html[data-ready="1"]'
AREAS = "#analysis-map .choroplethlocation"
ROWS = "#grid-analysis .ag-center-cols-container .ag-row:not(.ag-row-loading)"
pytestmark = pytest.mark.timeout(300)


def opened(desk: Desk, address: str) -> Page:
    desk.page.goto(address)
    desk.page.wait_for_selector(READY, state="attached")
    desk.page.wait_for_selector("#analysis-told h2")
    return desk.page


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "viewer", (1280, 800)) as desk:
        opened(desk, f"{processes.http}/analysis#subject=assets&by=district")
        yield desk


def choose(page: Page, field: str, words: str) -> None:
    page.click(f".asked [data-field={field}]:visible")
    page.click(f"[role=option]:visible:has-text('{words}')")


def told(page: Page) -> str:
    return page.inner_text("#analysis-told h2")


def test_a_question_is_a_map_a_chart_and_a_table(desk: Desk, processes: System) -> None:
    page = desk.page
    assert told(page) == "城市部件 · 行政区 · 数量"
    districts = processes.one("SELECT count(DISTINCT district) FROM asset")
    desk.until("() => document.querySelectorAll('#analysis-chart .bars .point').length", lambda n: n == districts)
    # the districts beneath, and those that are counted
    desk.until(f"() => document.querySelectorAll('{AREAS}').length", lambda n: n >= 2 * districts)
    page.wait_for_selector(f"{ROWS}:has-text('区')")
    assert "按分位数分级" in page.inner_text("#analysis-legend")
    assert f"{processes.one('SELECT count(*) FROM asset'):,}" in page.inner_text("#analysis-told")
    assert desk.serious_barriers() == []


def test_another_choice_is_another_answer_and_another_address(desk: Desk) -> None:
    page = desk.page
    choose(page, "then", "大类")
    desk.until("() => document.querySelector('#analysis-told h2').innerText", lambda said: "× 大类" in said)
    desk.until("() => location.hash", lambda hash_: "then=class" in hash_)
    page.wait_for_selector("#analysis-chart .legendtext")
    page.wait_for_selector(f"{ROWS}:has-text('公用设施')")
    choose(page, "column", "状态")
    page.wait_for_selector(".asked [data-field=value]:visible")
    choose(page, "value", "破损")
    desk.until("() => location.hash", lambda hash_: "value=damaged" in hash_)
    assert desk.serious_barriers() == []


def test_the_address_brings_the_same_view_back(desk: Desk, browser: Browser, processes: System) -> None:
    with window(browser, processes, "viewer", (1280, 800)) as other:
        page = opened(other, desk.page.url)
        other.until("() => location.hash", lambda hash_: "value=damaged" in hash_)
        assert told(page) == told(desk.page)
        wait_for(
            lambda: page.input_value(".asked input[data-field=value]") == "破损", what="the value stands in its field"
        )
        assert other.complaints == []


def test_all_three_are_taken_along(desk: Desk, tmp_path: Path) -> None:
    page = desk.page
    heads = {"xlsx": b"PK", "csv": b"\xef\xbb\xbf", "gpkg": b"SQLite format 3", "geojson": b"{"}
    for kind, head in heads.items():
        with page.expect_download() as caught:
            page.click(f"[data-key=export-{kind}]")
        path = tmp_path / f"file.{kind}"
        caught.value.save_as(path)
        assert path.read_bytes().startswith(head), kind
    for kind, head in {"png": b"\x89PNG", "svg": b"<svg"}.items():
        with page.expect_download() as caught:
            page.click(f"[data-picture={kind}]")
        path = tmp_path / f"chart.{kind}"
        caught.value.save_as(path)
        assert path.read_bytes().startswith(head), kind
        assert caught.value.suggested_filename == f"onemap-assets.{kind}"


def test_a_map_comes_nearer_and_goes_back(desk: Desk) -> None:
    page = desk.page
    scale = "() => document.querySelector('#analysis-map .js-plotly-plot')._fullLayout.geo.projection.scale"
    paths = f"() => [...document.querySelectorAll('{AREAS}')].map(area => area.getAttribute('d')).join('')"
    before, drawn = desk.ask(scale), desk.ask(paths)
    page.click("[data-zoom=in]")
    desk.until(scale, lambda now: now > 1.3 * before)
    assert desk.ask(paths) != drawn
    page.click("[data-zoom=whole]")
    desk.until(scale, lambda now: now == before)
    assert desk.ask(paths) == drawn


def test_what_is_pointed_at_says_what_it_is(desk: Desk) -> None:
    """Without the tags that Plotly would make inline styles of."""
    page = desk.page
    for graph in ("#analysis-map", "#analysis-chart"):
        page.hover(f"{graph} .js-plotly-plot", position={"x": 1, "y": 1})
        page.hover(f"{graph} :is(.choroplethlocation, .point path) >> nth=0", force=True)
        page.wait_for_selector(f"{graph} .hoverlayer .hovertext:has-text('数量')", state="attached")
    assert desk.complaints == []


def test_another_language_and_theme_are_those_of_the_figures_too(desk: Desk) -> None:
    page = desk.page
    colour = f"() => getComputedStyle([...document.querySelectorAll('{AREAS}')].at(-1)).fill"
    dark = desk.ask(colour)
    desk.switch_language("en")
    desk.until("() => document.querySelector('#analysis-chart .legendtext').textContent", lambda said: said.isascii())
    assert told(page).startswith("City assets · District × Class")
    desk.set_theme("light")
    desk.until(colour, lambda now: now != dark)
    assert desk.serious_barriers() == []
    desk.switch_language("zh")
    desk.set_theme("dark")


def test_another_subject_begins_anew(desk: Desk) -> None:
    page = desk.page
    choose(page, "subject", "重点设施")
    desk.until("() => document.querySelector('#analysis-told h2').innerText", lambda said: said.startswith("重点设施"))
    # the address follows what is shown
    desk.until("() => location.hash", lambda address: "column" not in address)
    choose(page, "by", "类别")
    desk.until("() => document.querySelector('#analysis-told h2').innerText", lambda said: "类别" in said)
    assert page.locator(AREAS).count() > 0, "what is not by a place is on the map by district"
    choose(page, "subject", "事件")
    desk.until("() => location.hash", lambda hash_: "subject=incidents" in hash_)
    page.click("[data-key=span-week]")
    desk.until("() => location.hash", lambda hash_: "from=" in hash_)
    page.fill(".asked [data-field=from]", "soon")
    page.press(".asked [data-field=from]", "Enter")
    page.wait_for_selector("#analysis-told .error")
    page.wait_for_selector("[data-card=chart] .figure-state .notice")


def test_the_page_never_complains(desk: Desk) -> None:
    assert desk.complaints == []


def test_a_phone_has_all_of_it_below_each_other(browser: Browser, processes: System) -> None:
    with window(browser, processes, "viewer", PHONE) as phone:
        page = opened(phone, f"{processes.http}/analysis#subject=assets&by=h3:8&then=class")
        page.wait_for_selector(AREAS, state="attached")
        page.wait_for_selector(f"{ROWS}", state="attached")
        assert phone.ask(TOO_WIDE) == []
        assert phone.serious_barriers() == []
        assert phone.complaints == []
