// A series of a sensor as Plotly figures take it: values in, values out.
import { ROMAN } from './tokens.mjs';

const PAD = 0.08;
const LABEL_PX = 13;
const LETTER_PX = 6;
const MARGIN_PX = 10;
const HOUR_S = 3600;
const MINUTE_S = 60;
const HEIGHT_PX = 156;
// readings that far apart, measured by how far apart they mostly are, have a hole between them
const HOLE = 5;
const LEAST_HOLE_MS = 5 * MINUTE_S * 1000;

/** @typedef {Series['items']} Points */
/** @typedef {(name: string) => string} Colour the value of a token */
/** @typedef {(iso: string) => string} Zoned */

/** Names of CSS variables anywhere in a figure become their values. @param {any} part @param {Colour} colour @returns {any} */
export function coloured(part, colour) {
  if (typeof part === 'string') return part.startsWith('--') ? colour(part) : part;
  if (Array.isArray(part)) return part.map(one => coloured(one, colour));
  return part && typeof part === 'object' ? Object.fromEntries(Object.entries(part).map(([key, value]) => [key, coloured(value, colour)])) : part;
}

/**
 * Pixels by which labels at these heights are moved up, the lowest staying, so that none lies on another.
 * @param {number[]} heights in pixels, from below
 * @param {number} [apart]
 */
export function spread(heights, apart = LABEL_PX) {
  const order = heights.map((_, index) => index).sort((a, b) => heights[a] - heights[b]);
  const moved = [...heights];
  for (const [at, index] of order.entries()) if (at) moved[index] = Math.max(heights[index], moved[order[at - 1]] + apart);
  return moved.map((height, index) => height - heights[index]);
}

/**
 * Each limit as a dotted line with its levels beside it, in the colour of the worst of them.
 * @param {Record<string, number>} thresholds by level
 * @param {Colour} colour
 * @param {{ span: number[], px: number }} axis its ends, and how high it is drawn
 */
export function steps(thresholds, colour, { span: [low, high], px }) {
  const values = [...new Set(Object.values(thresholds))];
  const limits = values.map(value => {
    const levels = Object.keys(thresholds).map(Number).filter(level => thresholds[level] === value).sort();
    return { value, ink: colour(`level-${levels[0]}`), text: levels.map(level => ROMAN[level]).join(' · ') };
  });
  // what lies beyond the axis is not drawn and needs no room
  const seen = limits.filter(({ value }) => value >= low && value <= high);
  const shifts = spread(seen.map(({ value }) => px * (value - low) / (high - low)));
  return {
    shapes: limits.map(({ value, ink }) => ({ type: 'line', xref: 'paper', x0: 0, x1: 1, y0: value, y1: value, line: { color: ink, width: 1.2, dash: 'dot' } })),
    annotations: seen.map(({ value, ink, text }, index) => ({ xref: 'paper', x: 1, xanchor: 'left', y: value, yshift: shifts[index], text, showarrow: false, font: { color: ink, size: 11 } })),
  };
}

/**
 * The span of the axis. The lowest step always shows; higher ones only where the series comes near them, so that the line keeps its shape.
 * @param {Points} items
 * @param {Record<string, number>} thresholds
 */
export function range(items, thresholds) {
  const values = items.flatMap(({ value, min, max }) => [value, min ?? value, max ?? value]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const above = Object.values(thresholds).map(Number).filter(limit => limit > high);
  const top = above.length ? Math.min(...above) : high;
  const pad = (top - low || Math.abs(top) || 1) * PAD;
  return [low - pad, top + pad];
}

/**
 * From how long a silence on a series has a hole, in milliseconds.
 * @param {Points} items
 */
export function holeOf(items) {
  const times = items.map(({ time }) => Date.parse(time));
  const apart = times.slice(1).map((time, at) => time - times[at]).sort((a, b) => a - b);
  return Math.max(LEAST_HOLE_MS, HOLE * (apart[Math.floor(apart.length / 2)] ?? 0));
}

/**
 * The parts of a series between its holes: what nobody measured is not drawn.
 * @param {Points} items
 * @returns {Points[]}
 */
export function unbroken(items) {
  const hole = holeOf(items);
  /** @type {Points[]} */
  const parts = [];
  for (const [at, item] of items.entries()) {
    if (at && Date.parse(item.time) - Date.parse(items[at - 1].time) <= hole) parts[parts.length - 1].push(item);
    else parts.push([item]);
  }
  return parts;
}

/**
 * A line that ends at each hole and begins again after it.
 * @param {Points[]} parts
 * @param {Zoned} zoned
 */
export function lineOf(parts, zoned) {
  const points = parts.flatMap((part, at) => (at ? [{ time: part[0].time, value: null }, ...part] : part));
  return { x: points.map(({ time }) => zoned(time)), y: points.map(({ value }) => value) };
}

/**
 * The two traces between which the values of each step lay; none for single readings.
 * @param {Points} items
 * @param {Zoned} zoned
 * @param {Colour} colour
 */
export function band(items, zoned, colour) {
  if (items[0]?.min == null) return [];
  const edge = { type: 'scatter', mode: 'lines', hoverinfo: 'skip', line: { width: 0 } };
  const x = items.map(({ time }) => zoned(time));
  return [{ ...edge, x, y: items.map(({ min }) => min) }, { ...edge, x, y: items.map(({ max }) => max), fill: 'tonexty', fillcolor: colour('accent-soft') }];
}

/**
 * The whole figure.
 * @param {Series} series
 * @param {{ layout: any, series: any }} template
 * @param {Zoned} zoned
 * @param {Colour} colour
 */
export function figureOf({ items, thresholds = {} }, template, zoned, colour) {
  const layout = coloured(template.layout, colour);
  const span = range(items, thresholds);
  const parts = unbroken(items);
  const px = layout.height ? layout.height - layout.margin.t - layout.margin.b : HEIGHT_PX;
  const line = { ...coloured(template.series, colour), ...lineOf(parts, zoned) };
  const limits = steps(thresholds, colour, { span, px });
  const longest = Math.max(0, ...limits.annotations.map(({ text }) => text.length));
  const margin = layout.margin && { ...layout.margin, r: Math.max(layout.margin.r, MARGIN_PX + LETTER_PX * longest) };
  return { data: [...parts.flatMap(part => band(part, zoned, colour)), line], layout: { ...layout, margin, ...limits, yaxis: { ...layout.yaxis, range: span } } };
}

/**
 * What a rule judges of a metric: its readings, or their sum, mean or max in a window, and the limits of just that.
 * @typedef {{ rule: string | null, metric: string, function: string, window_s: number, thresholds: Record<string, number> }} Measure
 */

/**
 * What can be shown of a metric: what rules judge, and at last the readings, where none judges those.
 * @param {Measure[] | undefined} measures
 * @param {string} metric
 * @param {boolean} [isRead] whether the sensor says it itself
 * @returns {Measure[]}
 */
export function measuresOf(measures, metric, isRead = true) {
  const judged = (measures ?? []).filter(one => one.metric === metric);
  const together = judged.filter((one, at) => judged.findIndex(other => sameMeasure(one, other)) === at).map(one => (
    { ...one, thresholds: Object.assign({}, ...judged.filter(other => sameMeasure(one, other)).map(({ thresholds }) => thresholds)) }));
  return !isRead || together.some(one => one.function === 'last') ? together : [...together, { rule: null, metric, function: 'last', window_s: 0, thresholds: {} }];
}

/** @param {Pick<Measure, 'function' | 'window_s'>} one @param {Pick<Measure, 'function' | 'window_s'>} other */
const sameMeasure = (one, other) => one.function === other.function && one.window_s === other.window_s;

/**
 * Of these the one to show: the one chosen, else the one that has the limit of the alarm's level, else the first.
 * @param {Measure[]} measures of one metric
 * @param {{ chosen?: Pick<Measure, 'function' | 'window_s'> | null, level?: number | null }} request
 */
export function measureOf(measures, { chosen, level }) {
  return measures.find(one => chosen && sameMeasure(one, chosen)) ?? measures.find(one => level && String(level) in one.thresholds) ?? measures[0];
}

/** @typedef {Record<string, Pick<Value, 'unit'> & { title?: string }>} Drawable what can be drawn of a sensor, by metric */

/**
 * What a sensor says, and the indices that are made of that.
 * @param {Record<string, Value>} values
 * @param {Measure[] | undefined} measures
 * @returns {Drawable}
 */
export function drawableOf(values, measures) {
  const made = (measures ?? []).filter(one => one.function === 'index' && Object.keys(values).length > 0);
  return { ...values, ...Object.fromEntries(made.filter(one => !(one.metric in values)).map(one => [one.metric, { unit: '' }])) };
}

/** Seconds of a step that goes into a window without a rest, about a minute. @param {number} window in seconds */
export const everyOf = window => (window ? window / Math.max(1, Math.ceil(window / MINUTE_S)) : MINUTE_S);

/**
 * The words of a measure: sum over 3 h.
 * @param {Pick<Measure, 'function' | 'window_s'>} measure
 * @param {(key: string, params?: Record<string, unknown>) => Bilingual} texts
 * @returns {Bilingual}
 */
export function nameOfMeasure({ function: name, window_s: window }, texts) {
  const span = window % HOUR_S === 0 ? texts('unit.h', { n: window / HOUR_S }) : texts('unit.min', { n: +(window / MINUTE_S).toFixed(1) });
  return { zh: texts(`chart.${name}`, { t: span.zh }).zh, en: texts(`chart.${name}`, { t: span.en }).en };
}

/**
 * The metric to show of a sensor: the one asked for where it measures that (an index it does not), else the first in the unit asked for, else the first.
 * @param {Drawable} values
 * @param {{ metric?: string | null, unit?: string | null }} request
 * @returns {string | undefined}
 */
export function metricOf(values, { metric, unit }) {
  const metrics = Object.keys(values);
  return metrics.find(name => name === metric) || metrics.find(name => values[name].unit === unit) || metrics[0];
}

/**
 * What people call a metric: ours by its name, another as its device writes it.
 * @param {string} metric
 * @param {Texts} names
 * @param {Record<string, { title?: string }>} values
 * @returns {Bilingual}
 */
export function nameOfMetric(metric, names, values) {
  const title = values[metric]?.title ?? metric;
  return names?.[metric] ?? { zh: title, en: title };
}
