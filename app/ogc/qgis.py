"""A QGIS project (`.qgz`) and a layer definition (`.qlr`) of what `/ogc` serves: every layer by the provider for OGC
API Features, drawn as on our map. Written as QGIS 3.22 and newer read it; QGIS itself is not asked.

Nothing here reads anything: layers with their drawings come as values, colours from the page's own tokens.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from xml.etree.ElementTree import Element, SubElement, indent, tostring
from zipfile import ZIP_DEFLATED, ZipFile

from app.dashboard.texts import Lang
from app.index import ASSETS
from app.ogc.pictograms import WHOLE, embedded, svg
from core.types import Box
from core.vocabulary import Text
from layers.collection import Collection
from layers.drawing import LABELS_FROM, Drawing, DrawnClass
from layers.spec import Geometry
from layers.writers import sayable

VERSION = "3.22.0"
PROJECT_TYPE, LAYER_TYPE = "application/x-qgis-project", "application/x-qgis-layer-definition"
# a scale's denominator at zoom 0: the world's 40,075,016.686 m on 512 pixels, at 96 of them an inch
SCALE = 40_075_016.686 / 512 / (0.0254 / 96)
EARTH_M = 6_378_137.0
FURTHEST_LAT = 85.06
GEOMETRIES: Mapping[Geometry | None, str] = {
    "point": "Point", "line": "Line", "polygon": "Polygon", "hex": "Polygon", None: "No geometry",
}  # fmt: skip
SYMBOLS: Mapping[str, str] = {"Point": "marker", "Line": "line", "Polygon": "fill"}
# what lies above what: names and points above lines above areas
ABOVE: Mapping[str, int] = {"No geometry": 0, "Point": 1, "Line": 2, "Polygon": 3}
# at the bottom, the lowest last
GROUND = ("buildings", "water", "green", "districts")
OPEN = 1e308
TOKEN = re.compile(r"--([\w-]+):\s*(#[0-9a-fA-F]{6})\s*;")
FONT = "Noto Sans SC"
# a layer's size in pixels at which its pictogram has its own (assets/js/map/own.mjs)
BOX = 9.5
# widths of streets in millimetres
STREETS: Mapping[str, float] = {"motorway": 1.1, "ring": 1.0, "primary": 0.9, "secondary": 0.7, "minor": 0.4}


@dataclass(frozen=True, slots=True)
class Shown:
    """A collection with how it is drawn."""

    one: Collection
    drawing: Drawing

    @property
    def kind(self) -> str:
        return GEOMETRIES[self.drawing.geometry]

    @property
    def key(self) -> str:
        """What QGIS calls the layer inside its file."""
        return f"onemap_{self.one.id}"


@dataclass(frozen=True, slots=True)
class Served:
    """Where `/ogc` is served, with the token that opens it, and in which language layers are named."""

    url: str
    lang: Lang


@cache
def light_tokens() -> Mapping[str, str]:
    """Colours of the light theme, which suits the white of QGIS."""
    css = (ASSETS / "css" / "tokens.css").read_text("utf-8")
    return dict(TOKEN.findall(css.partition('[data-theme="light"]')[2]))


def hexed(token: str) -> str:
    return light_tokens().get(token, light_tokens()["muted"])


def rgb(token: str) -> tuple[int, int, int]:
    words = hexed(token)
    return int(words[1:3], 16), int(words[3:5], 16), int(words[5:7], 16)


def colour(token: str, alpha: int = 255) -> str:
    return ",".join(map(str, (*rgb(token), alpha)))


def project(shown: Sequence[Shown], groups: Mapping[str, Text], title: str, box: Box | None, served: Served) -> bytes:
    """All of them, in the groups of the tree, as a `.qgz`."""
    root = Element("qgis", {"version": VERSION, "projectname": sayable(title)})
    _text(root, "title", title)
    _reference(SubElement(root, "projectCrs"), "EPSG:3857")
    tree = SubElement(root, "layer-tree-group")
    for group, words in groups.items():
        among = [one for one in shown if one.drawing.group == group]
        if among:
            branch = SubElement(tree, "layer-tree-group", _branch(words[served.lang]))
            for one in among:
                _leaf(branch, one, served)
    order = SubElement(tree, "custom-order", {"enabled": "1"})
    for one in sorted(shown, key=_depth):
        _text(order, "item", one.key)
    if box is not None:
        _canvas(root, box)
    held = SubElement(root, "projectlayers")
    for one in shown:
        held.append(layer(one, served))
    properties = SubElement(root, "properties")
    gui = SubElement(properties, "Gui")
    for name, part in zip(("Red", "Green", "Blue"), rgb("map-ground"), strict=True):
        _text(gui, f"CanvasColor{name}Part", str(part), type="int")
    # without it the project's reference is not read
    _text(SubElement(properties, "SpatialRefSys"), "ProjectionsEnabled", "1", type="int")
    body = io.BytesIO()
    with ZipFile(body, "w", ZIP_DEFLATED) as archive:
        archive.writestr("onemap.qgs", _document(root, "qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'"))
    return body.getvalue()


def definition(one: Shown, served: Served) -> bytes:
    """One of them as a `.qlr`, which is dropped into any project."""
    root = Element("qlr")
    tree = SubElement(root, "layer-tree-group", _branch(""))
    _leaf(tree, one, served)
    SubElement(root, "maplayers").append(layer(one, served))
    return _document(root, "qgis-layer-definition")


def _document(root: Element, doctype: str) -> bytes:
    indent(root)
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=False)
    return f"<!DOCTYPE {doctype}>\n".encode() + body


def _depth(one: Shown) -> tuple[int, int]:
    return ABOVE[one.kind], GROUND.index(one.one.id) if one.one.id in GROUND else -1


def _branch(name: str) -> dict[str, str]:
    return {"name": sayable(name), "checked": "Qt::Checked", "expanded": "1"}


def _leaf(branch: Element, one: Shown, served: Served) -> None:
    told = {
        "id": one.key,
        "name": sayable(one.one.title[served.lang]),
        "providerKey": "OAPIF",
        "source": source(one, served),
        "checked": "Qt::Checked" if one.drawing.visible else "Qt::Unchecked",
        "expanded": "0",
    }
    SubElement(branch, "layer-tree-layer", told)


def source(one: Shown, served: Served) -> str:
    """What the provider is told; only what the window shows is fetched."""
    url = served.url.replace("\\", "\\\\").replace("'", "\\'")
    return (
        f" pagingEnabled='true' pageSize='1000' restrictToRequestBBOX='1' srsname='OGC:CRS84' typename='{one.one.id}' "
        f"url='{url}'"
    )


def layer(one: Shown, served: Served) -> Element:
    """A `maplayer`."""
    drawing = one.drawing
    scaled = drawing.min_zoom > 0 and one.kind != "No geometry"
    top = Element(
        "maplayer",
        {
            "type": "vector",
            "geometry": one.kind,
            "hasScaleBasedVisibilityFlag": str(int(scaled)),
            "minScale": f"{scale(drawing.min_zoom):.0f}" if scaled else "100000000",
            "maxScale": "0",
            "labelsEnabled": str(int(drawing.names is not None and one.kind != "No geometry")),
            "readOnly": "1",
        },
    )
    _text(top, "id", one.key)
    _text(top, "datasource", source(one, served))
    _text(top, "layername", one.one.title[served.lang])
    _reference(SubElement(top, "srs"), "OGC:CRS84")
    SubElement(top, "provider", {"encoding": "UTF-8"}).text = "OAPIF"
    aliases = SubElement(top, "aliases")
    for number, column in enumerate(one.one.columns):
        told = {"field": sayable(column.name), "index": str(number), "name": sayable(column.title[served.lang])}
        SubElement(aliases, "alias", told)
    if one.kind == "No geometry":
        return top
    _renderer(top, one, served.lang)
    if drawing.names is not None:
        _labels(top, drawing, served.lang)
    return top


def scale(zoom: float) -> float:
    """The denominator of the scale that the map has at a zoom, in metres of EPSG:3857 as QGIS reckons them."""
    return SCALE / 2**zoom


# --- renderers --------------------------------------------------------------------------------------------------------


def _renderer(top: Element, one: Shown, lang: Lang) -> None:
    drawing = one.drawing
    kind = "graduatedSymbol" if drawing.ranges else "categorizedSymbol" if drawing.by else "singleSymbol"
    told = {"type": kind, "enableorderby": "0", "forceraster": "0", "symbollevels": "0"}
    if drawing.by:
        told["attr"] = sayable(drawing.by)
    if drawing.ranges:
        told["graduatedMethod"] = "GraduatedColor"
    renderer = SubElement(top, "renderer-v2", told)
    symbols = Element("symbols")
    if not drawing.by:
        _symbol(symbols, 0, one, DrawnClass({"zh": "", "en": ""}, drawing.token))
    else:
        listed = SubElement(renderer, "ranges" if drawing.ranges else "categories")
        for number, part in enumerate(drawing.classes):
            _class(listed, number, part, lang, ranges=drawing.ranges)
            _symbol(symbols, number, one, part)
    renderer.append(symbols)


def _class(listed: Element, number: int, part: DrawnClass, lang: Lang, *, ranges: bool) -> None:
    told = {"symbol": str(number), "render": "true", "label": sayable(part.label[lang])}
    if ranges:
        low, high = (-OPEN if part.low is None else part.low), (OPEN if part.high is None else part.high)
        SubElement(listed, "range", {**told, "lower": repr(low), "upper": repr(high)})
    else:
        # a category without a value is of all that are no other's
        SubElement(listed, "category", {**told, "value": sayable(part.value or ""), "type": "string"})


def _symbol(symbols: Element, number: int, one: Shown, part: DrawnClass) -> None:
    top = SubElement(
        symbols, "symbol", {"type": SYMBOLS[one.kind], "name": str(number), "alpha": "1", "clip_to_extent": "1"}
    )
    for name, options in _layers(one, part):
        drawn = SubElement(top, "layer", {"class": name, "enabled": "1", "locked": "0", "pass": "0"})
        held = SubElement(drawn, "Option", {"type": "Map"})
        for key, value in options.items():
            SubElement(held, "Option", {"type": "QString", "name": key, "value": value})


def _layers(one: Shown, part: DrawnClass) -> Iterable[tuple[str, Mapping[str, str]]]:
    size, own = one.drawing.size, one.one.taken is not None
    if one.kind == "Point" and one.drawing.icon:
        picture = svg(one.drawing.icon, hexed(part.token), hexed("unit-ground"), hexed("map-ground"))
        yield "SvgMarker", {
            "name": embedded(picture), "size": f"{WHOLE * max(1.0, (size or BOX) / BOX):g}", "size_unit": "Pixel",
            "color": colour(part.token), "outline_color": colour("map-ground"), "outline_width": "0",
        }  # fmt: skip
    elif one.kind == "Point":
        yield "SimpleMarker", {
            "name": "circle", "color": colour(part.token), "outline_color": colour("map-ground"),
            "outline_width": "0.2", "outline_width_unit": "MM", "size": f"{(size or 6) * 2:g}" if own else "2.4",
            "size_unit": "Pixel" if own else "MM",
        }  # fmt: skip
    elif one.one.id == "streets":
        width = STREETS.get(part.value or "", 0.3)
        case = {"line_color": colour("map-road-case"), "line_width": f"{width + 0.3:g}", "line_width_unit": "MM"}
        yield "SimpleLine", {**case, "capstyle": "round", "joinstyle": "round"}
        body = {"line_color": colour(part.token), "line_width": f"{width:g}", "line_width_unit": "MM"}
        yield "SimpleLine", {**body, "capstyle": "round", "joinstyle": "round"}
    elif one.kind == "Line":
        yield "SimpleLine", {
            "line_color": colour(part.token), "line_width": f"{size or 2.4:g}", "line_width_unit": "Pixel",
            "capstyle": "round", "joinstyle": "round",
        }  # fmt: skip
    else:
        yield "SimpleFill", _fill(one, part, size)


def _fill(one: Shown, part: DrawnClass, size: float | None) -> Mapping[str, str]:
    edge = {"buildings": "map-building-edge", "water": "map-shore"}.get(one.one.id, part.token)
    fill = colour(part.token)
    if one.one.id == "districts":
        fill = colour("map-land")
    elif one.one.taken is not None:
        fill = colour(part.token, 128 if one.drawing.by else 56)
    return {
        "color": fill, "style": "solid", "outline_color": colour(edge), "outline_style": "solid",
        "outline_width": f"{size or 1:g}", "outline_width_unit": "Pixel", "joinstyle": "bevel",
    }  # fmt: skip


def _labels(top: Element, drawing: Drawing, lang: Lang) -> None:
    """What a feature is called, in the language asked for where it has a name in that."""
    assert drawing.names is not None
    other: Lang = "en" if lang == "zh" else "zh"
    names = list(dict.fromkeys((drawing.names[lang], drawing.names[other])))
    spelled = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in names]
    field = spelled[0] if len(names) == 1 else f"coalesce({', '.join(spelled)})"
    labeling = SubElement(top, "labeling", {"type": "simple"})
    settings = SubElement(labeling, "settings", {"calloutType": "simple"})
    style = SubElement(
        settings,
        "text-style",
        {
            "fieldName": sayable(field), "isExpression": "1", "fontFamily": FONT, "fontSize": "9",
            "fontSizeUnit": "Point",
            "textColor": colour("label-mark"), "textOpacity": "1",
        },
    )  # fmt: skip
    SubElement(
        style,
        "text-buffer",
        {
            "bufferDraw": "1", "bufferSize": "0.8", "bufferSizeUnits": "MM", "bufferColor": colour("map-halo"),
            "bufferOpacity": "1", "bufferNoFill": "1",
        },
    )  # fmt: skip
    # QGIS's numbers: around a point, along a line, on the horizontal in an area
    placement = {"point": "0", "line": "2"}.get(drawing.geometry or "", "1")
    SubElement(settings, "placement", {"placement": placement, "dist": "1", "distUnits": "MM", "placementFlags": "10"})
    nearest = max(drawing.min_zoom, LABELS_FROM) if drawing.geometry != "polygon" else drawing.min_zoom
    SubElement(
        settings,
        "rendering",
        {
            "scaleVisibility": "1",
            "scaleMin": f"{scale(nearest):.0f}",
            "scaleMax": "0",
            "drawLabels": "1",
            "obstacle": "1",
        },
    )


# --- parts ------------------------------------------------------------------------------------------------------------


def _text(parent: Element, name: str, words: str, **attributes: str) -> None:
    SubElement(parent, name, attributes).text = sayable(words)


def _reference(parent: Element, name: str) -> None:
    """QGIS goes by the name, but only of what has a number that is none of a user's own."""
    system = SubElement(parent, "spatialrefsys")
    _text(system, "srsid", "3857")
    _text(system, "authid", name)


def _canvas(root: Element, box: Box) -> None:
    """What is looked at first."""
    (west, south), (east, north) = mercator(box[0], box[1]), mercator(box[2], box[3])
    edges = {"xmin": west, "ymin": south, "xmax": east, "ymax": north}
    canvas = SubElement(root, "mapcanvas", {"name": "theMapCanvas", "annotationsVisible": "1"})
    _text(canvas, "units", "meters")
    extent = SubElement(canvas, "extent")
    for name, value in edges.items():
        _text(extent, name, f"{value:.3f}")
    _text(canvas, "rotation", "0")
    _reference(SubElement(canvas, "destinationsrs"), "EPSG:3857")
    view = SubElement(
        SubElement(root, "ProjectViewSettings"), "DefaultViewExtent", {k: f"{v:.3f}" for k, v in edges.items()}
    )
    _reference(view, "EPSG:3857")


def mercator(lon: float, lat: float) -> tuple[float, float]:
    """EPSG:3857."""
    bounded = max(-FURTHEST_LAT, min(FURTHEST_LAT, lat))
    return math.radians(lon) * EARTH_M, math.log(math.tan(math.pi / 4 + math.radians(bounded) / 2)) * EARTH_M
