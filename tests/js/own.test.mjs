import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addOwn, colourOf, followOwn, markOf, ownLayers, repaintOwn, stacked } from '../../assets/js/map/own.mjs';

globalThis.document ??= /** @type {any} */ ({ documentElement: {} });
globalThis.getComputedStyle ??= /** @type {any} */ (() => ({ getPropertyValue: (/** @type {string} */ name) => `#${name.length}` }));

test('one colour, or one for each class and one for what has none', () => {
  assert.equal(typeof colourOf([{ key: 'parks', token: 'own-1' }]), 'string');
  const drawn = colourOf([{ key: '1', token: 'ramp-1' }, { key: '2', token: 'ramp-7' }]);
  assert.deepEqual(drawn.slice(0, 2), ['match', ['coalesce', ['get', 'tone'], 0]]);
  assert.deepEqual([drawn[2], drawn[4], drawn.length], [1, 2, 7]);
  assert.equal(Array.isArray(colourOf([{ key: '1', token: 'own-1' }])), true, 'a single class is a class');
});

function fakeMap() {
  const sources = new Map();
  /** @type {{ id: string }[]} */
  const layers = [];
  return {
    sources, layers,
    getSource: (/** @type {string} */ id) => sources.get(id),
    addSource: (/** @type {string} */ id, /** @type {any} */ source) => sources.set(id, source),
    removeSource: (/** @type {string} */ id) => sources.delete(id),
    getLayer: (/** @type {string} */ id) => layers.find(layer => layer.id === id),
    addLayer: (/** @type {any} */ layer) => layers.push(layer),
    removeLayer: (/** @type {string} */ id) => layers.splice(layers.findIndex(layer => layer.id === id), 1),
    getStyle: () => ({ layers: [...layers] }),
    moveLayer(/** @type {string} */ id) {
      const [moved] = layers.splice(layers.findIndex(layer => layer.id === id), 1);
      layers.push(moved);
    },
  };
}

const layer = (/** @type {string} */ id, more = {}) => ({ id, geometry: 'polygon', min_zoom: 9, own: true, visible: true, group: 'own', legend: [{ key: id, token: 'own-1' }], style: { size: null, icon: null, label: true }, ...more });

test('what is new is drawn, what is gone goes, what is drawn otherwise is drawn anew, the rest stays', () => {
  globalThis.location ??= /** @type {any} */ ({ origin: 'http://here' });
  const map = /** @type {any} */ (fakeMap());
  const before = [layer('a'), layer('b'), layer('c')];
  addOwn(map, before);
  const kept = map.sources.get('own/a');
  const after = [layer('a'), layer('c', { style: { size: null, icon: null, label: false } }), layer('d')];
  followOwn(map, before, after);
  assert.deepEqual([...map.sources.keys()].sort(), ['own/a', 'own/c', 'own/d']);
  assert.equal(map.sources.get('own/a'), kept);
  assert.equal(map.layers.some((/** @type {any} */ one) => one.id === 'own/b/fill'), false);
  assert.equal(map.layers.some((/** @type {any} */ one) => one.id === 'own/c/label'), false, 'its names are not written any more');
});

test('of a group the first is drawn last, and a group lies above those before it', () => {
  const listed = [layer('a', { group: 'base' }), layer('b', { group: 'base' }), layer('c'), layer('d')];
  assert.deepEqual(stacked(listed).map(({ id }) => id), ['b', 'a', 'd', 'c']);
});

const drawnBy = (/** @type {any} */ map) => [...new Set(map.layers.map((/** @type {any} */ one) => one.id.split('/')[1]))];

test('a layer that is put elsewhere is drawn there, and nothing is drawn anew', () => {
  const map = /** @type {any} */ (fakeMap());
  addOwn(map, [layer('a'), layer('b'), layer('c')]);
  assert.deepEqual(drawnBy(map), ['c', 'b', 'a']);
  const source = map.sources.get('own/b');
  followOwn(map, [layer('a'), layer('b'), layer('c')], [layer('b'), layer('a'), layer('c'), layer('d')]);
  assert.deepEqual(drawnBy(map), ['d', 'c', 'a', 'b']);
  assert.equal(map.sources.get('own/b'), source);
  assert.deepEqual(map.layers.filter((/** @type {any} */ one) => one.id.startsWith('own/b/')).map((/** @type {any} */ one) => one.id), ['own/b/fill', 'own/b/line', 'own/b/label']);
});

test('a point with an icon is its mark in the colour of its class, and a heap stays a dot', () => {
  assert.equal(markOf('hydrant', [{ key: 'wells', token: 'own-2' }]), 'own-hydrant-own-2');
  assert.deepEqual(markOf('hydrant', [{ key: '1', token: 'own-1' }, { key: '2', token: 'own-2' }]), ['match', ['coalesce', ['get', 'tone'], 0], 1, 'own-hydrant-own-1', 2, 'own-hydrant-own-2', 'own-hydrant-muted']);
  const drawn = /** @type {any[]} */ (ownLayers(/** @type {any} */ (layer('wells', { geometry: 'point', style: { size: 19, icon: 'hydrant', label: false } }))));
  assert.deepEqual(drawn.map(({ id, minzoom, maxzoom }) => [id, minzoom, maxzoom]), [['own/wells/dot', undefined, 13], ['own/wells/mark', 13, undefined]]);
  assert.equal(drawn[1].layout['icon-size'].at(-1), 2, 'twice the usual');
  const small = /** @type {any[]} */ (ownLayers(/** @type {any} */ (layer('wells', { geometry: 'point', style: { size: 3, icon: 'hydrant', label: false } }))));
  assert.equal(small[1].layout['icon-size'].at(-1), 1, 'never so small that nobody knows it');
  const plain = /** @type {any[]} */ (ownLayers(/** @type {any} */ (layer('wells', { geometry: 'point' }))));
  assert.deepEqual(plain.map(({ id, maxzoom }) => [id, maxzoom]), [['own/wells/dot', undefined], ['own/wells/label', undefined]]);
});

test('a new theme reaches every layer, those with marks in pictures too', () => {
  /** @type {string[]} */
  const painted = [];
  const map = /** @type {any} */ ({ ...fakeMap(), style: {}, setPaintProperty: (/** @type {string} */ id) => painted.push(id) });
  const layers = [layer('a', { geometry: 'point', style: { size: null, icon: 'tree', label: false } }), layer('b')];
  addOwn(map, layers);
  repaintOwn(map, layers);
  assert.deepEqual([...new Set(painted)], ['own/a/dot', 'own/b/fill', 'own/b/line', 'own/b/label']);
});
