// What is said of requests for access, by what waits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wordsOf } from '../../assets/js/requests.mjs';

const words = { texts: (/** @type {string} */ key, /** @type {object} */ values) => ({ zh: key, en: `${key} ${JSON.stringify(values)}` }) };

test('what waits for one and what was answered is said, and nothing where there is neither', () => {
  assert.equal(wordsOf({ to_decide: 0, answered: 0 }, words), null);
  assert.equal(wordsOf({ to_decide: 2, answered: 0 }, words).en, 'bar.requests.to_decide {"n":2}');
  assert.equal(wordsOf({ to_decide: 0, answered: 1 }, words).en, 'bar.requests.answered {"n":1}');
  assert.equal(wordsOf({ to_decide: 2, answered: 1 }, words).en, 'bar.requests.both {"a":2,"b":1}');
});
