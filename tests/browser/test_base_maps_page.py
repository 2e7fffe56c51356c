"""The page of base maps: a service that is known needs its key alone, one of one's own its address; a key is shown to
nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.support import System
from tests.tileserver import TileServer, tile_server

READY = 'html[data-ready="1"]'
PANE = "#base-map-pane"
VALUE = "where => document.querySelector(where)?.value"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def tiles() -> Iterator[TileServer]:
    with tile_server() as server:
        yield server


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "admin", (1440, 900), lang="en") as desk:
        desk.page.goto(f"{processes.http}/base-maps")
        desk.page.wait_for_selector(READY, state="attached")
        yield desk


def field(name: str) -> str:
    return f"{PANE} [data-field={name}]"


def put_away(desk: Desk) -> None:
    """The form that stands there, so that nobody types into it while another comes."""
    desk.page.click(f"{PANE} header button")
    desk.page.wait_for_selector(f"{PANE} h2", state="detached")


def save(desk: Desk) -> None:
    desk.page.click(f"{PANE} [data-submit]")


def test_a_known_service_needs_its_key_alone(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key=add-base-map]")
    page.wait_for_selector(f"{PANE} h2")
    page.click(f"{PANE} button:has-text('Tianditu imagery') >> nth=0")
    desk.until(VALUE, lambda value: value == "tdt-img", field("id"), "the service is filled in")
    assert desk.serious_barriers() == []
    page.fill(field("key"), "a-key-of-the-city")
    save(desk)
    page.wait_for_selector(".ag-row[row-id='tdt-img']:has-text('Has its key')")
    with processes.api("admin") as admin:
        [made] = [one for one in admin.get("/api/base-maps").json()["items"] if one["id"] == "tdt-img"]
    assert (made["has_key"], made["max_zoom"], len(made["subdomains"])) == (True, 18, 8)
    assert "a-key-of-the-city" not in page.content(), "it is shown to nobody once it is kept"


def test_one_of_the_citys_own_by_its_address(desk: Desk, processes: System, tiles: TileServer) -> None:
    page = desk.page
    put_away(desk)
    page.click("[data-key=add-base-map]")
    desk.until(VALUE, lambda value: value == "", field("id"), "an empty form")
    told = {"id": "ours", "title_zh": "本市影像", "title_en": "Our imagery", "attribution": "© 本市"}
    for name, value in told.items():
        page.fill(field(name), value)
    page.fill(field("address"), "https://webrd01.is.autonavi.com/{z}/{x}/{y}")
    save(desk)
    page.wait_for_selector(f"{PANE} .mantine-InputWrapper-error:has-text('GCJ-02')")
    page.fill(field("address"), f"{tiles.http}/ours/{{z}}/{{x}}/{{y}}")
    save(desk)
    page.wait_for_selector(".ag-row[row-id='ours']:has-text('Needs no key')")
    with processes.api("viewer") as viewer:
        assert viewer.get("/tiles/basemap/ours/0/0/0").status_code == 200


def test_it_is_changed_and_removed(desk: Desk, processes: System) -> None:
    page = desk.page
    put_away(desk)
    page.click("[data-key=base-map-ours]")
    desk.until(VALUE, lambda value: value == "Our imagery", field("title_en"), "its form")
    page.fill(field("title_en"), "Our own imagery")
    save(desk)
    page.wait_for_selector(".ag-row[row-id='ours']:has-text('Our own imagery')")
    page.click(f"{PANE} [data-key=remove-base-map]")
    page.click("[data-key=sure]:visible")
    page.wait_for_selector(".ag-row[row-id='ours']", state="detached")
    with processes.api("admin") as admin:
        assert [one["id"] for one in admin.get("/api/base-maps").json()["items"]] == ["tdt-img"]
        admin.delete("/api/base-maps/tdt-img")
    assert desk.complaints == []


def test_on_a_phone_it_fits(browser: Browser, processes: System) -> None:
    with window(browser, processes, "admin", PHONE) as desk:
        desk.page.goto(f"{processes.http}/base-maps")
        desk.page.wait_for_selector(READY, state="attached")
        assert desk.ask(TOO_WIDE) == []
        assert desk.serious_barriers() == []
