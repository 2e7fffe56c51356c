// How strongly a layer is drawn.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opacitiesOf, scaled } from '../../assets/js/map/fade.mjs';

const CASE = ['case', ['==', ['get', 'stale'], true], 0.4, 1];

test('a number is taken times the share', () => assert.equal(scaled(0.5, 0.5), 0.25));
test('an expression is multiplied as a whole', () => assert.deepEqual(scaled(CASE, 0.3), ['*', CASE, 0.3]));
test('a zoom curve stays on top and its outputs are scaled, its zooms not', () => {
  assert.deepEqual(scaled(['interpolate', ['linear'], ['zoom'], 13, 0.4, 15, 1], 0.5), ['interpolate', ['linear'], ['zoom'], 13, 0.2, 15, 0.5]);
});
test('expressions at the ends of a zoom curve are multiplied there', () => {
  assert.deepEqual(scaled(['interpolate', ['linear'], ['zoom'], 12, CASE, 15, 1], 0.5), ['interpolate', ['linear'], ['zoom'], 12, ['*', CASE, 0.5], 15, 0.5]);
});
test('a curve over something else than zoom is an expression like others', () => {
  const curve = ['interpolate', ['linear'], ['get', 'score'], 2, 0, 10, 0.3];
  assert.deepEqual(scaled(curve, 0.5), ['*', curve, 0.5]);
});
test('symbols fade with their words, the background never', () => {
  assert.deepEqual(opacitiesOf('symbol'), ['icon-opacity', 'text-opacity']);
  assert.deepEqual([opacitiesOf('background'), opacitiesOf('hillshade')], [[], []]);
});
