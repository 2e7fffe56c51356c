"""What a file is, in which characters it is written, and that an archive harms nobody."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import shapely

from core.errors import InputError
from core.i18n import say
from layers.imports.letters import encoding_of
from layers.imports.opening import Kind, kind_of, open_file
from tests.layers.brought import LAT, LON, frame, rows, shapefile, square, tables, zipped

# GDAL warns of names that it cuts and of what has no reference
pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NAMED = frame(
    [shapely.Point(LON, LAT), shapely.Point(LON, LAT + 0.01)], 网格编号=["010101", "010102"], 名称=["甲", "乙"]
)
GBK_CSV = "编号,名称,经度,纬度\n010101,甲,118.99,31.35\n".encode("gbk")


@pytest.mark.parametrize(
    ("driver", "kind"),
    [
        ("GPKG", Kind.GEOPACKAGE),
        ("ESRI Shapefile", Kind.SHAPEFILE),
        ("GeoJSON", Kind.GEOJSON),
        ("GeoJSONSeq", Kind.GEOJSON_SEQUENCE),
        ("KML", Kind.KML),
        ("XLSX", Kind.XLSX),
        ("CSV", Kind.CSV),
    ],
)
def test_a_file_is_known_by_its_content(tmp_path: Path, driver: str, kind: Kind) -> None:
    path = tmp_path / "what.shp" if driver == "ESRI Shapefile" else tmp_path / "what.dat"
    data = NAMED if driver not in ("XLSX", "CSV") else NAMED.drop(columns="geometry")
    if driver == "XLSX":
        import pyogrio

        pyogrio.write_dataframe(data, path.with_suffix(".xlsx"), driver=driver)
        path.with_suffix(".xlsx").rename(path)
    elif driver == "CSV":
        data.to_csv(path, index=False)
    elif driver == "GPKG":
        data.to_file(path.with_suffix(".gpkg"), driver=driver, engine="pyogrio")
        path.with_suffix(".gpkg").rename(path)
    else:
        data.to_file(path, driver=driver, engine="pyogrio")
    assert kind_of(path) is kind


@pytest.mark.parametrize("name", ["what.csv", "what.shp", "what.dat", "what"])
@pytest.mark.parametrize("driver", ["GPKG", "GeoJSON", "GeoJSONSeq", "KML"])
def test_it_is_read_by_its_content_too_whatever_it_is_called(tmp_path: Path, driver: str, name: str) -> None:
    written = tmp_path / f"a.{driver.lower()}"
    NAMED.to_file(written, driver=driver, engine="pyogrio")
    path = tmp_path / name
    written.rename(path)
    [table] = tables(path, tmp_path)
    read = [row for piece in table.pieces() for row in piece.rows]
    assert [row["网格编号"] for row in read] == ["010101", "010102"]
    assert [piece.shapes is not None for piece in table.pieces()] == [True]


def test_a_reader_that_fails_tells_nobody_where_files_lie_here(tmp_path: Path) -> None:
    path = tmp_path / "what.json"
    path.write_text('{"type": "nothing that GDAL knows"}')
    with pytest.raises(InputError) as caught:
        tables(path, tmp_path / "u")
    assert str(tmp_path) not in caught.value.message
    assert "what.json" in caught.value.message


def test_columns_of_one_name_are_all_read(tmp_path: Path) -> None:
    """Names of ten bytes: 主管部门名称 and 主管部门代码 are both 主管部 and a byte."""
    data = frame([shapely.Point(LON, LAT)], a123456789=["供水处"], b123456789=["10086"], name=["甲"])
    path = shapefile(tmp_path / "s", "cut", data, encoding="utf-8")
    table, cut = path.with_suffix(".dbf"), "主管部门".encode()[:10]
    table.write_bytes(table.read_bytes().replace(b"a123456789", cut).replace(b"b123456789", cut))
    [found] = tables(path, tmp_path)
    [piece] = found.pieces()
    assert piece.rows == [{"主管部": "供水处", "主管部2": "10086", "name": "甲"}]


def test_a_drawing_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "plan.txt"
    frame([square()], crs=None).to_file(path.with_suffix(".dxf"), driver="DXF", engine="pyogrio")
    path.with_suffix(".dxf").rename(path)
    assert kind_of(path) is Kind.DXF


@pytest.mark.parametrize("body", [b"\x89PNG\r\n\x1a\n\x00\x00\x01", b"%PDF-1.7\n\x00\x01\x02"])
def test_what_is_no_data_is_refused_with_what_is_read(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "x.shp").write_bytes(body)
    with pytest.raises(InputError, match=r"GeoPackage.*CSV"):
        open_file(tmp_path / "x.shp", tmp_path / "u")


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><kml>&b;</kml>',
        b'<kml xmlns="http://www.opengis.net/kml/2.2">' + b" " * (1 << 20) + b'<!ENTITY a "b"></kml>',
    ],
    ids=["laughs", "late"],
)
def test_xml_that_declares_entities_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "x.kml").write_bytes(body)
    with pytest.raises(InputError, match="DOCTYPE"):
        open_file(tmp_path / "x.kml", tmp_path / "u")


# --- archives (pyogrio#494, gdal#11836) ------------------------------------------------------------------------------


def parts_of(path: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in path.parent.glob(f"{path.stem}.*")}


@pytest.mark.parametrize("names", [None, "gbk"])
def test_a_shapefile_in_a_folder_of_an_archive_is_found_under_its_name(tmp_path: Path, names: str | None) -> None:
    made = shapefile(tmp_path / "made", "网格", NAMED)
    files = {f"数据/{name}": body for name, body in parts_of(made).items()}
    path = zipped(tmp_path / "z.zip", files, names)
    [table] = tables(path, tmp_path / "u")
    assert table.name.startswith("网格")
    assert [row["名称"] for row in rows(table)] == ["甲", "乙"]


def test_a_geodatabase_in_an_archive_is_found_under_any_name(tmp_path: Path) -> None:
    made = tmp_path / "x.gdb"
    NAMED.to_file(made, driver="OpenFileGDB", layer="grid", engine="pyogrio")
    files = {f"x.gdb/{one.name}": one.read_bytes() for one in made.iterdir()}
    [table] = tables(zipped(tmp_path / "b.zip", files), tmp_path / "u")
    assert table.found.kind is Kind.FILE_GEODATABASE
    assert table.count == 2


@pytest.mark.parametrize("name", ["../out.csv", "/etc/out.csv", "a/../../out.csv", "..\\out.csv", "C:/out.csv"])
def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "u"
    folder.mkdir()
    with pytest.raises(InputError, match="leads out of it"):
        open_file(zipped(tmp_path / "z.zip", {name: b"a,b\n1,2\n"}), folder)
    assert not list(tmp_path.glob("*.csv"))


def test_a_link_in_an_archive_is_passed_over(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr(link, str(secret))
        archive.writestr("data.csv", "c,d\n3,4\n")
    [table] = tables(tmp_path / "z.zip", tmp_path / "u")
    assert rows(table) == [{"c": "3", "d": "4"}]


def test_an_archive_that_would_grow_without_measure_is_refused_before_it_does(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.zip", {"a.csv": b"0" * (100 << 20)})
    folder = tmp_path / "u"
    folder.mkdir()
    with pytest.raises(InputError, match="would unpack to"):
        open_file(path, folder)
    assert not list(folder.iterdir())


def test_an_archive_with_nothing_to_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing in"):
        open_file(zipped(tmp_path / "z.zip", {"readme.txt": b"hello"}), tmp_path / "u")


# --- characters (pyogrio#380, #138) -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [True, False], ids=["cpg", "no-cpg"])
@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_a_shapefile_is_read_in_its_own_characters(tmp_path: Path, encoding: str, page: bool) -> None:
    [table] = tables(shapefile(tmp_path / "s", "a", NAMED, encoding, page=page), tmp_path / "u")
    found = rows(table)
    code, *_ = (field.name for field in table.fields)
    # ten bytes hold three characters of UTF-8 and a piece of the fourth
    assert code == ("网格编号" if encoding == "gbk" else "网格编")
    assert [row[code] for row in found] == ["010101", "010102"]
    assert [row["名称"] for row in found] == ["甲", "乙"]


def test_an_encoding_that_it_is_not_is_refused_and_not_stored_as_nonsense(tmp_path: Path) -> None:
    path = shapefile(tmp_path / "s", "a", NAMED, "gbk", page=False)
    with pytest.raises(InputError, match="cannot be read as utf-8") as caught:
        tables(path, tmp_path / "u", "utf-8")
    assert caught.value.field == "encoding"
    with pytest.raises(InputError, match="expected utf-8, gbk"):
        tables(path, tmp_path / "u2", "klingon")


def test_a_page_that_lies_is_not_believed(tmp_path: Path) -> None:
    path = shapefile(tmp_path / "s", "a", NAMED, "gbk")
    path.with_suffix(".cpg").write_text("UTF-8")
    [table] = tables(path, tmp_path / "u")
    assert [row["名称"] for row in rows(table)] == ["甲", "乙"]


@pytest.mark.parametrize(
    ("make", "encoding"),
    [
        (lambda text: text.encode("gbk"), "gb18030"),
        (lambda text: text.encode("utf-8"), "utf-8"),
        (lambda text: text.encode("utf-8-sig"), "utf-8-sig"),
        (lambda text: text.encode("utf-16"), "utf-16"),
        (lambda text: "𠮷野家".encode("gb18030") + text.encode("gb18030"), "gb18030"),
    ],
    ids=["gbk", "utf-8", "bom", "utf-16", "four-bytes"],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_text_with_separators_is_read_as_excel_writes_it(
    tmp_path: Path, make: Callable[[str], bytes], encoding: str, separator: str
) -> None:
    lines = "编号,名称,经度,纬度\r\n010101,甲,118.99,31.35\r\n".replace(",", separator)
    assert encoding_of(make(lines)) == encoding
    (tmp_path / "a.csv").write_bytes(make(lines))
    [table] = tables(tmp_path / "a.csv", tmp_path / "u")
    assert table.separator == separator
    [row] = rows(table)
    assert (row["名称"], row["经度"]) == ("甲", "118.99")


def test_text_cut_in_the_middle_of_a_character_is_still_known() -> None:
    assert encoding_of("网格".encode("gbk")[:-1]) == "gb18030"
    assert encoding_of("网格".encode()[:-1]) == "utf-8"


def test_names_that_are_missing_or_doubled_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,a,,b\n1,2,3,4\n")
    [table] = tables(tmp_path / "a.csv", tmp_path / "u")
    assert [field.name for field in table.fields] == ["a", "a_2", "column_3", "b"]


def test_a_row_that_is_too_long_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3,4,5\n6\n")
    [table] = tables(tmp_path / "a.csv", tmp_path / "u")
    [piece] = table.pieces()
    assert piece.faults == {1: say("refused.fields", n=2, got=3)}
    assert piece.rows[2] == {"a": "6", "b": None}


def test_numbers_of_a_spreadsheet_stay_as_they_are_written(tmp_path: Path) -> None:
    import pandas as pd
    import pyogrio

    data = pd.DataFrame({"编号": ["010101"], "经度": ["118.99"], "纬度": ["31.35"]})
    pyogrio.write_dataframe(data, tmp_path / "a.xlsx", driver="XLSX")
    [table] = tables(tmp_path / "a.xlsx", tmp_path / "u")
    assert rows(table) == [{"编号": "010101", "经度": "118.99", "纬度": "31.35"}]
    assert [field.type for field in table.fields] == ["text", "number", "number"]


def test_an_archive_is_no_archive_by_its_name(tmp_path: Path) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("a.csv", GBK_CSV)
    (tmp_path / "grid.dat").write_bytes(body.getvalue())
    [table] = tables(tmp_path / "grid.dat", tmp_path / "u")
    assert rows(table)[0]["名称"] == "甲"
