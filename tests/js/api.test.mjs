// Lists that come in pages.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ApiError, reasonIn, rest } from '../../assets/js/api.mjs';

test('a list is followed to its end', async context => {
  const pages = { b: { items: [3], next: 'c d' }, 'c d': { items: [4, 5], next: null } };
  const asked = [];
  mock.method(globalThis, 'fetch', url => {
    asked.push(url);
    return Promise.resolve(Response.json(pages[new URL(url, 'http://here').searchParams.get('cursor')]));
  });
  context.after(() => mock.restoreAll());
  assert.deepEqual(await rest({ items: [1, 2], next: 'b' }, '/api/layers'), [1, 2, 3, 4, 5]);
  assert.deepEqual(asked, ['/api/layers?cursor=b', '/api/layers?cursor=c+d']);
});

test('a list of one page is asked for nothing more', async () => {
  assert.deepEqual(await rest({ items: [1], next: null }, '/api/layers'), [1]);
});

test('why something failed is told in the words we have for it', () => {
  const catalogue = { 'error.lost_race': { zh: '请再试一次', en: 'Try again' } };
  assert.equal(reasonIn(new ApiError(409, { detail: 'others', reason: 'lost_race' }), catalogue)?.en, 'Try again');
  assert.equal(reasonIn(new ApiError(409, { detail: 'busy', reason: 'unit_busy' }), catalogue), null);
  assert.equal(reasonIn(new TypeError('network'), catalogue), null);
});
