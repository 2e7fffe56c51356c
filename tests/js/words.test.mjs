// Texts in both languages, times in the city's zone, durations in words; with the page's own catalogue.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { figure, makeWords } from '../../assets/js/words.mjs';
import { NOW, before } from './things.mjs';

const CATALOGUE = JSON.parse(readFileSync(new URL('../../core/i18n/page.json', import.meta.url), 'utf8'));
const ZONE = 'Asia/Shanghai';
const zh = makeWords(CATALOGUE, ZONE, () => 'zh');
const en = makeWords(CATALOGUE, ZONE, () => 'en');

/** @type {[string, number, string, string][]} */
const DURATIONS = [
  ['nothing is no second', 0, '0 秒', '0 s'],
  ['seconds are whole', 59.9, '59 秒', '59 s'],
  ['sixty seconds are a minute', 60, '1 分钟', '1 min'],
  ['minutes are counted once they are full', 3599, '59 分钟', '59 min'],
  ['sixty minutes are an hour', 3600, '1 小时', '1 h'],
  ['hours are counted once they are full', 86399, '23 小时', '23 h'],
  ['twenty-four hours are a day', 86400, '1 天', '1 d'],
  ['days are not folded into weeks', 86400 * 40, '40 天', '40 d'],
];
for (const [name, seconds, chinese, english] of DURATIONS) {
  test(name, () => assert.deepEqual([zh.duration(seconds), en.duration(seconds)], [chinese, english]));
}

/** @type {[string, string, string, string][]} */
const AGES = [
  ['less than five seconds ago is now', before(4.9), '刚刚', 'just now'],
  ['a moment of a clock that is ahead is now', before(-30), '刚刚', 'just now'],
  ['five seconds are counted', before(5), '5 秒前', '5 s ago'],
  ['three minutes ago is said in minutes', before(200), '3 分钟前', '3 min ago'],
  ['what was never heard has no age', '', '', ''],
  ['what is no time has no age', 'soon', '', ''],
];
for (const [name, iso, chinese, english] of AGES) {
  test(name, () => assert.deepEqual([zh.ago(iso, NOW), en.ago(iso, NOW)], [chinese, english]));
}

test('the clock shows the time of the city, not of the browser', () => {
  assert.equal(zh.clock(new Date('2026-03-14T02:03:04Z')), '10:03:04');
  assert.equal(makeWords(CATALOGUE, 'Europe/Helsinki', () => 'en').clock(new Date('2026-03-14T02:03:04Z')), '04:03:04');
});

test('midnight is 00 and not 24', () => assert.equal(en.clock(new Date('2026-03-13T16:00:00Z')), '00:00:00'));

test('a moment of today is a time, one of another day has its day', () => {
  const now = new Date(NOW);
  assert.equal(en.moment('2026-03-14T01:00:00Z', now), '09:00:00');
  assert.match(en.moment('2026-03-13T15:59:59Z', now), /^13 Mar 23:59$/);
});

test('another day is said in figures in Chinese, another year is named', () => {
  const now = new Date(NOW);
  assert.equal(zh.moment('2026-03-13T15:59:59Z', now), '3月13日 23:59');
  assert.equal(zh.moment('2025-03-14T01:00:00Z', now), '2025年3月14日 09:00');
});

test('a deadline is a time of today, or of a day', () => {
  const now = new Date(NOW);
  assert.deepEqual([zh, en].map(one => one.deadline('2026-03-14T10:00:00Z', now)), ['今天 18:00 前', 'by 18:00 today']);
  assert.deepEqual([zh, en].map(one => one.deadline('2026-03-15T10:00:00Z', now)), ['3月15日 18:00 前', 'by 18:00, 15 Mar']);
});

test('today is the day of the city: late evening in Greenwich is tomorrow there', () => {
  assert.equal(en.moment('2026-03-13T16:00:00Z', new Date(NOW)), '00:00:00');
});

test('what is no time is shown as nothing', () => assert.equal(en.moment('never'), ''));

test('the axis of a chart takes wall-clock time of the city', () => assert.equal(zh.zoned('2026-03-14T20:30:00Z'), '2026-03-15 04:30:00'));

test('a language chosen later is spoken at once', () => {
  let lang = 'zh';
  const words = makeWords(CATALOGUE, ZONE, () => lang);
  assert.equal(words.duration(60), '1 分钟');
  const chinese = words.day(new Date(NOW));
  lang = 'en';
  assert.equal(words.duration(60), '1 min');
  assert.notEqual(words.day(new Date(NOW)), chinese);
});

test('a key without a text is shown itself, so that it is seen', () => assert.equal(zh.say('no.such.key'), 'no.such.key'));

test('places in a text are filled, those without a value stay', () => {
  const words = makeWords({ far: { zh: '{n} 米，{who}', en: '{n} m, {who}' } }, ZONE, () => 'en');
  assert.equal(words.say('far', { n: 0 }), '0 m, {who}');
  assert.deepEqual(words.texts('far', { n: 3, who: 'A' }), { zh: '3 米，A', en: '3 m, A' });
});

test('a name without English is said in Chinese', () => {
  assert.equal(en.plain({ zh: '东门' }), '东门');
  assert.equal(en.plain({ zh: '东门', en: 'East gate' }), 'East gate');
  assert.equal(en.plain(null), '');
});

/** @type {[string, number | null | undefined, string][]} */
const FIGURES = [
  ['a figure has two places at most', 1.23456, '1.23'],
  ['noughts at the end are left out', 2.5, '2.5'],
  ['nought is a figure', 0, '0'],
  ['no value is a dash', null, '–'],
  ['a value that is not there is a dash', undefined, '–'],
];
for (const [name, value, wanted] of FIGURES) test(name, () => assert.equal(figure(value), wanted));

test('the zone of the city is named where the clock here says another time', () => {
  const now = new Date(Date.UTC(2026, 6, 1));
  assert.deepEqual(zh.zoneNames(now, 'America/Los_Angeles'), { zh: '中国标准时间', en: 'China Standard Time' });
  assert.equal(zh.zoneNames(now, 'Asia/Shanghai'), null);
  assert.equal(zh.zoneNames(now, 'Asia/Singapore'), null, 'the same time under another name');
});
