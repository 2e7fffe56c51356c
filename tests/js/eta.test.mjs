// When help is there, and how long nobody has been sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrivalOf, countdown, isLate, waitsSince } from '../../assets/js/eta.mjs';
import { aUnit, anIncident } from './things.mjs';

const sent = (more = {}) => ({ unit: 'fire-1', status: 'assigned', assigned_at: '2026-05-04T08:00:00Z', eta_s: 240, ...more });

/** @type {[string, object[], string | null][]} */
const ARRIVALS = [
  ['by its road time from when it was sent', [sent()], '2026-05-04T08:04:00.000Z'],
  ['also while it is on its way', [sent({ status: 'en_route' })], '2026-05-04T08:04:00.000Z'],
  ['not any more once it is there', [sent({ status: 'on_scene' })], null],
  ['not where it has declined', [sent({ status: 'declined' })], null],
  ['of the last time it was sent', [sent({ status: 'declined' }), sent({ assigned_at: '2026-05-04T09:00:00Z' })], '2026-05-04T09:04:00.000Z'],
  ['not where no street leads there', [sent({ eta_s: null })], null],
  ['not of another unit', [sent({ unit: 'fire-2' })], null],
];
for (const [name, assignments, wanted] of ARRIVALS) test(`arrival: ${name}`, () => assert.equal(arrivalOf(aUnit(), anIncident({ assignments })), wanted));
test('arrival: not of an incident that nobody knows', () => assert.equal(arrivalOf(aUnit(), undefined), null));

/** @type {[number, string, number][]} */
const COUNTS = [[600, 'eta.in', 10], [89, 'eta.in', 1], [50, 'eta.in', 1], [44, 'eta.soon', 0], [-59, 'eta.soon', 0], [-120, 'eta.due', 2]];
for (const [seconds, key, n] of COUNTS) test(`countdown: ${seconds} s`, () => assert.deepEqual(countdown(seconds), { key, n }));

/** @type {[string, object, boolean][]} */
const WAITS = [
  ['level I that nobody was sent to waits', { level: 1 }, true],
  ['level II too', { level: 2 }, true],
  ['level III can wait', { level: 3 }, false],
  ['to which somebody was sent does not', { level: 1, assignments: [sent()] }, false],
  ['from which all were called off waits again', { level: 1, assignments: [sent({ status: 'cancelled' })] }, true],
  ['that is dealt with does not', { level: 1, status: 'clear' }, false],
];
for (const [name, more, waits] of WAITS) {
  const incident = anIncident({ status: 'open', assignments: [], ...more });
  test(`waiting: an incident of ${name}`, () => assert.equal(waitsSince(incident), waits ? incident.opened_at : null));
}

test('it is late after three minutes for level I and five for level II', () => {
  assert.deepEqual([isLate(181, 1), isLate(180, 1), isLate(299, 2), isLate(301, 2), isLate(9999, 3)], [true, false, false, true, false]);
});
