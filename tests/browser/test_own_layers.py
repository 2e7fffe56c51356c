"""A layer of the city's own on the page: in the tree, on the map, its rows as cards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from layers.imports.bring import bring
from layers.imports.suggest import suggest
from tests.browser.desk import MAP, Desk, window
from tests.layers.brought import frame, square, tables
from tests.support import System, now

PARK = "中心公园"
DRAWN = f"""async () => {MAP}.queryRenderedFeatures({{
  layers: {MAP}.getStyle().layers.map(layer => layer.id).filter(id => id.startsWith('own/')) }}).length"""


@pytest.fixture(scope="module")
def park(processes: System, own_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One area in the middle of the city."""
    folder = tmp_path_factory.mktemp("park")
    [middle] = processes.rows(
        "SELECT ST_X(c) AS lon, ST_Y(c) AS lat FROM (SELECT ST_Centroid(extent) AS c FROM city) x"
    )
    lon, lat = float(middle["lon"]), float(middle["lat"])
    data = frame([square(lon, lat, 0.004)], 编号=["p-1"], 名称=[PARK], 面积=[12.5], 开放=[True])
    data.to_file(folder / "a.gpkg", driver="GPKG", engine="pyogrio")
    [table] = tables(folder / "a.gpkg", folder / "u")
    plan, _ = suggest(table, "parks")
    with own_engine.begin() as conn:
        bring(conn, table, plan.model_copy(update={"title_zh": "城市公园", "title_en": "City parks"}), "tester", now())
    return {"lon": lon, "lat": lat, "id": f"parks/{processes.one('SELECT min(id) FROM layer_row')}"}


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System, park: dict[str, Any]) -> Iterator[Desk]:
    with window(browser, processes, "dispatcher", (1440, 900)) as desk:
        yield desk.open(f"{processes.http}/?test=1")


def test_it_stands_in_the_tree_with_its_count(desk: Desk) -> None:
    line = desk.page.locator("#layer-tree [data-layer=parks]")
    assert "城市公园" in line.inner_text()
    assert desk.page.inner_text("[data-count-of=parks]") == "1"
    assert "部门图层" in desk.page.inner_text("#layer-tree")


def test_it_is_drawn_and_switched(desk: Desk, park: dict[str, Any]) -> None:
    desk.ask(f"async at => {MAP}.jumpTo({{ center: at, zoom: 15 }})", [park["lon"] + 0.002, park["lat"] + 0.002])
    desk.until(DRAWN, lambda count: count > 0, what="the park is drawn")
    switch = desk.page.locator("#layer-tree [data-layer=parks] input[type=checkbox]")
    switch.click(force=True)
    desk.until(DRAWN, lambda count: count == 0, what="it is switched off")
    switch.click(force=True)
    desk.until(DRAWN, lambda count: count > 0, what="and on again")


def test_a_press_on_its_edge_opens_its_card_with_its_columns(desk: Desk, park: dict[str, Any]) -> None:
    desk.until(DRAWN, lambda count: count > 0)
    x, y = desk.ask(
        f"async at => {{ const p = {MAP}.project(at); return [p.x, p.y]; }}", [park["lon"], park["lat"] + 0.001]
    )
    desk.page.mouse.click(x, y)
    desk.page.wait_for_selector("#card #card-title")
    assert desk.page.inner_text("#card-title") == PARK
    facts = desk.page.inner_text("#card .facts")
    for words in ("图层", "城市公园", "编号", "p-1", "面积", "12.5", "开放", "是"):
        assert words in facts
    assert desk.serious_barriers() == []


def test_it_is_found_by_its_initials_with_its_layers_title_and_opens_its_card(desk: Desk) -> None:
    desk.page.keyboard.press("Escape")
    desk.page.fill("#search", "zxgy")
    found = "() => [...document.querySelectorAll('#search-results [role=option]')].map(hit => hit.innerText)"
    hits = desk.until(found, lambda hits: any(PARK in hit for hit in hits), what="the park is found by its initials")
    [place] = [at for at, hit in enumerate(hits) if PARK in hit]
    assert "图层要素" in hits[place]
    assert "城市公园" in hits[place]
    for _ in range(place + 1):
        desk.page.keyboard.press("ArrowDown")
    desk.page.keyboard.press("Enter")
    desk.until("() => document.querySelector('#card #card-title')?.innerText", lambda title: title == PARK)
    assert "p-1" in desk.page.inner_text("#card .facts")


def test_nothing_was_complained_of(desk: Desk) -> None:
    assert desk.complaints == []
