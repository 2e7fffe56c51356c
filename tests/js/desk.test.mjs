// Small decisions of the desk: selection, banner, card, actions, the width of panels.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { take } from '../../assets/js/actions.mjs';
import { essence, makeAsker } from '../../assets/js/card.mjs';
import { fitting } from '../../assets/js/edges.mjs';
import { makeLive } from '../../assets/js/live.mjs';
import { callsOf, isNews, urgentOf } from '../../assets/js/notices.mjs';
import { makeSelection } from '../../assets/js/selection.mjs';
import { makeSets } from '../../assets/js/sets.mjs';
import { VOCABULARY, aUnit, anAlarm, anIncident, before } from './things.mjs';

const SETS = makeSets(VOCABULARY);

function chosen() {
  const live = makeLive(() => {});
  live.unit.snapshot([aUnit()]);
  const heard = [];
  const selection = makeSelection(live);
  selection.on((thing, how) => heard.push([thing, how]));
  return { selection, heard };
}

test('a selection brings the place that the live channel knows', () => {
  const { selection } = chosen();
  selection.select({ type: 'unit', id: 'fire-1' });
  assert.deepEqual(selection.current(), { type: 'unit', id: 'fire-1', lon: 116.42, lat: 39.92 });
});

test('a place that is given goes before the one that is known', () => {
  const { selection } = chosen();
  selection.select({ type: 'unit', id: 'fire-1', lon: 1, lat: 2 });
  assert.deepEqual([selection.current().lon, selection.current().lat], [1, 2]);
});

test('everybody hears of a selection and of its end', () => {
  const { selection, heard } = chosen();
  selection.select({ type: 'camera', id: 'c1' });
  selection.select(null);
  assert.deepEqual(heard, [[{ type: 'camera', id: 'c1' }, { fly: true }], [null, { fly: true }]]);
});

test('a mark that was pressed on the map does not move the map', () => {
  const { selection, heard } = chosen();
  selection.select({ type: 'unit', id: 'fire-1' }, { fly: false });
  assert.equal(heard[0][1].fly, false);
});

test('what is chosen without a flight flies nowhere either when its place becomes known later', () => {
  const selection = makeSelection(makeLive());
  /** @type {[unknown, boolean][]} */
  const told = [];
  selection.on((_, { fly, moved }) => told.push([Boolean(moved), fly]));
  selection.select({ type: 'asset', id: '7' }, { fly: false });
  selection.locate(118, 31);
  selection.select({ type: 'asset', id: '8' });
  selection.locate(118, 31);
  assert.deepEqual(told, [[false, false], [true, false], [false, true], [true, true]]);
});

test('a place that becomes known later is told as a move', () => {
  const { selection, heard } = chosen();
  selection.select({ type: 'camera', id: 'c1' });
  selection.locate(116, 39);
  assert.deepEqual(heard[1], [{ type: 'camera', id: 'c1', lon: 116, lat: 39 }, { fly: true, moved: true }]);
});

test('a place that is known is not told again, nor one that is none', () => {
  const { selection, heard } = chosen();
  selection.locate(116, 39);
  selection.select({ type: 'unit', id: 'fire-1' });
  selection.locate(1, 2);
  selection.select({ type: 'camera', id: 'c1' });
  selection.locate(null, null);
  assert.equal(heard.length, 2);
});

test('numbers and texts name the same selection', () => {
  const { selection } = chosen();
  selection.select({ type: 'asset', id: '12' });
  assert.deepEqual([selection.is('asset', 12), selection.is('asset', '13'), selection.is('unit', '12')], [true, false, false]);
});

/** @type {[string, object[], string[]][]} */
const URGENT = [
  ['alarms of levels I and II are in the banner', [1, 2, 3, 4].map(level => ({ id: String(level), level })), ['1', '2']],
  ['the gravest is first, of one level the newest', [{ id: 'old', level: 2, raised_at: before(90) }, { id: 'new', level: 2, raised_at: before(9) }, { id: 'i', level: 1, raised_at: before(900) }], ['i', 'new', 'old']],
  ['what somebody has acknowledged is not in the banner', [{ id: 'seen', level: 1, state: 'acknowledged' }, { id: 'back', level: 1, state: 'returned_unacknowledged' }], ['back']],
  ['what this person has put aside is not in the banner', [{ id: 'aside', level: 1 }, { id: 'x', level: 2 }], ['x']],
];
for (const [name, alarms, wanted] of URGENT) test(name, () => assert.deepEqual(urgentOf(alarms.map(anAlarm), new Set(['aside']), SETS).map(({ id }) => id), wanted));

test('crews in need to whom nobody was sent stand in the banner, the first caller first', () => {
  const calls = [
    { id: 'late', kind: 'panic', status: 'open', opened_at: '2026-05-04T08:05:00Z' }, { id: 'first', kind: 'panic', status: 'open', opened_at: '2026-05-04T08:00:00Z' },
    { id: 'helped', kind: 'panic', status: 'assigned', opened_at: '2026-05-04T07:00:00Z' }, { id: 'fire', kind: 'fire', status: 'open', opened_at: '2026-05-04T07:00:00Z' },
  ];
  assert.deepEqual(callsOf(calls.map(one => anIncident(one))).map(({ id }) => id), ['first', 'late']);
});

test('a new alarm is told at the edge where it is not in the banner and nobody has it', () => {
  const alarms = [anAlarm({ level: 3 }), anAlarm({ level: 4 }), anAlarm({ level: 2 }), anAlarm({ level: 3, state: 'acknowledged' }), undefined];
  assert.deepEqual(alarms.map(alarm => isNews(alarm, SETS)), [true, true, false, false, false]);
});

function asking() {
  const sent = [];
  const clock = [];
  let late = 0;
  const asker = makeAsker({ send: ({ id }, asked) => sent.push([id, asked]), late: () => { late += 1; }, after: call => clock.push(call) });
  return { asker, sent, lateness: () => late, pass: () => { for (const call of clock.splice(0)) call(); } };
}

test('the answer to the last request counts, those before it do not', () => {
  const { asker, sent } = asking();
  asker.ask({ type: 'unit', id: 'a' });
  asker.ask({ type: 'unit', id: 'b' });
  assert.deepEqual(sent, [['a', 1], ['b', 2]]);
  assert.deepEqual([asker.answered(1), asker.answered(2)], [false, true]);
});

test('what changes while an answer is awaited is asked for once, after it', () => {
  const { asker, sent } = asking();
  asker.ask({ type: 'unit', id: 'a' });
  asker.askAgain({ type: 'unit', id: 'a' });
  asker.askAgain({ type: 'unit', id: 'a' });
  assert.equal(sent.length, 1);
  asker.answered(1);
  assert.deepEqual(sent, [['a', 1], ['a', 2]]);
});

test('a card without an answer says so once, and can be asked for again', () => {
  const { asker, sent, lateness, pass } = asking();
  asker.ask({ type: 'unit', id: 'a' });
  pass();
  assert.equal(lateness(), 1);
  asker.askAgain({ type: 'unit', id: 'a' });
  assert.equal(sent.length, 2);
  asker.answered(2);
  pass();
  assert.equal(lateness(), 1);
});

test('an answer that is late counts, unless the card was closed', () => {
  const { asker, pass } = asking();
  asker.ask({ type: 'unit', id: 'a' });
  pass();
  assert.equal(asker.answered(1), true);
  asker.ask({ type: 'unit', id: 'b' });
  asker.forget();
  assert.equal(asker.answered(2), false);
});

test('a card is read anew for what it shows, not for every metre of a unit', () => {
  assert.equal(essence(aUnit()), essence(aUnit({ lon: 1, heading: 5, speed: 9 })));
  for (const change of [{ status: 'en_route' }, { incident: 'i1' }]) assert.notEqual(essence(aUnit()), essence(aUnit(change)));
  assert.notEqual(essence(anIncident()), essence(anIncident({ assignments: [{ id: 'x' }] })));
});

test('what comes back from an action is shown before the channel confirms it', () => {
  const live = makeLive(() => {});
  live.alarm.snapshot([anAlarm()]);
  take(live, anAlarm({ state: 'acknowledged' }));
  take(live, anIncident({ id: 'new' }));
  assert.equal(live.alarm.get('a1').state, 'acknowledged');
  assert.equal(live.incident.get('new').number, 'E-0314-001');
});

test('an answer that is no alarm of the list and no incident changes nothing', () => {
  const live = makeLive(() => assert.fail('nothing has changed'));
  for (const result of [anAlarm({ id: 'other' }), { id: 'assignment', status: 'assigned' }, {}, null]) take(live, result);
});

/** @type {[string, string, number, number, number][]} */
const WIDTHS = [
  ['a width between the limits is taken', 'left', 300.4, 1280, 300],
  ['a panel is never narrower than its least', 'left', 20, 1280, 230],
  ['a panel is never wider than its most', 'right', 2000, 3840, 760],
  ['a panel takes no more than its share of a small window', 'right', 700, 1000, 450],
  ['in a very small window the least width goes before the share', 'card', 100, 500, 340],
];
for (const [name, side, wanted, room, width] of WIDTHS) test(name, () => assert.equal(fitting(side, wanted, room), width));
