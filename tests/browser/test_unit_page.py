"""The One Map page on the phone of a unit: its own and nothing else, and nothing that looks broken for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine, text

from alerts.store import link
from app.accounts import add_account
from core.viewer import Role
from dispatch.incidents import open_from_alarm
from tests.alerts.helpers import change
from tests.browser.desk import DESK, PHONE, TOO_WIDE, Desk, window
from tests.dispatch.test_incidents import send
from tests.support import PASSWORD, System, now

UNIT = "fire-01"
LAYERS_OF_ALL = ("districts", "streets", "buildings", "water", "green", "incidents", "alarms", "units")
SHEETS = "() => [...document.querySelectorAll('#phone-tabs [data-sheet]')].map(button => button.dataset.sheet)"


@pytest.fixture(scope="module")
def incident(processes: System, own_engine: Engine) -> str:
    """A phone's account, and the incident of an alarm to which its unit was sent."""
    with own_engine.begin() as conn:
        add_account(conn, "phone", "Phone of fire-01", Role.UNIT, PASSWORD, now())
        conn.execute(text("UPDATE account SET units = ARRAY[:unit] WHERE username = 'phone'"), {"unit": UNIT})
        alarm = change(conn, 1, now())
        assert alarm
        incident, _ = open_from_alarm(conn, alarm, link, "me", now())
        send(conn, incident, UNIT)
    return str(incident)


@pytest.fixture(scope="module")
def phone(browser: Browser, processes: System, incident: str) -> Iterator[Desk]:
    with window(browser, processes, "phone", PHONE) as phone:
        yield phone.open(f"{processes.http}/?test=1")


def test_page_comes_up_with_what_is_theirs(phone: Desk, incident: str) -> None:
    phone.until("() => document.querySelectorAll('[data-incident-id]').length", lambda n: n == 1)
    assert phone.page.get_attribute("[data-incident-id]", "data-incident-id") == incident
    phone.until("() => document.querySelectorAll('[data-alarm-id]').length", lambda n: n == 1)
    assert phone.ask("() => document.querySelectorAll('[data-failed]').length") == 0
    assert phone.complaints == []


def test_nothing_is_offered_that_would_stay_empty(phone: Desk) -> None:
    listed = phone.ask("() => [...document.querySelectorAll('[data-layer]')].map(one => one.dataset.layer)")
    assert set(listed) == {*LAYERS_OF_ALL}
    for empty in ("[data-testid=tab-warnings]", "#box-health", ".user-menu [href='/sources']"):
        assert not phone.page.is_visible(empty), empty
    phone.page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    assert not phone.page.is_visible("#box-rate")
    phone.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})


def test_sheets_of_a_phone_hold_together(phone: Desk, incident: str) -> None:
    for sheet in phone.ask(
        "() => [...document.querySelectorAll('#phone-tabs [data-sheet]')].map(b => b.dataset.sheet)"
    ):
        phone.page.click(f"#phone-tabs [data-sheet={sheet}]")
    phone.select("incident", incident)
    phone.select("unit", UNIT)
    assert phone.ask(TOO_WIDE) == []
    assert phone.serious_barriers() == []
    assert phone.complaints == []
