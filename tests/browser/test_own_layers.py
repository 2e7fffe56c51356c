"""A layer of the city's own on the page: in the tree, on the map, its rows as cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from core.db import notify_change
from core.viewer import Viewer
from layers.imports.bring import bring
from layers.imports.suggest import suggest
from layers.own import remove_layer
from layers.own_changes import LayerChange, change_layer
from layers.styles import StyleIn
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


def test_points_are_drawn_gathered_and_one_by_one(
    desk: Desk, own_engine: Engine, park: dict[str, Any], tmp_path: Path
) -> None:
    """Many at one place are one dot below the zoom from which on each is drawn."""
    lon, lat = park["lon"], park["lat"]
    rows = "".join(f"w{n},井{n},{n},{lon + n * 2e-4},{lat}\n" for n in range(1, 9))
    (tmp_path / "wells.csv").write_text("编号,名称,深度,经度,纬度\n" + rows, "utf-8")
    [table] = tables(tmp_path / "wells.csv", tmp_path / "u")
    plan, _ = suggest(table, "wells")
    who = Viewer("tester", "Tester", "gis_officer", frozenset())
    with own_engine.begin() as conn:
        bring(conn, table, plan, "tester", now())
        style = StyleIn(by="深度", method="equal", count=4, size=8)
        change_layer(conn, "wells", LayerChange(version=1, style=style), who.scope, who, now())
    desk.page.wait_for_selector("#layer-tree [data-layer=wells]", state="attached")
    drawn = f"{MAP}.queryRenderedFeatures({{ layers: ['own/wells/dot'] }})"
    desk.ask(f"async at => {MAP}.jumpTo({{ center: at, zoom: 16 }})", [lon, lat])
    tones = f"async () => {drawn}.map(one => one.properties.tone)"
    desk.until(tones, lambda found: set(found) == {1, 2, 3, 4}, what="each is drawn in its class")
    desk.ask(f"async at => {MAP}.jumpTo({{ center: at, zoom: 11 }})", [lon, lat])
    counts = f"async () => {drawn}.map(one => one.properties.count)"
    desk.until(counts, lambda found: sum(found) >= 8 and max(found) > 1, what="they are gathered")
    with own_engine.begin() as conn:
        remove_layer(conn, "wells")
        notify_change(conn, "layer", ["wells"])
    desk.page.wait_for_selector("#layer-tree [data-layer=wells]", state="detached")
    desk.ask(f"async at => {MAP}.jumpTo({{ center: at, zoom: 15 }})", [lon + 0.002, lat + 0.002])


def test_points_with_an_icon_and_the_order_of_a_group(
    desk: Desk, own_engine: Engine, park: dict[str, Any], tmp_path: Path
) -> None:
    lon, lat = park["lon"], park["lat"]
    who = Viewer("tester", "Tester", "gis_officer", frozenset())
    for name in ("taps", "pumps"):
        (tmp_path / f"{name}.csv").write_text(f"编号,经度,纬度\n1,{lon},{lat}\n2,{lon + 1e-3},{lat}\n", "utf-8")
        [table] = tables(tmp_path / f"{name}.csv", tmp_path / name)
        plan, _ = suggest(table, name)
        with own_engine.begin() as conn:
            bring(conn, table, plan, "tester", now())
            style = StyleIn(icon="hydrant", colour="own-2")
            change_layer(conn, name, LayerChange(version=1, style=style), who.scope, who, now())
    desk.page.wait_for_selector("#layer-tree [data-layer=pumps]", state="attached")
    desk.page.wait_for_selector("#layer-tree [data-layer=taps] [data-swatch=own-hydrant-own-2]", state="attached")
    desk.ask(f"async at => {MAP}.jumpTo({{ center: at, zoom: 16 }})", [lon, lat])
    marks = f"async () => {MAP}.queryRenderedFeatures({{ layers: ['own/taps/mark'] }}).length"
    desk.until(marks, lambda count: count == 2, what="each is its mark")
    assert desk.ask(f"async () => {MAP}.hasImage('own-hydrant-own-2')")
    drawn = f"async () => {MAP}.getStyle().layers.map(one => one.id).filter(id => id.endsWith('/mark'))"
    assert desk.ask(drawn) == ["own/taps/mark", "own/pumps/mark"], "the first of the tree is drawn last"
    listed = "() => [...document.querySelectorAll('#layer-tree [data-layer]')].map(node => node.dataset.layer)"
    assert [name for name in desk.ask(listed) if name in ("taps", "pumps")] == ["pumps", "taps"]
    with own_engine.begin() as conn:
        change_layer(conn, "taps", LayerChange(version=2, above="pumps"), who.scope, who, now())
    desk.until(drawn, lambda found: found == ["own/pumps/mark", "own/taps/mark"], what="it is drawn above the other")
    desk.until(listed, lambda found: [n for n in found if n in ("taps", "pumps")] == ["taps", "pumps"])
    x, y = desk.ask(f"async at => {{ const p = {MAP}.project(at); return [p.x, p.y]; }}", [lon + 1e-3, lat])
    desk.page.mouse.click(x, y)
    facts = "() => document.querySelector('#card .facts')?.innerText ?? ''"
    desk.until(facts, lambda told: "taps" in told, what="a press meets what lies on top")
    desk.page.keyboard.press("Escape")
    with own_engine.begin() as conn:
        for name in ("taps", "pumps"):
            remove_layer(conn, name)
        notify_change(conn, "layer", ["taps", "pumps"])
    desk.page.wait_for_selector("#layer-tree [data-layer=taps]", state="detached")
    desk.ask(f"async at => {MAP}.jumpTo({{ center: at, zoom: 15 }})", [lon + 0.002, lat + 0.002])


def test_a_change_of_its_look_and_a_new_layer_are_there_without_loading_the_page_again(
    desk: Desk, own_engine: Engine, park: dict[str, Any], tmp_path: Path
) -> None:
    desk.ask("() => { window.still = true; }")
    who = Viewer("tester", "Tester", "gis_officer", frozenset())
    change = LayerChange(version=1, title_zh="按名称分色", style=StyleIn(by="名称", label=False))
    with own_engine.begin() as conn:
        change_layer(conn, "parks", change, who.scope, who, now())
    line = desk.page.locator("#layer-tree [data-layer=parks]")
    desk.page.wait_for_selector("#layer-tree [data-layer=parks] :text('按名称分色')", state="attached")
    assert PARK in line.locator("[data-legend]").first.evaluate("node => node.closest('li, div').textContent")
    tones = (
        f"""async () => {MAP}.queryRenderedFeatures({{ layers: ['own/parks/fill'] }}).map(one => one.properties.tone)"""
    )
    desk.until(tones, lambda found: 1 in found, what="the tile says the class of the park")
    assert desk.ask(f"async () => {MAP}.getLayer('own/parks/label') === undefined")
    data = frame([square(park["lon"] + 0.001, park["lat"] + 0.001, 0.002)], 编号=["q-1"], 名称=["新地块"])
    data.to_file(tmp_path / "b.gpkg", driver="GPKG", engine="pyogrio")
    [table] = tables(tmp_path / "b.gpkg", tmp_path / "u")
    plan, _ = suggest(table, "plots")
    with own_engine.begin() as conn:
        bring(conn, table, plan.model_copy(update={"title_zh": "地块", "title_en": "Plots"}), "tester", now())
    desk.page.wait_for_selector("#layer-tree [data-layer=plots]", state="attached")
    drawn = f"async () => {MAP}.queryRenderedFeatures({{ layers: ['own/plots/fill'] }}).length"
    desk.until(drawn, lambda count: count > 0, what="the new layer is drawn")
    with own_engine.begin() as conn:
        remove_layer(conn, "plots")
        notify_change(conn, "layer", ["plots"])
    desk.page.wait_for_selector("#layer-tree [data-layer=plots]", state="detached")
    assert desk.ask(f"async () => {MAP}.getSource('own/plots') === undefined")
    assert desk.ask("() => window.still") is True


def test_nothing_was_complained_of(desk: Desk) -> None:
    assert desk.complaints == []
