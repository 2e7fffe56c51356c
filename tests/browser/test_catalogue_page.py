"""The page of the resource catalogue in a real browser: an entry is found, described and refused where it contradicts
itself; access is asked for and granted; open data is turned on for everybody and off again."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, Page

from app.pages.catalogue import listing
from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.support import PATIENCE_S, System, wait_for

READY = 'html[data-ready="1"]'
PANE, REQUEST = "#entry-pane", "#request-pane"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "admin", (1280, 800)) as desk:
        desk.page.goto(f"{processes.http}/catalogue")
        desk.page.wait_for_selector(READY, state="attached")
        yield desk


def choose(page: Page, pane: str, field: str, words: str) -> None:
    page.click(f"{pane} [data-field={field}]:visible")
    page.click(f"[role=option]:visible:has-text('{words}')")


def test_every_source_and_layer_stands_there(desk: Desk, processes: System) -> None:
    page = desk.page
    page.wait_for_selector("[data-key='entry-layer/assets']")
    page.wait_for_selector("[data-key='entry-layer/districts']")
    assert page.get_attribute("a[href='/layers']", "href"), "the layers are near by"
    assert desk.serious_barriers() == []


def test_an_entry_is_described_and_a_contradiction_stands_at_its_field(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key='entry-layer/assets']")
    page.wait_for_selector(f"{PANE} h2")
    assert "缺提供方" in page.inner_text(PANE)
    page.fill(f"{PANE} [data-field=provider]", "市城管局")
    page.fill(f"{PANE} [data-field=contact]", "0512-1")
    page.fill(f"{PANE} [data-field=summary_zh]", "城市部件的位置与状态")
    choose(page, PANE, "cycle", "每月")
    choose(page, PANE, "sharing", "有条件共享")
    page.click(f"{PANE} [data-submit] >> nth=0")
    error = page.wait_for_selector(f"{PANE} .mantine-InputWrapper-error")
    assert "条件" in error.inner_text()
    assert processes.one("SELECT count(*) FROM catalogue_entry") == 0
    page.fill(f"{PANE} [data-field=terms]", "用于城市管理")
    page.click(f"{PANE} [data-submit] >> nth=0")
    page.wait_for_selector(f"{PANE} h3:has-text('申请共享')")
    kept = processes.rows("SELECT provider, cycle, sharing, terms, version FROM catalogue_entry")
    assert kept == [
        {"provider": "市城管局", "cycle": "month", "sharing": "conditional", "terms": "用于城市管理", "version": 1}
    ]
    assert desk.serious_barriers() == []


def test_access_is_asked_for_and_granted(desk: Desk, processes: System) -> None:
    page = desk.page
    page.fill(f"{PANE} [data-field=purpose]", "管线普查")
    page.locator(f"{PANE} [data-field=department]").last.fill("works")
    page.locator(f"{PANE} [data-submit]").last.click()
    wait_for(lambda: processes.one("SELECT count(*) FROM access_request") == 1, what="the request is kept")
    [asked] = processes.rows("SELECT id, department, state FROM access_request")
    assert (asked["department"], asked["state"]) == ("works", "open")
    # it is told while one looks on, and wherever one is
    page.wait_for_selector("#requests-told:visible:has-text('1 件待您答复')")
    elsewhere = page.context.new_page()
    for address in ("/routing", "/?test=1"):
        elsewhere.goto(f"{processes.http}{address}")
        elsewhere.wait_for_selector("#requests-told:visible:has-text('1 件待您答复')")
    elsewhere.close()
    page.reload()
    page.wait_for_selector("[data-tab=requests]:has-text('1 件待您答复')")
    page.click("[data-tab=requests]")
    page.click(f"[data-key='request-{asked['id']}']")
    page.wait_for_selector(f"{REQUEST} h2")
    choose(page, REQUEST, "grant", "同意")
    page.fill(f"{REQUEST} [data-field=answer]", "按约定使用")
    page.click(f"{REQUEST} [data-submit]")
    page.wait_for_selector(f"{REQUEST} .state:has-text('已同意')")
    assert processes.one("SELECT state FROM access_request") == "granted"
    assert page.locator(f"{REQUEST} [data-submit]").count() == 0, "it is decided once"
    # the same person has asked: the answer is told until it is opened
    page.wait_for_selector("#requests-told:visible:has-text('1 件已答复')")
    page.click(f"[data-key='request-{asked['id']}']")
    page.wait_for_selector("#requests-told", state="hidden")
    assert desk.serious_barriers() == []


def test_open_data_is_on_only_while_an_administrator_says_so(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-tab=entries]")

    def seen() -> int:
        return httpx.get(f"{processes.http}/open", trust_env=False, timeout=PATIENCE_S).status_code

    assert seen() == 404
    page.click("[data-key=open-data]")
    page.click("[data-key=sure]:visible")
    page.wait_for_selector("#open-data-state a[href='/open']")
    assert seen() == 200
    page.click("[data-key=open-data]")
    page.click("[data-key=sure]:visible")
    page.wait_for_selector("#open-data-state a[href='/open']", state="detached")
    assert seen() == 404


def test_scores_are_those_of_the_month_that_is_chosen(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-tab=scores]")
    page.wait_for_selector("[data-panel=scores] .table-state .notice-empty")
    today = processes.one("SELECT (now() AT TIME ZONE timezone)::date FROM city")
    before = listing.month_before(today, 2)
    with psycopg.connect(processes.settings.database_url) as conn:
        conn.execute(
            """
INSERT INTO catalogue_day
  (day, kind, id, provider, described, filled, refused, rows, in_cycle, overlapping, measured_at)
VALUES (%s, 'layer', 'districts', '市城管局', 1, 1, 0, 4, true, '[]', now())
""",
            [before],
        )
    choose(page, "[data-panel=scores]", "month", "2 个月前")
    page.wait_for_selector(f"[data-panel=scores] .ag-cell:has-text('{before:%Y-%m}')")
    assert desk.serious_barriers() == []
    assert desk.complaints == []


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, processes: System) -> None:
    with window(browser, processes, "viewer", PHONE) as desk:
        desk.page.goto(f"{processes.http}/catalogue")
        desk.page.wait_for_selector(READY, state="attached")
        desk.page.click("[data-key='entry-layer/districts']")
        desk.page.wait_for_selector(f"{PANE} h2")
        assert desk.ask(TOO_WIDE) == []
        assert desk.page.locator(f"{PANE} [data-submit]").count() == 0, "a viewer reads"
        assert desk.page.locator("[data-key=open-data]").count() == 0
        assert desk.serious_barriers() == []
