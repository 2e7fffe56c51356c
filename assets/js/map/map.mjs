// The map: starts it, shows and fades layers, follows the selection, never moves under a gesture.
import * as maplibre from '/vendor/maplibre-gl/dist/maplibre-gl.mjs';
import { byId } from '../dom.mjs';
import { lang } from '../words.mjs';
import { select, selected, onSelect } from '../selection.mjs';
import { baseStyle, baseLayers } from './style.mjs';
import { OVERLAYS, overlayLayers } from './overlays.mjs';
import { serveIcons } from './icons.mjs';
import { feedMap } from './feed.mjs';
import { roomForMap } from './room.mjs';

const TEST = new URLSearchParams(location.search).has('test');
const NEAR_ZOOM = 15;
const OPACITY = { fill: ['fill-opacity'], line: ['line-opacity'], circle: ['circle-opacity', 'circle-stroke-opacity'], symbol: ['icon-opacity', 'text-opacity'], background: [] };
const GESTURES = ['mousedown', 'touchstart', 'wheel'];

let map = null;
let gestureUntil = 0;
let atHome = true;
let home = null;
const failed = new Set();
const whenFailed = [];
const layersOf = id => map.getStyle().layers.filter(layer => layer.metadata?.layer === id);
const empty = () => ({ type: 'FeatureCollection', features: [] });

/** Called with a layer id once its source could not be loaded. */
export const onLayerFailed = listener => whenFailed.push(listener);

export function startMap(city, layers) {
  home = [[city.bbox[0], city.bbox[1]], [city.bbox[2], city.bbox[3]]];
  map = new maplibre.Map({
    container: byId('map'), style: baseStyle(lang()), bounds: home, fitBoundsOptions: { padding: roomForMap(24) },
    minZoom: 8.5, maxZoom: 19, maxPitch: 60, attributionControl: false, fadeDuration: TEST ? 0 : 180,
    canvasContextAttributes: { antialias: !TEST, preserveDrawingBuffer: TEST },
  });
  window.onemap.map = map;
  map.addControl(new maplibre.ScaleControl({ maxWidth: 110 }), 'bottom-left');
  map.on('error', report);
  map.once('load', () => furnish(layers));
  map.on('render', drawn);
  for (const gesture of GESTURES) map.getCanvasContainer().addEventListener(gesture, () => { gestureUntil = performance.now() + 700; atHome = false; }, { passive: true });
  // On a phone another sheet leaves other room: who still looks at the whole city sees the whole of it.
  window.addEventListener('onemap:sheet', () => { if (atHome) goHome(0); });
  return map;
}

// The map is never idle while units move: it counts as drawn once its base is.
function drawn() {
  if (!map.getLayer('unit-mark') || !map.isSourceLoaded('base')) return;
  document.documentElement.dataset.map = 'idle';
  map.off('render', drawn);
}

function report({ error, sourceId }) {
  console.error('map', sourceId || '', error?.message || error);
  if (!sourceId || failed.has(sourceId)) return;
  failed.add(sourceId);
  whenFailed.forEach(listener => listener(sourceId));
}

function furnish(layers) {
  const redraw = serveIcons(map);
  for (const [id, { source }] of Object.entries(OVERLAYS)) map.addSource(id, { type: 'geojson', data: empty(), promoteId: 'id', ...source });
  overlayLayers().forEach(layer => map.addLayer(layer));
  for (const layer of layers) {
    showLayer(layer.id, layer.visible);
    if (layer.opacity < 1) fadeLayer(layer.id, layer.opacity);
  }
  feedMap(map, followSelected);
  clicks();
  onSelect(mark);
  window.addEventListener('onemap:theme', () => { repaint(); redraw(); });
}

const fetched = new Set();
function fetchOnce(id) {
  if (!OVERLAYS[id]?.fetched || fetched.has(id)) return;
  fetched.add(id);
  map.getSource(id).setData(`${location.origin}/api/layers/${id}/features`);
}

export function showLayer(id, visible) {
  if (!map?.getStyle()) return;
  if (visible) fetchOnce(id);
  for (const layer of layersOf(id)) map.setLayoutProperty(layer.id, 'visibility', visible ? 'visible' : 'none');
}

const designed = new Map();
function designedOpacity(layer, property) {
  const key = `${layer.id} ${property}`;
  if (!designed.has(key)) designed.set(key, layer.paint?.[property] ?? 1);
  return designed.get(key);
}

// A zoom curve may stand only at the top of an expression: its outputs are scaled one by one.
function scaled(value, share) {
  if (!Array.isArray(value)) return value * share;
  const [kind] = value;
  const curve = kind === 'interpolate' && JSON.stringify(value[2]) === '["zoom"]';
  return curve ? value.map((part, index) => (index > 3 && index % 2 === 0 ? scaled(part, share) : part)) : ['*', value, share];
}

export function fadeLayer(id, share) {
  for (const layer of layersOf(id)) {
    for (const property of OPACITY[layer.type] || []) map.setPaintProperty(layer.id, property, scaled(designedOpacity(layer, property), share));
  }
}

/** The colours of the new theme on the layers that are there: sources, visibility and view stay. */
function repaint() {
  for (const { id, paint = {} } of [...baseLayers(), ...overlayLayers()]) {
    for (const [property, value] of Object.entries(paint)) if (property.includes('color')) map.setPaintProperty(id, property, value);
  }
}

export const setMapLang = code => map?.setGlobalStateProperty('lang', code);

// ---- selection

const CLICKABLE = [
  ...Object.entries(OVERLAYS).filter(([, { type }]) => type).reverse().flatMap(([id, { type, layers }]) => ({ id, type, layers })),
];

function marksAt(target) {
  const ids = CLICKABLE.flatMap(({ layers }) => layers().map(layer => layer.id)).concat('asset-dot').filter(id => map.getLayer(id) && !id.endsWith('-glow'));
  const [x, y] = [target.x, target.y];
  const box = [[x - 5, y - 5], [x + 5, y + 5]];
  return map.queryRenderedFeatures(box, { layers: ids });
}

function typeOf(feature) {
  if (feature.layer.id === 'asset-dot') return 'asset';
  return OVERLAYS[feature.source]?.type;
}

async function open(feature) {
  if (feature.properties.cluster) {
    const zoom = await map.getSource(feature.source).getClusterExpansionZoom(feature.properties.cluster_id);
    return map.easeTo({ center: feature.geometry.coordinates, zoom: zoom + 0.3, padding: roomForMap() });
  }
  const [lon, lat] = feature.geometry.coordinates;
  return select({ type: typeOf(feature), id: String(feature.properties.id), lon, lat }, { fly: false });
}

function clicks() {
  map.on('click', event => {
    const [feature] = marksAt(event.point);
    if (feature) open(feature);
  });
  map.on('mousemove', event => { map.getCanvas().style.cursor = marksAt(event.point).length ? 'pointer' : ''; });
}

function ring(...places) {
  const features = places.map(coordinates => ({ type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates } }));
  map.getSource('select').setData({ type: 'FeatureCollection', features });
}

/** The ring stays on what is selected while that moves; the view stays where it is. */
function followSelected(kind, id, coordinates) {
  if (selected()?.type === kind && String(selected().id) === String(id)) ring(coordinates);
}

function mark(thing, { fly }) {
  const placed = thing && Number.isFinite(thing.lon);
  ring(...(placed ? [[thing.lon, thing.lat]] : []));
  // After the card has opened: it takes some of the room.
  if (placed && fly && performance.now() > gestureUntil) setTimeout(flyTo, 0, thing);
}

function flyTo({ lon, lat, zoom }) {
  atHome = false;
  map.flyTo({ center: [lon, lat], zoom: zoom ?? Math.max(map.getZoom(), NEAR_ZOOM), padding: roomForMap(), duration: TEST ? 0 : 900 });
}

function goHome(duration) {
  atHome = true;
  map.fitBounds(home, { padding: roomForMap(24), duration });
}

export const controls = {
  'map-zoom-in': () => map.zoomIn(),
  'map-zoom-out': () => map.zoomOut(),
  'map-north': () => map.easeTo({ bearing: 0, pitch: 0 }),
  'map-home': () => goHome(TEST ? 0 : 900),
};
