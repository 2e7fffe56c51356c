import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addOwn, colourOf, followOwn } from '../../assets/js/map/own.mjs';

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
  };
}

const layer = (/** @type {string} */ id, more = {}) => ({ id, geometry: 'polygon', min_zoom: 9, own: true, visible: true, legend: [{ key: id, token: 'own-1' }], style: { size: null, label: true }, ...more });

test('what is new is drawn, what is gone goes, what is drawn otherwise is drawn anew, the rest stays', () => {
  globalThis.location ??= /** @type {any} */ ({ origin: 'http://here' });
  const map = /** @type {any} */ (fakeMap());
  const before = [layer('a'), layer('b'), layer('c')];
  addOwn(map, before);
  const kept = map.sources.get('own/a');
  const after = [layer('a'), layer('c', { style: { size: null, label: false } }), layer('d')];
  followOwn(map, before, after);
  assert.deepEqual([...map.sources.keys()].sort(), ['own/a', 'own/c', 'own/d']);
  assert.equal(map.sources.get('own/a'), kept);
  assert.equal(map.layers.some((/** @type {any} */ one) => one.id === 'own/b/fill'), false);
  assert.equal(map.layers.some((/** @type {any} */ one) => one.id === 'own/c/label'), false, 'its names are not written any more');
});
