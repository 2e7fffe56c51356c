// The area of a rule, drawn by hand: a map of the city under the field, a polygon by its corners. What is done becomes one more choice of
// the field, and is chosen; its value is its GeoJSON (app/pages/areas.py).
import * as maplibre from '/vendor/maplibre-gl/dist/maplibre-gl.mjs';
import { el } from '../dom.mjs';
import { blank, drawn, finished, isWhole, withPoint, withoutLast } from '../map/sketch.mjs';
import { baseStyle } from '../map/style.mjs';
import { token } from '../tokens.mjs';
import { pageLang } from '../words.mjs';

const SOURCE = 'fence', SHEET = '/vendor/maplibre-gl/dist/maplibre-gl.css';
// what one finds one's way by
const GROUND = ['districts', 'streets', 'buildings', 'water', 'green'];
const DECIMALS = 6, TEST = new URLSearchParams(location.search).has('test');

/** @typedef {{ bbox: [number, number, number, number] | null }} Ground */

/** Once the map's own style sheet is there: without it the canvas lies anywhere. */
const dressed = () => new Promise(done => {
  const there = document.querySelector(`link[href="${SHEET}"]`);
  if (there) return done(null);
  const link = el('link', { rel: 'stylesheet', href: SHEET });
  for (const end of ['load', 'error']) link.addEventListener(end, done, { once: true });
  document.head.append(link);
});

/** What was drawn as one more choice, which is chosen. @param {HTMLElement} select @param {Place[]} points @param {Words} words */
export function choose(select, points, words) {
  const ring = [...points, points[0]].map(place => place.map(at => +at.toFixed(DECIMALS)));
  const value = JSON.stringify({ type: 'Polygon', coordinates: [ring] });
  const told = JSON.parse(select.dataset.choices ?? '{}');
  const listed = told.choices.filter((/** @type {{ value: string }} */ one) => !one.value.startsWith('{'));
  const choices = [{ value, ...words.texts('rules.area.drawn', { n: points.length }) }, ...listed];
  // another language finds it there too
  select.dataset.choices = JSON.stringify({ ...told, choices });
  select.dataset.spoken = pageLang();
  const data = choices.map(one => ({ value: one.value, label: one[pageLang()] }));
  window.dash_clientside.set_props(told.id, { data, value });
}

/** @param {HTMLElement} button @param {Ground} ground @param {Words} words */
export async function openFence(button, { bbox }, words) {
  const place = button.parentElement?.querySelector('.fence');
  const select = button.closest('.field')?.querySelector('[data-choices]');
  if (!(place instanceof HTMLElement) || !(select instanceof HTMLElement)) return;
  if (place.firstChild) return void place.replaceChildren();
  const frame = el('div', { class: 'fence-map' });
  place.replaceChildren(el('p', { class: 'hint' }, ...words.both('rules.area.how')), frame);
  await dressed();
  const map = startMap(frame, bbox);
  if (!map) return void place.replaceChildren(el('p', { class: 'quiet' }, ...words.both('rules.area.none')));
  map.getCanvas().setAttribute('aria-label', words.say('rules.area.map'));
  const before = JSON.parse(button.dataset.fence ?? '{}').shape;
  let sketch = blank('polygon');
  const show = (/** @type {Place | null} */ pointer = null) => {
    const source = /** @type {GeoJsonSource | undefined} */ (map.getSource(SOURCE));
    const whole = sketch.done ? { type: 'Polygon', coordinates: [[...sketch.points, sketch.points[0]]] } : sketch.points.length ? null : before;
    source?.setData(/** @type {any} */ (drawn(sketch, whole, pointer)));
  };
  const done = () => {
    const whole = finished(sketch);
    if (!whole.done) return;
    sketch = whole;
    show();
    choose(select, sketch.points, words);
  };
  map.on('load', () => {
    lay(map);
    show();
    map.on('click', ({ lngLat }) => { sketch = withPoint(sketch, [lngLat.lng, lngLat.lat]); show(); });
    map.on('mousemove', ({ lngLat }) => { if (sketch.points.length && !sketch.done) show([lngLat.lng, lngLat.lat]); });
    map.on('dblclick', done);
    map.once('idle', () => { frame.dataset.drawn = '1'; });
  });
  frame.addEventListener('keydown', event => {
    if (event.key === 'Enter' && isWhole(sketch)) done();
    else if (event.key === 'Backspace' && !sketch.done) { sketch = withoutLast(sketch); show(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const gone = new MutationObserver(() => { if (!frame.isConnected) { gone.disconnect(); map.remove(); } });
  gone.observe(document.body, { childList: true, subtree: true });
}

/** @param {HTMLElement} container @param {Ground['bbox']} bbox @returns {MapLibre | null} nothing where the browser has no picture for it */
function startMap(container, bbox) {
  const [west, south, east, north] = bbox ?? [-180, -60, 180, 75];
  try {
    const map = new maplibre.Map({
      container, style: baseStyle(pageLang(), id => !id || GROUND.includes(id)), bounds: [[west, south], [east, north]], minZoom: 8.5, maxZoom: 19, attributionControl: false,
      doubleClickZoom: false, fadeDuration: 0, canvasContextAttributes: { preserveDrawingBuffer: TEST },
    });
    map.addControl(new maplibre.NavigationControl({ showCompass: false }), 'top-right');
    return map;
  } catch {
    return null;
  }
}

/** @param {MapLibre} map */
function lay(map) {
  const colour = token('accent');
  map.addSource(SOURCE, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } });
  map.addLayer({ id: 'fence-fill', type: 'fill', source: SOURCE, filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': colour, 'fill-opacity': 0.16 } });
  map.addLayer({ id: 'fence-line', type: 'line', source: SOURCE, filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': colour, 'line-width': 2 } });
  map.addLayer({ id: 'fence-point', type: 'circle', source: SOURCE, filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-color': colour, 'circle-radius': 4, 'circle-stroke-color': token('map-halo'), 'circle-stroke-width': 1.5 } });
}
