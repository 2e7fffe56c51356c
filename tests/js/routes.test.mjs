// Which ways are drawn on the map, and how often they are asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLive } from '../../assets/js/live.mjs';
import { EVERY_MS, drawnOf, incidentOf, makeAsking } from '../../assets/js/map/routes.mjs';
import { aUnit } from './things.mjs';

const live = makeLive(() => {});
live.unit.snapshot([aUnit({ incident: 'i1' }), aUnit({ id: 'fire-2', incident: null })]);
const route = unit => ({ type: 'Feature', id: unit, properties: { unit } });

test('the ways are those of the incident that is selected, or that the unit selected is on', () => {
  assert.equal(incidentOf({ type: 'incident', id: 'i7' }, live), 'i7');
  assert.equal(incidentOf({ type: 'unit', id: 'fire-1' }, live), 'i1');
  assert.equal(incidentOf({ type: 'unit', id: 'fire-2' }, live), null);
  assert.equal(incidentOf({ type: 'sensor', id: 'wl-1' }, live), null);
  assert.equal(incidentOf(null, live), null);
});

test('of an incident all ways are drawn, of a unit its own', () => {
  const routes = [route('fire-1'), route('fire-2')];
  assert.equal(drawnOf({ type: 'incident', id: 'i1' }, routes).length, 2);
  assert.deepEqual(drawnOf({ type: 'unit', id: 'fire-2' }, routes).map(({ id }) => id), ['fire-2']);
});

function stand() {
  const stand = { asked: [], drawn: [], later: [], clock: 0 };
  stand.asking = makeAsking({
    read: incident => { stand.asked.push(incident); return Promise.resolve([route(incident)]); },
    draw: routes => stand.drawn.push(routes.map(({ id }) => id)),
    after: (call, ms) => stand.later.push({ call, ms }),
    now: () => stand.clock,
  });
  return stand;
}
const settled = () => new Promise(resolve => setImmediate(resolve));

test('another incident is asked for at once, and what was drawn goes', async () => {
  const { asking, asked, drawn } = stand();
  asking.want('i1');
  asking.want('i1');
  await settled();
  asking.want(null);
  assert.deepEqual([asked, drawn], [['i1'], [[], ['i1'], []]]);
});

test('while units move the ways are asked for again, at most every ten seconds', async () => {
  const held = stand();
  held.asking.want('i1');
  await settled();
  held.clock = 4000;
  held.asking.moved();
  held.asking.moved();
  assert.deepEqual(held.later.map(({ ms }) => ms), [EVERY_MS - 4000]);
  held.later[0].call();
  await settled();
  assert.deepEqual(held.asked, ['i1', 'i1']);
  held.asking.moved();
  assert.equal(held.later.length, 2);
});

test('an answer that comes after another was selected is not drawn', async () => {
  const held = stand();
  held.asking.want('i1');
  held.asking.want('i2');
  await settled();
  assert.deepEqual(held.drawn.at(-1), ['i2']);
  assert.equal(held.drawn.flat().includes('i1'), false);
});
