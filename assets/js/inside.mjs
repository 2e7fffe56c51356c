// What is inside an area: drawn on the map as a circle, a polygon or a band along a street, told beside it at once, to be taken along.
import { send, whyOf } from './api.mjs';
import { byId, el } from './dom.mjs';
import { makeInsideList } from './inside_list.mjs';
import { hasPicture } from './map/lost.mjs';
import { asked, blank, drawn, finished, isOnePress, isWhole, withPoint, withoutLast } from './map/sketch.mjs';
import { token } from './tokens.mjs';
import { pair } from './words.mjs';

const SOURCE = 'sketch';
const MODES = /** @type {import('./map/sketch.mjs').Mode[]} */ (['circle', 'polygon', 'line', 'area']);
const RADII = [100, 200, 500, 1000, 2000, 5000];
const STANDARD = { circle: 500, line: 50, polygon: 0, area: 0 };
const DISTRICT = 'district';
const BOM = '\ufeff';
// characters that a filter may have (app/api/exports.py)
const LONGEST_FILTER = 4000;
const FORMATS = { gpkg: 'GeoPackage', geojson: 'GeoJSON', csv: 'CSV', xlsx: 'XLSX', zip: 'SHP', kml: 'KML' };

/**
 * @typedef {{ geometry: any, area_m2: number, length_m: number | null, people: number | null, buildings: number, alarms: number, incidents: number, units: number, sensors: number, cameras: number,
 *   name: Bilingual | null, facilities: { id: string, kind: string, names: Bilingual }[], facility_kinds: { key: string, count: number }[], assets: { key: string, count: number, faults: number }[], layers: { id: string, title: Bilingual, count: number }[] }} Within
 * @typedef {{ label: Bilingual, value: string, more?: Bilingual, listed?: import('./inside_list.mjs').Listed }} Line
 */

/** @param {number} m2 */
export const areaOf = m2 => (m2 >= 1e6 ? `${(m2 / 1e6).toFixed(2)} km²` : m2 >= 1e4 ? `${(m2 / 1e4).toFixed(2)} ha` : `${Math.round(m2)} m²`);
/** @param {number} m */
export const lengthOf = m => (m >= 1000 ? `${(m / 1000).toFixed(2)} km` : `${Math.round(m)} m`);

/** A text of CQL2. @param {string} text */
const quoted = text => `'${text.replaceAll("'", "''")}'`;

/** What is told of an area, line by line. @param {Within} found @param {Pick<Words, 'texts'>} words @param {Vocabulary} vocabulary @returns {Line[]} */
export function linesOf(found, { texts }, vocabulary) {
  const count = (/** @type {string} */ name, /** @type {number | null} */ n) => ({ label: texts(`inside.${name}`), value: n === null ? '–' : n.toLocaleString('en') });
  const listed = (/** @type {string} */ layer, /** @type {number} */ n, /** @type {string} */ filter = '') => (n ? { listed: { layer, ...(filter && { filter }) } } : {});
  return [
    ...(found.name ? [{ label: texts('inside.name'), value: found.name.zh, ...(found.name.en === found.name.zh ? {} : { more: { zh: found.name.en, en: found.name.en } }) }] : []),
    { label: texts('inside.area'), value: areaOf(found.area_m2) },
    ...(found.length_m === null ? [] : [{ label: texts('inside.length'), value: lengthOf(found.length_m) }]),
    count('people', found.people),
    ...['buildings', 'incidents', 'alarms', 'units', 'sensors', 'cameras'].map(name => {
      const n = /** @type {any} */ (found)[name];
      return { ...count(name, n), ...listed(name, n) };
    }),
    ...found.facility_kinds.map(({ key, count: n }) => ({ label: /** @type {any} */ (vocabulary.facility_kinds)[key] ?? { zh: key, en: key }, value: n.toLocaleString('en'), ...listed('facilities', n, `kind = ${quoted(key)}`) })),
    ...found.assets.map(({ key, count: n, faults }) => ({
      label: /** @type {any} */ (vocabulary.asset_classes)[key] ?? { zh: key, en: key }, value: n.toLocaleString('en'), ...(faults ? { more: texts('inside.faults', { n: faults }) } : {}),
      ...listed('assets', n, `class = ${quoted(key)}`),
    })),
    ...found.layers.map(({ id, title, count: n }) => ({ label: title, value: n.toLocaleString('en'), ...listed(id, n) })),
  ];
}

/** The same as a table for a spreadsheet. @param {Line[]} lines @param {Within} found @param {Lang} lang */
export function tableOf(lines, found, lang) {
  // what a spreadsheet would take for a formula is text
  const cell = (/** @type {unknown} */ value) => `"${String(value).replace(/^(?=[=+@\t\r-]\D)/, "'").replaceAll('"', '""')}"`;
  const rows = [...lines.map(({ label, value, more }) => [label[lang], value, more?.[lang] ?? '']), ...found.facilities.map(({ id, kind, names }) => [names[lang], kind, id])];
  return BOM + rows.map(row => row.map(cell).join(',')).join('\r\n');
}

/** Layers of which something is inside, as they are called under `/ogc`. @param {Within} found @param {Pick<Words, 'texts'>} words @returns {{ id: string, title: Bilingual }[]} */
export function layersIn(found, { texts }) {
  const ours = ['buildings', 'incidents', 'alarms', 'units', 'sensors', 'cameras', 'facilities', 'assets'].filter(name => {
    const inside = /** @type {any} */ (found)[name];
    return Array.isArray(inside) ? inside.length : inside;
  });
  return [...ours.map(id => ({ id, title: texts(`inside.${id}`) })), ...found.layers.filter(({ count }) => count).map(({ id, title }) => ({ id, title }))];
}

/** Where the rows of a layer that meet the area are had as a file; nothing where it has more corners than can be asked for. @param {string} layer @param {string} format @param {any} geometry a Polygon or MultiPolygon */
export function addressOf(layer, format, { type, coordinates }) {
  const ring = (/** @type {Place[]} */ places) => `(${places.map(([x, y]) => `${+x.toFixed(6)} ${+y.toFixed(6)}`).join(',')})`;
  const polygon = (/** @type {Place[][]} */ rings) => `(${rings.map(ring).join(',')})`;
  const filter = `S_INTERSECTS(geometry, ${type === 'Polygon' ? `POLYGON${polygon(coordinates)}` : `MULTIPOLYGON(${coordinates.map(polygon).join(',')})`})`;
  return filter.length > LONGEST_FILTER ? null : `/api/layers/${encodeURIComponent(layer)}/export?${new URLSearchParams({ format, filter })}`;
}

/** Layers of the city's own whose areas a place can be in. @param {LayerItem[]} items */
export const layersOfAreas = items => items.filter(({ own, geometry }) => own && geometry === 'polygon').map(({ id, title }) => ({ id, title }));

/** @param {{ map: MapLibre, words: Words, catalogue: Texts, vocabulary: Vocabulary, layers: LayerItem[], selection: Chosen }} parts */
export function makeInside({ map, words, catalogue, vocabulary, layers: known, selection }) {
  const { both } = words;
  let sketch = blank('circle');
  let radius = STANDARD.circle;
  let of = DISTRICT;
  /** @type {Within | null} */
  let found = null;
  /** @type {HTMLElement | null} */
  let panel = null;
  let turn = 0;
  const told = el('div', { class: 'inside-told', 'aria-live': 'polite' });

  function layers() {
    if (map.getSource(SOURCE)) return;
    map.addSource(SOURCE, { type: 'geojson', data: /** @type {any} */ (drawn(sketch, null)) });
    const colour = token('accent');
    map.addLayer({ id: 'sketch-fill', type: 'fill', source: SOURCE, filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': colour, 'fill-opacity': 0.14 } });
    map.addLayer({ id: 'sketch-line', type: 'line', source: SOURCE, filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': colour, 'line-width': 2 } });
    map.addLayer({ id: 'sketch-point', type: 'circle', source: SOURCE, filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-color': colour, 'circle-radius': 4, 'circle-stroke-color': token('map-halo'), 'circle-stroke-width': 1.5 } });
  }

  /** @param {Place | null} [pointer] */
  function show(pointer = null) {
    if (!hasPicture(map)) return;
    const source = /** @type {GeoJsonSource | undefined} */ (map.getSource(SOURCE));
    source?.setData(/** @type {any} */ (drawn(sketch, found?.geometry ?? null, pointer)));
  }

  async function ask() {
    const mine = ++turn;
    told.replaceChildren(el('p', { class: 'quiet' }, both('lists.loading')));
    try {
      const answer = await send('POST', '/api/within', asked(sketch, radius, of));
      if (mine !== turn || !panel) return;
      found = answer;
      tell();
    } catch (error) {
      if (mine !== turn) return;
      found = null;
      const why = whyOf(error, catalogue);
      told.replaceChildren(el('p', { class: 'warned' }, pair(why)));
    }
    show();
  }

  function tell() {
    if (!found) return;
    const lines = linesOf(found, words, vocabulary);
    const rows = lines.map(line => el('div', {}, el('dt', {}, pair(line.label)), el('dd', {}, figureOf(line), ...(line.more ? [el('span', { class: 'quiet' }, ' · ', pair(line.more))] : []))));
    const take = el('button', { type: 'button', class: 'action', 'data-testid': 'inside-take', onclick: () => takeAlong(lines) }, both('inside.take'));
    told.replaceChildren(el('dl', { class: 'facts', 'data-testid': 'inside-facts' }, ...rows), take, ...rowsAlong(found));
  }

  /** A figure that leads to what it counts. @param {Line} line */
  function figureOf({ label, value, listed }) {
    return listed ? el('button', { type: 'button', class: 'link', 'data-list': listed.layer, 'aria-label': `${label[words.lang()]} ${value}`, onclick: () => list(label, listed) }, value) : value;
  }

  /** @param {Bilingual} title @param {import('./inside_list.mjs').Listed} listed */
  function list(title, listed) {
    if (!found) return;
    told.replaceChildren(makeInsideList({ words, catalogue, selection, geometry: found.geometry, title, listed, back: tell }));
    /** @type {HTMLElement | null} */ (told.querySelector('[data-testid=inside-back]'))?.focus();
  }

  /** The rows of one layer as a file. @param {Within} within */
  function rowsAlong(within) {
    const offered = layersIn(within, words);
    if (!offered.length || !addressOf('', 'gpkg', within.geometry)) return [];
    const option = (/** @type {string} */ value, /** @type {string} */ title) => el('option', { value }, title);
    const layer = /** @type {HTMLSelectElement} */ (el('select', { 'data-testid': 'inside-layer', 'aria-label': words.say('inside.layer') }, ...offered.map(({ id, title }) => option(id, title[words.lang()] ?? id))));
    const format = /** @type {HTMLSelectElement} */ (el('select', { 'data-testid': 'inside-format', 'aria-label': words.say('inside.format') }, ...Object.entries(FORMATS).map(([id, title]) => option(id, title))));
    const get = () => el('a', { href: addressOf(layer.value, format.value, within.geometry) ?? '', download: '' }).click();
    return [el('div', { class: 'inside-rows' }, layer, format, el('button', { type: 'button', class: 'action', 'data-testid': 'inside-rows', onclick: get }, both('inside.rows')))];
  }

  /** @param {Line[]} lines */
  function takeAlong(lines) {
    if (!found) return;
    const address = URL.createObjectURL(new Blob([tableOf(lines, found, words.lang())], { type: 'text/csv;charset=utf-8' }));
    el('a', { href: address, download: 'area.csv' }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  function done() {
    const whole = finished(sketch);
    if (!whole.done) return;
    sketch = whole;
    ask();
  }

  /** @param {import('./map/sketch.mjs').Mode} mode */
  function choose(mode) {
    turn += 1;
    sketch = blank(mode);
    found = null;
    radius = STANDARD[mode] || radius;
    draw();
    show();
  }

  /** The panel's head, its choices and what to do. */
  function draw() {
    if (!panel) return;
    const modes = MODES.map(mode => el('button', { type: 'button', class: 'action', 'data-mode': mode, 'aria-pressed': String(mode === sketch.mode), onclick: () => choose(mode) }, both(`inside.mode.${mode}`)));
    const sizes = RADII.includes(radius) ? RADII : [radius, ...RADII];
    const choices = [{ id: DISTRICT, title: words.texts('inside.district') }, ...layersOfAreas(known)];
    const ofWhat = el('label', { hidden: sketch.mode !== 'area' }, el('span', {}, both('inside.of')), el('select', {
      'data-testid': 'inside-of', onchange: (/** @type {any} */ event) => { of = event.target.value; if (sketch.done) ask(); },
    }, ...choices.map(({ id, title }) => el('option', { value: id, selected: id === of }, title[words.lang()] ?? id))));
    const within = el('label', { hidden: sketch.mode === 'polygon' || sketch.mode === 'area' }, el('span', {}, both('inside.radius')), el('select', {
      'data-testid': 'inside-radius', onchange: (/** @type {any} */ event) => { radius = Number(event.target.value); if (sketch.done) ask(); },
    }, ...sizes.map(size => el('option', { value: size, selected: size === radius }, lengthOf(size)))));
    const finish = el('button', { type: 'button', class: 'action', 'data-testid': 'inside-done', hidden: isOnePress(sketch.mode), onclick: done }, both('inside.done'));
    const close = el('button', { type: 'button', class: 'icon-button', 'data-testid': 'inside-close', onclick: stop, 'aria-label': words.say('page.close') }, el('span', { class: 'icon icon-close' }));
    told.replaceChildren(el('p', { class: 'quiet' }, both(`inside.how.${sketch.mode}`)));
    panel.replaceChildren(el('div', { class: 'panel-head' }, el('h2', { id: 'inside-title' }, both('inside.title')), close), el('div', { class: 'inside-modes' }, ...modes), el('div', { class: 'inside-size' }, within, ofWhat, finish), told);
  }

  /** @param {import('maplibre-gl').MapMouseEvent} event */
  function pressed({ lngLat }) {
    if (!panel) return;
    const wasDone = sketch.done;
    sketch = withPoint(sketch, [lngLat.lng, lngLat.lat]);
    if (wasDone || !sketch.done) { found = null; turn += 1; told.replaceChildren(el('p', { class: 'quiet' }, both(`inside.how.${sketch.mode}`))); }
    if (sketch.done) ask();
    else show();
  }

  /** @param {import('maplibre-gl').MapMouseEvent} event */
  function moved({ lngLat }) {
    if (panel && !isOnePress(sketch.mode) && sketch.points.length && !sketch.done) show([lngLat.lng, lngLat.lat]);
  }

  /** @param {KeyboardEvent} event */
  function typed(event) {
    if (!panel || document.querySelector('dialog[open]')) return;
    const elsewhere = event.target instanceof HTMLElement && !panel.contains(event.target) && event.target.closest('a, button, input, select, textarea, [role=option], [tabindex]') && !event.target.closest('#map');
    if (elsewhere) return;
    if (event.key === 'Escape') { event.stopPropagation(); stop(); }
    if (event.target instanceof HTMLElement && event.target.closest('button, input, select, textarea')) return;
    if (event.key === 'Enter' && isWhole(sketch)) done();
    if (event.key === 'Backspace' && !sketch.done) { sketch = withoutLast(sketch); show(); }
  }

  function stop() {
    turn += 1;
    panel?.remove();
    panel = null;
    found = null;
    sketch = blank(sketch.mode);
    delete map.getContainer().dataset.sketching;
    map.doubleClickZoom.enable();
    show();
    byId('map-inside')?.setAttribute('aria-pressed', 'false');
    byId('map-inside')?.focus();
  }

  function open() {
    if (panel) return stop();
    if (!hasPicture(map)) return;
    layers();
    panel = el('aside', { id: 'inside', class: 'panel', 'aria-labelledby': 'inside-title' });
    document.body.append(panel);
    map.getContainer().dataset.sketching = '1';
    map.doubleClickZoom.disable();
    byId('map-inside')?.setAttribute('aria-pressed', 'true');
    choose(sketch.mode);
  }

  map.on('click', pressed);
  map.on('mousemove', moved);
  map.on('dblclick', () => { if (panel && !isOnePress(sketch.mode)) done(); });
  document.addEventListener('keydown', typed, true);
  return { open };
}
