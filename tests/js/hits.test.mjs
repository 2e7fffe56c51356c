// What a search finds on the page itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST, coordinatesIn, matching, merged } from '../../assets/js/hits.mjs';
import { makeLive } from '../../assets/js/live.mjs';
import { aSensor, aUnit, anAlarm, anIncident } from './things.mjs';

/** @type {[string, string, number[] | null][]} */
const COORDINATES = [
  ['longitude and latitude with a comma', '116.397, 39.909', [116.397, 39.909]],
  ['with a Chinese comma', '116.397，39.909', [116.397, 39.909]],
  ['with a blank', ' 24.94 60.17 ', [24.94, 60.17]],
  ['with a semicolon', '24.94;60.17', [24.94, 60.17]],
  ['west and south', '-70.5,-33.4', [-70.5, -33.4]],
  ['whole degrees', '116,39', [116, 39]],
  ['a longitude beyond the date line is none', '181,39', null],
  ['a latitude beyond the pole is none', '116,91', null],
  ['one number is none', '116.397', null],
  ['three numbers are none', '116 39 50', null],
  ['an incident number is none', '2026-03', null],
  ['words are none', '东门', null],
];
for (const [name, text, wanted] of COORDINATES) {
  test(`coordinates: ${name}`, () => {
    const [hit] = coordinatesIn(text, 'coordinates');
    assert.deepEqual(hit ? [hit.lon, hit.lat] : null, wanted);
    if (hit) assert.deepEqual([hit.type, hit.hint], ['place', 'coordinates']);
  });
}

function city() {
  const live = makeLive(() => {});
  live.incident.snapshot([anIncident()]);
  live.unit.snapshot([aUnit(), aUnit({ id: 'medic-1', names: { zh: '急救一组', en: 'Medics 1' } })]);
  live.sensor.snapshot([aSensor()]);
  live.alarm.snapshot([anAlarm()]);
  return live;
}

/** @type {[string, string, string[]][]} */
const MATCHES = [
  ['a name in Chinese', '仓库', ['incident i1']],
  ['a name in English, whatever its case', 'WAREHOUSE', ['incident i1']],
  ['the number of an incident', '0314', ['incident i1']],
  ['the address of an incident', '东门路', ['incident i1']],
  ['the id of a unit', 'medic-', ['unit medic-1']],
  ['blanks around the words do not matter', '  brigade ', ['unit fire-1']],
  ['a gauge and its alarm, which bear one name', '东闸', ['alarm a1', 'sensor wl-1']],
  ['words that nothing has', 'xyz', []],
];
for (const [name, text, wanted] of MATCHES) {
  test(`search: ${name}`, () => assert.deepEqual(matching(city(), text).map(({ type, id }) => `${type} ${id}`).sort(), wanted));
}

test('a hit brings its title and its place', () => {
  const [{ title, lon, lat }] = matching(city(), 'warehouse');
  assert.deepEqual([title.en, lon, lat], ['Warehouse fire', 116.41, 39.91]);
});

test('an incident without titles is found by its title', () => {
  const live = makeLive(() => {});
  live.incident.snapshot([anIncident({ titles: null, title: '井盖缺失', address: null })]);
  assert.deepEqual(matching(live, '井盖').map(({ title }) => title), [{ zh: '井盖缺失' }]);
});

test('no more hits than the box has room for', () => {
  const live = makeLive(() => {});
  live.unit.snapshot(Array.from({ length: 30 }, (_, n) => aUnit({ id: `fire-${n}` })));
  assert.equal(matching(live, 'fire').length, MOST);
});

test('the number that was typed goes before those that begin with it', () => {
  const live = makeLive(() => {});
  const numbered = serial => anIncident({ id: `i${serial}`, number: `20260504-${serial}` });
  live.incident.snapshot([...Array.from({ length: 10 }, (_, n) => numbered(`1000${n}`)), numbered('1000')]);
  for (const text of ['1000', '20260504-1000']) {
    const hits = matching(live, text);
    assert.deepEqual([hits[0].id, hits.length], ['i1000', MOST]);
  }
});

test('what was found here is not found again by the server', () => {
  const here = [{ type: 'unit', id: '1', title: { zh: 'A' } }];
  const there = [{ type: 'unit', id: '1', title: { zh: 'B' } }, { type: 'camera', id: '1', title: { zh: 'C' } }];
  assert.deepEqual(merged(here, there).map(({ title }) => title.zh), ['A', 'C']);
});

test('hits of here and there together fit the box', () => {
  const hits = type => Array.from({ length: 7 }, (_, n) => ({ type, id: String(n), title: { zh: '' } }));
  const found = merged(hits('unit'), hits('asset'));
  assert.deepEqual([found.length, found.filter(({ type }) => type === 'unit').length], [MOST, 7]);
});
