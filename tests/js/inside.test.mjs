import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, areaOf, layersIn, layersOfAreas, lengthOf, linesOf, tableOf } from '../../assets/js/inside.mjs';
import { calledOf, pageOf, thingOf } from '../../assets/js/inside_list.mjs';
import { asked, blank, drawn, finished, isWhole, withPoint, withoutLast } from '../../assets/js/map/sketch.mjs';

/** @type {(place: [number, number][], mode?: any) => any} */
const sketched = (places, mode = 'polygon') => places.reduce((sketch, place) => withPoint(sketch, place), blank(mode));

test('a circle is done with its first point, another press moves it', () => {
  const one = withPoint(blank('circle'), [118, 31]);
  assert.equal(one.done, true);
  assert.deepEqual(asked(withPoint(one, [119, 32]), 500), { type: 'Point', coordinates: [119, 32], radius_m: 500 });
});

test('the area at a place is asked for by what it is of, with one press', () => {
  const one = withPoint(blank('area'), [118, 31]);
  assert.equal(one.done, true);
  assert.deepEqual(asked(one, 500), { type: 'Point', coordinates: [118, 31], of: 'district' });
  assert.deepEqual(asked(one, 500, 'cells').of, 'cells');
  const items = /** @type {any[]} */ ([{ id: 'cells', own: true, geometry: 'polygon', title: { zh: '网格', en: 'Cells' } }, { id: 'wells', own: true, geometry: 'point', title: {} }, { id: 'water', own: false, geometry: 'polygon', title: {} }]);
  assert.deepEqual(layersOfAreas(items).map(({ id }) => id), ['cells']);
});

test('a polygon wants three corners, closes itself, and begins anew once it is done', () => {
  const two = sketched([[0, 0], [1, 0]]);
  assert.equal(isWhole(two), false);
  assert.equal(finished(two).done, false);
  const three = finished(sketched([[0, 0], [1, 0], [1, 1], [1, 1]]));
  assert.deepEqual([three.done, three.points.length], [true, 3], 'the double press that ends it is one corner');
  assert.deepEqual(asked(three, 9).coordinates, [[[0, 0], [1, 0], [1, 1], [0, 0]]]);
  assert.equal('radius_m' in asked(three, 9), false);
  assert.deepEqual(withPoint(three, [5, 5]).points, [[5, 5]]);
  assert.deepEqual(withoutLast(sketched([[0, 0], [1, 0]])).points, [[0, 0]]);
});

test('a line is asked for with its band and follows the pointer until it is done', () => {
  const line = sketched([[0, 0], [1, 0]], 'line');
  assert.deepEqual(asked(line, 50), { type: 'LineString', coordinates: [[0, 0], [1, 0]], radius_m: 50 });
  const shapes = drawn(line, null, [2, 2]).features.map(({ geometry }) => geometry);
  assert.deepEqual(shapes[0], { type: 'LineString', coordinates: [[0, 0], [1, 0], [2, 2]] });
  assert.equal(drawn(finished(line), { type: 'Polygon', coordinates: [] }, [2, 2]).features[0].geometry.type, 'Polygon');
});

const found = {
  geometry: null, name: null, area_m2: 785_398, length_m: null, people: null, buildings: 12, alarms: 1, incidents: 0, units: 2, sensors: 3, cameras: 4,
  facilities: [{ id: 'h-1', kind: 'hospital', names: { zh: '第一"医院', en: 'First, Hospital' } }, { id: 'h-2', kind: 'hospital', names: { zh: '二院', en: 'Second' } }],
  facility_kinds: [{ key: 'hospital', count: 312 }],
  assets: [{ key: '01', count: 1200, faults: 3 }], layers: [{ id: 'parks', title: { zh: '公园', en: 'Parks' }, count: 2 }],
};
const words = { texts: (/** @type {string} */ key, /** @type {any} */ params = {}) => ({ zh: `${key}${params.n ?? ''}`, en: `${key}${params.n ?? ''}` }) };
const vocabulary = /** @type {any} */ ({ facility_kinds: { hospital: { zh: '医院', en: 'Hospital' } }, asset_classes: { '01': { zh: '公用设施', en: 'Utilities' } } });

test('what is told: facilities by kind, components with those that are not well, nothing that nobody has counted', () => {
  const lines = linesOf(/** @type {any} */ (found), words, vocabulary);
  const said = Object.fromEntries(lines.map(({ label, value }) => [label.en, value]));
  assert.deepEqual([said['inside.area'], said['inside.people'], said.Hospital, said.Utilities, said.Parks], ['78.54 ha', '–', '312', '1,200', '2'], 'kinds are counted, however many are named');
  assert.equal('inside.length' in said, false);
  assert.equal(lines.find(({ label }) => label.en === 'Utilities')?.more?.en, 'inside.faults3');
});

test('a figure leads to what it counts, and none leads nowhere', () => {
  const lines = linesOf(/** @type {any} */ (found), words, vocabulary);
  const lists = Object.fromEntries(lines.map(({ label, listed }) => [label.en, listed]));
  assert.deepEqual([lists.Hospital, lists.Utilities, lists.Parks], [{ layer: 'facilities', filter: "kind = 'hospital'" }, { layer: 'assets', filter: "class = '01'" }, { layer: 'parks' }]);
  assert.deepEqual([lists['inside.units'], lists['inside.incidents'], lists['inside.people']], [{ layer: 'units' }, undefined, undefined]);
  const address = new URL(pageOf(/** @type {any} */ (lists.Hospital), 'h 1'), 'http://x');
  assert.equal(address.pathname, '/api/within/facilities');
  assert.deepEqual(Object.fromEntries(address.searchParams), { limit: '50', filter: "kind = 'hospital'", cursor: 'h 1' });
});

test('one is told from others of its name, and opens its card or its place', () => {
  const cover = { type: 'asset', id: '3205080103000001', title: { zh: '雨水井盖', en: 'Cover' }, lon: 118, lat: 31, values: { code: '3205080103000001' } };
  assert.deepEqual(calledOf(cover), { title: cover.title, code: '3205080103000001' });
  assert.deepEqual(calledOf({ ...cover, type: 'row', id: 'wells/7', title: { zh: 'w1', en: 'w1' }, values: { key: 'w1' } }).code, '', 'what it is called already is not said again');
  assert.deepEqual(calledOf({ ...cover, type: 'building', id: '12', title: null, values: {} }), { title: null, code: '12' });
  assert.deepEqual(thingOf(cover, 'x').type, 'asset');
  assert.deepEqual(thingOf({ ...cover, type: 'building', id: '12' }, 'x'), { type: 'place', id: 'building/12', lon: 118, lat: 31, label: 'x' });
});

test('the table begins as Excel wants it, and nothing in a name breaks it', () => {
  const lines = linesOf(/** @type {any} */ (found), words, vocabulary);
  const table = tableOf(lines, /** @type {any} */ (found), 'zh');
  assert.equal(table.charCodeAt(0), 0xfeff);
  assert.match(table, /"第一""医院","hospital","h-1"/);
  assert.equal(table.split('\r\n').length, lines.length + 2);
});

test('the rows of a layer that has something inside are had by the area itself', () => {
  assert.deepEqual(layersIn(/** @type {any} */ (found), words).map(({ id }) => id), ['buildings', 'alarms', 'units', 'sensors', 'cameras', 'facilities', 'assets', 'parks']);
  const area = { type: 'Polygon', coordinates: [[[118.12345678, 31], [119, 31], [119, 32], [118.12345678, 31]]] };
  const address = new URL(addressOf('parks', 'gpkg', area) ?? '', 'http://x');
  assert.equal(address.pathname, '/api/layers/parks/export');
  assert.deepEqual(Object.fromEntries(address.searchParams), { format: 'gpkg', filter: 'S_INTERSECTS(geometry, POLYGON((118.123457 31,119 31,119 32,118.123457 31)))' });
  const two = new URL(addressOf('parks', 'csv', { type: 'MultiPolygon', coordinates: [area.coordinates, area.coordinates] }) ?? '', 'http://x');
  assert.match(two.searchParams.get('filter') ?? '', /MULTIPOLYGON\(\(\(118.*\)\),\(\(/);
  assert.equal(addressOf('parks', 'csv', { type: 'Polygon', coordinates: [Array(2000).fill([118.123456, 31.123456])] }), null);
});

test('sizes as people say them', () => {
  assert.deepEqual([areaOf(99), areaOf(20_000), areaOf(3_000_000)], ['99 m²', '2.00 ha', '3.00 km²']);
  assert.deepEqual([lengthOf(99.6), lengthOf(1500)], ['100 m', '1.50 km']);
});
