"""A layer goes out as files that the importer and GDAL read back as they were."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import replace
from pathlib import Path

import orjson
import pyogrio
import pytest
import shapely
from sqlalchemy import Connection, text

from core.errors import InputError
from core.scope import EVERYTHING, Classification, Scope
from layers.collection import Collection
from layers.exports import Source, export, read_pieces, short_names
from layers.imports.bring import bring
from layers.imports.ours import bring_ours, fitted
from layers.imports.registers import REGISTERS
from layers.imports.suggest import suggest
from layers.ogc.collections import OURS, collection
from layers.ogc.query import Asked, read_items, read_wanted, where
from tests.layers.brought import LAT, LON, frame, square, tables
from tests.layers.test_bring import HEAD, NOW, ROWS, text_table

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")


@pytest.fixture
def points(conn: Connection, tmp_path: Path) -> Collection:
    table = text_table(tmp_path, HEAD + ROWS)
    bring(conn, table, suggest(table, "parks")[0], "tester", NOW)
    return collection(conn, "parks")


@pytest.fixture
def areas(conn: Connection, tmp_path: Path) -> Collection:
    path = tmp_path / "areas.gpkg"
    names = {"网格编号名称": ["010101", "010102"], "网格编号面积": [1.5, None], "fid_code": ["1", "1"]}
    frame([square(), square(LON + 0.01)], **names).to_file(path, driver="GPKG", engine="pyogrio")
    [table] = tables(path, tmp_path / "a")
    bring(conn, table, suggest(table, "areas", key="网格编号名称")[0], "tester", NOW)
    return collection(conn, "areas")


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "csv", "xlsx", "zip", "kml"])
def test_what_goes_out_comes_in_again_as_it_was(
    conn: Connection, points: Collection, tmp_path: Path, ending: str
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
def test_areas_come_in_again_too(conn: Connection, areas: Collection, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"areas.{ending}"
    export(conn, areas, path)
    [table] = tables(path, tmp_path / "back")
    plan, _ = suggest(table, "back")
    assert plan.geometry == "polygon"
    done = bring(conn, table, plan, "tester", NOW)
    assert (done.read, done.added, done.refused) == (2, 2, 0)


@pytest.mark.parametrize("datum", ["GCJ-02", "BD-09", "EPSG:4547", "CGCS2000"])
def test_it_goes_out_in_the_datum_that_is_asked_for(
    conn: Connection, points: Collection, tmp_path: Path, datum: str
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
    export(conn, collection(conn, "back"), again)
    assert pyogrio.read_dataframe(again).geometry[0].distance(shapely.Point(LON, LAT)) < 1e-6


# mapshaper#669, pyshp#416
def test_names_of_a_shapefile_are_cut_on_characters_and_told(
    conn: Connection, areas: Collection, tmp_path: Path
) -> None:
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


def test_text_begins_with_what_excel_knows_it_by(conn: Connection, points: Collection, tmp_path: Path) -> None:
    path = tmp_path / "parks.csv"
    export(conn, points, path)
    body = path.read_bytes()
    assert body.startswith(b"\xef\xbb\xbf")
    first, second = list(csv.reader(body.decode("utf-8-sig").splitlines()))[:2]
    assert first == ["编号", "名称", "类型", "面积", "lon", "lat"]
    assert second == ["010101", "甲", "公园", "1.5", "118.99", "31.35"]


def test_nobody_takes_out_what_they_may_not_see(conn: Connection, points: Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing in parks"):
        export(conn, points, tmp_path / "a.gpkg", scope=Scope(districts=frozenset({"999999"})))
    assert export(conn, points, tmp_path / "a.csv", scope=Scope(districts=frozenset({"999999"}))) == 0


def test_a_format_that_is_none_is_refused(conn: Connection, points: Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected one of gpkg"):
        export(conn, points, tmp_path / "a.docx")


# --- ours -------------------------------------------------------------------------------------------------------------

OF_OURS = {"assets": "asset", "facilities": "facility", "districts": "district"}


@pytest.mark.parametrize("name", OF_OURS)
@pytest.mark.parametrize("ending", ["gpkg", "geojson", "csv", "xlsx", "zip", "kml"])
def test_our_registers_come_in_again_as_they_were(conn: Connection, tmp_path: Path, name: str, ending: str) -> None:
    path = tmp_path / f"{name}.{ending}"
    if name == "assets" and ending != "csv":  # one format with all of them is enough
        conn.execute(text("DELETE FROM asset WHERE right(id, 1) <> '7'"))
    count = int(conn.scalar(text(f"SELECT count(*) FROM {OF_OURS[name]}")) or 0)
    assert export(conn, collection(conn, name), path) == count > 1
    [table] = tables(path, tmp_path / "back")
    plan = fitted(suggest(table, name)[0], REGISTERS[name])
    done = bring_ours(conn, table, plan, "tester", NOW, file=path.name)
    assert (done.read, done.added, done.gone, done.refused) == (count, 0, 0, 0)
    if (name, ending) == ("districts", "zip"):
        return  # whose rings go the other way round
    assert done.same == count, "to the last digit and with no attribute more"


@pytest.mark.parametrize("one", OURS, ids=lambda one: str(one.id))
def test_every_collection_goes_out_with_its_columns(conn: Connection, one: Collection, tmp_path: Path) -> None:
    path = tmp_path / f"{one.id}.csv"
    count = export(conn, one, path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = list(csv.reader(file))
    assert len(rows) == count == conn.scalar(text(f"SELECT count(*) FROM {one.source} WHERE {one.seen}"), ALL)
    assert set(head) >= {column.name for column in one.columns}
    assert len({row[0] for row in rows}) == count or one.id in ("incidents", "alarms")


ALL = EVERYTHING.params()


def test_a_filter_and_a_box_leave_what_ogc_finds(conn: Connection, tmp_path: Path) -> None:
    words = "class = '02' AND state IN ('normal', 'damaged')"
    box = conn.scalar(text("SELECT concat_ws(',', ST_XMin(e), ST_YMin(e), (ST_XMin(e) + ST_XMax(e)) / 2, ST_YMax(e)) "
                           "FROM (SELECT ST_Extent(geom) AS e FROM asset) AS x"))  # fmt: skip
    one = collection(conn, "assets")
    wanted = read_wanted(words, box)
    shown = read_items(conn, one, replace(wanted, limit=10_000)).features
    path = tmp_path / "assets.geojson"
    assert export(conn, one, path, asked=wanted) == len(shown) > 0
    features = orjson.loads(path.read_bytes())["features"]
    assert [feature["properties"]["code"] for feature in features] == [feature["id"] for feature in shown]
    with pytest.raises(InputError, match="nothing in assets"):
        export(conn, one, tmp_path / "none.gpkg", asked=read_wanted("class = 'none'", None))


def test_a_large_layer_is_never_held_whole(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layers.exports.AT_ONCE", 1000)
    one = collection(conn, "assets")
    sizes = [len(piece.values) for piece in read_pieces(conn, Source(one, *where(one, Asked(), EVERYTHING)), None)]
    assert len(sizes) > 5
    assert set(sizes[:-1]) == {1000}


def test_a_filter_that_cannot_be_computed_is_the_askers(conn: Connection, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        export(conn, collection(conn, "streets"), tmp_path / "a.csv", asked=read_wanted("length_m ^ 999 > 1", None))
    assert caught.value.field == "filter"


def test_what_a_scope_does_not_see_stays(conn: Connection, tmp_path: Path) -> None:
    """District, department and classification, as /ogc has them."""
    conn.execute(text("UPDATE facility SET classification = 2 WHERE id = (SELECT min(id) FROM facility)"))
    conn.execute(text("UPDATE asset SET dept = 'elsewhere' WHERE id = (SELECT min(id) FROM asset)"))
    district = conn.scalar(text("SELECT district FROM asset GROUP BY 1 ORDER BY count(*) LIMIT 1"))
    scopes = [
        Scope(districts=frozenset({district})),
        Scope(departments=frozenset({"nobody"})),
        Scope(classification=Classification.INTERNAL),
    ]
    for scope in scopes:
        for name in ("assets", "facilities", "units"):
            one = collection(conn, name, scope)
            shown = conn.scalar(text(f"SELECT count(*) FROM {one.source} WHERE {one.seen}"), scope.params())
            assert export(conn, one, tmp_path / "a.csv", scope=scope) == shown
    everything = export(conn, collection(conn, "facilities"), tmp_path / "a.csv")
    assert export(conn, collection(conn, "facilities"), tmp_path / "a.csv", scope=scopes[2]) == everything - 1
    assets = collection(conn, "assets")
    whole, narrow = (export(conn, assets, tmp_path / "a.csv", scope=one) for one in (EVERYTHING, scopes[0]))
    assert 0 < narrow < whole
    assert export(conn, assets, tmp_path / "a.csv", scope=scopes[1]) < whole


def test_what_is_named_for_xml_and_spreadsheets_breaks_neither(conn: Connection, tmp_path: Path) -> None:
    odd = "<&\"'>\u0001 ]]> 甲 \u2028 =1+1"
    conn.execute(text("UPDATE facility SET name_zh = :odd"), {"odd": odd})
    for ending in ("kml", "xlsx", "geojson", "csv", "gpkg"):
        path = tmp_path / f"facilities.{ending}"
        export(conn, collection(conn, "facilities"), path)
        [table] = tables(path, tmp_path / ending)
        [piece] = table.pieces(1)
        wanted = odd if ending in ("geojson", "csv", "gpkg") else odd.replace("\u0001", "")
        assert piece.rows[0]["name_zh"] == wanted, ending


def test_a_sheet_says_what_it_cannot_hold(conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layers.writers.SHEET_ROWS", 2)
    with pytest.raises(InputError, match="at most 1 rows"):
        export(conn, collection(conn, "facilities"), tmp_path / "a.xlsx")
    monkeypatch.undo()
    monkeypatch.setattr("layers.writers.CELL", 20)
    with pytest.raises(InputError, match="wkt of row 1 has"):
        export(conn, collection(conn, "districts"), tmp_path / "a.xlsx")
