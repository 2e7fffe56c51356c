// A series as the figure of a chart.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  band, coloured, drawableOf, everyOf, figureOf, holeOf, lineOf, measureOf, measuresOf, metricOf, nameOfMeasure, nameOfMetric, range, spread, steps, unbroken,
} from '../../assets/js/series.mjs';

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

const AXIS = { span: [0, 10], px: 156 };

test('each limit is a line in the colour of its level with its numeral beside it', () => {
  const { shapes, annotations } = steps({ 1: 8, 4: 2 }, colour, AXIS);
  assert.deepEqual(shapes.map(({ y0, y1, line }) => [y0, y1, line.color]), [[8, 8, '<level-1>'], [2, 2, '<level-4>']]);
  assert.deepEqual(annotations.map(({ y, text, yshift }) => [y, text, yshift]), [[8, 'I', 0], [2, 'IV', 0]]);
});

test('levels with one limit are one line in the colour of the worst', () => {
  const { shapes, annotations } = steps({ 1: 9, 2: 5, 3: 5, 4: 5 }, colour, AXIS);
  assert.deepEqual(shapes.map(({ y0, line }) => [y0, line.color]), [[9, '<level-1>'], [5, '<level-2>']]);
  assert.deepEqual(annotations.map(({ text }) => text), ['I', 'II · III · IV']);
});

test('labels of limits that lie close together do not lie on one another', () => {
  const { annotations } = steps({ 1: 5.2, 2: 5.1, 3: 5, 4: 1 }, colour, AXIS);
  const heights = annotations.map(({ y, yshift }) => 15.6 * y + yshift).sort((a, b) => a - b);
  assert.ok(heights.slice(1).every((height, at) => height - heights[at] >= 12.999), String(heights));
});

test('a limit beyond the axis pushes no label', () => {
  assert.deepEqual(steps({ 1: 11, 4: 9.9 }, colour, AXIS).annotations.map(({ text, yshift }) => [text, yshift]), [['IV', 0]]);
});

test('labels move up from below by no more than they must', () => {
  assert.deepEqual(spread([0, 5, 100, 104], 10), [0, 5, 0, 6]);
  assert.deepEqual(spread([5, 0], 10), [5, 0]);
  assert.deepEqual(spread([], 10), []);
});

const sum = (hours, thresholds) => ({ rule: 'rain', metric: 'rain', function: 'sum', window_s: hours * 3600, thresholds });
const RAIN = [sum(3, { 1: 100, 2: 50 }), sum(6, { 3: 50 }), sum(12, { 4: 50 })];

test('of a metric what rules judge is shown, and at last its readings without limits', () => {
  assert.deepEqual(measuresOf(RAIN, 'rain').map(one => [one.function, one.window_s]), [['sum', 10800], ['sum', 21600], ['sum', 43200], ['last', 0]]);
  assert.deepEqual(measuresOf(RAIN, 'rain').at(-1).thresholds, {});
  assert.deepEqual(measuresOf(undefined, 'flow').map(one => [one.function, one.metric]), [['last', 'flow']]);
});

test('two rules of one measure have their limits together', () => {
  const found = measuresOf([sum(3, { 1: 100 }), sum(3, { 2: 50 })], 'rain');
  assert.deepEqual(found.map(({ thresholds }) => thresholds), [{ 1: 100, 2: 50 }, {}]);
});

/** @type {[string, object, number][]} */
const SHOWN = [
  ['the window that has the limit of its level is shown of an alarm', { level: 3 }, 21600],
  ['of a sensor the first', {}, 10800],
  ['what is chosen goes before', { level: 3, chosen: { function: 'sum', window_s: 43200 } }, 43200],
  ['also the readings', { level: 1, chosen: { function: 'last', window_s: 0 } }, 0],
];
for (const [name, request, wanted] of SHOWN) test(name, () => assert.equal(measureOf(measuresOf(RAIN, 'rain'), request).window_s, wanted));

test('a window is a whole number of steps of about a minute', () => {
  assert.deepEqual([0, 10800, 3600, 90, 45].map(everyOf), [60, 60, 60, 45, 45]);
});

test('a measure is called by what it is made of and over how long', () => {
  const texts = (key, { n, t } = {}) => ({ zh: `${key} ${n ?? t}`, en: `${key} ${n ?? t}` });
  assert.equal(nameOfMeasure(RAIN[0], texts).en, 'chart.sum unit.h 3');
  assert.equal(nameOfMeasure({ function: 'mean', window_s: 1800 }, texts).en, 'chart.mean unit.min 30');
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
  ['an index is made of metrics and is none', { metric: 'aqi', unit: null }, 'water_level'],
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

const read = (...minutes) => minutes.map(minute => ({ time: new Date(Date.UTC(2026, 0, 1) + minute * 60000).toISOString(), value: minute }));

test('a silence far longer than readings mostly are apart is a hole, and no line goes over it', () => {
  const items = read(0, 1, 2, 3, 123, 124);
  assert.deepEqual(unbroken(items).map(part => part.length), [4, 2]);
  assert.deepEqual(lineOf(unbroken(items), iso => iso).y, [0, 1, 2, 3, null, 123, 124]);
});

test('what speaks seldom has no holes because of that', () => {
  assert.equal(unbroken(read(0, 30, 61, 90, 180)).length, 1);
  assert.equal(holeOf(read(0, 30, 60)), 150 * 60000);
  assert.equal(unbroken(read(0, 4, 5)).length, 1, 'a few minutes are none anywhere');
  assert.deepEqual(unbroken([]), []);
});

test('the band between least and most ends at a hole with its line', () => {
  const items = read(0, 1, 2, 200, 201).map(item => ({ ...item, min: 0, max: 300 }));
  const { data } = figureOf({ items }, { layout: {}, series: {} }, zoned, colour);
  assert.deepEqual(data.map(({ x }) => x.length), [3, 3, 2, 2, 6]);
});

const AQI = { rule: 'aqi', metric: 'aqi', function: 'index', window_s: 86400, thresholds: { 4: 151 } };

test('an index that no sensor says is drawn as what the rule judges, and has no readings', () => {
  const said = { pm25: { value: 80, unit: 'µg/m³', quality: 'good', time: 't' } };
  const values = drawableOf(said, [AQI]);
  assert.deepEqual(Object.keys(values), ['pm25', 'aqi']);
  assert.equal(metricOf(values, { metric: 'aqi', unit: '' }), 'aqi');
  assert.deepEqual(measuresOf([AQI], 'aqi', 'aqi' in said), [AQI]);
  assert.equal(measuresOf([AQI], 'pm25').at(-1).function, 'last');
  assert.deepEqual(Object.keys(drawableOf({}, [AQI])), [], 'what is never heard has no index');
});

test('a sensor that says an index itself has its readings beside what is judged', () => {
  const said = { aqi: { value: 80, unit: '', quality: 'good', time: 't' } };
  assert.deepEqual(drawableOf(said, [AQI]), said);
  assert.deepEqual(measuresOf([AQI], 'aqi', 'aqi' in said).map(one => one.function), ['index', 'last']);
});
