// Marks that glide, on a clock and with hands that the test holds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Glide, glides, hasArrived, placeOn } from '../../assets/js/map/glide.mjs';

const HERE = [116.4, 39.9];

/** @type {[string, [number, number] | undefined, [number, number], boolean][]} */
const CASES = [
  ['a mark that is new appears where it is', undefined, HERE, false],
  ['a mark that stands still does not glide', HERE, HERE, false],
  ['a tremor of its receiver does not make it glide', HERE, [116.4 + 1e-6, 39.9], false],
  ['a short way east is glided', HERE, [116.401, 39.9], true],
  ['a short way south is glided', HERE, [116.4, 39.895], true],
  ['a jump too far east is a correction, not a way', HERE, [116.407, 39.9], false],
  ['a jump too far north is a correction, however little east it is', HERE, [116.4001, 39.91], false],
];
for (const [name, from, goal, wanted] of CASES) test(name, () => assert.equal(glides(from, goal), wanted));

test('on its way a mark is where its share of a second has brought it', () => {
  const way = { from: [10, 20], goal: [12, 16], began: 5000 };
  const places = { 5000: [10, 20], 5250: [10.5, 19], 5500: [11, 18], 6000: [12, 16] };
  for (const [now, place] of Object.entries(places)) assert.deepEqual(placeOn(way, Number(now)), place, now);
});

test('it neither passes its goal nor starts before its beginning', () => {
  const way = { from: [10, 20], goal: [12, 16], began: 5000 };
  assert.deepEqual(placeOn(way, 9000), [12, 16]);
  assert.deepEqual(placeOn(way, 4000), [10, 20]);
});

test('it has arrived after one second', () => {
  const way = { from: [10, 20], goal: [12, 16], began: 5000 };
  assert.deepEqual([5999, 6000, 7000].map(now => hasArrived(way, now)), [false, true, true]);
});

/** A glide whose clock, steps and map are the test's. */
function held({ calm = false } = {}) {
  const hand = { now: 0, calm, drawn: [], steps: [], frames: [] };
  const glide = new Glide({
    draw: moved => hand.drawn.push(moved), drawn: then => hand.frames.push(then), now: () => hand.now, calm: () => hand.calm, later: step => hand.steps.push(step),
  });
  const put = (id, lon) => glide.set([{ type: 'Feature', id, properties: { id }, geometry: { type: 'Point', coordinates: [lon, 39.9] } }])[0].geometry.coordinates[0];
  const step = now => { hand.now = now; hand.steps.shift()(); };
  const frame = () => hand.frames.shift()();
  return { glide, hand, put, step, frame };
}

test('a mark that has moved is first drawn where it was, then on its way, then at its goal', () => {
  const { hand, put, step, frame } = held();
  assert.equal(put('u', 1), 1);
  assert.equal(put('u', 1.004), 1);
  step(500);
  frame();
  step(1000);
  assert.deepEqual(hand.drawn.map(([{ id, coordinates }]) => [id, coordinates[0]]), [['u', 1.002], ['u', 1.004]]);
});

test('once all have arrived nothing is drawn any more', () => {
  const { hand, put, step } = held();
  put('u', 1);
  put('u', 1.004);
  step(1000);
  assert.deepEqual([hand.frames.length, hand.steps.length], [0, 0]);
});

test('the next step waits until the map has drawn the one before', () => {
  const { hand, put, step, frame } = held();
  put('u', 1);
  put('u', 1.004);
  step(100);
  assert.equal(hand.steps.length, 0);
  frame();
  assert.equal(hand.steps.length, 1);
});

test('a mark that turns round on its way sets out from where it is seen', () => {
  const { hand, put, step } = held();
  put('u', 1);
  put('u', 1.004);
  hand.now = 500;
  assert.equal(put('u', 1), 1.002);
  step(1000);
  assert.equal(hand.drawn[0][0].coordinates[0], 1.001);
});

test('a mark that jumps too far is drawn there at once', () => {
  const { hand, put } = held();
  put('u', 1);
  assert.equal(put('u', 2), 2);
  assert.equal(hand.steps.length, 0);
});

test('a jump too far ends the way that a mark was on', () => {
  const { hand, put, step } = held();
  put('u', 1);
  put('u', 1.004);
  assert.equal(put('u', 2), 2);
  step(500);
  assert.deepEqual(hand.drawn, []);
});

test('many marks move in one drawing', () => {
  const { hand, put, step } = held();
  for (const id of ['a', 'b', 'c']) { put(id, 1); put(id, 1.004); }
  assert.equal(hand.steps.length, 1);
  step(250);
  assert.deepEqual(hand.drawn[0].map(({ id }) => id), ['a', 'b', 'c']);
});

test('a mark that is gone is not drawn, and appears where it is when it comes back', () => {
  const { glide, hand, put, step } = held();
  put('u', 1);
  put('u', 1.004);
  glide.forget(['u']);
  step(500);
  assert.deepEqual(hand.drawn, []);
  assert.equal(put('u', 1.002), 1.002);
});

test('nothing glides for who asked for calm or does not look', () => {
  const { hand, put } = held({ calm: true });
  put('u', 1);
  assert.equal(put('u', 1.004), 1.004);
  assert.equal(hand.steps.length, 0);
});
