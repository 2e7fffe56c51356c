// When the map's frames count as slow.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSlow } from '../../assets/js/map/pace.mjs';

const of = (...frames) => frames;
/** @type {[string, number[], boolean][]} */
const CASES = [
  ['a few frames say nothing', of(900, 900, 900), false],
  ['quick frames are quick', of(12, 16, 14, 20, 16, 15, 18, 17), false],
  ['one long frame among quick ones is no slowness', of(12, 16, 900, 20, 16, 15, 18, 17), false],
  ['frames that are long most of the time are slow', of(120, 160, 14, 220, 160, 150, 18, 170), true],
];
for (const [name, frames, wanted] of CASES) test(name, () => assert.equal(isSlow(frames), wanted));
