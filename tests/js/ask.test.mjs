// What an act that asks sends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callOf, saidOf } from '../../assets/js/ask.mjs';
import { completed } from '../../assets/js/report.mjs';

const act = (url, body = {}) => ({ name: 'x', label: { zh: '', en: '' }, method: 'POST', url, body, fields: [] });

test('what was given goes into the body beside what was there; what was left out does not', () => {
  assert.deepEqual(callOf(act('/api/alarms/1/shelve', { version: 3 }), { minutes: 30, reason: '检修', note: null, more: '' }), { url: '/api/alarms/1/shelve', body: { version: 3, minutes: 30, reason: '检修' } });
});

test('a field in braces goes into the address, encoded, and not into the body', () => {
  assert.deepEqual(callOf(act('/api/incidents/{incident}/alarms', { alarm: 'a' }), { incident: 'x/y' }), { url: '/api/incidents/x%2Fy/alarms', body: { alarm: 'a' } });
});

test('a value of a row is sent where it is another, in its object, and null where it was emptied', () => {
  const field = (name, value) => ({ name: `values.${name}`, label: { zh: '', en: '' }, kind: 'text', required: false, choices: [], value, into: 'values' });
  const change = { ...act('/api/layers/a/rows/1', { version: 3 }), fields: [field('名称', '甲'), field('深度', '1.5'), field('备注', ''), field('reason', 'x')] };
  const given = { 'values.名称': '甲', 'values.深度': null, 'values.备注': '新', 'values.reason': 'y', reason: '巡查' };
  assert.deepEqual(callOf(change, given).body, { version: 3, values: { 深度: null, 备注: '新', reason: 'y' }, reason: '巡查' });
  assert.deepEqual(callOf(change, { 'values.名称': '甲', 'values.深度': '1.5', 'values.reason': 'x' }).body, { version: 3, values: {} });
});

const KINDS = { fire: { zh: '火灾', en: 'Fire', level: 3 }, own: { zh: '自定', en: 'Own' } };
/** @type {[string, object, { title: string, level: number }][]} */
const REPORTS = [
  ['a title is place and what, the level that of the kind', { kind: 'fire', address: '东门路 3 号', level: null }, { title: '东门路 3 号火灾', level: 3 }],
  ['a level that was chosen goes before that of the kind', { kind: 'fire', address: null, level: 1 }, { title: '火灾', level: 1 }],
  ['a kind without a level is the least urgent', { kind: 'own', address: null, level: null }, { title: '自定', level: 4 }],
];
for (const [name, given, wanted] of REPORTS) {
  test(name, () => {
    const { title, level } = completed(given, KINDS, { lon: 1, lat: 2 });
    assert.deepEqual({ title, level }, wanted);
  });
}

test('the point is said where it is not the address that says the place', () => {
  const said = { kind: 'fire', address: '东门路 3 号', level: null };
  const [point, address] = ['point', 'address'].map(place => completed({ ...said, place }, KINDS, { lon: 1, lat: 2 }));
  assert.deepEqual([point.lon, point.lat, 'place' in point], [1, 2, false]);
  assert.deepEqual(['lon' in address, 'place' in address], [false, false]);
});

const OFTEN = [{ value: 'repair', label: { zh: '设备检修', en: 'Under repair' } }];

test('what is often said goes as its key, in whichever language it was pressed; what was typed as it was typed', () => {
  assert.equal(saidOf(OFTEN, ' 设备检修 '), 'repair');
  assert.equal(saidOf(OFTEN, 'Under repair'), 'repair');
  assert.equal(saidOf(OFTEN, '设备检修，明早'), '设备检修，明早');
  assert.equal(saidOf(OFTEN, '  '), null);
});
