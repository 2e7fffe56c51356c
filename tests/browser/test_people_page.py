"""People in a real browser: an account is added, its person chooses a password of their own, a role is made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.support import System

READY = 'html[data-ready="1"]'
PANE, ROLE = "#person-pane", "#role-pane"
OWN = "Quiet-Otter-83!"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "admin", (1280, 800), lang="en") as desk:
        desk.page.goto(f"{processes.http}/people")
        desk.page.wait_for_selector(READY, state="attached")
        yield desk


def choose(page: Page, field: str, words: str) -> None:
    page.click(f"[data-field={field}]:visible")
    page.click(f"[role=option]:visible:has-text('{words}')")


def secret_of(desk: Desk) -> str:
    """A new password for the account whose pane is open, as the page shows it."""
    desk.page.click("#person-password")
    desk.page.click("[data-key=sure]:visible")
    return desk.page.inner_text(f"{PANE} [data-key=secret]")


def test_account_is_added_and_its_person_chooses_a_password(browser: Browser, desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key=person-add]")
    page.fill(f"{PANE} [data-field=username]", "heron")
    page.fill(f"{PANE} [data-field=name]", "Grey Heron")
    choose(page, "role", "Dispatcher")
    page.fill(f"{PANE} [data-field=districts]", "321302\n321311")
    page.click(f"{PANE} [data-submit]")
    page.wait_for_selector(f"{PANE} h2:has-text('Grey Heron')")
    assert processes.one("SELECT districts FROM account WHERE username = 'heron'") == ["321302", "321311"]
    secret = secret_of(desk)
    context = browser.new_context()
    visitor = Desk(context.new_page())
    visitor.page.goto(f"{processes.http}/login")
    visitor.page.fill("[name=username]", "heron")
    visitor.page.fill("[name=password]", secret)
    visitor.page.click("[type=submit]")
    visitor.page.wait_for_url("**/me")
    visitor.page.fill("[data-field=old]", "this-is-not-it-5")
    visitor.page.fill("[data-field=new]", OWN)
    visitor.page.click("[data-key=change-password]")
    visitor.page.wait_for_selector(".mantine-InputWrapper-error")
    visitor.page.fill("[data-field=old]", secret)
    visitor.page.click("[data-key=change-password]")
    visitor.page.wait_for_selector("[data-key=go-on]")
    assert processes.one("SELECT must_change FROM account WHERE username = 'heron'") is False
    visitor.page.goto(f"{processes.http}/me")
    visitor.page.wait_for_selector(".accesses li")
    assert visitor.serious_barriers() == []
    assert visitor.complaints == []
    context.close()


def test_token_is_shown_once_and_ended(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key=person-viewer]")
    page.wait_for_selector(f"{PANE} h2:has-text('Viewer')")
    page.click(f"{PANE} summary:has-text('Make a token')")
    page.fill(f"""{PANE} input[id='{{"owner":"people","token":"name"}}']""", "weather")
    page.click(f"{PANE} [data-key=make-token]")
    token = page.inner_text(f"{PANE} [data-key=token]")
    assert len(token) > 30
    page.click(f"{PANE} [data-key=end-weather]")
    page.wait_for_selector(f"{PANE} [data-key=end-weather]", state="detached")
    assert token not in page.content()
    assert processes.one("SELECT count(*) FROM session WHERE name = 'weather'") == 0


def test_role_of_the_citys_own_is_made(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-tab=roles]")
    page.click("[data-key=role-add]")
    page.fill(f"{ROLE} [data-field=id]", "night_desk")
    page.fill(f"{ROLE} [data-field=name_zh]", "夜班")
    page.fill(f"{ROLE} [data-field=name_en]", "Night desk")
    page.click(f"{ROLE} label:has-text('Acknowledge alarms')")
    page.click(f"{ROLE} [data-submit]")
    page.wait_for_selector(f"{ROLE} h2:has-text('Night desk')")
    assert processes.one("SELECT permissions FROM role WHERE id = 'night_desk'") == ["alarm.acknowledge"]
    page.click("[data-key=role-viewer]")
    page.wait_for_selector(f"{ROLE} h2:has-text('Viewer')")
    assert page.locator(f"{ROLE} [data-submit]").count() == 0
    assert desk.serious_barriers() == []
    assert desk.complaints == []


def test_page_is_for_who_manages_people(browser: Browser, processes: System) -> None:
    with window(browser, processes, "dispatcher", (1280, 800), lang="en") as visitor:
        visitor.page.goto(f"{processes.http}/people")
        visitor.page.wait_for_selector(".notice-empty:has-text('permission')")


@pytest.mark.parametrize(("path", "waits"), [("/people", "[data-key=person-add]"), ("/me", ".accesses li")])
def test_pages_fit_a_phone(path: str, waits: str, browser: Browser, processes: System) -> None:
    with window(browser, processes, "admin", PHONE, lang="en") as visitor:
        visitor.page.goto(f"{processes.http}{path}")
        visitor.page.wait_for_selector(waits)
        assert visitor.page.evaluate(TOO_WIDE) == []
