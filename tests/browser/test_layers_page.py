"""Every layer of the catalogue is drawn at every zoom of its range: what is counted is what the map has drawn."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from core.cap import Alert, Area, Info, build
from core.clock import rfc3339
from layers.served import LAYERS
from tests.browser.desk import MAP, Desk, window
from tests.browser.detectors import LEVEL_I, Detectors
from tests.support import Mailbox, System, now, wait_for

Json = dict[str, Any]
Place = tuple[float, float]
NEAREST = 19
CAMERA = "cam-010"
# Where the things of a layer are; those of the base map are met on a street, in a building, on water.
POINTS = {
    "districts": "SELECT ST_PointOnSurface(ST_Boundary(geom)) FROM district ORDER BY code LIMIT 1",
    "streets": "SELECT ST_LineInterpolatePoint(geom, 0.5) FROM street WHERE class = 'ring' ORDER BY id LIMIT 1",
    "buildings": "SELECT ST_PointOnSurface(geom) FROM building ORDER BY id LIMIT 1",
    "water": "SELECT ST_PointOnSurface(geom) FROM area WHERE layer = 'water' ORDER BY ST_Area(geom) DESC LIMIT 1",
    "green": "SELECT ST_PointOnSurface(geom) FROM area WHERE layer = 'green' ORDER BY ST_Area(geom) DESC LIMIT 1",
    "assets": "SELECT geom FROM asset ORDER BY id LIMIT 1",
    "facilities": "SELECT geom FROM facility ORDER BY id LIMIT 1",
    "cameras": f"SELECT geom FROM camera WHERE id = '{CAMERA}'",
    "sensors": "SELECT geom FROM sensor WHERE geom IS NOT NULL ORDER BY id LIMIT 1",
    "units": "SELECT COALESCE(ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326), u.home) "
    "FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id ORDER BY u.id LIMIT 1",
    "alarms": "SELECT geom FROM alarm WHERE state <> 'normal' LIMIT 1",
    "incidents": "SELECT geom FROM incident WHERE status = 'open' LIMIT 1",
    "video_events": f"SELECT geom FROM camera WHERE id = '{CAMERA}'",
    "warnings": "SELECT ST_Centroid(extent) FROM city",
    "risk_cells": "SELECT geom FROM alarm WHERE state <> 'normal' LIMIT 1",
}
# The zoom is reached, the map has drawn, and of the layer (of what shares its source: of that kind) so much is drawn.
DRAWN_OF = f"""async ([layer, at, zoom]) => {{
  const map = {MAP};
  map.jumpTo({{ center: at, zoom }});
  if (!map.loaded() || map.isMoving()) await new Promise(done => map.once('idle', done));
  const kinds = {{ alarms: 'alarm', incidents: 'incident' }};
  if (layer in kinds) return map.queryRenderedFeatures({{ layers: ['matter-mark'] }})
    .filter(one => one.properties.kind === kinds[layer] || one.properties.cluster).length;
  const layers = map.getStyle().layers.filter(one => one.metadata?.layer === layer).map(one => one.id);
  return map.queryRenderedFeatures({{ layers }}).length;
}}"""


@pytest.fixture(scope="module")
def places(processes: System, admin: httpx.Client, devices: Mailbox, detectors: Detectors) -> dict[str, Place]:
    """Something of every layer, and where it is."""
    lon, lat = detectors.where
    detectors.make("layers", LEVEL_I)
    body = {"kind": "noise", "level": 4, "title": "图层", "lon": lon + 0.02, "lat": lat + 0.01}
    assert admin.post("/api/incidents", json=body).status_code == 201
    seen = {"id": "l1", "time": rfc3339(now()), "kind": "fire", "score": 0.9}
    devices.publish(f"onemap/video/{CAMERA}/event", seen)
    ring = tuple((lon + dx, lat + dy) for dx, dy in ((-0.0005, -0.0005), (0.2, -0.2), (0.2, 0.2), (-0.0005, 0.0005)))
    info = Info(
        "Met", "暴雨", "Expected", "Severe", "Likely", sender_name="市气象台", headline="暴雨橙色预警",
        expires=now() + timedelta(hours=6), areas=(Area("宿城区", ((*ring, ring[0]),)),),
    )  # fmt: skip
    devices.publish(
        "onemap/warning", build(Alert("l-1", "w@example.org", now(), "Actual", "Alert", "Public", info=(info,)))
    )
    for table in ("warning", "video_event", "alarm"):
        wait_for(partial(processes.one, f"SELECT count(*) FROM {table}"), what=f"{table} is stored")
    wait_for(
        lambda: processes.one("SELECT count(*) FROM risk_cell WHERE level IS NOT NULL"),
        what="the alarm's cells are scored",
    )
    found = {}
    for layer, query in POINTS.items():
        [row] = processes.rows(f"SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM ({query}) AS x (p)")
        found[layer] = (float(row["lon"]), float(row["lat"]))
    return found


def test_no_layer_is_left_out() -> None:
    assert set(POINTS) == {layer.id for layer in LAYERS}


@pytest.fixture(scope="module")
def shown(browser: Browser, processes: System, places: dict[str, Place]) -> Any:
    """A window in which every layer is on."""
    layers = {layer: {"visible": True} for layer in POINTS}
    with window(browser, processes, "commander", (1440, 900), layers=layers) as desk:
        yield desk.open(f"{processes.http}/?test=1")


@pytest.mark.parametrize("layer", list(POINTS))
def test_layer_is_drawn_at_every_zoom_of_its_range(
    shown: Desk, places: dict[str, Place], admin: httpx.Client, layer: str
) -> None:
    [described] = [one for one in admin.get("/api/layers").json()["items"] if one["id"] == layer]
    assert described["count"] > 0
    for zoom in [described["min_zoom"] + 0.01, *range(described["min_zoom"] + 1, NEAREST + 1)]:
        drawn = shown.until(DRAWN_OF, value=[layer, list(places[layer]), zoom], what=f"{layer} at zoom {zoom}")
        assert drawn > 0
    assert shown.complaints == []


@pytest.mark.parametrize("layer", [one.id for one in LAYERS if one.min_zoom > 9])
def test_layer_begins_where_the_catalogue_says(shown: Desk, places: dict[str, Place], layer: str) -> None:
    begins = LAYERS[layer].min_zoom
    assert shown.ask(DRAWN_OF, [layer, list(places[layer]), begins - 0.1]) == 0
