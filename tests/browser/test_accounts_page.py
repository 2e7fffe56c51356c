"""The page of device accounts in a real browser: added, given a new secret, revoked and imported, by clicking."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from ingest.doors.secret import fits
from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.support import System

READY = 'html[data-ready="1"]'
PANE = "#account-pane"
PASSWORD = f"{PANE} [data-key=password]"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "admin", (1440, 900), lang="en") as desk:
        yield open_page(desk, processes)


def open_page(desk: Desk, processes: System) -> Desk:
    desk.page.goto(f"{processes.http}/devices")
    desk.page.wait_for_selector(READY, state="attached")
    return desk


def kept(processes: System, name: str) -> str:
    return str(processes.one("SELECT password FROM broker_account WHERE name = %s", name))


def open_form(page: Page) -> None:
    """An empty form: one that stands there already is put away first, so that nobody types into it while it goes."""
    if page.locator(f"{PANE} h2").count():
        page.click(f"{PANE} [data-key=close], {PANE} header button")
        page.wait_for_selector(f"{PANE} h2", state="detached")
    page.click("[data-key=add-account]")
    page.wait_for_selector(f"{PANE} h2:has-text('Add an account')")


def add(page: Page, name: str, sensors: str) -> str:
    """A new account, by hand; its secret as the page shows it."""
    open_form(page)
    page.fill(f"{PANE} [data-field=name]", name)
    page.fill(f"{PANE} [data-field=sensors]", sensors)
    page.click(f"{PANE} [data-submit]")
    page.wait_for_selector(f"{PANE} h2:has-text('{name}')")
    return page.inner_text(PASSWORD)


def test_secret_of_a_new_account_is_shown_once(desk: Desk, processes: System) -> None:
    secret = add(desk.page, "logger-1", "wl-a\nwl-b")
    assert fits(secret, kept(processes, "logger-1"))
    desk.page.click(f"{PANE} [data-key=close], {PANE} header button")
    desk.page.click("[data-key=account-logger-1]")
    desk.page.wait_for_selector("#account-rotate")
    assert desk.page.locator(PASSWORD).count() == 0
    assert secret not in desk.page.content()


def test_account_that_speaks_for_what_is_anothers_is_refused_at_its_field(desk: Desk) -> None:
    page = desk.page
    open_form(page)
    page.fill(f"{PANE} [data-field=name]", "thief-1")
    page.fill(f"{PANE} [data-field=sensors]", "wl-a")
    page.click(f"{PANE} [data-submit]")
    page.wait_for_selector(f"{PANE} .mantine-InputWrapper-error:has-text('logger-1')")


def test_new_secret_and_revoking_are_asked_for_twice(desk: Desk, processes: System) -> None:
    page = desk.page
    secret = add(page, "logger-2", "")
    page.click("#account-rotate")
    page.click("[data-key=sure]:visible")
    desk.until(f"() => document.querySelector('{PASSWORD}')?.innerText ?? ''", lambda shown: shown not in ("", secret))
    assert not fits(secret, kept(processes, "logger-2"))
    page.click("#account-revoke")
    page.wait_for_selector("[data-key=sure]:visible")
    page.click("[data-key=sure]:visible")
    page.wait_for_selector(f"{PANE} dd:has-text('Revoked')")
    assert page.locator("#account-rotate").count() == 0


def test_file_of_many_gives_their_secrets_as_a_file(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key=import-accounts]")
    page.fill("#account-csv", "name,sensors\nmany-1,m1;m2\nbad name,\nmany-2,")
    with page.expect_download() as caught:
        page.click("[data-key=import]")
    rows = list(csv.DictReader(caught.value.path().read_text().splitlines()))
    assert [row["username"] for row in rows] == ["many-1", "many-2"]
    assert all(fits(row["password"], kept(processes, row["username"])) for row in rows)
    page.wait_for_selector("#account-imported li:has-text('Line 3')")


def test_nobody_but_an_administrator_sees_it(browser: Browser, processes: System) -> None:
    with window(browser, processes, "dispatcher", (1280, 800), lang="en") as desk:
        open_page(desk, processes)
        desk.page.wait_for_selector(".notice-empty:has-text('administrator')")
        assert desk.page.locator("#account-add").count() == 0


def test_page_fits_a_phone(browser: Browser, processes: System) -> None:
    with window(browser, processes, "admin", PHONE, lang="en") as desk:
        open_page(desk, processes)
        desk.page.wait_for_selector("[data-key=add-account]")
        assert desk.page.evaluate(TOO_WIDE) == []


def test_style_that_was_smuggled_in_is_not_applied(browser: Browser, processes: System) -> None:
    with window(browser, processes, "admin", lang="en") as visitor:
        open_page(visitor, processes)
        assert visitor.complaints == []
        visitor.ask("() => document.body.insertAdjacentHTML('beforeend', '<style>body { opacity: 0 }</style>')")
        assert visitor.ask("() => getComputedStyle(document.body).opacity") == "1"
        assert any("Content Security Policy" in one for one in visitor.complaints)
        # what a script makes is a component's
        visitor.ask(
            "() => document.head.append(Object.assign(document.createElement('style'), "
            "{ textContent: 'body { opacity: 0.5 }' }))"
        )
        assert visitor.ask("() => getComputedStyle(document.body).opacity") == "0.5"
