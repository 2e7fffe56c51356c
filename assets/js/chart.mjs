// The chart of a sensor as a Dash graph: template from Dash, series from the API, colours from the theme.
import { get } from './api.mjs';
import { setProps } from './dom.mjs';
import { live } from './live.mjs';
import { both, zoned } from './words.mjs';
import { token, levelColour } from './tokens.mjs';

const HOURS = 6;
const EVERY_S = 60;
const ROMAN = { 1: 'I', 2: 'II', 3: 'III', 4: 'IV' };
const PLOTLY = '/vendor/plotly.js-basic-dist-min/plotly-basic.min.js';

let shown = null;
let library = null;

function plotly() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = PLOTLY;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

const component = (type, props, namespace = 'dash_html_components') => ({ type, props, namespace });
const spans = words => ['zh', 'en'].map(code => component('Span', { children: words[code] ?? words.zh, lang: code }));
const catalogued = key => ({ zh: both(key)[0].textContent, en: both(key)[1].textContent });
const notice = key => component('P', { children: spans(catalogued(key)), className: 'quiet' });

/** Names of CSS variables anywhere in a figure become their values. */
function coloured(part) {
  if (typeof part === 'string') return part.startsWith('--') ? token(part) : part;
  if (Array.isArray(part)) return part.map(coloured);
  return part && typeof part === 'object' ? Object.fromEntries(Object.entries(part).map(([key, value]) => [key, coloured(value)])) : part;
}

function steps(thresholds) {
  const shapes = [];
  const annotations = [];
  for (const [level, value] of Object.entries(thresholds || {})) {
    shapes.push({ type: 'line', xref: 'paper', x0: 0, x1: 1, y0: value, y1: value, line: { color: levelColour(level), width: 1.2, dash: 'dot' } });
    annotations.push({ xref: 'paper', x: 1, xanchor: 'left', y: value, text: ROMAN[level], showarrow: false, font: { color: levelColour(level), size: 11 } });
  }
  return { shapes, annotations };
}

// The lowest step always shows; higher ones only where the series comes near them, so that the line keeps its shape.
function range(items, thresholds) {
  const values = items.flatMap(({ value, min, max }) => [value, min ?? value, max ?? value]);
  const limits = Object.values(thresholds || {}).map(Number).sort((a, b) => a - b);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const above = limits.find(limit => limit > high);
  const top = Math.max(high, above ?? high);
  const pad = (top - low || Math.abs(top) || 1) * 0.08;
  return [low - pad, top + pad];
}

function band(items) {
  if (items[0]?.min == null) return [];
  const edge = { type: 'scatter', mode: 'lines', hoverinfo: 'skip', line: { width: 0 } };
  const x = items.map(({ time }) => zoned(time));
  return [{ ...edge, x, y: items.map(({ min }) => min) }, { ...edge, x, y: items.map(({ max }) => max), fill: 'tonexty', fillcolor: token('accent-soft') }];
}

function figure(series, template) {
  const layout = coloured(template.layout);
  const line = { ...coloured(template.series), x: series.items.map(({ time }) => zoned(time)), y: series.items.map(({ value }) => value) };
  return { data: [...band(series.items), line], layout: { ...layout, ...steps(series.thresholds), yaxis: { ...layout.yaxis, range: range(series.items, series.thresholds) } } };
}

function metricPicker(metrics, chosen, request) {
  if (metrics.length < 2) return [];
  const words = window.onemap.vocabulary.metrics || {};
  const button = metric => component('Button', {
    children: spans(words[metric] || { zh: metric, en: metric }), className: 'metric', type: 'button', 'aria-pressed': String(metric === chosen),
    'data-chart': JSON.stringify({ ...request, metric }),
  });
  return [component('Div', { className: 'metrics', children: metrics.map(button) })];
}

const heading = (metric, unit) => {
  const words = window.onemap.vocabulary.metrics?.[metric] || { zh: metric, en: metric };
  const title = code => [words[code], unit && `(${unit})`, '·', catalogued('card.chart')[code]].filter(Boolean).join(' ');
  return component('H3', { children: spans({ zh: title('zh'), en: title('en') }) });
};

const reader = metric => ({ from, to }, sensor) =>
  get(`/api/sensors/${encodeURIComponent(sensor)}/observations?${new URLSearchParams({ metric, from, to, every: EVERY_S })}`);

/** Clientside callback: `{sensor, metric?}` and the template become the children of the chart's place. */
export async function drawChart(request, template) {
  shown = null;
  if (!request) return [];
  const sensor = live.sensor.get(request.sensor);
  const metrics = Object.keys(sensor?.values || {});
  const metric = request.metric || metrics.find(name => sensor.values[name].unit === request.unit) || metrics[0];
  if (!metric) return [notice('card.readings.none')];
  const parts = [...metricPicker(metrics, metric, request), heading(metric, sensor.values[metric]?.unit)];
  try {
    const to = new Date();
    const span = { from: new Date(to - HOURS * 3600e3).toISOString(), to: to.toISOString() };
    const [series] = await Promise.all([reader(metric)(span, request.sensor), plotly()]);
    if (!series.items.length) return [...parts, notice('card.chart.empty')];
    shown = { sensor: request.sensor, metric, last: series.items.at(-1).time, lines: band(series.items).length };
    const graph = { id: 'chart', figure: figure(series, template), config: template.config, className: 'chart-graph' };
    return [...parts, component('Graph', graph, 'dash_core_components')];
  } catch {
    return [...parts, notice('card.chart.failed')];
  }
}

function extend() {
  const newest = shown && live.sensor.get(shown.sensor)?.values?.[shown.metric];
  const graph = document.querySelector('#chart .js-plotly-plot');
  if (!newest || !graph?.data || !(Date.parse(newest.time) > Date.parse(shown.last))) return;
  shown.last = newest.time;
  window.Plotly.extendTraces(graph, { x: [[zoned(newest.time)]], y: [[newest.value]] }, [shown.lines], 1000);
}

export function startChart() {
  live.sensor.on(({ changed }) => { if (shown && changed.has(shown.sensor)) extend(); });
  document.addEventListener('click', event => {
    const button = event.target.closest('[data-chart]');
    if (button) setProps('chart-request', { data: JSON.parse(button.dataset.chart) });
  });
  window.addEventListener('onemap:theme', () => {
    if (shown) setProps('chart-request', { data: { sensor: shown.sensor, metric: shown.metric, theme: document.documentElement.dataset.theme } });
  });
}
