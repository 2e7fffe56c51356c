"""/api/analysis: subjects, answers, figures; table, map and chart as files."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import h3
import httpx
import pyogrio
import pytest
from sqlalchemy import Engine, text

from layers.imports.bring import bring
from layers.own import remove_layer
from tests.app.test_people_api import add, as_somebody
from tests.layers.brought import LAT, LON
from tests.layers.test_bring import plan_of, text_table
from tests.support import System, now

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture(scope="module")
def works(db: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A layer of the city's own, of which a category looks like a formula."""
    head = "编号,名称,类型,面积,经度,纬度\n"
    body = f"a,甲,=1+1,1.5,{LON},{LAT}\nb,乙,<b>道路,2,{LON},{LAT}\nc,丙,=1+1,,{LON + 0.001},{LAT}\n"
    table = text_table(tmp_path_factory.mktemp("works") / "t", head + body)
    with db.begin() as conn:
        bring(conn, table, plan_of(table, "works"), "tester", now())
    yield "works"
    with db.begin() as conn:
        remove_layer(conn, "works")


def ask(client: httpx.Client, path: str, **params: Any) -> Any:
    answer = client.get(f"/api/analysis{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer


def saved(client: httpx.Client, path: Path, subject: str, **params: Any) -> httpx.Response:
    answer: httpx.Response = ask(client, f"/{subject}/export", format=path.suffix[1:], **params)
    assert f'filename="onemap-{subject}{path.suffix}"' in answer.headers["content-disposition"]
    path.write_bytes(answer.content)
    return answer


def test_subjects_are_listed_page_by_page(viewer: httpx.Client, works: str) -> None:
    whole = ask(viewer, "").json()["items"]
    walked, cursor = [], None
    while True:
        page = ask(viewer, "", limit=3, **({"cursor": cursor} if cursor else {})).json()
        walked += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert walked == whole
    [own] = [one for one in whole if one["id"] == works]
    assert {"district", "h3:8", "名称", "类型"} <= {one["id"] for one in own["groupings"]}
    assert [one["id"] for one in own["measures"]] == ["count", "sum:面积", "mean:面积"]
    assert own["times"] == []


def test_groups_of_an_address_are_those_of_the_database(viewer: httpx.Client, db: Engine) -> None:
    found = ask(viewer, "/assets", by="h3:8", then="state").json()
    with db.connect() as conn:
        rows = conn.execute(text("SELECT state, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM asset")).all()
    stand = Counter((h3.latlng_to_cell(row.lat, row.lon, 8), row.state) for row in rows)
    assert {tuple(k["key"] for k in one["keys"]): one["count"] for one in found["groups"]} == stand
    assert found["total"]["count"] == len(rows)


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/nothing", 404, "subject"),
        ("/assets?by=hour", 422, "by"),
        ("/assets?colour=red", 422, "colour"),
        ("/assets?bbox=1,2,3", 422, "bbox"),
        ("/assets?from=soon", 422, "from"),
        ("/assets?to=2026-01-01T00:00:00", 422, "to"),
        ("/assets?district=999999", 422, "district"),
        ("/assets?column=state", 422, "value"),
        ("/assets?measure=median:x", 422, "measure"),
        ("/assets/figure?of=poem", 422, "of"),
        ("/assets/figure?column=state&value=nothing", 404, "of"),
        ("/assets/figure?by=class&of=map&column=state&value=nothing", 404, "of"),
        ("/assets/export?format=docx", 422, "format"),
        ("/assets/export?by=class&format=gpkg", 422, "by"),
        ("/assets/export?format=gpkg&column=state&value=nothing", 422, "by"),
        ("/nothing/export", 404, "subject"),
    ],
)
def test_what_cannot_be_answered_is_said(viewer: httpx.Client, path: str, status: int, field: str) -> None:
    answer = viewer.get(f"/api/analysis{path}")
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text


def test_a_stranger_is_told_nothing(stranger: httpx.Client) -> None:
    for path in ("", "/assets", "/assets/figure", "/assets/export"):
        assert stranger.get(f"/api/analysis{path}").status_code == 401


def test_an_account_of_a_district_is_told_of_that(
    served: System, officer: httpx.Client, viewer: httpx.Client, db: Engine
) -> None:
    whole = ask(viewer, "/facilities", by="district").json()
    code = whole["groups"][0]["keys"][0]["key"]
    add(officer, "counts-at-home", districts=[code])
    with db.begin() as conn:
        conn.execute(text("UPDATE account SET must_change = false WHERE username = 'counts-at-home'"))
    with as_somebody(served, db, "counts-at-home") as local:
        found = ask(local, "/facilities", by="district").json()
        assert [one["keys"][0]["key"] for one in found["groups"]] == [code]
        assert found["groups"][0]["count"] == whole["groups"][0]["count"]
        drawn = ask(local, "/facilities/figure", by="district", of="map").json()
        assert drawn["data"][0]["locations"] == drawn["data"][1]["locations"] == [code]
        rows = ask(local, "/facilities/export", by="district", then="kind").text.splitlines()
        assert {row.partition(",")[0] for row in rows[1:]} == {code}


# --- figures ----------------------------------------------------------------------------------------------------------


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from texts_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_of(one)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize(
    "asked",
    [
        {"by": "district"},
        {"by": "h3:8", "then": "class"},
        {"by": "year", "then": "class"},
        {"by": "weekday", "then": "month"},
        {"by": "month"},
        {"by": "district", "then": "year"},
    ],
)
def test_a_figure_speaks_one_language_in_colours(viewer: httpx.Client, asked: dict[str, str]) -> None:
    for of in ("chart", "map"):
        drawn = ask(viewer, "/assets/figure", of=of, lang="en", **asked).json()
        assert drawn["data"]
        said = list(texts_of(drawn))
        assert not [one for one in said if one.startswith("--") or re.search("[\u4e00-\u9fff]", one)]
        assert "zh" not in json.dumps(drawn).split('"')
        assert "Count" in " ".join(said)


def test_a_map_draws_every_group_and_nothing_but_the_areas_inside_out(viewer: httpx.Client) -> None:
    found = ask(viewer, "/assets", by="district").json()
    areas = ask(viewer, "/assets/figure", by="district", of="map").json()["data"][1]
    assert areas["locations"] == [one["keys"][0]["key"] for one in found["groups"]]
    assert {one["id"] for one in areas["geojson"]["features"]} == set(areas["locations"])
    # clockwise on the plane: else d3-geo takes the rest of the world for the inside
    for one in areas["geojson"]["features"]:
        ring = one["geometry"]["coordinates"][0]
        ring = ring[0] if one["geometry"]["type"] == "MultiPolygon" else ring
        area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))
        assert area < 0


def test_words_of_a_layer_are_no_markup(viewer: httpx.Client, works: str) -> None:
    drawn = ask(viewer, "/works/figure", by="类型").json()
    assert "&lt;b&gt;道路" in drawn["layout"]["yaxis"]["ticktext"]
    assert not [one for one in texts_of(drawn["data"]) if "<b>" in one]


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_table_as_csv(viewer: httpx.Client, works: str, tmp_path: Path) -> None:
    path = tmp_path / "works.csv"
    answer = saved(viewer, path, works, by="类型", measure="sum:面积")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf"), "Excel reads it as UTF-8"
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert {(row["类型"], row["数量"], row["面积合计"]) for row in rows} == {
        ("'=1+1", "2", "1.5"),
        ("<b>道路", "1", "2.0"),
    }
    english = ask(viewer, "/works/export", by="district", format="csv", lang="en").text
    assert english.lstrip("\ufeff").splitlines()[0] == "District key,District,Count,Share,Area (km²),Per km²"


def test_the_table_as_a_sheet(viewer: httpx.Client, tmp_path: Path) -> None:
    path = tmp_path / "assets.xlsx"
    saved(viewer, path, "assets", by="district", then="class")
    found = ask(viewer, "/assets", by="district", then="class").json()["groups"]
    with ZipFile(path) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    rows = sheet.findall(f".//{SHEET}row")
    assert len(rows) == len(found) + 1
    numbers = [float(cell.text or 0) for cell in rows[1].findall(f"{SHEET}c[@r='E2']/{SHEET}v")]
    assert numbers == [found[0]["count"]]


@pytest.mark.parametrize("ending", ["gpkg", "geojson"])
@pytest.mark.parametrize("by", ["district", "h3:8"])
def test_the_areas_as_a_map(viewer: httpx.Client, tmp_path: Path, ending: str, by: str) -> None:
    path = tmp_path / f"assets.{ending}"
    saved(viewer, path, "assets", by=by, then="class")
    found = ask(viewer, "/assets", by=by, then="class").json()["groups"]
    frame = pyogrio.read_dataframe(path)
    assert frame.crs.to_epsg() == 4326
    assert list(zip(frame["key_1"], frame["key_2"], frame["count"], strict=True)) == [
        (one["keys"][0]["key"], one["keys"][1]["key"], one["count"]) for one in found
    ]
    measured = frame.to_crs(frame.estimate_utm_crs()).area / 1e6
    assert (abs(measured / frame["km2"] - 1) < 2e-3).all(), "the area of each is that of its shape"


def test_chart_and_map_as_a_page_of_its_own(viewer: httpx.Client, tmp_path: Path) -> None:
    path = tmp_path / "facilities.html"
    answer = saved(viewer, path, "facilities", by="district", then="kind", lang="en")
    assert answer.headers["content-type"].startswith("text/html")
    page = path.read_text("utf-8")
    assert "<h1>Facilities · District × Kind · Count</h1>" in page
    assert page.count("<figure id=") == 2
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", page), "it needs nothing from anywhere"
    assert "PlotlyGeoAssets = { topojson: { world_110m:" in page
