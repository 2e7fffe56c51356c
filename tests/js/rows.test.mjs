// What the work lists hold, in which order, and what a held list shows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeLive } from '../../assets/js/live.mjs';
import { arranged, listOf, makeLists, nextOf, rowsOf } from '../../assets/js/rows.mjs';
import { makeSets } from '../../assets/js/sets.mjs';
import { VOCABULARY, aUnit, aWarning, anAlarm, anIncident, before } from './things.mjs';

const LIVE = makeLive(() => {});
const LISTS = makeLists(makeSets(VOCABULARY), LIVE);
const order = (list, ...things) => arranged(LISTS[list], things).map(({ id }) => id);
/** Of another order than that by risk. */
const orderBy = (by, list, ...things) => arranged(makeLists(makeSets(VOCABULARY), LIVE, () => by)[list], things).map(({ id }) => id);
const risk = score => ({ risk: { score, terms: [] } });

/** @type {[string, object[], string[]][]} name -> alarms, their order */
const ALARMS = [
  ['the highest risk is first', [{ id: 'puddle', level: 4, ...risk(2.4) }, { id: 'underpass', level: 1, ...risk(9.08) }, { id: 'rain', level: 2, ...risk(6.2) }], ['underpass', 'rain', 'puddle']],
  ['a graver level with nobody near may stand below a lighter one over a school', [{ id: 'fields', level: 1, ...risk(7.41) }, { id: 'school', level: 2, ...risk(7.55) }], ['school', 'fields']],
  ['what nobody has counted yet stands in the middle of its level', [{ id: 'new-i', level: 1, risk: null }, { id: 'low-i', level: 1, ...risk(7.4) }, { id: 'ii', level: 2, ...risk(8.1) }, { id: 'new-iii', level: 3, risk: null }], ['new-i', 'ii', 'low-i', 'new-iii']],
  ['of one level the newest alarm is first', [{ id: 'old', raised_at: before(90) }, { id: 'new', raised_at: before(10) }], ['new', 'old']],
  // it was the other way round: a puddle that nobody had acknowledged stood before a flooded underpass that somebody had
  ['that somebody has acknowledged it makes nothing less urgent', [{ id: 'unseen', level: 4 }, { id: 'seen', level: 1, state: 'acknowledged' }], ['seen', 'unseen']],
  ['what has returned unacknowledged or is latched is in the list', [{ id: 'seen', level: 1, state: 'acknowledged' }, { id: 'back', state: 'returned_unacknowledged' }, { id: 'latched_unacknowledged', level: 2, state: 'latched_unacknowledged' }], ['seen', 'latched_unacknowledged', 'back']],
  ['what is shelved, suppressed, out of service or normal is not in the list', [{ id: 'x' }, ...['shelved', 'suppressed_by_design', 'out_of_service', 'normal'].map(state => ({ id: state, state }))], ['x']],
  ['alarms raised at the same moment keep the order of the server', [{ id: 'b' }, { id: 'a' }], ['b', 'a']],
];
for (const [name, alarms, wanted] of ALARMS) test(name, () => assert.deepEqual(order('alarms', ...alarms.map(anAlarm)), wanted));

/** @type {[string, object[], string[]][]} */
const INCIDENTS = [
  ['the incident of the highest risk is first', [{ id: 'iv', level: 4, ...risk(4.1) }, { id: 'iii', level: 3, ...risk(3.4) }], ['iv', 'iii']],
  ['of one level the newest incident is first', [{ id: 'old', opened_at: before(900) }, { id: 'new', opened_at: before(1) }], ['new', 'old']],
  ['incidents that have ended are not in the list', [{ id: 'c', status: 'closed' }, { id: 'x', status: 'cancelled' }, { id: 'clear', status: 'clear' }], ['clear']],
];
for (const [name, incidents, wanted] of INCIDENTS) test(name, () => assert.deepEqual(order('incidents', ...incidents.map(anIncident)), wanted));

test('a person may choose level or time instead', () => {
  const things = [{ id: 'old-i', level: 1, ...risk(7.1), raised_at: before(90), opened_at: before(90) }, { id: 'ii', level: 2, ...risk(8.2), raised_at: before(60), opened_at: before(60) }, { id: 'new-iv', level: 4, ...risk(2), raised_at: before(1), opened_at: before(1) }];
  for (const [list, make] of [['alarms', anAlarm], ['incidents', anIncident]]) {
    assert.deepEqual(order(list, ...things.map(make)), ['ii', 'old-i', 'new-iv']);
    assert.deepEqual(orderBy('level', list, ...things.map(make)), ['old-i', 'ii', 'new-iv']);
    assert.deepEqual(orderBy('time', list, ...things.map(make)), ['new-iv', 'ii', 'old-i']);
  }
});

/** @type {[string, object[], string[]][]} */
const UNITS = [
  ['who is nearest to the work is first', ['out_of_service', 'available', 'assigned', 'on_scene', 'en_route'].map(status => ({ id: status, status })), ['on_scene', 'en_route', 'assigned', 'available', 'out_of_service']],
  ['of one status units of one kind stand together', [{ id: 'p', kind: 'police' }, { id: 'f', kind: 'fire' }, { id: 'm', kind: 'medic' }], ['f', 'm', 'p']],
  ['numbers in ids are counted and not spelled', [{ id: 'fire-10' }, { id: 'fire-9' }, { id: 'fire-1' }], ['fire-1', 'fire-9', 'fire-10']],
];
for (const [name, units, wanted] of UNITS) test(name, () => assert.deepEqual(order('units', ...units.map(aUnit)), wanted));

test('of warnings the gravest colour is first, one without a colour last, what has run out is gone', () => {
  const ahead = { until: new Date(Date.now() + 60000).toISOString() };
  const gone = { until: new Date(Date.now() - 1000).toISOString() };
  const things = [aWarning({ id: 'none', level: null, ...ahead }), aWarning({ id: 'blue', level: 4, ...ahead }), aWarning({ id: 'red', level: 1, ...ahead }), aWarning({ id: 'over', ...gone })];
  assert.deepEqual(order('warnings', ...things), ['red', 'blue', 'none']);
});

test('arranging leaves the things that were given in their order', () => {
  const things = [anAlarm({ id: 'iii', level: 3 }), anAlarm({ id: 'i', level: 1 })];
  arranged(LISTS.alarms, things);
  assert.deepEqual(things.map(({ id }) => id), ['iii', 'i']);
});

test('a row of a unit says whether its place is stale', () => {
  const rows = rowsOf(LISTS.units, collection(aUnit({ seen_at: new Date().toISOString() }), aUnit({ id: 'gone', seen_at: '2020-01-01T00:00:00Z' })), null).rows;
  assert.deepEqual(Object.fromEntries(rows.map(({ id, stale }) => [id, stale])), { 'fire-1': false, gone: true });
});

test('a type has its list or none', () => {
  assert.deepEqual(['alarm', 'incident', 'unit', 'warning', 'sensor', 'place', undefined].map(listOf), ['alarms', 'incidents', 'units', 'warnings', null, null, null]);
});

/** @param {...{ id: string }} things */
const collection = (...things) => ({ all: () => things, get: id => things.find(thing => thing.id === id) });
const A = anAlarm({ id: 'a', level: 3 });
const B = anAlarm({ id: 'b', level: 4 });
const WORST = anAlarm({ id: 'worst', level: 1 });

test('a free list shows everything in order and offers nothing', () => {
  const { ids, rows, all, news } = rowsOf(LISTS.alarms, collection(B, A, WORST), null);
  assert.deepEqual([ids, rows.map(({ id }) => id), all, news], [['worst', 'a', 'b'], ['worst', 'a', 'b'], 3, 0]);
});

test('a held list keeps its rows where they are and counts what is new', () => {
  const { ids, all, news } = rowsOf(LISTS.alarms, collection(WORST, A, B), ['a', 'b']);
  assert.deepEqual([ids, all, news], [['a', 'b'], 3, 1]);
});

test('a held list does not sort again when a thing in it gets graver', () => {
  const { rows } = rowsOf(LISTS.alarms, collection(A, { ...B, level: 1 }), ['a', 'b']);
  assert.deepEqual(rows.map(({ id, level }) => [id, level]), [['a', 3], ['b', 1]]);
});

test('a row that is no longer wanted stays under the hand, as it is now', () => {
  const { rows, all } = rowsOf(LISTS.alarms, collection({ ...A, state: 'shelved' }, B), ['a', 'b']);
  assert.deepEqual([rows.map(({ id, state }) => [id, state]), all], [[['a', 'shelved'], ['b', 'unacknowledged']], 1]);
});

test('a row whose thing is gone leaves even a held list', () => {
  assert.deepEqual(rowsOf(LISTS.alarms, collection(B), ['a', 'b']).rows.map(({ id }) => id), ['b']);
});

test('a row of an alarm tells what is judged now, not what it was when it last changed', () => {
  const judged = { id: 'a', value: 2.5, unit: 'm', time: before(1), trend: 'rising', window_s: null };
  LIVE.judged.upsert([judged]);
  const rows = rowsOf(LISTS.alarms, collection(A, B), null).rows;
  assert.deepEqual(rows.map(({ id, now }) => [id, now]), [['a', judged], ['b', null]]);
});

test('of shelved alarms the one that comes back first is first, and no other is there', () => {
  const things = [anAlarm({ id: 'late', state: 'shelved', shelved_until: before(-900) }), anAlarm({ id: 'soon', state: 'shelved', shelved_until: before(-60) }), anAlarm({ id: 'not' })];
  assert.deepEqual(order('shelved', ...things), ['soon', 'late']);
});

/** @type {[string, string[], string, string | null][]} name, those that wait, the one dealt with, the next */
const NEXT = [
  ['after one comes the next below that waits', ['a', 'c'], 'b', 'c'],
  ['after the last comes the first that waits', ['a'], 'c', 'a'],
  ['the one dealt with is not its own next', ['b'], 'b', null],
  ['after one that has left comes the first that waits', ['a', 'c'], 'gone', 'a'],
];
for (const [name, waiting, done, wanted] of NEXT) {
  test(name, () => {
    const rows = ['a', 'b', 'c'].map(id => ({ id }));
    assert.equal(nextOf(rows, done, row => waiting.includes(row.id))?.id ?? null, wanted);
  });
}
