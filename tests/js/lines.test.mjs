// The lines of the work list: nothing hidden, nothing grave under what is less, nothing acknowledged that nobody sees.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginsLine, gather, lineRow } from '../../assets/js/lines.mjs';
import { makeLive } from '../../assets/js/live.mjs';
import { makeLists, rowsOf } from '../../assets/js/rows.mjs';
import { makeSets } from '../../assets/js/sets.mjs';
import { VOCABULARY, anAlarm } from './things.mjs';

const SETS = makeSets(VOCABULARY);
const LIST = makeLists(SETS, makeLive(() => {})).alarms;
const rain = (id, more = {}) => anAlarm({ id, line: 'rain:rain', thing: { type: 'sensor', id, name: id }, ...more });
const grave = (id, more = {}) => anAlarm({ id, level: 1, line: 'rain:rain:1', thing: { type: 'sensor', id, name: id }, ...more });
const collection = things => ({ all: () => things, get: id => things.find(thing => thing.id === id) });
const shown = (things, held = null, open = []) => rowsOf(LIST, collection(things), held, new Set(open));
const ids = found => found.rows.map(({ id }) => id);

test('one alarm of a family is itself, two are one line', () => {
  assert.deepEqual(ids(shown([rain('a')])), ['a']);
  assert.deepEqual(ids(shown([rain('a'), rain('b')])), ['line:rain:rain']);
});

test('in a flood only what begins a line is news', () => {
  const [first, second, other] = [rain('a'), rain('b'), anAlarm({ id: 'x', line: 'gas:gas', level: 4 })];
  assert.equal(beginsLine(first, [first]), true);
  assert.equal(beginsLine(second, [first, second, other]), false);
  assert.equal(beginsLine(other, [first, second, other]), true);
  const muted = anAlarm({ id: 'm', line: 'pipes:pipes', level: 3, muted: { cause: 'a' } });
  assert.equal(beginsLine(muted, [first, muted]), false, 'it stands in the line of its cause');
});

test('a line says how many alarms of how many things, how bad, and which of them wait', () => {
  const [line] = gather([rain('a', { level: 2 }), rain('b', { state: 'acknowledged' }), rain('c', { thing: { type: 'sensor', id: 'a', name: 'a' } })]);
  const { count, grave: ofI, things, worst, waits, state } = lineRow(line, SETS.waiting, false);
  assert.deepEqual([count, ofI, things, worst, waits, state], [3, 0, 2, 2, ['a', 'c'], 'unacknowledged']);
});

test('alarms of level I stand in a line of their own, above the others', () => {
  assert.deepEqual(ids(shown([rain('a', { level: 2 }), rain('b'), grave('i'), grave('j')])), ['line:rain:rain:1', 'line:rain:rain']);
});

test('an open line is followed by its alarms, a closed one hides that none is missing', () => {
  const things = [rain('a'), rain('b', { level: 2 }), anAlarm({ id: 'x', line: 'gas:gas', level: 4 })];
  const found = shown(things, null, ['rain:rain']);
  assert.deepEqual(ids(found), ['line:rain:rain', 'b', 'a', 'x']);
  assert.equal(shown(things).all, 3, 'the tab counts alarms and not lines');
});

test('what is muted stands in the line of its cause; where that is not seen, in its own', () => {
  const cause = rain('cause', { level: 2 });
  const pipe = anAlarm({ id: 'pipe', line: 'pipes:pipes', muted: { stage: 'inhibit', by: 'r', cause: 'cause' } });
  assert.deepEqual(gather([cause, pipe]).map(({ id, members }) => [id, members.length]), [['rain:rain', 2]]);
  assert.deepEqual(gather([pipe]).map(({ id }) => id), ['pipes:pipes']);
  const worse = { ...pipe, level: 1, line: 'pipes:pipes:1' };
  assert.deepEqual(gather([worse, cause]).map(({ id }) => id), ['pipes:pipes:1', 'rain:rain'], 'level I is never under a lower one');
});

test('what comes into a line that is there is nothing new for the hand; a line that is new is', () => {
  const held = ids(shown([rain('a'), rain('b')]));
  const more = shown([rain('a'), rain('b'), rain('c')], held);
  assert.deepEqual([ids(more), more.news, more.rows[0].count], [['line:rain:rain'], 0, 3]);
  assert.equal(shown([rain('a'), rain('b'), grave('i')], held).news, 1);
});

test('rows under a hand stay when their line closes over or opens, each as it is', () => {
  assert.deepEqual(ids(shown([rain('a'), rain('b')], ['a'])), ['a'], 'it stood alone when the hand came');
  assert.deepEqual(ids(shown([rain('a')], ['line:rain:rain', 'a'])), ['line:rain:rain', 'a']);
  assert.deepEqual(ids(shown([], ['line:rain:rain'])), []);
});

test('every alarm is in exactly one line, whatever mutes what', () => {
  for (let seed = 1; seed <= 200; seed++) {
    let state = seed;
    const dice = n => { state = (state * 1103515245 + 12345) % 2147483648; return Math.floor(state / 65536) % n; };
    const alarms = Array.from({ length: 1 + dice(30) }, (_, n) => {
      const level = 1 + dice(4);
      const family = ['rain', 'gas', 'pipes'][dice(3)];
      return anAlarm({ id: `a${n}`, level, line: level === 1 ? `${family}:x:1` : `${family}:x`, muted: dice(3) ? null : { cause: `a${dice(40)}` } });
    });
    const lines = gather(alarms);
    assert.deepEqual(lines.flatMap(({ members }) => members.map(({ id }) => id)).sort(), alarms.map(({ id }) => id).sort());
    for (const { id, members } of lines) {
      const worst = Math.min(...members.map(({ level }) => level));
      for (const alarm of members) if (alarm.level === 1) assert.ok(id.endsWith(':1') && worst === 1);
    }
  }
});
