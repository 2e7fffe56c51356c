// Lists that come in pages.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ApiError, answer, rest, whyOf } from '../../assets/js/api.mjs';

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

const WORDS = {
  'error.lost_race': { zh: '请再试一次', en: 'Try again' },
  'error.unit_busy': { zh: '{unit}{status}，不能调派', en: '{unit} is {status}' },
  'error.error': { zh: '操作未完成', en: 'It was not done' },
  'toast.network': { zh: '未收到服务器确认', en: 'No answer' },
};
const BUSY = { unit: { zh: '一号车', en: 'Car 1' }, status: { zh: '途中', en: 'en route' } };
/** @type {[string, unknown, string, string][]} */
const FAILURES = [
  ['a failure is told by its reason', new ApiError(409, { detail: 'others', reason: 'lost_race' }), '请再试一次', 'Try again'],
  ['a failure names what it is about', new ApiError(409, { detail: 'u', reason: 'unit_busy', about: BUSY }), '一号车途中，不能调派', 'Car 1 is en route'],
  ['what no text stands for is said in plain words', new ApiError(418, { detail: 'teapot', reason: 'teapot' }), '操作未完成', 'It was not done'],
  ['what came without a reason is said in plain words', new ApiError(500, {}), '操作未完成', 'It was not done'],
  ['what never came is not known to have failed', new TypeError('network'), '未收到服务器确认', 'No answer'],
];
for (const [name, error, zh, en] of FAILURES) test(name, () => assert.deepEqual(whyOf(error, WORDS), { zh, en }));

test('an answer without a body is none, whatever it calls itself', async () => {
  assert.deepEqual(await answer(new Response(null, { status: 204, headers: { 'content-type': 'application/json' } })), {});
});
