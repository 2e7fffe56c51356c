"""A layer goes out as files that the importer and GDAL read back as they were."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import pyogrio
import pytest
import shapely
from sqlalchemy import Connection

from core.errors import InputError
from core.scope import Scope
from layers.exports import export, short_names
from layers.imports.bring import bring
from layers.imports.suggest import suggest
from layers.own import OwnLayer, need_layer
from tests.layers.brought import LAT, LON, frame, square, tables
from tests.layers.test_bring import HEAD, NOW, ROWS, text_table

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")


@pytest.fixture
def points(conn: Connection, tmp_path: Path) -> OwnLayer:
    table = text_table(tmp_path, HEAD + ROWS)
    bring(conn, table, suggest(table, "parks")[0], "tester", NOW)
    return need_layer(conn, "parks")


@pytest.fixture
def areas(conn: Connection, tmp_path: Path) -> OwnLayer:
    path = tmp_path / "areas.gpkg"
    names = {"网格编号名称": ["010101", "010102"], "网格编号面积": [1.5, None], "fid_code": ["1", "1"]}
    frame([square(), square(LON + 0.01)], **names).to_file(path, driver="GPKG", engine="pyogrio")
    [table] = tables(path, tmp_path / "a")
    bring(conn, table, suggest(table, "areas", key="网格编号名称")[0], "tester", NOW)
    return need_layer(conn, "areas")


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "csv", "xlsx", "zip", "kml"])
def test_what_goes_out_comes_in_again_as_it_was(
    conn: Connection, points: OwnLayer, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"parks.{ending}"
    assert export(conn, points, path) == 3
    [table] = tables(path, tmp_path / "back")
    plan, _ = suggest(table, "parks", key=next(f.name for f in table.fields if f.name.startswith("编")))
    done = bring(conn, table, plan.model_copy(update={"remove_gone": True}), "tester", NOW)
    assert (done.read, done.refused, done.gone) == (3, 0, 0)
    if ending != "kml":
        assert (done.same, done.changed) == (3, 0), "to the last digit"


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "csv", "zip", "kml"])
def test_areas_come_in_again_too(conn: Connection, areas: OwnLayer, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"areas.{ending}"
    export(conn, areas, path)
    [table] = tables(path, tmp_path / "back")
    plan, _ = suggest(table, "back")
    assert plan.geometry == "polygon"
    done = bring(conn, table, plan, "tester", NOW)
    assert (done.read, done.added, done.refused) == (2, 2, 0)


@pytest.mark.parametrize("datum", ["GCJ-02", "BD-09", "EPSG:4547", "CGCS2000"])
def test_it_goes_out_in_the_datum_that_is_asked_for(
    conn: Connection, points: OwnLayer, tmp_path: Path, datum: str
) -> None:
    path = tmp_path / "parks.gpkg"
    export(conn, points, path, datum)
    first = pyogrio.read_dataframe(path).geometry[0]
    moved = abs(first.x - LON) > 1e-4
    assert moved == (datum != "CGCS2000")
    [table] = tables(path, tmp_path / "back")
    plan, _ = suggest(table, "back", datum)
    bring(conn, table, plan, "tester", NOW)
    again = tmp_path / "again.gpkg"
    export(conn, need_layer(conn, "back"), again)
    assert pyogrio.read_dataframe(again).geometry[0].distance(shapely.Point(LON, LAT)) < 1e-6


# mapshaper#669, pyshp#416
def test_names_of_a_shapefile_are_cut_on_characters_and_told(conn: Connection, areas: OwnLayer, tmp_path: Path) -> None:
    assert short_names(["网格编号名称", "网格编号面积", "abcdefghijkl", "ABCDEFGHIJKLM"]) == [
        "网格编",
        "网格编2",
        "abcdefghij",
        "ABCDEFGHI2",
    ]
    path = tmp_path / "areas.zip"
    export(conn, areas, path)
    with zipfile.ZipFile(path) as archive:
        names = dict(csv.reader(archive.read("areas.names.txt").decode("utf-8-sig").splitlines()))
    assert names == {"网格编": "网格编号名称", "网格编2": "网格编号面积", "fid_code": "fid_code"}


def test_text_begins_with_what_excel_knows_it_by(conn: Connection, points: OwnLayer, tmp_path: Path) -> None:
    path = tmp_path / "parks.csv"
    export(conn, points, path)
    body = path.read_bytes()
    assert body.startswith(b"\xef\xbb\xbf")
    first, second = list(csv.reader(body.decode("utf-8-sig").splitlines()))[:2]
    assert first == ["编号", "名称", "类型", "面积", "lon", "lat"]
    assert second == ["010101", "甲", "公园", "1.5", "118.99", "31.35"]


def test_nobody_takes_out_what_they_may_not_see(conn: Connection, points: OwnLayer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing in parks"):
        export(conn, points, tmp_path / "a.gpkg", scope=Scope(districts=frozenset({"999999"})))
    assert export(conn, points, tmp_path / "a.csv", scope=Scope(districts=frozenset({"999999"}))) == 0


def test_a_format_that_is_none_is_refused(conn: Connection, points: OwnLayer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected one of gpkg"):
        export(conn, points, tmp_path / "a.docx")
