// A series as the figure of a chart.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { band, coloured, figureOf, metricOf, nameOfMetric, range, steps } from '../../assets/js/series.mjs';

const colour = name => `<${name}>`;
const zoned = iso => `at ${iso}`;
const points = (...values) => values.map((value, n) => ({ time: `t${n}`, value }));
const rounded = values => values.map(value => Math.round(value * 1000) / 1000);

/** @type {[string, object[], Record<string, number>, number[]][]} */
const RANGES = [
  ['the axis leaves a little room on both sides', points(0, 10), {}, [-0.8, 10.8]],
  ['the lowest limit above the series always shows', points(0, 1), { 1: 30, 2: 10 }, [-0.8, 10.8]],
  ['limits far above do not flatten the series', points(0, 9), { 1: 1000, 4: 10 }, [-0.8, 10.8]],
  ['a limit that is passed already makes no room', points(0, 10), { 4: 5 }, [-0.8, 10.8]],
  ['a flat series has an axis with a span', points(5, 5), {}, [4.6, 5.4]],
  ['a series of noughts has an axis with a span', points(0), {}, [-0.08, 0.08]],
  ['minima and maxima of steps are in sight', [{ time: 't', value: 5, min: 0, max: 10 }], {}, [-0.8, 10.8]],
];
for (const [name, items, limits, wanted] of RANGES) test(name, () => assert.deepEqual(rounded(range(items, limits)), wanted));

test('each limit is a line in the colour of its level with its numeral beside it', () => {
  const { shapes, annotations } = steps({ 1: 3.5, 4: 2 }, colour);
  assert.deepEqual(shapes.map(({ y0, y1, line }) => [y0, y1, line.color]), [[3.5, 3.5, '<level-1>'], [2, 2, '<level-4>']]);
  assert.deepEqual(annotations.map(({ y, text }) => [y, text]), [[3.5, 'I'], [2, 'IV']]);
});

test('single readings have no band', () => assert.deepEqual(band(points(1, 2), zoned, colour), []));

test('steps have a band from the least to the most', () => {
  const [low, high] = band([{ time: 'a', value: 2, min: 0, max: 3 }, { time: 'b', value: 2, min: 1, max: 4 }], zoned, colour);
  assert.deepEqual([low.y, high.y, high.fill], [[0, 1], [3, 4], 'tonexty']);
});

test('a minimum of nought is a minimum', () => assert.equal(band([{ time: 'a', value: 2, min: 0, max: 3 }], zoned, colour).length, 2));

test('names of CSS variables become colours wherever they stand', () => {
  assert.deepEqual(coloured({ a: '--text', b: ['--line', 'plain', 3], c: { d: null, e: false } }, colour), { a: '<--text>', b: ['<--line>', 'plain', 3], c: { d: null, e: false } });
});

test('the line is the last trace, on the clock of the city, in the look of the template', () => {
  const template = { layout: { yaxis: { title: 'm' }, font: { color: '--text' } }, series: { mode: 'lines' } };
  const { data, layout } = figureOf({ items: [{ time: 'a', value: 2, min: 1, max: 3 }], thresholds: { 1: 9 } }, template, zoned, colour);
  assert.deepEqual(data.at(-1), { mode: 'lines', x: ['at a'], y: [2] });
  assert.deepEqual([layout.font.color, layout.yaxis.title, layout.shapes.length], ['<--text>', 'm', 1]);
  assert.equal(template.layout.font.color, '--text');
});

const VALUES = { water_level: { unit: 'm' }, flow: { unit: 'm3/s' }, battery: { unit: '%' } };
/** @type {[string, object, string | undefined][]} */
const METRICS = [
  ['the metric asked for is shown', { metric: 'flow' }, 'flow'],
  ['else the one in the unit of the alarm', { unit: '%' }, 'battery'],
  ['else the first', { unit: 'K' }, 'water_level'],
  ['the metric goes before the unit', { metric: 'flow', unit: '%' }, 'flow'],
];
for (const [name, request, wanted] of METRICS) test(name, () => assert.equal(metricOf(VALUES, request), wanted));
test('a sensor without values has no chart', () => assert.equal(metricOf({}, { unit: 'm' }), undefined));

test('a metric is called as our table has it, else as its device writes it, else by its id', () => {
  const names = { flow: { zh: '流量', en: 'Flow' } };
  const values = { 'x-1': { title: '浊度' }, flow: { title: '流' } };
  assert.deepEqual(nameOfMetric('flow', names, values), names.flow);
  assert.deepEqual(nameOfMetric('x-1', names, values), { zh: '浊度', en: '浊度' });
  assert.deepEqual(nameOfMetric('y', names, values), { zh: 'y', en: 'y' });
});
