// What is true now: messages of the channel fold into collections, listeners hear of changes in batches.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Collection, KINDS, collectionOf, fold, makeLive } from '../../assets/js/live.mjs';

/** A collection whose batches are told when the test says so. */
function watched() {
  const told = [];
  const heard = [];
  const things = new Collection(tell => told.push(tell));
  things.on(({ changed, removed, added, whole }) => heard.push({ changed: [...changed], removed: [...removed], added: [...added], whole }));
  return { things, heard, tell: () => { for (const one of told.splice(0)) one(); }, waiting: () => told.length };
}

test('a snapshot replaces everything that was there', () => {
  const { things } = watched();
  things.snapshot([{ id: 'a' }, { id: 'b' }]);
  things.snapshot([{ id: 'c' }]);
  assert.deepEqual(things.all(), [{ id: 'c' }]);
});

test('a collection is known once a snapshot has come, an empty one too', () => {
  const { things } = watched();
  assert.equal(things.known, false);
  things.upsert([{ id: 'a' }]);
  assert.equal(things.known, false);
  things.snapshot([]);
  assert.equal(things.known, true);
});

test('an upsert changes what it names and leaves the rest of the thing', () => {
  const { things } = watched();
  things.snapshot([{ id: 'a', level: 3, state: 'new' }]);
  things.upsert([{ id: 'a', level: 1 }]);
  assert.deepEqual(things.get('a'), { id: 'a', level: 1, state: 'new' });
});

test('an upsert makes a new object, so that who holds the old one still has the old state', () => {
  const { things } = watched();
  things.snapshot([{ id: 'a', level: 3 }]);
  const held = things.get('a');
  things.upsert([{ id: 'a', level: 1 }]);
  assert.equal(held.level, 3);
});

test('a removed thing is gone, and removing it again harms nothing', () => {
  const { things } = watched();
  things.snapshot([{ id: 'a' }, { id: 'b' }]);
  things.remove([{ id: 'a' }]);
  things.remove([{ id: 'a' }]);
  assert.deepEqual(things.all().map(({ id }) => id), ['b']);
});

test('numbers and texts name the same thing', () => {
  const { things } = watched();
  things.snapshot([{ id: 7 }]);
  assert.deepEqual(things.get('7'), { id: 7 });
  things.remove([{ id: '7' }]);
  assert.equal(things.get(7), undefined);
});

test('many changes in a row are told as one batch', () => {
  const { things, heard, tell, waiting } = watched();
  things.upsert([{ id: 'a' }]);
  things.upsert([{ id: 'b' }]);
  things.remove([{ id: 'c' }]);
  assert.equal(waiting(), 1);
  tell();
  assert.deepEqual(heard, [{ changed: ['a', 'b'], removed: ['c'], added: ['a', 'b'], whole: false }]);
});

test('a batch tells what is new from what has changed', () => {
  const { things, heard, tell } = watched();
  things.upsert([{ id: 'a' }]);
  tell();
  things.upsert([{ id: 'a' }, { id: 'b' }]);
  tell();
  assert.deepEqual(heard[1], { changed: ['a', 'b'], removed: [], added: ['b'], whole: false });
});

test('what comes and goes within one batch is only gone', () => {
  const { things, heard, tell } = watched();
  things.upsert([{ id: 'a' }]);
  things.remove([{ id: 'a' }]);
  tell();
  assert.deepEqual(heard, [{ changed: [], removed: ['a'], added: [], whole: false }]);
});

test('what goes and comes back within one batch is only changed', () => {
  const { things, heard, tell } = watched();
  things.upsert([{ id: 'a' }]);
  tell();
  things.remove([{ id: 'a' }]);
  things.upsert([{ id: 'a' }]);
  tell();
  assert.deepEqual([heard[1].changed, heard[1].removed], [['a'], []]);
});

test('after a snapshot the batch says that everything is new', () => {
  const { things, heard, tell } = watched();
  things.snapshot([{ id: 'a' }]);
  tell();
  assert.equal(heard[0].whole, true);
});

test('the next batch starts empty', () => {
  const { things, heard, tell } = watched();
  things.snapshot([{ id: 'a' }]);
  tell();
  things.upsert([{ id: 'a' }]);
  tell();
  assert.deepEqual(heard[1], { changed: ['a'], removed: [], added: [], whole: false });
});

test('a listener that comes late hears at once what is known', () => {
  const { things, tell } = watched();
  things.snapshot([{ id: 'a' }]);
  tell();
  let heard = null;
  things.on(batch => { heard = batch; });
  assert.deepEqual([[...heard.changed], heard.whole], [['a'], true]);
});

test('a listener that comes before anything is known hears nothing yet', () => {
  const things = new Collection(() => {});
  things.on(() => assert.fail('there is nothing to tell'));
});

test('each message goes into the collection of its kind and into no other', () => {
  for (const kind of KINDS) {
    const live = makeLive(() => {});
    fold(live, { kind, op: 'snapshot', items: [{ id: 'a' }, { id: 'b' }] });
    fold(live, { kind, op: 'upsert', items: [{ id: 'c' }] });
    fold(live, { kind, op: 'remove', items: [{ id: 'a' }] });
    for (const other of KINDS) assert.deepEqual(live[other].all().map(({ id }) => id), other === kind ? ['b', 'c'] : [], `${kind} in ${other}`);
  }
});

test('a ping and a kind of a later server change nothing', () => {
  const live = makeLive(() => assert.fail('nothing has changed'));
  for (const kind of ['ping', 'weather', 'constructor', '__proto__']) fold(live, { kind, op: 'upsert', items: [{ id: 'a' }] });
  assert.deepEqual(KINDS.flatMap(kind => live[kind].all()), []);
});

test('an operation that nobody knows changes nothing', () => {
  const live = makeLive(() => assert.fail('nothing has changed'));
  for (const op of ['flush', 'on', 'constructor']) fold(live, { kind: 'alarm', op, items: [{ id: 'a' }] });
});

test('only kinds of the channel have a collection', () => {
  const live = makeLive(() => {});
  assert.equal(collectionOf(live, 'unit'), live.unit);
  for (const type of ['camera', 'place', 'toString', '', undefined]) assert.equal(collectionOf(live, type), null);
});
