// The figures of the top bar.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { freshness, loadOf, oldestFeed, perLevel, rateOf, readiness } from '../../assets/js/figures.mjs';
import { makeSets } from '../../assets/js/sets.mjs';
import { VOCABULARY, aUnit, anAlarm, anIncident } from './things.mjs';

const SETS = makeSets(VOCABULARY);

test('incidents are open until they are closed or cancelled', () => {
  const open = ['open', 'assigned', 'clear', 'closed', 'cancelled'].map(status => anIncident({ status })).filter(one => !SETS.ended(one));
  assert.deepEqual(open.map(({ status }) => status), ['open', 'assigned', 'clear']);
});

test('alarms wait until somebody has acknowledged them', () => {
  const waiting = ['unacknowledged', 'acknowledged', 'returned_unacknowledged', 'latched_unacknowledged', 'shelved', 'normal'].map(state => anAlarm({ state })).filter(SETS.waiting);
  assert.deepEqual(waiting.map(({ state }) => state), ['unacknowledged', 'returned_unacknowledged', 'latched_unacknowledged']);
});

test('every level is counted, one without things too', () => {
  assert.deepEqual(perLevel([{ level: 1 }, { level: 3 }, { level: 3 }]), [[1, 1], [2, 0], [3, 2], [4, 0]]);
});

test('a unit that is out of service is neither free nor busy', () => {
  const units = ['available', 'available', 'assigned', 'en_route', 'on_scene', 'out_of_service'].map(status => aUnit({ status }));
  assert.deepEqual(readiness(units, SETS), { free: 2, busy: 3 });
});

for (const [count, load] of [[0, 'calm'], [1, 'calm'], [2, 'calm'], [3, 'busy'], [10, 'busy'], [11, 'flood']]) {
  test(`${count} alarms in ten minutes are ${load}`, () => assert.equal(loadOf(count), load));
}

test('a rate that could not be counted is shown as not known, and never as no alarms', () => {
  assert.deepEqual([null, 0, 11.6].map(rateOf), [{ figure: '–', load: 'unknown' }, { figure: '0', load: 'calm' }, { figure: '12', load: 'flood' }]);
});

test('every load has its word in both languages', () => {
  const catalogue = JSON.parse(readFileSync(new URL('../../core/i18n/page.json', import.meta.url), 'utf8'));
  const words = [null, 0, 5, 50].map(count => catalogue[`bar.rate.${rateOf(count).load}`]);
  assert.deepEqual(words.filter(word => !word?.zh || !word?.en), []);
});

/** @type {[string, object, number][]} */
const OLDEST = [
  ['the oldest feed counts', { feeds: [{ id: 'rain', age_s: 3 }, { id: 'units', age_s: 44 }] }, 44],
  ['feeds that speak on occasion do not make the data old', { feeds: [{ id: 'rain', age_s: 3 }, { id: 'reports', age_s: 9000 }, { id: 'video', age_s: 700 }, { id: 'unknown', age_s: 50 }] }, 3],
  ['a feed that never spoke does not count', { feeds: [{ id: 'rain', age_s: null }, { id: 'units', age_s: 2 }] }, 2],
  ['a feed of this very moment is nought seconds old', { feeds: [{ id: 'rain', age_s: 0 }], oldest_feed_s: 80 }, 0],
  ['where no such feed has spoken the figure of the server stands', { feeds: [{ id: 'reports', age_s: 5 }], oldest_feed_s: 80 }, 80],
  ['where nothing has spoken at all it is nought', { feeds: [], oldest_feed_s: null }, 0],
];
for (const [name, health, wanted] of OLDEST) test(name, () => assert.equal(oldestFeed(health), wanted));

for (const [age, state] of [[0, 'fresh'], [60, 'fresh'], [61, 'old'], [300, 'old'], [301, 'dead']]) {
  test(`data of ${age} seconds is ${state}`, () => assert.equal(freshness(age), state));
}
