// When the map's frames count as slow.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSlow, isSoftware, restBetween } from '../../assets/js/map/pace.mjs';

/** @param {...number} frames */
const of = (...frames) => frames;
/** @type {[string, number[], boolean][]} */
const CASES = [
  ['a few frames say nothing', of(900, 900, 900), false],
  ['quick frames are quick', of(12, 16, 14, 20, 16, 15, 18, 17), false],
  ['one long frame among quick ones is no slowness', of(12, 16, 900, 20, 16, 15, 18, 17), false],
  ['frames that are long most of the time are slow', of(120, 160, 14, 220, 160, 150, 18, 170), true],
];
for (const [name, frames, wanted] of CASES) test(name, () => assert.equal(isSlow(frames), wanted));

for (const [name, wanted] of [['ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero)), SwiftShader driver)', true], ['llvmpipe (LLVM 15.0.6, 256 bits)', true], ['Microsoft Basic Render Driver', true], ['ANGLE (Intel, Intel(R) UHD Graphics 630, OpenGL 4.6)', false], ['', false]]) {
  test(`${name || 'a browser that does not say'} is ${wanted ? 'a processor' : 'a graphics card'}`, () => assert.equal(isSoftware(String(name)), wanted));
}

/** A map whose frames take `cost`, with a clock that is moved by hand. @param {number} cost */
function slowMap(cost) {
  let at = 0;
  let frames = 0;
  let handAt = -Infinity;
  /** @type {() => void} */
  let onRender = () => {};
  /** @type {{ call: () => void, due: number }[]} */
  const later = [];
  const map = { moving: false, isMoving: () => map.moving, on: (_, listener) => { onRender = listener; }, triggerRepaint: () => { frames += 1; onRender(); } };
  restBetween(/** @type {any} */ (map), { now: () => at, hand: () => handAt, nextFrame: call => { at += cost; call(); }, after: (call, ms) => later.push({ call, due: at + ms }) });
  return {
    map, frames: () => frames, touch: () => { handAt = at; },
    /** @param {number} ms */
    pass(ms) {
      at += ms;
      for (const one of later.splice(0)) (one.due <= at ? one.call() : later.push(one));
    },
  };
}

test('after a slow frame the map rests, and draws once what came meanwhile', () => {
  const { map, frames, pass } = slowMap(200);
  map.triggerRepaint();
  for (let n = 0; n < 5; n += 1) map.triggerRepaint();
  assert.equal(frames(), 1);
  pass(599);
  assert.equal(frames(), 1);
  pass(1);
  assert.equal(frames(), 2);
});

test('a view that moves and a map under a hand are drawn at once', () => {
  const { map, frames, touch } = slowMap(200);
  map.triggerRepaint();
  map.moving = true;
  map.triggerRepaint();
  assert.equal(frames(), 2);
  map.moving = false;
  touch();
  map.triggerRepaint();
  assert.equal(frames(), 3);
});

test('a page that comes back after hours in the background does not rest for hours', () => {
  const { map, frames, pass } = slowMap(3 * 3600 * 1000);
  map.triggerRepaint();
  map.triggerRepaint();
  pass(3000);
  assert.equal(frames(), 2);
});
