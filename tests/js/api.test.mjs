// Lists that come in pages.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { rest } from '../../assets/js/api.mjs';

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
