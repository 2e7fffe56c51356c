"""MapLibre GL as anybody's program: it is given the address of a TileJSON document and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.desk import Desk, window
from tests.support import System

pytestmark = pytest.mark.timeout(300)
# a map of its own beside the page's, with one source and one layer; what of it is drawn
DRAWN = """async ({ address, layer, geometry, center, zoom }) => {
  const { Map } = await import('/vendor/maplibre-gl/dist/maplibre-gl.mjs');
  const box = document.createElement('div');
  Object.assign(box.style, { position: 'fixed', inset: '0', zIndex: '99' });
  document.body.append(box);
  const map = new Map({
    container: box, center, zoom,
    style: {
      version: 8,
      sources: { city: { type: 'vector', url: address } },
      layers: [{ id: 'all', type: geometry, source: 'city', 'source-layer': layer }],
    },
  });
  const wrong = [];
  map.on('error', event => wrong.push(String(event.error)));
  await new Promise(resolve => map.once('idle', resolve));
  const found = map.queryRenderedFeatures({ layers: ['all'] });
  const source = map.getSource('city');
  const { minzoom, maxzoom } = source;
  const told = { count: found.length, fields: Object.keys(found[0]?.properties ?? {}), wrong, minzoom, maxzoom };
  map.remove();
  box.remove();
  return told;
}"""


@pytest.fixture(scope="module")
def desk(browser: Browser, processes: System) -> Iterator[Desk]:
    with window(browser, processes, "dispatcher", (1280, 800)) as desk:
        desk.open(f"{processes.http}/?test=1")
        yield desk


@pytest.mark.parametrize(("layer", "geometry"), [("buildings", "fill"), ("streets", "line"), ("assets", "circle")])
def test_a_layer_is_drawn_from_its_tilejson_alone(desk: Desk, processes: System, layer: str, geometry: str) -> None:
    address = f"{processes.http}/ogc/collections/{layer}/tiles/WebMercatorQuad/tilejson.json"
    with processes.api("dispatcher") as client:
        about = client.get(address).json()
        center = client.get("/api/city").json()["center"]
    asked = {"address": address, "layer": layer, "geometry": geometry, "center": center, "zoom": 15}
    told = desk.page.evaluate(DRAWN, asked)
    assert told["wrong"] == []
    assert told["count"] > 10
    [described] = about["vector_layers"]
    assert described["id"] == layer
    assert set(told["fields"]) <= set(described["fields"]), "what tiles have is described"
    assert told["fields"]
    assert (told["minzoom"], told["maxzoom"]) == (about["minzoom"], about["maxzoom"])
