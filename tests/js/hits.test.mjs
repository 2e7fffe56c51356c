// What a search finds on the page itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST, matching, merged, placeHit, placeIn, tellingOf } from '../../assets/js/hits.mjs';
import { makeLive } from '../../assets/js/live.mjs';
import { aSensor, aUnit, anAlarm, anIncident } from './things.mjs';

const CITY = [118.6, 31.1, 119.3, 31.7];
/** @type {[string, string, number[] | null][]} */
const COORDINATES = [
  ['longitude and latitude with a comma', '116.397, 39.909', [116.397, 39.909]],
  ['with a Chinese comma', '116.397，39.909', [116.397, 39.909]],
  ['with a blank', ' 24.94 60.17 ', [24.94, 60.17]],
  ['with a semicolon', '24.94;60.17', [24.94, 60.17]],
  ['west and south', '-70.5,-33.4', [-70.5, -33.4]],
  ['whole degrees', '116,39', [116, 39]],
  ['of the city, longitude first', '118.99, 31.38', [118.99, 31.38]],
  ['of the city, latitude first', '31.38, 118.99', [118.99, 31.38]],
  ['just beyond the city, latitude first', '31.75, 118.99', [118.99, 31.75]],
  ['elsewhere, where only latitude can be first', '39.909, 116.397', [116.397, 39.909]],
  ['elsewhere, where both can be, longitude first', '60.17, 24.94', [60.17, 24.94]],
  ['letters before', 'N31.38 E118.99', [118.99, 31.38]],
  ['letters before, east first', 'E 118.99, N 31.38', [118.99, 31.38]],
  ['letters after', '31.38N, 118.99E', [118.99, 31.38]],
  ['letters after without a blank', '31.38n118.99e', [118.99, 31.38]],
  ['letters say south and west', '33.4S 70.5W', [-70.5, -33.4]],
  ['letters decide against the city', '31.38E 18.99N', [31.38, 18.99]],
  ['Chinese sides', '东经118.99 北纬31.38', [118.99, 31.38]],
  ['degrees with a sign', '31.38° 118.99°', [118.99, 31.38]],
  ['degrees, minutes and seconds', '31°22\'48"N 118°59\'24"E', [118.99, 31.38]],
  ['with typographic signs', '31°22′48″ 118°59′24″', [118.99, 31.38]],
  ['degrees and minutes', '31°22.8\'N, 118°59.4\'E', [118.99, 31.38]],
  ['in Chinese', '北纬31度22分48秒，东经118度59分24秒', [118.99, 31.38]],
  ['seventy minutes are none', '31°70\'N 118°59\'E', null],
  ['two latitudes are none', '31.38N 32.38N', null],
  ['a longitude beyond the date line is none', '181,39', null],
  ['two numbers beyond the pole are none', '116,91', null],
  ['one number is none', '116.397', null],
  ['three numbers are none', '116 39 50', null],
  ['an incident number is none', '2026-03', null],
  ['words are none', '东门', null],
];
for (const [name, text, wanted] of COORDINATES) {
  test(`coordinates: ${name}`, () => {
    const found = placeIn(text, CITY);
    assert.deepEqual(found && [found.lon, found.lat].map(value => +value.toFixed(6)), wanted);
  });
}

test('without a city the order is guessed by what can be', () => {
  assert.deepEqual(placeIn('31.38, 118.99', null), { lon: 118.99, lat: 31.38 });
  assert.deepEqual(placeIn('118.99, 31.38'), { lon: 118.99, lat: 31.38 });
});

test('a place is a hit that says how it was read', () => {
  const hint = { zh: '坐标', en: 'Coordinates' };
  const { type, title, lon, lat, hint: told } = placeHit({ lon: 118.99, lat: 31.38 }, hint);
  assert.deepEqual([type, title.en, lon, lat, told], ['place', '118.99, 31.38', 118.99, 31.38, hint]);
});

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

const hit = (type, id, match, more = {}) => ({ type, id, match, title: { zh: '人民大道', en: 'People Avenue' }, ...more });

test('a street is found before the sensors that are named after it, wherever they were found', () => {
  const live = makeLive(() => {});
  live.sensor.snapshot(Array.from({ length: 12 }, (_, n) => aSensor({ id: `s${n}`, names: { zh: `人民大道水位${n}`, en: '' } })));
  const found = merged(matching(live, '人民大道'), [hit('street', '7', 0), hit('camera', 'c', 1)]);
  assert.deepEqual([found[0].type, found[1].type, found.length], ['street', 'sensor', MOST]);
});

test('a name that begins so goes before one that only holds it', () => {
  const live = makeLive(() => {});
  live.unit.snapshot([aUnit({ id: 'a', names: { zh: '西人民大道队', en: '' } }), aUnit({ id: 'b', names: { zh: '人民大道队', en: '' } })]);
  assert.deepEqual(matching(live, '人民大道').map(({ id }) => id), ['b', 'a']);
});

test('what is found here and there has what both know', () => {
  const [found] = merged([hit('sensor', '1', 0, { lon: 1 })], [hit('sensor', '1', 0, { lon: 2, distance_m: 40, district: { zh: '区', en: 'D' } })]);
  assert.deepEqual([found.lon, found.distance_m, found.district.en], [1, 40, 'D']);
});

test('equal names are told apart by code, district and distance', () => {
  const texts = (key, { n }) => ({ zh: `${n} ${key}`, en: `${n} ${key}` });
  const district = { zh: '高淳区', en: 'Gaochun' };
  const one = hit('sensor', 's1', 0, { code: 's1', district, distance_m: 420 });
  const other = hit('sensor', 's2', 0, { code: 's2', district, distance_m: 2345 });
  assert.deepEqual(tellingOf(one, [one, other], texts).map(({ en }) => en), ['s1', 'Gaochun', '420 unit.m']);
  assert.deepEqual(tellingOf(other, [other], texts).map(({ en }) => en), ['Gaochun', '2.3 unit.km']);
  assert.deepEqual(tellingOf(hit('street', '1', 0), [], texts), []);
});

test('a row of an own layer is told by its layer', () => {
  const texts = (key, { n }) => ({ zh: `${n} ${key}`, en: `${n} ${key}` });
  const row = hit('row', 'shops/1', 0, { subtitle: { zh: '商铺', en: 'Shops' }, distance_m: 40 });
  assert.deepEqual(tellingOf(row, [row], texts).map(({ en }) => en), ['Shops', '40 unit.m']);
});

test('a better match goes before a kind that stands earlier, and a mistyped one last', () => {
  const found = merged([], [hit('street', '1', 8), hit('row', 'shops/1', 5), hit('address', 'd', 0), hit('unit', 'u', 7)]);
  assert.deepEqual(found.map(({ type }) => type), ['address', 'row', 'unit', 'street']);
});
