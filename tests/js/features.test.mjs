// What of each live thing the map draws.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fading, likeness, makeLiveLayers, placed, shownOf } from '../../assets/js/map/features.mjs';
import { makeSets } from '../../assets/js/sets.mjs';
import { NOW, VOCABULARY, aCell, aSensor, aUnit, aVideoEvent, aWarning, anAlarm, anIncident, before } from './things.mjs';

const SETS = makeSets(VOCABULARY);
const LIVE_LAYERS = makeLiveLayers(SETS);
const feature = (layer, thing) => LIVE_LAYERS[layer].feature(thing, NOW);
const shown = (layer, ...things) => shownOf(LIVE_LAYERS[layer], things, NOW).map(({ id }) => id);
const POINTS = { units: aUnit, sensors: aSensor, alarms: anAlarm, incidents: anIncident, video_events: aVideoEvent };

for (const [layer, make] of Object.entries(POINTS)) {
  test(`${layer} without a place are left out, at nought they are drawn`, () => {
    const things = [make({ id: 'here' }), make({ id: 'no-lon', lon: null }), make({ id: 'no-lat', lat: undefined }), make({ id: 'text', lon: '116' }), make({ id: 'gulf', lon: 0, lat: 0 })];
    assert.deepEqual(shown(layer, ...things), ['here', 'gulf']);
  });
  test(`${layer} are points at longitude and latitude, in that order, under their own id`, () => {
    const drawn = feature(layer, make({ id: 'x', lon: 116.5, lat: 39.5 }));
    assert.deepEqual(drawn.geometry, { type: 'Point', coordinates: [116.5, 39.5] });
    assert.deepEqual([drawn.id, drawn.properties.id], ['x', 'x']);
  });
}

/** @type {[string, string[], string[]][]} state -> drawn or not */
const STATES = [
  ['alarms', ['unacknowledged', 'acknowledged', 'returned_unacknowledged', 'latched_unacknowledged'], ['normal', 'shelved', 'suppressed_by_design', 'out_of_service']],
  ['incidents', ['open', 'assigned', 'on_scene', 'clear'], ['closed', 'cancelled']],
];
for (const [layer, drawn, quiet] of STATES) {
  const key = layer === 'alarms' ? 'state' : 'status';
  for (const state of drawn) test(`${layer} that are ${state} are drawn`, () => assert.deepEqual(shown(layer, POINTS[layer]({ [key]: state })).length, 1));
  for (const state of quiet) test(`${layer} that are ${state} are not drawn`, () => assert.deepEqual(shown(layer, POINTS[layer]({ [key]: state })), []));
}

test('a mark is named after what it is: family, kind or level, state', () => {
  assert.equal(feature('units', aUnit({ kind: 'medic', status: 'en_route' })).properties.icon, 'unit-medic-en_route');
  assert.equal(feature('alarms', anAlarm({ level: 1, state: 'latched_unacknowledged' })).properties.icon, 'alarm-1-waiting');
  assert.equal(feature('alarms', anAlarm({ level: 1, state: 'acknowledged' })).properties.icon, 'alarm-1-answered');
  assert.equal(feature('incidents', anIncident({ level: 2, status: 'open' })).properties.icon, 'incident-2-open');
  assert.equal(feature('sensors', aSensor({ kind: 'rain', alarm_level: 2 })).properties.icon, 'sensor-rain-2');
});

test('only an alarm that nobody has seen and an incident that nobody has taken are lively', () => {
  assert.deepEqual([anAlarm(), anAlarm({ state: 'acknowledged' })].map(alarm => feature('alarms', alarm).properties.lively), [true, false]);
  assert.deepEqual([anIncident(), anIncident({ status: 'assigned' })].map(one => feature('incidents', one).properties.lively), [true, false]);
});

test('names go along in both languages, Chinese standing in where there is no English', () => {
  const { name_zh, name_en } = feature('incidents', anIncident({ titles: null, title: '火情' })).properties;
  assert.deepEqual([name_zh, name_en], ['火情', '火情']);
  assert.equal(feature('units', aUnit()).properties.name_en, 'Brigade 1');
});

test('a sensor without alarm is level 0 and shows its newest reading with its unit', () => {
  const { level, reading, stale } = feature('sensors', aSensor()).properties;
  assert.deepEqual([level, reading, stale], [0, '1.23 m', false]);
});

test('a sensor that never spoke is stale and shows no reading', () => {
  const { reading, stale } = feature('sensors', aSensor({ values: {} })).properties;
  assert.deepEqual([reading, stale], ['', true]);
});

test('a unit is moving above walking pace only', () => {
  assert.deepEqual([null, 0, 0.8, 0.9].map(speed => feature('units', aUnit({ speed })).properties.moving), [false, false, false, true]);
});

test('a unit is stale once it has been silent for more than ninety seconds', () => {
  assert.deepEqual([89, 90, 91].map(age => SETS.stale(aUnit({ seen_at: before(age) }), NOW)), [false, false, true]);
  assert.equal(feature('units', aUnit({ seen_at: before(91) })).properties.stale, true);
});

test('a risk cell is a polygon with its score; one without level or outline is not drawn', () => {
  const cell = feature('risk_cells', aCell());
  assert.equal(cell.geometry.type, 'Polygon');
  assert.deepEqual(cell.geometry.coordinates, [aCell().boundary]);
  assert.deepEqual(cell.properties, { id: '8828', level: 2, score: 5.5 });
  assert.deepEqual(shown('risk_cells', aCell({ level: null }), aCell({ boundary: null }), aCell()), ['8828']);
});

/** @type {[string, number, number | null][]} */
const FADING = [
  ['an event of now is not pale', 0, 0],
  ['an event of ten minutes is not pale yet', 600, 0],
  ['an event of more than ten minutes is paler', 601, 1],
  ['an event of more than half an hour is palest', 1801, 2],
  ['an event of an hour is still drawn', 3600, 2],
  ['an event of more than an hour is no longer drawn', 3601, null],
];
for (const [name, age, step] of FADING) {
  test(name, () => {
    const event = aVideoEvent({ time: before(age) });
    assert.equal(fading(event, NOW), step);
    assert.equal(shown('video_events', event).length, step === null ? 0 : 1);
  });
}

test('what cameras call by many names has one mark, what nobody knows is a camera', () => {
  const kinds = { truck: 'vehicle', fallen_person: 'person', flooding: 'water_level', fire: 'fire', hospital: 'camera', toString: 'camera', '': 'camera' };
  for (const [kind, mark] of Object.entries(kinds)) assert.equal(likeness(kind), mark, kind);
});

test('an urgent event has the filled mark', () => {
  assert.equal(feature('video_events', aVideoEvent({ kind: 'fire', urgent: true })).properties.icon, 'video-fire-1');
  assert.equal(feature('video_events', aVideoEvent()).properties.icon, 'video-vehicle-0');
});

test('a place needs two finite numbers', () => {
  const places = [[1, 2], [0, 0], [null, 2], [1, undefined], [Number.NaN, 2], ['1', 2], [Infinity, 2]];
  assert.deepEqual(places.map(([lon, lat]) => placed({ lon, lat })), [true, true, false, false, false, false, false]);
});

test('a warning is drawn while it holds and has an area, in the colour of its level', () => {
  assert.deepEqual(shown('warnings', aWarning({ id: 'on' }), aWarning({ id: 'over', until: before(1) }), aWarning({ id: 'nowhere', shape: [] })), ['on']);
  const drawn = feature('warnings', aWarning());
  assert.deepEqual([drawn.geometry.type, drawn.properties.level], ['MultiPolygon', 2]);
  assert.equal(feature('warnings', aWarning({ level: null })).properties.level, 0);
});
