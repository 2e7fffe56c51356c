"""The map of an answer: areas in classes of their value, over the districts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import shapely

from app.analysis.figures import (
    NOTHING,
    Drawn,
    Part,
    class_of,
    classes_of,
    joined,
    plain,
    plainly,
    quantiles,
    rounded,
)
from core.analysis import AnalysisObject, GroupObject
from core.i18n import say
from core.types import Box, JsonObject
from core.vocabulary import Text
from layers.styles import figure

# an outline is thinned to so many parts of the width of the map, and to a metre
FINE, DECIMALS_DEG = 2000, 1e-5
Shapes = Mapping[str, bytes]


def map_of(answer: AnalysisObject, shapes: Shapes, ground: Shapes, *, scale: bool = False) -> Drawn | None:
    """Areas in classes of their value over the districts (`ground`). `answer` is of one grouping, a place. None where
    no area has a value."""
    there = [one for one in answer["groups"] if one["value"] is not None and one["keys"][0]["key"] in shapes]
    if not there:
        return None
    edges = quantiles([float(one["value"] or 0) for one in there])
    classes = classes_of(edges)
    of_districts = answer["by"][0]["id"] == "district"
    west, south, east, north = box_of([*ground.values(), *shapes.values()])
    fine = max(east - west, north - south) / FINE
    keys = [str(one["keys"][0]["key"]) for one in there]
    trace: Part = {
        "type": "choropleth",
        "geojson": collection_of({key: shapes[key] for key in keys}, fine),
        "locations": keys,
        "z": [class_of(float(one["value"] or 0), edges) for one in there],
        "zmin": -0.5,
        "zmax": len(classes) - 0.5,
        "colorscale": steps_of([one.token for one in classes]),
        "showscale": scale,
        "colorbar": {
            "tickvals": list(range(len(classes))),
            "ticktext": [one.words for one in classes],
            "title": {"text": answer["measure"]["title"]},
            "thickness": 12,
            "len": 0.6,
        },
        "text": [area_text(one, answer) for one in there],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"line": {"color": "--map-halo", "width": 0.6}},
    }
    below = ground_of(ground, fine)
    # where areas are not districts themselves, these are seen through them
    above = {**below, "colorscale": [[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]]}
    layout = layout_of((west, south, east, north))
    over = [above] if ground and not of_districts else []
    # a district in which there is nothing
    empty = (NOTHING,) if of_districts and set(ground) - set(keys) else ()
    return Drawn({"data": [*([below] if ground else []), trace, *over], "layout": layout}, (*empty, *classes))


def ground_of(ground: Shapes, fine: float) -> Part:
    """The districts, quietly."""
    return {
        "type": "choropleth",
        "geojson": collection_of(ground, fine),
        "locations": list(ground),
        "z": [0] * len(ground),
        "colorscale": [[0, "--raised"], [1, "--raised"]],
        "showscale": False,
        "hoverinfo": "skip",
        "marker": {"line": {"color": "--map-district", "width": 1}},
    }


def layout_of(box: Box) -> Part:
    """Of a map of this box (degrees) that fills its frame."""
    west, south, east, north = box
    return {
        **plain(),
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "geo": {
            "visible": False,
            "lonaxis": {"range": [west, east]},
            "lataxis": {"range": [south, north]},
            "projection": {"type": "mercator"},
            "bgcolor": "rgba(0,0,0,0)",
        },
    }


def area_text(one: GroupObject, answer: AnalysisObject) -> Text:
    density = one["per_km2"]
    lines = [
        plainly(one["keys"][0]["words"]),
        say("analysis.hover", what=answer["measure"]["title"], value=figure(one["value"])),
        *([say("analysis.hover.km2", value=rounded(density))] if density is not None else []),
    ]
    return joined(lines)


def steps_of(tokens: Sequence[str]) -> list[list[Any]]:
    """A colour scale of flat steps."""
    count = len(tokens)
    return [[at / count, f"--{token}"] for n, token in enumerate(tokens) for at in (n, n + 1)]


def box_of(shapes: Sequence[bytes]) -> Box:
    """With a margin around them."""
    west, south, east, north = map(float, shapely.total_bounds(shapely.from_wkb(list(shapes))))
    margin = max(east - west, north - south) / 50
    return west - margin, south - margin, east + margin, north + margin


def collection_of(shapes: Shapes, fine: float) -> JsonObject:
    """GeoJSON, thinned; its rings run clockwise, by which d3-geo knows the inside on a sphere."""
    features: list[Any] = []
    for key, wkb in shapes.items():
        whole = shapely.from_wkb(wkb)
        thin = shapely.set_precision(shapely.simplify(whole, fine), DECIMALS_DEG)
        shape = shapely.orient_polygons(whole if thin.is_empty else thin, exterior_cw=True)
        geometry = orjson.loads(shapely.to_geojson(shape))
        features.append({"type": "Feature", "id": key, "geometry": geometry, "properties": {}})
    return {"type": "FeatureCollection", "features": features}
