import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { makeKeeper, takeOver } from '../../assets/js/chosen.mjs';

/** @type {Map<string, string>} */
let held;
beforeEach(() => {
  held = new Map();
  globalThis.localStorage = { getItem: name => held.get(name) ?? null, setItem: (name, value) => { held.set(name, value); }, removeItem: name => { held.delete(name); } };
});

/** A keeper whose delays are ended by hand. @param {(changes: object) => Promise<unknown>} send */
function keeper(send) {
  /** @type {(() => unknown)[]} */
  const due = [];
  const made = makeKeeper({ send, after: call => due.push(call) });
  return { ...made, pass: () => Promise.all(due.splice(0).map(call => call())), due };
}

test('changes in a row go together, the last of each', async () => {
  /** @type {object[]} */
  const sent = [];
  const { chosen, pass } = keeper(changes => Promise.resolve(sent.push(changes)));
  chosen('theme', 'light');
  chosen('lang', 'en');
  chosen('theme', 'dark');
  await pass();
  assert.deepEqual(sent, [{ lang: 'en', settings: { theme: 'dark' } }]);
});

test('what is of this browser alone is not sent', () => {
  const { chosen, due } = keeper(() => assert.fail('sent'));
  chosen('of', 'wang');
  assert.equal(due.length, 0);
});

test('what could not be sent goes with the next change', async () => {
  /** @type {object[]} */
  const sent = [];
  let away = true;
  const { chosen, pass } = keeper(changes => (away ? Promise.reject(new Error('away')) : Promise.resolve(sent.push(changes))));
  chosen('theme', 'light');
  chosen('left', true);
  await pass();
  away = false;
  chosen('left', false);
  await pass();
  assert.deepEqual(sent, [{ settings: { theme: 'light', left: false } }]);
});

test('a page that is left sends what waits, and nothing twice', async () => {
  /** @type {object[]} */
  const sent = [];
  const { chosen, flush, pass } = keeper(changes => Promise.resolve(sent.push(changes)));
  chosen('widths', { left: 300 });
  await flush(true);
  await pass();
  assert.deepEqual(sent, [{ settings: { widths: { left: 300 } } }]);
});

test('the account has its way, and what it has not chosen stays as this browser has it', () => {
  held.set('onemap.theme', 'dark').set('onemap.widths', '{"left":300}');
  takeOver({ username: 'wang', lang: 'en', settings: { theme: 'light' } });
  assert.equal(held.get('onemap.theme'), 'light');
  assert.equal(held.get('onemap.lang'), 'en');
  assert.equal(held.get('onemap.widths'), '{"left":300}');
});

test('nobody takes over what another has chosen in this browser', () => {
  takeOver({ username: 'wang', lang: 'zh', settings: { theme: 'light', layers: { rain: { visible: false } } } });
  takeOver({ username: 'li', lang: 'zh', settings: { left: true } });
  assert.equal(held.get('onemap.theme'), undefined);
  assert.equal(held.get('onemap.layers'), undefined);
  assert.equal(held.get('onemap.left'), 'true');
});
