"""The page of rows put aside in a real browser: seen by dispatchers, retried and dropped by an administrator, by
clicking."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import text

from core import set_aside
from core.db import make_engine
from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.support import System, now

READY = 'html[data-ready="1"]'
ROW = ".ag-row[row-id='picture:cam-{n:03d}/x']"
TOAST = "() => document.querySelector('#toasts').innerText"
PICTURES = 130
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def rows(processes: System) -> None:
    """More pictures than one block of rows, put aside, and one message that will be tried again by itself."""
    engine = make_engine(processes.settings, pool_size=1, name="onemap test")
    with engine.begin() as conn:
        conn.execute(
            text(
                """
INSERT INTO set_aside (what, id, error, first_at, last_at, tries, due_at)
SELECT 'picture', 'cam-' || lpad(n::text, 3, '0') || '/x', '=cmd|calc', now(), now(), 3, 'infinity'
FROM generate_series(1, :n) AS n
"""
            ),
            {"n": PICTURES},
        )
    engine.dispose()
    note(processes, "outbox", "77", "the column is missing")


def note(processes: System, what: str, identity: str, error: str) -> None:
    engine = make_engine(processes.settings, pool_size=1, name="onemap test")
    with engine.begin() as conn:
        set_aside.note(conn, what, identity, ValueError(error), now())
    engine.dispose()


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System, rows: None) -> Iterator[Desk]:
    with window(browser, processes, "admin", (1440, 900), lang="en") as desk:
        yield open_page(desk, processes)


def open_page(desk: Desk, processes: System) -> Desk:
    desk.page.goto(f"{processes.http}/set-aside")
    desk.page.wait_for_selector(READY, state="attached")
    return desk


def count_of(processes: System, where: str) -> int:
    found = processes.one(f"SELECT count(*) FROM set_aside WHERE {where}")
    return int(found)


def test_rows_are_counted_by_kind_and_paged_by_the_server(desk: Desk) -> None:
    page = desk.page
    page.wait_for_selector(".ag-row:has-text('Message to send')")
    assert [one.inner_text().split("\n") for one in page.locator(".tally").all()] == [
        ["1", "Message to send", "0 to decide"],
        [str(PICTURES), "Picture", f"{PICTURES} to decide"],
    ]
    assert f"{PICTURES + 1} rows" in page.inner_text("[data-testid=set-aside-list] .bar")
    page.evaluate("() => { document.querySelector('.ag-body-viewport, .ag-grid-scrolling-viewport').scrollTop = 1e6; }")
    page.wait_for_selector(ROW.format(n=PICTURES))


def test_server_sorts_and_filters(desk: Desk) -> None:
    page = desk.page
    page.click(".ag-header-cell[col-id=what]")
    page.click(".ag-header-cell[col-id=what]")
    page.wait_for_selector(".ag-row[row-index='0']:has-text('Picture')")
    page.fill("[data-field=q]", "MISSING")
    page.wait_for_selector(".ag-row[row-index='0']:has-text('Message to send')")
    desk.until("() => document.querySelector('.bar .count').innerText", lambda words: words == "1 rows")
    page.fill("[data-field=q]", "nothing like it")
    page.wait_for_selector(".table-state .notice-empty")
    page.fill("[data-field=q]", "cam-00")
    page.wait_for_selector(ROW.format(n=9))


def test_columns_are_narrowed_under_their_headings(desk: Desk) -> None:
    page = desk.page
    page.fill("[data-field=q]", "")
    page.fill("[data-narrow=error]", "MISSING")
    page.wait_for_selector(".ag-row[row-index='0']:has-text('Message to send')")
    desk.until("() => document.querySelector('.bar .count').innerText", lambda words: words == "1 rows")
    page.fill("[data-narrow=error]", "")
    page.select_option("[data-narrow=state]", label="To decide")
    desk.until("() => document.querySelector('.bar .count').innerText", lambda words: words == f"{PICTURES} rows")
    page.select_option("[data-narrow=what]", label="Alarm monitor")
    page.wait_for_selector(".table-state .notice-empty:has-text('Nothing matches')")
    with page.expect_download() as caught:
        page.click("[data-key=export-set-aside]")
    assert len(caught.value.path().read_bytes().splitlines()) == 1
    for name in ("what", "state"):
        page.select_option(f"[data-narrow={name}]", "")
    page.fill("[data-field=q]", "cam-00")
    page.wait_for_selector(ROW.format(n=9))


def test_table_that_was_empty_for_a_while_shows_what_comes(desk: Desk, processes: System) -> None:
    page = desk.page
    page.fill("[data-field=q]", "a late one")
    page.wait_for_selector(".table-state .notice-empty")
    for _ in range(2):
        page.wait_for_event("response", lambda answer: "getRowsResponse" in (answer.request.post_data or ""))
    note(processes, "shelf", "late", "a late one")
    page.wait_for_selector(".ag-row[row-id='shelf:late']")
    page.fill("[data-field=q]", "cam-00")
    page.wait_for_selector(ROW.format(n=9))


def test_export_has_all_that_match_and_no_formula(desk: Desk) -> None:
    with desk.page.expect_download() as caught:
        desk.page.click("[data-key=export-set-aside]")
    body = caught.value.path().read_bytes().decode("utf-8")
    assert body.startswith("\ufeff")
    head, *lines = list(csv.reader(io.StringIO(body[1:])))
    assert head[0] == "工作 Work"
    assert len(lines) == 9
    assert {line[2] for line in lines} == {"'=cmd|calc"}


def test_selected_row_is_retried_at_once(desk: Desk, processes: System) -> None:
    page = desk.page
    assert page.is_disabled("[data-key=retry]")
    page.click(f"{ROW.format(n=1)} .ag-selection-checkbox input")
    page.click("[data-key=retry]:not([disabled])")
    desk.until(TOAST, lambda words: "1 tried again at once" in words)
    assert count_of(processes, "id = 'cam-001/x' AND due_at <> 'infinity' AND handled_by = 'admin'") == 1
    page.wait_for_selector(f"{ROW.format(n=1)} [data-state=old]")


def test_dropping_is_asked_once_more(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click(f"{ROW.format(n=2)} .ag-selection-checkbox input")
    page.click("[data-key=drop]:not([disabled])")
    page.wait_for_selector("[role=dialog] code:has-text('cam-002/x')")
    page.click("[role=dialog] button:has-text('Cancel')")
    page.wait_for_selector("[role=dialog]", state="detached")
    assert count_of(processes, "dropped_at IS NOT NULL") == 0
    page.click("[data-key=drop]")
    page.wait_for_selector("[data-key=sure]")
    assert desk.serious_barriers() == []
    page.click("[data-key=sure]")
    desk.until(TOAST, lambda words: "1 dropped" in words)
    page.wait_for_selector(ROW.format(n=2), state="detached")
    assert count_of(processes, "id = 'cam-002/x' AND dropped_at IS NOT NULL AND handled_by = 'admin'") == 1


def test_nothing_was_complained_of(desk: Desk) -> None:
    assert desk.complaints == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_everybody_can_use_it_on_a_phone_too(browser: Browser, processes: System, rows: None, theme: str) -> None:
    with window(browser, processes, "admin", PHONE, theme=theme) as phone:
        open_page(phone, processes).page.wait_for_selector(".ag-row")
        assert phone.ask(TOO_WIDE) == []
        assert phone.serious_barriers() == []
        assert "图片" in phone.page.inner_text(".tallies")


def test_dispatcher_sees_and_a_viewer_does_not(browser: Browser, processes: System, rows: None) -> None:
    with window(browser, processes, "dispatcher", lang="en") as desk:
        open_page(desk, processes).page.wait_for_selector(".ag-row")
        assert desk.page.locator("[data-key=drop]").count() == 0
        assert desk.complaints == []
    with window(browser, processes, "viewer", lang="en") as visitor:
        open_page(visitor, processes)
        assert "for dispatchers" in visitor.page.inner_text("main")
        assert visitor.page.locator(".ag-row").count() == 0
        assert visitor.complaints == []
