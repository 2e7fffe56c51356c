// The map: starts it, shows and fades layers, follows the selection, never moves under a gesture.
import * as maplibre from '/vendor/maplibre-gl/dist/maplibre-gl.mjs';
import { part } from '../dom.mjs';
import { pageLang } from '../words.mjs';
import { baseStyle, baseLayers } from './style.mjs';
import { OVERLAYS, SHARED, overlayLayers } from './overlays.mjs';
import { opacitiesOf, scaled } from './fade.mjs';
import { serveIcons } from './icons.mjs';
import { feedMap } from './feed.mjs';
import { followPresses } from './press.mjs';
import { makeBeneath } from './beneath.mjs';
import { addOwn, followOwn, renewOwn, repaintOwn } from './own.mjs';
import { AT_EASE, coarseRatio, isSoftware, keepPace, rendererHere } from './pace.mjs';
import { hasPicture, keepPicture } from './lost.mjs';
import { middleOfRoom, roomForMap } from './room.mjs';

const TEST = new URLSearchParams(location.search).has('test');
const NEAR_ZOOM = 15;
const GESTURES = ['mousedown', 'touchstart', 'wheel'];
const GESTURE_MS = 700;
const FLIGHT_MS = TEST ? 0 : 900;
const FADE_MS = 180;
const AFTER_CARD_MS = 500;
const NOWHERE = [-180, -60, 180, 75]; // where no city has been imported


/** @param {City} city @param {LayerItem[]} layers */
function makeMap({ bbox }, layers) {
  const [west, south, east, north] = bbox ?? NOWHERE;
  /** @type {[Place, Place]} */
  const home = [[west, south], [east, north]];
  // what belongs to no layer of the tree, and, without a list, what is built in
  const isShown = (/** @type {string} */ id) => !id || !layers.length || layers.some(layer => layer.id === id && layer.visible);
  const software = !TEST && isSoftware(rendererHere());
  const plain = TEST || software;
  const map = new maplibre.Map({
    container: part('map'), style: baseStyle(pageLang(), isShown), bounds: home, fitBoundsOptions: { padding: roomForMap(24) },
    minZoom: 8.5, maxZoom: 19, maxPitch: 60, attributionControl: false, fadeDuration: plain ? 0 : FADE_MS,
    canvasContextAttributes: { antialias: !plain, preserveDrawingBuffer: TEST }, ...(software ? { pixelRatio: coarseRatio() } : {}),
  });
  map.addControl(new maplibre.ScaleControl({ maxWidth: 110 }), 'bottom-left');
  return { map, home, pace: TEST ? AT_EASE : keepPace(map, software) };
}

/**
 * Starts the map of a city with its layers as this person has chosen them.
 * @param {{ city: City, layers: LayerItem[], live: Live, sets: Sets, liveLayers: LiveLayers, selection: Chosen, words: Words, rebuild: () => void }} parts
 */
export function startMap({ city, layers, live, sets, liveLayers, selection, words, rebuild }) {
  const { map, home, pace } = makeMap(city, layers);
  const ownAmong = (/** @type {LayerItem[]} */ items) => /** @type {import('./own.mjs').OwnLayer[]} */ (/** @type {unknown} */ (items.filter(layer => layer.own)));
  let own = ownAmong(layers);

  /** The list of layers has changed. @param {LayerItem[]} items */
  function follow(items) {
    const now = ownAmong(items);
    if (hasPicture(map) && map.getLayer('unit-mark')) {
      followOwn(map, own, now);
      switches.forget();
      for (const { id, own: isOwn, opacity } of items) if (isOwn && opacity < 1) switches.fade(id, opacity);
    }
    own = now;
    if (map.getLayer('unit-mark')) beneath.follow(items);
  }
  const view = makeView(map, home, pace);
  const switches = makeSwitches(map);
  const beneath = makeBeneath(map, layers);
  switches.lay = beneath.turn;
  const ring = makeRing(map);
  const failures = listenForFailures(map, switches);

  map.once('load', () => {
    const dress = furnish(map);
    addOwn(map, own);
    live.layer.on(switches.renew);
    live.layer.on(({ changed }) => { for (const id of changed) renewOwn(map, id); });
    window.addEventListener('onemap:theme', () => repaintOwn(map, own));
    const feeds = feedMap(map, { live, sets, liveLayers, pace, onMoved: (kind, id, coordinates) => { if (selection.is(kind, id)) ring(coordinates); } });
    switches.turn = feeds.turn;
    keepPicture(map, {
      words, rebuild, lost: feeds.hold,
      back() {
        dress();
        feeds.resume();
        switches.catchUp();
        ringed(selection.current());
      },
    });
    for (const layer of layers) {
      switches.show(layer.id, layer.visible);
      if (layer.opacity < 1) switches.fade(layer.id, layer.opacity);
    }
    // What the list has not is not for who asks; without a list there is what is built in.
    const listed = new Set(layers.map(layer => layer.id));
    if (listed.size) for (const id of [...tagged(map), ...Object.keys(SHARED)]) if (!listed.has(id)) switches.show(id, false);
    followPresses(map, selection, words);
    selection.on((thing, { fly }) => {
      const place = ringed(thing);
      if (place && fly) view.flyTo(place, thing?.zoom);
    });
  });
  map.on('render', sayOnceDrawn);
  const name = () => map.getCanvas().setAttribute('aria-label', words.say('lists.map'));
  name();
  window.addEventListener('onemap:lang', () => {
    name();
    if (hasPicture(map)) map.setGlobalStateProperty('lang', pageLang());
  });

  /** @param {Thing | null} thing */
  function ringed(thing) {
    const place = placeOf(thing);
    ring(...(place ? [place] : []));
    return place;
  }

  return { map, showLayer: (/** @type {string} */ id, /** @type {boolean} */ on) => switches.show(id, on), fadeLayer: switches.fade, follow, onLayerFailed: failures.listen, recover: failures.recover, controls: view.controls };
}

/** @param {Thing | null} thing @returns {Place | null} */
const placeOf = thing => (thing && Number.isFinite(thing.lon) ? [Number(thing.lon), Number(thing.lat)] : null);

// The map is never idle while units move: it counts as drawn once its base is.
/** @param {{ target: MapLibre }} event */
function sayOnceDrawn({ target: map }) {
  if (!map.getLayer('unit-mark') || !map.isSourceLoaded('base')) return;
  document.documentElement.dataset.map = 'idle';
  map.off('render', sayOnceDrawn);
}

/**
 * Says each source that fails once, and when it is asked for anew.
 * @param {MapLibre} map
 * @param {ReturnType<typeof makeSwitches>} switches
 */
function listenForFailures(map, switches) {
  /** @type {Set<string>} */
  const failed = new Set();
  /** @type {((source: string, failed: boolean) => void)[]} */
  const listeners = [];
  /** @param {string} source @param {boolean} isFailed */
  const tell = (source, isFailed) => { for (const listener of listeners) listener(source, isFailed); };
  map.on('error', event => {
    const { error } = event;
    const sourceId = 'sourceId' in event ? String(event.sourceId) : '';
    console.error('map', sourceId, error?.message || error);
    if (!sourceId || failed.has(sourceId)) return;
    failed.add(sourceId);
    tell(sourceId, true);
  });
  // a map of others that is there again says so with its next picture
  map.on('sourcedata', ({ sourceId, tile }) => {
    if (tile?.state !== 'loaded' || !failed.has(sourceId) || map.getSource(sourceId)?.type !== 'raster') return;
    failed.delete(sourceId);
    tell(sourceId, false);
  });
  return {
    /** @param {(source: string, failed: boolean) => void} listener */
    listen(listener) { listeners.push(listener); },

    /** The server answers again: what could not be read is read now. */
    recover() {
      const again = [...failed];
      failed.clear();
      for (const source of again) {
        tell(source, false);
        switches.refetch(source);
      }
    },
  };
}

/** Sources and layers. The result dresses them for the theme and the language of now. @param {MapLibre} map */
function furnish(map) {
  const redraw = serveIcons(map);
  /** @type {GeoJSON.FeatureCollection} */
  const empty = { type: 'FeatureCollection', features: [] };
  for (const [id, { source }] of Object.entries(OVERLAYS)) map.addSource(id, { type: 'geojson', data: empty, promoteId: 'id', ...source });
  for (const layer of overlayLayers()) map.addLayer(layer);
  const retheme = () => { repaint(map); redraw(); };
  window.addEventListener('onemap:theme', () => { if (hasPicture(map)) retheme(); });
  return () => {
    map.setGlobalStateProperty('lang', pageLang());
    retheme();
  };
}

/** Layers of the tree that have something on the map. @param {MapLibre} map @returns {Set<string>} */
const tagged = map => new Set(map.getStyle().layers.map(layer => /** @type {{ layer?: string } | undefined} */ (layer.metadata)?.layer ?? '').filter(Boolean));

/**
 * A property by a name that is computed.
 * @param {MapLibre} map
 * @param {string} id
 * @param {string} property
 * @param {Expression} value
 */
const setPaint = (map, id, property, value) => map.setPaintProperty(id, /** @type {any} */ (property), value);

/** The colours of the new theme on the layers that are there: sources, visibility and view stay. @param {MapLibre} map */
function repaint(map) {
  for (const { id, paint = {} } of [...baseLayers(), ...overlayLayers()]) {
    for (const [property, value] of Object.entries(paint)) if (property.includes('color')) setPaint(map, id, property, value);
  }
}

// ---- layers of the tree

/** @param {MapLibre} map */
function makeSwitches(map) {
  /** @type {Set<string>} */
  const fetched = new Set();
  /** @type {Map<string, Expression>} */
  const designed = new Map();
  /** @param {string} id @returns {Layer[]} */
  const layersOf = id => map.getStyle().layers.filter(layer => /** @type {Layer} */ (layer).metadata?.layer === id);

  /** @param {string} id */
  function fetchFeatures(id) {
    fetched.add(id);
    /** @type {GeoJsonSource} */ (map.getSource(id)).setData(`${location.origin}/api/layers/${id}/features`);
  }

  /** @param {Layer} layer @param {string} property @returns {Expression} */
  function designedOpacity(layer, property) {
    const key = `${layer.id} ${property}`;
    if (!designed.has(key)) designed.set(key, layer.paint?.[property] ?? 1);
    return designed.get(key);
  }

  /** How strongly each of the layers that share a source is drawn. @type {Record<string, number>} */
  const shares = Object.fromEntries(Object.keys(SHARED).map(id => [id, 1]));
  const byKind = () => ['match', ['get', 'kind'], 'alarm', shares.alarms, 'incident', shares.incidents, 1];

  /** What is laid later is drawn as strongly as was asked for before. @type {Map<string, number>} */
  const strengths = new Map();

  /** What was asked for while the map had no picture. @type {(() => void)[]} */
  let missed = [];

  const it = {
    catchUp() {
      const due = missed;
      missed = [];
      for (const call of due) call();
    },
    /** A base map of others (beneath.mjs). @type {(id: string, on: boolean) => void} */
    lay() {},
    /** Of a layer that shares its source (feed.mjs). @type {(id: string, on: boolean) => void} */
    turn() {},
    /** What was fetched is another now. @param {Batch} batch */
    renew(batch) {
      const { changed, whole } = batch;
      if (!hasPicture(map)) return void missed.push(() => it.renew(batch));
      for (const id of fetched) if (whole || changed.has(id)) fetchFeatures(id);
    },
    /** @param {string} id @param {boolean} visible */
    show(id, visible) {
      if (!hasPicture(map)) return void missed.push(() => it.show(id, visible));
      this.turn(id, visible);
      this.lay(id, visible);
      const share = strengths.get(id);
      if (visible && share !== undefined) this.fade(id, share);
      if (visible && OVERLAYS[id]?.fetched && !fetched.has(id)) fetchFeatures(id);
      for (const layer of layersOf(id)) map.setLayoutProperty(layer.id, 'visibility', visible ? 'visible' : 'none');
    },
    /** How strongly layers were meant to be drawn: those that are drawn anew may be meant otherwise. */
    forget() { for (const key of designed.keys()) if (key.startsWith('own/')) designed.delete(key); },
    /** A source whose answer was missed, once more. @param {string} source */
    refetch(source) {
      if (!hasPicture(map)) return;
      if (fetched.has(source)) fetchFeatures(source);
      else if (['vector', 'raster'].includes(map.getSource(source)?.type ?? '')) map.refreshTiles(source);
    },
    /** @param {string} id @param {number} share */
    fade(id, share) {
      strengths.set(id, share);
      if (!hasPicture(map)) return void missed.push(() => it.fade(id, share));
      if (id in SHARED) {
        shares[id] = share;
        for (const property of ['icon-opacity', 'text-opacity']) setPaint(map, 'matter-mark', property, byKind());
        return;
      }
      for (const layer of layersOf(id)) {
        for (const property of opacitiesOf(layer.type)) setPaint(map, layer.id, property, scaled(designedOpacity(layer, property), share));
      }
    },
  };
  return it;
}

// ---- the view

/**
 * Where the map looks. A gesture locks it for a moment. Where frames are slow it is there at once: a flight would be a few pictures.
 * @param {MapLibre} map @param {[Place, Place]} home @param {Pick<typeof AT_EASE, 'calm'>} pace
 */
function makeView(map, home, pace) {
  const flight = () => (pace.calm() ? 0 : FLIGHT_MS);
  let gestureUntil = 0;
  let atHome = true;
  const touched = () => { gestureUntil = performance.now() + GESTURE_MS; atHome = false; };
  for (const gesture of GESTURES) map.getCanvasContainer().addEventListener(gesture, touched, { passive: true });

  /** @param {number} duration */
  function goHome(duration) {
    atHome = true;
    map.fitBounds(home, { padding: roomForMap(24), duration });
  }

  // On a phone another sheet leaves other room: who still looks at the whole city sees the whole of it.
  window.addEventListener('onemap:sheet', () => { if (atHome) goHome(0); });

  return {
    /** @param {Place} place @param {number} [zoom] */
    flyTo(place, zoom) {
      if (performance.now() <= gestureUntil) return;
      // After the card has opened: it takes some of the room; where frames are slow after it is drawn, for a new view takes many.
      setTimeout(() => {
        atHome = false;
        map.flyTo({ center: place, zoom: zoom ?? Math.max(map.getZoom(), NEAR_ZOOM), offset: middleOfRoom(), duration: flight() });
      }, pace.calm() ? AFTER_CARD_MS : 0);
    },
    controls: {
      'map-zoom-in': () => map.zoomIn(),
      'map-zoom-out': () => map.zoomOut(),
      'map-north': () => map.easeTo({ bearing: 0, pitch: 0 }),
      'map-home': () => goHome(flight()),
    },
  };
}

// ---- selection

/** The ring on what is selected. It stays on it while that moves; the view stays where it is. @param {MapLibre} map */
function makeRing(map) {
  /** @param {...Place} places */
  return (...places) => {
    if (!hasPicture(map)) return;
    /** @type {PointFeature[]} */
    const features = places.map(coordinates => ({ type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates } }));
    /** @type {GeoJsonSource} */ (map.getSource('select')).setData({ type: 'FeatureCollection', features });
  };
}
