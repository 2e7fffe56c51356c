"""Our layers as a QGIS project and as layer definitions: what is written, and, where QGIS is installed, what QGIS makes
of it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, get_args
from xml.etree.ElementTree import Element, fromstring
from zipfile import ZipFile

import httpx
import pytest
from pyproj import Transformer
from sqlalchemy import Connection, Engine, text

from app.ogc.pictograms import pictograms
from app.ogc.qgis import Served, Shown, definition, light_tokens, mercator, scale
from core.scope import EVERYTHING
from core.vocabulary import table
from layers.collection import Collection
from layers.columns import Column
from layers.drawing import BY, Drawing, DrawnClass, drawing_of_ours
from layers.imports.bring import bring
from layers.imports.suggest import suggest
from layers.ogc.collections import OURS
from layers.own import need_layer, remove_layer
from layers.styles import Icon, StyleIn, compiled
from tests.app.qgis_tool import WHERE_THERE, run_qgis
from tests.layers.test_bring import HEAD, NOW, ROWS, text_table
from tests.support import System


def get(client: httpx.Client, path: str, lang: str = "en", **query: str) -> httpx.Response:
    answer = client.get(path, params=query, headers={"Accept-Language": lang})
    assert answer.status_code == 200, answer.text
    return answer


def parsed(body: bytes) -> Element:
    if body.startswith(b"PK"):
        with ZipFile(BytesIO(body)) as archive:
            assert archive.namelist() == ["onemap.qgs"]
            body = archive.read("onemap.qgs")
    return fromstring(body)


def layers_of(root: Element) -> dict[str, Element]:
    return {str(one.findtext("id")).removeprefix("onemap_"): one for one in root.iter("maplayer")}


def address_of(one: Element) -> str:
    found = re.search(r" url='([^']*)'", one.findtext("datasource") or "")
    assert found
    return found[1]


@pytest.fixture(scope="module")
def styled(db: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A layer of the city's own in classes of a number."""
    table_ = text_table(tmp_path_factory.mktemp("parks"), HEAD + ROWS)
    with db.begin() as conn:
        bring(conn, table_, suggest(table_, "parks_q")[0], "tester", NOW)
        set_style(conn, "parks_q", StyleIn(by="面积", method="equal", count=2))
    yield "parks_q"
    with db.begin() as conn:
        remove_layer(conn, "parks_q")


def set_style(conn: Connection, name: str, style: StyleIn) -> None:
    kept = compiled(conn, name, need_layer(conn, name).columns, style)
    conn.execute(
        text("UPDATE layer SET style = CAST(:style AS jsonb) WHERE id = :id"), {"style": json.dumps(kept), "id": name}
    )


def test_the_project_has_every_layer_in_its_group(
    viewer: httpx.Client, feed_token: str, styled: str, served: System
) -> None:
    answer = get(viewer, "/ogc/onemap.qgz", token=feed_token)
    assert answer.headers["content-disposition"] == 'attachment; filename="onemap.qgz"'
    root = parsed(answer.content)
    assert root.tag == "qgis"
    listed = {one["id"] for one in viewer.get("/ogc/collections").json()["collections"]}
    assert set(layers_of(root)) == listed >= {styled, *(one.id for one in OURS)}
    groups = {
        one.get("name"): [leaf.get("id") for leaf in one.iter("layer-tree-layer")]
        for one in root.findall("./layer-tree-group/layer-tree-group")
    }
    words = table("layer_groups")
    assert list(groups) == [row["en"] for row in words.values() if row["en"] in groups]
    assert groups["Base"] == ["onemap_districts", "onemap_streets", "onemap_buildings", "onemap_water", "onemap_green"]
    assert groups[words["own"]["en"]] == [f"onemap_{styled}"]
    order = [one.text for one in root.findall("./layer-tree-group/custom-order/item")]
    assert sorted(map(str, order)) == sorted(f"onemap_{one}" for one in listed)
    assert order[-1] == "onemap_districts", "the ground lies below"
    assert root.findtext("projectCrs/spatialrefsys/authid") == "EPSG:3857"
    assert address_of(layers_of(root)["assets"]) == f"{served.http}/ogc?token={feed_token}"


def test_titles_are_in_the_language_that_is_asked_for(viewer: httpx.Client) -> None:
    for lang, name, column in (("zh-CN", "重点设施", "类别"), ("en", "Facilities", "Kind")):
        answer = get(viewer, "/ogc/collections/facilities/onemap.qlr", lang)
        [one] = layers_of(parsed(answer.content)).values()
        assert one.findtext("layername") == name
        assert one.find("aliases/alias[@field='kind']").get("name") == column  # type: ignore[union-attr]
        assert answer.headers["content-language"][:2] == lang[:2]


def test_renderers_are_those_of_the_map(viewer: httpx.Client, styled: str) -> None:
    layers = layers_of(parsed(get(viewer, "/ogc/onemap.qgz").content))
    renderers = {name: one.find("renderer-v2") for name, one in layers.items()}
    kinds = {name: one.get("type") for name, one in renderers.items() if one is not None}
    assert kinds == {
        name: "categorizedSymbol" if name in BY else "graduatedSymbol" if name == styled else "singleSymbol"
        for name in layers
    }
    incidents = layers["incidents"].find("renderer-v2")
    assert incidents is not None
    assert [one.get("value") for one in incidents.iter("category")] == list(table("levels"))
    first = incidents.find("symbols/symbol[@name='0']/layer/Option/Option[@name='color']")
    assert first is not None
    red, green, blue = (int(light_tokens()["level-1"][at : at + 2], 16) for at in (1, 3, 5))
    assert first.get("value") == f"{red},{green},{blue},255"
    spans = [(one.get("lower"), one.get("upper")) for one in layers[styled].iter("range")]
    assert (spans[0][0], spans[-1][1]) == ("-1e+308", "1e+308")
    assert spans[0][1] == spans[1][0]
    assert float(str(layers["facilities"].get("minScale"))) == pytest.approx(scale(13), abs=1)
    assert layers["facilities"].get("hasScaleBasedVisibilityFlag") == "1"


def test_only_the_token_of_the_address_goes_on(viewer: httpx.Client, stranger: httpx.Client, feed_token: str) -> None:
    """Neither a session nor a bearer token, which a file would give away."""
    for client, headers in ((viewer, {}), (stranger, {"Authorization": f"Bearer {feed_token}"})):
        answer = client.get("/ogc/collections/units/onemap.qlr", headers=headers)
        assert answer.status_code == 200
        assert "token" not in answer.text
    assert stranger.get("/ogc/onemap.qgz").status_code == 401
    assert stranger.get("/ogc/onemap.qgz", params={"token": "wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/ogc/collections/nothing/onemap.qlr", 404, "layer"),
        ("/ogc/onemap.qgz?f=html", 400, "f"),
        ("/ogc/collections/assets/onemap.qlr?colour=red", 400, "colour"),
    ],
)
def test_what_cannot_be_asked_is_said(viewer: httpx.Client, path: str, status: int, field: str) -> None:
    answer = viewer.get(path)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text


def test_pages_lead_there_with_their_token(viewer: httpx.Client, feed_token: str) -> None:
    html = {"Accept": "text/html"}
    assert "/ogc/onemap.qgz?token=" in viewer.get("/ogc", params={"token": feed_token}, headers=html).text
    page = viewer.get("/ogc/collections/assets", params={"f": "html"}).text
    assert '/ogc/collections/assets/onemap.qlr"' in page, "and without what is a page's own"


# --- what is written, without a server --------------------------------------------------------------------------------

ODD = "<&\"'>\x01]]>"


def shown(**changes: Any) -> Shown:
    values = ((Column(ODD, "text", {"zh": ODD, "en": ODD}), "x"),)
    one = Collection("odd", {"zh": ODD, "en": ODD}, "t", "id", "true", values, "row", taken=values)
    drawing: Mapping[str, Any] = {"group": "own", "geometry": "polygon", "token": "own-1", **changes}
    return Shown(one, Drawing(**drawing))


@pytest.mark.parametrize(
    ("icon", "size", "drawn"),
    [("tree", None, ("24", "filled")), ("wind", 19.0, ("48", "stroked"))],
    ids=["usual", "large and of lines"],
)
def test_points_with_a_pictogram_are_drawn_with_it(icon: str, size: float | None, drawn: tuple[str, str]) -> None:
    """The picture stands in the file, in the colour of each class."""
    classes = (DrawnClass({"zh": "甲", "en": "A"}, "own-1", "a"), DrawnClass({"zh": "", "en": ""}, "muted"))
    told = shown(geometry="point", icon=icon, size=size, by="k", classes=classes)
    root = fromstring(definition(told, Served("http://h/ogc", "zh")))
    layers = root.findall(".//symbols/symbol/layer")
    assert [one.get("class") for one in layers] == ["SvgMarker", "SvgMarker"]
    for layer, token in zip(layers, ("own-1", "muted"), strict=True):
        options = {str(one.get("name")): str(one.get("value")) for one in layer.iter("Option") if one.get("name")}
        assert (options["size"], options["size_unit"]) == (drawn[0], "Pixel")
        kind, _, body = options["name"].partition(":")
        assert kind == "base64"
        picture = fromstring(base64.b64decode(body))
        assert picture.tag == "{http://www.w3.org/2000/svg}svg"
        [path] = picture.iter("{http://www.w3.org/2000/svg}path")
        assert path.get("d") == getattr(pictograms()[icon], drawn[1])
        assert light_tokens()[token] in (path.get("fill"), path.get("stroke"))


def test_every_pictogram_that_can_be_chosen_has_a_drawing() -> None:
    assert set(get_args(Icon)) <= set(pictograms())


def test_icon_of_a_layers_style_is_drawn(viewer: httpx.Client, styled: str, db: Engine) -> None:
    with db.begin() as conn:
        set_style(conn, styled, StyleIn(icon="tree"))
    try:
        one = layers_of(parsed(get(viewer, "/ogc/onemap.qgz").content))[styled]
        [layer] = one.findall("renderer-v2/symbols/symbol/layer")
        assert layer.get("class") == "SvgMarker"
    finally:
        with db.begin() as conn:
            set_style(conn, styled, StyleIn(by="面积", method="equal", count=2))


def test_whatever_things_are_called_it_is_well_formed() -> None:
    classes = (DrawnClass({"zh": ODD, "en": ODD}, "own-1", ODD), DrawnClass({"zh": "", "en": ""}, "muted"))
    names = {"zh": ODD, "en": ODD}
    body = definition(shown(by=ODD, classes=classes, names=names), Served("http://h/ogc?token=a&b='c'", "zh"))
    root = fromstring(body)
    assert root.findtext("maplayers/maplayer/layername") == ODD.replace("\x01", "")
    assert [one.get("value") for one in root.iter("category")] == [ODD.replace("\x01", ""), ""]
    assert "url='http://h/ogc?token=a&b=\\'c\\''" in str(root.findtext("maplayers/maplayer/datasource"))


def test_a_table_without_a_place_has_no_symbols() -> None:
    root = fromstring(definition(shown(geometry=None), Served("http://h/ogc", "en")))
    assert root.find("maplayers/maplayer/renderer-v2") is None
    assert root.find("maplayers/maplayer").get("geometry") == "No geometry"  # type: ignore[union-attr]


def test_scales_and_places_are_reckoned_as_qgis_does() -> None:
    assert scale(0) == pytest.approx(295_829_355, rel=1e-6)
    assert mercator(180, 0)[0] == pytest.approx(20_037_508.343, abs=0.01)
    there = Transformer.from_crs(4326, 3857, always_xy=True)
    assert mercator(118.9, 31.3) == pytest.approx(there.transform(118.9, 31.3), abs=0.01)


def test_every_token_that_is_drawn_with_has_a_colour() -> None:
    for one in OURS:
        drawing = drawing_of_ours(one)
        assert {drawing.token, *(part.token for part in drawing.classes)} <= set(light_tokens()), one.id


# --- QGIS -------------------------------------------------------------------------------------------------------------


def opened(path: Path, tmp_path: Path) -> dict[str, Any]:
    found, said = run_qgis("qgis_opens.py", str(path), str(tmp_path / "map.png"), home=tmp_path)
    assert found["read"], (found["why"], said)
    return found


@WHERE_THERE
@pytest.mark.timeout(600)
def test_qgis_opens_the_project(viewer: httpx.Client, feed_token: str, styled: str, db: Engine, tmp_path: Path) -> None:
    path = tmp_path / "onemap.qgz"
    path.write_bytes(get(viewer, "/ogc/onemap.qgz", "zh-CN", token=feed_token).content)
    found = opened(path, tmp_path)
    layers = {key.removeprefix("onemap_"): one for key, one in found["layers"].items()}
    assert found["crs"] == "EPSG:3857"
    assert found["groups"][0] == "基础地理"
    west, south, east, north = found["extent"]
    assert west < mercator(119, 31.35)[0] < east
    assert south < mercator(119, 31.35)[1] < north
    with db.connect() as conn:
        counts = {
            one.id: conn.scalar(text(f"SELECT count(*) FROM {one.source} WHERE {one.seen}"), EVERYTHING.params())
            for one in OURS
        }
    assert {name: one["count"] for name, one in layers.items()} == {**counts, styled: 3}
    assert all(one["valid"] for one in layers.values()), {k: v for k, v in layers.items() if not v["valid"]}
    assert layers["assets"]["renderer"] == "categorizedSymbol"
    assert layers["assets"]["classes"]["04"] == light_tokens()["asset-04"]
    assert layers["assets"]["least"] == pytest.approx(scale(13), rel=1e-6)
    assert layers["facilities"]["classes"].keys() == {"rescue", "sensitive", "hazardous", "other"}
    assert layers["buildings"]["colour"] == light_tokens()["map-building"]
    assert layers["facilities"]["labels"]
    assert (layers[styled]["renderer"], len(layers[styled]["classes"])) == ("graduatedSymbol", 2)
    assert {one["crs"] for one in layers.values()} <= {"OGC:CRS84", "EPSG:4326"}
    assert found["order"][-1] == "行政区"
    assert found["colours"] > 8


@WHERE_THERE
def test_qgis_takes_a_layer_definition(viewer: httpx.Client, feed_token: str, db: Engine, tmp_path: Path) -> None:
    path = tmp_path / "units.qlr"
    path.write_bytes(get(viewer, "/ogc/collections/facilities/onemap.qlr", token=feed_token).content)
    [one] = opened(path, tmp_path)["layers"].values()
    with db.connect() as conn:
        assert one["count"] == conn.scalar(text("SELECT count(*) FROM facility"))
    assert (one["valid"], one["name"], one["renderer"]) == (True, "Facilities", "categorizedSymbol")
    assert one["by"] == BY["facilities"]
