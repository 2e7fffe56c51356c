// The outbox of a unit's phone: in order, once, and again where no answer came.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BATCH, makeOutbox, pauseMs, settled } from '../../assets/js/field/outbox.mjs';
import { mayDecline, nextOf, stateOf } from '../../assets/js/field/task.mjs';

const entry = (seq, more = {}) => ({ seq, act: { id: `a${seq}`, kind: 'message', at: '' }, state: 'waiting', ...more });
const done = act => ({ id: act.id, state: 'done', why: null, incident: null });

/** An outbox over entries in memory; `post` answers, `timers` is what it wants to do later. */
function made(entries, post) {
  const timers = [];
  const sent = [];
  const store = {
    all: () => Promise.resolve(structuredClone(entries)),
    settle: changed => { for (const one of changed) entries[entries.findIndex(({ seq }) => seq === one.seq)] = one; return Promise.resolve(); },
  };
  const outbox = makeOutbox({
    store,
    post: acts => { sent.push(acts.map(({ id }) => id)); return post(acts, sent.length); },
    alone: work => work(),
    changed: () => {},
    later: (work, ms) => { timers.push({ work, ms }); return () => {}; },
  });
  return { outbox, timers, sent };
}

test('what waits is sent in order, and what was answered is not sent again', async () => {
  const entries = [entry(1, { state: 'done' }), entry(2), entry(3)];
  const { outbox, sent } = made(entries, acts => Promise.resolve(acts.map(done)));
  await outbox.send();
  await outbox.send();
  assert.deepEqual(sent, [['a2', 'a3']]);
  assert.deepEqual(entries.map(({ state }) => state), ['done', 'done', 'done']);
});

test('what got no answer waits, and the same is sent again later', async () => {
  const entries = [entry(1), entry(2)];
  const { outbox, sent, timers } = made(entries, (acts, times) => {
    if (times === 1) return Promise.reject(new Error('cut'));
    return Promise.resolve(acts.map(done));
  });
  await outbox.send();
  assert.deepEqual(entries.map(({ state }) => state), ['waiting', 'waiting']);
  assert.equal(timers.length, 1);
  await timers[0].work();
  assert.deepEqual(sent, [['a1', 'a2'], ['a1', 'a2']]);
  assert.deepEqual(entries.map(({ state }) => state), ['done', 'done']);
});

test('a refused one holds up nothing behind it', async () => {
  const entries = [entry(1), entry(2)];
  const { outbox, timers } = made(entries, ([first, second]) => Promise.resolve([{ ...done(first), state: 'refused', why: { zh: '不行' } }, done(second)]));
  await outbox.send();
  assert.deepEqual(entries.map(({ state }) => state), ['refused', 'done']);
  assert.equal(timers.length, 0);
});

test('a long queue goes in parts', async () => {
  const entries = Array.from({ length: BATCH + 1 }, (_, n) => entry(n + 1));
  const { outbox, sent } = made(entries, acts => Promise.resolve(acts.map(done)));
  await outbox.send();
  assert.deepEqual(sent.map(acts => acts.length), [BATCH, 1]);
});

test('an answer that names none of the acts is no answer', async () => {
  const entries = [entry(1)];
  const { outbox, timers } = made(entries, () => Promise.resolve([]));
  await outbox.send();
  assert.equal(entries[0].state, 'waiting');
  assert.equal(timers.length, 1);
});

test('pauses grow to a bound and are never the same for all phones', () => {
  assert.ok(pauseMs(2, 0.5) > pauseMs(1, 0.5));
  assert.ok(pauseMs(50, 1) <= 60_000);
  assert.ok(pauseMs(3, 0) < pauseMs(3, 1));
});

test('answers are matched by id', () => {
  assert.deepEqual(settled([entry(1), entry(2)], [done({ id: 'a2' })]).map(({ seq }) => seq), [2]);
});

test('a task is as far as this phone has said, sent or not', () => {
  const task = { id: 't', state: 'assigned' };
  const said = (state, more = {}) => ({ act: { id: state, kind: 'reply', task: 't', state, ...more }, state: 'waiting' });
  assert.equal(stateOf(task, []), 'assigned');
  assert.equal(stateOf(task, [said('accepted'), said('en_route')]), 'en_route');
  assert.equal(stateOf(task, [said('clear', { task: 'other' })]), 'assigned');
  assert.equal(stateOf({ ...task, state: 'on_scene' }, [said('accepted')]), 'on_scene');
});

test('there is one next step, and none after the last', () => {
  assert.deepEqual(['assigned', 'accepted', 'en_route', 'on_scene', 'clear', 'declined'].map(nextOf), ['accepted', 'en_route', 'on_scene', 'clear', null, null]);
  assert.deepEqual(['assigned', 'accepted', 'en_route'].map(mayDecline), [true, true, false]);
});
