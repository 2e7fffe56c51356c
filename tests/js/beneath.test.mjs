import assert from 'node:assert/strict';
import { test } from 'node:test';
import { basesAmong, creditsOf, sourceOf } from '../../assets/js/map/beneath.mjs';

/** @type {(id: string, changes?: any) => any} */
const base = (id, changes = {}) => ({ id, min_zoom: 1, raster: { tiles: [`/tiles/basemap/${id}/{z}/{x}/{y}?v=1`], tile_size: 256, max_zoom: 18, from_south: false, attribution: 'A', attribution_url: null, ...changes } });

test('only what has pictures is a base map', () => {
  assert.deepEqual(basesAmong([/** @type {any} */ ({ id: 'water' }), base('a')]).map(({ id }) => id), ['a']);
});

test('tiles that go through us are asked of our own address, others of theirs', () => {
  assert.deepEqual(sourceOf(base('a'), 'http://h'), { type: 'raster', tiles: ['http://h/tiles/basemap/a/{z}/{x}/{y}?v=1'], tileSize: 256, minzoom: 1, maxzoom: 18, scheme: 'xyz' });
  const south = sourceOf(base('b', { tiles: ['https://t0.example.org/{z}/{x}/{y}'], from_south: true }), 'http://h');
  assert.deepEqual([south.tiles[0], south.scheme], ['https://t0.example.org/{z}/{x}/{y}', 'tms']);
});

test('whose maps they are is told of those that are on, each once', () => {
  const all = [base('a'), base('b', { attribution_url: 'https://b' }), base('c', { attribution: 'C' })];
  assert.deepEqual(creditsOf(all, new Set()), []);
  assert.deepEqual(creditsOf(all, new Set(['a', 'b', 'c'])), [{ words: 'A', url: null }, { words: 'C', url: null }]);
});
