"""A trial on the map: things that would have raised alarms, over the districts and the rule's own area; each leads to
its thing. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from dash import dcc, html

from alerts.trial import TrialAlarm, Tried
from app.analysis.figures import Part, empty, joined, plainly, spoken
from app.analysis.maps import FINE, box_of, ground_of, layout_of
from app.dashboard import texts
from app.dashboard.components import icon_button, wild
from app.pages import ids
from app.pages.ids import RulesId
from app.pages.rules.links import link_to
from core.i18n import say
from core.levels import alarm_level
from core.types import Box, JsonObject

Ground = Mapping[str, bytes]
NO_GROUND: Ground = {}
KEY = "rule-map"
# around what is shown, of its width, and in degrees at least
MARGIN, LEAST_DEG = 0.25, 0.02
# larger, the more alarms of one thing: the area grows with their number
SIZE, GROWTH, SIZE_AT_MOST = 10.0, 3.0, 34.0


def places_view(found: Sequence[Tried], heads: Sequence[str], ground: Ground, area: JsonObject | None) -> list[Any]:
    """Nothing where no alarm has a place, or there is no ground to draw it on. What it shows stands in the table of
    alarms too, where each is a link for keys."""
    made = places_figure(found, heads, ground, area)
    if made is None:
        return []
    graph = dcc.Graph(
        id=RulesId.MAP.value,
        figure=spoken(empty(), "zh", {}),
        config={"displayModeBar": False, "scrollZoom": True},
        responsive=True,
        className="drawn",
    )
    named = wild({"aria-label": texts.named("rules.tried.on_map")})
    zoom = [
        icon_button(ids.press(KEY, name), icon, f"analysis.zoom.{name}", **wild({"data-zoom": name}))
        for name, icon in (("in", "plus"), ("out", "minus"), ("whole", "home"))
    ]
    frame = html.Div(graph, className="frame", role="img", **named)
    return [
        html.Div(
            [
                html.H4(texts.both("rules.tried.on_map")),
                html.P(texts.both("rules.tried.on_map.hint"), className="hint"),
                html.Div([frame, html.Div(zoom, className="zoom")], className="plot"),
                dcc.Store(id=RulesId.MAP_FIGURE.value, data=made),
            ],
            className="on-map",
            **wild({"data-testid": "tried-map"}),
        )
    ]


def places_figure(found: Sequence[Tried], heads: Sequence[str], ground: Ground, area: JsonObject | None) -> Part | None:
    placed = [by_thing(one["alarms"]) for one in found]
    if not ground or not any(placed):
        return None
    box = box_around([one for things in placed for alarms in things for one in alarms[:1]])
    whole = box_of(list(ground.values()))
    traces: list[Any] = [ground_of(ground, max(whole[2] - whole[0], whole[3] - whole[1]) / FINE)]
    if area is not None:
        traces += outline(area)
    # what is kept lies below what is typed
    if len(placed) > 1 and placed[1]:
        traces.append(beneath(placed[1], heads[1]))
    for level in (4, 3, 2, 1):
        there = [alarms for alarms in placed[0] if min(one["level"] for one in alarms) == level]
        if there:
            traces.append(markers(there, level))
    layout = {**layout_of(box), "showlegend": True}
    layout["margin"] = {"l": 0, "r": 0, "t": 30, "b": 0}
    return {"data": traces, "layout": layout}


def box_around(alarms: Sequence[TrialAlarm]) -> Box:
    """With a part of its width around it, so that what lies near by is seen too."""
    lons, lats = [one["lon"] or 0.0 for one in alarms], [one["lat"] or 0.0 for one in alarms]
    west, east, south, north = min(lons), max(lons), min(lats), max(lats)
    margin = max(MARGIN * max(east - west, north - south), LEAST_DEG)
    return west - margin, south - margin, east + margin, north + margin


def by_thing(alarms: Sequence[TrialAlarm]) -> list[list[TrialAlarm]]:
    """Those that have a place, gathered by what they are about."""
    found: dict[tuple[str, str], list[TrialAlarm]] = {}
    for one in alarms:
        if one["lon"] is not None and one["lat"] is not None:
            found.setdefault((one["thing_type"], one["thing"]), []).append(one)
    return list(found.values())


def markers(things: Sequence[Sequence[TrialAlarm]], level: int) -> Part:
    return {
        **points(things),
        "name": alarm_level(level),
        "marker": {
            "color": f"--level-{level}",
            "size": [size_of(len(alarms)) for alarms in things],
            "line": {"color": "--ground", "width": 1},
            "opacity": 0.9,
        },
    }


def beneath(things: Sequence[Sequence[TrialAlarm]], head: str) -> Part:
    """As the rule is kept: rings around what it takes."""
    return {
        **points(things),
        "name": texts.entry(head),
        "marker": {
            "color": "rgba(0,0,0,0)",
            "size": [size_of(len(alarms)) + 8 for alarms in things],
            "line": {"color": "--muted", "width": 2},
        },
    }


def points(things: Sequence[Sequence[TrialAlarm]]) -> Part:
    return {
        "type": "scattergeo",
        "mode": "markers",
        "lon": [alarms[0]["lon"] for alarms in things],
        "lat": [alarms[0]["lat"] for alarms in things],
        "text": [words_of(alarms) for alarms in things],
        "customdata": [link_of(alarms[0]) for alarms in things],
        "hovertemplate": "%{text}<extra></extra>",
    }


def size_of(count: int) -> float:
    return float(min(SIZE_AT_MOST, SIZE + GROWTH * (count - 1) ** 0.5))


def words_of(alarms: Sequence[TrialAlarm]) -> Any:
    worst = min(alarms, key=lambda one: one["level"])
    return joined(
        [
            plainly(worst["names"]),
            say("rules.tried.hover", n=len(alarms), level=alarm_level(worst["level"])),
            plainly(worst["message"]),
        ]
    )


def link_of(one: TrialAlarm) -> str:
    return link_to(one["lon"] or 0.0, one["lat"] or 0.0, f"{one['thing_type']}/{one['thing']}")


def outline(area: JsonObject) -> list[Part]:
    """The rings of a polygon, each a line."""
    shape = shapely.from_geojson(json.dumps(area), on_invalid="ignore")
    if shape is None or shape.is_empty:
        return []
    lines: list[Part] = []
    for one in shapely.get_parts(shape):
        for ring in (one.exterior, *one.interiors) if one.geom_type == "Polygon" else ():
            lons, lats = zip(*[(x, y) for x, y, *_ in ring.coords], strict=True)
            lines.append(
                {
                    "type": "scattergeo",
                    "mode": "lines",
                    "lon": list(lons),
                    "lat": list(lats),
                    "line": {"color": "--accent", "width": 2},
                    "hoverinfo": "skip",
                    "showlegend": False,
                }
            )
    return lines
