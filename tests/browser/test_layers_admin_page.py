"""The page of the city's own layers in a real browser: a file is dropped, looked at, mapped, checked, loaded, renewed;
the layer is changed and removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.desk import PHONE, TOO_WIDE, Desk, window
from tests.layers.test_bring import HEAD, ROWS
from tests.support import System

READY = 'html[data-ready="1"]'
PANE = "#layer-pane"
FIGURES = "[data-testid=bring-figures]"
COVERS = """标识码,名称,状态,养护单位,材质,经度,纬度
3205080101888881,上水井盖,破损,水务集团,铁,118.99,31.35
32,井盖,完好,水务集团,铁,118.99,31.35
"""
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "admin", (1280, 800)) as desk:
        desk.page.goto(f"{processes.http}/layers")
        desk.page.wait_for_selector(READY, state="attached")
        yield desk


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("brought")
    (folder / "绿地.csv").write_bytes((HEAD + ROWS + "010199,错,公园,1,12,12\n").encode("gbk"))
    (folder / "绿地2.csv").write_bytes((HEAD + ROWS.splitlines(keepends=True)[0].replace("甲", "甲园")).encode("gbk"))
    (folder / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    return folder


def bring(page: Page, path: Path) -> None:
    with page.expect_file_chooser() as choosing:
        page.click("[data-key=choose-file]")
    choosing.value.set_files(path)


def begin(page: Page) -> None:
    if page.locator(f"{PANE} h2").count():
        page.click(f"{PANE} header button")
        page.wait_for_selector(f"{PANE} h2", state="detached")
    page.click("[data-key=add-layer]")
    page.wait_for_selector(f"{PANE} [data-upload]")


def test_what_is_no_file_of_ours_is_said_where_it_was_dropped(desk: Desk, files: Path) -> None:
    begin(desk.page)
    bring(desk.page, files / "photo.png")
    error = desk.page.wait_for_selector(f"{PANE} .error")
    assert "GeoPackage" in error.inner_text()
    assert desk.page.locator("[data-key=choose-file]").is_enabled(), "another can be chosen at once"


def test_a_file_is_looked_at_mapped_checked_and_loaded(desk: Desk, files: Path, processes: System) -> None:
    page = desk.page
    begin(page)
    bring(page, files / "绿地.csv")
    page.wait_for_selector("[data-testid=bring-rows] td:has-text('甲')")
    assert "gb18030" in page.inner_text("[data-testid=bring-read]")
    assert desk.serious_barriers() == []
    page.fill(f"{PANE} [data-field=layer]", "Parks!")
    page.click("[data-key=check]")
    page.wait_for_selector(f"{PANE} .mantine-InputWrapper-error, {PANE} .form .error, .progress .error")
    page.fill(f"{PANE} [data-field=layer]", "parks-page")
    line = page.locator(f"{PANE} .line:has(input[value=面积])").first
    line.locator("[data-column=title_zh]").fill("面积（公顷）")
    page.click("[data-key=look]")
    page.wait_for_selector("[data-testid=bring-rows] th:has-text('面积（公顷）')")
    page.click("[data-key=check]")
    page.wait_for_selector(FIGURES)
    told = page.inner_text(FIGURES)
    assert all(words in told.replace("\n", "") for words in ("4读取", "3新增", "1未接受")), told
    assert processes.one("SELECT count(*) FROM layer WHERE id = 'parks-page'") == 0, "a check keeps nothing"
    assert page.get_attribute("[data-key=refused-file]", "href")
    page.click("[data-key=load]")
    page.wait_for_selector(".progress [data-key=on-map]")
    assert processes.one("SELECT rows FROM layer WHERE id = 'parks-page'") == 3
    page.wait_for_selector("[data-key=layer-parks-page]")


def test_the_next_file_renews_it_and_what_is_gone_is_offered(desk: Desk, files: Path, processes: System) -> None:
    page = desk.page
    page.click("[data-key=layer-parks-page]")
    page.click("[data-key=renew-layer]")
    bring(page, files / "绿地2.csv")
    page.wait_for_selector(f"{PANE} .warn:has-text('parks-page')")
    page.click("[data-key=load]")
    page.wait_for_selector("[data-key=take-away]")
    told = page.inner_text(FIGURES).replace("\n", "")
    assert "1变更" in told, told
    assert "2文件中已无" in told, told
    page.click("[data-key=take-away]")
    page.click("[data-key=sure]:visible")
    page.wait_for_selector(f"{FIGURES} :text('移除')")
    assert processes.one("SELECT rows FROM layer WHERE id = 'parks-page'") == 1


def test_it_is_called_something_else_and_removed(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key=layer-parks-page]")
    page.wait_for_selector(f"{PANE} .layer-detail")
    page.fill(f"{PANE} [data-field=title_zh]", "城市公园")
    page.fill(f"{PANE} [data-field=departments]", "parks")
    page.click(f"{PANE} [data-field='style.by']")
    page.click("[role=option]:visible:has-text('类型')")
    page.click(f"{PANE} [data-submit]")
    page.wait_for_selector(f"{PANE} h2:has-text('城市公园')")
    kept = processes.rows("SELECT title_zh, departments, version, style FROM layer WHERE id = 'parks-page'")
    [layer] = kept
    assert (layer["title_zh"], layer["departments"], layer["version"]) == ("城市公园", ["parks"], 4)
    assert layer["style"]["classes"] == [{"value": "公园", "upto": None, "token": "own-1"}]
    assert page.get_attribute("[data-key=export-gpkg]", "href") == "/api/layers/parks-page/export?format=gpkg"
    assert desk.serious_barriers() == []
    page.click("[data-key=remove-layer]")
    page.click("[data-key=sure]:visible")
    page.wait_for_selector("[data-key=layer-parks-page]", state="detached")
    assert processes.one("SELECT count(*) FROM layer WHERE id = 'parks-page'") == 0


def test_a_file_goes_into_the_register_of_components(desk: Desk, files: Path, processes: System) -> None:
    page = desk.page
    (files / "井盖.csv").write_text(COVERS, "utf-8")
    begin(page)
    page.click("#layer-target")
    page.click("[role=option]:visible:has-text('城市部件')")
    page.wait_for_selector(f"{PANE} [data-target=assets]")
    bring(page, files / "井盖.csv")
    page.wait_for_selector(f"{PANE} .warn:has-text('城市部件')")
    names = [node.input_value() for node in page.locator(f"{PANE} [data-column=name]").all()]
    assert names == ["id", "name_zh", "state", "keeper_dept", "材质"]
    page.click("[data-key=load]")
    page.wait_for_selector(".progress [data-key=on-map]")
    [row] = processes.rows("SELECT state, keeper_dept, attributes FROM asset WHERE id = '3205080101888881'")
    assert row == {"state": "damaged", "keeper_dept": "水务集团", "attributes": {"材质": "铁"}}
    assert "1未接受" in page.inner_text(FIGURES).replace("\n", "")


def test_points_are_given_an_icon_and_a_place_among_their_group(desk: Desk, files: Path, processes: System) -> None:
    page = desk.page
    for name in ("one", "two"):
        (files / f"{name}.csv").write_text("编号,经度,纬度\n1,118.99,31.35\n", "utf-8")
        begin(page)
        bring(page, files / f"{name}.csv")
        page.wait_for_selector("[data-testid=bring-rows]")
        page.fill(f"{PANE} [data-field=layer]", f"icon-{name}")
        page.click("[data-key=load]")
        page.wait_for_selector(".progress [data-key=on-map]")
    page.click("[data-key=layer-icon-two]")
    page.wait_for_selector(f"{PANE} .layer-detail")
    page.click(f"{PANE} details:has(.palette) summary")
    page.wait_for_selector("[data-key=icon-hydrant] .swatch[style*=image]")
    assert desk.serious_barriers() == []
    page.click("[data-key=icon-hydrant]")
    page.fill(f"{PANE} [data-field=title_en]", "Second")
    order = f"{PANE} .order li"
    assert page.locator(order).all_inner_texts()[-2:] == ["one", "two"]
    page.click("[data-key=layer-up]")
    page.wait_for_selector(f"{order}[aria-current]:nth-last-child(2)")
    assert page.locator(order).all_inner_texts()[-2:] == ["two", "one"]
    assert page.input_value(f"{PANE} [data-field='style.icon']") == "消火栓", "what is chosen and not saved stays"
    page.click(f"{PANE} [data-submit]")
    page.wait_for_selector(f"{PANE} h2:has-text('two')")
    page.wait_for_selector("text=已保存")
    sql = "SELECT id, title_en, style->>'icon' AS icon FROM layer WHERE starts_with(id, 'icon-') ORDER BY position"
    kept = processes.rows(sql)
    assert [(row["id"], row["title_en"], row["icon"]) for row in kept] == [
        ("icon-two", "Second", "hydrant"),
        ("icon-one", "one", None),
    ]
    page.click("[data-key=layer-down]")
    page.wait_for_selector(f"{order}[aria-current]:last-child")


def test_grid_cells_are_tried_made_and_shown(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click(f"{PANE} header button")
    page.click("[data-key=make-cells]")
    page.wait_for_selector("[data-testid=cells-form]")
    assert desk.serious_barriers() == []
    page.fill(f"{PANE} [data-field=size_m2]", "10")
    page.click("[data-key=cells-try]")
    page.wait_for_selector(f"{PANE} .mantine-InputWrapper-error")
    page.fill(f"{PANE} [data-field=size_m2]", "200000")
    page.click(f"{PANE} [data-field=district]")
    page.click("[role=option]:visible:has-text('凤山区')")
    page.click("[data-key=cells-try]")
    page.wait_for_selector("[data-testid=cells-measured] td:has-text('凤山区')")
    assert processes.one("SELECT count(*) FROM layer WHERE id = 'grid-cells'") == 0, "trying keeps nothing"
    page.click("[data-key=cells-make]")
    page.wait_for_selector("#layer-cells-state [data-key=on-map]")
    cells = processes.one("SELECT rows FROM layer WHERE id = 'grid-cells'")
    assert cells > 20
    assert f"{cells}新增" in page.inner_text("[data-testid=cells-figures]").replace("\n", "")
    assert desk.serious_barriers() == []
    assert desk.ask(TOO_WIDE) == []
    page.click("[data-key=layer-grid-cells]")
    page.wait_for_selector(f"{PANE} .layer-detail :text('系统生成，网格约 200,000 平方米')")


def test_making_grid_cells_is_stopped_and_found_again(desk: Desk, processes: System) -> None:
    page = desk.page
    page.click("[data-key=make-cells]")
    page.wait_for_selector("[data-testid=cells-form]")
    page.fill(f"{PANE} [data-field=size_m2]", "2500")
    page.fill(f"{PANE} [data-field=layer]", "small-cells")
    page.click("[data-key=cells-make]")
    page.wait_for_selector("[data-key=cells-stop]")
    page.click(f"{PANE} header button")
    page.wait_for_selector(f"{PANE} h2", state="detached")
    page.click("[data-key=make-cells]")
    page.click("[data-key=cells-stop]")
    page.wait_for_selector("#layer-cells-state .warn")
    assert processes.one("SELECT count(*) FROM layer WHERE id = 'small-cells'") == 0


def test_nothing_was_complained_of(desk: Desk) -> None:
    assert desk.complaints == []


def test_who_only_reads_takes_layers_out(browser: Browser, processes: System) -> None:
    with window(browser, processes, "viewer", (1280, 800), lang="en") as desk:
        desk.page.goto(f"{processes.http}/layers")
        desk.page.wait_for_selector(READY, state="attached")
        assert "Layers" in desk.page.inner_text("h1")
        assert desk.page.locator("[data-key=add-layer]").count() == 0


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, processes: System, files: Path) -> None:
    with window(browser, processes, "admin", PHONE) as desk:
        desk.page.goto(f"{processes.http}/layers")
        desk.page.wait_for_selector(READY, state="attached")
        begin(desk.page)
        bring(desk.page, files / "绿地.csv")
        desk.page.wait_for_selector("[data-testid=bring-rows]")
        assert desk.ask(TOO_WIDE) == []
