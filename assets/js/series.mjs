// A series of a sensor as Plotly figures take it: values in, values out.
import { ROMAN } from './tokens.mjs';

const PAD = 0.08;

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
 * Each limit as a dotted line with its level beside it.
 * @param {Record<string, number>} thresholds by level
 * @param {Colour} colour
 */
export function steps(thresholds, colour) {
  const limits = Object.entries(thresholds).map(([level, value]) => ({ level: Number(level), value, ink: colour(`level-${level}`) }));
  return {
    shapes: limits.map(({ value, ink }) => ({ type: 'line', xref: 'paper', x0: 0, x1: 1, y0: value, y1: value, line: { color: ink, width: 1.2, dash: 'dot' } })),
    annotations: limits.map(({ level, value, ink }) => ({ xref: 'paper', x: 1, xanchor: 'left', y: value, text: ROMAN[level], showarrow: false, font: { color: ink, size: 11 } })),
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
  const line = { ...coloured(template.series, colour), x: items.map(({ time }) => zoned(time)), y: items.map(({ value }) => value) };
  return { data: [...band(items, zoned, colour), line], layout: { ...layout, ...steps(thresholds, colour), yaxis: { ...layout.yaxis, range: range(items, thresholds) } } };
}

/**
 * The metric to show of a sensor: the one asked for, else the first in the unit asked for, else the first.
 * @param {Record<string, Value>} values
 * @param {{ metric?: string | null, unit?: string | null }} request
 * @returns {string | undefined}
 */
export function metricOf(values, { metric, unit }) {
  const metrics = Object.keys(values);
  return metric || metrics.find(name => values[name].unit === unit) || metrics[0];
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
