"""Base maps of others on the map: asked for when turned on and not before, drawn below, told whose they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.desk import MAP, Desk, window
from tests.support import System, wait_for
from tests.tileserver import COLOUR, TileServer, tile_server

pytestmark = pytest.mark.timeout(300)
ROW = '[data-layer="basemap/imagery"]'
CREDITS = "#map-credits"
# how many of the map's pixels have the colour of the test's tiles
SEEN = f"""async () => {{
  const source = {MAP}.getCanvas(), copy = new OffscreenCanvas(200, 120), pen = copy.getContext('2d');
  pen.drawImage(source, 0, 0, 200, 120);
  const data = pen.getImageData(0, 0, 200, 120).data;
  let count = 0;
  const wanted = {list(COLOUR)};
  for (let at = 0; at < data.length; at += 4)
    if (wanted.every((value, part) => Math.abs(data[at + part] - value) < 6)) count += 1;
  return count;
}}"""


@pytest.fixture(scope="module")
def tiles() -> Iterator[TileServer]:
    with tile_server() as server:
        yield server


@pytest.fixture(scope="module")
def direct(processes: System, tiles: TileServer) -> Iterator[bool]:
    """Two of the same server: one through us, one that browsers ask themselves."""
    with processes.api("admin") as admin:
        for name, direct in (("imagery", False), ("plain", True)):
            given = {
                "title_zh": "影像", "title_en": "Imagery", "attribution": f"© {name}", "direct": direct,
                "attribution_url": "https://example.org/", "address": f"{tiles.http}/{name}/{{z}}/{{x}}/{{y}}",
            }  # fmt: skip
            assert admin.put(f"/api/base-maps/{name}", json=given).status_code == 200
        with processes.api("viewer") as viewer:
            wait_for(lambda: tiles.http in viewer.get("/").headers["content-security-policy"])
            wait_for(lambda: viewer.get("/tiles/basemap/imagery/0/0/0").status_code == 200)
        tiles.paths.clear()
        yield True
        for name in ("imagery", "plain"):
            admin.delete(f"/api/base-maps/{name}")


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System, direct: bool) -> Iterator[Desk]:
    with window(browser, processes, "dispatcher", (1280, 800)) as desk:
        yield desk.open(f"{processes.http}/?test=1")


def switch(desk: Desk, name: str) -> None:
    desk.page.locator(f'[data-layer="basemap/{name}"] .mantine-Switch-track').click()


def test_nobody_is_asked_until_it_is_turned_on(desk: Desk, tiles: TileServer) -> None:
    desk.page.wait_for_selector(ROW)
    assert "底图" in desk.page.inner_text("#layer-tree")
    assert desk.page.locator(CREDITS).is_hidden()
    assert tiles.paths == []


@pytest.mark.parametrize("name", ["imagery", "plain"])
def test_turned_on_it_lies_below_and_says_whose_it_is(desk: Desk, tiles: TileServer, name: str) -> None:
    assert desk.ask(SEEN) == 0
    switch(desk, name)
    desk.page.wait_for_selector(f"{CREDITS}:visible")
    assert desk.page.inner_text(CREDITS) == f"© {name}"
    wait_for(lambda: desk.ask(SEEN) > 200)
    assert {path.split("/")[1] for path in tiles.paths} == {name}
    order = desk.ask(f"async () => {MAP}.getStyle().layers.map(({{ id }}) => id)")
    assert order.index(f"basemap/{name}") < order.index("green-fill"), "only the paper lies below"
    switch(desk, name)
    wait_for(lambda: desk.ask(SEEN) == 0)
    assert desk.page.locator(CREDITS).is_hidden()
    tiles.paths.clear()
    assert desk.complaints == []
    assert desk.serious_barriers() == []


def test_where_it_cannot_be_reached_the_map_stays_and_says_so(desk: Desk, tiles: TileServer) -> None:
    tiles.status = 503
    desk.ask(f"async () => {MAP}.jumpTo({{ zoom: 16 }})")
    switch(desk, "imagery")
    desk.page.wait_for_selector(f"{ROW}[data-failed]")
    assert desk.ask(f"async () => {MAP}.queryRenderedFeatures().length") > 0
    tiles.status = 200
    desk.ask(f"async () => {MAP}.jumpTo({{ zoom: 14 }})")
    desk.page.wait_for_selector(f"{ROW}:not([data-failed])", state="attached")
    desk.complaints.clear()
