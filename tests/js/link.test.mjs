// Addresses of what is on the screen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asLinked, linkOf, linkedIn } from '../../assets/js/link.mjs';

const SHOWN = { origin: 'http://city', thing: { type: 'incident', id: 'i1' }, center: { lng: 118.9912345678, lat: 31.35 }, zoom: 14.256, layers: ['units', 'alarms'], lang: /** @type {const} */ ('en') };

test('what an address says is what was on the screen', () => {
  const { open, at, layers, lang } = linkedIn(new URL(linkOf(SHOWN)).search);
  assert.deepEqual(open, { type: 'incident', id: 'i1' });
  assert.deepEqual(at, { center: [118.99123, 31.35], zoom: 14.26 });
  assert.deepEqual(layers, ['units', 'alarms']);
  assert.equal(lang, 'en');
});

test('a warning keeps its whole id', () => {
  const id = 'weather@example.org,w-1,2026-05-04T08:00:00+00:00';
  assert.equal(linkedIn(new URL(linkOf({ ...SHOWN, thing: { type: 'warning', id } })).search).open?.id, id);
});

/** @type {[string, string, keyof ReturnType<typeof linkedIn>][]} */
const NONSENSE = [
  ['a place that is none', '?at=500,31,12', 'at'], ['a place without a zoom', '?at=118,31', 'at'], ['words for a place', '?at=here', 'at'],
  ['a thing without an id', '?open=incident', 'open'], ['a type with strange signs', '?open=../x/1', 'open'], ['a language we do not speak', '?lang=fr', 'lang'], ['nothing of layers', '?lang=en', 'layers'],
];
for (const [name, search, part] of NONSENSE) test(`${name} is as if it were not there`, () => assert.equal(linkedIn(search)[part], null));

test('a point on the map without a card is not opened, its place is', () => {
  const link = linkOf({ ...SHOWN, thing: { type: 'place', id: '1,2' } });
  assert.equal(linkedIn(new URL(link).search).open, null);
});

test('layers that are named are on and the others off; where none are named all stay as they are', () => {
  const items = [{ id: 'units', visible: false, opacity: 1 }, { id: 'risk', visible: true, opacity: 1 }];
  assert.deepEqual(asLinked(items, ['units']).map(({ visible }) => visible), [true, false]);
  assert.deepEqual(asLinked(items, null), items);
});
