"""The card of a row of a layer of the city's own: who keeps layers corrects its values and place, removes it, takes
that back; somebody else who was quicker is told of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from sqlalchemy import Engine

from layers.imports.bring import bring
from layers.imports.suggest import suggest
from tests.browser.desk import Desk, window
from tests.layers.brought import tables
from tests.support import System, now


@pytest.fixture(scope="module")
def well(processes: System, own_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("wells")
    [middle] = processes.rows(
        "SELECT ST_X(c) AS lon, ST_Y(c) AS lat FROM (SELECT ST_Centroid(extent) AS c FROM city) x"
    )
    lon, lat = float(middle["lon"]), float(middle["lat"])
    lines = "编号,名称,深度,开放,建成,经度,纬度\n" + "".join(
        f"w-{n},{name},{n}.5,是,2020-05-04,{lon + n * 1e-3},{lat}\n" for n, name in enumerate("甲乙丙")
    )
    (folder / "水井.csv").write_text(lines, "utf-8")
    [table] = tables(folder / "水井.csv", folder / "u")
    plan, _ = suggest(table, "wells")
    with own_engine.begin() as conn:
        bring(conn, table, plan, "tester", now())
    number = processes.one("SELECT id FROM layer_row WHERE layer_id = 'wells' AND key = 'w-0'")
    return {"id": f"wells/{number}", "url": f"/api/layers/wells/rows/{number}", "lon": lon, "lat": lat}


@pytest.fixture(scope="module")
def keeper(browser: Browser, processes: System, well: dict[str, Any]) -> Iterator[Desk]:
    with window(browser, processes, "admin", (1440, 900)) as desk:
        desk.open(f"{processes.http}/?test=1")
        desk.select("row", well["id"])
        desk.page.wait_for_selector("#card [data-act=row_values]")
        yield desk


def card(desk: Desk, words: str, what: str) -> None:
    desk.until("() => document.querySelector('#card')?.innerText ?? ''", lambda told: words in told, what=what)


def drawn(desk: Desk, version: int) -> None:
    """The card is of this version: what is pressed on an older one is refused."""
    ask = "() => document.querySelector('#card [data-act=row_values]')?.dataset.ask ?? '{}'"
    desk.until(ask, lambda told: f'"version": {version}' in told, what=f"the card of version {version}")


def send(desk: Desk) -> None:
    desk.page.click("#ask [data-testid=ask-send]")


def test_its_values_are_corrected_in_a_form_of_its_columns(
    keeper: Desk, processes: System, well: dict[str, Any]
) -> None:
    page = keeper.page
    page.click("#card [data-act=row_values]")
    assert page.input_value("#ask [name='values.深度']") == "0.5"
    assert page.input_value("#ask [name='values.建成']") == "2020-05-04"
    assert page.is_checked("#ask [name='values.开放'][value=true]")
    assert keeper.serious_barriers() == []
    page.fill("#ask [name='values.名称']", "新井")
    page.fill("#ask [name='values.深度']", "很深")
    page.click("#ask .pick:has([name='values.开放'][value=false])")
    send(keeper)
    page.wait_for_selector("#ask .fault:not([hidden])")
    assert "深度：应为数值，实为 '很深'" in page.inner_text("#ask .fault")
    page.fill("#ask [name='values.深度']", "")
    page.fill("#ask [name='reason']", "现场核对")
    send(keeper)
    drawn(keeper, 2)
    card(keeper, "新井", "the card is called by the new name")
    card(keeper, "现场核对", "its history says what was changed and why")
    [row] = processes.rows("SELECT props, version FROM layer_row WHERE layer_id = 'wells' AND key = 'w-0'")
    assert row == {"props": {"编号": "w-0", "名称": "新井", "开放": False, "建成": "2020-05-04"}, "version": 2}


def test_who_was_slower_is_told_in_the_form(keeper: Desk, processes: System, well: dict[str, Any]) -> None:
    page = keeper.page
    page.click("#card [data-act=row_values]")
    with processes.api("admin") as client:
        quick = client.patch(well["url"], json={"version": 2, "values": {"名称": "抢先"}})
        assert quick.status_code == 200, quick.text
    page.fill("#ask [name='values.名称']", "慢")
    send(keeper)
    page.wait_for_selector("#ask .fault:not([hidden])")
    assert "新变化" in page.inner_text("#ask .fault")
    drawn(keeper, 3)
    card(keeper, "抢先", "the card behind it is what the other has left")
    page.click("#ask .ask-end button[type=button]")
    page.click("#card [data-act=row_values]")
    assert page.input_value("#ask [name='values.名称']") == "抢先"
    page.fill("#ask [name='values.深度']", "3")
    send(keeper)
    drawn(keeper, 4)


def test_it_is_moved_removed_and_brought_back(keeper: Desk, processes: System, well: dict[str, Any]) -> None:
    page = keeper.page
    page.click("#card [data-act=row_place]")
    page.fill("#ask [name=place]", f"{well['lon'] + 0.002:.6f}, {well['lat']:.6f}")
    send(keeper)
    drawn(keeper, 5)
    assert "更正，位置" in page.inner_text("#card")
    page.click("#card [data-act=row_delete]")
    page.fill("#ask [name=reason]", "已填埋 100%")
    send(keeper)
    card(keeper, "已删除", "the card says that it was removed")
    assert processes.one("SELECT rows FROM layer WHERE id = 'wells'") == 2
    assert page.query_selector("#card [data-act=row_values]") is None
    assert "已填埋 100%" in page.inner_text("#card")
    assert keeper.serious_barriers() == []
    page.click("#card [data-act=row_back]")
    drawn(keeper, 6)
    assert "抢先" in page.inner_text("#card #card-title")
    [row] = processes.rows("SELECT ST_X(geom) AS lon FROM layer_row WHERE layer_id = 'wells' AND key = 'w-0'")
    assert row["lon"] == pytest.approx(well["lon"] + 0.002, abs=1e-6)


def test_who_keeps_no_layers_reads_its_history_and_is_offered_nothing(
    browser: Browser, processes: System, well: dict[str, Any], keeper: Desk
) -> None:
    with window(browser, processes, "dispatcher", (1280, 800)) as desk:
        desk.open(f"{processes.http}/?test=1")
        desk.select("row", well["id"])
        card(desk, "现场核对", "the history is there to read")
        assert desk.page.query_selector("#card [data-act^=row_]") is None
        assert desk.complaints == []


def test_nothing_was_complained_of(keeper: Desk) -> None:
    assert [one for one in keeper.complaints if "422" not in one and "409" not in one] == []


def test_a_component_is_corrected_in_a_form_of_its_entry(keeper: Desk, processes: System) -> None:
    [one] = processes.rows("SELECT id, version, COALESCE(grid, '') AS grid FROM asset ORDER BY id LIMIT 1")
    keeper.select("asset", one["id"])
    keeper.page.wait_for_selector("#card [data-act=asset_values]")
    keeper.page.click("#card [data-act=asset_values]")
    assert keeper.page.input_value("#ask [name='values.grid']") == one["grid"]
    assert keeper.serious_barriers() == []
    keeper.page.fill("#ask [name='values.keeper_dept']", "养护一队")
    send(keeper)
    card(keeper, "养护一队", "the card has the new keeper")
    [after] = processes.rows("SELECT keeper_dept, version FROM asset WHERE id = %s", one["id"])
    assert (after["keeper_dept"], after["version"]) == ("养护一队", one["version"] + 1)
