"""An area as a choice of a form: the one that is there, an area of one of the city's own layers, whose shape the thing
then has for itself, or one drawn by hand (`assets/js/pages/fence.mjs`), whose value is its GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import shapely
from dash import html

from app.asking import Asking
from app.dashboard import texts
from app.dashboard.components import wild
from app.pages.forms import Values
from app.pages.parts import action
from core.errors import InputError
from core.i18n import say
from core.types import JsonObject
from core.vocabulary import Text
from layers.own import OwnLayer
from layers.rows import name_rows, read_row

KEPT, DRAW = "kept", "draw-area"
# the field of a rule
POLYGON = "params.polygon"
ROWS_AT_MOST, LAYERS_AT_MOST = 200, 20


def read_areas(asking: Asking, layers: list[OwnLayer]) -> dict[str, Text]:
    """`layer/number` of each, by what it is called."""
    scope = asking.viewer.scope
    found: dict[str, Text] = {}
    for layer in layers[:LAYERS_AT_MOST]:
        for number, name in name_rows(asking.conn, layer.id, scope, most=ROWS_AT_MOST).items():
            found[f"{layer.id}/{number}"] = say("rules.area", layer=layer.title, name=name)
    return found


def draw_tool(shape: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """The button that opens the map under the field, with the area that the rule has, and where the map comes."""
    told = {"shape": None if shape is None else dict(shape)}
    button = action(DRAW, "rules.area.draw", small=True, data_key="draw-area", data_fence=json.dumps(told))
    return button, html.Div(className="fence", **wild({"data-testid": "fence"}))


def is_drawn(chosen: str) -> bool:
    return chosen.startswith("{")


def drawn_words(chosen: str) -> Text:
    """What an area drawn by hand is called."""
    return texts.entry("rules.area.drawn", n=count_corners(read_drawn(chosen)["coordinates"]))


def read_drawn(chosen: str, field: str = POLYGON) -> JsonObject:
    """InputError where it is no area, or its lines cross."""
    try:
        given = json.loads(chosen)
        shape = shapely.from_geojson(chosen)
    except (ValueError, shapely.GEOSException) as exc:
        raise no_area(field) from exc
    if not isinstance(given, dict) or shape is None or shape.geom_type != "Polygon" or shape.is_empty:
        raise no_area(field)
    if not shape.is_valid or not shape.area:
        told = f"{field}: expected an area whose lines do not cross"
        raise InputError(told, field=field, reason="rule_area_crosses")
    return {"type": "Polygon", "coordinates": given["coordinates"]}


def no_area(field: str = POLYGON) -> InputError:
    return InputError(f"{field}: expected an area", field=field, reason="rule_no_area")


def shown(params: Mapping[str, Any]) -> JsonObject:
    """Parameters as the form holds them: an area that is there is one of the choices."""
    return {**params, "polygon": KEPT} if params.get("polygon") else dict(params)


def kept_words(polygon: Mapping[str, Any] | None) -> Text | None:
    """What the area that the rule has is called."""
    if not polygon:
        return None
    return texts.entry("rules.area.kept", n=count_corners(polygon.get("coordinates")))


def count_corners(coordinates: Any) -> int:
    if not isinstance(coordinates, list) or not coordinates:
        return 0
    if isinstance(coordinates[0], list) and coordinates[0] and not isinstance(coordinates[0][0], list):
        return len(coordinates) - 1
    return sum(count_corners(one) for one in coordinates)


def with_area(asking: Asking, base: Values, values: JsonObject) -> JsonObject:
    """What was typed, with the shape of the area that was chosen. InputError where that is no area."""
    params = values.get("params")
    chosen = params.get("polygon") if isinstance(params, dict) else None
    if not isinstance(params, dict) or not isinstance(chosen, str):
        return values
    kept = (base.get("said") or {}).get("polygon")
    return {**values, "params": {**params, "polygon": shape_of(asking, chosen, kept)}}


def shape_of(asking: Asking, chosen: str, kept: JsonObject | None, field: str = POLYGON) -> JsonObject | None:
    """The shape of the area that was chosen. InputError where that is no area."""
    if chosen == KEPT:
        return kept
    if is_drawn(chosen):
        return read_drawn(chosen, field)
    layer, _, number = chosen.partition("/")
    shape = read_row(asking.conn, layer, number, asking.viewer.scope)["geometry"]
    if not isinstance(shape, dict) or shape.get("type") not in ("Polygon", "MultiPolygon"):
        raise no_area(field)
    return shape
