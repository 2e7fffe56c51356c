"""The area of a geofence as a choice: the one it has, or an area of one of the city's own layers, whose shape the rule
then has for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.asking import Asking
from app.dashboard import texts
from app.pages.forms import Values
from core.errors import InputError
from core.i18n import say
from core.types import JsonObject
from core.vocabulary import Text
from layers.own import OwnLayer
from layers.rows import name_rows, read_row

KEPT = "kept"
ROWS_AT_MOST, LAYERS_AT_MOST = 200, 20


def read_areas(asking: Asking, layers: list[OwnLayer]) -> dict[str, Text]:
    """`layer/number` of each, by what it is called."""
    scope = asking.viewer.scope
    found: dict[str, Text] = {}
    for layer in layers[:LAYERS_AT_MOST]:
        for number, name in name_rows(asking.conn, layer.id, scope, most=ROWS_AT_MOST).items():
            found[f"{layer.id}/{number}"] = say("rules.area", layer=layer.title, name=name)
    return found


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
    if chosen == KEPT:
        return {**values, "params": {**params, "polygon": (base.get("said") or {}).get("polygon")}}
    layer, _, number = chosen.partition("/")
    shape = read_row(asking.conn, layer, number, asking.viewer.scope)["geometry"]
    if not isinstance(shape, dict) or shape.get("type") not in ("Polygon", "MultiPolygon"):
        raise InputError("params.polygon: expected an area", field="params.polygon", reason="rule_no_area")
    return {**values, "params": {**params, "polygon": shape}}
